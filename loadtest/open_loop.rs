//! A load driver that does not wait for answers before it sends: requests are due at a constant rate,
//! and latency counts from the instant a request was due, so a stall of the gateway shows in all the
//! requests it delayed. Without `--rate` it is a closed loop.
//!
//! Any free connection takes the next due request, as in a client's pool. How late requests left is
//! reported beside the latencies: it is the driver's own error while connections are free.
//!
//! It keeps the system's allocator: one with a heap per thread clears huge pages for each of hundreds of
//! connections while the clock runs, which cost more than all the requests.

mod chunked;
mod draw;
#[path = "driver/exchange.rs"]
mod exchange;
#[path = "driver/histogram.rs"]
mod histogram;
#[path = "driver/plan.rs"]
mod plan;
#[path = "driver/report.rs"]
mod report;

use crate::exchange::Connection;
use crate::exchange::now;
use crate::plan::Mode;
use crate::plan::Plan;
use crate::plan::Shape;
use crate::report::Measured;
use clap::Parser;
use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Barrier;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

/// Stack of a connection's thread, bytes: thousands of streams need thousands of threads.
const STACK_BYTES: usize = 128 * 1024;
/// Pause between the last connect and the first request.
const SETTLE: Duration = Duration::from_millis(50);
/// Scheduler ticks of /proc, per second.
const TICKS_PER_S: f64 = 100.0;

/// Sends chat requests at a constant rate, or as fast as answers come, and reports latencies as JSON.
#[derive(Debug, Parser)]
struct Options {
    /// Where the gateway listens.
    #[arg(long, default_value = "127.0.0.1:8080")]
    address: SocketAddr,
    /// Path of the chat endpoint.
    #[arg(long, default_value = "/v1/chat/completions")]
    path: String,
    /// Bearer key.
    #[arg(long)]
    key: Option<String>,
    /// Which requests.
    #[arg(long, value_enum, default_value = "miss")]
    mode: Mode,
    /// Requests per second; without it the loop is closed.
    #[arg(long)]
    rate: Option<f64>,
    /// Connections, each with its thread.
    #[arg(long, default_value_t = 50)]
    connections: usize,
    /// Measured time, s.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Time before it that is not measured, s.
    #[arg(long, default_value_t = 2.0)]
    warmup_seconds: f64,
    /// Model of whole answers.
    #[arg(long, default_value = "gpt-4o-mini")]
    model: String,
    /// Model of streamed answers; mock-events-COUNTxGAP_MS shapes the mock's stream.
    #[arg(long, default_value = "mock-events-20x5")]
    stream_model: String,
    /// Size of a request body, bytes.
    #[arg(long, default_value_t = 1024)]
    body_bytes: usize,
    /// Distinct prompts among the repeated ones of the mix.
    #[arg(long, default_value_t = 1000)]
    prompts: usize,
    /// How fast their popularity falls with their rank.
    #[arg(long, default_value_t = 1.0)]
    zipf: f64,
    /// Seed of the mix.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Makes prompts differ from those of other runs; drawn from the process id unless given.
    #[arg(long)]
    salt: Option<u64>,
    /// Longest silence of an answer, s.
    #[arg(long, default_value_t = 30.0)]
    timeout_seconds: f64,
}

/// When requests are due.
#[derive(Clone, Copy, Debug)]
struct Schedule {
    start: Instant,
    /// `None`: closed loop.
    interval: Option<Duration>,
    measured_from: Instant,
    end: Instant,
}

impl Schedule {
    /// When request number `index` is due.
    fn due(&self, index: u64) -> Instant {
        match self.interval {
            Some(interval) => self.start + interval.mul_f64(index as f64),
            None => now().max(self.start),
        }
    }
}

fn main() {
    let options = Options::parse();
    if let Err(error) = check(&options) {
        eprintln!("open_loop: {error}");
        std::process::exit(2);
    }
    let (measured, elapsed) = run(&options);
    let mut report = measured.json(elapsed);
    report["mode"] = options.mode_name().into();
    report["loop"] = if options.rate.is_some() { "open" } else { "closed" }.into();
    report["rate"] = options.rate.into();
    report["connections"] = options.connections.into();
    report["driver_cpu_seconds"] = cpu_seconds().into();
    println!("{report}");
}

impl Options {
    fn mode_name(&self) -> String {
        format!("{:?}", self.mode).to_lowercase()
    }

    fn shape(&self) -> Shape {
        Shape {
            mode: self.mode,
            host: self.address.to_string(),
            path: self.path.clone(),
            key: self.key.clone(),
            model: self.model.clone(),
            stream_model: self.stream_model.clone(),
            body_bytes: self.body_bytes,
            seed: self.seed,
            salt: self.salt.unwrap_or_else(|| draw::bits(0, std::process::id().into())),
        }
    }
}

fn check(options: &Options) -> Result<(), &'static str> {
    let positive = |value: f64| value.is_finite() && value > 0.0;
    if options.rate.is_some_and(|rate| !positive(rate)) {
        return Err("--rate must be positive; leave it out for a closed loop");
    }
    if options.connections == 0 {
        return Err("--connections must be at least 1");
    }
    if !positive(options.seconds) || !positive(options.timeout_seconds) || options.warmup_seconds < 0.0 {
        return Err("--seconds and --timeout-seconds must be positive, --warmup-seconds not negative");
    }
    if !options.zipf.is_finite() {
        return Err("--zipf must be a number");
    }
    Ok(())
}

fn run(options: &Options) -> (Measured, Duration) {
    let plan = Plan::new(options.shape(), options.prompts, options.zipf);
    let next = Arc::new(AtomicU64::new(0));
    let connected = Arc::new(Barrier::new(options.connections + 1));
    let start = Arc::new(std::sync::OnceLock::new());
    let timeout = Duration::from_secs_f64(options.timeout_seconds);
    let spawn = |_| {
        let (plan, next, connected, start) = (plan.clone(), next.clone(), connected.clone(), start.clone());
        let mut connection = Connection::new(options.address, timeout);
        let body = move || {
            // A connection that cannot be made now is tried again, and counted, with its first request.
            let _ = connection.open();
            connected.wait();
            drive(connection, plan, &next, *start.wait())
        };
        thread::Builder::new().stack_size(STACK_BYTES).spawn(body).expect("the system allows a thread per connection")
    };
    let threads: Vec<_> = (0..options.connections).map(spawn).collect();
    connected.wait();
    let schedule = schedule(options);
    let _ = start.set(schedule);
    let mut measured = Measured::default();
    for thread in threads {
        measured.merge(&thread.join().expect("a connection's thread does not panic"));
    }
    // Counted are the requests due in the measured time, over that time: their last answers come later.
    (measured, Duration::from_secs_f64(options.seconds))
}

fn schedule(options: &Options) -> Schedule {
    let start = now() + SETTLE;
    let measured_from = start + Duration::from_secs_f64(options.warmup_seconds);
    let end = measured_from + Duration::from_secs_f64(options.seconds);
    let interval = options.rate.map(|rate| Duration::from_secs_f64(1.0 / rate));
    Schedule { start, interval, measured_from, end }
}

/// One connection's share of the run.
fn drive(mut connection: Connection, mut plan: Plan, next: &AtomicU64, schedule: Schedule) -> Measured {
    let mut measured = Measured::default();
    let mut request = Vec::new();
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let planned = plan.render(index, &mut request);
        let due = schedule.due(index);
        if due >= schedule.end {
            return measured;
        }
        thread::sleep(due.saturating_duration_since(now()));
        let sent = now();
        let result = connection.exchange(&request, planned.nonce.as_bytes());
        if due >= schedule.measured_from {
            measured.record(planned.kind, due, sent, result);
        }
    }
}

/// CPU time of this process so far, s, from scheduler ticks.
fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_S)
}
