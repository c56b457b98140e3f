"""The application that uses LiteLLM as its client: every way in which it asks, in OpenAI's words whatever the
dialect of the provider. A client is where to ask, and in which dialect."""

import dataclasses
import os

# Otherwise it fetches its table of prices when it is imported.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm

import comparison
from comparison import Difference
from either import each
from either import plain
from either import settled

litellm.suppress_debug_info = True

ASK = [{"role": "user", "content": "Say h\u00e9llo."}]
TOOLS = [
    {"type": "function", "function": {"name": name, "description": name, "parameters": {
        "type": "object", "properties": {field: {"type": kind} for field, kind in fields.items()},
    }}}
    for name, fields in {"weather": {"city": "string", "days": "integer"}, "clock": {"zone": "string"}}.items()
]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "person", "strict": True, "schema": {
    "type": "object", "properties": {"name": {"type": "string"}, "born": {"type": "integer"}},
    "required": ["name", "born"], "additionalProperties": False,
}}}


@dataclasses.dataclass
class Client:
    kind: str
    dialect: str
    url: str
    key: str
    timeout: float

    def complete(self, model, messages=ASK, **fields):
        ask = {"model": f"{self.dialect}/{model}", "messages": messages, "api_base": self.url, "api_key": self.key}
        complete = litellm.completion if self.kind == "sync" else litellm.acompletion
        return complete(**{"timeout": self.timeout, **ask, **fields})

    async def stream(self, model, **fields):
        """The chunks of a stream, which claims to be of both kinds."""
        stream = await settled(self.complete(model, stream=True, **fields))
        return stream if self.kind == "async" else (chunk for chunk in stream)

    async def close(self):
        """LiteLLM keeps its connections for as long as the program runs."""


def counted(usage):
    """Only what was counted: the rest is named with null."""
    return {
        name: {inner: count for inner, count in value.items() if count is not None}
        if isinstance(value, dict)
        else value
        for name, value in plain(usage).items()
        if value is not None
    }


def called(calls):
    return [[call.id, call.function.name, call.function.arguments] for call in calls or []]


def told(answer):
    choice = answer.choices[0]
    message = choice.message
    return {
        "model": answer.model,
        "content": message.content,
        "thought": getattr(message, "reasoning_content", None),
        "calls": called(message.tool_calls),
        "finish": choice.finish_reason,
        "usage": counted(answer.usage),
    }


async def whole(client, model, seen, **fields):
    seen.update(told(await settled(client.complete(model, **fields))))


async def streamed(client, model, seen, **fields):
    seen.update(pieces=[], thought="", arguments="", names=[], finish=[])
    fields = {"stream_options": {"include_usage": True}, **fields}
    async for chunk in each(await client.stream(model, **fields)):
        for choice in chunk.choices:
            add_choice(choice, seen)
        if getattr(chunk, "usage", None):
            seen["usage"] = counted(chunk.usage)


def add_choice(choice, seen):
    delta = choice.delta
    seen["pieces"] += [delta.content] if delta.content else []
    seen["thought"] += getattr(delta, "reasoning_content", None) or ""
    for call in delta.tool_calls or []:
        seen["names"] += [[call.id, call.function.name]] if call.function.name else []
        seen["arguments"] += call.function.arguments or ""
    seen["finish"] += [choice.finish_reason] if choice.finish_reason else []


async def whole_with_tools(client, model, seen):
    await whole(client, model, seen, tools=TOOLS)


async def streamed_with_tools(client, model, seen):
    await streamed(client, model, seen, tools=TOOLS)


async def tool_loop(client, model, seen):
    """Two turns, as an agent takes them."""
    wish = (await settled(client.complete(model, tools=TOOLS))).choices[0].message
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": f"{call.function.name}: fine"} for call in wish.tool_calls
    ]
    await whole(client, model, seen, messages=[*ASK, wish.model_dump(), *results], tools=TOOLS)


async def structured(client, model, seen):
    await whole(client, model, seen, response_format=SCHEMA)


async def image(client, model, seen):
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "iVBORw0KGgoA" * 1000}}
    words = {"type": "text", "text": "what is this? \u00e4 \U0001f600 \\ \"quoted\"\t"}
    await whole(client, model, seen, messages=[{"role": "user", "content": [words, picture]}])


async def retried(client, model, seen):
    await whole(client, model, seen, num_retries=2)


# It offers no way to leave a stream.
OTHERS = [
    ("whole, tool", whole_with_tools, "tool"),
    ("whole, tools", whole_with_tools, "tools"),
    ("streamed, tool", streamed_with_tools, "tool"),
    ("streamed, tools", streamed_with_tools, "tools"),
    ("tool loop", tool_loop, "tool-loop"),
    ("structured", structured, "structured"),
    ("image", image, "echo"),
    ("retried, once-429", retried, "once-429"),
]


def broken(meant, **through):
    """An exception in the middle of a stream, which tells nothing of its cause but in its text."""
    error = comparison.raised("MidStreamFallbackError", 500, None) | {"has_request_id": False}
    return Difference(meant.why, {"raised": error, **through}, absent=("usage",))
