"""The application: every way in which it uses the Anthropic SDK, each telling what it saw as plain data."""

import json

from either import each
from either import entered
from either import plain
from either import settled

ASK = [{"role": "user", "content": "Say h\u00e9llo."}]
BOUND = 100
TOOLS = [
    {"name": "weather", "description": "d", "input_schema": {"type": "object", "properties": {
        "city": {"type": "string"}, "days": {"type": "integer"},
    }}},
    {"name": "clock", "input_schema": {"type": "object", "properties": {}}},
]
# Sampling goes around the SDK's own parameters, which no longer know it.
UNUSUAL = {
    "system": [{"type": "text", "text": "be br\u00efef", "cache_control": {"type": "ephemeral"}}],
    "stop_sequences": ["\n\n", "END"],
    "metadata": {"user_id": "u-1"},
    "extra_body": {
        "temperature": 0.30, "top_k": 5,
        "x_vendor": {"big": 12345678901234567890, "small": 1e-7, "list": [None, True]},
    },
}


async def whole(client, model, seen, messages=ASK, **fields):
    create = client.messages.create(model=model, max_tokens=BOUND, messages=messages, **fields)
    seen["message"] = plain(await settled(create))


async def streamed(client, model, seen, messages=ASK, **fields):
    """Raw events, as they are."""
    seen["events"] = []
    create = client.messages.create(model=model, max_tokens=BOUND, messages=messages, stream=True, **fields)
    async for event in each(await settled(create)):
        seen["events"].append(plain(event))


async def helper(client, model, seen, **fields):
    """The `.stream()` helper: its text, its kinds of events and the message it assembles."""
    seen["kinds"] = {}
    async with entered(client.messages.stream(model=model, max_tokens=BOUND, messages=ASK, **fields)) as stream:
        async for event in each(stream):
            seen["kinds"][event.type] = seen["kinds"].get(event.type, 0) + 1
        seen["message"] = plain(await settled(stream.get_final_message()))


async def helper_text(client, model, seen):
    seen["text"] = []
    async with entered(client.messages.stream(model=model, max_tokens=BOUND, messages=ASK)) as stream:
        async for text in each(stream.text_stream):
            seen["text"].append(text)


async def whole_with_tools(client, model, seen):
    await whole(client, model, seen, tools=TOOLS, tool_choice={"type": "auto"})


async def streamed_with_tools(client, model, seen):
    await streamed(client, model, seen, tools=TOOLS)


async def helper_with_tools(client, model, seen):
    await helper(client, model, seen, tools=TOOLS)


async def whole_after_tools(client, model, seen):
    """The second turn of a tool loop, with a signed thought that must come back unchanged."""
    turn = [
        *ASK,
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
            {"type": "tool_use", "id": "toolu_clock", "name": "clock", "input": {}},
        ]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_clock", "content": "12:00"}]},
    ]
    await whole(client, model, seen, messages=turn, tools=TOOLS)


async def everything(client, model, seen):
    """Whatever can be asked in other words too."""
    image = {"type": "image", "source": {
        "type": "base64", "media_type": "image/png", "data": "iVBORw0KGgoA" * 100,
    }}
    calls = [
        {"type": "tool_use", "id": f"call_{name}", "name": name, "input": input}
        for name, input in (("weather", {"city": "K\u00f6ln", "days": 2}), ("clock", {}))
    ]
    results = [
        {"type": "tool_result", "tool_use_id": f"call_{name}", "content": f"{name}: fine"}
        for name in ("weather", "clock")
    ]
    turns = [
        {"role": "user", "content": [{"type": "text", "text": "what is this?\n\t\"quoted\""}, image]},
        {"role": "assistant", "content": [{"type": "text", "text": "let me see"}, *calls]},
        {"role": "user", "content": [*results, {"type": "text", "text": "and now?"}]},
    ]
    fields = {
        "system": "be br\u00efef \U0001f600", "stop_sequences": ["\n\n", "END"], "tool_choice": {"type": "any"},
        "extra_body": {"temperature": 0.25, "top_p": 0.5},
    }
    await whole(client, model, seen, messages=turns, tools=TOOLS, **fields)


async def one_tool_only(client, model, seen):
    choice = {"type": "tool", "name": "clock", "disable_parallel_tool_use": True}
    await whole(client, model, seen, tools=TOOLS, tool_choice=choice)


async def schema_understood(client, model, seen):
    properties = {"a": {"type": "string"}}
    schema = {"type": "object", "properties": properties, "required": ["a"], "additionalProperties": False}
    await whole(client, model, seen, output_config={"format": {"type": "json_schema", "schema": schema}})


async def unusual_fields(client, model, seen):
    await whole(client, model, seen, extra_headers={"anthropic-beta": "a-1,b-2"}, **UNUSUAL)


async def unusual_fields_streamed(client, model, seen):
    await streamed(client, model, seen, **UNUSUAL)


async def with_thinking(client, model, seen):
    fields = {"type": "enabled", "budget_tokens": 1024}
    create = client.messages.create(model=model, max_tokens=4096, messages=ASK, thinking=fields)
    seen["message"] = plain(await settled(create))


async def raw(client, model, seen):
    create = client.messages.with_raw_response.create(model=model, max_tokens=BOUND, messages=ASK)
    response = await settled(create)
    seen["message"] = plain(await settled(response.parse()))
    kind = response.headers["content-type"].partition(";")[0]
    seen.update(status=response.status_code, content_type=kind, has_request_id=bool(response.headers["request-id"]))


async def raw_lines(client, model, seen):
    create = client.messages.with_streaming_response.create(model=model, max_tokens=BOUND, messages=ASK, stream=True)
    seen["lines"] = []
    async with entered(create) as response:
        async for line in each(response.iter_lines()):
            seen["lines"].append(line)


async def raw_body(client, model, seen):
    create = client.messages.with_streaming_response.create(model=model, max_tokens=BOUND, messages=ASK)
    async with entered(create) as response:
        seen["body"] = json.loads(b"".join([piece async for piece in each(response.iter_bytes())]))


async def impatient(client, model, seen):
    await whole(client.with_options(timeout=5.0, max_retries=1), model, seen)


async def impatient_streamed(client, model, seen):
    await streamed(client.with_options(timeout=5.0, max_retries=0), model, seen)


async def left_early(client, model, seen):
    create = client.messages.create(model=model, max_tokens=BOUND, messages=ASK, stream=True)
    stream = await settled(create)
    async for event in each(stream):
        if event.type == "content_block_delta":
            seen["first"] = event.delta.text
            break
    await settled(stream.close())
