"""What a vault holds beside the keys of its owner: lists of small records that every device adds to, and how those of
two devices become one (protocol.md section 9, "Content").

In each list a record is known by some of its fields; of two about the same thing the later one counts, whichever device
is asked. What this program does not know it carries along. Not here: sealing and sending (vaulting.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from accord.encoding import b64decode, b64encode
from accord.errors import RemoteError
from accord_client.keystore import EpochKey, Keystore
from accord_client.profile import Profile
from accord_client.vault_room import fitted

Item = dict[str, Any]


class EpochFact(NamedTuple):
    """Of an epoch: the id of its message, or of a connection's accept, its created_at (ms), its author, the epoch
    before it, and for whom it is where that is only two.
    """

    ident: bytes
    created_at: int
    author: bytes
    prev: bytes | None = None
    users: tuple[bytes, ...] = ()


Facts = dict[bytes, EpochFact]  # by what names an epoch in the keystore


@dataclass(frozen=True, slots=True)
class Shared:
    """What one device would have the others know."""

    facts: Facts = field(default_factory=dict)
    connections: tuple[Item, ...] = ()
    reads: tuple[Item, ...] = ()


def _number(item: Item, name: str) -> int:
    value = item.get(name)
    return value if type(value) is int else 0


class _List(NamedTuple):
    """By what records are known, which of two counts (the greater), how many are kept, and which go first."""

    known_by: tuple[str, ...]
    place: Callable[[Item], Any]
    most: int
    age: str = "at"


# Fewer where they do not fit into an enclave together: vault_room.py.
_LISTS: Final = {
    "contacts": _List(("key",), lambda item: _number(item, "at"), 1_000),
    "known": _List(("key",), lambda item: _number(item, "at"), 1_500),
    "reads": _List(("conversation",), lambda item: (_number(item, "at"), str(item.get("message"))), 1_000),
    # A window that is passed is burned: the later key, whoever has it; of the same, the one of which more is known.
    "windows": _List(
        ("topic", "epoch", "id"), lambda item: (_number(item, "win"), bool(item.get("author"))), 2_000, "created_at"
    ),
    "connections": _List(("id",), lambda item: _number(item, "at"), 500),
}


def items_of(content: Item, name: str) -> list[Item]:
    """The records of a list that have the form of records."""
    found = content.get(name)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def merged(content: Item, name: str, added: Iterable[Item]) -> Item:
    """A content with other records in one of its lists; the oldest of too many are left out. The one that was given
    where nothing is new.
    """
    rule, held = _LISTS[name], items_of(content, name)

    def known_by(item: Item) -> tuple[Any, ...]:
        return tuple(item.get(part) for part in rule.known_by)

    items = {known_by(item): item for item in held}
    for item in added:
        before = items.get(known_by(item))
        if before is None or rule.place(item) > rule.place(before):
            items[known_by(item)] = item
    found = list(items.values())
    if len(found) > rule.most:
        found = sorted(found, key=lambda item: _number(item, rule.age), reverse=True)[: rule.most]
    is_same = {id(item) for item in found} == {id(item) for item in held}
    return content if is_same or not found else {**content, name: found}


def key_of(item: Item) -> bytes:
    """The user key that a record is about; nothing where it has none."""
    try:
        return b64decode(item.get("key"), 32)
    except RemoteError:
        return b""


def follows_of(content: Item) -> dict[bytes, str]:
    """Who is followed, and what they are called."""
    return {key_of(item): str(item.get("called", "")) for item in items_of(content, "contacts") if item.get("follows")}


def verified_in(content: Item) -> frozenset[bytes]:
    """The keys that were compared with their owners."""
    return frozenset(key_of(item) for item in items_of(content, "known") if item.get("verified")) - {b""}


def reads_of(content: Item) -> list[tuple[str, int, bytes]]:
    """How far was read where: (conversation, created_at in ms and id of the last message)."""
    found = []
    for item in items_of(content, "reads"):
        try:
            found.append((str(item.get("conversation")), _number(item, "at"), b64decode(item.get("message"), 32)))
        except RemoteError:
            continue
    return found


def restore(keys: Keystore, content: Item) -> None:
    """Keep the windows' keys of a vault's content; what is damaged is passed over."""
    for item in items_of(content, "windows"):
        try:
            numbers = [item.get(name) for name in ("epoch", "win", "window_ms")]
            epoch, win, window_ms = (number for number in numbers if type(number) is int)
            key, ident = b64decode(item.get("key"), 32), b64decode(item.get("id"), 32)
        except (RemoteError, ValueError):
            continue
        keys.put_epoch(EpochKey(str(item.get("topic")), ident, epoch, win, window_ms, key))


def _windows(keys: Keystore, facts: Facts) -> Iterable[Item]:
    for held in keys.all_epochs():
        fact = facts.get(held.ident)
        if fact is None:
            continue  # its message has lost against another one, or has not come: other devices could not place it
        item = {
            "topic": held.topic,
            "epoch": held.epoch,
            "id": b64encode(fact.ident),
            "author": b64encode(fact.author),
            "win": held.win,
            "window_ms": held.window_ms,
            "key": b64encode(held.key),
            "created_at": fact.created_at,
        }
        if fact.prev is not None:
            item["prev"] = b64encode(fact.prev)
        if fact.users:
            item["users"] = [b64encode(user) for user in fact.users]
        yield item


def with_own(content: Item, profile: Profile, keys: Keystore, shared: Shared, now: int) -> Item:
    """A vault's content with what this device has beside it."""
    known = [{"key": b64encode(key), "verified": True, "at": now} for key in profile.verified - verified_in(content)]
    there = {key_of(item) for item in items_of(content, "contacts")}
    contacts = [
        {"key": b64encode(key), "follows": True, "at": now, **({"called": name} if name else {})}
        for key, name in profile.follows.items()
        if key not in there
    ]
    # They have no time of their own here: what there is no room for would come anew each time.
    known, contacts = (
        items[: max(0, _LISTS[name].most - len(items_of(content, name)))]
        for name, items in (("known", known), ("contacts", contacts))
    )
    lists: dict[str, Iterable[Item]] = {"windows": _windows(keys, shared.facts), "known": known, "contacts": contacts}
    lists |= {"connections": shared.connections, "reads": shared.reads}
    for name, items in lists.items():
        content = merged(content, name, items)
    return fitted(content)
