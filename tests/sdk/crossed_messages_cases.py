"""The Anthropic SDK answered by a provider in OpenAI's dialect, as `crossed_chat_cases` the other way round."""

import json

import messages_calls as calls
import messages_cases
import messages_scenarios as scenarios
from comparison import BEFORE_CONTENT
from comparison import Difference
from comparison import INCOMPLETE
from comparison import OWN_TROUBLE
from messages_cases import FAMILY
from messages_cases import VERSION
from messages_cases import client

TITLE = f"anthropic {VERSION}, answered in OpenAI's dialect"
PREFIX = "cross"
LEFT = messages_cases.LEFT
WHOLE = ["plain", "thought", "length", "filtered", "page", "once-429", "once-500", "once-closed", "cut-whole"]
STREAMED = [
    "plain", "thought", "length", "filtered", "page", "crlf", "one-byte", "one-packet", "comments", "no-done",
    "no-finish", "no-events", "cut-early", "cut-late", "error-early", "error-late", "garbage-late", "once-429",
    "once-closed", "error-400", "error-429-wait",
]
REFUSED = [
    "error-400", "error-401", "error-402", "error-403", "error-404", "error-413", "error-422", "error-429",
    "error-429-wait", "error-429-stop", "error-500", "error-503", "error-529", "error-html",
]
OTHERS = [
    ("everything", calls.everything, "understood"),
    ("one tool only", calls.one_tool_only, "understood"),
    ("schema understood", calls.schema_understood, "understood"),
    ("whole, tools", calls.whole_with_tools, "text-and-tools"),
    ("streamed, tools", calls.streamed_with_tools, "text-and-tools"),
    ("helper", calls.helper, "plain"),
    ("helper, tools", calls.helper_with_tools, "text-and-tools"),
    ("helper, text", calls.helper_text, "plain"),
    ("raw", calls.raw, "plain"),
    ("impatient, streamed", calls.impatient_streamed, "slow"),
    ("impatient, stalled", calls.impatient_streamed, "stalled"),
    ("left early", calls.left_early, "endless"),
]
CASES = [
    *((f"whole, {name}", calls.whole, name) for name in WHOLE + REFUSED),
    *((f"streamed, {name}", calls.streamed, name) for name in STREAMED),
    *OTHERS,
]



# The scripted providers count their own prompts.
COUNTED = {11: "the prompt", 16: "the prompt"}


def comparable(seen):
    """Without what each provider has of its own: ids, numbers, when they are told, and how the input of a
    tool is cut into pieces."""
    if "message" in seen:
        seen["message"] = without_own(seen["message"]) | {"usage": counted(seen["message"]["usage"])}
    if "kinds" in seen:
        seen["kinds"] = sorted(seen["kinds"])
    if "events" in seen:
        seen["events"] = [*told(seen["events"])]
    return seen


def without_own(message):
    return message | {"id": bool(message["id"]), "usage": None}


def counted(usage):
    read = usage["input_tokens"] + usage["cache_creation_input_tokens"] + usage["cache_read_input_tokens"]
    return {"in": COUNTED[read], "cached": usage["cache_read_input_tokens"], "out": usage["output_tokens"]}


def told(events):
    input = usage = None
    for event in events:
        if event["type"] == "message_start":
            usage = event["message"]["usage"]
            event = event | {"message": without_own(event["message"])}
        if event["type"] == "message_delta":
            event = event | {"usage": counted(usage | event["usage"])}
        if event["type"] == "content_block_start":
            input = ""
        if event["type"] == "content_block_stop" and input:
            yield {"type": "input", "index": event["index"], "input": json.loads(input)}
        if event["type"] == "content_block_delta" and event["delta"]["type"] == "input_json_delta":
            input += event["delta"]["partial_json"]
        else:
            yield event


def events(*blocks):
    """Of a stream, as `comparable` leaves them; the SDK keeps pings to itself."""
    return [*told(event for event in scenarios.events(blocks, "end_turn") if event["type"] != "ping")]


def signs(event):
    return event.get("delta", {}).get("type") == "signature_delta"


UNSIGNED = "a provider in OpenAI's dialect signs nothing"
THOUGHT = events(scenarios.THOUGHT, scenarios.TEXT)
PLAIN = events(scenarios.TEXT)
CLOSED = "Provider `mock` closed the connection in the middle of its answer."
REJECTED = "the provider `mock` rejects the gateway's credential; its operator must check api_key"
EMPTY = "the provider `mock` says that the gateway's account there is out of credit; its operator must fill it"
NO_CHUNK = "the provider's stream holds something that is not a chat completion chunk"
EVENT = "the model fell over"


def of_other(name, message):
    """The meant difference of the same case in one dialect, where the other provider is named."""
    meant = messages_cases.DIFFERENCES[name]
    return meant.but(raised=meant.through["raised"] | {"message": message})


DIFFERENCES = {
    "whole, thought": Difference(UNSIGNED, {"message.content.0.signature": ""}),
    # In a stream a thought begins without a signature; the event that brings it stays away.
    "streamed, thought": Difference(UNSIGNED, {"events": [event for event in THOUGHT if not signs(event)]}),
    "whole, error-401": of_other("whole, error-401", REJECTED),
    "whole, error-402": of_other("whole, error-402", EMPTY),
    "whole, error-html": messages_cases.DIFFERENCES["whole, error-html"],
    "whole, cut-whole": messages_cases.failed(OWN_TROUBLE, CLOSED),
    "streamed, no-events": messages_cases.DIFFERENCES["streamed, no-events"],
    # A translated answer is called finished when its stream is complete, and not before.
    "streamed, no-done": messages_cases.DIFFERENCES["streamed, no-stop"].but(events=PLAIN[:-3]),
    "streamed, no-finish": of_other(
        "streamed, no-finish", "the provider ended its stream without finishing the answer"
    ),
    "streamed, cut-early": of_other("streamed, cut-early", CLOSED),
    "streamed, cut-late": of_other("streamed, cut-late", CLOSED),
    "streamed, error-early": messages_cases.failed_before_content(BEFORE_CONTENT, EVENT),
    "streamed, error-late": Difference(
        "an error that the provider did not call by a type of Anthropic's has the most general one",
        {"raised.type": "api_error"},
    ),
    "streamed, garbage-late": of_other("streamed, garbage-late", NO_CHUNK),
}
