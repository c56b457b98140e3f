//! Embeddings from providers with words of their own for them.
//!
//! Seen from the gateway each is OpenAI's format: requests and answers of it go in and come out. What
//! differs is a path, a request and an answer, and that is all a provider's file here holds.

use super::super::super::AnswerFacts;
use super::super::super::Dialect;
use super::super::super::Dropped;
use super::super::super::EventFacts;
use super::super::super::EventReader;
use super::super::super::EventWriter;
use super::super::super::HeadField;
use super::super::super::ProviderDialect;
use super::super::super::ReadWhole;
use super::super::super::ReplayTemplate;
use super::super::super::StreamOptions;
use super::super::super::TargetOptions;
use super::super::super::fields;
use super::super::super::of_provider;
use super::OpenAiEmbeddings;
use super::bedrock;
use super::cohere;
use super::gemini;
use super::write_base64;
use crate::chat::Answer;
use crate::chat::Ask;
use crate::chat::Request;
use crate::chat::Usage;
use crate::chat::VectorForm;
use crate::fault::Fault;
use crate::wire::edits::Edited;
use crate::wire::json;
use crate::wire::json::JsonObject;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use crate::wire::json::ValueIntoString;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// One provider's words.
pub(super) struct Elsewhere {
    /// The dialect of its providers.
    pub(super) provider: &'static str,
    /// Fields of a request that it is told, beside the model, the input and how vectors are written.
    pub(super) fields: &'static [&'static str],
    /// What else it cannot do: for this model, with these texts.
    pub(super) refuse: fn(&str, &[&str]) -> Result<(), Fault>,
    pub(super) path: fn(&str) -> String,
    pub(super) write_request: fn(&JsonObject<'_, '_>, &[&str], &str, &mut Vec<u8>),
    pub(super) read_answer: fn(&[u8]) -> Result<Vectors<'_>, Fault>,
}

/// What a provider answered.
pub(super) struct Vectors<'raw> {
    /// Lists of numbers, as they were written.
    pub(super) vectors: Vec<&'raw RawValue>,
    /// Tokens of the input, where they are told.
    pub(super) tokens: Option<u64>,
}

const ALL: &[&Elsewhere] = &[&gemini::GEMINI, &cohere::COHERE, &bedrock::BEDROCK];

/// How providers of the dialect called `provider` are asked, if not in OpenAI's words.
pub(super) fn of(provider: &str) -> Option<&'static dyn Dialect> {
    let found = ALL.iter().copied().find(|elsewhere| elsewhere.provider == provider)?;
    Some(found)
}

/// The texts of a request. Tokens mean something to the model they were made for only.
fn texts<'input>(object: &JsonObject<'_, 'input>) -> Result<Vec<&'input str>, Fault> {
    let wrong =
        || Fault::bad_field("input", "this model's provider takes texts only: `input` must be one or a list of them");
    let input = object.get("input").ok_or_else(wrong)?;
    if let Some(text) = input.into_string() {
        return Ok(vec![text]);
    }
    let list = input.as_array().ok_or_else(wrong)?;
    list.iter().map(|text| text.into_string().ok_or_else(wrong)).collect()
}

impl ProviderDialect for Elsewhere {
    fn name(&self) -> &'static str {
        OpenAiEmbeddings.name()
    }

    fn path(&self, model: &str, _stream: bool) -> Cow<'static, str> {
        (self.path)(model).into()
    }

    fn write_request(
        &self,
        request: &Request,
        model: &str,
        options: TargetOptions,
        out: &mut Vec<u8>,
    ) -> Result<Vec<Dropped>, Fault> {
        OpenAiEmbeddings.write_request(request, model, options, out)
    }

    fn read_answer(&self, body: Value<'_, '_>) -> Result<Answer, Fault> {
        OpenAiEmbeddings.read_answer(body)
    }

    fn event_reader(&self) -> Box<dyn EventReader> {
        OpenAiEmbeddings.event_reader()
    }

    fn read_fault(&self, status: u16, body: &[u8]) -> Fault {
        self.read_refusal(status, &|_| None, body)
    }

    /// As its providers' answers to everything else are read.
    fn read_refusal(&self, status: u16, field: &HeadField<'_>, body: &[u8]) -> Fault {
        of_provider(self.provider)
            .map_or_else(|| fields::read_error_body(status, body), |dialect| dialect.read_refusal(status, field, body))
    }

    fn answer_facts(&self, body: Value<'_, '_>) -> Result<AnswerFacts, Fault> {
        OpenAiEmbeddings.answer_facts(body)
    }
}

impl Dialect for Elsewhere {
    fn family(&self) -> &'static str {
        OpenAiEmbeddings.family()
    }

    fn served_by(&self, provider: &str) -> bool {
        provider == self.provider
    }

    fn left_unsaid(&self, body: Value<'_, '_>, model: &str) -> Result<Vec<Dropped>, Fault> {
        let object = fields::body_object(body)?;
        (self.refuse)(model, &texts(&object)?)?;
        let said = |name: &str| matches!(name, "model" | "input" | "encoding_format") || self.fields.contains(&name);
        let unsaid = object.iter().filter(|(name, value)| !said(name) && !value.is_null());
        Ok(unsaid.map(|(name, _)| Dropped { field: name.to_owned() }).collect())
    }

    fn read_ask<'input>(&self, body: Value<'_, 'input>) -> Result<Ask<'input>, Fault> {
        OpenAiEmbeddings.read_ask(body)
    }

    fn volatile_fields(&self) -> &'static [&'static str] {
        OpenAiEmbeddings.volatile_fields()
    }

    fn read_request(&self, body: Value<'_, '_>) -> Result<Request, Fault> {
        OpenAiEmbeddings.read_request(body)
    }

    fn write_answer(&self, answer: &Answer, out: &mut Vec<u8>) {
        OpenAiEmbeddings.write_answer(answer, out);
    }

    fn event_writer(&self, options: StreamOptions) -> Box<dyn EventWriter> {
        OpenAiEmbeddings.event_writer(options)
    }

    fn status(&self, fault: &Fault) -> u16 {
        OpenAiEmbeddings.status(fault)
    }

    fn write_fault(&self, fault: &Fault, request_id: &str, out: &mut Vec<u8>) {
        OpenAiEmbeddings.write_fault(fault, request_id, out);
    }

    fn write_stream_fault(&self, fault: &Fault, request_id: &str, out: &mut Vec<u8>) {
        OpenAiEmbeddings.write_stream_fault(fault, request_id, out);
    }

    fn stream_end(&self) -> &'static [u8] {
        OpenAiEmbeddings.stream_end()
    }

    fn keep_alive(&self) -> &'static [u8] {
        OpenAiEmbeddings.keep_alive()
    }

    fn answer_id(&self, random: u128) -> String {
        OpenAiEmbeddings.answer_id(random)
    }

    fn splice_request<'r, 't>(
        &self,
        _raw: &'r [u8],
        body: Value<'_, '_>,
        _ask: &Ask<'_>,
        model: &'t str,
        _options: TargetOptions,
    ) -> Edited<'r, 't> {
        let mut out = Vec::new();
        if let Some(object) = body.as_object() {
            (self.write_request)(&object, &texts(&object).unwrap_or_default(), model, &mut out);
        }
        out.into()
    }

    fn whole_answer(&self, raw: &[u8], ask: &Ask<'_>) -> Option<ReadWhole> {
        Some((self.read_answer)(raw).and_then(|answer| told(&answer, ask)))
    }

    fn event_facts(&self, name: Option<&str>, data: &str, body: Option<Value<'_, '_>>) -> Result<EventFacts, Fault> {
        OpenAiEmbeddings.event_facts(name, data, body)
    }

    fn replay_template(&self, raw: &[u8]) -> Option<ReplayTemplate> {
        OpenAiEmbeddings.replay_template(raw)
    }
}

/// The answer as OpenAI would have given it.
fn told(answer: &Vectors<'_>, ask: &Ask<'_>) -> ReadWhole {
    if answer.vectors.len() != ask.messages {
        return Err(fields::not_understood("the provider did not answer with one embedding for each input"));
    }
    let usage = usage_of(answer.tokens, ask);
    let mut out = Vec::with_capacity(256 + answer.vectors.iter().map(|vector| vector.get().len() + 64).sum::<usize>());
    out.extend_from_slice(b"{\"object\":\"list\",\"data\":[");
    for (index, vector) in answer.vectors.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"object\":\"embedding\",\"index\":");
        fields::write_integer(index as u64, &mut out);
        out.extend_from_slice(b",\"embedding\":");
        match ask.vectors {
            Some(VectorForm::Base64) => write_base64(vector.get(), &mut out)?,
            Some(VectorForm::Floats) | None => out.extend_from_slice(vector.get().as_bytes()),
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"],\"model\":");
    json::write_string(&ask.model, &mut out);
    out.extend_from_slice(b",\"usage\":{\"prompt_tokens\":");
    fields::write_integer(usage.input_tokens, &mut out);
    out.extend_from_slice(b",\"total_tokens\":");
    fields::write_integer(usage.input_tokens, &mut out);
    out.extend_from_slice(b"}}");
    let facts = AnswerFacts { usage: Some(usage), complete: true, content: true, ..AnswerFacts::default() };
    Ok((facts, Some(out)))
}

/// The provider's number; without it an estimate, marked as one.
fn usage_of(tokens: Option<u64>, ask: &Ask<'_>) -> Usage {
    const BYTES_PER_TOKEN: u64 = 4;
    Usage {
        input_tokens: tokens.unwrap_or((ask.text_bytes as u64).div_ceil(BYTES_PER_TOKEN)),
        estimated: tokens.is_none(),
        ..Usage::default()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::wire::json::Parser;

    fn parsed<T>(text: &str, read: impl FnOnce(Value<'_, '_>) -> T) -> T {
        let mut copy = text.as_bytes().to_vec();
        read(Parser::new().parse(&mut copy).expect("valid JSON").as_value())
    }

    /// What `provider` is asked for `model-1`, and what had to be left out.
    pub(in super::super) fn asked(provider: &str, body: &str) -> Result<(serde_json::Value, Vec<String>), Fault> {
        asked_of(provider, "model-1", body)
    }

    /// The same for `model`.
    pub(in super::super) fn asked_of(
        provider: &str,
        model: &str,
        body: &str,
    ) -> Result<(serde_json::Value, Vec<String>), Fault> {
        let dialect = of(provider).expect("a known provider");
        parsed(body, |value| {
            let unsaid = dialect.left_unsaid(value, model)?;
            let (ask, mut out) = (dialect.read_ask(value)?, Vec::new());
            dialect.splice_request(body.as_bytes(), value, &ask, model, TargetOptions::default()).write(&mut out);
            let names = unsaid.into_iter().map(|dropped| dropped.field).collect();
            Ok((serde_json::from_slice(&out).expect("what we write is JSON"), names))
        })
    }

    /// What a caller who sent `body` is told of `answer`.
    pub(in super::super) fn answered(
        provider: &str,
        body: &str,
        answer: &str,
    ) -> Result<(Usage, serde_json::Value), Fault> {
        let dialect = of(provider).expect("a known provider");
        parsed(body, |value| {
            let ask = dialect.read_ask(value)?;
            let (facts, told) = dialect.whole_answer(answer.as_bytes(), &ask).expect("its own reading")?;
            let told = serde_json::from_slice(&told.expect("always written anew")).expect("what we write is JSON");
            Ok((facts.usage.expect("counted or estimated"), told))
        })
    }

    #[test]
    fn only_those_with_words_of_their_own_are_asked_in_them() {
        for provider in ["gemini", "cohere_chat", "bedrock_converse"] {
            let found = OpenAiEmbeddings.through(provider).expect("known");
            assert_eq!((found.name(), found.family()), (OpenAiEmbeddings.name(), OpenAiEmbeddings.family()));
            assert!(found.served_by(provider) && !OpenAiEmbeddings.served_by(provider));
        }
        for provider in ["openai_chat", "openai_responses", "anthropic_messages"] {
            assert!(OpenAiEmbeddings.through(provider).is_none(), "{provider}");
        }
    }

    #[test]
    fn tokens_are_refused_and_strange_fields_named() {
        for provider in ["gemini", "cohere_chat"] {
            for input in ["[1,2]", "[[1],[2]]", "{\"text\":\"x\"}"] {
                let fault = asked(provider, &format!(r#"{{"model":"m","input":{input}}}"#)).expect_err(input);
                assert_eq!(fault.param.as_deref(), Some("input"));
            }
            let body = r#"{"model":"m","input":"x","user":"u","odd":null,"encoding_format":"base64"}"#;
            assert_eq!(asked(provider, body).expect("texts").1, ["user"]);
        }
    }
}
