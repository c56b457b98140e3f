//! The command line: `serve`, `check`, `models`, `keys new`, `version`.

use clap::Parser;
use clap::Subcommand;
use ring::rand::SecureRandom;
use ring::rand::SystemRandom;
use ringgate::cache::ExactCache;
use ringgate::cache::Keying;
use ringgate::clock::Clock;
use ringgate::config;
use ringgate::config::KnownNames;
use ringgate::config::Settings;
use ringgate::control;
use ringgate::control::Identities;
use ringgate::dialects;
use ringgate::embed;
use ringgate::embed::Companion;
use ringgate::embed::onnx::OnnxSource;
use ringgate::gateway;
use ringgate::gateway::Deployment;
use ringgate::gateway::Homes;
use ringgate::gateway::Postbox;
use ringgate::gateway::RequestLogSink;
use ringgate::gateway::Shared;
use ringgate::keys;
use ringgate::observe;
use ringgate::observe::Id;
use ringgate::observe::Level;
use ringgate::observe::Log;
use ringgate::observe::Registry;
use ringgate::providers;
use ringgate::routing;
use ringgate::shard;
use ringgate::shard::Driver;
use ringgate::shard::Kernel;
use ringgate::sys::process;
use ringgate::sys::process::Signal;
use ringgate::sys::socket;
use ringgate::sys::thread;
use ringgate::upstream::resolve::Questions;
use std::io::ErrorKind;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An LLM gateway: one binary between applications and every model provider.
#[derive(Parser)]
#[command(name = "ringgate", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve requests until SIGTERM; SIGHUP reads the configuration again.
    Serve {
        /// The configuration file; without one, demo settings.
        #[arg(long, short)]
        config: Option<PathBuf>,
        /// Shards (threads), instead of the file's number or one per core.
        #[arg(long)]
        shards: Option<usize>,
        /// How long the embedded demo provider thinks, milliseconds.
        #[arg(long, default_value_t = 60)]
        demo_delay_ms: u64,
        /// Say more.
        #[arg(long, short)]
        verbose: bool,
    },
    /// Check a configuration file and say what is wrong with it.
    Check {
        /// The configuration file.
        #[arg(long, short)]
        config: PathBuf,
    },
    /// List the models that can be reached, with route, provider, price and capabilities.
    Models {
        /// The configuration file; without one, demo settings.
        #[arg(long, short)]
        config: Option<PathBuf>,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Virtual keys.
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Print the version.
    Version,
}

#[derive(Subcommand)]
enum KeysCommand {
    /// Make a key: prints the secret, once, and its lines for the configuration file.
    New {
        /// The key's name, for logs and metrics.
        #[arg(long, default_value = "my-key")]
        name: String,
    },
}

fn main() -> ExitCode {
    // Before any thread exists: the environment must not change under one.
    if let Err(error) = embed::forbid_telemetry() {
        eprintln!("ringgate: cannot switch off ONNX Runtime's telemetry: {error}");
        return ExitCode::FAILURE;
    }
    let done = match Arguments::parse().command {
        Command::Serve { config, shards, demo_delay_ms, verbose } => {
            let level = if verbose { Level::Debug } else { Level::Info };
            serve(Launch { config, shards, demo_delay: Duration::from_millis(demo_delay_ms) }, level)
        }
        Command::Check { config } => check(&config),
        Command::Models { config, json } => models(config.as_deref(), json),
        Command::Keys { command: KeysCommand::New { name } } => new_key(&name),
        Command::Version => say(&format!("ringgate {}\n", env!("CARGO_PKG_VERSION"))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("ringgate: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// What the command line asked for.
struct Launch {
    config: Option<PathBuf>,
    shards: Option<usize>,
    demo_delay: Duration,
}

/// What a configuration leads to, without anything being contacted.
fn assembled(path: Option<&Path>) -> Result<Deployment, String> {
    let settings = load(path)?;
    let any_loopback_address = Some(SocketAddr::from(([127, 0, 0, 1], 1)));
    Deployment::assemble(settings, any_loopback_address, None).map_err(|error| error.to_string())
}

fn models(path: Option<&Path>, json: bool) -> Result<(), String> {
    let rows = assembled(path)?.reachable();
    say(&if json { gateway::reachable_json(&rows) } else { gateway::reachable_table(&rows) })
}

/// Writes to standard output. Whoever reads only the beginning closes the pipe; that is no mistake.
fn say(text: &str) -> Result<(), String> {
    let mut output = std::io::stdout();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(format!("cannot write to standard output: {error}")),
        _ => Ok(()),
    }
}

fn check(path: &Path) -> Result<(), String> {
    let deployment = assembled(Some(path))?;
    say(&format!(
        "{} is valid: {} providers, {} routes, {} keys\n",
        path.display(),
        deployment.providers.len(),
        deployment.routes.len(),
        deployment.settings.keys.len()
    ))
}

fn new_key(name: &str) -> Result<(), String> {
    if let Some(fault) = config::key_name_fault(name) {
        return Err(format!("--name {fault}"));
    }
    let key = keys::generate(&random()?);
    say(&format!(
        "# Give this to the caller; it is shown only now:\n#   {}\n\n\
         # Put this into the configuration file:\n[[keys]]\nname = {name:?}\nhash = \"{}\"\n",
        key.secret, key.hash
    ))
}

fn load(path: Option<&Path>) -> Result<Settings, String> {
    let callers: Vec<&str> = dialects::ALL.iter().map(|dialect| dialect.name()).collect();
    let dialects: Vec<&str> = dialects::of_providers().map(|dialect| dialect.name()).collect();
    let kinds: Vec<&str> = providers::ALL.iter().map(|kind| kind.name).collect();
    let strategies: Vec<&str> = routing::ALL.iter().map(|strategy| strategy.name()).collect();
    let names = KnownNames { dialects: &dialects, callers: &callers, kinds: &kinds, strategies: &strategies };
    let environment = |name: &str| std::env::var(name).ok();
    let is_set = |name: &str| environment(name).is_some_and(|value| !value.is_empty());
    let loaded = match path {
        Some(path) => config::load(path, &names),
        None => {
            let text = config::demo(is_set("OPENAI_API_KEY"), is_set("ANTHROPIC_API_KEY"));
            config::parse(&text, "demo settings", &environment, &names)
        }
    };
    loaded.map_err(|error| error.to_string())
}

/// Everything that lives as long as the process.
struct Process {
    launch: Launch,
    shared: Arc<Shared>,
    demo: Option<SocketAddr>,
    registry: Arc<Registry>,
    log: Log,
}

/// What runs.
struct Started {
    threads: Vec<JoinHandle<()>>,
    companions: Vec<Companion>,
    identities: Identities,
}

fn serve(launch: Launch, level: Level) -> Result<(), String> {
    let kernel = Kernel::start();
    process::block_signals().map_err(|error| format!("cannot block signals: {error}"))?;
    process::forbid_dumps();
    process::raise_file_limit();
    let (log, drain) = observe::log::open(level);
    let writer = std::thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || drain.run(std::io::stderr(), move || kernel.unix_ms()))
        .map_err(|error| format!("cannot start the log's thread: {error}"))?;
    let served = run(launch, kernel, &log);
    log.close();
    let _ = writer.join();
    served
}

fn run(launch: Launch, kernel: Kernel, log: &Log) -> Result<(), String> {
    let mut settings = load(launch.config.as_deref())?;
    if let Some(shards) = launch.shards {
        settings.server.shards = Some(shards.max(1));
    }
    let demo = start_demo(&settings, launch.demo_delay)?;
    let registry = Arc::new(Registry::new());
    let (request_log, flush) = match &settings.request_log {
        None => (None, None),
        Some(written) => {
            let dropped = registry.counter(Id::RequestLogDropped, &[]);
            let opened = control::request_log::open(&written.path, dropped, log.clone())
                .map_err(|error| format!("cannot open the request log {}: {error}", written.path.display()))?;
            (Some(Box::new(opened.0) as Box<dyn RequestLogSink>), Some(opened.1))
        }
    };
    let exact = Arc::new(ExactCache::new(settings.cache.bytes_max));
    let admin = match &settings.admin {
        None => None,
        Some(admin) => {
            Some(TcpListener::bind(admin.listen).map_err(|error| cannot_listen(admin.listen, "admin.listen", &error))?)
        }
    };
    let deployment = Deployment::assemble(settings, demo, None).map_err(|error| error.to_string())?;
    let shared = Arc::new(Shared {
        generation: AtomicU64::new(0),
        exact,
        keying: Keying::new(&random()?),
        homes: Homes::default(),
        request_log,
        log: Some(log.clone()),
        draining: AtomicBool::new(false),
        expired: AtomicBool::new(false),
        instance: format!("ringgate-{:08x}", random_u64()? >> 32),
        deployment: arc_swap::ArcSwap::from_pointee(deployment),
    });
    let process = Process { launch, shared, demo, registry, log: log.clone() };
    let Started { threads, companions, identities } = process.start(kernel, admin)?;
    process.obey_signals(kernel, &identities);
    for thread in threads {
        let _ = thread.join();
    }
    companions.iter().for_each(Companion::stop);
    if let Some(flush) = flush {
        flush.finish();
    }
    log.info("stopped", &[]);
    Ok(())
}

fn start_demo(settings: &Settings, delay: Duration) -> Result<Option<SocketAddr>, String> {
    let wanted = settings.providers.iter().any(|provider| {
        let kind = provider.kind.as_deref().unwrap_or(&provider.name);
        kind == providers::demo::KIND.name && provider.base_url.is_none()
    });
    let started = wanted.then(|| control::demo::start(delay)).transpose();
    started.map_err(|error| format!("cannot start the demo provider: {error}"))
}

/// Why an address cannot be had, and what to change.
fn cannot_listen(address: SocketAddr, setting: &str, error: &std::io::Error) -> String {
    let advice = match error.kind() {
        ErrorKind::AddrInUse => "end the process that has this port, or choose another",
        ErrorKind::AddrNotAvailable => "this machine has no such address; choose one that it has",
        ErrorKind::PermissionDenied => "ports below 1024 need a privilege; choose a higher one",
        _ => "choose another address",
    };
    format!("cannot listen on {address}: {error}; {advice} ({setting})")
}

fn random_u64() -> Result<u64, String> {
    random().map(u64::from_ne_bytes)
}

fn random<const BYTES: usize>() -> Result<[u8; BYTES], String> {
    let mut bytes = [0; BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| "the system gives no random numbers".to_owned())?;
    Ok(bytes)
}

impl Process {
    /// Starts every thread; returns when all shards listen. They do when the first credentials are there that have to
    /// be fetched, or a few seconds went by without.
    fn start(&self, kernel: Kernel, admin: Option<TcpListener>) -> Result<Started, String> {
        let deployment = self.shared.deployment.load_full();
        let server = &deployment.settings.server;
        let cores = thread::allowed_cores().unwrap_or_default();
        let shards = server.shards.unwrap_or(cores.len()).max(1);
        let (_port, listen) =
            socket::reserve(server.listen).map_err(|error| cannot_listen(server.listen, "server.listen", &error))?;
        if matches!(TcpListener::bind(server.listen), Err(error) if error.kind() == ErrorKind::AddrInUse && server.listen.port() != 0)
        {
            self.log.warn(
                "another process listens on this port too; the kernel divides connections between both",
                &[("listen", &server.listen)],
            );
        }
        let boxes: Arc<[Postbox]> = (0..shards).map(|_| Postbox::default()).collect();
        let questions = Arc::new(Questions::default());
        let companions = self.companions(&deployment, shards, &cores);
        let admin_at = admin.as_ref().and_then(|listener| listener.local_addr().ok());
        let identities = control::start(control::Spec {
            questions: Arc::clone(&questions),
            admin: admin.map(|listener| (listener, self.admin(kernel, &companions))),
            registry: Arc::clone(&self.registry),
            log: self.log.clone(),
            clock: kernel,
        });
        let identities = identities.map_err(|error| format!("cannot start the control thread: {error}"))?;
        identities.renew(deployment.identities());
        let (ready, started) = sync_channel(shards);
        let mut threads = Vec::with_capacity(shards);
        for index in 0..shards {
            let spec = shard::Spec {
                index,
                // More shards than cores would only fight over one core each: let the kernel choose.
                core: (shards <= cores.len()).then(|| cores[index]),
                listen,
                kernel,
                shared: Arc::clone(&self.shared),
                boxes: Arc::clone(&boxes),
                questions: Arc::clone(&questions),
                registry: Arc::clone(&self.registry),
                log: self.log.clone(),
                embedder: companions[index].clone(),
                require_io_uring: server.require_io_uring,
                seed: random_u64()?,
            };
            let thread = shard::start(spec, ready.clone()).map_err(|error| format!("cannot start a shard: {error}"))?;
            threads.push(thread);
        }
        let mut driver = None;
        for _ in 0..shards {
            driver = Some(started.recv().map_err(|_| "a shard died while starting".to_owned())??);
        }
        let driver = driver.expect("there is at least one shard");
        self.announce(driver, listen, shards, &deployment, admin_at);
        self.register(kernel, driver, &companions);
        Ok(Started { threads, companions, identities })
    }

    fn companions(&self, deployment: &Deployment, shards: usize, cores: &[usize]) -> Vec<Companion> {
        let embedding = &deployment.settings.embedding;
        if !deployment.wants_vectors() {
            return (0..shards).map(|_| Companion::absent("no route asks for semantic caching")).collect();
        }
        let source = Arc::new(OnnxSource::new(embedding));
        let companion = |shard: usize| {
            let log = self.log.clone();
            let core = (shards <= cores.len()).then(|| cores[shard]);
            let announce = Box::new(move |readiness: &embed::Readiness| announce_embedder(&log, shard, readiness));
            embed::companion_of_shard(shard, core, embedding, &source, Some(announce))
        };
        (0..shards).map(companion).collect()
    }

    fn announce(
        &self,
        driver: Driver,
        listen: SocketAddr,
        shards: usize,
        deployment: &Deployment,
        admin: Option<SocketAddr>,
    ) {
        match driver {
            Driver::IoUringCooperative => {}
            Driver::IoUring => self.log.warn("io_uring without COOP_TASKRUN: expect a quarter more CPU", &[]),
            Driver::Epoll => self.log.warn("io_uring cannot be used; falling back to epoll", &[]),
        }
        let url = format!("http://{listen}");
        let config = self.launch.config.as_ref().map_or("demo settings".to_owned(), |path| path.display().to_string());
        self.log.info(
            "serving",
            &[
                ("url", &url),
                ("shards", &shards),
                ("driver", &driver.label()),
                ("config", &config),
                ("providers", &deployment.providers.len()),
                ("keys", &deployment.settings.keys.len()),
            ],
        );
        if let Some(admin) = admin {
            let metrics = format!("http://{admin}/metrics");
            self.log.info("admin", &[("metrics", &metrics)]);
        }
        if self.demo.is_some() {
            self.log.info("no provider key is set: the embedded demo provider answers", &[]);
        }
    }

    /// Numbers that are kept elsewhere and read when metrics are rendered.
    fn register(&self, kernel: Kernel, driver: Driver, companions: &[Companion]) {
        let registry = &self.registry;
        registry.provide(Id::IoDriver, &[driver.label()], || 1);
        registry.provide(Id::BuildInfo, &[env!("CARGO_PKG_VERSION")], || 1);
        let started_ns = kernel.unix_ms().saturating_mul(1_000_000);
        registry.provide(Id::StartTime, &[], move || started_ns);
        registry.provide(Id::Uptime, &[], move || kernel.now().0);
        registry.provide(Id::ResidentMemory, &[], process::resident_bytes);
        let log = self.log.clone();
        registry.provide(Id::LogDropped, &[], move || log.dropped());
        for (index, companion) in companions.iter().enumerate() {
            let companion = companion.clone();
            registry.provide(Id::EmbedQueue, &[&index.to_string()], move || {
                companion.counters().waiting.load(Ordering::Relaxed) as u64
            });
        }
        let exact = [Id::CacheEntries, Id::CacheBytes, Id::CacheEvictions];
        for id in exact {
            let cache = Arc::clone(&self.shared.exact);
            registry.provide(id, &["exact"], move || match id {
                Id::CacheEntries => cache.entries() as u64,
                Id::CacheBytes => cache.bytes() as u64,
                _ => cache.evictions(),
            });
        }
    }

    fn admin(&self, kernel: Kernel, companions: &[Companion]) -> control::admin::Admin {
        let shared = Arc::clone(&self.shared);
        let companions = companions.to_vec();
        let readiness = move || {
            if shared.draining.load(Ordering::Relaxed) {
                return Err("draining\n".to_owned());
            }
            let embedder = companions.first().map(|companion| companion.readiness());
            let mut details = match embedder {
                Some(embed::Readiness::Disabled(reason)) => format!("ready\nsemantic cache: off ({reason})\n"),
                Some(embed::Readiness::Starting) => "ready\nsemantic cache: starting\n".to_owned(),
                _ => "ready\nsemantic cache: on\n".to_owned(),
            };
            for identity in shared.deployment.load().identities() {
                let state = if identity.in_force(kernel.unix_ms()).is_some() { "valid" } else { "missing" };
                details.push_str(&format!("credential of {}: {state}\n", identity.provider()));
            }
            Ok(details)
        };
        control::admin::Admin { registry: Arc::clone(&self.registry), readiness: Arc::new(readiness) }
    }

    /// Waits for signals until one says to stop, then drains.
    fn obey_signals(&self, kernel: Kernel, identities: &Identities) {
        loop {
            match process::wait_for_signal() {
                Ok(Signal::Reload) => self.reload(identities),
                Ok(Signal::Stop) => break,
                Err(error) => {
                    self.log.error("cannot wait for signals", &[("error", &error)]);
                    break;
                }
            }
        }
        let patience = self.shared.deployment.load().settings.server.drain_timeout;
        self.shared.draining.store(true, Ordering::Relaxed);
        self.log.info("draining", &[("timeout_s", &patience.as_secs())]);
        let shared = Arc::clone(&self.shared);
        let deadline = kernel.now().after(patience);
        let _ = std::thread::Builder::new().name("drain".to_owned()).spawn(move || {
            std::thread::sleep(deadline.since(kernel.now()));
            shared.expired.store(true, Ordering::Relaxed);
        });
    }

    /// Reads the file again and swaps the deployment, or says why not and goes on as before.
    fn reload(&self, identities: &Identities) {
        let applied = self.registry.counter(Id::ConfigReloads, &["applied"]);
        let refused = self.registry.counter(Id::ConfigReloads, &["refused"]);
        let before = self.shared.deployment.load_full();
        let reloaded = load(self.launch.config.as_deref()).and_then(|settings| {
            Deployment::assemble(settings, self.demo, Some(&before)).map_err(|error| error.to_string())
        });
        match reloaded {
            Ok(deployment) => {
                for setting in needs_a_restart(&before, &deployment) {
                    self.log.warn("this setting changed; it takes effect at the next start", &[("setting", &setting)]);
                }
                identities.renew(deployment.identities());
                self.shared.deployment.store(Arc::new(deployment));
                self.shared.generation.fetch_add(1, Ordering::Release);
                applied.add(1);
                self.log.info("configuration reloaded", &[]);
            }
            Err(reason) => {
                refused.add(1);
                self.log.error("the new configuration is refused; the old one stays", &[("reason", &reason)]);
            }
        }
    }
}

/// Settings that only a new process can follow.
fn needs_a_restart(before: &Deployment, after: &Deployment) -> Vec<&'static str> {
    let (old, new) = (&before.settings, &after.settings);
    let admin = |settings: &Settings| settings.admin.as_ref().map(|admin| admin.listen);
    let log = |settings: &Settings| settings.request_log.as_ref().map(|log| log.path.clone());
    let embedder = |settings: &Settings| (settings.embedding.library.clone(), settings.embedding.model_dir.clone());
    let changed = [
        ("server.listen", old.server.listen != new.server.listen),
        ("server.shards", old.server.shards != new.server.shards),
        ("admin.listen", admin(old) != admin(new)),
        ("request_log.path", log(old) != log(new)),
        ("cache", old.cache.bytes_max != new.cache.bytes_max),
        ("embedding", embedder(old) != embedder(new) || (after.wants_vectors() && !before.wants_vectors())),
    ];
    changed.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name).collect()
}

fn announce_embedder(log: &Log, shard: usize, readiness: &embed::Readiness) {
    match readiness {
        embed::Readiness::Ready if shard == 0 => log.info("semantic cache ready", &[]),
        embed::Readiness::Disabled(reason) if shard == 0 => {
            log.warn("semantic cache off; requests are forwarded without it", &[("reason", reason)]);
        }
        _ => {}
    }
}
