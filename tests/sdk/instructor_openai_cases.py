"""Instructor upon OpenAI's SDK, by tools."""

import importlib.metadata

import instructor
import openai

import instructor_calls as calls
from instructor_calls import CASES
from instructor_calls import RAISING

FAMILY = "openai"
VERSION = importlib.metadata.version("instructor")
TITLE = f"instructor {VERSION} (openai)"


def client(kind, url, key, timeout):
    make = {"sync": openai.OpenAI, "async": openai.AsyncOpenAI}[kind]
    inner = make(base_url=f"{url}/v1", api_key=key, timeout=timeout)
    return calls.Client(instructor.from_openai(inner), inner)

