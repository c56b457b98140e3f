"""Processes under measurement: where they run, in which scheduling class, and what they cost.

CPU time is read from the scheduler's own nanosecond account (/proc/PID/task/TID/schedstat), because a
virtual machine has no hardware counters and the tick-based figures of /proc/PID/stat are too coarse.
"""

import http.client
import json
import os
import resource
import shutil
import subprocess
import time
from pathlib import Path

HOST = "127.0.0.1"
SCHED_IDLE = 5
START_LIMIT_S = 30
STOP_LIMIT_S = 15
MIB = 1024 * 1024


class RigError(Exception):
    """The measurement cannot go on; the text says what to change."""


def real_time_permitted():
    """May this user put processes into the round-robin real-time class?"""
    return shutil.which("chrt") is not None and subprocess.run(
        ["chrt", "-r", "1", "true"], stderr=subprocess.DEVNULL
    ).returncode == 0


def become_real_time():
    """Puts this script, and what it starts, into the real-time class: start times would otherwise count how
    long the script or a half-started server waited for a core."""
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


def raise_descriptor_limit():
    """Thousands of connections need descriptors; children inherit the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Placement:
    """Turns a command into one that is pinned to a core and, if permitted, real-time."""

    def __init__(self, real_time):
        self.real_time = real_time

    def wrap(self, command, core):
        prefix = ["taskset", "-c", str(core)]
        if self.real_time:
            prefix += ["chrt", "-r", "1"]
        return prefix + [str(part) for part in command]


class Server:
    """A process that listens, with the processes it starts."""

    def __init__(self, name, command, port, log, env=None):
        self.name = name
        self.port = port
        self.log = Path(log)
        began = time.perf_counter()
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **(env or {})})
        self._await_answer()
        self.start_ms = (time.perf_counter() - began) * 1000

    def _await_answer(self):
        limit = time.perf_counter() + START_LIMIT_S
        while time.perf_counter() < limit:
            if self.process.poll() is not None:
                raise RigError(f"{self.name} ended at once:\n{self.tail()}")
            if answers(self.port):
                return
            time.sleep(0.001)
        self.stop()
        raise RigError(f"{self.name} does not answer on port {self.port}:\n{self.tail()}")

    def tail(self):
        """The last lines it wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])

    def alive(self):
        return self.process.poll() is None

    def pids(self):
        """Its process and all below it."""
        found, queue = [], [self.process.pid]
        while queue:
            pid = queue.pop()
            found.append(pid)
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                try:
                    queue += [int(child) for child in children.read_text().split()]
                except OSError:
                    continue
        return found

    def cpu_ns(self, policy=None):
        """CPU time of all its threads so far, or of those in one scheduling class."""
        total = 0
        for pid in self.pids():
            for task in Path(f"/proc/{pid}/task").glob("*"):
                try:
                    if policy is None or scheduling_policy(task) == policy:
                        total += int((task / "schedstat").read_text().split()[0])
                except OSError:
                    continue
        return total

    def memory_mib(self):
        """Resident now and at most, summed over its processes, and resident with shared pages split."""
        rss = peak = pss = 0
        for pid in self.pids():
            status = fields(f"/proc/{pid}/status")
            rss += kib(status.get("VmRSS"))
            peak += kib(status.get("VmHWM"))
            pss += kib(fields(f"/proc/{pid}/smaps_rollup").get("Pss"))
        return {"rss": rss / 1024, "rss_peak": peak / 1024, "pss": pss / 1024}

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def scheduling_policy(task):
    """The class of a thread: the 41st field of its stat line, counted past the name in brackets."""
    return int((task / "stat").read_text().rsplit(")", 1)[1].split()[38])


def fields(path):
    """`Name: value` lines of a /proc file."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def kib(value):
    return int(value.split()[0]) if value else 0


def answers(port):
    """Does an HTTP server answer there, whatever it says?"""
    try:
        ask(port, "GET", "/", timeout_s=2)
        return True
    except (OSError, http.client.HTTPException):
        return False


def ask(port, method, path, body=None, headers=None, timeout_s=30):
    """One request on a connection of its own: (status, body)."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout_s)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def mock_counts(port):
    """What the mock has been asked so far."""
    return json.loads(ask(port, "GET", "/count")[1])


def stolen_share(before, after):
    """Which share of the machine's time the hypervisor gave to others between two `cpu_times`."""
    total = sum(after) - sum(before)
    return (after[7] - before[7]) / total if total > 0 else 0.0


def cpu_times():
    """The machine's tick counters: user, nice, system, idle, iowait, irq, softirq, steal, …"""
    return [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
