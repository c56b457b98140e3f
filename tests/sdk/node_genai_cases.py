"""Google's SDK of Node, as `genai_cases`."""

import foreign
from comparison import BEFORE_CONTENT
from comparison import Difference
from comparison import INCOMPLETE
from comparison import NOT_THE_CALLERS_KEY
from comparison import OWN_TROUBLE
from gemini_scenarios import REFUSED
from gemini_scenarios import REJECTED
from gemini_scenarios import STREAMED
from gemini_scenarios import TROUBLE
from gemini_scenarios import WHOLE

VERSION = foreign.version("@google/genai")
TITLE = f"@google/genai {VERSION} (Node)"
PROGRAM = "genai.mjs"
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


DIFFERENCES = {
    "whole, error-401": failed(NOT_THE_CALLERS_KEY, REJECTED),
    "streamed, error-early": Difference(BEFORE_CONTENT, {
        "raised.status": "UNAVAILABLE", "raised.message": "the model fell over",
    }),
    **{
        f"streamed, {name}": failed(
            INCOMPLETE if name.startswith("no") else OWN_TROUBLE,
            message if name in ("no-events", "cut-early") else None,
        )
        for name, message in TROUBLE.items()
    },
}
