"""Joining a hub by an invite link (protocol.md section 8).

The new keys are on the disk before the claim is sent. Whatever happens in between, the same command again finishes:
where the claim has arrived the new key can log in. Not here: claiming in a browser, replacing a real account.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any, Final

from accord import certs
from accord.errors import AccordError, RemoteError
from accord.invites import InviteLink, parse_link, temporary_key
from accord.keys import SigningKey
from accord.names import normalize_name
from accord_client.compose import Composer, claim
from accord_client.connection import Connection, connect
from accord_client.directory import Directory
from accord_client.discovery import HubDocument, hub_document
from accord_client.errors import ClientError, ConnectionLost, HubUnreachable, LoginRefused, ProfileError, Stopped
from accord_client.profile import Profile, ProfileStore
from accord_client.session import KEY_CHANGED, fresh_certificate, now_ms

USED_OR_EXPIRED: Final = "this invite link has been used or has expired: ask for a new one"

log = logging.getLogger(__name__)


class NameTaken(ClientError):
    """The hub has an account of that name already; the invite is still good."""


async def join(
    link: str, name: str, store: ProfileStore, *, display_name: str | None = None, code: str | None = None
) -> Profile:
    """Claim the account behind a link under `name` and write the profile.

    ClientError with a sentence for the person; NameTaken when another name is to be tried with the same link.
    """
    try:
        invite = parse_link(link)
        account_name = normalize_name(name)
    except RemoteError as error:
        raise ClientError(error.detail) from error
    temporary = temporary_key(invite.secret)
    document = await hub_document(invite.origin, invite.hub)
    profile = _prepare(store, invite, document, temporary, account_name)
    if profile.claim_sent or profile.joined:
        connection = await _log_in_as(profile)
    else:
        connection = None
    if connection is None:
        profile = store.update(lambda kept: replace(kept, account_name=account_name, claim=temporary.public))
        connection = await _claim(profile, temporary, store, code)
    async with connection:
        return await _finish(connection, store, display_name or (None if profile.joined else name.strip()))


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


async def _connect(profile: Profile, device: SigningKey, certificate: dict[str, Any]) -> Connection:
    try:
        return await connect(profile.ws, device, certificate, profile.hub)
    except LoginRefused as error:
        if error.code == "wrong_server":
            raise Stopped(KEY_CHANGED) from error
        if error.authenticated and error.code in ("denied", "unauthorized"):
            raise
        raise HubUnreachable(f"the hub does not log anyone in now ({error.code}): try again later") from error
    except RemoteError as error:
        if error.code == "wrong_server":
            raise Stopped(KEY_CHANGED) from error
        raise ClientError(f"{profile.url} does not answer as a hub ({error})") from error
    except HubUnreachable as error:
        raise HubUnreachable(f"the hub at {profile.url} cannot be reached: {error}") from error


async def _log_in_as(profile: Profile) -> Connection | None:
    """A session of the new user; None where the hub does not know it (yet)."""
    try:
        return await _connect(profile, profile.device, fresh_certificate(profile, now_ms()))
    except LoginRefused as error:
        log.debug("the new key cannot log in: %s", error)
        return None


async def _claim(profile: Profile, temporary: SigningKey, store: ProfileStore, code: str | None) -> Connection:
    """Turn the temporary account into the profile's; gives a session of the new user."""
    device = SigningKey.generate()
    certificate = certs.issue(temporary, client=device.public, servers=[profile.hub], issued_at=now_ms())
    try:
        connection = await _connect(profile, device, certificate)
    except LoginRefused as error:
        if error.code == "unauthorized":
            raise ClientError("the hub refuses the invite's certificate: is this computer's clock wrong?") from error
        raise ClientError(USED_OR_EXPIRED) from error
    envelope = claim(
        temporary, profile.user, hub=profile.hub, account_name=profile.account_name, code=code, now=now_ms()
    )
    async with connection:
        store.update(lambda kept: replace(kept, claim_sent=True))
        try:
            result = (await connection.publish([envelope]))[0]
        except ConnectionLost:
            log.debug("the connection ended before the answer to the claim")
            result = {}
        except AccordError as error:
            result = {"status": "rejected", "code": error.code}
    if result.get("status") == "rejected":
        _refused(store, profile.account_name, str(result.get("code")), code)
    session = await _log_in_as(profile)
    if session is None:
        raise ClientError("the hub has not taken the claim: run the same command again")
    return session


def _refused(store: ProfileStore, account_name: str, why: str, code: str | None) -> None:
    store.update(lambda kept: replace(kept, claim_sent=False))
    if why == "conflict":
        raise NameTaken(f"the name {account_name} is taken on this hub: choose another")
    if why == "gone":
        raise ClientError("the hub finds the claim too old: is this computer's clock wrong?")
    if why in ("denied", "unauthorized"):
        raise ClientError(
            "the claim code is wrong"
            if code
            else "the hub refuses the claim: if you were told a claim code, give it with --code"
        )
    raise ClientError(f"the hub refuses the claim ({why})")


async def _finish(connection: Connection, store: ProfileStore, display_name: str | None) -> Profile:
    """Learn the name that the account has, write the profile as joined, say the display name."""
    profile = store.load()
    me = profile.user.public
    directory = Directory(me)
    directory.replace(await connection.topics())
    account_name = directory.find_name(me) or profile.account_name
    profile = store.update(lambda kept: replace(kept, account_name=account_name, joined=True, claim_sent=True))
    if display_name:
        result = (await connection.publish([Composer(profile.user, now_ms).profile(display_name)]))[0]
        if result.get("status") == "rejected":
            log.warning("the hub did not take the display name (%s)", result.get("code"))
    return profile
