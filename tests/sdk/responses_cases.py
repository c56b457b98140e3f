"""Which calls meet which scenarios, and where the gateway is meant to differ; as `chat_cases`."""

import dataclasses

import openai

import responses_calls as calls
from chat_cases import CLOSED
from chat_cases import NOT_JSON_EVENT
from chat_cases import UNFINISHED
from chat_cases import client
from comparison import Difference
from comparison import INCOMPLETE
from comparison import OWN_TROUBLE
from comparison import raised

FAMILY = "openai"
# The provider counts by model names, which must not be those of the other dialect's suite.
VERSION = f"{openai.__version__}-responses"

WHOLE = [
    "plain", "two", "thinking", "refusal", "searched", "logprobs", "length", "filtered", "nothing", "page", "unknown",
    "failed", "once-429", "once-500", "once-closed",
]
STREAMED = [
    "plain", "two", "thinking", "refusal", "searched", "logprobs", "length", "filtered", "nothing", "unknown", "crlf",
    "one-byte", "one-packet", "comments", "done", "no-end", "no-events", "cut-early", "cut-late",
    "error-early", "error-late", "failed-late", "garbage-late", "error-400", "error-429-wait", "once-429", "once-500",
]
REFUSED = [
    "error-400", "error-401", "error-403", "error-404", "error-409", "error-413", "error-422", "error-429", "error-500",
    "error-503", "error-429-wait", "error-429-stop", "error-html",
]
OTHERS = [
    ("whole, tool", calls.whole_with_tools, "tool"),
    ("whole, tools", calls.whole_with_tools, "tools"),
    ("streamed, tool", calls.streamed_with_tools, "tool"),
    ("streamed, tools", calls.streamed_with_tools, "tools"),
    ("streamed, thinking and tool", calls.streamed_with_tools, "thinking-tool"),
    ("next turn", calls.next_turn, "thinking-tool"),
    ("unusual fields", calls.unusual_fields, "echo"),
    ("unusual fields, streamed", calls.unusual_fields_streamed, "echo"),
    ("long prompt", calls.long_prompt, "echo"),
    ("parsed", calls.parsed, "structured"),
    ("parsed, refusal", calls.parsed, "refusal"),
    ("parsed, tools", calls.parsed_tools, "tools"),
    ("helper", calls.helper, "plain"),
    ("helper, two", calls.helper, "two"),
    ("helper, thinking", calls.helper, "thinking"),
    ("helper, schema", calls.helper_with_schema, "structured"),
    ("helper, tools", calls.helper_with_tools, "tools"),
    ("raw", calls.raw, "plain"),
    ("raw, after a retry", calls.raw, "once-429"),
    ("raw, error", calls.raw, "error-400"),
    ("raw lines", calls.raw_lines, "tools"),
    ("impatient, streamed", calls.impatient_streamed, "slow"),
    ("impatient, stalled", calls.impatient_streamed, "stalled"),
    ("left early", calls.left_early, "endless"),
]
# Cases in which the provider must have seen its client leave.
LEFT = {"impatient, streamed", "impatient, stalled", "left early"}

CASES = [
    *((f"whole, {name}", calls.whole, name) for name in WHOLE + REFUSED),
    *((f"streamed, {name}", calls.streamed, name) for name in STREAMED),
    *OTHERS,
]

CLOSED = CLOSED.replace("`mock`", "`responses-mock`")
MESSAGE = "the model fell over"
FAILED = "a response that failed is an error, as everywhere else, so that the gateway may try elsewhere"
NOTHING = {"events": [], "deltas": {}}


def status_error(message, status=502, code="upstream_error"):
    """What the SDK makes of a status instead of an answer; it tries three times."""
    error = raised("InternalServerError", status, message, code, "server_error")
    return {"raised": error, "provider.attempts": 3}


def stream_error(message, code="upstream_error"):
    """What the SDK makes of an error event behind what was already streamed."""
    return {"raised": raised("APIError", None, message, code, "server_error")}


@dataclasses.dataclass
class InsteadOfLast(Difference):
    """A difference that also replaces the last event, by which the provider says that it failed."""

    def applied_to(self, outcome):
        outcome = super().applied_to(outcome)
        outcome["events"].pop()
        return outcome


@dataclasses.dataclass
class InsteadOfAll(Difference):
    """A difference whose answer is an object that is not there."""

    def applied_to(self, outcome):
        return super().applied_to({"provider": outcome["provider"]})


DIFFERENCES = {
    "whole, failed": InsteadOfAll(FAILED, status_error(MESSAGE, 500, "server_error")),
    "whole, error-401": Difference(
        "the rejected key is the gateway's, not the caller's, and what the provider says may quote it",
        status_error("the provider `responses-mock` rejects the gateway's credential; its operator must check api_key"),
    ),
    "whole, error-html": Difference("a page is no message", {
        "raised.message": "the provider answered with status 503 and no readable error",
        "raised.type": "server_error",
    }),
    # Streams that are not complete. The SDK alone takes some of them for whole answers.
    "streamed, no-end": Difference(INCOMPLETE, stream_error(UNFINISHED)),
    "streamed, no-events": Difference(INCOMPLETE, status_error(UNFINISHED)),
    "streamed, cut-early": Difference(OWN_TROUBLE, {**NOTHING, **status_error(CLOSED)}),
    "streamed, cut-late": Difference(OWN_TROUBLE, stream_error(CLOSED)),
    "streamed, error-early": Difference(FAILED, {**NOTHING, **status_error(MESSAGE, 500, "server_error")}),
    "streamed, error-late": InsteadOfLast(FAILED, stream_error(MESSAGE, "server_error")),
    "streamed, failed-late": InsteadOfLast(FAILED, stream_error(MESSAGE, "server_error")),
    "streamed, garbage-late": Difference(OWN_TROUBLE, stream_error(NOT_JSON_EVENT)),
}
