"""Spaces: who belongs to one, in which role, and which channels it has (protocol.md section 7).

A space's control messages are a chain by `prev`. What they amount to depends on the set of them alone, never on the
order in which they came: `SpaceView.of` puts them into the linear view and judges each at its place there. Not here:
the keys of channels (epochs.py), what a hub lets in and out (messaging/spaces/).
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from dataclasses import fields as dataclass_fields
from functools import lru_cache
from typing import Any, Final, NamedTuple

from accord.encoding import b64decode
from accord.errors import RemoteError
from accord.message_types import read_body
from accord.messages import MAX_PREV, Envelope
from accord.primitives import labelled_hash
from accord.space_invites import verify_join_proof

ADMIN: Final = "admin"
MEMBER: Final = "member"
CLOCK_SLACK_MS: Final = 2 * 60 * 1000
MAX_WALKS: Final = 8
DEEDS: Final = frozenset(
    {f"space.{deed}" for deed in ("create", "profile", "member", "channel", "invite", "join", "leave")}
)


def space_id(creator: bytes, nonce: bytes) -> bytes:
    """The id of the space that a user makes with a nonce."""
    return labelled_hash("space", creator + nonce)


def channel_id(creator: bytes, nonce: bytes, space: bytes) -> bytes:
    """The id of a channel of a space."""
    return labelled_hash("channel", creator + nonce + space)


@lru_cache(maxsize=16_384)
def _is_proved(proof: bytes, invite: bytes, space: bytes, user: bytes) -> bool:
    try:
        verify_join_proof(proof, invite=invite, space=space, user=user)
    except RemoteError:
        return False
    return True


# ------------------------------------------------------------------------------------------------------- the chain


class Deed(NamedTuple):
    """A control message of a space: `body` as `message_types.read_body` gives it."""

    id: bytes
    author: bytes
    type: str
    prev: tuple[bytes, ...]
    created_at: int
    body: Mapping[str, Any]


def deed_of(message: Envelope) -> Deed:
    """What a message to `space:I` does; RemoteError where its body is none of its type's."""
    prev = tuple(b64decode(ident, 32) for ident in message.header.get("prev", ()))
    return Deed(message.id, message.author, message.type, prev, message.created_at, read_body(message))


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel of a space. `burn_ms`: how long its messages live; None where they stay. `private`: its members are
    the admins. `closed`: nothing more is written there.
    """

    name: str
    about: str = ""
    voice: bool = False
    burn_ms: int | None = None
    private: bool = False
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Invite:
    """An invite that stands: until when (ms), for how many more, who gave it, and its place in the linear view."""

    expires: int
    left: int
    by: bytes
    place: int


@dataclass(frozen=True, slots=True)
class Stay:
    """That somebody had a role: by the created_at (ms) of what gave it and of what took it, None where it stands."""

    role: str
    since: int
    until: int | None = None


class _Graph:
    """The deeds of one space by id, and what stands on what."""

    def __init__(self, deeds: Iterable[Deed]) -> None:
        self.deeds = {deed.id: deed for deed in deeds}
        self.children: defaultdict[bytes, list[bytes]] = defaultdict(list)
        for deed in self.deeds.values():
            for ident in set(deed.prev):
                self.children[ident].append(deed.id)
        self.by_author: defaultdict[bytes, set[bytes]] = defaultdict(set)
        for deed in self.deeds.values():
            self.by_author[deed.author].add(deed.id)

    def _reach(self, start: bytes, step: Callable[[bytes], Iterable[bytes]]) -> set[bytes]:
        seen = {start}
        waiting = [start]
        while waiting:
            for ident in step(waiting.pop()):
                if ident in self.deeds and ident not in seen:
                    seen.add(ident)
                    waiting.append(ident)
        return seen

    def beside(self, ident: bytes, author: bytes) -> set[bytes]:
        """The author's deeds that neither led to this one nor follow from it."""
        others = self.by_author[author] - {ident}
        if others:
            others -= self._reach(ident, lambda at: self.deeds[at].prev)
        if others:
            others -= self._reach(ident, lambda at: self.children[at])
        return others


# ------------------------------------------------------------------------------------------------------- the view


@dataclass
class SpaceView:
    """What the control messages of a space amount to.

    `order` is the linear view as message ids, `effect` those that had any, `waiting` those that lack an ancestor.
    `members` are roles by user key; `admins` stand in the order in which they became so.
    """

    space: bytes
    name: str = ""
    about: str = ""
    members: dict[bytes, str] = field(default_factory=dict)
    channels: dict[bytes, Channel] = field(default_factory=dict)
    invites: dict[bytes, Invite] = field(default_factory=dict)
    order: list[bytes] = field(default_factory=list)
    effect: set[bytes] = field(default_factory=set)
    waiting: set[bytes] = field(default_factory=set)
    admins: list[bytes] = field(default_factory=list)
    stays: defaultdict[bytes, list[Stay]] = field(default_factory=lambda: defaultdict(list))
    heads: list[bytes] = field(default_factory=list)
    _put_out: dict[bytes, int] = field(default_factory=dict)
    _since: dict[bytes, int] = field(default_factory=dict)
    _taken: dict[bytes, bytes] = field(default_factory=dict)
    _used: defaultdict[bytes, int] = field(default_factory=lambda: defaultdict(int))

    @classmethod
    def of(cls, space: bytes, messages: Iterable[Envelope]) -> SpaceView:
        """The view of the messages that are held of `space:<space>`."""
        return cls.of_deeds(space, [deed_of(message) for message in messages if message.type in DEEDS])

    @classmethod
    def of_deeds(cls, space: bytes, deeds: Iterable[Deed]) -> SpaceView:
        """The same of deeds.

        Whoever puts out or lowers an admin of shorter standing, or one who has gone, voids what that user did without
        knowing of it. This is found in walks: each leaves out what the one before it found to be void. The creator's
        word is settled in the first, that of each later admin once that of all before is; so only quarrels of the
        youngest could outlast MAX_WALKS.
        """
        graph = _Graph(deeds)
        void: set[bytes] = set()
        for _ in range(MAX_WALKS):
            view = cls(space)
            found = view._walk(graph, void)
            if found == void:
                break
            void = found
        return view

    def extended(self, deed: Deed) -> SpaceView | None:
        """The view with one more deed, where that stands on all that is here: then it is the last one in the linear
        view, and nothing before it changes. None where it does not: then all is to be worked out anew.
        """
        if not self.order or self.waiting or len(self.heads) >= MAX_PREV or set(deed.prev) != set(self.heads):
            return None
        view = self._copy()
        view._place(deed)
        view.heads = [deed.id]
        return view

    def _copy(self) -> SpaceView:
        copied = {item.name: copy(getattr(self, item.name)) for item in dataclass_fields(self)}
        return SpaceView(**copied)

    def may(self, key: bytes, deed: str, about: bytes | None = None) -> bool:
        """Whether a user may now do something: `profile`, `channel`, `invite`, `epoch`; `member` (change the role of
        `about`); `leave`; `read` (the space, or the channel `about`); `write` (in the channel `about`).
        """
        role = self.members.get(key)
        match deed:
            case "profile" | "channel" | "invite" | "epoch":
                return role == ADMIN
            case "member":
                return role == ADMIN and about is not None and self._may_change(key, about)
            case "leave":
                return role is not None and not self._is_last_admin(key)
            case "read" | "write" if about is not None:
                channel = self.channels.get(about)
                if channel is None or role is None or (channel.private and role != ADMIN):
                    return False
                return deed == "read" or not channel.closed
            case "read":
                return role is not None
        return False

    def members_of(self, channel: bytes) -> set[bytes]:
        """The members of a channel; nobody where there is none."""
        found = self.channels.get(channel)
        if found is None:
            return set()
        return set(self.admins) if found.private else set(self.members)

    def was(self, key: bytes, at: int, role: str = MEMBER) -> bool:
        """Whether a user had that role, or a greater one, at a time (ms), by clocks that are two minutes apart at
        most.
        """
        return any(
            stay.since - CLOCK_SLACK_MS <= at and (stay.until is None or at <= stay.until + CLOCK_SLACK_MS)
            for stay in self.stays.get(key, ())
            if role in (MEMBER, stay.role)
        )

    # One walk along the chain

    def _walk(self, graph: _Graph, void: Collection[bytes]) -> set[bytes]:
        """Place and judge every deed; gives what the takings of admins' roles make void."""
        found: set[bytes] = set()
        lacking = {ident: len(set(deed.prev)) for ident, deed in graph.deeds.items()}
        ready = [
            (self._standing(deed.author), deed.id)
            for deed in graph.deeds.values()
            if not deed.prev and self._is_root(deed)
        ]
        heapq.heapify(ready)
        stood_on: set[bytes] = set()
        while ready:
            _, ident = heapq.heappop(ready)
            deed = graph.deeds[ident]
            stood_on.update(deed.prev)
            admins = list(self.admins)
            self._place(deed, is_void=ident in void)
            if ident in self._taken:
                found |= graph.beside(ident, self._taken[ident])
            for child in graph.children[ident]:
                lacking[child] -= 1
                if not lacking[child]:
                    heapq.heappush(ready, (self._standing(graph.deeds[child].author), child))
            if admins != self.admins:
                ready = [(self._standing(graph.deeds[other].author), other) for _, other in ready]
                heapq.heapify(ready)
        placed = set(self.order)
        self.waiting = graph.deeds.keys() - placed
        self.heads = sorted(placed - stood_on)[:MAX_PREV]
        return found

    def _place(self, deed: Deed, *, is_void: bool = False) -> None:
        """Put a deed at the end of the linear view, and do what it says if it may."""
        admins = set(self.admins)
        self.order.append(deed.id)
        if not is_void and self._judge(deed):
            self.effect.add(deed.id)
        if gone := admins - set(self.admins):
            self.invites = {key: invite for key, invite in self.invites.items() if invite.by not in gone}

    def _is_root(self, deed: Deed) -> bool:
        return deed.type == "space.create" and space_id(deed.author, deed.body["nonce"]) == self.space

    def _standing(self, author: bytes) -> int:
        return self.admins.index(author) if self.members.get(author) == ADMIN else len(self.admins)

    def _judge(self, deed: Deed) -> bool:
        """Do what a deed says, if its author may at this place; whether it changed anything."""
        match deed.type:
            case "space.create":
                return self._create(deed)
            case "space.join":
                return self._join(deed)
            case "space.leave":
                return self.may(deed.author, "leave") and self._give_role(deed, deed.author, None)
        if self.members.get(deed.author) != ADMIN:
            return False
        match deed.type:
            case "space.member":
                return self._member(deed)
            case "space.profile":
                return self._profile(deed)
            case "space.channel":
                return self._channel(deed)
            case "space.invite":
                return self._invite(deed)
        return False

    def _create(self, deed: Deed) -> bool:
        if len(self.order) > 1 or deed.prev:
            return False
        self._profile(deed)
        return self._give_role(deed, deed.author, ADMIN)

    def _profile(self, deed: Deed) -> bool:
        self.name, self.about = deed.body["name"], deed.body.get("about", "")
        return True

    def _may_change(self, admin: bytes, other: bytes) -> bool:
        """An admin changes members, and admins of shorter standing; the own role as long as another admin stays."""
        if self.members.get(other) != ADMIN:
            return True
        if admin == other:
            return not self._is_last_admin(admin)
        return self.admins.index(admin) < self.admins.index(other)

    def _is_last_admin(self, key: bytes) -> bool:
        return self.admins == [key]

    def _member(self, deed: Deed) -> bool:
        user, role = deed.body["user"], deed.body["role"]
        if not self._may_change(deed.author, user):
            return False
        if user == deed.author:
            return self._give_role(deed, user, None if role == "none" else role)
        is_admin = self.members.get(user) == ADMIN
        if role != ADMIN and (is_admin or role == "none") and self._since.get(user, -1) > self._since[deed.author]:
            self._taken[deed.id] = user
        changed = self._give_role(deed, user, None if role == "none" else role)
        if role == "none":  # also of who has gone already, or a leave from before would undo it
            self._put_out[user] = len(self.order)
            return True
        return changed

    def _give_role(self, deed: Deed, user: bytes, role: str | None) -> bool:
        if self.members.get(user) == role:
            return False
        if user in self.admins:
            self.admins.remove(user)
        stays = list(self.stays[user])  # another list: views share what does not change
        if stays and stays[-1].until is None:
            stays[-1] = replace(stays[-1], until=deed.created_at)
        self.stays[user] = stays
        if role is None:
            del self.members[user]
            return True
        self.members[user] = role
        stays.append(Stay(role, deed.created_at))
        if role == ADMIN:
            self.admins.append(user)
            self._since[user] = len(self.order)
        return True

    def _join(self, deed: Deed) -> bool:
        invite = self.invites.get(deed.body["pubkey"])
        if invite is None or deed.author in self.members:
            return False
        if deed.created_at > invite.expires or invite.left < 1 or self._put_out.get(deed.author, 0) > invite.place:
            return False
        if not _is_proved(deed.body["proof"], deed.body["pubkey"], self.space, deed.author):
            return False
        self._used[deed.body["pubkey"]] += 1
        self.invites[deed.body["pubkey"]] = replace(invite, left=invite.left - 1)
        return self._give_role(deed, deed.author, MEMBER)

    def _invite(self, deed: Deed) -> bool:
        pubkey = deed.body["pubkey"]
        left = max(0, deed.body["uses"] - self._used[pubkey])
        self.invites[pubkey] = Invite(deed.body["expires"], left, deed.author, len(self.order))
        return True

    def _channel(self, deed: Deed) -> bool:
        ident = deed.body["channel"]
        if "nonce" in deed.body:
            if ident in self.channels or ident != channel_id(deed.author, deed.body["nonce"], self.space):
                return False
        elif ident not in self.channels:
            return False
        fields = {name: value for name, value in deed.body.items() if name not in ("channel", "nonce")}
        self.channels[ident] = Channel(**fields)
        return True


def linear(space: bytes, messages: Iterable[Envelope]) -> list[bytes]:
    """The ids of a space's control messages in the linear view."""
    return SpaceView.of(space, messages).order
