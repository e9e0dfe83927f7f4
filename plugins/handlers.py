"""What the author of a plugin uses: a handler of messages of some types, the message, what a handler may do
(docs/plugins.md; protocol.md section 14).

A handler runs in a process of its own (child.py): it has no database, and what it says is signed and stored by the hub
only when it has returned. Nothing here imports Django or the hub.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Protocol

PLACES: Final = ("channel", "feed", "hub", "admin", "bot")
MAX_DEEDS: Final = 40  # what one run may do
MAX_LATER_MS: Final = 366 * 24 * 3600 * 1000
MAX_DATA_BYTES: Final = 4 * 1024  # of what a handler hands to its later self

_NAME = re.compile(r"[a-z][a-z0-9_]{0,23}")


class Refused(Exception):
    """The hub does not do what a handler asks for; the text says why."""


@dataclass(frozen=True, slots=True)
class Message:
    """A verified message. Ids and keys are base64url as on the wire, times ms since 1970 UTC.

    `body` is the JSON of a clear body, None where it is something else; `raw` is the body's bytes. `author_name` is
    what the hub calls the author.
    """

    id: str
    type: str
    topic: str
    author: str
    author_name: str
    created_at: int
    burn_at: int | None
    tz: int | None
    mentions: tuple[str, ...]
    answers: tuple[str, ...]
    refs: tuple[tuple[str, str], ...]
    header: Mapping[str, Any]
    body: Any
    raw: bytes

    @property
    def text(self) -> str:
        """What it says, empty where it says nothing."""
        text = self.body.get("text") if isinstance(self.body, dict) else None
        return text if isinstance(text, str) else ""


def message_of(value: Mapping[str, Any]) -> Message:
    """The message that the hub has written for the process of the handlers."""
    return Message(
        **{
            **value,
            "mentions": tuple(value["mentions"]),
            "answers": tuple(value["answers"]),
            "refs": tuple((relation, ident) for relation, ident in value["refs"]),
            "header": MappingProxyType(value["header"]),
            "raw": base64.b64decode(value["raw"]),
        }
    )


Ask = Callable[[str, Mapping[str, Any]], Any]


def _nobody(what: str, about: Mapping[str, Any]) -> Any:
    raise Refused(f"there is no hub to ask for {what}")


@dataclass
class Context:
    """What a handler may do besides computing. Reads (`message`, `said`, `reactions`) reach the open channel of the
    message that is handled, and nothing else.

    `settings` are the handler's own, as the operator has set them; `data` is what `later` was given, None the first
    time; `now` is the hub's time; `me` is the key of the hub's bot; `hub_name` is what the hub is called.
    """

    about: Message
    settings: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, Any] | None = None
    now: int = 0
    me: str = ""
    hub_name: str = ""
    ask: Ask = _nobody
    deeds: list[dict[str, Any]] = field(default_factory=list)

    def _do(self, **deed: Any) -> None:
        if len(self.deeds) == MAX_DEEDS:
            raise Refused(f"a handler does at most {MAX_DEEDS} things in a run")
        self.deeds.append(deed)

    def say(
        self,
        topic: str,
        text: str,
        reply_to: str | None = None,
        *,
        mentions: Sequence[str] = (),
        reactions: Sequence[str] = (),
    ) -> None:
        """Have the hub's bot say something, once this run has ended well; it burns with the message that is handled.

        `topic` is a channel of this hub or `user:K` of somebody known here; `reactions` are emoji that the bot puts
        under it, for others to join in.
        """
        self._do(
            do="say", topic=topic, text=text, reply_to=reply_to, mentions=list(mentions), reactions=list(reactions)
        )

    def answer(self, text: str, *, mentions: Sequence[str] = (), reactions: Sequence[str] = ()) -> None:
        """Say it where the message was said: in its channel, or to the author of a direct message."""
        direct = self.about.topic == f"user:{self.me}"
        topic = f"user:{self.about.author}" if direct else self.about.topic
        self.say(topic, text, self.about.id, mentions=mentions, reactions=reactions)

    def later(self, at: int, data: Mapping[str, Any]) -> None:
        """Have the handler run for the same message again at a time (ms), with `data` (small, JSON)."""
        if not self.now <= at <= self.now + MAX_LATER_MS:
            raise Refused("later is within a year from now")
        self._do(do="later", at=at, data=dict(data))

    def propose_link(self, link: str) -> None:
        """Put another hub's invite link before the operator."""
        self._do(do="propose_link", link=link)

    def channel(self, name: str) -> str | None:
        """The topic of an open channel of this hub."""
        found: str | None = self.ask("channel", {"name": name})
        return found

    def message(self, ident: str) -> Message | None:
        """A message of the same channel; None where it is not held (any more)."""
        found = self.ask("message", {"id": ident})
        return None if found is None else message_of(found)

    def said(self) -> list[Message]:
        """What the bot has said in the channel, the newest first: of its last 5,000 messages, at most 100."""
        return [message_of(each) for each in self.ask("said", {})]

    def reactions(self, ident: str) -> dict[str, list[str]]:
        """Who has reacted to a message of the same channel: emoji -> user keys."""
        found: dict[str, list[str]] = self.ask("reactions", {"id": ident})
        return found

    def waiting(self) -> int:
        """How many runs of this handler wait for their time (`later`) for messages of the same author."""
        return int(self.ask("waiting", {}))


class Run(Protocol):
    """The function of a handler."""

    def __call__(self, message: Message, context: Context, /) -> None: ...


@dataclass(frozen=True)
class Setting:
    """Something that the operator may change: a line of text, or one of `choices` ((value, what it means), ...)."""

    name: str
    title: str
    explains: str
    default: str
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Handler:
    """A handler: which messages it gets, what the operator reads of it, and its function.

    `types` are message types. `places`: "channel" (the open channels of this hub), "feed", "hub" (control messages),
    "admin" and "bot" (the inboxes of the hub's admin and of its bot; those of members are never read).
    `starts` and `contains` narrow it further by what a message says: any of the beginnings, any of the parts.
    Messages that are more than a day old when they come are left out, unless `any_age`.
    """

    name: str
    types: tuple[str, ...]
    title: str
    explains: str
    run: Run
    places: tuple[str, ...] = ("channel",)
    starts: tuple[str, ...] = ()
    contains: tuple[str, ...] = ()
    settings: tuple[Setting, ...] = ()
    any_age: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r}: a handler's name is [a-z][a-z0-9_]*, at most 24 characters")
        if not self.types or not set(self.places) <= set(PLACES):
            raise ValueError(f"{self.name}: types are expected, and places among {', '.join(PLACES)}")
        for setting in self.settings:
            if not _NAME.fullmatch(setting.name):
                raise ValueError(f"{self.name}: {setting.name!r} is no name of a setting")


def handler(
    name: str,
    *,
    types: Sequence[str],
    title: str,
    explains: str,
    places: Sequence[str] = ("channel",),
    starts: Sequence[str] = (),
    contains: Sequence[str] = (),
    settings: Sequence[Setting] = (),
    any_age: bool = False,
) -> Callable[[Run], Handler]:
    """Make a Handler of a function of (message, context)."""

    def make(run: Run) -> Handler:
        return Handler(
            name,
            tuple(types),
            title,
            explains,
            run,
            places=tuple(places),
            starts=tuple(starts),
            contains=tuple(contains),
            settings=tuple(settings),
            any_age=any_age,
        )

    return make
