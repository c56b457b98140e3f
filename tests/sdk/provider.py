"""The HTTP side of the scripted provider: what arrived is counted, what a scenario says is sent.

A model is named `case-SCENARIO@TAG`. The scenario decides the answer; the tag makes the name unique, so
that attempts can be counted per call even when calls run side by side and through a gateway that passes
on no header of the caller's. (`case` may be another word without a dash: the gateway routes by it.)
Framing is written by hand, because half of the scenarios are about framing.

A dialect is a module with `PATH` (a pattern of the whole path; its group `model`, if it has one, is the
model, else the body names it), `SCENARIOS` by name and `REFUSAL_OF_KEY`, the body for a wrong key.
"""

import dataclasses
import http.server
import json
import re
import select
import socket
import threading
import urllib.parse

KEY = "provider-key"
# Where clients put their key, besides `authorization`.
KEY_HEADERS = ["x-api-key", "x-goog-api-key", "api-key"]
MODELS = ["case-listed-a", "case-listed-b"]


@dataclasses.dataclass
class Request:
    """What a scenario may look at."""

    body: dict
    headers: dict
    path: str
    query: str
    attempt: int

    @property
    def stream(self):
        return bool(self.body.get("stream"))

    @property
    def include_usage(self):
        return bool((self.body.get("stream_options") or {}).get("include_usage"))


@dataclasses.dataclass
class Answer:
    """What to send: a body as a whole, or pieces as chunks. A number among the pieces is a pause in seconds."""

    status: int = 200
    headers: dict = dataclasses.field(default_factory=dict)
    body: bytes | None = None
    pieces: list | None = None
    pause_s: float = 0.0
    cut: bool = False


@dataclasses.dataclass
class Seen:
    """What happened to one model name."""

    attempts: int = 0
    left: bool = False
    keys: set = dataclasses.field(default_factory=set)


class Provider(http.server.ThreadingHTTPServer):
    """Speaks `dialects`."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, dialects):
        super().__init__(("127.0.0.1", 0), Handler)
        self.dialects = dialects
        self.seen = {}
        self.lock = threading.Lock()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        """Clients that leave are what this is for."""

    def note(self, model, key):
        with self.lock:
            seen = self.seen.setdefault(model, Seen())
            seen.attempts += 1
            seen.keys.add(key)
            return seen


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        path = urllib.parse.urlsplit(self.path)
        if path.path == "/seen":
            model = urllib.parse.parse_qs(path.query)["model"][0]
            with self.server.lock:
                seen = self.server.seen.get(model, Seen())
                told = {"attempts": seen.attempts, "left": seen.left, "keys": sorted(seen.keys)}
            return self.play(json_answer(told))
        models = [{"id": name, "object": "model", "created": 1, "owned_by": "mock"} for name in MODELS]
        if path.path == "/v1/models":
            return self.play(json_answer({"object": "list", "data": models}))
        name = path.path.removeprefix("/v1/models/")
        found = [model for model in models if model["id"] == name]
        refusal = {"error": {"message": "no such model", "type": "invalid_request_error", "param": None, "code": None}}
        return self.play(json_answer(found[0]) if found else json_answer(refusal, 404))

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        path = urllib.parse.urlsplit(self.path)
        fitting = [(dialect, re.fullmatch(dialect.PATH, path.path)) for dialect in self.server.dialects]
        dialect, match = next((pair for pair in fitting if pair[1]), (None, None))
        if dialect is None:
            return self.play(json_answer({"error": {"message": f"no such path: {path.path}"}}, 404))
        headers = {name.lower(): value for name, value in self.headers.items()}
        key = headers.get("authorization", "").removeprefix("Bearer ")
        key = key or next((headers[name] for name in KEY_HEADERS if name in headers), "")
        if key != KEY:
            return self.play(json_answer(dialect.REFUSAL_OF_KEY, 401))
        model = urllib.parse.unquote(match.groupdict().get("model") or body["model"])
        self.seen = self.server.note(model, key)
        scenario = dialect.SCENARIOS[model.partition("-")[2].partition("@")[0]]
        try:
            self.play(scenario(Request(body, headers, path.path, path.query, self.seen.attempts)))
        except OSError:
            self.seen.left = True
            self.close_connection = True

    def play(self, answer):
        if answer.pause_s and self.left_within(answer.pause_s):
            return
        if answer.cut and answer.body is None and answer.pieces is None:
            self.cut()
            return
        headers = {"x-request-id": "req_of_the_provider", "request-id": "req_of_the_provider", **answer.headers}
        if answer.pieces is None:
            headers.setdefault("content-length", str(len(answer.body)))
        else:
            headers["transfer-encoding"] = "chunked"
        head = [f"HTTP/1.1 {answer.status} X", *(f"{name}: {value}" for name, value in headers.items())]
        self.wfile.write("\r\n".join([*head, "", ""]).encode() + (answer.body or b""))
        for piece in answer.pieces or []:
            if isinstance(piece, (int, float)):
                if self.left_within(piece):
                    return
            else:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if answer.cut:
            self.cut()
        elif answer.pieces is not None:
            self.wfile.write(b"0\r\n\r\n")

    def left_within(self, seconds):
        """Waits; true as soon as the client has closed its connection."""
        readable, _, _ = select.select([self.connection], [], [], seconds)
        left = bool(readable)
        if left:
            self.seen.left = True
            self.close_connection = True
        return left

    def cut(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


def json_answer(value, status=200, **headers):
    """`value` as JSON; header names are written with underscores."""
    fields = {"content-type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
    return Answer(status, fields, json.dumps(value).encode())
