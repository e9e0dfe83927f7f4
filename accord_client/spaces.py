"""What members and admins of a space do: create, invite, join, leave, roles, channels, epochs (protocol.md section 7).

Whoever changes who is in a space as its admin also hands out new keys for its channels at once. Not here: judging what
others did (accord/spaces.py), reading and writing (sealed.py), the keys themselves (rotation.py).
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import asdict, replace
from typing import Any

from accord.encoding import b64decode, b64encode, canonical
from accord.errors import AccordError, RemoteError
from accord.keys import SigningKey
from accord.space_invites import invite_key, make_join_proof, new_space_link, parse_space_link
from accord.spaces import MEMBER, SpaceView, channel_id, space_id
from accord.topics import NONCE_BYTES, Topic
from accord_client.account import bearer_token
from accord_client.connecting import post
from accord_client.errors import ClientError
from accord_client.private import Private
from accord_client.profile import ProfileStore
from accord_client.rest import http_get
from accord_client.rotation import Progress, Rotation, nobody_watches
from accord_client.session import now_ms


class Spaces:
    """The deeds of one session."""

    def __init__(self, private: Private, store: ProfileStore) -> None:
        self._private = private
        self._sealed = private.sealed
        self._store = store
        self._me = private.sealed.me
        self.keys = Rotation(private)

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

    async def set_role(self, space: bytes, user: bytes, role: str, progress: Progress = nobody_watches) -> None:
        """Give a role, or `none`; who is put out reads nothing that is written from now on."""
        self._check(space, "member", user)
        await self._do(space, "space.member", {"user": b64encode(user), "role": role})
        await self.keys.rotate_all(space, "removed" if role == "none" else "join", progress)

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
        await self.keys.rotate(topic, "create")
        return topic

    async def change_channel(self, topic: Topic, **changes: Any) -> None:
        """Change fields of a channel, as accord.spaces.Channel has them, as an admin of its space; the rest stays."""
        place = self._sealed.place(topic)
        if place is None:
            raise ClientError("that is no channel of a space")
        self._check(place.space, "channel")
        wanted = {field: value for field, value in asdict(replace(place.channel, **changes)).items() if value}
        await self._do(place.space, "space.channel", {"channel": b64encode(topic.ident), **wanted})


def read_heads(answer: object) -> list[bytes]:
    """The heads in a hub's answer about an invite; RemoteError."""
    heads = answer.get("heads") if isinstance(answer, dict) else None
    if not isinstance(heads, list) or not heads:
        raise RemoteError("bad_request", "heads: ids expected")
    return [b64decode(head, 32) for head in heads]
