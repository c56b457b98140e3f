//! What a strict reader of HTTP/1.1 refuses and what it must still accept, as bytes.
//!
//! `NONCE___` stands for eight characters that are unique per vector, so that whatever arrives at the
//! provider can be traced back.

use crate::caller::body;

/// What must happen.
#[derive(Clone, Copy, Debug)]
pub enum Expected {
    /// One answer with one of these statuses, then the connection is closed by the gateway.
    Refused(&'static [u16]),
    /// These answers in this order; the connection lives until the caller has finished.
    Served(&'static [u16]),
    /// These answers in this order, then closed by the gateway.
    ServedThenClosed(&'static [u16]),
    /// The caller finishes in the middle: closed, with at most a refusal.
    Cut,
}

use Expected::Cut;
use Expected::Refused;
use Expected::Served;
use Expected::ServedThenClosed;

/// One vector.
pub struct Vector {
    /// The class of rules it tries.
    pub class: &'static str,
    /// What is sent.
    pub bytes: Vec<u8>,
    /// What must happen.
    pub expected: Expected,
}

/// Where the nonce goes.
pub const NONCE: &str = "NONCE___";
/// The profile's gateway accepts bodies up to this.
pub const BODY_BYTES_MAX: usize = 128 * 1024;

const BAD: Expected = Refused(&[400]);
const OK: Expected = Served(&[200]);

/// All of them.
pub fn all() -> Vec<Vector> {
    let mut table = Table { class: "", vectors: Vec::new() };
    framing(&mut table);
    characters(&mut table);
    request_lines(&mut table);
    hosts(&mut table);
    chunks(&mut table);
    methods(&mut table);
    limits(&mut table);
    persistence(&mut table);
    table.vectors
}

struct Table {
    class: &'static str,
    vectors: Vec<Vector>,
}

impl Table {
    fn add(&mut self, expected: Expected, bytes: impl Into<Vec<u8>>) {
        self.vectors.push(Vector { class: self.class, bytes: bytes.into(), expected });
    }
}

fn ask() -> String {
    body("m", NONCE)
}

/// A POST with these lines after Host, followed by these bytes.
fn post(lines: &[&str], rest: &str) -> String {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    format!("POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\n{lines}\r\n{rest}")
}

/// A good request with one more line.
fn good_with(line: &str) -> String {
    let ask = ask();
    post(&[&format!("Content-Length: {}", ask.len()), line], &ask)
}

fn good() -> String {
    good_with("x-plain: y")
}

/// What would be a second request if the first were misread.
fn smuggled() -> String {
    good().replace(NONCE, "NONCE___-smuggled")
}

fn framing(table: &mut Table) {
    table.class = "framing";
    let ask = ask();
    let length = format!("Content-Length: {}", ask.len());
    let chunked = format!("{:x}\r\n{ask}\r\n0\r\n\r\n", ask.len());
    let te = "Transfer-Encoding: chunked";
    table.add(BAD, post(&[&length, te], &chunked));
    table.add(BAD, post(&[te, &length], &chunked));
    table.add(BAD, post(&["Content-Length: 5", te], &format!("0\r\n\r\n{}", smuggled())));
    table.add(BAD, post(&["Content-Length: 0", te], &chunked));
    table.add(BAD, post(&["content-length: 6", "TRANSFER-ENCODING: CHUNKED"], "0\r\n\r\nX"));
    table.add(BAD, post(&[&length, &length], &ask));
    table.add(BAD, post(&[&length, "Content-Length: 0"], &ask));
    table.add(BAD, post(&["Content-Length: 0", &length], &ask));
    table.add(BAD, post(&[&format!("{length}, {}", ask.len())], &ask));
    table.add(BAD, post(&[&format!("{length},{}", ask.len())], &ask));
    let lengths = [
        "+5",
        "-5",
        "0x5",
        "5 5",
        "5;",
        "",
        " ",
        "1e2",
        "5.0",
        "\u{ff15}",
        "five",
        "18446744073709551616",
        "99999999999999999999999999",
        "\"5\"",
        "5\t5",
        "_5",
        "٥",
    ];
    for value in lengths {
        table.add(BAD, post(&[&format!("Content-Length: {value}")], &ask));
    }
    let encodings = [
        "gzip",
        "gzip, chunked",
        "chunked, gzip",
        "chunked, chunked",
        "chunked,",
        ", chunked",
        "identity",
        "chunked, identity",
        "xchunked",
        "chunkedx",
        "chunked;q=1",
        "\"chunked\"",
        "",
        "chunk",
        "chunked chunked",
        "\u{b}chunked",
        "chunked\u{c}",
        "\u{2003}chunked",
    ];
    for value in encodings {
        table.add(Refused(&[400, 501]), post(&[&format!("Transfer-Encoding: {value}")], &chunked));
    }
    table.add(Refused(&[400, 501]), post(&[te, te], &chunked));
    table.add(Refused(&[400, 501]), post(&[te, "Transfer-Encoding: identity"], &chunked));
    table.add(BAD, post(&["Transfer-Encoding : chunked"], &chunked));
    table.add(BAD, post(&[&length, "Transfer-Encoding : chunked"], &ask));
    table.add(BAD, post(&["Transfer-Encoding:\r\n chunked"], &chunked));
    table.add(BAD, post(&[&length, " Transfer-Encoding: chunked"], &ask));
    table.add(BAD, post(&[&length, "x: y\rTransfer-Encoding: chunked"], &ask));
    table.add(BAD, post(&[&length, "x: y\nTransfer-Encoding: chunked"], &ask));
    table.add(BAD, good().replace("HTTP/1.1", "HTTP/1.0").replace(&length, te));
    table.add(BAD, post(&[&length, te], &chunked).replace("HTTP/1.1", "HTTP/1.0"));
    // Unambiguous, hence read.
    table.add(OK, good());
    table.add(OK, post(&[te], &chunked));
    table.add(OK, post(&["tRaNsFeR-eNcOdInG: \t ChUnKeD \t "], &chunked));
    table.add(OK, post(&[&format!("Content-Length: \t{}\t ", ask.len())], &ask));
    table.add(OK, post(&[&format!("Content-Length: 000{}", ask.len())], &ask));
    table.add(OK, good_with("Transfer_Encoding: chunked"));
    table.add(OK, good_with("X-Transfer-Encoding: chunked"));
    // A body that is shorter than the text: the rest is a request of its own, and garbage.
    table.add(ServedThenClosed(&[400, 400]), post(&["Content-Length: 4"], &format!("{ask}\r\n\r\n")));
    table.add(Cut, post(&[&format!("Content-Length: {}", ask.len() + 1)], &ask));
    table.add(Cut, post(&[te], &chunked[..chunked.len() - 2]));
    table.add(Cut, post(&[te], &chunked[..10]));
}

fn characters(table: &mut Table) {
    table.class = "characters";
    let lines = [
        "x: a\rb",
        "x: a\r\rb",
        "x: a\nb",
        "x: \0",
        "x: a\0b",
        "x: \u{1}",
        "x: a\u{7f}b",
        "x: \u{1b}[2J",
        "x: \u{8}",
        "x\0: a",
        "x y: a",
        "x : a",
        "x\t: a",
        "x(y): a",
        "x\u{e9}: a",
        "\"x\": a",
        "x/y: a",
        "x@y: a",
        "x[y]: a",
        "x{y}: a",
        "x,y: a",
        "x;y: a",
        "x<y>: a",
        "x?y: a",
        "x=y: a",
        "x\\y: a",
        "x",
        ": a",
        " x: a",
        "\tx: a",
        "x: a\r\n b",
        "x: a\r\n\tb",
        "x: a\r\n ",
        "x\r\n: a",
        "\u{1}x: a",
        "x\u{7f}: a",
    ];
    for line in lines {
        table.add(BAD, good_with(line));
    }
    let good = good();
    table.add(BAD, good.replacen("\r\nHost", "\nHost", 1));
    table.add(BAD, good.replacen("\r\n\r\n", "\n\n", 1));
    table.add(BAD, good.replacen("\r\n\r\n", "\r\n\n", 1));
    table.add(BAD, good.replacen("\r\n\r\n", "\n\r\n", 1));
    table.add(BAD, good.replacen("\r\n\r\n", "\r\n\r\r\n", 1));
    table.add(BAD, good.replacen("\r\nHost", "\rHost", 1));
    table.add(BAD, good.replacen("\r\nHost", "\r\n Host", 1));
    table.add(BAD, good.replacen("\r\nHost", "\r\r\nHost", 1));
    table.add(BAD, good.replacen("Host: h", "Host: h\r\n x", 1));
    table.add(BAD, good.replace("\r\n", "\n"));
    table.add(BAD, good.replace("\r\n", "\r"));
    let mut high = good_with("x-high: \u{e9}");
    table.add(OK, high.clone());
    high.insert_str(0, "\r\n");
    table.add(OK, high);
    table.add(BAD, format!("\r\n\r\n{good}"));
    table.add(BAD, format!("\n{good}"));
    table.add(BAD, format!(" {good}"));
    table.add(BAD, format!("\u{feff}{good}"));
    table.add(BAD, format!("\0{good}"));
    table.add(BAD, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec());
    table.add(OK, good_with("!#$%&'*+-.^_`|~: a"));
    table.add(OK, good_with("x-empty:"));
    table.add(OK, good_with("x-tab:\ta\tb\t"));
}

fn request_lines(table: &mut Table) {
    table.class = "request line";
    let line = "POST /v1/chat/completions HTTP/1.1";
    let bad = [
        "POST  /v1/chat/completions HTTP/1.1",
        "POST /v1/chat/completions  HTTP/1.1",
        "POST /v1/chat/completions HTTP/1.1 ",
        "POST\t/v1/chat/completions HTTP/1.1",
        "POST /v1/chat/completions\tHTTP/1.1",
        "POST /v1/chat completions HTTP/1.1",
        "POST /v1/chat/completions",
        "POST",
        "POST /v1/chat/completions HTTP",
        "POST /v1/chat/completions HTTP/1",
        "POST /v1/chat/completions HTTP/1.10",
        "POST /v1/chat/completions HTTP/11.1",
        "POST /v1/chat/completions HTTP/ 1.1",
        "POST /v1/chat/completions http/1.1",
        "POST /v1/chat/completions HTTPS/1.1",
        "POST /v1/chat/completions HTTP/1.1\0",
        "P\0ST /v1/chat/completions HTTP/1.1",
        "P(ST /v1/chat/completions HTTP/1.1",
        "POST /v1/chat/completions\0 HTTP/1.1",
        "POST /v1/chat/completions\u{7f} HTTP/1.1",
        "POST /v1/chat/completions\u{e9} HTTP/1.1",
        "POST /v1/chat/completions#x HTTP/1.1",
        "POST v1/chat/completions HTTP/1.1",
        "POST * HTTP/1.1",
        "POST h:80 HTTP/1.1",
        "POST ftp://h/ HTTP/1.1",
        "POST http:/h/v1 HTTP/1.1",
        "POST \\v1 HTTP/1.1",
        "/v1/chat/completions POST HTTP/1.1",
        "POST /v1/chat/completions HTTP/1.1\rx: y",
    ];
    for text in bad {
        table.add(BAD, good().replacen(line, text, 1));
    }
    for version in ["HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "HTTP/3.0", "HTTP/9.9"] {
        let text = line.replace("HTTP/1.1", version);
        table.add(Refused(&[400, 505]), good().replacen(line, &text, 1));
    }
    table.add(Refused(&[400, 505]), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    table.add(Served(&[200]), good().replacen("completions HTTP", "completions?api-version=1&x=%00 HTTP", 1));
    table.add(Served(&[404]), good().replacen("/v1/chat/completions", "/v1//chat/completions", 1));
    table.add(Served(&[404]), good().replacen("/v1/chat/completions", "/v1/./chat/completions", 1));
    table.add(Served(&[404]), good().replacen("/v1/chat/completions", "/v1%2fchat/completions", 1));
    table.add(Served(&[404]), good().replacen("/v1/chat/completions", "/x/../v1/chat/completions", 1));
}

fn hosts(table: &mut Table) {
    table.class = "host";
    let good = good();
    let with_host = |host: &str| good.replacen("Host: h\r\n", host, 1);
    table.add(BAD, with_host(""));
    let bad = [
        "", " ", "a b", "a,b", "a@b", "http://a", "a/b", "a:b", "a:99999", "[::1", "a\u{e9}", "a?b", "a#b", "h:1:2",
        "[]", "a\\b", "<a>", "a%4",
    ];
    for host in bad {
        table.add(BAD, with_host(&format!("Host: {host}\r\n")));
    }
    table.add(BAD, with_host("Host: h\r\nHost: h\r\n"));
    table.add(BAD, with_host("Host: h\r\nhOST: g\r\n"));
    table.add(BAD, with_host("Host: h\r\n Host: g\r\n"));
    table.add(BAD, with_host("Host : h\r\n"));
    let absolute = |target: &str| good.replacen("/v1/chat/completions", target, 1);
    table.add(BAD, absolute("http://g/v1/chat/completions"));
    table.add(BAD, absolute("http://h:80/v1/chat/completions"));
    table.add(BAD, absolute("http://h@h/v1/chat/completions"));
    table.add(BAD, absolute("http:///v1/chat/completions"));
    table.add(OK, absolute("http://h/v1/chat/completions"));
    table.add(OK, absolute("HTTPS://H/v1/chat/completions"));
    table.add(OK, with_host("host: [::1]:80\r\n"));
    table.add(OK, with_host("HOST:\t1.2.3.4:8080\r\n"));
}

fn chunks(table: &mut Table) {
    table.class = "chunks";
    let ask = ask();
    let size = ask.len();
    let chunked = |body: &str| post(&["Transfer-Encoding: chunked"], body);
    let end = "0\r\n\r\n";
    let bad = [
        format!("{size:017x}\r\n{ask}\r\n{end}"),
        format!("0x{size:x}\r\n{ask}\r\n{end}"),
        format!("-{size:x}\r\n{ask}\r\n{end}"),
        format!("+{size:x}\r\n{ask}\r\n{end}"),
        format!(" {size:x}\r\n{ask}\r\n{end}"),
        format!("{size:x} \r\n{ask}\r\n{end}"),
        format!("\r\n{size:x}\r\n{ask}\r\n{end}"),
        format!("g\r\n{ask}\r\n{end}"),
        format!("{size:x}\n{ask}\r\n{end}"),
        format!("{size:x}\r{ask}\r\n{end}"),
        format!("{size:x}\r\n{ask}\n{end}"),
        format!("{size:x}\r\n{ask}{end}"),
        format!("{size:x}\r\n{ask}X\r\n{end}"),
        format!("{:x}\r\n{ask}\r\n{end}", size - 1),
        format!("{size:x}\r\n{ask}\r\n0\n\n"),
        format!("{size:x}\r\n{ask}\r\n0\r\n\n"),
        format!("{size:x};\n\r\n{ask}\r\n{end}"),
        format!("{size:x};a=\"\n\"\r\n{ask}\r\n{end}"),
        format!("{size:x};a=\"\r\n{ask}\r\n{end}"),
        format!("{size:x};a=b\rc\r\n{ask}\r\n{end}"),
        format!("{size:x};a=\0\r\n{ask}\r\n{end}"),
        format!("{size:x},a\r\n{ask}\r\n{end}"),
        format!("{size:x};{}\r\n{ask}\r\n{end}", "a".repeat(300)),
        format!("{size:x};a={}\r\n{ask}\r\n{end}", "b".repeat(64 * 1024)),
        format!("{size:x}\r\n{ask}\r\n0\r\nx : y\r\n\r\n"),
        format!("{size:x}\r\n{ask}\r\n0\r\nx\r\n\r\n"),
        format!("{size:x}\r\n{ask}\r\n0\r\nx: y\r\n z\r\n\r\n"),
        format!("{size:x}\r\n{ask}\r\n0\r\nx: y\n\r\n"),
        format!("{size:x}\r\n{ask}\r\n0\r\nx: {}\r\n\r\n", "y".repeat(9 * 1024)),
        format!("{size:x}\r\n{ask}\r\n0\r\n{}\r\n", "x: y\r\n".repeat(2000)),
        format!("\u{ff11}\r\n{ask}\r\n{end}"),
    ];
    for body in bad {
        table.add(BAD, chunked(&body));
    }
    let many_extensions: String = ask.chars().map(|character| format!("1;a=bcdef\r\n{character}\r\n")).collect();
    table.add(BAD, chunked(&format!("{many_extensions}{end}")));
    table.add(Refused(&[400, 413]), chunked(&format!("ffffffffffffffff\r\n{ask}{}", "x".repeat(BODY_BYTES_MAX))));
    let good = [
        format!("{size:016x}\r\n{ask}\r\n{end}"),
        format!("{size:X}\r\n{ask}\r\n{end}"),
        format!("{size:x};a;b=c;d=\"e\\\"f\"\r\n{ask}\r\n0;last\r\n\r\n"),
        format!("{:x}\r\n{}\r\n{:x}\r\n{}\r\n{end}", 10, &ask[..10], size - 10, &ask[10..]),
        format!("{}{end}", ask.chars().map(|character| format!("1\r\n{character}\r\n")).collect::<String>()),
        format!("{size:x}\r\n{ask}\r\n000\r\nx: y\r\nTransfer-Encoding: gzip\r\nContent-Length: 3\r\nHost: g\r\n\r\n"),
    ];
    for body in good {
        table.add(OK, chunked(&body));
    }
    table.add(Served(&[200, 200]), chunked(&format!("{size:x}\r\n{ask}\r\n{end}{}", self::good())));
}

fn methods(table: &mut Table) {
    table.class = "methods";
    let good = good();
    let with_method = |method: &str| good.replacen("POST", method, 1);
    table.add(Refused(&[405, 501]), "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n");
    table.add(Refused(&[405, 501]), "CONNECT / HTTP/1.1\r\nHost: h\r\n\r\n");
    table.add(Refused(&[405, 501]), "TRACE / HTTP/1.1\r\nHost: h\r\nx-secret: y\r\n\r\n");
    table.add(Refused(&[405, 501]), with_method("TRACE"));
    for lines in [
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Upgrade: h2c, websocket\r\nConnection: Upgrade",
        "Upgrade: h2c\r\nConnection: Upgrade",
        "Upgrade: TLS/1.0\r\nConnection: Upgrade",
        "Upgrade: websocket",
    ] {
        table.add(Refused(&[400, 405, 501]), good_with(lines));
    }
    // An offer of HTTP/2 is not taken up, nor passed on.
    let h2c = "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__";
    table.add(Served(&[200]), good_with(h2c));
    for method in ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "post", "Post", "FOO", "M-SEARCH"] {
        table.add(Served(&[405]), with_method(method));
    }
    table.add(Served(&[200]), "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
    table.add(Served(&[200]), "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n");
    table.add(Served(&[405]), "POST /livez HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
}

fn limits(table: &mut Table) {
    table.class = "limits";
    let good = good();
    let long = |length: usize| "x".repeat(length);
    table.add(Refused(&[414]), good.replacen("completions HTTP", &format!("completions?{} HTTP", long(8200)), 1));
    table.add(Refused(&[414]), format!("GET /{}", long(9000)));
    table.add(Refused(&[414, 400]), long(9000));
    table.add(Refused(&[431]), good_with(&format!("x: {}", long(65 * 1024))));
    table.add(Refused(&[431]), good_with(&format!("{}: x", long(70 * 1024))));
    table.add(Refused(&[431]), good_with(&vec!["x: y"; 100].join("\r\n")));
    table.add(Refused(&[431]), good_with(&vec!["x: y"; 10_000].join("\r\n")));
    table.add(Refused(&[431]), good_with(&format!("x: {}", long(2 << 20))));
    table.add(OK, good_with(&vec!["x: y"; 97].join("\r\n")));
    table.add(OK, good_with(&format!("x: {}", long(60 * 1024))));
    table.add(OK, good.replacen("completions HTTP", &format!("completions?{} HTTP", long(8000)), 1));
    // Refused by its announced length, without a byte of it.
    for length in ["131073", "1073741824", "18446744073709551615"] {
        table.add(Refused(&[413]), post(&[&format!("Content-Length: {length}")], ""));
        table.add(Refused(&[413]), post(&[&format!("Content-Length: {length}"), "Expect: 100-continue"], ""));
    }
    let piece = format!("1000\r\n{}\r\n", long(4096));
    table.add(Refused(&[413]), post(&["Transfer-Encoding: chunked"], &piece.repeat(BODY_BYTES_MAX / 4096 + 1)));
    table.add(Refused(&[413]), post(&["Transfer-Encoding: chunked"], &piece.repeat(2048)));
    let filler = long(BODY_BYTES_MAX - 100);
    let large = format!(r#"{{"model":"m","user":"{filler}","messages":[{{"role":"user","content":"NONCE___"}}]}}"#);
    table.add(OK, post(&[&format!("Content-Length: {}", large.len())], &large));
    table.add(Refused(&[417]), good_with("Expect: 200-ok"));
    table.add(Refused(&[417]), good_with("Expect: 100-continue, x"));
    table.add(Refused(&[400]), good_with("Expect: 100-continue\r\nExpect: 100-continue"));
    for name in ["authorization", "x-api-key", "x-ringgate-route", "content-type"] {
        table.add(Refused(&[400]), good_with(&format!("{name}: a\r\n{name}: a")));
    }
}

fn persistence(table: &mut Table) {
    table.class = "persistence";
    let good = good();
    let old = good.replacen("HTTP/1.1", "HTTP/1.0", 1);
    table.add(ServedThenClosed(&[200]), old.clone());
    table.add(ServedThenClosed(&[200]), old.replacen("Host: h\r\n", "", 1));
    table.add(Served(&[200, 200]), old.replacen("x-plain: y", "connection: keep-alive", 1).repeat(2));
    table.add(ServedThenClosed(&[200]), good_with("connection: close"));
    table.add(ServedThenClosed(&[200]), format!("{}{}", good_with("connection: foo, Close"), smuggled()));
    table.add(Served(&[200, 200, 200]), good.repeat(3));
    table.add(Served(&[200, 404, 200, 405]), {
        let missing = good.replacen("/v1/chat/completions", "/v2/nothing", 1);
        let wrong = good.replacen("POST", "PUT", 1);
        format!("{good}{missing}{good}{wrong}")
    });
    table.add(ServedThenClosed(&[200, 400]), format!("{good}\u{1}{}", smuggled()));
    table.add(ServedThenClosed(&[200, 400]), format!("{good}{}", post(&["Content-Length: x"], "")));
    table.add(Served(&[400, 200]), {
        let broken = "{\"model\":";
        format!("{}{good}", post(&[&format!("Content-Length: {}", broken.len())], broken))
    });
    table.add(Cut, &good.as_bytes()[..good.len() / 4]);
    table.add(Cut, "P");
    table.add(Cut, "");
}
