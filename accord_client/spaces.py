"""What members and admins of a space do: create, invite, join, leave, roles, channels, epochs (protocol.md section 7).

Whoever changes who is in a space as its admin also hands out new keys for its channels at once. Not here: judging what
others did (accord/spaces.py), reading and writing (sealed.py).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Any

from accord.encoding import b64decode, b64encode, canonical
from accord.epochs import (
    ROTATE_AFTER_MS,
    Recipient,
    make_epoch,
    new_secret,
    window_ms_of,
)
from accord.errors import AccordError, RemoteError
from accord.keys import SigningKey
from accord.space_invites import invite_key, make_join_proof, new_space_link, parse_space_link
from accord.spaces import ADMIN, MEMBER, SpaceView, channel_id, space_id
from accord.topics import NONCE_BYTES, Topic
from accord_client.account import bearer_token
from accord_client.connecting import devices_of, post
from accord_client.errors import ClientError
from accord_client.private import Private
from accord_client.profile import ProfileStore
from accord_client.rest import http_get
from accord_client.session import now_ms

Progress = Callable[[int, int], None]


def _nobody(done: int, total: int) -> None:
    """Nobody watches."""


class Spaces:
    """The deeds of one session."""

    def __init__(self, private: Private, store: ProfileStore) -> None:
        self._private = private
        self._sealed = private.sealed
        self._store = store
        self._me = private.sealed.me

    async def _do(self, space: bytes, type: str, body: dict[str, Any], *, prev: list[bytes] | None = None) -> None:
        heads = self._sealed.view(space).heads if prev is None else prev
        fields: dict[str, Any] = {"prev": [b64encode(head) for head in sorted(heads)]} if heads else {}
        envelope = self._private.composer.make(type, Topic("space", space), canonical(body), **fields)
        self._sealed.take(await post(self._private.client, envelope, "it"))

    def find(self, name: str) -> bytes:
        """The space of that name, or id; ClientError where there is none, or several."""
        found = [
            space
            for space, view in self._private.spaces().items()
            if view.name.casefold() == name.casefold() or b64encode(space) == name.removeprefix("space:")
        ]
        if len(found) != 1:
            raise ClientError(f"{'no' if not found else 'more than one'} space is called {name!r}")
        return found[0]

    # ---------------------------------------------------------------------------------------------------------- spaces

    async def create(self, name: str, channels: list[str], *, about: str = "") -> bytes:
        """A new space with these channels, in which one is the admin; gives its id."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        space = space_id(self._me, nonce)
        body = {"nonce": b64encode(nonce), "name": name, **({"about": about} if about else {})}
        await self._do(space, "space.create", body, prev=[])
        for channel in channels:
            await self.add_channel(space, channel)
        return space

    async def rename(self, space: bytes, *, name: str | None = None, about: str | None = None) -> str:
        """Call a space otherwise, as its admin; what is left out stays. Gives its name from now on."""
        view = self._check(space, "profile")
        body = {"name": view.name if name is None else name, "about": view.about if about is None else about}
        await self._do(space, "space.profile", {field: text for field, text in body.items() if text or field == "name"})
        return body["name"]

    async def invite(self, space: bytes, *, hours: int, uses: int) -> str:
        """A link by which members of the hub join."""
        profile = self._private.client.profile
        link = new_space_link(profile.url, space=space, hub=profile.hub)
        key = invite_key(link.secret)
        expires = now_ms() + hours * 3_600_000
        body = {"pubkey": b64encode(key.public), "expires": expires, "uses": uses, "role": MEMBER}
        await self._do(space, "space.invite", body)
        return str(link)

    async def join(self, link: str) -> bytes:
        """Join by a link; gives the space's id."""
        try:
            parts = parse_space_link(link)
        except RemoteError as error:
            raise ClientError(error.detail) from error
        if parts.hub != self._private.client.profile.hub:
            raise ClientError("that space is at another hub: join that hub first, and then with its profile")
        key = invite_key(parts.secret)
        heads = await asyncio.to_thread(self._heads, parts.space, key)
        proof = make_join_proof(key, space=parts.space, user=self._me)
        body = {"pubkey": b64encode(key.public), "proof": b64encode(proof)}
        await self._do(parts.space, "space.join", body, prev=heads)
        await self._private.learn(Topic("space", parts.space))
        if self._me not in self._sealed.view(parts.space).members:
            raise ClientError("the invite has been used up or withdrawn meanwhile")
        return parts.space

    def _heads(self, space: bytes, key: SigningKey) -> list[bytes]:
        """The end of a space's chain, which the hub tells to whoever has an invite."""
        token = bearer_token(self._store)
        try:
            answer = http_get(token, f"spaces/{b64encode(space)}/invite?pubkey={b64encode(key.public)}")
        except AccordError as error:
            if error.code == "not_found":
                raise ClientError("this invite has expired, is used up or was withdrawn") from error
            raise
        return read_heads(answer)

    async def leave(self, space: bytes) -> None:
        """Leave; ClientError for the last admin."""
        if not self._sealed.view(space).may(self._me, "leave"):
            raise ClientError("the last admin cannot leave: make somebody else admin first")
        await self._do(space, "space.leave", {})
        self._sealed.forget(now_ms())

    async def set_role(self, space: bytes, user: bytes, role: str, progress: Progress = _nobody) -> None:
        """Give a role, or `none`; who is put out reads nothing that is written from now on."""
        self._check(space, "member", user)
        await self._do(space, "space.member", {"user": b64encode(user), "role": role})
        await self.rotate_all(space, "removed" if role == "none" else "join", progress)

    def _check(self, space: bytes, deed: str, about: bytes | None = None) -> SpaceView:
        view = self._sealed.view(space)
        if not view.may(self._me, deed, about):
            raise ClientError("only an admin of the space can do that")
        return view

    # -------------------------------------------------------------------------------------------------------- channels

    async def add_channel(
        self, space: bytes, name: str, *, burn_ms: int | None = None, private: bool = False, about: str = ""
    ) -> Topic:
        """A new channel, with its first keys."""
        self._check(space, "channel")
        nonce = secrets.token_bytes(NONCE_BYTES)
        ident = channel_id(self._me, nonce, space)
        body: dict[str, Any] = {"channel": b64encode(ident), "nonce": b64encode(nonce), "name": name}
        body |= {"burn_ms": burn_ms} if burn_ms else {}
        body |= {"private": True} if private else {}
        body |= {"about": about} if about else {}
        await self._do(space, "space.channel", body)
        topic = Topic("chan", ident)
        await self.rotate(topic, "create")
        return topic

    async def rotate_all(self, space: bytes, reason: str, progress: Progress = _nobody) -> None:
        """New keys for every channel of a space."""
        for ident in list(self._sealed.view(space).channels):
            await self.rotate(Topic("chan", ident), reason, progress)

    async def rotate(self, topic: Topic, reason: str, progress: Progress = _nobody) -> None:
        """Hand out a new epoch's key to the living devices of all members; ClientError where one is no admin."""
        place = self._sealed.place(topic)
        if place is None or self._me not in place.admins:
            raise ClientError("only an admin of the space hands out new keys")
        line = self._sealed.line(topic.name)
        found = await devices_of(self._private.client, sorted(place.members), now=now_ms())
        recipients = [
            Recipient(user, boxkey)
            for user, devices in sorted(found.items())
            for boxkey in sorted({device.boxkey for device in devices})
        ]
        if not recipients:
            raise ClientError("nobody here has a device that keys can be sealed to")
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

    def is_admin(self) -> bool:
        """Whether there is any space of which one is an admin."""
        return any(view.members.get(self._me) == ADMIN for view in self._private.spaces().values())

    async def reasons(self) -> list[tuple[Topic, str]]:
        """The channels of which one is an admin that need new keys, and why."""
        found = []
        for space, view in self._private.spaces().items():
            if view.members.get(self._me) != ADMIN:
                continue
            for ident, channel in view.channels.items():
                topic = Topic("chan", ident)
                if not channel.closed and (reason := await self._reason(topic, space)):
                    found.append((topic, reason))
        return found

    async def _reason(self, topic: Topic, space: bytes) -> str:
        line = self._sealed.line(topic.name)
        if not line:
            return "create"
        epoch, members = line[-1], self._sealed.view(space).members_of(topic.ident)
        if self._sealed.is_outdated(topic):
            return "leave"
        if now_ms() - epoch.created_at > ROTATE_AFTER_MS:
            return "age"
        devices = await devices_of(self._private.client, sorted(members), now=now_ms())
        wanted = {Recipient(user, device.boxkey) for user, some in devices.items() for device in some}
        if wanted - epoch.recipients:
            return "join" if {to.user for to in wanted} - {to.user for to in epoch.recipients} else "device"
        return ""

    async def keep_keys(self, progress: Progress = _nobody) -> int:
        """Hand out new keys wherever they are due; gives for how many channels."""
        due = await self.reasons()
        for topic, reason in due:
            await self.rotate(topic, reason, progress)
        return len(due)


def read_heads(answer: object) -> list[bytes]:
    """The heads in a hub's answer about an invite; RemoteError."""
    heads = answer.get("heads") if isinstance(answer, dict) else None
    if not isinstance(heads, list) or not heads:
        raise RemoteError("bad_request", "heads: ids expected")
    return [b64decode(head, 32) for head in heads]
