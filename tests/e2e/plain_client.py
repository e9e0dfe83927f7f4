"""A client of the Accord protocol in one file, written from protocol.md alone.

It shares no line with the hub or with accord_client, so a mistake that both sides of the library make alike shows here.
Everything below is the standard library, `cryptography` and `websockets`; test_plain_client.py checks that. Section
numbers are those of protocol.md.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import itertools
import json
import os
import time
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import websockets
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

Json = dict[str, Any]

DEADLINE_SECONDS = 60  # for anything that a hub must answer; generous, for a busy machine
MAX_FRAME_BYTES = 1024 * 1024
DAY_MS = 24 * 3600 * 1000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


# Section 0: encoding


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def canonical(value: Any) -> bytes:
    """Canonical JSON; keys are ASCII, so sorting them by code point is sorting them as RFC 8785 does."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def label(name: str) -> bytes:
    return b"accord-v1:" + name.encode() + b"\0"


def u64(number: int) -> bytes:
    return number.to_bytes(8, "big")


def lp(data: bytes) -> bytes:
    return u64(len(data)) + data


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def extract(salt: bytes, secret: bytes) -> bytes:
    return hmac.digest(salt, secret, "sha256")


def expand(prk: bytes, info: bytes, length: int = 32) -> bytes:
    return HKDFExpand(SHA256(), length, info).derive(prk)


class Key:
    """An Ed25519 key pair."""

    def __init__(self, seed: bytes | None = None) -> None:
        self.seed = os.urandom(32) if seed is None else seed
        self._private = Ed25519PrivateKey.from_private_bytes(self.seed)
        self.public = self._private.public_key().public_bytes_raw()
        self.text = b64(self.public)

    def sign(self, name: str, data: bytes) -> bytes:
        return self._private.sign(label(name) + data)


def check_signature(public: bytes, name: str, data: bytes, signature: bytes) -> None:
    """Return, or raise InvalidSignature. The strict checks of section 0.2 are for those who store messages."""
    Ed25519PublicKey.from_public_bytes(public).verify(signature, label(name) + data)


# Section 1: messages


def sign_header(author: Key, header: Json) -> str:
    return b64(author.sign("event", canonical(header)))


def header_of(author: Key, type_: str, to: str, body: bytes, salt: bytes, **fields: Any) -> Json:
    header = {
        "v": 1,
        "type": type_,
        "from": author.text,
        "to": to,
        "created_at": now_ms(),
        "body_hash": b64(sha256(label("body") + salt + body)),
        "body_size": len(body),
    }
    header.update(fields)
    return header


def message(author: Key, type_: str, to: str, body: Json | bytes, **fields: Any) -> Json:
    """A signed envelope; `fields` are further header fields as on the wire, or others than the usual ones."""
    raw = body if isinstance(body, bytes) else canonical(body)
    salt = os.urandom(16)
    header = header_of(author, type_, to, raw, salt, **fields)
    return {"header": header, "sig": sign_header(author, header), "salt": b64(salt), "body": b64(raw)}


def text(author: Key, to: str, words: str, **fields: Any) -> Json:
    return message(author, "chat.text", to, {"text": words}, **fields)


def id_of(envelope: Json) -> str:
    return b64(sha256(label("event-id") + canonical(envelope["header"])))


def ref(relation: str, target: Json) -> list[Json]:
    return [{"rel": relation, "id": id_of(target)}]


def check_message(envelope: Json) -> None:
    """Whoever reads a message checks it: signature, and that the body is the one that was signed."""
    header = envelope["header"]
    check_signature(unb64(header["from"]), "event", canonical(header), unb64(envelope["sig"]))
    if "body" in envelope:
        body, salt = unb64(envelope["body"]), unb64(envelope["salt"])
        assert sha256(label("body") + salt + body) == unb64(header["body_hash"])
        assert len(body) == header["body_size"]


# Section 2: certificates


def certificate(user: Key, client: Key, hub: bytes, **fields: Any) -> Json:
    """The user blesses a client for a hub; `fields` override what is usual."""
    value: Json = {
        "v": 1,
        "type": "cert",
        "userkey": user.text,
        "clientkey": client.text,
        "issued_at": now_ms(),
        "expiration": now_ms() + DAY_MS,
        "scope": ["login"],
        "servers": [b64(hub)],
        "serial": b64(os.urandom(16)),
    }
    value.update(fields)
    return {**value, "signature": b64(user.sign("cert", canonical(value)))}


# Section 3: the hub's document, statements, login, sealed frames


def statement(hub: Key, type_: str, **fields: Any) -> Json:
    """What a hub says under its peer key."""
    value: Json = {"v": 1, "type": type_, "hub": hub.text, "at": now_ms(), **fields}
    return {**value, "sig": b64(hub.sign("statement", canonical(value)))}


def read_hub_document(origin: str) -> Json:
    """`/.well-known/accord`, its signature checked under the key that it names."""
    if urlsplit(origin).scheme not in ("http", "https"):
        raise ValueError(f"no web address: {origin}")
    with urllib.request.urlopen(f"{origin}/.well-known/accord", timeout=DEADLINE_SECONDS) as answer:  # noqa: S310
        value: Json = json.load(answer)
    rest = {name: item for name, item in value.items() if name != "sig"}
    check_signature(unb64(value["hub"]), "statement", canonical(rest), unb64(value["sig"]))
    return value


class Refused(Exception):
    """The hub said no to a login (`login` is True) or to a frame."""

    def __init__(self, frame: Json, *, login: bool = False) -> None:
        super().__init__(f"{'login' if login else 'frame'} refused: {frame}")
        self.frame = frame
        self.code = frame["code"]
        self.login = login


class Left(Exception):
    """The connection has ended; `code` is the close code, 1006 without a close."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the hub closed the connection: {code}")
        self.code = code


class Login:
    """The client's side of the handshake, without a socket."""

    def __init__(self, client: Key, cert: Json | None, hub: bytes | None, frames: str) -> None:
        self.client, self.cert, self.hub = client, cert, hub
        self._onetime = X25519PrivateKey.generate()
        self.request: Json = {
            "v": 1,
            "type": "login_request",
            "suite": 1,
            "frames": frames,
            "onetimekey": b64(self._onetime.public_key().public_bytes_raw()),
        }
        if hub is not None:
            self.request["serverkey"] = b64(hub)

    def respond(self, challenge: Json) -> Json:
        """Check the hub's proof, give the login_response; afterwards `c2s` and `s2c` are the keys of the frames."""
        assert set(challenge) == {"v", "type", "suite", "onetimekey", "serverkey", "auth", "mac"}, challenge
        server = unb64(challenge["serverkey"])
        assert self.hub in (None, server), "another hub answers here"
        signed = {name: item for name, item in challenge.items() if name not in ("auth", "mac")}
        th1 = sha256(label("login") + lp(canonical(self.request)) + lp(canonical(signed)))
        shared = self._onetime.exchange(X25519PublicKey.from_public_bytes(unb64(challenge["onetimekey"])))
        prk = extract(th1, shared)
        auth, mac = unb64(challenge["auth"]), unb64(challenge["mac"])
        assert mac == hmac.digest(expand(prk, label("login-server-mac")), th1 + server + auth, "sha256")
        check_signature(server, "login-challenge", th1, auth)
        th2 = sha256(label("login-2") + th1 + auth + mac)
        inside = {"clientkey": self.client.text, "auth": b64(self.client.sign("login-response", th2))}
        plain = canonical(inside if self.cert is None else {**inside, "clientcert": self.cert})
        box = AESGCM(expand(prk, label("login-client"))).encrypt(bytes(12), plain, th2)
        th3 = sha256(label("login-3") + th2 + lp(box))
        self.hub = server
        self.c2s = AESGCM(expand(prk, label("login-c2s") + th3))
        self.s2c = AESGCM(expand(prk, label("login-s2c") + th3))
        return {"v": 1, "type": "login_response", "box": b64(box)}


AAD = label("frame") + b"\1"


class Connection:
    """A session at a hub.

    Answers go to whoever asked (`ask`); all else that the hub sends is kept in `frames`, in order, and waited for with
    `until`. Until `start_reading` nothing is read from the socket but the login.
    """

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self.socket = socket
        self.result: Json = {}
        self.hub = b""
        self.frames: list[Json] = []
        self.close_code: int | None = None
        self._sealed = True
        self._c2s = self._s2c = AESGCM(bytes(32))
        self._sent = self._received = 0
        self._refs = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Json]] = {}
        self._news = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None

    # Opening

    @classmethod
    async def open(cls, url: str, **options: Any) -> Connection:
        """A WebSocket to a hub, not logged in."""
        socket = await websockets.connect(
            url,
            compression=None,
            max_size=2 * MAX_FRAME_BYTES,
            open_timeout=DEADLINE_SECONDS,
            close_timeout=5,
            ping_interval=None,  # the hub pings; what does not answer is the hub's to find out
            **options,
        )
        return cls(socket)

    @classmethod
    async def login(
        cls,
        url: str,
        *,
        user: Key | None = None,
        client: Key | None = None,
        hub: bytes | None = None,
        cert: Json | None = None,
        frames: str = "sealed",
        reading: bool = True,
    ) -> Connection:
        """A session of `user` (a certificate is made where none is given), or of a guest; or Refused."""
        client = client or Key()
        if user is not None and cert is None:
            assert hub is not None, "a certificate names its hub"
            cert = certificate(user, client, hub)
        connection = await cls.open(url)
        try:
            await connection.log_in(Login(client, cert, hub, frames))
        except Exception:
            await connection.leave()
            raise
        if reading:
            connection.start_reading()
        return connection

    async def log_in(self, login: Login) -> None:
        """The handshake of section 3."""
        await self.send_raw(canonical(login.request).decode())
        challenge = await self._receive_login()
        await self.send_raw(canonical(login.respond(challenge)).decode())
        self._sealed = login.request["frames"] == "sealed"
        self._c2s, self._s2c = login.c2s, login.s2c
        assert login.hub is not None
        self.hub = login.hub
        raw = await self.receive_raw()
        if isinstance(raw, str) and self._sealed:
            raise Refused(json.loads(raw), login=True)  # login_error: the hub did not take the response
        self.result = self._open(raw)
        assert self.result["type"] in ("login_result", "login_error")
        if not self.result.get("ok"):
            raise Refused(self.result, login=True)

    async def _receive_login(self) -> Json:
        raw = await self.receive_raw()
        assert isinstance(raw, str)
        value: Json = json.loads(raw)
        assert canonical(value).decode() == raw, "login messages are canonical"
        if value["type"] == "login_error":
            raise Refused(value, login=True)
        return value

    # Frames

    def seal(self, data: bytes) -> bytes | str:
        """The next frame towards the hub."""
        if not self._sealed:
            return data.decode()
        nonce = bytes(4) + u64(self._sent)
        self._sent += 1
        return b"\1" + self._c2s.encrypt(nonce, data, AAD)

    def _open(self, raw: str | bytes) -> Json:
        if self._sealed:
            assert isinstance(raw, bytes), f"a text frame in a sealed session: {raw[:200]!r}"
            assert raw[:1] == b"\1"
            nonce = bytes(4) + u64(self._received)
            self._received += 1
            try:
                raw = self._s2c.decrypt(nonce, raw[1:], AAD)
            except InvalidTag:
                raise AssertionError("the hub's frame does not open") from None
        else:
            assert isinstance(raw, str), "a binary frame in a clear session"
        assert len(raw) <= MAX_FRAME_BYTES
        value: Json = json.loads(raw)
        return value

    async def send_raw(self, data: str | bytes) -> None:
        """Send one WebSocket message as it is; Left if the connection has ended."""
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                await self.socket.send(data)
        except websockets.ConnectionClosed:
            raise Left(self._closed()) from None

    async def receive_raw(self) -> str | bytes:
        """The next WebSocket message as it is; Left if the connection has ended."""
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                return await self.socket.recv()
        except websockets.ConnectionClosed:
            raise Left(self._closed()) from None

    def _closed(self) -> int:
        return self.socket.close_code or 1006

    async def receive(self) -> Json:
        """The next frame, where `start_reading` has not been called."""
        return self._open(await self.receive_raw())

    async def send(self, type_: str, **fields: Any) -> int:
        """Send a frame with a fresh `ref`; gives the ref."""
        number = next(self._refs)
        await self.send_raw(self.seal(json.dumps({"type": type_, "ref": number, **fields}).encode()))
        return number

    async def send_json(self, frame: Any) -> None:
        """Send a frame as it is."""
        await self.send_raw(self.seal(json.dumps(frame).encode()))

    def start_reading(self) -> None:
        """From now on frames are read as they come."""
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for raw in self.socket:
                frame = self._open(raw)
                future = self._asked.pop(frame.get("ref", 0), None)
                if future is None or future.done():
                    self.frames.append(frame)
                else:
                    if frame["type"] == "subscribed":
                        self.frames.append(frame)  # its place among the deliveries matters
                    future.set_result(frame)
                self._news.set()
        except websockets.ConnectionClosed:
            pass
        finally:
            self.close_code = self._closed()
            for future in self._asked.values():
                if not future.done():
                    future.set_exception(Left(self.close_code))
            self._news.set()

    async def begin(self, type_: str, **fields: Any) -> asyncio.Future[Json]:
        """Ask, and get the answer later."""
        number = next(self._refs)
        future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda done: done.cancelled() or done.exception())  # not every answer is waited for
        if self.close_code is not None:
            raise Left(self.close_code)
        self._asked[number] = future
        await self.send_raw(self.seal(json.dumps({"type": type_, "ref": number, **fields}).encode()))
        return future

    async def ask(self, type_: str, **fields: Any) -> Json:
        """Ask and wait for the answer; Refused if it is an error, Left if the connection ends."""
        future = await self.begin(type_, **fields)
        async with asyncio.timeout(DEADLINE_SECONDS):
            answer = await future
        if answer["type"] == "error":
            raise Refused(answer)
        return answer

    async def until(self, condition: Callable[[], Any], seconds: float = DEADLINE_SECONDS) -> Any:
        """Wait until `condition`, looked at with every frame that comes, gives something true.

        Left if the connection ends first.
        """
        async with asyncio.timeout(seconds):
            while not (found := condition()):
                if self.close_code is not None:
                    raise Left(self.close_code)
                self._news.clear()
                await self._news.wait()
        return found

    async def closed(self, seconds: float = DEADLINE_SECONDS) -> int:
        """Wait for the end of the connection; gives the close code."""
        if self._reader is None:
            with contextlib.suppress(Left):
                async with asyncio.timeout(seconds):
                    while True:
                        await self.receive_raw()
        else:
            await self.until(lambda: self.close_code is not None, seconds)
        return self._closed()

    async def leave(self) -> None:
        """Close in order."""
        await self.socket.close()
        if self._reader is not None:
            await self._reader

    def cut(self) -> None:
        """End the connection as a broken network does."""
        self.socket.transport.abort()

    async def __aenter__(self) -> Connection:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.leave()

    # What one asks for (section 4)

    async def publish(self, *envelopes: Json, **fields: Any) -> list[Json]:
        """Publish messages; gives the results."""
        results = (await self.ask("publish", messages=list(envelopes), **fields))["results"]
        assert len(results) == len(envelopes)
        return results

    async def store(self, *envelopes: Json) -> None:
        """Publish messages all of which must be stored."""
        results = await self.publish(*envelopes)
        assert [result["status"] for result in results] == ["stored"] * len(envelopes), results
        assert [result["id"] for result in results] == [id_of(envelope) for envelope in envelopes]

    async def outcome(self, envelope: Json, **fields: Any) -> str:
        """Publish one message; gives its status, or the code of its refusal."""
        (result,) = await self.publish(envelope, **fields)
        return str(result.get("code", result["status"]))

    async def subscribe(self, **fields: Any) -> Json:
        """Subscribe and wait until it is live; gives the `live` frame."""
        future = await self.begin("subscribe", **fields)
        async with asyncio.timeout(DEADLINE_SECONDS):
            answer = await future
        if answer["type"] == "error":
            raise Refused(answer)
        return await self.until(lambda: self.first("live", ref=answer["ref"]))

    async def pages(self, topic: str, *, limit: int = 500, after: str | None = None) -> list[Json]:
        """All pages of a topic, newest messages first; with `after` all later than that place, oldest first."""
        pages: list[Json] = []
        place: Json = {} if after is None else {"after": after}
        while True:
            page = await self.ask("fetch", topic=topic, limit=limit, **place)
            assert len(page["messages"]) <= limit
            pages.append(page)
            if not page["more"]:
                return pages
            assert page["messages"], "more, but nothing in the page"
            place = {"before" if after is None else "after": page["next"]}

    async def fetch(self, topic: str) -> list[Json]:
        """Every item of a topic, newest first."""
        return [item for page in await self.pages(topic) for item in page["messages"]]

    async def topics(self) -> dict[str, Json]:
        """All topics that the session may read, by name."""
        found: list[Json] = []
        after: Json = {}
        while True:
            answer = await self.ask("topics", **after)
            found += answer["topics"]
            if not answer["more"]:
                names = [row["topic"] for row in found]
                assert len(set(names)) == len(names)
                return {row["topic"]: row for row in found}
            after = {"after": found[-1]["topic"]}

    # What has come

    def first(self, type_: str, **fields: Any) -> Json | None:
        """The first frame kept that is of this type and has these fields."""
        for frame in self.frames:
            if frame["type"] == type_ and all(frame.get(name) == value for name, value in fields.items()):
                return frame
        return None

    def delivered(self) -> list[Json]:
        """The items of all `deliver` frames, in order."""
        return [item for frame in self.frames if frame["type"] == "deliver" for item in frame["messages"]]

    async def until_delivered(self, *wanted: Json, seconds: float = DEADLINE_SECONDS) -> None:
        """Wait until these messages have come."""
        idents = {id_of(envelope) for envelope in wanted}

        def all_here() -> bool:
            return idents <= {id_of(item["message"]) for item in self.delivered()}

        try:
            await self.until(all_here, seconds)
        except TimeoutError:
            raise AssertionError(f"not delivered within {seconds} s: {self.frames}") from None


# Section 8: invites


def read_link(link: str) -> tuple[str, bytes, bytes]:
    """Origin, secret and hub key of an invite link."""
    address, _, fragment = link.partition("#")
    secret, _, hub = fragment.partition(".")
    assert address.endswith("/join")
    return address.removesuffix("/join"), unb64(secret), unb64(hub)


def temporary_key(secret: bytes, place: int | None = None) -> Key:
    """The user key of the temporary account behind a link, or behind a place of a circle's."""
    which = b"" if place is None else place.to_bytes(8, "big")
    return Key(expand(extract(label("invite"), secret), label("invite-key") + which))


def claim(temp: Key, new: Key, hub: bytes, name: str | None, **fields: Any) -> Json:
    """The message by which a new key takes over a temporary account."""
    words = canonical({"hub": b64(hub), "temp": temp.text, "new": new.text})
    body: Json = {"new_pubkey": new.text, "proof": b64(new.sign("replace", words)), **fields}
    if name is not None:
        body["account_name"] = name
    return message(temp, "replace_account", f"hub:{b64(hub)}", body)


async def join(link: str, new: Key, name: str) -> str:
    """Claim an account; gives the WebSocket address of the hub, for the sessions to come."""
    origin, secret, hub = read_link(link)
    document = await asyncio.to_thread(read_hub_document, origin)
    assert unb64(document["hub"]) == hub, "the link is for another hub"
    temp = temporary_key(secret)
    async with await Connection.login(document["ws"], user=temp, hub=hub) as connection:
        await connection.store(claim(temp, new, hub, name))
        assert await connection.closed() == 4403  # the temporary key's account is gone
    return str(document["ws"])


# Section 10: proof of work


def solve(challenge: Json, ident: str) -> Json:
    """The `pow` entry of a publish for the message with this id."""
    ch = sha256(label("pow-challenge") + canonical(challenge) + unb64(ident))
    begun = hashlib.sha256(label("pow") + ch)
    limit = 1 << (256 - challenge["difficulty"])
    for counter in itertools.count():
        attempt = begun.copy()
        attempt.update(u64(counter))
        if int.from_bytes(attempt.digest(), "big") < limit:
            return {"id": ident, "challenge": challenge, "counter": counter}
    raise AssertionError("unreachable")
