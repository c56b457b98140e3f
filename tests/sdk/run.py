"""Starts the scripted provider and the gateway, runs the suites of every SDK, adds up.

    target/.venv/bin/python tests/sdk/run.py target/debug/ringgate [SUITE...]

Prints what failed, a line for each suite and, last, `N passed, N failed`. Without names all suites run.
"""

import concurrent.futures
import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

import chat_scenarios
import foreign
import genai_scenarios
import messages_scenarios
import provider
import responses_scenarios

FOLDER = pathlib.Path(__file__).parent


@dataclasses.dataclass(frozen=True)
class Suite:
    """The modules of a suite by the beginning of their names, and where its SDK is: in a folder of the
    environment, or, without one, in the environment itself."""

    subject: str
    folder: str = ""


# To add a suite, add its line.
SUITES = [
    Suite("documented"),
    Suite("chat"),
    Suite("chat", folder="openai-2"),
    Suite("chat", folder="openai-1"),
    Suite("azure"),
    Suite("azure", folder="openai-2"),
    Suite("azure", folder="openai-1"),
    Suite("messages"),
    Suite("responses"),
    Suite("responses", folder="openai-2"),
    Suite("responses", folder="openai-1"),
    Suite("crossed_chat"),
    Suite("crossed_messages"),
    Suite("node_chat", folder="node"),
    Suite("node_messages", folder="node"),
    Suite("node_responses", folder="node"),
    Suite("crossed_node_chat", folder="node"),
    Suite("crossed_node_messages", folder="node"),
    Suite("ai_openai", folder="node"),
    Suite("ai_compatible", folder="node"),
    Suite("ai_anthropic", folder="node"),
    Suite("ai_responses", folder="node"),
    Suite("langchain_openai", folder="frameworks"),
    Suite("langchain_responses", folder="frameworks"),
    Suite("langchain_anthropic", folder="frameworks"),
    Suite("crossed_langchain_openai", folder="frameworks"),
    Suite("crossed_langchain_anthropic", folder="frameworks"),
    Suite("litellm_openai", folder="frameworks"),
    Suite("litellm_anthropic", folder="frameworks"),
    Suite("agents", folder="frameworks"),
    Suite("agents_responses", folder="frameworks"),
    Suite("instructor_openai", folder="frameworks"),
    Suite("instructor_anthropic", folder="frameworks"),
    Suite("genai"),
    Suite("node_genai", folder="node"),
    Suite("crossed_genai"),
    Suite("google_chat"),
    Suite("google_messages"),
]
# To add a dialect to the provider, add its module; then its provider and routes below.
DIALECTS = [chat_scenarios, messages_scenarios, responses_scenarios, genai_scenarios]
# They mostly wait, but the machine may have two cores only.
SUITES_AT_ONCE = 6
START_PATIENCE_S = 30.0
SUITE_PATIENCE_S = 480.0
STOP_PATIENCE_S = 20.0
# Virtual keys by the variable that tells them to the suites, with what their configuration says besides.
KEYS = {
    "GATEWAY_KEY": "",
    "GATEWAY_NARROW_KEY": 'models = ["case-listed-a"]',
    "GATEWAY_SCARCE_KEY": "requests_per_minute = 2",
    "GATEWAY_TRUSTED_KEY": "trusted = true",
}

CONFIGURATION = """
[server]
listen = "127.0.0.1:0"
shards = 2
body_bytes_max = 4_194_304

{keys}

[[providers]]
name = "mock"
kind = "openai"
base_url = "{provider}/v1"
api_key = "env:PROVIDER_KEY"
models = [{models}]

[[providers]]
name = "claude-mock"
kind = "anthropic"
base_url = "{provider}"
api_key = "env:PROVIDER_KEY"

[[providers]]
name = "gemini-mock"
kind = "gemini"
base_url = "{provider}"
api_key = "env:PROVIDER_KEY"

[[providers]]
name = "responses-mock"
dialect = "openai_responses"
base_url = "{provider}/v1"
api_key = "env:PROVIDER_KEY"

[[providers]]
name = "azure-mock"
kind = "azure"
base_url = "{provider}"
api_version = "2024-10-21"
api_key = "env:PROVIDER_KEY"

# Port 1 is open nowhere.
[[providers]]
name = "nobody"
kind = "openai"
base_url = "http://127.0.0.1:1/v1"
api_key = "env:PROVIDER_KEY"

[[routes]]
model = "alias"
targets = ["mock/case-plain@alias"]

[[routes]]
model = "case-nobody*"
targets = ["nobody"]

[[routes]]
model = "failover-*"
targets = ["nobody", "mock/case-plain@failover"]

# Whoever asks for these is answered by a provider of the other dialect.
[[routes]]
model = "cross-*"
caller = "gemini"
targets = ["mock"]

[[routes]]
model = "azure-*"
targets = ["azure-mock"]

[[routes]]
model = "google-*"
targets = ["gemini-mock"]

[[routes]]
model = "cross-*"
caller = "anthropic_messages"
targets = ["mock"]

[[routes]]
model = "cross-*"
targets = ["claude-mock"]

[[routes]]
model = "case-*"
caller = "anthropic_messages"
targets = ["claude-mock"]

[[routes]]
model = "case-*"
caller = "gemini"
targets = ["gemini-mock"]

[[routes]]
model = "case-*"
caller = "openai_responses"
targets = ["responses-mock"]

[[routes]]
model = "case-*"
targets = ["mock"]
"""


def main():
    binary, *names = sys.argv[1:]
    suites = [suite for suite in SUITES if suite.subject in (names or [suite.subject])]
    unknown = set(names) - {suite.subject for suite in suites}
    if unknown:
        sys.exit(f"no suites {', '.join(unknown)} in SUITES of {__file__}\n0 passed, 1 failed")
    missing = [suite.folder for suite in suites if not (pathlib.Path(sys.prefix) / suite.folder).is_dir()]
    problem = f"no {', '.join(missing)} in {sys.prefix}: run `make sdk-venv`" if missing else foreign.problem()
    if problem:
        sys.exit(f"{problem}\n0 passed, 1 failed")
    scripted = provider.Provider(DIALECTS)
    threading.Thread(target=scripted.serve_forever, daemon=True).start()
    made = {name: made_key(binary, name) for name in KEYS}
    keys = {name: key for name, (key, _) in made.items()}
    written = "\n".join(f"{lines}\n{KEYS[name]}\n" for name, (_, lines) in made.items())
    environment = {**os.environ, **keys, "PROVIDER_KEY": provider.KEY, "PYTHONDONTWRITEBYTECODE": "1"}
    models = ", ".join(f'"{name}"' for name in provider.MODELS)
    with tempfile.TemporaryDirectory() as scratch:
        configuration = pathlib.Path(scratch) / "ringgate.toml"
        configuration.write_text(CONFIGURATION.format(provider=scripted.url, keys=written, models=models))
        log = pathlib.Path(scratch) / "log"
        gateway = subprocess.Popen([binary, "serve", "--config", configuration], env=environment, stderr=log.open("wb"))
        try:
            url = serving(gateway, log)
            passed, failed = run_suites(suites, [scripted.url, url], environment)
            problem = stopped(gateway)
            if problem:
                failed += 1
                print(f"FAIL {problem}\n{log.read_text()}")
        finally:
            gateway.kill()
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


def made_key(binary, name):
    """A virtual key and its lines of configuration."""
    told = subprocess.run([binary, "keys", "new", "--name", name], check=True, capture_output=True, text=True).stdout
    return re.search(r"rg-\w+", told)[0], told[told.index("[[keys]]") :]


def serving(gateway, log):
    """Waits until the gateway tells its address."""
    waited = threading.Event()
    for _ in range(int(START_PATIENCE_S / 0.05)):
        told = re.search(r"serving url=(\S+)", log.read_text())
        if told:
            return told[1]
        if gateway.poll() is not None:
            break
        waited.wait(0.05)
    sys.exit(f"the gateway did not start:\n{log.read_text()}\n0 passed, 1 failed")


def stopped(gateway):
    """Stops the gateway; what is wrong with how it ended, if anything is."""
    if gateway.poll() is not None:
        return f"the gateway had ended with {gateway.returncode}"
    gateway.terminate()
    try:
        code = gateway.wait(STOP_PATIENCE_S)
    except subprocess.TimeoutExpired:
        return "the gateway did not stop on SIGTERM"
    return f"the gateway stopped with {code}" if code else None


def run_suites(suites, urls, environment):
    """Runs the suites side by side; what fails is printed at once, a line for each suite at the end."""
    matrix = []
    with concurrent.futures.ThreadPoolExecutor(SUITES_AT_ONCE) as pool:
        for suite, output in zip(suites, pool.map(lambda suite: output_of(suite, urls, environment), suites)):
            told = re.search(r"(?:(.*), ([\d.]+) s:\n)?(\d+) passed, (\d+) failed\n\Z", output)
            print(output[: told.start()], end="", flush=True)
            matrix.append((told[1] or suite.subject, int(told[3]), int(told[4]), told[2] or "?"))
    for who, passed, failed, seconds in matrix:
        print(f"{who:64} {passed:5} passed {failed:4} failed {seconds:>6} s")
    return sum(passed for _, passed, _, _ in matrix), sum(failed for _, _, failed, _ in matrix)


def output_of(suite, urls, environment):
    """What a suite printed; its last line tells how many passed and failed, whatever became of it."""
    path = {"PYTHONPATH": str(pathlib.Path(sys.prefix) / suite.folder)} if suite.folder else {}
    command = [sys.executable, FOLDER / "suite.py", suite.subject, *urls]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    running = subprocess.Popen(command, env={**environment, **path}, **pipes)
    try:
        output, complaints = running.communicate(timeout=SUITE_PATIENCE_S)
    except subprocess.TimeoutExpired:
        running.kill()
        output, complaints = running.communicate()
    # Frameworks complain of what the scenarios do to them; it helps only where the suite could not.
    if re.search(r"\d+ passed, \d+ failed\n\Z", output):
        return output
    return f"{output}{complaints}FAIL {suite}: the suite did not come to its end\n0 passed, 1 failed\n"


if __name__ == "__main__":
    main()
