//! Embeddings: texts in, vectors out.
//!
//! A dialect of callers alone, like legacy completions: whoever speaks OpenAI's chat or responses serves
//! it under `/embeddings`; a few others serve it in words of their own (`elsewhere.rs`). Two things make it a format of its own. Its answers are mostly numbers, up to
//! millions of them, so they are not put on the parser's tape: only the envelope is read and the vectors
//! stay where they stand. And OpenAI's SDKs ask for `base64` without being told to, which half of all
//! compatible servers ignore: a vector that came in the other form than was asked for is rewritten.

mod bedrock;
mod cohere;
mod elsewhere;
mod gemini;

use super::super::AnswerFacts;
use super::super::Dialect;
use super::super::Dropped;
use super::super::EventFacts;
use super::super::EventReader;
use super::super::EventWriter;
use super::super::ProviderDialect;
use super::super::ReadWhole;
use super::super::ReplayTemplate;
use super::super::StreamOptions;
use super::super::TargetOptions;
use super::super::Unstreamed;
use super::super::fields;
use super::super::splice;
use super::answer;
use super::fault;
use crate::chat::Answer;
use crate::chat::Ask;
use crate::chat::Request;
use crate::chat::Usage;
use crate::chat::VectorForm;
use crate::fault::Fault;
use crate::wire::edits::Edited;
use crate::wire::json::Parser;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::io::Write;

const NAME: &str = "openai_embeddings";
const NOT_UNDERSTOOD: &str = "the provider's answer is not a list of embeddings";

/// The dialect.
#[derive(Clone, Copy, Debug)]
pub struct OpenAiEmbeddings;

impl ProviderDialect for OpenAiEmbeddings {
    fn name(&self) -> &'static str {
        NAME
    }

    fn path(&self, _model: &str, _stream: bool) -> Cow<'static, str> {
        "/embeddings".into()
    }

    fn write_request(
        &self,
        _request: &Request,
        _model: &str,
        _options: TargetOptions,
        _out: &mut Vec<u8>,
    ) -> Result<Vec<Dropped>, Fault> {
        Err(super::only_openai("embeddings"))
    }

    fn read_answer(&self, _body: Value<'_, '_>) -> Result<Answer, Fault> {
        Err(fields::not_understood(NOT_UNDERSTOOD))
    }

    fn event_reader(&self) -> Box<dyn EventReader> {
        Box::new(Unstreamed)
    }

    fn read_fault(&self, status: u16, body: &[u8]) -> Fault {
        fields::read_error_body(status, body)
    }

    fn answer_facts(&self, _body: Value<'_, '_>) -> Result<AnswerFacts, Fault> {
        Err(fields::not_understood(NOT_UNDERSTOOD))
    }
}

impl Dialect for OpenAiEmbeddings {
    fn family(&self) -> &'static str {
        super::NAME
    }

    fn served_by(&self, provider: &str) -> bool {
        super::is_openai(provider)
    }

    fn through(&self, provider: &str) -> Option<&'static dyn Dialect> {
        elsewhere::of(provider)
    }

    fn read_ask<'input>(&self, body: Value<'_, 'input>) -> Result<Ask<'input>, Fault> {
        read_ask(body)
    }

    fn volatile_fields(&self) -> &'static [&'static str] {
        &[]
    }

    fn read_request(&self, _body: Value<'_, '_>) -> Result<Request, Fault> {
        Err(super::only_openai("embeddings"))
    }

    fn write_answer(&self, _answer: &Answer, _out: &mut Vec<u8>) {}

    fn event_writer(&self, _options: StreamOptions) -> Box<dyn EventWriter> {
        Box::new(Unstreamed)
    }

    fn status(&self, fault: &Fault) -> u16 {
        fault::status(fault)
    }

    fn write_fault(&self, fault: &Fault, _request_id: &str, out: &mut Vec<u8>) {
        fault::write_fault(fault, out);
    }

    fn write_stream_fault(&self, fault: &Fault, request_id: &str, out: &mut Vec<u8>) {
        super::OpenAiChat.write_stream_fault(fault, request_id, out);
    }

    fn stream_end(&self) -> &'static [u8] {
        b""
    }

    fn keep_alive(&self) -> &'static [u8] {
        b""
    }

    /// Vectors have no id.
    fn answer_id(&self, _random: u128) -> String {
        String::new()
    }

    fn splice_request<'r, 't>(
        &self,
        raw: &'r [u8],
        body: Value<'_, '_>,
        _ask: &Ask<'_>,
        model: &'t str,
        _options: TargetOptions,
    ) -> Edited<'r, 't> {
        splice::splice(raw, body, model, false)
    }

    fn whole_answer(&self, raw: &[u8], ask: &Ask<'_>) -> Option<ReadWhole> {
        Some(read_whole(raw, ask.vectors))
    }

    fn event_facts(&self, _name: Option<&str>, _data: &str, _body: Option<Value<'_, '_>>) -> Result<EventFacts, Fault> {
        Err(fields::not_understood(NOT_UNDERSTOOD))
    }

    fn replay_template(&self, raw: &[u8]) -> Option<ReplayTemplate> {
        Some(ReplayTemplate { raw: raw.to_vec(), id_at: 0..0, created_at: None })
    }
}

fn read_ask<'input>(body: Value<'_, 'input>) -> Result<Ask<'input>, Fault> {
    let object = fields::body_object(body)?;
    let mut ask = Ask { choices: 1, vectors: Some(VectorForm::Floats), ..Ask::default() };
    let (mut model, mut inputs) = (None, 0);
    for (name, value) in object.iter() {
        if value.is_null() {
            continue;
        }
        match name {
            "model" => model = Some(fields::string(value, || name.to_owned())?),
            "input" => inputs = weigh_input(value, &mut ask)?,
            "encoding_format" => {
                ask.vectors = match fields::string(value, || name.to_owned())? {
                    "float" => Some(VectorForm::Floats),
                    "base64" => Some(VectorForm::Base64),
                    // A form of one provider's own is between it and the caller.
                    _ => None,
                }
            }
            _ => fields::refuse_upstream_field(name)?,
        }
    }
    let model = model.filter(|model| !model.is_empty());
    ask.model = Cow::Borrowed(model.ok_or_else(|| Fault::bad_field("model", "`model` is required: name a model"))?);
    if inputs == 0 {
        return Err(Fault::bad_field("input", "`input` is required and must not be empty"));
    }
    ask.messages = inputs;
    Ok(ask)
}

/// How many vectors are asked for: a text or a list of tokens is one.
fn weigh_input(value: Value<'_, '_>, ask: &mut Ask<'_>) -> Result<usize, Fault> {
    if let Some(text) = value.as_str() {
        ask.text_bytes = text.len();
        return Ok(1);
    }
    if value.is_object() {
        return Ok(1); // some providers take objects with text and image
    }
    let list = value.as_array().ok_or_else(|| fields::wrong_type("input", "a string or an array"))?;
    ask.text_bytes = super::bytes_of_input(&list);
    let is_tokens = list.iter().next().is_some_and(|item| item.as_u64().is_some());
    Ok(if is_tokens { 1 } else { list.len() })
}

/// What is read of an answer; vectors stay as they were written.
#[derive(Deserialize)]
struct Envelope<'raw> {
    #[serde(borrow, default)]
    data: Option<Vec<Embedding<'raw>>>,
    #[serde(borrow, default)]
    model: Option<Cow<'raw, str>>,
    #[serde(borrow, default)]
    usage: Option<&'raw RawValue>,
    #[serde(borrow, default)]
    error: Option<&'raw RawValue>,
}

#[derive(Deserialize)]
struct Embedding<'raw> {
    #[serde(borrow)]
    embedding: &'raw RawValue,
}

fn read_whole(raw: &[u8], wanted: Option<VectorForm>) -> ReadWhole {
    let garbage = |_| fields::not_understood(NOT_UNDERSTOOD);
    let envelope: Envelope<'_> = serde_json::from_slice(raw).map_err(garbage)?;
    let Some(data) = envelope.data else {
        return Err(envelope.error.map_or_else(|| fields::not_understood(NOT_UNDERSTOOD), in_band_error));
    };
    let facts = AnswerFacts {
        model: envelope.model.map(Cow::into_owned),
        usage: envelope.usage.and_then(read_usage),
        complete: !data.is_empty(),
        content: !data.is_empty(),
        ..AnswerFacts::default()
    };
    let rewritten = wanted.map(|wanted| rewritten(raw, &data, wanted)).transpose()?.flatten();
    Ok((facts, rewritten))
}

fn in_band_error(error: &RawValue) -> Fault {
    reparsed(error, answer::in_band_error).unwrap_or_else(|| fields::not_understood(NOT_UNDERSTOOD))
}

/// Providers count nothing but the input here; some repeat it as a total of nothing else.
fn read_usage(usage: &RawValue) -> Option<Usage> {
    let read = |value: Value<'_, '_>| {
        let total = value.as_object().and_then(|object| fields::integer_of(&object, "total_tokens"));
        let mut usage = answer::read_usage(value, false);
        if usage.input_tokens == 0 {
            usage.input_tokens = total.unwrap_or_default();
        }
        usage
    };
    usage.get().starts_with('{').then(|| reparsed(usage, read)).flatten()
}

fn reparsed<T>(raw: &RawValue, read: impl FnOnce(Value<'_, '_>) -> T) -> Option<T> {
    let mut copy = raw.get().as_bytes().to_vec();
    Parser::new().parse(&mut copy).ok().map(|tape| read(tape.as_value()))
}

/// The answer with every vector in the form that was asked for; `None` if it is already.
fn rewritten(raw: &[u8], data: &[Embedding<'_>], wanted: VectorForm) -> Result<Option<Vec<u8>>, Fault> {
    let opening = match wanted {
        VectorForm::Base64 => '[',
        VectorForm::Floats => '"',
    };
    let other = |item: &&Embedding<'_>| item.embedding.get().starts_with(opening);
    if !data.iter().any(|item| other(&item)) {
        return Ok(None);
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut done = 0;
    for item in data.iter().filter(other) {
        let text = item.embedding.get();
        // The text is borrowed from `raw`, so its address tells where it stands.
        let at = text.as_ptr() as usize - raw.as_ptr() as usize;
        out.extend_from_slice(&raw[done..at]);
        match wanted {
            VectorForm::Base64 => write_base64(text, &mut out)?,
            VectorForm::Floats => write_floats(text, &mut out)?,
        }
        done = at + text.len();
    }
    out.extend_from_slice(&raw[done..]);
    Ok(Some(out))
}

/// Little-endian 32-bit floats, as OpenAI sends and its SDKs read them.
fn write_base64(floats: &str, out: &mut Vec<u8>) -> Result<(), Fault> {
    let vector: Vec<f32> = serde_json::from_str(floats).map_err(|_| fields::not_understood(NOT_UNDERSTOOD))?;
    let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
    out.push(b'"');
    out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
    out.push(b'"');
    Ok(())
}

fn write_floats(quoted: &str, out: &mut Vec<u8>) -> Result<(), Fault> {
    let broken = || fields::not_understood(NOT_UNDERSTOOD);
    let text: Cow<'_, str> = serde_json::from_str(quoted).map_err(|_| broken())?;
    let bytes = STANDARD.decode(text.as_bytes()).map_err(|_| broken())?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(broken());
    }
    out.push(b'[');
    for (place, number) in numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).enumerate() {
        if !number.is_finite() {
            return Err(broken());
        }
        if place > 0 {
            out.push(b',');
        }
        // Debug is the shortest text that reads back as the same number, and valid JSON when finite.
        write!(out, "{number:?}").expect("a Vec accepts every byte");
    }
    out.push(b']');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(fields: &str) -> Result<Ask<'static>, Fault> {
        let mut copy = format!(r#"{{"model":"m"{fields}}}"#).into_bytes();
        let mut parser = Parser::new();
        let tape = parser.parse(&mut copy).expect("valid JSON");
        read_ask(tape.as_value()).map(|ask| ask.detached())
    }

    #[test]
    fn inputs_and_their_form_are_read() {
        for (fields, inputs, vectors) in [
            (r#","input":"abc""#, 1, Some(VectorForm::Floats)),
            (r#","input":"abc","encoding_format":"float""#, 1, Some(VectorForm::Floats)),
            (r#","input":["a","b"],"encoding_format":"base64""#, 2, Some(VectorForm::Base64)),
            (r#","input":[1,2,3],"encoding_format":null"#, 1, Some(VectorForm::Floats)),
            (r#","input":[[1],[2,3],[4]],"encoding_format":"int8""#, 3, None),
        ] {
            let ask = asked(fields).expect(fields);
            assert_eq!((ask.messages, ask.vectors), (inputs, vectors), "{fields}");
            assert!(!ask.stream);
        }
        for (fields, param) in [
            ("", "input"),
            (r#","input":[]"#, "input"),
            (r#","input":7"#, "input"),
            (r#","input":"x","encoding_format":7"#, "encoding_format"),
            (r#","input":"x","base_url":"http://x""#, "base_url"),
        ] {
            assert_eq!(asked(fields).expect_err(fields).param.as_deref(), Some(param), "{fields}");
        }
    }

    /// 0.5, -2 and 0.1 as floats and as OpenAI's base64.
    const FLOATS: &str = "[0.5,-2.0,0.1]";
    const BASE64: &str = "\"AAAAPwAAAMDNzMw9\"";

    fn list(vectors: &[&str]) -> String {
        let items: Vec<String> = vectors
            .iter()
            .enumerate()
            .map(|(index, vector)| format!(r#"{{ "object":"embedding", "embedding" : {vector} ,"index":{index}}}"#))
            .collect();
        format!(
            r#"{{"object":"list","data":[{}],"model":"m-1","usage":{{"prompt_tokens":8,"total_tokens":8}},"odd":[1]}}"#,
            items.join(",")
        )
    }

    fn read(raw: &str, wanted: VectorForm) -> (AnswerFacts, Option<String>) {
        let (facts, rewritten) = read_whole(raw.as_bytes(), Some(wanted)).expect("an answer");
        (facts, rewritten.map(|bytes| String::from_utf8(bytes).expect("text")))
    }

    #[test]
    fn only_vectors_of_the_other_form_are_rewritten() {
        for wanted in [VectorForm::Floats, VectorForm::Base64] {
            let right = if wanted == VectorForm::Floats { FLOATS } else { BASE64 };
            let (facts, unchanged) = read(&list(&[right, right]), wanted);
            assert_eq!(unchanged, None);
            assert!(facts.complete && facts.content);
            assert_eq!(facts.model.as_deref(), Some("m-1"));
            assert_eq!(facts.usage.map(|usage| (usage.input_tokens, usage.output_tokens)), Some((8, 0)));
            for mixed in [[FLOATS, BASE64], [BASE64, FLOATS], [BASE64, BASE64], [FLOATS, FLOATS]] {
                let told = read(&list(&mixed), wanted).1.unwrap_or_else(|| list(&mixed));
                assert_eq!(told, list(&[right, right]), "{mixed:?}");
            }
        }
        assert_eq!(read_whole(list(&[FLOATS]).as_bytes(), None).expect("an answer").1, None);
    }

    #[test]
    fn extreme_numbers_survive_both_ways() {
        let vector = [f32::MIN_POSITIVE, f32::MAX, -0.0, 1e-30, 16_777_217.0, -1.175e-38];
        let text: Vec<String> = vector.iter().map(|number| format!("{number:?}")).collect();
        let floats = format!("[{}]", text.join(","));
        let coded = read(&list(&[&floats]), VectorForm::Base64).1.expect("rewritten");
        assert_eq!(read(&coded, VectorForm::Floats).1.expect("rewritten"), list(&[&floats]));
    }

    #[test]
    fn what_is_no_list_of_vectors_is_an_error() {
        let nan = format!("\"{}\"", STANDARD.encode(f32::NAN.to_le_bytes()));
        for garbage in [
            "",
            "<html>",
            "[]",
            "{}",
            r#"{"data":{}}"#,
            r#"{"data":[{"index":0}]}"#,
            &list(&["\"AAA=\""]),
            &list(&[&nan]),
        ] {
            assert!(read_whole(garbage.as_bytes(), Some(VectorForm::Floats)).is_err(), "{garbage}");
        }
        assert!(read_whole(list(&["[\"x\"]"]).as_bytes(), Some(VectorForm::Base64)).is_err());
        let error = read_whole(br#"{"error":{"message":"busy","code":503}}"#, None).expect_err("an error");
        assert_eq!((error.kind, &*error.message), (crate::fault::Kind::Provider(503), "busy"));
    }

    #[test]
    fn an_answer_of_millions_of_numbers_is_no_trouble() {
        let floats = format!("[{}0.25]", "0.25,".repeat(1 << 21));
        let (facts, coded) = read(&list(&[&floats]), VectorForm::Base64);
        assert!(facts.complete);
        assert!(coded.is_some_and(|coded| coded.len() > (1 << 21) * 5));
    }
}
