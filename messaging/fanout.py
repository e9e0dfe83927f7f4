"""Who gets what is stored: the subscriptions of this process, and frames made once for all who want the same
(protocol.md section 4).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

from accord.frames import MAX_FRAME_BYTES
from accord.topics import Topic
from messaging.selectors import OPEN_KINDS, OWN_TYPES, Wanted
from messaging.stored import Stored, frame_bytes
from peers.counters import counters
from peers.sessions import Role, Session
from peers.wire import SharedFrame

COALESCE_SECONDS: Final = 0.002
MAX_SUBSCRIPTIONS: Final = 1_000
MAX_RELAYED: Final = 20_000  # of another hub, in frames of 1,000
_FRAME_ROOM: Final = 64


def may_read(session: Session, stored: Stored) -> bool:
    """Whether a session may read a message; the same rule as selectors.readable."""
    if stored.readers is not None:
        return session.user in stored.readers or any(user in stored.readers for user in session.served)
    if stored.topic.kind in OPEN_KINDS or stored.author == session.user or stored.author in session.former:
        return True
    if stored.topic.kind == "hub":
        if stored.type in OWN_TYPES:
            return False
        if session.role is Role.RELAY and stored.type == "chan.open":
            return True
        concerned = stored.concerns
        return session.role is Role.ADMIN or session.user in concerned or not session.former.isdisjoint(concerned)
    return stored.topic.kind == "user" and reads_inbox(session, stored.topic.ident)


def reads_inbox(session: Session, user: bytes) -> bool:
    """Whether a session reads the inbox of a user: its own, that of a former key, or of whom it serves."""
    return user == session.user or user in session.served or user in session.former


@dataclass(slots=True)
class Subscriptions:
    """What one session has subscribed to; the value is the cursor after which all has been or will be delivered."""

    topics: dict[Topic, int] = field(default_factory=dict)
    keys: dict[bytes, int] = field(default_factory=dict)
    messages: dict[bytes, int] = field(default_factory=dict)

    def delivers(self, stored: Stored) -> bool:
        """Whether the message has been or will be delivered live."""
        nowhere = stored.cursor  # not less than itself
        return (
            self.topics.get(stored.topic, nowhere) < stored.cursor
            or self.keys.get(stored.author, nowhere) < stored.cursor
            or any(self.keys.get(key, nowhere) < stored.cursor for key in stored.concerns)
            or any(self.messages.get(ident, nowhere) < stored.cursor for ident in stored.related)
        )


class Fanout:
    """The topic map of one process. All on the loop."""

    def __init__(self, *, cursor: int) -> None:
        self.cursor = cursor  # everything up to here has been handed to the sessions that wanted it
        self._topics: defaultdict[Topic, set[Session]] = defaultdict(set)
        self._keys: defaultdict[bytes, set[Session]] = defaultdict(set)
        self._messages: defaultdict[bytes, set[Session]] = defaultdict(set)
        self._subscriptions: dict[Session, Subscriptions] = {}
        self._held_back: list[Stored] = []
        self._flush_at = 0.0

    def subscriptions(self, session: Session) -> Subscriptions:
        """What a session has subscribed to."""
        return self._subscriptions.setdefault(session, Subscriptions())

    def subscribe(self, session: Session, wanted: Wanted, *, after: int | None = None) -> None:
        """Deliver from now on, that is, everything later than `cursor`; from `after` to there it has been delivered."""
        self.flush()  # what is held back is not later
        start = self.cursor if after is None else after
        subscriptions = self.subscriptions(session)
        for topic in wanted.topics:
            subscriptions.topics[topic] = min(start, subscriptions.topics.get(topic, start))
            self._topics[topic].add(session)
        for key in wanted.keys:
            subscriptions.keys[key] = min(start, subscriptions.keys.get(key, start))
            self._keys[key].add(session)
        for ident in wanted.messages:
            subscriptions.messages[ident] = min(start, subscriptions.messages.get(ident, start))
            self._messages[ident].add(session)

    def unsubscribe(self, session: Session, wanted: Wanted) -> None:
        """No longer deliver these."""
        subscriptions = self.subscriptions(session)
        for topic in wanted.topics:
            if subscriptions.topics.pop(topic, None) is not None:
                _leave(self._topics, topic, session)
        for key in wanted.keys:
            if subscriptions.keys.pop(key, None) is not None:
                _leave(self._keys, key, session)
        for ident in wanted.messages:
            if subscriptions.messages.pop(ident, None) is not None:
                _leave(self._messages, ident, session)

    def leave(self, session: Session) -> None:
        """A session has ended."""
        if subscriptions := self._subscriptions.get(session):
            self.unsubscribe(
                session, Wanted(tuple(subscriptions.topics), tuple(subscriptions.keys), tuple(subscriptions.messages))
            )
            del self._subscriptions[session]

    def listeners(self, topic: Topic) -> frozenset[Session]:
        """The sessions that have subscribed to a topic."""
        return frozenset(self._topics.get(topic, ()))

    def dispatch(self, stored: list[Stored]) -> None:
        """Deliver: at once after a quiet moment, else together with what arrives within COALESCE_SECONDS."""
        loop = asyncio.get_running_loop()
        if self._held_back:
            self._held_back += stored
            return
        now = loop.time()
        self._held_back = stored
        if now >= self._flush_at:
            self.flush()
        else:
            loop.call_at(self._flush_at, self.flush)

    def flush(self) -> None:
        """Hand what is held back to everyone who wants it."""
        batch, self._held_back = self._held_back, []
        if not batch:
            return
        self._flush_at = asyncio.get_running_loop().time() + COALESCE_SECONDS
        self.cursor = batch[-1].cursor
        frames: dict[tuple[int, ...], list[SharedFrame]] = {}
        audiences = self._audiences(batch)
        if any(stored.link is not None for stored in batch):
            audiences = _without_echo(audiences, batch)
        for sessions, wanted in audiences:
            if wanted not in frames:
                items = [batch[index].item for index in wanted]
                frames[wanted] = [SharedFrame(frame) for frame in deliver_frames(items)]
            counters.delivered += len(wanted) * len(sessions)
            for frame in frames[wanted]:
                for session in sessions:
                    session.send_shared(frame)

    def _audiences(self, batch: list[Stored]) -> list[tuple[list[Session], tuple[int, ...]]]:
        """Sessions that want the same messages of a batch, with the messages' places in it."""
        by_topic: defaultdict[Topic, list[int]] = defaultdict(list)
        special: defaultdict[Session, set[int]] = defaultdict(set)
        for index, stored in enumerate(batch):
            if stored.topic.kind != "hub" and stored.readers is None:
                by_topic[stored.topic].append(index)
            self._find_special(stored, index, special)
        plain: defaultdict[Session, list[int]] = defaultdict(list)
        audiences: list[tuple[list[Session], tuple[int, ...]]] = []
        if len(by_topic) == 1 and not special:  # the common case: one topic, and all who listen to it want all of it
            ((topic, indexes),) = by_topic.items()
            return [(list(self._topics.get(topic, ())), tuple(indexes))]
        for topic, indexes in by_topic.items():
            for session in self._topics.get(topic, ()):
                plain[session] += indexes
        together: defaultdict[tuple[int, ...], list[Session]] = defaultdict(list)
        for session in plain.keys() | special.keys():
            wanted = special.get(session, set()).union(plain.get(session, ()))
            together[tuple(sorted(wanted))].append(session)
        audiences += [(sessions, wanted) for wanted, sessions in together.items()]
        return audiences

    def _find_special(self, stored: Stored, index: int, special: defaultdict[Session, set[int]]) -> None:
        """Sessions that want a message for its author, a mention or a reference, or that read a part of its topic."""
        candidates: set[Session] = set()
        if stored.topic.kind == "hub" or stored.readers is not None:
            candidates |= self._topics.get(stored.topic, set())
        if self._keys:
            for key in (stored.author, *stored.concerns):
                candidates |= self._keys.get(key, set())
        if self._messages:
            for ident in stored.related:
                candidates |= self._messages.get(ident, set())
        for session in candidates:
            if may_read(session, stored):
                special[session].add(index)


def _without_echo(
    audiences: list[tuple[list[Session], tuple[int, ...]]], batch: list[Stored]
) -> list[tuple[list[Session], tuple[int, ...]]]:
    """The same audiences, but no hub gets back what it has brought."""
    bringers = {stored.link for stored in batch}
    found = []
    for sessions, wanted in audiences:
        bringing = [session for session in sessions if session.client in bringers]
        if bringing:
            found.append(([session for session in sessions if session.client not in bringers], wanted))
            for session in bringing:
                rest = tuple(index for index in wanted if batch[index].link != session.client)
                if rest:
                    found.append(([session], rest))
        else:
            found.append((sessions, wanted))
    return found


def _leave(
    table: defaultdict[Topic, set[Session]] | defaultdict[bytes, set[Session]], key: object, session: Session
) -> None:
    members = table[key]  # type: ignore[index]
    members.discard(session)
    if not members:
        del table[key]  # type: ignore[arg-type]


def deliver_frames(items: list[bytes]) -> list[bytes]:
    """`deliver` frames of ready items, each within the frame limit."""
    frames = []
    start = 0
    while start < len(items):
        size = _FRAME_ROOM
        end = start
        while end < len(items) and (end == start or size + len(items[end]) + 1 <= MAX_FRAME_BYTES):
            size += len(items[end]) + 1
            end += 1
        frames.append(frame_bytes("deliver", items[start:end]))
        start = end
    return frames
