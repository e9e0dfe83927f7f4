"""Linking two hubs by an invite of the other operator (protocol.md sections 4 and 8): the invite is claimed for the
admin's user of this hub, who blesses this hub there.

The admin's key is on the disk for good: whatever happens in between, the same link again finishes. Not here: dialling
(dialler.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import Any, Final

from accord import certs
from accord.errors import AccordError, RemoteError
from accord.invites import InviteLink, parse_link, temporary_key
from accord.keys import SigningKey
from accord_client.compose import claim
from accord_client.connection import Connection, connect
from accord_client.discovery import HubDocument, hub_document
from accord_client.errors import ClientError, HubUnreachable, LoginRefused
from discovery.models import Sighting
from discovery.services import sighting_note
from links.addresses import peer_address
from links.models import Link
from links.services import link_make
from peers.clock import now_ms
from peers.keyring import keyring
from peers.options import HUB_NAME

MAX_SECONDS: Final = 30
MAX_ACCOUNT_NAME: Final = 24
USED: Final = "that invite has been used or has expired: ask the other operator for a new one"


def link_claim(text: str, *, everything: bool = False) -> Link:
    """Link this hub to the one that an invite link names; the running hub dials it by itself. In a thread.

    AccordError, with a sentence for the operator: bad_request (no invite link), conflict (this hub's own), wrong_server
    (another hub answers there), denied (used or expired), busy (it cannot be reached), internal (it refuses the claim).
    """
    invite = parse_link(text)
    if invite.hub == keyring().hub.public:
        raise AccordError("conflict", "that link leads to this hub itself")
    if invite.people > 1:
        raise AccordError("bad_request", "that link is for a circle of people: ask for an invite of this hub's own")
    try:
        document = asyncio.run(_have_account(invite))
    except HubUnreachable as error:
        raise AccordError("busy", str(error)) from error
    except ClientError as error:
        cause = error.__cause__
        raise AccordError(cause.code if isinstance(cause, RemoteError) else "internal", str(error)) from error
    except TimeoutError as error:
        raise AccordError("busy", f"{invite.origin} does not answer") from error
    link = link_make(key=invite.hub, name=document.name, origin=invite.origin, everything=everything, now=now_ms())
    with contextlib.suppress(RemoteError):
        address = peer_address(invite.origin, document.ws)
        sighting_note(how=Sighting.How.INVITE, address=address, claimed=invite.hub, now=now_ms())
    return link


async def _have_account(invite: InviteLink) -> HubDocument:
    """See that the admin's user has an account there; gives the hub's document."""
    async with asyncio.timeout(MAX_SECONDS):
        document = await hub_document(invite.origin, invite.hub)
        ws = peer_address(invite.origin, document.ws)
        try:
            await (await _log_in(ws, invite.hub, keyring().admin, keyring().hub)).close()
        except AccordError as error:
            if error.code != "denied":
                raise
            await _claim(ws, invite)
    return document


async def _log_in(ws: str, hub: bytes, user: SigningKey, peer: SigningKey) -> Connection:
    certificate = certs.issue(user, client=peer.public, servers=[hub], issued_at=now_ms())
    try:
        return await connect(ws, peer, certificate, hub)
    except LoginRefused as error:
        if error.authenticated and error.code == "denied":
            raise AccordError("denied", USED) from error
        if error.code == "unauthorized":
            raise AccordError("unauthorized", "it refuses our certificate: is one of the two clocks wrong?") from error
        raise AccordError(error.code, f"it does not log us in ({error.code})") from error
    except RemoteError as error:
        raise AccordError(error.code, "what answers there is not that hub") from error


async def _claim(ws: str, invite: InviteLink) -> None:
    temporary, admin = temporary_key(invite.secret), keyring().admin
    async with await _log_in(ws, invite.hub, temporary, SigningKey.generate()) as session:
        for name in account_names(HUB_NAME.value, keyring().hub.public):
            envelope = claim(temporary, admin, hub=invite.hub, account_name=name, code=None, now=now_ms())
            result: dict[str, Any] = (await session.publish([envelope]))[0]
            if result.get("status") != "rejected":
                return
            if result.get("code") != "conflict":
                break
    raise AccordError("internal", f"the other hub refuses the claim ({result.get('code')})")


def account_names(hub_name: str, key: bytes) -> tuple[str, ...]:
    """What the admin's account there may be called: after this hub; if that name is taken, with a part of its key."""
    slug = re.sub(r"[^a-z0-9]+", "-", hub_name.lower()).strip("-")[:MAX_ACCOUNT_NAME].strip("-") or "hub"
    return (slug if len(slug) >= 3 else f"hub-{slug}", f"{slug}-{key.hex()[:6]}")
