//! `[[providers]]`: where requests and credentials go.

use super::Check;
use crate::config::PROVIDER_KEYS_MAX;
use crate::config::Provider;
use crate::config::ProviderKey;
use crate::config::Roots;
use crate::config::SINGLE_KEY_NAME;
use crate::config::Timeouts;
use crate::config::address::BaseUrl;
use crate::config::address::Host;
use crate::config::address::parse_base_url;
use crate::config::document::Spot;
use crate::config::secret;
use crate::config::written;
use secrecy::SecretString;
use std::fs;
use std::time::Duration;

/// What a provider's name may hold besides letters and digits; no `/`, which separates it from a model.
const PROVIDER_PUNCTUATION: &str = "._-";

/// Longest version of an API.
const API_VERSION_BYTES_MAX: usize = 64;

/// Headers that the gateway writes itself: framing, routing and connection would break or be forged.
const OWN_HEADERS: &[&str] = &[
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "accept-encoding",
];

/// Headers whose values are secrets and must come from outside the file.
const CREDENTIAL_HEADERS: &[&str] =
    &["authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie"];

impl Check<'_, '_> {
    pub(super) fn providers(&mut self, providers: &[written::Provider], root: &Spot<'_>) -> Vec<Provider> {
        let spot = root.key("providers");
        if providers.is_empty() {
            let example = "there is no provider: add [[providers]] with name = \"openai\" and \
                           api_key = \"env:OPENAI_API_KEY\", or another";
            self.problems.at(spot.offset(), example.to_owned());
        }
        let names = providers.iter().enumerate().map(|(index, it)| (&it.name, spot.item(index).key("name")));
        self.unique(names, |name, first| {
            format!("is the name of providers[{first}] too: `{}`; give each its own", name.escape_debug())
        });
        let checked = providers.iter().enumerate().map(|(index, it)| self.provider(it, &spot.item(index)));
        checked.collect()
    }

    fn provider(&mut self, provider: &written::Provider, spot: &Spot<'_>) -> Provider {
        self.name(&provider.name, PROVIDER_PUNCTUATION, &spot.key("name"));
        self.known(provider.kind.as_deref(), self.names.kinds, "known provider", &spot.key("kind"));
        self.known(provider.dialect.as_deref(), self.names.dialects, "known dialect", &spot.key("dialect"));
        for (index, dialect) in provider.also_speaks.iter().flatten().enumerate() {
            let spot = spot.key("also_speaks");
            self.known(Some(dialect), self.names.callers, "known dialect of callers", &spot.item(index));
        }
        let kind = provider.kind.clone().or_else(|| {
            let is_kind = self.names.kinds.contains(&provider.name.as_str());
            is_kind.then(|| provider.name.clone())
        });
        if kind.is_none() {
            self.complete_without_kind(provider, spot);
        }
        for (index, model) in provider.models.iter().enumerate() {
            self.pattern(model, &spot.key("models").item(index));
        }
        let base_url = provider.base_url.as_deref().and_then(|text| self.base_url(text, &spot.key("base_url")));
        self.clear_text_credential(provider, base_url.as_ref(), spot);
        if provider.pool_idle_max > provider.connections_max && spot.key("pool_idle_max").is_written() {
            self.refuse(&spot.key("pool_idle_max"), "must not be larger than `connections_max`");
        }
        Provider {
            name: provider.name.clone(),
            kind,
            dialect: provider.dialect.clone(),
            also_speaks: provider.also_speaks.clone(),
            allow_private_addresses: provider.allow_private_addresses.unwrap_or_else(|| {
                // The operator has written the very address; there is no name that could lead elsewhere.
                base_url.as_ref().is_some_and(|url| url.host != Host::Name)
            }),
            base_url: base_url.map(|url| url.text),
            api_version: self.api_version(provider, &spot.key("api_version")),
            api_key: self.api_key(provider, spot),
            api_keys: self.api_keys(provider, spot),
            rejected_key_retry: Duration::from_millis(provider.rejected_key_retry_ms),
            aws: self.aws(provider, &spot.key("aws")),
            google: self.google(provider, &spot.key("google")),
            models: provider.models.clone(),
            timeouts: self.timeouts(provider, spot),
            pool_idle_timeout: Duration::from_millis(provider.pool_idle_timeout_ms),
            pool_idle_max: provider.pool_idle_max.min(provider.connections_max) as usize,
            connections_max: provider.connections_max as usize,
            roots: self.roots(&provider.roots, &spot.key("roots")),
            replay_stale: provider.replay_stale,
            default_max_tokens: provider.default_max_tokens,
            headers: self.headers(provider, &spot.key("headers")),
        }
    }

    fn complete_without_kind(&mut self, provider: &written::Provider, spot: &Spot<'_>) {
        let missing: Vec<&str> = [("dialect", &provider.dialect), ("base_url", &provider.base_url)]
            .iter()
            .filter(|(_, value)| value.is_none())
            .map(|(key, _)| *key)
            .collect();
        if !missing.is_empty() {
            let message = format!(
                "is no known provider (those are: {}), so it needs {}; or say which it is with `kind`",
                self.names.kinds.join(", "),
                missing.join(" and "),
            );
            self.refuse(spot, message);
        }
    }

    fn base_url(&mut self, text: &str, spot: &Spot<'_>) -> Option<BaseUrl> {
        parse_base_url(text).map_err(|why| self.refuse(spot, why)).ok()
    }

    /// It stands in a query, so it is what versions are: a date, perhaps with a word behind it.
    fn api_version(&mut self, provider: &written::Provider, spot: &Spot<'_>) -> Option<String> {
        let version = provider.api_version.as_deref()?;
        let is_part = |one: u8| one.is_ascii_alphanumeric() || one == b'-';
        if version.is_empty() || version.len() > API_VERSION_BYTES_MAX || !version.bytes().all(is_part) {
            let form = "must be a version of Azure's API, such as \"2024-10-21\" or \"2025-04-01-preview\"";
            self.refuse(spot, form);
        }
        Some(version.to_owned())
    }

    fn clear_text_credential(&mut self, provider: &written::Provider, url: Option<&BaseUrl>, spot: &Spot<'_>) {
        let has_key = provider.api_key.is_some() || !provider.api_keys.is_empty();
        let has_identity = provider.aws.is_some() || provider.google.is_some();
        let has_secret = has_key || has_identity || provider.headers.values().any(|it| secret::is_reference(it));
        let is_confidential = url.is_none_or(BaseUrl::is_confidential);
        if has_secret && !is_confidential && provider.allow_private_addresses != Some(true) {
            let message = "would send the credential in clear text: use https://, or, for a host on your own network, \
                           set allow_private_addresses = true";
            self.refuse(&spot.key("base_url"), message);
        }
    }

    fn api_key(&mut self, provider: &written::Provider, spot: &Spot<'_>) -> Option<SecretString> {
        self.secret(provider.api_key.as_deref()?, &provider.name, &spot.key("api_key"))
    }

    fn api_keys(&mut self, provider: &written::Provider, spot: &Spot<'_>) -> Vec<ProviderKey> {
        let list = spot.key("api_keys");
        if provider.api_keys.len() + usize::from(provider.api_key.is_some()) > PROVIDER_KEYS_MAX {
            self.refuse(&list, format!("must be at most {PROVIDER_KEYS_MAX}, `api_key` included"));
        }
        let name = |index: usize, key: &written::ProviderKey| match key {
            written::ProviderKey::Parts(parts) if parts.name.is_some() => parts.name.clone().unwrap_or_default(),
            _ => format!("key-{}", index + 1),
        };
        let single = provider.api_key.as_ref().map(|_| (SINGLE_KEY_NAME.to_owned(), spot.key("api_key")));
        let keys = provider.api_keys.iter().enumerate();
        let named = keys.clone().map(|(index, key)| (name(index, key), list.item(index).key("name")));
        self.unique(single.into_iter().chain(named), |name, _| {
            format!("is the name of another key of this provider too: `{}`; give each its own", name.escape_debug())
        });
        let keys = keys.filter_map(|(index, key)| {
            let spot = list.item(index);
            let name = name(index, key);
            self.name(&name, PROVIDER_PUNCTUATION, &spot.key("name"));
            let parts = match key {
                written::ProviderKey::Text(reference) => {
                    let key = self.secret(reference, &provider.name, &spot)?;
                    return Some(ProviderKey { name, key, weight: 1, models: Vec::new() });
                }
                written::ProviderKey::Parts(parts) => parts,
            };
            for (index, model) in parts.models.iter().enumerate() {
                self.pattern(model, &spot.key("models").item(index));
            }
            let key = self.secret(&parts.key, &provider.name, &spot.key("key"))?;
            Some(ProviderKey { name, key, weight: parts.weight, models: parts.models.clone() })
        });
        keys.collect()
    }

    fn secret(&mut self, reference: &str, provider: &str, spot: &Spot<'_>) -> Option<SecretString> {
        let variable = format!("{provider}_api_key").to_ascii_uppercase().replace(['.', '-'], "_");
        self.secret_of(reference, &variable, spot)
    }

    pub(super) fn secret_of(&mut self, reference: &str, variable: &str, spot: &Spot<'_>) -> Option<SecretString> {
        secret::resolve(reference, self.environment, self.folder, variable).map_err(|why| self.refuse(spot, why)).ok()
    }

    /// Those left out shrink to the total; those written must fit into it.
    fn timeouts(&mut self, provider: &written::Provider, spot: &Spot<'_>) -> Timeouts {
        let total_ms = provider.total_timeout_ms;
        let mut within_total = |key: &str, milliseconds: u64| {
            let spot = spot.key(key);
            if spot.is_written() && milliseconds > total_ms {
                self.refuse(&spot, format!("is {milliseconds}, but `total_timeout_ms` ends the request at {total_ms}"));
            }
            Duration::from_millis(milliseconds.min(total_ms))
        };
        Timeouts {
            connect: within_total("connect_timeout_ms", provider.connect_timeout_ms),
            tls: within_total("tls_timeout_ms", provider.tls_timeout_ms),
            first_byte: within_total("first_byte_timeout_ms", provider.first_byte_timeout_ms),
            idle: within_total("idle_timeout_ms", provider.idle_timeout_ms),
            total: Duration::from_millis(total_ms),
        }
    }

    fn roots(&mut self, text: &str, spot: &Spot<'_>) -> Roots {
        match text.strip_prefix("file:") {
            Some(path) => {
                let path = self.folder.join(path);
                match fs::read(&path) {
                    Err(error) => self.refuse(spot, format!("names the file {}: {error}", path.display())),
                    Ok(pem) if memchr::memmem::find(&pem, b"-----BEGIN CERTIFICATE-----").is_none() => {
                        self.refuse(spot, format!("names the file {}, which holds no PEM certificate", path.display()));
                    }
                    Ok(_) => {}
                }
                Roots::File(path)
            }
            None => {
                if text != "webpki" && text != "platform" {
                    self.refuse(spot, "must be \"webpki\", \"platform\" or \"file:PATH\"");
                }
                if text == "platform" { Roots::Platform } else { Roots::WebPki }
            }
        }
    }

    fn headers(&mut self, provider: &written::Provider, spot: &Spot<'_>) -> Vec<(String, SecretString)> {
        let lower = |name: &String| name.to_ascii_lowercase();
        let names = provider.headers.keys().map(|name| (lower(name), spot.key(name)));
        self.unique(names, |_, _| "is there twice: upper and lower case make no difference in header names".to_owned());
        let checked = provider.headers.iter().filter_map(|(name, value)| {
            let spot = spot.key(name);
            let name = name.to_ascii_lowercase();
            self.header_name(&name, &spot);
            Some((name.clone(), self.header_value(&name, value, &provider.name, &spot)?))
        });
        checked.collect()
    }

    fn header_name(&mut self, name: &str, spot: &Spot<'_>) {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(token) {
            self.refuse(spot, "is no valid header name");
        } else if OWN_HEADERS.contains(&name) || name.starts_with("x-ringgate-") {
            self.refuse(spot, "is a header that the gateway writes itself: remove it");
        }
    }

    fn header_value(&mut self, name: &str, value: &str, provider: &str, spot: &Spot<'_>) -> Option<SecretString> {
        if secret::is_reference(value) || CREDENTIAL_HEADERS.contains(&name) {
            return self.secret(value, provider, spot);
        }
        if value.trim() != value || !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            self.refuse(spot, "must be plain ASCII on one line, without blanks around it");
            return None;
        }
        Some(SecretString::from(value))
    }
}
