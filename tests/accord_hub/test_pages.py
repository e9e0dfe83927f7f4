"""The hub's pages and its signed description, over HTTP, under both servers."""

from __future__ import annotations

import gzip
import http.client
import json
import re
import socket
from dataclasses import dataclass

import pytest

from accord.encoding import b64decode, canonical
from accord.keys import fingerprint
from accord.statements import verify_statement
from tests.hubs import HubProcess


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def ask(hub: HubProcess, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=60)
    try:
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()


CHAT_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "worker-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' blob:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "accord",
}
INLINE = re.compile(r"<script(?![^>]* src=)|<style| style=| on[a-z]+=|=.javascript:", re.IGNORECASE)


def policy_of(answer: Answer) -> dict[str, str]:
    directives = (part.strip().partition(" ") for part in answer.headers["content-security-policy"].split(";"))
    return {name: value for name, _, value in directives}


@pytest.mark.parametrize("path", ["/", "/join"])
def test_page_of_the_web_client(hub: HubProcess, path: str) -> None:
    answer = ask(hub, path)
    text = answer.body.decode()
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert policy_of(answer) == CHAT_POLICY
    assert not INLINE.search(text)
    assert fingerprint(b64decode(hub.key)) in text
    sources = re.findall(r'(?:href|src)="([^"]+)"', text)
    assert all(source.startswith("/static/") for source in sources)
    assert text.index("chat/tokens.css") < text.index("chat/app.css")
    for source in sources:
        assert ask(hub, source).status == 200, source


def test_pages_speak_the_language_that_the_browser_asks_for(hub: HubProcess) -> None:
    english = ask(hub, "/", **{"Accept-Language": "fr, en;q=0.5"})
    assert '<html lang="en" dir="ltr">' in english.body.decode()
    assert english.headers["vary"] == "Accept-Language"
    german = ask(hub, "/nowhere", **{"Accept-Language": "fr;q=0.9, de-AT;q=0.8, en;q=0.2, xx;q=y"})
    assert german.status == 404
    assert german.headers["content-language"] == "de"
    assert '<html lang="de" dir="ltr">' in german.body.decode()
    assert "Diese Seite gibt es nicht" in german.body.decode()


def test_without_script_the_page_tells_how_to_join(hub: HubProcess) -> None:
    text = re.findall(r"<noscript>(.*)</noscript>", ask(hub, "/").body.decode(), re.DOTALL)[0]
    assert "pip install ." in text
    assert "accord join &#x27;&lt;your link&gt;&#x27;" in text or "accord join '&lt;your link&gt;'" in text
    assert fingerprint(b64decode(hub.key)) in text


@pytest.mark.parametrize(("path", "host"), [("/nowhere", None), ("/", "elsewhere.example")])
def test_other_pages_forbid_script(hub: HubProcess, path: str, host: str | None) -> None:
    answer = ask(hub, path, **({"Host": host} if host else {}))
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
    assert "<script" not in answer.body.decode()


@pytest.mark.parametrize(
    ("path", "host"), [("/", None), ("/join", None), ("/nowhere", None), ("/", "elsewhere.example")]
)
def test_no_page_is_framed(hub: HubProcess, path: str, host: str | None) -> None:
    answer = ask(hub, path, **({"Host": host} if host else {}))
    assert policy_of(answer)["frame-ancestors"] == "'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "server" not in answer.headers


@pytest.mark.parametrize(("name", "kind"), [("chat/tokens.css", "text/css"), ("chat/main.js", "text/javascript")])
def test_static_files_are_kept_by_browsers(hub: HubProcess, name: str, kind: str) -> None:
    (path,) = re.findall(
        rf'<(?:link rel="stylesheet" href|script type="module" src)="(/static/[^"]+/{name})"',
        ask(hub, "/").body.decode(),
    )
    answer = ask(hub, path)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith(kind)
    assert "immutable" in answer.headers["cache-control"]
    assert "content-encoding" not in answer.headers
    packed = ask(hub, path, **{"Accept-Encoding": "gzip, deflate, br"})
    assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "Accept-Encoding")
    assert int(packed.headers["content-length"]) == len(packed.body) < len(answer.body) / 2
    assert gzip.decompress(packed.body) == answer.body
    assert ask(hub, path, **{"Accept-Encoding": "br, gzip;q=0"}).body == answer.body
    assert ask(hub, f"/static/{name}").status == 404
    assert ask(hub, "/static/..%2fmanage.py").status == 404


@pytest.mark.parametrize("host", ["elsewhere.example", "127.0.0.1.elsewhere.example", "127.0.0.2", ""])
def test_another_host_is_refused(hub: HubProcess, host: str) -> None:
    assert ask(hub, "/", Host=host).status == 400


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_own_hosts_are_taken(hub: HubProcess, host: str) -> None:
    assert ask(hub, "/", Host=f"{host}:{hub.port}").status == 200


def test_unknown_page_and_method(hub: HubProcess) -> None:
    assert ask(hub, "/nowhere").status == 404
    assert ask(hub, "/", method="POST").status == 405
    assert ask(hub, "/", method="HEAD").body == b""


def test_large_body_is_refused(hub: HubProcess) -> None:
    head = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", hub.port), timeout=60) as client:
        client.sendall(head)
        assert re.match(rb"HTTP/1\.1 4(00|13) ", client.recv(4096))
    assert ask(hub, "/").status == 200


def test_large_body_in_chunks_is_refused(hub: HubProcess) -> None:
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    with socket.create_connection(("127.0.0.1", hub.port), timeout=60) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(64):
                client.sendall(chunk)
            answer = client.recv(4096)
        except ConnectionError:
            answer = b"HTTP/1.1 400 "  # closed before all was sent, so the answer may be lost
    assert re.match(rb"HTTP/1\.1 4(00|13) ", answer)
    assert ask(hub, "/").status == 200


def test_statement_verifies(hub: HubProcess) -> None:
    answer = ask(hub, "/.well-known/accord")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["access-control-allow-origin"] == "*"
    value = json.loads(answer.body)
    assert canonical(value) == answer.body
    statement = verify_statement(value, hub=b64decode(hub.key), type="hub")
    assert statement["ws"] == hub.ws
    assert statement["name"] == "Accord Hub"
    assert statement["suites"] == [1]
    assert statement["frames"] == ["clear", "sealed"]
    assert statement["policy"] == {"strangers": "stamped", "public_feeds": False, "difficulty": 18}
    assert all(type(limit) is int for limit in statement["limits"].values())
    assert statement["limits"]["frame_bytes"] == 1024 * 1024
    assert len(b64decode(statement["store"])) == 16
    assert statement["api"] == f"{hub.url}/api/v1"
    assert ask(hub, "/api/v1/hub").status == 200


def test_the_page_for_strangers_is_the_same_for_every_name(hub: HubProcess) -> None:
    answers = [ask(hub, f"/to/{name}") for name in ("ada", "nobody.here", "x", "%20%F0%9F%9B%B6")]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert policy_of(answers[0]) == CHAT_POLICY
    assert not INLINE.search(answers[0].body.decode())
    for source in re.findall(r'(?:href|src)="([^"]+)"', answers[0].body.decode()):
        assert ask(hub, source).status == 200, source
