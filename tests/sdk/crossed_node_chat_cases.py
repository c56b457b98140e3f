"""The OpenAI SDK of Node answered by a provider in Anthropic's dialect; see `crossed_chat_cases`."""

import node_chat_cases
from crossed_chat_cases import DIFFERENCES as OF_PYTHON
from crossed_chat_cases import PREFIX
from crossed_chat_cases import REFUSED
from crossed_chat_cases import STREAMED
from crossed_chat_cases import WHOLE
from crossed_chat_cases import comparable
from node_chat_cases import LEFT
from node_chat_cases import PROGRAM
from node_chat_cases import RAISING
from node_chat_cases import VERSION

TITLE = f"openai {VERSION} (Node), answered in Anthropic's dialect"
OTHERS = [
    ("whole, tools", "whole with tools", "text-and-tools"),
    ("streamed, tools", "streamed with tools", "text-and-tools"),
    ("parsed", "parsed", "structured"),
    ("parsed, length", "parsed", "length"),
    ("helper", "helper", "plain"),
    ("helper, schema", "helper with schema", "structured"),
    ("helper, tools", "helper with tools", "text-and-tools"),
    ("tool loop", "tool loop", "tool-loop"),
    ("tool loop, streamed", "tool loop streamed", "tool-loop"),
    ("left early", "left early", "endless"),
    ("aborted", "aborted", "endless"),
    ("aborted before", "aborted before", "slow"),
]
CASES = [
    *((f"whole, {name}", "whole", name) for name in WHOLE + REFUSED),
    *((f"streamed, {name}", "streamed", name) for name in STREAMED),
    *OTHERS,
]
BROKEN = [name for name in node_chat_cases.BROKEN if name in OF_PYTHON]



DIFFERENCES = {
    **OF_PYTHON,
    **{name: OF_PYTHON[name].but(raised__has_request_id=True) for name in BROKEN},
}
