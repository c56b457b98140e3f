"""The application built upon OpenAI's agents: an agent's whole run, which is several requests."""

import dataclasses

import agents
import openai
import pydantic

from either import plain

agents.set_tracing_disabled(True)

ASK = "Say h\u00e9llo."


class Person(pydantic.BaseModel):
    name: str
    born: int
    tags: list[str]


def agent(client, model, seen, **fields):
    """With tools that tell what they were called with."""
    seen["tools"] = []

    def weather(city: str, days: int) -> str:
        seen["tools"].append(["weather", city, days])
        return "weather: fine"

    def clock(zone: str) -> str:
        seen["tools"].append(["clock", zone])
        return "clock: fine"

    tools = [agents.function_tool(weather), agents.function_tool(clock)]
    asked = client.made(model=model, openai_client=client.inner)
    return agents.Agent(name="somebody", instructions="be br\u00efef", model=asked, tools=tools, **fields)


def told(result):
    output = result.final_output
    usage = result.context_wrapper.usage
    return {
        "output": plain(output) if isinstance(output, pydantic.BaseModel) else output,
        "items": [item.type for item in result.new_items],
        "usage": [usage.requests, usage.input_tokens, usage.output_tokens],
    }


async def whole(client, model, seen, **fields):
    seen.update(told(await agents.Runner.run(agent(client, model, seen, **fields), ASK)))


async def streamed(client, model, seen, **fields):
    seen.update(kinds={}, pieces=[])
    result = agents.Runner.run_streamed(agent(client, model, seen, **fields), ASK)
    async for event in result.stream_events():
        kind = event.type
        if kind == "raw_response_event":
            kind = event.data.type.removeprefix("response.").replace(".", " ")
        seen["kinds"][kind] = seen["kinds"].get(kind, 0) + 1
        if kind == "output_text delta":
            seen["pieces"].append(event.data.delta)
    seen.update(told(result))


async def structured(client, model, seen):
    await whole(client, model, seen, output_type=Person)


async def structured_streamed(client, model, seen):
    await streamed(client, model, seen, output_type=Person)


async def sampled(client, model, seen):
    settings = agents.ModelSettings(
        temperature=0.3, top_p=0.9, max_tokens=100, parallel_tool_calls=True, tool_choice="auto",
        metadata={"team": "w\u00f6rld"}, extra_body={"x_vendor": {"small": 1e-7}},
    )
    await whole(client, model, seen, model_settings=settings)


async def image(client, model, seen):
    picture = {"type": "input_image", "image_url": "data:image/png;base64," + "iVBORw0KGgoA" * 1000, "detail": "auto"}
    words = {"type": "input_text", "text": "what is this? \u00e4 \U0001f600 \\ \"quoted\"\t"}
    turn = [{"role": "user", "content": [words, picture]}]
    seen.update(told(await agents.Runner.run(agent(client, model, seen), turn)))


async def left_early(client, model, seen):
    result = agents.Runner.run_streamed(agent(client, model, seen), ASK)
    async for event in result.stream_events():
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
            seen["first"] = event.data.delta
            result.cancel()


OTHERS = [
    ("tool loop", whole, "tool-loop"),
    ("tool loop, streamed", streamed, "tool-loop"),
    ("structured", structured, "structured"),
    ("structured, streamed", structured_streamed, "structured"),
    ("sampled", sampled, "echo"),
    ("image", image, "echo"),
    ("left early", left_early, "endless"),
]
LEFT = {"left early"}
# What a stream has before its content, and what is not told of one that broke off.
NOTHING = {"kinds": {"agent_updated_stream_event": 1}, "pieces": []}
ENDING = ["content_part done", "output_item done", "completed", "run_item_stream_event"]
TOLD = ("output", "items", "usage", *(f"kinds.{kind}" for kind in ENDING))


@dataclasses.dataclass
class Client:
    """The SDK's client, and the way in which it is asked."""

    inner: openai.AsyncOpenAI
    made: type

    async def close(self):
        await self.inner.close()


def over(made):
    """Clients that ask in one of the two ways."""
    return lambda kind, url, key, timeout: Client(
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, timeout=timeout), made
    )
