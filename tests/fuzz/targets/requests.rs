//! Requests of callers: judged, passed through and translated.

use super::reading::assert_same;
use super::reading::parsed;
use super::reading::written;
use ringgate::cache::Content;
use ringgate::cache::Keying;
use ringgate::chat::Request;
use ringgate::dialects;
use ringgate::dialects::Dialect;
use ringgate::dialects::ProviderDialect;
use ringgate::dialects::TargetOptions;
use ringgate::dialects::openai_chat;
use ringgate::fault::Fault;
use ringgate::fault::Kind;
use ringgate::providers;
use ringgate::wire::edits::Edited;
use ringgate::wire::edits::edit_in_place;
use ringgate::wire::json;
use serde_json::Value;

/// Models that providers' dialects write differently for.
const MODELS: &[&str] = &["m", "gpt-5", "claude-sonnet-4-5", "gemini-2.5-pro", "us.amazon.nova-pro-v1:0"];

/// A request is refused in words, or passes through changed in nothing but its model, and can be said in every
/// provider's dialect or is refused for a field; in its own dialect it means the same afterwards.
pub fn of_caller(name: &str, bytes: &[u8]) {
    let dialect = dialects::named(name).expect("a dialect of callers");
    let Ok(judged) = parsed(bytes, |body| judge(dialect, bytes, body)) else { return };
    let read = parsed(bytes, |body| dialect.check_portable(body).and_then(|()| dialect.read_request(body)));
    let request = match read.expect("JSON as before") {
        Ok(request) => request,
        Err(fault) => return refused(&fault),
    };
    let Some(ask) = judged else { return };
    assert_eq!((&*ask.model, ask.stream), (&*request.model, request.stream), "judged otherwise than read");
    dialect.repeated_settings(bytes);
    // Which model is a function of the input, so that one input costs one round.
    let model = MODELS[bytes.len() % MODELS.len()];
    for provider in dialects::of_providers() {
        translated(provider, &request, model);
    }
    survives(dialect, &request, bytes);
}

/// The same for formats that are never translated.
pub fn beside(name: &str, bytes: &[u8]) {
    let found = dialects::BESIDE.iter().find(|dialect| dialect.name() == name);
    let dialect = *found.expect("a format beside the dialects");
    let _not_json = parsed(bytes, |body| {
        judge(dialect, bytes, body);
        if let Err(fault) = dialect.left_unsaid(body, "m") {
            refused(&fault);
        }
        if let Some(estimate) = dialect.estimate(body) {
            written(&estimate, name, |_| ());
        }
        for provider in dialects::of_providers() {
            let Some(other) = dialect.through(provider.name()) else { continue };
            let Ok(ask) = other.read_ask(body) else { continue };
            if let Err(fault) = other.left_unsaid(body, "m") {
                refused(&fault);
                continue;
            }
            let mut out = Vec::new();
            other.splice_request(bytes, body, &ask, "m", TargetOptions::default()).write(&mut out);
            written(&out, provider.name(), |_| ());
        }
    });
}

/// What is decided on every request before it is translated.
fn judge(dialect: &dyn Dialect, bytes: &[u8], body: json::Value<'_, '_>) -> Option<ringgate::chat::Ask<'static>> {
    let ask = match dialect.read_ask(body) {
        Ok(ask) => ask,
        Err(fault) => {
            refused(&fault);
            return None;
        }
    };
    let (keying, mut scratch) = (Keying::new(b"nobody knows it."), Vec::new());
    let plain = dialect.read_plain(body);
    let content = plain
        .as_ref()
        .map_or(Content::Body { dialect: dialect.name(), body, volatile: dialect.volatile_fields() }, Content::Plain);
    keying.key(&[b"scope"], content, &mut scratch);
    if let Some(text) = ask.last_user_text {
        keying.scope(&[b"scope"], content, text, &mut scratch);
    }
    for inject_usage in [false, true] {
        let options = TargetOptions { inject_usage, ..TargetOptions::default() };
        let mut out = Vec::new();
        dialect.splice_request(bytes, body, &ask, "an\"other", options).write(&mut out);
        let spliced = written(&out, "splice", json::raw);
        passed_through(&json::raw(body), &spliced, &out, dialect);
        adapted(inject_usage, || dialect.splice_request(bytes, body, &ask, "an\"other", options));
    }
    Some(ask.detached())
}

/// A refusal says what is wrong, and that it is the request.
fn refused(fault: &Fault) {
    assert!(matches!(fault.kind, Kind::BadRequest | Kind::NotFound), "{fault:?}");
    assert!(!fault.message.is_empty(), "refused without a reason");
}

/// But for the model and the options of its stream, a request that passes through is the caller's; what we
/// sealed for the caller of one provider is kept from the others.
fn passed_through(before: &str, after: &str, spliced: &[u8], dialect: &dyn Dialect) {
    if before.contains("\"ringgate:") {
        return;
    }
    let strip = |text: &str| {
        let mut value: Value = serde_json::from_str(text).expect("JSON");
        if let Some(object) = value.as_object_mut() {
            object.shift_remove("model");
            object.shift_remove("stream_options");
        }
        value
    };
    assert_eq!(strip(before), strip(after), "{}: {}", dialect.name(), String::from_utf8_lossy(spliced));
    let named: Value = serde_json::from_str(after).expect("JSON");
    assert!(named.get("model").is_none_or(|model| model == "an\"other" || dialect.family() == "gemini"), "{after}");
}

/// Whatever a provider's quirks make of a body is JSON, and the same whether they judge it before its other
/// edits are made or after.
fn adapted<'b>(usage_is_asked_for: bool, spliced: impl Fn() -> Edited<'b, 'static>) {
    let kinds = providers::ALL.iter().filter(|kind| kind.quirks.change_requests());
    for kind in kinds.filter(|kind| !usage_is_asked_for || kind.quirks.is_asked_for_usage()) {
        let (mut at_once, mut out) = (spliced(), Vec::new());
        at_once.amend(openai_chat::adapt(at_once.source(), &kind.quirks).0);
        at_once.write(&mut out);
        let mut later = b"before".to_vec();
        spliced().write(&mut later);
        let edits = openai_chat::adapt(&later[6..], &kind.quirks).0;
        edit_in_place(&mut later, 6, edits);
        assert!(later.starts_with(b"before"));
        assert_eq!(written(&out, kind.name, json::raw), written(&later[6..], kind.name, json::raw), "{}", kind.name);
    }
}

fn translated(provider: &dyn ProviderDialect, request: &Request, model: &str) {
    let options = TargetOptions {
        default_max_tokens: Some(4096),
        inject_usage: true,
        legacy_max_tokens: false,
        signed_reasoning: true,
    };
    for options in [TargetOptions::default(), options] {
        let mut out = b"before".to_vec();
        match provider.write_request(request, model, options, &mut out) {
            Ok(dropped) => {
                written(&out[6..], provider.name(), |_| ());
                for (place, one) in dropped.iter().enumerate() {
                    assert!(!one.field.is_empty() && !dropped[..place].contains(one), "{}: {one:?}", provider.name());
                }
                if let Some(own) = dialects::named(provider.name()) {
                    understood(own, &out[6..]);
                }
            }
            Err(fault) => refused(&fault),
        }
    }
}

/// What we write as a request we also read as one.
fn understood(dialect: &dyn Dialect, text: &[u8]) {
    let shown = || String::from_utf8_lossy(text).into_owned();
    written(text, dialect.name(), |body| {
        dialect.read_ask(body).unwrap_or_else(|fault| panic!("{}: {fault:?}: {}", dialect.name(), shown()));
        dialect.read_request(body).unwrap_or_else(|fault| panic!("{}: {fault:?}: {}", dialect.name(), shown()));
    });
}

/// In its own dialect a request is written as it is written when read again; one of Responses, whose providers
/// run tools of their own, as it was read.
fn survives(dialect: &dyn Dialect, request: &Request, bytes: &[u8]) {
    let write = |request: &Request| {
        let mut out = Vec::new();
        let dropped = dialect.write_request(request, &request.model, TargetOptions::default(), &mut out).ok()?;
        // What another provider thought, unsigned, is refused by this one's.
        let lost = dropped.iter().any(|dropped| !dropped.field.ends_with("reasoning_content"));
        assert!(!lost, "{} lost {dropped:?} to itself", dialect.name());
        Some(written(&out, dialect.name(), json::raw))
    };
    let value = |text: &str| -> Value { serde_json::from_str(text).expect("JSON") };
    let Some(first) = write(request) else { return };
    let before = match dialect.name() {
        "openai_responses" => value(&written(bytes, "the caller", json::raw)),
        _ => {
            let again = written(first.as_bytes(), dialect.name(), |body| dialect.read_request(body));
            let again = again.unwrap_or_else(|fault| panic!("{fault:?}: {first}"));
            value(&write(&again).unwrap_or_else(|| panic!("cannot be written again: {first}")))
        }
    };
    let mut first = value(&first);
    if dialect.name() == "openai_responses" && before.get("model").is_none_or(Value::is_null) {
        first["model"] = before["model"].clone(); // written always, because another one may be meant
    }
    assert_same(&first, &before, "a request in its own dialect");
}
