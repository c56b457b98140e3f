"""What the scripted provider does behind `/v1/chat/completions`, by scenario name.

Most scenarios are an ordinary answer told in an unusual way, so an answer is described once (`Choice`)
and rendered whole or as chunks; the streaming scenarios then change pieces of the rendered stream.
"""

import dataclasses
import gzip
import itertools
import json

from provider import Answer
from provider import json_answer

# Azure names the model, its deployment, in the path.
PATH = r"(/v1|/openai/deployments/(?P<model>[^/]+))/chat/completions"
ENVELOPE = {"id": "chatcmpl-scripted", "created": 1_700_000_000, "model": "scripted-1", "system_fingerprint": "fp_1"}
USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "total_tokens": 18,
    "prompt_tokens_details": {"cached_tokens": 3},
    "completion_tokens_details": {"reasoning_tokens": 2},
}
EVENT_STREAM = {"content-type": "text/event-stream"}
DONE = b"data: [DONE]\n\n"
LONG_TEXT = "long \u00e9 \\ \" text " * 131_072  # about 2 MB
WEATHER = ("call_weather", "weather", '{"city": "K\u00f6ln", "days": 2}')
PERSON = ("call_person", "Person", '{"name": "Ada", "born": 1815, "tags": ["x", "\u00fc"]}')
NAMELESS = ("call_nameless", "Person", '{"born": 1815}')
CLOCK = ("call_clock", "clock", '{"zone":"CET"}')
# As the other dialect's scenarios spell it.
SPACED_CLOCK = ("call_clock", "clock", '{"zone": "CET"}')
# Longer than any client of the suite waits, twice if it tries twice; those wait long enough to be heard first,
# even on a busy machine.
SILENCE_S = 12.0
# Between content and trouble, so that the content has long been relayed when the trouble comes: what
# arrives together may well be judged together.
BREATH_S = 2.0


@dataclasses.dataclass
class Choice:
    content: str | None = "Hello, w\u00f6rld: 1 \\ \"2\" \U0001f600."
    calls: list = dataclasses.field(default_factory=list)
    refusal: str | None = None
    thought: str | None = None
    logprobs: bool = False
    finish: str = "stop"


def tokens(text):
    """Pieces whose concatenation is `text`: short ones, but few."""
    size = max(6, len(text) // 64)
    return [text[at : at + size] for at in range(0, len(text), size)]


def logprob(token):
    return {"token": token, "logprob": -0.25, "bytes": list(token.encode()), "top_logprobs": []}


# One answer, whole.


def completion(choices, **more):
    return {**ENVELOPE, "object": "chat.completion", "choices": [
        {
            "index": index,
            "message": message(choice),
            "logprobs": {"content": [logprob(t) for t in tokens(choice.content)], "refusal": None}
            if choice.logprobs
            else None,
            "finish_reason": choice.finish,
        }
        for index, choice in enumerate(choices)
    ], "usage": USAGE, **more}


def message(choice):
    told = {"role": "assistant", "content": choice.content, "refusal": choice.refusal}
    if choice.thought:
        told["reasoning_content"] = choice.thought
    if choice.calls:
        told["tool_calls"] = [
            {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}
            for id, name, arguments in choice.calls
        ]
    return told


# The same answer, in chunks.


def chunk(choices, **more):
    return {**ENVELOPE, "object": "chat.completion.chunk", "choices": choices, **more}


def delta(index, told, finish=None, **more):
    return chunk([{"index": index, "delta": told, "finish_reason": finish, **more}])


def deltas(index, choice):
    """The chunks of one choice."""
    yield delta(index, {"role": "assistant", "content": "" if choice.content is not None else None})
    for token in tokens(choice.thought or ""):
        yield delta(index, {"reasoning_content": token})
    for token in tokens(choice.content or ""):
        more = {"logprobs": {"content": [logprob(token)], "refusal": None}} if choice.logprobs else {}
        yield delta(index, {"content": token}, **more)
    for token in tokens(choice.refusal or ""):
        yield delta(index, {"refusal": token})
    for number, (id, name, arguments) in enumerate(choice.calls):
        function = {"name": name, "arguments": ""}
        yield delta(index, {"tool_calls": [{"index": number, "id": id, "type": "function", "function": function}]})
        for piece in tokens(arguments):
            yield delta(index, {"tool_calls": [{"index": number, "function": {"arguments": piece}}]})
    yield delta(index, {}, choice.finish)


def chunks(choices, request):
    """Choices side by side, as a provider that samples them together sends them."""
    columns = [deltas(index, choice) for index, choice in enumerate(choices)]
    told = [event for row in itertools.zip_longest(*columns) for event in row if event is not None]
    if request.include_usage:
        # As OpenAI does: null everywhere, numbers in a chunk of their own.
        return [*({**event, "usage": None} for event in told), chunk([], usage=USAGE)]
    return told


def sse(value):
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def stream(events, ending=DONE, headers=None, **more):
    return Answer(headers=headers or EVENT_STREAM, pieces=[*(sse(event) for event in events), ending], **more)


def told(*choices):
    """A scenario that answers well, streamed or not as asked."""

    def scenario(request):
        if request.stream:
            return stream(chunks(choices, request))
        return json_answer(completion(choices))

    return scenario


def retold(change):
    """A scenario whose stream is the ordinary one, its pieces changed."""

    def scenario(request):
        return Answer(headers=EVENT_STREAM, pieces=change([*map(sse, chunks([Choice()], request)), DONE]))

    return scenario


# Scenarios with something to say of their own.


def structured(request):
    asked = request.body.get("response_format") or {}
    if asked.get("type") != "json_schema" or "schema" not in asked.get("json_schema", {}):
        return json_answer({"error": {"message": "no schema arrived", "type": "invalid_request_error"}}, 400)
    return told(Choice(content='{"name": "Ada", "born": 1815, "tags": ["x", "\u00fc"]}'))(request)


def tool_loop(request):
    """Wants both tools, and answers once their results are there."""
    results = [turn["content"] for turn in request.body["messages"] if turn["role"] == "tool"]
    if not results:
        return SCENARIOS["text-and-tools"](request)
    return told(Choice(content=f"told by {len(results)}: {' and '.join(results)}"))(request)


def understood(request):
    """Tells what the request asks, in words of no dialect: the other one's scenario tells the same."""
    body = request.body
    format = body.get("response_format") or {}
    turns = []
    for turn in body["messages"]:
        role = "user" if turn["role"] == "tool" else turn["role"]
        if role not in ("system", "developer"):
            turns.append([role, [*parts_of(turn)]])
    return told(Choice(content=json.dumps({
        "system": [turn["content"] for turn in body["messages"] if turn["role"] in ("system", "developer")],
        "turns": joined(turns),
        "tools": [[tool["function"].get(name) for name in ("name", "description", "parameters")]
                  for tool in body.get("tools") or []],
        "choice": choice_of(body.get("tool_choice")),
        "parallel": body.get("parallel_tool_calls"),
        "schema": format.get("json_schema", {}).get("schema"),
        "stop": body.get("stop"),
        "bound": body.get("max_completion_tokens") or body.get("max_tokens"),
        "sampling": [body.get("temperature"), body.get("top_p")],
    }, sort_keys=True)))(request)


def parts_of(turn):
    if turn["role"] == "tool":
        yield ["result", turn["tool_call_id"], turn["content"]]
        return
    content = turn.get("content") or []
    for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
        if part["type"] == "image_url":
            kind, _, data = part["image_url"]["url"].removeprefix("data:").partition(";base64,")
            yield ["image", kind, len(data)]
        else:
            yield ["text", part["text"]]
    for call in turn.get("tool_calls") or []:
        yield ["call", call["id"], call["function"]["name"], json.loads(call["function"]["arguments"])]


def joined(turns):
    """Turns of the same role one after the other are one."""
    together = []
    for role, parts in turns:
        if together and together[-1][0] == role:
            together[-1][1].extend(parts)
        else:
            together.append([role, parts])
    return together


def choice_of(choice):
    return choice["function"]["name"] if isinstance(choice, dict) else choice


def echo(request):
    """Tells what arrived, so that a gateway that changes requests is found out."""
    left_out = ("model", "stream", "stream_options")  # unique per call, and the gateway's business
    body = {name: value for name, value in request.body.items() if name not in left_out}
    names = ["openai-organization", "openai-project", "idempotency-key", "traceparent", "content-type"]
    headers = {name: request.headers[name] for name in names if name in request.headers}
    return told(Choice(content=json.dumps({"body": body, "headers": headers}, sort_keys=True)))(request)


def unknown(request):
    if not request.stream:
        body = completion([Choice()], x_new={"a": [1, 2.50, None]}, service_tier="default")
        body["choices"][0]["message"]["x_inner"] = "kept"
        return json_answer(body)
    events = chunks([Choice()], request)
    events[0]["x_new"] = {"a": [1, 2.50, None]}
    events[1]["choices"][0]["delta"]["x_inner"] = "kept"
    return stream(events)


def usage_in_last_choice(request):
    events = chunks([Choice()], request)
    asked = events.pop() if request.include_usage else None
    if asked:
        events[-1]["usage"] = USAGE
    return stream(events)


def usage_with_null_choices(request):
    return stream([*chunks([Choice()], request)[: -1 if request.include_usage else None], chunk(None, usage=USAGE)])


def usage_missing(request):
    return stream([event for event in chunks([Choice()], request) if event["choices"]])


def usage_unasked(request):
    return stream([*(event for event in chunks([Choice()], request) if event["choices"]), chunk([], usage=USAGE)])


def compressed(request):
    answer = told(Choice())(request)
    if "gzip" in request.headers.get("accept-encoding", ""):
        answer.headers["content-encoding"] = "gzip"
        answer.body = gzip.compress(answer.body)
    return answer


def cut_whole(request):
    answer = json_answer(completion([Choice()]))
    return Answer(200, {**answer.headers, "content-length": str(len(answer.body))}, answer.body[:-40], cut=True)


def stalled(request):
    pieces = [sse(event) for event in chunks([Choice()], request)]
    return Answer(headers=EVENT_STREAM, pieces=[*pieces[:4], SILENCE_S, *pieces[4:], DONE])


def endless(request):
    piece = sse(delta(0, {"content": "x"}))
    return Answer(headers=EVENT_STREAM, pieces=itertools.chain(*((piece, 0.02) for _ in range(500))))


def slow(request):
    answer = told(Choice())(request)
    answer.pause_s = SILENCE_S
    return answer


def error_body(message="it went wrong", type="scripted_error", param="messages", code="scripted_code"):
    return {"error": {"message": message, "type": type, "param": param, "code": code}}


def refused(status, body=None, **headers):
    return lambda request: json_answer(body or error_body(), status, **headers)


def at_first(failure, then):
    """Fails once, then answers."""
    return lambda request: (failure if request.attempt == 1 else then)(request)


def one_byte_each(pieces):
    return [bytes([byte]) for byte in b"".join(pieces)]


def over_two_data_lines(pieces):
    return [piece.replace(b', "object"', b',\ndata: "object"') for piece in pieces]


def with_comments(pieces):
    return [b": first\n\n", *itertools.chain(*((piece, b": ping\n\n", b":\n") for piece in pieces))]


def error_event(name=b""):
    return name + sse(error_body(message="the model fell over", type="server_error", param=None, code="overloaded"))


def broken_after(count, *last, cut=False):
    """A scenario whose stream is ordinary for `count` events and ends with `last`."""
    return lambda request: Answer(
        headers=EVENT_STREAM, pieces=[*map(sse, chunks([Choice()], request)[:count]), BREATH_S, *last], cut=cut
    )


REFUSALS = [400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 529]

SCENARIOS = {
    "plain": told(Choice()),
    "tool": told(Choice(content=None, calls=[WEATHER], finish="tool_calls")),
    "tools": told(Choice(content=None, calls=[WEATHER, CLOCK], finish="tool_calls")),
    "text-and-tool": told(Choice(calls=[CLOCK], finish="tool_calls")),
    "text-and-tools": told(Choice(calls=[WEATHER, SPACED_CLOCK], finish="tool_calls")),
    "tool-loop": tool_loop,
    "person": told(Choice(content=None, calls=[PERSON], finish="tool_calls")),
    "person-later": at_first(
        told(Choice(content=None, calls=[NAMELESS], finish="tool_calls")),
        told(Choice(content=None, calls=[PERSON], finish="tool_calls")),
    ),
    # As those providers tell it that show it in this dialect.
    "thought": told(Choice(thought="Let me see \u2026 yes.")),
    "structured": structured,
    "logprobs": told(Choice(logprobs=True)),
    "refusal": told(Choice(content=None, refusal="I would rather not.")),
    "two": told(Choice(content="one, and longer than the other"), Choice(content="two")),
    "empty": told(Choice(content="")),
    "nothing": told(Choice(content=None)),
    "length": told(Choice(finish="length")),
    "filtered": told(Choice(finish="content_filter")),
    "page": told(Choice(content=LONG_TEXT[:65_536])),
    "unknown": unknown,
    "echo": echo,
    "understood": understood,
    # Whole answers, oddly told.
    "as-text": lambda request: Answer(200, {"content-type": "text/plain"}, json.dumps(completion([Choice()])).encode()),
    "compressed": compressed,
    "cut-whole": cut_whole,
    "html": lambda request: Answer(200, {"content-type": "text/html"}, b"<html>welcome to the proxy</html>"),
    # Streams, oddly told.
    "usage-in-last-choice": usage_in_last_choice,
    "usage-null-choices": usage_with_null_choices,
    "usage-missing": usage_missing,
    "usage-unasked": usage_unasked,
    "comments": retold(with_comments),
    "crlf": retold(lambda pieces: [piece.replace(b"\n", b"\r\n") for piece in pieces]),
    "one-byte": retold(one_byte_each),
    "one-packet": retold(lambda pieces: [b"".join(pieces)]),
    "two-data-lines": retold(over_two_data_lines),
    "no-space": retold(lambda pieces: [piece.replace(b"data: ", b"data:", 1) for piece in pieces]),
    "event-lines": retold(lambda pieces: [b"event: message\n" + piece for piece in pieces]),
    "ids-and-retry": retold(lambda pieces: [b"id: 7\nretry: 100\n" + piece for piece in pieces]),
    "empty-data": broken_after(4, b"data: \n\n", DONE),
    "no-blank-after-done": retold(lambda pieces: [*pieces[:-1], b"data: [DONE]"]),
    "after-done": retold(lambda pieces: [*pieces, sse(delta(0, {"content": "too late"}))]),
    "long-event": lambda request: stream([delta(0, {"content": LONG_TEXT}), delta(0, {}, "stop")]),
    "sse-as-json": lambda request: stream(chunks([Choice()], request), headers={"content-type": "application/json"}),
    "json-for-stream": lambda request: json_answer(completion([Choice()])),
    # Streams that are not complete.
    "no-done": broken_after(None),
    "no-finish": broken_after(4, DONE),
    "no-events": broken_after(0),
    "cut-early": broken_after(1, cut=True),
    "cut-late": broken_after(4, cut=True),
    "error-early": broken_after(1, error_event()),
    "error-late": broken_after(4, error_event()),
    "error-late-named": broken_after(4, error_event(b"event: error\n")),
    "garbage-early": broken_after(1, b"data: {oops\n\n"),
    "garbage-late": broken_after(4, b"data: {oops\n\n"),
    # Time.
    "slow": slow,
    "stalled": stalled,
    "endless": endless,
    # Refusals.
    **{f"error-{status}": refused(status) for status in REFUSALS},
    "error-429-wait": refused(429, retry_after_ms="20", retry_after="1"),
    "error-429-stop": refused(429, x_should_retry="false", retry_after="1"),
    "error-429-hour": refused(429, retry_after="3600"),
    "error-500-stop": refused(500, x_should_retry="false"),
    "error-400-again": refused(400, x_should_retry="true", retry_after_ms="20"),
    "error-nulls": refused(400, error_body(type=None, param=None, code=None)),
    "error-bare": refused(400, {"error": {"message": "only a message"}}),
    "error-number": refused(400, error_body(code=1234)),
    "error-text": refused(400, {"error": "just words"}),
    "error-flat": refused(400, {"message": "flat words", "type": "flat_type", "code": "flat_code"}),
    "error-html": lambda request: Answer(503, {"content-type": "text/html"}, b"<html>down for maintenance</html>"),
    "error-empty": lambda request: Answer(500, {}, b""),
    "listed-a": told(Choice()),
    "thoughtful": lambda request: dataclasses.replace(told(Choice())(request), pause_s=0.3),
    # Trouble that passes.
    "once-429": at_first(refused(429, retry_after_ms="20"), told(Choice())),
    "once-500": at_first(refused(500, retry_after_ms="20"), told(Choice())),
    "once-closed": at_first(lambda request: Answer(cut=True), told(Choice())),
}

REFUSAL_OF_KEY = error_body(message="incorrect key", type="invalid_request_error", param=None, code="invalid_api_key")
