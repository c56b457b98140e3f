"""The recordings of `tests/recordings`, those made after documentation among them, and a provider that gives each of them again.

A request names its recording in its model or in its path (`rec-7`) and gets what was recorded, whatever it
asks: the answer to a question that nobody asked is still an answer to be told. One that names the recording
whose request it is (`ask-7`) is kept to be looked at, and refused.
"""

import base64
import dataclasses
import functools
import http.server
import json
import pathlib
import re
import threading
import urllib.parse

KEY = "provider-key"
FOLDER = pathlib.Path(__file__).parent.parent / "recordings"
# What a provider's paths end with, by the dialect that they belong to.
ENDS = {
    "messages": "anthropic_messages", "responses": "openai_responses", "completions": "openai_chat",
    "converse": "bedrock_converse", "converse-stream": "bedrock_converse", "chat": "cohere_chat",
}
EVENT_STREAMS = ("text/event-stream", "application/vnd.amazon.eventstream")
# Streams come in two pieces, cut at this byte: inside the first event, past the middle, before the end.
CUTS = (lambda size: 7, lambda size: size // 2 + 1, lambda size: size - 3)


@dataclasses.dataclass(eq=False)
class Recording:
    number: int
    id: str
    provider: str
    dialect: str
    path: str
    request: dict | None
    status: int
    content_type: str
    body: bytes
    # Made after its provider's documentation instead of recorded.
    is_documented: bool

    @property
    def stream(self):
        return self.content_type.startswith(EVENT_STREAMS)

    @property
    def text(self):
        return self.body.decode()

    @property
    def served_by(self):
        """The gateway's name for who gave it."""
        return f"{self.provider}-{self.dialect.replace('_', '-')}"

    @property
    def model(self):
        """The model that was asked."""
        if self.request and "model" in self.request:
            return self.request["model"]
        return urllib.parse.unquote(re.search(r"/models?/([^/:]+)", self.path)[1])


@functools.cache
def recordings():
    """All recordings of chat, and what was made after documentation, in a fixed order."""
    folders = [FOLDER, FOLDER / "provider_only", FOLDER / "documented", FOLDER / "documented" / "provider_only"]
    files = [file for folder in folders for file in sorted(folder.glob("*.jsonl"))]
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    return [recording(number, line) for number, line in enumerate(lines)]


def recorded():
    """Those that a provider gave."""
    return [one for one in recordings() if not one.is_documented]


def recording(number, line):
    path = line["path"].partition("?")[0]
    end = re.split("[/:]", path)[-1]
    dialect = "gemini" if end.endswith("enerateContent") else ENDS[end]
    coded = line.get("body_base64")
    body = base64.b64decode(coded) if coded else line["body"].encode()
    kept = {name: line[name] for name in ("id", "provider", "request", "status", "content_type")}
    is_documented = line.get("documented", False)
    return Recording(number=number, dialect=dialect, path=path, body=body, is_documented=is_documented, **kept)


class Provider(http.server.ThreadingHTTPServer):
    """Gives recordings; keeps what it was asked, by whom it was taken for and their number."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = {}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        """Whoever leaves is nobody's trouble."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        verb, number = re.search(r"(rec|ask)-(\d+)", f"{self.path} {asked.get('model')}").groups()
        number = int(number)
        if verb == "ask":
            self.server.asked[self.path.split("/")[1], number] = asked
            self.wfile.write(b"HTTP/1.1 400 X\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
            return
        told = recordings()[number]
        head = f"HTTP/1.1 {told.status} X\r\ncontent-type: {told.content_type}\r\n"
        if not told.stream:
            self.wfile.write(f"{head}content-length: {len(told.body)}\r\n\r\n".encode() + told.body)
            return
        at = CUTS[number % len(CUTS)](len(told.body))
        self.wfile.write(f"{head}transfer-encoding: chunked\r\n\r\n".encode())
        for piece in (told.body[:at], told.body[at:]):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")
