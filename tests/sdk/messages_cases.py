"""Which calls meet which scenarios in the Anthropic dialect, and where the gateway is meant to differ."""

import anthropic

import messages_calls as calls
import messages_scenarios as scenarios
from comparison import BEFORE_CONTENT
from comparison import Difference
from comparison import INCOMPLETE
from comparison import NOT_THE_CALLERS_ACCOUNT
from comparison import NOT_THE_CALLERS_KEY
from comparison import OWN_TROUBLE
from comparison import raised

FAMILY = "anthropic"
VERSION = anthropic.__version__


def client(kind, url, key, **options):
    """A client of the kind `sync` or `async`."""
    make = {"sync": anthropic.Anthropic, "async": anthropic.AsyncAnthropic}[kind]
    return make(base_url=url, api_key=key, **options)



WHOLE = [
    "plain", "thinking", "refusal", "length", "paused", "stop-sequence", "nothing", "page", "unknown", "once-429",
    "once-529", "once-closed",
]
STREAMED = [
    *WHOLE, "crlf", "one-byte", "one-packet", "comments", "json-for-stream", "no-stop", "no-finish", "no-events",
    "cut-early", "cut-late", "error-early", "error-late", "garbage-late", "error-400", "error-429-wait", "error-529",
]
REFUSED = [
    "error-400", "error-401", "error-402", "error-403", "error-404", "error-413", "error-422", "error-429",
    "error-429-wait", "error-429-stop", "error-500", "error-503", "error-529", "error-html",
]
CASES = [
    *((f"whole, {name}", calls.whole, name) for name in WHOLE + REFUSED),
    *((f"streamed, {name}", calls.streamed, name) for name in STREAMED),
    ("whole, tool", calls.whole_with_tools, "tool"),
    ("whole, tools", calls.whole_with_tools, "tools"),
    ("whole, after tools", calls.whole_after_tools, "echo"),
    ("streamed, tool", calls.streamed_with_tools, "tool"),
    ("streamed, tools", calls.streamed_with_tools, "tools"),
    ("thinking asked for", calls.with_thinking, "echo"),
    ("thinking and tool, streamed", calls.streamed_with_tools, "thinking-tool"),
    ("unusual fields", calls.unusual_fields, "echo"),
    ("unusual fields, streamed", calls.unusual_fields_streamed, "echo"),
    ("helper", calls.helper, "plain"),
    ("helper, thinking", calls.helper, "thinking"),
    ("helper, tools", calls.helper_with_tools, "tools"),
    ("helper, text", calls.helper_text, "plain"),
    ("helper, error", calls.helper, "error-late"),
    ("raw", calls.raw, "plain"),
    ("raw lines", calls.raw_lines, "tools"),
    ("raw body", calls.raw_body, "plain"),
    ("impatient", calls.impatient, "slow"),
    ("impatient, streamed", calls.impatient_streamed, "slow"),
    ("impatient, stalled", calls.impatient_streamed, "stalled"),
    ("left early", calls.left_early, "endless"),
]
LEFT = {"impatient, streamed", "impatient, stalled", "left early"}


def failed(why, message, name="InternalServerError", status=502, type="api_error"):
    """A status error instead of a broken or senseless answer; the SDK tries those three times."""
    return Difference(why, {"raised": raised(name, status, message, type=type), "provider.attempts": 3})


def failed_before_content(why, message, **more):
    """The same where a stream was asked for and had not got as far as content."""
    difference = failed(why, message, **more)
    difference.through["events"] = []
    return difference


def broken(why, message):
    """An error event behind what was already streamed; the SDK tells the status of the stream's head."""
    return Difference(why, {"raised": raised("APIStatusError", 200, message, type="api_error")})


CLOSED = "Provider `claude-mock` closed the connection in the middle of its answer."
UNFINISHED = "the provider's stream ended before the answer was complete"
NO_USAGE = {
    "input_tokens": 0, "output_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
    "service_tier": "standard",
}
WHOLE_USAGE = {**scenarios.INPUT_USAGE, "output_tokens": 7, "service_tier": "standard"}
TOLD_AS_STREAM = [
    {"type": "message_start", "message": {
        **scenarios.ENVELOPE, "content": [], "stop_reason": None, "stop_sequence": None, "usage": NO_USAGE,
    }},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": scenarios.TEXT["text"]}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": WHOLE_USAGE,
    },
    {"type": "message_stop"},
]

DIFFERENCES = {
    "streamed, json-for-stream": Difference(
        "a stream was asked for, so the whole answer is told as one; the SDK alone sees no event and no error",
        {"events": TOLD_AS_STREAM},
    ),
    "streamed, no-events": failed_before_content(INCOMPLETE, UNFINISHED),
    "streamed, no-stop": broken(INCOMPLETE, UNFINISHED),
    "streamed, no-finish": broken(INCOMPLETE, UNFINISHED),
    "streamed, cut-early": failed_before_content(BEFORE_CONTENT, CLOSED),
    "streamed, cut-late": broken(OWN_TROUBLE, CLOSED),
    "streamed, error-early": failed_before_content(
        BEFORE_CONTENT, "the model fell over", name="OverloadedError", status=529, type="overloaded_error"
    ),
    "streamed, garbage-late": broken(OWN_TROUBLE, "the provider sent an event that is not JSON"),
    "whole, error-402": failed(
        NOT_THE_CALLERS_ACCOUNT,
        "the provider `claude-mock` says that the gateway's account there is out of credit; its operator must fill it",
    ),
    "whole, error-401": failed(
        NOT_THE_CALLERS_KEY,
        "the provider `claude-mock` rejects the gateway's credential; its operator must check api_key",
    ),
    "whole, error-html": Difference("a page is no message", {
        "raised.message": "the provider answered with status 503 and no readable error",
        "raised.type": "api_error",
    }),
    "impatient": Difference(
        "a caller who waits for a whole answer may have closed its sending side only (server.half_close); what it "
        "asks again joins what is still being asked",
        {"provider.attempts": 1},
    ),
}
