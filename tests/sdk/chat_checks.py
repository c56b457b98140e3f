"""What has no counterpart without a gateway: its own refusals, its cache, its list of models.

Here the expectations are written down, in the terms of the SDK: which exception, which fields.
"""

import asyncio
import time

import openai

import chat_calls
import stand as stands
from chat_calls import ASK
from comparison import told_apart
from either import outcome
from either import raised
from stand import KEY
from stand import NARROW_KEY
from stand import SCARCE_KEY
from stand import same


# While the end of a stream is still being read, who asks the same joins it instead of asking anew.
SETTLING_S = 0.3


class Stand(stands.Stand):
    """The stand with clients of this SDK."""

    def __init__(self, provider, gateway):
        super().__init__(provider, gateway, openai.__version__)
        self.first = openai.OpenAI(base_url=f"{gateway}/v1", api_key=KEY, timeout=20.0, max_retries=0)

    def client(self, key=KEY, mount="", **options):
        """Copies share connections."""
        return self.first.copy(api_key=key, base_url=f"{self.gateway}{mount}/v1", **options)


def expect(exception, call, **fields):
    """Calls; the exception must be of exactly this class and have these fields."""
    try:
        call()
    except openai.OpenAIError as error:
        assert type(error) is exception, f"{type(error).__name__} instead of {exception.__name__}: {error}"
        told = raised(error, "openai")
        assert told["message"] and told["has_request_id"], told
        got = {name: told[name] for name in fields}
        assert got == fields, f"wanted {fields}, got {got}"
        return error
    raise AssertionError(f"no {exception.__name__}")


def create(client, model, **fields):
    return client.chat.completions.create(model=model, messages=ASK, **fields)


# Refusals.


def wrong_key_is_an_authentication_error(stand):
    model = stand.model("plain", "wrong-key")
    for stream in (False, True):
        for key in ("rg-wrong", "sk-of-somebody-else"):
            error = expect(
                openai.AuthenticationError,
                lambda: create(stand.client(key, max_retries=2), model, stream=stream),
                status=401, type="invalid_request_error", code="invalid_api_key", should_retry="false",
            )
            assert "rg-wrong" not in str(error)
    expect(openai.AuthenticationError, stand.client("rg-wrong").models.list, code="invalid_api_key")
    same(stand.attempts(model), 0)


def two_different_keys_are_refused(stand):
    expect(
        openai.AuthenticationError,
        lambda: create(stand.client(), stand.model("plain", "two"), extra_headers={"x-api-key": "rg-other"}),
        status=401,
    )


def forbidden_model_is_a_permission_error(stand):
    model = stand.model("plain", "forbidden")
    expect(
        openai.PermissionDeniedError, lambda: create(stand.client(NARROW_KEY, max_retries=2), model),
        status=403, type="invalid_request_error", code="model_not_allowed", param="model",
    )
    same(stand.attempts(model), 0)
    expect(openai.PermissionDeniedError, lambda: create(stand.client(NARROW_KEY), f"mock/{model}"), status=403)


def unknown_model_is_not_found(stand):
    fields = {"status": 404, "type": "invalid_request_error", "code": "model_not_found"}
    for model in ("nobody-has-this", "nowhere/case-plain@x"):
        expect(openai.NotFoundError, lambda: create(stand.client(), model), **fields)
        expect(openai.NotFoundError, lambda: create(stand.client(), model, stream=True), **fields)


def unknown_path_is_not_found(stand):
    expect(openai.NotFoundError, lambda: stand.client().post("/nowhere", cast_to=object, body={}), status=404)


def bad_fields_are_bad_requests(stand):
    model = stand.model("plain", "bad-fields")
    for field, value in {"model": 5, "stream": "yes", "messages": "hello"}.items():
        expect(
            openai.BadRequestError,
            lambda: create(stand.client(max_retries=2), model, extra_body={field: value}),
            status=400, type="invalid_request_error", param=field,
        )
    same(stand.attempts(model), 0)


def too_large_a_body_is_refused(stand):
    ask = [{"role": "user", "content": "x" * 6_000_000}]
    call = lambda: stand.client().chat.completions.create(model=stand.model("plain", "large"), messages=ask)
    expect(openai.APIStatusError, call, status=413, code="request_too_large")


def spent_rate_is_a_rate_limit_error(stand):
    client = stand.client(SCARCE_KEY)
    last = None
    for _ in range(3):  # the key allows two per minute; every SDK version may find it spent by the one before
        try:
            create(client, stand.model("plain", "scarce"), extra_headers={"x-ringgate-cache-control": "no-store"})
        except openai.RateLimitError as error:
            last = error
    assert last is not None, "three requests passed a limit of two"
    told = raised(last, "openai")
    same((told["status"], told["type"], told["code"]), (429, "requests", "rate_limit_exceeded"))
    headers = last.response.headers
    same(headers["x-ratelimit-limit-requests"], "2")
    same(headers["x-ratelimit-remaining-requests"], "0")
    assert headers["x-ratelimit-reset-requests"], headers
    assert 0 < int(headers["retry-after"]) <= 60 and int(headers["retry-after-ms"]) <= 60_000, headers


def unreachable_provider_is_a_server_error(stand):
    error = {"status": 502, "type": "server_error", "code": "upstream_error"}
    told = expect(openai.InternalServerError, lambda: create(stand.client(), stand.model("nobody", "x")), **error)
    assert "127.0.0.1" not in str(told), "an upstream address was given away"
    expect(openai.InternalServerError, lambda: create(stand.client(), stand.model("nobody", "x"), stream=True), **error)


def shortened_deadline_is_a_gateway_timeout(stand):
    fields = {"extra_headers": {"x-ringgate-timeout-ms": "300"}}
    for stream in (False, True):
        call = lambda: create(stand.client(), stand.model("slow", f"hurry-{stream}"), stream=stream, **fields)
        expect(openai.InternalServerError, call, status=504, type="server_error", code="timeout")


# Other ways to the same answer.


def other_spellings_answer_too(stand):
    for tag, client, prefix in [
        ("direct", stand.client(), "mock/"),
        ("mount", stand.client(mount="/openai"), ""),
        ("alias-header", stand.client(default_headers={"x-ringgate-key": KEY}), ""),
    ]:
        model = stand.model("plain", tag)
        seen = asyncio.run(outcome(chat_calls.whole, client, prefix + model, "openai"))
        same(seen.get("raised"), None)
        same(stand.attempts(model), 1)


def another_target_answers_for_one_that_is_down(stand):
    for stream in (False, True):
        model = stand.model("plain", f"failover-{stream}").replace("case-", "failover-case-")
        raw = stand.client().chat.completions.with_raw_response
        response = raw.create(model=model, messages=ASK, stream=stream)
        same(response.headers["x-ringgate-attempts"], "2")
        same(response.headers["x-ringgate-provider"], "mock")
        answer = response.parse()
        pieces = [chunk.choices[0].delta for chunk in answer] if stream else [answer.choices[0].message]
        words = "".join(piece.content or "" for piece in pieces)
        assert words.startswith("Hello"), words


# Models.


def models_are_listed(stand):
    listed = list(stand.client().models.list())
    same([model.id for model in listed], ["alias", "case-listed-a", "case-listed-b"])
    for model in listed:
        same((model.object, model.owned_by, type(model.created)), ("model", "mock", int))
    same([model.id for model in stand.client(NARROW_KEY).models.list()], ["case-listed-a"])


def models_are_retrieved(stand):
    for name in ("alias", "case-listed-a", "case-anything", "case-odd/name:8b \u00e9", "mock/case-listed-a"):
        try:
            model = stand.client().models.retrieve(name)
        except openai.APIStatusError as error:
            raise AssertionError(f"{name}: asked for {error.request.url.raw_path}") from error
        same((model.id, model.object, model.owned_by), (name, "model", "mock"))
    expect(openai.NotFoundError, lambda: stand.client().models.retrieve("nobody-has-this"), code="model_not_found")
    expect(openai.NotFoundError, lambda: stand.client(NARROW_KEY).models.retrieve("case-listed-b"), status=404)


# The cache.


def asked(client, model, stream, **fields):
    """Cache header, id and outcome (without the id) of one call."""
    create = client.chat.completions.with_raw_response.create
    if not stream:
        response = create(model=model, messages=ASK, **fields)
        told = chat_calls.completed(response.parse())
        return response.headers, told.pop("id"), told
    fields["stream_options"] = {"include_usage": True}
    response = create(model=model, messages=ASK, stream=True, **fields)
    sum = chat_calls.Seen()
    for chunk in response.parse():
        sum.add(chunk)
    told = sum.told
    for choice in told["choices"].values():  # how words are cut into pieces is nobody's promise
        choice["pieces"] = "".join(choice["pieces"])
    told["usage"] = [usage for usage, _ in told["usage"]]
    del told["chunks"]
    (id,) = told.pop("ids")
    return response.headers, id, told


def hits_equal_fresh_answers(stand):
    """Each form of an answer, replayed in each form, equals what was never cached."""
    problems = []
    fresh = {"extra_headers": {"x-ringgate-cache-control": "no-store"}}
    for scenario in ("plain", "two", "logprobs", "structured", "unknown", "page", "usage-in-last-choice"):
        fields = {"response_format": {"type": "json_schema", "json_schema": {"name": "p", "schema": {}}}}
        fields = fields if scenario == "structured" else {"n": 2} if scenario == "two" else {}
        for first in (False, True):
            for second in (False, True):
                if scenario == "usage-in-last-choice" and not (first and second):
                    continue  # this scenario only streams
                model = stand.model(scenario, f"hit-{first}-{second}")
                client = stand.client()
                headers, _, wanted = asked(client, model, second, **fields, **fresh)
                same(headers["x-ringgate-cache"], "BYPASS")
                headers, id_of_miss, _ = asked(client, model, first, **fields)
                same(headers["x-ringgate-cache"], "MISS")
                time.sleep(SETTLING_S)
                headers, id_of_hit, got = asked(client, model, second, **fields)
                same((headers["x-ringgate-cache"], stand.attempts(model)), ("HIT", 2))
                assert int(headers["age"]) >= 0 and int(headers["x-ringgate-cache-age"]) >= 0
                assert id_of_hit != id_of_miss and id_of_hit.startswith("chatcmpl-"), id_of_hit
                way = f"{scenario}, first {'streamed' if first else 'whole'}, then {'streamed' if second else 'whole'}"
                problems += [f"{way}{place}" for place in told_apart("", wanted, got)]
    assert not problems, "\n".join(problems)


def what_must_not_be_remembered_is_not(stand):
    for number, (scenario, fields) in enumerate([
        ("length", {}),
        ("filtered", {}),
        ("refusal", {}),
        ("tool", {"tools": chat_calls.TOOLS}),
        ("plain", {"extra_headers": {"cache-control": "no-store"}}),
        ("plain", {"extra_headers": {"x-ringgate-cache-ttl": "0"}}),
        ("plain", {"extra_headers": {"x-ringgate-cache-control": "no-cache"}}),
    ]):
        for stream in (False, True):
            model = stand.model(scenario, f"forget-{stream}-{number}")
            for _ in range(2):
                time.sleep(SETTLING_S)
                headers, _, _ = asked(stand.client(), model, stream, **fields)
                cache = headers["x-ringgate-cache"]
                assert cache in ("MISS", "BYPASS"), (scenario, fields, cache)
            same((scenario, fields, stand.attempts(model)), (scenario, fields, 2))


def keys_do_not_share_answers(stand):
    model = "case-listed-a"  # what the narrow key may use; `listed-a` answers plainly
    for key in (KEY, NARROW_KEY):
        headers, _, _ = asked(stand.client(key), model, False, stop=[openai.__version__])
        same(headers["x-ringgate-cache"], "MISS")


def identical_questions_at_once_are_asked_once(stand):
    model = stand.model("thoughtful", "at-once")

    async def ask_all():
        calls = [chat_calls.whole, chat_calls.streamed] * 4
        async with openai.AsyncOpenAI(base_url=f"{stand.gateway}/v1", api_key=KEY) as client:
            return await asyncio.gather(*(outcome(call, client, model, "openai") for call in calls))

    outcomes = asyncio.run(ask_all())
    same([outcome["raised"] for outcome in outcomes if "raised" in outcome], [])
    words = {outcome["choices"][0]["content"] for outcome in outcomes if "choices" in outcome}
    words |= {"".join(outcome["stream"]["choices"]["0"]["pieces"]) for outcome in outcomes if "stream" in outcome}
    same(len(words), 1)
    same(stand.attempts(model), 1)


CHECKS = [
    wrong_key_is_an_authentication_error, two_different_keys_are_refused, forbidden_model_is_a_permission_error,
    unknown_model_is_not_found, unknown_path_is_not_found, bad_fields_are_bad_requests, too_large_a_body_is_refused,
    spent_rate_is_a_rate_limit_error, unreachable_provider_is_a_server_error, shortened_deadline_is_a_gateway_timeout,
    other_spellings_answer_too, another_target_answers_for_one_that_is_down, models_are_listed, models_are_retrieved,
    hits_equal_fresh_answers, what_must_not_be_remembered_is_not, keys_do_not_share_answers,
    identical_questions_at_once_are_asked_once,
]
