"""The cases of `messages_cases` with the Anthropic SDK of Node, as `node_chat_cases` for the other dialect."""

import foreign
from messages_cases import DIFFERENCES as OF_PYTHON
from messages_cases import REFUSED
from messages_cases import STREAMED
from messages_cases import WHOLE

VERSION = foreign.version("@anthropic-ai/sdk")
TITLE = f"@anthropic-ai/sdk {VERSION} (Node)"
PROGRAM = "anthropic.mjs"

CASES = [
    *((f"whole, {name}", "whole", name) for name in WHOLE + REFUSED),
    *((f"streamed, {name}", "streamed", name) for name in STREAMED),
    ("whole, tool", "whole with tools", "tool"),
    ("whole, tools", "whole with tools", "tools"),
    ("whole, after tools", "whole after tools", "echo"),
    ("streamed, tool", "streamed with tools", "tool"),
    ("streamed, tools", "streamed with tools", "tools"),
    ("thinking asked for", "with thinking", "echo"),
    ("thinking and tool, streamed", "streamed with tools", "thinking-tool"),
    ("unusual fields", "unusual fields", "echo"),
    ("unusual fields, streamed", "unusual fields streamed", "echo"),
    ("long prompt", "long prompt", "echo"),
    ("parsed", "parsed", "structured"),
    ("helper", "helper", "plain"),
    ("helper, thinking", "helper", "thinking"),
    ("helper, tools", "helper with tools", "tools"),
    ("helper, text", "helper text", "plain"),
    ("helper, error", "helper", "error-late"),
    ("tool loop", "tool loop", "tool-loop"),
    ("raw", "raw", "plain"),
    ("raw text", "raw text", "tools"),
    ("raw body", "raw body", "plain"),
    ("impatient", "impatient", "slow"),
    ("impatient, streamed", "impatient streamed", "slow"),
    ("stalled, but its timeout is for the head", "impatient streamed", "stalled"),
    ("left early", "left early", "endless"),
    ("aborted", "aborted", "endless"),
    ("aborted before", "aborted before", "slow"),
]
LEFT = {"impatient, streamed", "left early", "aborted", "aborted before"}
RAISING = {"aborted"}



# An event in the middle of a stream has no status here, as in Python it has that of the stream's head.
BROKEN = ["streamed, no-stop", "streamed, no-finish", "streamed, cut-late", "streamed, garbage-late"]

DIFFERENCES = {
    **OF_PYTHON,
    **{name: OF_PYTHON[name].but(raised__class="APIError", raised__status=None) for name in BROKEN},
}
