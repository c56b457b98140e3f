"""Every recorded answer, told to callers of every dialect and taken by the official SDKs' own types: does it
say what it says to the SDK of its own dialect?

    target/.venv/bin/python tests/sdk/roundtrip.py target/debug/ringgate

Prints what failed, a table of provider's dialects by caller's, and, last, `N passed, N failed`.
"""

import collections
import concurrent.futures
import dataclasses
import functools
import http.client
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

# Amazon's parser and the validator of schemas came with the frameworks; whatever else is there is not wanted.
sys.path.append(str(pathlib.Path(sys.prefix) / "frameworks"))

import published
import published_cases
import roundtrip_losses
import roundtrip_provider
import roundtrip_requests
import roundtrip_summary
import roundtrip_types

AT_ONCE = 8
PATIENCE_S = 30.0
CALLERS = ["openai_chat", "openai_responses", "anthropic_messages", "gemini"]
# Those whose answers OpenAI describes, by its names for them.
PUBLISHED = {"openai_chat": "chat", "openai_responses": "responses"}
# Providers that the gateway knows by another dialect than the recorded one, or not at all, are named by theirs.
KINDS = {
    "anthropic", "bedrock", "cerebras", "cohere", "deepseek", "gemini", "groq", "huggingface", "mistral", "ollama",
    "openai", "openrouter", "snowflake", "vertex", "zai",
}
USUAL_DIALECT = {
    "anthropic": "anthropic_messages", "bedrock": "bedrock_converse", "cohere": "cohere_chat", "gemini": "gemini",
    "vertex": "gemini",
}

CONFIGURATION = """
[server]
listen = "127.0.0.1:0"
shards = 2
"""
PROVIDER = """
[[providers]]
name = "{name}"
{what}
base_url = "{url}/{name}"
api_key = "env:PROVIDER_KEY"

[[routes]]
model = "{name}/*"
targets = ["{name}"]
cache = {{ exact = false }}

[[routes]]
model = "kept/{name}/*"
targets = ["{name}"]
cache = {{ exact = true, tool_calls = true }}
"""


def main():
    (binary,) = sys.argv[1:]
    recorded, scripted = roundtrip_provider.Provider(), published_cases.provider()
    threading.Thread(target=scripted.serve_forever, daemon=True).start()
    written = [configuration(recorded.url), roundtrip_requests.configuration(recorded.url)]
    with gateway(binary, "".join([*written, published_cases.CONFIGURATION.format(url=scripted.url)])) as url:
        outcomes = judged(url)
        requests = translated(url, recorded)
        beside = list(published_cases.outcomes(url))
    report(outcomes, requests, beside)


class gateway:
    """A running gateway before the recordings' providers; its address."""

    def __init__(self, binary, written):
        self.binary = binary
        self.written = written

    def __enter__(self):
        self.scratch = tempfile.TemporaryDirectory()
        folder = pathlib.Path(self.scratch.name)
        (folder / "ringgate.toml").write_text(self.written)
        log = folder / "log"
        environment = {**os.environ, "PROVIDER_KEY": roundtrip_provider.KEY}
        command = [self.binary, "serve", "--config", folder / "ringgate.toml"]
        self.running = subprocess.Popen(command, env=environment, stderr=log.open("wb"))
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self.running.poll() is None:
            told = re.search(r"serving url=http://(\S+)", log.read_text())
            if told:
                return told[1]
            time.sleep(0.05)
        sys.exit(f"the gateway did not start:\n{log.read_text()}\n0 passed, 1 failed")

    def __exit__(self, *_):
        self.running.kill()
        self.running.wait()
        self.scratch.cleanup()


def configuration(url):
    written = [CONFIGURATION]
    for name, told in {told.served_by: told for told in roundtrip_provider.recordings()}.items():
        known = told.dialect == USUAL_DIALECT.get(told.provider, "openai_chat") and told.provider in KINDS
        what = f'kind = "{told.provider}"' if known else f'dialect = "{told.dialect}"'
        written.append(PROVIDER.format(name=name, what=what, url=url))
    return "\n".join(written)


def question(caller, model, stream):
    """The path and the body of a request that says no more than it has to."""
    said = [{"role": "user", "content": "x"}]
    match caller:
        case "openai_chat":
            more = {"stream_options": {"include_usage": True}} if stream else {}
            return "/v1/chat/completions", {"model": model, "messages": said, "stream": stream, **more}
        case "openai_responses":
            return "/v1/responses", {"model": model, "input": "x", "stream": stream}
        case "anthropic_messages":
            return "/v1/messages", {"model": model, "max_tokens": 64, "messages": said, "stream": stream}
        case "gemini":
            call = "streamGenerateContent?alt=sse" if stream else "generateContent"
            path = f"/v1beta/models/{urllib.parse.quote(model, safe='/')}:{call}"
            return path, {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}


connections = threading.local()


def ask(url, caller, model, stream):
    """The status and the bytes of an answer; a broken one has the status 0."""
    return send(url, *question(caller, model, stream))


def send(url, path, body):
    if not hasattr(connections, "one"):
        connections.one = http.client.HTTPConnection(url, timeout=PATIENCE_S)
    try:
        connections.one.request("POST", path, json.dumps(body), {"content-type": "application/json"})
        answer = connections.one.getresponse()
        connections.cache = answer.headers["x-ringgate-cache"]
        return answer.status, answer.read()
    except (http.client.HTTPException, OSError) as error:
        connections.one.close()
        return 0, f"{type(error).__name__}: {error}".encode()


def replay(url, caller, model, stream):
    """The answer to a question that was asked before in the other way; nothing where it was not kept."""
    ask(url, caller, f"kept/{model}", not stream)
    status, body = ask(url, caller, f"kept/{model}", stream)
    return (status, body) if connections.cache == "HIT" else None


@dataclasses.dataclass
class Outcome:
    """What became of one recording for one caller."""

    recording: roundtrip_provider.Recording
    caller: str
    stream: bool
    problems: list
    losses: list
    replayed: bool = False

    @property
    def name(self):
        kind = ("streamed" if self.stream else "whole") + (" from the cache" if self.replayed else "")
        return f"{self.recording.served_by} {self.recording.id} to {self.caller}, {kind}"


def judged(url):
    jobs = [
        (recording, caller, stream)
        for recording in roundtrip_provider.recordings()
        if recording.status == 200
        for caller in CALLERS
        # A response that is not finished is one that was asked for in the background, which no other caller can.
        if caller == recording.dialect or not is_unfinished(recording)
        # A whole answer can be told as a stream; what streamed is asked for as one.
        for stream in ([True] if recording.stream else [False, True])
    ]
    # The other way round from the cache, where it keeps the answer.
    kept = [(recording, caller, not recording.stream) for recording, caller, stream in jobs if stream == recording.stream]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda job: ask(url, *asked_of(*job)), jobs))
        replays = list(pool.map(lambda job: replay(url, *asked_of(*job)), kept))
    told = [outcome(*job, *answer) for job, answer in zip(jobs, answers)]
    replayed = [outcome(*job, *answer) for job, answer in zip(kept, replays) if answer]
    return told + [dataclasses.replace(one, replayed=True) for one in replayed]


def is_unfinished(recording):
    if recording.dialect != "openai_responses" or recording.stream:
        return False
    return json.loads(recording.body)["status"] in ("queued", "in_progress")


def asked_of(recording, caller, stream):
    return caller, f"{recording.served_by}/rec-{recording.number}", stream


@functools.cache
def original(recording):
    """What a recording says to the SDK of its own dialect."""
    told = roundtrip_types.taken(recording.dialect, recording.body, recording.stream)
    (first, *_) = roundtrip_summary.summaries(recording.dialect, told.answer, recording.stream)
    return first, told.complaints


def outcome(recording, caller, stream, status, body):
    problems, losses = [], []
    try:
        wanted, known = original(recording)
    except roundtrip_types.Failed as failed:
        if passes_for_whole(caller, status, body, stream):
            problems.append(f"taken for an answer, and is none: {failed}")
        return Outcome(recording, caller, stream, problems, losses)
    if status != 200:
        problems.append(f"{status}: {body[:300].decode(errors='replace')}")
        return Outcome(recording, caller, stream, problems, losses)
    try:
        told = roundtrip_types.taken(caller, body, stream)
        found = roundtrip_summary.summaries(caller, told.answer, stream)
    except Exception as error:  # whatever an SDK dies of is a failure here
        problems.append(f"{type(error).__name__}: {str(error)[:500]}")
        return Outcome(recording, caller, stream, problems, losses)
    # What passes through unchanged is as wrong as its provider wrote it.
    own = caller == recording.dialect
    problems += sorted(one for one in told.complaints if not (own and roundtrip_types.is_known(one, known)))
    if caller in PUBLISHED and not own:
        problems += against_published(PUBLISHED[caller], body, stream)
    for summary in found:
        # What passes through loses nothing.
        if own:
            differing, lost = roundtrip_losses.compared("", stream, wanted, summary)
        else:
            differing, lost = roundtrip_losses.compared(caller, stream, wanted, summary)
        problems += differing
        losses += lost
    return Outcome(recording, caller, stream, problems, losses)


def against_published(kind, body, stream):
    """What OpenAI's own description of its answers says against this one."""
    if not stream:
        return published.complaints(kind, json.loads(body))
    told = [published.complaints(f"{kind} event", json.loads(data)) for data in roundtrip_types.events(body.decode())]
    return sorted({one for complaints in told for one in complaints})


@dataclasses.dataclass
class Translated:
    """What became of a recorded request for a provider of another dialect."""

    recording: roundtrip_provider.Recording
    target: str
    refused: bool
    problems: list

    @property
    def name(self):
        return f"request of {self.recording.served_by} {self.recording.id} to {self.target}"


def translated(url, provider):
    jobs = roundtrip_requests.jobs()
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda job: send(url, *roundtrip_requests.asked_of(*job)), jobs))
    return [written(*job, *answer, provider) for job, answer in zip(jobs, answers)]


def written(recording, target, status, body, provider):
    asked = provider.asked.get((f"to-{target.replace('_', '-')}", recording.number))
    if asked is not None:
        return Translated(recording, target, False, roundtrip_requests.complaints(target, asked))
    # What a dialect has no words for is refused by the gateway itself, which says why.
    refused = status == 400 and len(json.loads(body)["error"]["message"]) > 0
    return Translated(recording, target, True, [] if refused else [f"{status}: {body[:200].decode()}"])


def passes_for_whole(caller, status, body, stream):
    if status != 200:
        return False
    try:
        roundtrip_types.taken(caller, body, stream)
    except roundtrip_types.Failed:
        return False
    return True


def report(outcomes, requests, beside):
    failed = [(one.name, one.problems) for one in [*outcomes, *requests] if one.problems]
    failed += [(name, problems) for name, problems in beside if problems]
    failed += [(entry, ["does not occur any more, but roundtrip_requests.py lists it"]) for entry in roundtrip_requests.unused()]
    failed += [(f"{loss.caller} {loss.field}", ["docs/api.md does not say so"]) for loss in roundtrip_losses.undocumented()]
    if not any(one.replayed for one in outcomes):
        failed.append(("replays", ["the cache gave none"]))
    for name, problems in failed:
        print("\n    ".join([f"FAIL {name}", *problems]))
    used = collections.Counter(loss for outcome in outcomes for loss in set(outcome.losses))
    unused = [loss for loss in roundtrip_losses.LOSSES if loss not in used]
    for loss in unused:
        print(f"FAIL {loss.caller} {loss.field} {loss.only or 'always'}: does not occur any more, but roundtrip_losses.py says: {loss.why}")
    tabulate("answers of", CALLERS, [((one.recording.dialect, one.caller), not one.problems) for one in outcomes])
    tabulate("requests of", list(roundtrip_requests.TARGETS), [
        ((one.recording.dialect, one.target), not one.problems) for one in requests if not one.refused
    ])
    print(f"{sum(one.refused for one in requests)} of {len(requests)} requests refused, because the target has no words for them")
    print(f"{sum(one.replayed for one in outcomes)} of them from the cache; {len(beside)} errors and other answers besides")
    passed = len(outcomes) + len(requests) + len(beside) - len(failed)
    print(f"{passed} passed, {len(failed) + len(unused)} failed")
    sys.exit(1 if failed or unused else 0)


def tabulate(title, columns, results):
    """Prints how many of the results passed, by dialects."""
    cells = collections.defaultdict(lambda: [0, 0])
    for (dialect, column), passed in results:
        for row in dialect, "all":
            cells[row, column][0] += passed
            cells[row, column][1] += 1
    print(f"{title:20}" + "".join(f"{column:>20}" for column in columns))
    for row in [*sorted({dialect for (dialect, _), _ in results}), "all"]:
        told = ["{}/{}".format(*cells[row, column]) if cells[row, column][1] else "" for column in columns]
        print(f"{row:20}" + "".join(f"{cell:>20}" for cell in told))


if __name__ == "__main__":
    main()
