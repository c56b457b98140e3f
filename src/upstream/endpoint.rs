//! Where a provider is and how it is spoken to.
//!
//! Parsed once when settings are read, so that a request only looks at ready fields: the `Host` value,
//! the pool's key, the TLS name and the TLS configuration are never computed on the data path.

use crate::config::Provider;
use crate::config::Roots;
use crate::config::Timeouts;
use crate::upstream::tls::TlsConfigs;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::Duration;

/// Longest host name, bytes (RFC 1035).
const HOST_BYTES_MAX: usize = 253;
/// Most connections at a time to who is asked now and then.
const OCCASIONAL_CONNECTIONS_MAX: usize = 16;

/// The address of a provider, checked.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Lower-case name or address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Is TLS spoken?
    pub tls: bool,
    /// Path below which the dialect's paths lie: empty, or `/…` without trailing slash.
    pub path_prefix: String,
    /// Does that path say the version of the API, so that a dialect's path must not say it again?
    versioned: bool,
    /// Value of the `host` header: brackets for IPv6, the port only where it is not the default.
    pub authority: String,
    /// Trusted authorities.
    pub roots: Roots,
    /// May the name resolve to private addresses?
    pub allow_private: bool,
    /// Addresses the operator wrote himself (a literal or `localhost`): never asked for, never judged.
    pub(super) fixed: Option<Arc<[IpAddr]>>,
    /// Equal for endpoints that may share connections.
    pub(super) key: String,
}

impl Endpoint {
    /// Reads a base URL, `https://host[:port][/path]`. Roots are the compiled-in ones and private
    /// addresses are refused until [`Endpoint::trusting`] says otherwise.
    pub fn parse(base_url: &str) -> Result<Endpoint, String> {
        let (tls, rest) = if let Some(rest) = strip_scheme(base_url, "https://") {
            (true, rest)
        } else if let Some(rest) = strip_scheme(base_url, "http://") {
            (false, rest)
        } else {
            return Err("a base URL begins with https:// (or http:// for a server of your own)".into());
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err("a base URL carries no credentials: write them as `api_key`".into());
        }
        let path_prefix = checked_path(path)?;
        let versioned = says_version(&path_prefix);
        let (host, port) = split_port(authority)?;
        let port = port.unwrap_or(if tls { 443 } else { 80 });
        let host = checked_host(host)?;
        let fixed = fixed_addresses(&host);
        let authority = shown_authority(&host, port, tls);
        let endpoint = Endpoint {
            host,
            port,
            tls,
            path_prefix,
            versioned,
            authority,
            roots: Roots::WebPki,
            allow_private: false,
            fixed,
            key: String::new(),
        };
        Ok(endpoint.trusting(Roots::WebPki, false))
    }

    /// A dialect's `path` as it stands below this endpoint's: without its version where that has one.
    pub fn below<'p>(&self, path: &'p str) -> &'p str {
        let after = path.strip_prefix('/').and_then(|rest| rest.find('/').map(|end| (&rest[..end], &path[end + 1..])));
        match after {
            Some((version, rest)) if self.versioned && is_version(version) => rest,
            _ => path,
        }
    }

    /// The same endpoint with other trusted authorities and another rule about private addresses.
    pub fn trusting(self, roots: Roots, allow_private: bool) -> Endpoint {
        // Connections that were verified, or whose address was judged, by another rule are not shared.
        let key = format!("{}|{}|{}|{roots:?}|{allow_private}", self.host, self.port, self.tls);
        Endpoint { roots, allow_private, key, ..self }
    }
}

/// Everything needed to hold an exchange with one provider; immutable, shared by all shards.
#[derive(Clone, Debug)]
pub struct ProviderLink {
    /// The provider's name in settings.
    pub name: String,
    /// Where it is.
    pub endpoint: Endpoint,
    /// Deadlines.
    pub timeouts: Timeouts,
    /// A pooled connection idle for longer is closed.
    pub pool_idle_timeout: Duration,
    /// Most pooled idle connections per shard.
    pub pool_idle_max: usize,
    /// Most connections per shard, idle or busy.
    pub connections_max: usize,
    /// Replay once when a reused connection ends without a single answer byte?
    pub replay_stale: bool,
    /// TLS name and configuration; `None` for plain HTTP.
    pub(super) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl ProviderLink {
    /// The link to `provider` at `base_url` (the provider's own, or its kind's). Reads root
    /// certificates where the settings name a file, so it is called while settings are read, never on
    /// a shard.
    pub fn new(provider: &Provider, base_url: &str, configs: &TlsConfigs) -> Result<ProviderLink, String> {
        let endpoint = Endpoint::parse(base_url)?.trusting(provider.roots.clone(), provider.allow_private_addresses);
        Ok(ProviderLink {
            name: provider.name.clone(),
            tls: secured(&endpoint, configs)?,
            endpoint,
            timeouts: provider.timeouts,
            pool_idle_timeout: provider.pool_idle_timeout,
            pool_idle_max: provider.pool_idle_max,
            connections_max: provider.connections_max,
            replay_stale: provider.replay_stale,
        })
    }

    /// The link to who is asked now and then for a few bytes: no connection is kept.
    pub fn occasional(
        name: &str,
        endpoint: Endpoint,
        timeouts: Timeouts,
        configs: &TlsConfigs,
    ) -> Result<ProviderLink, String> {
        Ok(ProviderLink {
            name: name.to_owned(),
            tls: secured(&endpoint, configs)?,
            endpoint,
            timeouts,
            pool_idle_timeout: Duration::ZERO,
            pool_idle_max: 0,
            connections_max: OCCASIONAL_CONNECTIONS_MAX,
            replay_stale: false,
        })
    }
}

fn secured(
    endpoint: &Endpoint,
    configs: &TlsConfigs,
) -> Result<Option<(Arc<ClientConfig>, ServerName<'static>)>, String> {
    let secured = |endpoint: &Endpoint| Ok((configs.config(&endpoint.roots)?, server_name(&endpoint.host)?));
    endpoint.tls.then(|| secured(endpoint)).transpose()
}

fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    // The trailing dot of an absolute name is for the resolver; no certificate carries it.
    let name = host.strip_suffix('.').unwrap_or(host);
    ServerName::try_from(name.to_owned()).map_err(|_| format!("`{host}` cannot be the name on a certificate"))
}

fn strip_scheme<'a>(url: &'a str, scheme: &str) -> Option<&'a str> {
    let head = url.get(..scheme.len())?;
    head.eq_ignore_ascii_case(scheme).then(|| &url[scheme.len()..])
}

fn checked_path(path: &str) -> Result<String, String> {
    if path.contains(['?', '#']) {
        return Err("a base URL has no query and no fragment".into());
    }
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("the path of a base URL is printable ASCII; write anything else as %XX".into());
    }
    Ok(path.trim_end_matches('/').to_owned())
}

/// Does a path end with a version, or go on after one with the resource that Google's APIs name there?
/// Elsewhere a version may be that of a proxy (`/v1/account/anthropic`), below which everything is as usual.
fn says_version(path: &str) -> bool {
    let segments: Vec<&str> = path.split('/').collect();
    let resource = |place: usize| matches!(segments.get(place), None | Some(&("projects" | "publishers")));
    segments.iter().enumerate().any(|(place, segment)| is_version(segment) && resource(place + 1))
}

/// `v1`, `v1beta`, `v1beta1`, `v2alpha` …
fn is_version(segment: &str) -> bool {
    let digit = |one: char| one.is_ascii_digit();
    let number = segment.strip_prefix('v').unwrap_or_default();
    let stage = number.trim_start_matches(digit);
    stage.len() < number.len() && matches!(stage.trim_end_matches(digit), "" | "alpha" | "beta")
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), String> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or("the IPv6 address of a base URL ends with ]")?;
            match after.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if after.is_empty() => (host, None),
                None => return Err("after ] a base URL continues with :port or /path".into()),
            }
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let bracketed = authority.starts_with('[');
    if bracketed && host.parse::<Ipv6Addr>().is_err() {
        return Err(format!("`{host}` is not an IPv6 address"));
    }
    let port = match port {
        None => None,
        Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            let port = text.parse::<u16>().ok().filter(|port| *port != 0);
            Some(port.ok_or("the port of a base URL is a number from 1 to 65535")?)
        }
        Some(_) => return Err("the port of a base URL is digits; an IPv6 address stands in [ ]".into()),
    };
    Ok((host, port))
}

fn checked_host(host: &str) -> Result<String, String> {
    if host.is_empty() {
        return Err("a base URL names a host".into());
    }
    let host = host.to_ascii_lowercase();
    if host.parse::<IpAddr>().is_ok() {
        return Ok(host);
    }
    if !host.is_ascii() {
        return Err("write an international host name in its xn-- form".into());
    }
    let labels_fit = host.strip_suffix('.').unwrap_or(&host).split('.').all(|label| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    });
    if !labels_fit || host.len() > HOST_BYTES_MAX {
        return Err(format!("`{host}` is not a host name"));
    }
    // 127.1, 0x7f.1 and 2130706433 are addresses to some resolvers and names to others.
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x") {
        return Err(format!("`{host}` is neither a host name nor an IPv4 address of four numbers"));
    }
    Ok(host)
}

fn fixed_addresses(host: &str) -> Option<Arc<[IpAddr]>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Some(Arc::from([address]));
    }
    // IPv4 first: servers of one's own listen there more often than not.
    matches!(host, "localhost" | "localhost.")
        .then(|| Arc::from([IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]))
}

fn shown_authority(host: &str, port: u16, tls: bool) -> String {
    let name = match host.contains(':') {
        true => format!("[{host}]"),
        false => host.strip_suffix('.').unwrap_or(host).to_owned(),
    };
    match (tls, port) {
        (true, 443) | (false, 80) => name,
        _ => format!("{name}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> (String, u16, bool, String, String) {
        let endpoint = Endpoint::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        (endpoint.host, endpoint.port, endpoint.tls, endpoint.path_prefix, endpoint.authority)
    }

    #[test]
    fn usual_base_urls() {
        let row = |host: &str, port, tls, prefix: &str, authority: &str| {
            (host.to_owned(), port, tls, prefix.to_owned(), authority.to_owned())
        };
        assert_eq!(parsed("https://api.openai.com/v1"), row("api.openai.com", 443, true, "/v1", "api.openai.com"));
        assert_eq!(
            parsed("HTTPS://API.Example.com:8443/"),
            row("api.example.com", 8443, true, "", "api.example.com:8443")
        );
        assert_eq!(parsed("http://localhost:11434"), row("localhost", 11434, false, "", "localhost:11434"));
        assert_eq!(parsed("http://[::1]:8000/v1/"), row("::1", 8000, false, "/v1", "[::1]:8000"));
        assert_eq!(parsed("http://10.0.0.7"), row("10.0.0.7", 80, false, "", "10.0.0.7"));
        assert_eq!(parsed("https://model.example./x"), row("model.example.", 443, true, "/x", "model.example"));
    }

    #[test]
    fn what_cannot_be_a_base_url_is_refused() {
        let refused = [
            "api.openai.com",
            "ftp://example.com",
            "https://",
            "https:///v1",
            "https://user:secret@example.com",
            "https://example.com/?key=1",
            "https://example.com#x",
            "https://example.com:0",
            "https://example.com:99999",
            "https://example.com:+80",
            "https://example.com:http",
            "https://2001:db8::1/",
            "https://[fe80::1",
            "https://[example.com]/",
            "https://[::1]x",
            "https://exa mple.com",
            "https://exam\u{e9}ple.com",
            "https://example..com",
            "http://2130706433",
            "http://127.1",
            "http://0x7f.0x1",
            "https://example.com/a b",
            "https://example.com/\r\nx",
        ];
        for url in refused {
            assert!(Endpoint::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_version_is_said_once() {
        for (base, path, wanted) in [
            ("https://h", "/v1beta/models/m:x", "/v1beta/models/m:x"),
            ("https://h/v1", "/v1beta/models/m:x", "/models/m:x"),
            ("https://h/v1beta/", "/v1beta/models/m:x", "/models/m:x"),
            ("https://h/v1alpha", "/v1beta/models/m:x", "/models/m:x"),
            ("https://h/v1beta1/projects/p/locations/l/publishers/google", "/v1beta/models/m:x", "/models/m:x"),
            ("https://h/v1/publishers/google", "/v1beta/models/m:x", "/models/m:x"),
            ("https://h/v1", "/v1/messages", "/messages"),
            ("https://h", "/v1/messages", "/v1/messages"),
            ("https://h/api/anthropic", "/v1/messages", "/v1/messages"),
            ("https://h/v1/account/gateway/anthropic", "/v1/messages", "/v1/messages"),
            ("https://h/v1", "/chat/completions", "/chat/completions"),
            ("https://h/version/v", "/v1/messages", "/v1/messages"),
        ] {
            assert_eq!(Endpoint::parse(base).unwrap().below(path), wanted, "{base} {path}");
        }
    }

    #[test]
    fn the_refusal_never_repeats_a_credential() {
        let error = Endpoint::parse("https://user:secret@example.com").unwrap_err();
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn only_what_the_operator_wrote_himself_is_fixed() {
        assert!(Endpoint::parse("http://localhost:1").unwrap().fixed.is_some());
        assert!(Endpoint::parse("http://192.168.0.2:1").unwrap().fixed.is_some());
        assert!(Endpoint::parse("http://ollama:1").unwrap().fixed.is_none());
    }

    #[test]
    fn endpoints_of_different_trust_do_not_share_connections() {
        let endpoint = Endpoint::parse("https://example.com").unwrap();
        let other_roots = endpoint.clone().trusting(Roots::Platform, false);
        let other_rule = endpoint.clone().trusting(Roots::WebPki, true);
        assert_ne!(endpoint.key, other_roots.key);
        assert_ne!(endpoint.key, other_rule.key);
        assert_eq!(endpoint.key, Endpoint::parse("https://example.com/other/path").unwrap().key);
    }
}
