//! The gateway's process: started with a file, watched on standard error, ended with the test.

use crate::caller::Answer;
use crate::caller::Caller;
use crate::provider::Provider;
use ringgate::keys::NewKey;
use std::io::BufRead;
use std::io::BufReader;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Output;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

/// The provider key that every gateway here is given and that nobody may ever see.
pub const PROVIDER_SECRET: &str = "sk-canary-5f1c9e77d2a84b06";
/// Where it is written in configuration files.
const PROVIDER_SECRET_VARIABLE: &str = "CANARY_PROVIDER_KEY";
/// A condition that is not met by then is a failure. Generous: machines that run tests are busy.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// The kernel interface a gateway runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    IoUring,
    Epoll,
}

/// The same virtual key for the same number.
pub fn key(number: u8) -> NewKey {
    ringgate::keys::generate(&[number; 32])
}

/// Waits until `condition` holds.
#[track_caller]
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Runs the binary to its end.
pub fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringgate"));
    command.args(arguments).env_remove("OPENAI_API_KEY").env_remove("ANTHROPIC_API_KEY").stdin(Stdio::null());
    command.envs(variables.iter().copied()).output().expect("the binary runs")
}

/// What a gateway is started with.
pub struct Setup {
    driver: Driver,
    server: String,
    tables: String,
    has_route: bool,
    providers: Vec<String>,
    variables: Vec<(&'static str, String)>,
}

impl Setup {
    /// Two shards on a port of the kernel's choosing, and an admin listener; no keys, no providers.
    pub fn new(driver: Driver) -> Setup {
        Setup {
            driver,
            server: String::new(),
            tables: String::new(),
            has_route: false,
            providers: Vec::new(),
            variables: Vec::new(),
        }
    }

    /// Adds lines to `[server]`.
    pub fn server(mut self, lines: &str) -> Setup {
        self.server.push_str(lines);
        self.server.push('\n');
        self
    }

    /// Adds `provider`, with the canary as its key, and further lines.
    pub fn provider(self, name: &str, provider: &Provider, lines: &str) -> Setup {
        self.provider_at(name, &format!("http://{}/v1", provider.address), lines)
    }

    /// The same by its URL.
    pub fn provider_at(mut self, name: &str, url: &str, lines: &str) -> Setup {
        self.providers.push(format!("{name:?}"));
        let key = if lines.contains("api_key") { "" } else { "api_key = \"env:CANARY_PROVIDER_KEY\"\n" };
        self.tables(&format!(
            "[[providers]]\nname = {name:?}\ndialect = \"openai_chat\"\nbase_url = \"{url}\"\n{key}{lines}\n"
        ))
    }

    /// Adds a virtual key and further lines for it.
    pub fn key(self, name: &str, key: &NewKey, lines: &str) -> Setup {
        self.tables(&format!("[[keys]]\nname = {name:?}\nhash = \"{}\"\n{lines}\n", key.hash))
    }

    /// Adds a route. Without any, everything goes to all providers in their order, uncached.
    pub fn route(mut self, model: &str, targets: &str, lines: &str) -> Setup {
        self.has_route = true;
        self.tables(&format!("[[routes]]\nmodel = {model:?}\ntargets = [{targets}]\n{lines}\n"))
    }

    /// Adds whole tables.
    pub fn tables(mut self, text: &str) -> Setup {
        self.tables.push_str(text);
        self
    }

    /// Sets an environment variable for it.
    pub fn variable(mut self, name: &'static str, value: impl Into<String>) -> Setup {
        self.variables.push((name, value.into()));
        self
    }

    /// The configuration file's text.
    pub fn text(&self) -> String {
        let Setup { server, tables, .. } = self;
        let shards = if server.contains("shards") { "" } else { "shards = 2\n" };
        let mut text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n{shards}{server}\n[admin]\nlisten = \"127.0.0.1:0\"\n\n{tables}"
        );
        if !self.has_route {
            let targets = self.providers.join(", ");
            text.push_str(&format!("[[routes]]\nmodel = \"*\"\ntargets = [{targets}]\ncache = {{ exact = false }}\n"));
        }
        text
    }

    /// Starts the gateway and waits until it serves.
    #[track_caller]
    pub fn start(self) -> Gateway {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let config = directory.path().join("ringgate.toml");
        std::fs::write(&config, self.text()).expect("the configuration is written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringgate"));
        command.args(["serve", "--config"]).arg(&config).current_dir(directory.path());
        command.env(PROVIDER_SECRET_VARIABLE, PROVIDER_SECRET).env_remove("MONOIO_FORCE_LEGACY_DRIVER");
        // The machine that runs tests may be somebody in a cloud itself.
        let of_clouds = |name: &str| ["AWS_", "GOOGLE_", "GCE_", "CLOUDSDK_"].iter().any(|it| name.starts_with(it));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(of_clouds)) {
            command.env_remove(name);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        if self.driver == Driver::Epoll {
            command.env("MONOIO_FORCE_LEGACY_DRIVER", "1");
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let stderr = Lines::collect(child.stderr.take().expect("standard error is piped"));
        let wanted = ["serving url=http://", "admin metrics=http://"];
        let addresses = wanted.map(|mark| stderr.wait_for(mark, &self.text()).split(mark).nth(1).map(address_in));
        let [Some(address), Some(admin)] = addresses else { unreachable!("the lines hold their marks") };
        Gateway { child, address, admin, stderr, config, directory, is_running: true }
    }
}

fn address_in(text: &str) -> SocketAddr {
    let end = text.find([' ', '/', '"', '\n']).unwrap_or(text.len());
    text[..end].parse().unwrap_or_else(|_| panic!("no address in {text:?}"))
}

/// Lines as they come.
#[derive(Clone)]
pub struct Lines {
    shared: Arc<(Mutex<(String, bool)>, Condvar)>,
}

impl Lines {
    fn collect(source: impl std::io::Read + Send + 'static) -> Lines {
        let lines = Lines { shared: Arc::new((Mutex::new((String::new(), false)), Condvar::new())) };
        let shared = Arc::clone(&lines.shared);
        std::thread::spawn(move || {
            let mut source = BufReader::new(source);
            let mut line = String::new();
            while source.read_line(&mut line).is_ok_and(|read| read > 0) {
                shared.0.lock().expect("nobody panics under this lock").0.push_str(&line);
                shared.1.notify_all();
                line.clear();
            }
            shared.0.lock().expect("nobody panics under this lock").1 = true;
            shared.1.notify_all();
        });
        lines
    }

    /// Everything so far.
    pub fn text(&self) -> String {
        self.shared.0.lock().expect("nobody panics under this lock").0.clone()
    }

    /// The first line that holds `mark`.
    #[track_caller]
    pub fn wait_for(&self, mark: &str, context: &str) -> String {
        let (lock, changed) = &*self.shared;
        let mut state = lock.lock().expect("nobody panics under this lock");
        let started = Instant::now();
        loop {
            if let Some(line) = state.0.lines().find(|line| line.contains(mark)) {
                return line.to_owned();
            }
            let in_vain = state.1 || started.elapsed() > PATIENCE;
            assert!(!in_vain, "{mark:?} never appeared on standard error:\n{}\nwith\n{context}", state.0);
            state = changed.wait_timeout(state, Duration::from_millis(100)).expect("nobody panics under this lock").0;
        }
    }
}

/// A running gateway.
pub struct Gateway {
    child: Child,
    /// Where callers connect.
    pub address: SocketAddr,
    /// Where metrics are.
    pub admin: SocketAddr,
    /// What it says to people.
    pub stderr: Lines,
    /// Its configuration file.
    pub config: PathBuf,
    directory: tempfile::TempDir,
    is_running: bool,
}

impl Gateway {
    /// A new connection.
    #[track_caller]
    pub fn caller(&self) -> Caller {
        Caller::connect(self.address)
    }

    /// One request on a connection of its own.
    #[track_caller]
    pub fn ask(&self, request: &[u8]) -> Answer {
        let mut caller = self.caller();
        caller.send(request);
        caller.answer()
    }

    /// Its folder.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// `GET path` at the admin listener.
    #[track_caller]
    pub fn admin(&self, path: &str) -> Answer {
        self.admin_by("GET", path)
    }

    /// The same by another method.
    #[track_caller]
    pub fn admin_by(&self, method: &str, path: &str) -> Answer {
        let mut caller = Caller::connect(self.admin);
        caller.send(format!("{method} {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n").as_bytes());
        caller.answer()
    }

    /// The sum of all series of the metric `name` whose labels hold each of `labels`.
    #[track_caller]
    pub fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let text = self.admin("/metrics").text();
        let of_line = |line: &str| {
            let rest = line.strip_prefix(name)?;
            let fits = rest.starts_with([' ', '{']) && labels.iter().all(|label| rest.contains(label));
            if fits { rest.rsplit(' ').next()?.parse::<f64>().ok() } else { None }
        };
        text.lines().filter_map(of_line).sum()
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Physical memory held, bytes.
    pub fn resident_bytes(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most that it ever held.
    pub fn resident_bytes_at_peak(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("Linux tells");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.pid())]).status();
        assert!(sent.is_ok_and(|status| status.success()), "SIG{name} could not be sent");
    }

    /// Replaces the configuration file and says so.
    pub fn reload(&self, text: &str) {
        std::fs::write(&self.config, text).expect("the configuration is written");
        self.signal("HUP");
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the child is ours") {
                self.is_running = false;
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "the gateway does not end:\n{}", self.stderr.text());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Has it ended?
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("the child is ours").is_some()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let alive = self.child.try_wait().is_ok_and(|status| status.is_none());
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the gateway said ---\n{}", self.stderr.text());
            return;
        }
        let said = self.stderr.text();
        assert!(alive || !self.is_running, "the gateway ended by itself:\n{said}");
        assert!(!said.contains("panicked"), "the gateway panicked:\n{said}");
        assert_no_secret(&said, "standard error");
    }
}

/// No key of a provider and no virtual key may stand in `text`.
#[track_caller]
pub fn assert_no_secret(text: &str, place: &str) {
    assert!(!text.contains(PROVIDER_SECRET), "the provider's key appears in {place}:\n{text}");
    for number in 0..16 {
        assert!(!text.contains(&key(number).secret), "virtual key {number} appears in {place}:\n{text}");
    }
}
