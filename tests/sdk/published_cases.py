"""What else the gateway says in OpenAI's dialects, held against OpenAI's own description: errors, lists of models,
vectors and legacy completions."""

import json
import urllib.error
import urllib.request

import published
import roundtrip_provider
import roundtrip_types
import surfaces_provider

# What OpenAI's description says and OpenAI's API does not do, by kind and complaint.
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
    for told in roundtrip_provider.recordings():
        if told.status == 200:
            continue
        model = f"{told.served_by}/rec-{told.number}"
        for path, body in [
            ("/v1/chat/completions", {"model": model, "messages": SAID}), ("/v1/responses", {"model": model, "input": "x"}),
        ]:
            yield f"refusal of {told.served_by} {told.id} at {path}", against("error", asked(gateway, "POST", path, body))
    for kind, complaint in CONTRADICTED.keys() - seen:
        yield f"{kind} {complaint}", [f"does not occur any more, but {__file__} lists it"]


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
