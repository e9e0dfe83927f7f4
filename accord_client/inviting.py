"""`accord invite`: a link for one person or a circle, paid from one's own invites (protocol.md section 8).

The link's secret is made here and printed once. Not here: what a link offers (offers.py), joining by one (join.py),
the list of one's invites (the web client, the REST API).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import orjson

from accord.encoding import b64encode, canonical
from accord.errors import AccordError, RemoteError
from accord.invites import InviteLink, hash_code, new_code, new_link, placeholder_name, show_code, temporary_key
from accord.message_types import MAX_LED_CHANNELS, TEMPORARY_LIFE_MS
from accord.names import normalize_name
from accord.topics import Topic
from accord_client.commands import load_directory, open_client
from accord_client.compose import Composer
from accord_client.errors import ClientError
from accord_client.lines import Output
from accord_client.profile import ProfileStore
from accord_client.session import Client, now_ms

HOUR_MS: Final = 3_600_000
MAX_HOURS: Final = TEMPORARY_LIFE_MS // HOUR_MS
SPARE_MS: Final = 60_000  # between this computer's clock and the hub's


@dataclass(frozen=True, slots=True)
class Wanted:
    """A new invite: `name` is suggested; `invites`, `messages` and `bytes` go along with each account, None for no
    limit; `channels` are targets, in order.
    """

    name: str | None
    hours: int
    invites: int
    messages: int | None
    bytes: int | None
    has_code: bool
    channels: tuple[str, ...]
    people: int


async def _common_fields(client: Client, wanted: Wanted, expires: int) -> dict[str, Any]:
    given = {"invites": wanted.invites or None, "messages": wanted.messages, "bytes": wanted.bytes}
    common: dict[str, Any] = {field: value for field, value in given.items() if value is not None}
    if wanted.channels:
        directory = await load_directory(client, *wanted.channels)
        topics = list(dict.fromkeys(directory.topic(target) for target in wanted.channels))
        if any(topic.kind != "chan" for topic in topics) or len(topics) > MAX_LED_CHANNELS:
            raise ClientError(f"--channel names a channel, {MAX_LED_CHANNELS} of them at most")
        common["channels"] = [b64encode(topic.ident) for topic in topics]
    return {**common, "kind": "temp", "expires": expires}


async def _bodies(link: InviteLink, name: str, code: str | None, common: dict[str, Any]) -> list[dict[str, Any]]:
    bodies = []
    for place in link.places:
        temporary = temporary_key(link.secret, place).public
        body = {**common, "pubkey": b64encode(temporary), "account_name": name or placeholder_name()}
        if code is not None:
            body["code_hash"] = b64encode(await asyncio.to_thread(hash_code, code, temporary))
        bodies.append(body)
    return bodies


async def _publish(client: Client, type_: str, bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A result for each of these control messages; they may be sent twice, and count once."""
    composer = Composer(client.profile.user, now_ms)
    hub = Topic("hub", client.profile.hub)
    envelopes = [composer.make(type_, hub, canonical(body)) for body in bodies]
    return await client.call(lambda connection: connection.publish(envelopes))


async def _pay(client: Client, bodies: list[dict[str, Any]]) -> None:
    """Add all of these accounts, or none; ClientError says why."""
    results = await _publish(client, "add_user", bodies)
    code = next((str(result.get("code")) for result in results if result.get("status") == "rejected"), None)
    if code is None:
        return
    stored = [
        body["pubkey"] for body, result in zip(bodies, results, strict=True) if result.get("status") != "rejected"
    ]
    if stored:
        await _publish(client, "remove_user", [{"pubkey": key, "mode": "subtree", "at": now_ms()} for key in stored])
    if code == "quota":
        raise ClientError("you have not enough invites left for that")
    if code == "conflict":
        raise ClientError("the suggested name is in use here: suggest another")
    raise ClientError(f"the hub does not take the invite ({code})")


async def invite(store: ProfileStore, output: Output, *, wanted: Wanted, as_json: bool) -> int:
    """Make an invite and print its link, and its claim code apart from it."""
    try:
        name = normalize_name(wanted.name) if wanted.name else ""
    except RemoteError as error:
        raise ClientError(error.detail) from error
    if name and wanted.people > 1:
        raise ClientError("a name is for one: leave out --name or --people")
    code = new_code() if wanted.has_code else None
    async with open_client(store) as client:
        link = new_link(client.profile.url, client.profile.hub, people=wanted.people)
        expires = now_ms() + min(wanted.hours * HOUR_MS, TEMPORARY_LIFE_MS - SPARE_MS)
        try:
            bodies = await _bodies(link, name, code, await _common_fields(client, wanted, expires))
            await _pay(client, bodies)
        except AccordError as error:
            raise ClientError(f"the hub does not take the invite ({error.code})") from error
    if as_json:
        shown = {} if code is None else {"code": show_code(code)}
        facts = {"link": str(link), "expires": expires, "people": wanted.people, **shown}
        output.raw(orjson.dumps(facts, option=orjson.OPT_APPEND_NEWLINE))
        return 0
    output.text(str(link))
    times = "once" if wanted.people == 1 else f"{wanted.people} times"
    output.text(f"It works {times}, for {'1 hour' if wanted.hours == 1 else f'{wanted.hours} hours'}.")
    if code is not None:
        output.text(f"The claim code, to be told by other means than the link: {show_code(code)}")
    return 0
