"""Instructor upon Anthropic's SDK, by tools."""

import importlib.metadata

import anthropic
import instructor

import instructor_calls as calls
from instructor_calls import CASES
from instructor_calls import RAISING

FAMILY = "anthropic"
VERSION = importlib.metadata.version("instructor")
TITLE = f"instructor {VERSION} (anthropic)"


def client(kind, url, key, timeout):
    make = {"sync": anthropic.Anthropic, "async": anthropic.AsyncAnthropic}[kind]
    inner = make(base_url=url, api_key=key, timeout=timeout)
    return calls.Client(instructor.from_anthropic(inner), inner)

