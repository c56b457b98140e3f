//! Parts, read from requests and answers alike.
//!
//! A part says one thing (`text`, `functionCall`, `inlineData` …) and may carry a signature. What only
//! Gemini can say (server tools, executed code, files that live at Google) stays whole, signature
//! included.

use super::super::base64;
use super::super::fields;
use super::super::fields::Keeper;
use super::NAME;
use super::signature;
use super::signature::Found;
use super::signature::Signed;
use super::spelling;
use crate::chat::Extra;
use crate::chat::MediaSource;
use crate::chat::Part;
use crate::chat::RawJson;
use crate::fault::Fault;
use crate::wire::json;
use crate::wire::json::JsonObject;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;

/// Members of a part that are no data.
const BESIDE_DATA: &[&str] = &["thought", "thoughtSignature"];
/// Members of a result that wrap what the tool said, as the SDKs name them.
const RESULT_NAMES: &[&str] = &["output", "result", "content", "return_value"];

/// What a part says.
#[derive(Debug)]
pub(super) enum Piece {
    /// Words, or reasoning where `thought`.
    Text { text: String, thought: bool, signature: Option<Found>, extra: Vec<Extra> },
    /// A call; the id is the provider's, where it gave one.
    Call { id: Option<String>, name: String, arguments: String, signature: Option<String>, extra: Vec<Extra> },
    /// What a tool said, its id where the caller gave one.
    Result { id: Option<String>, name: String, part: Part },
    /// Everything that does not come in pieces.
    Whole(Part),
}

/// Reads one part; `param` is where it stands.
pub(super) fn read(part: Value<'_, '_>, param: &str) -> Result<Piece, Fault> {
    let object = fields::object(part, || param.to_owned())?;
    let opaque = || Piece::Whole(Part::Opaque { dialect: NAME, json: RawJson(json::raw(part)) });
    let data = object.iter().find_map(|(written, value)| {
        let name = spelling::camel(written);
        let is_data = !value.is_null() && !BESIDE_DATA.contains(&&*name);
        let known = ["text", "functionCall", "functionResponse", "inlineData", "fileData"];
        known.into_iter().find(|known| is_data && *known == name).map(|known| (known, value))
    });
    let thought = spelling::is_on(&object, "thought");
    let Some((name, value)) = data else {
        return Ok(opaque());
    };
    Ok(match name {
        "text" => read_text(&object, value, thought, param)?,
        "functionCall" => read_call(&object, &fields::object(value, || format!("{param}.functionCall"))?, param)?,
        "functionResponse" => {
            read_result(&fields::object(value, || format!("{param}.functionResponse"))?, &format!("{param}.{name}"))?
        }
        // A picture that the model only thought of is none of its answer's.
        _ if thought => opaque(),
        _ => read_media(name, &object, value).map_or_else(opaque, Piece::Whole),
    })
}

fn signature_of<'input>(object: &JsonObject<'_, 'input>) -> Option<&'input str> {
    spelling::text(object, "thoughtSignature").filter(|signature| !signature.is_empty())
}

fn read_text(object: &JsonObject<'_, '_>, text: Value<'_, '_>, thought: bool, param: &str) -> Result<Piece, Fault> {
    let text = fields::string(text, || format!("{param}.text"))?.to_owned();
    let signed = if thought { Signed::Thought } else { Signed::Text };
    let signature = signature_of(object).map(|written| signature::read(signed, written));
    let extra = others(object, &["text", "thought", "thoughtSignature"]);
    Ok(Piece::Text { text, thought, signature, extra })
}

/// The fields that are not `known`.
fn others(object: &JsonObject<'_, '_>, known: &[&str]) -> Vec<Extra> {
    let mut keeper = Keeper::new(NAME);
    for (name, value) in object.iter() {
        if !value.is_null() && !known.contains(&&*spelling::camel(name)) {
            keeper.keep(name, value);
        }
    }
    keeper.extras
}

fn read_call(object: &JsonObject<'_, '_>, call: &JsonObject<'_, '_>, param: &str) -> Result<Piece, Fault> {
    let wrong = || fields::wrong_type(format!("{param}.functionCall.name"), "a string");
    let name = spelling::text(call, "name").ok_or_else(wrong)?.to_owned();
    let id = spelling::text(call, "id").filter(|id| !id.is_empty()).map(str::to_owned);
    let mut keeper = Keeper::new(NAME);
    let arguments = spelling::get(call, "args").map(json::raw);
    for (name, missing) in [("id", id.is_none()), ("args", arguments.is_none())] {
        if missing {
            keeper.absent(name);
        }
    }
    keeper.extras.extend(others(call, &["id", "name", "args"]));
    let signature = match signature_of(object).map(|written| signature::read(Signed::Call, written)) {
        Some(Found::Signature(signature)) => Some(signature),
        _ => None,
    };
    match signature.as_deref().map(signature::owner) {
        Some(signature::Owner::Gemini(_, own)) => keeper.extras.push(signature::extra_content(own)),
        // Says that it came from this dialect without one.
        _ => keeper.absent("thoughtSignature"),
    }
    let arguments = arguments.unwrap_or_else(|| "{}".to_owned());
    Ok(Piece::Call { id, name, arguments, signature, extra: keeper.extras })
}

fn read_result(object: &JsonObject<'_, '_>, param: &str) -> Result<Piece, Fault> {
    let wrong = || fields::wrong_type(format!("{param}.name"), "a string");
    let name = spelling::text(object, "name").ok_or_else(wrong)?.to_owned();
    let id = spelling::text(object, "id").filter(|id| !id.is_empty()).map(str::to_owned);
    let mut keeper = Keeper::new(NAME);
    keeper.keep_text("name", spelling::quoted(&name));
    if id.is_none() {
        keeper.absent("id");
    }
    let (mut parts, mut is_error) = (Vec::new(), false);
    match spelling::get(object, "response") {
        None => keeper.absent("response"),
        Some(response) => {
            keeper.keep("response", response);
            let (text, failed) = response_text(response);
            is_error = failed;
            parts.extend((!text.is_empty()).then(|| plain_text(&text)));
        }
    }
    if let Some(media) = spelling::get(object, "parts") {
        keeper.keep("parts", media);
        for (place, one) in spelling::items(media, || format!("{param}.parts"))?.into_iter().enumerate() {
            if let Piece::Whole(part) = read(one, &format!("{param}.parts[{place}]"))? {
                parts.push(part);
            }
        }
    }
    keeper.extras.extend(others(object, &["id", "name", "response", "parts"]));
    let plain = parts.len() == 1;
    let (call_id, extra) = (String::new(), keeper.extras);
    let part = Part::ToolResult { call_id, parts, is_error, plain, cache_marker: None, extra };
    Ok(Piece::Result { id, name, part })
}

/// What a tool said, without the wrapping that this API demands; and whether it failed.
fn response_text(response: Value<'_, '_>) -> (String, bool) {
    let Some(object) = response.as_object() else {
        return (json::raw(response), false);
    };
    let mut members = object.iter();
    match (members.next(), members.next()) {
        (None, _) => (String::new(), false),
        (Some((name, value)), None) if name == "error" || RESULT_NAMES.contains(&name) => {
            (value.as_str().map_or_else(|| json::raw(value), str::to_owned), name == "error")
        }
        _ => (json::raw(response), false),
    }
}

pub(super) fn plain_text(text: &str) -> Part {
    Part::Text { text: text.to_owned(), cache_marker: None, extra: Vec::new() }
}

fn read_media(name: &str, object: &JsonObject<'_, '_>, value: Value<'_, '_>) -> Option<Part> {
    let media = value.as_object()?;
    let media_type = spelling::text(&media, "mimeType");
    let beside = others(object, &[name, "thought"]);
    let mut keeper = Keeper::new(NAME);
    let filename = spelling::text(&media, "displayName").map(str::to_owned);
    for (written, value) in media.iter().filter(|(_, value)| !value.is_null()) {
        match &*spelling::camel(written) {
            "data" | "fileUri" => {}
            "mimeType" if name == "inlineData" => {}
            other => keeper.keep(format!("source/{other}"), value),
        }
    }
    let source = match name {
        "inlineData" => inline(media_type?, spelling::text(&media, "data")?),
        _ => MediaSource::Url(public_address(spelling::text(&media, "fileUri")?)?.to_owned()),
    };
    if matches!(source, MediaSource::Text { .. }) {
        keeper.extras.clear();
        keeper.keep(name, value);
    }
    let is_alone = beside.is_empty() && keeper.extras.is_empty();
    let extra = [keeper.extras, beside].concat();
    match (media_type?, source) {
        (kind, source) if kind.starts_with("image/") => {
            Some(Part::Image { source, detail: None, cache_marker: None, extra })
        }
        ("audio/wav", MediaSource::Base64 { data, .. }) if is_alone => Some(Part::Audio { data, format: "wav".into() }),
        ("audio/mp3" | "audio/mpeg", MediaSource::Base64 { data, .. }) if is_alone => {
            Some(Part::Audio { data, format: "mp3".into() })
        }
        // Moving pictures and sound by address are something that only Google fetches.
        (kind, MediaSource::Url(_)) if kind.starts_with("video/") || kind.starts_with("audio/") => None,
        (_, source) => Some(Part::File { source, filename, cache_marker: None, extra }),
    }
}

/// A plain text is told as one, because that is what every provider can read.
fn inline(media_type: &str, data: &str) -> MediaSource {
    let text = || String::from_utf8(base64::decode(data)?).ok();
    let text = if media_type.starts_with("text/") { text() } else { None };
    let media_type = media_type.to_owned();
    match text {
        Some(text) => MediaSource::Text { media_type, text },
        None => MediaSource::Base64 { media_type, data: data.to_owned() },
    }
}

/// An address that any provider can fetch; none for uploads and for what only Google understands.
fn public_address(uri: &str) -> Option<&str> {
    const OWN: &[&str] =
        &["https://generativelanguage.googleapis.com/", "https://www.youtube.com/", "https://youtu.be/"];
    let is_web = uri.starts_with("https://") || uri.starts_with("http://");
    (is_web && !OWN.iter().any(|own| uri.starts_with(own))).then_some(uri)
}

/// Ids of calls, which this API often leaves out. They are made from where the call stands, so that the
/// same conversation always gets the same ones, and results find their calls by name and order.
#[derive(Default)]
pub(super) struct CallIds {
    prefix: String,
    count: usize,
    open: Vec<(String, String)>,
}

impl CallIds {
    /// Ids made from here on begin with `prefix`.
    pub(super) fn begin(&mut self, prefix: String) {
        self.prefix = prefix;
        self.count = 0;
    }

    /// The id of a call of `name`.
    pub(super) fn of_call(&mut self, name: &str, given: Option<String>) -> String {
        let id = given.unwrap_or_else(|| self.made());
        self.count += 1;
        self.open.push((name.to_owned(), id.clone()));
        id
    }

    /// The id of the call that a result of `name` answers.
    pub(super) fn of_result(&mut self, name: &str, given: Option<String>) -> String {
        let found = match &given {
            Some(given) => self.open.iter().position(|(_, id)| id == given),
            None => self.open.iter().position(|(called, _)| called == name),
        };
        let open = found.map(|place| self.open.remove(place).1);
        given.or(open).unwrap_or_else(|| {
            let id = self.made();
            self.count += 1;
            id
        })
    }

    fn made(&self) -> String {
        format!("call_{}_{}", self.prefix, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::Parser;

    fn piece(text: &str) -> Piece {
        let mut copy = text.as_bytes().to_vec();
        read(Parser::new().parse(&mut copy).expect("valid JSON").as_value(), "p").expect("a part")
    }

    #[test]
    fn results_lose_their_wrapping_and_find_their_calls() {
        for (response, text, failed) in [
            (r#"{"output":"fine"}"#, "fine", false),
            (r#"{"result":{"a":1}}"#, r#"{"a":1}"#, false),
            (r#"{"error":"no"}"#, "no", true),
            (r#"{"temperature":3}"#, r#"{"temperature":3}"#, false),
            (r#"{"error":"no","more":1}"#, r#"{"error":"no","more":1}"#, false),
        ] {
            let read = piece(&format!(r#"{{"function_response":{{"name":"f","response":{response}}}}}"#));
            let Piece::Result { id: None, name, part: Part::ToolResult { parts, is_error, .. } } = read else {
                panic!("{response}")
            };
            assert_eq!((name.as_str(), parts, is_error), ("f", vec![plain_text(text)], failed));
        }
        let mut ids = CallIds::default();
        ids.begin("1".into());
        assert_eq!(ids.of_call("f", None), "call_1_0");
        assert_eq!(ids.of_call("g", Some("given".into())), "given");
        assert_eq!(ids.of_call("f", None), "call_1_2");
        ids.begin("2".into());
        assert_eq!(ids.of_result("f", None), "call_1_0");
        assert_eq!(ids.of_result("g", None), "given");
        assert_eq!(ids.of_result("f", Some("call_1_2".into())), "call_1_2");
        assert_eq!(ids.of_result("f", None), "call_2_0", "an answer to nothing has an id all the same");
    }

    #[test]
    fn media_that_others_can_use_is_understood_and_the_rest_stays_whole() {
        let kind = |text: &str| match piece(text) {
            Piece::Whole(Part::Image { .. }) => "image",
            Piece::Whole(Part::File { source: MediaSource::Text { text, .. }, .. }) if text == "x" => "text",
            Piece::Whole(Part::File { .. }) => "file",
            Piece::Whole(Part::Audio { .. }) => "audio",
            Piece::Whole(Part::Opaque { .. }) => "opaque",
            other => panic!("{other:?}"),
        };
        for (part, wanted) in [
            (r#"{"inline_data":{"mime_type":"image/png","data":"eA=="}}"#, "image"),
            (r#"{"inlineData":{"mimeType":"audio/wav","data":"eA=="}}"#, "audio"),
            (r#"{"inlineData":{"mimeType":"text/plain","data":"eA=="}}"#, "text"),
            (r#"{"inlineData":{"mimeType":"text/plain","data":"/w=="}}"#, "file"),
            (r#"{"inlineData":{"mimeType":"video/mp4","data":"eA=="}}"#, "file"),
            (r#"{"fileData":{"mimeType":"image/png","fileUri":"https://example.com/a.png"}}"#, "image"),
            (r#"{"fileData":{"mimeType":"application/pdf","fileUri":"https://example.com/a.pdf"}}"#, "file"),
            (r#"{"fileData":{"mimeType":"image/png","fileUri":"gs://bucket/a.png"}}"#, "opaque"),
            (r#"{"fileData":{"fileUri":"https://youtu.be/x"}}"#, "opaque"),
            (r#"{"executableCode":{"language":"PYTHON","code":"1"}}"#, "opaque"),
            (r#"{"inlineData":{"mimeType":"image/png","data":"eA=="},"thoughtSignature":"s"}"#, "image"),
            (r#"{"inlineData":{"mimeType":"image/png","data":"eA=="},"thought":true}"#, "opaque"),
            (r#"{"toolCall":{"id":"i"},"thoughtSignature":"s"}"#, "opaque"),
            (r#"{}"#, "opaque"),
        ] {
            assert_eq!(kind(part), wanted, "{part}");
        }
    }
}
