"""Whether two hubs hold the same, seen from outside: messages are fetched, checked and hashed into a tree by a program
that knows protocol.md sections 1, 4 and 5 and shares no line with the hub.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from tests.e2e.plain_client import Connection, Json, check_message, id_of, label, now_ms, sha256, unb64

LEAF_MS = 4096
ROOT_LEVEL = 8
EMPTY = bytes(32)


def as_of(now: int) -> int:
    """The moment as of which trees are compared."""
    return now // 60_000 * 60_000


def root_of(messages: list[Json], at: int) -> bytes:
    """The root of a topic's tree over these messages."""
    leaves: defaultdict[int, set[bytes]] = defaultdict(set)
    for message in messages:
        header = message["header"]
        if header.get("burn_at", at + 300_001) > at + 300_000:
            leaves[header["created_at"] // LEAF_MS].add(unb64(id_of(message)))
    level = {bucket: sha256(label("merkle-leaf") + b"".join(sorted(ids))) for bucket, ids in leaves.items()}
    for _ in range(ROOT_LEVEL):
        above: defaultdict[int, list[bytes]] = defaultdict(list)
        for bucket, digest in sorted(level.items()):
            above[bucket // 16].append(bytes([bucket % 16]) + digest)
        level = {bucket: sha256(label("merkle-node") + b"".join(parts)) for bucket, parts in above.items()}
    return level.get(0, EMPTY)


async def messages_of(session: Connection, topic: str) -> list[Json]:
    """All messages of a topic, each checked; no id twice."""
    found: dict[str, Json] = {}
    place: dict[str, Any] = {}
    while True:
        page = await session.ask("fetch", topic=topic, limit=500, **place)
        for item in page["messages"]:
            check_message(item["message"])
            ident = id_of(item["message"])
            assert ident not in found, "a message comes twice"
            found[ident] = item["message"]
        if not page["more"]:
            return list(found.values())
        place = {"before": page["next"]}


async def root_from_outside(session: Connection, topic: str) -> bytes:
    """The root of what a hub gives out of a topic."""
    return root_of(await messages_of(session, topic), as_of(now_ms()))


async def roots_claimed(session: Connection) -> dict[str, bytes]:
    """The roots that a hub itself names, asked by the first frame of sync."""
    ref = next_ref()
    await session.send_json({"type": "current", "ref": ref, "at": as_of(now_ms()), "topics": [], "more": False})

    def mine() -> list[Json]:
        frames = [frame for frame in session.frames if frame.get("ref") == ref]
        assert all(frame["type"] == "current" for frame in frames), frames
        return frames if frames and not frames[-1]["more"] else []

    frames = await session.until(mine)
    return {row["topic"]: unb64(row["root"]) for frame in frames for row in frame["topics"]}


_refs = iter(range(1 << 30, 1 << 31))


def next_ref() -> int:
    """A number for a session of sync that no other request has."""
    return next(_refs)
