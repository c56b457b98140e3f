//! A caller that says exactly what it is told to and believes nothing that it hears.

use crate::process::PATIENCE;
use crate::process::assert_no_secret;
use crate::provider::take_front;
use ringgate::sys::socket::reset_on_close;
use serde_json::Value;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::time::Duration;

/// A request body that asks `model` with `text`.
pub fn body(model: &str, text: &str) -> String {
    format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"{text}"}}]}}"#)
}

/// The same for a stream.
pub fn stream_body(model: &str, text: &str) -> String {
    format!(r#"{{"model":"{model}","stream":true,"messages":[{{"role":"user","content":"{text}"}}]}}"#)
}

/// `POST /v1/chat/completions` with `body` and further header lines, each with its line end.
pub fn post(lines: &str, body: &str) -> Vec<u8> {
    post_to("/v1/chat/completions", lines, body)
}

/// The same to any path.
pub fn post_to(path: &str, lines: &str, body: &str) -> Vec<u8> {
    let head = format!("POST {path} HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\n{lines}");
    format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// `GET path` with further header lines.
pub fn get(path: &str, lines: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: gateway\r\n{lines}\r\n").into_bytes()
}

/// One connection of a caller.
pub struct Caller {
    stream: TcpStream,
    /// Heard and not yet understood.
    heard: Vec<u8>,
    ended: bool,
}

/// One answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Did it end as its framing says, rather than with the connection?
    pub is_whole: bool,
    /// Interim answers before it.
    pub interim: Vec<u16>,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// The connection ended before a byte of it.
    Closed,
    /// Nothing came for too long.
    Silence,
}

impl Caller {
    /// Connects.
    #[track_caller]
    pub fn connect(address: SocketAddr) -> Caller {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("the gateway accepts");
        stream.set_nodelay(true).expect("an option of every socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("an option of every socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("an option of every socket");
        Caller { stream, heard: Vec::new(), ended: false }
    }

    /// Sends bytes. The gateway may have closed already: then they are lost, as in life.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Sends and says that nothing more will come.
    pub fn send_and_finish(&mut self, bytes: &[u8]) {
        self.send(bytes);
        self.half_close();
    }

    /// FIN.
    pub fn half_close(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// RST.
    pub fn reset(self) {
        reset_on_close(self.stream.as_raw_fd());
    }

    /// How long a read or write may take.
    pub fn set_patience(&self, patience: Duration) {
        self.stream.set_read_timeout(Some(patience)).expect("an option of every socket");
        self.stream.set_write_timeout(Some(patience)).expect("an option of every socket");
    }

    /// Reads until `mark` was heard; it stays to be understood later.
    #[track_caller]
    pub fn wait_for(&mut self, mark: &str) {
        while memchr::memmem::find(&self.heard, mark.as_bytes()).is_none() {
            let more = self.hear();
            assert!(more == Ok(true), "{mark:?} never came ({more:?}), only {}", self.heard.escape_ascii());
        }
    }

    /// The next final answer; fails without one.
    #[track_caller]
    pub fn answer(&mut self) -> Answer {
        match self.next_answer(false) {
            Ok(answer) => answer,
            Err(reason) => panic!("no answer ({reason:?}), only {}", self.heard.escape_ascii()),
        }
    }

    /// The next answer, to a HEAD request.
    #[track_caller]
    pub fn answer_to_head(&mut self) -> Answer {
        self.next_answer(true).expect("an answer to HEAD")
    }

    /// The next final answer.
    #[track_caller]
    pub fn next_answer(&mut self, to_head: bool) -> Result<Answer, NoAnswer> {
        let mut interim = Vec::new();
        loop {
            let mut answer = self.head()?;
            if (100..200).contains(&answer.status) {
                interim.push(answer.status);
                continue;
            }
            answer.interim = interim;
            if !to_head {
                self.body_of(&mut answer);
            }
            let shown = String::from_utf8_lossy(&answer.body).into_owned();
            assert_no_secret(&format!("{:?}\n{shown}", answer.fields), "an answer");
            return Ok(answer);
        }
    }

    /// Whether the gateway closed without saying anything more.
    #[track_caller]
    pub fn is_closed(&mut self) -> bool {
        while self.hear() == Ok(true) {}
        assert!(self.heard.is_empty(), "unexpected bytes at the end: {}", self.heard.escape_ascii());
        self.ended
    }

    #[track_caller]
    fn head(&mut self) -> Result<Answer, NoAnswer> {
        let end = loop {
            if let Some(at) = memchr::memmem::find(&self.heard, b"\r\n\r\n") {
                break at + 4;
            }
            match self.hear() {
                Ok(true) => {}
                Ok(false) if self.heard.is_empty() => return Err(NoAnswer::Closed),
                Ok(false) => panic!("cut in the middle of a head: {}", self.heard.escape_ascii()),
                Err(silence) => return Err(silence),
            }
        };
        let head = take_front(&mut self.heard, end);
        let text = std::str::from_utf8(&head[..end - 4]).expect("heads of ours are ASCII");
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or_default();
        assert!(first.starts_with("HTTP/1.1 "), "not a status line: {first:?}");
        let status = first[9..].split(' ').next().and_then(|digits| digits.parse().ok());
        let field = |line: &str| {
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("not a field: {line:?}"));
            assert!(!name.is_empty() && !name.contains([' ', '\t']), "not a field name: {line:?}");
            assert!(!value.contains(char::is_control), "a control character in {line:?}");
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        Ok(Answer {
            status: status.unwrap_or_else(|| panic!("no status: {first:?}")),
            fields: lines.map(field).collect(),
            body: Vec::new(),
            is_whole: true,
            interim: Vec::new(),
        })
    }

    #[track_caller]
    fn body_of(&mut self, answer: &mut Answer) {
        let lengths: Vec<&str> = answer.all("content-length");
        let encodings: Vec<&str> = answer.all("transfer-encoding");
        assert!(lengths.len() + encodings.len() <= 1, "ambiguous framing: {:?}", answer.fields);
        if let Some(length) = lengths.first() {
            let length: usize = length.parse().expect("a length is a number");
            while self.heard.len() < length && self.hear() == Ok(true) {}
            answer.is_whole = self.heard.len() >= length;
            let there = length.min(self.heard.len());
            answer.body = take_front(&mut self.heard, there);
        } else if encodings.is_empty() {
            while self.hear() == Ok(true) {}
            answer.body = std::mem::take(&mut self.heard);
        } else {
            assert_eq!(encodings, ["chunked"]);
            answer.is_whole = self.chunks(&mut answer.body);
        }
    }

    /// Reads chunks strictly; false if the connection ended before the last one.
    #[track_caller]
    fn chunks(&mut self, body: &mut Vec<u8>) -> bool {
        let mut at = 0;
        let is_whole = loop {
            let Some(line_end) = self.find_from(at, b"\r\n") else { break false };
            let line = String::from_utf8_lossy(&self.heard[at..line_end]).into_owned();
            let size = usize::from_str_radix(&line, 16).unwrap_or_else(|_| panic!("not a chunk size: {line:?}"));
            let from = line_end + 2;
            while self.heard.len() < from + size + 2 && self.hear() == Ok(true) {}
            let there = size.min(self.heard.len() - from);
            body.extend_from_slice(&self.heard[from..from + there]);
            at = from + there;
            let Some(end) = self.heard.get(at..at + 2) else {
                at = self.heard.len();
                break false;
            };
            assert_eq!(end, b"\r\n", "a chunk ends with CRLF");
            at += 2;
            if size == 0 {
                break true;
            }
        };
        take_front(&mut self.heard, at);
        is_whole
    }

    /// Where `mark` stands at or after `from`, hearing more until it does.
    fn find_from(&mut self, from: usize, mark: &[u8]) -> Option<usize> {
        loop {
            if let Some(at) = memchr::memmem::find(&self.heard[from..], mark) {
                return Some(from + at);
            }
            if self.hear() != Ok(true) {
                return None;
            }
        }
    }

    /// Reads some; false at the end of the connection, however it ends.
    fn hear(&mut self) -> Result<bool, NoAnswer> {
        if self.ended {
            return Ok(false);
        }
        let mut some = [0; 64 * 1024];
        loop {
            match self.stream.read(&mut some) {
                Ok(read) if read > 0 => {
                    self.heard.extend_from_slice(&some[..read]);
                    return Ok(true);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Err(NoAnswer::Silence);
                }
                _ => {
                    self.ended = true;
                    return Ok(false);
                }
            }
        }
    }
}

impl Answer {
    /// The value of a field, by its lower-case name.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    /// Every value of a field.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str()).collect()
    }

    /// What the caches did.
    pub fn cache(&self) -> &str {
        self.field("x-ringgate-cache").unwrap_or("(none)")
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("bodies of ours are UTF-8")
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text()))
    }

    /// The first answer's text.
    #[track_caller]
    pub fn content(&self) -> String {
        self.json()["choices"][0]["message"]["content"].as_str().unwrap_or_else(|| panic!("{self:?}")).to_owned()
    }

    /// The data of each event of a stream.
    #[track_caller]
    pub fn events(&self) -> Vec<String> {
        let text = self.text();
        let events = text.split_terminator("\n\n");
        let data = |event: &str| {
            let data = event.strip_prefix("data: ").unwrap_or_else(|| panic!("not an OpenAI event: {event:?}"));
            assert!(!data.contains('\n'), "an event of several lines: {event:?}");
            data.to_owned()
        };
        events.map(data).collect()
    }

    /// The text of a stream, all deltas together.
    #[track_caller]
    pub fn streamed_content(&self) -> String {
        let delta = |data: &String| {
            let event: Value = serde_json::from_str(data).ok()?;
            Some(event["choices"][0]["delta"]["content"].as_str()?.to_owned())
        };
        self.events().iter().filter_map(delta).collect()
    }

    /// Is this a complete stream?
    pub fn is_complete_stream(&self) -> bool {
        self.is_whole && self.text().ends_with("data: [DONE]\n\n")
    }

    /// Checks that this is an OpenAI error with all its keys and gives its `code`.
    #[track_caller]
    pub fn fault(&self) -> Fault {
        assert_eq!(self.field("content-type"), Some("application/json"), "{self:?}");
        assert_envelope(&self.json());
        let ids = (self.field("x-request-id"), self.field("request-id"));
        assert!(ids.0.is_some() && ids.0 == ids.1, "the request id under both names: {:?}", self.fields);
        let error = &self.json()["error"];
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        Fault { message: text("message"), kind: text("type"), param: text("param"), code: text("code") }
    }
}

/// What an error envelope says; empty where it says null.
#[derive(Debug)]
pub struct Fault {
    pub message: String,
    pub kind: String,
    pub param: String,
    pub code: String,
}

/// All four keys, strings or null, and nothing else.
#[track_caller]
pub fn assert_envelope(body: &Value) {
    let error = body["error"].as_object().unwrap_or_else(|| panic!("not an error envelope: {body}"));
    let mut names: Vec<&str> = error.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["code", "message", "param", "type"], "{body}");
    assert!(error.values().all(|value| value.is_string() || value.is_null()), "{body}");
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
}
