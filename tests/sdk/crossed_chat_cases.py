"""The OpenAI SDK answered by a provider in Anthropic's dialect. Its scenarios have the names and the words
of those in OpenAI's, so what the SDK tells must be the same as if the provider spoke its own."""

import json

import chat_calls as calls
import chat_cases
import chat_scenarios
import messages_scenarios as scenarios
from chat_cases import FAMILY
from chat_cases import VERSION
from chat_cases import client
from comparison import BEFORE_CONTENT
from comparison import Difference
from comparison import INCOMPLETE
from comparison import OWN_TROUBLE
from comparison import raised

TITLE = f"openai {VERSION}, answered in Anthropic's dialect"
PREFIX = "cross"
LEFT = chat_cases.LEFT
RAISING = {"parsed, length"}
WHOLE = ["plain", "thought", "length", "filtered", "page", "once-429", "once-500", "once-closed", "cut-whole"]
STREAMED = [
    "plain", "thought", "length", "filtered", "page", "crlf", "one-byte", "one-packet", "comments", "no-done",
    "no-finish", "no-events", "cut-early", "cut-late", "error-early", "error-late", "garbage-late", "once-429",
    "once-500", "once-closed",
    "error-400", "error-429-wait",
]
REFUSED = [
    "error-400", "error-401", "error-403", "error-404", "error-413", "error-422", "error-429", "error-429-wait",
    "error-429-stop", "error-500", "error-503", "error-529", "error-html",
]
OTHERS = [
    ("everything", calls.everything, "understood"),
    ("one tool only", calls.one_tool_only, "understood"),
    ("schema understood", calls.schema_understood, "understood"),
    ("whole, tools", calls.whole_with_tools, "text-and-tools"),
    ("streamed, tools", calls.streamed_with_tools, "text-and-tools"),
    ("parsed", calls.parsed, "structured"),
    ("parsed, length", calls.parsed, "length"),
    ("helper", calls.helper, "plain"),
    ("helper, schema", calls.helper_with_schema, "structured"),
    ("helper, tools", calls.helper_with_tools, "text-and-tools"),
    ("raw", calls.raw, "plain"),
    ("raw, streamed", calls.raw_streamed, "plain"),
    ("impatient, streamed", calls.impatient_streamed, "slow"),
    ("impatient, stalled", calls.impatient_streamed, "stalled"),
    ("left early", calls.left_early, "endless"),
]
CASES = [
    *((f"whole, {name}", calls.whole, name) for name in WHOLE + REFUSED),
    *((f"streamed, {name}", calls.streamed, name) for name in STREAMED),
    *OTHERS,
]



# The scripted providers count their own prompts.
COUNTED = {11: "the prompt", 16: "the prompt"}


def comparable(seen):
    """Without what each provider has of its own: ids, numbers, and spaces in the arguments of a call."""
    if "id" in seen:
        seen |= {"id": bool(seen["id"]), "fingerprint": None, "usage": counted(seen["usage"])}
    for choice in seen.get("choices", []):
        choice["calls"] = [[id, kind, name, json.loads(arguments)] for id, kind, name, arguments in choice["calls"]]
    if "stream" in seen:
        stream = seen["stream"]
        stream |= {"ids": len(stream["ids"]), "usage": [[counted(usage), where] for usage, where in stream["usage"]]}
        for choice in stream["choices"].values():
            for call in choice["calls"].values():
                call["arguments"] = json.loads(call["arguments"])
    return seen


def counted(usage):
    counted = {"in": COUNTED[usage["prompt_tokens"]], "out": usage["completion_tokens"]}
    counted["cached"] = usage["prompt_tokens_details"]["cached_tokens"]
    return counted | {"adds up": usage["prompt_tokens"] + usage["completion_tokens"] == usage["total_tokens"]}


# What a refusal is called by a provider that has Anthropic's types, and the code it gets in OpenAI's dialect.
TYPES = {
    "400": "invalid_request_error", "403": "permission_error", "404": "not_found_error", "413": "request_too_large",
    "422": "invalid_request_error", "429": "rate_limit_error", "500": "api_error", "503": "api_error",
    "529": "overloaded_error",
}
CODES = {"429": "rate_limit_exceeded"}
NOTHING = {"chunks": 0, "ids": 0, "models": [], "usage": [], "extras": [], "choices": {}}
CLOSED = "Provider `claude-mock` closed the connection in the middle of its answer."
REJECTED = "the provider `claude-mock` rejects the gateway's credential; its operator must check api_key"
NO_EVENT = "the provider's stream holds something that is not an event of a message"
EVENT = "the model fell over"


def refused(name):
    """The scripted providers do not name their refusals alike."""
    status = name.split("-")[1]
    named = {"raised.type": TYPES[status], "raised.param": None, "raised.code": CODES.get(status)}
    return Difference("a refusal keeps the type that its provider gave it", named)


def failed_before_content(why, message):
    return chat_cases.failed(why, message).but(stream=NOTHING)


def broken(why, message, **more):
    return chat_cases.broken(why, message).but(**more)


# What a caller must send back with the next turn, in the field that others use for it too.
SIGNED = {"thinking_blocks": [scenarios.THOUGHT]}
# Lists in deltas number their entries.
NUMBERED = {"thinking_blocks": [{"index": 0, **scenarios.THOUGHT}]}
WORDS = [{"reasoning_content": text} for text in chat_scenarios.tokens(scenarios.THOUGHT["thinking"])]
OVERLOADED = raised("InternalServerError", 529, EVENT, type="overloaded_error")

DIFFERENCES = {
    "whole, thought": Difference("a signature must not be lost", {
        "choices.0.extras": {"reasoning_content": scenarios.THOUGHT["thinking"], **SIGNED},
    }),
    "streamed, thought": Difference("a signature must not be lost", {
        "stream.choices.0.extras": [*WORDS, NUMBERED], "stream.chunks": 11,
    }),
    **{f"whole, {name}": refused(name) for name in REFUSED if name not in ("error-401", "error-html")},
    "streamed, error-400": refused("error-400"),
    "streamed, error-429-wait": refused("error-429-wait"),
    "whole, error-401": chat_cases.failed(chat_cases.DIFFERENCES["whole, error-401"].why, REJECTED),
    "whole, error-html": chat_cases.DIFFERENCES["whole, error-html"],
    "whole, cut-whole": chat_cases.failed(OWN_TROUBLE, CLOSED),
    "streamed, no-events": failed_before_content(INCOMPLETE, chat_cases.UNFINISHED),
    # A translated answer is called finished when its stream is complete, and not before.
    "streamed, no-done": broken(
        INCOMPLETE, chat_cases.UNFINISHED, stream__chunks=5, stream__usage=[], stream__choices__0__finish=[]
    ),
    "streamed, no-finish": broken(INCOMPLETE, chat_cases.UNFINISHED),
    "streamed, cut-early": failed_before_content(BEFORE_CONTENT, CLOSED),
    "streamed, cut-late": broken(OWN_TROUBLE, CLOSED),
    "streamed, error-early": failed_before_content(BEFORE_CONTENT, EVENT).but(raised=OVERLOADED),
    "streamed, error-late": Difference(
        "an error keeps the type that its provider gave it",
        {"raised.type": "overloaded_error", "raised.code": None},
    ),
    "streamed, garbage-late": broken(OWN_TROUBLE, NO_EVENT),
}
