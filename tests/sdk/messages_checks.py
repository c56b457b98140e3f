"""What has no counterpart without a gateway, in the terms of the Anthropic SDK; and each SDK's calls
answered by a provider of the other dialect, where the expectation is the same answer in one's own words."""

import asyncio
import time

import anthropic
import openai

import chat_calls
import chat_scenarios
import messages_calls as calls
import messages_scenarios as scenarios
import stand as stands
from comparison import told_apart
from either import outcome
from either import raised
from stand import KEY
from stand import NARROW_KEY
from stand import same

SETTLING_S = 0.3


class Stand(stands.Stand):
    """The stand with clients of this SDK, and one of the other."""

    def __init__(self, provider, gateway):
        super().__init__(provider, gateway, anthropic.__version__)
        self.first = anthropic.Anthropic(base_url=gateway, api_key=KEY, timeout=20.0, max_retries=0)
        self.openai = openai.OpenAI(base_url=f"{gateway}/v1", api_key=KEY, timeout=20.0, max_retries=0)

    def client(self, key=KEY, mount="", **options):
        """Copies share connections."""
        return self.first.copy(api_key=key, base_url=f"{self.gateway}{mount}", **options)


def expect(exception, call, **fields):
    """Calls; the exception must be of exactly this class and have these fields."""
    try:
        call()
    except anthropic.AnthropicError as error:
        assert type(error) is exception, f"{type(error).__name__} instead of {exception.__name__}: {error}"
        told = raised(error, "anthropic")
        assert told["message"] and told["has_request_id"], told
        same({name: told[name] for name in fields}, fields)
        body = error.body
        same((body["type"], body["error"]["type"], bool(body["request_id"])), ("error", told["type"], True))
        return error
    raise AssertionError(f"no {exception.__name__}")


def create(client, model, **fields):
    return client.messages.create(model=model, max_tokens=100, messages=calls.ASK, **fields)


def refusals_are_those_of_the_sdk(stand):
    plain = stand.model("plain", "refused")
    wrong = stand.client("rg-wrong", max_retries=2)
    expect(anthropic.AuthenticationError, lambda: create(wrong, plain), status=401, type="authentication_error")
    narrow = stand.client(NARROW_KEY)
    expect(anthropic.PermissionDeniedError, lambda: create(narrow, plain), status=403, type="permission_error")
    nobody = "nobody-has-this"
    expect(anthropic.NotFoundError, lambda: create(stand.client(), nobody), status=404, type="not_found_error")
    bad = {"extra_body": {"messages": "hello"}}
    error = {"status": 400, "type": "invalid_request_error"}
    expect(anthropic.BadRequestError, lambda: create(stand.client(), plain, **bad), **error)
    expect(anthropic.InternalServerError, lambda: create(stand.client(), stand.model("nobody", "x")), status=502)
    same(stand.attempts(plain), 0)


def other_spellings_answer_too(stand):
    for tag, client, prefix in [
        ("direct", stand.client(), "claude-mock/"),
        ("mount", stand.client(mount="/anthropic"), ""),
        ("header", stand.client(default_headers={"x-api-key": KEY}), ""),
    ]:
        model = stand.model("plain", tag)
        same(create(client, prefix + model).content[0].text, scenarios.TEXT["text"])
        same(stand.attempts(model), 1)


def models_are_listed(stand):
    listed = list(stand.client().models.list())
    same([model.id for model in listed], ["alias", "case-listed-a", "case-listed-b"])
    same({model.type for model in listed}, {"model"})
    same(stand.client().models.retrieve("case-listed-a").id, "case-listed-a")
    expect(anthropic.NotFoundError, lambda: stand.client().models.retrieve("nobody-has-this"), status=404)


def hits_equal_fresh_answers(stand):
    """Each form of an answer, replayed in each form, equals what was never cached."""
    problems = []
    for scenario in ("plain", "thinking", "stop-sequence", "page"):
        for first in (False, True):
            for second in (False, True):
                model = stand.model(scenario, f"hit-{first}-{second}")
                fresh = {"extra_headers": {"x-ringgate-cache-control": "no-store"}}
                _, wanted = assembled(stand.client(), model, second, **fresh)
                header, _ = assembled(stand.client(), model, first)
                same(header, "MISS")
                time.sleep(SETTLING_S)
                header, got = assembled(stand.client(), model, second)
                same((scenario, first, second, header, stand.attempts(model)), (scenario, first, second, "HIT", 2))
                assert got.pop("id") != wanted.pop("id")
                if second:  # said by the first event of a stream, to which a replay gives no usage
                    wanted["usage"].pop("service_tier")
                way = f"{scenario}, first {'streamed' if first else 'whole'}, then {'streamed' if second else 'whole'}"
                problems += [f"{way}{place}" for place in told_apart("", wanted, got)]
    assert not problems, "\n".join(problems)


def assembled(client, model, stream, **fields):
    """Cache header and message of one call; a stream is put together by the SDK's own helper."""
    if not stream:
        response = client.messages.with_raw_response.create(
            model=model, max_tokens=100, messages=calls.ASK, **fields
        )
        return response.headers["x-ringgate-cache"], calls.plain(response.parse())
    with client.messages.stream(model=model, max_tokens=100, messages=calls.ASK, **fields) as stream:
        return stream.response.headers["x-ringgate-cache"], calls.plain(stream.get_final_message())


# Translated: the Anthropic SDK answered by an OpenAI provider.


def an_openai_provider_answers_the_anthropic_sdk(stand):
    text = chat_scenarios.Choice().content
    for stream in (False, True):
        tag = f"translated-{stream}"
        _, told = assembled(stand.client(), "mock/" + stand.model("plain", tag), stream)
        same([(block["type"], block["text"]) for block in told["content"]], [("text", text)])
        same((told["stop_reason"], told["role"], told["type"]), ("end_turn", "assistant", "message"))
        same((told["usage"]["input_tokens"] + told["usage"]["cache_read_input_tokens"]), 11)
        same(told["usage"]["output_tokens"], 7)
        _, told = assembled(stand.client(), "mock/" + stand.model("tools", tag), stream, tools=calls.TOOLS)
        blocks = [(block["type"], block["id"], block["name"], block["input"]) for block in told["content"]]
        same(blocks, [
            ("tool_use", "call_weather", "weather", {"city": "K\u00f6ln", "days": 2}),
            ("tool_use", "call_clock", "clock", {"zone": "CET"}),
        ])
        same(told["stop_reason"], "tool_use")
        _, told = assembled(stand.client(), "mock/" + stand.model("length", tag), stream)
        same(told["stop_reason"], "max_tokens")


def an_openai_providers_trouble_is_told_to_the_anthropic_sdk(stand):
    for scenario, exception, status, type in [
        ("error-400", anthropic.BadRequestError, 400, "invalid_request_error"),
        ("error-401", anthropic.InternalServerError, 502, "api_error"),
        ("error-429", anthropic.RateLimitError, 429, "rate_limit_error"),
        ("error-500", anthropic.InternalServerError, 500, "api_error"),
        ("cut-whole", anthropic.InternalServerError, 502, "api_error"),
    ]:
        model = "mock/" + stand.model(scenario, "translated")
        expect(exception, lambda: create(stand.client(), model), status=status, type=type)
    for scenario in ("no-done", "cut-late", "error-late", "garbage-late"):
        model = "mock/" + stand.model(scenario, "translated")
        seen = asyncio.run(outcome(calls.streamed, stand.client(), model, "anthropic"))
        kinds = [event["type"] for event in seen["events"]]
        same((scenario, kinds[0], "message_stop" in kinds), (scenario, "message_start", False))
        assert "raised" in seen, f"{scenario} was taken for complete"


# Translated: the OpenAI SDK answered by an Anthropic provider.


def an_anthropic_provider_answers_the_openai_sdk(stand):
    for call, content in ((chat_calls.whole, whole_words), (chat_calls.streamed, streamed_words)):
        def told(scenario, **fields):
            model = "claude-mock/" + stand.model(scenario, f"translated-{call.__name__}")
            seen = {}
            asyncio.run(call(stand.openai, model, seen, **fields))
            return content(seen)

        same(told("plain"), (scenarios.TEXT["text"], [], "stop", 7))
        text, tools, finish, _ = told("tools", tools=chat_calls.TOOLS)
        same((text, finish), (scenarios.TEXT["text"], "tool_calls"))
        same([(id, name) for id, name, _ in tools], [("toolu_weather", "weather"), ("toolu_clock", "clock")])
        same([chat_calls.json.loads(arguments) for *_, arguments in tools], [{"city": "K\u00f6ln", "days": 2}, {}])
        same(told("thinking")[0], scenarios.TEXT["text"])
        same(told("length")[2], "length")
        same(told("refusal")[2], "content_filter")


def whole_words(seen):
    (choice,) = seen["choices"]
    tools = [(id, name, arguments) for id, _, name, arguments in choice["calls"]]
    return choice["content"] or "", tools, choice["finish"], seen["usage"]["completion_tokens"]


def streamed_words(seen):
    choice = seen["stream"]["choices"]["0"]
    tools = [(call["id"][0], call["name"][0], call["arguments"]) for call in choice["calls"].values()]
    (usage,) = seen["stream"]["usage"]
    return "".join(choice["pieces"]), tools, choice["finish"][0], usage[0]["completion_tokens"]


def an_anthropic_providers_trouble_is_told_to_the_openai_sdk(stand):
    for scenario, exception, status in [
        ("error-400", openai.BadRequestError, 400),
        ("error-401", openai.InternalServerError, 502),
        ("error-429", openai.RateLimitError, 429),
        ("error-529", openai.InternalServerError, 529),
    ]:
        model = "claude-mock/" + stand.model(scenario, "translated")
        seen = asyncio.run(outcome(chat_calls.whole, stand.openai, model, "openai"))
        same((scenario, seen["raised"]["class"], seen["raised"]["status"]), (scenario, exception.__name__, status))
    for scenario in ("no-stop", "cut-late", "error-late", "garbage-late"):
        model = "claude-mock/" + stand.model(scenario, "translated")
        seen = asyncio.run(outcome(chat_calls.streamed, stand.openai, model, "openai"))
        assert seen.get("raised", {}).get("class") == "APIError", f"{scenario}: {seen}"
        assert "".join(seen["stream"]["choices"]["0"]["pieces"]), f"{scenario}: nothing arrived"


CHECKS = [
    refusals_are_those_of_the_sdk, other_spellings_answer_too, models_are_listed, hits_equal_fresh_answers,
    an_openai_provider_answers_the_anthropic_sdk, an_openai_providers_trouble_is_told_to_the_anthropic_sdk,
    an_anthropic_provider_answers_the_openai_sdk, an_anthropic_providers_trouble_is_told_to_the_openai_sdk,
]
