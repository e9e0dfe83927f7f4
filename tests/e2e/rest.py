"""The REST API as a plain client uses it: urllib, and the handshake of plain_client.py over HTTP."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.e2e.plain_client import DEADLINE_SECONDS, Json, Key, Login, certificate
from tests.e2e.world import World


@dataclass
class Answer:
    """What came back; `value` is None where there is no body."""

    status: int
    headers: dict[str, str]
    value: Any

    @property
    def code(self) -> str:
        """The code of a refusal, whose form is checked."""
        assert set(self.value) <= {"code", "detail", "retry_ms", "reason", "until"}, self.value
        assert isinstance(self.value["code"], str)
        assert isinstance(self.value["detail"], str)
        return f"{self.status} {self.value['code']}"


@dataclass
class Rest:
    """The API of a hub, for one token or none."""

    origin: str
    token: str | None = None
    result: Json = field(default_factory=dict)
    client: Key = field(default_factory=Key)

    @classmethod
    def of(cls, hub: World) -> Rest:
        """Without a token."""
        return cls(f"http://{urlsplit(hub.url).netloc}")

    @classmethod
    def login(cls, hub: World, user: Key | None, **options: Any) -> Rest:
        """With a token of a user, or of a guest."""
        rest = cls.of(hub)
        answer = rest.log_in(hub, user, **options)
        assert answer.status == 200, answer
        return rest

    def log_in(self, hub: World, user: Key | None, *, cert: Json | None = None, client: Key | None = None) -> Answer:
        """Both requests of a login; the token is kept if there is one."""
        self.client = client or self.client
        if cert is None and user is not None:
            cert = certificate(user, self.client, hub.key)
        login = Login(self.client, cert, hub.key, "clear")
        begun = self.post("login/request", login.request)
        assert begun.status == 200, begun
        answer = self.post(
            "login/response", {"handle": begun.value["handle"], "response": login.respond(begun.value["challenge"])}
        )
        if answer.status == 200:
            self.result, self.token = answer.value, answer.value["token"]
        return answer

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        """One request; a body that is not bytes is sent as JSON."""
        given = dict(headers or {})
        if self.token is not None:
            given.setdefault("Authorization", f"Bearer {self.token}")
        if body is not None:
            given.setdefault("Content-Type", "application/json")
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection = http.client.HTTPConnection(urlsplit(self.origin).netloc, timeout=DEADLINE_SECONDS)
        try:
            connection.request(method, f"/api/v1/{path}", body=body, headers=given)
            response = connection.getresponse()
            raw = response.read()
            value = None
            if raw:
                assert response.headers["content-type"] == "application/json", raw[:200]
                value = json.loads(raw)
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, value)
        finally:
            connection.close()

    def get(self, path: str, headers: dict[str, str] | None = None, **query: Any) -> Answer:
        """A GET with parameters."""
        return self.ask("GET", f"{path}?{urlencode(query)}" if query else path, headers=headers)

    def post(self, path: str, body: Any) -> Answer:
        """A POST of JSON."""
        return self.ask("POST", path, body)

    def items(self, path: str, **query: Any) -> list[Json]:
        """All items of a list, page by page."""
        found: list[Json] = []
        cursor: Json = {}
        while True:
            answer = self.get(path, **query, **cursor)
            assert answer.status == 200, answer
            found += answer.value["items"]
            if answer.value["next"] is None:
                return found
            assert answer.value["items"], "more, but nothing on the page"
            cursor = {"cursor": answer.value["next"]}
