"""The cases of the AI SDK, which stands on no vendor's SDK: it reads the wire itself, and differently in
each of its packages. `ai_openai_cases`, `ai_compatible_cases` and `ai_anthropic_cases` say with which."""

import foreign
from comparison import BEFORE_CONTENT
from comparison import Difference
from comparison import INCOMPLETE
from comparison import OWN_TROUBLE

VERSION = foreign.version("ai")
LEFT = {"impatient, streamed", "left early"}

OTHERS = [
    ("whole, tool", "whole with tools", "tool"),
    ("whole, tools", "whole with tools", "tools"),
    ("whole, after tools", "whole after tools", "echo"),
    ("streamed, tool", "streamed with tools", "tool"),
    ("streamed, tools", "streamed with tools", "tools"),
    ("structured", "structured", "structured"),
    ("structured, streamed", "structured streamed", "structured"),
    ("tool loop", "tool loop", "tool-loop"),
    ("tool loop, streamed", "tool loop streamed", "tool-loop"),
    ("unusual fields", "unusual fields", "echo"),
    ("unusual fields, streamed", "unusual fields streamed", "echo"),
    ("long prompt", "long prompt", "echo"),
    ("impatient", "impatient", "slow"),
    ("impatient, streamed", "impatient streamed", "slow"),
    ("one attempt, error-500", "once", "error-500"),
    ("left early", "left early", "endless"),
]


def cases(whole, streamed):
    return [
        *((f"whole, {name}", "whole", name) for name in whole),
        *((f"streamed, {name}", "streamed", name) for name in streamed),
        *OTHERS,
    ]


# What the SDK tells at the end of a stream, and does not of one that was broken off.
END = ("id", "model", "finish", "usage")


def raised(status, message, type, code=None, retryable=True):
    """An exception of one attempt as `ai.mjs` tells it."""
    return {
        "class": "AI_APICallError", "status": status, "message": message, "type": type, "param": None, "code": code,
        "retryable": retryable, "has_request_id": True,
    }


def failed(why, last):
    """A status error instead of a senseless answer, which the SDK tries three times."""
    error = {"class": "AI_RetryError", "attempts": 3, "last": last}
    return Difference(why, {"raised": error, "provider.attempts": 3})


def failed_before_content(why, last):
    """The same where a stream was asked for: it tells the error as its only part."""
    error = {"class": "AI_RetryError", "attempts": 3, "last": last}
    nothing = {"kinds": {"start": 1, "error": 1}, "pieces": [], "error": error, "provider.attempts": 3}
    return Difference(why, nothing, absent=(*END, "raised"))


def broken(why, pieces, message, type, code=None, status=None, retryable=None):
    """An error event behind `pieces` of text, and a connection that ends in the middle, so that no client
    takes what it has for the answer; without the gateway this SDK goes on as if it had come to its end."""
    kinds = {"start": 1, "start-step": 1, "text-start": 1, "text-delta": pieces, "error": 1}
    event = {
        "class": None, "status": status, "message": message, "type": type, "param": None, "code": code,
        "retryable": retryable, "has_request_id": False,
    }
    ended = raised(200, None, None)
    return Difference(why, {"kinds": kinds, "error": event, "raised": ended}, absent=END)


def told_as_stream(text, id, model, usage):
    """A whole answer where a stream was asked for."""
    names = ["start", "start-step", "text-start", "text-delta", "text-end", "finish-step", "finish"]
    told = {"kinds": dict.fromkeys(names, 1), "pieces": [text], "id": id, "model": model}
    why = "a stream was asked for, so the whole answer is told as one; the SDK alone sees no text"
    return Difference(why, {**told, "finish": "stop", "usage": usage}, absent=("error",))
