"""A small hub in memory, on a real socket and the real login.

Enough of protocol.md sections 3, 4 and 8 to test a client. Faults: `cut_publish` closes the socket after storing and
before answering, so many times; `garble` spoils the signatures of what it delivers; `refuse` are `error` frames to
answer publish with, in turn.
"""

from __future__ import annotations

import asyncio
import http
import secrets
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from accord import login
from accord.encoding import b64decode, b64encode, parse_canonical
from accord.errors import CloseCode, RemoteError
from accord.invites import InviteLink, new_link, temporary_key, verify_proof
from accord.keys import SigningKey
from accord.messages import Message, parse_envelope, verify
from accord.statements import make_statement
from accord.topics import Topic
from accord_client.compose import Composer
from accord_client.profile import ProfileStore


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Session:
    socket: ServerConnection
    sealer: Any
    opener: Any
    user: bytes
    topics: set[str] = field(default_factory=set)
    keys: set[bytes] = field(default_factory=set)

    async def send(self, **frame: Any) -> None:
        await self.socket.send(self.sealer.seal(orjson.dumps(frame)))

    def wants(self, message: Message) -> bool:
        return (
            message.topic.name in self.topics
            or message.author in self.keys
            or not self.keys.isdisjoint(message.attention_keys)
        )


class FakeHub:
    def __init__(self) -> None:
        self.key = SigningKey.generate()
        self.store = secrets.token_bytes(16)
        self.accounts: dict[bytes, str] = {}
        self.temporary: set[bytes] = set()
        self.channels: dict[str, str] = {}
        self.log: list[tuple[int, Message, dict[str, Any]]] = []
        self.sessions: list[Session] = []
        self.frames: list[dict[str, Any]] = []
        self.logins = 0
        self.cut_publish = 0
        self.garble = False
        self.refuse: list[dict[str, Any]] = []
        self.page_size = 500
        self.port = 0
        self._moved = asyncio.Event()
        self._composers: dict[str, Composer] = {}

    # ------------------------------------------------------------------------------------------------- for the tests

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/peer"

    @asynccontextmanager
    async def running(self, port: int = 0):
        async with serve(
            self._session, "127.0.0.1", port, process_request=self._http, compression=None, close_timeout=1
        ) as server:
            self.port = server.sockets[0].getsockname()[1]
            yield self
            server.close(close_connections=True)

    def invite(self) -> InviteLink:
        link = new_link(self.url, self.key.public)
        self.temporary.add(temporary_key(link.secret).public)
        return link

    def channel(self, name: str) -> Topic:
        topic = Topic("chan", secrets.token_bytes(32))
        self.channels[topic.name] = name
        return topic

    async def add_channel(self, name: str, topic: Topic | None = None) -> Topic:
        if topic is None:
            topic = self.channel(name)
        self.channels[topic.name] = name
        for session in self.sessions:
            await session.send(type="topic_added", **self._row(topic.name, "chan", name))
        return topic

    async def say(self, store: ProfileStore, topic: Topic, text: str) -> None:
        """A text by the account of a profile, as if it had just been published."""
        profile = store.load()
        if profile.account_name not in self._composers:
            self._composers[profile.account_name] = Composer(profile.user, now_ms)
        await self._take(None, self._composers[profile.account_name].text(topic, text))

    async def cut(self, code: int = 1011) -> None:
        for session in list(self.sessions):
            await session.socket.close(code)

    def restore(self, keep: int) -> None:
        """Go back to the first messages, as after a restore: another store, cursors from the start."""
        self.log = [(number, *item[1:]) for number, item in enumerate(self.log[:keep], 1)]
        self.store = secrets.token_bytes(16)

    @property
    def texts(self) -> list[str]:
        return [orjson.loads(message.body)["text"] for _, message, _ in self.log if message.type == "chat.text"]

    # --------------------------------------------------------------------------------------------------- the hub itself

    def _http(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.path == "/ws/peer":
            return None
        if request.path != "/.well-known/accord":
            return connection.respond(http.HTTPStatus.NOT_FOUND, "")
        document = make_statement(self.key, type="hub", at=now_ms(), name="fake", ws=self.ws)
        return connection.respond(http.HTTPStatus.OK, orjson.dumps(document).decode())

    async def _session(self, socket: ServerConnection) -> None:
        self.logins += 1
        self._moved.set()
        try:
            session = await self._log_in(socket)
            if session is None:
                return
            self.sessions.append(session)
            self._moved.set()
            try:
                async for raw in socket:
                    frame = orjson.loads(session.opener.open(raw))
                    await getattr(self, f"_on_{frame['type']}")(session, frame)
                    self.frames.append(frame)  # once it is answered: a test that sees it may cut the socket
                    self._moved.set()
            finally:
                self.sessions.remove(session)
                self._moved.set()
        except ConnectionClosed:
            pass

    async def _log_in(self, socket: ServerConnection) -> Session | None:
        machine = login.ServerLogin(self.key, allow_clear=True)
        try:
            challenge = machine.receive(await socket.recv(), now_ms())
            await socket.send(challenge.data, text=True)
            proved = machine.receive(await socket.recv(), now_ms())
        except RemoteError as error:
            await socket.send(login.login_error(error.code), text=True)
            await socket.close(CloseCode.LOGIN)
            return None
        user = proved.certificate.user if proved.certificate else b""
        if proved.error or (user not in self.accounts and user not in self.temporary):
            refusal = machine.refuse(proved.error.code if proved.error else "denied")
            await socket.send(refusal.data, text=not refusal.binary)
            await socket.close(CloseCode.REVOKED)
            return None
        result, sealer, opener = machine.accept({"session": "s", "store": b64encode(self.store)})
        await socket.send(result.data, text=not result.binary)
        return Session(socket, sealer, opener, user)

    def _row(self, topic: str, kind: str, name: str) -> dict[str, Any]:
        return {"topic": topic, "kind": kind, "name": name, "encrypted": False, "count": 0, "horizon": 0, "cursor": 0,
                "role": "member"}  # fmt: skip

    async def _on_topics(self, session: Session, frame: dict[str, Any]) -> None:
        rows = [self._row(topic, "chan", name) for topic, name in self.channels.items()]
        for key, name in self.accounts.items():
            rows += [self._row(Topic(kind, key).name, kind, name) for kind in ("feed", "user")]
        rows = sorted((row for row in rows if row["topic"] > frame.get("after", "")), key=lambda row: row["topic"])
        page, more = rows[: self.page_size], len(rows) > self.page_size
        await session.send(type="topics", ref=frame["ref"], topics=page, more=more)

    async def _on_subscribe(self, session: Session, frame: dict[str, Any]) -> None:
        since, cursor = frame.get("since"), len(self.log)
        if since is not None and (frame.get("store") != b64encode(self.store) or since > cursor):
            await session.send(type="error", ref=frame["ref"], code="conflict", detail="another store")
            return
        new = Session(session.socket, session.sealer, session.opener, session.user)
        new.topics, new.keys = set(frame.get("topics", [])), {b64decode(key) for key in frame.get("keys", [])}
        session.topics |= new.topics
        session.keys |= new.keys
        await session.send(type="subscribed", ref=frame["ref"], cursor=cursor)
        backlog = [item for item in self.log if since is not None and item[0] > since and new.wants(item[1])]
        for item in backlog:
            await self._deliver(session, item)
        await session.send(type="live", ref=frame["ref"], cursor=cursor)

    async def _on_unsubscribe(self, session: Session, frame: dict[str, Any]) -> None:
        session.topics -= set(frame["topics"])
        session.keys -= {b64decode(key) for key in frame["keys"]}
        await session.send(type="unsubscribed", ref=frame["ref"])

    async def _deliver(self, session: Session, item: tuple[int, Message, dict[str, Any]]) -> None:
        cursor, _, envelope = item
        if self.garble:
            envelope = {**envelope, "sig": b64encode(bytes(64))}
        await session.send(type="deliver", messages=[{"cursor": cursor, "message": envelope}])

    async def _on_serve(self, session: Session, frame: dict[str, Any]) -> None:
        await session.send(type="error", ref=frame["ref"], code="unsupported", detail="no hub but this one")

    async def _on_publish(self, session: Session, frame: dict[str, Any]) -> None:
        if self.refuse:
            await session.send(type="error", ref=frame["ref"], **self.refuse.pop(0))
            return
        results = [await self._take(session, envelope) for envelope in frame["messages"]]
        if self.cut_publish:
            self.cut_publish -= 1
            await session.socket.close(1011)
            return
        await session.send(type="published", ref=frame["ref"], results=results)

    async def _take(self, session: Session | None, envelope: dict[str, Any]) -> dict[str, Any]:
        message = verify(parse_envelope(envelope))
        ident = b64encode(message.id)
        if any(held.id == message.id for _, held, _ in self.log):
            return {"id": ident, "status": "duplicate"}
        if message.type == "replace_account":
            body = parse_canonical(message.body, max_bytes=10_000)
            new = b64decode(body["new_pubkey"])
            verify_proof(b64decode(body["proof"]), hub=self.key.public, temp=message.author, new=new)
            if body["account_name"] in self.accounts.values():
                return {"id": ident, "status": "rejected", "code": "conflict"}
            self.temporary.remove(message.author)
            self.accounts[new] = body["account_name"]
        self.log.append((len(self.log) + 1, message, envelope))
        for other in self.sessions:
            if other.wants(message):
                await self._deliver(other, self.log[-1])
        return {"id": ident, "status": "stored"}

    async def _on_fetch(self, session: Session, frame: dict[str, Any]) -> None:
        topic, before = frame["topic"], frame.get("before")
        rows = [item for item in self.log if item[1].topic.name == topic]
        if topic.startswith("user:") and topic != Topic("user", session.user).name:
            rows = [item for item in rows if item[1].author == session.user]
        rows.sort(key=lambda item: (item[1].created_at, item[1].id), reverse=True)
        skip = int(before or 0)
        page = rows[skip : skip + min(frame["limit"], self.page_size)]
        following = skip + len(page)
        messages = [{"cursor": cursor, "message": envelope} for cursor, _, envelope in page]
        await session.send(
            type="page", ref=frame["ref"], messages=messages, next=str(following), more=following < len(rows)
        )

    async def until(self, condition) -> None:
        """Return when a condition of the hub's state holds; the test's own time limit ends a wait in vain."""
        while not condition():
            self._moved.clear()
            await self._moved.wait()
