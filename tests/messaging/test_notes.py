"""What people say about others in their feeds, and where its addresses lead."""

from __future__ import annotations

from random import Random
from typing import Any

import orjson
import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from accord.encoding import b64decode, b64encode
from accord.keys import SigningKey
from discovery import notes as discovery_notes
from discovery.models import Sighting
from messaging import listing, notes
from messaging.models import Message
from messaging.selectors import Reader
from peers.options import load
from tests.factories import HOUR_MS, NOW, Hub, deletion, envelope, ident_of, install, person, take

pytestmark = pytest.mark.django_db

FAR, HUB_KEY = person("far away"), person("a far hub")


def note(author: SigningKey, other: SigningKey, text: str, last_update: int = NOW, **more: Any) -> dict[str, Any]:
    body = {"other_user": b64encode(other.public), "notes": text, "last_update": last_update}
    if "addresses" in more:
        body["addresses"] = more.pop("addresses")
    return envelope(author, "feed", orjson.dumps(body), type="identity.note", **more)


def said(reader: SigningKey, other: SigningKey, *, now: int = NOW) -> list[tuple[bytes, str]]:
    """Author and words, as the reader finds them."""
    found = notes.notes_about(other.public, Reader(reader.public, False, now))
    return [(each.author, words(each.item)) for each in found]


def words(item: bytes) -> str:
    body = b64decode(orjson.loads(item)["message"]["body"])
    return str(orjson.loads(body)["notes"])


def test_the_note_that_was_true_last_counts_for_each_author(hub: Hub) -> None:
    ann, bob = hub.member("ann"), hub.member("bob")
    assert (
        take(
            note(ann, FAR, "new", NOW - 1, created_at=NOW - 5),
            note(ann, FAR, "old, said later", NOW - 2),
            note(bob, FAR, "bob's", NOW - 3),
            note(bob, ann, "about ann"),
        )
        == ["stored"] * 4
    )
    assert said(bob, FAR) == [(ann.public, "new"), (bob.public, "bob's")]
    assert said(bob, ann) == [(bob.public, "about ann")]
    assert said(bob, bob) == []
    (someone, known) = sorted(notes.noted(Reader(ann.public, False, NOW), limit=9), key=lambda found: found.name or "")
    assert (someone.key, someone.name, [each.name for each in someone.notes]) == (FAR.public, None, ["ann", "bob"])
    assert (known.key, known.name) == (ann.public, "ann")
    first, second = sorted([FAR.public, ann.public])
    assert [found.key for found in notes.noted(Reader(ann.public, False, NOW), limit=1)] == [first]
    assert [found.key for found in notes.noted(Reader(ann.public, False, NOW), limit=9, after=first)] == [second]


def test_a_note_taken_back_or_burned_says_nothing(hub: Hub) -> None:
    ann = hub.member("ann")
    gone, burning = note(ann, FAR, "wrong", NOW), note(ann, FAR, "short", NOW - 1, burn_at=NOW + HOUR_MS)
    take(gone, burning, note(ann, FAR, "stays", NOW - 2))
    assert [text for _, text in said(ann, FAR)] == ["wrong"]
    assert take(deletion(ann, "feed", ident_of(gone))) == ["stored"]
    assert [text for _, text in said(ann, FAR)] == ["short"]
    assert [text for _, text in said(ann, FAR, now=NOW + HOUR_MS)] == ["stays"]
    # Whoever brings it without its body, after it was deleted, is not refused for that: or hubs could not become equal.
    Message.objects.filter(ident=ident_of(gone)).delete()
    assert take({key: gone[key] for key in ("header", "sig")}) == ["stored"]


def test_a_note_is_no_mention(hub: Hub) -> None:
    ann, bob = hub.member("ann"), hub.member("bob")
    take(note(ann, bob, "my neighbour"))
    assert listing.mentions(Reader(bob.public, False, NOW), limit=9) == ([], False)


@settings(max_examples=25)
@given(order=st.permutations(range(5)), times=st.lists(st.integers(0, 3), min_size=5, max_size=5))
def test_any_order_of_arrival_says_the_same(order: list[int], times: list[int]) -> None:
    """Newest by (last_update, created_at, id), whatever came first."""
    with transaction.atomic():
        ann = install().member("ann")
        made = [note(ann, FAR, str(number), NOW - times[number], created_at=NOW - number % 2) for number in range(5)]
        for place in order:
            take(made[place])
        best = max(range(5), key=lambda number: (NOW - times[number], NOW - number % 2, ident_of(made[number])))
        assert said(ann, FAR) == [(ann.public, str(best))]
        transaction.set_rollback(True)


def test_addresses_that_members_tell_of_are_looked_at(hub: Hub) -> None:
    ann = hub.member("ann")
    key = b64encode(HUB_KEY.public)
    take(
        note(
            ann, FAR, "here", addresses=[
                f"wss://far.example/ws/peer#{key}", "wss://other.example/ws/peer", "wss://far.example:99/ws/peer",
                f"wss://far.example/ws/peer#{key[:-1]}", "nowhere",
            ]
        )
    )  # fmt: skip
    found = {(row.address, bytes(row.claimed), row.how) for row in Sighting.objects.all()}
    assert found == {
        ("wss://far.example/ws/peer", HUB_KEY.public, "note"),
        ("wss://other.example/ws/peer", b"", "note"),
    }


def test_there_is_an_end_to_what_members_tell_of(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery_notes, "MAX_NOTED", 3)
    ann, bob = hub.member("ann"), hub.member("bob")
    names = [f"wss://n{number}.example/ws/peer" for number in range(5)]
    Random(1).shuffle(names)
    take(note(ann, FAR, "many", addresses=names))
    assert Sighting.objects.count() == 3
    Sighting.objects.all().delete()
    try:
        load({"find_notes": "off"})
        take(note(bob, FAR, "one", addresses=names[:1]))
    finally:
        load({})
    assert not Sighting.objects.exists()
