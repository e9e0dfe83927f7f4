"""Messages of one's own (protocol.md sections 1 and 14), signed and ready to send."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final

import orjson

from accord.encoding import b64encode, canonical
from accord.invites import make_proof
from accord.keys import SigningKey
from accord.messages import MAX_BODY_BYTES, create
from accord.topics import Topic
from accord_client.errors import ClientError

MAX_AHEAD_MS: Final = 2_000


def to_field(topic: Topic, author: bytes) -> str:
    """A topic as a header's `to` says it; ClientError for the feed of another."""
    if topic.kind != "feed":
        return topic.name
    if topic.ident != author:
        raise ClientError("nobody can write to the feed of another")
    return "feed"


def text_body(**fields: Any) -> bytes:
    """The clear body of a message; ClientError if it is larger than a message may be. Half characters become `?`."""
    try:
        body = orjson.dumps(fields)
    except orjson.JSONEncodeError:
        whole = {
            name: item.encode("utf-8", "replace").decode() if isinstance(item, str) else item
            for name, item in fields.items()
        }
        body = orjson.dumps(whole)
    if len(body) > MAX_BODY_BYTES:
        raise ClientError(f"a message holds at most {MAX_BODY_BYTES // 1024} KiB")
    return body


def text_fields(mentions: Iterable[bytes] = (), reply_to: bytes | None = None) -> dict[str, Any]:
    """The header fields of a text: whom it calls, what it answers."""
    fields: dict[str, Any] = {}
    if keys := sorted(set(mentions)):
        fields["attention_keys"] = [b64encode(key) for key in keys]
    if reply_to is not None:
        fields["attention_messages"] = [b64encode(reply_to)]
    return fields


class Composer:
    """Makes one author's messages.

    Each gets a later created_at than the one before, so that they are read in the order of writing.
    """

    def __init__(self, user: SigningKey, clock: Callable[[], int]) -> None:
        self._user = user
        self._clock = clock
        self._last = 0

    async def keep_pace(self, most_ahead_ms: int = MAX_AHEAD_MS) -> None:
        """Wait until the last message made is at most so far ahead of the clock, by which others write."""
        ahead_ms = self._last - self._clock()
        if ahead_ms > most_ahead_ms:
            await asyncio.sleep((ahead_ms - most_ahead_ms) / 1000)

    def tick(self) -> int:
        """The created_at (ms) of the next message."""
        self._last = max(self._clock(), self._last + 1)
        return self._last

    def make(
        self, type: str, topic: Topic, body: bytes, *, burn_seconds: int | None = None, **fields: Any
    ) -> dict[str, Any]:
        """An envelope; `fields` are header fields as on the wire."""
        created_at = self.tick()
        if burn_seconds is not None:
            fields["burn_at"] = created_at + burn_seconds * 1000
        to = to_field(topic, self._user.public)
        return create(self._user, type=type, to=to, body=body, created_at=created_at, **fields)

    def text(
        self,
        topic: Topic,
        text: str,
        *,
        mentions: Iterable[bytes] = (),
        reply_to: bytes | None = None,
        burn_seconds: int | None = None,
    ) -> dict[str, Any]:
        """A chat.text."""
        fields = text_fields(mentions, reply_to)
        return self.make("chat.text", topic, text_body(text=text), burn_seconds=burn_seconds, **fields)

    def profile(self, display_name: str) -> dict[str, Any]:
        return self.make("profile", Topic("feed", self._user.public), text_body(display_name=display_name))


def claim(
    temporary: SigningKey, new: SigningKey, *, hub: bytes, account_name: str, code: str | None, now: int
) -> dict[str, Any]:
    """The replace_account that turns an invite's temporary account into the account of `new` (section 8)."""
    body = {
        "new_pubkey": b64encode(new.public),
        "account_name": account_name,
        "proof": b64encode(make_proof(new, hub=hub, temp=temporary.public)),
        **({"code": code} if code else {}),
    }
    return create(temporary, type="replace_account", to=Topic("hub", hub).name, body=canonical(body), created_at=now)
