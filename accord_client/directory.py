"""Who is who and what is where, from the hub's answer to `topics`: names to keys, targets to topics, topics to labels.

The account name is what identifies. Names of people's own choosing (display names) lead nowhere, but for people of
other hubs, who have nothing else: with their hub's name behind, so that they pass for nobody here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from accord.encoding import b64decode, b64encode
from accord.errors import RemoteError
from accord.former import FormerKey, read_former
from accord.messages import MAX_ATTENTION_KEYS
from accord.names import normalize_name
from accord.topics import Topic, parse_topic
from accord_client.errors import ClientError

LOUNGE: Final = "lounge"
SHORT_KEY_CHARS: Final = 8
FOREIGN_MARK: Final = "\u00b7"  # no account name has it

_MENTION = re.compile(r"(?<![\w@/.-])@([A-Za-z0-9_.-]{3,32})")
_NAMED_KINDS: Final = frozenset({"feed", "user"})


@dataclass(frozen=True, slots=True)
class TopicRow:
    """One topic that the session may read, as far as a client needs it."""

    topic: Topic
    name: str | None
    encrypted: bool
    cursor: int
    count: int
    hub: bytes | None
    hub_name: str | None
    former: tuple[bytes, ...] = ()  # keys that a person's account had before, the newest first
    former_shown: Any = None  # the same with what was signed for each, not looked at

    @classmethod
    def read(cls, value: dict[str, Any]) -> TopicRow:
        name, cursor, count = value.get("name"), value.get("cursor"), value.get("count")
        hub, hub_name = value.get("hub"), value.get("hub_name")
        return cls(
            parse_topic(str(value.get("topic"))),
            name if isinstance(name, str) and name else None,
            value.get("encrypted") is True,
            cursor if type(cursor) is int else 0,
            count if type(count) is int else 0,
            None if hub is None else b64decode(hub, 32),
            hub_name if isinstance(hub_name, str) and hub_name else None,
            tuple(b64decode(change.get("key"), 32) for change in value.get("former") or []),
            value.get("former"),
        )

    @property
    def where(self) -> str:
        """The other hub that it belongs to, behind its name; nothing for this hub's."""
        if self.hub is None:
            return ""
        return f" {FOREIGN_MARK} {self.hub_name or b64encode(self.hub)[:SHORT_KEY_CHARS] + '...'}"


class Directory:
    """The rows of `topics`, kept up to date by topic_added and topic_gone; `me` is the own user key (raw)."""

    def __init__(self, me: bytes, names: dict[bytes, str] | None = None, home: str = "") -> None:
        self.me = me
        self._home = home  # the channel that is meant where none is named, if it is here
        self.rows: dict[str, TopicRow] = {}
        self._extra_names = dict(names or {})
        self._names: dict[bytes, str] = dict(self._extra_names)
        self._keys: dict[str, bytes] = {}
        self.naming: Callable[[Topic], str | None] = lambda topic: None  # private channels have names of their own
        self._called: dict[bytes, str | None] = {}  # what people without an account name call themselves

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
            for former in row.former:
                self._names[former] = row.name

    def remove(self, topic: str) -> None:
        self.rows.pop(topic, None)  # who was known stays known: old messages still need the name

    # ---------------------------------------------------------------------------------------------------------- people

    def name_of(self, key: bytes) -> str:
        """The account name of a key; else what its owner is called, with the hub that they are of; else its first
        letters: no name can look like them.
        """
        if (name := self._names.get(key)) is not None:
            return name
        called, row = self._called.get(key), self.rows.get(Topic("feed", key).name)
        where = row.where if row is not None else ""
        return f"{called}{where or f' {FOREIGN_MARK} ?'}" if called else b64encode(key)[:SHORT_KEY_CHARS] + "..."

    def wants_profile(self, key: bytes) -> bool:
        """Whether somebody has no account name, and a feed in which nobody has looked for another one."""
        return key not in self._names and key not in self._called and Topic("feed", key).name in self.rows

    def learn(self, key: bytes, called: str | None) -> None:
        """What somebody without an account name calls themselves; None: nothing."""
        self._called[key] = called

    def foreign(self) -> list[bytes]:
        """The people whom other hubs serve."""
        rows = (row for row in self.rows.values() if row.topic.kind == "feed" and row.hub is not None)
        return [row.topic.ident for row in rows if row.topic.ident not in self._names]

    def former_keys(self, key: bytes) -> tuple[bytes, ...]:
        """The keys that somebody's account had before, the newest first."""
        row = self.rows.get(Topic("feed", key).name)
        return row.former if row is not None else ()

    def changes(self, key: bytes, *, hub: bytes) -> tuple[FormerKey, ...]:
        """The same with what is proved of each change, where `hub` is whose rows these are."""
        row = self.rows.get(Topic("feed", key).name)
        try:
            return read_former(row.former_shown, hub=hub, user=key) if row is not None else ()
        except RemoteError:
            return tuple(FormerKey(former, 0) for former in self.former_keys(key))

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
            key = self._foreigner(text.removeprefix("@"))
        if key is None:
            raise ClientError(f"nobody here is called {text.removeprefix('@')!r}")
        return key

    def _foreigner(self, text: str) -> bytes | None:
        """The person of another hub who is called so, with or without the hub; ClientError if several are."""
        wanted = text.casefold()
        found = [
            key
            for key in self.foreign()
            if (called := self._called.get(key)) and wanted in (called.casefold(), self.name_of(key).casefold())
        ]
        if len(found) > 1:
            keys = " or ".join(f"@{b64encode(key)}" for key in found)
            raise ClientError(f"{len(found)} people of other hubs are called {text!r}: name one as {keys}")
        return found[0] if found else None

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
        """The channel that the inviter chose, else the one called lounge, else the first open one; ClientError without
        any.
        """
        if self._home in self.rows:
            return self.rows[self._home].topic
        channels = [row for row in self.channels() if not row.encrypted and row.hub is None]
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
        named = [row for row in self.channels() if (self.naming(row.topic) or "").casefold() == target.casefold()]
        if len(named) == 1:
            return named[0].topic
        wanted = target.removeprefix("#")
        channels = sorted(self.channels(), key=lambda row: row.hub is not None)
        found = _called_so([row for row in channels if row.hub is None], wanted) or _called_so(channels, wanted)
        if not found:
            known = ", ".join(f"#{row.name}{row.where}" for row in channels[:10] if row.name)
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
        if (named := self.naming(topic)) is not None:
            return named
        row = self.rows.get(topic.name)
        name = f"{b64encode(topic.ident)[:SHORT_KEY_CHARS]}..."
        if row is not None and row.name:
            name = f"{row.name}{row.where}"
        return f"#{name}" if topic.kind == "chan" else f"{topic.kind}:{name}"

    def everything(self) -> list[str]:
        """What to listen to by default, most wanted first: own inbox and feed, channels and the like, feeds of others.

        The inboxes of others are there for their names; what one wrote into them comes by one's own key. Channels of
        other hubs are listened to when they are named: that is what has them carried.
        """
        order = {"user": 0, "chan": 1, "space": 2, "round": 2, "group": 2, "hub": 3, "feed": 4}
        rows = [row for row in self.rows.values() if row.topic.kind != "user" or row.topic.ident == self.me]
        rows = [row for row in rows if row.topic.kind != "chan" or row.hub is None]
        rows.sort(key=lambda row: (row.topic.ident != self.me, order[row.topic.kind], row.topic))
        return [row.topic.name for row in rows]


def _called_so(channels: list[TopicRow], wanted: str) -> list[TopicRow]:
    """The channels of that name, with or without their hub's; where none is written just so, whatever the case."""
    exact = [row for row in channels if row.name is not None and wanted in (row.name, f"{row.name}{row.where}")]
    folded = wanted.casefold()
    return exact or [
        row
        for row in channels
        if row.name is not None and folded in (row.name.casefold(), f"{row.name}{row.where}".casefold())
    ]


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
