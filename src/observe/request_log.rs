//! The request log: one JSON object per line and finished request, for machines.
//!
//! A line is made on the shard, into a buffer that is reused, and written by a thread that may block.
//! Every line has every field (`null` where nothing is known), so that a reader can rely on columns.
//! Bodies are written only when they are handed in, as one string each: embedding them as JSON would
//! let a caller's line breaks and duplicate keys into the file.

use super::Attempt;
use super::Facts;
use super::numbers::Millis;
use super::numbers::Nanos;
use super::numbers::Rfc3339;
use super::numbers::nano_dollars;
use crate::chat::Usage;
use crate::fault::Fault;
use std::fmt::Display;
use std::io::Write;

/// One line of the log.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// What happened.
    pub facts: &'a Facts<'a>,
    /// When it began, milliseconds since the Unix epoch.
    pub began_unix_ms: u64,
    /// The request's body, where the operator wants bodies.
    pub request_body: Option<&'a [u8]>,
    /// The answer's body, where the operator wants bodies.
    pub answer_body: Option<&'a [u8]>,
}

impl Entry<'_> {
    /// Appends the line with its line break.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut line = Line { out, first: true };
        line.begin();
        line.quoted("time", &Rfc3339(self.began_unix_ms));
        line.who(self.facts);
        line.what(self.facts);
        line.tokens(self.facts.usage);
        line.money_and_time(self.facts);
        line.optional_text("request_body", self.request_body);
        line.optional_text("answer_body", self.answer_body);
        line.end();
        line.out.push(b'\n');
    }
}

struct Line<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl Line<'_> {
    fn who(&mut self, facts: &Facts<'_>) {
        self.text("request_id", facts.request_id);
        self.text("key", facts.key);
        self.text("dialect", facts.dialect);
        self.text("route", facts.route);
        self.text("requested_model", facts.requested_model);
        self.text("provider", facts.provider);
        self.text("api_key", facts.api_key);
        self.text("model", facts.model);
    }

    fn what(&mut self, facts: &Facts<'_>) {
        self.attempts(facts.attempts);
        self.bare("status", &facts.status);
        self.text("outcome", facts.outcome().word());
        self.text("cache", facts.cache.word());
        self.fraction("similarity", facts.similarity);
        self.bare("stream", &facts.stream);
        self.bare("stream_events", &facts.stream_events);
        self.bare("client_gone", &facts.client_gone);
        self.fault(facts.fault);
        match facts.tier {
            Some(tier) => self.text("tier", tier),
            None => self.bare("tier", &"null"),
        }
        self.fraction("complexity", facts.complexity);
    }

    fn tokens(&mut self, usage: Option<&Usage>) {
        self.number("input_tokens", usage.map(|usage| usage.input_tokens));
        self.number("output_tokens", usage.map(|usage| usage.output_tokens));
        self.number("cache_read_tokens", usage.and_then(|usage| usage.cache_read_tokens));
        self.number("cache_write_tokens", usage.and_then(|usage| usage.cache_write_tokens));
        self.number("reasoning_tokens", usage.and_then(|usage| usage.reasoning_tokens));
        self.bare("usage_estimated", &usage.is_some_and(|usage| usage.estimated));
    }

    fn money_and_time(&mut self, facts: &Facts<'_>) {
        self.number("cost_usd", facts.cost_usd.and_then(nano_dollars).map(Nanos));
        self.number("saved_usd", facts.saved_usd.and_then(nano_dollars).map(Nanos));
        self.bare("total_ms", &Millis(facts.total));
        self.number("first_token_ms", facts.first_token.map(Millis));
        self.number("upstream_ms", facts.upstream.map(Millis));
        self.bare("overhead_us", &facts.overhead.as_micros());
        self.bare("bytes_in", &facts.bytes_in);
        self.bare("bytes_out", &facts.bytes_out);
    }

    fn attempts(&mut self, attempts: &[Attempt<'_>]) {
        self.name("attempts");
        self.out.push(b'[');
        for (index, attempt) in attempts.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.begin();
            self.text("provider", attempt.provider);
            self.text("api_key", attempt.api_key);
            self.text("model", attempt.model);
            self.text("outcome", attempt.outcome.word());
            self.number("status", attempt.status);
            self.bare("ms", &Millis(attempt.duration));
            self.end();
        }
        self.out.push(b']');
        self.first = false;
    }

    fn fault(&mut self, fault: Option<&Fault>) {
        let Some(fault) = fault else {
            return self.bare("fault", &"null");
        };
        self.name("fault");
        self.begin();
        self.text("kind", fault.kind.label());
        self.text("message", &fault.message);
        if let Some(code) = &fault.code {
            self.text("code", code);
        }
        if let Some(param) = &fault.param {
            self.text("param", param);
        }
        self.end();
    }

    fn begin(&mut self) {
        self.out.push(b'{');
        self.first = true;
    }

    fn end(&mut self) {
        self.out.push(b'}');
        self.first = false;
    }

    /// Names are ours and need no escaping.
    fn name(&mut self, name: &str) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn bare(&mut self, name: &str, value: &dyn Display) {
        self.name(name);
        write!(self.out, "{value}").expect("writing to memory cannot fail");
    }

    fn quoted(&mut self, name: &str, value: &dyn Display) {
        self.name(name);
        write!(self.out, "\"{value}\"").expect("writing to memory cannot fail");
    }

    fn number<T: Display>(&mut self, name: &str, value: Option<T>) {
        match value {
            Some(value) => self.bare(name, &value),
            None => self.bare(name, &"null"),
        }
    }

    /// JSON has no word for what is not a number.
    fn fraction(&mut self, name: &str, value: Option<f32>) {
        match value.filter(|value| value.is_finite()) {
            Some(value) => self.bare(name, &format_args!("{value:.4}")),
            None => self.bare(name, &"null"),
        }
    }

    fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        push_string(value, self.out);
    }

    fn optional_text(&mut self, name: &str, value: Option<&[u8]>) {
        if let Some(value) = value {
            self.text(name, &String::from_utf8_lossy(value));
        }
    }
}

fn push_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut plain = 0;
    for (index, byte) in text.bytes().enumerate() {
        // U+2028 and U+2029 are legal in JSON and need no care: readers split lines at 0x0a
        let short = match byte {
            b'"' => b'"',
            b'\\' => b'\\',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0..=0x1f | 0x7f => b'u',
            _ => continue,
        };
        out.extend_from_slice(&text.as_bytes()[plain..index]);
        plain = index + 1;
        out.extend_from_slice(&[b'\\', short]);
        if short == b'u' {
            write!(out, "{byte:04x}").expect("writing to memory cannot fail");
        }
    }
    out.extend_from_slice(&text.as_bytes()[plain..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Kind;
    use crate::observe::words::AttemptOutcome;
    use crate::observe::words::CacheOutcome;
    use serde_json::Value;
    use std::time::Duration;

    fn line(entry: &Entry<'_>) -> (String, Value) {
        let mut out = Vec::new();
        entry.write(&mut out);
        let text = String::from_utf8(out).expect("a line is text");
        assert_eq!(text.matches('\n').count(), 1, "one line: {text}");
        assert!(text.ends_with('\n'));
        let value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        (text, value)
    }

    #[test]
    fn a_line_tells_the_whole_request() {
        let usage = Usage { input_tokens: 12, output_tokens: 7, reasoning_tokens: Some(3), ..Usage::default() };
        let attempts = [
            Attempt {
                provider: "first",
                api_key: "spare",
                setback: None,
                model: "large",
                outcome: AttemptOutcome::ServerError,
                status: Some(503),
                duration: Duration::from_micros(1_500),
            },
            Attempt {
                provider: "acme",
                api_key: "main",
                setback: None,
                model: "large-2",
                outcome: AttemptOutcome::Ok,
                status: Some(200),
                duration: Duration::from_millis(300),
            },
        ];
        let facts = Facts {
            request_id: "01J",
            key: "team",
            dialect: "openai_chat",
            route: "large*",
            requested_model: "large",
            provider: "acme",
            api_key: "main",
            model: "large-2",
            attempts: &attempts,
            status: 200,
            cache: CacheOutcome::Semantic,
            similarity: Some(0.973_16),
            stream: true,
            stream_events: 9,
            usage: Some(&usage),
            cost_usd: Some(0.000_123),
            total: Duration::from_micros(310_250),
            first_token: Some(Duration::from_millis(120)),
            upstream: Some(Duration::from_millis(300)),
            overhead: Duration::from_nanos(17_900),
            bytes_in: 321,
            bytes_out: 4_321,
            tier: Some("hard"),
            complexity: Some(0.75),
            ..Facts::default()
        };
        let (text, value) =
            line(&Entry { facts: &facts, began_unix_ms: 1_709_251_200_007, request_body: None, answer_body: None });
        assert!(text.starts_with("{\"time\":\"2024-03-01T00:00:00.007Z\",\"request_id\":\"01J\","), "{text}");
        assert_eq!(value["attempts"][0]["outcome"], "server_error");
        assert_eq!(value["attempts"][0]["ms"], 1.5);
        assert_eq!(value["attempts"][0]["api_key"], "spare");
        assert_eq!(value["attempts"][1]["provider"], "acme");
        assert_eq!(value["api_key"], "main");
        assert_eq!(value["outcome"], "ok");
        assert_eq!(value["cache"], "semantic");
        assert_eq!(value["similarity"], 0.9732);
        assert_eq!(value["reasoning_tokens"], 3);
        assert_eq!(value["cache_read_tokens"], Value::Null);
        assert_eq!(value["cost_usd"], 0.000_123);
        assert_eq!(value["saved_usd"], Value::Null);
        assert_eq!(value["total_ms"], 310.25);
        assert_eq!(value["overhead_us"], 17);
        assert_eq!(value["fault"], Value::Null);
        assert_eq!(value["tier"], "hard");
        assert!(value.get("request_body").is_none(), "no bodies unless handed in");
    }

    #[test]
    fn every_line_has_the_same_fields() {
        let fields = |facts: &Facts<'_>| -> Vec<String> {
            let (_, value) = line(&Entry { facts, began_unix_ms: 0, request_body: None, answer_body: None });
            value.as_object().expect("an object").keys().cloned().collect()
        };
        let fault = Fault::new(Kind::Overloaded, "no room");
        let usage = Usage { cache_read_tokens: Some(1), ..Usage::default() };
        let rich = Facts { fault: Some(&fault), usage: Some(&usage), similarity: Some(1.0), ..Facts::default() };
        assert_eq!(fields(&Facts::default()), fields(&rich));
    }

    #[test]
    fn hostile_text_stays_inside_its_string() {
        let evil = "a\",\"status\":1}\n{\"\\\u{1}\u{7f}\u{2028}é";
        let fault = Fault { code: Some(evil.into()), ..Fault::bad_field(evil, evil.to_owned()) };
        let facts = Facts { requested_model: evil, fault: Some(&fault), status: 400, ..Facts::default() };
        let body = b"{\n\"a\": \"\xff\"}";
        let (_, value) =
            line(&Entry { facts: &facts, began_unix_ms: 0, request_body: Some(body), answer_body: Some(b"") });
        assert_eq!(value["requested_model"], evil);
        assert_eq!(value["fault"]["param"], evil);
        assert_eq!(value["fault"]["code"], evil);
        assert_eq!(value["status"], 400);
        assert_eq!(value["request_body"], "{\n\"a\": \"\u{fffd}\"}");
        assert_eq!(value["answer_body"], "");
    }

    #[test]
    fn what_is_no_number_is_null() {
        let facts = Facts {
            similarity: Some(f32::NAN),
            complexity: Some(f32::INFINITY),
            cost_usd: Some(f64::NAN),
            ..Facts::default()
        };
        let (_, value) =
            line(&Entry { facts: &facts, began_unix_ms: 1_709_251_200_007, request_body: None, answer_body: None });
        assert_eq!((&value["similarity"], &value["complexity"]), (&Value::Null, &Value::Null));
        assert_eq!(value["cost_usd"], Value::Null);
    }

    #[test]
    fn lines_are_appended() {
        let mut out = Vec::new();
        let entry = Entry { facts: &Facts::default(), began_unix_ms: 0, request_body: None, answer_body: None };
        entry.write(&mut out);
        let length = out.len();
        entry.write(&mut out);
        assert_eq!(out.len(), 2 * length);
    }
}
