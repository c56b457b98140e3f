//! Reading and writing JSON objects field by field, so that what one dialect spells oddly or what only
//! it knows survives a visit to the neutral middle.
//!
//! A reader gives every field it knows a typed home and keeps the others as [`Extra`]. Where the usual
//! spelling of a typed field would differ from the one that was read (an explicit `null`, one string
//! instead of a list of one), the field is kept as well, and where it was left out although it is
//! usually written, it is kept with an empty value. [`ObjectWriter`] lets what was kept by its own
//! dialect stand in for the usual spelling and knows nothing of what others kept, which is why the same
//! writer gives back the same object and still speaks plainly to another dialect.

use super::Dropped;
use crate::chat::Extra;
use crate::chat::RawJson;
use crate::chat::Request;
use crate::chat::Tool;
use crate::chat::ToolChoice;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::wire::json;
use crate::wire::json::JsonArray;
use crate::wire::json::JsonObject;
use crate::wire::json::Parser;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;
use crate::wire::json::ValueIntoString;
use std::borrow::Cow;
use std::io::Write;

/// Objects inside an object whose kept fields are stored beside those of the outer one, as
/// `scope` + name.
const SCOPES: &[&str] = &[
    "message/",
    "function/",
    "stream_options/",
    "image_url/",
    "file/",
    "source/",
    "content/",
    "refusal/",
    "generationConfig/",
    "toolConfig/",
];

/// Fields that have a typed home in the neutral request, so that what a dialect keeps under these names
/// is a spelling, and nothing is lost when another dialect does not write it.
const TYPED_FIELDS: &[&str] = &[
    "include",
    "input",
    "instructions",
    "max_completion_tokens",
    "max_tokens",
    "metadata",
    "output_config",
    "output_format",
    "reasoning",
    "reasoning_effort",
    "response_format",
    "seed",
    "service_tier",
    "stop",
    "stop_sequences",
    "stream",
    "stream_options",
    "system",
    "temperature",
    "text",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
];

/// Body fields by which callers of some gateways choose where to connect or with whose key. The caller
/// never does that here, and a provider that might obey one must not see it.
const UPSTREAM_FIELDS: &[&str] = &[
    "api_base",
    "api_key",
    "aws_bedrock_runtime_endpoint",
    "base_url",
    "custom_host",
    "extra_headers",
    "http_proxy",
    "https_proxy",
    "proxies",
    "proxy",
    "vertex_credentials",
];

/// Longest text of a provider's error that is passed on, in bytes.
const PROVIDER_TEXT_BYTES_MAX: usize = 4096;

/// Refuses a body field that names an upstream or a credential.
pub(super) fn refuse_upstream_field(name: &str) -> Result<(), Fault> {
    if UPSTREAM_FIELDS.contains(&name) {
        return Err(Fault::bad_field(
            name,
            format!("`{name}` is not accepted: the operator chooses upstream addresses and keys; remove it"),
        ));
    }
    Ok(())
}

/// What a reader keeps of one object for the writer of the same dialect.
pub(super) struct Keeper {
    dialect: &'static str,
    pub(super) extras: Vec<Extra>,
}

impl Keeper {
    pub(super) fn new(dialect: &'static str) -> Self {
        Keeper { dialect, extras: Vec::new() }
    }

    /// Keeps a field as it was written.
    pub(super) fn keep(&mut self, name: impl Into<String>, value: Value<'_, '_>) {
        self.keep_text(name, json::raw(value));
    }

    /// Keeps a field by its JSON text; an empty text says that the field was left out.
    pub(super) fn keep_text(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.extras.push(Extra { dialect: self.dialect, name: name.into(), value: RawJson(text.into()) });
    }

    /// Keeps that a field was left out which is usually written.
    pub(super) fn absent(&mut self, name: impl Into<String>) {
        self.keep_text(name, "");
    }
}

/// The value that `dialect` kept for `name`.
pub(super) fn kept<'extra>(extras: &'extra [Extra], dialect: &str, name: &str) -> Option<&'extra str> {
    let same = |extra: &&Extra| extra.dialect == dialect && extra.name == name;
    extras.iter().find(same).map(|extra| extra.value.0.as_str())
}

/// Writes one object; see the head of this file.
pub(super) struct ObjectWriter<'a> {
    out: &'a mut Vec<u8>,
    extras: &'a [Extra],
    dialect: &'static str,
    scope: &'static str,
    overruled: Vec<&'static str>,
    empty: bool,
}

impl<'a> ObjectWriter<'a> {
    /// Opens an object whose kept fields are those of `dialect` in `extras`.
    pub(super) fn open(out: &'a mut Vec<u8>, extras: &'a [Extra], dialect: &'static str) -> Self {
        ObjectWriter::open_scope(out, extras, dialect, "")
    }

    /// The same for an inner object whose kept fields are stored with those of the outer one.
    pub(super) fn open_scope(
        out: &'a mut Vec<u8>,
        extras: &'a [Extra],
        dialect: &'static str,
        scope: &'static str,
    ) -> Self {
        out.push(b'{');
        ObjectWriter { out, extras, dialect, scope, overruled: Vec::new(), empty: true }
    }

    /// Writes the key, unless a kept spelling stands in for the field; the caller writes the value.
    pub(super) fn field(&mut self, name: &'static str) -> Option<&mut Vec<u8>> {
        if self.is_kept(name) {
            return None;
        }
        Some(self.key(name))
    }

    /// Writes the key whatever was kept for it.
    pub(super) fn overrule(&mut self, name: &'static str) -> &mut Vec<u8> {
        self.overruled.push(name);
        self.key(name)
    }

    /// Leaves out what was kept for `name`.
    pub(super) fn skip(&mut self, name: &'static str) {
        self.overruled.push(name);
    }

    /// Was something kept for `name`?
    pub(super) fn is_kept(&self, name: &str) -> bool {
        self.own().any(|(kept, _)| kept == name)
    }

    pub(super) fn string(&mut self, name: &'static str, value: &str) {
        if let Some(out) = self.field(name) {
            json::write_string(value, out);
        }
    }

    pub(super) fn text(&mut self, name: &'static str, json: &str) {
        if let Some(out) = self.field(name) {
            out.extend_from_slice(json.as_bytes());
        }
    }

    pub(super) fn integer(&mut self, name: &'static str, value: u64) {
        if let Some(out) = self.field(name) {
            write_integer(value, out);
        }
    }

    pub(super) fn boolean(&mut self, name: &'static str, value: bool) {
        self.text(name, if value { "true" } else { "false" });
    }

    pub(super) fn optional_string(&mut self, name: &'static str, value: Option<&str>) {
        if let Some(value) = value {
            self.string(name, value);
        }
    }

    pub(super) fn optional_text(&mut self, name: &'static str, json: Option<&RawJson>) {
        if let Some(json) = json {
            self.text(name, &json.0);
        }
    }

    pub(super) fn optional_number(&mut self, name: &'static str, value: Option<f64>) {
        if let Some(value) = value
            && let Some(out) = self.field(name)
        {
            write_number(value, out);
        }
    }

    /// Writes what was kept and closes the object.
    pub(super) fn close(mut self) {
        let extras = self.extras;
        let (dialect, scope) = (self.dialect, self.scope);
        for (name, value) in own_fields(extras, dialect, scope) {
            if value.is_empty() || self.overruled.contains(&name) {
                continue;
            }
            self.comma();
            json::write_string(name, self.out);
            self.out.push(b':');
            self.out.extend_from_slice(value.as_bytes());
        }
        self.out.push(b'}');
    }

    fn own(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        own_fields(self.extras, self.dialect, self.scope)
    }

    fn key(&mut self, name: &str) -> &mut Vec<u8> {
        self.comma();
        json::write_string(name, self.out);
        self.out.push(b':');
        self.out
    }

    fn comma(&mut self) {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
    }
}

/// Names and values kept by `dialect` in `scope`; the empty scope is the object itself.
pub(super) fn own_fields<'a>(
    extras: &'a [Extra],
    dialect: &'static str,
    scope: &'static str,
) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
    extras.iter().filter(move |extra| extra.dialect == dialect).filter_map(move |extra| {
        let name = extra.name.strip_prefix(scope)?;
        let inner = scope.is_empty() && SCOPES.iter().any(|scope| name.starts_with(scope));
        (!inner).then_some((name, extra.value.0.as_str()))
    })
}

/// The fields of a request that only another dialect understands and that say something.
pub(super) fn foreign_fields<'a>(extras: &'a [Extra], dialect: &'static str) -> impl Iterator<Item = &'a Extra> {
    extras.iter().filter(move |extra| {
        let name = extra.name.as_str();
        // A wish for a search needs no more words than its name.
        let silent = matches!(extra.value.0.as_str(), "" | "null" | "[]")
            || extra.value.0 == "{}" && name != "web_search_options";
        let spelling = TYPED_FIELDS.contains(&name) || SCOPES.iter().any(|scope| name.starts_with(scope));
        extra.dialect != dialect && !silent && !spelling
    })
}

/// The request with those functions alone that another dialect allows to be called: whoever cannot be told which
/// may be called is told of no others.
pub(super) fn narrowed<'a>(request: &'a Request, writer: &str) -> Result<Cow<'a, Request>, Fault> {
    let Some(ToolChoice::Opaque { dialect, among: Some(among), .. }) = &request.tool_choice else {
        return Ok(Cow::Borrowed(request));
    };
    if *dialect == writer {
        return Ok(Cow::Borrowed(request));
    }
    let mut narrowed = request.clone();
    let is_allowed = |tool: &Tool| matches!(tool, Tool::Function(function) if among.names.contains(&function.name));
    narrowed.tools.retain(is_allowed);
    if narrowed.tools.is_empty() {
        return Err(Fault::bad_field("tool_choice", "`tool_choice` allows no function that is among `tools`"));
    }
    narrowed.tool_choice = Some(if among.required { ToolChoice::Required } else { ToolChoice::Auto });
    Ok(Cow::Owned(narrowed))
}

/// What a request loses on its way to a provider, each field once.
#[derive(Default)]
pub(super) struct Losses(pub(super) Vec<Dropped>);

impl Losses {
    pub(super) fn add(&mut self, field: &str) {
        if self.0.iter().all(|known| known.field != field) {
            self.0.push(Dropped { field: field.to_owned() });
        }
    }
}

/// Is it one of Gemini's fields without which the answer would be another one, and for which nobody else has a
/// word?
pub(super) fn only_gemini_has(name: &str) -> bool {
    matches!(
        name,
        "cachedContent"
            | "generationConfig.responseMimeType"
            | "generationConfig.responseModalities"
            | "generationConfig.speechConfig"
    )
}

/// Refuses a field or content that the target's dialect cannot express.
pub(super) fn untranslatable(param: &str, what: &str) -> Fault {
    Fault::bad_field(
        param,
        format!("`{param}` holds {what}, which this model's provider has no word for; leave it out"),
    )
}

/// Appends a number: integral ones without a fraction, as nearly every sender writes them.
pub(super) fn write_number(value: f64, out: &mut Vec<u8>) {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT_MAX {
        #[allow(clippy::cast_possible_truncation)] // checked above
        out.extend_from_slice((value as i64).to_string().as_bytes());
    } else {
        // With an exponent where there are many digits: not every parser takes a few hundred of them.
        write!(out, "{value:?}").expect("a Vec accepts every byte");
    }
}

/// Appends an unsigned integer.
pub(super) fn write_integer(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Writes `items` as a list.
pub(super) fn write_list<Item>(
    items: impl IntoIterator<Item = Item>,
    out: &mut Vec<u8>,
    mut write: impl FnMut(Item, &mut Vec<u8>),
) {
    out.push(b'[');
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

/// What a writer wrote, as text.
pub(super) fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).expect("what we write is UTF-8, because strings are")
}

/// `value` as a string, or a fault that names `param`.
pub(super) fn string<'input>(value: Value<'_, 'input>, param: impl FnOnce() -> String) -> Result<&'input str, Fault> {
    value.into_string().ok_or_else(|| wrong_type(param(), "a string"))
}

/// `value` as a boolean, or a fault.
pub(super) fn boolean(value: Value<'_, '_>, param: &str) -> Result<bool, Fault> {
    value.as_bool().ok_or_else(|| wrong_type(param, "true or false"))
}

/// `value` as a number, or a fault.
pub(super) fn number(value: Value<'_, '_>, param: &str) -> Result<f64, Fault> {
    as_number(value).ok_or_else(|| wrong_type(param, "a number"))
}

/// `value` as an integer that is not negative, or a fault.
pub(super) fn integer(value: Value<'_, '_>, param: &str) -> Result<u64, Fault> {
    value.as_u64().ok_or_else(|| wrong_type(param, "an integer that is not negative"))
}

/// `value` as an object, or a fault.
pub(super) fn object<'tape, 'input>(
    value: Value<'tape, 'input>,
    param: impl FnOnce() -> String,
) -> Result<JsonObject<'tape, 'input>, Fault> {
    value.as_object().ok_or_else(|| wrong_type(param(), "an object"))
}

/// `value` as an array, or a fault.
pub(super) fn array<'tape, 'input>(
    value: Value<'tape, 'input>,
    param: impl FnOnce() -> String,
) -> Result<JsonArray<'tape, 'input>, Fault> {
    value.as_array().ok_or_else(|| wrong_type(param(), "an array"))
}

/// The body as an object, or a fault.
pub(super) fn body_object<'tape, 'input>(body: Value<'tape, 'input>) -> Result<JsonObject<'tape, 'input>, Fault> {
    body.as_object().ok_or_else(|| Fault::new(Kind::BadRequest, "the request body must be a JSON object"))
}

/// A field of the wrong type.
pub(super) fn wrong_type(param: impl Into<String>, wanted: &str) -> Fault {
    let param = param.into();
    let message = format!("`{param}` must be {wanted}");
    Fault::bad_field(param, message)
}

/// Any JSON number.
pub(super) fn as_number(value: Value<'_, '_>) -> Option<f64> {
    #[allow(clippy::cast_precision_loss)] // JSON numbers are doubles to most readers
    let widened = value.as_i64().map(|number| number as f64).or_else(|| value.as_u64().map(|number| number as f64));
    value.as_f64().or(widened)
}

/// A string field of an object, where it is one.
pub(super) fn string_of<'input>(object: &JsonObject<'_, 'input>, name: &str) -> Option<&'input str> {
    object.get(name).and_then(ValueIntoString::into_string)
}

/// An unsigned field of an object, where it is one.
pub(super) fn integer_of(object: &JsonObject<'_, '_>, name: &str) -> Option<u64> {
    object.get(name).and_then(|value| value.as_u64())
}

/// An object field of an object, where it is one.
pub(super) fn object_of<'tape, 'input>(
    object: &JsonObject<'tape, 'input>,
    name: &str,
) -> Option<JsonObject<'tape, 'input>> {
    object.get(name).and_then(|value| value.as_object())
}

/// What some providers say an answer cost: OpenRouter a number, beside it what another provider charges
/// the caller's own key there; Perplexity an object with a total.
pub(super) fn cost_of(usage: &JsonObject<'_, '_>) -> Option<f64> {
    let number = |value: Value<'_, '_>| as_number(value).filter(|cost| cost.is_finite() && *cost >= 0.0);
    let cost = usage.get("cost")?;
    let Some(charged) = number(cost) else {
        return cost.as_object()?.get("total_cost").and_then(number);
    };
    let elsewhere = usage.get("is_byok").and_then(|own| own.as_bool()) == Some(true);
    let details = object_of(usage, "cost_details").filter(|_| elsewhere);
    let upstream = details.and_then(|details| details.get("upstream_inference_cost").and_then(number));
    Some(charged + upstream.unwrap_or(0.0))
}

/// Does the object say nothing for `name`?
pub(super) fn is_unsaid(object: &JsonObject<'_, '_>, name: &str) -> bool {
    object.get(name).is_none_or(|value| value.is_null())
}

/// Is `text` one JSON object?
pub(super) fn is_json_object(text: &str) -> bool {
    let mut copy = text.as_bytes().to_vec();
    Parser::new().parse(&mut copy).is_ok_and(|tape| tape.as_value().is_object())
}

/// Arguments of a call as the object that some dialects demand. What a model wrote that is none is shown
/// to the application instead of being hidden from it.
pub(super) fn arguments_object(arguments: &str) -> Cow<'_, str> {
    let arguments = arguments.trim();
    // Some models' word for none.
    if arguments == "null" {
        return Cow::Borrowed("{}");
    }
    if arguments.is_empty() || is_json_object(arguments) {
        // Lines end an event's data; within strings JSON has none, so these are white space.
        return match arguments.contains(['\n', '\r']) {
            true => Cow::Owned(arguments.replace(['\n', '\r'], " ")),
            false => Cow::Borrowed(arguments),
        };
    }
    let text = written(|out| json::write_string(arguments, out));
    Cow::Owned(format!("{{\"invalid_arguments\":{text}}}"))
}

/// What a tool that takes free text is called with, as the arguments of a function that takes one text.
pub(super) fn custom_arguments(input: &str) -> String {
    format!("{{\"input\":{}}}", written(|out| json::write_string(input, out)))
}

/// The ids of calls that an answer of this id left out begin with this.
pub(super) fn call_id_prefix(answer_id: &str) -> String {
    /// Some APIs take 40 characters in all.
    const BYTES_MAX: usize = 26;
    let legal = |one: &char| one.is_ascii_alphanumeric() || matches!(one, '_' | '-');
    answer_id.chars().filter(legal).take(BYTES_MAX).collect()
}

/// A provider's answer that is not what its dialect promises.
pub(super) fn not_understood(what: &'static str) -> Fault {
    Fault::new(Kind::Upstream, what)
}

/// What a provider says went wrong, bounded.
pub(super) fn provider_text(text: &str) -> String {
    let mut end = text.len().min(PROVIDER_TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// A provider's error object, `{"message","type","code","param"}` in any completeness, or its bare text.
pub(super) fn read_error(status: u16, error: Value<'_, '_>) -> Fault {
    let mut fault = Fault::new(Kind::Provider(status), unreadable(status));
    if let Some(text) = error.as_str() {
        if !text.is_empty() {
            fault.message = provider_text(text).into();
        }
        return fault;
    }
    let Some(object) = error.as_object() else {
        return fault;
    };
    if let Some(text) = string_of(&object, "message").filter(|text| !text.is_empty()) {
        fault.message = provider_text(text).into();
    } else if let Some((place, text)) = object.get("message").and_then(validation).or_else(|| validation(error)) {
        fault.message = provider_text(&format!("{place}: {text}")).into();
    }
    fault.provider_type = string_of(&object, "type").map(provider_text);
    fault.param = string_of(&object, "param").map(provider_text);
    fault.code = object.get("code").and_then(|code| match code.as_str() {
        Some(code) => Some(provider_text(code)),
        None => code.as_u64().map(|code| code.to_string()),
    });
    fault
}

/// A provider's error body: an error object under `error`, a flat one, or something that is not for
/// people (an HTML page, nothing), which is never shown.
pub(super) fn read_error_body(status: u16, body: &[u8]) -> Fault {
    let mut copy = body.to_vec();
    let mut parser = Parser::new();
    let Ok(tape) = parser.parse(&mut copy) else {
        return Fault::new(Kind::Provider(status), unreadable(status));
    };
    let Some(object) = tape.as_value().as_object() else {
        return Fault::new(Kind::Provider(status), unreadable(status));
    };
    match object.get("error").filter(|error| !error.is_null()) {
        Some(error) => read_error(status, error),
        None => match object.get("detail").filter(|detail| detail.as_str().is_some()) {
            Some(detail) if is_unsaid(&object, "message") => read_error(status, detail),
            _ => read_error(status, tape.as_value()),
        },
    }
}

/// The first complaint of servers that check bodies against a schema and answer with the list of what does
/// not fit (`{"detail":[{"loc":["body","seed"],"msg":"…"}]}`): where, and what.
fn validation(error: Value<'_, '_>) -> Option<(String, String)> {
    let list = match error.as_object() {
        Some(object) => object.get("detail")?.as_array()?,
        None => error.as_array()?,
    };
    let first = list.iter().next()?.as_object()?;
    let text = string_of(&first, "msg")?.to_owned();
    let steps = first.get("loc")?.as_array()?;
    let place = steps.iter().filter_map(|step| match step.as_str() {
        Some("body") => None,
        Some(name) => Some(name.to_owned()),
        None => step.as_u64().map(|number| number.to_string()),
    });
    Some((place.collect::<Vec<_>>().join("."), text))
}

fn unreadable(status: u16) -> String {
    format!("the provider answered with status {status} and no readable error")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_spellings_stand_in_and_strangers_stay_out() {
        let extra =
            |dialect, name: &str, value: &str| Extra { dialect, name: name.into(), value: RawJson(value.into()) };
        let extras = [
            extra("mine", "stop", "\"x\""),
            extra("mine", "type", ""),
            extra("mine", "function/strict", "true"),
            extra("other", "secret", "1"),
            extra("mine", "odd", "[1]"),
        ];
        let mut out = Vec::new();
        let mut writer = ObjectWriter::open(&mut out, &extras, "mine");
        writer.string("type", "function");
        writer.text("stop", "[\"x\"]");
        writer.string("name", "n");
        if let Some(out) = writer.field("function") {
            ObjectWriter::open_scope(out, &extras, "mine", "function/").close();
        }
        writer.close();
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"name":"n","function":{"strict":true},"stop":"x","odd":[1]}"#);
    }

    #[test]
    fn invalid_arguments_are_shown() {
        assert_eq!(arguments_object("{\"a\": 1}"), "{\"a\": 1}");
        assert_eq!(arguments_object(" null"), "{}");
        assert_eq!(arguments_object("{\n\"a\":\r\n1}"), "{ \"a\":  1}");
        assert_eq!(arguments_object("{\"a"), "{\"invalid_arguments\":\"{\\\"a\"}");
    }

    #[test]
    fn numbers_are_written_as_people_write_them() {
        for (value, text) in [(0.0, "0"), (1.0, "1"), (0.7, "0.7"), (-2.0, "-2"), (1e20, "1e20"), (-9.3e18, "-9.3e18")]
        {
            assert_eq!(written(|out| write_number(value, out)), text);
        }
    }

    #[test]
    fn garbage_from_a_provider_is_never_shown() {
        for body in ["<html><body>Bad gateway at 10.0.0.7</body></html>", "", "[1]", "{\"error\":", "{\"error\":null}"]
        {
            let fault = read_error_body(502, body.as_bytes());
            assert_eq!(fault.message, "the provider answered with status 502 and no readable error", "{body}");
            assert_eq!(fault.kind, Kind::Provider(502));
        }
        for body in [r#"{"error":"too long"}"#, r#"{"message":"too long"}"#, r#"{"detail":"too long"}"#] {
            assert_eq!(read_error_body(400, body.as_bytes()).message, "too long");
        }
        let complaint =
            r#"{"detail":[{"type":"extra_forbidden","loc":["body","messages",3,"x"],"msg":"not permitted"}]}"#;
        for body in [complaint.to_owned(), format!(r#"{{"object":"error","message":{complaint},"code":null}}"#)] {
            assert_eq!(read_error_body(422, body.as_bytes()).message, "messages.3.x: not permitted", "{body}");
        }
        let listed = complaint.replace("detail", "message");
        assert_eq!(read_error_body(422, listed.as_bytes()).message, "messages.3.x: not permitted");
        let long = format!(r#"{{"error":"{}"}}"#, "ü".repeat(4096));
        assert!(read_error_body(400, long.as_bytes()).message.len() <= PROVIDER_TEXT_BYTES_MAX);
    }
}
