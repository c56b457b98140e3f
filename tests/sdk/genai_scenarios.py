"""What the scripted provider does behind Gemini's paths, by scenario name; as `chat_scenarios`, in the other
dialect. Model and streaming stand in the path, a stream has no terminator, and answers leave out whatever
they need not say."""

import dataclasses
import itertools
import json

from chat_scenarios import BREATH_S
from chat_scenarios import EVENT_STREAM
from chat_scenarios import LONG_TEXT
from chat_scenarios import SILENCE_S
from chat_scenarios import at_first
from chat_scenarios import one_byte_each
from chat_scenarios import tokens
from provider import Answer
from provider import json_answer

PATH = r"/v1(beta)?/models/(?P<model>[^/]+):(generateContent|streamGenerateContent)"

ENVELOPE = {"modelVersion": "scripted-1", "responseId": "scripted-Id_1"}
USAGE = {
    "promptTokenCount": 11,
    "candidatesTokenCount": 5,
    "thoughtsTokenCount": 2,
    "totalTokenCount": 18,
    "cachedContentTokenCount": 3,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 11}],
}
TEXT = {"text": "Hello, w\u00f6rld: 1 \\ \"2\" \U0001f600."}
THOUGHT = {"text": "Let me see \u2026 yes.", "thought": True}
SIGNED = {**TEXT, "thoughtSignature": "c2lnbmF0dXJlIQ=="}
WEATHER = {"functionCall": {"name": "weather", "args": {"city": "K\u00f6ln", "days": 2}}, "thoughtSignature": "Y2FsbA=="}
CLOCK = {"functionCall": {"id": "clock-1", "name": "clock", "args": {}}}


def candidate(parts, finish=None, **more):
    content = {"content": {"parts": parts, "role": "model"}} if parts else {}
    return {**content, **({"finishReason": finish} if finish else {}), "index": 0, **more}


def answer(parts, finish, **more):
    return {"candidates": [candidate(parts, finish)], "usageMetadata": USAGE, **ENVELOPE, **more}


def chunks(parts, finish):
    """The same in chunks, with numbers that grow."""
    pieces = [
        {**part, "text": token} if "text" in part else part
        for part in parts
        for token in (tokens(part["text"]) if "text" in part else [None])
    ]
    for place, piece in enumerate(pieces):
        last = place == len(pieces) - 1
        piece = piece if last or "text" not in piece else {k: v for k, v in piece.items() if k != "thoughtSignature"}
        usage = USAGE if last else {**USAGE, "candidatesTokenCount": 1, "totalTokenCount": 14}
        yield {"candidates": [candidate([piece], finish if last else None)], "usageMetadata": usage, **ENVELOPE}
    if not pieces:
        yield {"candidates": [candidate([], finish)], "usageMetadata": USAGE, **ENVELOPE}


def sse(chunk):
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\r\n\r\n"


ORDINARY = [sse(chunk) for chunk in chunks([TEXT], "STOP")]


def streams(request):
    return request.path.endswith(":streamGenerateContent")


def told(*parts, finish="STOP"):
    def scenario(request):
        if streams(request):
            assert request.query == "alt=sse", request.query
            return Answer(headers=EVENT_STREAM, pieces=[sse(chunk) for chunk in chunks(parts, finish)])
        return json_answer(answer(parts, finish))

    return scenario


def retold(change):
    return lambda request: Answer(headers=EVENT_STREAM, pieces=change(ORDINARY))


def broken_after(count, *last, cut=False):
    """A scenario whose stream is ordinary for `count` chunks and ends with `last`."""
    return lambda request: Answer(headers=EVENT_STREAM, pieces=[*ORDINARY[:count], BREATH_S, *last], cut=cut)


def error_body(status, word, message="it went wrong", **more):
    return {"error": {"code": status, "message": message, "status": word, **more}}


def refused(status, word, details=None, **headers):
    more = {"details": details} if details else {}
    return lambda request: json_answer(error_body(status, word, **more), status, **headers)


def error_event():
    return sse(error_body(503, "UNAVAILABLE", "the model fell over"))


def tool_loop(request):
    """Wants both tools, and answers once their results are there."""
    parts = [part for turn in request.body["contents"] for part in turn["parts"]]
    results = [part["functionResponse"] for part in parts if "functionResponse" in part]
    if not results:
        return SCENARIOS["text-and-tools"](request)
    words = " and ".join(str(word) for result in results for word in result["response"].values())
    return told({"text": f"told by {len(results)}: {words}"})(request)


def structured(request):
    asked = request.body.get("generationConfig") or {}
    if not (asked.get("responseSchema") or asked.get("responseJsonSchema")):
        return json_answer(error_body(400, "INVALID_ARGUMENT", "no schema arrived"), 400)
    return told({"text": '{"name": "Ada", "born": 1815, "tags": ["x", "\u00fc"]}'})(request)


def echo(request):
    told_back = json.dumps({"body": request.body, "type": request.headers["content-type"]}, sort_keys=True)
    return told({"text": told_back})(request)


def blocked(request):
    body = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 11}, **ENVELOPE}
    return Answer(headers=EVENT_STREAM, pieces=[sse(body)]) if streams(request) else json_answer(body)


def unknown(request):
    if not streams(request):
        return json_answer({**answer([{**TEXT, "xInner": "kept"}], "STOP"), "xNew": {"a": [1, 2.50, None]}})
    first, *rest = chunks([TEXT], "STOP")
    return Answer(headers=EVENT_STREAM, pieces=[sse(chunk) for chunk in [{**first, "xNew": {"a": [1]}}, *rest]])


def grounded(request):
    metadata = {"groundingChunks": [{"web": {"uri": "https://example.com", "title": "t"}}], "webSearchQueries": ["q"]}
    last = {"candidates": [candidate([{"text": "."}], "STOP", groundingMetadata=metadata)], **ENVELOPE}
    if not streams(request):
        whole = {"text": "".join(tokens(TEXT["text"])[:-1]) + "."}
        return json_answer({**answer([whole], "STOP"), "candidates": [
            candidate([whole], "STOP", groundingMetadata=metadata),
        ]})
    return Answer(headers=EVENT_STREAM, pieces=[*ORDINARY[:-1], sse({**last, "usageMetadata": USAGE})])


def endless(request):
    piece = sse({"candidates": [candidate([{"text": "x"}])], **ENVELOPE})
    return Answer(headers=EVENT_STREAM, pieces=itertools.chain(*((piece, 0.02) for _ in range(500))))


SCENARIOS = {
    "plain": told(TEXT),
    "tool": told(WEATHER),
    "tools": told(TEXT, WEATHER, CLOCK),
    # As the other dialects' scenarios have them.
    "text-and-tools": told(
        TEXT,
        {"functionCall": {**WEATHER["functionCall"], "id": "call_weather"}},
        {"functionCall": {"id": "call_clock", "name": "clock", "args": {"zone": "CET"}}},
    ),
    "tool-loop": tool_loop,
    "structured": structured,
    "thinking": told(THOUGHT, SIGNED),
    "thinking-tool": told(THOUGHT, WEATHER),
    "length": told(TEXT, finish="MAX_TOKENS"),
    "filtered": told(TEXT, finish="SAFETY"),
    "nothing": told(),
    "blocked": blocked,
    "grounded": grounded,
    "page": told({"text": LONG_TEXT[:65_536]}),
    "unknown": unknown,
    "echo": echo,
    # Oddly told.
    "lf": retold(lambda pieces: [piece.replace(b"\r\n", b"\n") for piece in pieces]),
    "one-byte": retold(one_byte_each),
    "one-packet": retold(lambda pieces: [b"".join(pieces)]),
    "usage-behind": retold(lambda pieces: [*pieces, sse({"candidates": [], "usageMetadata": USAGE, **ENVELOPE})]),
    "json-for-stream": lambda request: json_answer(answer([TEXT], "STOP")),
    # Not complete.
    "no-finish": broken_after(-1),
    "no-events": broken_after(0),
    "cut-late": broken_after(2, cut=True),
    "error-late": broken_after(2, error_event()),
    "garbage-late": broken_after(2, b"data: {oops\n\n"),
    # Time.
    "slow": lambda request: dataclasses.replace(told(TEXT)(request), pause_s=SILENCE_S),
    "endless": endless,
    # Refusals.
    "error-400": refused(400, "INVALID_ARGUMENT"),
    "error-401": refused(401, "UNAUTHENTICATED"),
    "error-403": refused(403, "PERMISSION_DENIED"),
    "error-404": refused(404, "NOT_FOUND"),
    "error-429": refused(429, "RESOURCE_EXHAUSTED"),
    "error-500": refused(500, "INTERNAL"),
    "error-503": refused(503, "UNAVAILABLE"),
    "once-429": at_first(refused(429, "RESOURCE_EXHAUSTED", retry_after_ms="20"), told(TEXT)),
    "once-500": at_first(refused(500, "INTERNAL", retry_after_ms="20"), told(TEXT)),
    "error-key": refused(400, "INVALID_ARGUMENT", [{"reason": "API_KEY_INVALID"}]),
    "error-html": lambda request: Answer(503, {"content-type": "text/html"}, b"<html>down for maintenance</html>"),
}

REFUSAL_OF_KEY = error_body(401, "UNAUTHENTICATED", "incorrect key")
