"""What may be stored in private topics, and what follows from it, within one commit (protocol.md sections 1, 4 and 7).

A person here is told what has no effect; what another hub brings is taken if it is valid, whatever came first: then
whether it has effect is for the views. What cannot be judged yet is `busy`: it may be brought again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from accord.connections import WINDOW_MS
from accord.epochs import is_late
from accord.errors import AccordError
from accord.message_types import RULES, read_body
from accord.messages import Message as SignedMessage
from accord.space_invites import verify_join_proof
from accord.spaces import ADMIN, MEMBER, SpaceView, deed_of, space_id
from accord.topics import Topic as TopicName
from messaging.admission import CONTROL_WINDOW_MS, Admitted, Right
from messaging.models import Room, Seat, Topic
from messaging.spaces.chains import MAX_CHAIN_MESSAGES, Chains
from messaging.spaces.connections import ACCEPT, REQUEST, Pairs
from messaging.spaces.epochs import epoch_take, has_rivals, line_of
from messaging.spaces.late import channel_empty, late_sweep, lost_times, strangers_sweep
from messaging.spaces.rooms import (
    readers,
    room_ensure,
    room_of,
    rooms_of_space,
    seat_role,
    seated_hooks,
    seats_change,
    seats_set,
    tell_readers,
)
from messaging.spaces.unseated import MAX_UNSEATED_SPACES, spaces_of_people, unseated_spaces

MAX_SPACES: Final = 1_000  # of people of a hub
MAX_SPACES_OF_ONE: Final = 50  # of which one is an admin, for making another one
MAX_CHANNELS: Final = 200  # of a space
MAX_MEMBERS: Final = 2_000
ROOM_KINDS: Final = ("chan", "space")
RETRY_MS: Final = 60_000
SEALED: Final = frozenset(type_ for type_, rule in RULES.items() if rule.seals)
ADMINS: Final = frozenset({"space.epoch", "space.history"})


def _unknown() -> AccordError:
    return AccordError("not_found", "no such channel here")


def _not_yet() -> AccordError:
    return AccordError("busy", "what this rests on has not come yet", retry_ms=RETRY_MS)


def _check_room_for_one_more(author: bytes, *, is_brought: bool) -> None:
    """Whether there is room for another space; of those that are brought it is not known yet for whom here they are."""
    if is_brought:
        if unseated_spaces().count() >= MAX_UNSEATED_SPACES:
            raise AccordError("busy", "too many spaces in which nobody of this hub is", retry_ms=RETRY_MS)
        return
    if spaces_of_people().count() >= MAX_SPACES:
        raise AccordError("quota", f"this hub keeps {MAX_SPACES} spaces at most")
    own = Seat.objects.filter(user__key=author, role=Seat.Role.ADMIN, room__topic__kind="space")
    if own.count() >= MAX_SPACES_OF_ONE:
        raise AccordError("quota", f"one is admin of {MAX_SPACES_OF_ONE} spaces at most")


def _needed(message: SignedMessage, room: Room) -> str:
    """The role that its author must have had when it was said."""
    return ADMIN if message.type in ADMINS or room.admins_only else MEMBER


class Door:
    """The private topics of one commit."""

    def __init__(self, now: int) -> None:
        self._now = now
        self._chains = Chains()
        self._pairs = Pairs()
        self._rooms: dict[TopicName, Room | None] = {}
        self._readers: dict[TopicName, frozenset[bytes]] = {}
        self._rotated: dict[TopicName, int] = {}
        self._undone: set[TopicName] = set()
        self._seated: set[bytes] = set()

    def room(self, topic: TopicName) -> Room | None:
        """The room of a private topic; None for any other."""
        if topic.kind not in ROOM_KINDS:
            return None
        if topic not in self._rooms:
            self._rooms[topic] = room_of(topic)
        return self._rooms[topic]

    def readers(self, topic: TopicName) -> frozenset[bytes] | None:
        """Who may read what is stored in a topic now; None: no private one. Of a control message of a space also those
        who were members before it, so that they and their hubs learn that they are no more.
        """
        room = self.room(topic)
        if room is None:
            return None
        return readers(room) | self._readers.get(topic, frozenset())

    # Before it is stored

    def check(self, item: Admitted) -> None:
        """Refuse what has no place there; AccordError."""
        message = item.message
        is_brought = item.publisher.right in (Right.RELAY, Right.IMPORT)
        if message.topic.kind == "space":
            self._check_deed(message, is_brought=is_brought)
        elif message.topic.kind == "chan":
            room = self.room(message.topic)
            if room is not None:
                self._check_said(message, room, is_brought=is_brought)
            elif message.encrypted or message.type in ADMINS:
                if Topic.objects.filter(kind="chan", ident=message.topic.ident).exists():
                    raise AccordError("bad_request", "that channel is open: nothing in it is encrypted")
                raise _not_yet() if is_brought else _unknown()

    def _check_deed(self, message: SignedMessage, *, is_brought: bool) -> None:
        space = message.topic.ident
        room = self.room(message.topic)
        if message.type == "space.create":
            if space_id(message.author, read_body(message)["nonce"]) != space:
                raise AccordError("bad_request", "the id of a space follows from its creator and nonce")
            if room is not None and not is_brought:
                raise AccordError("conflict", "that space exists")
            if room is None:
                _check_room_for_one_more(message.author, is_brought=is_brought)
            return
        if room is None:
            raise _not_yet() if is_brought else _unknown()
        if self._chains.size(space) >= MAX_CHAIN_MESSAGES:
            raise AccordError("quota", f"a space has {MAX_CHAIN_MESSAGES} control messages at most")
        if not is_brought:
            self._check_authority(message, self._chains.view(space))

    def _check_authority(self, message: SignedMessage, view: SpaceView) -> None:
        """Whether a person's deed would have effect now."""
        body = read_body(message)
        author = message.author
        if message.type == "space.join":
            invite = view.invites.get(body["pubkey"])
            if invite is None or invite.left < 1 or invite.expires < message.created_at:
                raise _unknown()  # as where there is no such space
            if abs(message.created_at - self._now) > CONTROL_WINDOW_MS:
                raise AccordError("gone", "a join is good for ten minutes")
            if author in view.members:
                raise AccordError("conflict", "you are a member already")
            verify_join_proof(body["proof"], invite=body["pubkey"], space=view.space, user=author)
            if len(view.members) >= MAX_MEMBERS:
                raise AccordError("quota", f"a space has {MAX_MEMBERS} members at most")
            return
        if author not in view.members:
            raise _unknown()
        may = {
            "space.member": lambda: view.may(author, "member", body["user"]),
            "space.profile": lambda: view.may(author, "profile"),
            "space.channel": lambda: view.may(author, "channel"),
            "space.invite": lambda: view.may(author, "invite"),
            "space.leave": lambda: view.may(author, "leave"),
        }
        if not set(deed_of(message).prev) <= set(view.order):
            raise AccordError("conflict", "prev names what has not come here")
        if not may[message.type]():
            raise AccordError("denied", "only an admin of the space may do that, and never to one of longer standing")
        if message.type == "space.channel" and "nonce" in body and len(view.channels) >= MAX_CHANNELS:
            raise AccordError("quota", f"a space has {MAX_CHANNELS} channels at most")
        if message.type == "space.member" and body["role"] != "none" and len(view.members) >= MAX_MEMBERS:
            raise AccordError("quota", f"a space has {MAX_MEMBERS} members at most")

    def _check_said(self, message: SignedMessage, room: Room, *, is_brought: bool) -> None:
        role = seat_role(room, message.author)
        view = None if room.space is None else self._chains.view(bytes(room.space.ident))
        if view is not None and message.topic.ident not in view.channels:  # its making was taken back
            raise _not_yet() if is_brought else _unknown()
        if is_brought:
            self._check_brought(message, room, role, view)
        elif role is None:
            raise _unknown()
        elif room.closed:
            raise AccordError("denied", "that channel is closed")
        elif message.type in ADMINS and role != Seat.Role.ADMIN:
            raise AccordError("denied", "only an admin of the space gives a channel its keys")
        elif view is not None and not view.was(message.author, message.created_at, _needed(message, room)):
            raise AccordError("denied", "that is dated from before you could write there")
        self._check_form(message, room)
        if message.encrypted:
            self._check_epoch(message, room, view)
        if not is_brought and room.burn_ms is not None and message.type in SEALED:
            burn_at = message.burn_at
            if burn_at is None or burn_at > message.created_at + room.burn_ms:
                raise AccordError("denied", f"what is said in that channel burns after {room.burn_ms} ms at most")

    def _check_brought(self, message: SignedMessage, room: Room, role: str | None, view: SpaceView | None) -> None:
        """Of what others have signed counts when: the author was a member then, of what gives keys an admin."""
        if view is None:
            if role is None:
                raise AccordError("denied", "two people have that channel, and its author is neither")
            return
        if not view.was(message.author, message.created_at, _needed(message, room)):
            raise _not_yet()  # or never: whoever has put the author out has the word of that too

    def _check_form(self, message: SignedMessage, room: Room) -> None:
        if message.type in ADMINS:
            if room.space is None:
                raise AccordError("bad_request", "the keys of a connection come from its two members")
        elif message.type == "chat.delete":
            if message.body is not None and read_body(message):
                raise AccordError("bad_request", "a deletion in a private channel gives no reason")
        elif not message.encrypted:
            raise AccordError("bad_request", "what is said in a private channel is encrypted")

    def _check_epoch(self, message: SignedMessage, room: Room, view: SpaceView | None) -> None:
        """Of the number and window of an encrypted message; which key it was, only members can tell."""
        enc = message.header["enc"]
        window_ms = WINDOW_MS
        if view is None:
            if enc["epoch"] != 1:
                raise AccordError("bad_request", "a connection has one epoch")
        else:
            line = line_of(room, view.admins)
            if enc["epoch"] > len(line):
                raise AccordError("busy", "that epoch has not come yet", retry_ms=RETRY_MS)
            if is_late(line, enc["epoch"], message.created_at):
                raise AccordError("denied", "the channel had other keys by then")
            window_ms = line[enc["epoch"] - 1].window_ms
        if abs(enc["win"] - message.created_at // window_ms) > 1:
            raise AccordError("bad_request", "enc.win is not that of created_at")

    # While it is stored

    def take(self, message: SignedMessage) -> None:
        """What a message means for seats and epochs; it is about to be stored."""
        if message.body is None or message.encrypted or message.crit:
            return
        if message.topic.kind == "space":
            was = self._chains.view(message.topic.ident)
            self._chains.take(message)
            self._seat(message.topic, was, self._chains.view(message.topic.ident))
            if message.type == "space.channel":
                self._tell(TopicName("chan", read_body(message)["channel"]))
            elif message.type == "space.profile":
                self._tell(message.topic)
        elif message.type in (REQUEST, ACCEPT):
            for pair in self._pairs.take(message):
                self._rooms[TopicName("chan", bytes(pair.topic.ident))] = pair
                self._seated |= readers(pair)
        elif message.type == "space.epoch" and (room := self.room(message.topic)) is not None:
            since = epoch_take(room, message, read_body(message))
            self._rotated[message.topic] = min(since, self._rotated.get(message.topic, since))

    def _seat(self, topic: TopicName, was: SpaceView, view: SpaceView) -> None:
        """Seats and channels as they follow from the space's view now; only what is not as it was is written."""
        room = self.room(topic)
        space = room
        if space is None or (view.name, view.about) != (was.name, was.about):
            space = self._rooms[topic] = room_ensure(topic, name=view.name, about=view.about)
        self._readers[topic] = self._readers.get(topic, frozenset()) | was.members.keys()
        everyone = was.members.keys() | view.members.keys()
        roles = {key: view.members.get(key) for key in everyone if was.members.get(key) != view.members.get(key)}
        changed = {key for key, each in view.channels.items() if room is None or was.channels.get(key) != each}
        gone = was.channels.keys() - view.channels.keys()  # their making was taken back
        if room is None:
            self._seat_all(space, view.members)
        elif roles:
            self._change_seats(space, roles, was, view, but=changed | gone)
        for ident in changed:
            self._seat_channel(space, ident, view)
        for name in (TopicName("chan", ident) for ident in gone):
            channel = self.room(name)
            if channel is not None:
                seats_set(channel, {})
                self._undone.add(name)

    def _change_seats(
        self,
        space: Room,
        roles: Mapping[bytes, str | None],
        was: SpaceView,
        view: SpaceView,
        *,
        but: Collection[bytes],
    ) -> None:
        """Some have another role than before: in the space, and in its channels `but` these."""
        open_to_all: list[Room] = [space]
        for_admins: list[Room] = []
        for room in rooms_of_space(space):
            ident = bytes(room.topic.ident)
            if ident in but or ident not in view.channels:
                continue
            name = TopicName("chan", ident)
            held = self._rooms[name] = self._rooms.get(name) or room
            (for_admins if view.channels[ident].private else open_to_all).append(held)
        of_admins = {key: role for key, role in roles.items() if ADMIN in (role, was.members.get(key))}
        seats_change(open_to_all, roles)
        seats_change(for_admins, {key: role if role == ADMIN else None for key, role in of_admins.items()})
        self._seated |= {key for key, role in roles.items() if role is not None}

    def _seat_channel(self, space: Room, ident: bytes, view: SpaceView) -> None:
        """A channel that is new, or another one than before."""
        name, channel = TopicName("chan", ident), view.channels[ident]
        room = self._rooms[name] = room_ensure(
            name,
            name=channel.name,
            about=channel.about,
            space=space,
            voice=channel.voice,
            burn_ms=channel.burn_ms,
            admins_only=channel.private,
            closed=channel.closed,
        )
        self._seat_all(room, {key: role for key, role in view.members.items() if not channel.private or role == ADMIN})

    def _seat_all(self, room: Room, roles: Mapping[bytes, str]) -> None:
        before = seats_set(room, roles)
        self._seated |= roles.keys() - before

    def _tell(self, topic: TopicName) -> None:
        """A channel or a space may be called otherwise now, for those who stay too."""
        room = self.room(topic)
        if room is not None:
            tell_readers(room)

    # After all is written

    def finish(self) -> None:
        """Remove what is invalid by what this commit has stored, and tell the apps above who has come."""
        for name in self._undone:
            undone = self.room(name)
            if undone is None or undone.space is None:
                continue
            if name.ident not in self._chains.view(bytes(undone.space.ident)).channels:
                channel_empty(undone)
        for topic, since in self._rotated.items():
            rotated = self.room(topic)
            if rotated is not None and rotated.space is not None:
                late_sweep(rotated, self._chains.view(bytes(rotated.space.ident)), since=since)
        for ident in self._chains.changed:
            view, before = self._chains.view(ident), self._chains.before(ident)
            space = self.room(TopicName("space", ident))
            lost, are_others = lost_times(before, view), set(view.admins) != set(before.admins)
            if space is None or not before.members or not (lost or are_others):
                continue
            for channel in rooms_of_space(space):
                # Of two epochs another one may count now, and what was said under one may have lost it.
                if strangers_sweep(channel, view, lost) or (are_others and has_rivals(channel)):
                    late_sweep(channel, view, since=None)
        if self._seated:
            for hook in seated_hooks:
                hook(frozenset(self._seated), self._now)
