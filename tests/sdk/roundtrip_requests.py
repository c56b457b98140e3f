"""Every recorded request, written for the providers of every other dialect: does their official SDK's type for
parameters take it?

SDKs check little of what they send, so their types are asked strictly here, and every field that they do not
have is a complaint too. Amazon's own validator judges Converse.
"""

import base64
import collections
import functools
import json
import typing

import anthropic.types.message_create_params
import google.genai.types as google
import openai.types.chat.completion_create_params
import openai.types.responses.response_create_params
import pydantic

import roundtrip_provider

# A model of each dialect's, for whose sake a request is written as it is.
TARGETS = {
    "openai_chat": "gpt-5.2", "openai_responses": "gpt-5.2", "anthropic_messages": "claude-sonnet-4-5",
    "gemini": "gemini-3-pro-preview", "bedrock_converse": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
}
# Complaints that are the types' own trouble.
KNOWN = {
    ("anthropic_messages", ".temperature: unknown"): "the newest types have no sampling; models that do take it",
    ("anthropic_messages", ".top_k: unknown"): "the same",
}
CONFIGURATION = """
[[providers]]
name = "to-{name}"
dialect = "{dialect}"
base_url = "{url}/to-{name}"
api_key = "env:PROVIDER_KEY"
default_max_tokens = 4096
"""


def configuration(url):
    return "".join(
        CONFIGURATION.format(name=dialect.replace("_", "-"), dialect=dialect, url=url) for dialect in TARGETS
    )


def asked_of(recording, target):
    """The path and body of a recorded request as its caller would send it to a provider of another dialect."""
    model = f"to-{target.replace('_', '-')}/{TARGETS[target]}-ask-{recording.number}"
    if recording.dialect == "gemini":
        return f"/v1beta/models/{model}:{'streamGenerateContent?alt=sse' if recording.stream else 'generateContent'}", recording.request
    path = {
        "openai_chat": "/v1/chat/completions", "openai_responses": "/v1/responses", "anthropic_messages": "/v1/messages",
    }[recording.dialect]
    return path, {**recording.request, "model": model}


def jobs():
    """All pairs of a recorded request and a target of another dialect."""
    asked = [one for one in roundtrip_provider.recordings() if one.request and one.dialect in TARGETS]
    return [
        (one, target) for one in asked if one.dialect != "bedrock_converse" for target in TARGETS if target != one.dialect
    ]


seen = set()


def complaints(target, written):
    """What the judge of a dialect says against a request."""
    told = JUDGES[target](written)
    seen.update((target, one) for one in told)
    return [one for one in told if (target, one) not in KNOWN]


def unused():
    """Entries of `KNOWN` that no request needs."""
    return [f"{target} {complaint}" for target, complaint in KNOWN if (target, complaint) not in seen]


@functools.cache
def adapter(kind):
    return pydantic.TypeAdapter(kind)


def by_type(kind, value):
    try:
        taken = solid(adapter(kind).validate_python(value))
    except pydantic.ValidationError as error:
        return sorted({f"{place(one['loc'])}: {one['type']}" for one in error.errors(include_input=False, include_url=False)})
    return sorted(set(unknown(value, taken)))


def place(loc):
    return ".".join("[]" if isinstance(step, int) else str(step) for step in loc)


def solid(value):
    """`value` with everything read that pydantic reads when it is looked at."""
    if isinstance(value, dict):
        return {name: solid(inner) for name, inner in value.items()}
    if isinstance(value, (str, bytes)) or value is None:
        return value
    if isinstance(value, collections.abc.Iterable):
        return [solid(inner) for inner in value]
    return value


def unknown(value, taken, path=""):
    """Fields of `value` that the type did not take."""
    if isinstance(value, dict) and isinstance(taken, dict):
        for name, inner in value.items():
            if name in taken:
                yield from unknown(inner, taken[name], f"{path}.{name}")
            else:
                yield f"{path}.{name}: unknown"
    elif isinstance(value, list) and isinstance(taken, list):
        for one, other in zip(value, taken):
            yield from unknown(one, other, f"{path}.[]")


def streamed(both):
    """The two parameter types of a call: by whether it streams."""
    whole, stream = typing.get_args(both)
    return lambda written: by_type(stream if written.get("stream") else whole, written)


class Generate(pydantic.BaseModel):
    """The body of generateContent. Google's SDK writes it from types of which it has none for the whole."""

    model_config = pydantic.ConfigDict(extra="forbid")
    contents: list[google.Content]
    systemInstruction: google.Content | None = None
    tools: list[google.Tool] | None = None
    toolConfig: google.ToolConfig | None = None
    safetySettings: list[google.SafetySetting] | None = None
    generationConfig: google.GenerationConfig | None = None
    cachedContent: str | None = None
    serviceTier: google.ServiceTier | None = None
    labels: dict[str, str] | None = None


def of_gemini(written):
    try:
        Generate.model_validate_json(json.dumps(written))
    except pydantic.ValidationError as error:
        return sorted({f"{place(one['loc'])}: {one['type']}" for one in error.errors(include_input=False, include_url=False)})
    return []


def of_converse(written):
    import botocore.validate

    shape = converse_shape()
    try:
        parameters = bytes_of(written, shape)
    except ValueError as error:
        return [f"bytes that are none: {error}"]
    report = botocore.validate.ParamValidator().validate({**parameters, "modelId": "m"}, shape)
    return [report.generate_report()] if report.has_errors() else []


@functools.cache
def converse_shape():
    import botocore.session

    return botocore.session.get_session().get_service_model("bedrock-runtime").operation_model("Converse").input_shape


def bytes_of(value, shape):
    """`value` as an application gives it to the SDK, which takes bytes where the wire has base64."""
    if shape.type_name == "structure" and isinstance(value, dict) and not getattr(shape, "is_document_type", False):
        return {name: bytes_of(inner, shape.members[name]) if name in shape.members else inner for name, inner in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [bytes_of(inner, shape.member) for inner in value]
    return base64.b64decode(value, validate=True) if shape.type_name == "blob" else value


JUDGES = {
    "openai_chat": streamed(openai.types.chat.completion_create_params.CompletionCreateParams),
    "openai_responses": streamed(openai.types.responses.response_create_params.ResponseCreateParams),
    "anthropic_messages": streamed(anthropic.types.message_create_params.MessageCreateParams),
    "gemini": of_gemini,
    "bedrock_converse": of_converse,
}
