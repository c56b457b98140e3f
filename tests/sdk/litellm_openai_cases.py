"""LiteLLM as a client of a provider in OpenAI's dialect, which it asks through OpenAI's SDK."""

import importlib.metadata

import chat_cases
import chat_scenarios as scenarios
import comparison
import frameworks
import litellm_calls as calls
from comparison import Difference

FAMILY = "litellm"
VERSION = importlib.metadata.version("litellm")
TITLE = f"litellm {VERSION} (openai)"
HEAVY = {"streamed, long-event"}
CASES = frameworks.cases(chat_cases, calls.whole, calls.streamed, calls.OTHERS)


def client(kind, url, key, timeout):
    return calls.Client(kind, "openai", f"{url}/v1", key, timeout)



OF_SDK = chat_cases.DIFFERENCES
BAD_GATEWAY = comparison.raised("BadGatewayError", 502, None)
NOTHING = {"pieces": [], "finish": []}
WHOLE = ["whole, cut-whole", "whole, html", "whole, error-401", "whole, error-402"]
BEFORE_CONTENT = [
    "streamed, sse-as-json", "streamed, no-events", "streamed, cut-early", "streamed, error-early",
    "streamed, garbage-early",
]

DIFFERENCES = {
    **{name: Difference(OF_SDK[name].why, {"raised": BAD_GATEWAY, "provider.attempts": 3}) for name in WHOLE},
    **{
        name: Difference(
            OF_SDK[name].why, {"raised": BAD_GATEWAY, "provider.attempts": 3, **NOTHING}, absent=("usage",)
        )
        for name in BEFORE_CONTENT
    },
    "streamed, no-done": calls.broken(OF_SDK["streamed, no-done"]),
    "whole, error-400-again": OF_SDK["whole, error-400-again"],
    "streamed, json-for-stream": Difference(OF_SDK["streamed, json-for-stream"].why, {
        "pieces": [scenarios.Choice().content],
        "usage": {
            "prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18,
            "prompt_tokens_details": {"cached_tokens": 3}, "completion_tokens_details": {"reasoning_tokens": 2},
        },
    }),
}
