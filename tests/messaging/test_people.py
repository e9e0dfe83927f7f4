"""Blocking and muting, and reports: who is told of what, and before whom a report comes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accord import vouchers
from accord.keys import SigningKey
from accord.messages import parse_envelope
from accord.topics import Topic
from messaging import contacts, reports
from messaging.admission import Publisher, Right, admit
from messaging.fanout import may_read
from messaging.models import ContactMark, Message, Report
from messaging.selectors import Reader, page, readable
from peers.models import Account
from tests.factories import HOUR_MS, NOW, Hub, account_of, admitted, envelope, ident_of, inbox, install, person, take

EVE = person("eve")
DAY_MS = 24 * HOUR_MS


def mark(hub: Hub, owner: SigningKey, other: SigningKey, state: str, **fields: Any) -> dict[str, Any]:
    return hub.control(owner, "contact.mark", {"pubkey": other.public, "state": state}, **fields)


def mail(to: SigningKey, text: str = "hello") -> Any:
    return admitted(envelope(EVE, inbox(to), text, type="mail.text"), Right.STRANGER)


def held(to: SigningKey) -> int:
    return Message.objects.filter(topic__kind="user", topic__ident=to.public).count()


def read_by(user: SigningKey, topic: Topic, *, is_admin: bool = False) -> int:
    """How many messages of a topic somebody is shown."""
    found, _ = page(topic, Reader(user.public, is_admin, NOW), limit=100)
    return len(found)


# ---------------------------------------------------------------------------------------------------- blocked and muted


def test_what_a_blocked_stranger_writes_is_dropped_unsaid(hub: Hub) -> None:
    ann, bob = hub.member("ann"), hub.member("bob")
    assert take(mail(ann, "1"), mark(hub, ann, EVE, "blocked")) == ["stored", "stored"]
    assert take(mail(ann, "2"), mail(bob)) == ["stored", "stored"]
    assert (held(ann), held(bob)) == (1, 1)
    assert take(mark(hub, ann, EVE, "muted", created_at=NOW + 1), mail(ann, "3")) == ["stored", "stored"]
    assert held(ann) == 2


def test_a_block_takes_back_what_its_member_has_vouched(hub: Hub) -> None:
    ann, bob = hub.member("ann"), hub.member("bob")
    voucher = {"voucher": vouchers.make_voucher(ann, hub=hub.key, stranger=EVE.public, issued_at=NOW)}

    def outcome(text: str) -> str:
        value = parse_envelope(envelope(EVE, inbox(bob), text, type="mail.text"))
        return take(admit(value, Publisher(Right.STRANGER), now=NOW, proof=voucher))[0]

    assert outcome("1") == "stored"
    assert take(mark(hub, ann, EVE, "muted")) == ["stored"]
    assert outcome("2") == "stored"
    assert take(mark(hub, ann, EVE, "blocked", created_at=NOW + 1)) == ["stored"]
    assert outcome("3") == "pow_needed"


def test_a_mark_is_its_authors_alone(hub: Hub) -> None:
    ann, bob = hub.member("ann"), hub.member("bob")
    before = {key: read_by(key, hub.topic, is_admin=key is hub.admin) for key in (ann, bob, hub.admin)}
    assert take(mark(hub, ann, bob, "blocked")) == ["stored"]
    after = {key: read_by(key, hub.topic, is_admin=key is hub.admin) for key in (ann, bob, hub.admin)}
    assert [after[key] - before[key] for key in (ann, bob, hub.admin)] == [1, 0, 0]
    rows = Message.objects.filter(type="contact.mark")
    assert rows.filter(readable(Reader(hub.admin.public, True, NOW))).count() == 0
    assert contacts.marks_of(ann.public, limit=10)[0].key == bob.public
    assert contacts.marks_of(bob.public, limit=10) == []
    assert take(mark(hub, ann, ann, "muted")) == ["bad_request"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.permutations(range(4)),
    states=st.lists(st.sampled_from(["blocked", "muted", "none"]), min_size=4, max_size=4),
)
@pytest.mark.django_db
def test_the_newest_mark_counts_in_whatever_order_they_come(order: list[int], states: list[str]) -> None:
    from django.db import transaction

    with transaction.atomic():
        hub = install()
        ann, bob = hub.member("ann"), hub.member("bob")
        values = [mark(hub, ann, bob, state, created_at=NOW + number // 2) for number, state in enumerate(states[:4])]
        for number in order:
            assert take(values[number]) in (["stored"], ["duplicate"])
        newest = max(values, key=lambda value: (value["header"]["created_at"], ident_of(value)))
        row = ContactMark.objects.get()
        assert (row.at, bytes(row.ident)) == (newest["header"]["created_at"], ident_of(newest))
        transaction.set_rollback(True)


# -------------------------------------------------------------------------------------------------------------- reports


@pytest.fixture
def line(hub: Hub) -> list[SigningKey]:
    """The admin's invitee ann, hers bob, his carl."""
    ann = hub.member("ann", invites=50)
    bob = hub.member("bob", by=ann, invites=10)
    return [ann, bob, hub.member("carl", by=bob)]


def report(hub: Hub, author: SigningKey, about: SigningKey, **body: Any) -> dict[str, Any]:
    return hub.control(author, "report", {"pubkey": about.public, "reason": "spam", **body})


def close(hub: Hub, author: SigningKey, of: dict[str, Any], verdict: str = "dismissed", **body: Any) -> dict[str, Any]:
    return hub.control(author, "report.close", {"report": ident_of(of), "verdict": verdict, **body})


def whose_turn() -> str:
    return Report.objects.get().turn.name  # type: ignore[union-attr]


def turns_of(key: SigningKey, of: str = "turn") -> list[reports.Shown]:
    account = account_of(key)
    reader = Reader(key.public, account.kind == Account.Kind.ADMIN, NOW)
    return reports.reports_for(account.pk, reader, of=of, limit=10)


def test_a_report_climbs_the_tree_of_the_reported(hub: Hub, line: list[SigningKey]) -> None:
    ann, bob, carl = line
    dora = hub.member("dora")
    assert take(report(hub, dora, carl)) == ["stored"]
    assert whose_turn() == "bob"
    assert [len(turns_of(key)) for key in (hub.admin, ann, bob, carl, dora)] == [0, 0, 1, 0, 0]
    later = NOW + reports.REPORT_HOURS.value * HOUR_MS
    assert (reports.reports_move(now=later - 1), whose_turn()) == (0, "bob")
    before = read_by(ann, hub.topic)
    assert (reports.reports_move(now=later), whose_turn()) == (1, "ann")
    assert read_by(ann, hub.topic) == before + 1
    assert (reports.reports_move(now=later), whose_turn()) == (0, "ann")
    assert reports.reports_move(now=later + DAY_MS) == 1
    assert reports.reports_move(now=later + 9 * DAY_MS) == 0
    assert [len(turns_of(key)) for key in (hub.admin, ann, bob)] == [1, 0, 0]
    assert turns_of(hub.admin)[0].moves_at is None


def test_who_reports_is_passed_over_and_strangers_come_before_the_admin(hub: Hub, line: list[SigningKey]) -> None:
    _, bob, carl = line
    assert take(report(hub, bob, carl)) == ["stored"]
    assert whose_turn() == "ann"
    Report.objects.all().delete()
    assert take(report(hub, bob, EVE)) == ["stored"]
    assert len(turns_of(hub.admin)) == 1
    assert take(report(hub, bob, bob)) == ["bad_request"]
    assert take(report(hub, bob, hub.admin)) == ["denied"]


def test_a_judge_who_is_frozen_or_gone_is_passed_over(hub: Hub, line: list[SigningKey]) -> None:
    _, bob, carl = line
    dora = hub.member("dora")
    take(report(hub, dora, carl))
    Account.objects.filter(user__key=bob.public).update(frozen_at=NOW, frozen_until=NOW + 1)
    assert (reports.reports_move(now=NOW), whose_turn()) == (1, "ann")
    Report.objects.update(turn=None)
    assert (reports.reports_move(now=NOW), whose_turn()) == (1, "ann")


def test_a_report_is_closed_once_by_its_judge_or_one_above(hub: Hub, line: list[SigningKey]) -> None:
    ann, bob, carl = line
    dora = hub.member("dora")
    value = report(hub, dora, carl)
    take(value)
    for other in (carl, dora, hub.member("fred", by=bob)):
        assert take(close(hub, other, value)) == ["not_found"]
    assert take(close(hub, ann, value, "warned", text="Once a week is enough.")) == ["stored"]
    assert take(close(hub, bob, value)) == ["conflict"]
    assert turns_of(bob) == []
    (mine,) = turns_of(dora, "mine")
    (warning,) = turns_of(carl, "warnings")
    assert (mine.state, mine.answer) == ("warned", "Once a week is enough.")
    assert (warning.reporter, warning.text, warning.messages) == (None, "", [])


def test_who_is_reported_learns_only_of_a_warning(hub: Hub, line: list[SigningKey]) -> None:
    _, bob, carl = line
    dora = hub.member("dora")
    for verdict, heard in (("dismissed", 0), ("warned", 1)):
        before = read_by(carl, hub.topic)
        value = report(hub, dora, carl, text=verdict)
        assert take(value, close(hub, bob, value, verdict)) == ["stored", "stored"]
        assert read_by(carl, hub.topic) == before + heard


def test_a_judge_sees_of_what_was_reported_what_he_may_read(hub: Hub, line: list[SigningKey]) -> None:
    _, bob, carl = line
    dora = hub.member("dora")
    public, private = envelope(carl, hub.lounge, "buy!"), envelope(carl, inbox(dora), "buy!!")
    assert take(public, private) == ["stored", "stored"]
    ids = [parse_envelope(value).header["body_hash"] and ident_of(value) for value in (public, private)]
    from accord.encoding import b64encode

    assert take(report(hub, dora, carl, messages=[b64encode(ident) for ident in ids])) == ["stored"]
    (shown,) = turns_of(bob)
    assert (shown.quoted, len(shown.messages)) == (2, 1)
    assert b64encode(ids[0]).encode() in shown.messages[0]
    (mine,) = turns_of(dora, "mine")
    assert len(mine.messages) == 2


def test_open_reports_of_one_member_are_few(hub: Hub, line: list[SigningKey], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "MAX_OPEN_REPORTS", 2)
    dora = hub.member("dora")
    values = [report(hub, dora, line[2], text=f"{number}") for number in range(3)]
    assert take(*values) == ["stored", "stored", "quota"]
    assert take(close(hub, hub.admin, values[0]), values[2]) == ["stored", "stored"]


def test_live_marks_and_reports_reach_whom_they_concern(hub: Hub, line: list[SigningKey]) -> None:
    """`may_read` says of a session what the database says of a reader."""
    from types import SimpleNamespace

    from messaging.selectors import stored_between
    from peers.sessions import Role

    ann, bob, carl = line
    dora = hub.member("dora")
    value = report(hub, dora, carl)
    take(mark(hub, dora, carl, "muted"), value, close(hub, bob, value, "warned"))
    newest = Message.objects.order_by("-cursor").values_list("cursor", flat=True)[0]
    stored, _ = stored_between(newest - 3, newest, limit=10)
    for key in (hub.admin, ann, bob, carl, dora):
        session: Any = SimpleNamespace(
            user=key.public,
            role=Role.ADMIN if key is hub.admin else Role.MEMBER,
            served=frozenset(),
            former=frozenset(),
        )
        reader = Reader(key.public, key is hub.admin, NOW)
        may = set(reader.rows().filter(cursor__gt=newest - 3).values_list("cursor", flat=True))
        assert {entry.cursor for entry in stored if may_read(session, entry)} == may
