//! Whole answers, and the response object that streams begin and end with.

use super::super::AnswerFacts;
use super::super::citations;
use super::super::citations::Words;
use super::super::fields;
use super::super::fields::Keeper;
use super::super::fields::ObjectWriter;
use super::super::tier;
use super::NAME;
use super::content;
use super::items;
use super::items::List;
use super::items::Naming;
use super::settings;
use crate::chat::Answer;
use crate::chat::CITATIONS_MAX;
use crate::chat::Choice;
use crate::chat::Extra;
use crate::chat::Finish;
use crate::chat::Part;
use crate::chat::RawJson;
use crate::chat::ServiceTier;
use crate::chat::Usage;
use crate::fault::Fault;
use crate::wire::json;
use crate::wire::json::JsonArray;
use crate::wire::json::JsonObject;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;

const OBJECT: &str = "response";
const NOT_UNDERSTOOD: &str = "the provider's answer is not a response";
/// Longest part of an answer's id that the ids of its items repeat.
const SUFFIX_BYTES_MAX: usize = 48;

pub(super) fn read_answer(body: Value<'_, '_>) -> Result<Answer, Fault> {
    let (object, output) = envelope(body)?;
    let mut choice = Choice::default();
    let mut words = Words::default();
    let mut calls = false;
    for item in &output {
        let item_object = item.as_object().ok_or_else(|| fields::not_understood(NOT_UNDERSTOOD))?;
        calls |= fields::string_of(&item_object, "type").is_some_and(items::is_call);
        let before = choice.parts.len();
        items::read(item, &item_object, &mut choice.parts, &mut choice.extra);
        choice.citations.extend(items::citations(&item_object, &choice.parts[before..], &mut words));
    }
    choice.finish = read_finish(&object, calls);
    choice.logprobs = read_logprobs(&choice.parts);
    choice.citations.truncate(CITATIONS_MAX);
    Ok(Answer {
        id: fields::string_of(&object, "id").unwrap_or_default().to_owned(),
        model: fields::string_of(&object, "model").unwrap_or_default().to_owned(),
        created_s: read_created(&object),
        choices: vec![choice],
        usage: object.get("usage").filter(|usage| usage.is_object()).map(|usage| read_usage(usage, true)),
        service_tier: read_tier(&object),
        extra: read_extra(&object),
    })
}

/// The tier that served a response; one that is not known yet is called `auto`.
pub(super) fn read_tier(response: &JsonObject<'_, '_>) -> Option<ServiceTier> {
    tier::read(fields::string_of(response, tier::FIELD)?)
}

/// A response that failed is told as what it is, an error, although it came with status 200.
fn envelope<'tape, 'input>(
    body: Value<'tape, 'input>,
) -> Result<(JsonObject<'tape, 'input>, JsonArray<'tape, 'input>), Fault> {
    let object = body.as_object().ok_or_else(|| fields::not_understood(NOT_UNDERSTOOD))?;
    let output = object.get("output").and_then(|output| output.as_array());
    let failed = fields::string_of(&object, "status") == Some("failed");
    match output.filter(|_| !failed) {
        Some(output) => Ok((object, output)),
        None => Err(match object.get("error").filter(|error| !error.is_null()) {
            Some(error) => in_band_error(error),
            None if failed => fields::not_understood("the provider says that its response failed, and not why"),
            None => fields::not_understood(NOT_UNDERSTOOD),
        }),
    }
}

/// An error that came without a status of its own. Its code is a word where it is OpenAI's, a status
/// where it is an imitator's.
pub(super) fn in_band_error(error: Value<'_, '_>) -> Fault {
    let object = error.as_object();
    let code = object.as_ref().and_then(|object| object.get("code"));
    let number = code.and_then(|code| code.as_u64()).filter(|code| (400..600).contains(code));
    let status = match object.as_ref().and_then(|object| fields::string_of(object, "code")) {
        Some("rate_limit_exceeded" | "insufficient_quota") => 429,
        Some("server_error") => 500,
        Some(word) if word.starts_with("invalid_") || word == "context_length_exceeded" => 400,
        _ => number.and_then(|status| u16::try_from(status).ok()).unwrap_or(502),
    };
    fields::read_error(status, error)
}

pub(super) fn read_created(response: &JsonObject<'_, '_>) -> u64 {
    let created = response.get("created_at").and_then(fields::as_number).filter(|created| *created > 0.0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a time, and saturating
    created.map_or(0, |created| created as u64)
}

/// Why a response ended; `None` while it has not.
pub(super) fn read_finish(response: &JsonObject<'_, '_>, calls: bool) -> Option<Finish> {
    Some(match fields::string_of(response, "status") {
        Some("queued" | "in_progress") => return None,
        Some("incomplete") => match incomplete_reason(response) {
            Some("max_output_tokens") | None => Finish::Length,
            Some("content_filter") => Finish::ContentFilter,
            Some(other) => Finish::Other(other.to_owned()),
        },
        Some(word @ "cancelled") => Finish::Other(word.to_owned()),
        _ if calls => Finish::ToolCalls,
        _ => Finish::Stop,
    })
}

fn incomplete_reason<'input>(response: &JsonObject<'_, 'input>) -> Option<&'input str> {
    fields::string_of(&fields::object_of(response, "incomplete_details")?, "reason")
}

/// Everything of a response but what has a typed home.
pub(super) fn read_extra(response: &JsonObject<'_, '_>) -> Vec<Extra> {
    let mut keeper = Keeper::new(NAME);
    let known_end = matches!(fields::string_of(response, "status"), Some("completed" | "incomplete" | "in_progress"));
    for (name, value) in response.iter() {
        let usual = match name {
            "id" => !settings::stores(response) && value.as_str().is_some(),
            "model" => value.as_str().is_some(),
            "created_at" => value.as_u64().is_some(),
            "status" => known_end,
            "output" => true,
            "usage" => value.is_object() || value.is_null(),
            "error" => value.is_null(),
            "incomplete_details" => is_usual_reason(response, value),
            _ => false,
        };
        if !usual {
            keeper.keep(name, value);
        }
    }
    // A kept `object` is how the writer knows an answer of its own dialect.
    for name in ["object", "id", "model", "created_at", "status", "usage", "error", "incomplete_details"] {
        if response.get(name).is_none() {
            keeper.absent(name);
        }
    }
    settings::keep_absent(response, &mut keeper);
    keeper.extras
}

fn is_usual_reason(response: &JsonObject<'_, '_>, value: Value<'_, '_>) -> bool {
    let is_incomplete = fields::string_of(response, "status") == Some("incomplete");
    match value.as_object() {
        Some(object) => {
            let told = incomplete_reason(response);
            let usual = told.is_some() && told == status(read_finish(response, false).as_ref()).1;
            is_incomplete && object.len() == 1 && usual
        }
        None => value.is_null() && !is_incomplete,
    }
}

/// Log probabilities of all texts as chat completions tell them.
fn read_logprobs(parts: &[Part]) -> Option<RawJson> {
    let mut all = Vec::new();
    for part in parts {
        if let Part::Text { extra, .. } = part
            && let Some(list) = fields::kept(extra, NAME, "logprobs")
            && let Some(inside) = list.strip_prefix('[').and_then(|list| list.strip_suffix(']'))
            && !inside.is_empty()
        {
            all.push(inside);
        }
    }
    (!all.is_empty()).then(|| chat_logprobs(&all.join(",")))
}

/// The entries of a list, as chat completions tell them.
pub(super) fn chat_logprobs(entries: &str) -> RawJson {
    RawJson(format!("{{\"content\":[{entries}],\"refusal\":null}}"))
}

/// The list of entries in what chat completions tell.
pub(super) fn own_logprobs(chat: &RawJson) -> Option<String> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&chat.0).ok()?;
    object.get("content").filter(|content| content.is_array()).map(ToString::to_string)
}

/// Tokens; `keep` stores the object for a replay in this dialect.
pub(super) fn read_usage(value: Value<'_, '_>, keep: bool) -> Usage {
    let Some(object) = value.as_object() else {
        return Usage::default();
    };
    let read = |name: &str| fields::integer_of(&object, name);
    let inside = |outer: &str, name: &str| fields::integer_of(&fields::object_of(&object, outer)?, name);
    Usage {
        input_tokens: read("input_tokens").unwrap_or_default(),
        output_tokens: read("output_tokens").unwrap_or_default(),
        cache_read_tokens: inside("input_tokens_details", "cached_tokens"),
        cache_write_tokens: inside("input_tokens_details", "cache_write_tokens"),
        reasoning_tokens: inside("output_tokens_details", "reasoning_tokens"),
        cost_usd: fields::cost_of(&object),
        estimated: false,
        original: keep.then(|| Extra { dialect: NAME, name: "usage".to_owned(), value: RawJson(json::raw(value)) }),
    }
}

fn write_usage(usage: &Usage, out: &mut Vec<u8>) {
    if let Some(original) = usage.original.as_ref().filter(|original| original.dialect == NAME) {
        return out.extend_from_slice(original.value.0.as_bytes());
    }
    let mut writer = ObjectWriter::open(out, &[], NAME);
    writer.integer("input_tokens", usage.input_tokens);
    if let Some(out) = writer.field("input_tokens_details") {
        let mut inner = ObjectWriter::open(out, &[], NAME);
        // Both are always there: SDKs read them without asking.
        inner.integer("cached_tokens", usage.cache_read_tokens.unwrap_or_default());
        inner.integer("cache_write_tokens", usage.cache_write_tokens.unwrap_or_default());
        inner.close();
    }
    writer.integer("output_tokens", usage.output_tokens);
    if let Some(out) = writer.field("output_tokens_details") {
        let mut inner = ObjectWriter::open(out, &[], NAME);
        inner.integer("reasoning_tokens", usage.reasoning_tokens.unwrap_or_default());
        inner.close();
    }
    writer.integer("total_tokens", usage.input_tokens.saturating_add(usage.output_tokens));
    writer.close();
}

/// A response object without its output.
pub(super) struct Envelope<'a> {
    pub(super) id: &'a str,
    pub(super) created_s: u64,
    pub(super) model: &'a str,
    pub(super) service_tier: Option<ServiceTier>,
    pub(super) extra: &'a [Extra],
}

impl Envelope<'_> {
    /// Writes the response as it stands before any item.
    pub(super) fn write_begun(&self, out: &mut Vec<u8>) {
        // An answer that is told again knows its end already.
        let so_far = |extra: &Extra| {
            let value = if extra.name == "completed_at" { RawJson("null".to_owned()) } else { extra.value.clone() };
            Extra { value, ..extra.clone() }
        };
        let extra: Vec<Extra> = self.extra.iter().map(so_far).collect();
        let mut writer = ObjectWriter::open(out, &extra, NAME);
        json::write_string("in_progress", writer.overrule("status"));
        for name in ["error", "incomplete_details"] {
            writer.overrule(name).extend_from_slice(b"null");
        }
        match is_own(self.extra) {
            true => writer.overrule("usage").extend_from_slice(b"null"),
            false => writer.skip("usage"),
        }
        self.write(&mut writer, b"[]");
        writer.close();
    }

    /// Writes the response with its output and end.
    pub(super) fn write_ended(&self, finish: Option<&Finish>, output: &[u8], usage: Option<&Usage>, out: &mut Vec<u8>) {
        let (status, reason) = status(finish);
        let mut writer = ObjectWriter::open(out, self.extra, NAME);
        writer.string("status", status);
        writer.text("error", "null");
        match reason {
            Some(reason) => {
                let reason = fields::written(|out| json::write_string(reason, out));
                writer.text("incomplete_details", &format!("{{\"reason\":{reason}}}"));
            }
            None => writer.text("incomplete_details", "null"),
        }
        match usage {
            Some(usage) => write_usage(usage, writer.overrule("usage")),
            // OpenAI's own description has no null here.
            None if is_own(self.extra) => writer.text("usage", "null"),
            None => {}
        }
        self.write(&mut writer, output);
        writer.close();
    }

    fn write(&self, writer: &mut ObjectWriter<'_>, output: &[u8]) {
        writer.string("id", self.id);
        writer.string("object", OBJECT);
        writer.integer("created_at", self.created_s);
        writer.string("model", self.model);
        if let Some(out) = writer.field("output") {
            out.extend_from_slice(output);
        }
        writer.optional_string(tier::FIELD, self.service_tier.map(tier::openai));
        settings::write(writer);
    }
}

/// How a response ended: `status` and the reason of `incomplete_details`, which has words for two only. An answer
/// that another dialect calls refused or paused, or that ended for a reason unheard of, was cut short here.
pub(super) fn status(finish: Option<&Finish>) -> (&'static str, Option<&'static str>) {
    match finish {
        None => ("in_progress", None),
        Some(Finish::Stop | Finish::StopSequence(_) | Finish::ToolCalls) => ("completed", None),
        Some(Finish::Length | Finish::Pause | Finish::Other(_)) => ("incomplete", Some("max_output_tokens")),
        Some(Finish::ContentFilter | Finish::Refusal) => ("incomplete", Some("content_filter")),
    }
}

/// Was it read by this dialect?
pub(super) fn is_own(extra: &[Extra]) -> bool {
    fields::kept(extra, NAME, "object").is_some()
}

/// The id in this dialect's shape, of whatever shape it was.
pub(super) fn shaped_id(id: &str, extra: &[Extra]) -> String {
    if is_own(extra) || id.starts_with("resp_") {
        return id.to_owned();
    }
    format!("resp_{}", suffix_of(id))
}

/// What tells an id from others: its letters and digits, without the word they begin with.
pub(super) fn suffix_of(id: &str) -> String {
    let worded = id.split_once(['_', '-']).filter(|(word, _)| word.bytes().all(|byte| byte.is_ascii_lowercase()));
    let rest = worded.map_or(id, |(_, rest)| rest);
    rest.chars().filter(char::is_ascii_alphanumeric).take(SUFFIX_BYTES_MAX).collect()
}

/// There is one answer here; of several the first is written.
pub(super) fn write_answer(answer: &Answer, out: &mut Vec<u8>) {
    let choice = answer.choices.first();
    let finish = choice.and_then(|choice| choice.finish.as_ref());
    let id = shaped_id(&answer.id, &answer.extra);
    let suffix = suffix_of(&id);
    let mut list = List::default();
    if let Some(choice) = choice {
        let logprobs = choice.logprobs.as_ref().and_then(own_logprobs).unwrap_or_else(|| "[]".to_owned());
        let is_cut = status(finish).0 == "incomplete";
        let naming = Naming { suffix: &suffix, number: 0, is_cut, logprobs: &logprobs };
        let place = (NAME, content::ANNOTATIONS);
        let told = choice.citations.iter().filter(|citation| citations::is_told_in(NAME, citation));
        let parts = citations::placed(&choice.parts, told, place, content::write_citation);
        items::write_answered(&parts, &choice.extra, naming, &mut list);
    }
    let mut output = Vec::with_capacity(list.written.len() + 2);
    list.write(&mut output);
    let envelope = Envelope {
        id: &id,
        created_s: answer.created_s,
        model: &answer.model,
        service_tier: answer.service_tier,
        extra: &answer.extra,
    };
    envelope.write_ended(finish, &output, answer.usage.as_ref(), out);
}

pub(super) fn facts(body: Value<'_, '_>) -> Result<AnswerFacts, Fault> {
    let (object, output) = envelope(body)?;
    let mut facts = AnswerFacts {
        model: fields::string_of(&object, "model").map(str::to_owned),
        usage: object.get("usage").filter(|usage| usage.is_object()).map(|usage| read_usage(usage, false)),
        content: !output.is_empty(),
        ..AnswerFacts::default()
    };
    for item in &output {
        let item = item.as_object().ok_or_else(|| fields::not_understood(NOT_UNDERSTOOD))?;
        facts.tool_calls |= fields::string_of(&item, "type").is_some_and(items::is_call);
        facts.refused |= refuses(&item);
    }
    let finish = read_finish(&object, facts.tool_calls);
    facts.complete = matches!(finish, Some(Finish::Stop | Finish::ToolCalls));
    facts.refused |= finish == Some(Finish::ContentFilter);
    Ok(facts)
}

/// Does a message hold a refusal?
fn refuses(item: &JsonObject<'_, '_>) -> bool {
    let content = item.get("content").and_then(|content| content.as_array());
    let is_refusal = |piece: Value<'_, '_>| {
        piece.as_object().is_some_and(|piece| fields::string_of(&piece, "type") == Some("refusal"))
    };
    content.iter().flat_map(|content| content.iter()).any(is_refusal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::Parser;

    fn with_response<Read>(fields: &str, read: impl FnOnce(Value<'_, '_>) -> Read) -> Read {
        let mut copy = format!(r#"{{"id":"resp_1","object":"response","model":"m",{fields}}}"#).into_bytes();
        let mut parser = Parser::new();
        read(parser.parse(&mut copy).expect("valid JSON").as_value())
    }

    const CALL: &str = r#"{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}"#;
    const TEXT: &str = r#"{"type":"message","role":"assistant","content":[{"type":"output_text","text":"x"}]}"#;
    const REFUSAL: &str = r#"{"type":"message","role":"assistant","content":[{"type":"refusal","refusal":"no"}]}"#;

    #[test]
    fn only_whole_answers_are_complete() {
        for (fields, finish, complete, refused) in [
            (format!(r#""status":"completed","output":[{TEXT}]"#), Some(Finish::Stop), true, false),
            (format!(r#""status":"completed","output":[{CALL}]"#), Some(Finish::ToolCalls), true, false),
            (format!(r#""status":"completed","output":[{REFUSAL}]"#), Some(Finish::Stop), true, true),
            (r#""status":"queued","output":[]"#.to_owned(), None, false, false),
            (
                format!(
                    r#""status":"incomplete","incomplete_details":{{"reason":"max_output_tokens"}},"output":[{TEXT}]"#
                ),
                Some(Finish::Length),
                false,
                false,
            ),
            (
                format!(
                    r#""status":"incomplete","incomplete_details":{{"reason":"content_filter"}},"output":[{TEXT}]"#
                ),
                Some(Finish::ContentFilter),
                false,
                true,
            ),
            (
                format!(r#""status":"cancelled","output":[{TEXT}]"#),
                Some(Finish::Other("cancelled".into())),
                false,
                false,
            ),
        ] {
            let facts = with_response(&fields, facts).expect("a response");
            assert_eq!((facts.complete, facts.refused), (complete, refused), "{fields}");
            assert_eq!(with_response(&fields, read_answer).expect("a response").choices[0].finish, finish, "{fields}");
        }
    }

    #[test]
    fn a_failed_response_is_an_error() {
        use crate::fault::Kind;
        for (error, kind, message) in [
            (r#"{"code":"server_error","message":"oops"}"#, Kind::Provider(500), "oops"),
            (r#"{"code":"rate_limit_exceeded","message":"slow"}"#, Kind::Provider(429), "slow"),
            (r#"{"code":"invalid_prompt","message":"bad"}"#, Kind::Provider(400), "bad"),
            (r#"{"code":"odd","message":"odd"}"#, Kind::Provider(502), "odd"),
        ] {
            let fields = format!(r#""status":"failed","output":[],"error":{error}"#);
            let fault = with_response(&fields, read_answer).expect_err("it failed");
            assert_eq!((fault.kind, fault.message.as_ref()), (kind, message));
            assert!(with_response(&fields, facts).is_err());
        }
        assert!(with_response(r#""status":"failed","output":[],"error":null"#, facts).is_err());
        assert!(with_response(r#""status":"completed""#, facts).is_err());
    }

    #[test]
    fn ids_take_this_dialects_shape() {
        for (id, wanted) in [
            ("resp_1", "resp_1"),
            ("chatcmpl-Ab9", "resp_Ab9"),
            ("msg_01Xy", "resp_01Xy"),
            ("92471b7c-94ad-452f", "resp_92471b7c94ad452f"),
            ("gen-178-3R0", "resp_1783R0"),
            ("", "resp_"),
        ] {
            assert_eq!(shaped_id(id, &[]), wanted);
        }
        assert!(shaped_id(&"x".repeat(500), &[]).len() <= 64);
    }

    #[test]
    fn log_probabilities_stand_in_both_forms() {
        let list = r#"[{"token":"x","logprob":-0.5,"top_logprobs":[]}]"#;
        let text = format!(
            r#"{{"type":"message","role":"assistant","id":"msg_1","status":"completed","content":[{{"type":"output_text","annotations":[],"logprobs":{list},"text":"x"}}]}}"#
        );
        let answer = with_response(&format!(r#""status":"completed","output":[{text}]"#), read_answer).expect("good");
        let logprobs = answer.choices[0].logprobs.clone().expect("told");
        assert_eq!(own_logprobs(&logprobs).as_deref(), Some(list));
        let part = Part::Text { text: "x".into(), cache_marker: None, extra: vec![] };
        let choice = Choice { parts: vec![part], ..answer.choices[0].clone() };
        let foreign = Answer { choices: vec![choice], extra: vec![], ..answer };
        let written = fields::written(|out| write_answer(&foreign, out));
        assert!(written.contains(&format!("\"logprobs\":{list}")), "{written}");
    }
}
