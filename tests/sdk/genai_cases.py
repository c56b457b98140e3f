"""Which calls meet which scenarios in Gemini's dialect, and where the gateway is meant to differ."""

import asyncio

from google import genai

import genai_calls as calls
import genai_scenarios as scenarios
from chat_cases import INCOMPLETE
from chat_cases import OWN_TROUBLE
from comparison import Difference
from comparison import raised

FAMILY = "google"
VERSION = genai.__version__


class Asynchronous:
    """The asynchronous half of a client; its other half has to live as long."""

    def __init__(self, client):
        self.client = client
        self.models = client.aio.models
        self.chats = client.aio.chats

    async def close(self):
        await self.client.aio.aclose()
        await asyncio.to_thread(self.client.close)


def client(kind, url, key, timeout):
    """A client of the kind `sync` or `async`."""
    made = genai.Client(api_key=key, vertexai=False, http_options={"base_url": url, "timeout": int(timeout * 1000)})
    return Asynchronous(made) if kind == "async" else made


def difference(name):
    """The difference meant for a case, if there is one."""
    return DIFFERENCES.get(name)


WHOLE = ["plain", "thinking", "length", "filtered", "nothing", "blocked", "grounded", "page", "unknown"]
STREAMED = [
    *WHOLE, "lf", "one-byte", "one-packet", "usage-behind", "json-for-stream", "no-finish", "no-events", "cut-late",
    "error-late", "garbage-late", "error-400", "error-429",
]
REFUSED = [
    "error-400", "error-401", "error-403", "error-404", "error-429", "error-500", "error-503", "error-key", "error-html",
]
CASES = [
    *((f"whole, {name}", calls.whole, name) for name in WHOLE + REFUSED),
    *((f"streamed, {name}", calls.streamed, name) for name in STREAMED),
    ("whole, tool", calls.whole_with_tools, "tool"),
    ("whole, tools", calls.whole_with_tools, "tools"),
    ("whole, thinking and tool", calls.whole_with_tools, "thinking-tool"),
    ("streamed, tools", calls.streamed_with_tools, "tools"),
    ("streamed, thinking and tool", calls.streamed_with_tools, "thinking-tool"),
    ("after tools", calls.after_tools, "echo"),
    ("media", calls.media, "echo"),
    ("unusual fields", calls.unusual_fields, "echo"),
    ("chat", calls.chat, "plain"),
    ("chat, thinking", calls.chat, "thinking"),
    ("impatient", calls.impatient, "slow"),
    ("left early", calls.left_early, "endless"),
]
LEFT = {"left early"}
# The asynchronous client does not close the connection of a stream that it leaves.
HEAVY = {"left early"}

# What the SDK calls the fields that every answer has.
ENVELOPE = {"model_version": "scripted-1", "response_id": "scripted-Id_1"}
USAGE = {
    "prompt_token_count": 11, "candidates_token_count": 5, "thoughts_token_count": 2, "total_token_count": 18,
    "cached_content_token_count": 3, "prompt_tokens_details": [{"modality": "TEXT", "token_count": 11}],
}


def failed(why, message, code=502, status="UNAVAILABLE"):
    """An error of Google's envelope, which the SDK raises by its code."""
    error = {"code": code, "status": status, "message": message}
    return Difference(why, {"error": error, "raised": raised("ServerError", None, None, code=code)})


REJECTED = failed(
    "the rejected key is the gateway's, not the caller's, and what the provider says may quote it",
    "the provider `gemini-mock` rejects the gateway's credential; its operator must check api_key",
)
UNFINISHED = failed(INCOMPLETE, "the provider's stream ended before the answer was complete")
FIRST = {"content": {"parts": [scenarios.TEXT], "role": "model"}, "index": 0}
LAST = {"content": {"parts": [{"text": ""}], "role": "model"}, "finish_reason": "STOP", "index": 0}
TOLD_AS_STREAM = [
    {"candidates": [FIRST], **ENVELOPE},
    {"candidates": [LAST], **ENVELOPE, "usage_metadata": USAGE},
]

DIFFERENCES = {
    "whole, error-401": REJECTED,
    "whole, error-key": REJECTED,
    "whole, error-html": Difference("a page is no answer", {
        "error.status": "UNAVAILABLE",
        "error.message": "the provider answered with status 503 and no readable error",
    }),
    "streamed, json-for-stream": Difference(
        "a stream was asked for, so the whole answer is told as one, its end in a chunk of its own",
        {"chunks": TOLD_AS_STREAM},
    ),
    "streamed, no-finish": UNFINISHED,
    "streamed, no-events": UNFINISHED,
    "streamed, cut-late": failed(OWN_TROUBLE, "Provider `gemini-mock` closed the connection in the middle of its answer."),
    "streamed, garbage-late": failed(OWN_TROUBLE, "the provider sent an event that is not JSON"),
}
