#!/usr/bin/env python3
"""Ringgate beside nginx in one command: same cores, same mock, same generators, interleaved runs.

    python3 loadtest/compare.py            # about 20 minutes; publishes into docs/performance/
    python3 loadtest/compare.py --quick    # about 2 minutes; for a first look only

The method and how to read the table: loadtest/README.md.
"""

import argparse
import datetime
import json
import os
import platform
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import table
from rig import HOST, SCHED_IDLE, Placement, RigError, Server, ask, become_real_time, cpu_times, mock_counts
from rig import raise_descriptor_limit, real_time_permitted, stolen_share

ROOT = Path(__file__).resolve().parent.parent
LUA = ROOT / "loadtest" / "chat.lua"
CHAT = "/v1/chat/completions"
CONNECTIONS = (32, 100, 500)
RATES = (1000, 5000)
OPEN_CONNECTIONS = 50
STREAMS = 50
# Events of 50 streams: paced as a provider does it, and as fast as they go.
STREAM_MODELS = {"stream": "mock-events-200x5", "stream-burst": "mock-events-200x0"}
FIRST_EVENT_MODEL = "mock-events-5x1"
FIRST_EVENT_RATE = 50
GROUPS = ("ceiling", "rest", "miss", "hit", "open", "stream", "translated", "companion")
# The same request in the provider's dialect and in another one.
DIALECTS = {"same": CHAT, "translated": "/v1/messages"}
TRANSLATED_CONNECTIONS = 100
# More failed requests than this share, and a cell proves nothing.
FAILED_SHARE_MAX = 0.001
# Upstream requests may differ from answered ones by what was under way when the generator stopped.
MISS_SLACK_SHARE = 0.01

NGINX_CONFIG = """\
worker_processes 1;
pid {work}/nginx.pid;
error_log {work}/nginx-error.log warn;
worker_rlimit_nofile {descriptors};
events {{ worker_connections 8192; }}
http {{
    access_log off;
    tcp_nodelay on;
    keepalive_timeout 600s;
    keepalive_requests 1000000000;
    client_body_buffer_size 64k;
    client_max_body_size 32m;
    client_body_temp_path {work}/nginx-body;
    proxy_temp_path {work}/nginx-proxy;
    fastcgi_temp_path {work}/nginx-fastcgi;
    uwsgi_temp_path {work}/nginx-uwsgi;
    scgi_temp_path {work}/nginx-scgi;
    upstream mock {{
        server {host}:{mock_port};
        keepalive 1024;
        keepalive_requests 1000000000;
    }}
    server {{
        listen {host}:{port} backlog=4096;
        location = /return {{
            default_type application/json;
            return 200 '{answer}';
        }}
        location / {{
            # Off: cheaper for small answers, and streams are passed on at once.
            proxy_buffering off;
            proxy_pass http://mock;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""

RINGGATE_CONFIG = """\
[server]
listen = "{host}:{port}"
shards = 1
[admin]
listen = "{host}:{admin_port}"
[[keys]]
name = "load"
hash = "{key_hash}"
requests_per_minute = 100000000
[[providers]]
name = "mock"
dialect = "openai_chat"
base_url = "http://{host}:{mock_port}/v1"
api_key = "env:MOCK_API_KEY"
{semantic}[[routes]]
model = "*"
targets = ["mock"]
cache = {{ exact = true, semantic = false }}
"""

# More prompts of sixteen words a second than any core embeds.
COMPANION_FOOD_RATE = 1200
# What the embedder is fed by cell: nothing; as many requests of a model whose route has no semantic tier, because the
# prompts are requests too; prompts.
COMPANION_FOOD = {"idle": None, "fed": "plain-load", "saturated": "semantic-load"}

SEMANTIC_ROUTE = """\
[[routes]]
model = "semantic-*"
targets = ["mock"]
cache = { exact = true, semantic = true }
"""


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="short runs; not for publishing")
    parser.add_argument("--only", default="", help=f"comma-separated groups: {','.join(GROUPS)}")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds (at least 3 to publish)")
    parser.add_argument("--gateway-bin", type=Path, help="a built ringgate; skips building it")
    parser.add_argument("--gateway-cmd", help="another gateway's command line; {listen}, {upstream}, {core} are filled in")
    parser.add_argument("--gateway-name", default="ringgate", help="its name in the table")
    parser.add_argument("--gateway-hit-path", default=CHAT, help="where another gateway answers from memory")
    parser.add_argument("--tools", type=Path, help="folder of built mock_upstream and open_loop; skips building them")
    parser.add_argument("--embedding", type=Path, help="a file with the [embedding] section, for `companion`")
    parser.add_argument("--gateway-core", type=int, default=0)
    parser.add_argument("--load-core", type=int, default=1)
    parser.add_argument("--port", type=int, default=18080, help="first of five ports")
    parser.add_argument("--no-real-time", action="store_true", help="stay in the normal scheduling class")
    parser.add_argument("--machine", help="machine name of the published folder")
    parser.add_argument("--out", type=Path, help="where results go instead of docs/performance/<date>-<machine>")
    chosen = parser.parse_args()
    chosen.groups = [group for group in chosen.only.split(",") if group] or [g for g in GROUPS if g != "companion"]
    unknown = sorted(set(chosen.groups) - set(GROUPS))
    if unknown:
        parser.error(f"--only: unknown {', '.join(unknown)}; choose from {', '.join(GROUPS)}")
    chosen.closed_s, chosen.open_s, chosen.warm_s = (2, 3, 1) if chosen.quick else (10, 20, 3)
    return chosen


class Comparison:
    """One command's worth of measuring."""

    def __init__(self, chosen):
        self.chosen = chosen
        self.work = Path(tempfile.mkdtemp(prefix="ringgate-compare-"))
        self.real_time = not chosen.no_real_time and real_time_permitted()
        self.placement = Placement(self.real_time)
        self.gateway_port, self.nginx_port, self.mock_port, self.admin_port, self.apart_port = range(
            chosen.port, chosen.port + 5
        )
        self.subject = chosen.gateway_name
        self.key = "rg-none"
        self.key_hash = None
        self.cells = []
        self.commands = {}
        self.salt = random.randrange(1_000_000)

    # --- programs -----------------------------------------------------------------------------

    def prepare(self):
        missing = [tool for tool in ("nginx", "wrk", "taskset") if shutil.which(tool) is None]
        if missing:
            raise RigError(f"missing: {', '.join(missing)}; run `apt-get install -y nginx-light wrk util-linux`")
        tools = self.chosen.tools or ROOT / "target" / "release" / "examples"
        self.mock_bin, self.driver_bin = tools / "mock_upstream", tools / "open_loop"
        self.gateway_bin = self.chosen.gateway_bin or ROOT / "target" / "release" / "ringgate"
        wanted = [] if self.chosen.tools else ["--example", "mock_upstream", "--example", "open_loop"]
        if self.chosen.gateway_cmd is None and self.chosen.gateway_bin is None:
            wanted += ["--bin", "ringgate"]
        if wanted:
            subprocess.run(["cargo", "build", "--release", *wanted], cwd=ROOT, check=True)
        if self.chosen.gateway_cmd is None:
            self.new_key()

    def new_key(self):
        printed = subprocess.run(
            [self.gateway_bin, "keys", "new", "--name", "load"], capture_output=True, text=True, check=True
        )
        text = printed.stdout + printed.stderr
        secret, digest = re.search(r"rg-[A-Za-z0-9_-]+", text), re.search(r'hash\s*=\s*"(sha256:[^"]+)"', text)
        if not secret or not digest:
            raise RigError("`ringgate keys new` printed no rg-… key or no hash = \"sha256:…\" line")
        self.key, self.key_hash = secret.group(), digest.group(1)

    def start(self, name, command, core, port, env=None):
        wrapped = self.placement.wrap(command, core)
        self.commands.setdefault(name, self.plain(wrapped))
        return Server(name, wrapped, port, self.work / f"{name}.log", env)

    def start_mock(self, port, core, name="mock"):
        return self.start(name, [self.mock_bin, "--listen", f"{HOST}:{port}"], core, port)

    def start_nginx(self):
        answer = ask(self.mock_port, "POST", CHAT, body=chat_body("size"))[1].decode()
        text = NGINX_CONFIG.format(
            work=self.work, host=HOST, port=self.nginx_port, mock_port=self.mock_port, answer=answer, descriptors=20000
        )
        config = self.work / "nginx.conf"
        config.write_text(text)
        command = ["nginx", "-p", self.work, "-c", config, "-g", "daemon off;"]
        return self.start("nginx", command, self.chosen.gateway_core, self.nginx_port)

    def start_gateway(self, semantic=""):
        core = self.chosen.gateway_core
        if self.chosen.gateway_cmd is not None:
            filled = self.chosen.gateway_cmd.format(
                listen=f"{HOST}:{self.gateway_port}", upstream=f"{HOST}:{self.mock_port}", core=core
            )
            return self.start(self.subject, shlex.split(filled), core, self.gateway_port)
        config = self.work / "ringgate.toml"
        config.write_text(RINGGATE_CONFIG.format(
            host=HOST, port=self.gateway_port, admin_port=self.admin_port, mock_port=self.mock_port,
            key_hash=self.key_hash, semantic=semantic,
        ))
        command = [self.gateway_bin, "serve", "--config", config]
        return self.start(self.subject, command, core, self.gateway_port, {"MOCK_API_KEY": "sk-mock"})

    def plain(self, command):
        """A command as it may be published: without this machine's folders and without the key."""
        text = shlex.join(str(part) for part in command)
        for hidden, shown in ((str(self.work), "$WORK"), (str(ROOT) + "/", ""), (self.key, "rg-…")):
            text = text.replace(hidden, shown)
        return text

    def run(self, name, command):
        wrapped = self.placement.wrap(command, self.chosen.load_core)
        self.commands.setdefault(name, self.plain(wrapped))
        printed = subprocess.run(wrapped, capture_output=True, text=True)
        if printed.returncode != 0:
            raise RigError(f"{self.plain(wrapped)} failed:\n{printed.stdout}{printed.stderr}")
        return json.loads(printed.stdout.strip().splitlines()[-1])

    def next_salt(self):
        self.salt += 1
        return self.salt

    # --- cells --------------------------------------------------------------------------------

    def cell(self, target, name, server, port, load, judge):
        """Runs `load` and books what it cost `server`. `judge` turns the generator's report and the
        mock's count into figures and, if the cell proves nothing, the reason."""
        if server is not None and not server.alive():
            raise RigError(f"{target} died:\n{server.tail()}")
        mock_port = self.apart_port if target == "mock-apart" else self.mock_port
        before = cpu_times()
        upstream = mock_counts(mock_port)["requests"]
        cpu = server.cpu_ns() if server else 0
        began = time.perf_counter()
        report = load(port)
        elapsed = time.perf_counter() - began
        cpu = (server.cpu_ns() if server else 0) - cpu
        upstream = mock_counts(mock_port)["requests"] - upstream
        figures, refused = judge(report, cpu, upstream)
        figures["stolen_share"] = stolen_share(before, cpu_times())
        record = {
            "round": self.round, "target": target, "cell": name, "figures": figures, "refused": refused,
            "elapsed_s": elapsed, "cpu_ns": cpu, "upstream_requests": upstream, "report": report,
        }
        self.cells.append(record)
        listed = "  ".join(f"{key}={value:,.2f}" for key, value in figures.items())
        print(f"  round {self.round}  {target:11} {name:12} {listed}{'  REFUSED: ' + refused if refused else ''}", flush=True)

    def wrk(self, name, port, connections, seconds, mode, salt, path):
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", LUA, f"http://{HOST}:{port}", "--"]
        return self.run(name, command + [mode, str(salt), self.key, path])

    def closed(self, target, name, server, port, mode, connections, path=CHAT):
        salt = self.next_salt()
        if mode == "hit":
            # The salt fixes the prompt of a hit run; asked beforehand, it is in the cache.
            self.wrk("prime", port, 1, 1, mode, salt, path)

        def load(port):
            return self.wrk(f"{target} {name}", port, connections, self.chosen.closed_s, mode, salt, path)

        def judge(report, cpu, upstream):
            answered, seconds = report["requests"], report["duration_us"] / 1e6
            figures = {
                "rps": answered / seconds, "p50_us": report["p50_us"], "p99_us": report["p99_us"],
                "cpu_us": cpu / 1000 / max(answered, 1), "core_share": cpu / 1e9 / seconds,
            }
            failed = sum(report[kind] for kind in ("connect", "read", "write", "status", "timeout"))
            expected = answered if mode == "miss" else 0
            return figures, refusal(answered, failed, upstream, expected, connections)

        self.cell(target, name, server, port, load, judge)

    def driven(self, target, name, server, port, flags, judge):
        def load(port):
            command = [self.driver_bin, "--address", f"{HOST}:{port}", "--key", self.key]
            return self.run(f"{target} {name}", command + ["--salt", str(self.next_salt())] + flags)

        self.cell(target, name, server, port, load, judge)

    def open_loop(self, target, server, port, rate):
        flags = ["--mode", "miss", "--rate", str(rate), "--connections", str(OPEN_CONNECTIONS)]
        flags += ["--seconds", str(self.chosen.open_s), "--warmup-seconds", str(self.chosen.warm_s)]

        def judge(report, cpu, upstream):
            latency = report["latency_us"] or {"p50": 0.0, "p99": 0.0}
            figures = {
                "p50_us": latency["p50"], "p99_us": latency["p99"], "rps": report["rps"],
                "send_late_p99_us": report["send_late_us"]["p99"], "cpu_us": cpu / 1000 / max(upstream, 1),
            }
            sent = round(rate * (self.chosen.open_s + self.chosen.warm_s))
            return figures, refusal(report["ok"], report["failed"], upstream, sent, OPEN_CONNECTIONS)

        self.driven(target, f"open-{rate}", server, port, flags, judge)

    def streams(self, target, name, server, port):
        flags = ["--mode", "stream", "--stream-model", STREAM_MODELS[name], "--connections", str(STREAMS)]
        flags += ["--seconds", str(self.chosen.closed_s), "--warmup-seconds", "0"]

        def judge(report, cpu, upstream):
            figures = {"cpu_us": cpu / 1000 / max(report["events"], 1), "events_per_s": report["events_per_s"]}
            return figures, refusal(report["ok"], report["failed"], upstream, report["ok"], STREAMS)

        self.driven(target, name, server, port, flags, judge)

    def first_event(self, target, server, port):
        flags = ["--mode", "stream", "--stream-model", FIRST_EVENT_MODEL, "--connections", str(STREAMS)]
        flags += ["--rate", str(FIRST_EVENT_RATE), "--warmup-seconds", str(self.chosen.warm_s)]
        flags += ["--seconds", str(self.chosen.open_s)]

        def judge(report, cpu, upstream):
            first = report["first_event_us"] or {"p50": 0.0, "p99": 0.0}
            sent = round(FIRST_EVENT_RATE * (self.chosen.open_s + self.chosen.warm_s))
            figures = {"p50_us": first["p50"], "p99_us": first["p99"]}
            return figures, refusal(report["ok"], report["failed"], upstream, sent, STREAMS)

        self.driven(target, "first-event", server, port, flags, judge)

    def note(self, target, name, figures):
        self.cells.append({"round": self.round, "target": target, "cell": name, "figures": figures, "refused": None})

    # --- rounds -------------------------------------------------------------------------------

    def rounds(self):
        mock = self.start_mock(self.mock_port, self.chosen.load_core)
        try:
            for self.round in range(1, self.chosen.rounds + 1):
                self.direct(mock)
                # Turning the order round keeps a drift of the machine from favouring one side.
                order = [("nginx", self.start_nginx), (self.subject, self.start_gateway)]
                for target, start in order if self.round % 2 else reversed(order):
                    self.target(target, start)
            if "companion" in self.chosen.groups:
                self.companion()
        finally:
            mock.stop()

    def direct(self, mock):
        """The path without a gateway: what is subtracted, and the rig's own limits."""
        groups = self.chosen.groups
        if "ceiling" in groups:
            apart = self.start_mock(self.apart_port, self.chosen.gateway_core, "mock-apart")
            try:
                for connections in CONNECTIONS:
                    name = f"miss-{connections}"
                    self.closed("mock-apart", name, apart, self.apart_port, "miss", connections)
                    self.closed("direct", name, mock, self.mock_port, "miss", connections)
            finally:
                apart.stop()
        if "open" in groups:
            for rate in RATES:
                self.open_loop("direct", None, self.mock_port, rate)
        if "stream" in groups:
            self.first_event("direct", None, self.mock_port)

    def target(self, target, start):
        server = start()
        groups, port = self.chosen.groups, server.port
        try:
            self.note(target, "rest", {"start_ms": server.start_ms, **server.memory_mib()})
            self.check_answer(target, port)
            if "miss" in groups:
                for connections in CONNECTIONS:
                    self.closed(target, f"miss-{connections}", server, port, "miss", connections)
            if "hit" in groups:
                self.hits(target, server, port)
            if "open" in groups:
                for rate in RATES:
                    self.open_loop(target, server, port, rate)
            if "stream" in groups:
                for name in STREAM_MODELS:
                    self.streams(target, name, server, port)
                self.first_event(target, server, port)
            if "translated" in groups and target != "nginx":
                for name, path in DIALECTS.items():
                    self.closed(target, name, server, port, "miss", TRANSLATED_CONNECTIONS, path)
            self.note(target, "peak", server.memory_mib())
        finally:
            server.stop()

    def hits(self, target, server, port):
        path = "/return" if target == "nginx" else self.chosen.gateway_hit_path
        for connections in CONNECTIONS:
            self.closed(target, f"hit-{connections}", server, port, "hit", connections, path)

    def check_answer(self, target, port):
        """A target that does not really forward must not be measured."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        status, body = ask(port, "POST", CHAT, chat_body(f"probe{self.next_salt()}"), headers)
        if status != 200 or f"probe{self.salt}".encode() not in body:
            raise RigError(f"{target} answers {status} to a plain request: {body[:300]!r}")

    def companion(self):
        """Is a request that needs no vector hurt by an embedder that never rests?"""
        if self.chosen.gateway_cmd is not None:
            raise RigError("`companion` needs ringgate itself, not --gateway-cmd")
        embedding = self.chosen.embedding.read_text() if self.chosen.embedding else ""
        rate = RATES[0]
        for self.round in range(1, self.chosen.rounds + 1):
            # The food is the same in every round: a gateway that remembers it would embed nothing.
            server = self.start_gateway(embedding + SEMANTIC_ROUTE)
            try:
                for name in COMPANION_FOOD:
                    self.companion_cell(name, server, rate)
            finally:
                server.stop()

    def companion_cell(self, name, server, rate):
        seconds = self.chosen.open_s
        food, model = None, COMPANION_FOOD[name]
        if model:
            # Longer than the measured run on both sides, so that the embedder is busy all along. Paced: a prompt
            # that finds the queue full is answered at once, and a closed loop would turn those into a flood of
            # forwarded misses that has nothing to do with embedding.
            command = [self.driver_bin, "--address", f"{HOST}:{self.gateway_port}", "--key", self.key, "--mode", "short"]
            command += ["--model", model, "--rate", str(COMPANION_FOOD_RATE), "--connections", "128"]
            command += ["--warmup-seconds", "0"]
            command += ["--seconds", str(seconds + self.chosen.warm_s + 2), "--salt", str(self.next_salt())]
            wrapped = self.placement.wrap(command, self.chosen.load_core)
            self.commands.setdefault("companion food", self.plain(wrapped))
            food = subprocess.Popen(wrapped, stdout=subprocess.PIPE, text=True)
            time.sleep(1)
        flags = ["--mode", "miss", "--rate", str(rate), "--connections", str(OPEN_CONNECTIONS)]
        flags += ["--seconds", str(seconds), "--warmup-seconds", str(self.chosen.warm_s)]
        idle_class, began = server.cpu_ns(SCHED_IDLE), time.perf_counter()

        def judge(report, cpu, upstream):
            share = (server.cpu_ns(SCHED_IDLE) - idle_class) / 1e9 / (time.perf_counter() - began)
            fed = json.loads(food.communicate()[0].strip().splitlines()[-1]) if food else {"rps": 0.0}
            latency = report["latency_us"]
            figures = {
                "p50_us": latency["p50"], "p99_us": latency["p99"], "rate": rate, "companion_share": share,
                "embedded_rps": fed["rps"],
            }
            refused = refusal(report["ok"], report["failed"], 0, 0, 0)
            if name == "saturated" and share < 0.5:
                refused = f"the idle-class thread used only {share * 100:.0f} % of the core: not saturated"
            return figures, refused

        self.driven("companion", name, server, self.gateway_port, flags, judge)

    # --- results ------------------------------------------------------------------------------

    def publish(self, environment):
        middle, refused = table.medians(self.cells)
        table.add_deltas(middle)
        parts = [
            table.markdown(middle, self.subject, table.ranges(self.cells, self.subject)),
            table.translated(middle, self.subject),
            table.ceilings(middle),
            table.companion(middle),
        ]
        if refused:
            listed = [f"- round {cell['round']}, {cell['target']}, {cell['cell']}: {cell['refused']}" for cell in refused]
            parts.append("Cells left out because they prove nothing:\n\n" + "\n".join(listed))
        summary = "\n\n".join(part for part in parts if part)
        out = self.folder(environment)
        out.mkdir(parents=True, exist_ok=True)
        raw = {"environment": environment, "commands": self.commands, "cells": self.cells}
        (out / "raw.json").write_text(json.dumps(raw, indent=1, ensure_ascii=False) + "\n")
        (out / "README.md").write_text(report_page(environment, self.commands, summary))
        print(f"\n{summary}\n\n{environment['scheduling']}\nwritten to {shown_path(out)}")
        return bool(refused)

    def folder(self, environment):
        if self.chosen.out is not None:
            return self.chosen.out
        name = f"{environment['date'][:10]}-{environment['machine']}"
        return ROOT / ("target/compare-quick" if self.chosen.quick else "docs/performance") / name


def chat_body(nonce):
    return json.dumps({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": f"nonce={nonce} "}]})


def refusal(answered, failed, upstream, expected, slack):
    """Why a cell proves nothing, or None. A miss run must reach the mock every time, a hit run never."""
    if answered == 0:
        return "nothing was answered"
    if failed > answered * FAILED_SHARE_MAX:
        return f"{failed} of {answered + failed} requests failed"
    if abs(upstream - expected) > max(slack, expected * MISS_SLACK_SHARE):
        return f"the mock saw {upstream} requests where {expected} were due"
    return None


def environment(chosen, real_time):
    """All that a reader needs to judge or repeat the run."""
    cpu = first_match(r"model name\s*:\s*(.+)", read("/proc/cpuinfo")) or platform.machine()
    cores = os.cpu_count()
    realtime_us = read("/proc/sys/kernel/sched_rt_runtime_us").strip() or "unknown"
    scheduling = (
        f"Gateway, mock and generators ran in the round-robin real-time class (kernel limit {realtime_us} µs per s)."
        if real_time else
        "The real-time class was NOT used: other processes of the machine took part in every wait."
    )
    machine = chosen.machine or re.sub(r"[^a-z0-9]+", "-", f"{cpu} {cores}vcpu".lower()).strip("-")
    return {
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"), "machine": machine, "cpu": cpu,
        "cores": cores, "threads_per_core": first_match(r"Thread\(s\) per core:\s*(\d+)", output(["lscpu"])),
        "hypervisor": first_match(r"Hypervisor vendor:\s*(.+)", output(["lscpu"])),
        "governor": read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").strip() or "not visible",
        "kernel": platform.release(), "scheduling": scheduling, "real_time": real_time,
        "congestion_control": read("/proc/sys/net/ipv4/tcp_congestion_control").strip(),
        "load_average_before": read("/proc/loadavg").strip(),
        "commit": output(["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]),
        "nginx": output(["nginx", "-v"]), "wrk": output(["wrk", "-v"]).split(" Copyright")[0],
        "rustc": output(["rustc", "--version"]), "rounds": chosen.rounds,
        "closed_loop_s": chosen.closed_s, "open_loop_s": chosen.open_s, "quick": chosen.quick,
        "command": "python3 loadtest/compare.py " + shlex.join(sys.argv[1:]),
    }


def report_page(environment, commands, summary):
    facts = "\n".join(f"| {name} | {value} |" for name, value in environment.items())
    listed = "\n".join(f"# {name}\n{command}" for name, command in sorted(commands.items()))
    return (
        f"# Comparison of {environment['date'][:10]}\n\n"
        "How it is measured and how to read it: [loadtest/README.md](../../../loadtest/README.md). "
        "Every figure: [raw.json](raw.json).\n\n"
        f"{summary}\n\n## Environment\n\n| | |\n|---|---|\n{facts}\n\n## Commands\n\n```\n{listed}\n```\n"
    )


def shown_path(path):
    path = path.resolve()
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def read(path):
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def output(command):
    """What a command prints, wherever it prints it; empty if there is no such command."""
    try:
        printed = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return ""
    return (printed.stdout + printed.stderr).strip()


def first_match(pattern, text):
    found = re.search(pattern, text)
    return found.group(1).strip() if found else None


def main():
    chosen = options()
    raise_descriptor_limit()
    comparison = Comparison(chosen)
    try:
        comparison.prepare()
        described = environment(chosen, comparison.real_time)
        print(described["scheduling"], flush=True)
        os.sched_setaffinity(0, {chosen.load_core})
        if comparison.real_time:
            become_real_time()
        comparison.rounds()
        refused = comparison.publish(described)
    except (RigError, subprocess.CalledProcessError) as error:
        print(f"compare: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(comparison.work, ignore_errors=True)
    return 2 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
