"""The AI SDK with `@ai-sdk/openai`."""

import ai_cases
import chat_cases
import chat_scenarios as scenarios
from ai_cases import BEFORE_CONTENT
from ai_cases import INCOMPLETE
from ai_cases import LEFT
from ai_cases import OWN_TROUBLE
from ai_cases import VERSION
from comparison import Difference

TITLE = f"ai {VERSION} with @ai-sdk/openai"
PROGRAM = "ai-openai.mjs"
CASES = ai_cases.cases(chat_cases.WHOLE + chat_cases.REFUSED, chat_cases.STREAMED)



def trouble(message, code="upstream_error", status=502):
    return ai_cases.raised(status, message, "server_error", code)


def broken(why, pieces, message, code="upstream_error"):
    return ai_cases.broken(why, pieces, message, "server_error", code)


CLOSED = chat_cases.CLOSED
UNFINISHED = chat_cases.UNFINISHED
NOT_JSON = chat_cases.NOT_JSON
NOT_JSON_EVENT = chat_cases.NOT_JSON_EVENT
REJECTED = chat_cases.DIFFERENCES["whole, error-401"]
EMPTY = chat_cases.DIFFERENCES["whole, error-402"]
READABLE = "an error has one shape, whatever the provider's; the SDK finds nothing in this one"
BAD_REQUEST = {"raised.type": "invalid_request_error"}
USAGE = {
    "inputTokens": 11, "inputTokenDetails": {"noCacheTokens": 8, "cacheReadTokens": 3},
    "outputTokens": 7, "outputTokenDetails": {"textTokens": 5, "reasoningTokens": 2}, "totalTokens": 18,
    "reasoningTokens": 2, "cachedInputTokens": 3,
}
EVENT = ("the model fell over", "overloaded")

DIFFERENCES = {
    "whole, cut-whole": ai_cases.failed(OWN_TROUBLE, trouble(CLOSED)),
    "whole, html": ai_cases.failed(OWN_TROUBLE, trouble(NOT_JSON)),
    "whole, error-402": ai_cases.failed(EMPTY.why, trouble(EMPTY.through["raised"]["message"])),
    "whole, error-401": ai_cases.failed(REJECTED.why, trouble(REJECTED.through["raised"]["message"])),
    "whole, error-nulls": Difference(chat_cases.NO_EMPTY_TYPE, BAD_REQUEST),
    "whole, error-bare": Difference(chat_cases.NO_EMPTY_TYPE, BAD_REQUEST),
    "whole, error-number": Difference("a code is always text", {"raised.code": "1234"}),
    "whole, error-text": Difference(READABLE, {"raised.message": "just words", **BAD_REQUEST}),
    "whole, error-flat": Difference(
        READABLE, {"raised.message": "flat words", "raised.type": "flat_type", "raised.code": "flat_code"}
    ),
    **{
        f"whole, error-{name}": Difference("a page is no message, and an error always has one", {
            "raised.last.message": f"the provider answered with status {status} and no readable error",
            "raised.last.type": "server_error",
        })
        for name, status in (("html", 503), ("empty", 500))
    },
    "streamed, after-done": Difference(
        "a stream ends with its end; this SDK reads on",
        {"pieces": scenarios.tokens(scenarios.Choice().content), "kinds.text-delta": 4},
    ),
    "streamed, json-for-stream": ai_cases.told_as_stream(
        scenarios.Choice().content, scenarios.ENVELOPE["id"], scenarios.ENVELOPE["model"], USAGE
    ),
    "streamed, sse-as-json": ai_cases.failed_before_content(
        "an answer is read as what it says it is", trouble(NOT_JSON)
    ),
    "streamed, no-events": ai_cases.failed_before_content(INCOMPLETE, trouble(UNFINISHED)),
    "streamed, no-done": broken(INCOMPLETE, 4, UNFINISHED),
    "streamed, no-finish": broken(INCOMPLETE, 3, "the provider ended its stream without finishing the answer"),
    "streamed, cut-early": ai_cases.failed_before_content(BEFORE_CONTENT, trouble(CLOSED)),
    "streamed, cut-late": broken(OWN_TROUBLE, 3, CLOSED),
    "streamed, error-early": ai_cases.failed_before_content(BEFORE_CONTENT, trouble(*EVENT)),
    "streamed, error-late": broken(INCOMPLETE, 3, *EVENT),
    "streamed, error-late-named": broken(INCOMPLETE, 3, *EVENT),
    "streamed, garbage-early": ai_cases.failed_before_content(BEFORE_CONTENT, trouble(NOT_JSON_EVENT)),
    "streamed, garbage-late": broken(OWN_TROUBLE, 3, NOT_JSON_EVENT),
    "streamed, empty-data": broken(
        OWN_TROUBLE, 3, "the provider's stream holds something that is not a chat completion chunk"
    ),
}
