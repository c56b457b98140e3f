//! `generationConfig`: sampling, bounds, the form of the answer and thinking.
//!
//! A field that has a typed home and is spelled in a way of its own is kept as `generationConfig/…`, one
//! that nobody else knows as `generationConfig.…`, under which name callers are told that it was left out.

use super::super::Dropped;
use super::super::TargetOptions;
use super::super::fields;
use super::super::fields::Keeper;
use super::super::fields::ObjectWriter;
use super::NAME;
use super::request::drop_field;
use super::request::inner_fields;
use super::schema;
use super::spelling;
use super::thinking;
use super::thinking::Thinking;
use crate::chat::Extra;
use crate::chat::RawJson;
use crate::chat::Reasoning;
use crate::chat::Request;
use crate::chat::ResponseFormat;
use crate::fault::Fault;
use crate::wire::json;
use crate::wire::json::JsonObject;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;

const JSON: &str = "application/json";
const PLAIN: &str = "text/plain";

pub(super) fn read(value: Value<'_, '_>, request: &mut Request, keeper: &mut Keeper) -> Result<(), Fault> {
    let config = fields::object(value, || "generationConfig".to_owned())?;
    if config.is_empty() {
        keeper.keep("generationConfig", value);
    }
    for (written, value) in config.iter().filter(|(_, value)| !value.is_null()) {
        let name = spelling::camel(written);
        if !read_field(&name, value, request)? {
            read_spelled(&name, value, request, keeper)?;
        }
        if name == "stopSequences" && request.stop.iter().any(String::is_empty) {
            keeper.keep("generationConfig/stopSequences", value);
        }
    }
    request.response_format = read_format(&config);
    Ok(())
}

/// Reads a field whose spelling says nothing more than its value; false if it is none.
fn read_field(name: &str, value: Value<'_, '_>, request: &mut Request) -> Result<bool, Fault> {
    let param = format!("generationConfig.{name}");
    match name {
        "temperature" => request.temperature = Some(fields::number(value, &param)?),
        "topP" => request.top_p = Some(fields::number(value, &param)?),
        "topK" => request.top_k = Some(spelling::count(value, &param)?),
        "maxOutputTokens" => request.max_tokens = Some(spelling::count(value, &param)?),
        "candidateCount" => request.n = Some(spelling::count(value, &param)?),
        "presencePenalty" => request.presence_penalty = Some(fields::number(value, &param)?),
        "frequencyPenalty" => request.frequency_penalty = Some(fields::number(value, &param)?),
        "seed" => {
            request.seed = Some(value.as_i64().ok_or_else(|| fields::wrong_type(param, "an integer"))?);
        }
        "responseLogprobs" => request.logprobs = Some(fields::boolean(value, &param)?),
        "logprobs" => request.top_logprobs = Some(spelling::count(value, &param)?),
        "stopSequences" => {
            for (place, stop) in fields::array(value, || param.clone())?.iter().enumerate() {
                request.stop.push(fields::string(stop, || format!("{param}[{place}]"))?.to_owned());
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn read_spelled(name: &str, value: Value<'_, '_>, request: &mut Request, keeper: &mut Keeper) -> Result<(), Fault> {
    let known_format = matches!(value.as_str(), Some(JSON | PLAIN | ""));
    let typed = match name {
        "thinkingConfig" => {
            let config = fields::object(value, || "generationConfig.thinkingConfig".to_owned())?;
            request.reasoning = Some(read_thinking(&config));
            true
        }
        "responseMimeType" => known_format,
        "responseSchema" | "responseJsonSchema" => true,
        "responseModalities" => is_text_alone(value),
        _ => false,
    };
    let name = if typed { format!("generationConfig/{name}") } else { format!("generationConfig.{name}") };
    keeper.keep(name, value);
    Ok(())
}

fn is_text_alone(modalities: Value<'_, '_>) -> bool {
    let is_text = |one: Value<'_, '_>| one.as_str().is_some_and(|one| one.eq_ignore_ascii_case("text"));
    modalities.as_array().is_some_and(|list| list.iter().all(is_text))
}

fn read_format(config: &JsonObject<'_, '_>) -> Option<ResponseFormat> {
    let new = spelling::get(config, "responseJsonSchema").map(|schema| RawJson(json::raw(schema)));
    let old = || spelling::get(config, "responseSchema").map(|schema| RawJson(schema::json_schema(schema)));
    match (spelling::text(config, "responseMimeType"), new.or_else(old)) {
        (Some(JSON), None) => Some(ResponseFormat::JsonObject),
        (Some(JSON), Some(schema)) => {
            let (name, schema) = (String::new(), Some(schema));
            Some(ResponseFormat::JsonSchema { name, description: None, schema, strict: None })
        }
        (Some(PLAIN), _) => Some(ResponseFormat::Text),
        _ => None,
    }
}

fn read_thinking(config: &JsonObject<'_, '_>) -> Reasoning {
    let budget = spelling::get(config, "thinkingBudget").and_then(|budget| budget.as_i64());
    let level = spelling::text(config, "thinkingLevel").map(str::to_ascii_lowercase);
    let level = level.filter(|level| level != "thinking_level_unspecified");
    let shown = spelling::is_on(config, "includeThoughts");
    Reasoning {
        budget_tokens: budget.and_then(|tokens| u64::try_from(tokens).ok()).filter(|tokens| *tokens > 0),
        enabled: match budget {
            Some(0) => Some(false),
            // Below nothing means as much as the model likes.
            Some(_) => Some(true),
            None => (shown && level.is_none()).then_some(true),
        },
        effort: level,
    }
}

/// Writes `generationConfig`, if it says anything.
pub(super) fn write(
    request: &Request,
    model: &str,
    options: TargetOptions,
    writer: &mut ObjectWriter<'_>,
    dropped: &mut Vec<Dropped>,
) -> Result<(), Fault> {
    let own = inner_fields(&request.extra, "generationConfig");
    let mut written = Vec::new();
    write_fields(request, model, options, &own, &mut written, dropped)?;
    if written != b"{}"
        && let Some(out) = writer.field("generationConfig")
    {
        out.extend_from_slice(&written);
    }
    Ok(())
}

fn write_fields(
    request: &Request,
    model: &str,
    options: TargetOptions,
    own: &[Extra],
    out: &mut Vec<u8>,
    dropped: &mut Vec<Dropped>,
) -> Result<(), Fault> {
    let mut config = ObjectWriter::open(out, own, NAME);
    config.optional_number("temperature", request.temperature);
    config.optional_number("topP", request.top_p);
    config.optional_number("presencePenalty", request.presence_penalty);
    config.optional_number("frequencyPenalty", request.frequency_penalty);
    for (name, value) in [
        ("topK", request.top_k),
        ("maxOutputTokens", request.max_tokens.or(options.default_max_tokens)),
        ("candidateCount", request.n),
        ("logprobs", request.top_logprobs),
    ] {
        if let Some(value) = value {
            config.integer(name, value);
        }
    }
    if let Some(logprobs) = request.logprobs {
        config.boolean("responseLogprobs", logprobs);
    }
    match request.seed.map(i32::try_from) {
        Some(Ok(seed)) => config.text("seed", &seed.to_string()),
        // There is no larger one here.
        Some(Err(_)) => drop_field("seed", dropped),
        None => {}
    }
    // An empty sequence is refused.
    let stop: Vec<&String> = request.stop.iter().filter(|stop| !stop.is_empty()).collect();
    if stop.len() < request.stop.len() && !config.is_kept("stopSequences") {
        drop_field("stop", dropped);
    }
    if !stop.is_empty()
        && let Some(out) = config.field("stopSequences")
    {
        fields::write_list(stop, out, |stop, out| json::write_string(stop, out));
    }
    write_format(request.response_format.as_ref(), &mut config)?;
    if !config.is_kept("thinkingConfig") {
        match thinking::plan(request, model) {
            Thinking::Config(thinking) => config.text("thinkingConfig", &thinking),
            Thinking::Dropped => drop_field("reasoning_effort", dropped),
            Thinking::Unsaid => {}
        }
    }
    config.close();
    Ok(())
}

fn write_format(format: Option<&ResponseFormat>, config: &mut ObjectWriter<'_>) -> Result<(), Fault> {
    if ["responseMimeType", "responseSchema", "responseJsonSchema"].iter().any(|name| config.is_kept(name)) {
        return Ok(());
    }
    match format {
        None | Some(ResponseFormat::Text) => {}
        Some(ResponseFormat::JsonObject) => config.string("responseMimeType", JSON),
        Some(ResponseFormat::JsonSchema { schema, .. }) => {
            let missing = || fields::wrong_type("response_format.json_schema.schema", "an object");
            config.string("responseMimeType", JSON);
            config.text("responseJsonSchema", &schema.as_ref().ok_or_else(missing)?.0);
        }
    }
    Ok(())
}
