//! `aws = { … }` and `google = { … }`: who the gateway is to a provider, where no key says it.

use super::Check;
use crate::config::Aws;
use crate::config::AwsKeys;
use crate::config::AwsSource;
use crate::config::Google;
use crate::config::aws;
use crate::config::document::Spot;
use crate::config::google;
use crate::config::secret;
use crate::config::written;
use std::path::Path;

impl Check<'_, '_> {
    /// With which requests are signed.
    pub(super) fn aws(&mut self, provider: &written::Provider, spot: &Spot<'_>) -> Option<Aws> {
        let written = provider.aws.as_ref()?;
        self.sole_credential(provider, spot);
        let region =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if written.region.as_deref().is_some_and(|text| !region(text)) {
            self.refuse(&spot.key("region"), "must be the name of a region, such as \"us-east-1\"");
        }
        let role = |text: &str| {
            text.starts_with("arn:") && text.contains(":role/") && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if written.assume_role.as_deref().is_some_and(|text| !role(text)) {
            let message = "must be the ARN of a role, such as \"arn:aws:iam::123456789012:role/ringgate\"";
            self.refuse(&spot.key("assume_role"), message);
        }
        let source = self.aws_source(written, spot)?;
        let asks_sts = written.assume_role.is_some() || matches!(source, AwsSource::WebIdentity { .. });
        let sts_url = if asks_sts { aws::sts_url(self.environment) } else { Ok(None) };
        Some(Aws {
            source,
            assume_role: written.assume_role.clone(),
            region: written.region.clone(),
            sts_url: sts_url.map_err(|why| self.refuse(spot, why)).ok()?,
        })
    }

    fn aws_source(&mut self, written: &written::AwsCredentials, spot: &Spot<'_>) -> Option<AwsSource> {
        let has_keys = [&written.access_key_id, &written.secret_access_key, &written.session_token];
        let has_keys = has_keys.iter().any(|key| key.is_some());
        let Some(wanted) = written.credentials else {
            if has_keys {
                return self.aws_keys(written, spot).map(AwsSource::Keys);
            }
            let advice = "lacks credentials: add credentials = \"default\" for those of the machine, the container or \
                          the pod, or access_key_id and secret_access_key";
            self.refuse(spot, advice);
            return None;
        };
        if has_keys {
            let message = "stands beside an access key; requests are signed with one of them: remove the other";
            self.refuse(&spot.key("credentials"), message);
        }
        aws::source(wanted, self.environment).map_err(|why| self.refuse(&spot.key("credentials"), why)).ok()
    }

    /// A signature needs both halves of the key.
    fn aws_keys(&mut self, written: &written::AwsCredentials, spot: &Spot<'_>) -> Option<AwsKeys> {
        let mut secret = |key: &str, reference: &Option<String>| match reference {
            Some(reference) => self.secret_of(reference, &format!("AWS_{}", key.to_ascii_uppercase()), &spot.key(key)),
            None => {
                self.refuse(spot, format!("lacks `{key}`, without which the rest of the access key is of no use"));
                None
            }
        };
        let access_key_id = secret("access_key_id", &written.access_key_id);
        let secret_access_key = secret("secret_access_key", &written.secret_access_key);
        let session_token = written.session_token.is_some().then(|| secret("session_token", &written.session_token));
        Some(AwsKeys {
            access_key_id: access_key_id?.into(),
            secret_access_key: secret_access_key?.into(),
            session_token: session_token.flatten().map(Into::into),
        })
    }

    /// Whose access tokens requests carry.
    pub(super) fn google(&mut self, provider: &written::Provider, spot: &Spot<'_>) -> Option<Google> {
        let written = provider.google.as_ref()?;
        self.sole_credential(provider, spot);
        if provider.aws.is_some() {
            self.refuse(spot, "stands beside `aws`; a request has one credential: remove one of them");
        }
        let found = self.google_source(&written.credentials);
        found.map_err(|why| self.refuse(&spot.key("credentials"), why)).ok()
    }

    fn google_source(&self, written: &str) -> Result<Google, String> {
        let (environment, folder) = (self.environment, self.folder);
        // What the environment names is meant from the working folder.
        let key_file = |path: &Path| {
            let reference = format!("file:{}", path.display());
            let text = secret::document(&reference, environment, Path::new("")).expect("it begins with `file:`")?;
            google::read(&text).map_err(|why| format!("leads to {}, which {why}", path.display()))
        };
        match written {
            "metadata" => google::metadata(environment),
            "default" => match google::default(environment) {
                google::Place::Named(path) => key_file(&path),
                google::Place::Gcloud(path) if path.is_file() => key_file(&path),
                google::Place::Gcloud(_) | google::Place::Metadata => google::metadata(environment),
            },
            reference => match secret::document(reference, environment, folder) {
                Some(text) => google::read(&text?).map_err(|why| format!("is `{reference}`, which {why}")),
                None => {
                    Err("must be \"file:PATH\" or \"env:NAME\" for a key file, \"metadata\" or \"default\"".to_owned())
                }
            },
        }
    }

    fn sole_credential(&mut self, provider: &written::Provider, spot: &Spot<'_>) {
        if provider.api_key.is_some() || !provider.api_keys.is_empty() {
            self.refuse(spot, "stands beside an API key; a request has one credential: remove one of them");
        }
    }
}
