#!/usr/bin/env python3
"""What a semantic hit costs beside one bare run of the model on a prompt of the same length.

    cargo build --release --bins --examples && make setup
    python3 loadtest/semantic_hit.py

One caller, one request at a time, on an otherwise idle machine: each prompt is asked once (a miss, stored) and
once more with a capital letter, which the exact cache does not know and the model reads as the same tokens. Both
times are the caller's own: request sent to answer read. The bare run is the criterion bench `embed/run`.
"""

import argparse
import itertools
import json
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rig import HOST, Placement, RigError, Server

ROOT = Path(__file__).resolve().parent.parent
RELEASE = ROOT / "target" / "release"
MARKS = 2  # tokens of a text besides its words
# Each is one token of the model.
NOUNS = ("city", "river", "book", "train", "house", "tree", "road", "stone", "glass", "paper", "ocean", "garden",
         "winter", "doctor", "teacher", "farmer", "king", "child", "market", "bridge", "island", "forest", "mountain")
START, LINK = ("which", "of", "the"), ("beside", "the")
READY_LIMIT_S = 30

CONFIG = """\
[server]
listen = "{host}:{port}"
shards = 1
[admin]
listen = "{host}:{admin}"
[[providers]]
name = "mock"
dialect = "openai_chat"
base_url = "http://{host}:{mock}/v1"
[[routes]]
model = "*"
targets = ["mock"]
cache = {{ exact = true, semantic = true }}
[embedding]
deadline_ms = 100
"""


def prompt(tokens, draw):
    """A question of exactly so many tokens, hardly ever drawn twice."""
    words = list(START)
    while len(words) < tokens - MARKS:
        words += [draw.choice(NOUNS), *LINK]
    return " ".join(words[:tokens - MARKS])


class Caller:
    """One keep-alive connection, with no more of HTTP than the measured answers need: what a client library spends on
    a request is a tenth of a hit and nobody's but its own."""

    def __init__(self, port):
        self.socket = socket.create_connection((HOST, port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, text):
        """(cache outcome, milliseconds)."""
        body = json.dumps({"model": "m", "temperature": 0, "messages": [{"role": "user", "content": text}]}).encode()
        head = (f"POST /v1/chat/completions HTTP/1.1\r\nhost: {HOST}\r\ncontent-type: application/json\r\n"
                f"content-length: {len(body)}\r\n\r\n")
        request = head.encode() + body
        began = time.perf_counter()
        self.socket.sendall(request)
        head = self.answer()
        took = (time.perf_counter() - began) * 1000
        if not head.startswith(b"HTTP/1.1 200 "):
            raise RigError(f"answered {head.splitlines()[0]}")
        outcome = re.search(rb"\r\nx-ringgate-cache: (\S+)", head)
        return outcome and outcome[1].decode(), took

    def answer(self):
        """Reads one whole answer; its head."""
        got = b""
        while True:
            head, end, body = got.partition(b"\r\n\r\n")
            if end and len(body) >= int(re.search(rb"\r\ncontent-length: (\d+)", head)[1]):
                return head
            piece = self.socket.recv(1 << 16)
            if not piece:
                raise RigError("the gateway ended the connection")
            got += piece


def measured(caller, tokens, count):
    draw = random.Random(tokens)
    times = {}
    for _ in range(count):
        text = prompt(tokens, draw)
        for asked in (text, text.capitalize(), text):
            outcome, took = caller.ask(asked)
            times.setdefault(outcome, []).append(took)
    return times


def bare_run_ms(tokens):
    """The median of the criterion bench."""
    command = ["cargo", "bench", "--bench", "embed", "--", f"embed/run/{tokens}$"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = re.search(r"time:\s+\[\S+ \S+ (\S+) (\S+) ", printed)
    if found is None:
        raise RigError(f"no time in what `{' '.join(command)}` printed:\n{printed}")
    return float(found[1]) * {"ns": 1e-6, "µs": 1e-3, "ms": 1.0}[found[2]]


def await_embedder(caller):
    """The first vectors come once the model is loaded."""
    limit = time.monotonic() + READY_LIMIT_S
    for number in itertools.count():
        caller.ask(f"which road leads to village number {number} of the valley")
        outcome, _ = caller.ask(f"Which road leads to village number {number} of the valley")
        if outcome == "SEMANTIC":
            return
        if time.monotonic() > limit:
            raise RigError("no semantic hit: is ONNX Runtime there (`make setup`)?")
        time.sleep(0.1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=150, help="prompts of each length")
    parser.add_argument("--port", type=int, default=18180, help="first of three ports")
    parser.add_argument("--core", type=int, default=0, help="the gateway's core; everything else uses the next")
    chosen = parser.parse_args()
    port, admin, mock_port = range(chosen.port, chosen.port + 3)
    place = Placement(real_time=False)
    bare = {tokens: bare_run_ms(tokens) for tokens in (16, 32)}
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "ringgate.toml"
        config.write_text(CONFIG.format(host=HOST, port=port, admin=admin, mock=mock_port))
        mock = Server("mock", place.wrap([RELEASE / "examples" / "mock_upstream", "--listen", f"{HOST}:{mock_port}"],
                                         chosen.core + 1), mock_port, Path(folder) / "mock.log")
        gateway = Server("ringgate", place.wrap([RELEASE / "ringgate", "serve", "--config", config], chosen.core),
                         port, Path(folder) / "gateway.log")
        try:
            caller = Caller(port)
            await_embedder(caller)
            print("| tokens | bare run, ms | semantic hit p50, ms | ratio | hits | exact hit p50, ms |\n|--:|--:|--:|--:|--:|--:|")
            for tokens, run_ms in bare.items():
                times = measured(caller, tokens, chosen.count)
                hits = times.get("SEMANTIC", [])
                if len(hits) < chosen.count // 2:
                    raise RigError(f"only {len(hits)} semantic hits of {chosen.count}: {({k: len(v) for k, v in times.items()})}")
                hit, exact = statistics.median(hits), statistics.median(times["HIT"])
                print(f"| {tokens} | {run_ms:.2f} | {hit:.2f} | {hit / run_ms:.2f} | {len(hits)} of {chosen.count} | {exact:.2f} |")
        finally:
            gateway.stop()
            mock.stop()


if __name__ == "__main__":
    try:
        main()
    except RigError as error:
        sys.exit(f"semantic_hit: {error}")
