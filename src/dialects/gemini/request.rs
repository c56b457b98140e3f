//! The whole request, from and to the neutral one. Model and streaming stand in the path: whoever reads a
//! request adds them, whoever writes one finds them in [`super::path`].

use super::super::Dropped;
use super::super::TargetOptions;
use super::super::fields;
use super::super::fields::Keeper;
use super::super::fields::ObjectWriter;
use super::NAME;
use super::config;
use super::contents;
use super::spelling;
use super::thinking;
use super::tools;
use super::write::Audience;
use crate::chat::Extra;
use crate::chat::Request;
use crate::fault::Fault;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;

/// Objects whose fields are kept beside those of the request.
const INNER: &[&str] = &["generationConfig", "toolConfig"];

/// Fields of other dialects without which the answer would be another one.
const REFUSED_FIELDS: &[&str] =
    &["web_search_options", "audio", "functions", "function_call", "mcp_servers", "container"];

pub(super) fn read_request(body: Value<'_, '_>) -> Result<Request, Fault> {
    let object = fields::body_object(body)?;
    // Streams of this dialect always tell the tokens.
    let mut request = Request { include_usage: true, ..Request::default() };
    let mut keeper = Keeper::new(NAME);
    let mut tool_config = None;
    for (written, value) in object.iter().filter(|(_, value)| !value.is_null()) {
        match &*spelling::camel(written) {
            "contents" => request.messages.extend(contents::read_contents(value)?),
            "systemInstruction" => {
                let system = contents::read_system(value)?;
                if system.parts.is_empty() {
                    keeper.keep("systemInstruction", value);
                }
                request.messages.insert(0, system);
            }
            "tools" => {
                request.tools = tools::read_tools(value)?;
                if request.tools.is_empty() {
                    keeper.keep("tools", value);
                }
            }
            "toolConfig" => tool_config = Some(value),
            "generationConfig" => config::read(value, &mut request, &mut keeper)?,
            // The path decides.
            "model" => {}
            _ => keeper.keep(written, value),
        }
    }
    if let Some(value) = tool_config {
        tools::read_tool_config(value, &mut request, &mut keeper)?;
    }
    request.extra = keeper.extras;
    Ok(request)
}

/// What this dialect kept of the inner object `name`.
pub(super) fn inner_fields(extras: &[Extra], name: &str) -> Vec<Extra> {
    let inner = |extra: &Extra| {
        let rest = extra.name.strip_prefix(name)?.strip_prefix(['/', '.'])?;
        (extra.dialect == NAME).then(|| Extra { name: rest.to_owned(), ..extra.clone() })
    };
    extras.iter().filter_map(inner).collect()
}

/// What it kept of the request itself.
fn outer_fields(extras: &[Extra]) -> Vec<Extra> {
    let inner = |extra: &&Extra| {
        let of = |name: &&str| extra.name.strip_prefix(*name).is_some_and(|rest| rest.starts_with(['/', '.']));
        !INNER.iter().any(of)
    };
    extras.iter().filter(inner).cloned().collect()
}

pub(super) fn write_request(
    request: &Request,
    model: &str,
    options: TargetOptions,
    out: &mut Vec<u8>,
) -> Result<Vec<Dropped>, Fault> {
    let mut dropped = Vec::new();
    refuse(request)?;
    let later = thinking::generation(model).is_some_and(|generation| generation >= (3, 0));
    let audience = Audience::Provider { media_in_results: later, wants_signatures: later };
    let own = outer_fields(&request.extra);
    let mut writer = ObjectWriter::open(out, &own, NAME);
    contents::write_contents(request, audience, writer.overrule("contents"), &mut dropped)?;
    contents::write_system(request, audience, &mut writer)?;
    tools::write_tools(request, &mut writer, &mut dropped)?;
    config::write(request, model, options, &mut writer, &mut dropped)?;
    writer.close();
    if request.user.is_some() {
        drop_field("user", &mut dropped);
    }
    let usual = |tier: &String| matches!(tier.as_str(), "auto" | "default" | "standard_only");
    if request.service_tier.as_ref().is_some_and(|tier| !usual(tier)) {
        drop_field("service_tier", &mut dropped);
    }
    for extra in fields::foreign_fields(&request.extra, NAME) {
        drop_field(&extra.name, &mut dropped);
    }
    Ok(dropped)
}

pub(super) fn drop_field(field: &str, dropped: &mut Vec<Dropped>) {
    if dropped.iter().all(|known| known.field != field) {
        dropped.push(Dropped { field: field.to_owned() });
    }
}

/// What would give another answer if it were left out.
fn refuse(request: &Request) -> Result<(), Fault> {
    for extra in fields::foreign_fields(&request.extra, NAME) {
        let sound = extra.name == "modalities" && extra.value.0.contains("\"audio\"");
        if sound || REFUSED_FIELDS.contains(&extra.name.as_str()) {
            return Err(fields::untranslatable(&extra.name, "something"));
        }
    }
    Ok(())
}
