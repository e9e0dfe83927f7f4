"""What members and admins of a space do: create, invite, join, leave, roles, channels, epochs (protocol.md section 7).

Whoever changes who is in a space as its admin also hands out new keys for its channels at once. Not here: judging what
others did (accord/spaces.py), reading and writing (sealed.py), the keys themselves (rotation.py).
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import asdict, replace
from typing import Any, Final, NamedTuple

from accord.encoding import b64decode, b64encode, canonical
from accord.errors import AccordError, RemoteError
from accord.keys import SigningKey
from accord.space_invites import SpaceLink, invite_key, make_join_proof, new_space_link, parse_space_link
from accord.spaces import MEMBER, SpaceView, channel_id, space_id
from accord.topics import NONCE_BYTES, Topic
from accord_client.account import bearer_token
from accord_client.carrying import bless
from accord_client.connecting import post
from accord_client.errors import ClientError
from accord_client.private import Private
from accord_client.profile import ProfileStore
from accord_client.rest import http_ask
from accord_client.rotation import Progress, Rotation, nobody_watches
from accord_client.session import now_ms

ELSEWHERE: Final = {
    "not_found": "this invite has expired, is used up or was withdrawn",
    "wrong_server": "that space is on a hub that yours is not linked with: ask your hub's operator to link the two",
    "busy": "the hub of that space cannot be reached just now, nothing was changed: try again later",
    "denied": "your hub may not carry anything to other hubs for you",
}


class Joined(NamedTuple):
    """A space that was joined; not here yet where it is on its way from a linked hub."""

    space: bytes
    is_here: bool


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
        envelope = self._signed(Topic("space", space), type, body, heads)
        self._sealed.take(await post(self._private.client, envelope, "it"))

    def _signed(self, topic: Topic, type: str, body: dict[str, Any], heads: list[bytes]) -> dict[str, Any]:
        fields: dict[str, Any] = {"prev": [b64encode(head) for head in sorted(heads)]} if heads else {}
        return self._private.composer.make(type, topic, canonical(body), **fields)

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

    async def join(self, link: str) -> Joined:
        """Join by a link, also one into a space of a hub that one's own is linked with."""
        try:
            parts = parse_space_link(link)
        except RemoteError as error:
            raise ClientError(error.detail) from error
        key = invite_key(parts.secret)
        invite = await asyncio.to_thread(self._invite, parts, key)
        proof = make_join_proof(key, space=parts.space, user=self._me)
        body = {"pubkey": b64encode(key.public), "proof": b64encode(proof)}
        topic = Topic("space", parts.space)
        if isinstance(invite, dict) and invite.get("hub") is not None:
            envelope = self._signed(topic, "space.join", body, read_heads(invite))
            client = self._private.client
            await client.call(lambda connection: bless(connection, self._sealed.user, now=now_ms()))
            await asyncio.to_thread(self._bring, parts, envelope)
            return Joined(parts.space, is_here=False)
        await self._do(parts.space, "space.join", body, prev=read_heads(invite))
        await self._private.learn(topic)
        if self._me not in self._sealed.view(parts.space).members:
            raise ClientError("the invite has been used up or withdrawn meanwhile")
        return Joined(parts.space, is_here=True)

    def _invite(self, link: SpaceLink, key: SigningKey) -> Any:
        """What a hub tells of a space to whoever has an invite: the end of its chain, its hub if linked."""
        query = f"pubkey={b64encode(key.public)}&hub={b64encode(link.hub)}"
        return self._asked("GET", f"spaces/{b64encode(link.space)}/invite?{query}")

    def _bring(self, link: SpaceLink, envelope: dict[str, Any]) -> None:
        """Have one's own hub bring a join to the hub of the space."""
        value = {"hub": b64encode(link.hub), "message": envelope}
        self._asked("POST", f"spaces/{b64encode(link.space)}/join", value)

    def _asked(self, method: str, path: str, value: Any = None) -> Any:
        token = bearer_token(self._store)
        try:
            return http_ask(method, f"{token.api}/{path}", value, token)
        except AccordError as error:
            if error.code in ELSEWHERE:
                raise ClientError(ELSEWHERE[error.code]) from error
            raise

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
