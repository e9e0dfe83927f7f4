"""`accord pruned`: what the hub says it has removed of a topic, checked (protocol.md sections 3 and 5).

Not here: what makes receipts good (accord/pruned.py).
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from accord.errors import AccordError
from accord.fields import time_ms
from accord.messages import parse_envelope, verify
from accord.pruned import Held, Receipt, check_copy, check_receipts
from accord.topics import Topic
from accord_client.account import bearer_token
from accord_client.commands import load_directory, open_client
from accord_client.errors import ClientError
from accord_client.lines import Output
from accord_client.profile import ProfileStore
from accord_client.rest import http_list
from accord_client.session import Client


async def pruned(store: ProfileStore, output: Output, *, target: str | None, against: str | None, as_json: bool) -> int:
    """Check the receipts of a topic, and hold them to a copy; RemoteError says what is wrong with them."""
    async with open_client(store) as client:
        topic = (await load_directory(client)).topic(target)
        hub = client.profile.hub
        horizon = -1
        while horizon != (horizon := await _horizon(client, topic)):  # the hub may prune while we ask
            values = await asyncio.to_thread(_read_receipts, store, topic)
    receipts = check_receipts(values, hub=hub, topic=topic.name, horizon=horizon)
    copy = await asyncio.to_thread(_read_copy, Path(against), topic) if against else None
    for value, receipt in zip(values, receipts, strict=True):
        if copy is not None:
            check_copy(receipt, copy)
        if as_json:
            output.raw(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))
        else:
            output.text(_line(receipt))
    if not receipts and not as_json:
        output.text("nothing has been removed")
    return 0


async def _horizon(client: Client, topic: Topic) -> int:
    rows = await client.call(lambda connection: connection.topics())
    return int(time_ms(next((row.get("horizon") for row in rows if row["topic"] == topic.name), 0)))


def _read_receipts(store: ProfileStore, topic: Topic) -> list[Any]:
    return list(http_list(bearer_token(store), f"topics/{topic.name}/pruned"))


def _line(receipt: Receipt) -> str:
    upto = datetime.fromtimestamp(receipt.horizon / 1000, tz=UTC)
    on = datetime.fromtimestamp(receipt.at / 1000, tz=UTC)
    return f"{receipt.count:,} messages from before {upto:%Y-%m-%d %H:%M} UTC, removed {on:%Y-%m-%d}"


def _read_copy(path: Path, topic: Topic) -> list[Held]:
    """The messages of a topic in a file of {cursor, message} lines, each verified; ClientError names the bad line."""
    held: list[Held] = []
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    value: dict[str, Any] = orjson.loads(line)
                    envelope = parse_envelope(value["message"])
                    if envelope.topic == topic:
                        message = verify(envelope)
                        held.append(Held(message.id, int(value["cursor"]), message.created_at, message.burn_at))
                except (AccordError, ValueError, KeyError, TypeError) as error:
                    raise ClientError(f"{path}, line {number}: no message of an export ({error})") from error
    except OSError as error:
        raise ClientError(f"cannot read {path}: {error.strerror}") from error
    return held
