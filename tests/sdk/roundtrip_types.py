"""Answers as the official SDKs' own types take them.

SDKs construct what they are sent whatever it is: a missing field shows when an application reads it. So here
their types judge strictly what they would only have constructed, and every refusal is a complaint. What is
then looked at is what an application would have been given all the same.
"""

import collections
import functools
import json
import re
import typing
import warnings

import anthropic._models
import anthropic.lib.streaming._messages as messages_streaming
import anthropic.types
import google.genai.types
import openai._models
import openai.lib.streaming.chat
import openai.lib.streaming.responses._responses as responses_streaming
import openai.types
import openai.types.chat
import openai.types.responses
import pydantic


# What providers themselves send is not always what types know.
warnings.filterwarnings("ignore", message="Pydantic serializer warnings")


class Told(typing.NamedTuple):
    """What an application is given, and what the types say against it."""

    answer: object
    complaints: frozenset = frozenset()


class Failed(Exception):
    """The answer says that it is none, or its SDK dies of it."""


@functools.cache
def adapter(kind):
    return pydantic.TypeAdapter(kind)


def complaints(kind, text):
    with warnings.catch_warnings():
        # Google's types warn of a word that they do not know, and take it.
        warnings.simplefilter("error")
        try:
            adapter(kind).validate_json(text, strict=True)
        except pydantic.ValidationError as error:
            errors = error.errors(include_input=False, include_url=False)
            return {f"{place(loc)}: {what}" for loc, what in meant([(one["loc"], one["type"]) for one in errors])}
        except UserWarning as warning:
            return {f"{kind.__name__}: {warning}"}
    return set()


def meant(errors):
    """Without what pydantic says of members of a union that the thing is not, by its `type`; if it is none of
    them, that alone."""
    others = {loc[:-1] for loc, what in errors if what == "literal_error" and loc[-1] == "type" and is_member(loc[-2])}
    beside = lambda loc: any(loc[: len(other)] == other for other in others)
    kept = [(loc, what) for loc, what in errors if not beside(loc)]
    for union in {other[:-1] for other in others}:
        if not beside(union) and not any(loc[: len(union)] == union for loc, _ in kept):
            kept.append((union, "no such type"))
    return kept


def is_member(step):
    """Members of a union stand in a place by the name of their class."""
    return isinstance(step, str) and step[0].isupper()


def place(loc):
    return ".".join("[]" if isinstance(step, int) else str(step) for step in loc)


def events(text):
    """The data of the events of a stream, but the one that only says its end."""
    for block in text.replace("\r\n", "\n").split("\n\n"):
        data = "\n".join(line[5:].removeprefix(" ") for line in block.split("\n") if line.startswith("data:"))
        if data and data != "[DONE]":
            yield data


@functools.cache
def by_type(union):
    """The members of a union by the word that tells them apart."""
    members = typing.get_args(typing.get_args(union)[0])
    return {typing.get_args(member.model_fields["type"].annotation)[0]: member for member in members}


# OpenAI's chat completions.


def chat_whole(text):
    kind, value = openai.types.chat.ChatCompletion, json.loads(text)
    if any(one.get("error") for one in [value, *value.get("choices", [])]):
        raise Failed(text)
    return Told(openai._models.construct_type(type_=kind, value=value), frozenset(complaints(kind, text)))


def chat_stream(text):
    kind = openai.types.chat.ChatCompletionChunk
    state = openai.lib.streaming.chat.ChatCompletionStreamState()
    against, lists, tier, usage, at_start = set(), collections.Counter(), None, None, None
    for data in events(text):
        value = json.loads(data)
        if value.get("error"):
            raise Failed(data)
        against |= complaints(kind, data)
        if at_start is None:
            at_start = value.get("service_tier") or ""
        told_in_pieces(value)
        chunk = openai._models.construct_type(type_=kind, value=value)
        try:
            state.handle_chunk(chunk)
        except RuntimeError as error:
            # It wants to know which entry of a list goes on, and dies of not being told.
            against.add(f"the SDK's accumulator: {str(error).partition(';')[0]}")
            counted(value, lists)
            state.handle_chunk(openai._models.construct_type(type_=kind, value=value))
        tier, usage = value.get("service_tier") or tier, chunk.usage or odd_usage(value) or usage
    snapshot = state.current_completion_snapshot
    # The SDK takes the one from the first chunk alone, the other from the last.
    snapshot.service_tier, snapshot.usage, snapshot.tier_at_start = tier, usage, at_start
    return Told(snapshot, frozenset(against))


def odd_usage(chunk):
    """Groq told tokens in a field of its own, and Moonshot does in the choice that ends."""
    places = [chunk.get("x_groq") or {}, *chunk["choices"]]
    told = [place["usage"] for place in places if place.get("usage")]
    return openai.types.CompletionUsage.model_validate(told[0]) if told else None


def told_in_pieces(chunk):
    """Mistral tells content that thinks in pieces, which the SDK does not put together."""
    for choice in chunk["choices"]:
        pieces = choice["delta"].get("content")
        if isinstance(pieces, list):
            thought = [inner["text"] for piece in pieces if piece["type"] == "thinking" for inner in piece["thinking"]]
            choice["delta"]["reasoning_content"] = "".join(thought)
            choice["delta"]["content"] = "".join(piece.get("text", "") for piece in pieces)


def counted(chunk, lists):
    """Numbers the entries of lists in deltas."""
    for choice in chunk["choices"]:
        for name, entries in choice["delta"].items():
            for entry in entries if isinstance(entries, list) else []:
                lists[name] += 1
                entry.setdefault("index", 1000 + lists[name])


# OpenAI's responses.


def responses_whole(text):
    kind, value = openai.types.responses.Response, json.loads(text)
    if value.get("error"):
        raise Failed(text)
    return Told(openai._models.construct_type(type_=kind, value=value), frozenset(complaints(kind, text)))


def responses_stream(text):
    kinds = by_type(openai.types.responses.ResponseStreamEvent)
    state = responses_streaming.ResponseStreamState(input_tools=openai.omit, text_format=openai.omit)
    against, ended, at_start = set(), None, None
    for data in events(text):
        value = json.loads(data)
        kind = kinds.get(value["type"])
        if kind is None:
            against.add(f"{value['type']}: no such event")
            continue
        if value["type"] in ("error", "response.failed"):
            raise Failed(data)
        against |= {f"{value['type']} {complaint}" for complaint in complaints(kind, data)}
        event = openai._models.construct_type(type_=kind, value=value)
        state.handle_event(event)
        if value["type"] == "response.created":
            at_start = event.response.service_tier or ""
        if value["type"] in ("response.completed", "response.incomplete"):
            ended = event.response
    if ended is None:
        raise Failed("no end")
    ended.tier_at_start = at_start
    # An application may go by what its SDK put together of the deltas, by the items that are done, or by what
    # the last event repeats.
    pieces = [state._get_output_item(place) for place in sorted(state._output_items)]
    done = [state._completed_output[place] for place in sorted(state._completed_output)]
    return Told((ended, pieces, done), frozenset(against))


# Anthropic's messages.


def messages_whole(text):
    kind = anthropic.types.Message
    return Told(anthropic._models.construct_type(type_=kind, value=json.loads(text)), frozenset(complaints(kind, text)))


def messages_stream(text):
    kinds = by_type(anthropic.types.RawMessageStreamEvent)
    against, snapshot, buffers, ended = set(), None, {}, False
    for data in events(text):
        value = json.loads(data)
        # The SDK looks at the name of these and skips them.
        if value["type"] == "ping":
            continue
        if value["type"] == "error":
            raise Failed(data)
        kind = kinds.get(value["type"])
        if kind is None:
            against.add(f"{value['type']}: no such event")
            continue
        against |= {f"{value['type']} {complaint}" for complaint in complaints(kind, data)}
        event = anthropic._models.construct_type(type_=kind, value=value)
        snapshot = messages_streaming.accumulate_event(event=event, current_snapshot=snapshot, json_bufs=buffers)
        ended |= value["type"] == "message_stop"
    if not ended:
        raise Failed("no end")
    return Told(snapshot, frozenset(against))


# Google's generateContent.

# What Google's API sends and its SDK's types do not have: the SDK leaves it out.
UNKNOWN_TO_GOOGLE = {"usageMetadata.serviceTier: extra_forbidden"}


class Generated(typing.NamedTuple):
    """What the SDK's types take, and the tier that the SDK leaves out."""

    answer: object
    tier: str | None


def gemini_whole(text):
    kind = google.genai.types.GenerateContentResponse
    value = json.loads(text)
    if "error" in value:
        raise Failed(text)
    against = complaints(kind, text) - UNKNOWN_TO_GOOGLE
    tier = value.get("usageMetadata", {}).get("serviceTier")
    try:
        answer = kind.model_validate(value)
    except pydantic.ValidationError as error:
        for one in error.errors():
            if one["type"] == "extra_forbidden":
                leave_out(value, one["loc"])
        answer = kind.model_validate(value)
    return Told(Generated(answer, tier), frozenset(against))


def leave_out(value, loc):
    *path, last = loc
    for step in path:
        value = value[step]
    del value[last]


def gemini_stream(text):
    told = [gemini_whole(data) for data in events(text)]
    if not told:
        raise Failed("no chunk")
    return Told([one.answer for one in told], frozenset().union(*(one.complaints for one in told)))


# What only providers speak: Converse by Amazon's own parser, Cohere's by the fields that its reference names.


@functools.cache
def converse_shapes():
    import botocore.parsers
    import botocore.session

    model = botocore.session.get_session().get_service_model("bedrock-runtime")
    return botocore.parsers.create_parser("rest-json"), model


def converse_whole(body):
    parser, model = converse_shapes()
    shape = model.operation_model("Converse").output_shape
    return Told(parser.parse({"status_code": 200, "headers": {}, "body": body}, shape))


def converse_stream(body):
    import botocore.eventstream

    parser, model = converse_shapes()
    shape = model.operation_model("ConverseStream").output_shape.members["stream"]
    buffer = botocore.eventstream.EventStreamBuffer()
    buffer.add_data(body)
    event_parser = parser._event_stream_parser
    told = [event.to_response_dict() for event in buffer]
    if any(one["status_code"] != 200 for one in told):
        raise Failed("an exception")
    return Told([event_parser.parse(one, shape) for one in told])


def cohere_whole(body):
    return Told(json.loads(body))


WHOLE = {
    "openai_chat": chat_whole, "openai_responses": responses_whole, "anthropic_messages": messages_whole,
    "gemini": gemini_whole, "bedrock_converse": converse_whole, "cohere_chat": cohere_whole,
}
STREAM = {
    "openai_chat": chat_stream, "openai_responses": responses_stream, "anthropic_messages": messages_stream,
    "gemini": gemini_stream, "bedrock_converse": converse_stream,
}
# Those take bytes.
BINARY = ("bedrock_converse", "cohere_chat")


def taken(dialect, body, stream):
    read = (STREAM if stream else WHOLE)[dialect]
    return read(body if dialect in BINARY else body.decode())


def is_known(complaint, known):
    """Is it one of these, wherever in an answer or its events the thing stands?"""
    core = lambda text: re.split(r"\.\[\]\.?", text, maxsplit=1)[-1]
    return any(complaint.endswith(core(one)) or one.endswith(core(complaint)) for one in known)
