"""Who serves whom: whatever is shown, revoked and forgotten, in whatever order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accord import certs
from accord.encoding import b64encode, canonical
from accord.errors import AccordError, RemoteError
from accord.statements import make_statement
from peers import blessings, registry
from peers.keyring import keyring
from peers.models import Blessing, Hub
from tests.factories import HOUR_MS, NOW, envelope, install, person, take
from tests.factories import Hub as World

HUBS = [person("hub a").public, person("hub b").public]
PEOPLE = ["ann", "bob", "carl", "dora"]  # the first two are members
DAY_MS = 24 * HOUR_MS

quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def hub(db: None) -> World:
    return install()


def blessing(who: str, hub: bytes, server: bytes, *, now: int = NOW, life_ms: int = DAY_MS) -> dict[str, Any]:
    """A certificate with which somebody blesses a hub for another one."""
    return certs.issue(person(who), client=hub, servers=[server], issued_at=now, life_ms=life_ms, scope=("relay",))


def revocation(who: str, now: int, **body: bytes) -> dict[str, Any]:
    value = canonical({name: b64encode(item) for name, item in body.items()})
    return envelope(person(who), "feed", value, type="cert.revoke", created_at=now)


@dataclass
class Model:
    """What the table should hold: (user, hub, serial) with the expiration."""

    now: int = NOW
    rows: dict[tuple[str, bytes, bytes], int] = field(default_factory=dict)
    revoked: set[tuple[str, bytes]] = field(default_factory=set)  # user with a serial or a hub's key
    begun: list[tuple[bytes, bytes]] = field(default_factory=list)

    def living(self) -> set[tuple[str, bytes]]:
        return {(who, hub) for (who, hub, _), until in self.rows.items() if until > self.now}

    def add(self, who: str, hub: bytes, value: dict[str, Any], serial: bytes) -> bool:
        """Whether it is taken."""
        if {(who, serial), (who, hub)} & self.revoked or value["expiration"] <= self.now:
            return False
        if (who, hub) not in self.living() and hub in HUBS:
            self.begun.append((person(who).public, hub))
        self.rows[(who, hub, serial)] = value["expiration"]
        return True

    def revoke(self, who: str, what: bytes) -> None:
        self.revoked.add((who, what))
        self.rows = {row: until for row, until in self.rows.items() if row[0] != who or what not in row[1:]}


STEPS = st.one_of(
    st.tuples(st.just("show"), st.integers(0, 3), st.integers(0, 1), st.integers(1, 30)),
    st.tuples(st.just("bless"), st.integers(0, 1), st.integers(0, 1), st.integers(1, 30)),
    st.tuples(st.just("again"), st.integers(0, 3), st.integers(0, 1), st.integers(1, 30)),
    st.tuples(st.just("serial"), st.integers(0, 3), st.integers(0, 1), st.just(0)),
    st.tuples(st.just("key"), st.integers(0, 3), st.integers(0, 2), st.just(0)),
    st.tuples(st.just("wait"), st.just(0), st.just(0), st.integers(1, 40)),
    st.tuples(st.just("sweep"), st.just(0), st.just(0), st.just(0)),
)


@pytest.fixture
def begun() -> Iterator[list[tuple[bytes, bytes]]]:
    """What the hooks hear."""
    heard: list[tuple[bytes, bytes]] = []

    def hook(user: bytes, hub: bytes, now: int) -> None:
        assert transaction.get_connection().in_atomic_block
        heard.append((user, hub))

    registry.blessing_hooks.append(hook)
    yield heard
    registry.blessing_hooks.remove(hook)


@pytest.mark.django_db
@quick
@given(steps=st.lists(STEPS, max_size=25))
def test_the_table_says_who_is_served(begun: list[tuple[bytes, bytes]], steps: list[tuple[str, int, int, int]]) -> None:
    with transaction.atomic():
        begun.clear()
        world, model = install(), Model()
        own = keyring().hub.public
        for name in PEOPLE[:2]:
            world.member(name)
        shown: list[tuple[str, bytes, dict[str, Any]]] = []
        for step, which, where, days in steps:
            who, hub = PEOPLE[which], [*HUBS, own][where]
            if step in ("show", "bless"):
                by, server = (own, hub) if step == "bless" else (hub, own)
                value = blessing(who, by, server, now=model.now, life_ms=days * DAY_MS)
                shown.append((who, by, value))
                present(model, who, by, value)
            elif step == "again" and shown:
                present(model, *shown[days % len(shown)])
            elif step == "serial" and shown:
                who, _, value = shown[which % len(shown)]
                serial = certs.verify_certificate(value, server=None, now=value["issued_at"]).serial
                assert take(revocation(who, model.now, serial=serial), now=model.now) == ["stored"]
                model.revoke(who, serial)
            elif step == "key":
                assert take(revocation(who, model.now, clientkey=hub), now=model.now) == ["stored"]
                model.revoke(who, hub)
            elif step == "wait":
                model.now += days * DAY_MS // 2
            elif step == "sweep":
                blessings.blessings_expire(now=model.now)
                assert not Blessing.objects.filter(expiration__lte=model.now).exists()
            check(model, own)
        assert begun == model.begun
        transaction.set_rollback(True)


def present(model: Model, who: str, by: bytes, value: dict[str, Any]) -> None:
    """Show a certificate in the way it would come; the hub takes it when the model does."""
    serial = certs.verify_certificate(value, server=None, now=value["issued_at"]).serial
    expected = model.add(who, by, value, serial)
    if by == keyring().hub.public:
        try:
            blessings.own_take({"certs": [value]}, user=person(who).public, now=model.now)
            taken = True
        except RemoteError:
            taken = False
    else:
        served = blessings.serve_take({"certs": [value]}, hub=by, now=model.now)
        taken = person(who).public in served.users
    assert taken == expected


def check(model: Model, own: bytes) -> None:
    users = [person(who).public for who in PEOPLE]
    living = model.living()
    for hub in (*HUBS, own):
        assert blessings.blessed_users(hub, now=model.now) == {person(who).public for who, by in living if by == hub}
    expected: dict[bytes, set[bytes]] = {}
    for who, by in living:
        if by != own:
            expected.setdefault(person(who).public, set()).add(by)
    assert blessings.blessed_hubs(users, now=model.now) == expected
    for hub in HUBS:
        told = blessings.certificates_for(hub, now=model.now)
        for value in told:  # what is told is good, there and now
            certificate = certs.verify_certificate(value, server=hub, now=model.now)
            assert (certificate.client, certificate.scope) == (own, ("relay",))
            assert any(row[0] in PEOPLE[:2] and row[2] == certificate.serial for row in model.rows)
        assert len({value["userkey"] for value in told}) == len(told)


def test_the_one_that_lasts_longest_is_told_of_each_member_who_wants_it(hub: World) -> None:
    own, there = hub.key, HUBS[0]
    for name in ("ann", "bob"):
        hub.member(name)
    short, long = (blessing("ann", own, there, life_ms=days * DAY_MS) for days in (3, 20))
    for value in (long, short):
        blessings.own_take({"certs": [value]}, user=person("ann").public, now=NOW)
    blessings.own_take({"certs": [blessing("bob", own, there)]}, user=person("bob").public, now=NOW)
    assert len(blessings.certificates_for(there, now=NOW)) == 2
    assert long in blessings.certificates_for(there, now=NOW)
    assert blessings.certificates_for(HUBS[1], now=NOW) == []
    blessings.own_take({"certs": [], "carry": False}, user=person("bob").public, now=NOW)
    assert blessings.certificates_for(there, now=NOW) == [long]
    with pytest.raises(AccordError, match="denied"):
        blessings.own_take({"certs": [blessing("bob", own, there)]}, user=person("bob").public, now=NOW)


def test_of_one_user_few_certificates_are_kept(hub: World) -> None:
    values = [blessing("carl", HUBS[0], hub.key, life_ms=days * DAY_MS) for days in range(1, 21)]
    for value in values:
        assert blessings.serve_take({"certs": [value]}, hub=HUBS[0], now=NOW).users
    kept = sorted(Blessing.objects.values_list("expiration", flat=True))
    assert kept == [value["expiration"] for value in values[-blessings.MAX_BLESSINGS_OF_A_USER :]]


def test_a_hub_serves_no_more_than_so_many(hub: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blessings, "MAX_USERS_A_HUB", 2)
    for name in ("carl", "dora"):
        blessings.serve_take({"certs": [blessing(name, HUBS[0], hub.key)]}, hub=HUBS[0], now=NOW)
    with pytest.raises(AccordError, match="quota"):
        blessings.serve_take({"certs": [blessing("eve", HUBS[0], hub.key)]}, hub=HUBS[0], now=NOW)
    again = blessing("carl", HUBS[0], hub.key, life_ms=2 * DAY_MS)
    assert blessings.serve_take({"certs": [again]}, hub=HUBS[0], now=NOW).users
    assert blessings.serve_take({"certs": [blessing("eve", HUBS[1], hub.key)]}, hub=HUBS[1], now=NOW).users


def told(name: str = "hub a", admin: str = "their admin", at: int = NOW) -> dict[str, Any]:
    return make_statement(person(name), type="set_admin", at=at, user=b64encode(person(admin).public))


def test_hubs_are_linked_once_they_have_proved_their_key_and_not_for_ever(hub: World) -> None:
    heard, proved = HUBS[1], HUBS[0]
    blessings.hub_seen(admin=told("hub b"), name="b", proved=False, now=NOW)
    assert blessings.linked_hubs(now=NOW) == []
    blessings.hub_seen(admin=told(), name="a", proved=True, now=NOW)
    assert blessings.linked_hubs(now=NOW) == [proved]
    assert blessings.linked_hubs(now=NOW + blessings.LINKED_MS) == []
    registry.linked_hubs.append(lambda: [heard])
    try:
        assert blessings.linked_hubs(now=NOW) == sorted([heard, proved])
    finally:
        registry.linked_hubs.pop()
    blessings.hub_forget(proved)
    assert blessings.linked_hubs(now=NOW) == []


def test_a_users_relays_tell_of_few_hubs(hub: World) -> None:
    teller = person("ann").public
    for number in range(blessings.MAX_HUBS_OF_A_USER):
        blessings.hub_seen(admin=told(f"hub {number}"), name="x", proved=number % 2 == 0, now=NOW, by=teller)
    for proved in (False, True):
        with pytest.raises(AccordError, match="quota"):
            blessings.hub_seen(admin=told("one more"), name="x", proved=proved, now=NOW, by=teller)
    blessings.hub_seen(admin=told("hub 0"), name="known", proved=True, now=NOW, by=teller)
    blessings.hub_seen(admin=told("one more"), name="x", proved=False, now=NOW)


def test_names_of_hubs_hide_nothing(hub: World) -> None:
    for name in ("\u202ebuh\u0000\n", "\u200b"):
        blessings.hub_seen(admin=told(), name=name, proved=True, now=NOW)
        assert Hub.objects.get().name == "buh"


def test_a_hub_tells_of_itself_first_and_of_those_it_knows(hub: World) -> None:
    blessings.hub_seen(admin=told(), name="a", proved=True, now=NOW)
    (frame,) = blessings.serve_frames(HUBS[1], now=NOW)
    assert [entry["admin"]["hub"] for entry in frame["hubs"]] == [b64encode(hub.key), b64encode(HUBS[0])]
    frame = {**frame, "hubs": [*frame["hubs"], {"name": "b", "admin": told("hub b")}]}
    blessings.serve_take(frame, hub=HUBS[1], now=NOW)  # what it says of us, and of hubs that we know, changes nothing
    assert sorted(Hub.objects.values_list("name", "last_seen")) == [("a", NOW), ("b", NOW)]
