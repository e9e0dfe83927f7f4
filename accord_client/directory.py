"""Who is who and what is where, from the hub's answer to `topics`: names to keys, targets to topics, topics to labels.

The account name is what identifies; names of other programs' choosing (display names) lead nowhere here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from accord.encoding import b64decode, b64encode
from accord.errors import RemoteError
from accord.messages import MAX_ATTENTION_KEYS
from accord.names import normalize_name
from accord.topics import Topic, parse_topic
from accord_client.errors import ClientError

LOUNGE: Final = "lounge"
SHORT_KEY_CHARS: Final = 8

_MENTION = re.compile(r"(?<![\w@/.-])@([A-Za-z0-9_.-]{3,32})")
_NAMED_KINDS: Final = frozenset({"feed", "user"})


@dataclass(frozen=True, slots=True)
class TopicRow:
    """One topic that the session may read, as far as a client needs it."""

    topic: Topic
    name: str | None
    encrypted: bool
    cursor: int

    @classmethod
    def read(cls, value: dict[str, Any]) -> TopicRow:
        name, cursor = value.get("name"), value.get("cursor")
        return cls(
            parse_topic(str(value.get("topic"))),
            name if isinstance(name, str) and name else None,
            value.get("encrypted") is True,
            cursor if type(cursor) is int else 0,
        )


class Directory:
    """The rows of `topics`, kept up to date by topic_added and topic_gone; `me` is the own user key (raw)."""

    def __init__(self, me: bytes, names: dict[bytes, str] | None = None) -> None:
        self.me = me
        self.rows: dict[str, TopicRow] = {}
        self._extra_names = dict(names or {})
        self._names: dict[bytes, str] = dict(self._extra_names)
        self._keys: dict[str, bytes] = {}

    def replace(self, rows: Iterable[dict[str, Any]]) -> None:
        """Take a whole answer to `topics` in place of what was known."""
        self.rows.clear()
        self._names = dict(self._extra_names)
        self._keys.clear()
        for row in rows:
            self.put(row)

    def put(self, value: dict[str, Any]) -> None:
        """Take one row; what has no known form is passed over."""
        try:
            row = TopicRow.read(value)
        except RemoteError:
            return
        self.rows[row.topic.name] = row
        if row.name is not None and row.topic.kind in _NAMED_KINDS:
            self._names[row.topic.ident] = row.name
            self._keys[row.name] = row.topic.ident

    def remove(self, topic: str) -> None:
        self.rows.pop(topic, None)  # who was known stays known: old messages still need the name

    # ---------------------------------------------------------------------------------------------------------- people

    def name_of(self, key: bytes) -> str:
        """The account name of a key, else its first letters: no name can look like them."""
        return self._names.get(key) or b64encode(key)[:SHORT_KEY_CHARS] + "..."

    def find_name(self, key: bytes) -> str | None:
        return self._names.get(key)

    def find_key(self, name: str) -> bytes | None:
        """The key behind an account name however it was typed."""
        try:
            return self._keys.get(normalize_name(name))
        except RemoteError:
            return None

    def person(self, text: str) -> bytes:
        """The user that `name`, `@name` or a key in base64url means; ClientError if nobody."""
        key = parse_key(text)
        if key is None:
            key = self.find_key(text.removeprefix("@"))
        if key is None:
            raise ClientError(f"nobody here is called {text.removeprefix('@')!r}")
        return key

    def mentions(self, text: str) -> list[bytes]:
        """The users whom a text calls by @name, in the order of a header; unknown names are only words."""
        found = set()
        for match in _MENTION.finditer(text):
            for name in (match[1], match[1].rstrip(".-")):  # a sentence may end behind the name
                if (key := self.find_key(name)) is not None:
                    found.add(key)
                    break
        return sorted(found)[:MAX_ATTENTION_KEYS]

    # ---------------------------------------------------------------------------------------------------------- topics

    def channels(self) -> list[TopicRow]:
        return sorted(
            (row for row in self.rows.values() if row.topic.kind == "chan"), key=lambda row: (row.cursor, row.topic)
        )

    def lounge(self) -> Topic:
        """The channel called lounge, else the first open one; ClientError without any."""
        channels = [row for row in self.channels() if not row.encrypted]
        for row in channels:
            if row.name == LOUNGE:
                return row.topic
        if not channels:
            raise ClientError("this hub has no open channel yet: name a target with --to")
        return channels[0].topic

    def topic(self, target: str | None) -> Topic:
        """The topic of a target.

        `#channel`, `channel`, `@name`, `feed`, `feed:@name`, a raw topic; None is the lounge.
        """
        if target is None:
            return self.lounge()
        if target == "feed":
            return Topic("feed", self.me)
        if target.startswith("@"):
            return Topic("user", self.person(target))
        kind, colon, rest = target.partition(":")
        if colon and kind in _NAMED_KINDS and rest.startswith("@"):
            return Topic(kind, self.person(rest))
        if (raw := parse_raw_topic(target)) is not None:
            return raw
        return self._channel(target)

    def _channel(self, target: str) -> Topic:
        wanted = target.removeprefix("#")
        channels = self.channels()
        found = [row for row in channels if row.name == wanted] or [
            row for row in channels if row.name is not None and row.name.casefold() == wanted.casefold()
        ]
        if not found:
            known = ", ".join(f"#{row.name}" for row in channels[:10] if row.name)
            raise ClientError(f"there is no channel {wanted!r}" + (f"; there are {known}" if known else ""))
        if len(found) > 1:
            names = " or ".join(row.topic.name for row in found)
            raise ClientError(f"{len(found)} channels are called {wanted!r}: name one as {names}")
        return found[0].topic

    def label(self, topic: Topic) -> str:
        """A topic as a person would name it in a target; not cleaned for a terminal."""
        if topic.kind == "user":
            return f"@{self.name_of(topic.ident)}"
        if topic.kind == "feed":
            return "feed" if topic.ident == self.me else f"feed:@{self.name_of(topic.ident)}"
        if topic.kind == "hub":
            return "hub"
        row = self.rows.get(topic.name)
        name = row.name if row is not None and row.name else f"{b64encode(topic.ident)[:SHORT_KEY_CHARS]}..."
        return f"#{name}" if topic.kind == "chan" else f"{topic.kind}:{name}"

    def everything(self) -> list[str]:
        """What to listen to by default, most wanted first: own inbox and feed, channels and the like, feeds of others.

        The inboxes of others are there for their names; what one wrote into them comes by one's own key.
        """
        order = {"user": 0, "chan": 1, "space": 2, "round": 2, "group": 2, "hub": 3, "feed": 4}
        rows = [row for row in self.rows.values() if row.topic.kind != "user" or row.topic.ident == self.me]
        rows.sort(key=lambda row: (row.topic.ident != self.me, order[row.topic.kind], row.topic))
        return [row.topic.name for row in rows]


def parse_key(text: str) -> bytes | None:
    """The user key that a text is in base64url, with or without @ before it; None if it is none."""
    try:
        return b64decode(text.removeprefix("@"), 32)
    except RemoteError:
        return None


def parse_raw_topic(text: str) -> Topic | None:
    """The topic that a text names as the protocol writes it; None if none."""
    try:
        return parse_topic(text)
    except RemoteError:
        return None
