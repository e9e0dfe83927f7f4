"""People of other hubs: without an account name here, they are called what their profile says, with their hub's name
(protocol.md section 4, rows of `topics`).

Their profiles are read when they are needed, for names typed and for authors shown.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

from accord.errors import AccordError
from accord.message_types import read_body
from accord.topics import Topic
from accord_client.directory import Directory, parse_key
from accord_client.session import Client

MAX_LOOKED_UP: Final = 1_000
AT_ONCE: Final = 16
PAGE_MESSAGES: Final = 50

log = logging.getLogger(__name__)


async def learn_authors(client: Client, directory: Directory, keys: Iterable[bytes]) -> None:
    """Learn what these people call themselves, as far as they have no account name and a feed here."""
    unknown = [key for key in dict.fromkeys(keys) if directory.wants_profile(key)]
    for start in range(0, len(unknown), AT_ONCE):
        await asyncio.gather(*(_learn(client, directory, key) for key in unknown[start : start + AT_ONCE]))


async def learn_targets(client: Client, directory: Directory, targets: Iterable[str | None]) -> None:
    """Where a target names a person whom no account name means, learn what the people of other hubs are called."""
    names = [target.removeprefix("feed:").removeprefix("user:") for target in targets if target is not None]
    people = [name for name in names if name.startswith("@") and parse_key(name) is None]
    if any(directory.find_key(name.removeprefix("@")) is None for name in people):
        foreign = directory.foreign()
        if len(foreign) > MAX_LOOKED_UP:
            log.warning("of %d people of other hubs only %d are looked up: use a key", len(foreign), MAX_LOOKED_UP)
        await learn_authors(client, directory, foreign[:MAX_LOOKED_UP])


async def _learn(client: Client, directory: Directory, key: bytes) -> None:
    topic = Topic("feed", key)
    name = None
    try:
        page = await client.call(lambda connection: connection.fetch(topic, limit=PAGE_MESSAGES))
        for item in page.messages:  # the newest first
            if item.message.type == "profile" and item.message.body is not None and not item.message.crit:
                name = str(read_body(item.message)["display_name"])
                break
    except AccordError as error:
        log.debug("no profile in %s: %s", topic.name, error)
    directory.learn(key, name)
