//! Checked settings: after this point there is nothing left to validate but names of dialects and
//! providers, which the assembling module resolves.

use super::secret::Secret;
use secrecy::SecretString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Everything the gateway runs on: immutable, swapped whole on reload.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Listener, shards, limits of a request.
    pub server: Server,
    /// Metrics and health listener.
    pub admin: Option<Admin>,
    /// Virtual keys; empty = open gateway (loopback only unless `server.allow_open`).
    pub keys: Vec<VirtualKey>,
    /// Where models are.
    pub providers: Vec<Provider>,
    /// Which model goes where, in order; the first match wins, exact names before patterns.
    pub routes: Vec<Route>,
    /// The caches' common bounds.
    pub cache: Cache,
    /// The local embedder.
    pub embedding: Embedding,
    /// JSONL request log, off when absent.
    pub request_log: Option<RequestLog>,
    /// What tokens cost; unknown stays unknown.
    pub prices: Vec<Price>,
}

/// What a client's FIN means while a non-streamed answer is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HalfClose {
    /// It finished writing and waits for the answer.
    Deliver,
    /// It left.
    Abort,
}

/// `[server]`
#[derive(Clone, Debug)]
pub struct Server {
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Shards; `None` = one per available core.
    pub shards: Option<usize>,
    /// May the gateway listen beyond loopback without any virtual key?
    pub allow_open: bool,
    /// Refuse to start without io_uring instead of falling back to epoll?
    pub require_io_uring: bool,
    /// Longest request line, bytes (414).
    pub request_line_bytes_max: usize,
    /// Longest head, bytes (431).
    pub head_bytes_max: usize,
    /// Most header fields (431).
    pub head_fields_max: usize,
    /// Largest request body, bytes (413).
    pub body_bytes_max: usize,
    /// Largest whole (non-streamed) provider answer, bytes (502).
    pub answer_bytes_max: usize,
    /// A head must be complete this long after its first byte (408).
    pub head_timeout: Duration,
    /// Slowest acceptable body, bytes per second, after a grace of ten seconds (408).
    pub body_bytes_per_s_min: u64,
    /// Idle keep-alive connections are closed after this.
    pub keep_alive_timeout: Duration,
    /// A write that makes no progress for this long ends the connection.
    pub write_timeout: Duration,
    /// Most client connections per shard; beyond it 503 and close.
    pub connections_per_shard_max: usize,
    /// What a FIN means on a non-streamed call.
    pub half_close: HalfClose,
    /// After SIGTERM, how long running answers may take.
    pub drain_timeout: Duration,
}

/// `[admin]`
#[derive(Clone, Debug)]
pub struct Admin {
    /// Where `/metrics`, `/livez` and `/readyz` are.
    pub listen: SocketAddr,
}

/// `[[keys]]`
#[derive(Clone, Debug)]
pub struct VirtualKey {
    /// For logs and metrics.
    pub name: String,
    /// SHA-256 of the key (domain-separated, see `keys`).
    pub digest: [u8; 32],
    /// Models it may use: exact names or patterns with a trailing `*`; empty = all.
    pub models: Vec<String>,
    /// Requests per minute.
    pub requests_per_minute: Option<u32>,
    /// Callers with the same scope share cached answers; the key's own name unless set.
    pub cache_scope: String,
    /// May this caller see routing and cache details in headers?
    pub trusted: bool,
}

/// Deadlines towards a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// TCP connect, per address.
    pub connect: Duration,
    /// TLS handshake.
    pub tls: Duration,
    /// From the request's last byte to the first byte of the answer (first content of a stream).
    pub first_byte: Duration,
    /// Longest silence inside an answer.
    pub idle: Duration,
    /// The whole request, all attempts.
    pub total: Duration,
}

/// Which certificate authorities are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Roots {
    /// Mozilla's, compiled in.
    WebPki,
    /// The system's.
    Platform,
    /// A PEM file.
    File(PathBuf),
}

/// `[[providers]]`
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name in routes, headers, logs and metrics.
    pub name: String,
    /// Which known provider supplies what is left out (`openai`, `anthropic`, `demo`, …).
    pub kind: Option<String>,
    /// Dialect name; `None` = the kind's.
    pub dialect: Option<String>,
    /// Names of dialects that it speaks besides; `None` = the kind's.
    pub also_speaks: Option<Vec<String>>,
    /// Base URL without trailing slash; `None` = the kind's.
    pub base_url: Option<String>,
    /// The version of Azure's older API, whose addresses name deployments; `None` = addresses as everywhere else.
    pub api_version: Option<String>,
    /// The credential; `None` = none is sent, unless there are `api_keys`.
    pub api_key: Option<SecretString>,
    /// More credentials, in the operator's order.
    pub api_keys: Vec<ProviderKey>,
    /// How long a rejected key is avoided before one request tries it again.
    pub rejected_key_retry: Duration,
    /// With which each request is signed; `None` = none is.
    pub aws: Option<Aws>,
    /// Whose access token each request carries; `None` = none does.
    pub google: Option<Google>,
    /// Models by this provider's own names that `/v1/models` lists; a pattern may end with `*`.
    pub models: Vec<String>,
    /// Deadlines.
    pub timeouts: Timeouts,
    /// Idle pooled connections are closed after this (must be below the provider's own limit).
    pub pool_idle_timeout: Duration,
    /// Most pooled idle connections per shard.
    pub pool_idle_max: usize,
    /// Most connections per shard, idle or busy.
    pub connections_max: usize,
    /// May its host name resolve to private addresses?
    pub allow_private_addresses: bool,
    /// Trusted authorities.
    pub roots: Roots,
    /// Replay once when a reused connection closes without a single answer byte?
    pub replay_stale: bool,
    /// Sent when the dialect demands a bound and the caller gave none.
    pub default_max_tokens: Option<u64>,
    /// Extra request headers, already checked as valid names and values.
    pub headers: Vec<(String, SecretString)>,
}

/// Most credentials of one provider.
pub const PROVIDER_KEYS_MAX: usize = 64;

/// What a provider's `api_key` is called beside its `api_keys`.
pub const SINGLE_KEY_NAME: &str = "api_key";

/// One of several credentials of a provider.
#[derive(Clone, Debug)]
pub struct ProviderKey {
    /// For logs and metrics.
    pub name: String,
    /// The credential.
    pub key: SecretString,
    /// Its share of the requests.
    pub weight: u32,
    /// Models it may be used for: exact names or patterns with a trailing `*`; empty = all.
    pub models: Vec<String>,
}

/// `aws = { … }` of a provider.
#[derive(Clone, Debug, PartialEq)]
pub struct Aws {
    /// Where credentials come from.
    pub source: AwsSource,
    /// The role that is assumed with them.
    pub assume_role: Option<String>,
    /// The region requests are signed for; `None` = the one that the address names.
    pub region: Option<String>,
    /// Where STS is; `None` = the region's own.
    pub sts_url: Option<String>,
}

/// Where AWS credentials come from.
#[derive(Clone, Debug, PartialEq)]
pub enum AwsSource {
    /// They are here, and stay as they are.
    Keys(AwsKeys),
    /// STS gives them for the token in a file, which somebody else renews.
    WebIdentity {
        /// Read each time.
        token_file: PathBuf,
        /// The role they are for.
        role_arn: String,
        /// What the session is called in AWS's logs.
        session_name: String,
    },
    /// A container's agent gives them.
    Container {
        /// Its address, with the path.
        url: String,
        /// What it wants in `authorization`.
        authorization: Option<ContainerToken>,
    },
    /// The instance's metadata service gives them.
    Instance {
        /// Its address.
        url: String,
    },
}

/// What a container's agent wants to see.
#[derive(Clone, Debug, PartialEq)]
pub enum ContainerToken {
    /// This.
    Value(Secret),
    /// What a file holds, which somebody else renews.
    File(PathBuf),
}

/// With which requests to AWS are signed.
#[derive(Clone, Debug, PartialEq)]
pub struct AwsKeys {
    /// Names the access key; kept from logs as its secret is.
    pub access_key_id: Secret,
    /// Its secret.
    pub secret_access_key: Secret,
    /// The token of temporary credentials.
    pub session_token: Option<Secret>,
}

/// `google = { … }` of a provider: where access tokens come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Google {
    /// A service account's key.
    ServiceAccount(ServiceAccount),
    /// A user who has logged in with gcloud.
    User {
        /// The program that the user allowed in.
        client_id: String,
        /// Its secret.
        client_secret: Secret,
        /// Stands for the user's consent.
        refresh_token: Secret,
        /// Where it is exchanged.
        token_url: String,
    },
    /// The metadata server.
    Metadata {
        /// Its address.
        url: String,
    },
}

/// A service account, as its key file describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceAccount {
    /// Its name.
    pub email: String,
    /// Which of its keys this is.
    pub key_id: Option<String>,
    /// The key: PKCS #8 in PEM, known to be sound.
    pub private_key: Secret,
    /// Where what it signs is exchanged for a token.
    pub token_url: String,
}

/// How demanding a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Small talk, look-ups, short transformations.
    Simple,
    /// Everything between.
    Standard,
    /// Reasoning, mathematics, long constraints.
    Hard,
}

/// One way to serve a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Provider name.
    pub provider: String,
    /// The provider's model; `None` = the requested one.
    pub model: Option<String>,
    /// Serves only requests of this tier (first choice); `None` = any.
    pub tier: Option<Tier>,
}

/// `[[routes]]`
#[derive(Clone, Debug)]
pub struct Route {
    /// Requested model: exact, or a pattern with a trailing `*`.
    pub model: String,
    /// Only for callers of this dialect.
    pub caller: Option<String>,
    /// In order of preference.
    pub targets: Vec<Target>,
    /// Strategy name (`ordered`, `complexity`).
    pub strategy: Option<String>,
    /// What may be answered from the cache.
    pub cache: RouteCache,
}

/// `cache = { … }` of a route.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteCache {
    /// Serve identical requests from the cache?
    pub exact: bool,
    /// Serve equivalent requests from the cache?
    pub semantic: bool,
    /// How long an answer may be served.
    pub ttl: Duration,
    /// Smallest cosine similarity of a semantic hit, 0.95 unless set; never below 0.90.
    pub similarity_min: f32,
    /// Requests with an explicit temperature above this are neither stored nor served (exact tier).
    pub temperature_max: f64,
    /// The same for the semantic tier.
    pub semantic_temperature_max: f64,
    /// May answers with tool calls be stored?
    pub tool_calls: bool,
}

impl Default for RouteCache {
    fn default() -> Self {
        RouteCache {
            exact: true,
            semantic: false,
            ttl: Duration::from_secs(86_400),
            similarity_min: 0.95,
            temperature_max: 2.0,
            semantic_temperature_max: 0.3,
            tool_calls: false,
        }
    }
}

/// `[cache]`
#[derive(Clone, Debug)]
pub struct Cache {
    /// Most bytes of answers and keys, process-wide.
    pub bytes_max: usize,
    /// Largest single entry.
    pub entry_bytes_max: usize,
    /// Most semantic entries per scope.
    pub scope_entries_max: usize,
}

/// Where the embedder runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// One idle-class thread on each shard's own core.
    Companion,
    /// No embedder.
    Off,
}

/// `[embedding]`
#[derive(Clone, Debug)]
pub struct Embedding {
    /// Where it runs; `Companion` unless set. Started only when a route needs vectors.
    pub placement: Placement,
    /// ONNX Runtime's shared library; `None` = discovery.
    pub library: Option<PathBuf>,
    /// Folder with the model files; `None` = discovery (`models/` beside the binary, working folder).
    pub model_dir: Option<PathBuf>,
    /// How long a request waits for its vector.
    pub deadline: Duration,
    /// Prompts waiting per shard.
    pub queue_max: usize,
    /// Longest text, tokens, of the semantic tier.
    pub tokens_max: usize,
}

/// `[request_log]`
#[derive(Clone, Debug)]
pub struct RequestLog {
    /// The file lines are appended to; `-` = standard output.
    pub path: PathBuf,
    /// Write prompts and answers too? Off unless set.
    pub bodies: bool,
}

/// `[[prices]]`, US dollars per million tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Price {
    /// Provider name.
    pub provider: String,
    /// Provider's model: exact or with trailing `*`.
    pub model: String,
    /// Input.
    pub input_usd_per_mtok: f64,
    /// Output.
    pub output_usd_per_mtok: f64,
    /// Input read from the provider's prompt cache; the input price unless set.
    pub cache_read_usd_per_mtok: Option<f64>,
    /// Input written to the provider's prompt cache; the input price unless set.
    pub cache_write_usd_per_mtok: Option<f64>,
    /// Output spent on reasoning; the output price unless set.
    pub reasoning_usd_per_mtok: Option<f64>,
}
