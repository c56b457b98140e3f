"""The application: every way in which it uses Google's SDK, each telling what it saw as plain data."""

import dataclasses

import pydantic
from google import genai
from google.genai import types

from either import each
from either import settled

ASK = "Say h\u00e9llo."


class Person(pydantic.BaseModel):
    name: str
    born: int
    tags: list[str]


def declared(name, **fields):
    properties = {field: types.Schema(type=kind) for field, kind in fields.items()}
    schema = types.Schema(type="OBJECT", properties=properties)
    return types.FunctionDeclaration(name=name, description=name, parameters=schema)


TOOLS = [types.Tool(function_declarations=[
    declared("weather", city="STRING", days="INTEGER"), declared("clock", zone="STRING"),
])]


@dataclasses.dataclass
class Client:
    """The SDK's client, and its models of the kind that is asked for."""

    inner: genai.Client
    models: object

    async def close(self):
        await self.inner.aio.aclose()


def client(kind, url, key, timeout):
    options = types.HttpOptions(base_url=url, timeout=int(timeout * 1000))
    inner = genai.Client(api_key=key, http_options=options)
    return Client(inner, inner.models if kind == "sync" else inner.aio.models)


def exception(error, family):
    """What an application can tell of an exception."""
    module = type(error).__module__.split(".")[0]
    name = type(error).__name__
    return {
        "class": name if module == family else f"{module}.{name}",
        "code": getattr(error, "code", None),
        "status": getattr(error, "status", None),
        "message": getattr(error, "message", None) if module == family else None,
    }


def told(response):
    """Only what was sent; the head of the HTTP answer is for another case."""
    return response.model_dump(mode="json", exclude_none=True, exclude={"sdk_http_response"})


async def whole(client, model, seen, contents=ASK, **config):
    ask = client.models.generate_content(model=model, contents=contents, config=config or None)
    response = await settled(ask)
    seen.update(response=told(response), text=response.text)


async def streamed(client, model, seen, contents=ASK, **config):
    seen["chunks"] = []
    ask = client.models.generate_content_stream(model=model, contents=contents, config=config or None)
    async for chunk in each(await settled(ask)):
        seen["chunks"].append(told(chunk))


async def whole_with_tools(client, model, seen):
    await whole(client, model, seen, tools=TOOLS)


async def streamed_with_tools(client, model, seen):
    await streamed(client, model, seen, tools=TOOLS)


async def tool_loop(client, model, seen):
    """The SDK's own tool loop: it calls the functions and asks again."""
    seen["tools"] = []

    def weather(city: str, days: int) -> str:
        seen["tools"].append(["weather", city, days])
        return "weather: fine"

    def clock(zone: str) -> str:
        seen["tools"].append(["clock", zone])
        return "clock: fine"

    await whole(client, model, seen, tools=[weather, clock])
    del seen["response"]["automatic_function_calling_history"]


async def structured(client, model, seen):
    ask = client.models.generate_content(
        model=model, contents=ASK, config={"response_mime_type": "application/json", "response_schema": Person}
    )
    seen["person"] = (await settled(ask)).parsed.model_dump()


async def unusual(client, model, seen):
    await whole(
        client, model, seen, system_instruction="be br\u00efef", temperature=0.25, top_k=5, seed=7,
        stop_sequences=["\n\n", "END"], max_output_tokens=77,
        thinking_config=types.ThinkingConfig(thinking_budget=128, include_thoughts=True),
    )


async def image(client, model, seen):
    picture = types.Part.from_bytes(data=b"\x89PNG\r\n\x1a\n" * 40_000, mime_type="image/png")
    words = types.Part.from_text(text="what is this? \u00e4 \U0001f600 \\ \"quoted\"\t")
    await whole(client, model, seen, contents=[words, picture])


async def impatient(client, model, seen):
    await streamed(client, model, seen, http_options=types.HttpOptions(timeout=5000))


async def left_early(client, model, seen):
    chunks = await settled(client.models.generate_content_stream(model=model, contents=ASK))
    async for chunk in each(chunks):
        seen["first"] = chunk.text
        break
    await settled((chunks.aclose if hasattr(chunks, "aclose") else chunks.close)())
