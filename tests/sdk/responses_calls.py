"""The application: every way in which it uses the Responses API of the OpenAI SDK, each telling what it
saw as plain data."""

import json

from chat_calls import Person
from either import each
from either import entered
from either import settled

ASK = "Say h\u00e9llo."
TOOLS = [
    {"type": "function", "name": name, "strict": True, "parameters": {
        "type": "object",
        "properties": {field: {"type": kind} for field, kind in fields.items()},
        "required": list(fields),
        "additionalProperties": False,
    }}
    for name, fields in {"weather": {"city": "string", "days": "integer"}, "clock": {"zone": "string"}}.items()
]
# The order of fields and the spelling of numbers must survive on their way, and what only a provider of
# the same kind understands must reach it.
UNUSUAL = {
    "instructions": "Be br\u00efef.",
    "temperature": 0.30,
    "top_p": 1.0,
    "metadata": {"team": "w\u00f6rld"},
    "previous_response_id": "resp_before",
    "include": ["reasoning.encrypted_content"],
    "store": False,
    "truncation": "auto",
    "tools": [{"type": "web_search"}, *TOOLS],
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "web_search"}]},
    "extra_body": {"x_vendor": {"big": 12345678901234567890, "small": 1e-7, "list": [None, True]}},
}


def plain(model):
    # Only what was sent; what the SDK parsed out of it is none of its declared types.
    return model.model_dump(mode="json", exclude_unset=True, warnings=False) if model is not None else None


def answered(response):
    """What was seen of a response, as plain data."""
    return {
        "id": response.id, "status": response.status, "model": response.model, "text": response.output_text,
        "output": [plain(item) for item in response.output], "usage": plain(response.usage),
        "error": plain(response.error), "incomplete": plain(response.incomplete_details),
        "parallel": response.parallel_tool_calls, "instructions": response.instructions,
        "tools": [plain(tool) for tool in response.tools], "format": plain(response.text),
        "extras": dict(response.model_extra or {}),
    }


async def whole(client, model, seen, input=ASK, **fields):
    seen.update(answered(await settled(client.responses.create(model=model, input=input, **fields))))


async def streamed(client, model, seen, input=ASK, **fields):
    """Every event, deltas of one piece added up."""
    seen["events"], seen["deltas"] = [], {}
    create = client.responses.create(model=model, input=input, stream=True, **fields)
    async for event in each(await settled(create)):
        told = plain(event)
        if event.type.endswith(".delta"):
            key = f"{event.type} {event.item_id}"
            seen["deltas"][key] = seen["deltas"].get(key, "") + event.delta
        seen["events"].append(told)


async def whole_with_tools(client, model, seen):
    await whole(client, model, seen, tools=TOOLS, tool_choice="auto", parallel_tool_calls=True)


async def streamed_with_tools(client, model, seen):
    await streamed(client, model, seen, tools=TOOLS, tool_choice="auto", parallel_tool_calls=True)


async def next_turn(client, model, seen):
    """A tool loop: what was answered is sent back with the result."""
    first = await settled(client.responses.create(model=model, input=ASK, tools=TOOLS))
    items = [{"role": "user", "content": ASK}, *(item.to_dict() for item in first.output)]
    items.append({"type": "function_call_output", "call_id": "call_weather", "output": "rain"})
    await whole(client, model.replace("thinking-tool", "echo"), seen, input=items, tools=TOOLS)


async def unusual_fields(client, model, seen):
    headers = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    more = {"OpenAI-Organization": "org-1", "OpenAI-Project": "proj-1", "Idempotency-Key": "idem-1"}
    await whole(client, model, seen, extra_headers={**headers, **more}, **UNUSUAL)


async def unusual_fields_streamed(client, model, seen):
    await streamed(client, model, seen, **UNUSUAL)


async def long_prompt(client, model, seen):
    image = {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64," + "iVBORw0KGgo" * 50_000}
    words = {"type": "input_text", "text": "what is this? \u00e4 \U0001f600 \\ \"quoted\"\t" * 1000}
    await whole(client, model, seen, input=[{"role": "user", "content": [words, image]}])


async def parsed(client, model, seen):
    response = await settled(client.responses.parse(model=model, input=ASK, text_format=Person))
    seen.update(answered(response), parsed=plain(response.output_parsed))


async def parsed_tools(client, model, seen):
    response = await settled(client.responses.parse(model=model, input=ASK, tools=TOOLS))
    seen.update(answered(response))
    calls = [item for item in response.output if item.type == "function_call"]
    seen["arguments"] = [json.loads(call.arguments) for call in calls]


async def helper(client, model, seen, **fields):
    """The `.stream()` helper: its events, the snapshots it keeps and the response it assembles."""
    seen["events"], seen["snapshot"] = {}, ""
    async with entered(client.responses.stream(model=model, input=ASK, **fields)) as stream:
        async for event in each(stream):
            seen["events"][event.type] = seen["events"].get(event.type, 0) + 1
            if event.type in ("response.output_text.delta", "response.function_call_arguments.delta"):
                seen["snapshot"] = event.snapshot
        response = await settled(stream.get_final_response())
    seen.update(answered(response), parsed=plain(response.output_parsed) if "text_format" in fields else None)


async def helper_with_schema(client, model, seen):
    await helper(client, model, seen, text_format=Person)


async def helper_with_tools(client, model, seen):
    await helper(client, model, seen, tools=TOOLS)


async def raw(client, model, seen):
    """`with_raw_response`: status and headers beside the object."""
    response = await settled(client.responses.with_raw_response.create(model=model, input=ASK))
    told = answered(await settled(response.parse()))
    kind = response.headers["content-type"].partition(";")[0]
    ids = sorted(name for name in ("x-request-id", "request-id") if response.headers.get(name))
    seen.update(told, status_code=response.status_code, content_type=kind, ids=ids, retries=response.retries_taken)


async def raw_lines(client, model, seen, **fields):
    """`with_streaming_response`: the lines of the stream as they were sent."""
    create = client.responses.with_streaming_response.create(model=model, input=ASK, stream=True, **fields)
    seen["lines"] = []
    async with entered(create) as response:
        seen["status"] = response.status_code
        async for line in each(response.iter_lines()):
            seen["lines"].append(line)


async def impatient_streamed(client, model, seen):
    await streamed(client.with_options(timeout=5.0, max_retries=0), model, seen)


async def left_early(client, model, seen):
    """Leaves a stream after its first content."""
    stream = await settled(client.responses.create(model=model, input=ASK, stream=True))
    async for event in each(stream):
        if event.type == "response.output_text.delta":
            seen["first"] = event.delta
            break
    await settled(stream.close())
