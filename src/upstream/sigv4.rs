//! AWS Signature Version 4, as far as a gateway needs it: one request with a whole body and no query.
//!
//! The signature covers the request line, the host, the time, the session token and the body. It is
//! asked for in two steps, because the fields stand before the body and the body is written in place:
//! [`Signer::write_fields`] leaves room for the signature, [`Signer::sign`] fills it. Whatever else
//! stands in the head is not signed, so fields that a caller's request adds cannot break it.
//!
//! The clock is an argument. The secret is read only to derive the key of a request; it is in no field,
//! no error and no `Debug`.

use crate::config::AwsKeys;
use crate::observe::Compact;
use crate::wire::percent;
use ring::digest;
use ring::hmac;
use secrecy::ExposeSecret;
use std::ops::Range;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The last part of every scope.
const TERMINATOR: &str = "aws4_request";
/// Hexadecimal digits of a signature.
const SIGNATURE_DIGITS: usize = 64;

/// Signs requests with one set of credentials for one service in one region.
pub struct Signer {
    keys: AwsKeys,
    region: String,
    service: &'static str,
}

/// A request whose signature is still to be filled in.
pub struct Unsigned {
    /// `20150830T123600Z`.
    time: String,
    signature_at: usize,
}

impl Signer {
    /// A signer for `service` in `region`.
    pub fn new(keys: AwsKeys, region: &str, service: &'static str) -> Self {
        Signer { keys, region: region.to_owned(), service }
    }

    /// What it signs with.
    pub fn keys(&self) -> &AwsKeys {
        &self.keys
    }

    /// Appends the fields of a signed request to its head, with room for the signature.
    pub fn write_fields(&self, unix_ms: u64, out: &mut Vec<u8>) -> Unsigned {
        let time = Compact(unix_ms).to_string();
        let mut field = |name: &str, value: &str| {
            for text in [name, ": ", value, "\r\n"] {
                out.extend_from_slice(text.as_bytes());
            }
        };
        field("x-amz-date", &time);
        if let Some(token) = &self.keys.session_token {
            field("x-amz-security-token", token.expose_secret());
        }
        let (key, scope, names) = (self.keys.access_key_id.expose_secret(), self.scope(&time), self.signed_names());
        let room = "0".repeat(SIGNATURE_DIGITS);
        let credential = format!("{ALGORITHM} Credential={key}/{scope}, SignedHeaders={names}, Signature={room}");
        field("authorization", &credential);
        Unsigned { time, signature_at: out.len() - SIGNATURE_DIGITS - b"\r\n".len() }
    }

    /// Fills in the signature of the request in `out`, whose path stands at `path` and whose body begins at
    /// `body_at`.
    pub fn sign(
        &self,
        unsigned: &Unsigned,
        method: &str,
        host: &str,
        path: Range<usize>,
        body_at: usize,
        out: &mut [u8],
    ) {
        let Unsigned { time, signature_at } = unsigned;
        let request = self.canonical_request(time, method, host, &out[path], &out[body_at..]);
        let digest = hex(digest::digest(&digest::SHA256, request.as_bytes()).as_ref());
        let text = format!("{ALGORITHM}\n{time}\n{}\n{digest}", self.scope(time));
        let signature = hex(hmac::sign(&self.key(time), text.as_bytes()).as_ref());
        out[*signature_at..signature_at + SIGNATURE_DIGITS].copy_from_slice(signature.as_bytes());
    }

    /// The request in the one spelling that both sides agree on. Its path is encoded once more than on
    /// the wire, and its fields are sorted.
    fn canonical_request(&self, time: &str, method: &str, host: &str, path: &[u8], body: &[u8]) -> String {
        let mut encoded = Vec::with_capacity(path.len());
        percent::encode(path, b"/", &mut encoded);
        let path = String::from_utf8(encoded).expect("percent-encoding is ASCII");
        let token = self
            .keys
            .session_token
            .as_ref()
            .map_or_else(String::new, |token| format!("x-amz-security-token:{}\n", token.expose_secret()));
        let names = self.signed_names();
        let body = hex(digest::digest(&digest::SHA256, body).as_ref());
        format!("{method}\n{path}\n\nhost:{host}\nx-amz-date:{time}\n{token}\n{names}\n{body}")
    }

    fn signed_names(&self) -> &'static str {
        if self.keys.session_token.is_some() { "host;x-amz-date;x-amz-security-token" } else { "host;x-amz-date" }
    }

    fn scope(&self, time: &str) -> String {
        format!("{}/{}/{}/{TERMINATOR}", day(time), self.region, self.service)
    }

    /// The key of a day, a region and a service.
    fn key(&self, time: &str) -> hmac::Key {
        let secret = format!("AWS4{}", self.keys.secret_access_key.expose_secret());
        let key = |bytes: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let steps = [day(time), &self.region, self.service, TERMINATOR];
        steps.iter().fold(key(secret.as_bytes()), |last, step| key(hmac::sign(&last, step.as_bytes()).as_ref()))
    }
}

/// `20150830` of `20150830T123600Z`.
fn day(time: &str) -> &str {
    time.split('T').next().unwrap_or(time)
}

fn hex(bytes: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digits = |byte: &u8| [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]].map(char::from);
    bytes.iter().flat_map(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2015-08-30 12:36:00 UTC, the moment of the published examples.
    const THEN_MS: u64 = 1_440_938_160_000;

    fn signer(token: Option<&str>) -> Signer {
        let keys = AwsKeys {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session_token: token.map(Into::into),
        };
        Signer::new(keys, "us-east-1", "service")
    }

    fn signed(signer: &Signer, method: &str, path: &str, body: &[u8]) -> String {
        let mut out = format!("{method} {path} HTTP/1.1\r\n").into_bytes();
        let path = method.len() + 1..method.len() + 1 + path.len();
        let unsigned = signer.write_fields(THEN_MS, &mut out);
        out.extend_from_slice(b"\r\n");
        let body_at = out.len();
        out.extend_from_slice(body);
        signer.sign(&unsigned, method, "example.amazonaws.com", path, body_at, &mut out);
        String::from_utf8(out).expect("ASCII")
    }

    /// Of the test suite that AWS publishes for this algorithm.
    #[test]
    fn the_published_examples_hold() {
        for (method, path, signature) in [
            ("GET", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            ("POST", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
            ("GET", "/\u{1234}", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
        ] {
            let wanted = format!(
                "authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                 SignedHeaders=host;x-amz-date, Signature={signature}\r\n"
            );
            let head = signed(&signer(None), method, path, b"");
            assert!(head.contains(&wanted), "{method} {path}: {head}");
            assert!(head.contains("x-amz-date: 20150830T123600Z\r\n"), "{head}");
        }
    }

    #[test]
    fn the_published_key_derivation_holds() {
        let signer = Signer { service: "iam", ..signer(None) };
        // The derived key is not to be had back from `ring`, but what it signs is.
        let published = [
            0xc4, 0xaf, 0xb1, 0xcc, 0x57, 0x71, 0xd8, 0x71, 0x76, 0x3a, 0x39, 0x3e, 0x44, 0xb7, 0x03, 0x57, 0x1b, 0x55,
            0xcc, 0x28, 0x42, 0x4d, 0x1a, 0x5e, 0x86, 0xda, 0x6e, 0xd3, 0xc1, 0x54, 0xa4, 0xb9,
        ];
        let by = |key: &hmac::Key| hmac::sign(key, b"text").as_ref().to_vec();
        assert_eq!(by(&signer.key("20150830T123600Z")), by(&hmac::Key::new(hmac::HMAC_SHA256, &published)));
    }

    #[test]
    fn a_session_token_is_sent_and_signed() {
        let token = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeo\
                     IYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDv\
                     p75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9\
                     FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
        let head = signed(&signer(Some(token)), "POST", "/", b"");
        assert!(head.contains(&format!("x-amz-security-token: {token}\r\n")), "{head}");
        assert!(head.contains("SignedHeaders=host;x-amz-date;x-amz-security-token"), "{head}");
        assert!(head.contains("85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"), "{head}");
    }

    #[test]
    fn body_path_and_time_are_signed() {
        let signer = signer(None);
        let of = |path: &str, body: &[u8]| signed(&signer, "POST", path, body);
        let signature = |text: String| text.split("Signature=").nth(1).expect("signed")[..64].to_owned();
        let one = signature(of("/model/a%3A0/converse", b"{}"));
        assert_ne!(one, signature(of("/model/a%3A0/converse", b"{ }")));
        assert_ne!(one, signature(of("/model/a:0/converse", b"{}")));
        assert_eq!(one, signature(of("/model/a%3A0/converse", b"{}")));
    }
}
