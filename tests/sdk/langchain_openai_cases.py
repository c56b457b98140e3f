"""LangChain with `langchain-openai`, which stands on OpenAI's SDK and tells its exceptions."""

import importlib.metadata

import langchain_openai

import chat_cases
import chat_scenarios as scenarios
import frameworks
import langchain_calls as calls
from comparison import Difference
from langchain_calls import LEFT

FAMILY = "openai"
VERSION = importlib.metadata.version("langchain-openai")
TITLE = f"langchain-openai {VERSION}"
HEAVY = {"streamed, long-event"}
# Without the gateway a whole answer where a stream was asked for is no answer at all.
RAISING = {"streamed, json-for-stream"}
CASES = frameworks.cases(chat_cases, calls.whole, calls.streamed, calls.OTHERS)


def client(kind, url, key, timeout):
    fields = {"base_url": f"{url}/v1", "api_key": key, "timeout": timeout, "stream_usage": True}
    return calls.Client(kind, langchain_openai.ChatOpenAI, fields)



def name_of(raised):
    return "langchain_openai.OpenAIAPIError" if raised["status"] else raised["class"]


DIFFERENCES = {
    **frameworks.differences(chat_cases, name_of, nothing={"pieces": []}, absent=calls.TOLD),
    "whole, error-400-again": chat_cases.DIFFERENCES["whole, error-400-again"],
    "streamed, json-for-stream": Difference(chat_cases.DIFFERENCES["streamed, json-for-stream"].why, {
        "pieces": [scenarios.Choice().content], "content": scenarios.Choice().content, "calls": [], "invalid": [],
        "finish": "stop", "model": scenarios.ENVELOPE["model"], "id": None, "more": {},
        "usage": {
            "input_tokens": 11, "output_tokens": 7, "total_tokens": 18, "input_token_details": {"cache_read": 3},
            "output_token_details": {"reasoning": 2},
        },
    }, absent=("raised",)),
}
