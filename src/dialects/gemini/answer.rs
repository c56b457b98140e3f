//! Whole answers. A chunk of a stream is a whole answer with less in it, so that reading one is reading a
//! stream of one chunk.

use super::super::AnswerFacts;
use super::super::fields;
use super::super::fields::ObjectWriter;
use super::super::tier;
use super::NAME;
use super::fault;
use super::grounding;
use super::logprobs;
use super::spelling;
use super::stream::Chunks;
use super::write::Audience;
use super::write::Parts;
use crate::chat::Answer;
use crate::chat::Assembler;
use crate::chat::Choice;
use crate::chat::Event;
use crate::chat::Extra;
use crate::chat::Finish;
use crate::chat::Part;
use crate::chat::RawJson;
use crate::chat::ServiceTier;
use crate::chat::Usage;
use crate::fault::Fault;
use crate::wire::json::JsonObject;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;

const NOT_UNDERSTOOD: &str = "the provider's answer is not a generated content";

/// Reasons that are a filter of the provider's.
const FILTERED: &[&str] = &[
    "SAFETY",
    "RECITATION",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MODEL_ARMOR",
    "JAILBREAK",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
];

pub(super) fn read_answer(body: Value<'_, '_>) -> Result<Answer, Fault> {
    let object = envelope(body, NOT_UNDERSTOOD)?;
    let mut events = Vec::new();
    Chunks::whole().read(&object, &mut events).map_err(|_| fields::not_understood(NOT_UNDERSTOOD))?;
    let mut assembler = Assembler::default();
    for event in events {
        match event {
            Event::Error(fault) => return Err(fault),
            event => assembler.push(event),
        }
    }
    Ok(assembler.so_far())
}

/// An answer, or a chunk of one: it has candidates, or says why it has none, or what it cost.
pub(super) fn envelope<'tape, 'input>(
    body: Value<'tape, 'input>,
    what: &'static str,
) -> Result<JsonObject<'tape, 'input>, Fault> {
    let object = body.as_object().ok_or_else(|| fields::not_understood(what))?;
    if let Some(error) = spelling::get(&object, "error") {
        return Err(fault::read_error_value(error));
    }
    let listed = spelling::get(&object, "candidates").is_some_and(|candidates| candidates.is_array());
    let said = ["promptFeedback", "usageMetadata"].iter().any(|name| spelling::object(&object, name).is_some());
    if listed || said { Ok(object) } else { Err(fields::not_understood(what)) }
}

/// Was the prompt refused before anything was generated?
pub(super) fn is_blocked(object: &JsonObject<'_, '_>) -> bool {
    let feedback = spelling::object(object, "promptFeedback");
    feedback.is_some_and(|feedback| spelling::text(&feedback, "blockReason").is_some())
}

/// Why an answer ended; `None` while it goes on.
pub(super) fn finish_of(word: &str) -> Option<Finish> {
    Some(match word {
        "" | "FINISH_REASON_UNSPECIFIED" => return None,
        "STOP" => Finish::Stop,
        "MAX_TOKENS" => Finish::Length,
        word if FILTERED.contains(&word) => Finish::ContentFilter,
        other => Finish::Other(other.to_owned()),
    })
}

pub(super) fn finish_word(finish: &Finish) -> &str {
    match finish {
        Finish::Stop | Finish::StopSequence(_) | Finish::ToolCalls => "STOP",
        Finish::Length | Finish::Pause => "MAX_TOKENS",
        Finish::ContentFilter | Finish::Refusal => "SAFETY",
        // What is no word of this API's is none of its SDKs' either.
        Finish::Other(word) if word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') => word,
        Finish::Other(_) => "OTHER",
    }
}

/// Tokens; `keep` stores the object for a replay in this dialect. Here the answer's number leaves out
/// thoughts, and the prompt's what tools put into it.
pub(super) fn read_usage(object: &JsonObject<'_, '_>, original: Option<String>) -> Usage {
    let read = |name: &str| spelling::integer(object, name);
    let sum = |a: &str, b: &str| read(a).unwrap_or_default().saturating_add(read(b).unwrap_or_default());
    Usage {
        input_tokens: sum("promptTokenCount", "toolUsePromptTokenCount"),
        output_tokens: sum("candidatesTokenCount", "thoughtsTokenCount"),
        cache_read_tokens: read("cachedContentTokenCount"),
        cache_write_tokens: None,
        reasoning_tokens: read("thoughtsTokenCount"),
        cost_usd: None,
        estimated: false,
        original: original.map(|json| Extra { dialect: NAME, name: "usageMetadata".to_owned(), value: RawJson(json) }),
    }
}

/// The tier that `usageMetadata` tells: Vertex AI calls it a type of traffic.
pub(super) fn read_tier(usage: &JsonObject<'_, '_>) -> Option<ServiceTier> {
    let word = spelling::text(usage, "serviceTier").or_else(|| spelling::text(usage, "trafficType"));
    tier::read(word?)
}

fn tier_word(tier: ServiceTier) -> Option<&'static str> {
    match tier {
        ServiceTier::Default => Some("standard"),
        ServiceTier::Priority => Some("priority"),
        ServiceTier::Flex => Some("flex"),
        ServiceTier::Scale => None,
    }
}

/// Here the tokens tell the tier as well.
pub(super) fn write_usage(usage: &Usage, tier: Option<ServiceTier>, out: &mut Vec<u8>) {
    if let Some(original) = usage.original.as_ref().filter(|original| original.dialect == NAME) {
        return out.extend_from_slice(original.value.0.as_bytes());
    }
    let thoughts = usage.reasoning_tokens.unwrap_or_default();
    let mut writer = ObjectWriter::open(out, &[], NAME);
    writer.integer("promptTokenCount", usage.input_tokens);
    writer.integer("candidatesTokenCount", usage.output_tokens.saturating_sub(thoughts));
    for (name, tokens) in
        [("thoughtsTokenCount", usage.reasoning_tokens), ("cachedContentTokenCount", usage.cache_read_tokens)]
    {
        if let Some(tokens) = tokens {
            writer.integer(name, tokens);
        }
    }
    writer.integer("totalTokenCount", usage.input_tokens.saturating_add(usage.output_tokens));
    writer.optional_string("serviceTier", tier.and_then(tier_word));
    writer.close();
}

pub(super) fn write_answer(answer: &Answer, out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out, &answer.extra, NAME);
    if let Some(out) = writer.field("candidates") {
        fields::write_list(&answer.choices, out, write_choice);
    }
    if let Some(usage) = &answer.usage
        && let Some(out) = writer.field("usageMetadata")
    {
        write_usage(usage, answer.service_tier, out);
    }
    writer.optional_string("modelVersion", Some(answer.model.as_str()).filter(|model| !model.is_empty()));
    writer.optional_string("responseId", Some(answer.id.as_str()).filter(|id| !id.is_empty()));
    writer.close();
}

fn write_choice(choice: &Choice, out: &mut Vec<u8>) {
    let mut said = Vec::new();
    let mut parts = Parts::new(&mut said, Audience::Caller);
    for part in &choice.parts {
        parts.add(part, "", &|_| None).expect("nothing is refused to a caller");
    }
    parts.finish();
    let mut writer = ObjectWriter::open(out, &choice.extra, NAME);
    if let Some(out) = writer.field("content") {
        write_content(&said, &choice.extra, out);
    }
    if let Some(finish) = &choice.finish {
        writer.string("finishReason", finish_word(finish));
    }
    writer.integer("index", choice.index);
    if let Some(json) = choice.logprobs.as_ref().filter(|_| !writer.is_kept("logprobsResult"))
        && let Some(result) = logprobs::to_gemini(std::slice::from_ref(json))
    {
        writer.text("logprobsResult", &result);
    }
    grounding::write(&choice.citations, || text_of(&choice.parts), &mut writer);
    writer.close();
}

fn text_of(parts: &[Part]) -> String {
    parts
        .iter()
        .filter_map(|part| if let Part::Text { text, .. } = part { Some(text.as_str()) } else { None })
        .collect()
}

/// Writes the content of a candidate; `parts` are its items.
pub(super) fn write_content(parts: &[u8], extra: &[Extra], out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open_scope(out, extra, NAME, "content/");
    if !parts.is_empty()
        && let Some(out) = writer.field("parts")
    {
        out.push(b'[');
        out.extend_from_slice(parts);
        out.push(b']');
    }
    writer.string("role", "model");
    writer.close();
}

pub(super) fn facts(body: Value<'_, '_>) -> Result<AnswerFacts, Fault> {
    let object = envelope(body, NOT_UNDERSTOOD)?;
    let mut facts = AnswerFacts {
        model: spelling::text(&object, "modelVersion").map(str::to_owned),
        usage: spelling::object(&object, "usageMetadata").map(|usage| read_usage(&usage, None)),
        refused: is_blocked(&object),
        ..AnswerFacts::default()
    };
    let candidates = spelling::get(&object, "candidates").and_then(|candidates| candidates.as_array());
    facts.complete = candidates.is_some_and(|candidates| !candidates.is_empty());
    for candidate in candidates.iter().flat_map(|candidates| candidates.iter()) {
        let candidate = candidate.as_object().ok_or_else(|| fields::not_understood(NOT_UNDERSTOOD))?;
        let finish = spelling::text(&candidate, "finishReason").and_then(finish_of);
        let said = Said::of(&candidate);
        facts.complete &= finish == Some(Finish::Stop);
        facts.refused |= finish == Some(Finish::ContentFilter);
        facts.content |= said.content;
        facts.tool_calls |= said.tool_call;
    }
    Ok(facts)
}

/// What a candidate carries.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Said {
    pub(super) content: bool,
    pub(super) tool_call: bool,
}

impl Said {
    pub(super) fn of(candidate: &JsonObject<'_, '_>) -> Said {
        let mut said = Said::default();
        let content = spelling::object(candidate, "content");
        let parts = content.and_then(|content| spelling::get(&content, "parts"));
        let parts = parts.and_then(|parts| spelling::items(parts, String::new).ok()).unwrap_or_default();
        for part in parts.into_iter().filter_map(|part| part.as_object()) {
            said.tool_call |= spelling::get(&part, "functionCall").is_some();
            said.content |= match spelling::get(&part, "text") {
                Some(text) => text.as_str().is_some_and(|text| !text.is_empty()),
                None => !part.is_empty(),
            };
        }
        said
    }
}
