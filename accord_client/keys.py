"""Keys and whose they are: comparing, the recovery code (protocol.md section 8; `accord verify` and `accord recovery`).

What was compared is kept in the profile. Not here: asking others to vouch, which is done in a browser.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from accord import certs
from accord.encoding import b64decode, b64encode, canonical
from accord.errors import AccordError, RemoteError
from accord.keys import SigningKey, fingerprint
from accord.message_types import read_body
from accord.messages import create, parse_envelope, verify
from accord.replacing import (
    RECOVERY_CODE,
    make_recovery_proof,
    make_replacement_proof,
    recovery_key,
)
from accord.statements import HubAdmin
from accord.topics import Topic
from accord.words import key_words
from accord_client.commands import load_directory, open_client
from accord_client.connection import Connection
from accord_client.discovery import hub_document
from accord_client.errors import ClientError, ConnectionLost, LoginRefused, ProfileError
from accord_client.join import connect_as, finish_join, log_in_as
from accord_client.key_changes import followed_on, sentence, unseen_changes
from accord_client.lines import Output
from accord_client.profile import Profile, ProfileStore
from accord_client.session import now_ms
from accord_client.terminal import clean_line

PAGE_MESSAGES: Final = 50

log = logging.getLogger(__name__)


# ---------------------------------------------------------------------------------------------------------- comparing


async def verify_person(store: ProfileStore, output: Output, *, who: str, yes: bool) -> int:
    """Show the words of my key and somebody's; with `yes`, or once they are said to be the same, keep that."""
    async with open_client(store) as client:
        directory = await load_directory(client, f"@{who.removeprefix('@')}")
        key = directory.person(who)
        name, mine = clean_line(directory.name_of(key)), client.profile.user.public
        if key == mine:
            raise ClientError("that is yourself: others compare your key with you")
        output.text(f"{name}: {fingerprint(key)}")
        if changes := unseen_changes(client.profile, directory, key):
            output.text(f"{name} has a new key since you compared or followed the one before:")
            for change in changes:
                output.text(f"- {sentence(change, directory)}")
        output.text(f"words of both keys: {' '.join(key_words(mine, key))}")
    is_known = key in store.load().verified
    if not yes and not is_known:
        if not sys.stdin.isatty():
            output.text(f"not compared yet: when {name} sees the same words, run this again with --yes")
            return 0
        yes = _answer(f"does {name} see the same words in your card? [y/N] ").lower() in ("y", "yes")
    if yes and not is_known:
        store.update(lambda profile: replace(profile, verified=profile.verified | {key}))
    if yes or is_known:
        store.update(lambda profile: followed_on(profile, directory, key))
    output.text("compared" if yes or is_known else "not compared")
    return 0


def _answer(question: str) -> str:
    sys.stderr.write(question)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise ClientError("no answer was given")
    return line.strip()


# ------------------------------------------------------------------------------------------------------- recovery code


async def recovery_make(store: ProfileStore, output: Output) -> int:
    """Print a fresh recovery code once, and set it when its last group has been typed back."""
    code = RECOVERY_CODE.new()
    groups = RECOVERY_CODE.groups(code)
    async with open_client(store) as client:
        user, hub = client.profile.user, client.profile.hub
        output.text(" ".join(groups))
        log.warning("write it down: it is shown this once, and whoever has it can take your account")
        if _answer(f"type its last group (number {len(groups)}) to use it: ").upper() != groups[-1]:
            raise ClientError("that is not its last group: nothing was changed")
        recovery = recovery_key(code, hub)
        proof = make_recovery_proof(recovery, hub=hub, user=user.public)
        body = {"recovery": b64encode(recovery.public), "proof": b64encode(proof)}
        sent = await client.send(_control(user, hub, "set_recovery", body))
        if not sent.accepted:
            raise ClientError(f"the hub does not take the recovery code ({sent.code})")
    output.text("the recovery code is set; where your key is older than a day it counts from tomorrow")
    return 0


def _control(author: SigningKey, hub: bytes, type_: str, body: dict[str, Any]) -> dict[str, Any]:
    return create(author, type=type_, to=Topic("hub", hub).name, body=canonical(body), created_at=now_ms())


def read_address(address: str) -> tuple[str, bytes]:
    """The origin and the key in a hub's address as people pass it on; ClientError."""
    parts = urlsplit(address.strip())
    try:
        key = b64decode(parts.fragment, 32)
    except RemoteError as error:
        raise ClientError("the hub's address with its key is needed, like https://hub#KEY") from error
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ClientError("the hub's address with its key is needed, like https://hub#KEY")
    return f"{parts.scheme}://{parts.netloc}", key


async def recovery_use(store: ProfileStore, output: Output, *, address: str) -> int:
    """Come back to an account by its recovery code, read from standard input: new keys take its place at once."""
    origin, hub = read_address(address)
    try:
        recovery = recovery_key(RECOVERY_CODE.parse(_answer("recovery code: ")), hub)
    except RemoteError as error:
        raise ClientError(error.detail) from error
    document = await hub_document(origin, hub)
    if store.exists() and store.load().claim != recovery.public:
        raise ProfileError(f"the profile {store.name!r} has an account already: recover with --profile ANOTHER")
    if not store.exists():
        user, device = SigningKey.generate().seed, SigningKey.generate().seed
        store.save(Profile(user, device, "", hub, origin, document.ws, claim=recovery.public))
    profile = store.load()
    session = await log_in_as(profile) if profile.claim_sent else None
    if session is None:
        await _take_over(profile, recovery, store, admin=document.admin)
        session = await log_in_as(profile)
    if session is None:
        raise ClientError("the hub has not taken the new key: run the same command again")
    async with session:
        profile = await finish_join(session, store)
    output.text(f"back as {clean_line(profile.account_name)} on {clean_line(profile.url)}")
    return 0


async def _take_over(profile: Profile, recovery: SigningKey, store: ProfileStore, *, admin: HubAdmin | None) -> None:
    device = SigningKey.generate()
    certificate = certs.issue(recovery, client=device.public, servers=[profile.hub], issued_at=now_ms())
    try:
        connection = await connect_as(profile.ws, profile.hub, device, certificate)
    except LoginRefused as error:
        raise ClientError("this hub knows no account with that code, or it does not count yet") from error
    async with connection:
        old = await _old_key(connection, recovery.public, profile.hub)
        if old is None and admin is not None:
            old = admin.user  # the code of an owner's link, which nobody has set
        if old is None:
            raise ClientError("the hub does not show whose recovery code this is")
        body = {
            "new_pubkey": b64encode(profile.user.public),
            "proof": b64encode(make_replacement_proof(profile.user, hub=profile.hub, old=old)),
            "pubkey": b64encode(old),
        }
        store.update(lambda kept: replace(kept, claim_sent=True))
        try:
            (result,) = await connection.publish([_control(recovery, profile.hub, "replace_account", body)])
        except ConnectionLost:
            return  # it may have arrived: the next login shows it
        except AccordError as error:
            raise ClientError(f"the hub refuses the new key ({error.code})") from error
        if result.get("status") == "rejected":
            raise ClientError(f"the hub refuses the new key ({result.get('code')})")


async def _old_key(connection: Connection, recovery: bytes, hub: bytes) -> bytes | None:
    """The account's key, by what it has signed itself; None where it has not set this recovery key."""
    topic = Topic("hub", hub)
    page = await connection.request("fetch", topic=topic.name, limit=PAGE_MESSAGES)
    for row in page.get("messages") or []:
        try:
            message = verify(parse_envelope(row.get("message")))
            if message.type == "set_recovery" and message.topic == topic and read_body(message)["recovery"] == recovery:
                return message.author
        except RemoteError:
            continue
    return None
