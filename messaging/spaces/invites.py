"""What somebody with a link into a space sees of it before joining (protocol.md section 7), here or at the linked hub
where it lives.

Whoever knows other hubs puts itself into `guides`. Not here: asking them (links/guests.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, Protocol

from accord.encoding import b64encode
from accord.errors import AccordError
from messaging.spaces.chains import view_of
from peers.clock import now_ms
from peers.keyring import keyring
from peers.loop import loop_bridge


class Guide(Protocol):
    """The way to linked hubs, on the loop. AccordError: wrong_server (not linked with that one), busy (it is not there
    now), and what that hub refuses with.
    """

    async def look(self, hub: bytes, space: bytes, pubkey: bytes) -> dict[str, Any]:
        """What a hub tells of a space to whoever knows the public key of an invite, as `invite_shown` does."""

    async def bring(self, hub: bytes, envelope: dict[str, Any]) -> None:
        """Have a hub store a message."""


guides: list[Guide] = []
_asking: set[asyncio.Task[None]] = set()


def invite_shown(space: bytes, pubkey: bytes) -> dict[str, Any]:
    """Of a space that is known here; AccordError("not_found") where no such invite stands."""
    view = view_of(space)
    invite = view.invites.get(pubkey)
    if invite is None or invite.left < 1 or invite.expires < now_ms():
        raise AccordError("not_found", "there is no such invite, or it stands no longer")
    return {
        "name": view.name,
        "about": view.about,
        "members": len(view.members),
        "expires": invite.expires,
        "uses_left": invite.left,
        "heads": [b64encode(ident) for ident in view.heads],
    }


def invite_shown_at(hub: bytes, space: bytes, pubkey: bytes) -> dict[str, Any]:
    """The same where the link leads to a hub, this one or another, with `hub` where that is what told it. From a view's
    thread.
    """
    try:
        return invite_shown(space, pubkey)
    except AccordError:
        if hub == keyring().hub.public:
            raise
    return {**_ask(lambda guide: guide.look(hub, space, pubkey)), "hub": b64encode(hub)}


def join_brought(hub: bytes, envelope: dict[str, Any]) -> None:
    """Have another hub store a `space.join`. From a view's thread."""
    _ask(lambda guide: guide.bring(hub, envelope))


def _ask(question: Callable[[Guide], Awaitable[Any]]) -> Any:
    async def ask(future: Future[Any]) -> None:
        try:
            if not guides:
                raise AccordError("wrong_server", "this hub is not linked with that one")
            answer = await question(guides[0])
        except Exception as error:  # noqa: BLE001 - raised again in the view's thread
            if not future.cancelled():
                future.set_exception(error)
        else:
            if not future.cancelled():  # the hub is stopping
                future.set_result(answer)

    def begin(future: Future[Any]) -> None:
        task = asyncio.create_task(ask(future))
        _asking.add(task)
        task.add_done_callback(_asking.discard)

    return loop_bridge.wait(begin)
