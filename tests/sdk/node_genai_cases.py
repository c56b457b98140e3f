"""Google's SDK of Node, as `genai_cases`."""

import foreign
from comparison import Difference
from comparison import INCOMPLETE
from comparison import NOT_THE_CALLERS_KEY
from comparison import OWN_TROUBLE

VERSION = foreign.version("@google/genai")
TITLE = f"@google/genai {VERSION} (Node)"
PROGRAM = "genai.mjs"
WHOLE = ["plain", "thinking", "length", "filtered", "blocked", "page", "unknown"]
STREAMED = [
    *WHOLE, "lf", "one-byte", "one-packet", "no-finish", "no-events", "cut-late", "error-late", "garbage-late", "error-400",
    "error-503",
]
REFUSED = ["error-400", "error-401", "error-403", "error-404", "error-429", "error-500", "error-503"]
CASES = [
    *((f"whole, {name}", "whole", name) for name in WHOLE + REFUSED),
    *((f"streamed, {name}", "streamed", name) for name in STREAMED),
    ("whole, tool", "whole with tools", "tool"),
    ("whole, tools", "whole with tools", "tools"),
    ("streamed, tools", "streamed with tools", "tools"),
    ("tool loop", "chat", "tool-loop"),
    ("structured", "structured", "structured"),
    ("unusual", "unusual", "echo"),
    ("image", "image", "echo"),
    ("impatient, streamed", "impatient", "slow"),
    ("left early", "left early", "endless"),
    ("aborted", "aborted", "endless"),
]
LEFT = {"impatient, streamed", "left early", "aborted"}
RAISING = {"aborted"}


def failed(why, message):
    """An event in the middle of a stream is not taken apart: its exception has no more than a code."""
    told = {"status": "UNAVAILABLE", "message": message} if message else {"status": None, "message": None}
    return Difference(why, {"raised": {"class": "ApiError", "code": 502, **told}})


REJECTED = "the provider `gemini-mock` rejects the gateway's credential; its operator must check api_key"
UNFINISHED = "the provider's stream ended before the answer was complete"

DIFFERENCES = {
    "whole, error-401": failed(NOT_THE_CALLERS_KEY, REJECTED),
    "streamed, no-events": failed(INCOMPLETE, UNFINISHED),
    "streamed, no-finish": failed(INCOMPLETE, None),
    "streamed, cut-late": failed(OWN_TROUBLE, None),
    "streamed, garbage-late": failed(OWN_TROUBLE, None),
}
