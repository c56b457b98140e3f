//! Keys of AWS: from a container's agent, an instance's metadata service, or STS for the token of a pod;
//! and those of a role that is assumed with any of them.

use super::Credential;
use super::issuer;
use super::issuer::Answer;
use super::issuer::Asker;
use super::issuer::Trust;
use super::renewal::Fetched;
use crate::config::Aws;
use crate::config::AwsKeys;
use crate::config::AwsSource;
use crate::config::ContainerToken;
use crate::config::Secret;
use crate::net::Net;
use crate::upstream::ProviderLink;
use crate::upstream::Signer;
use crate::upstream::resolve::Resolve;
use crate::wire::percent;
use secrecy::ExposeSecret;
use serde_json::Value;
use std::path::Path;

/// The version of STS's interface.
const STS_VERSION: &str = "2011-06-15";
const STS: &str = "STS";
/// What the session of an assumed role is called in AWS's logs.
const SESSION_NAME: &str = "ringgate";
const INSTANCE_TOKEN_PATH: &str = "/latest/api/token";
/// How long a session with the metadata service may last: as long as our questions do, and a little more.
const INSTANCE_TOKEN_TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds: 300\r\n";
const INSTANCE_ROLES_PATH: &str = "/latest/meta-data/iam/security-credentials/";
/// Largest token file, bytes.
const TOKEN_FILE_BYTES_MAX: u64 = 64 * 1024;

/// An identity at AWS, what its requests are signed for, and where its keys are had.
pub struct AwsIdentity {
    aws: Aws,
    region: String,
    service: &'static str,
    /// The agent or the metadata service, where one is asked.
    local: Option<ProviderLink>,
    /// STS, where it is asked.
    sts: Option<ProviderLink>,
}

impl AwsIdentity {
    /// The identity that signs for `service` in `region`, with the ways to its issuers.
    pub fn new(aws: &Aws, region: &str, service: &'static str, trust: Trust<'_>) -> Result<AwsIdentity, String> {
        let local = match &aws.source {
            AwsSource::Container { url, .. } => Some(("the container's credential agent", url)),
            AwsSource::Instance { url } => Some(("the instance's metadata service", url)),
            AwsSource::Keys(_) | AwsSource::WebIdentity { .. } => None,
        };
        let local = local.map(|(name, url)| trust.at_home().link(name, url)).transpose()?;
        let asks_sts = aws.assume_role.is_some() || matches!(aws.source, AwsSource::WebIdentity { .. });
        let sts = asks_sts.then(|| match &aws.sts_url {
            Some(url) => trust.at_home().link(STS, url),
            None => trust.link(STS, &sts_url(region)),
        });
        let sts = sts.transpose()?;
        Ok(AwsIdentity { aws: aws.clone(), region: region.to_owned(), service, local, sts })
    }

    pub(super) fn is_same_as(&self, other: &AwsIdentity) -> bool {
        self.aws == other.aws && self.region == other.region && self.service == other.service
    }

    /// New keys.
    pub(super) async fn fetch<N: Net, R: Resolve>(&self, asker: &Asker<'_, N, R>) -> Result<Fetched, String> {
        let mut keys = self.own_keys(asker).await?;
        if let Some(role) = &self.aws.assume_role {
            let answer = asker.ask(self.sts()?, self.assume_role(role, keys.keys.clone(), asker.unix_ms())?).await?;
            let sent = keys.keys.session_token.as_ref().map_or("", ExposeSecret::expose_secret);
            keys = read_sts(&answer, &[sent])?;
        }
        let Keys { keys, expires_unix_ms } = keys;
        let credential = Credential::Signed(Signer::new(keys, &self.region, self.service));
        Ok(Fetched { credential, expires_unix_ms })
    }

    /// Those that the machine, the container or the pod is given.
    async fn own_keys<N: Net, R: Resolve>(&self, asker: &Asker<'_, N, R>) -> Result<Keys, String> {
        match &self.aws.source {
            AwsSource::Keys(keys) => Ok(Keys { keys: keys.clone(), expires_unix_ms: super::NEVER_UNIX_MS }),
            AwsSource::WebIdentity { token_file, role_arn, session_name } => {
                let token = read_file(token_file)?;
                let body = issuer::form(&[
                    ("Action", "AssumeRoleWithWebIdentity"),
                    ("Version", STS_VERSION),
                    ("RoleArn", role_arn),
                    ("RoleSessionName", session_name),
                    ("WebIdentityToken", &token),
                ]);
                let sts = self.sts()?;
                let request = issuer::close(issuer::open("POST", sts, ""), issuer::FORM, &body);
                read_sts(&asker.ask(sts, request).await?, &[&token])
            }
            AwsSource::Container { authorization, .. } => self.container_keys(asker, authorization.as_ref()).await,
            AwsSource::Instance { .. } => self.instance_keys(asker).await,
        }
    }

    async fn container_keys<N: Net, R: Resolve>(
        &self,
        asker: &Asker<'_, N, R>,
        authorization: Option<&ContainerToken>,
    ) -> Result<Keys, String> {
        let agent = self.local()?;
        let token: Option<Secret> = match authorization {
            None => None,
            Some(ContainerToken::Value(token)) => Some(token.clone()),
            Some(ContainerToken::File(path)) => Some(read_file(path)?.into()),
        };
        let token = token.as_ref().map(ExposeSecret::expose_secret);
        if token.is_some_and(|token| !token.bytes().all(|byte| matches!(byte, b' '..=b'~'))) {
            return Err("the container's authorization token is not one line of plain text".to_owned());
        }
        let field = token.map_or_else(String::new, |token| format!("authorization: {token}\r\n"));
        let request = get(agent, "", &field);
        read_json(&agent.name, &asker.ask(agent, request).await?, &[token.unwrap_or_default()])
    }

    /// In a session, so that a request that somebody is tricked into cannot have them (version 2 of the service).
    async fn instance_keys<N: Net, R: Resolve>(&self, asker: &Asker<'_, N, R>) -> Result<Keys, String> {
        let service = self.local()?;
        let who = &service.name;
        let request = issuer::close(issuer::open("PUT", service, INSTANCE_TOKEN_PATH), INSTANCE_TOKEN_TTL, "");
        let session = asker.ask(service, request).await?;
        let token = session.text();
        if session.status != 200 || !issuer::fits_header(&token) {
            return Err(issuer::refusal(who, session.status, &["it begins no session"], &[]));
        }
        let field = format!("x-aws-ec2-metadata-token: {token}\r\n");
        let roles = asker.ask(service, get(service, INSTANCE_ROLES_PATH, &field)).await?;
        let names = roles.text();
        let role = names.lines().next().unwrap_or_default().trim();
        if roles.status != 200 || role.is_empty() {
            return Err(issuer::refusal(who, roles.status, &["the instance has no role: attach one to it"], &[]));
        }
        let mut path = INSTANCE_ROLES_PATH.as_bytes().to_vec();
        percent::encode(role.as_bytes(), b"", &mut path);
        let path = String::from_utf8(path).expect("percent-encoding is ASCII");
        read_json(who, &asker.ask(service, get(service, &path, &field)).await?, &[&token])
    }

    fn assume_role(&self, role: &str, keys: AwsKeys, unix_ms: u64) -> Result<Vec<u8>, String> {
        let sts = self.sts()?;
        let body = issuer::form(&[
            ("Action", "AssumeRole"),
            ("Version", STS_VERSION),
            ("RoleArn", role),
            ("RoleSessionName", SESSION_NAME),
        ]);
        let signer = Signer::new(keys, &self.region, "sts");
        let mut request = issuer::open("POST", sts, "");
        let path_at = "POST ".len();
        let path_ends = request.iter().skip(path_at).position(|byte| *byte == b' ').unwrap_or(0) + path_at;
        let unsigned = signer.write_fields(unix_ms, &mut request);
        let mut request = issuer::close(request, issuer::FORM, &body);
        let body_at = request.len() - body.len();
        signer.sign(&unsigned, "POST", &sts.endpoint.authority, path_at..path_ends, body_at, &mut request);
        Ok(request)
    }

    fn local(&self) -> Result<&ProviderLink, String> {
        self.local.as_ref().ok_or_else(|| "there is no local issuer of credentials".to_owned())
    }

    fn sts(&self) -> Result<&ProviderLink, String> {
        self.sts.as_ref().ok_or_else(|| "there is no way to STS".to_owned())
    }
}

/// Keys and how long they hold.
#[derive(Debug)]
struct Keys {
    keys: AwsKeys,
    expires_unix_ms: u64,
}

impl Keys {
    /// Of what an issuer said, if all of it may stand in a header.
    fn new(who: &str, id: &str, secret: &str, token: Option<&str>, expires: Option<&str>) -> Result<Keys, String> {
        let is_sound = [Some(id), Some(secret), token].into_iter().flatten().all(issuer::fits_header);
        if !is_sound {
            return Err(format!("{who} gives no access key"));
        }
        let expires = expires.map(|text| unix_ms_of(text).ok_or_else(|| format!("{who} says no date as expiration")));
        Ok(Keys {
            keys: AwsKeys {
                access_key_id: id.into(),
                secret_access_key: secret.into(),
                session_token: token.map(Into::into),
            },
            expires_unix_ms: expires.transpose()?.unwrap_or(super::NEVER_UNIX_MS),
        })
    }
}

/// Where a region's STS is.
fn sts_url(region: &str) -> String {
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://sts.{region}.{suffix}")
}

fn get(issuer: &ProviderLink, path: &str, fields: &str) -> Vec<u8> {
    let mut request = issuer::open("GET", issuer, path);
    request.extend_from_slice(fields.as_bytes());
    request.extend_from_slice(b"accept: application/json\r\n\r\n");
    request
}

/// What a file holds that somebody else renews, without the line break at its end.
fn read_file(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let size = std::fs::metadata(path).map_err(|error| format!("the token file {shown}: {error}"))?.len();
    if size > TOKEN_FILE_BYTES_MAX {
        return Err(format!("the token file {shown} has {size} bytes: too many for a token"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| format!("the token file {shown}: {error}"))?;
    let token = text.trim();
    if token.is_empty() { Err(format!("the token file {shown} is empty")) } else { Ok(token.to_owned()) }
}

/// An answer of an agent or of the metadata service.
fn read_json(who: &str, answer: &Answer, secrets: &[&str]) -> Result<Keys, String> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = |name: &str| body[name].as_str();
    let code = ["Code", "code"].into_iter().find_map(text);
    if answer.status != 200 || code.is_some_and(|code| code != "Success") {
        let message = ["Message", "message"].into_iter().find_map(text);
        return Err(issuer::refusal(who, answer.status, &[code, message].map(Option::unwrap_or_default), secrets));
    }
    let (id, secret) = (text("AccessKeyId").unwrap_or_default(), text("SecretAccessKey").unwrap_or_default());
    Keys::new(who, id, secret, text("Token"), text("Expiration"))
}

/// An answer of STS, which speaks XML.
fn read_sts(answer: &Answer, secrets: &[&str]) -> Result<Keys, String> {
    let body = answer.text();
    let text = |name: &str| element(&body, name);
    if answer.status != 200 {
        let words = ["Code", "Message"].map(|name| text(name).unwrap_or_default());
        return Err(issuer::refusal(STS, answer.status, &words, secrets));
    }
    let (id, secret) = (text("AccessKeyId").unwrap_or_default(), text("SecretAccessKey").unwrap_or_default());
    Keys::new(STS, id, secret, text("SessionToken"), text("Expiration"))
}

/// The text of the first element called `name`. What is looked for has neither attributes nor characters that XML
/// escapes: base64, names and dates.
fn element<'x>(xml: &'x str, name: &str) -> Option<&'x str> {
    let from = xml.split_once(&format!("<{name}>"))?.1;
    from.split_once(&format!("</{name}>")).map(|(text, _)| text.trim())
}

/// The instant that `2026-01-31T08:05:09Z` names, with or without a fraction of its second.
fn unix_ms_of(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let numbers = |text: &str, separator: char| -> Option<[u64; 3]> {
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok()).flatten();
        text.split(separator).map(digits).collect::<Option<Vec<u64>>>()?.try_into().ok()
    };
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time.split('.').next()?, ':')?;
    let is_date = (1970..10_000).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !is_date || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some((days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar. Years are counted from March, so that the leap day is
/// the last of a year.
fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let leap_days = year / 4 - year / 100 + year / 400;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    year * 365 + leap_days + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Roots;
    use crate::observe::Compact;
    use crate::upstream::TlsConfigs;
    use proptest::prelude::*;

    const NOW_MS: u64 = 1_700_000_000_000;
    const ANSWER: &str = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
        <AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/ringgate</Arn></AssumedRoleUser><Credentials>\
        <AccessKeyId>ASIAX</AccessKeyId><SecretAccessKey>a/b+c=</SecretAccessKey><SessionToken>t/1==</SessionToken>\
        <Expiration>2023-11-14T23:13:20Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, body: body.as_bytes().to_vec(), is_metadata: false }
    }

    fn shown(keys: Keys) -> (String, String, Option<String>, u64) {
        let text = |secret: &Secret| secret.expose_secret().to_owned();
        let Keys { keys, expires_unix_ms } = keys;
        let token = keys.session_token.as_ref().map(text);
        (text(&keys.access_key_id), text(&keys.secret_access_key), token, expires_unix_ms)
    }

    fn identity(source: AwsSource, assume_role: Option<&str>) -> AwsIdentity {
        let aws = Aws { source, assume_role: assume_role.map(str::to_owned), region: None, sts_url: None };
        let trust = Trust { roots: &Roots::WebPki, allow_private: false, configs: &TlsConfigs::new() };
        AwsIdentity::new(&aws, "eu-west-1", "bedrock", trust).expect("sound")
    }

    #[test]
    fn keys_of_sts_are_read_with_their_end() {
        let keys = shown(read_sts(&answer(200, ANSWER), &[]).expect("sound"));
        assert_eq!(keys, ("ASIAX".to_owned(), "a/b+c=".to_owned(), Some("t/1==".to_owned()), NOW_MS + 3_600_000));
        let refused = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>Not authorized to \
                       perform sts:AssumeRole with s3cr3t</Message></Error></ErrorResponse>";
        for (status, body, told) in [
            (403, refused, "AccessDenied: Not authorized to perform sts:AssumeRole with [credential]"),
            (200, "<x/>", "STS gives no access key"),
            (200, &ANSWER.replace("t/1==", "t\nx"), "STS gives no access key"),
            (200, &ANSWER.replace("2023-11-14T", "soon"), "STS says no date as expiration"),
        ] {
            let why = read_sts(&answer(status, body), &["s3cr3t"]).expect_err("refused");
            assert!(why.contains(told), "{why}");
        }
    }

    #[test]
    fn keys_of_a_machine_are_read_with_their_end() {
        let body = r#"{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"ASIAX","SecretAccessKey":"s","Token":"t",
                       "Expiration":"2023-11-14T23:13:20.250Z"}"#;
        let keys = shown(read_json("it", &answer(200, body), &[]).expect("sound"));
        assert_eq!(keys, ("ASIAX".to_owned(), "s".to_owned(), Some("t".to_owned()), NOW_MS + 3_600_000));
        let forever = r#"{"AccessKeyId":"AKIAX","SecretAccessKey":"s"}"#;
        let keys = shown(read_json("it", &answer(200, forever), &[]).expect("sound"));
        assert_eq!((keys.2, keys.3), (None, super::super::NEVER_UNIX_MS));
        for (status, body, told) in [
            (200, r#"{"Code":"AssumeRoleUnauthorizedAccess","Message":"EC2 cannot"}"#, "EC2 cannot"),
            (403, r#"{"code":"AuthTokenInvalid","message":"bad s3cr3t"}"#, "AuthTokenInvalid: bad [credential]"),
            (500, "oops", "it answers with status 500"),
            (200, "{}", "it gives no access key"),
        ] {
            let why = read_json("it", &answer(status, body), &["s3cr3t"]).expect_err("refused");
            assert!(why.contains(told), "{why}");
        }
    }

    #[test]
    fn the_question_for_a_role_is_signed_for_sts() {
        let keys = AwsKeys {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: "s3cr3t".into(),
            session_token: Some("t0ken".into()),
        };
        let identity = identity(AwsSource::Keys(keys.clone()), Some("arn:aws:iam::1:role/r"));
        let request = identity.assume_role("arn:aws:iam::1:role/r", keys, NOW_MS).expect("it can be written");
        let text = String::from_utf8(request).expect("ASCII");
        assert!(text.starts_with("POST / HTTP/1.1\r\nhost: sts.eu-west-1.amazonaws.com\r\n"), "{text}");
        assert!(text.contains("Credential=AKIDEXAMPLE/20231114/eu-west-1/sts/aws4_request"), "{text}");
        assert!(text.contains("\r\nx-amz-security-token: t0ken\r\n") && !text.contains("s3cr3t"), "{text}");
        let room = "Signature=0000000000";
        assert!(!text.contains(room), "the signature was filled in: {text}");
        let body =
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=ringgate";
        assert!(text.ends_with(&format!("\r\n\r\n{body}")), "{text}");
    }

    #[test]
    fn each_region_has_its_own_sts() {
        assert_eq!(sts_url("us-east-1"), "https://sts.us-east-1.amazonaws.com");
        assert_eq!(sts_url("cn-north-1"), "https://sts.cn-north-1.amazonaws.com.cn");
    }

    #[test]
    fn what_is_no_instant_is_none() {
        for text in
            ["", "2023-11-14", "2023-11-14T23:13:20", "2023-13-14T23:13:20Z", "2023-11-14T24:00:00Z", "x-1-1T1:1:1Z"]
        {
            assert_eq!(unix_ms_of(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn instants_are_read_as_they_are_written(seconds in 0u64..100_000_000_000) {
            let compact = Compact(seconds * 1_000).to_string();
            prop_assume!(compact.len() == "20231114T231320Z".len());
            let part = |range: std::ops::Range<usize>| &compact[range];
            let text = format!("{}-{}-{}T{}:{}:{}Z", part(0..4), part(4..6), part(6..8), part(9..11), part(11..13), part(13..15));
            prop_assert_eq!(unix_ms_of(&text), Some(seconds * 1_000));
        }
    }
}
