"""What the scripted provider does behind `/v1/responses`, by scenario name; as `chat_scenarios`, in the
other dialect. What does not depend on the dialect is taken from there, under the same names."""

import dataclasses
import itertools
import json

from chat_scenarios import BREATH_S
from chat_scenarios import EVENT_STREAM
from chat_scenarios import LONG_TEXT
from chat_scenarios import REFUSAL_OF_KEY
from chat_scenarios import SILENCE_S
from chat_scenarios import at_first
from chat_scenarios import error_body
from chat_scenarios import logprob
from chat_scenarios import one_byte_each
from chat_scenarios import refused
from chat_scenarios import tokens
from provider import Answer
from provider import json_answer

PATH = "/v1/responses"
USAGE = {
    "input_tokens": 11,
    "input_tokens_details": {"cached_tokens": 3},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 18,
}
WORDS = "Hello, w\u00f6rld: 1 \\ \"2\" \U0001f600."
SOURCE = {"type": "url_citation", "start_index": 0, "end_index": 5, "title": "T", "url": "https://example.com/x"}


def text(words=WORDS, annotations=(), logprobs=False):
    told = [logprob(token) for token in tokens(words)] if logprobs else []
    return {"type": "output_text", "text": words, "annotations": list(annotations), "logprobs": told}


def message(*parts, id="msg_scripted", **more):
    return {"type": "message", "id": id, "status": "completed", "role": "assistant", "content": list(parts), **more}


def call(id, name, arguments):
    told = {"call_id": f"call_{id}", "name": name, "arguments": arguments}
    return {"type": "function_call", "id": f"fc_{id}", "status": "completed", **told}


REFUSAL = {"type": "refusal", "refusal": "I would rather not."}
WEATHER = call("weather", "weather", '{"city": "K\u00f6ln", "days": 2}')
CLOCK = call("clock", "clock", '{"zone":"CET"}')
THOUGHT = {
    "type": "reasoning", "id": "rs_scripted", "encrypted_content": "gAAAAABzZWFsZWQ=",
    "summary": [{"type": "summary_text", "text": "Let me see \u2026"}, {"type": "summary_text", "text": "yes."}],
}
SEARCH = {
    "type": "web_search_call", "id": "ws_scripted", "status": "completed",
    "action": {"type": "search", "query": "w\u00f6rld"},
}


def response(request, items, status="completed", reason=None, **more):
    """As OpenAI does, the answer repeats the settings of the request."""
    asked = request.body
    return {
        "id": "resp_scripted", "object": "response", "created_at": 1_700_000_000, "status": status,
        "background": False, "error": None, "incomplete_details": {"reason": reason} if reason else None,
        "instructions": asked.get("instructions"), "max_output_tokens": asked.get("max_output_tokens"),
        "metadata": asked.get("metadata") or {}, "model": "scripted-1", "output": items,
        "parallel_tool_calls": asked.get("parallel_tool_calls", True),
        "previous_response_id": asked.get("previous_response_id"),
        "reasoning": {"effort": None, "summary": None}, "service_tier": "default", "store": asked.get("store", True),
        "temperature": asked.get("temperature", 1.0), "text": asked.get("text") or {"format": {"type": "text"}},
        "tool_choice": asked.get("tool_choice", "auto"), "tools": asked.get("tools") or [], "top_logprobs": 0,
        "top_p": asked.get("top_p", 1.0), "truncation": "disabled", "user": None,
        "usage": USAGE if status in ("completed", "incomplete") else None, **more,
    }


def pieces(place, part):
    """The events of one part of a message; `place` says where it stands."""
    if part["type"] == "refusal":
        yield "content_part.added", {**place, "part": {"type": "refusal", "refusal": ""}}
        for token in tokens(part["refusal"]):
            yield "refusal.delta", {**place, "delta": token}
        yield "refusal.done", {**place, "refusal": part["refusal"]}
    else:
        yield "content_part.added", {**place, "part": {**part, "text": "", "annotations": [], "logprobs": []}}
        for token in tokens(part["text"]):
            told = [logprob(token)] if part["logprobs"] else []
            yield "output_text.delta", {**place, "delta": token, "logprobs": told}
        for number, annotation in enumerate(part["annotations"]):
            yield "output_text.annotation.added", {**place, "annotation_index": number, "annotation": annotation}
        yield "output_text.done", {**place, "text": part["text"], "logprobs": part["logprobs"]}
    yield "content_part.done", {**place, "part": part}


def item_events(index, item):
    at = {"output_index": index}
    place = {"item_id": item["id"], **at}
    begun = {**item, "status": "in_progress"}
    if item["type"] == "message":
        yield "output_item.added", {**at, "item": {**begun, "content": []}}
        for number, part in enumerate(item["content"]):
            yield from pieces({**place, "content_index": number}, part)
    elif item["type"] == "function_call":
        yield "output_item.added", {**at, "item": {**begun, "arguments": ""}}
        for token in tokens(item["arguments"]):
            yield "function_call_arguments.delta", {**place, "delta": token}
        yield "function_call_arguments.done", {**place, "name": item["name"], "arguments": item["arguments"]}
    elif item["type"] == "reasoning":
        yield "output_item.added", {**at, "item": {**item, "summary": []}}
        for number, part in enumerate(item["summary"]):
            where = {**place, "summary_index": number}
            yield "reasoning_summary_part.added", {**where, "part": {**part, "text": ""}}
            for token in tokens(part["text"]):
                yield "reasoning_summary_text.delta", {**where, "delta": token}
            yield "reasoning_summary_text.done", {**where, "text": part["text"]}
            yield "reasoning_summary_part.done", {**where, "part": part}
    else:
        yield "output_item.added", {**at, "item": {"type": item["type"], "id": item["id"], "status": "in_progress"}}
        for step in ("in_progress", "searching", "completed"):
            yield f"{item['type']}.{step}", place
    yield "output_item.done", {**at, "item": item}


def events(request, items, status="completed", reason=None):
    begun = response(request, [], "in_progress")
    ended = response(request, items, status, reason)
    told = [("created", {"response": begun}), ("in_progress", {"response": begun})]
    told += itertools.chain(*(item_events(index, item) for index, item in enumerate(items)))
    told.append((status, {"response": ended}))
    return [{"type": f"response.{kind}", "sequence_number": n, **data} for n, (kind, data) in enumerate(told)]


def sse(event):
    return b"event: %s\ndata: %s\n\n" % (event["type"].encode(), json.dumps(event, ensure_ascii=False).encode())


def told(*items, status="completed", reason=None):
    def scenario(request):
        if request.stream:
            return Answer(headers=EVENT_STREAM, pieces=[sse(event) for event in events(request, items, status, reason)])
        return json_answer(response(request, items, status, reason))

    return scenario


PLAIN = [message(text())]


def retold(change):
    return lambda request: Answer(headers=EVENT_STREAM, pieces=change([*map(sse, events(request, PLAIN))]))


def broken_after(count, *last, cut=False):
    """A scenario whose stream is ordinary for `count` events and ends with `last`."""

    def scenario(request):
        ordinary = [*map(sse, events(request, PLAIN))]
        return Answer(headers=EVENT_STREAM, pieces=[*ordinary[:count], BREATH_S, *last], cut=cut)

    return scenario


def error_event():
    told = {"code": "server_error", "message": "the model fell over", "param": None}
    return sse({"type": "error", "sequence_number": 6, **told})


def failed(request):
    error = {"code": "server_error", "message": "the model fell over"}
    return response(request, [], "failed", error=error)


def failed_event(request):
    return sse({"type": "response.failed", "sequence_number": 6, "response": failed(request)})


def failed_late(request):
    ordinary = [*map(sse, events(request, PLAIN))]
    return Answer(headers=EVENT_STREAM, pieces=[*ordinary[:6], BREATH_S, failed_event(request)])


def structured(request):
    asked = (request.body.get("text") or {}).get("format") or {}
    if asked.get("type") != "json_schema" or "schema" not in asked:
        return json_answer(error_body(message="no schema arrived"), 400)
    return told(message(text('{"name": "Ada", "born": 1815, "tags": ["x", "\u00fc"]}')))(request)


def tool_loop(request):
    """Wants both tools, and answers once their results are there."""
    items = request.body["input"] if isinstance(request.body["input"], list) else []
    results = [item["output"] for item in items if item.get("type") == "function_call_output"]
    if not results:
        return SCENARIOS["tools"](request)
    return told(message(text(f"told by {len(results)}: {' and '.join(results)}")))(request)


def echo(request):
    """Tells what arrived, so that a gateway that changes requests is found out."""
    body = {name: value for name, value in request.body.items() if name not in ("model", "stream")}
    names = ["openai-organization", "openai-project", "idempotency-key", "traceparent", "content-type"]
    headers = {name: request.headers[name] for name in names if name in request.headers}
    return told(message(text(json.dumps({"body": body, "headers": headers}, sort_keys=True))))(request)


def unknown(request):
    item = {**message({**text(), "x_inner": "kept"}), "phase": "final_answer"}
    if not request.stream:
        return json_answer(response(request, [item], x_new={"a": [1, 2.50, None]}))
    told_so_far = events(request, [item])
    told_so_far[0]["response"]["x_new"] = {"a": [1, 2.50, None]}
    return Answer(headers=EVENT_STREAM, pieces=[sse(event) for event in told_so_far])


def endless(request):
    place = {"item_id": "msg_scripted", "output_index": 0, "content_index": 0}
    more = {"type": "response.output_text.delta", "sequence_number": 9, **place, "delta": "x", "logprobs": []}
    begun = [*map(sse, events(request, PLAIN))][:4]
    return Answer(headers=EVENT_STREAM, pieces=itertools.chain(begun, *((sse(more), 0.02) for _ in range(500))))


def stalled(request):
    ordinary = [*map(sse, events(request, PLAIN))]
    return Answer(headers=EVENT_STREAM, pieces=[*ordinary[:6], SILENCE_S, *ordinary[6:]])


REFUSALS = [400, 401, 403, 404, 409, 413, 422, 429, 500, 503]

SCENARIOS = {
    "plain": told(*PLAIN),
    "two": told(message(text(), text("and more")), message(text("last words"), id="msg_second", phase="final_answer")),
    "tool": told(WEATHER),
    "tools": told(message(text()), WEATHER, CLOCK),
    "tool-loop": tool_loop,
    "thinking": told(THOUGHT, message(text())),
    "thinking-tool": told(THOUGHT, WEATHER),
    "refusal": told(message(REFUSAL)),
    "searched": told(SEARCH, message(text(annotations=[SOURCE, {**SOURCE, "title": "U"}]))),
    "logprobs": told(message(text(logprobs=True))),
    "length": told({**message(text()), "status": "incomplete"}, status="incomplete", reason="max_output_tokens"),
    "filtered": told({**message(text()), "status": "incomplete"}, status="incomplete", reason="content_filter"),
    "nothing": told(),
    "page": told(message(text(LONG_TEXT[:65_536]))),
    "structured": structured,
    "unknown": unknown,
    "echo": echo,
    # Oddly told.
    "crlf": retold(lambda pieces: [piece.replace(b"\n", b"\r\n") for piece in pieces]),
    "one-byte": retold(one_byte_each),
    "one-packet": retold(lambda pieces: [b"".join(pieces)]),
    "comments": retold(lambda pieces: [*itertools.chain(*((piece, b": ping\n\n") for piece in pieces))]),
    "done": retold(lambda pieces: [*pieces, b"data: [DONE]\n\n"]),
    "json-for-stream": lambda request: json_answer(response(request, PLAIN)),
    # Not complete.
    "failed": lambda request: json_answer(failed(request)),
    "no-end": broken_after(-1),
    "no-events": broken_after(0),
    "cut-early": broken_after(2, cut=True),
    "cut-late": broken_after(6, cut=True),
    "error-early": broken_after(2, error_event()),
    "error-late": broken_after(6, error_event()),
    "failed-late": failed_late,
    "garbage-late": broken_after(6, b"event: response.output_text.delta\ndata: {oops\n\n"),
    # Time.
    "slow": lambda request: dataclasses.replace(told(*PLAIN)(request), pause_s=SILENCE_S),
    "stalled": stalled,
    "endless": endless,
    # Refusals.
    **{f"error-{status}": refused(status) for status in REFUSALS},
    "error-429-wait": refused(429, retry_after_ms="20", retry_after="1"),
    "error-429-stop": refused(429, x_should_retry="false", retry_after="1"),
    "error-html": lambda request: Answer(503, {"content-type": "text/html"}, b"<html>down for maintenance</html>"),
    # Trouble that passes.
    "once-429": at_first(refused(429, retry_after_ms="20"), told(*PLAIN)),
    "once-500": at_first(refused(500, retry_after_ms="20"), told(*PLAIN)),
    "once-closed": at_first(lambda request: Answer(cut=True), told(*PLAIN)),
}
