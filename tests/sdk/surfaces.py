"""Everything beside chat, with the providers' own SDKs: directly, through the gateway, the same outcome?

    target/.venv/bin/python tests/sdk/surfaces.py target/debug/ringgate

Prints what failed and, last, `N passed, N failed`.
"""

import asyncio
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import anthropic
import openai

import comparison
import either
import surfaces_calls
import surfaces_provider

START_PATIENCE_S = 30.0
CASE_PATIENCE_S = 30.0

CONFIGURATION = """
[server]
listen = "127.0.0.1:0"
shards = 2

[[providers]]
name = "mock"
kind = "openai"
base_url = "{provider}/v1"
api_key = "env:PROVIDER_KEY"
models = ["listed-a", "listed-b"]

[[providers]]
name = "claude-mock"
kind = "anthropic"
base_url = "{provider}"
api_key = "env:PROVIDER_KEY"

[[routes]]
model = "claude-*"
targets = ["claude-mock"]
cache = {{ exact = false }}

[[routes]]
model = "miss*"
caller = "anthropic_messages"
targets = ["claude-mock"]

[[routes]]
model = "*"
targets = ["mock"]
cache = {{ exact = false }}
"""


def main():
    (binary,) = sys.argv[1:]
    scripted = surfaces_provider.Provider()
    threading.Thread(target=scripted.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as scratch:
        configuration = pathlib.Path(scratch) / "ringgate.toml"
        configuration.write_text(CONFIGURATION.format(provider=scripted.url))
        log = pathlib.Path(scratch) / "log"
        environment = {**os.environ, "PROVIDER_KEY": surfaces_provider.KEY}
        gateway = subprocess.Popen([binary, "serve", "--config", configuration], env=environment, stderr=log.open("wb"))
        try:
            results = list(run(scripted.url, serving(gateway, log)))
        finally:
            gateway.kill()
    failed = [(name, problem) for name, problem in results if problem]
    for name, problem in failed:
        print(f"FAIL {name}\n{problem}")
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)


def serving(gateway, log):
    """Waits until the gateway tells its address."""
    deadline = time.monotonic() + START_PATIENCE_S
    while time.monotonic() < deadline and gateway.poll() is None:
        told = re.search(r"serving url=(\S+)", log.read_text())
        if told:
            return told[1]
        time.sleep(0.05)
    sys.exit(f"the gateway did not start:\n{log.read_text()}\n0 passed, 1 failed")


def run(provider, gateway):
    """(name, what is wrong or None) per case and check."""
    places = {"direct": provider, "through": gateway, "through a mount": None}
    for family, cases, mount in [
        ("openai", surfaces_calls.OPENAI, "/openai"),
        ("anthropic", surfaces_calls.ANTHROPIC, "/anthropic"),
    ]:
        places["through a mount"] = gateway + mount
        for kind in ("sync", "async"):
            outcomes = {place: asyncio.run(outcomes_of(family, kind, url, cases)) for place, url in places.items()}
            for name in cases:
                for place in ("through", "through a mount"):
                    problem = comparison.judged(outcomes["direct"][name], outcomes[place][name], None)
                    yield f"{family}: {name} ({kind}, {place})", problem
    for check in CHECKS:
        problem = None
        try:
            check(gateway)
        except Exception:  # a check that cannot run has failed
            problem = "    " + traceback.format_exc().strip().replace("\n", "\n    ")
        yield check.__name__.replace("_", " "), problem


def client(family, kind, url):
    options = {"timeout": CASE_PATIENCE_S, "max_retries": 0}
    if family == "openai":
        make = {"sync": openai.OpenAI, "async": openai.AsyncOpenAI}[kind]
        return make(base_url=f"{url}/v1", api_key=surfaces_provider.KEY, **options)
    make = {"sync": anthropic.Anthropic, "async": anthropic.AsyncAnthropic}[kind]
    return make(base_url=url, api_key=surfaces_provider.KEY, **options)


async def outcomes_of(family, kind, url, cases):
    used = client(family, kind, url)
    outcomes = {}
    for name, call in cases.items():
        outcomes[name] = await either.outcome(lambda used, _, seen: call(used, seen), used, None, family)
    await either.settled(used.close())
    return outcomes


# What has no counterpart without a gateway.


def same(got, wanted):
    assert got == wanted, f"wanted {wanted!r}, got {got!r}"


def vectors_come_as_the_sdk_asks_from_servers_that_know_one_form(gateway):
    used = client("openai", "sync", gateway)
    for model in ("floats-1", "base64-1"):
        # Unless told otherwise the SDK asks for base64 and unpacks it.
        unpacked = used.embeddings.create(model=model, input="x").data[0].embedding
        floats = used.embeddings.create(model=model, input="x", encoding_format="float").data[0].embedding
        coded = used.embeddings.create(model=model, input="x", encoding_format="base64").data[0].embedding
        for vector in (unpacked, floats):
            assert isinstance(vector, list) and all(abs(a - b) < 1e-6 for a, b in zip(vector, surfaces_provider.VECTOR)), vector
        assert isinstance(coded, str), coded


def models_are_listed_for_both_sdks(gateway):
    listed = [model.id for model in client("openai", "sync", gateway).models.list()]
    same(listed, ["listed-a", "listed-b"])
    same(client("openai", "sync", gateway).models.retrieve("listed-b").id, "listed-b")
    used = client("anthropic", "sync", gateway)
    same([model.id for model in used.models.list(limit=1)], listed)
    page = used.models.list(limit=1)
    same((page.data[0].type, page.has_more, page.first_id, page.last_id), ("model", True, "listed-a", "listed-a"))
    same(used.models.retrieve("listed-a").display_name, "listed-a")


def tokens_of_a_model_elsewhere_are_estimated(gateway):
    raw = client("anthropic", "sync", gateway).messages.with_raw_response.count_tokens(
        model="gpt-x", messages=surfaces_calls.ASK
    )
    same(raw.headers["x-ringgate-estimated"], "true")
    assert raw.parse().input_tokens > 3


def embeddings_of_a_provider_without_them_are_refused(gateway):
    try:
        client("openai", "sync", gateway).embeddings.create(model="claude-1", input="x")
    except openai.BadRequestError as error:
        same(error.param, "model")
    else:
        raise AssertionError("no refusal")


CHECKS = [
    vectors_come_as_the_sdk_asks_from_servers_that_know_one_form,
    models_are_listed_for_both_sdks,
    tokens_of_a_model_elsewhere_are_estimated,
    embeddings_of_a_provider_without_them_are_refused,
]

if __name__ == "__main__":
    main()
