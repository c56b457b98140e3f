"""What docs/api.md says of headers and errors, asked for with a plain HTTP client, and docs/clients.md of
versions. The tables of the pages are the expectation: a check provokes what a row names and looks the rest up."""

import http.client
import json
import os
import pathlib
import re
import socket
import time
import urllib.parse

import foreign
import stand as stands
from stand import KEY
from stand import NARROW_KEY
from stand import SCARCE_KEY
from stand import same

FOLDER = pathlib.Path(__file__).parent
PAGE = FOLDER.parents[1] / "docs" / "api.md"
CLIENTS = FOLDER.parents[1] / "docs" / "clients.md"
TRUSTED_KEY = os.environ["GATEWAY_TRUSTED_KEY"]
PATHS = {"OpenAI": "/v1/chat/completions", "Anthropic": "/v1/messages"}
OPENAI = PATHS["OpenAI"]
ASK = [{"role": "user", "content": "Say h\u00e9llo."}]
PATIENCE_S = 20.0


def table(page, heading):
    """The rows of the table below a heading, as dictionaries from column to cell."""
    section = re.split(r"(?m)^## ", page.read_text().partition(f"# {heading}\n")[2])[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    columns, _, *rows = cells
    return [dict(zip(columns, row)) for row in rows]


def quoted(cell):
    return re.findall(r"`([^`]*)`", cell)


def told(answer):
    """Status, headers and parsed body."""
    headers = {name.lower(): value for name, value in answer.getheaders()}
    return answer.status, headers, json.loads(answer.read() or "null")


class Stand(stands.Stand):
    def __init__(self, provider, gateway):
        super().__init__(provider, gateway, "documented")
        self.address = urllib.parse.urlsplit(gateway).netloc

    def ask(self, path, model, method="POST", key=KEY, body=None, **headers):
        """Status, headers and parsed body; header names are written with underscores."""
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE_S)
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        body = body or json.dumps({"model": model, "max_tokens": 100, "messages": ASK})
        connection.request(method, path, body.encode(), {"authorization": f"Bearer {key}", **fields})
        answer = told(connection.getresponse())
        connection.close()
        return answer

    def sent(self, lines):
        """The answer to bytes of one's own, which may be no HTTP at all."""
        with socket.create_connection(self.address.split(":"), timeout=PATIENCE_S) as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            return told(answer)


# Errors, by the first cell of their row.


def spent(stand, path, model):
    """The key allows two requests per minute."""
    for _ in range(2):
        stand.ask(path, model, key=SCARCE_KEY, x_ringgate_cache_control="no-store")
    return stand.ask(path, model, key=SCARCE_KEY, x_ringgate_cache_control="no-store")


HEAD = ["host: gateway", f"authorization: Bearer {KEY}", "content-length: 0"]
LONG = "x" * 70_000
ERRORS = {
    "key missing, unknown, mistyped": lambda stand, path, tag: stand.ask(path, tag("plain"), key="rg-wrong"),
    "key may not use this model": lambda stand, path, tag: stand.ask(path, tag("plain"), key=NARROW_KEY),
    "no such model or path": lambda stand, path, tag: stand.ask(path, "nobody-has-this"),
    "wrong method": lambda stand, path, tag: stand.ask(path, tag("plain"), method="PUT"),
    "body, field or header not understood": lambda stand, path, tag: stand.ask(path, "", body="{oops"),
    "body too large": lambda stand, path, tag: stand.sent(
        [f"POST {path} HTTP/1.1", *HEAD[:2], "content-length: 9999999"]
    ),
    "the key's requests per minute are used up": lambda stand, path, tag: spent(stand, path, tag("plain")),
    "provider unreachable, or not an answer": lambda stand, path, tag: stand.ask(path, tag("nobody")),
    "a deadline passed, or `only-if-cached` found nothing": lambda stand, path, tag: stand.ask(
        path, tag("plain"), cache_control="only-if-cached"
    ),
    "unknown expectation; upgrade, `CONNECT`, `TRACE`; HTTP version": lambda stand, path, tag: stand.sent([f"POST {path} HTTP/2.0", *HEAD]),
    "compressed body": lambda stand, path, tag: stand.sent(
        [f"POST {path} HTTP/1.1", *HEAD, "content-encoding: gzip"]
    ),
    "request line / head too large": lambda stand, path, tag: stand.sent([f"POST {path}?{LONG} HTTP/1.1", *HEAD]),
}


def errors_are_as_their_table_says(stand):
    rows = {row["What"]: row for row in table(PAGE, "Errors")}
    for number, (what, provoke) in enumerate(ERRORS.items()):
        for dialect, path in PATHS.items():
            tag = lambda scenario: stand.model(scenario, f"error-{number}-{dialect}")
            status, headers, body = provoke(stand, path, tag)
            row = rows[what]
            assert str(status) in re.findall(r"\d{3}", row["Status"]), (what, dialect, status)
            named = [body["error"]["type"]]
            if dialect == "OpenAI" or row["Anthropic `type`"] == "\u2013":
                same(sorted(body["error"]), ["code", "message", "param", "type"])
                named += [body["error"]["code"]] if body["error"]["code"] else []
                wanted = quoted(row["OpenAI `type`, `code`"])
            else:
                same((body["type"], bool(body["request_id"])), ("error", True))
                wanted = quoted(row["Anthropic `type`"])
            same((what, dialect, named), (what, dialect, wanted))
            assert body["error"]["message"] and headers["x-request-id"] == headers["request-id"], (what, headers)


# Headers, by how an answer that has them is come by.


def fresh(stand):
    return stand.ask(OPENAI, stand.model("plain", "headers-fresh"))


def hit(stand):
    model = stand.model("plain", "headers-hit")
    stand.ask(OPENAI, model)
    time.sleep(0.3)
    return stand.ask(OPENAI, model)


def failover(stand):
    return stand.ask(OPENAI, stand.model("plain", "headers-failover").replace("case-", "failover-case-"))


def translated(stand):
    body = {"model": stand.model("plain", "headers").replace("case-", "cross-"), "messages": ASK, "seed": 7}
    return stand.ask(OPENAI, "", body=json.dumps(body))


def refused(stand):
    return stand.ask(OPENAI, "nobody-has-this")


def waiting(stand):
    return stand.ask(OPENAI, stand.model("error-429-stop", "headers"))


def limited(stand):
    return stand.ask(OPENAI, stand.model("plain", "headers-limited"), key=SCARCE_KEY)


def trusted(stand):
    return stand.ask(OPENAI, stand.model("plain", "headers-trusted"), key=TRUSTED_KEY)


HEADERS = {
    "x-request-id": [fresh, hit, refused], "request-id": [fresh, hit, refused], "x-ringgate-cache": [fresh, hit],
    "age": [hit], "x-ringgate-cache-age": [hit], "x-ringgate-provider": [fresh, hit], "x-ringgate-model": [fresh, hit],
    "x-ringgate-attempts": [fresh, failover], "x-ringgate-fallback": [failover], "x-ringgate-dropped": [translated],
    "x-ringgate-route": [trusted], "x-ringgate-overhead-us": [fresh, hit, refused],
    "server-timing": [fresh, hit, refused], "x-ringgate-upstream-request-id": [fresh],
    "x-ratelimit-limit-requests": [limited], "x-ratelimit-remaining-requests": [limited],
    "x-ratelimit-reset-requests": [limited], "retry-after": [waiting], "retry-after-ms": [waiting],
    "x-should-retry": [waiting], "date": [fresh, hit, refused],
}
# Those whose row is for some answers only, and an answer that has none of them.
ABSENT = {
    "age": fresh, "x-ringgate-cache-age": fresh, "x-ringgate-fallback": fresh, "x-ringgate-dropped": fresh,
    "x-ringgate-route": fresh, "x-ratelimit-limit-requests": fresh, "retry-after": fresh, "x-ringgate-cache": refused,
}


def headers_are_as_their_table_says(stand):
    text = PAGE.read_text().partition("## Response headers\n")[2].partition("\n## ")[0]
    answers = {}

    def headers(answer):
        if answer not in answers:
            answers[answer] = answer(stand)[1]
        return answers[answer]

    for name, ways in HEADERS.items():
        spelled = [name, "`-" + name.split("limit-")[-1], "`x-ringgate-upstream-"]
        assert any(spelling in text for spelling in spelled), f"{name} is not in the table"
        for way in ways:
            assert headers(way).get(name), f"no {name} when {way.__name__}: {headers(way)}"
    for name, way in ABSENT.items():
        assert name not in headers(way), f"{name} when {way.__name__}"
    # Whatever of ours an answer has besides, the table knows.
    for way, got in answers.items():
        unknown = [
            name for name in got
            if name.startswith("x-ringgate-") and name not in text and not name.startswith("x-ringgate-upstream-")
        ]
        same((way.__name__, unknown), (way.__name__, []))
    same([headers(way)["x-ringgate-cache"] for way in (fresh, hit)], ["MISS", "HIT"])
    same(headers(failover)["x-ringgate-fallback"], "unreachable")
    same(headers(translated)["x-ringgate-dropped"], "seed")


def clients_are_those_that_are_pinned(stand):
    pinned = foreign.pinned()
    for file in FOLDER.glob("requirements*.txt"):
        for package, version in re.findall(r"(?m)^([\w.-]+)==([^ ]+)", file.read_text()):
            pinned.setdefault(package, set()).add(version)
    rows = table(CLIENTS, "Clients")
    assert len(rows) > 10, rows
    for row in rows:
        package, versions = quoted(row["Client"])[0], set(row["Versions"].split(", "))
        assert versions <= pinned.get(package, set()), f"{package}: {versions} written, {pinned.get(package)} pinned"


CHECKS = [clients_are_those_that_are_pinned,errors_are_as_their_table_says, headers_are_as_their_table_says]
