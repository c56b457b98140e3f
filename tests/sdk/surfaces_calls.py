"""The application: what it does with OpenAI's and Anthropic's SDKs beside chat, each telling what it saw."""

import hashlib

from either import each
from either import entered
from either import plain
from either import settled

SOUND = bytes(range(256)) * 500
ASK = [{"role": "user", "content": "Say h\u00e9llo."}]


def vectors(answer):
    return [item.embedding for item in answer.data]


def embeddings(model, **fields):
    async def call(client, seen):
        answer = await settled(client.embeddings.create(model=model, input=["a", "b"], **fields))
        seen.update(vectors=vectors(answer), usage=plain(answer.usage), model=answer.model)

    return call


async def embedding_of_tokens(client, seen):
    answer = await settled(client.embeddings.create(model="floats-1", input=[1, 2, 3], dimensions=4, user="u"))
    seen["vectors"] = vectors(answer)


async def embeddings_raw(client, seen):
    raw = await settled(client.embeddings.with_raw_response.create(model="any-1", input="x", encoding_format="float"))
    seen["body"] = raw.text
    seen["has_request_id"] = bool(raw.headers.get("x-request-id"))


async def completion(client, seen):
    create = client.completions.create(model="davinci-1", prompt=["Once"], max_tokens=5, best_of=2)
    seen["completion"] = plain(await settled(create))


def completion_streamed(**fields):
    async def call(client, seen):
        create = client.completions.create(model="davinci-1", prompt="Once", max_tokens=5, stream=True, **fields)
        seen["chunks"] = [plain(chunk) async for chunk in each(await settled(create))]

    return call


async def completion_missing(client, seen):
    await settled(client.completions.create(model="missing", prompt="Once"))


async def moderation(client, seen):
    seen["answer"] = plain(await settled(client.moderations.create(model="omni", input="x")))


async def moderation_by_default(client, seen):
    seen["answer"] = plain(await settled(client.moderations.create(input="x")))


async def image(client, seen):
    answer = await settled(client.images.generate(model="image-1", prompt="a c\u00e4t"))
    seen.update(image=hashlib.sha256(answer.data[0].b64_json.encode()).hexdigest(), usage=plain(answer.usage))


async def image_edited(client, seen):
    edit = client.images.edit(model="image-1", image=("a.png", SOUND, "image/png"), prompt="more")
    seen["image"] = hashlib.sha256((await settled(edit)).data[0].b64_json.encode()).hexdigest()


async def speech(client, seen):
    answer = await settled(client.audio.speech.create(model="tts-1", voice="alloy", input="x"))
    seen.update(sound=hashlib.sha256(answer.content).hexdigest(), kind=answer.response.headers["content-type"])


async def speech_streamed(client, seen):
    create = client.audio.speech.with_streaming_response.create(model="tts-1", voice="alloy", input="x")
    async with entered(create) as response:
        pieces = [piece async for piece in each(response.iter_bytes())]
    seen["sound"] = hashlib.sha256(b"".join(pieces)).hexdigest()


def transcription(**fields):
    async def call(client, seen):
        create = client.audio.transcriptions.create(model="whisper-1", file=("a.mp3", SOUND), **fields)
        answer = await settled(create)
        if fields.get("stream"):
            seen["events"] = [plain(event) async for event in each(answer)]
        else:
            seen["answer"] = answer if isinstance(answer, str) else plain(answer)

    return call


async def files(client, seen):
    made = await settled(client.files.create(file=("a.jsonl", SOUND), purpose="batch"))
    seen["made"] = plain(made)
    seen["got"] = plain(await settled(client.files.retrieve(made.id)))
    content = await settled(client.files.content(made.id))
    seen["content"] = hashlib.sha256(content.content).hexdigest()
    seen["listed"] = [plain(file) async for file in each(await paged(client.files.list(limit=1)))]
    seen["deleted"] = plain(await settled(client.files.delete(made.id)))


async def paged(pages):
    """An asynchronous list of pages is iterated as it is, without waiting for its first one."""
    return pages if hasattr(pages, "__aiter__") else await settled(pages)


async def file_missing(client, seen):
    await settled(client.files.retrieve("file-missing"))


async def batch(client, seen):
    create = client.batches.create(input_file_id="file-1", endpoint="/v1/chat/completions", completion_window="24h")
    made = await settled(create)
    seen["made"] = plain(made)
    seen["got"] = plain(await settled(client.batches.retrieve(made.id)))
    seen["cancelled"] = plain(await settled(client.batches.cancel(made.id)))


async def tokens(client, seen):
    seen["count"] = plain(await settled(client.messages.count_tokens(model="claude-1", messages=ASK)))


async def tokens_missing(client, seen):
    await settled(client.messages.count_tokens(model="missing", messages=ASK))


async def message_batch(client, seen):
    request = {"custom_id": "a", "params": {"model": "claude-1", "max_tokens": 5, "messages": ASK}}
    seen["batch"] = plain(await settled(client.messages.batches.create(requests=[request])))


OPENAI = {
    "embeddings": embeddings("any-1"),
    "embeddings, floats": embeddings("any-1", encoding_format="float"),
    "embeddings, base64": embeddings("any-1", encoding_format="base64"),
    "embeddings, raw": embeddings_raw,
    "embedding of tokens": embedding_of_tokens,
    "completion": completion,
    "completion, streamed": completion_streamed(),
    "completion, streamed with usage": completion_streamed(stream_options={"include_usage": True}),
    "completion, missing model": completion_missing,
    "moderation": moderation,
    "moderation by default": moderation_by_default,
    "image": image,
    "image, edited": image_edited,
    "speech": speech,
    "speech, streamed": speech_streamed,
    "transcription": transcription(),
    "transcription as text": transcription(response_format="text"),
    "transcription, streamed": transcription(stream=True),
    "files": files,
    "file, missing": file_missing,
    "batch": batch,
}
ANTHROPIC = {"tokens": tokens, "tokens, missing model": tokens_missing, "message batch": message_batch}
