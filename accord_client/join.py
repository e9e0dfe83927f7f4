"""Joining a hub by an invite link (protocol.md section 8).

The new keys are on the disk before the claim is sent. Whatever happens in between, the same command again finishes:
where the claim has arrived the new key can log in. A circle's link has several places; a claim that was begun keeps to
its own, so that tries of a code are counted where they are told. Not here: claiming in a browser, replacing a real
account.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from accord import certs
from accord.errors import AccordError, RemoteError
from accord.invites import InviteLink, normalize_code, parse_link
from accord.keys import SigningKey
from accord.names import normalize_name
from accord_client.compose import Composer, claim
from accord_client.connection import Connection, connect
from accord_client.directory import Directory
from accord_client.discovery import HubDocument, hub_document
from accord_client.errors import ClientError, ConnectionLost, HubUnreachable, LoginRefused, ProfileError, Stopped
from accord_client.offers import NoLonger, Offer, end_of, places, read_offer
from accord_client.profile import Profile, ProfileStore
from accord_client.session import KEY_CHANGED, fresh_certificate, now_ms

log = logging.getLogger(__name__)


class NameTaken(ClientError):
    """The hub has an account of that name already; the invite is still good."""


class CodeNeeded(ClientError):
    """The claim code is missing or wrong; the invite is still good."""


def _read_link(link: str) -> InviteLink:
    try:
        return parse_link(link)
    except RemoteError as error:
        raise ClientError(error.detail) from error


async def look(link: str) -> Offer | None:
    """What a link offers, before anything is claimed; None where its hub does not say. NoLonger, ClientError."""
    invite = _read_link(link)
    document = await hub_document(invite.origin, invite.hub)
    temporary, connection = await _first_place(invite, document.ws, places(invite, b""))
    async with connection:
        return await read_offer(connection, temporary.public, invite.hub)


async def join(
    link: str, name: str, store: ProfileStore, *, display_name: str | None = None, code: str | None = None
) -> Profile:
    """Claim the account behind a link under `name` and write the profile.

    ClientError with a sentence for the person; NameTaken when another name is to be tried with the same link,
    CodeNeeded when another code is.
    """
    invite = _read_link(link)
    try:
        account_name = normalize_name(name)
        code = normalize_code(code) if code else None
    except RemoteError as error:
        raise ClientError(error.detail) from error
    document = await hub_document(invite.origin, invite.hub)
    kept = store.load().claim if store.exists() else b""
    keys = places(invite, kept)
    profile = _prepare(store, invite, document, keys[0], account_name)
    connection = await log_in_as(profile) if profile.claim_sent or profile.joined else None
    if connection is None:
        connection = await _claim_a_place(profile, invite, keys, store, account_name, code)
    async with connection:
        return await finish_join(connection, store, display_name or (None if profile.joined else name.strip()))


def _prepare(
    store: ProfileStore, invite: InviteLink, document: HubDocument, temporary: SigningKey, account_name: str
) -> Profile:
    """The profile with its keys, on the disk."""
    if not store.exists():
        store.save(
            Profile(
                user_seed=SigningKey.generate().seed,
                device_seed=SigningKey.generate().seed,
                account_name=account_name,
                hub=invite.hub,
                url=invite.origin,
                ws=document.ws,
                claim=temporary.public,
            )
        )
        return store.load()
    kept = store.load()
    if kept.joined and kept.claim != temporary.public:
        raise ProfileError(
            f"the profile {store.name!r} is already {kept.account_name} on {kept.url}: join with --profile ANOTHER"
        )
    if kept.hub != invite.hub:
        raise ProfileError(
            f"the profile {store.name!r} has an unfinished join on {kept.url}: finish it with that link, "
            "or join with --profile ANOTHER"
        )
    return store.update(lambda profile: replace(profile, url=invite.origin, ws=document.ws))


async def connect_as(ws: str, hub: bytes, device: SigningKey, certificate: dict[str, Any]) -> Connection:
    """A session; LoginRefused where the hub does not let it in, else a sentence for the person."""
    try:
        return await connect(ws, device, certificate, hub)
    except LoginRefused as error:
        if error.code == "wrong_server":
            raise Stopped(KEY_CHANGED) from error
        if error.authenticated and error.code in ("denied", "unauthorized"):
            raise
        raise HubUnreachable(f"the hub does not log anyone in now ({error.code}): try again later") from error
    except RemoteError as error:
        if error.code == "wrong_server":
            raise Stopped(KEY_CHANGED) from error
        raise ClientError(f"{ws} does not answer as a hub ({error})") from error
    except HubUnreachable as error:
        raise HubUnreachable(f"the hub at {ws} cannot be reached: {error}") from error


async def log_in_as(profile: Profile) -> Connection | None:
    """A session of the new user; None where the hub does not know it (yet)."""
    try:
        return await connect_as(profile.ws, profile.hub, profile.device, fresh_certificate(profile, now_ms()))
    except LoginRefused as error:
        log.debug("the new key cannot log in: %s", error)
        return None


async def _first_place(invite: InviteLink, ws: str, keys: Sequence[SigningKey]) -> tuple[SigningKey, Connection]:
    """The first temporary key that the hub lets in, and its session; NoLonger where it lets in none."""
    reasons = []
    for temporary in keys:
        device = SigningKey.generate()
        certificate = certs.issue(temporary, client=device.public, servers=[invite.hub], issued_at=now_ms())
        try:
            return temporary, await connect_as(ws, invite.hub, device, certificate)
        except LoginRefused as error:
            if error.code == "unauthorized":
                raise ClientError(
                    "the hub refuses the invite's certificate: is this computer's clock wrong?"
                ) from error
            reasons.append(error.reason)
    raise end_of(reasons)


async def _claim_a_place(
    profile: Profile,
    invite: InviteLink,
    keys: Sequence[SigningKey],
    store: ProfileStore,
    account_name: str,
    code: str | None,
) -> Connection:
    """Turn one of the temporary accounts into the profile's, another where somebody was faster; gives a session of the
    new user.
    """
    for _ in range(len(keys) + 1):  # who was too late is told so at the next login
        temporary, connection = await _first_place(invite, profile.ws, keys)
        async with connection:
            offer = await read_offer(connection, temporary.public, invite.hub)
            profile = store.update(
                lambda kept: replace(
                    kept,
                    account_name=account_name,
                    claim=temporary.public,  # noqa: B023 - called at once
                    home=offer.channels[0].name if offer and offer.channels else "",  # noqa: B023
                    follows={**kept.follows, offer.inviter: ""} if offer else kept.follows,  # noqa: B023
                )
            )
            is_decided = await _claim(connection, profile, temporary, store, code)
        if is_decided:
            session = await log_in_as(profile)
            if session is None:
                raise ClientError("the hub has not taken the claim: run the same command again")
            return session
    raise NoLonger("used")


async def _claim(
    connection: Connection, profile: Profile, temporary: SigningKey, store: ProfileStore, code: str | None
) -> bool:
    """Send the claim; False where the place was taken meanwhile."""
    envelope = claim(
        temporary, profile.user, hub=profile.hub, account_name=profile.account_name, code=code, now=now_ms()
    )
    store.update(lambda kept: replace(kept, claim_sent=True))
    try:
        result = (await connection.publish([envelope]))[0]
    except ConnectionLost:
        log.debug("the connection ended before the answer to the claim")
        return True
    except AccordError as error:
        result = {"status": "rejected", "code": error.code}
    if result.get("status") != "rejected":
        return True
    store.update(lambda kept: replace(kept, claim_sent=False))
    _refused(profile.account_name, result, code)
    return False


def _refused(account_name: str, result: dict[str, Any], code: str | None) -> None:
    """Say why a claim was refused; returns where the place is simply gone."""
    why, tries = str(result.get("code")), result.get("tries")
    if why == "conflict":
        raise NameTaken(f"the name {account_name} is taken on this hub: choose another")
    if why == "gone":
        raise ClientError("the hub finds the claim too old: is this computer's clock wrong?")
    if why != "denied":
        raise ClientError(f"the hub refuses the claim ({why})")
    if type(tries) is not int:
        return
    if tries <= 0:
        raise NoLonger("locked")
    if code is None:
        raise CodeNeeded("this invite needs a claim code, which whoever invited you tells you: give it with --code")
    left = "one try is left" if tries == 1 else f"{tries} tries are left"
    raise CodeNeeded(f"that is not the claim code: {left}, then the invite is locked")


async def finish_join(connection: Connection, store: ProfileStore, display_name: str | None = None) -> Profile:
    """Learn the name that the account has, write the profile as joined, say the display name."""
    profile = store.load()
    me = profile.user.public
    directory = Directory(me)
    directory.replace(await connection.topics())
    account_name = directory.find_name(me) or profile.account_name
    follows = {key: name or directory.find_name(key) or "" for key, name in profile.follows.items()}
    profile = store.update(
        lambda kept: replace(kept, account_name=account_name, joined=True, claim_sent=True, follows=follows)
    )
    if display_name:
        result = (await connection.publish([Composer(profile.user, now_ms).profile(display_name)]))[0]
        if result.get("status") == "rejected":
            log.warning("the hub did not take the display name (%s)", result.get("code"))
    return profile
