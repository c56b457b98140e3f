"""OpenAI's agents over chat completions; their requests are always asynchronous."""

import importlib.metadata

import agents

import agents_calls as calls
import chat_cases
import chat_scenarios as scenarios
import frameworks
from agents_calls import LEFT
from comparison import Difference

FAMILY = "openai"
VERSION = importlib.metadata.version("openai-agents")
TITLE = f"openai-agents {VERSION}"
KINDS = ["async"]
HEAVY = {"streamed, long-event"}
RAISING = {"whole, refusal", "streamed, refusal"}
client = calls.over(agents.OpenAIChatCompletionsModel)
CASES = frameworks.cases(chat_cases, calls.whole, calls.streamed, calls.OTHERS)



ANSWER = ["created", "output_item added", "content_part added", "output_text delta", "content_part done"]
ANSWER += ["output_item done", "completed"]
OF_SDK = chat_cases.DIFFERENCES
COUNTED = [1, 11, 7]

DIFFERENCES = {
    **frameworks.differences(chat_cases, lambda raised: raised["class"], calls.NOTHING, calls.TOLD),
    "whole, error-400-again": OF_SDK["whole, error-400-again"],
    "streamed, json-for-stream": Difference(OF_SDK["streamed, json-for-stream"].why, {
        "kinds": {**calls.NOTHING["kinds"], **dict.fromkeys(ANSWER, 1), "run_item_stream_event": 1},
        "pieces": [scenarios.Choice().content], "output": scenarios.Choice().content, "items": ["message_output_item"],
    }),
    # It does not ask for usage.
    "streamed, usage-in-last-choice": Difference(
        OF_SDK["streamed without usage, usage-in-last-choice"].why, {"usage": COUNTED}
    ),
    "streamed, usage-null-choices": Difference(
        OF_SDK["streamed without usage, usage-unasked"].why, {"usage": [1, 0, 0]}
    ),
}
