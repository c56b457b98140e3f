"""Which calls meet which scenarios, and where the gateway is meant to differ.

A case passes when its outcome through the gateway equals its outcome without. Where the gateway is
meant to differ, the difference stands in `DIFFERENCES` with its reason; a difference that has vanished
fails too, so that the table stays true.
"""

import openai

import chat_calls as calls
import chat_scenarios as scenarios
from comparison import BEFORE_CONTENT
from comparison import Difference
from comparison import INCOMPLETE
from comparison import NOT_THE_CALLERS_ACCOUNT
from comparison import NOT_THE_CALLERS_KEY
from comparison import OWN_TROUBLE
from comparison import raised

FAMILY = "openai"
VERSION = openai.__version__


def client(kind, url, key, **options):
    """A client of the kind `sync` or `async`."""
    make = {"sync": openai.OpenAI, "async": openai.AsyncOpenAI}[kind]
    return make(base_url=f"{url}/v1", api_key=key, **options)


def difference(name):
    """The difference meant for a case under this version of the SDK, if there is one."""
    major = VERSION.split(".")[0]
    return DIFFERENCES.get((name, major)) or DIFFERENCES.get(name)


WHOLE = [
    "plain", "thought", "refusal", "two", "empty", "nothing", "length", "filtered", "page", "unknown", "logprobs",
    "as-text", "compressed", "cut-whole", "html", "once-429", "once-500", "once-closed",
]
STREAMED = [
    "plain", "thought", "refusal", "two", "empty", "nothing", "length", "filtered", "unknown", "logprobs",
    "usage-in-last-choice", "usage-null-choices", "usage-missing", "comments", "crlf", "one-byte", "one-packet",
    "two-data-lines", "no-space", "event-lines", "ids-and-retry", "empty-data", "no-blank-after-done", "after-done",
    "long-event", "sse-as-json", "json-for-stream", "no-done", "no-finish", "no-events", "cut-early", "cut-late",
    "error-early", "error-late", "error-late-named", "garbage-early", "garbage-late", "error-400", "error-404",
    "error-429-wait", "error-500", "once-429", "once-500", "once-closed",
]
REFUSED = [
    "error-400", "error-401", "error-402", "error-403", "error-404", "error-408", "error-409", "error-413", "error-422",
    "error-429", "error-500", "error-502", "error-503", "error-529", "error-429-wait", "error-429-stop",
    "error-500-stop", "error-400-again", "error-nulls", "error-bare", "error-number", "error-text", "error-flat",
    "error-html", "error-empty",
]
OTHERS = [
    ("whole, tool", calls.whole_with_tools, "tool"),
    ("whole, tools", calls.whole_with_tools, "tools"),
    ("whole, text and tool", calls.whole_with_tools, "text-and-tool"),
    ("whole, after tools", calls.whole_after_tools, "echo"),
    ("streamed, tool", calls.streamed_with_tools, "tool"),
    ("streamed, tools", calls.streamed_with_tools, "tools"),
    ("streamed, text and tool", calls.streamed_with_tools, "text-and-tool"),
    ("streamed without usage, plain", calls.streamed_without_usage, "plain"),
    ("streamed without usage, usage-in-last-choice", calls.streamed_without_usage, "usage-in-last-choice"),
    ("streamed without usage, usage-unasked", calls.streamed_without_usage, "usage-unasked"),
    ("unusual fields", calls.unusual_fields, "echo"),
    ("unusual fields, streamed", calls.unusual_fields_streamed, "echo"),
    ("long prompt", calls.long_prompt, "echo"),
    ("parsed", calls.parsed, "structured"),
    ("parsed, refusal", calls.parsed, "refusal"),
    ("parsed, length", calls.parsed, "length"),
    ("parsed, tools", calls.parsed_tools, "tools"),
    ("helper", calls.helper, "plain"),
    ("helper, two", calls.helper, "two"),
    ("helper, schema", calls.helper_with_schema, "structured"),
    ("helper, refusal", calls.helper_with_schema, "refusal"),
    ("helper, tools", calls.helper_with_tools, "tools"),
    ("helper, error", calls.helper, "error-late"),
    ("raw", calls.raw, "plain"),
    ("raw, after a retry", calls.raw, "once-429"),
    ("raw, error", calls.raw, "error-400"),
    ("raw, streamed", calls.raw_streamed, "plain"),
    ("raw lines", calls.raw_lines, "plain"),
    ("raw lines, tools", calls.raw_lines, "tools"),
    ("raw lines, error", calls.raw_lines, "error-400"),
    ("raw body", calls.raw_body, "plain"),
    ("one attempt, wait an hour", calls.once, "error-429-hour"),
    ("impatient", calls.impatient, "slow"),
    ("impatient, streamed", calls.impatient_streamed, "slow"),
    ("impatient, stalled", calls.impatient_streamed, "stalled"),
    ("left early", calls.left_early, "endless"),
]
# Cases in which the provider must have seen its client leave.
LEFT = {"impatient, streamed", "impatient, stalled", "left early"}

# Cases that keep a shard of an unoptimised gateway busy for so long that others would notice: run once.
HEAVY = {"streamed, long-event"}
# Cases that raise although the provider answers well.
RAISING = {"parsed, length"}

CASES = [
    *((f"whole, {name}", calls.whole, name) for name in WHOLE + REFUSED),
    *((f"streamed, {name}", calls.streamed, name) for name in STREAMED),
    *OTHERS,
]


NOTHING_STREAMED = {"chunks": 0, "ids": [], "models": [], "usage": [], "extras": [], "choices": {}}
USAGE = [[scenarios.USAGE, "beside nothing"]]
TOLD_AS_STREAM = {
    "chunks": 4,
    "ids": [scenarios.ENVELOPE["id"]],
    "models": [scenarios.ENVELOPE["model"]],
    "usage": USAGE,
    "extras": [],
    "choices": {"0": {
        "pieces": [scenarios.Choice().content], "refusal": "", "calls": {}, "finish": ["stop"], "roles": ["assistant"],
        "logprobs": [], "extras": [],
    }},
}


def failed(why, message, code="upstream_error"):
    """A status error instead of a broken or senseless answer; the SDK tries those three times."""
    error = raised("InternalServerError", 502, message, code, "server_error")
    return Difference(why, {"raised": error, "provider.attempts": 3})


def failed_before_content(why, message, code="upstream_error"):
    """The same where a stream was asked for and had not got as far as content."""
    difference = failed(why, message, code)
    difference.through["stream"] = NOTHING_STREAMED
    return difference


def broken(why, message):
    """An error event behind what was already streamed."""
    return Difference(why, {"raised": raised("APIError", None, message, "upstream_error", "server_error")})


CLOSED = "Provider `mock` closed the connection in the middle of its answer."
UNFINISHED = "the provider's stream ended before the answer was complete"
NOT_JSON = "the provider's answer is not the JSON of its dialect"
NOT_JSON_EVENT = "the provider sent an event that is not JSON"

NO_EMPTY_TYPE = "the envelope is always whole: a type the provider left out is that of the status"

DIFFERENCES = {
    # Answers that are none.
    "whole, cut-whole": Difference(
        OWN_TROUBLE, {"raised": raised("InternalServerError", 502, CLOSED, "upstream_error", "server_error")}
    ),
    "whole, html": failed(OWN_TROUBLE, NOT_JSON),
    "streamed, json-for-stream": Difference(
        "a stream was asked for, so the whole answer is told as one; the SDK alone sees no chunk and no error",
        {"stream": TOLD_AS_STREAM},
    ),
    "streamed, sse-as-json": failed_before_content("an answer is read as what it says it is", NOT_JSON),
    # Streams that are not complete.
    "streamed, no-events": failed_before_content(INCOMPLETE, UNFINISHED),
    "streamed, no-done": broken(INCOMPLETE, UNFINISHED),
    "streamed, no-finish": broken(INCOMPLETE, "the provider ended its stream without finishing the answer"),
    "streamed, cut-early": failed_before_content(BEFORE_CONTENT, CLOSED),
    "streamed, cut-late": broken(OWN_TROUBLE, CLOSED),
    "streamed, error-early": failed_before_content(BEFORE_CONTENT, "the model fell over", code="overloaded"),
    "streamed, garbage-early": failed_before_content(BEFORE_CONTENT, NOT_JSON_EVENT),
    "streamed, garbage-late": broken(OWN_TROUBLE, NOT_JSON_EVENT),
    "streamed, empty-data": broken(
        OWN_TROUBLE, "the provider's stream holds something that is not a chat completion chunk"
    ),
    # Refusals.
    "whole, error-402": failed(
        NOT_THE_CALLERS_ACCOUNT,
        "the provider `mock` says that the gateway's account there is out of credit; its operator must fill it",
    ),
    "whole, error-401": failed(
        NOT_THE_CALLERS_KEY,
        "the provider `mock` rejects the gateway's credential; its operator must check api_key",
    ),
    "whole, error-nulls": Difference(NO_EMPTY_TYPE, {"raised.type": "invalid_request_error"}),
    "whole, error-bare": Difference(NO_EMPTY_TYPE, {"raised.type": "invalid_request_error"}),
    "whole, error-text": Difference(NO_EMPTY_TYPE, {"raised.type": "invalid_request_error"}),
    ("whole, error-number", "1"): Difference("a code is always text", {"raised.code": "1234"}),
    ("whole, error-number", "2"): Difference("a code is always text", {"raised.code": "1234"}),
    "whole, error-html": Difference("a page is no message", {
        "raised.message": "the provider answered with status 503 and no readable error",
        "raised.type": "server_error",
    }),
    "whole, error-empty": Difference("an error always has a message", {
        "raised.message": "the provider answered with status 500 and no readable error",
        "raised.type": "server_error",
    }),
    "whole, error-400-again": Difference("a wait is sent in both spellings", {"raised.retry_after": "1"}),
    "one attempt, wait an hour": Difference(
        "waits are capped, because some SDKs sleep through any; and what the cap hides is not worth retrying",
        {"raised.retry_after": "60", "raised.should_retry": "false"},
    ),
    # Usage.
    "streamed without usage, usage-unasked": Difference(
        "a chunk that is nothing but usage goes only to who asked for it", {"stream.chunks": 6, "stream.usage": []}
    ),
    "streamed without usage, usage-in-last-choice": Difference(
        "the gateway always asks for usage, and events pass unchanged",
        {"stream.usage": [[scenarios.USAGE, "beside a choice"]]},
    ),
    # Leaving.
    "impatient": Difference(
        "a caller who waits for a whole answer may have closed its sending side only (server.half_close); what it "
        "asks again joins what is still being asked",
        {"provider.attempts": 1},
    ),
}
