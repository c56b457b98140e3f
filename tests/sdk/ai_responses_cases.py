"""The AI SDK with `@ai-sdk/openai` over the Responses API, which is what it asks by default."""

import ai_cases
import responses_cases
from ai_cases import LEFT
from ai_cases import VERSION
from comparison import Difference
from comparison import INCOMPLETE
from comparison import NOT_THE_CALLERS_KEY
from comparison import OWN_TROUBLE

TITLE = f"ai {VERSION} with @ai-sdk/openai (responses)"
PROGRAM = "ai-responses.mjs"
CASES = ai_cases.cases(responses_cases.WHOLE + responses_cases.REFUSED, responses_cases.STREAMED)
# Without the gateway a response that failed is an exception too, of another kind.
RAISING = {"whole, failed"}


def trouble(message, code="upstream_error", status=502):
    return ai_cases.raised(status, message, "server_error", code)


def broken(why, pieces, message, code="upstream_error"):
    """This API's error events have a status of their own to the SDK."""
    return ai_cases.broken(why, pieces, message, "server_error", code, status=500, retryable=True)


CLOSED = responses_cases.CLOSED
UNFINISHED = responses_cases.UNFINISHED
FAILED = responses_cases.FAILED
MESSAGE = responses_cases.MESSAGE
REJECTED = responses_cases.DIFFERENCES["whole, error-401"].through["raised"]["message"]

DIFFERENCES = {
    "whole, failed": ai_cases.failed(FAILED, trouble(MESSAGE, "server_error", 500)),
    "whole, error-401": ai_cases.failed(NOT_THE_CALLERS_KEY, trouble(REJECTED)),
    "whole, error-html": Difference("a page is no message", {
        "raised.last.message": "the provider answered with status 503 and no readable error",
        "raised.last.type": "server_error",
    }),
    "streamed, no-events": ai_cases.failed_before_content(INCOMPLETE, trouble(UNFINISHED)),
    "streamed, no-end": broken(INCOMPLETE, 4, UNFINISHED).but(**{"kinds.text-end": 1}),
    "streamed, cut-early": ai_cases.failed_before_content(OWN_TROUBLE, trouble(CLOSED)),
    "streamed, cut-late": broken(OWN_TROUBLE, 2, CLOSED),
    "streamed, error-early": Difference(FAILED, {"error.last.type": "server_error"}),
    "streamed, error-late": broken(FAILED, 2, MESSAGE, "server_error"),
    "streamed, failed-late": broken(FAILED, 2, MESSAGE, "server_error"),
    "streamed, garbage-late": broken(OWN_TROUBLE, 2, responses_cases.NOT_JSON_EVENT),
}
