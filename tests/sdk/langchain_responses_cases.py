"""LangChain with `langchain-openai` over the Responses API."""

import langchain_openai

import frameworks
import langchain_calls as calls
import responses_cases
from langchain_calls import LEFT
from langchain_openai_cases import FAMILY
from langchain_openai_cases import VERSION
from langchain_openai_cases import name_of

TITLE = f"langchain-openai {VERSION} (responses)"
CASES = frameworks.cases(responses_cases, calls.whole, calls.streamed, [
    case for case in calls.OTHERS if case[2] != "person"
])


def client(kind, url, key, timeout):
    fields = {"base_url": f"{url}/v1", "api_key": key, "timeout": timeout, "use_responses_api": True}
    return calls.Client(kind, langchain_openai.ChatOpenAI, fields)


# Without the gateway a response that failed is a sentence.
RAISING = {"whole, failed", "streamed, failed-late"}
DIFFERENCES = frameworks.differences(responses_cases, name_of, nothing={"pieces": []}, absent=calls.TOLD)
