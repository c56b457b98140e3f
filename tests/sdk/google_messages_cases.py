"""The Anthropic SDK answered by a provider in Google's dialect; see `crossed_messages_cases`."""

import messages_calls as calls
from crossed_messages_cases import comparable
from messages_cases import FAMILY
from messages_cases import VERSION
from messages_cases import client

TITLE = f"anthropic {VERSION}, answered in Google's dialect"
PREFIX = "google"
WHOLE = ["plain", "length", "filtered", "page", "once-429", "once-500"]
CASES = [
    *((f"whole, {name}", calls.whole, name) for name in WHOLE),
    *((f"streamed, {name}", calls.streamed, name) for name in [*WHOLE, "one-byte", "one-packet"]),
    ("whole, tools", calls.whole_with_tools, "text-and-tools"),
    ("streamed, tools", calls.streamed_with_tools, "text-and-tools"),
    ("helper", calls.helper, "plain"),
    ("helper, text", calls.helper_text, "plain"),
    ("left early", calls.left_early, "endless"),
]
LEFT = {"left early"}
