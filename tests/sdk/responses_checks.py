"""What has no counterpart without a gateway: its own refusals, its cache, and answers of providers that do
not speak the Responses API."""

import asyncio
import time

import openai

import chat_calls
import chat_checks
import chat_scenarios
import messages_scenarios
import responses_calls as calls
import responses_scenarios as scenarios
from chat_checks import SETTLING_S
from chat_checks import expect
from comparison import told_apart
from either import outcome
from stand import NARROW_KEY
from stand import same

ASK = calls.ASK


class Stand(chat_checks.Stand):
    """The stand of the other dialect, with model names of its own."""

    def model(self, scenario, tag):
        return super().model(scenario, f"responses-{tag}")


def create(client, model, **fields):
    return client.responses.create(**{"model": model, "input": ASK, **fields})


def assembled(client, model, stream, **fields):
    """Cache header and response of one call; a stream is put together by the SDK's own helper."""
    if not stream:
        told = client.responses.with_raw_response.create(model=model, input=ASK, **fields)
        return told.headers["x-ringgate-cache"], told.parse()
    with client.responses.stream(model=model, input=ASK, **fields) as events:
        header = events._response.headers["x-ringgate-cache"]
        return header, events.get_final_response()


# Refusals.


def refusals_are_those_of_the_sdk(stand):
    model = stand.model("plain", "refused")
    fields = {"type": "invalid_request_error"}
    wrong = stand.client("rg-wrong", max_retries=2)
    expect(openai.AuthenticationError, lambda: create(wrong, model), status=401, code="invalid_api_key", **fields)
    narrow = stand.client(NARROW_KEY)
    expect(openai.PermissionDeniedError, lambda: create(narrow, model), status=403, code="model_not_allowed", **fields)
    nobody = "nobody-has-this"
    expect(openai.NotFoundError, lambda: create(stand.client(), nobody), status=404, code="model_not_found", **fields)
    for field, value in {"model": 5, "stream": "yes", "input": 5, "tools": {}}.items():
        bad = lambda: create(stand.client(max_retries=2), model, extra_body={field: value})
        expect(openai.BadRequestError, bad, status=400, param=field, **fields)
    same(stand.attempts(model), 0)


def what_only_its_own_kind_serves_is_refused_elsewhere(stand):
    """And not before: the same request reaches a provider of the same kind."""
    reference = [{"role": "user", "content": ASK}, {"type": "item_reference", "id": "msg_before"}]
    for param, fields in {
        "previous_response_id": {"previous_response_id": "resp_before"},
        "conversation": {"conversation": "conv_1"},
        "background": {"background": True},
        "input[1]": {"input": reference},
        "tools[0]": {"tools": [{"type": "web_search"}]},
        "tool_choice": {"tool_choice": {"type": "file_search"}},
    }.items():
        model = stand.model("plain", f"own-{param}")
        same(create(stand.client(), model, **fields).output_text, scenarios.WORDS)
        for provider in ("mock", "claude-mock"):
            refused = lambda: create(stand.client(max_retries=2), f"{provider}/{model}", **fields)
            error = expect(openai.BadRequestError, refused, status=400, param=param)
            assert "Responses API" in str(error), error
        same(stand.attempts(model), 1)


def other_spellings_answer_too(stand):
    for tag, client, prefix in [("direct", stand.client(), "responses-mock/"), ("mount", stand.client(mount="/openai"), "")]:
        model = stand.model("plain", tag)
        same(create(client, prefix + model).output_text, scenarios.WORDS)
        same(stand.attempts(model), 1)


def a_whole_answer_to_a_stream_is_told_as_one(stand):
    for stream in (False, True):
        _, told = assembled(stand.client(), stand.model("json-for-stream", f"json-{stream}"), stream)
        same((told.output_text, told.status, told.usage.total_tokens), (scenarios.WORDS, "completed", 18))


# The cache.


def hits_equal_fresh_answers(stand):
    """Each form of an answer, replayed in each form, equals what was never cached."""
    problems = []
    for scenario in ("plain", "two", "thinking", "searched", "logprobs", "page"):
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
                wanted, got = calls.plain(wanted), calls.plain(got)
                # What is stored under an id is found under it again.
                assert got["id"] == wanted["id"] and got.pop("created_at") != wanted.pop("created_at")
                way = f"{scenario}, first {'streamed' if first else 'whole'}, then {'streamed' if second else 'whole'}"
                problems += [f"{way}{place}" for place in told_apart("", wanted, got)]
    assert not problems, "\n".join(problems)


# Translated: answered by providers that speak something else.


def a_chat_provider_answers(stand):
    text = chat_scenarios.Choice().content
    for stream in (False, True):
        tag = f"translated-{stream}"
        _, told = assembled(stand.client(), "mock/" + stand.model("plain", tag), stream)
        same((told.output_text, told.status, told.object, told.error), (text, "completed", "response", None))
        same((told.usage.input_tokens, told.usage.output_tokens, told.usage.total_tokens), (11, 7, 18))
        same((told.usage.input_tokens_details.cached_tokens, told.usage.output_tokens_details.reasoning_tokens), (3, 2))
        same([item.type for item in told.output], ["message"])
        assert told.id.startswith("resp_") and told.output[0].id.startswith("msg_"), told.id
        _, told = assembled(stand.client(), "mock/" + stand.model("tools", tag), stream, tools=calls.TOOLS)
        got = [(item.type, item.call_id, item.name, item.arguments, item.status) for item in told.output]
        same(got, [
            ("function_call", *chat_scenarios.WEATHER, "completed"), ("function_call", *chat_scenarios.CLOCK, "completed"),
        ])
        same([tool.name for tool in told.tools], ["weather", "clock"])
        same((told.tool_choice, told.parallel_tool_calls, told.instructions), ("auto", True, None))
        _, told = assembled(stand.client(), "mock/" + stand.model("logprobs", tag), stream)
        same("".join(token.token for token in told.output[0].content[0].logprobs), text)
        _, told = assembled(stand.client(), "mock/" + stand.model("refusal", tag), stream)
        same(told.output[0].content[0].refusal, "I would rather not.")
        for scenario, reason in (("length", "max_output_tokens"), ("filtered", "content_filter")):
            told = create(stand.client(), "mock/" + stand.model(scenario, tag))
            same((told.status, told.incomplete_details.reason, told.output[0].status), ("incomplete", reason, "incomplete"))


def structured_output_of_a_chat_provider_is_parsed(stand):
    model = "mock/" + stand.model("structured", "parsed")
    person = calls.Person(name="Ada", born=1815, tags=["x", "\u00fc"])
    same(stand.client().responses.parse(model=model, input=ASK, text_format=calls.Person).output_parsed, person)
    with stand.client().responses.stream(model=model, input=ASK, text_format=calls.Person) as events:
        same(events.get_final_response().output_parsed, person)


def a_messages_provider_answers(stand):
    for stream in (False, True):
        tag = f"translated-{stream}"
        _, told = assembled(stand.client(), "claude-mock/" + stand.model("thinking", tag), stream)
        same([item.type for item in told.output], ["reasoning", "reasoning", "message"])
        same(told.output[0].summary[0].text, messages_scenarios.THOUGHT["thinking"])
        same(told.output_text, messages_scenarios.TEXT["text"])
        same((told.usage.input_tokens, told.usage.output_tokens), (16, 7))
        model = stand.model("thinking-tool", tag)
        first, told = assembled(stand.client(), "claude-mock/" + model, stream, tools=calls.TOOLS)
        same([item.type for item in told.output], ["reasoning", "function_call"])
        # The signature comes back to its provider in the next turn of the loop.
        items = [{"role": "user", "content": ASK}, *(item.to_dict() for item in told.output)]
        items.append({"type": "function_call_output", "call_id": told.output[1].call_id, "output": "rain"})
        echo = "claude-mock/" + stand.model("echo", tag)
        sent = create(stand.client(), echo, input=items, tools=calls.TOOLS, stream=False).output_text
        assert f'"signature": "{messages_scenarios.THOUGHT["signature"]}"' in sent, sent


def trouble_of_other_providers_is_told(stand):
    for provider, ending in (("mock", "no-done"), ("claude-mock", "no-stop")):
        for scenario, exception, status in [
            ("error-400", openai.BadRequestError, 400),
            ("error-401", openai.InternalServerError, 502),
            ("error-429", openai.RateLimitError, 429),
            ("error-500", openai.InternalServerError, 500),
        ]:
            model = f"{provider}/{stand.model(scenario, 'translated')}"
            expect(exception, lambda: create(stand.client(), model), status=status)
        for scenario in (ending, "cut-late", "error-late", "garbage-late"):
            model = f"{provider}/{stand.model(scenario, 'translated')}"
            seen = asyncio.run(outcome(calls.streamed, stand.client(), model, "openai"))
            assert seen.get("raised", {}).get("class") == "APIError", f"{provider} {scenario}: {seen}"
            assert "".join(seen["deltas"].values()), f"{provider} {scenario}: nothing arrived"
            kinds = {event["type"] for event in seen["events"]}
            assert "response.completed" not in kinds, f"{provider} {scenario} was taken for complete"


def chat_callers_are_answered_by_a_responses_provider(stand):
    def told(scenario, call, **fields):
        seen = {}
        model = "responses-mock/" + stand.model(scenario, f"chat-{call.__name__}")
        asyncio.run(call(stand.client(), model, seen, **fields))
        return seen

    for scenario, finish, calls_made in (("plain", "stop", 0), ("tools", "tool_calls", 2), ("length", "length", 0)):
        whole = told(scenario, chat_calls.whole, tools=chat_calls.TOOLS)["choices"][0]
        same((whole["content"], whole["finish"], len(whole["calls"])), (scenarios.WORDS, finish, calls_made))
        seen = told(scenario, chat_calls.streamed, tools=chat_calls.TOOLS)["stream"]
        streamed = seen["choices"]["0"]
        same(("".join(streamed["pieces"]), streamed["finish"]), (scenarios.WORDS, [finish]))
        same([call["name"] for call in streamed["calls"].values()], [["weather"], ["clock"]][:calls_made])
        same(seen["usage"][0][0]["total_tokens"], 18)


CHECKS = [
    refusals_are_those_of_the_sdk, what_only_its_own_kind_serves_is_refused_elsewhere, other_spellings_answer_too,
    a_whole_answer_to_a_stream_is_told_as_one, hits_equal_fresh_answers, a_chat_provider_answers,
    structured_output_of_a_chat_provider_is_parsed, a_messages_provider_answers, trouble_of_other_providers_is_told,
    chat_callers_are_answered_by_a_responses_provider,
]
