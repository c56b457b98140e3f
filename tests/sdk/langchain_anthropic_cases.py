"""LangChain with `langchain-anthropic`, which stands on Anthropic's SDK and tells its exceptions."""

import importlib.metadata

import langchain_anthropic

import frameworks
import messages_cases
import messages_scenarios as scenarios
import langchain_calls as calls
from comparison import Difference
from langchain_calls import LEFT

FAMILY = "anthropic"
VERSION = importlib.metadata.version("langchain-anthropic")
TITLE = f"langchain-anthropic {VERSION}"
# Without the gateway a whole answer where a stream was asked for is no answer at all.
RAISING = {"streamed, json-for-stream"}
CASES = frameworks.cases(messages_cases, calls.whole, calls.streamed, calls.OTHERS)


def client(kind, url, key, timeout):
    fields = {"base_url": f"{url}", "api_key": key, "timeout": timeout}
    return calls.Client(kind, langchain_anthropic.ChatAnthropic, fields)



def name_of(raised):
    names = {None: raised["class"], 200: raised["class"], 529: "langchain_anthropic.AnthropicOverloadedError"}
    return names.get(raised["status"], "langchain_anthropic.AnthropicAPIError")


DIFFERENCES = {
    **frameworks.differences(messages_cases, name_of, nothing={"pieces": []}, absent=calls.TOLD),
    "streamed, json-for-stream": Difference(messages_cases.DIFFERENCES["streamed, json-for-stream"].why, {
        "pieces": [scenarios.TEXT["text"]], "content": scenarios.TEXT["text"], "calls": [], "invalid": [],
        "finish": "end_turn", "model": scenarios.ENVELOPE["model"], "id": None, "more": {},
        "usage": {
            "input_tokens": 16, "output_tokens": 7, "total_tokens": 23,
            "input_token_details": {"cache_creation": 2, "cache_read": 3},
        },
    }, absent=("raised",)),
}
