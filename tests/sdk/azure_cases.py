"""The OpenAI SDK's class for Azure: deployments in paths, the key in `api-key`, towards a resource of the older API.

The gateway takes such requests as those for the model that is the deployment, and its provider here is asked in the
same way, so a call must come out as it does without the gateway.
"""

import openai

import chat_calls as calls
from chat_cases import FAMILY
from chat_cases import VERSION

TITLE = f"openai {VERSION}, class for Azure"
PREFIX = "azure"
API_VERSION = "2024-10-21"


def client(kind, url, key, **options):
    """A client of the kind `sync` or `async`, which puts each call's model into its path."""
    make = {"sync": openai.AzureOpenAI, "async": openai.AsyncAzureOpenAI}[kind]
    return make(azure_endpoint=url, api_key=key, api_version=API_VERSION, **options)


WHOLE = ["plain", "refusal", "two", "length", "filtered", "page", "logprobs"]
CASES = [
    *((f"whole, {name}", calls.whole, name) for name in WHOLE),
    *((f"streamed, {name}", calls.streamed, name) for name in [*WHOLE, "one-byte", "one-packet", "crlf"]),
    ("whole, tools", calls.whole_with_tools, "text-and-tools"),
    ("streamed, tools", calls.streamed_with_tools, "text-and-tools"),
    ("parsed", calls.parsed, "structured"),
    ("helper", calls.helper, "plain"),
    ("refused, error-400", calls.whole, "error-400"),
    ("refused, error-429", calls.whole, "error-429"),
    ("raw lines", calls.raw_lines, "plain"),
    ("left early", calls.left_early, "endless"),
]
LEFT = {"left early"}
