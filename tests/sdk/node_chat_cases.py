"""The cases of `chat_cases` with the OpenAI SDK of Node: the same scenarios, met by calls of the same names
in `node/openai.mjs`, whose outcomes have the same shape; so the meant differences are the same but for
what the two SDKs make of a broken stream."""

import chat_scenarios as scenarios
import foreign
from chat_cases import DIFFERENCES as OF_PYTHON
from chat_cases import REFUSED
from chat_cases import STREAMED
from chat_cases import WHOLE
from comparison import Difference

VERSION = foreign.version("openai")
TITLE = f"openai {VERSION} (Node)"
PROGRAM = "openai.mjs"

OTHERS = [
    ("whole, tool", "whole with tools", "tool"),
    ("whole, tools", "whole with tools", "tools"),
    ("whole, text and tool", "whole with tools", "text-and-tool"),
    ("whole, after tools", "whole after tools", "echo"),
    ("streamed, tool", "streamed with tools", "tool"),
    ("streamed, tools", "streamed with tools", "tools"),
    ("streamed, text and tool", "streamed with tools", "text-and-tool"),
    ("streamed without usage, plain", "streamed without usage", "plain"),
    ("streamed without usage, usage-in-last-choice", "streamed without usage", "usage-in-last-choice"),
    ("streamed without usage, usage-unasked", "streamed without usage", "usage-unasked"),
    ("unusual fields", "unusual fields", "echo"),
    ("unusual fields, streamed", "unusual fields streamed", "echo"),
    ("long prompt", "long prompt", "echo"),
    ("parsed", "parsed", "structured"),
    ("parsed, refusal", "parsed", "refusal"),
    ("parsed, length", "parsed", "length"),
    ("parsed, tools", "parsed tools", "tools"),
    ("helper", "helper", "plain"),
    ("helper, two", "helper", "two"),
    ("helper, schema", "helper with schema", "structured"),
    ("helper, refusal", "helper with schema", "refusal"),
    ("helper, tools", "helper with tools", "tools"),
    ("helper, error", "helper", "error-late"),
    ("tool loop", "tool loop", "tool-loop"),
    ("tool loop, streamed", "tool loop streamed", "tool-loop"),
    ("raw", "raw", "plain"),
    ("raw, after a retry", "raw", "once-429"),
    ("raw, error", "raw", "error-400"),
    ("raw, streamed", "raw streamed", "plain"),
    ("raw text", "raw text", "plain"),
    ("raw text, tools", "raw text", "tools"),
    ("raw text, error", "raw text", "error-400"),
    ("raw body", "raw body", "plain"),
    ("one attempt, wait an hour", "once", "error-429-hour"),
    ("impatient", "impatient", "slow"),
    ("impatient, streamed", "impatient streamed", "slow"),
    ("stalled, but its timeout is for the head", "impatient streamed", "stalled"),
    ("left early", "left early", "endless"),
    ("aborted", "aborted", "endless"),
    ("aborted before", "aborted before", "slow"),
]
LEFT = {"impatient, streamed", "left early", "aborted", "aborted before"}
RAISING = {"parsed, length", "whole, as-text", "aborted before"}
CASES = [
    *((f"whole, {name}", "whole", name) for name in WHOLE + REFUSED),
    *((f"streamed, {name}", "streamed", name) for name in STREAMED),
    *OTHERS,
]



# A request id is told with every error, also with one in the middle of a stream.
BROKEN = [
    "streamed, no-done", "streamed, no-finish", "streamed, cut-late", "streamed, garbage-late", "streamed, empty-data",
]
READABLE = "an error has one shape, whatever the provider's; the SDK finds nothing in this one"
TYPE_OF_STATUS = {"raised.type": "invalid_request_error"}

DIFFERENCES = {
    **{name: meant for name, meant in OF_PYTHON.items() if isinstance(name, str)},
    **{name: OF_PYTHON[name].but(raised__has_request_id=True) for name in BROKEN},
    "whole, as-text": Difference(
        "an answer is JSON whatever its provider calls it; the SDK alone hands out a string",
        {
            "id": scenarios.ENVELOPE["id"], "model": scenarios.ENVELOPE["model"],
            "fingerprint": scenarios.ENVELOPE["system_fingerprint"], "usage": scenarios.USAGE, "extras": {},
            "choices": [{
                "index": 0, "finish": "stop", "role": "assistant", "content": scenarios.Choice().content,
                "refusal": None, "calls": [], "logprobs": None, "extras": {},
            }],
        },
        absent=("raised",),
    ),
    "whole, cut-whole": OF_PYTHON["whole, cut-whole"].but(provider__attempts=3),
    "whole, error-number": Difference("a code is always text", {"raised.code": "1234"}),
    "whole, error-text": Difference(READABLE, {"raised.message": "just words", **TYPE_OF_STATUS}),
    "whole, error-flat": Difference(
        READABLE, {"raised.message": "flat words", "raised.type": "flat_type", "raised.code": "flat_code"}
    ),
}
