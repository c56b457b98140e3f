//! Google's credentials: what a key file says, and where one is found that nobody named.
//!
//! A key file is a secret like any other, so nothing here repeats what stands in it. It is read whole at
//! start: a key that cannot sign is a problem of the file, not of the first request.

use super::Environment;
use super::Google;
use super::ServiceAccount;
use super::address::parse_base_url;
use ring::signature::RsaKeyPair;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use secrecy::ExposeSecret;
use serde::Deserialize;
use std::path::Path;
use std::path::PathBuf;

/// The metadata server's name, which its machines alone know.
const METADATA_HOST: &str = "metadata.google.internal";
/// Where a user's consent is exchanged; their files do not say.
const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";
/// What gcloud calls its file.
const GCLOUD_FILE: &str = "application_default_credentials.json";

/// What is read of a key file.
#[derive(Deserialize)]
struct KeyFile {
    #[serde(rename = "type")]
    kind: String,
    client_email: Option<String>,
    private_key_id: Option<String>,
    private_key: Option<String>,
    token_uri: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    refresh_token: Option<String>,
}

/// Where application default credentials are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In this file, which the environment names.
    Named(PathBuf),
    /// In gcloud's file, if there is one.
    Gcloud(PathBuf),
    /// At the metadata server alone.
    Metadata,
}

/// Where to look for credentials that nobody named, first of all.
pub(super) fn default(environment: &Environment<'_>) -> Place {
    let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
    if let Some(path) = variable("GOOGLE_APPLICATION_CREDENTIALS") {
        return Place::Named(path.into());
    }
    let folder = variable("CLOUDSDK_CONFIG").map(PathBuf::from);
    let folder = folder.or_else(|| variable("HOME").map(|home| Path::new(&home).join(".config/gcloud")));
    folder.map_or(Place::Metadata, |folder| Place::Gcloud(folder.join(GCLOUD_FILE)))
}

/// The metadata server, or why the environment names none.
pub(super) fn metadata(environment: &Environment<'_>) -> Result<Google, String> {
    let host = environment("GCE_METADATA_HOST").filter(|host| !host.is_empty());
    let url = parse_base_url(&format!("http://{}", host.as_deref().unwrap_or(METADATA_HOST)));
    let url = url.map_err(|why| format!("needs GCE_METADATA_HOST to be a host, with or without a port; it {why}"))?;
    Ok(Google::Metadata { url: url.text })
}

/// What the key file `text` allows, or what is wrong with it.
pub(super) fn read(text: &str) -> Result<Google, String> {
    let file: KeyFile = serde_json::from_str(text)
        .map_err(|error| format!("holds no key file of Google's (see its line {})", error.line()))?;
    let lacks = |field: &str| format!("holds a key file without `{field}`: fetch it anew");
    let required = |field: &str, value: Option<String>| value.filter(|it| !it.is_empty()).ok_or_else(|| lacks(field));
    match file.kind.as_str() {
        "service_account" => {
            let account = ServiceAccount {
                email: required("client_email", file.client_email)?,
                key_id: file.private_key_id,
                private_key: required("private_key", file.private_key)?.into(),
                token_url: token_url(&required("token_uri", file.token_uri)?)?,
            };
            account.signing_key()?;
            Ok(Google::ServiceAccount(account))
        }
        "authorized_user" => Ok(Google::User {
            client_id: required("client_id", file.client_id)?,
            client_secret: required("client_secret", file.client_secret)?.into(),
            refresh_token: required("refresh_token", file.refresh_token)?.into(),
            token_url: token_url(file.token_uri.as_deref().unwrap_or(TOKEN_URL))?,
        }),
        "external_account" | "external_account_authorized_user" | "impersonated_service_account" => Err(format!(
            "holds credentials of the type `{}`, which this gateway cannot exchange: use the key of a service account, \
             or \"metadata\" where the gateway runs on Google Cloud",
            file.kind
        )),
        _ => Err("holds a key file of an unknown type: `type` must be service_account or authorized_user".to_owned()),
    }
}

fn token_url(text: &str) -> Result<String, String> {
    let url = parse_base_url(text).map_err(|why| format!("holds a key file whose `token_uri` {why}"))?;
    match url.is_confidential() {
        true => Ok(url.text),
        false => Err("holds a key file whose `token_uri` is not https://, so its token could be read".to_owned()),
    }
}

impl ServiceAccount {
    /// The key that signs, or why there is none.
    pub fn signing_key(&self) -> Result<RsaKeyPair, String> {
        let unsound = || "holds a key file whose `private_key` is no RSA key in PEM: fetch it anew".to_owned();
        let der = PrivatePkcs8KeyDer::from_pem_slice(self.private_key.expose_secret().as_bytes());
        RsaKeyPair::from_pkcs8(der.map_err(|_| unsound())?.secret_pkcs8_der()).map_err(|_| unsound())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use serde_json::json;

    const PEM: &str = include_str!("../../tests/gateway/fixtures/service_account_key.pem");

    fn service_account() -> Value {
        json!({
            "type": "service_account", "project_id": "p", "private_key_id": "k1", "private_key": PEM,
            "client_email": "robot@p.iam.gserviceaccount.com", "token_uri": "https://oauth2.googleapis.com/token"
        })
    }

    fn with(field: &str, value: Value) -> String {
        let mut file = service_account();
        file[field] = value;
        file.to_string()
    }

    #[test]
    fn a_service_account_is_read_with_its_key() {
        let Ok(Google::ServiceAccount(account)) = read(&service_account().to_string()) else { panic!("it is sound") };
        assert_eq!(account.email, "robot@p.iam.gserviceaccount.com");
        assert_eq!(account.key_id.as_deref(), Some("k1"));
        assert_eq!(account.token_url, "https://oauth2.googleapis.com/token");
        assert!(account.signing_key().is_ok());
        assert!(!format!("{account:?}").contains("PRIVATE KEY"));
    }

    #[test]
    fn a_users_file_needs_no_address() {
        let file = json!({"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"});
        let Ok(Google::User { client_id, token_url, .. }) = read(&file.to_string()) else { panic!("it is sound") };
        assert_eq!((client_id.as_str(), token_url.as_str()), ("c", TOKEN_URL));
    }

    #[test]
    fn what_cannot_be_used_is_told_without_its_content() {
        let canary = "canary-7f3a";
        for (text, reason) in [
            (format!("{{\"type\": {canary}"), "no key file"),
            (with("type", json!(7)), "no key file"),
            (with("type", json!(canary)), "unknown type"),
            (with("type", json!("external_account")), "`external_account`"),
            (with("type", json!("impersonated_service_account")), "metadata"),
            (with("private_key", json!(canary)), "no RSA key"),
            (with("private_key", json!("")), "without `private_key`"),
            (with("client_email", Value::Null), "without `client_email`"),
            (with("token_uri", json!("ftp://canary-7f3a")), "`token_uri` must begin with"),
            (with("token_uri", json!("http://canary-7f3a.example/token")), "not https://"),
            (json!({"type": "authorized_user", "client_id": "c"}).to_string(), "without `client_secret`"),
        ] {
            let told = read(&text).expect_err(reason);
            assert!(told.contains(reason) && !told.contains(canary), "{told}");
        }
    }

    #[test]
    fn default_credentials_are_looked_for_in_googles_order() {
        let looked = |set: &[(&str, &str)]| {
            let found = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            default(&found)
        };
        let home = ("HOME", "/home/me");
        let named = ("GOOGLE_APPLICATION_CREDENTIALS", "/key.json");
        assert_eq!(looked(&[home, named]), Place::Named("/key.json".into()));
        let gcloud = Place::Gcloud("/home/me/.config/gcloud/application_default_credentials.json".into());
        assert_eq!(looked(&[home, ("GOOGLE_APPLICATION_CREDENTIALS", "")]), gcloud);
        let elsewhere = Place::Gcloud("/sdk/application_default_credentials.json".into());
        assert_eq!(looked(&[home, ("CLOUDSDK_CONFIG", "/sdk")]), elsewhere);
        assert_eq!(looked(&[]), Place::Metadata);
    }

    #[test]
    fn the_metadata_server_may_be_elsewhere() {
        let at = |host: Option<&str>| metadata(&|_| host.map(str::to_owned));
        let url = |found: Result<Google, String>| match found {
            Ok(Google::Metadata { url }) => url,
            other => panic!("{other:?}"),
        };
        assert_eq!(url(at(None)), "http://metadata.google.internal");
        assert_eq!(url(at(Some("127.0.0.1:8080"))), "http://127.0.0.1:8080");
        assert!(at(Some("http://x")).is_err_and(|why| why.contains("GCE_METADATA_HOST")));
    }
}
