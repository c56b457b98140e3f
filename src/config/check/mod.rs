//! From written to checked: what single values must look like, and what they mean together.
//!
//! Every rule that is broken becomes a problem and the check goes on; `None` only means that the part
//! cannot be built. Nothing here decides anything later than at start, so it reads for clarity.

mod identities;
mod keys;
mod providers;
mod routes;

pub use keys::key_name_fault;
pub use keys::parse_key_hash;

use super::Admin;
use super::Cache;
use super::Embedding;
use super::Environment;
use super::HalfClose;
use super::KnownNames;
use super::Placement;
use super::RequestLog;
use super::Server;
use super::Settings;
use super::document::Spot;
use super::nearest::suggestion;
use super::problem::Problems;
use super::written;
use crate::chat::MODEL_BYTES_MAX;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

/// Longest name of a key, provider or scope, bytes: names become labels and header values.
const NAME_BYTES_MAX: usize = 64;

/// What the checks need besides the file, and where problems go.
pub(super) struct Check<'c, 't> {
    pub(super) names: &'c KnownNames<'c>,
    pub(super) environment: &'c Environment<'c>,
    pub(super) folder: &'c Path,
    pub(super) problems: &'c mut Problems<'t>,
}

impl Check<'_, '_> {
    /// The whole file. The result counts only if no problem was found.
    pub(super) fn file(&mut self, file: written::File, root: &Spot<'_>) -> Option<Settings> {
        let provider_names: Vec<String> = file.providers.iter().map(|provider| provider.name.clone()).collect();
        let server = self.server(&file.server, &root.key("server"), !file.keys.is_empty());
        let admin = self.admin(file.admin.as_ref(), &root.key("admin"), server.as_ref());
        let keys = self.keys(&file.keys, &root.key("keys"));
        let providers = self.providers(&file.providers, root);
        let routes = self.routes(&file.routes, root, &provider_names);
        let prices = self.prices(&file.prices, &root.key("prices"), &provider_names);
        let cache = self.cache(&file.cache, &root.key("cache"));
        self.semantic_without_embedder(&file, root);
        let embedding = self.embedding(&file.embedding);
        let request_log = self.request_log(file.request_log.as_ref(), &root.key("request_log"));
        Some(Settings { server: server?, admin, keys, providers, routes, cache, embedding, request_log, prices })
    }

    /// Adds a problem about the setting at `spot`; `message` goes on after its name.
    fn refuse(&mut self, spot: &Spot<'_>, message: impl AsRef<str>) {
        let message = message.as_ref();
        self.problems.at(spot.offset(), format!("`{}` {message}", spot.path()));
    }

    fn server(&mut self, written: &written::Server, spot: &Spot<'_>, has_keys: bool) -> Option<Server> {
        let listen = self.socket_address(&written.listen, &spot.key("listen"));
        if let Some(listen) = listen
            && !has_keys
            && !written.allow_open
            && !listen.ip().is_loopback()
        {
            let message = format!(
                "is {listen}, where others can reach it, and there are no [[keys]]: anybody could spend your money. \
                 Add a [[keys]] entry, listen on 127.0.0.1, or set server.allow_open = true"
            );
            self.refuse(&spot.key("listen"), message);
        }
        if written.request_line_bytes_max > written.head_bytes_max {
            let message = "must not be larger than `server.head_bytes_max`, of which the request line is a part";
            self.refuse(&spot.key("request_line_bytes_max"), message);
        }
        Some(Server {
            listen: listen?,
            shards: written.shards.map(usize::from),
            allow_open: written.allow_open,
            require_io_uring: written.require_io_uring,
            request_line_bytes_max: written.request_line_bytes_max as usize,
            head_bytes_max: written.head_bytes_max as usize,
            head_fields_max: usize::from(written.head_fields_max),
            body_bytes_max: written.body_bytes_max as usize,
            answer_bytes_max: written.answer_bytes_max as usize,
            head_timeout: Duration::from_millis(written.head_timeout_ms),
            body_bytes_per_s_min: written.body_bytes_per_s_min,
            keep_alive_timeout: Duration::from_millis(written.keep_alive_timeout_ms),
            write_timeout: Duration::from_millis(written.write_timeout_ms),
            connections_per_shard_max: written.connections_per_shard_max as usize,
            half_close: match written.half_close {
                written::HalfClose::Deliver => HalfClose::Deliver,
                written::HalfClose::Abort => HalfClose::Abort,
            },
            drain_timeout: Duration::from_millis(written.drain_timeout_ms),
        })
    }

    fn admin(&mut self, written: Option<&written::Admin>, spot: &Spot<'_>, server: Option<&Server>) -> Option<Admin> {
        let listen = self.socket_address(&written?.listen, &spot.key("listen"))?;
        if let Some(server) = server
            && overlap(listen, server.listen)
        {
            // Shards share their port with SO_REUSEPORT, so binding it twice would not even fail.
            self.refuse(&spot.key("listen"), format!("must not overlap with `server.listen` ({})", server.listen));
        }
        Some(Admin { listen })
    }

    fn socket_address(&mut self, text: &str, spot: &Spot<'_>) -> Option<SocketAddr> {
        let address = text.parse().ok();
        if address.is_none() {
            let message = match text.strip_prefix("localhost:").or(text.strip_prefix(':')) {
                Some(port) => format!("must be an IP address and a port: write \"127.0.0.1:{}\"", port.escape_debug()),
                None => "must be an IP address and a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\"".to_owned(),
            };
            self.refuse(spot, message);
        }
        address
    }

    fn cache(&mut self, written: &written::Cache, spot: &Spot<'_>) -> Cache {
        let entry = spot.key("entry_bytes_max");
        if entry.is_written() && written.entry_bytes_max > written.bytes_max {
            self.refuse(&entry, "must not be larger than `cache.bytes_max`");
        }
        Cache {
            bytes_max: as_size(written.bytes_max),
            entry_bytes_max: as_size(written.entry_bytes_max.min(written.bytes_max)),
            scope_entries_max: written.scope_entries_max as usize,
        }
    }

    /// A contradiction, and one that would show only as a cache that never finds anything.
    fn semantic_without_embedder(&mut self, file: &written::File, root: &Spot<'_>) {
        if !matches!(file.embedding.placement, written::Placement::Off) {
            return;
        }
        for (index, route) in file.routes.iter().enumerate() {
            if route.cache.semantic {
                let spot = root.key("routes").item(index).key("cache").key("semantic");
                self.refuse(&spot, "needs the embedder, but `embedding.placement` is \"off\": change one of them");
            }
        }
    }

    fn embedding(&mut self, written: &written::Embedding) -> Embedding {
        Embedding {
            placement: match written.placement {
                written::Placement::Companion => Placement::Companion,
                written::Placement::Off => Placement::Off,
            },
            library: written.library.as_ref().map(|path| self.folder.join(path)),
            model_dir: written.model_dir.as_ref().map(|path| self.folder.join(path)),
            deadline: Duration::from_millis(written.deadline_ms),
            queue_max: written.queue_max as usize,
            tokens_max: written.tokens_max as usize,
        }
    }

    fn request_log(&mut self, written: Option<&written::RequestLog>, spot: &Spot<'_>) -> Option<RequestLog> {
        let written = written?;
        if written.path.is_empty() {
            self.refuse(&spot.key("path"), "must name a file, or be \"-\" for standard output");
        }
        let path = if written.path == "-" { PathBuf::from("-") } else { self.folder.join(&written.path) };
        Some(RequestLog { path, bodies: written.bodies })
    }

    /// A name that becomes a label, a header value, a part of a target.
    fn name(&mut self, name: &str, punctuation: &str, spot: &Spot<'_>) {
        if let Some(fault) = name_fault(name, punctuation) {
            self.refuse(spot, fault);
        }
    }

    /// A model name, or its beginning with one `*` behind it.
    fn pattern(&mut self, pattern: &str, spot: &Spot<'_>) {
        if pattern.strip_suffix('*').unwrap_or(pattern).contains('*') {
            self.refuse(spot, "may have a `*` only at its end");
        }
        self.model(pattern, spot);
    }

    fn model(&mut self, model: &str, spot: &Spot<'_>) {
        let printable = !model.chars().any(|c| c.is_control() || c.is_whitespace());
        if model.is_empty() || model.len() > MODEL_BYTES_MAX || !printable {
            self.refuse(spot, format!("must be a model name: 1 to {MODEL_BYTES_MAX} characters without blanks"));
        }
    }

    /// One of the names that a higher layer knows.
    fn known(&mut self, name: Option<&str>, known: &[&str], what: &str, spot: &Spot<'_>) {
        if let Some(name) = name.filter(|name| !known.contains(name)) {
            let advice = suggestion(name, known.iter().copied());
            self.refuse(spot, format!("names no {what}: `{}`; {advice}", name.escape_debug()));
        }
    }

    /// A provider of this file.
    fn provider_exists(&mut self, name: &str, providers: &[String], spot: &Spot<'_>) {
        if !providers.iter().any(|provider| provider == name) {
            let advice = suggestion(name, providers.iter().map(String::as_str));
            self.refuse(spot, format!("names no provider of this file: `{}`; {advice}", name.escape_debug()));
        }
    }

    /// Complains about every element that says the same as an earlier one.
    fn unique<'d, T: Hash + Eq>(
        &mut self,
        items: impl IntoIterator<Item = (T, Spot<'d>)>,
        message: impl Fn(&T, usize) -> String,
    ) {
        let mut seen: HashMap<T, usize> = HashMap::new();
        for (index, (item, spot)) in items.into_iter().enumerate() {
            match seen.get(&item) {
                Some(first) => self.refuse(&spot, message(&item, *first)),
                None => _ = seen.insert(item, index),
            }
        }
    }
}

/// Would both listeners claim the same address and port?
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let same_address = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    // Port 0 is a port of the kernel's choosing, each time another.
    one.port() != 0 && one.port() == other.port() && same_address
}

fn as_size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// What is wrong with a name, if anything.
fn name_fault(name: &str, punctuation: &str) -> Option<String> {
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || punctuation.contains(c));
    (!fits).then(|| format!("must be 1 to {NAME_BYTES_MAX} letters, digits or {punctuation}"))
}
