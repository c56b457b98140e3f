"""What has no counterpart without a gateway, in the terms of the Anthropic SDK."""

import time

import anthropic

import messages_calls as calls
import messages_scenarios as scenarios
import stand as stands
from comparison import told_apart
from either import raised
from stand import KEY
from stand import NARROW_KEY
from stand import same

SETTLING_S = 0.3


class Stand(stands.Stand):
    """The stand with clients of this SDK."""

    def __init__(self, provider, gateway):
        super().__init__(provider, gateway, anthropic.__version__)
        self.first = anthropic.Anthropic(base_url=gateway, api_key=KEY, timeout=20.0, max_retries=0)

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


CHECKS = [
    refusals_are_those_of_the_sdk, other_spellings_answer_too, models_are_listed, hits_equal_fresh_answers,
]
