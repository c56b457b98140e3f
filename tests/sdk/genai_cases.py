"""Google's SDK. It takes any clean end of a stream for the end of the answer, so what the gateway does to a
truncated one shows here most."""

import importlib.metadata

import genai_calls as calls
from comparison import Difference
from comparison import INCOMPLETE
from comparison import NOT_THE_CALLERS_KEY
from comparison import OWN_TROUBLE
from gemini_scenarios import REFUSED
from gemini_scenarios import REJECTED
from gemini_scenarios import STREAMED
from gemini_scenarios import TROUBLE
from gemini_scenarios import WHOLE
from genai_calls import client
from genai_calls import exception

FAMILY = "google"
VERSION = importlib.metadata.version("google-genai")
TITLE = f"google-genai {VERSION}"
CASES = [
    *((f"whole, {name}", calls.whole, name) for name in WHOLE + REFUSED),
    *((f"streamed, {name}", calls.streamed, name) for name in STREAMED),
    ("whole, tool", calls.whole_with_tools, "tool"),
    ("whole, tools", calls.whole_with_tools, "tools"),
    ("streamed, tools", calls.streamed_with_tools, "tools"),
    ("tool loop", calls.tool_loop, "tool-loop"),
    ("structured", calls.structured, "structured"),
    ("unusual", calls.unusual, "echo"),
    ("image", calls.image, "echo"),
    ("impatient, streamed", calls.impatient, "slow"),
    ("left early", calls.left_early, "endless"),
]
LEFT = {"impatient, streamed", "left early"}
# Its asynchronous streams close their connection whenever they are collected.
HEAVY = {"left early"}


def failed(why, message):
    """Whether it comes as a status or as an event in the stream, the SDK tells the same."""
    return Difference(why, {
        "raised": {"class": "ServerError", "code": 502, "status": "UNAVAILABLE", "message": message},
    })


DIFFERENCES = {
    "whole, error-401": failed(NOT_THE_CALLERS_KEY, REJECTED),
    **{
        f"streamed, {name}": failed(INCOMPLETE if name.startswith("no") else OWN_TROUBLE, message)
        for name, message in TROUBLE.items()
    },
}
