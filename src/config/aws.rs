//! Where AWS credentials come from, as the environment of a machine, a container or a pod says it. The
//! variables are AWS's own, so that a gateway is set up like everything else that runs there.

use super::AwsKeys;
use super::AwsSource;
use super::ContainerToken;
use super::Environment;
use super::address::BaseUrl;
use super::address::Host;
use super::address::parse_base_url;
use super::secret;
use super::written;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::path::Path;

/// Where ECS has its agent.
const CONTAINER_URL: &str = "http://169.254.170.2";
/// Where EC2 has its metadata service.
const INSTANCE_URL: &str = "http://169.254.169.254";
/// Where agents may be asked in clear text, loopback aside: the addresses of ECS and of EKS.
const CONTAINER_ADDRESSES: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
];
/// What a session is called unless the environment says.
const SESSION_NAME: &str = "ringgate";

/// What `wanted` means in this environment, or what the environment lacks.
pub(super) fn source(wanted: written::AwsSource, environment: &Environment<'_>) -> Result<AwsSource, String> {
    let is_set = |name: &str| variable(name, environment).is_some();
    let container = || is_set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") || is_set("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    match wanted {
        written::AwsSource::WebIdentity => web_identity(environment),
        written::AwsSource::Container => from_container(environment),
        written::AwsSource::Instance => instance(environment),
        written::AwsSource::Default if is_set("AWS_ACCESS_KEY_ID") => keys(environment),
        written::AwsSource::Default if is_set("AWS_WEB_IDENTITY_TOKEN_FILE") => web_identity(environment),
        written::AwsSource::Default if container() => from_container(environment),
        written::AwsSource::Default => instance(environment),
    }
}

/// Where STS is, if the environment says it.
pub(super) fn sts_url(environment: &Environment<'_>) -> Result<Option<String>, String> {
    const NAME: &str = "AWS_ENDPOINT_URL_STS";
    let Some(text) = variable(NAME, environment) else { return Ok(None) };
    let url = address(NAME, &text)?;
    match url.is_confidential() {
        true => Ok(Some(url.text)),
        false => Err(format!("needs {NAME} to begin with https://: credentials are sent there")),
    }
}

fn variable(name: &str, environment: &Environment<'_>) -> Option<String> {
    environment(name).filter(|value| !value.is_empty())
}

fn required(name: &str, environment: &Environment<'_>) -> Result<String, String> {
    variable(name, environment).ok_or_else(|| format!("needs the environment variable `{name}`, which is not set"))
}

fn address(name: &str, text: &str) -> Result<BaseUrl, String> {
    parse_base_url(text).map_err(|why| format!("needs {name} to be an address; it {why}"))
}

fn keys(environment: &Environment<'_>) -> Result<AwsSource, String> {
    let secret = |name: &str| secret::resolve(&format!("env:{name}"), environment, Path::new(""), name);
    let has_token = variable("AWS_SESSION_TOKEN", environment).is_some();
    Ok(AwsSource::Keys(AwsKeys {
        access_key_id: secret("AWS_ACCESS_KEY_ID")?.into(),
        secret_access_key: secret("AWS_SECRET_ACCESS_KEY")?.into(),
        session_token: has_token.then(|| secret("AWS_SESSION_TOKEN")).transpose()?.map(Into::into),
    }))
}

fn web_identity(environment: &Environment<'_>) -> Result<AwsSource, String> {
    Ok(AwsSource::WebIdentity {
        token_file: required("AWS_WEB_IDENTITY_TOKEN_FILE", environment)?.into(),
        role_arn: required("AWS_ROLE_ARN", environment)?,
        session_name: variable("AWS_ROLE_SESSION_NAME", environment).unwrap_or_else(|| SESSION_NAME.to_owned()),
    })
}

fn from_container(environment: &Environment<'_>) -> Result<AwsSource, String> {
    const RELATIVE: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
    const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
    let url = match (variable(RELATIVE, environment), variable(FULL, environment)) {
        (Some(path), _) if path.starts_with('/') => address(RELATIVE, &format!("{CONTAINER_URL}{path}"))?,
        (Some(_), _) => return Err(format!("needs {RELATIVE} to begin with a slash")),
        (None, Some(text)) => address(FULL, &text)?,
        (None, None) => {
            return Err(format!("needs the environment variable `{RELATIVE}` or `{FULL}`, and neither is set"));
        }
    };
    if url.clear_text && !is_agent(&url.host) {
        return Err(format!("needs {FULL} to begin with https://, unless it is loopback or the agent of ECS or EKS"));
    }
    let file = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", environment);
    let value = variable(TOKEN, environment);
    let authorization = match (file, value) {
        (Some(file), _) => Some(ContainerToken::File(file.into())),
        (None, Some(_)) => {
            let token = secret::resolve(&format!("env:{TOKEN}"), environment, Path::new(""), TOKEN)?;
            Some(ContainerToken::Value(token.into()))
        }
        (None, None) => None,
    };
    Ok(AwsSource::Container { url: url.text, authorization })
}

fn is_agent(host: &Host) -> bool {
    match host {
        Host::Localhost => true,
        Host::Address(address) => address.is_loopback() || CONTAINER_ADDRESSES.contains(address),
        Host::Name => false,
    }
}

fn instance(environment: &Environment<'_>) -> Result<AwsSource, String> {
    const NAME: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
    let disabled = variable("AWS_EC2_METADATA_DISABLED", environment);
    if disabled.is_some_and(|word| word.eq_ignore_ascii_case("true")) {
        return Err("finds no credentials: AWS_EC2_METADATA_DISABLED forbids the instance's, and the environment \
                    speaks of no others"
            .to_owned());
    }
    let url = variable(NAME, environment).unwrap_or_else(|| INSTANCE_URL.to_owned());
    Ok(AwsSource::Instance { url: address(NAME, &url)?.text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    type Set<'s> = &'s [(&'s str, &'s str)];

    fn found(wanted: written::AwsSource, set: Set<'_>) -> Result<AwsSource, String> {
        let value = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        source(wanted, &value)
    }

    const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "canary")];
    const WEB: [(&str, &str); 2] = [("AWS_WEB_IDENTITY_TOKEN_FILE", "/t"), ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r")];
    const RELATIVE: (&str, &str) = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/1");

    #[test]
    fn the_default_is_the_first_that_the_environment_speaks_of() {
        let all = [&KEYS[..], &WEB, &[RELATIVE]].concat();
        let default = |set: Set<'_>| found(written::AwsSource::Default, set).expect("there is one");
        let AwsSource::Keys(keys) = default(&all) else { panic!("keys come first") };
        assert_eq!((keys.access_key_id.expose_secret(), keys.session_token), ("AKID", None));
        let AwsSource::WebIdentity { role_arn, session_name, .. } = default(&all[2..]) else { panic!("then a pod's") };
        assert_eq!((role_arn.as_str(), session_name.as_str()), (WEB[1].1, SESSION_NAME));
        let AwsSource::Container { url, authorization } = default(&all[4..]) else { panic!("then a container's") };
        assert_eq!((url.as_str(), authorization), ("http://169.254.170.2/v2/credentials/1", None));
        assert_eq!(default(&[]), AwsSource::Instance { url: INSTANCE_URL.to_owned() });
    }

    #[test]
    fn what_was_asked_for_is_what_is_used() {
        let all = [&KEYS[..], &WEB, &[RELATIVE]].concat();
        let instance = found(written::AwsSource::Instance, &all);
        assert!(matches!(instance, Ok(AwsSource::Instance { .. })), "{instance:?}");
        let container = found(written::AwsSource::Container, &all);
        assert!(matches!(container, Ok(AwsSource::Container { .. })), "{container:?}");
    }

    #[test]
    fn a_containers_token_is_sent_to_its_agent_alone() {
        let full = |url: &str| {
            let set = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", url), ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "canary")];
            found(written::AwsSource::Container, &set)
        };
        for url in ["http://169.254.170.23/v1/credentials", "http://localhost:1338/x", "https://agent.example/x"] {
            let Ok(AwsSource::Container { url: used, authorization }) = full(url) else { panic!("{url} is fine") };
            assert_eq!(used, url);
            assert_eq!(authorization, Some(ContainerToken::Value("canary".into())));
        }
        for url in ["http://10.0.0.1/x", "http://agent.example/x"] {
            let why = full(url).expect_err(url);
            assert!(why.contains("https://") && !why.contains("canary"), "{why}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for (wanted, set, named) in [
            (written::AwsSource::WebIdentity, &WEB[..1], "AWS_ROLE_ARN"),
            (written::AwsSource::Default, &KEYS[..1], "AWS_SECRET_ACCESS_KEY"),
            (written::AwsSource::Container, &[], "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
            (written::AwsSource::Container, &[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "x")], "slash"),
            (written::AwsSource::Default, &[("AWS_EC2_METADATA_DISABLED", "true")], "AWS_EC2_METADATA_DISABLED"),
            (written::AwsSource::Instance, &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", "x")], "must begin with http://"),
        ] {
            let why = found(wanted, set).expect_err(named);
            assert!(why.contains(named), "{why}");
        }
    }

    #[test]
    fn sts_is_never_asked_in_clear_text_outside() {
        let at = |url: &str| sts_url(&|_| Some(url.to_owned()));
        assert_eq!(at("https://sts.example/"), Ok(Some("https://sts.example".to_owned())));
        assert_eq!(at("http://127.0.0.1:9"), Ok(Some("http://127.0.0.1:9".to_owned())));
        assert!(at("http://sts.example").is_err_and(|why| why.contains("https://")));
        assert_eq!(at(""), Ok(None));
    }
}
