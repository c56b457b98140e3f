//! What no recording shows: requests as providers document them, asked by callers of one dialect and written for
//! providers of another. What is held against the expectation is the part that the case is about.

use ringgate::dialects;
use ringgate::dialects::TargetOptions;
use ringgate::fault::Fault;
use ringgate::fault::Kind;
use ringgate::wire::json::Parser;
use serde_json::Value;
use serde_json::json;

const CHAT: &str = "openai_chat";
const RESPONSES: &str = "openai_responses";
const MESSAGES: &str = "anthropic_messages";
const GEMINI: &str = "gemini";
const CONVERSE: &str = "bedrock_converse";
const COHERE: &str = "cohere_chat";

/// A model of the target's whose requests are written as those of its newest.
fn model_of(target: &str) -> &'static str {
    match target {
        MESSAGES => "claude-sonnet-4-5",
        CONVERSE => "anthropic.claude-sonnet-4-5-20250929-v1:0",
        GEMINI => "gemini-3-pro-preview",
        COHERE => "command-a-03-2025",
        _ => "gpt-5.2",
    }
}

/// The request as `target` is asked, and what was left out.
fn asked(caller: &str, body: &Value, target: &str) -> Result<(Value, Vec<String>), Fault> {
    let caller = dialects::named(caller).expect("a dialect of callers");
    let target_dialect = dialects::of_provider(target).expect("a dialect of providers");
    let mut copy = serde_json::to_vec(body).expect("JSON");
    let mut parser = Parser::new();
    let tape = parser.parse(&mut copy).expect("JSON");
    caller.check_portable(tape.as_value())?;
    let request = caller.read_request(tape.as_value())?;
    let mut out = Vec::new();
    let dropped = target_dialect.write_request(&request, model_of(target), TargetOptions::default(), &mut out)?;
    let dropped = dropped.into_iter().map(|dropped| dropped.field).collect();
    Ok((serde_json::from_slice(&out).expect("JSON"), dropped))
}

/// What stands at `pointer` of the request as each target is asked.
fn holds(caller: &str, body: &Value, wanted: &[(&str, &str, Value)]) {
    for (target, pointer, wanted) in wanted {
        let (written, _) = asked(caller, body, target).unwrap_or_else(|fault| panic!("{target}: {}", fault.message));
        assert_eq!(written.pointer(pointer).unwrap_or(&Value::Null), wanted, "{caller} to {target}: {written}");
    }
}

fn refuses(caller: &str, body: &Value, targets: &[&str]) {
    for target in targets {
        let fault = asked(caller, body, target).map(|written| panic!("{target}: {written:?}")).unwrap_err();
        assert_eq!(fault.kind, Kind::BadRequest, "{target}");
        assert!(fault.param.is_some() && fault.message.len() > 10, "{target}: {}", fault.message);
    }
}

/// A chat request of one message with this content.
fn said(content: Value) -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": content}]})
}

fn with(mut body: Value, more: Value) -> Value {
    let more = more.as_object().expect("fields").clone();
    body.as_object_mut().expect("a body").extend(more);
    body
}

#[test]
fn pictures_are_understood_however_their_data_is_written() {
    let of = |url: &str| said(json!([{"type": "image_url", "image_url": {"url": url}}]));
    let claude = json!({"type": "base64", "media_type": "image/png", "data": "AA=="});
    for url in ["data:image/png;base64,AA==", "DATA:image/PNG;base64,AA==", "data:image/png;charset=utf-8;base64,AA=="]
    {
        holds(
            CHAT,
            &of(url),
            &[
                (MESSAGES, "/messages/0/content/0/source", claude.clone()),
                (GEMINI, "/contents/0/parts/0/inlineData", json!({"mimeType": "image/png", "data": "AA=="})),
                (CONVERSE, "/messages/0/content/0/image/source", json!({"bytes": "AA=="})),
                (CHAT, "/messages/0/content/0/image_url/url", json!(url)),
            ],
        );
    }
    // A name that many have for it, and two that know the registered one only.
    holds(
        CHAT,
        &of("data:image/jpg;base64,AA=="),
        &[
            (MESSAGES, "/messages/0/content/0/source/media_type", json!("image/jpeg")),
            (GEMINI, "/contents/0/parts/0/inlineData/mimeType", json!("image/jpeg")),
        ],
    );
}

#[test]
fn files_are_what_their_data_or_their_name_says() {
    let of = |data: &str, name: &str| said(json!([{"type": "file", "file": {"filename": name, "file_data": data}}]));
    let word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    holds(
        CHAT,
        &of("JVBERi0=", "a.pdf"),
        &[
            (MESSAGES, "/messages/0/content/0/source/media_type", json!("application/pdf")),
            (RESPONSES, "/input/0/content/0/file_data", json!("data:application/pdf;base64,JVBERi0=")),
            (CHAT, "/messages/0/content/0/file/file_data", json!("JVBERi0=")),
        ],
    );
    let document = json!({"name": "a", "format": "docx", "source": {"bytes": "UEsD"}});
    let response = json!({"input": [{"role": "user", "content": [
        {"type": "input_file", "filename": "a.docx", "file_data": "UEsD"}]}]});
    holds(
        RESPONSES,
        &response,
        &[
            (CONVERSE, "/messages/0/content/0/document", document),
            (GEMINI, "/contents/0/parts/0/inlineData/mimeType", json!(word)),
        ],
    );
    let by_address = json!({"max_tokens": 9, "messages": [{"role": "user", "content": [
        {"type": "document", "source": {"type": "url", "url": "https://e.com/a.pdf"}}]}]});
    refuses(MESSAGES, &by_address, &[COHERE, CONVERSE]);
}

#[test]
fn sound_is_refused_where_there_is_no_word_for_it() {
    let sound = said(json!([{"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}]));
    refuses(CHAT, &sound, &[RESPONSES, MESSAGES, COHERE]);
    holds(CHAT, &sound, &[(GEMINI, "/contents/0/parts/0/inlineData/mimeType", json!("audio/wav"))]);
}

#[test]
fn texts_that_stand_in_other_things_are_told() {
    let of = |block: Value| json!({"max_tokens": 9, "messages": [{"role": "user", "content": [block]}]});
    let blocks = json!({"type": "content", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]});
    let document = json!({"type": "document", "source": blocks, "citations": {"enabled": true}});
    let found = json!({"type": "search_result", "source": "https://e.com", "title": "T",
        "content": [{"type": "text", "text": "found"}], "citations": {"enabled": true}});
    for (block, text) in [(document, "a\nb"), (found, "T\nhttps://e.com\nfound")] {
        holds(
            MESSAGES,
            &of(block.clone()),
            &[
                (CHAT, "/messages/0/content/0/text", json!(text)),
                (GEMINI, "/contents/0/parts/0/text", json!(text)),
                (MESSAGES, "/messages/0/content/0", block.clone()),
            ],
        );
        let call = json!({"type": "tool_use", "id": "t", "name": "f", "input": {}});
        let result = json!({"type": "tool_result", "tool_use_id": "t", "content": [block]});
        let loop_of = json!({"max_tokens": 9, "messages": [{"role": "user", "content": "x"},
            {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]});
        holds(
            MESSAGES,
            &loop_of,
            &[
                (COHERE, "/messages/2/content/0/text", json!(text)),
                (GEMINI, "/contents/2/parts/0/functionResponse/response/output", json!(text)),
            ],
        );
    }
}

#[test]
fn refusals_come_back_as_words() {
    for refusing in [
        json!({"role": "assistant", "content": null, "refusal": "No."}),
        json!({"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}),
    ] {
        let asks = |text: &str| json!({"role": "user", "content": text});
        let body = json!({"messages": [asks("x"), refusing.clone(), asks("why")]});
        holds(
            CHAT,
            &body,
            &[
                (RESPONSES, "/input/1", json!({"role": "assistant", "content": "No."})),
                (MESSAGES, "/messages/1/content/0/text", json!("No.")),
                (GEMINI, "/contents/1/parts/0/text", json!("No.")),
                (CONVERSE, "/messages/1/content/0/text", json!("No.")),
                (CHAT, "/messages/1", refusing),
            ],
        );
    }
}

#[test]
fn words_and_a_refusal_are_one_message() {
    let parts = json!([{"type": "text", "text": "Well. "}, {"type": "refusal", "refusal": "No."}]);
    let body = json!({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": parts}]});
    holds(
        CHAT,
        &body,
        &[
            (RESPONSES, "/input/1", json!({"role": "assistant", "content": "Well. No."})),
            (CHAT, "/messages/1/content", parts),
        ],
    );
}

#[test]
fn turns_of_nothing_are_no_turns() {
    let empty = json!({"max_tokens": 9, "messages": [{"role": "user", "content": "a"},
        {"role": "assistant", "content": []}, {"role": "user", "content": "b"}]});
    holds(
        MESSAGES,
        &empty,
        &[
            (CHAT, "/messages/1", json!({"role": "assistant", "content": ""})),
            (CONVERSE, "/messages", json!([{"role": "user", "content": [{"text": "a"}, {"text": "b"}]}])),
        ],
    );
    // Models say white space before they call, and two providers refuse to hear it.
    let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let blank = json!({"messages": [{"role": "user", "content": "x"},
        {"role": "assistant", "content": "\n\n", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "7"}]});
    holds(
        CHAT,
        &blank,
        &[
            (MESSAGES, "/messages/1/content", json!([{"type": "tool_use", "id": "c", "name": "f", "input": {}}])),
            (CONVERSE, "/messages/1/content", json!([{"toolUse": {"toolUseId": "c", "name": "f", "input": {}}}])),
        ],
    );
}

#[test]
fn what_a_model_called_wrongly_stays_in_the_conversation() {
    let call =
        |arguments: &str| json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}});
    for (arguments, object) in [
        ("{\"a\":", json!({"invalid_arguments": "{\"a\":"})),
        ("[1]", json!({"invalid_arguments": "[1]"})),
        ("null", json!({})),
        ("", json!({})),
    ] {
        let body = json!({"messages": [{"role": "user", "content": "x"},
            {"role": "assistant", "tool_calls": [call(arguments)]},
            {"role": "tool", "tool_call_id": "c", "content": "no"}]});
        holds(
            CHAT,
            &body,
            &[
                (MESSAGES, "/messages/1/content/0/input", object.clone()),
                (GEMINI, "/contents/1/parts/0/functionCall/args", object.clone()),
                (CONVERSE, "/messages/1/content/0/toolUse/input", object),
            ],
        );
    }
}

#[test]
fn functions_without_arguments_are_declared_as_each_provider_wants_it() {
    let whole = json!({"type": "object", "properties": {}});
    for parameters in [json!({}), json!({"type": "object"})] {
        let function = json!({"name": "f", "parameters": parameters});
        let body = with(said(json!("x")), json!({"tools": [{"type": "function", "function": function}]}));
        holds(
            CHAT,
            &body,
            &[
                (MESSAGES, "/tools/0/input_schema", whole.clone()),
                (CONVERSE, "/toolConfig/tools/0/toolSpec/inputSchema/json", whole.clone()),
                (RESPONSES, "/tools/0/parameters", whole.clone()),
                (CHAT, "/tools/0/function/parameters", parameters),
            ],
        );
    }
    let bare = json!({"max_tokens": 9, "messages": [{"role": "user", "content": "x"}],
        "tools": [{"name": "f", "input_schema": {"type": "object"}}]});
    holds(
        MESSAGES,
        &bare,
        &[
            (CHAT, "/tools/0/function/parameters", whole.clone()),
            (MESSAGES, "/tools/0/input_schema", json!({"type": "object"})),
        ],
    );
    for name in ["parameters", "parametersJsonSchema"] {
        let group = json!({"functionDeclarations": [{"name": "f", name: {"type": "object"}}]});
        let body = json!({"contents": [{"parts": [{"text": "x"}]}], "tools": [group]});
        holds(GEMINI, &body, &[(CHAT, "/tools/0/function/parameters", whole.clone()), (GEMINI, "/tools/0", group)]);
    }
}

#[test]
fn a_choice_among_some_functions_offers_those() {
    let functions = |names: &[&str]| names.iter().map(|name| json!({"type": "function", "name": name})).collect();
    let (all, some): (Vec<Value>, Vec<Value>) = (functions(&["f", "g", "h"]), functions(&["f", "h"]));
    let choice = json!({"type": "allowed_tools", "mode": "required", "tools": some});
    let response = json!({"input": "x", "tools": all, "tool_choice": choice});
    holds(
        RESPONSES,
        &response,
        &[
            (MESSAGES, "/tool_choice/type", json!("any")),
            (MESSAGES, "/tools/1/name", json!("h")),
            (MESSAGES, "/tools/2", Value::Null),
            (CHAT, "/tool_choice", json!("required")),
            (RESPONSES, "/tool_choice", choice.clone()),
            (RESPONSES, "/tools/2/name", json!("h")),
        ],
    );
    let nested = |tools: &[Value]| -> Vec<Value> {
        tools.iter().map(|tool| json!({"type": "function", "function": {"name": tool["name"]}})).collect()
    };
    let choice = |mode: &str, tools: &[Value]| json!({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": nested(tools)}});
    let chat = |choice: Value| with(said(json!("x")), json!({"tools": nested(&all), "tool_choice": choice}));
    holds(
        CHAT,
        &chat(choice("auto", &some)),
        &[
            (GEMINI, "/toolConfig/functionCallingConfig/mode", json!("AUTO")),
            (GEMINI, "/tools/0/functionDeclarations/1/name", json!("h")),
            (COHERE, "/tools/1/function/name", json!("h")),
            (CHAT, "/tool_choice", choice("auto", &some)),
        ],
    );
    refuses(
        CHAT,
        &chat(choice("auto", &functions_named("elsewhere"))),
        &[GEMINI, MESSAGES, CONVERSE, COHERE, RESPONSES],
    );
}

fn functions_named(name: &str) -> Vec<Value> {
    vec![json!({"type": "function", "name": name})]
}

#[test]
fn schemas_of_answers_are_told_in_the_words_that_each_provider_knows() {
    let schema = |count: Value| {
        json!({"type": "object", "properties": {"count": count}, "required": ["count"],
        "additionalProperties": false})
    };
    let bound = schema(json!({"type": "integer", "minimum": 1}));
    let format = json!({"type": "json_schema", "json_schema": {"name": "n", "strict": true, "schema": bound}});
    let body = with(said(json!("x")), json!({"response_format": format}));
    let described = schema(json!({"type": "integer", "description": "(minimum: 1)"}));
    holds(
        CHAT,
        &body,
        &[
            (MESSAGES, "/output_config/format/schema", described),
            (GEMINI, "/generationConfig/responseJsonSchema", bound.clone()),
            (RESPONSES, "/text/format/schema", bound),
        ],
    );
    for target in [MESSAGES, CONVERSE] {
        let (_, dropped) = asked(CHAT, &body, target).expect("translated");
        assert_eq!(dropped, ["response_format.json_schema.schema"], "{target}");
    }
    // Claude may leave out what is not required; strict elsewhere may not.
    for (required, strict) in [(json!(["a"]), false), (json!(["a", "b"]), true)] {
        let schema = json!({"type": "object", "properties": {"a": {}, "b": {}}, "required": required,
            "additionalProperties": false});
        let body = json!({"max_tokens": 9, "messages": [{"role": "user", "content": "x"}],
            "output_config": {"format": {"type": "json_schema", "schema": schema}},
            "tools": [{"name": "f", "strict": true, "input_schema": schema}]});
        holds(
            MESSAGES,
            &body,
            &[
                (CHAT, "/response_format/json_schema/strict", json!(strict)),
                (CHAT, "/tools/0/function/strict", json!(strict)),
                (RESPONSES, "/text/format/strict", json!(strict)),
                (MESSAGES, "/tools/0/strict", json!(true)),
            ],
        );
    }
}

#[test]
fn a_search_that_is_asked_for_without_settings_is_refused_as_any_other() {
    let body = with(said(json!("x")), json!({"web_search_options": {}}));
    refuses(CHAT, &body, &[RESPONSES, MESSAGES, GEMINI, CONVERSE, COHERE]);
}

#[test]
fn stop_sequences_that_a_provider_refuses_are_left_out_and_named() {
    let body = with(said(json!("x")), json!({"stop": ["A", "", "B"]}));
    holds(
        CHAT,
        &body,
        &[
            (GEMINI, "/generationConfig/stopSequences", json!(["A", "B"])),
            (MESSAGES, "/stop_sequences", json!(["A", "B"])),
        ],
    );
    assert_eq!(asked(CHAT, &body, GEMINI).expect("translated").1, ["stop"]);
}

#[test]
fn what_both_dialects_of_openai_know_goes_from_one_to_the_other() {
    let fields = json!({"verbosity": "low", "prompt_cache_key": "k", "safety_identifier": "s", "logit_bias": {"1": 2}});
    let body = with(said(json!("x")), fields);
    holds(
        CHAT,
        &body,
        &[
            (RESPONSES, "/text", json!({"verbosity": "low"})),
            (RESPONSES, "/prompt_cache_key", json!("k")),
            (RESPONSES, "/safety_identifier", json!("s")),
        ],
    );
    assert_eq!(asked(CHAT, &body, RESPONSES).expect("translated").1, ["logit_bias"]);
    let format = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}});
    let both = with(body, json!({"response_format": format}));
    let wanted =
        json!({"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}, "verbosity": "low"});
    holds(CHAT, &both, &[(RESPONSES, "/text", wanted)]);
}
