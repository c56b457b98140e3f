//! A provider that never limits: the upstream of every load test.
//!
//! One thread on io_uring, no work beyond the sockets, so that what is measured through a gateway is
//! the gateway. Pin it from outside (`taskset -c 1 mock_upstream`): pinning from inside needs `unsafe`.
//! It counts what it is asked (`GET /count`), because a hit test that quietly misses proves nothing.

#[path = "mock/answers.rs"]
mod answers;
mod chunked;
mod draw;
#[path = "mock/latency.rs"]
mod latency;
#[path = "mock/request.rs"]
mod request;
#[path = "mock/scenario.rs"]
mod scenario;

use crate::answers::Answers;
use crate::answers::Failure;
use crate::latency::Latency;
use crate::request::Ask;
use crate::request::Dialect;
use crate::request::Framer;
use crate::request::Place;
use crate::request::Request;
use crate::scenario::Scenario;
use clap::Parser;
use monoio::buf::IoBufMut;
use monoio::io::AsyncReadRent;
use monoio::io::AsyncWriteRent;
use monoio::io::AsyncWriteRentExt;
use monoio::net::ListenerOpts;
use monoio::net::TcpListener;
use monoio::net::TcpStream;
use std::cell::Cell;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Ring entries: a burst of completions of all connections fits.
const RING_ENTRIES: u32 = 4096;
/// Connections waiting to be accepted.
const BACKLOG: i32 = 4096;
/// Least free room before a read, bytes.
const READ_ROOM_BYTES: usize = 4096;
/// First buffer of a connection, bytes.
const BUFFER_BYTES: usize = 16 * 1024;
/// Pipelined answers are written out beyond this many bytes.
const FLUSH_BYTES: usize = 64 * 1024;
/// A pause before the next accept when the process is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);
/// Waits from this length on watch whether the client leaves meanwhile.
const WATCHED_WAIT: Duration = Duration::from_millis(50);
/// The `mock-503-burst` scenario refuses the first `BURST_FAILURES` of every `BURST_PERIOD` requests.
const BURST_PERIOD: u64 = 100;
const BURST_FAILURES: u64 = 20;
/// Largest `--answer-bytes`: the text is held in memory once, and lengths have eight places.
const ANSWER_BYTES_MAX: u32 = 64_000_000;

/// A mock of OpenAI (`…/chat/completions`) and Anthropic (`…/messages`).
///
/// Model names choose scenarios: mock-429, mock-500, mock-503-burst, mock-slow, mock-drop-mid-stream,
/// mock-close, mock-garbage, mock-html, mock-html-200, mock-no-done, mock-stall, mock-tool,
/// mock-events-<COUNT>x<GAP_MS>. An alphanumeric `nonce=…` in a prompt is repeated in its answer.
#[derive(Debug, Parser)]
struct Options {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:9000")]
    listen: SocketAddr,
    /// Time to the first byte: MS, uniform:MIN,MAX, exponential:MEAN or lognormal:MEDIAN,SIGMA (ms).
    #[arg(long, default_value = "0")]
    latency: Latency,
    /// Seed of drawn latencies.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Content events of a stream.
    #[arg(long, default_value_t = 20)]
    events: u32,
    /// Pause after each event, ms.
    #[arg(long, default_value_t = 5)]
    gap_ms: u64,
    /// Length of a whole answer without its head, bytes.
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(..=ANSWER_BYTES_MAX as i64))]
    answer_bytes: u32,
    /// How long the mock-slow scenario waits, ms.
    #[arg(long, default_value_t = 2000)]
    slow_ms: u64,
}

/// What has been asked since the start or the last reset.
#[derive(Debug, Default)]
struct Counts {
    requests: Cell<u64>,
    streams: Cell<u64>,
    finished_streams: Cell<u64>,
    abandoned: Cell<u64>,
    connections: Cell<u64>,
}

impl Counts {
    fn json(&self) -> String {
        format!(
            r#"{{"requests":{},"streams":{},"finished_streams":{},"abandoned":{},"connections":{}}}"#,
            self.requests.get(),
            self.streams.get(),
            self.finished_streams.get(),
            self.abandoned.get(),
            self.connections.get()
        )
    }

    fn reset(&self) {
        for count in [&self.requests, &self.streams, &self.finished_streams, &self.abandoned, &self.connections] {
            count.set(0);
        }
    }
}

fn add_one(count: &Cell<u64>) -> u64 {
    count.set(count.get() + 1);
    count.get()
}

/// What all connections share.
struct Mock {
    options: Options,
    answers: Answers,
    counts: Counts,
}

fn main() {
    let options = Options::parse();
    let answers = Answers::sized(options.answer_bytes as usize);
    let mock = Rc::new(Mock { options, answers, counts: Counts::default() });
    if let Err(error) = run(mock) {
        eprintln!("mock_upstream: {error}");
        std::process::exit(1);
    }
}

/// Cooperative task running saves a fifth of the CPU but needs a kernel of 5.19 or later; containers often
/// forbid io_uring altogether. Both are tried down to epoll, which serves tests but not measurements.
fn run(mock: Rc<Mock>) -> io::Result<()> {
    let mut cooperative = io_uring::IoUring::builder();
    cooperative.setup_coop_taskrun();
    for ring in [cooperative, io_uring::IoUring::builder()] {
        let builder = monoio::RuntimeBuilder::<monoio::IoUringDriver>::new();
        if let Ok(mut runtime) = builder.with_entries(RING_ENTRIES).uring_builder(ring).enable_timer().build() {
            return runtime.block_on(accept(mock));
        }
    }
    eprintln!("mock_upstream: io_uring is not allowed here; epoll is slower, do not publish figures from it");
    let mut runtime = monoio::RuntimeBuilder::<monoio::LegacyDriver>::new().enable_timer().build()?;
    runtime.block_on(accept(mock))
}

async fn accept(mock: Rc<Mock>) -> io::Result<()> {
    // Two mocks sharing a port by accident would share the requests, and the counts would lie.
    let opts = ListenerOpts::new().reuse_port(false).backlog(BACKLOG);
    let listener = TcpListener::bind_with_config(mock.options.listen, &opts)?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true);
                add_one(&mock.counts.connections);
                monoio::spawn(Connection::new(stream, mock.clone()).serve());
            }
            Err(error) => {
                eprintln!("mock_upstream: accept: {error}");
                monoio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Why a connection ends.
enum End {
    /// As the scenario or the client wants it.
    Wanted,
    /// The client left before its answer was complete.
    Abandoned,
}

struct Connection {
    client: Client,
    framer: Framer,
    received: Vec<u8>,
}

/// The sending side, apart from what requests borrow while they are answered.
struct Client {
    stream: TcpStream,
    mock: Rc<Mock>,
    out: Vec<u8>,
    /// What arrived while an answer was being waited for.
    early: Vec<u8>,
}

impl Connection {
    fn new(stream: TcpStream, mock: Rc<Mock>) -> Connection {
        let client = Client { stream, mock, out: Vec::with_capacity(BUFFER_BYTES), early: Vec::new() };
        Connection { client, framer: Framer::default(), received: Vec::with_capacity(BUFFER_BYTES) }
    }

    async fn serve(mut self) {
        if let Err(End::Abandoned) = self.converse().await {
            add_one(&self.client.mock.counts.abandoned);
        }
        let _ = self.client.stream.shutdown().await;
    }

    async fn converse(&mut self) -> Result<(), End> {
        loop {
            let mut used = 0;
            while let Some(request) = self.framer.next(&self.received[used..]).map_err(|_| End::Wanted)? {
                used += request.bytes;
                self.client.answer(&request).await?;
            }
            self.client.flush().await?;
            self.received.drain(..used);
            self.received.append(&mut self.client.early);
            self.read().await?;
        }
    }

    async fn read(&mut self) -> Result<(), End> {
        let mut buffer = std::mem::take(&mut self.received);
        let filled = buffer.len();
        if buffer.capacity() - filled < READ_ROOM_BYTES {
            buffer.reserve(filled.max(BUFFER_BYTES));
        }
        let (result, slice) = self.client.stream.read(buffer.slice_mut(filled..)).await;
        self.received = slice.into_inner();
        match result {
            Ok(count) if count > 0 => Ok(()),
            _ => Err(End::Wanted),
        }
    }
}

impl Client {
    async fn answer(&mut self, request: &Request<'_>) -> Result<(), End> {
        let mock = self.mock.clone();
        match request.place {
            Place::Chat(dialect) => match Ask::read(request.body) {
                Some(ask) => self.chat(&mock, dialect, &ask).await?,
                None => answers::failure(&mut self.out, dialect, &answers::BAD_REQUEST),
            },
            Place::Count => answers::json(&mut self.out, &mock.counts.json()),
            Place::Reset => {
                mock.counts.reset();
                answers::json(&mut self.out, &mock.counts.json());
            }
            Place::Unknown => answers::failure(&mut self.out, Dialect::OpenAi, &answers::NOT_FOUND),
        }
        if !request.keep_alive {
            return self.end().await;
        }
        if self.out.len() > FLUSH_BYTES { self.flush().await } else { Ok(()) }
    }

    async fn chat(&mut self, mock: &Mock, dialect: Dialect, ask: &Ask<'_>) -> Result<(), End> {
        let serial = add_one(&mock.counts.requests);
        let scenario = Scenario::of(&ask.model);
        let options = &mock.options;
        self.wait(options.latency.draw(options.seed, serial)).await?;
        match scenario {
            Scenario::Html => answers::html(&mut self.out, "502 Bad Gateway"),
            Scenario::HtmlOk => answers::html(&mut self.out, "200 OK"),
            Scenario::Close => return self.end().await,
            Scenario::Garbage => {
                self.out.extend_from_slice(answers::GARBAGE);
                return self.end().await;
            }
            _ => {
                if let Some(failure) = failure(scenario, serial) {
                    answers::failure(&mut self.out, dialect, failure);
                    return Ok(());
                }
                if scenario == Scenario::Slow {
                    self.wait(Duration::from_millis(options.slow_ms)).await?;
                }
                return match ask.stream {
                    true => self.stream(mock, dialect, ask, serial, scenario).await,
                    false => self.whole(mock, dialect, ask, serial, scenario).await,
                };
            }
        }
        Ok(())
    }

    async fn whole(
        &mut self,
        mock: &Mock,
        dialect: Dialect,
        ask: &Ask<'_>,
        serial: u64,
        scenario: Scenario,
    ) -> Result<(), End> {
        match scenario {
            Scenario::Stall => return self.stall().await,
            Scenario::Tool => mock.answers.tool_call(&mut self.out, dialect, ask, serial),
            _ => mock.answers.whole(&mut self.out, dialect, ask, serial),
        }
        if scenario == Scenario::DropMidStream {
            let kept = self.out.len() - mock.options.answer_bytes as usize / 2;
            self.out.truncate(kept);
            return self.end().await;
        }
        Ok(())
    }

    async fn stream(
        &mut self,
        mock: &Mock,
        dialect: Dialect,
        ask: &Ask<'_>,
        serial: u64,
        scenario: Scenario,
    ) -> Result<(), End> {
        add_one(&mock.counts.streams);
        let (count, gap) = match scenario {
            Scenario::Events { count, gap } => (count, gap),
            _ => (mock.options.events, Duration::from_millis(mock.options.gap_ms)),
        };
        let tool = scenario == Scenario::Tool;
        self.out.extend_from_slice(answers::STREAM_HEAD);
        answers::stream_opening(&mut self.out, dialect, ask, serial, tool);
        self.flush().await?;
        if tool {
            self.tool_events(dialect, ask, serial, gap).await?;
        } else {
            let cut = matches!(scenario, Scenario::DropMidStream | Scenario::Stall);
            self.text_events(dialect, ask, serial, if cut { count / 2 } else { count }, gap).await?;
        }
        match scenario {
            Scenario::DropMidStream => return self.end().await,
            Scenario::Stall => return self.stall().await,
            _ => {}
        }
        answers::stream_closing(&mut self.out, dialect, ask, serial, tool, scenario != Scenario::NoDone);
        self.out.extend_from_slice(answers::LAST_CHUNK);
        self.flush().await?;
        add_one(&mock.counts.finished_streams);
        Ok(())
    }

    async fn text_events(
        &mut self,
        dialect: Dialect,
        ask: &Ask<'_>,
        serial: u64,
        count: u32,
        gap: Duration,
    ) -> Result<(), End> {
        for index in 0..count {
            answers::stream_delta(&mut self.out, dialect, ask, serial, index);
            self.flush().await?;
            pause(gap).await;
        }
        Ok(())
    }

    async fn tool_events(&mut self, dialect: Dialect, ask: &Ask<'_>, serial: u64, gap: Duration) -> Result<(), End> {
        for index in 0..answers::TOOL_FRAGMENTS {
            answers::stream_tool_delta(&mut self.out, dialect, ask, serial, index);
            self.flush().await?;
            pause(gap).await;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), End> {
        if self.out.is_empty() {
            return Ok(());
        }
        let (result, mut out) = self.stream.write_all(std::mem::take(&mut self.out)).await;
        out.clear();
        self.out = out;
        result.map(drop).map_err(|_| End::Abandoned)
    }

    /// Sends what is ready and ends the connection.
    async fn end(&mut self) -> Result<(), End> {
        self.flush().await?;
        Err(End::Wanted)
    }

    /// Sends what is ready, then lets time pass; ends when the client leaves during a long wait.
    async fn wait(&mut self, wait: Duration) -> Result<(), End> {
        if wait.is_zero() {
            return Ok(());
        }
        self.flush().await?;
        if wait < WATCHED_WAIT {
            monoio::time::sleep(wait).await;
            return Ok(());
        }
        let sleep = monoio::time::sleep(wait);
        let mut sleep = pin!(sleep);
        match first(sleep.as_mut(), self.stream.readable(true)).await {
            First::Slept => Ok(()),
            First::Readable => {
                self.read_early().await?;
                sleep.await;
                Ok(())
            }
        }
    }

    /// Sends what is ready, then nothing more until the client leaves.
    async fn stall(&mut self) -> Result<(), End> {
        self.flush().await?;
        loop {
            self.read_early().await?;
        }
    }

    async fn read_early(&mut self) -> Result<(), End> {
        let (result, read) = self.stream.read(Vec::with_capacity(READ_ROOM_BYTES)).await;
        self.early.extend_from_slice(&read);
        match result {
            Ok(count) if count > 0 => Ok(()),
            _ => Err(End::Abandoned),
        }
    }
}

/// What request number `serial` fails with, if the scenario has it fail.
fn failure(scenario: Scenario, serial: u64) -> Option<&'static Failure> {
    match scenario {
        Scenario::RateLimited => Some(&answers::RATE_LIMITED),
        Scenario::ServerError => Some(&answers::SERVER_ERROR),
        Scenario::UnavailableBurst if (serial - 1) % BURST_PERIOD < BURST_FAILURES => Some(&answers::UNAVAILABLE),
        _ => None,
    }
}

/// The runtime's timers tick in milliseconds; no pause means not even a turn of the runtime.
async fn pause(gap: Duration) {
    if !gap.is_zero() {
        monoio::time::sleep(gap).await;
    }
}

enum First {
    Slept,
    Readable,
}

async fn first(mut sleep: impl Future<Output = ()> + Unpin, readable: impl Future<Output = io::Result<()>>) -> First {
    let mut readable = pin!(readable);
    std::future::poll_fn(|context| {
        if Pin::new(&mut sleep).poll(context).is_ready() {
            return Poll::Ready(First::Slept);
        }
        readable.as_mut().poll(context).map(|_| First::Readable)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::io::Write;
    use std::net::TcpStream as Plain;

    /// A mock on a free port, which runs until the tests end.
    fn mock() -> SocketAddr {
        let listen =
            std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
        let flags = ["mock_upstream", "--listen", &listen.to_string(), "--events", "4", "--gap-ms", "1"];
        let options = Options::parse_from(flags);
        std::thread::spawn(move || {
            let answers = Answers::sized(1024);
            run(Rc::new(Mock { options, answers, counts: Counts::default() })).expect("a mock");
        });
        while Plain::connect(listen).is_err() {
            std::thread::sleep(Duration::from_millis(5));
        }
        listen
    }

    fn chat(model: &str, stream: bool) -> String {
        let body = format!(r#"{{"model":"{model}","stream":{stream},"messages":[{{"content":"nonce=ab12"}}]}}"#);
        format!("POST /v1/chat/completions HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    }

    /// All that comes back for `sent` on one connection, up to its end.
    fn exchange(mock: SocketAddr, sent: &str) -> String {
        let mut client = Plain::connect(mock).expect("a connection");
        client.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        client.write_all(sent.as_bytes()).expect("sent");
        let mut received = Vec::new();
        client.read_to_end(&mut received).expect("an end");
        String::from_utf8_lossy(&received).into_owned()
    }

    #[test]
    fn pipelined_and_chunked_requests_are_answered_in_order() {
        let last = "GET /count HTTP/1.1\r\nconnection: close\r\n\r\n";
        let chunked = "POST /v1/messages HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\n{}\n\r\n0\r\n\r\n";
        let sent = [&chat("gpt-4o-mini", false), &chat("mock-429", false), chunked, &chat("m", true), last].concat();
        let received = exchange(mock(), &sent);
        let expected = ["chat.completion\"", "HTTP/1.1 429", "\"type\":\"message\"", "[DONE]", "\"requests\":4"];
        let places: Vec<_> = expected.iter().map(|text| received.find(text).expect(text)).collect();
        assert!(places.is_sorted(), "{received}");
        assert_eq!(received.matches("ab12").count(), 2);
    }

    #[test]
    fn broken_answers_are_broken_as_named() {
        let mock = mock();
        let stream = |model| exchange(mock, &chat(model, true));
        assert_eq!(exchange(mock, &chat("mock-close", false)), "");
        assert!(exchange(mock, &chat("mock-garbage", false)).starts_with('\u{16}'));
        let cut = exchange(mock, &chat("mock-drop-mid-stream", false));
        assert!(cut.contains("content-length") && !cut.contains("usage"), "{cut}");
        let cut = stream("mock-drop-mid-stream");
        assert!(cut.contains("token 1") && !cut.contains("token 2") && !cut.ends_with("0\r\n\r\n"), "{cut}");
    }

    #[test]
    fn clients_that_leave_are_counted() {
        let mock = mock();
        for stream in [true, false] {
            let mut client = Plain::connect(mock).expect("a connection");
            client.write_all(chat("mock-stall", stream).as_bytes()).expect("sent");
            if stream {
                client.read_exact(&mut [0; 400]).expect("half a stream");
            }
        }
        let count = "GET /count HTTP/1.1\r\nconnection: close\r\n\r\n";
        let abandoned = || exchange(mock, count).contains(r#""finished_streams":0,"abandoned":2"#);
        let seen = (0..1000).any(|_| {
            std::thread::sleep(Duration::from_millis(5));
            abandoned()
        });
        assert!(seen, "both clients left");
    }
}
