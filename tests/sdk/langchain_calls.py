"""The application built upon LangChain: every way in which it asks, for either vendor's package. A client is
what makes the package's chat model of a model's name."""

import dataclasses

import pydantic

from either import each
from either import settled

ASK = [("user", "Say h\u00e9llo.")]


class Person(pydantic.BaseModel):
    """Somebody."""

    name: str
    born: int
    tags: list[str]


class weather(pydantic.BaseModel):
    """Tells the weather."""

    city: str
    days: int


class clock(pydantic.BaseModel):
    """Tells the time."""

    zone: str = ""


@dataclasses.dataclass
class Client:
    """Chat models of one package for one address; synchronous or not."""

    kind: str
    make: type
    fields: dict

    def model(self, name, **more):
        return self.make(model=name, **self.fields, **more)

    def invoke(self, runnable, messages=ASK):
        return (runnable.invoke if self.kind == "sync" else runnable.ainvoke)(messages)

    def stream(self, runnable, messages=ASK):
        return (runnable.stream if self.kind == "sync" else runnable.astream)(messages)

    async def close(self):
        """LangChain keeps its connections for as long as the program runs."""


def told(message):
    about = message.response_metadata
    return {
        "content": message.content,
        "calls": [[call["id"], call["name"], call["args"]] for call in message.tool_calls],
        "invalid": [[call["name"], call["args"]] for call in message.invalid_tool_calls],
        "usage": dict(message.usage_metadata) if message.usage_metadata else None,
        "finish": about.get("finish_reason") or about.get("stop_reason"),
        "model": about.get("model_name"),
        "id": about.get("id"),
        "more": message.additional_kwargs,
    }


async def whole(client, model, seen, messages=ASK, **fields):
    seen.update(told(await settled(client.invoke(client.model(model, **fields), messages))))


async def added_up(chunks, seen):
    seen["pieces"] = []
    total = None
    async for chunk in each(chunks):
        if chunk.content:
            seen["pieces"].append(chunk.content)
        total = chunk if total is None else total + chunk
    seen.update(told(total))


async def streamed(client, model, seen, **fields):
    await added_up(client.stream(client.model(model, **fields)), seen)


async def whole_with_tools(client, model, seen):
    seen.update(told(await settled(client.invoke(client.model(model).bind_tools([weather, clock])))))


async def streamed_with_tools(client, model, seen):
    await added_up(client.stream(client.model(model).bind_tools([weather, clock])), seen)


async def tool_loop(client, model, seen):
    """Two turns, as an agent takes them."""
    model = client.model(model).bind_tools([weather, clock])
    wish = await settled(client.invoke(model))
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": f"{call['name']}: fine"} for call in wish.tool_calls
    ]
    seen.update(told(await settled(client.invoke(model, [*ASK, wish, *results]))))


async def structured(client, model, seen, **fields):
    person = await settled(client.invoke(client.model(model).with_structured_output(Person, **fields)))
    seen["person"] = person.model_dump()


async def structured_by_schema(client, model, seen):
    await structured(client, model, seen, method="json_schema")


async def structured_by_tool(client, model, seen):
    await structured(client, model, seen, method="function_calling")


async def image(client, model, seen):
    picture = {"type": "image", "base64": "iVBORw0KGgoA" * 1000, "mime_type": "image/png"}
    words = {"type": "text", "text": "what is this? \u00e4 \U0001f600 \\ \"quoted\"\t"}
    await whole(client, model, seen, messages=[("user", [words, picture])], max_tokens=100)


async def once(client, model, seen):
    await whole(client, model, seen, max_retries=0)


async def impatient_streamed(client, model, seen):
    await streamed(client, model, seen, timeout=5.0, max_retries=0)


async def left_early(client, model, seen):
    chunks = client.stream(client.model(model))
    async for chunk in each(chunks):
        if chunk.content:
            seen["first"] = chunk.content
            break
    await settled((chunks.aclose if hasattr(chunks, "aclose") else chunks.close)())


# What is not told of an answer that broke off.
TOLD = ("content", "calls", "invalid", "usage", "finish", "model", "id", "more")
OTHERS = [
    ("whole, tool", whole_with_tools, "tool"),
    ("whole, tools", whole_with_tools, "tools"),
    ("streamed, tool", streamed_with_tools, "tool"),
    ("streamed, tools", streamed_with_tools, "tools"),
    ("tool loop", tool_loop, "tool-loop"),
    ("structured by schema", structured_by_schema, "structured"),
    ("structured by tool", structured_by_tool, "person"),
    ("image", image, "echo"),
    ("one attempt, error-500", once, "error-500"),
    ("impatient, streamed", impatient_streamed, "slow"),
    ("left early", left_early, "endless"),
]
LEFT = {"impatient, streamed", "left early"}


# What is asked of a provider of the other dialect.
CROSSED = [
    *((f"whole, {name}", whole, name) for name in ("plain", "length", "filtered", "once-429")),
    *((f"streamed, {name}", streamed, name) for name in ("plain", "length", "filtered", "once-429")),
    ("whole, tools", whole_with_tools, "text-and-tools"),
    ("streamed, tools", streamed_with_tools, "text-and-tools"),
    ("tool loop", tool_loop, "tool-loop"),
    ("structured by schema", structured_by_schema, "structured"),
    ("structured by tool", structured_by_tool, "person"),
    ("image", image, "understood"),
]


def comparable(seen):
    """Without what each provider has of its own: its ids, its numbers, and pieces that hold nothing."""
    seen = {name: value for name, value in seen.items() if name not in ("id", "usage")}
    if "pieces" in seen:
        seen["pieces"] = [text for text in map(text_of, seen["pieces"]) if text]
    return seen


def text_of(piece):
    return piece if isinstance(piece, str) else "".join(block.get("text", "") for block in piece)
