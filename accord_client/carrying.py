"""Letting one's hub carry: certificates by which linked hubs hand it what is addressed to its user (protocol.md section
4, `serve`). On unless the user has said no; that is the account's choice, and the hub keeps it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from accord import certs
from accord.encoding import b64decode
from accord.errors import AccordError, RemoteError
from accord.keys import SigningKey
from accord_client.connection import Connection
from accord_client.errors import ConnectionLost

RENEW_BEFORE_MS: Final = 10 * 24 * 3600 * 1000
LOOK_SECONDS: Final = 12 * 3600
SERIAL_BYTES: Final = certs.SERIAL_BYTES


@dataclass(frozen=True, slots=True)
class Carried:
    """Whether the hub carries for its user: if that is wanted, the keys of the hubs it is linked with, until when (ms)
    it is blessed for them, and the serials of the certificates that it holds.
    """

    carry: bool
    hubs: list[bytes]
    until: dict[bytes, int]
    serials: list[bytes]


def _read(answer: dict[str, Any], hub: bytes) -> Carried:
    until: dict[bytes, int] = {}
    serials: list[bytes] = []
    rows = answer.get("blessings")
    for row in rows if isinstance(rows, list) else []:
        if not isinstance(row, dict) or type(row.get("until")) is not int or not isinstance(row.get("servers"), list):
            raise RemoteError("bad_request", "blessings: {serial, servers, until} expected")
        serials.append(b64decode(row.get("serial"), SERIAL_BYTES))
        for server in row["servers"]:
            if server != "*":
                key = b64decode(server, 32)
                until[key] = max(row["until"], until.get(key, 0))
    told = answer.get("hubs")
    hubs = {b64decode(key, 32) for key in told} if isinstance(told, list) else set()
    return Carried(answer.get("carry") is not False, sorted(hubs - {hub}), until, serials)


async def carried(connection: Connection, **fields: Any) -> Carried:
    """How the hub carries for the session's user, after `fields` of a `serve`. AccordError, ConnectionLost."""
    return _read(await connection.request("serve", **{"certs": [], **fields}), connection.hub)


async def bless(connection: Connection, user: SigningKey, *, now: int) -> None:
    """Sign for the hubs for which the own one has no certificate, or one that ends soon; for none if that is not
    wanted.
    """
    state = await carried(connection)
    wanted = [hub for hub in state.hubs if state.until.get(hub, 0) < now + RENEW_BEFORE_MS]
    if not state.carry or not wanted:
        return
    certificates = [
        certs.issue(
            user,
            client=connection.hub,
            servers=wanted[start : start + certs.MAX_SERVERS],
            issued_at=now,
            life_ms=certs.MAX_LIFE_MS,
            scope=("relay",),
        )
        for start in range(0, len(wanted), certs.MAX_SERVERS)
    ]
    await carried(connection, certs=certificates)


async def keep_blessed(connection: Connection, user: SigningKey, clock: Callable[[], int]) -> None:
    """Bless the hub now, when it is linked with others than before, and in time; until the connection ends."""
    with contextlib.suppress(ConnectionLost, AccordError):  # a hub that knows nothing of it, or says no
        while True:
            connection.linked.clear()
            await bless(connection, user, now=clock())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await connection.linked.wait()
