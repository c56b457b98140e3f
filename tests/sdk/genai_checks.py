"""What has no counterpart without a gateway, in the terms of Google's SDK; and each SDK's calls answered by a
provider of another dialect, where the expectation is the same answer in one's own words."""

import asyncio
import json
import time
import urllib.request

import anthropic
import openai
from google import genai
from google.genai import errors

import chat_calls
import chat_scenarios
import genai_calls as calls
import genai_scenarios as scenarios
import messages_calls
import stand as stands
from comparison import told_apart
from either import outcome
from stand import KEY
from stand import NARROW_KEY
from stand import same

SETTLING_S = 0.3


class Stand(stands.Stand):
    """The stand with clients of this SDK, and of the others."""

    def __init__(self, provider, gateway):
        super().__init__(provider, gateway, genai.__version__)
        self.first = self.client()
        self.openai = openai.OpenAI(base_url=f"{gateway}/v1", api_key=KEY, timeout=20.0, max_retries=0)
        self.anthropic = anthropic.Anthropic(base_url=gateway, api_key=KEY, timeout=20.0, max_retries=0)

    def client(self, key=KEY, mount="", **headers):
        options = {"base_url": f"{self.gateway}{mount}", "timeout": 20_000, "headers": headers}
        return genai.Client(api_key=key, vertexai=False, http_options=options)

    def posted(self, path, body):
        """A call without any SDK."""
        request = urllib.request.Request(f"{self.gateway}{path}", json.dumps(body).encode())
        with urllib.request.urlopen(request) as answer:
            return answer.headers["content-type"], json.load(answer)


def expect(exception, client, model, **fields):
    """Calls; the exception must be of exactly this class and have these fields."""
    try:
        client.models.generate_content(model=model, contents=calls.ASK)
    except errors.APIError as error:
        assert type(error) is exception, f"{type(error).__name__} instead of {exception.__name__}: {error}"
        same({name: getattr(error, name) for name in fields}, fields)
        inner = error.details["error"]
        same((inner["code"], inner["status"], sorted(inner)), (error.code, error.status, ["code", "message", "status"]))
        return error
    raise AssertionError(f"no {exception.__name__}")


def refusals_are_those_of_the_sdk(stand):
    plain = stand.model("plain", "refused")
    expect(errors.ClientError, stand.client("rg-wrong"), plain, code=401, status="UNAUTHENTICATED")
    expect(errors.ClientError, stand.client(NARROW_KEY), plain, code=403, status="PERMISSION_DENIED")
    expect(errors.ClientError, stand.first, "nobody-has-this", code=404, status="NOT_FOUND")
    expect(errors.ServerError, stand.first, stand.model("nobody", "x"), code=502, status="UNAVAILABLE")
    same(stand.attempts(plain), 0)


def other_spellings_answer_too(stand):
    for tag, client, prefix in [
        ("mount", stand.client(mount="/genai"), ""),
        ("direct", stand.first, "gemini-mock/"),
        ("models", stand.first, "models/"),
        ("header", stand.client(**{"x-ringgate-key": KEY}), ""),
    ]:
        model = stand.model("plain", tag)
        same(client.models.generate_content(model=prefix + model, contents=calls.ASK).text, scenarios.TEXT["text"])
        same(stand.attempts(model), 1)


def a_stream_is_a_list_unless_events_are_asked_for(stand):
    body = {"contents": {"parts": {"text": "hi"}}}
    for prefix, wanted in (("", scenarios.TEXT["text"]), ("mock%2F", chat_scenarios.Choice().content)):
        path = f"/v1beta/models/{prefix}{stand.model('plain', 'list')}:streamGenerateContent?key={KEY}"
        kind, chunks = stand.posted(path, body)
        assert kind.startswith("application/json"), kind
        parts = [part for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"]]
        same("".join(part["text"] for part in parts), wanted)
        same([chunk["candidates"][0].get("finishReason") for chunk in chunks if "finishReason" in str(chunk)], ["STOP"])


def hits_equal_fresh_answers(stand):
    """Each form of an answer, replayed in each form, equals what was never cached."""
    fresh = stand.client(**{"x-ringgate-cache-control": "no-store"})
    problems = []
    for scenario in ("plain", "thinking", "grounded", "page"):
        for first in (False, True):
            for second in (False, True):
                model = stand.model(scenario, f"hit-{first}-{second}")
                _, wanted = assembled(fresh, model, second)
                header, _ = assembled(stand.first, model, first)
                same(header, "MISS")
                time.sleep(SETTLING_S)
                header, got = assembled(stand.first, model, second)
                same((scenario, first, second, header, stand.attempts(model)), (scenario, first, second, "HIT", 2))
                assert got.pop("id") != wanted.pop("id")
                way = f"{scenario}, first {'streamed' if first else 'whole'}, then {'streamed' if second else 'whole'}"
                problems += [f"{way}{place}" for place in told_apart("", wanted, got)]
    assert not problems, "\n".join(problems)


def assembled(client, model, stream, config=None):
    """Cache header and what one call told, a stream put together."""
    if stream:
        chunks = list(client.models.generate_content_stream(model=model, contents=calls.ASK, config=config))
    else:
        chunks = [client.models.generate_content(model=model, contents=calls.ASK, config=config)]
    told = {"text": "", "thought": "", "signatures": [], "calls": [], "id": chunks[0].response_id}
    for part in (part for chunk in chunks for part in chunk.candidates[0].content.parts):
        told["thought" if part.thought else "text"] += part.text or ""
        told["signatures"] += [part.thought_signature.hex()] if part.thought_signature else []
        told["calls"] += [calls.plain(part.function_call)] if part.function_call else []
    last = chunks[-1]
    grounding = last.candidates[0].grounding_metadata
    told.update(finish=last.candidates[0].finish_reason.value, usage=calls.plain(last.usage_metadata))
    told.update(model=last.model_version, grounding=calls.plain(grounding))
    return chunks[0].sdk_http_response.headers["x-ringgate-cache"], told


# Translated: Google's SDK answered by an OpenAI provider.


def an_openai_provider_answers_googles_sdk(stand):
    for stream in (False, True):
        tag = f"translated-{stream}"
        _, told = assembled(stand.first, "mock/" + stand.model("plain", tag), stream)
        same((told["text"], told["finish"], told["model"]), (chat_scenarios.Choice().content, "STOP", "scripted-1"))
        usage = told["usage"]
        same((usage["prompt_token_count"], usage["cached_content_token_count"], usage["total_token_count"]), (11, 3, 18))
        same((usage["candidates_token_count"], usage["thoughts_token_count"]), (5, 2))
        config = {"tools": calls.TOOLS, "automatic_function_calling": {"disable": True}}
        _, told = assembled(stand.first, "mock/" + stand.model("tools", tag), stream, config)
        same(told["calls"], [
            {"id": "call_weather", "name": "weather", "args": {"city": "K\u00f6ln", "days": 2}},
            {"id": "call_clock", "name": "clock", "args": {"zone": "CET"}},
        ])
        _, told = assembled(stand.first, "mock/" + stand.model("length", tag), stream)
        same(told["finish"], "MAX_TOKENS")


def an_openai_providers_trouble_is_told_to_googles_sdk(stand):
    for scenario, exception, code, status in [
        ("error-400", errors.ClientError, 400, "INVALID_ARGUMENT"),
        ("error-401", errors.ServerError, 502, "UNAVAILABLE"),
        ("error-429", errors.ClientError, 429, "RESOURCE_EXHAUSTED"),
        ("error-500", errors.ServerError, 500, "INTERNAL"),
        ("cut-whole", errors.ServerError, 502, "UNAVAILABLE"),
    ]:
        expect(exception, stand.first, "mock/" + stand.model(scenario, "translated"), code=code, status=status)
    for scenario in ("no-done", "cut-late", "error-late", "garbage-late"):
        model = "mock/" + stand.model(scenario, "translated")
        seen = asyncio.run(outcome(calls.streamed, stand.first, model, "google"))
        finishes = [chunk["candidates"][0].get("finish_reason") for chunk in seen["chunks"]]
        assert seen["chunks"] and not any(finishes), f"{scenario}: {finishes}"
        assert seen.get("error"), f"{scenario} was taken for complete"


# Translated: the other SDKs answered by a provider of Gemini's.


def a_provider_of_geminis_answers_the_openai_sdk(stand):
    for call, content in ((chat_calls.whole, whole_words), (chat_calls.streamed, streamed_words)):
        def told(scenario, **fields):
            model = "gemini-mock/" + stand.model(scenario, f"translated-{call.__name__}")
            seen = {}
            asyncio.run(call(stand.openai, model, seen, **fields))
            return content(seen)

        same(told("plain"), (scenarios.TEXT["text"], [], "stop", 7))
        text, tools, finish, _ = told("tools", tools=chat_calls.TOOLS)
        same((text, finish), (scenarios.TEXT["text"], "tool_calls"))
        same([(id, name) for id, name, _ in tools], [("call_scripted-Id_1_0", "weather"), ("clock-1", "clock")])
        same([json.loads(arguments) for *_, arguments in tools], [{"city": "K\u00f6ln", "days": 2}, {}])
        same(told("thinking")[0], scenarios.TEXT["text"])
        same(told("length")[2], "length")
        same(told("filtered")[2], "content_filter")
        same(told("blocked")[2], "content_filter")


def whole_words(seen):
    (choice,) = seen["choices"]
    tools = [(id, name, arguments) for id, _, name, arguments in choice["calls"]]
    return choice["content"] or "", tools, choice["finish"], seen["usage"]["completion_tokens"]


def streamed_words(seen):
    choice = seen["stream"]["choices"]["0"]
    tools = [(call["id"][0], call["name"][0], call["arguments"]) for call in choice["calls"].values()]
    (usage,) = seen["stream"]["usage"]
    return "".join(choice["pieces"]), tools, choice["finish"][0], usage[0]["completion_tokens"]


def a_provider_of_geminis_answers_the_anthropic_sdk(stand):
    for scenario, wanted, stop in [
        ("plain", [("text", scenarios.TEXT["text"])], "end_turn"),
        ("thinking", [("thinking", scenarios.THOUGHT["text"]), ("text", scenarios.TEXT["text"])], "end_turn"),
        ("thinking-tool", [("thinking", scenarios.THOUGHT["text"]), ("tool_use", "weather")], "tool_use"),
        ("length", [("text", scenarios.TEXT["text"])], "max_tokens"),
        ("filtered", [("text", scenarios.TEXT["text"])], "refusal"),
    ]:
        model = "gemini-mock/" + stand.model(scenario, "translated")
        for call in (messages_calls.whole, messages_calls.helper):
            seen = {}
            asyncio.run(call(stand.anthropic, model, seen))
            message = seen["message"]
            words = {"text": "text", "thinking": "thinking", "tool_use": "name"}
            same([(block["type"], block[words[block["type"]]]) for block in message["content"]], wanted)
            same((message["stop_reason"], message["usage"]["output_tokens"]), (stop, 7))
            signed = [block for block in message["content"] if block["type"] == "thinking"]
            assert all(block["signature"] for block in signed), signed


def trouble_of_a_provider_of_geminis_is_told_to_the_openai_sdk(stand):
    for scenario, exception, status in [
        ("error-400", openai.BadRequestError, 400),
        ("error-key", openai.InternalServerError, 502),
        ("error-429", openai.RateLimitError, 429),
        ("error-503", openai.InternalServerError, 503),
    ]:
        model = "gemini-mock/" + stand.model(scenario, "translated")
        seen = asyncio.run(outcome(chat_calls.whole, stand.openai, model, "openai"))
        same((scenario, seen["raised"]["class"], seen["raised"]["status"]), (scenario, exception.__name__, status))
    for scenario in ("no-finish", "cut-late", "error-late", "garbage-late"):
        model = "gemini-mock/" + stand.model(scenario, "translated")
        seen = asyncio.run(outcome(chat_calls.streamed, stand.openai, model, "openai"))
        assert seen.get("raised", {}).get("class") == "APIError", f"{scenario}: {seen}"
        assert "".join(seen["stream"]["choices"]["0"]["pieces"]), f"{scenario}: nothing arrived"


CHECKS = [
    refusals_are_those_of_the_sdk, other_spellings_answer_too, a_stream_is_a_list_unless_events_are_asked_for,
    hits_equal_fresh_answers, an_openai_provider_answers_googles_sdk,
    an_openai_providers_trouble_is_told_to_googles_sdk, a_provider_of_geminis_answers_the_openai_sdk,
    a_provider_of_geminis_answers_the_anthropic_sdk, trouble_of_a_provider_of_geminis_is_told_to_the_openai_sdk,
]
