"""The application: every way in which it uses the OpenAI SDK, each telling what it saw as plain data.

A call takes a client of either kind, the model, and a place for what it sees, which survives an exception.
"""

import json

import pydantic

from either import each
from either import entered
from either import extras
from either import plain
from either import settled

ASK = [{"role": "user", "content": "Say h\u00e9llo."}]
TOOLS = [
    {"type": "function", "function": {"name": name, "strict": True, "parameters": {
        "type": "object",
        "properties": {field: {"type": kind} for field, kind in fields.items()},
        "required": list(fields),
        "additionalProperties": False,
    }}}
    for name, fields in {"weather": {"city": "string", "days": "integer"}, "clock": {"zone": "string"}}.items()
]
# The order of fields and the spelling of numbers must survive on their way.
UNUSUAL = {
    "seed": 7,
    "temperature": 0.30,
    "top_p": 1.0,
    "stop": ["\n\n", "END"],
    "logit_bias": {"50256": -100},
    "metadata": {"team": "w\u00f6rld"},
    "extra_body": {"x_vendor": {"big": 12345678901234567890, "small": 1e-7, "list": [None, True]}},
}


class Person(pydantic.BaseModel):
    name: str
    born: int
    tags: list[str]


# What was seen, as plain data.


def called(tool_call):
    return [tool_call.id, tool_call.type, tool_call.function.name, tool_call.function.arguments]


def completed(completion):
    return {
        "id": completion.id,
        "model": completion.model,
        "fingerprint": completion.system_fingerprint,
        "usage": plain(completion.usage),
        "extras": extras(completion),
        "choices": [
            {
                "index": choice.index,
                "finish": choice.finish_reason,
                "role": choice.message.role,
                "content": choice.message.content,
                "refusal": choice.message.refusal,
                "calls": [called(call) for call in choice.message.tool_calls or []],
                "logprobs": plain(choice.logprobs),
                "extras": extras(choice.message),
            }
            for choice in completion.choices
        ],
    }


class Seen:
    """A stream, added up."""

    def __init__(self):
        self.told = {"chunks": 0, "ids": [], "models": [], "usage": [], "extras": [], "choices": {}}

    def add(self, chunk):
        told = self.told
        told["chunks"] += 1
        for name, value in (("ids", chunk.id), ("models", chunk.model)):
            if value not in told[name]:
                told[name].append(value)
        if chunk.usage is not None:
            told["usage"].append([plain(chunk.usage), "beside nothing" if not chunk.choices else "beside a choice"])
        if extras(chunk):
            told["extras"].append(extras(chunk))
        for choice in chunk.choices or []:
            self.add_choice(choice)

    def add_choice(self, choice):
        fresh = {"pieces": [], "refusal": "", "calls": {}, "finish": [], "roles": [], "logprobs": [], "extras": []}
        told = self.told["choices"].setdefault(str(choice.index), fresh)
        delta = choice.delta
        if delta.content:
            told["pieces"].append(delta.content)
        told["refusal"] += delta.refusal or ""
        for call in delta.tool_calls or []:
            known = told["calls"].setdefault(str(call.index), {"id": [], "name": [], "arguments": ""})
            known["id"] += [call.id] if call.id else []
            known["name"] += [call.function.name] if call.function.name else []
            known["arguments"] += call.function.arguments or ""
        told["finish"] += [choice.finish_reason] if choice.finish_reason else []
        told["roles"] += [delta.role] if delta.role else []
        told["logprobs"] += [token.token for token in (choice.logprobs and choice.logprobs.content) or []]
        if extras(delta):
            told["extras"].append(extras(delta))


# The calls.


async def whole(client, model, seen, messages=ASK, **fields):
    create = client.chat.completions.create(model=model, messages=messages, **fields)
    seen.update(completed(await settled(create)))


async def streamed(client, model, seen, messages=ASK, usage=True, **fields):
    if usage:
        fields["stream_options"] = {"include_usage": True}
    sum = Seen()
    seen["stream"] = sum.told
    create = client.chat.completions.create(model=model, messages=messages, stream=True, **fields)
    async for chunk in each(await settled(create)):
        sum.add(chunk)


async def streamed_without_usage(client, model, seen, **fields):
    await streamed(client, model, seen, usage=False, **fields)


async def whole_with_tools(client, model, seen):
    await whole(client, model, seen, tools=TOOLS, tool_choice="auto", parallel_tool_calls=True)


async def streamed_with_tools(client, model, seen):
    await streamed(client, model, seen, tools=TOOLS, tool_choice="auto", parallel_tool_calls=True)


async def whole_after_tools(client, model, seen):
    """The second turn of a tool loop."""
    call = {"id": "call_clock", "type": "function", "function": {"name": "clock", "arguments": "{}"}}
    turn = [*ASK, {"role": "assistant", "content": None, "tool_calls": [call]}]
    turn.append({"role": "tool", "tool_call_id": "call_clock", "content": "12:00"})
    await whole(client, model, seen, messages=turn, tools=TOOLS)


async def everything(client, model, seen):
    """Whatever can be asked in other words too; Anthropic takes one measure of sampling at a time, and no
    sequence to stop at that is nothing but space."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "iVBORw0KGgoA" * 100}}
    calls = [
        {"id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for name, arguments in (("weather", '{"city": "K\u00f6ln", "days": 2}'), ("clock", "{}"))
    ]
    turns = [
        {"role": "system", "content": "be br\u00efef \U0001f600"},
        {"role": "user", "content": [{"type": "text", "text": "what is this?\n\t\"quoted\""}, image]},
        {"role": "assistant", "content": "let me see", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "call_weather", "content": "weather: fine"},
        {"role": "tool", "tool_call_id": "call_clock", "content": "clock: fine"},
        {"role": "user", "content": "and now?"},
    ]
    fields = {"temperature": 0.25, "stop": ["\n\nUser:", "END"], "max_completion_tokens": 77}
    await whole(client, model, seen, messages=turns, tools=TOOLS, tool_choice="required", **fields)


async def one_tool_only(client, model, seen):
    choice = {"type": "function", "function": {"name": "clock"}}
    await whole(client, model, seen, tools=TOOLS, tool_choice=choice, parallel_tool_calls=False, max_tokens=9)


async def schema_understood(client, model, seen):
    properties = {"a": {"type": "string"}}
    schema = {"type": "object", "properties": properties, "required": ["a"], "additionalProperties": False}
    format = {"type": "json_schema", "json_schema": {"name": "p", "strict": True, "schema": schema}}
    await whole(client, model, seen, response_format=format, max_tokens=9)


async def unusual_fields(client, model, seen):
    headers = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    more = {"OpenAI-Organization": "org-1", "OpenAI-Project": "proj-1", "Idempotency-Key": "idem-1"}
    query = {"api-version": "2026-01-01"}
    await whole(client, model, seen, extra_headers={**headers, **more}, extra_query=query, **UNUSUAL)


async def unusual_fields_streamed(client, model, seen):
    await streamed(client, model, seen, usage=False, **UNUSUAL)


async def long_prompt(client, model, seen):
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "iVBORw0KGgo" * 50_000}}
    words = {"type": "text", "text": "what is this? \u00e4 \U0001f600 \\ \"quoted\"\t" * 1000}
    await whole(client, model, seen, messages=[{"role": "user", "content": [words, image]}])


async def parsed(client, model, seen):
    parse = client.chat.completions.parse(model=model, messages=ASK, response_format=Person)
    completion = await settled(parse)
    seen.update(completed(completion), parsed=[plain(choice.message.parsed) for choice in completion.choices])


async def parsed_tools(client, model, seen):
    completion = await settled(client.chat.completions.parse(model=model, messages=ASK, tools=TOOLS))
    seen.update(completed(completion))
    calls = [call for choice in completion.choices for call in choice.message.tool_calls or []]
    seen["arguments"] = [call.function.parsed_arguments for call in calls]


async def helper(client, model, seen, **fields):
    """The `.stream()` helper: its events and the completion it assembles."""
    seen["events"] = {}
    manager = client.chat.completions.stream(
        model=model, messages=ASK, stream_options={"include_usage": True}, **fields
    )
    async with entered(manager) as stream:
        async for event in each(stream):
            seen["events"][event.type] = seen["events"].get(event.type, 0) + 1
        completion = await settled(stream.get_final_completion())
    seen.update(completed(completion))
    seen["parsed"] = [plain(choice.message.parsed) for choice in completion.choices]


async def helper_with_schema(client, model, seen):
    await helper(client, model, seen, response_format=Person)


async def helper_with_tools(client, model, seen):
    await helper(client, model, seen, tools=TOOLS)


async def raw(client, model, seen):
    """`with_raw_response`: status and headers beside the object."""
    create = client.chat.completions.with_raw_response.create(model=model, messages=ASK)
    response = await settled(create)
    told = completed(await settled(response.parse()))
    kind = response.headers["content-type"].partition(";")[0]
    ids = sorted(name for name in ("x-request-id", "request-id") if response.headers.get(name))
    seen.update(told, status=response.status_code, content_type=kind, ids=ids, retries=response.retries_taken)


async def raw_streamed(client, model, seen):
    create = client.chat.completions.with_raw_response.create(
        model=model, messages=ASK, stream=True, stream_options={"include_usage": True}
    )
    response = await settled(create)
    seen["content_type"] = response.headers["content-type"].partition(";")[0]
    sum = Seen()
    seen["stream"] = sum.told
    async for chunk in each(await settled(response.parse())):
        sum.add(chunk)


async def raw_lines(client, model, seen):
    """`with_streaming_response`: the lines of the stream as they were sent."""
    create = client.chat.completions.with_streaming_response.create(
        model=model, messages=ASK, stream=True, stream_options={"include_usage": True}
    )
    seen["lines"] = []
    async with entered(create) as response:
        seen["status"] = response.status_code
        async for line in each(response.iter_lines()):
            seen["lines"].append(line)


async def raw_body(client, model, seen):
    create = client.chat.completions.with_streaming_response.create(model=model, messages=ASK)
    async with entered(create) as response:
        body = b"".join([piece async for piece in each(response.iter_bytes())])
    seen["body"] = json.loads(body)


async def impatient(client, model, seen):
    await whole(client.with_options(timeout=5.0, max_retries=1), model, seen)


async def impatient_streamed(client, model, seen):
    await streamed(client.with_options(timeout=5.0, max_retries=0), model, seen)


async def once(client, model, seen):
    await whole(client.with_options(max_retries=0), model, seen)


async def left_early(client, model, seen):
    """Leaves a stream after its first content."""
    stream = await settled(client.chat.completions.create(model=model, messages=ASK, stream=True))
    async for chunk in each(stream):
        if chunk.choices[0].delta.content:
            seen["first"] = chunk.choices[0].delta.content
            break
    await settled(stream.close())
