"""OpenAI's agents over the Responses API, which is what they ask unless they are told otherwise."""

import dataclasses

import agents

import agents_calls as calls
import frameworks
import responses_cases
from agents_calls import LEFT
from agents_cases import FAMILY
from agents_cases import KINDS
from agents_cases import VERSION

TITLE = f"openai-agents {VERSION} (responses)"
# What is no whole answer is an exception, as is a refusal.
RAISING = {f"{how}, {what}" for how in ("whole", "streamed") for what in ("refusal", "length", "filtered", "failed")}
RAISING |= {"streamed, failed-late"}
client = calls.over(agents.OpenAIResponsesModel)
CASES = frameworks.cases(responses_cases, calls.whole, calls.streamed, calls.OTHERS)
OF_SDK = frameworks.differences(responses_cases, lambda raised: raised["class"], calls.NOTHING, calls.TOLD)
# In this API each of these is an event of its own.
ENDED = ("output", "items", "usage", "kinds.completed", "kinds.run_item_stream_event")


def without(name, *absent):
    return dataclasses.replace(OF_SDK[name], absent=(*ENDED, *absent))


DIFFERENCES = OF_SDK | {
    "streamed, no-end": without("streamed, no-end"),
    "streamed, error-late": without("streamed, error-late", "kinds.error"),
    "streamed, failed-late": without("streamed, failed-late", "kinds.failed"),
}
