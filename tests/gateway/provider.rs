//! A provider that does what its script says, after having looked at every request with suspicion.

use crate::process::PATIENCE;
use ringgate::sys::socket::reset_on_close;
use rustls::ServerConfig;
use rustls::ServerConnection;
use rustls::StreamOwned;
use serde_json::Value;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A recorded whole answer; see `fixtures/README.md`.
pub const RECORDED_WHOLE: &str = include_str!("fixtures/whole.json");
/// A recorded stream.
pub const RECORDED_STREAM: &str = include_str!("fixtures/stream.sse");
/// The head of every stream here.
pub const STREAM_HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n";

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Every byte up to and with the empty line.
    pub head: Vec<u8>,
    /// The body, without its framing.
    pub body: Vec<u8>,
}

impl Seen {
    /// The fields in their order, names in lower case.
    pub fn fields(&self) -> Vec<(String, String)> {
        let text = String::from_utf8_lossy(&self.head).into_owned();
        let lines = text.split("\r\n").skip(1).filter(|line| !line.is_empty());
        let field = |line: &str| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        lines.map(field).collect()
    }

    /// The request line without its version.
    pub fn line(&self) -> String {
        let text = String::from_utf8_lossy(&self.head).into_owned();
        text.split(" HTTP/1.1\r\n").next().unwrap_or_default().to_owned()
    }

    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<String> {
        self.fields().into_iter().find(|(found, _)| found == name).map(|(_, value)| value)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the gateway sends JSON")
    }

    /// The last message's text.
    pub fn prompt(&self) -> String {
        let body = self.json();
        let last = body["messages"].as_array().and_then(|messages| messages.last()).cloned();
        last.and_then(|message| message["content"].as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Is a stream asked for?
    pub fn wants_stream(&self) -> bool {
        self.json()["stream"] == true
    }
}

trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

/// The gateway, seen from here.
pub struct Peer {
    wire: Box<dyn Wire>,
    socket: TcpStream,
    ended: bool,
}

impl Peer {
    /// Sends bytes now.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let sent = self.wire.write_all(bytes.as_ref()).and_then(|()| self.wire.flush());
        self.ended |= sent.is_err();
    }

    /// Sends one chunk.
    pub fn chunk(&mut self, bytes: impl AsRef<[u8]>) {
        self.send(chunk(bytes));
    }

    /// Sends the last chunk.
    pub fn end_chunks(&mut self) {
        self.send("0\r\n\r\n");
    }

    /// Ends the connection in order.
    pub fn close(&mut self) {
        self.ended = true;
    }

    /// Ends the connection with a reset.
    pub fn reset(&mut self) {
        reset_on_close(self.socket.as_raw_fd());
        self.ended = true;
    }

    /// Was the connection ended, by either side, as far as sending can tell?
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether the gateway closes this connection in time.
    pub fn sees_close(&mut self, within: Duration) -> bool {
        self.ended = true;
        let _ = self.socket.set_read_timeout(Some(within));
        let mut byte = [0];
        match self.wire.read(&mut byte) {
            Ok(read) => read == 0,
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }
}

/// One chunk.
pub fn chunk(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
    framed.extend_from_slice(bytes);
    framed.extend_from_slice(b"\r\n");
    framed
}

/// A JSON answer with this status.
pub fn json_answer(status: u16, body: &str) -> String {
    answer(status, "application/json", "", body)
}

/// An answer with a length.
pub fn answer(status: u16, content_type: &str, lines: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} Whatever\r\ncontent-type: {content_type}\r\n{lines}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A whole chat completion that says `text`.
pub fn completion(text: &str) -> String {
    format!(
        r#"{{"id":"chatcmpl-original","object":"chat.completion","created":1700000000,"model":"scripted-1","choices":[{{"index":0,"message":{{"role":"assistant","content":{},"refusal":null}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":7,"completion_tokens":5,"total_tokens":12}},"system_fingerprint":"fp_1"}}"#,
        Value::from(text)
    )
}

/// One event with a piece of text.
pub fn delta(text: &str) -> String {
    event(&format!(r#"{{"index":0,"delta":{{"content":{}}},"finish_reason":null}}"#, Value::from(text)))
}

/// The first event, without content.
pub fn opening() -> String {
    event(r#"{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}"#)
}

/// The event that ends an answer for this reason.
pub fn finish(reason: &str) -> String {
    event(&format!(r#"{{"index":0,"delta":{{}},"finish_reason":"{reason}"}}"#))
}

/// One event with this choice.
pub fn event(choice: &str) -> String {
    format!(
        "data: {{\"id\":\"chatcmpl-original\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\
         \"model\":\"scripted-1\",\"choices\":[{choice}]}}\n\n"
    )
}

/// The event that carries only usage.
pub fn usage_event() -> &'static str {
    "data: {\"id\":\"chatcmpl-original\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\
     \"model\":\"scripted-1\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":5,\"total_tokens\":12}}\n\n"
}

/// The terminator.
pub const DONE: &str = "data: [DONE]\n\n";

/// Answers politely: says the prompt again, as a stream where one is wanted.
pub fn echo(seen: &Seen, peer: &mut Peer) {
    let text = format!("echo {}", seen.prompt());
    if seen.wants_stream() {
        peer.send(STREAM_HEAD);
        for piece in [opening(), delta("echo "), delta(&seen.prompt()), finish("stop")] {
            peer.chunk(piece);
        }
        peer.chunk(format!("{}{DONE}", usage_event()));
        peer.end_chunks();
    } else {
        peer.send(json_answer(200, &completion(&text)));
    }
}

/// Lets a script go on when the test says so.
#[derive(Clone, Default)]
pub struct Gate {
    opened: Arc<(Mutex<std::collections::HashSet<String>>, Condvar)>,
}

impl Gate {
    /// Whoever waits at `name`, now or later, goes on, once.
    pub fn open(&self, name: &str) {
        self.opened.0.lock().expect("nobody panics under this lock").insert(name.to_owned());
        self.opened.1.notify_all();
    }

    /// Waits until `name` was opened; not for ever, because a failed test opens nothing.
    pub fn wait(&self, name: &str) {
        let opened = self.opened.0.lock().expect("nobody panics under this lock");
        let closed = |opened: &mut std::collections::HashSet<String>| !opened.contains(name);
        if let Ok((mut opened, _)) = self.opened.1.wait_timeout_while(opened, PATIENCE, closed) {
            opened.remove(name);
        }
    }
}

/// Request lines that a provider expects, whole or up to a slash; none: whatever is one.
const CHAT: &[&str] = &[
    "POST /v1/chat/completions HTTP/1.1",
    "POST /v1/responses HTTP/1.1",
    "POST /v1/messages HTTP/1.1",
    "POST /v1beta/models/",
    "POST /v1/projects/",
    "POST /v2/chat HTTP/1.1",
    "POST /model/",
];
const ANYTHING: &[&str] = &[];

type Script = dyn Fn(&Seen, &mut Peer) + Send + Sync;

#[derive(Default)]
struct Ledger {
    seen: Mutex<Vec<Seen>>,
    violations: Mutex<Vec<String>>,
    connections: AtomicUsize,
    stopping: AtomicBool,
}

/// A scripted provider.
pub struct Provider {
    /// Where it is.
    pub address: SocketAddr,
    ledger: Arc<Ledger>,
}

impl Provider {
    /// Starts one that follows `script` for each request. A script that neither closes nor resets leaves
    /// the connection open for the next request.
    pub fn start(script: impl Fn(&Seen, &mut Peer) + Send + Sync + 'static) -> Provider {
        Provider::launch(None, CHAT, Arc::new(script))
    }

    /// The same for requests of any method and path, which end their head as these do.
    pub fn start_at_any_path(script: impl Fn(&Seen, &mut Peer) + Send + Sync + 'static) -> Provider {
        Provider::launch(None, ANYTHING, Arc::new(script))
    }

    /// The same over TLS.
    pub fn start_tls(config: Arc<ServerConfig>, script: impl Fn(&Seen, &mut Peer) + Send + Sync + 'static) -> Provider {
        Provider::launch(Some(config), CHAT, Arc::new(script))
    }

    /// Both at once.
    pub fn start_tls_at_any_path(
        config: Arc<ServerConfig>,
        script: impl Fn(&Seen, &mut Peer) + Send + Sync + 'static,
    ) -> Provider {
        Provider::launch(Some(config), ANYTHING, Arc::new(script))
    }

    fn launch(tls: Option<Arc<ServerConfig>>, lines: &'static [&'static str], script: Arc<Script>) -> Provider {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
        let address = listener.local_addr().expect("a bound socket has an address");
        let ledger = Arc::new(Ledger::default());
        let shared = Arc::clone(&ledger);
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                if shared.stopping.load(Ordering::SeqCst) {
                    return;
                }
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let (ledger, script, tls) = (Arc::clone(&shared), Arc::clone(&script), tls.clone());
                std::thread::spawn(move || converse(socket, tls, lines, &ledger, &*script));
            }
        });
        Provider { address, ledger }
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.ledger.seen.lock().expect("nobody panics under this lock").clone()
    }

    /// Those whose body holds `mark`.
    pub fn seen_with(&self, mark: &str) -> Vec<Seen> {
        let holds = |seen: &&Seen| memchr::memmem::find(&seen.body, mark.as_bytes()).is_some();
        self.ledger.seen.lock().expect("nobody panics under this lock").iter().filter(holds).cloned().collect()
    }

    /// How many requests so far.
    pub fn count(&self) -> usize {
        self.ledger.seen.lock().expect("nobody panics under this lock").len()
    }

    /// How many connections so far.
    pub fn connections(&self) -> usize {
        self.ledger.connections.load(Ordering::SeqCst)
    }

    /// The only request so far.
    #[track_caller]
    pub fn only(&self) -> Seen {
        let mut seen = self.seen();
        assert_eq!(seen.len(), 1, "one request upstream");
        seen.remove(0)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.ledger.stopping.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        let violations = self.ledger.violations.lock().map(|found| found.clone()).unwrap_or_default();
        if !std::thread::panicking() {
            assert!(violations.is_empty(), "ambiguous requests upstream: {violations:#?}");
        }
    }
}

fn converse(socket: TcpStream, tls: Option<Arc<ServerConfig>>, lines: &[&str], ledger: &Ledger, script: &Script) {
    let _ = socket.set_nodelay(true);
    let Ok(second) = socket.try_clone() else { return };
    let wire: Box<dyn Wire> = match tls {
        None => Box::new(socket),
        Some(config) => {
            let Ok(session) = ServerConnection::new(config) else { return };
            Box::new(StreamOwned::new(session, socket))
        }
    };
    let mut peer = Peer { wire, socket: second, ended: false };
    let mut pending = Vec::new();
    while !peer.ended {
        let Some(seen) = read_request(&mut peer, &mut pending, lines, ledger) else { return };
        ledger.seen.lock().expect("nobody panics under this lock").push(seen.clone());
        script(&seen, &mut peer);
    }
}

fn read_request(peer: &mut Peer, pending: &mut Vec<u8>, lines: &[&str], ledger: &Ledger) -> Option<Seen> {
    let _ = peer.socket.set_read_timeout(Some(PATIENCE * 4));
    let end = loop {
        if let Some(at) = memchr::memmem::find(pending, b"\r\n\r\n") {
            break at + 4;
        }
        read_some(peer, pending)?;
    };
    let head = take_front(pending, end);
    let length = match judge(&head, lines) {
        Ok(length) => length,
        Err(reason) => {
            let told = format!("{reason}: {}", head.escape_ascii());
            ledger.violations.lock().expect("nobody panics under this lock").push(told);
            return None;
        }
    };
    while pending.len() < length {
        read_some(peer, pending)?;
    }
    let body = take_front(pending, length);
    Some(Seen { head, body })
}

/// The first `count` bytes, by block: byte by byte takes seconds for a large body in a debug build.
pub fn take_front(bytes: &mut Vec<u8>, count: usize) -> Vec<u8> {
    let rest = bytes.split_off(count);
    std::mem::replace(bytes, rest)
}

fn read_some(peer: &mut Peer, into: &mut Vec<u8>) -> Option<()> {
    let mut some = [0; 64 * 1024];
    let read = peer.wire.read(&mut some).ok().filter(|read| *read > 0)?;
    into.extend_from_slice(&some[..read]);
    Some(())
}

/// One Host, one Content-Length, no other framing, token names, no stray control characters. Gives the
/// length.
fn judge(head: &[u8], expected: &[&str]) -> Result<usize, &'static str> {
    let text = &head[..head.len() - 4];
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, b"\r\n") {
        lines.push(&rest[..at]);
        rest = &rest[at + 2..];
    }
    lines.push(rest);
    let control = |byte: &u8| *byte < 0x20 && *byte != b'\t' || *byte == 0x7f;
    if lines.iter().any(|line| line.iter().any(control)) {
        return Err("a control character");
    }
    let line = std::str::from_utf8(lines[0]).map_err(|_| "a request line that is no text")?;
    let words: Vec<&str> = line.split(' ').collect();
    let [method, target, "HTTP/1.1"] = words[..] else { return Err("an unexpected request line") };
    let is_expected = |known: &&str| line == *known || known.ends_with('/') && line.starts_with(known);
    if !expected.is_empty() && !expected.iter().any(is_expected) || !target.starts_with('/') {
        return Err("an unexpected request line");
    }
    let (mut hosts, mut lengths) = (0, Vec::new());
    for line in &lines[1..] {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { return Err("a line without a colon") };
        let name = line[..colon].to_ascii_lowercase();
        let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
        if name.is_empty() || !name.iter().all(is_token) {
            return Err("a field name that is no token");
        }
        match name.as_slice() {
            b"host" => hosts += 1,
            b"transfer-encoding" | b"upgrade" | b"expect" | b"te" | b"trailer" => return Err("a hop-by-hop field"),
            b"content-length" => lengths.push(String::from_utf8_lossy(&line[colon + 1..]).trim().to_owned()),
            _ => {}
        }
    }
    if hosts != 1 {
        return Err("not exactly one Host");
    }
    match &lengths[..] {
        [length] => length.parse().map_err(|_| "a length that is no number"),
        [] if matches!(method, "GET" | "HEAD" | "DELETE") => Ok(0),
        _ => Err("not exactly one Content-Length"),
    }
}
