"""Reports that open sealed messages: the judge sees what the author signed, of these messages and of no others."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from accord import bodies
from accord.encoding import b64encode
from accord.keys import SigningKey
from accord.messages import parse_envelope, verify
from messaging import opened, reports
from messaging.models import Report
from messaging.selectors import Reader
from peers.models import Account
from tests.factories import (
    NOW,
    Hub,
    account_of,
    connected,
    deletion,
    envelope,
    ident_of,
    install,
    key_of,
    sealed,
    store,
    take,
)
from tests.messaging.private import SECRET, Space, epoch


@pytest.fixture
def hub(db: None) -> Hub:
    """A fresh hub."""
    return install()


@pytest.fixture
def people(hub: Hub) -> list[SigningKey]:
    """The admin's invitee ann, hers bob, and dora."""
    ann = hub.member("ann", invites=50)
    return [ann, hub.member("bob", by=ann), hub.member("dora")]


def entry(value: dict[str, Any], key: bytes | None = None) -> dict[str, str]:
    """What a report says to open a message."""
    return {"id": b64encode(ident_of(value)), "key": b64encode(key_of(value) if key is None else key)}


def report(hub: Hub, author: SigningKey, about: SigningKey, *entries: dict[str, str]) -> dict[str, Any]:
    """A report that names and opens messages."""
    body = {"pubkey": about.public, "reason": "abuse", "messages": [one["id"] for one in entries]}
    return hub.control(author, "report", {**body, "opened": list(entries)})


def shown_to(key: SigningKey, of: str = "turn") -> reports.Shown:
    account = account_of(key)
    reader = Reader(key.public, account.kind == Account.Kind.ADMIN, NOW)
    (shown,) = reports.reports_for(account.pk, reader, of=of, limit=10)
    return shown


def told(author: SigningKey, now: int = NOW) -> list[tuple[str, str]]:
    """Text, or why there is none."""
    found = opened.told(bytes(Report.objects.get().opened), author=author.public, now=now)
    return [(one.text, one.wrong) for one in found]


def test_the_judge_gets_the_sealed_message_and_its_key(hub: Hub, people: list[SigningKey]) -> None:
    ann, bob, dora = people
    private = connected(bob, dora)
    one = sealed(bob, private, {"text": "I know where you live"})
    store(one, sealed(bob, private, "something else"))
    assert take(report(hub, dora, bob, entry(one))) == ["stored"]
    shown = shown_to(ann)
    assert shown.opened == [{"id": ident_of(one), "key": key_of(one)}]
    (item,) = shown.messages
    message = verify(parse_envelope(orjson.loads(item)["message"]))
    assert message.author == bob.public
    assert bodies.open_with_message_key(message, shown.opened[0]["key"]) == b'{"text":"I know where you live"}'
    assert shown_to(dora, "mine").opened == shown.opened


def test_keys_are_kept_of_what_the_reported_wrote_and_the_reporter_reads(hub: Hub, people: list[SigningKey]) -> None:
    ann, bob, dora = people
    private = connected(bob, dora)
    foreign, hers = sealed(bob, connected(bob, ann), "to somebody else"), sealed(dora, private, "her own")
    absent, gone = sealed(bob, private, "never sent"), sealed(bob, private, "deleted")
    store(foreign, hers, gone, deletion(bob, private, ident_of(gone)))
    entries = [entry(value) for value in (foreign, hers, absent, gone)]
    assert take(report(hub, dora, bob, *entries)) == ["stored"]
    assert bytes(Report.objects.get().opened) == b""
    shown = shown_to(ann)
    assert (shown.opened, shown.quoted) == ([], 4)
    names = {orjson.loads(item)["id"] for item in shown.messages}
    assert names == {b64encode(ident_of(foreign))}, "which ann reads, reported or not"


def test_a_wrong_key_and_what_is_no_text_are_said_to_be_so(hub: Hub, people: list[SigningKey]) -> None:
    _, bob, dora = people
    private = connected(bob, dora)
    lied, odd = sealed(bob, private, "good morning"), sealed(bob, private, {"text": 1})
    picture = {"blob": b64encode(bytes([7]) * 32), "key": b64encode(bytes(32)), "name": "a.png", "size": 1}
    shared = sealed(bob, private, {"text": "look", "files": [{**picture, "media": "image/png"}]})
    clear = envelope(bob, hub.lounge, "in the open")
    store(lied, odd, shared, clear)
    assert take(report(hub, dora, bob, entry(lied, bytes(44)), entry(odd), entry(shared), entry(clear))) == ["stored"]
    assert [bool(wrong) for _, wrong in told(bob)] == [True, True, False, True]
    found = list(opened.told(bytes(Report.objects.get().opened), author=bob.public, now=NOW))
    assert (found[2].text, found[2].files) == ("look", (bytes([7]) * 32,))


def test_what_burns_or_is_deleted_is_gone_from_reports_too(hub: Hub, people: list[SigningKey]) -> None:
    ann, bob, dora = people
    private = connected(bob, dora)
    burning, deleted = sealed(bob, private, "burning", burn_at=NOW + 1000), sealed(bob, private, "deleted")
    store(burning, deleted)
    take(report(hub, dora, bob, entry(burning), entry(deleted)))
    assert [text for text, _ in told(bob)] == ["burning", "deleted"]
    take(deletion(bob, private, ident_of(deleted)))
    assert [text for text, _ in told(bob, NOW + 1000)] == ["", ""]
    assert all(wrong for _, wrong in told(bob, NOW + 1000))
    account = account_of(ann)
    later = Reader(ann.public, is_admin=False, now=NOW + 1000)
    (shown,) = reports.reports_for(account.pk, later, of="turn", limit=10)
    bodiless = [orjson.loads(item)["message"] for item in shown.messages]
    assert [("body" in value) for value in bodiless] == [False]


def test_who_was_warned_sees_neither_messages_nor_keys(hub: Hub, people: list[SigningKey]) -> None:
    ann, bob, dora = people
    store(one := sealed(bob, connected(bob, dora), "rude"))
    value = report(hub, dora, bob, entry(one))
    closing = hub.control(ann, "report.close", {"report": ident_of(value), "verdict": "warned"})
    assert take(value, closing) == ["stored", "stored"]
    warning = shown_to(bob, "warnings")
    assert (warning.messages, warning.opened, warning.reporter) == ([], [], None)


def test_admins_of_the_space_delete_what_the_operator_cannot(hub: Hub, people: list[SigningKey]) -> None:
    ann, bob, dora = people
    space = Space(ann)
    said = [space.create()]
    opened_channel, channel = space.channel()
    said += [opened_channel, space.invite(SECRET), space.join(bob, SECRET), space.join(dora, SECRET)]
    assert take(*said, epoch(ann, channel, 1)) == ["stored"] * 6
    rude = sealed(bob, channel, "rude")
    assert take(rude) == take(report(hub, dora, bob, entry(rude))) == ["stored"]
    assert told(bob) == [("rude", "")]
    by_operator, by_admin = (deletion(key, channel, ident_of(rude)) for key in (hub.admin, ann))
    assert take(by_operator, deletion(dora, channel, ident_of(rude))) == ["not_found", "denied"]
    assert take(by_admin, space.member(bob, "none")) == ["stored"] * 2
    assert [text for text, _ in told(bob)] == [""]
