"""People for the load: accounts that the admin adds, their sessions, their signed messages."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from accord import certs, messages
from accord.encoding import b64decode, b64encode, canonical
from accord.keys import SigningKey, verify_raw
from accord.messages import Envelope, parse_envelope
from accord.primitives import domain
from benchmarks.servers import Server
from benchmarks.wire import Connection

MESSAGE_BYTES: Final = 300  # header and body; signature and salt come on top
MAX_PUBLISH_MESSAGES: Final = 100


def now_ms() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Member:
    """A user with one device."""

    user: SigningKey
    client: SigningKey
    certificate: dict[str, Any]


@dataclass(frozen=True)
class Community:
    """A hub's members and the channel in which they talk."""

    server: Server
    hub: bytes
    lounge: str
    members: list[Member]

    def connect(self, index: int, *, sealed: bool = False) -> Connection:
        """A session of a member, who may have many."""
        member = self.members[index % len(self.members)]
        return Connection(self.server.port, member.client, member.certificate, self.hub, sealed=sealed)

    def listen(self, count: int, *, sealed: bool = False) -> list[Connection]:
        """Sessions of all members in turn, subscribed to the lounge."""
        connections = []
        for index in range(count):
            connection = self.connect(index, sealed=sealed)
            connection.call({"type": "subscribe", "ref": 1, "topics": [self.lounge]}, "live")
            connections.append(connection)
        return connections

    def name_of(self, index: int) -> str:
        """The account name of a member."""
        return _name(self.members[0].user, index)

    def write(self, index: int, count: int) -> list[dict[str, Any]]:
        """Signed messages of a member to the lounge, each of MESSAGE_BYTES."""
        author = self.members[index].user
        return [_message(author, self.lounge, number) for number in range(count)]


def _message(author: SigningKey, topic: str, number: int) -> dict[str, Any]:
    # A header of these fields has 255 bytes, give or take a digit.
    text = f"{number:08d}".ljust(MESSAGE_BYTES - 255 - len('{"text":""}'), ".")
    return messages.create(author, type="chat.text", to=topic, body=canonical({"text": text}), created_at=now_ms())


def _member(user: SigningKey, hub: bytes) -> Member:
    client = SigningKey.generate()
    return Member(user, client, certs.issue(user, client=client.public, servers=[hub], issued_at=now_ms()))


def _name(first: SigningKey, number: int) -> str:
    tag = b64encode(first.public[:6]).lower().replace("_", "x").replace("-", "y")
    return f"m{number}-{tag}"


def settle(server: Server, count: int) -> Community:
    """Add so many members to a new hub, by messages of its admin."""
    hub = SigningKey(_read_seed(server, "hub.key")).public
    admin = _member(SigningKey(_read_seed(server, "admin.key")), hub)
    members = [_member(SigningKey.generate(), hub) for _ in range(count)]
    connection = Connection(server.port, admin.client, admin.certificate, hub, sealed=False)
    envelopes = [
        messages.create(
            admin.user,
            type="add_user",
            to=f"hub:{b64encode(hub)}",
            body=canonical(
                {
                    "pubkey": b64encode(member.user.public),
                    "account_name": _name(members[0].user, number),
                    "kind": "real",
                }
            ),
            created_at=now_ms(),
        )
        for number, member in enumerate(members)
    ]
    for start in range(0, count, MAX_PUBLISH_MESSAGES):
        frame = {"type": "publish", "ref": start, "messages": envelopes[start : start + MAX_PUBLISH_MESSAGES]}
        results = connection.call(frame, "published")["results"]
        assert all(result["status"] == "stored" for result in results), results
    topics = connection.call({"type": "topics", "ref": 1}, "topics")["topics"]
    connection.close()
    lounge = next(topic["topic"] for topic in topics if topic["kind"] == "chan")
    return Community(server, hub, lounge, members)


def _read_seed(server: Server, name: str) -> bytes:
    return b64decode((server.home / name).read_text(encoding="utf-8").strip(), 32)


@dataclass(frozen=True)
class Verification:
    """Signatures that one thread checks in a second, and in a second of its processor time."""

    rate: float
    rate_by_cpu: float


def measure_verification(envelopes: Sequence[dict[str, Any]], seconds: float) -> Verification:
    """Check the signatures of these messages again and again for so long."""
    signed = [_signed(parse_envelope(value)) for value in envelopes]
    count = 0
    cpu_began = time.thread_time()
    began = time.perf_counter()
    while (elapsed := time.perf_counter() - began) < seconds:
        for author, data, signature in signed:
            verify_raw(author, data, signature)
        count += len(signed)
    return Verification(count / elapsed, count / (time.thread_time() - cpu_began))


def _signed(envelope: Envelope) -> tuple[bytes, bytes, bytes]:
    return envelope.author, domain("event") + envelope.header_bytes, envelope.sig
