"""The Anthropic SDK of Node answered by a provider in OpenAI's dialect; see `crossed_messages_cases`."""

from crossed_messages_cases import DIFFERENCES as OF_PYTHON
from crossed_messages_cases import PREFIX
from crossed_messages_cases import REFUSED
from crossed_messages_cases import STREAMED
from crossed_messages_cases import WHOLE
from crossed_messages_cases import comparable
from node_messages_cases import LEFT
from node_messages_cases import PROGRAM
from node_messages_cases import RAISING
from node_messages_cases import VERSION

TITLE = f"@anthropic-ai/sdk {VERSION} (Node), answered in OpenAI's dialect"
OTHERS = [
    ("whole, tools", "whole with tools", "text-and-tools"),
    ("streamed, tools", "streamed with tools", "text-and-tools"),
    ("parsed", "parsed", "structured"),
    ("helper", "helper", "plain"),
    ("helper, tools", "helper with tools", "text-and-tools"),
    ("helper, text", "helper text", "plain"),
    ("tool loop", "tool loop", "tool-loop"),
    ("left early", "left early", "endless"),
    ("aborted", "aborted", "endless"),
    ("aborted before", "aborted before", "slow"),
]
CASES = [
    *((f"whole, {name}", "whole", name) for name in WHOLE + REFUSED),
    *((f"streamed, {name}", "streamed", name) for name in STREAMED),
    *OTHERS,
]
BROKEN = ["streamed, no-done", "streamed, no-finish", "streamed, cut-late", "streamed, garbage-late"]



DIFFERENCES = {
    **OF_PYTHON,
    **{name: OF_PYTHON[name].but(raised__class="APIError", raised__status=None) for name in BROKEN},
}
