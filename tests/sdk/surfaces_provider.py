"""A provider of everything beside chat: OpenAI's and Anthropic's other endpoints, as small as they can be.

What is uploaded is kept, so that a call may come back to it. A model whose name holds `floats` sends its
vectors as numbers whatever was asked for, one with `base64` as base64: servers of either kind exist.
"""

import base64
import email.parser
import email.policy
import hashlib
import http.server
import json
import re
import struct
import threading
import urllib.parse

KEY = "provider-key"
SOUND = bytes(range(256)) * 800
# Numbers that 32 bits hold exactly.
VECTOR = [0.5, -2.0, 0.25, 2.0**-60]


class Provider(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {}
        self.lock = threading.Lock()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        """Clients that leave are nobody's trouble."""


class Refused(Exception):
    def __init__(self, status, message, **more):
        super().__init__(message)
        self.status = status
        self.error = {"message": message, "type": "invalid_request_error", "param": None, "code": None, **more}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def handle_any(self):
        length = int(self.headers.get("content-length") or 0)
        self.body = self.rfile.read(length)
        path = urllib.parse.urlsplit(self.path)
        self.query = urllib.parse.parse_qs(path.query)
        key = self.headers.get("authorization", "").removeprefix("Bearer ") or self.headers.get("x-api-key", "")
        try:
            if key != KEY:
                raise Refused(401, "wrong key", code="invalid_api_key")
            for method, pattern, answer in ENDPOINTS:
                found = method == self.command and re.fullmatch(pattern, path.path)
                if found:
                    return answer(self, *found.groups())
            raise Refused(404, f"no such path: {path.path}")
        except Refused as refused:
            body = {"error": refused.error}
            if path.path.startswith("/v1/messages"):
                body = {"type": "error", "error": {"type": "not_found_error", "message": str(refused)}, "request_id": "r"}
            self.say(json.dumps(body).encode(), status=refused.status)

    do_GET = do_POST = do_DELETE = handle_any

    def say(self, body, status=200, kind="application/json", **fields):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("x-request-id", "req_of_the_provider")
        self.send_header("request-id", "req_of_the_provider")
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def say_json(self, value, **fields):
        self.say(json.dumps(value).encode(), **fields)

    def say_events(self, events):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in events:
            piece = event.encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    @property
    def json(self):
        return json.loads(self.body)

    def form(self):
        """Fields and files of a form, by name."""
        head = f"content-type: {self.headers['content-type']}\r\n\r\n".encode()
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + self.body)
        found = {}
        for part in message.iter_parts():
            found[part.get_param("name", header="content-disposition")] = part.get_payload(decode=True)
        return found

    # Vectors and texts.

    def embeddings(self):
        asked = self.json
        inputs = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
        wanted = asked.get("encoding_format", "float")
        form = {"floats": "float", "base64": "base64"}.get(asked["model"].partition("-")[0], wanted)
        packed = base64.b64encode(struct.pack(f"<{len(VECTOR)}f", *VECTOR)).decode()
        vector = packed if form == "base64" else VECTOR
        data = [{"object": "embedding", "index": index, "embedding": vector} for index, _ in enumerate(inputs)]
        usage = {"prompt_tokens": 3 * len(inputs), "total_tokens": 3 * len(inputs)}
        self.say_json({"object": "list", "data": data, "model": asked["model"], "usage": usage})

    def completions(self):
        asked = self.json
        if asked["model"] == "missing":
            raise Refused(404, "this model does not exist", code="model_not_found")
        base = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": asked["model"]}
        usage = {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}
        choice = lambda text, finish: {"text": text, "index": 0, "logprobs": None, "finish_reason": finish}
        if not asked.get("stream"):
            return self.say_json({**base, "choices": [choice(" upon a t\u00efme", "stop")], "usage": usage})
        chunks = [{**base, "choices": [choice(text, None)]} for text in (" upon", " a t\u00efme")]
        chunks.append({**base, "choices": [choice("", "stop")]})
        if (asked.get("stream_options") or {}).get("include_usage"):
            chunks.append({**base, "choices": [], "usage": usage})
        self.say_events([*(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks), "data: [DONE]\n\n"])

    def moderations(self):
        result = {"flagged": False, "categories": {"hate": False}, "category_scores": {"hate": 0.1}}
        self.say_json({"id": "modr-1", "model": self.json.get("model", "default"), "results": [result]})

    # Pictures and sound.

    def images(self):
        usage = {"input_tokens": 5, "output_tokens": 6, "total_tokens": 11, "input_tokens_details": {"text_tokens": 5, "image_tokens": 0}}
        self.say_json({"created": 1, "data": [{"b64_json": base64.b64encode(SOUND).decode()}], "usage": usage})

    def edit(self):
        form = self.form()
        self.say_json({"created": 1, "data": [{"b64_json": base64.b64encode(form["image"]).decode()}]})

    def speech(self):
        self.say(SOUND, kind="audio/mpeg", content_disposition="attachment")

    def transcriptions(self):
        form = self.form()
        text = hashlib.sha256(form["file"]).hexdigest()
        if form.get("stream") == b"true":
            delta = {"type": "transcript.text.delta", "delta": text}
            done = {"type": "transcript.text.done", "text": text}
            return self.say_events([f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in (delta, done)])
        if form.get("response_format") == b"text":
            return self.say(f"{text}\n".encode(), kind="text/plain; charset=utf-8")
        self.say_json({"text": text, "usage": {"type": "duration", "seconds": 3}})

    # What is kept.

    def upload(self):
        form = self.form()
        name = f"file-{hashlib.sha256(form['file']).hexdigest()[:12]}"
        with self.server.lock:
            self.server.files[name] = form["file"]
        self.say_json(self.file(name, form["purpose"].decode()))

    def file(self, name, purpose="batch"):
        if name not in self.server.files:
            raise Refused(404, f"no such file: {name}")
        size = len(self.server.files[name])
        return {"id": name, "object": "file", "bytes": size, "created_at": 1, "filename": "a", "purpose": purpose, "status": "processed"}

    def files(self):
        limit = int(self.query.get("limit", ["10"])[0])
        names = sorted(self.server.files)[:limit]
        self.say_json({"object": "list", "data": [self.file(name) for name in names], "has_more": False})

    def retrieve(self, name):
        self.say_json(self.file(name))

    def content(self, name):
        self.file(name)
        self.say(self.server.files[name], kind="application/octet-stream")

    def delete(self, name):
        self.file(name)
        self.say_json({"id": name, "object": "file", "deleted": True})

    def batch(self):
        self.say_json({**BATCH, "input_file_id": self.json["input_file_id"]})

    def batch_of(self, name):
        self.say_json({**BATCH, "id": name, "input_file_id": "file-1"})

    # Anthropic.

    def count_tokens(self):
        if self.json["model"] == "missing":
            raise Refused(404, "model: missing")
        self.say_json({"input_tokens": 7 * len(self.json["messages"])})

    def message_batch(self):
        counts = {"processing": 1, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
        self.say_json({
            "id": "msgbatch_1", "type": "message_batch", "processing_status": "in_progress", "request_counts": counts,
            "ended_at": None, "created_at": "2026-01-01T00:00:00Z", "expires_at": "2026-01-02T00:00:00Z",
            "archived_at": None, "cancel_initiated_at": None, "results_url": None,
        })


BATCH = {
    "id": "batch_12345", "object": "batch", "endpoint": "/v1/chat/completions", "completion_window": "24h",
    "status": "validating", "created_at": 1,
}
ENDPOINTS = [
    ("POST", "/v1/embeddings", Handler.embeddings),
    ("POST", "/v1/completions", Handler.completions),
    ("POST", "/v1/moderations", Handler.moderations),
    ("POST", "/v1/images/generations", Handler.images),
    ("POST", "/v1/images/edits", Handler.edit),
    ("POST", "/v1/audio/speech", Handler.speech),
    ("POST", "/v1/audio/transcriptions", Handler.transcriptions),
    ("POST", "/v1/files", Handler.upload),
    ("GET", "/v1/files", Handler.files),
    ("GET", "/v1/files/([^/]+)", Handler.retrieve),
    ("GET", "/v1/files/([^/]+)/content", Handler.content),
    ("DELETE", "/v1/files/([^/]+)", Handler.delete),
    ("POST", "/v1/batches", Handler.batch),
    ("GET", "/v1/batches/([^/]+)", Handler.batch_of),
    ("POST", "/v1/batches/([^/]+)/cancel", Handler.batch_of),
    ("POST", "/v1/messages/count_tokens", Handler.count_tokens),
    ("POST", "/v1/messages/batches", Handler.message_batch),
]
