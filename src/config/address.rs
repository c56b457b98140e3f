//! Base URLs of providers. They decide where credentials go, so only what is needed is understood:
//! scheme, host, port, path. User information, queries and fragments are refused rather than ignored.

use std::net::IpAddr;

/// Endpoints that people paste along with the base URL; the dialect appends them itself.
const ENDPOINTS: &[&str] = &["/chat/completions", "/messages", "/embeddings", "/responses"];

/// A checked base URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BaseUrl {
    /// Scheme and host in lower case, no slash at the end.
    pub(super) text: String,
    /// Would a credential travel in the clear?
    pub(super) clear_text: bool,
    /// What the host is.
    pub(super) host: Host,
}

impl BaseUrl {
    /// May a credential be sent there? Over plain HTTP it is read by everybody on the way, so only within a
    /// network of one's own.
    pub(super) fn is_confidential(&self) -> bool {
        let own_network = match self.host {
            Host::Localhost => true,
            Host::Address(address) => is_private(address),
            Host::Name => false,
        };
        own_network || !self.clear_text
    }
}

/// The host of a base URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// An address, written out.
    Address(IpAddr),
    /// `localhost` or a name under it.
    Localhost,
    /// Any other name.
    Name,
}

/// Understands `text`, or says what is wrong with it.
pub(super) fn parse_base_url(text: &str) -> Result<BaseUrl, String> {
    let (scheme, rest) = text.split_once("://").ok_or("must begin with http:// or https://")?;
    let scheme = scheme.to_ascii_lowercase();
    if scheme != "http" && scheme != "https" {
        return Err("must begin with http:// or https://".to_owned());
    }
    if !rest.bytes().all(|byte| matches!(byte, b'!'..=b'~') && !b"\"<>\\^`{|}".contains(&byte)) {
        return Err("has blanks or characters that a URL cannot hold".to_owned());
    }
    if rest.contains(['?', '#']) {
        return Err("must not have a query or a fragment: end it with the path".to_owned());
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err("must not hold a user or password: put the credential in `api_key`".to_owned());
    }
    let (host_text, port) = split_port(authority)?;
    let host = understand_host(&host_text)?;
    let path = path.trim_end_matches('/');
    if let Some(endpoint) = ENDPOINTS.iter().find(|endpoint| path.ends_with(**endpoint)) {
        return Err(format!("must end before the endpoint: remove `{endpoint}`"));
    }
    let text = format!("{scheme}://{host_text}{}{path}", port.map(|port| format!(":{port}")).unwrap_or_default());
    Ok(BaseUrl { text, clear_text: scheme == "http", host })
}

fn split_port(authority: &str) -> Result<(String, Option<u16>), String> {
    let host_end = match authority.starts_with('[') {
        true => authority.find(']').ok_or("has no valid IPv6 address")? + 1,
        false => 0,
    };
    let Some(colon) = authority[host_end..].find(':') else { return Ok((authority.to_ascii_lowercase(), None)) };
    let (host, port) = authority.split_at(host_end + colon);
    let digits = &port[1..];
    let port = digits.parse().ok().filter(|port| *port != 0 && digits.bytes().all(|byte| byte.is_ascii_digit()));
    Ok((host.to_ascii_lowercase(), Some(port.ok_or("has a port that is no number from 1 to 65535")?)))
}

fn understand_host(host: &str) -> Result<Host, String> {
    if let Some(inner) = host.strip_prefix('[') {
        let address = inner.strip_suffix(']').and_then(|inner| inner.parse().ok());
        return address.map(|v6| Host::Address(IpAddr::V6(v6))).ok_or_else(|| "has no valid IPv6 address".to_owned());
    }
    if let Ok(v4) = host.parse() {
        return Ok(Host::Address(IpAddr::V4(v4)));
    }
    let labels_fit = host.strip_suffix('.').unwrap_or(host).split('.').all(|label| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    });
    // A last label of digits is read as an IPv4 address by some resolvers and as a name by others.
    let numeric_end = host.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
    if !labels_fit || numeric_end || host.len() > 253 {
        return Err("has no valid host name".to_owned());
    }
    let local = host == "localhost" || host.ends_with(".localhost");
    Ok(if local { Host::Localhost } else { Host::Name })
}

/// Loopback, or reserved for networks of one's own.
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local() || is_carrier_nat(v4.octets()),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

fn is_carrier_nat(octets: [u8; 4]) -> bool {
    octets[0] == 100 && octets[1] & 0b1100_0000 == 64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_urls_are_normalised() {
        for (written, text) in [
            ("https://api.openai.com/v1", "https://api.openai.com/v1"),
            ("HTTPS://API.OpenAI.com/V1/", "https://api.openai.com/V1"),
            ("http://127.0.0.1:9000/v1", "http://127.0.0.1:9000/v1"),
            ("http://[::1]:80", "http://[::1]:80"),
            ("https://[2001:DB8::1]/x//", "https://[2001:db8::1]/x"),
            ("http://my_vllm.internal:8000", "http://my_vllm.internal:8000"),
        ] {
            assert_eq!(parse_base_url(written).map(|url| url.text).as_deref(), Ok(text), "{written}");
        }
    }

    #[test]
    fn bad_urls_say_why() {
        for (written, reason) in [
            ("api.openai.com/v1", "http://"),
            ("ftp://x", "http://"),
            ("https://", "host"),
            ("https:///v1", "host"),
            ("https://:443/v1", "host"),
            ("https://a..b", "host"),
            ("https://1.2.3", "host"),
            ("https://999.1.1.1", "host"),
            ("https://[::1", "IPv6"),
            ("https://[::1]x", "IPv6"),
            ("https://[zz]", "IPv6"),
            ("https://a:0", "port"),
            ("https://a:", "port"),
            ("https://a:70000", "port"),
            ("https://a:+80", "port"),
            ("https://user:pw@a/v1", "api_key"),
            ("https://a/v1?x=1", "query"),
            ("https://a/v1#x", "fragment"),
            ("https://a /v1", "blanks"),
            ("https://a/\u{e9}", "blanks"),
            ("https://a/\r\nx", "blanks"),
            ("https://a/v1/chat/completions", "/chat/completions"),
            ("https://a/v1/messages/", "/messages"),
        ] {
            let why = parse_base_url(written).expect_err(written);
            assert!(why.contains(reason), "{written}: {why}");
        }
    }

    #[test]
    fn hosts_are_told_apart() {
        let host = |text: &str| parse_base_url(text).expect(text).host;
        assert_eq!(host("http://localhost:1"), Host::Localhost);
        assert_eq!(host("http://a.localhost"), Host::Localhost);
        assert_eq!(host("http://example.com"), Host::Name);
        let Host::Address(address) = host("http://[::ffff:10.0.0.1]") else { panic!("an address") };
        assert!(is_private(address));
        for (text, private) in
            [("127.9.9.9", true), ("100.64.0.1", true), ("100.128.0.1", false), ("8.8.8.8", false), ("fd00::1", true)]
        {
            assert_eq!(is_private(text.parse().expect("an address")), private, "{text}");
        }
    }
}
