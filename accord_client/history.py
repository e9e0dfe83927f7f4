"""The history of a target: pages of `fetch`, with edits and deletes applied (protocol.md sections 1 and 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson

from accord.encoding import b64decode
from accord.errors import AccordError, RemoteError
from accord.messages import ID_BYTES, Message, message_uuid
from accord.topics import Topic, parse_topic
from accord_client.directory import Directory
from accord_client.errors import ClientError
from accord_client.events import Deliver
from accord_client.private import Private
from accord_client.render import TEXTS, Renderer, as_json, body_of, burning, clock_time, may_show, text_of
from accord_client.session import Client
from accord_client.terminal import clean_lines

PAGE_MESSAGES: Final = 200
MAX_SEARCH_PAGES: Final = 50
NOT_THERE: Final = frozenset({"not_found", "not_member", "denied"})


@dataclass(frozen=True, slots=True)
class Before:
    """Where a history ends: a moment (ms), or the message whose id or UUID is given."""

    at: int | None = None
    message: str | None = None

    @classmethod
    def read(cls, text: str) -> Before:
        """From ISO 8601 (local time where no zone is named), an id or a UUID; ClientError."""
        if is_message_name(text):
            return cls(message=text)
        try:
            return cls(at=int(datetime.fromisoformat(text).astimezone().timestamp() * 1000))
        except (ValueError, OverflowError, OSError):
            raise ClientError(f"{text!r} is neither a time like 2026-01-31T12:00 nor the id of a message") from None


def is_message_name(text: str) -> bool:
    """Whether a text has the form of a message's id or UUID."""
    try:
        return len(b64decode(text, ID_BYTES)) == ID_BYTES
    except RemoteError:
        return len(text) == 36 and text.count("-") == 4


def _is_called(message: Message, name: str) -> bool:
    return name == str(message_uuid(message.id)) or (len(name) != 36 and b64decode(name) == message.id)


class Column:
    """One topic's messages, newest first, page by page, in clear as far as `private` opens them; with `author` those of
    one person.
    """

    def __init__(
        self, client: Client, topic: Topic, author: bytes | None = None, *, private: Private | None = None
    ) -> None:
        self._client = client
        self._private = private
        self.topic = topic
        self._author = author
        self._before: str | None = None
        self.more = True

    async def page(self) -> list[Deliver]:
        page = await self._client.call(
            lambda connection: connection.fetch(self.topic, before=self._before, limit=PAGE_MESSAGES)
        )
        self._before = page.next
        self.more = page.more and page.next is not None
        items = [item for item in page.messages if self._author is None or item.message.author == self._author]
        if self._private is None:
            return items
        return [Deliver(item.cursor, self._private.sealed.take(item.message)) for item in items]


def columns(client: Client, topic: Topic, private: Private | None = None) -> list[Column]:
    """What to read for a topic.

    A conversation lies in two inboxes, the other one's, and in one's own what the other wrote; and once both are
    connected in their channel of two.
    """
    me = client.profile.user.public
    if topic.kind != "user" or topic.ident == me:
        return [Column(client, topic, private=private)]
    inboxes = [
        Column(client, topic, me, private=private),
        Column(client, Topic("user", me), topic.ident, private=private),
    ]
    twos = () if private is None else private.sealed.connection(topic.ident).topics
    return [*inboxes, *(Column(client, parse_topic(name), private=private) for name in twos)]


async def history(
    client: Client, topic: Topic, *, limit: int, before: Before, now: int, private: Private | None = None
) -> list[Shown]:
    """The last `limit` texts before a moment, oldest first."""
    found: list[list[Shown]] = []
    for column in columns(client, topic, private):
        try:
            found.append(await _column_history(column, limit, before, now))
        except AccordError as error:
            # A channel of two begins with its first message; and one of several places may lack the message named.
            if column.topic == topic or column.topic.kind != "chan" or error.code not in NOT_THERE:
                raise
    whole = sorted(
        (item for column in found for item in column),
        key=lambda item: (item.event.message.created_at, item.event.message.id),
    )
    return whole[-limit:]


async def _column_history(column: Column, limit: int, before: Before, now: int) -> list[Shown]:
    events: list[Deliver] = []
    ended = before.message is None
    while column.more:
        page = await column.page()
        events += page
        if not ended:
            ended = any(_is_called(item.message, before.message or "") for item in page)
        reached = before.at is None or bool(page and page[-1].message.created_at < before.at)
        if ended and reached and len(_up_to(apply_changes(events, now), before)) >= limit:
            break
    if not ended:
        raise ClientError("there is no message of that id here")
    return _up_to(apply_changes(events, now), before)[-limit:]


def _up_to(items: list[Shown], before: Before) -> list[Shown]:
    if before.at is not None:
        return [item for item in items if item.event.message.created_at < before.at]
    if before.message is not None:
        for number, item in enumerate(items):
            if _is_called(item.event.message, before.message):
                return items[:number]
        return []
    return items


async def find_message(client: Client, topic: Topic, name: str, private: Private | None = None) -> bytes:
    """The id of the message in a topic that an id or a UUID names; a whole id is believed."""
    if not is_message_name(name):
        raise ClientError(f"{name!r} is not the id of a message")
    if len(name) != 36:
        return b64decode(name, ID_BYTES)
    for column in columns(client, topic, private):
        for _ in range(MAX_SEARCH_PAGES):
            if not column.more:
                break
            for item in await column.page():
                if _is_called(item.message, name):
                    return item.message.id
    raise ClientError("there is no message of that UUID here")


@dataclass(slots=True)
class Shown:
    """A message of a history, with what came after it."""

    event: Deliver
    edited: Message | None = None
    deleted: bool = False
    pinned: bool = False
    reactions: dict[str, set[bytes]] = field(default_factory=dict)  # who reacted, by emoji

    @property
    def text(self) -> str:
        message = self.event.message
        if self.deleted:
            return "[deleted]"
        return text_of(self.edited or message, body_of(self.edited or message))

    @property
    def words(self) -> str:
        """Its words alone, without what stands for files; nothing where there are none to read."""
        body = body_of(self.edited or self.event.message) or {}
        return "" if self.deleted else str(body.get("text", ""))


IsAdmin = Callable[[Topic, bytes, int], bool]


def nobody(topic: Topic, user: bytes, at: int) -> bool:
    """Of no topic it is known who its admins are."""
    return False


def apply_changes(events: Iterable[Deliver], now: int, is_admin: IsAdmin = nobody) -> list[Shown]:
    """The texts among messages of one conversation, oldest first.

    The newest edit of each shown, deleted and pinned ones marked.
    """
    texts: dict[bytes, Shown] = {}
    ordered = sorted(events, key=lambda event: (event.message.created_at, event.message.id))
    for event in ordered:
        if may_show(event.message, now) and (event.message.type in TEXTS or event.message.encrypted):
            texts[event.message.id] = Shown(event, deleted=event.message.body is None)
    for event in ordered:
        message = event.message
        for rel, ident in message.refs:
            target = texts.get(ident)
            if target is None or not may_show(message, now):
                continue
            original = target.event.message
            if rel == "react" and message.type == "chat.react" and _may_react(message, original):
                _react(target, message)
            if original.topic != message.topic:
                continue
            if rel == "delete" and message.type == "chat.delete" and _may_delete(message, original, is_admin):
                target.deleted = True
            elif (
                rel == "pin"
                and message.type == "chat.pin"
                and is_admin(original.topic, message.author, message.created_at)
            ):
                _pin(target, message)
            elif rel == "edit" and message.type == "chat.edit" and _fits(message, original) and body_of(message):
                target.edited = message
    return list(texts.values())


def _may_react(reaction: Message, original: Message) -> bool:
    """In the same place; or, in a conversation, to what lies in the inbox of whoever reacts."""
    return reaction.topic == original.topic or (
        reaction.topic.kind == original.topic.kind == "user"
        and original.topic.ident == reaction.author
        and reaction.topic.ident == original.author
    )


def _react(target: Shown, reaction: Message) -> None:
    """The newest word of each author about each emoji counts: reactions come in their order."""
    body = body_of(reaction)
    if body is None:
        return
    authors = target.reactions.setdefault(str(body["emoji"]), set())
    if body.get("off"):
        authors.discard(reaction.author)
    else:
        authors.add(reaction.author)
    if not authors:
        del target.reactions[str(body["emoji"])]


def _pin(target: Shown, pin: Message) -> None:
    body = body_of(pin)
    if body is not None:
        target.pinned = not body.get("off")


def _fits(edit: Message, original: Message) -> bool:
    return edit.author == original.author and edit.burn_at == original.burn_at


def _may_delete(delete: Message, original: Message, is_admin: IsAdmin) -> bool:
    """By its author, or in a feed or an inbox its owner, or an admin.

    Where it is not known who is admin, admins' deletes show in the hub's having purged the body.
    """
    owner = original.topic.ident if original.topic.kind in ("feed", "user") else None
    is_entitled = delete.author in (original.author, owner) or is_admin(
        original.topic, delete.author, delete.created_at
    )
    return is_entitled and delete.created_at >= original.created_at


def history_line(item: Shown, renderer: Renderer, now: int) -> str:
    """One message of a history; without the line end."""
    message = item.event.message
    head = f"{clock_time(message.created_at, now)} {renderer.author(message)}:"
    if item.deleted:
        return f"{head} [deleted]"
    reply = renderer.reply_words(message)
    renderer.remember(message, item.text)
    edited = " (edited)" if item.edited else ""
    return f"{head} {reply}{clean_lines(item.text)}{edited}{burning(message, now)}"


def history_json(item: Shown, directory: Directory) -> bytes:
    """One message of a history for a program: as `as_json`, with `edited_text` and `deleted` where that is so."""
    value: dict[str, Any] = orjson.loads(as_json(item.event, directory))
    if item.deleted:
        value.pop("body", None)
        value["deleted"] = True
    elif item.edited is not None:
        value["edited_text"] = item.text
        value["edited_at"] = item.edited.created_at
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
