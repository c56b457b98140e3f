//! Access tokens of Google: for a service account's signed word, for a user's consent, or from the
//! metadata server of the machine.

use super::Credential;
use super::issuer;
use super::issuer::Answer;
use super::issuer::Asker;
use super::issuer::Trust;
use super::renewal::Fetched;
use crate::config::Google;
use crate::config::ServiceAccount;
use crate::net::Net;
use crate::upstream::ProviderLink;
use crate::upstream::resolve::Resolve;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::RSA_PKCS1_SHA256;
use secrecy::ExposeSecret;
use serde_json::Value;
use serde_json::json;

/// What a token is for: everything that the account may do, as Google's own libraries ask for.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const TOKEN_SERVER: &str = "Google's token server";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How long a signed word holds: the longest that is accepted.
const ASSERTION_S: u64 = 3_600;
const METADATA_PATH: &str = "/computeMetadata/v1/instance/service-accounts/default/token";
const METADATA_FLAVOR: &str = "metadata-flavor: Google\r\n";

/// An identity at Google and where its tokens are had.
pub struct GoogleIdentity {
    google: Google,
    issuer: ProviderLink,
}

impl GoogleIdentity {
    /// With the way to its issuer.
    pub fn new(google: &Google, trust: Trust<'_>) -> Result<GoogleIdentity, String> {
        let issuer = match google {
            Google::ServiceAccount(account) => trust.link(TOKEN_SERVER, &account.token_url)?,
            Google::User { token_url, .. } => trust.link(TOKEN_SERVER, token_url)?,
            Google::Metadata { url } => trust.at_home().link("the metadata server", url)?,
        };
        Ok(GoogleIdentity { google: google.clone(), issuer })
    }

    pub(super) fn is_same_as(&self, other: &GoogleIdentity) -> bool {
        self.google == other.google
    }

    /// A new token.
    pub(super) async fn fetch<N: Net, R: Resolve>(&self, asker: &Asker<'_, N, R>) -> Result<Fetched, String> {
        let now_unix_ms = asker.unix_ms();
        let request = self.request(now_unix_ms)?;
        let answer = asker.ask(&self.issuer, request).await?;
        // Anything may answer at that name where the machine is not Google's.
        if matches!(self.google, Google::Metadata { .. }) && answer.status == 200 && !answer.is_metadata {
            return Err("what answers is not Google's metadata server: it lacks `Metadata-Flavor: Google`".to_owned());
        }
        read_token(&self.issuer.name, &answer, now_unix_ms, &self.sent_secrets())
    }

    fn request(&self, now_unix_ms: u64) -> Result<Vec<u8>, String> {
        let post = |body: &str| issuer::close(issuer::open("POST", &self.issuer, ""), issuer::FORM, body);
        match &self.google {
            Google::ServiceAccount(account) => {
                let assertion = assertion(account, now_unix_ms / 1_000)?;
                Ok(post(&issuer::form(&[("grant_type", JWT_BEARER), ("assertion", &assertion)])))
            }
            Google::User { client_id, client_secret, refresh_token, .. } => Ok(post(&issuer::form(&[
                ("grant_type", "refresh_token"),
                ("client_id", client_id),
                ("client_secret", client_secret.expose_secret()),
                ("refresh_token", refresh_token.expose_secret()),
            ]))),
            Google::Metadata { .. } => {
                let mut request = issuer::open("GET", &self.issuer, METADATA_PATH);
                request.extend_from_slice(METADATA_FLAVOR.as_bytes());
                request.extend_from_slice(b"\r\n");
                Ok(request)
            }
        }
    }

    fn sent_secrets(&self) -> Vec<&str> {
        match &self.google {
            Google::User { client_secret, refresh_token, .. } => {
                vec![client_secret.expose_secret(), refresh_token.expose_secret()]
            }
            // A signed word is of use to its addressee alone.
            Google::ServiceAccount(_) | Google::Metadata { .. } => Vec::new(),
        }
    }
}

/// A service account's signed word (RFC 7523): who it is, for whom, for what, from when to when.
fn assertion(account: &ServiceAccount, now_s: u64) -> Result<String, String> {
    let mut header = json!({"alg": "RS256", "typ": "JWT"});
    if let Some(key_id) = &account.key_id {
        header["kid"] = json!(key_id);
    }
    let claims = json!({
        "iss": account.email,
        "scope": SCOPE,
        "aud": account.token_url,
        "iat": now_s,
        "exp": now_s + ASSERTION_S,
    });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(&claims));
    let key = account.signing_key()?;
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
        .map_err(|_| "the service account's key cannot sign".to_owned())?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

fn read_token(who: &str, answer: &Answer, asked_unix_ms: u64, secrets: &[&str]) -> Result<Fetched, String> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if answer.status != 200 {
        let words = ["error", "error_description"].map(|name| body[name].as_str().unwrap_or_default());
        return Err(issuer::refusal(who, answer.status, &words, secrets));
    }
    let token = body["access_token"].as_str().filter(|token| issuer::fits_header(token));
    let token = token.ok_or_else(|| format!("{who} gives no access token"))?;
    let lasts_s = body["expires_in"].as_u64().ok_or_else(|| format!("{who} does not say when its token expires"))?;
    Ok(Fetched {
        credential: Credential::Bearer(token.into()),
        expires_unix_ms: asked_unix_ms.saturating_add(lasts_s.saturating_mul(1_000)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Roots;
    use crate::upstream::TlsConfigs;
    use ring::signature::RSA_PKCS1_2048_8192_SHA256;
    use ring::signature::UnparsedPublicKey;

    const PEM: &str = include_str!("../../tests/gateway/fixtures/service_account_key.pem");
    const NOW_MS: u64 = 1_700_000_000_500;

    fn account() -> ServiceAccount {
        ServiceAccount {
            email: "robot@p.iam.gserviceaccount.com".to_owned(),
            key_id: Some("k1".to_owned()),
            private_key: PEM.into(),
            token_url: "https://oauth2.googleapis.com/token".to_owned(),
        }
    }

    fn identity(google: Google) -> GoogleIdentity {
        let trust = Trust { roots: &Roots::WebPki, allow_private: false, configs: &TlsConfigs::new() };
        GoogleIdentity::new(&google, trust).expect("sound")
    }

    fn request(google: Google) -> String {
        String::from_utf8(identity(google).request(NOW_MS).expect("it can be written")).expect("ASCII")
    }

    #[test]
    fn a_service_accounts_word_says_who_for_what_and_how_long_and_is_signed() {
        let account = account();
        let word = assertion(&account, NOW_MS / 1_000).expect("the key is sound");
        let parts: Vec<&str> = word.split('.').collect();
        let [header, claims, signature] = parts[..] else { panic!("{word}") };
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).expect("base64url without padding");
        let json = |part: &str| serde_json::from_slice::<Value>(&decoded(part)).expect("JSON");
        assert_eq!(json(header), json!({"alg": "RS256", "typ": "JWT", "kid": "k1"}));
        let wanted = json!({
            "iss": account.email, "scope": SCOPE, "aud": account.token_url,
            "iat": 1_700_000_000, "exp": 1_700_003_600
        });
        assert_eq!(json(claims), wanted);
        let key = account.signing_key().expect("sound");
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public().as_ref());
        assert!(public.verify(format!("{header}.{claims}").as_bytes(), &decoded(signature)).is_ok());
        assert!(public.verify(format!("{header}.x{claims}").as_bytes(), &decoded(signature)).is_err());
    }

    #[test]
    fn each_identity_asks_in_its_own_way() {
        let text = request(Google::ServiceAccount(account()));
        assert!(text.starts_with("POST /token HTTP/1.1\r\nhost: oauth2.googleapis.com\r\n"), "{text}");
        let body = "\r\n\r\ngrant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=ey";
        assert!(text.contains(body) && text.contains(issuer::FORM), "{text}");
        let text = request(Google::User {
            client_id: "c.apps".to_owned(),
            client_secret: "s/1".into(),
            refresh_token: "1//r".into(),
            token_url: "https://oauth2.googleapis.com/token".to_owned(),
        });
        let body = "grant_type=refresh_token&client_id=c.apps&client_secret=s%2F1&refresh_token=1%2F%2Fr";
        assert!(text.ends_with(body), "{text}");
        let text = request(Google::Metadata { url: "http://metadata.google.internal".to_owned() });
        assert!(text.starts_with(&format!("GET {METADATA_PATH} HTTP/1.1\r\nhost: metadata.google.internal\r\n")));
        assert!(text.ends_with(&format!("{METADATA_FLAVOR}\r\n")), "{text}");
    }

    #[test]
    fn a_token_is_read_with_its_end() {
        let read = |status, body: &str| {
            let answer = Answer { status, body: body.as_bytes().to_vec(), is_metadata: false };
            read_token("it", &answer, NOW_MS, &["s3cr3t"])
        };
        let fetched = read(200, r#"{"access_token":"ya29.x","expires_in":3599,"token_type":"Bearer"}"#).expect("sound");
        assert_eq!(fetched.expires_unix_ms, NOW_MS + 3_599_000);
        assert!(matches!(fetched.credential, Credential::Bearer(token) if token.expose_secret() == "ya29.x"));
        for (status, body, told) in [
            (200, "", "it gives no access token"),
            (200, r#"{"access_token":"a\r\nx: 1","expires_in":9}"#, "it gives no access token"),
            (200, r#"{"access_token":"a"}"#, "it does not say when its token expires"),
            (
                400,
                r#"{"error":"invalid_grant","error_description":"Bad s3cr3t"}"#,
                "it answers with status 400: invalid_grant: Bad [credential]",
            ),
            (503, "<html>", "it answers with status 503"),
        ] {
            assert_eq!(read(status, body).err().as_deref(), Some(told), "{body}");
        }
    }
}
