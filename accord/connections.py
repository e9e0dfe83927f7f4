"""Connections: a channel of two users with keys of its own (protocol.md section 7).

Both publish a fresh X25519 key, in `connection.request` and `connection.accept`; the secret is bound to both headers,
so it is another one if anything of them is. Not here: whether somebody may ask, storing keys, the messages themselves
(bodies.py).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from typing import Final, NamedTuple

from accord.encoding import b64encode, canonical
from accord.epochs import DAY_MS, epoch_kid, window_at
from accord.hpke import BoxKey
from accord.message_types import read_body
from accord.messages import Envelope
from accord.primitives import domain, expand, extract, labelled_hash, lp

CONN_ID_BYTES: Final = 16
WINDOW_MS: Final = DAY_MS
EPOCH: Final = 1


class FirstEpoch(NamedTuple):
    """The only epoch of a connection: its secret, what names it, its first window."""

    secret: bytes
    kid: bytes
    w0: int


def new_conn_id() -> bytes:
    """A fresh id of a request."""
    return secrets.token_bytes(CONN_ID_BYTES)


def request_body(conn_pub: bytes, conn_id: bytes) -> bytes:
    """The body of `connection.request`, and of `connection.accept` with the request's `conn_id`."""
    return canonical({"conn_pub": b64encode(conn_pub), "conn_id": b64encode(conn_id)})


accept_body = request_body


def decline_body(conn_id: bytes) -> bytes:
    """The body of `connection.decline`."""
    return canonical({"conn_id": b64encode(conn_id)})


def fits(request: Envelope, answer: Envelope) -> bool:
    """Whether an accept or a decline answers this request: from its addressee, to its author, with its conn_id."""
    return (
        request.type == "connection.request"
        and answer.type in ("connection.accept", "connection.decline")
        and request.topic.kind == answer.topic.kind == "user"
        and (answer.author, answer.topic.ident) == (request.topic.ident, request.author)
        and answer.author != request.author
        and request.body is not None
        and answer.body is not None
        and bool(read_body(answer)["conn_id"] == read_body(request)["conn_id"])
    )


def first_accept(request: Envelope, answers: Iterable[Envelope]) -> Envelope | None:
    """The accept that counts: of those that fit the smallest by (created_at, id)."""
    accepts = (answer for answer in answers if answer.type == "connection.accept" and fits(request, answer))
    return min(accepts, key=lambda accept: (accept.created_at, accept.id), default=None)


def connection_topic(request_id: bytes, accept_id: bytes) -> str:
    """The topic of the channel of two."""
    return f"chan:{b64encode(labelled_hash('connection', request_id + accept_id))}"


def connection_key(own: BoxKey, other_pub: bytes, request: Envelope, accept: Envelope) -> bytes:
    """The 32-byte secret of a connection, the same for both; RemoteError("bad_request") where a key gives none."""
    salt = hashlib.sha256(domain("conn") + lp(request.header_bytes) + lp(accept.header_bytes)).digest()
    return extract(salt, own.agree(other_pub))


def connection_epoch(key: bytes, accepted_at: int) -> FirstEpoch:
    """The epoch of a connection; `accepted_at` is the accept's created_at, ms."""
    secret = expand(key, "conn-epoch")
    return FirstEpoch(secret, epoch_kid(secret), window_at(accepted_at, WINDOW_MS))
