"""LiteLLM as a client of a provider in Anthropic's dialect, which it asks by itself."""

import importlib.metadata

import comparison
import frameworks
import litellm_calls as calls
import messages_cases
import messages_scenarios as scenarios
from comparison import Difference

FAMILY = "litellm"
VERSION = importlib.metadata.version("litellm")
TITLE = f"litellm {VERSION} (anthropic)"
# It asks once, whatever the answer.
RAISING = {f"{how}, once-{what}" for how in ("whole", "streamed") for what in ("429", "529")}
CASES = [
    case
    for case in frameworks.cases(messages_cases, calls.whole, calls.streamed, calls.OTHERS)
    # The gateway may ask again by itself (`replay_stale`), or not: that depends on which connection it took.
    if case[2] != "once-closed"
]


def client(kind, url, key, timeout):
    return calls.Client(kind, "anthropic", url, key, timeout)



OF_SDK = messages_cases.DIFFERENCES
BAD_GATEWAY = comparison.raised("BadGatewayError", 502, None) | {"has_request_id": False}
OVERLOADED = BAD_GATEWAY | {"class": "InternalServerError", "status": 500, "type": "internal_server_error"}
NOTHING = {"pieces": [], "finish": []}

DIFFERENCES = {
    "whole, error-402": Difference(OF_SDK["whole, error-402"].why, {"raised": BAD_GATEWAY}),
    "whole, error-401": Difference(OF_SDK["whole, error-401"].why, {"raised": BAD_GATEWAY}),
    **{
        f"streamed, {name}": Difference(
            OF_SDK[f"streamed, {name}"].why, {"raised": error, **NOTHING}, absent=("usage",)
        )
        for name, error in (("no-events", BAD_GATEWAY), ("cut-early", BAD_GATEWAY), ("error-early", OVERLOADED))
    },
    "streamed, json-for-stream": Difference(OF_SDK["streamed, json-for-stream"].why, {
        "pieces": [scenarios.TEXT["text"]],
        "usage": {
            "prompt_tokens": 16, "completion_tokens": 7, "total_tokens": 23,
            "prompt_tokens_details": {
                "text_tokens": 11, "cached_tokens": 3, "cache_write_tokens": 2, "cache_creation_tokens": 2,
            },
            "completion_tokens_details": {"text_tokens": 7, "reasoning_tokens": 0},
            "cache_creation_input_tokens": 2, "cache_read_input_tokens": 3,
        },
    }),
}
