"""The application: every way in which it uses Google's SDK, each telling what it saw as plain data."""

from google.genai import errors
from google.genai import types

from either import each
from either import plain
from either import settled

ASK = "Say h\u00e9llo."
TOOLS = [types.Tool(function_declarations=[
    {"name": "weather", "description": "d", "parameters": {"type": "OBJECT", "properties": {
        "city": {"type": "STRING"}, "days": {"type": "INTEGER"},
    }}},
    {"name": "clock", "parameters_json_schema": {"type": "object", "properties": {}}},
])]
UNUSUAL = {
    "system_instruction": "be br\u00efef",
    "temperature": 0.30,
    "top_k": 5,
    "stop_sequences": ["\n\n", "END"],
    "safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
    "thinking_config": {"thinking_budget": 1024, "include_thoughts": True},
    "response_mime_type": "application/json",
    "response_schema": {"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": True}}},
}


def telling(call):
    """The same call, which also tells what the SDK makes of an error."""

    async def told(client, model, seen):
        try:
            await call(client, model, seen)
        except errors.APIError as error:
            seen["error"] = {"code": error.code, "status": error.status, "message": error.message}
            raise

    return told


def bare(response):
    """What the answer says, without what the SDK adds of the transport."""
    return {name: value for name, value in plain(response).items() if name != "sdk_http_response"}


@telling
async def whole(client, model, seen):
    seen["answer"] = bare(await settled(client.models.generate_content(model=model, contents=ASK)))


async def chunks_of(client, model, seen, **fields):
    seen["chunks"] = []
    async for chunk in each(await settled(client.models.generate_content_stream(model=model, **fields))):
        seen["chunks"].append(bare(chunk))


@telling
async def streamed(client, model, seen):
    await chunks_of(client, model, seen, contents=ASK)


@telling
async def whole_with_tools(client, model, seen):
    config = {"tools": TOOLS, "automatic_function_calling": {"disable": True}}
    response = await settled(client.models.generate_content(model=model, contents=ASK, config=config))
    seen["answer"] = bare(response)
    seen["calls"] = [plain(call) for call in response.function_calls or []]


@telling
async def streamed_with_tools(client, model, seen):
    config = {"tools": TOOLS, "automatic_function_calling": {"disable": True}}
    await chunks_of(client, model, seen, contents=ASK, config=config)


@telling
async def after_tools(client, model, seen):
    """The second turn of a tool loop, with a signature that must come back unchanged."""
    call = types.Part(
        function_call=types.FunctionCall(name="clock", args={}), thought_signature=b"\xfb\xff signature"
    )
    turn = [
        types.UserContent(ASK),
        types.ModelContent([types.Part(text="hm", thought=True), call]),
        types.UserContent(types.Part.from_function_response(name="clock", response={"output": "12:00"})),
    ]
    config = {"tools": TOOLS, "automatic_function_calling": {"disable": True}}
    seen["answer"] = bare(await settled(client.models.generate_content(model=model, contents=turn, config=config)))


@telling
async def media(client, model, seen):
    parts = [ASK, types.Part.from_bytes(data=b"\x89PNG", mime_type="image/png")]
    seen["answer"] = bare(await settled(client.models.generate_content(model=model, contents=parts)))


@telling
async def unusual_fields(client, model, seen):
    response = client.models.generate_content(model=model, contents=ASK, config=UNUSUAL)
    seen["answer"] = bare(await settled(response))


@telling
async def chat(client, model, seen):
    """Two turns of the SDK's own chat, whole and streamed, and the history it keeps."""
    conversation = client.chats.create(model=model)
    seen["whole"] = (await settled(conversation.send_message(ASK))).text
    seen["streamed"] = []
    async for chunk in each(await settled(conversation.send_message_stream("And again."))):
        seen["streamed"].append(chunk.text)
    seen["history"] = [plain(content) for content in conversation.get_history(curated=True)]


@telling
async def impatient(client, model, seen):
    config = {"http_options": {"timeout": 2500}}
    seen["answer"] = bare(await settled(client.models.generate_content(model=model, contents=ASK, config=config)))


@telling
async def left_early(client, model, seen):
    stream = await settled(client.models.generate_content_stream(model=model, contents=ASK))
    async for chunk in each(stream):
        seen["first"] = chunk.text
        break
    close = getattr(stream, "aclose", None) or stream.close
    await settled(close())
