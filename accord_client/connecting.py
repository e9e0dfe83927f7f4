"""Connections: asking, accepting, declining; and the box keys by which others reach a device (protocol.md section 7).

Box keys are published weekly, in the feed. Not here: what a connection's keys are used for (sealed.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from accord.connections import accept_body, decline_body, new_conn_id, request_body
from accord.devices import RENEW_MS, Device, device_body, living_devices
from accord.errors import AccordError
from accord.hpke import BoxKey
from accord.message_types import MAX_BOXKEY_LIFE_MS, read_body
from accord.messages import Message, parse_envelope, verify
from accord.topics import Topic
from accord_client.compose import Composer
from accord_client.errors import ClientError
from accord_client.sealed import Sealed
from accord_client.session import Client

FEED_PAGE_MESSAGES: Final = 200
MAX_FEED_PAGES: Final = 25
AT_ONCE: Final = 16


async def post(client: Client, envelope: dict[str, Any], what: str) -> Message:
    """Send a control message of one's own; ClientError with the hub's refusal."""
    result = await client.send(envelope)
    if not result.accepted:
        raise ClientError(f"the hub does not take {what} ({result.code})")
    return verify(parse_envelope(envelope))


async def publish_boxkey(client: Client, sealed: Sealed, composer: Composer, *, now: int) -> None:
    """Publish a box key of this device where there is none younger than a week, and delete the old ones."""
    sealed.keys.forget_old(now)
    kept = sealed.keys.boxkeys()
    if kept and kept[0][1] > now - RENEW_MS:
        return
    key = BoxKey.generate()
    sealed.keys.add_boxkey(key, now)  # before anybody can seal to it
    body = device_body(key.public, created_at=now, client=client.profile.device.public)
    try:
        await post(client, composer.make("device.keys", Topic("feed", sealed.me), body), "this device's box key")
    except ClientError:
        sealed.keys.remove_boxkey(key)
        raise


async def devices_of(client: Client, users: Iterable[bytes], *, now: int) -> dict[bytes, list[Device]]:
    """The living box keys of users, from their feeds; nothing for those whose feed cannot be read."""
    feeds = await _feeds(client, users, now)
    return {user: living_devices(feed, now) for user, feed in feeds.items()}


async def boxkeys_of(client: Client, users: Iterable[bytes], *, now: int) -> dict[bytes, list[tuple[bytes, ...]]]:
    """The same as the box keys of each device: the one that lives first, then those that the device had before it."""
    feeds = await _feeds(client, users, now)
    return {user: [_with_former(device, feed) for device in living_devices(feed, now)] for user, feed in feeds.items()}


def _with_former(device: Device, feed: list[Message]) -> tuple[bytes, ...]:
    said = [read_body(message) for message in feed if message.type == "device.keys" and message.body is not None]
    former = [body["boxkey"] for body in said if device.client is not None and body.get("clientkey") == device.client]
    return (device.boxkey, *(boxkey for boxkey in former if boxkey != device.boxkey))


async def _feeds(client: Client, users: Iterable[bytes], now: int) -> dict[bytes, list[Message]]:
    found: dict[bytes, list[Message]] = {}
    waiting = list(users)
    for start in range(0, len(waiting), AT_ONCE):
        some = waiting[start : start + AT_ONCE]
        found.update(zip(some, await asyncio.gather(*(_feed(client, user, now) for user in some)), strict=True))
    return found


async def _feed(client: Client, user: bytes, now: int) -> list[Message]:
    """What a feed says of devices, as far back as a box key may live."""
    topic, messages, before = Topic("feed", user), [], None
    for _ in range(MAX_FEED_PAGES):
        try:
            page = await client.call(
                lambda connection: connection.fetch(topic, before=before, limit=FEED_PAGE_MESSAGES)  # noqa: B023
            )
        except AccordError:
            break
        messages += [item.message for item in page.messages if item.message.type in ("device.keys", "cert.revoke")]
        before = page.next
        oldest = page.messages[-1].message.created_at if page.messages else 0
        if not page.more or before is None or oldest < now - MAX_BOXKEY_LIFE_MS:
            break
    return messages


# ------------------------------------------------------------------------------------------------------------ the three


async def ask(client: Client, sealed: Sealed, composer: Composer, other: bytes) -> str:
    """Ask somebody for a connection, or accept the one that they have asked for; gives how it stands then.

    Where we have asked already, or are connected and hold its keys, nothing is sent.
    """
    if other == sealed.me:
        raise ClientError("that is yourself")
    before = sealed.connection(other)
    if before.state == "asked":
        await accept(client, sealed, composer, other)
    elif before.state not in ("asking", "connected"):
        await _request(client, sealed, composer, other)
    return sealed.connection(other).state


async def _request(client: Client, sealed: Sealed, composer: Composer, other: bytes) -> None:
    half, conn_id = BoxKey.generate(), new_conn_id()
    sealed.keys.add_half(conn_id, other, half)
    envelope = composer.make("connection.request", Topic("user", other), request_body(half.public, conn_id))
    try:
        sealed.take(await post(client, envelope, "the request"))
    except ClientError:
        sealed.keys.remove_half(conn_id)
        raise


async def accept(client: Client, sealed: Sealed, composer: Composer, other: bytes) -> None:
    """Accept what somebody has asked for; ClientError where nothing waits."""
    request = _waiting(sealed, other)
    half, conn_id = BoxKey.generate(), read_body(request)["conn_id"]
    sealed.keys.add_half(conn_id, other, half)
    envelope = composer.make("connection.accept", Topic("user", other), accept_body(half.public, conn_id))
    try:
        sealed.take(await post(client, envelope, "the answer"))
    except ClientError:
        sealed.keys.remove_half(conn_id)
        raise


async def decline(client: Client, sealed: Sealed, composer: Composer, other: bytes) -> None:
    """Decline what somebody has asked for; they see that. ClientError where nothing waits."""
    body = decline_body(read_body(_waiting(sealed, other))["conn_id"])
    sealed.take(await post(client, composer.make("connection.decline", Topic("user", other), body), "the answer"))


def _waiting(sealed: Sealed, other: bytes) -> Message:
    request = sealed.pairs.waiting(other)
    if request is None:
        raise ClientError("nothing of theirs waits for an answer")
    return request
