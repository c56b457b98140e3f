"""What else the gateway says in OpenAI's dialects, held against OpenAI's own description: errors, lists of models,
vectors and legacy completions."""

import json
import urllib.error
import urllib.request

import published
import roundtrip_provider
import roundtrip_types
import surfaces_provider

NULL = "OpenAI writes null where its description knows no null"
LATER = "the field is younger than the recording"
WORD = "OpenAI uses a word that its description lacks"
# What OpenAI's own recorded answers have against OpenAI's description, by kind and complaint. The gateway passes
# them on as they are; what it writes itself has none of it.
RECORDED = {
    ("chat", "choices.[].logprobs: required"): LATER,
    ("chat", "system_fingerprint: type"): NULL,
    ("chat event", "system_fingerprint: type"): NULL,
    ("responses", "output.[].action.type: enum"): WORD,
    ("responses", "output.[].content.[].logprobs: required"): LATER,
    ("responses", "status: enum"): WORD,
    ("responses", "temperature: required"): LATER,
    ("responses", "text.format.description: type"): NULL,
    ("responses", "tool_choice: required"): LATER,
    ("responses", "tools: required"): LATER,
    ("responses", "top_p: required"): LATER,
    ("responses", "usage.input_tokens_details.cache_write_tokens: required"): LATER,
    ("responses", "usage: type"): NULL,
    ("responses", "user: type"): NULL,
    ("responses event", "item.action.type: enum"): WORD,
    ("responses event", "item.action: required"): "an item that begins does not know what it will do",
    ("responses event", "item.content.[].logprobs: required"): LATER,
    ("responses event", "logprobs: required"): LATER,
    ("responses event", "name: required"): "the end of a call's arguments has no name",
    ("responses event", "part.logprobs: required"): LATER,
    ("responses event", "response.output.[].action.type: enum"): WORD,
    ("responses event", "response.output.[].content.[].logprobs: required"): LATER,
    ("responses event", "response.usage.input_tokens_details.cache_write_tokens: required"): LATER,
    ("responses event", "response.usage: type"): NULL,
    ("responses event", "response.user: type"): NULL,
    ("responses event", "sequence_number: required"): LATER,
}
# The same of answers that are not recorded, or have no description of their own.
CONTRADICTED = {
    ("completions", "choices.[].finish_reason: enum"): "events have no schema of their own, and but the last none",
    ("completions", "choices.[].finish_reason: type"): "the same",
    ("embeddings", "data.[].embedding: type"): "vectors are text where `encoding_format` asks for base64",
}
MODEL = "surfaces/any"
SAID = [{"role": "user", "content": "x"}]
STREAM = {"stream": True, "stream_options": {"include_usage": True}}
CONFIGURATION = """
[[providers]]
name = "surfaces"
kind = "openai"
base_url = "{url}/v1"
api_key = "env:PROVIDER_KEY"
models = ["listed-a", "listed-b"]

[[routes]]
model = "listed-*"
targets = ["surfaces"]

[[providers]]
name = "nobody"
kind = "openai"
base_url = "http://127.0.0.1:1/v1"
api_key = "env:PROVIDER_KEY"
"""

seen = set()

# Name, method, path, body, status, kind.
CASES = [
    ("vectors as numbers", "POST", "/v1/embeddings", {"model": MODEL, "input": ["x", "y"]}, 200, "embeddings"),
    ("vectors as text", "POST", "/v1/embeddings", {"model": MODEL, "input": "x", "encoding_format": "base64"}, 200, "embeddings"),
    ("vectors of a server of numbers as text", "POST", "/v1/embeddings", {"model": "surfaces/floats-1", "input": "x", "encoding_format": "base64"}, 200, "embeddings"),
    ("vectors of a server of text as numbers", "POST", "/v1/embeddings", {"model": "surfaces/base64-1", "input": "x"}, 200, "embeddings"),
    ("a completion", "POST", "/v1/completions", {"model": MODEL, "prompt": "once"}, 200, "completions"),
    ("a streamed completion", "POST", "/v1/completions", {"model": MODEL, "prompt": "once", **STREAM}, 200, "completions"),
    ("the list of models", "GET", "/v1/models", None, 200, "models"),
    ("a model", "GET", "/v1/models/listed-a", None, 200, "model"),
    ("no such model", "GET", "/v1/models/none", None, 404, "error"),
    ("no such path", "GET", "/v1/none", None, 404, "error"),
    ("a wrong method", "GET", "/v1/chat/completions", None, 405, "error"),
    ("no route", "POST", "/v1/chat/completions", {"model": "none", "messages": SAID}, 404, "error"),
    ("no JSON", "POST", "/v1/chat/completions", b"{", 400, "error"),
    ("a field of the wrong type", "POST", "/v1/chat/completions", {"model": MODEL, "messages": 1}, 400, "error"),
    ("a response with a field of the wrong type", "POST", "/v1/responses", {"model": MODEL, "input": 1}, 400, "error"),
    ("a provider that is not there", "POST", "/v1/responses", {"model": "nobody/x", "input": "x"}, 502, "error"),
]


def outcomes(gateway):
    """(name, problems) of each case, of the refusals of recorded providers, and of the table above."""
    seen.clear()
    for name, method, path, body, status, kind in CASES:
        yield name, against(kind, asked(gateway, method, path, body), status)
    for told in roundtrip_provider.recorded():
        if told.status == 200:
            continue
        model = f"{told.served_by}/rec-{told.number}"
        for path, body in [
            ("/v1/chat/completions", {"model": model, "messages": SAID}), ("/v1/responses", {"model": model, "input": "x"}),
        ]:
            yield f"refusal of {told.served_by} {told.id} at {path}", against("error", asked(gateway, "POST", path, body))
    yield "OpenAI's own recordings", recorded()
    for kind, complaint in CONTRADICTED.keys() - seen:
        yield f"{kind} {complaint}", [f"does not occur any more, but {__file__} lists it"]


def recorded():
    """Where OpenAI's recordings contradict its description otherwise than `RECORDED` says."""
    found = set()
    for told in roundtrip_provider.recorded():
        kind = {"openai_chat": "chat", "openai_responses": "responses"}.get(told.dialect)
        if told.provider == "openai" and told.status == 200:
            values = roundtrip_types.events(told.text) if told.stream else [told.text]
            kind = f"{kind} event" if told.stream else kind
            found |= {(kind, one) for value in values for one in published.complaints(kind, json.loads(value))}
    strange = [f"{kind} {complaint}: not listed" for kind, complaint in sorted(found - RECORDED.keys())]
    return strange + [f"{kind} {complaint}: does not occur any more" for kind, complaint in sorted(RECORDED.keys() - found)]


def asked(gateway, method, path, body):
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    fields = {"content-type": "application/json"}
    request = urllib.request.Request(f"http://{gateway}{path}", data, fields, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def against(kind, answer, wanted=None):
    status, body = answer
    if status != wanted if wanted else status < 400:
        return [f"{status} instead of {wanted or 'a refusal'}: {body[:200]}"]
    told = [json.loads(data) for data in roundtrip_types.events(body)] if body.startswith("data:") else [json.loads(body)]
    complaints = {one for value in told for one in published.complaints(kind, value)}
    seen.update((kind, one) for one in complaints)
    return sorted(one for one in complaints if (kind, one) not in CONTRADICTED)


def provider():
    """The provider of what is not recorded."""
    return surfaces_provider.Provider()
