"""The OpenAI SDK answered by a provider in Google's dialect; see `crossed_chat_cases`."""

import chat_calls as calls
from chat_cases import FAMILY
from chat_cases import VERSION
from chat_cases import client
from crossed_chat_cases import comparable as without_own

TITLE = f"openai {VERSION}, answered in Google's dialect"
PREFIX = "google"
WHOLE = ["plain", "length", "filtered", "page", "once-429", "once-500"]
CASES = [
    *((f"whole, {name}", calls.whole, name) for name in WHOLE),
    *((f"streamed, {name}", calls.streamed, name) for name in [*WHOLE, "one-byte", "one-packet"]),
    ("whole, tools", calls.whole_with_tools, "text-and-tools"),
    ("streamed, tools", calls.streamed_with_tools, "text-and-tools"),
    ("parsed", calls.parsed, "structured"),
    ("helper", calls.helper, "plain"),
    ("helper, schema", calls.helper_with_schema, "structured"),
    ("left early", calls.left_early, "endless"),
]
LEFT = {"left early"}


def comparable(seen):
    """Calls come whole in this dialect, so in fewer chunks."""
    seen = without_own(seen)
    seen.get("stream", {}).pop("chunks", None)
    return seen
