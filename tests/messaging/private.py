"""What tests of private topics say: connections, spaces, epochs, encrypted messages, as signed envelopes."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from accord import bodies, connections, messages
from accord.encoding import b64encode, canonical
from accord.epochs import DAY_MS, window_at
from accord.hpke import BoxKey
from accord.keys import SigningKey
from accord.messages import Envelope
from accord.space_invites import invite_key, make_join_proof
from accord.spaces import SpaceView, channel_id, space_id
from accord.topics import Topic, parse_topic
from tests.factories import NOW, envelope, inbox

BOX_BYTES = 80
SECRET = bytes(range(32))


def control(author: SigningKey, to: Topic, type_: str, body: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A control message; bytes in the body become base64url."""
    value = {name: b64encode(item) if isinstance(item, bytes) else item for name, item in body.items()}
    return envelope(author, to, canonical(value), type=type_, **fields)


def connect(one: SigningKey, other: SigningKey, *, at: int = NOW) -> tuple[dict[str, Any], dict[str, Any], Topic]:
    """A request, its accept, and the topic of the two."""
    conn_id = secrets.token_bytes(16)
    asked, answered = (connections.request_body(BoxKey.generate().public, conn_id) for _ in range(2))
    request = envelope(one, inbox(other), asked, type="connection.request", created_at=at)
    accept = envelope(other, inbox(one), answered, type="connection.accept", created_at=at + 1)
    ids = (messages.parse_envelope(value).id for value in (request, accept))
    return request, accept, parse_topic(connections.connection_topic(*ids))


def sealed(
    author: SigningKey,
    to: Topic,
    *,
    epoch: int = 1,
    at: int = NOW,
    window_ms: int = DAY_MS,
    type: str = "chat.text",
    text: str = "hello",
    **fields: Any,
) -> dict[str, Any]:
    """An encrypted message under a key that nobody asks for."""
    return bodies.create_encrypted(
        author,
        type=type,
        to=to.name,
        created_at=at,
        epoch=epoch,
        win=window_at(at, window_ms),
        window_key=SECRET,
        body=canonical({"text": text}),
        **fields,
    )


@dataclass
class Space:
    """A space as its messages make it; `say` signs one more on the heads."""

    creator: SigningKey
    nonce: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    said: list[Envelope] = field(default_factory=list)
    clock: int = NOW

    @property
    def ident(self) -> bytes:
        """Its id."""
        return space_id(self.creator.public, self.nonce)

    @property
    def topic(self) -> Topic:
        """`space:I`."""
        return Topic("space", self.ident)

    @property
    def view(self) -> SpaceView:
        """What it is now."""
        return SpaceView.of(self.ident, self.said)

    def say(self, author: SigningKey, type_: str, **body: Any) -> dict[str, Any]:
        """A control message, which counts from now on; `at` and `prev` unless they are what is usual."""
        at, prev = body.pop("at", None), body.pop("prev", None)
        heads = self.view.heads if prev is None else prev
        fields = {"prev": [b64encode(ident) for ident in sorted(heads)]} if type_ != "create" else {}
        self.clock += 1
        value = control(author, self.topic, f"space.{type_}", body, created_at=at or self.clock, **fields)
        self.said.append(messages.parse_envelope(value))
        return value

    def create(self) -> dict[str, Any]:
        """Its first message."""
        return self.say(self.creator, "create", nonce=self.nonce, name="Garden")

    def channel(self, by: SigningKey | None = None, **fields: Any) -> tuple[dict[str, Any], Topic]:
        """A new channel."""
        nonce = secrets.token_bytes(16)
        author = by or self.creator
        ident = channel_id(author.public, nonce, self.ident)
        body = {"name": "general", **fields}
        return self.say(author, "channel", channel=ident, nonce=nonce, **body), Topic("chan", ident)

    def invite(self, secret: bytes, *, by: SigningKey | None = None, uses: int = 9, **fields: Any) -> dict[str, Any]:
        """An invite."""
        body = {"pubkey": invite_key(secret).public, "expires": NOW + DAY_MS, "uses": uses, "role": "member", **fields}
        return self.say(by or self.creator, "invite", **body)

    def join(self, user: SigningKey, secret: bytes, **fields: Any) -> dict[str, Any]:
        """Somebody comes by it."""
        key = invite_key(secret)
        proof = make_join_proof(key, space=self.ident, user=user.public)
        return self.say(user, "join", pubkey=key.public, proof=proof, **fields)

    def member(self, user: SigningKey, role: str, *, by: SigningKey | None = None, **fields: Any) -> dict[str, Any]:
        """Somebody gets a role, or loses it."""
        return self.say(by or self.creator, "member", user=user.public, role=role, **fields)


def epoch(
    author: SigningKey, to: Topic, number: int, *, before: bytes | None = None, at: int = NOW, window_ms: int = DAY_MS
) -> dict[str, Any]:
    """A `space.epoch` with a box that nobody opens."""
    member = {"user": b64encode(author.public), "boxkey": b64encode(SECRET), "box": b64encode(bytes(BOX_BYTES))}
    body: dict[str, Any] = {
        "epoch": number,
        "window_ms": window_ms,
        "kid": secrets.token_bytes(32),
        "members": [member],
        "reason": "create" if number == 1 else "removed",
    }
    if before is not None:
        body["prev_epoch_hash"] = before
    return control(author, to, "space.epoch", body, created_at=at)
