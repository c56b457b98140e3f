"""What the scripted provider does behind `…:generateContent`, by scenario name; as `chat_scenarios`, in
Google's dialect, in which path and not body tell the model and whether to stream."""

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

PATH = r"/v1(beta|alpha)?/models/(?P<model>[^:]+):(generateContent|streamGenerateContent)"
USAGE = {
    "promptTokenCount": 11, "cachedContentTokenCount": 3, "candidatesTokenCount": 5, "thoughtsTokenCount": 2,
    "totalTokenCount": 18,
}
ABOUT = {"usageMetadata": USAGE, "modelVersion": "scripted-1", "responseId": "scripted-response"}
TEXT = "Hello, w\u00f6rld: 1 \\ \"2\" \U0001f600."
THOUGHT = {"text": "Let me see \u2026 yes.", "thought": True}
WEATHER = {"functionCall": {"id": "call_weather", "name": "weather", "args": {"city": "K\u00f6ln", "days": 2}}}
CLOCK = {"functionCall": {"id": "call_clock", "name": "clock", "args": {"zone": "CET"}}}
PERSON = '{"name": "Ada", "born": 1815, "tags": ["x", "\u00fc"]}'
# As many events as hold three pieces of text.
LATE = 3
# By status, as `google.rpc.Code` has them.
WORDS = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}


def streams(request):
    return request.path.endswith(":streamGenerateContent")


def response(parts, finish=None, **more):
    candidate = {"content": {"role": "model", "parts": parts}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], **ABOUT, **more}


def pieces(parts):
    """Text in pieces; whatever else there is comes whole."""
    for part in parts:
        for text in tokens(part["text"]) if "text" in part else [None]:
            yield part if text is None else {**part, "text": text}


def responses(parts, finish):
    *first, last = pieces(parts)
    return [*(response([part]) for part in first), response([last], finish)]


def sse(value):
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\r\n\r\n"


def told(*parts, finish="STOP"):
    """A scenario that answers well, streamed or not as asked."""

    def scenario(request):
        if streams(request):
            return Answer(headers=EVENT_STREAM, pieces=[sse(value) for value in responses(parts, finish)])
        return json_answer(response([*parts], finish))

    return scenario


ORDINARY = [sse(value) for value in responses([{"text": TEXT}], "STOP")]


def retold(change):
    return lambda request: Answer(headers=EVENT_STREAM, pieces=change(ORDINARY))


def broken_after(count, *last, cut=False):
    """A scenario whose stream is ordinary for `count` events and ends with `last`."""
    return lambda request: Answer(headers=EVENT_STREAM, pieces=[*ORDINARY[:count], BREATH_S, *last], cut=cut)


def error_body(code, message="it went wrong"):
    return {"error": {"code": code, "message": message, "status": WORDS[code]}}


def refused(status, **headers):
    return lambda request: json_answer(error_body(status), status, **headers)


def error_event():
    return sse(error_body(503, "the model fell over"))


def blocked(request):
    """A prompt that is not answered at all."""
    value = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, **ABOUT}
    return Answer(headers=EVENT_STREAM, pieces=[sse(value)]) if streams(request) else json_answer(value)


def tool_loop(request):
    """Wants both tools, and answers once their results are there."""
    parts = [part for turn in request.body["contents"] for part in turn["parts"]]
    results = [part["functionResponse"] for part in parts if "functionResponse" in part]
    if not results:
        return SCENARIOS["text-and-tools"](request)
    words = " and ".join(word for result in results for word in result["response"].values())
    return told({"text": f"told by {len(results)}: {words}"})(request)


def structured(request):
    asked = request.body.get("generationConfig") or {}
    if not (asked.get("responseSchema") or asked.get("responseJsonSchema")):
        return json_answer(error_body(400, "no schema arrived"), 400)
    return told({"text": PERSON})(request)


def echo(request):
    return told({"text": json.dumps(request.body, sort_keys=True)})(request)


def unknown(request):
    """Fields that the SDK does not know."""
    value = response([{"text": TEXT, "xInner": "kept"}], "STOP", xNew={"a": [1, 2.50, None]})
    return Answer(headers=EVENT_STREAM, pieces=[sse(value)]) if streams(request) else json_answer(value)


def endless(request):
    piece = sse(response([{"text": "x"}]))
    return Answer(headers=EVENT_STREAM, pieces=itertools.chain(*((piece, 0.02) for _ in range(500))))


SCENARIOS = {
    "plain": told({"text": TEXT}),
    "thought": told(THOUGHT, {"text": TEXT, "thoughtSignature": "c2lnbmF0dXJl"}),
    "tool": told(WEATHER),
    "tools": told(WEATHER, CLOCK),
    "text-and-tools": told({"text": TEXT}, WEATHER, CLOCK),
    "tool-loop": tool_loop,
    "structured": structured,
    "length": told({"text": TEXT}, finish="MAX_TOKENS"),
    "filtered": told({"text": TEXT}, finish="SAFETY"),
    "blocked": blocked,
    "page": told({"text": LONG_TEXT[:65_536]}),
    "unknown": unknown,
    "echo": echo,
    # Oddly told.
    "lf": retold(lambda told: [piece.replace(b"\r\n", b"\n") for piece in told]),
    "one-byte": retold(one_byte_each),
    "one-packet": retold(lambda told: [b"".join(told)]),
    # Not complete.
    "no-finish": broken_after(LATE),
    "no-done": broken_after(LATE),
    "no-events": broken_after(0),
    "cut-early": broken_after(0, cut=True),
    "cut-late": broken_after(LATE, cut=True),
    "error-early": broken_after(0, error_event()),
    "error-late": broken_after(LATE, error_event()),
    "garbage-late": broken_after(LATE, b"data: {oops\r\n\r\n"),
    # Time.
    "slow": lambda request: dataclasses.replace(told({"text": TEXT})(request), pause_s=SILENCE_S),
    "endless": endless,
    # Refusals.
    **{f"error-{status}": refused(status) for status in WORDS},
    "error-429-wait": refused(429, retry_after="1"),
    # Trouble that passes.
    "once-429": at_first(refused(429, retry_after_ms="20"), told({"text": TEXT})),
    "once-500": at_first(refused(500, retry_after_ms="20"), told({"text": TEXT})),
}

REFUSAL_OF_KEY = error_body(401, "incorrect key")

# Which of them both languages' SDKs meet.
WHOLE = ["plain", "thought", "length", "filtered", "blocked", "page", "unknown"]
STREAMED = [
    "plain", "thought", "length", "filtered", "blocked", "page", "unknown", "lf", "one-byte", "one-packet", "no-finish",
    "no-events", "cut-early", "cut-late", "error-early", "error-late", "garbage-late", "error-400", "error-429-wait",
    "error-503",
]
REFUSED = [
    "error-400", "error-401", "error-403", "error-404", "error-429", "error-429-wait", "error-500", "error-503",
    "error-504",
]

# The messages with which the gateway tells trouble with the provider, by scenario.
TROUBLE = {
    "no-finish": "the provider's stream ended before the answer was complete",
    "no-events": "the provider's stream ended before the answer was complete",
    "cut-early": "Provider `gemini-mock` closed the connection in the middle of its answer.",
    "cut-late": "Provider `gemini-mock` closed the connection in the middle of its answer.",
    "garbage-late": "the provider sent an event that is not JSON",
}
REJECTED = "the provider `gemini-mock` rejects the gateway's credential; its operator must check api_key"
