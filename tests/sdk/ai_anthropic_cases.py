"""The AI SDK with `@ai-sdk/anthropic`."""

import ai_cases
import messages_cases
import messages_scenarios as scenarios
from ai_cases import BEFORE_CONTENT
from ai_cases import INCOMPLETE
from ai_cases import LEFT
from ai_cases import OWN_TROUBLE
from ai_cases import VERSION
from comparison import Difference

TITLE = f"ai {VERSION} with @ai-sdk/anthropic"
PROGRAM = "ai-anthropic.mjs"
CASES = ai_cases.cases(messages_cases.WHOLE + messages_cases.REFUSED, messages_cases.STREAMED)



def trouble(message, type="api_error", status=502):
    return ai_cases.raised(status, message, type)


def broken(why, pieces, message, type="api_error"):
    return ai_cases.broken(why, pieces, message, type)


REJECTED = messages_cases.DIFFERENCES["whole, error-401"]
EMPTY = messages_cases.DIFFERENCES["whole, error-402"]
CLOSED = messages_cases.CLOSED
UNFINISHED = messages_cases.UNFINISHED
EVENT = ("the model fell over", "overloaded_error")
USAGE = {
    "inputTokens": 16, "inputTokenDetails": {"noCacheTokens": 11, "cacheReadTokens": 3, "cacheWriteTokens": 2},
    "outputTokens": 7, "outputTokenDetails": {}, "totalTokens": 23, "cachedInputTokens": 3,
}

DIFFERENCES = {
    "whole, error-402": ai_cases.failed(EMPTY.why, trouble(EMPTY.through["raised"]["message"])),
    "whole, error-401": ai_cases.failed(REJECTED.why, trouble(REJECTED.through["raised"]["message"])),
    "whole, error-html": Difference("a page is no message", {
        "raised.last.message": "the provider answered with status 503 and no readable error",
        "raised.last.type": "api_error",
    }),
    "streamed, json-for-stream": ai_cases.told_as_stream(
        scenarios.TEXT["text"], scenarios.ENVELOPE["id"], scenarios.ENVELOPE["model"], USAGE
    ),
    "streamed, no-events": ai_cases.failed_before_content(INCOMPLETE, trouble(UNFINISHED)),
    "streamed, no-stop": broken(INCOMPLETE, 4, UNFINISHED).but(**{"kinds.text-end": 1}),
    "streamed, no-finish": broken(INCOMPLETE, 3, UNFINISHED),
    "streamed, cut-early": ai_cases.failed_before_content(BEFORE_CONTENT, trouble(CLOSED)),
    "streamed, cut-late": broken(OWN_TROUBLE, 3, CLOSED),
    "streamed, error-early": ai_cases.failed_before_content(BEFORE_CONTENT, trouble(*EVENT, status=529)),
    "streamed, error-late": broken(INCOMPLETE, 3, *EVENT),
    "streamed, garbage-late": broken(OWN_TROUBLE, 3, "the provider sent an event that is not JSON"),
}
