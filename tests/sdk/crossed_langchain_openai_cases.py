"""LangChain's model for OpenAI, answered by a provider in Anthropic's dialect."""

from langchain_calls import CROSSED as CASES
from langchain_calls import comparable
from langchain_openai_cases import FAMILY
from langchain_openai_cases import VERSION
from langchain_openai_cases import client

TITLE = f"langchain-openai {VERSION}, answered in Anthropic's dialect"
PREFIX = "cross"

