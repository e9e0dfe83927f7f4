"""The strangers' door: work, vouchers, tickets, answers; nothing that is said shows who has an account."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accord import pow, vouchers
from accord.errors import AccordError
from accord.keys import SigningKey
from accord.messages import parse_envelope
from messaging import door, strangers
from messaging.admission import Publisher, Right, admit
from messaging.batch import MAX_UNANSWERED
from messaging.models import Message, Receipt, Topic
from messaging.prune import store_prune
from peers import options
from peers.keyring import keyring
from peers.models import User
from tests.factories import HOUR_MS, NOW, Hub, deletion, envelope, ident_of, inbox, person, take

DAY_MS = 24 * HOUR_MS
EVE = person("eve")


def work(value: dict[str, Any], bits: int = 1) -> dict[str, Any]:
    """What work shows for a message; a bit of it is enough here."""
    parsed, ring = parse_envelope(value), keyring()
    given = {"server": ring.hub.public, "key": parsed.author, "purpose": "mail", "difficulty": bits, "now": NOW}
    challenge = pow.make_challenge(ring.secret, **given)
    return {"challenge": challenge, "counter": pow.solve(challenge, parsed.id)}


def ticket(value: dict[str, Any], given_at: int = NOW - vouchers.WAIT_MS) -> dict[str, Any]:
    parsed = parse_envelope(value)
    return {"ticket": door.ticket_make(parsed.author, parsed.id, now=given_at)}


def voucher(by: SigningKey, stranger: SigningKey = EVE, **fields: Any) -> dict[str, Any]:
    given = {"hub": keyring().hub.public, "stranger": stranger.public, "issued_at": NOW, **fields}
    return {"voucher": vouchers.make_voucher(by, **given)}


def mail(to: SigningKey, text: str = "hello", by: SigningKey = EVE, **fields: Any) -> dict[str, Any]:
    return envelope(by, inbox(to), text, type="mail.text", **fields)


def word(value: dict[str, Any], proof: dict[str, Any] | None = None, user: SigningKey | None = EVE) -> str:
    """What a stranger under the certificate of `user` is told of a message."""
    publisher = Publisher(Right.STRANGER, user=user and user.public)
    try:
        return take(admit(parse_envelope(value), publisher, now=NOW, proof=proof))[0]
    except AccordError as error:
        return error.code


def held(to: SigningKey) -> int:
    return Message.objects.filter(topic__kind="user", topic__ident=to.public).count()


@pytest.mark.parametrize("show", [partial(work, bits=16), ticket], ids=["work", "ticket"])
def test_each_way_in_is_the_same_for_everybody(hub: Hub, show: Any) -> None:
    ann, nobody = hub.member("ann"), person("nobody")
    for to in (ann, nobody):
        first, second = mail(to), mail(to, "again")
        assert word(first) == word(first, user=None) == "pow_needed"
        assert word(first, show(first)) == "stored"
        assert word(second, show(first)) == "pow_needed"  # for that message only
        assert word(first) == "pow_needed"  # held or dropped: what has been let in once shows nothing
        assert word(first, show(first), user=None) == "stored"
    assert (held(ann), held(nobody)) == (1, 0)
    assert not User.objects.filter(key=nobody.public).exists()


def test_a_voucher_is_a_members_and_for_one_stranger(hub: Hub) -> None:
    ann, bob, nobody = hub.member("ann"), hub.member("bob"), person("nobody")
    for to in (ann, nobody):
        assert word(mail(to, "from ann"), voucher(ann)) == "stored"
        assert word(mail(to, "and again"), voucher(bob)) == "stored"
        assert word(mail(to), voucher(nobody)) == "pow_needed"
        assert word(mail(to), voucher(hub.temporary(f"guest-{to.public.hex()[:8]}"))) == "pow_needed"
        assert word(mail(to), voucher(ann, person("mallory"))) == "pow_needed"
        assert word(mail(to), voucher(ann, hub=bytes(32))) == "pow_needed"
        assert word(mail(to), voucher(ann, issued_at=NOW - 30 * DAY_MS)) == "pow_needed"
        assert word(mail(to), {"voucher": "no"}) == "bad_request"
    assert held(ann) == 2


def test_a_ticket_has_its_time(hub: Hub) -> None:
    value = mail(hub.member("ann"))
    assert word(value, ticket(value, NOW - vouchers.WAIT_MS + 1)) == "pow_needed"
    assert word(value, ticket(value, NOW - vouchers.TICKET_LIFE_MS)) == "pow_needed"
    with pytest.raises(AccordError) as refusal:
        admit(parse_envelope(value), Publisher(Right.STRANGER), now=NOW, proof=ticket(value, NOW))
    assert refusal.value.retry_ms == vouchers.WAIT_MS
    assert word(value, ticket(value, NOW - vouchers.TICKET_LIFE_MS + 1)) == "stored"


def test_who_is_answered_is_free_towards_that_person(hub: Hub) -> None:
    ann, bob = hub.member("ann"), hub.member("bob")
    first = mail(ann)
    assert word(first, work(first)) == "stored"
    assert take(envelope(ann, inbox(EVE), "who are you?")) == ["stored"]
    assert word(mail(ann, "eve")) == "stored"
    assert word(mail(ann, "eve"), user=None) == "pow_needed"  # that it is eve must have been proved
    assert word(mail(ann, "mallory", by=person("mallory"))) == "pow_needed"
    assert word(mail(bob)) == "pow_needed"
    words = [word(mail(ann, f"{number}")) for number in range(MAX_UNANSWERED)]
    assert words == ["stored"] * MAX_UNANSWERED
    assert held(ann) == 1 + MAX_UNANSWERED  # three since the answer, of four


def test_open_and_shut(hub: Hub) -> None:
    ann, nobody = hub.member("ann"), person("nobody")
    try:
        options.load({"strangers": "open"})
        assert {word(mail(to, f"{n}"), user=None) for to in (ann, nobody) for n in range(MAX_UNANSWERED + 1)} == {
            "stored"
        }
        assert held(ann) == MAX_UNANSWERED
        for closed in ("friends", "closed"):  # the second is what an earlier version called it
            options.load({"strangers": closed})
            assert word(mail(ann, "x"), work(mail(ann, "x"))) == "denied"
    finally:
        options.load({})


def test_the_price_follows_what_comes_kept_or_not() -> None:
    load, later = door.Load(), NOW + (door.LOAD_MINUTES - 1) * door.MINUTE_MS
    for _ in range(3):
        load.note(NOW)
    load.note(later)
    assert [load.recent(at) for at in (NOW, later, later + door.MINUTE_MS)] == [3, 4, 1]
    before = door.load
    try:
        door.load = load  # type: ignore[misc]
        prices = []
        for count in range(8 * door.CALM_MAIL + 1):
            if count in (0, door.CALM_MAIL - 4, door.CALM_MAIL, 2 * door.CALM_MAIL, 4 * door.CALM_MAIL):
                prices.append(door.price(later) - door.DIFFICULTY.value)
            load.note(later)
        assert prices == [0, 1, 1, 2, 3]
        for _ in range(100 * door.CALM_MAIL):
            load.note(later)
        assert door.price(later) == pow.MAX_DIFFICULTY
    finally:
        door.load = before  # type: ignore[misc]


def test_a_name_that_nobody_has_has_a_key(hub: Hub) -> None:
    hub.temporary("waiting")
    ann = hub.member("ann")
    assert door.key_of_name("ann") == ann.public
    decoys = {name: door.key_of_name(name) for name in ("nobody", "somebody", "waiting")}
    assert len(set(decoys.values())) == 3
    assert decoys == {name: door.key_of_name(name) for name in decoys}
    assert not User.objects.filter(key__in=decoys.values()).exists()


steps = st.lists(
    st.tuples(
        st.sampled_from(["none", "work", "ticket", "voucher", "again"]),
        st.integers(0, 2),  # which stranger
        st.sampled_from(["alone", "answer elsewhere", "delete"]),
    ),
    max_size=12,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
@pytest.mark.django_db
def test_no_order_of_mail_tells_a_member_from_nobody(steps: list[tuple[str, int, str]]) -> None:
    """The same words for mail to a member who does not answer as for mail to a key that nobody has, whatever else
    happens; and no more than the limit is kept.
    """
    from django.db import transaction

    from tests.factories import install

    with transaction.atomic():
        hub = install()
        ann, bob, nobody = hub.member("ann"), hub.member("bob"), person("nobody")
        eves = [person(f"eve {number}") for number in range(3)]
        shows = {"none": lambda _v, _e: None, "work": lambda v, _e: work(v), "ticket": lambda v, _e: ticket(v)}
        shows["voucher"] = lambda _v, eve: voucher(bob, eve)
        last: dict[int, int] = {}
        for number, (way, which, beside) in enumerate(steps):
            eve = eves[which]
            text = f"{last.setdefault(which, number)}" if way == "again" else f"{number}"
            if way != "again":
                last[which] = number
            said = []
            for to in (ann, nobody):
                value = mail(to, text, by=eve)
                said.append(word(value, shows["none" if way == "again" else way](value, eve), user=eve))
            assert said[0] == said[1], (way, said)
            if beside == "answer elsewhere":
                take(envelope(bob, inbox(eve), f"hello {number}"))
            elif beside == "delete" and said[0] == "stored":
                take(deletion(ann, inbox(ann), ident_of(mail(ann, text, by=eve))))
            for each in eves:
                kept = Message.objects.filter(topic__ident=ann.public, author__key=each.public, body__isnull=False)
                assert kept.count() <= MAX_UNANSWERED
        assert held(nobody) == 0
        transaction.set_rollback(True)


# --------------------------------------------------------------------------------------------------- strangers' inboxes


def test_a_strangers_inbox_has_its_bounds(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = hub.member("ann")
    for number in range(3):
        value = mail(ann, "hello", by=person(f"eve {number}"))
        assert word(value, work(value), user=None) == "stored"
    monkeypatch.setattr(strangers, "MAX_INBOX_BYTES", 2_000)
    monkeypatch.setattr(strangers, "MAX_INBOXES", 2)
    assert take(envelope(ann, inbox(person("eve 0")), "x" * 1_000)) == ["stored"]
    assert take(envelope(ann, inbox(person("eve 0")), "y" * 1_000)) == ["quota"]
    assert take(envelope(ann, inbox(person("eve 1")), "hello")) == ["stored"]
    assert take(envelope(ann, inbox(person("eve 2")), "hello")) == ["quota"]
    assert take(envelope(ann, inbox(hub.member("bob")), "z" * 3_000)) == ["stored"]


def test_old_answers_to_strangers_go(hub: Hub) -> None:
    ann = hub.member("ann")
    value = mail(ann)
    assert word(value, work(value)) == "stored"
    assert take(envelope(ann, inbox(EVE), "old"), envelope(ann, inbox(ann), "a note")) == ["stored"] * 2
    soon = NOW + 20 * DAY_MS
    assert take(envelope(ann, inbox(EVE), "new", created_at=soon), now=soon) == ["stored"]
    later = NOW + strangers.MAX_AGE_MS + DAY_MS
    assert strangers.inboxes_trim(now=later) == 1
    assert strangers.inboxes_trim(now=later) == 0
    store_prune(goal=None, now=later)
    assert (held(EVE), held(ann)) == (1, 2)
    assert Receipt.objects.get().count == 1
    assert Topic.objects.get(kind="user", ident=EVE.public).count == 1
