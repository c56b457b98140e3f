"""What the scripted provider does behind `/v1/messages`, by scenario name; as `chat_scenarios`, in the
other dialect. What does not depend on the dialect is taken from there, under the same names."""

import dataclasses
import itertools
import json

from chat_scenarios import BREATH_S
from chat_scenarios import EVENT_STREAM
from chat_scenarios import LONG_TEXT
from chat_scenarios import SILENCE_S
from chat_scenarios import at_first
from chat_scenarios import joined
from chat_scenarios import one_byte_each
from chat_scenarios import tokens
from provider import Answer
from provider import json_answer

PATH = "/v1/messages"
ENVELOPE = {"id": "msg_scripted", "type": "message", "role": "assistant", "model": "scripted-1"}
INPUT_USAGE = {"input_tokens": 11, "cache_creation_input_tokens": 2, "cache_read_input_tokens": 3}
TEXT = {"type": "text", "text": "Hello, w\u00f6rld: 1 \\ \"2\" \U0001f600."}
THOUGHT = {"type": "thinking", "thinking": "Let me see \u2026 yes.", "signature": "c2lnbmF0dXJl"}
HIDDEN_THOUGHT = {"type": "redacted_thinking", "data": "aGlkZGVu"}
WEATHER = {"type": "tool_use", "id": "toolu_weather", "name": "weather", "input": {"city": "K\u00f6ln", "days": 2}}
PERSON = {"type": "tool_use", "id": "toolu_person", "name": "Person", "input": {
    "name": "Ada", "born": 1815, "tags": ["x", "\u00fc"],
}}
NAMELESS = {"type": "tool_use", "id": "toolu_nameless", "name": "Person", "input": {"born": 1815}}
CLOCK = {"type": "tool_use", "id": "toolu_clock", "name": "clock", "input": {}}


def message(blocks, stop, **more):
    usage = {**INPUT_USAGE, "output_tokens": 7, "service_tier": "standard"}
    return {**ENVELOPE, "content": blocks, "stop_reason": stop, "stop_sequence": None, "usage": usage, **more}


def deltas(block):
    """How a block begins, and the pieces that complete it."""
    kind = block["type"]
    if kind == "text":
        return {"type": "text", "text": ""}, [{"type": "text_delta", "text": t} for t in tokens(block["text"])]
    if kind == "thinking":
        pieces = [{"type": "thinking_delta", "thinking": t} for t in tokens(block["thinking"])]
        pieces.append({"type": "signature_delta", "signature": block["signature"]})
        return {"type": "thinking", "thinking": "", "signature": ""}, pieces
    if kind == "tool_use":
        words = tokens(json.dumps(block["input"], ensure_ascii=False)) if block["input"] else []
        return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": t} for t in ["", *words]]
    return block, []


def events(blocks, stop, stop_sequence=None):
    usage = {**INPUT_USAGE, "output_tokens": 1, "service_tier": "standard"}
    began = {**ENVELOPE, "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
    yield {"type": "message_start", "message": began}
    for index, block in enumerate(blocks):
        start, pieces = deltas(block)
        yield {"type": "content_block_start", "index": index, "content_block": start}
        if index == 0:
            yield {"type": "ping"}
        for piece in pieces:
            yield {"type": "content_block_delta", "index": index, "delta": piece}
        yield {"type": "content_block_stop", "index": index}
    delta = {"stop_reason": stop, "stop_sequence": stop_sequence}
    yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 7}}
    yield {"type": "message_stop"}


def sse(event):
    return b"event: %s\ndata: %s\n\n" % (event["type"].encode(), json.dumps(event, ensure_ascii=False).encode())


ORDINARY = [sse(event) for event in events([TEXT], "end_turn")]


# As many events as hold three pieces of text.
LATE = 6


def told(*blocks, stop="end_turn"):
    def scenario(request):
        if request.stream:
            return Answer(headers=EVENT_STREAM, pieces=[sse(event) for event in events(blocks, stop)])
        return json_answer(message(blocks, stop))

    return scenario


def retold(change):
    return lambda request: Answer(headers=EVENT_STREAM, pieces=change(ORDINARY))


def broken_after(count, *last, cut=False):
    """A scenario whose stream is ordinary for `count` events and ends with `last`."""
    return lambda request: Answer(headers=EVENT_STREAM, pieces=[*ORDINARY[:count], BREATH_S, *last], cut=cut)


def error_body(type, message="it went wrong"):
    return {"type": "error", "error": {"type": type, "message": message}, "request_id": "req_of_the_provider"}


def refused(status, type, **headers):
    return lambda request: json_answer(error_body(type), status, **headers)


def error_event(type="overloaded_error"):
    return sse({**error_body(type, "the model fell over")})


def tool_loop(request):
    """Wants both tools, and answers once their results are there."""
    blocks = [block for turn in request.body["messages"] for block in turn["content"] if isinstance(block, dict)]
    results = [result_text(block["content"]) for block in blocks if block["type"] == "tool_result"]
    if not results:
        return SCENARIOS["text-and-tools"](request)
    return told({"type": "text", "text": f"told by {len(results)}: {' and '.join(results)}"})(request)


def result_text(content):
    return content if isinstance(content, str) else "".join(block["text"] for block in content)


def understood(request):
    """Tells what the request asks, in words of no dialect, as the scenario in OpenAI's."""
    body = request.body
    system = body.get("system") or []
    choice = body.get("tool_choice") or {}
    format = (body.get("output_config") or {}).get("format") or {}
    return told({"type": "text", "text": json.dumps({
        "system": [system] if isinstance(system, str) else [block["text"] for block in system],
        "turns": joined([[turn["role"], [*parts_of(turn["content"])]] for turn in body["messages"]]),
        "tools": [[tool.get(name) for name in ("name", "description", "input_schema")]
                  for tool in body.get("tools") or []],
        "choice": choice.get("name") or {"any": "required"}.get(choice.get("type"), choice.get("type")),
        "parallel": None if "disable_parallel_tool_use" not in choice else not choice["disable_parallel_tool_use"],
        "schema": format.get("schema"),
        "stop": body.get("stop_sequences"),
        "bound": body["max_tokens"],
        "sampling": [body.get("temperature"), body.get("top_p")],
    }, sort_keys=True)})(request)


def parts_of(content):
    for block in [{"type": "text", "text": content}] if isinstance(content, str) else content:
        if block["type"] == "image":
            yield ["image", block["source"]["media_type"], len(block["source"]["data"])]
        elif block["type"] == "tool_use":
            yield ["call", block["id"], block["name"], block["input"]]
        elif block["type"] == "tool_result":
            yield ["result", block["tool_use_id"], result_text(block["content"])]
        else:
            yield ["text", block["text"]]


def echo(request):
    body = {name: value for name, value in request.body.items() if name not in ("model", "stream")}
    names = ["anthropic-version", "anthropic-beta", "content-type"]
    headers = {name: request.headers[name] for name in names if name in request.headers}
    return told({"type": "text", "text": json.dumps({"body": body, "headers": headers}, sort_keys=True)})(request)


def unknown(request):
    if not request.stream:
        return json_answer(message([{**TEXT, "x_inner": "kept"}], "end_turn", x_new={"a": [1, 2.50, None]}))
    told_so_far = [json.loads(piece.partition(b"data: ")[2]) for piece in ORDINARY]
    told_so_far[0]["message"]["x_new"] = {"a": [1, 2.50, None]}
    told_so_far[1]["content_block"]["x_inner"] = "kept"
    return Answer(headers=EVENT_STREAM, pieces=[sse(event) for event in told_so_far])


def cut_whole(request):
    answer = json_answer(message([TEXT], "end_turn"))
    return Answer(200, {**answer.headers, "content-length": str(len(answer.body))}, answer.body[:-40], cut=True)


def endless(request):
    piece = sse({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}})
    return Answer(headers=EVENT_STREAM, pieces=itertools.chain(ORDINARY[:2], *((piece, 0.02) for _ in range(500))))


SCENARIOS = {
    "plain": told(TEXT),
    "tool": told(WEATHER, stop="tool_use"),
    "tools": told(TEXT, WEATHER, CLOCK, stop="tool_use"),
    "text-and-tools": told(
        TEXT,
        {**WEATHER, "id": "call_weather"},
        {**CLOCK, "id": "call_clock", "input": {"zone": "CET"}},
        stop="tool_use",
    ),
    "tool-loop": tool_loop,
    "person": told(PERSON, stop="tool_use"),
    "person-later": at_first(told(NAMELESS, stop="tool_use"), told(PERSON, stop="tool_use")),
    "thought": told(THOUGHT, TEXT),
    "thinking": told(THOUGHT, HIDDEN_THOUGHT, TEXT),
    "thinking-tool": told(THOUGHT, WEATHER, stop="tool_use"),
    "refusal": told(TEXT, stop="refusal"),
    # As OpenAI's dialect calls that.
    "filtered": told(TEXT, stop="refusal"),
    "length": told(TEXT, stop="max_tokens"),
    "paused": told(TEXT, stop="pause_turn"),
    "stop-sequence": lambda request: Answer(
        headers=EVENT_STREAM, pieces=[sse(event) for event in events([TEXT], "stop_sequence", "END")]
    ) if request.stream else json_answer({**message([TEXT], "stop_sequence"), "stop_sequence": "END"}),
    "nothing": told(),
    "page": told({"type": "text", "text": LONG_TEXT[:65_536]}),
    "structured": told({"type": "text", "text": '{"name": "Ada", "born": 1815, "tags": ["x", "\u00fc"]}'}),
    "unknown": unknown,
    "echo": echo,
    "understood": understood,
    # Oddly told.
    "crlf": retold(lambda pieces: [piece.replace(b"\n", b"\r\n") for piece in pieces]),
    "one-byte": retold(one_byte_each),
    "one-packet": retold(lambda pieces: [b"".join(pieces)]),
    "comments": retold(lambda pieces: [*itertools.chain(*((piece, b": ping\n\n") for piece in pieces))]),
    "json-for-stream": lambda request: json_answer(message([TEXT], "end_turn")),
    # Not complete.
    "no-stop": broken_after(-1),
    "no-done": broken_after(-1),
    "no-finish": broken_after(LATE),
    "no-events": broken_after(0),
    "cut-whole": cut_whole,
    "cut-early": broken_after(2, cut=True),
    "cut-late": broken_after(LATE, cut=True),
    "error-early": broken_after(2, error_event()),
    "error-late": broken_after(LATE, error_event()),
    "garbage-late": broken_after(LATE, b"event: content_block_delta\ndata: {oops\n\n"),
    # Time.
    "slow": lambda request: dataclasses.replace(told(TEXT)(request), pause_s=SILENCE_S),
    "stalled": lambda request: Answer(headers=EVENT_STREAM, pieces=[*ORDINARY[:LATE], SILENCE_S, *ORDINARY[LATE:]]),
    "endless": endless,
    # Refusals.
    "error-400": refused(400, "invalid_request_error"),
    "error-401": refused(401, "authentication_error"),
    "error-402": refused(402, "billing_error"),
    "error-403": refused(403, "permission_error"),
    "error-404": refused(404, "not_found_error"),
    "error-413": refused(413, "request_too_large"),
    "error-422": refused(422, "invalid_request_error"),
    "error-429": refused(429, "rate_limit_error"),
    "error-429-wait": refused(429, "rate_limit_error", retry_after_ms="20", retry_after="1"),
    "error-429-stop": refused(429, "rate_limit_error", x_should_retry="false", retry_after="1"),
    "error-500": refused(500, "api_error"),
    "error-503": refused(503, "api_error"),
    "error-529": refused(529, "overloaded_error"),
    "error-html": lambda request: Answer(503, {"content-type": "text/html"}, b"<html>down for maintenance</html>"),
    # Trouble that passes.
    "once-429": at_first(refused(429, "rate_limit_error", retry_after_ms="20"), told(TEXT)),
    "once-500": at_first(refused(500, "api_error", retry_after_ms="20"), told(TEXT)),
    "once-529": at_first(refused(529, "overloaded_error", retry_after_ms="20"), told(TEXT)),
    "once-closed": at_first(lambda request: Answer(cut=True), told(TEXT)),
}

REFUSAL_OF_KEY = error_body("authentication_error", "incorrect key")
