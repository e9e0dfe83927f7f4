"""New keys for the channels of spaces, as an admin hands them out: when they are due, and to whom; and the keys of what
was said before, where an admin gives them to a newcomer (protocol.md section 7).

Not here: which epochs count (sealed.py),
who may do what in a space (accord/spaces.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from accord.epochs import (
    ROTATE_AFTER_MESSAGES,
    ROTATE_AFTER_MS,
    Epoch,
    Recipient,
    make_epoch,
    make_history,
    new_secret,
    window_ms_of,
)
from accord.spaces import ADMIN
from accord.topics import Topic
from accord_client.connecting import boxkeys_of, post
from accord_client.errors import ClientError
from accord_client.keystore import EpochKey
from accord_client.private import Private
from accord_client.session import now_ms

NO_DEVICE: Final = "nobody here has a device that keys can be sealed to"

Progress = Callable[[int, int], None]


def nobody_watches(done: int, total: int) -> None:
    """Nobody watches."""


class Rotation:
    """The keys of the channels of which one is an admin."""

    def __init__(self, private: Private) -> None:
        self._private = private
        self._sealed = private.sealed
        self._me = private.sealed.me

    async def rotate_all(self, space: bytes, reason: str, progress: Progress = nobody_watches) -> None:
        """New keys for every channel of a space."""
        for ident in list(self._sealed.view(space).channels):
            await self.rotate(Topic("chan", ident), reason, progress)

    async def rotate(self, topic: Topic, reason: str, progress: Progress = nobody_watches) -> None:
        """Hand out a new epoch's key to the living devices of all members; ClientError where one is no admin."""
        place = self._sealed.place(topic)
        if place is None or self._me not in place.admins:
            raise ClientError("only an admin of the space hands out new keys")
        line = self._sealed.line(topic.name)
        found = await boxkeys_of(self._private.client, sorted(place.members), now=now_ms())
        recipients = _recipients(found)
        if not recipients:
            raise ClientError(NO_DEVICE)
        last = line[-1] if line else None
        bodies = make_epoch(
            new_secret(),
            recipients,
            chan=topic.name,
            author=self._me,
            epoch=last.number + 1 if last else 1,
            window_ms=window_ms_of(place.channel.burn_ms),
            reason=reason if last else "create",
            prev=last.ident if last else None,
        )
        for number, body in enumerate(bodies, 1):
            envelope = self._private.composer.make("space.epoch", topic, body)
            self._sealed.take(await post(self._private.client, envelope, "the new keys"))
            progress(number, len(bodies))
        self._note_count(topic)

    def is_admin(self) -> bool:
        """Whether there is any space of which one is an admin."""
        return any(view.members.get(self._me) == ADMIN for view in self._private.spaces().values())

    async def keep(self, progress: Progress = nobody_watches) -> int:
        """Hand out new keys wherever they are due; gives for how many channels."""
        due = await self.reasons()
        for topic, reason in due:
            await self.rotate(topic, reason, progress)
        return len(due)

    # --------------------------------------------------------------------------------------------------- when it is due

    async def reasons(self) -> list[tuple[Topic, str]]:
        """The channels of which one is an admin that need new keys, and why."""
        found = []
        for view in self._private.spaces().values():
            if view.members.get(self._me) != ADMIN:
                continue
            for ident, channel in view.channels.items():
                topic = Topic("chan", ident)
                if not channel.closed and (reason := await self._reason(topic)):
                    found.append((topic, reason))
        return found

    async def _reason(self, topic: Topic) -> str:
        place, line = self._sealed.place(topic), self._sealed.line(topic.name)
        if place is None:
            return ""
        if not line:
            return "create"
        epoch = line[-1]
        if self._sealed.is_outdated(topic):
            return "removed"
        if self._sealed.has_lost(topic):
            return "conflict"
        found = await boxkeys_of(self._private.client, sorted(place.members), now=now_ms())
        if change := _change(epoch, found):
            return change
        if epoch.window_ms != window_ms_of(place.channel.burn_ms) or now_ms() - epoch.created_at > ROTATE_AFTER_MS:
            return "age"
        return "count" if self._said_since(topic, epoch) > ROTATE_AFTER_MESSAGES else ""

    def _said_since(self, topic: Topic, epoch: Epoch) -> int:
        """How many messages have come since this device knows an epoch."""
        row = self._private.directory.rows.get(topic.name)
        count = row.count if row is not None else 0
        return count - self._sealed.keys.counted(topic.name, epoch.ident, count)

    def _note_count(self, topic: Topic) -> None:
        line = self._sealed.line(topic.name)
        if line:
            self._said_since(topic, line[-1])

    # ---------------------------------------------------------------------------------------------------------- history

    async def give_history(self, topic: Topic, user: bytes) -> int:
        """Let a member read what was said in a channel before they came, as far back as this device can; gives of how
        many epochs. ClientError where one is no admin, they no member, or without a device that has keys.
        """
        place = self._sealed.place(topic)
        if place is None or self._me not in place.admins:
            raise ClientError("only an admin of the space gives what was said before")
        if user not in place.members:
            raise ClientError("they are not in this channel")
        found = await boxkeys_of(self._private.client, [user], now=now_ms())
        recipients = _recipients(found)
        if not recipients:
            raise ClientError("their devices have no keys yet, so nothing was given; try again when they were here")
        given = 0
        for epoch in self._sealed.line(topic.name):
            held = self._held(topic, epoch)
            if held is None or any(to.user == user for to in epoch.recipients):
                continue
            body = make_history(
                held.window_key(held.win),
                recipients,
                chan=topic.name,
                author=self._me,
                epoch=epoch.number,
                win=held.win,
            )
            envelope = self._private.composer.make("space.history", topic, body)
            self._sealed.take(await post(self._private.client, envelope, "what was said before"))
            given += 1
        return given

    async def give_all_history(self, space: bytes, user: bytes) -> int:
        """The same in every channel of a space that they read."""
        view = self._sealed.view(space)
        theirs = [Topic("chan", ident) for ident in view.channels if user in view.members_of(ident)]
        return sum([await self.give_history(topic, user) for topic in theirs])

    def _held(self, topic: Topic, epoch: Epoch) -> EpochKey | None:
        """The earliest window of an epoch to which this device has the key."""
        held = [
            key for key in self._sealed.keys.epochs(topic.name, epoch.number) if key.ident in (epoch.kid, epoch.ident)
        ]
        return min(held, key=lambda key: key.win, default=None)


def _recipients(found: Mapping[bytes, Sequence[Sequence[bytes]]]) -> list[Recipient]:
    return [
        Recipient(user, boxkey)
        for user, devices in sorted(found.items())
        for boxkey in sorted({boxkeys[0] for boxkeys in devices})
    ]


def _change(epoch: Epoch, found: Mapping[bytes, Sequence[Sequence[bytes]]]) -> str:
    """Whether people or devices have come or gone since an epoch was made. A device that has only renewed its box key,
    as each does weekly, still opens what was sealed to the one before.
    """
    sealed = {to.boxkey for to in epoch.recipients}
    known: set[bytes] = set()
    for user, devices in found.items():
        if any(sealed.isdisjoint(boxkeys) for boxkeys in devices):
            return "device" if any(to.user == user for to in epoch.recipients) else "join"
        known.update(boxkey for boxkeys in devices for boxkey in boxkeys)
    return "" if sealed <= known else "device"
