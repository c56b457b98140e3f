//! Settings made runnable: names resolved, credentials rendered, routes indexed.
//!
//! This is the one place where configuration meets the lists of dialects, providers and strategies. A
//! deployment is immutable; reloading makes a new one and swaps it whole, so a request sees one
//! configuration from beginning to end. Three things alone are carried over: rate limits, by key name,
//! because a reload must not hand every caller a fresh minute; what is known of providers' keys, by
//! credential, because a reload does not mend a revoked one; and credentials that clouds gave for a while,
//! by identity, because a reload does not make them worse.

use super::homes::Home;
use crate::chat::Usage;
use crate::clock::Tick;
use crate::config::AwsSource;
use crate::config::Price;
use crate::config::RouteCache;
use crate::config::SINGLE_KEY_NAME;
use crate::config::Settings;
use crate::config::Tier;
use crate::dialects;
use crate::dialects::Dialect;
use crate::dialects::Dropped;
use crate::dialects::ProviderDialect;
use crate::dialects::anthropic_messages::wrap_for_vertex;
use crate::dialects::anthropic_messages::write_vertex_path;
use crate::dialects::openai_chat;
use crate::dialects::openai_chat::OpenAiChat;
use crate::dialects::openai_chat::Quirks;
use crate::fault::Fault;
use crate::fault::Kind as FaultKind;
use crate::identity::AwsIdentity;
use crate::identity::Credential as Presented;
use crate::identity::GoogleIdentity;
use crate::identity::Identity;
use crate::identity::InForce;
use crate::identity::Source;
use crate::identity::Trust;
use crate::keys::Caller;
use crate::keys::Chosen;
use crate::keys::KeyRing;
use crate::keys::ProviderKey;
use crate::keys::ProviderKeys;
use crate::limits::RequestRate;
use crate::providers;
use crate::providers::Credential;
use crate::providers::Envelope;
use crate::providers::KeyRules;
use crate::providers::Kind;
use crate::providers::Rates;
use crate::providers::catalogue;
use crate::routing;
use crate::routing::Strategy;
use crate::routing::Table;
use crate::upstream::ProviderLink;
use crate::upstream::Signer;
use crate::upstream::TlsConfigs;
use crate::wire::edits::Edit;
use secrecy::ExposeSecret;
use secrecy::SecretString;
use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// What a caller is told to wait while a provider's credential cannot be fetched.
const CREDENTIAL_RETRY: Duration = Duration::from_secs(1);

/// One provider, ready to be asked.
pub struct Provider {
    /// Its configured name.
    pub name: Arc<str>,
    /// What it speaks to callers of other dialects; see [`Provider::dialect_for`].
    dialect: &'static dyn ProviderDialect,
    /// What else it speaks, to callers who do.
    also_speaks: Vec<&'static dyn ProviderDialect>,
    /// Where it is, with its deadlines and pool bounds.
    pub link: ProviderLink,
    /// The version of Azure's older API, where that is spoken.
    api_version: Option<Arc<str>>,
    envelope: Envelope,
    /// `host` and fixed headers, rendered once; may hold a secret, hence never printed.
    pub(super) fixed_head: Vec<u8>,
    /// Its credentials.
    pub(super) keys: ProviderKeys,
    /// How it refuses them.
    pub(super) key_rules: KeyRules,
    /// Who the gateway is to it, where no key says it.
    pub(super) identity: Option<Arc<Identity>>,
    /// Does the fixed head hold `anthropic-version`, to be left out when the caller sends its own?
    pub(super) default_headers: &'static [(&'static str, &'static str)],
    /// Sent when the dialect demands a bound.
    pub default_max_tokens: Option<u64>,
    /// How its chat completions differ from OpenAI's.
    pub quirks: Quirks,
    /// Does it tell what an answer cost?
    pub reports_cost: bool,
    /// The kind's name, for the catalogue of prices.
    pub kind: Option<&'static str>,
    /// Models that `/v1/models` lists for it.
    pub models: Vec<String>,
}

impl Provider {
    /// Does it speak the dialect called `name`?
    pub fn speaks(&self, name: &str) -> bool {
        self.spoken().any(|spoken| spoken == name)
    }

    fn spoken(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.dialect).chain(self.also_speaks.iter().copied()).map(ProviderDialect::name)
    }

    /// In what a caller who speaks `caller` is served untranslated, if it can be: nothing is lost then.
    pub fn passing(&self, caller: &'static dyn Dialect) -> Option<&'static dyn Dialect> {
        if self.spoken().any(|own| caller.served_by(own)) {
            return Some(caller);
        }
        self.spoken().find_map(|own| caller.through(own))
    }

    /// Appends where it has what its dialect has at `path`; `model` is what is asked for there.
    pub(super) fn write_path(&self, path: &str, model: Option<&str>, stream: bool, out: &mut Vec<u8>) {
        let endpoint = &self.link.endpoint;
        out.extend_from_slice(endpoint.path_prefix.as_bytes());
        match (&self.api_version, self.envelope) {
            (Some(version), _) => providers::azure::write_path(path, model, version, out),
            (None, Envelope::Vertex) => write_vertex_path(path, model.unwrap_or_default(), stream, out),
            (None, Envelope::Usual) => out.extend_from_slice(endpoint.below(path).as_bytes()),
        }
    }

    /// What it wants otherwise in `body`, which is in `dialect` and goes to `path`, and what had to be left out
    /// for that.
    pub(super) fn adapt(
        &self,
        dialect: &'static dyn ProviderDialect,
        path: &str,
        body: &[u8],
    ) -> (Vec<Edit<'static>>, Vec<Dropped>) {
        let quirks = self.quirks_of(dialect);
        let (mut edits, dropped) =
            if quirks.change_requests() { openai_chat::adapt(body, &quirks) } else { Default::default() };
        if self.envelope == Envelope::Vertex {
            edits.extend(wrap_for_vertex(path, body));
        }
        (edits, dropped)
    }

    /// Are calls passed on to it unread? What is wrapped is read.
    pub(super) fn passes_unread(&self) -> bool {
        self.envelope == Envelope::Usual
    }

    /// What it speaks for a caller who speaks `caller`.
    pub fn dialect_for(&self, caller: &'static dyn Dialect) -> &'static dyn ProviderDialect {
        self.passing(caller).map_or(self.dialect, |passing| passing as &dyn ProviderDialect)
    }
}

/// One way to serve a route.
pub struct Target {
    /// Index of the provider.
    pub provider: usize,
    /// The provider's model; `None` = the requested one.
    pub model: Option<Arc<str>>,
}

/// One route.
pub struct Route {
    /// The model name or pattern it was configured for.
    pub name: Arc<str>,
    /// Ways to serve it, in the operator's order.
    pub targets: Vec<Target>,
    /// The tier of each target.
    pub tiers: Vec<Option<Tier>>,
    /// How to choose among them.
    pub strategy: &'static dyn Strategy,
    /// What may be cached.
    pub cache: RouteCache,
}

/// Everything a request is judged by.
pub struct Deployment {
    /// The checked file.
    pub settings: Settings,
    /// Virtual keys.
    pub keys: KeyRing,
    /// Request limits by caller index.
    pub rates: Vec<Option<Arc<RequestRate>>>,
    /// Providers by index.
    pub providers: Vec<Provider>,
    /// Routes by index.
    pub routes: Vec<Route>,
    /// From model to route.
    pub table: Table,
    /// Cache rules for `provider/model` requests that no route pattern covers.
    pub direct_cache: RouteCache,
}

/// What cannot be resolved; says what to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssemblyError(pub String);

impl std::fmt::Display for AssemblyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for AssemblyError {}

impl Provider {
    /// What is adapted to in `dialect`, of those that it speaks: quirks are those of chat completions.
    pub(super) fn quirks_of(&self, dialect: &'static dyn ProviderDialect) -> Quirks {
        if dialect.name() == OpenAiChat.name() { self.quirks } else { Quirks::NONE }
    }

    /// Is a bound translated from another dialect written as `max_tokens`? Servers of which nothing is
    /// known mostly take that one only.
    pub(super) fn legacy_max_tokens(&self) -> bool {
        self.kind.is_none() || self.quirks.only_max_tokens
    }

    /// The home of what was made with its key number `key` for `caller`.
    pub(super) fn home(&self, key: usize, caller: &Caller) -> Home {
        let (provider, scope) = (Arc::clone(&self.name), Arc::clone(&caller.scope));
        Home { provider, key: self.keys.shared_name(key), scope }
    }

    /// Its key for a request about something of which `home` is known: the one that it was made with.
    pub(super) fn key_at(&self, home: Option<&Home>, model: &str, now: Tick) -> Option<Chosen> {
        let home = home.filter(|home| home.provider == self.name)?;
        self.keys.called(&home.key, model, now)
    }

    /// A fault in the provider's words, without any credential that they quote.
    pub(super) fn redacted(&self, mut fault: Fault) -> Fault {
        let redact = |text: &mut Cow<'static, str>| {
            self.keys.redact(text);
            self.identity.iter().for_each(|identity| identity.redact(text));
        };
        redact(&mut fault.message);
        for field in [&mut fault.param, &mut fault.code, &mut fault.provider_type].into_iter().flatten() {
            let mut text = Cow::Owned(std::mem::take(field));
            redact(&mut text);
            *field = text.into_owned();
        }
        fault
    }

    /// Does its answer quote a credential of the gateway's?
    pub(super) fn is_credential_quoted_in(&self, body: &[u8]) -> bool {
        self.keys.are_quoted_in(body) || self.identity.as_ref().is_some_and(|identity| identity.is_quoted_in(body))
    }

    /// What is presented to it beside a key: nothing where keys are all there is; a fault where something has to be
    /// and is not there, so that another target is asked.
    pub(super) fn credential(&self, unix_ms: impl Fn() -> u64) -> Result<Option<InForce>, Fault> {
        let Some(identity) = &self.identity else { return Ok(None) };
        identity.in_force(unix_ms()).map(Some).ok_or_else(|| {
            let advice = "at present; its operator finds the reason in the log";
            let message = format!("the gateway has no valid credential for the provider `{}` {advice}", self.name);
            Fault { retry_after: Some(CREDENTIAL_RETRY), ..Fault::new(FaultKind::Overloaded, message) }
        })
    }

    /// The setting that says who asks, for advice.
    pub(super) fn credential_setting(&self) -> &'static str {
        self.identity.as_ref().map_or("api_key", |identity| identity.setting())
    }
}

impl Deployment {
    /// Resolves every name in `settings`. `demo` is where the embedded demo provider listens, if it
    /// was started; `previous` lends its rate limits.
    pub fn assemble(
        settings: Settings,
        demo: Option<SocketAddr>,
        previous: Option<&Deployment>,
    ) -> Result<Deployment, AssemblyError> {
        let tls = TlsConfigs::new();
        let providers = settings
            .providers
            .iter()
            .map(|written| provider(written, demo, &tls, previous))
            .collect::<Result<Vec<_>, _>>()?;
        let routes = settings.routes.iter().map(|written| route(written, &providers)).collect::<Result<Vec<_>, _>>()?;
        let mut table = Table::default();
        for (index, written) in settings.routes.iter().enumerate() {
            table.insert(&written.model, written.caller.as_deref(), index);
        }
        Ok(Deployment {
            keys: KeyRing::new(&settings.keys),
            rates: request_rates(&settings, previous),
            providers,
            routes,
            table,
            direct_cache: RouteCache::default(),
            settings,
        })
    }

    /// The index of the provider with this configured name.
    pub(super) fn provider_called(&self, name: &str) -> Option<usize> {
        self.providers.iter().position(|provider| *provider.name == *name)
    }

    /// Does any route want vectors?
    pub fn wants_vectors(&self) -> bool {
        self.routes.iter().any(|route| route.cache.semantic)
    }

    /// Who the gateway is to those providers whose credentials have to be renewed.
    pub fn identities(&self) -> impl Iterator<Item = &Arc<Identity>> {
        let identities = self.providers.iter().filter_map(|provider| provider.identity.as_ref());
        identities.filter(|identity| identity.is_renewed())
    }

    /// Does the operator want prompts and answers in the request log?
    pub fn logs_bodies(&self) -> bool {
        self.settings.request_log.as_ref().is_some_and(|log| log.bodies)
    }

    /// What an answer cost that came at this time: what its provider says, else what its tokens cost, if their price is known.
    pub(super) fn cost(&self, provider: &Provider, model: &str, usage: &Usage, unix_ms: u64) -> Option<f64> {
        let told = usage.cost_usd.filter(|_| provider.reports_cost);
        told.or_else(|| self.rates(provider, model, usage, unix_ms).map(|rates| rates.cost(usage)))
    }

    /// What a request with this usage is charged by: the operator's own price, else the catalogue's.
    fn rates(&self, provider: &Provider, model: &str, usage: &Usage, unix_ms: u64) -> Option<Rates> {
        let own = self.own_price(&provider.name, model).map(Rates::configured);
        own.or_else(|| catalogue::listing(provider.kind?, model)?.rates_for(usage, unix_ms))
    }

    /// The price that the operator named for `model` at `provider`.
    pub(super) fn own_price(&self, provider: &str, model: &str) -> Option<&Price> {
        let named = self.settings.prices.iter().filter(|price| price.provider == provider);
        named.clone().find(|price| price.model == model).or_else(|| {
            let mut patterns = named.filter(|price| routing::matches(&price.model, model));
            patterns.next()
        })
    }
}

fn request_rates(settings: &Settings, previous: Option<&Deployment>) -> Vec<Option<Arc<RequestRate>>> {
    let kept = |name: &str, limit: u32| {
        let before = previous?;
        let index = before.settings.keys.iter().position(|key| key.name == name)?;
        let rate = before.rates.get(index)?.as_ref()?;
        Some(if rate.limit() == limit { Arc::clone(rate) } else { Arc::new(rate.resized(limit)) })
    };
    let rate = |name: &str, limit: u32| kept(name, limit).unwrap_or_else(|| Arc::new(RequestRate::new(limit)));
    settings.keys.iter().map(|key| key.requests_per_minute.map(|limit| rate(&key.name, limit))).collect()
}

fn provider(
    written: &crate::config::Provider,
    demo: Option<SocketAddr>,
    tls: &TlsConfigs,
    previous: Option<&Deployment>,
) -> Result<Provider, AssemblyError> {
    let name = &written.name;
    let kind = match &written.kind {
        Some(kind) => Some(providers::named(kind).ok_or_else(|| {
            let known: Vec<&str> = providers::ALL.iter().map(|kind| kind.name).collect();
            AssemblyError(format!("provider `{name}`: unknown kind `{kind}`; known kinds are {}", known.join(", ")))
        })?),
        None => providers::named(name),
    };
    let dialect_name = written.dialect.as_deref().or(kind.map(|kind| kind.dialect)).ok_or_else(|| {
        AssemblyError(format!("provider `{name}`: set `dialect` (for example \"openai_chat\") or a known `kind`"))
    })?;
    let dialect = dialect_named(dialect_name, name)?;
    let also_speaks = also_speaks(written, kind)?;
    let demo_url = demo.map(|address| format!("http://{address}/v1"));
    let is_demo = kind.is_some_and(|kind| kind.name == providers::demo::KIND.name) && written.base_url.is_none();
    let base_url = match (&written.base_url, kind) {
        (Some(url), _) => url.clone(),
        (None, Some(_)) if is_demo => demo_url.ok_or_else(|| {
            AssemblyError(format!("provider `{name}`: the embedded demo provider runs only inside `ringgate serve`"))
        })?,
        (None, Some(kind)) if kind.wants_address() => {
            let form = kind.base_url;
            return Err(AssemblyError(format!(
                "provider `{name}`: set `base_url`, which is your own: \"{form}\" with your name in place of the capitals"
            )));
        }
        (None, Some(kind)) => regional(kind.base_url, written)?,
        (None, None) => return Err(AssemblyError(format!("provider `{name}`: set `base_url`"))),
    };
    // The address of this machine that is known of the kind is as good as one that was written.
    let local = written.base_url.is_none() && kind.is_some_and(Kind::is_local);
    let allowed = written.allow_private_addresses || local;
    let reachable = crate::config::Provider { allow_private_addresses: allowed, ..written.clone() };
    let link = ProviderLink::new(&reachable, &base_url, tls)
        .map_err(|reason| AssemblyError(format!("provider `{name}`: {reason}")))?;
    let credential = kind.map_or_else(|| providers::credential_of_dialect(dialect_name), |kind| kind.credential);
    // What a dialect demands is known from the first provider that speaks it.
    let speaks = |kind: &&'static Kind| kind.dialect == dialect_name;
    let spoken = kind.filter(speaks).or_else(|| providers::ALL.iter().copied().find(speaks));
    Ok(Provider {
        name: Arc::from(name.as_str()),
        dialect,
        also_speaks,
        envelope: kind.filter(speaks).map_or(Envelope::Usual, |kind| kind.envelope),
        api_version: api_version(written, dialect_name, &link.endpoint.path_prefix)?,
        fixed_head: fixed_head(&link.endpoint.authority, written),
        keys: keys(written, credential, &link.endpoint.authority, previous),
        identity: identity(written, &link.endpoint.authority, tls, previous)?,
        key_rules: kind.map_or(KeyRules::USUAL, |kind| kind.key_rules),
        default_headers: spoken.map_or(&[], |kind| kind.headers),
        default_max_tokens: written.default_max_tokens.or(spoken.and_then(|kind| kind.default_max_tokens)),
        // A kind may be spoken to in another dialect than its own, to which its quirks do not belong.
        quirks: kind.filter(speaks).map_or(Quirks::NONE, |kind| kind.quirks),
        reports_cost: kind.is_some_and(|kind| kind.reports_cost),
        kind: kind.map(|kind| kind.name),
        models: written.models.clone(),
        link,
    })
}

/// The older API of Azure is that of OpenAI's dialects, below the resource's own address.
fn api_version(
    written: &crate::config::Provider,
    dialect: &str,
    path_prefix: &str,
) -> Result<Option<Arc<str>>, AssemblyError> {
    let Some(version) = &written.api_version else { return Ok(None) };
    let name = &written.name;
    let known = providers::azure::VERSIONED_DIALECTS;
    if !known.contains(&dialect) {
        let known = known.join(" and ");
        return Err(AssemblyError(format!(
            "provider `{name}`: `api_version` is for the dialects {known}; leave it out"
        )));
    }
    if path_prefix.ends_with("/openai") || path_prefix.ends_with("/v1") {
        return Err(AssemblyError(format!(
            "provider `{name}`: with `api_version`, `base_url` is \"https://RESOURCE.openai.azure.com\" without a path \
             to the API; or leave `api_version` out and speak the versionless API"
        )));
    }
    Ok(Some(Arc::from(version.as_str())))
}

fn dialect_named(dialect: &str, provider: &str) -> Result<&'static dyn ProviderDialect, AssemblyError> {
    dialects::of_provider(dialect).ok_or_else(|| {
        let known: Vec<&str> = dialects::of_providers().map(|dialect| dialect.name()).collect();
        let known = known.join(", ");
        AssemblyError(format!("provider `{provider}`: unknown dialect `{dialect}`; known dialects are {known}"))
    })
}

/// A kind is known to speak several dialects only where it usually is: who imitates one of them elsewhere
/// need not imitate all.
fn also_speaks(
    written: &crate::config::Provider,
    kind: Option<&Kind>,
) -> Result<Vec<&'static dyn ProviderDialect>, AssemblyError> {
    if let Some(names) = &written.also_speaks {
        return names.iter().map(|name| dialect_named(name, &written.name)).collect();
    }
    let at_home = |kind: &&Kind| written.base_url.is_none() || kind.wants_address();
    // Of the older API's versions only the last know more than chat completions.
    let at_home = |kind: &&Kind| at_home(kind) && written.api_version.is_none();
    let usual = kind.filter(at_home).filter(|_| written.dialect.is_none());
    let names = usual.map_or(&[][..], |kind| kind.also_speaks);
    names.iter().map(|name| dialect_named(name, &written.name)).collect()
}

/// A kind's address with the configured region in it, where it has one address for each region. None is
/// guessed: prompts must not leave the region that their operator chose.
fn regional(base_url: &str, written: &crate::config::Provider) -> Result<String, AssemblyError> {
    if !base_url.contains(REGION) {
        return Ok(base_url.to_owned());
    }
    let region = written.aws.as_ref().and_then(|aws| aws.region.as_deref()).ok_or_else(|| {
        let example = base_url.replace(REGION, "us-east-1");
        AssemblyError(format!("provider `{}`: set `base_url` to your region's, for example {example}", written.name))
    })?;
    Ok(base_url.replace(REGION, region))
}

/// Where a kind's address names the region.
const REGION: &str = "{region}";

/// Who the gateway is to the provider. What it had before a reload goes on serving.
fn identity(
    written: &crate::config::Provider,
    authority: &str,
    tls: &TlsConfigs,
    previous: Option<&Deployment>,
) -> Result<Option<Arc<Identity>>, AssemblyError> {
    let name = &written.name;
    let failed = |reason: String| AssemblyError(format!("provider `{name}`: {reason}"));
    let trust = Trust { roots: &written.roots, allow_private: written.allow_private_addresses, configs: tls };
    let source = if let Some(google) = &written.google {
        Source::Google(Box::new(GoogleIdentity::new(google, trust).map_err(failed)?))
    } else if let Some(aws) = &written.aws {
        let region = aws.region.as_deref().or_else(|| region_of(authority));
        let region = region.ok_or_else(|| failed("set `aws.region`; `base_url` does not tell it".to_owned()))?;
        if let (AwsSource::Keys(keys), None) = (&aws.source, &aws.assume_role) {
            let signer = Signer::new(keys.clone(), region, SIGNED_SERVICE);
            return Ok(Some(Arc::new(Identity::fixed(name, Presented::Signed(signer)))));
        }
        Source::Aws(Box::new(AwsIdentity::new(aws, region, SIGNED_SERVICE, trust).map_err(failed)?))
    } else {
        return Ok(None);
    };
    let same = |before: &&Provider| *before.name == **name;
    let before = previous.and_then(|previous| previous.providers.iter().find(same));
    Ok(Some(Arc::new(Identity::new(name, source, before.and_then(|before| before.identity.as_deref())))))
}

/// The only service whose models are asked with signed requests.
const SIGNED_SERVICE: &str = "bedrock";

/// `us-east-1` of `bedrock-runtime.us-east-1.amazonaws.com`, also behind a private endpoint's own name.
fn region_of(authority: &str) -> Option<&str> {
    let mut labels = authority.split(['.', ':']);
    labels.find(|label| label.starts_with("bedrock-runtime"))?;
    labels.next().filter(|label| label.contains('-'))
}

/// The header lines that are the same for every request to this provider.
fn fixed_head(authority: &str, written: &crate::config::Provider) -> Vec<u8> {
    let mut head = Vec::with_capacity(256);
    push_header(&mut head, "host", authority.as_bytes());
    push_header(&mut head, "content-type", b"application/json");
    push_header(&mut head, "accept-encoding", b"identity");
    push_header(&mut head, "user-agent", concat!("ringgate/", env!("CARGO_PKG_VERSION")).as_bytes());
    for (name, value) in &written.headers {
        push_header(&mut head, name, value.expose_secret().as_bytes());
    }
    head
}

/// The provider's keys; what the previous deployment knew of them holds for the same place only.
fn keys(
    written: &crate::config::Provider,
    credential: Credential,
    authority: &str,
    previous: Option<&Deployment>,
) -> ProviderKeys {
    let key = |name: &str, secret: &SecretString, weight: u32, models: &[String]| ProviderKey {
        name: Arc::from(name),
        line: credential_line(credential, secret),
        secret_bytes: secret.expose_secret().len(),
        weight,
        models: models.to_vec(),
    };
    let single = written.api_key.iter().map(|secret| key(SINGLE_KEY_NAME, secret, 1, &[]));
    let listed = written.api_keys.iter().map(|it| key(&it.name, &it.key, it.weight, &it.models));
    let mut keys: Vec<ProviderKey> = single.chain(listed).collect();
    if keys.is_empty() {
        let (line, models) = (Vec::new(), Vec::new());
        keys.push(ProviderKey { name: Arc::from(""), line, secret_bytes: 0, weight: 1, models });
    }
    let same = |before: &&Provider| *before.name == *written.name && before.link.endpoint.authority == *authority;
    let before = previous.and_then(|previous| previous.providers.iter().find(same)).map(|before| &before.keys);
    ProviderKeys::new(keys, written.rejected_key_retry, before)
}

fn credential_line(credential: Credential, secret: &SecretString) -> Vec<u8> {
    let mut line = Vec::new();
    let secret = secret.expose_secret();
    match credential {
        Credential::Bearer => push_header(&mut line, "authorization", format!("Bearer {secret}").as_bytes()),
        Credential::Header(name) => push_header(&mut line, name, secret.as_bytes()),
        Credential::None => {}
    }
    line
}

pub(super) fn push_header(head: &mut Vec<u8>, name: &str, value: &[u8]) {
    head.extend_from_slice(name.as_bytes());
    head.extend_from_slice(b": ");
    head.extend_from_slice(value);
    head.extend_from_slice(b"\r\n");
}

fn route(written: &crate::config::Route, providers: &[Provider]) -> Result<Route, AssemblyError> {
    let mut targets = Vec::with_capacity(written.targets.len());
    for target in &written.targets {
        let provider = providers.iter().position(|provider| *provider.name == *target.provider).ok_or_else(|| {
            AssemblyError(format!("route `{}`: no provider is called `{}`", written.model, target.provider))
        })?;
        targets.push(Target { provider, model: target.model.as_deref().map(Arc::from) });
    }
    let tiers: Vec<Option<Tier>> = written.targets.iter().map(|target| target.tier).collect();
    let implied = if tiers.iter().any(Option::is_some) { "complexity" } else { "ordered" };
    let wanted = written.strategy.as_deref().unwrap_or(implied);
    let strategy = routing::named(wanted).ok_or_else(|| {
        let known: Vec<&str> = routing::ALL.iter().map(|strategy| strategy.name()).collect();
        AssemblyError(format!(
            "route `{}`: unknown strategy `{wanted}`; known strategies are {}",
            written.model,
            known.join(", ")
        ))
    })?;
    Ok(Route { name: Arc::from(written.model.as_str()), targets, tiers, strategy, cache: written.cache.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::config::KnownNames;
    use crate::dialects::anthropic_messages::AnthropicMessages;
    use crate::dialects::openai_chat::OpenAiChat;
    use crate::dialects::openai_responses::OpenAiResponses;

    fn assembled(provider: &str) -> Result<Provider, String> {
        let text = format!("[[providers]]\n{provider}\n[[routes]]\nmodel = \"*\"\ntargets = [\"bedrock\"]\n");
        let dialects: Vec<&str> = dialects::of_providers().map(|dialect| dialect.name()).collect();
        let kinds: Vec<&str> = providers::ALL.iter().map(|kind| kind.name).collect();
        let names = KnownNames { dialects: &dialects, callers: &[], kinds: &kinds, strategies: &["ordered"] };
        let environment = |name: &str| Some(name.to_owned());
        let settings = config::parse(&text, "test.toml", &environment, &names).expect("a valid file");
        let mut deployment = Deployment::assemble(settings, None, None).map_err(|error| error.to_string())?;
        Ok(deployment.providers.remove(0))
    }

    /// The line that a request's head says who asks with.
    fn credential(provider: &Provider) -> String {
        let chosen = provider.keys.choose("m", crate::keys::Tried::default(), crate::clock::Tick(0), 0);
        String::from_utf8_lossy(provider.keys.line(chosen.expect("no model is refused"))).into_owned()
    }

    const KEYS: &str = "access_key_id = \"env:ID\", secret_access_key = \"env:SECRET\"";

    #[test]
    fn bedrock_is_where_its_operator_says_and_nowhere_else() {
        let provider =
            assembled(&format!("name = \"bedrock\"\naws = {{ {KEYS}, region = \"eu-west-3\" }}")).expect("complete");
        assert_eq!(provider.link.endpoint.authority, "bedrock-runtime.eu-west-3.amazonaws.com");
        assert!(provider.identity.is_some() && provider.dialect.name() == "bedrock_converse");
        assert_eq!(credential(&provider), "");
        let told = assembled("name = \"bedrock\"\napi_key = \"env:KEY\"").err().expect("no region");
        assert!(told.contains("`bedrock`") && told.contains("base_url") && told.contains("us-east-1"), "{told}");
        let url = "base_url = \"https://bedrock-runtime.us-west-2.amazonaws.com\"";
        let provider = assembled(&format!("name = \"bedrock\"\n{url}\napi_key = \"env:KEY\"")).expect("complete");
        assert!(provider.identity.is_none());
        assert_eq!(credential(&provider), "authorization: Bearer KEY\r\n");
        assert!(
            assembled(&format!("name = \"bedrock\"\n{url}\naws = {{ {KEYS} }}")).is_ok_and(|it| it.identity.is_some())
        );
        let mock = format!("name = \"bedrock\"\nbase_url = \"http://127.0.0.1:9\"\naws = {{ {KEYS} }}");
        assert!(assembled(&mock).is_err_and(|told| told.contains("aws.region")));
    }

    #[test]
    fn addresses_tell_their_region() {
        for (authority, region) in [
            ("bedrock-runtime.us-east-1.amazonaws.com", Some("us-east-1")),
            ("bedrock-runtime-fips.us-gov-west-1.amazonaws.com:443", Some("us-gov-west-1")),
            ("bedrock-runtime.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("vpce-1-a.bedrock-runtime.eu-central-1.vpce.amazonaws.com", Some("eu-central-1")),
            ("bedrock-runtime.internal", None),
            ("127.0.0.1:9000", None),
        ] {
            assert_eq!(region_of(authority), region, "{authority}");
        }
    }

    /// What a provider with these lines speaks to callers of chat completions, responses and messages.
    fn spoken(lines: &str) -> [&'static str; 3] {
        let dialects: Vec<&str> = dialects::of_providers().map(|dialect| dialect.name()).collect();
        let kinds: Vec<&str> = providers::ALL.iter().map(|kind| kind.name).collect();
        let strategies: Vec<&str> = routing::ALL.iter().map(|strategy| strategy.name()).collect();
        let callers: Vec<&str> = dialects::ALL.iter().map(|dialect| dialect.name()).collect();
        let names = KnownNames { dialects: &dialects, callers: &callers, kinds: &kinds, strategies: &strategies };
        let text = format!("[[providers]]\n{lines}\n[[routes]]\nmodel = \"*\"\ntargets = [\"p\"]\n");
        let settings = config::parse(&text, "test.toml", &|_| None, &names).expect("valid");
        let deployment = Deployment::assemble(settings, None, None).expect("complete");
        let callers: [&'static dyn Dialect; 3] = [&OpenAiChat, &OpenAiResponses, &AnthropicMessages];
        callers.map(|caller| deployment.providers[0].dialect_for(caller).name())
    }

    #[test]
    fn a_caller_gets_its_own_dialect_where_the_provider_speaks_it() {
        const CHAT: &str = "openai_chat";
        const RESPONSES: &str = "openai_responses";
        const MESSAGES: &str = "anthropic_messages";
        let url = "base_url = \"https://example.com/v1\"";
        for (lines, wanted) in [
            ("name = \"p\"\nkind = \"openai\"", [CHAT, RESPONSES, CHAT]),
            ("name = \"p\"\nkind = \"openai\"\ndialect = \"openai_responses\"", [RESPONSES; 3]),
            ("name = \"p\"\nkind = \"openai\"\nalso_speaks = []", [CHAT; 3]),
            ("name = \"p\"\nkind = \"anthropic\"", [MESSAGES; 3]),
            (&format!("name = \"p\"\nkind = \"openai\"\n{url}"), [CHAT; 3]),
            (&format!("name = \"p\"\ndialect = \"openai_chat\"\n{url}"), [CHAT; 3]),
            (
                &format!("name = \"p\"\ndialect = \"openai_responses\"\nalso_speaks = [\"anthropic_messages\"]\n{url}"),
                [RESPONSES, RESPONSES, MESSAGES],
            ),
        ] {
            assert_eq!(spoken(lines), wanted, "{lines}");
        }
    }
}
