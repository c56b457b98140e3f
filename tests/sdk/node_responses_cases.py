"""The cases of `responses_cases` with the OpenAI SDK of Node, as `node_chat_cases` for the other API."""

import responses_cases
from node_chat_cases import VERSION
from responses_cases import DIFFERENCES as OF_PYTHON

TITLE = f"openai {VERSION} (Node, responses)"
PROGRAM = "responses.mjs"
CASES = [
    *((f"whole, {name}", "whole", name) for name in responses_cases.WHOLE + responses_cases.REFUSED),
    *((f"streamed, {name}", "streamed", name) for name in responses_cases.STREAMED),
    ("whole, tools", "whole with tools", "tools"),
    ("streamed, tools", "streamed with tools", "tools"),
    ("next turn", "next turn", "tool-loop"),
    ("parsed", "parsed", "structured"),
    ("helper", "helper", "plain"),
    ("helper, thinking", "helper", "thinking"),
    ("helper, tools", "helper with tools", "tools"),
    ("impatient, streamed", "impatient streamed", "slow"),
    ("left early", "left early", "endless"),
]
LEFT = {"impatient, streamed", "left early"}
# A request id is told with every error, also with one in the middle of a stream.
BROKEN = ["no-end", "cut-late", "error-late", "failed-late", "garbage-late"]

DIFFERENCES = {
    **OF_PYTHON,
    **{f"streamed, {name}": OF_PYTHON[f"streamed, {name}"].but(raised__has_request_id=True) for name in BROKEN},
}
