"""LangChain's model for Anthropic, answered by a provider in OpenAI's dialect."""

from langchain_calls import CROSSED as CASES
from langchain_calls import comparable
from langchain_anthropic_cases import FAMILY
from langchain_anthropic_cases import VERSION
from langchain_anthropic_cases import client

TITLE = f"langchain-anthropic {VERSION}, answered in OpenAI's dialect"
PREFIX = "cross"

