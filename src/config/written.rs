//! The configuration file as it is written: names and defaults, nothing checked yet.
//!
//! The comments here are the reference: `docs/configuration.md` and `docs/configuration.schema.json`
//! are generated from them. Unknown keys are forbidden in the schema only and not in serde: the loader
//! holds the file against the schema first, and serde would stop at the first unknown key where one
//! start should report every problem. For the same reason nothing here derives `Debug`: a text that
//! should be a reference to a secret may turn out to be the secret.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;

/// A Ringgate configuration file.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct File {
    /// Where callers connect, and what a request may cost before it is understood.
    pub server: Server,
    /// A listener of its own for `/metrics`, `/livez`, `/readyz`. Off when the section is absent. It has no
    /// authentication: keep it on loopback or on a network of your own.
    pub admin: Option<Admin>,
    /// Virtual keys: the keys that callers of this gateway present. Without any, everybody who can reach the
    /// gateway may use it, so it then listens on loopback only (see `server.allow_open`).
    pub keys: Vec<VirtualKey>,
    /// Where models are. At least one.
    pub providers: Vec<Provider>,
    /// Which model goes where. Exact names come before patterns; among patterns the first that fits wins. At
    /// least one.
    pub routes: Vec<Route>,
    /// Common bounds of the caches. Whether they are used is decided per route.
    pub cache: Cache,
    /// The local embedder, which turns prompts into vectors for the semantic cache and for routing by complexity.
    /// Started only when a route needs it.
    pub embedding: Embedding,
    /// One JSON line per request. Off when the section is absent.
    pub request_log: Option<RequestLog>,
    /// What tokens cost, in US dollars per million, where that is not what the built-in catalogue says (`ringgate
    /// models` shows it). A provider's own figure for an answer comes first where it sends one. A model without any
    /// price has no cost in metrics and headers, rather than a guessed one.
    pub prices: Vec<Price>,
}

/// `[server]`
#[derive(Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct Server {
    /// Address and port for callers. Beyond loopback it needs `[[keys]]`, or `allow_open`.
    pub listen: String,
    /// Event loops, each pinned to a core. One per available core unless set.
    #[schemars(range(min = 1, max = 1024))]
    pub shards: Option<u16>,
    /// Listen beyond loopback without any virtual key. Everybody who reaches the port then spends your money.
    pub allow_open: bool,
    /// Refuse to start where io_uring is unavailable, instead of falling back to epoll.
    pub require_io_uring: bool,
    /// Longest request line, bytes; a longer one is answered with 414.
    #[schemars(range(min = 256, max = 65_536))]
    pub request_line_bytes_max: u32,
    /// Longest request head, bytes; a longer one is answered with 431.
    #[schemars(range(min = 1_024, max = 1_048_576))]
    pub head_bytes_max: u32,
    /// Most header fields; more are answered with 431.
    #[schemars(range(min = 8, max = 1_000))]
    pub head_fields_max: u16,
    /// Largest request body, bytes; a larger one is answered with 413.
    #[schemars(range(min = 1_024, max = 1_073_741_824))]
    pub body_bytes_max: u32,
    /// Largest whole (not streamed) answer of a provider, bytes; a larger one is answered with 502.
    #[schemars(range(min = 1_024, max = 1_073_741_824))]
    pub answer_bytes_max: u32,
    /// A request head must be complete this long after its first byte, else 408.
    #[schemars(range(min = 100, max = 600_000))]
    pub head_timeout_ms: u64,
    /// Slowest acceptable request body, bytes per second, after a grace of ten seconds, else 408. 0 accepts any.
    #[schemars(range(max = 1_000_000_000))]
    pub body_bytes_per_s_min: u64,
    /// A caller's idle connection is closed after this.
    #[schemars(range(min = 100, max = 3_600_000))]
    pub keep_alive_timeout_ms: u64,
    /// A caller's connection is closed when writing to it makes no progress for this long.
    #[schemars(range(min = 100, max = 3_600_000))]
    pub write_timeout_ms: u64,
    /// Most caller connections per shard; beyond it callers get 503.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub connections_per_shard_max: u32,
    /// What it means when a caller closes its sending side while it waits for an answer that is not streamed.
    pub half_close: HalfClose,
    /// How long running answers may take after SIGTERM.
    #[schemars(range(max = 3_600_000))]
    pub drain_timeout_ms: u64,
}

impl Default for Server {
    fn default() -> Self {
        Server {
            listen: "127.0.0.1:8080".to_owned(),
            shards: None,
            allow_open: false,
            require_io_uring: false,
            request_line_bytes_max: 8 << 10,
            head_bytes_max: 64 << 10,
            head_fields_max: 100,
            body_bytes_max: 32 << 20,
            answer_bytes_max: 64 << 20,
            head_timeout_ms: 10_000,
            body_bytes_per_s_min: 1_024,
            keep_alive_timeout_ms: 75_000,
            write_timeout_ms: 30_000,
            connections_per_shard_max: 10_000,
            half_close: HalfClose::Deliver,
            drain_timeout_ms: 30_000,
        }
    }
}

/// What a caller's FIN means.
#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HalfClose {
    /// It has finished sending and waits: deliver the answer.
    Deliver,
    /// It has left: cancel the provider's work.
    Abort,
}

/// `[admin]`
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Admin {
    /// Address and port; must differ from `server.listen`.
    #[serde(default = "defaults::admin_listen")]
    pub listen: String,
}

/// `[[keys]]`
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct VirtualKey {
    /// Shown in logs and metrics. Letters, digits and `._-@/:+`; unique.
    pub name: String,
    /// `sha256:` and 64 hexadecimal digits, as printed when the key was made. The key itself is not stored.
    pub hash: String,
    /// Models it may ask for: names, or beginnings followed by `*` (`openai/*`). Empty: all.
    #[serde(default)]
    pub models: Vec<String>,
    /// Requests per minute over all shards; that many may come at once. Unlimited unless set.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub requests_per_minute: Option<u32>,
    /// Keys with the same scope share cached answers. Unless set, a key shares with nobody.
    pub cache_scope: Option<String>,
    /// May its caller see how it was routed and what the cache found, in response headers?
    #[serde(default)]
    pub trusted: bool,
}

/// `[[providers]]`
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Provider {
    /// Its name in routes, prices, headers, logs and metrics. Letters, digits and `._-`; unique.
    pub name: String,
    /// A known provider (providers.md lists them) that supplies `dialect`, `base_url` and quirks where they are left
    /// out. Unless set, `name` if that is a known provider.
    pub kind: Option<String>,
    /// The wire format it speaks: `openai_chat`, `openai_responses`, `anthropic_messages`, `gemini`,
    /// `bedrock_converse` or `cohere_chat`. The kind's unless set.
    pub dialect: Option<String>,
    /// Wire formats that it speaks besides, at the same `base_url` and with the same credential: callers of one of
    /// them reach it untranslated. The kind's (providers.md) unless this, `dialect` or another `base_url` is set.
    pub also_speaks: Option<Vec<String>>,
    /// Where it is, up to but without the endpoint: `https://api.openai.com/v1`. The kind's unless set. Where it ends
    /// with a version (`/v1`, `/v1beta`), or has one before `projects` or `publishers`, no other version is added to
    /// it. `http://` together with a credential is refused except towards a network of your own.
    pub base_url: Option<String>,
    /// The version of Azure OpenAI's older API, such as `2024-10-21`. Each model is then asked at the address of its
    /// deployment (`/openai/deployments/MODEL/…?api-version=…`), and `base_url` is that of the resource alone,
    /// `https://RESOURCE.openai.azure.com`. Unset: the versionless API, `https://RESOURCE.openai.azure.com/openai/v1`.
    pub api_version: Option<String>,
    /// Its credential: `env:NAME` for an environment variable, `file:PATH` for a file. Never the credential itself.
    /// None is sent unless set.
    pub api_key: Option<String>,
    /// More credentials, among which requests are spread by weight: each `"env:NAME"`, `"file:PATH"`, or a table. A
    /// key that the provider rejects (401, 402, 403) or limits (429) is avoided for a while, and the request goes on
    /// with another one before another target is tried. At most 64, `api_key` included, which counts as a key called
    /// `api_key` with weight 1.
    #[serde(default)]
    pub api_keys: Vec<ProviderKey>,
    /// A key that the provider rejected is avoided for this long; then one request tries it again. A key that the
    /// provider limits is avoided for as long as the provider says. While no other key is left, it is used all the
    /// same.
    #[serde(default = "defaults::rejected_key_retry_ms")]
    #[schemars(range(min = 1, max = 86_400_000))]
    pub rejected_key_retry_ms: u64,
    /// AWS credentials, with which each request is signed (Signature Version 4), in place of `api_key`.
    pub aws: Option<AwsCredentials>,
    /// Google credentials, whose access token each request carries, in place of `api_key`.
    pub google: Option<GoogleCredentials>,
    /// Models, by this provider's own names, that `/v1/models` lists; a name may end with `*`.
    #[serde(default)]
    pub models: Vec<String>,
    /// TCP connect, per address.
    #[serde(default = "defaults::connect_timeout_ms")]
    #[schemars(range(min = 1, max = 60_000))]
    pub connect_timeout_ms: u64,
    /// TLS handshake.
    #[serde(default = "defaults::tls_timeout_ms")]
    #[schemars(range(min = 1, max = 60_000))]
    pub tls_timeout_ms: u64,
    /// From the last byte of the request to the first byte of the answer (the first content of a stream).
    #[serde(default = "defaults::first_byte_timeout_ms")]
    #[schemars(range(min = 1, max = 3_600_000))]
    pub first_byte_timeout_ms: u64,
    /// Longest silence inside an answer, and longest standstill while a request is sent.
    #[serde(default = "defaults::idle_timeout_ms")]
    #[schemars(range(min = 1, max = 3_600_000))]
    pub idle_timeout_ms: u64,
    /// The whole request with all its attempts. Other timeouts that are left out shrink to it.
    #[serde(default = "defaults::total_timeout_ms")]
    #[schemars(range(min = 1, max = 86_400_000))]
    pub total_timeout_ms: u64,
    /// Idle pooled connections are closed after this. It must lie below the provider's own limit (nginx closes
    /// after 75 s, many load balancers after 60 s, some servers after 30 s): whoever closes first decides, and a
    /// request sent into a connection that is just being closed is lost.
    #[serde(default = "defaults::pool_idle_timeout_ms")]
    #[schemars(range(min = 1, max = 3_600_000))]
    pub pool_idle_timeout_ms: u64,
    /// Most idle pooled connections per shard.
    #[serde(default = "defaults::pool_idle_max")]
    #[schemars(range(max = 65_536))]
    pub pool_idle_max: u32,
    /// Most connections per shard, idle or busy.
    #[serde(default = "defaults::connections_max")]
    #[schemars(range(min = 1, max = 65_536))]
    pub connections_max: u32,
    /// May its host name resolve to private, loopback or link-local addresses? Unless set: only where `base_url`
    /// says so itself, by an address or `localhost`.
    pub allow_private_addresses: Option<bool>,
    /// Trusted certificate authorities: `webpki` (Mozilla's, compiled in), `platform` (the system's) or
    /// `file:PATH` (PEM).
    #[serde(default = "defaults::roots")]
    pub roots: String,
    /// Send a request once more, on a fresh connection, when a reused connection closes without a single byte of
    /// answer. Switch it off for a provider that bills on receipt.
    #[serde(default = "defaults::replay_stale")]
    pub replay_stale: bool,
    /// Bound of the answer, tokens, where the dialect demands one and the caller gave none. The kind's unless set.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub default_max_tokens: Option<u64>,
    /// Extra request headers. A value may be `env:NAME` or `file:PATH`, and must be for credentials.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

/// One of several credentials of a provider.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ProviderKey {
    /// The credential: `"env:NAME"` or `"file:PATH"`.
    Text(String),
    /// With its name, weight and models.
    Parts(ProviderKeyParts),
}

/// A provider's key as a table.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ProviderKeyParts {
    /// The credential: `env:NAME` for an environment variable, `file:PATH` for a file. Never the credential itself.
    pub key: String,
    /// Shown in logs and metrics instead of it. Letters, digits and `._-`; unique for its provider. `key-1`, `key-2`
    /// and so on, by its place, unless set.
    pub name: Option<String>,
    /// Its share of the requests, beside the weights of the others.
    #[serde(default = "defaults::weight")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub weight: u32,
    /// Models, by the provider's own names, that it may be used for; a name may end with `*`. Empty: all.
    #[serde(default)]
    pub models: Vec<String>,
}

/// `aws = { … }` of a provider.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct AwsCredentials {
    /// Where credentials come from that are fetched and renewed while the gateway runs. Either this, or
    /// `access_key_id` and `secret_access_key`.
    pub credentials: Option<AwsSource>,
    /// The id of the access key: `env:NAME` or `file:PATH`.
    pub access_key_id: Option<String>,
    /// The secret of the access key: `env:NAME` or `file:PATH`.
    pub secret_access_key: Option<String>,
    /// The token of temporary credentials: `env:NAME` or `file:PATH`. They are read once, at start and at each
    /// reload, so whoever renews them also reloads.
    pub session_token: Option<String>,
    /// The ARN of a role that is assumed with these credentials, whatever they are; requests are signed with the
    /// role's.
    pub assume_role: Option<String>,
    /// The region requests are signed for, such as `us-east-1`. The one that `base_url` names unless set; without
    /// `base_url` it also chooses the kind's address.
    pub region: Option<String>,
}

/// Where AWS credentials come from.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AwsSource {
    /// The first of these that the environment speaks of: `AWS_ACCESS_KEY_ID` with `AWS_SECRET_ACCESS_KEY`,
    /// `web_identity`, `container`, else `instance`. Profiles in `~/.aws` are not read.
    Default,
    /// The token in `AWS_WEB_IDENTITY_TOKEN_FILE`, for the role `AWS_ROLE_ARN` (EKS, service accounts).
    WebIdentity,
    /// The address in `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` or `…_FULL_URI` (ECS, EKS Pod Identity).
    Container,
    /// The metadata service of an EC2 instance, version 2.
    Instance,
}

/// `google = { … }` of a provider.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct GoogleCredentials {
    /// Where access tokens come from, which are fetched and renewed while the gateway runs: `file:PATH` or `env:NAME`
    /// with the JSON key of a service account or of a user; `metadata`, the metadata server (Compute Engine, GKE,
    /// Cloud Run); or `default`, the application default credentials: the file that `GOOGLE_APPLICATION_CREDENTIALS`
    /// names, else the one that `gcloud auth application-default login` wrote, else `metadata`.
    pub credentials: String,
}

/// `[[routes]]`
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Route {
    /// The model as callers name it, or the beginning of it followed by `*`.
    pub model: String,
    /// Only for callers of this dialect (`openai_chat`, `openai_responses`, `anthropic_messages`, `gemini`). Any unless
    /// set.
    pub caller: Option<String>,
    /// Who serves it, in order of preference: each `"provider"`, `"provider/model"`, or a table.
    #[schemars(length(min = 1))]
    pub targets: Vec<Target>,
    /// How a target is chosen: `ordered` (the first that is able) or `complexity` (by the targets' tiers).
    /// `ordered` unless set.
    pub strategy: Option<String>,
    /// What may be answered from the cache.
    #[serde(default)]
    pub cache: RouteCache,
}

/// One way to serve a route.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Target {
    /// `"provider"` or `"provider/model"`.
    Text(String),
    /// The parts one by one.
    Parts(TargetParts),
}

/// A target as a table.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct TargetParts {
    /// Provider name.
    pub provider: String,
    /// The provider's model. The requested one unless set.
    pub model: Option<String>,
    /// Preferred for requests of this tier, with `strategy = "complexity"`. Any tier unless set.
    pub tier: Option<Tier>,
}

/// How demanding a request is.
#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Small talk, look-ups, short transformations.
    Simple,
    /// Everything between.
    Standard,
    /// Reasoning, mathematics, long constraints.
    Hard,
}

/// `cache = { … }` of a route.
#[derive(Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct RouteCache {
    /// Answer identical requests from the cache.
    pub exact: bool,
    /// Answer equivalent requests from the cache, once verified. Needs the embedder.
    pub semantic: bool,
    /// How long an answer may be served, seconds. Unless set, a day: most answers do not age within one, and an
    /// operator who fixes a prompt does not want to wait longer.
    #[schemars(range(min = 1, max = 31_536_000))]
    pub ttl_s: u64,
    /// Smallest cosine similarity of an equivalent request. Below 0.90 unlike questions begin to look alike, so
    /// no lower value is accepted.
    #[schemars(range(min = 0.90, max = 1.0))]
    pub similarity_min: f64,
    /// Requests with an explicit temperature above this are neither stored nor served.
    #[schemars(range(min = 0.0, max = 2.0))]
    pub temperature_max: f64,
    /// The same for equivalent requests.
    #[schemars(range(min = 0.0, max = 2.0))]
    pub semantic_temperature_max: f64,
    /// Store answers that call tools. Off, because a tool call is an act and not a text.
    pub tool_calls: bool,
}

impl Default for RouteCache {
    fn default() -> Self {
        RouteCache {
            exact: true,
            semantic: false,
            ttl_s: 86_400,
            similarity_min: 0.95,
            temperature_max: 2.0,
            semantic_temperature_max: 0.3,
            tool_calls: false,
        }
    }
}

/// `[cache]`
#[derive(Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct Cache {
    /// Most bytes of answers and their keys, in the whole process.
    #[schemars(range(min = 1_048_576, max = 1_099_511_627_776_u64))]
    pub bytes_max: u64,
    /// Largest single answer that is stored, bytes.
    #[schemars(range(min = 1_024, max = 1_073_741_824))]
    pub entry_bytes_max: u64,
    /// Most prompts that can be found by meaning, per scope (everything that must be equal: key, model, system
    /// prompt, tools, parameters).
    #[schemars(range(min = 1, max = 1_000_000))]
    pub scope_entries_max: u32,
}

impl Default for Cache {
    fn default() -> Self {
        Cache { bytes_max: 256 << 20, entry_bytes_max: 960 << 10, scope_entries_max: 50_000 }
    }
}

/// `[embedding]`
#[derive(Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct Embedding {
    /// Where it runs.
    pub placement: Placement,
    /// ONNX Runtime's shared library. Searched for unless set.
    pub library: Option<String>,
    /// Folder with the model's files. Searched for unless set: `models/` beside the binary, then in the working
    /// folder.
    pub model_dir: Option<String>,
    /// How long a request waits for its vector; after that it goes on without.
    #[schemars(range(min = 1, max = 10_000))]
    pub deadline_ms: u64,
    /// Prompts waiting per shard; beyond it requests go on without a vector.
    #[schemars(range(min = 1, max = 1_024))]
    pub queue_max: u32,
    /// Longest text, tokens, that is looked up by meaning. The model was trained on at most 256.
    #[schemars(range(min = 8, max = 256))]
    pub tokens_max: u32,
}

impl Default for Embedding {
    fn default() -> Self {
        Embedding {
            placement: Placement::Companion,
            library: None,
            model_dir: None,
            deadline_ms: 10,
            queue_max: 4,
            tokens_max: 128,
        }
    }
}

/// Where the embedder runs.
#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// In one idle-class thread on each shard's own core.
    Companion,
    /// Nowhere.
    Off,
}

/// `[request_log]`
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RequestLog {
    /// The file that lines are appended to; `-` is standard output.
    pub path: String,
    /// Write prompts and answers too. They hold whatever your users typed.
    #[serde(default)]
    pub bodies: bool,
}

/// `[[prices]]`
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Price {
    /// Provider name.
    pub provider: String,
    /// The provider's model, or the beginning of its name followed by `*`. An exact name comes before a pattern.
    pub model: String,
    /// Input, dollars per million tokens.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub input_usd_per_mtok: f64,
    /// Output.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub output_usd_per_mtok: f64,
    /// Input read from the provider's prompt cache. The input price unless set.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub cache_read_usd_per_mtok: Option<f64>,
    /// Input written to the provider's prompt cache. The input price unless set.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub cache_write_usd_per_mtok: Option<f64>,
    /// Output spent on reasoning. The output price unless set.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub reasoning_usd_per_mtok: Option<f64>,
}

/// Defaults of tables that have required keys and hence no `Default`.
mod defaults {
    pub(super) fn admin_listen() -> String {
        "127.0.0.1:9090".to_owned()
    }

    pub(super) fn rejected_key_retry_ms() -> u64 {
        60_000
    }

    pub(super) fn weight() -> u32 {
        1
    }

    pub(super) fn connect_timeout_ms() -> u64 {
        2_000
    }

    pub(super) fn tls_timeout_ms() -> u64 {
        3_000
    }

    pub(super) fn first_byte_timeout_ms() -> u64 {
        120_000
    }

    pub(super) fn idle_timeout_ms() -> u64 {
        60_000
    }

    pub(super) fn total_timeout_ms() -> u64 {
        600_000
    }

    pub(super) fn pool_idle_timeout_ms() -> u64 {
        20_000
    }

    pub(super) fn pool_idle_max() -> u32 {
        256
    }

    pub(super) fn connections_max() -> u32 {
        4_096
    }

    pub(super) fn roots() -> String {
        "webpki".to_owned()
    }

    pub(super) fn replay_stale() -> bool {
        true
    }
}
