"""Claim codes: which is right, what a wrong one costs, and that hashes are made where nobody waits for them."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from accord.encoding import b64encode
from accord.errors import RemoteError
from accord.invites import CODE_TRIES, hash_code, show_code
from accord.keys import SigningKey
from invites import codes as codes_module
from invites.checking import check_ledger
from invites.codes import Codes
from invites.models import Balance, Invitation
from invites.selectors import Invite, invite_of, tally
from invites.services import temporary_expire
from messaging.batch import Result
from peers.selectors import member_of
from peers.standing import reasons
from tests.factories import NOW, Hub, account_of, ident_of, person, snapshot, store, take

CODE = "7KQ2MXB94T"
WRONG = [f"WR0NG0000{number}" for number in range(9)]


@pytest.fixture(autouse=True)
def quick_hash(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bytes]]:
    """A hash that takes no time; gives what was hashed."""
    asked: list[tuple[str, bytes]] = []

    def hashed(code: str, temporary: bytes) -> bytes:
        asked.append((code, temporary))
        return (code.encode() + temporary)[:32]

    monkeypatch.setattr(codes_module, "hash_code", hashed)
    monkeypatch.setattr("invites.services.codes", Codes())
    return asked


def coded(hub: Hub, by: SigningKey, name: str = "guest", **body: Any) -> SigningKey:
    """A temporary account that is claimed with CODE."""
    key = person(name)
    return hub.temporary(name, by=by, code_hash=(CODE.encode() + key.public)[:32], **body)


def row(key: SigningKey) -> Invite:
    found = invite_of(key.public, now=NOW)
    assert found is not None
    return found


def one(hub: Hub, guest: SigningKey, code: str | None, *, at: int = NOW) -> Result:
    (result,), _ = store(hub.claim(guest, person("bob"), "bob", code=code, created_at=at))
    return result


def said(result: Result) -> tuple[str, int | None]:
    return (result.error.code, result.error.tries) if result.error else (result.status, None)


def test_the_code_claims_however_it_is_written(hub: Hub) -> None:
    for number, typed in enumerate((CODE, show_code(CODE), "7kq2m xb94t")):
        guest = coded(hub, hub.admin, f"guest{number}")
        assert take(hub.claim(guest, person(f"bob{number}"), f"bob{number}", code=typed)) == ["stored"]
        assert row(guest).state == "claimed"


def test_without_the_code_nothing_is_claimed_and_nothing_counted(hub: Hub) -> None:
    guest = coded(hub, hub.admin)
    before = snapshot()
    assert said(one(hub, guest, None)) == ("denied", CODE_TRIES)
    for typed in ("", "7KQ2M", "7KQ2M-XB94U"):
        assert said(one(hub, guest, typed)) == ("bad_request", None)
    assert snapshot() == before


def test_a_wrong_code_counts_although_it_is_refused(hub: Hub) -> None:
    guest = coded(hub, hub.admin, invites=3)
    for number in range(CODE_TRIES - 1):
        result = one(hub, guest, WRONG[number])
        assert said(result) == ("denied", CODE_TRIES - 1 - number)
        assert row(guest).tries == CODE_TRIES - 1 - number
    assert said(one(hub, guest, CODE)) == ("stored", None)
    assert member_of(person("bob").public, now=NOW) is not None
    assert check_ledger().problems == []


def test_the_fifth_wrong_code_locks_the_invite_and_gives_back_what_it_held(hub: Hub) -> None:
    ann = hub.member("ann", invites=9)
    guest = coded(hub, ann, invites=3)
    wrongs = [hub.claim(guest, person("bob"), "bob", code=code) for code in WRONG[:5]]
    right = hub.claim(guest, person("bob"), "bob", code=CODE)
    results, stored = store(*wrongs, right)  # in one transaction, and one after the other all the same
    assert [said(result) for result in results] == [("denied", left) for left in (4, 3, 2, 1, 0)] + [("denied", None)]
    assert stored == []
    assert (row(guest).state, row(guest).tries, row(guest).ended_at) == ("locked", 0, NOW)
    assert member_of(guest.public, now=NOW) is None
    balance = Balance.objects.get(account=account_of(ann))
    assert (balance.granted, balance.unspent, balance.spent) == (9, 9, 0)
    assert tally().accounts == 1
    assert check_ledger().problems == []
    # Name and key are free again.
    assert take(hub.add_user(ann, guest.public, "guest", kind="temp", created_at=NOW + 1)) == ["stored"]


def test_the_right_code_with_a_name_in_use_costs_no_try(hub: Hub) -> None:
    hub.member("bob")
    guest = coded(hub, hub.admin)
    before = snapshot()
    assert take(hub.claim(guest, person("robert"), "bob", code=CODE)) == ["conflict"]
    assert snapshot() == before


def test_an_invite_without_a_code_takes_any(hub: Hub) -> None:
    guest = hub.temporary("guest")
    assert take(hub.claim(guest, person("bob"), "bob", code="whatever")) == ["stored"]


def test_a_code_is_for_temporary_accounts_alone(hub: Hub) -> None:
    before = snapshot()
    assert take(hub.add_user(hub.admin, person("bob").public, "bob", code_hash=bytes(32))) == ["bad_request"]
    assert snapshot() == before


def test_a_refused_claim_is_not_held(hub: Hub) -> None:
    guest = coded(hub, hub.admin)
    wrong = hub.claim(guest, person("bob"), "bob", code=WRONG[0])
    assert take(wrong) == ["denied"]
    assert not Invitation.objects.filter(state="claimed").exists()
    assert take(wrong) == ["denied"]  # no duplicate: it was never stored, and counts again
    assert row(guest).tries == CODE_TRIES - 2
    assert ident_of(wrong)


def test_a_login_that_is_refused_learns_why(hub: Hub) -> None:
    ends = {"expired": NOW + 1, "swept": NOW + 2}
    names = ("waiting", "used", "withdrawn", "expired", "swept")
    guests = {name: hub.temporary(name, expires=ends.get(name, NOW + 9)) for name in names}
    guests["locked"] = coded(hub, hub.admin, "locked")
    assert take(hub.claim(guests["used"], person("bob"), "bob")) == ["stored"]
    assert take(hub.remove(hub.admin, guests["withdrawn"].public)) == ["stored"]
    assert take(*(hub.claim(guests["locked"], person("carl"), "carl", code=code) for code in WRONG[:5]))
    assert temporary_expire(now=NOW + 2) == 2
    found = {name: reasons(guest.public, NOW + 3).get("reason") for name, guest in guests.items()}
    assert found == {"waiting": None, **{name: name for name in guests if name != "waiting"}, "swept": "expired"}
    assert reasons(person("nobody").public, NOW) == {}
    late = hub.temporary("late", expires=NOW + 5)  # which nothing has swept yet
    assert reasons(late.public, NOW + 5) == {"reason": "expired"}


def test_channels_and_tries_are_kept_in_order(hub: Hub) -> None:
    ids = [bytes([number]) * 32 for number in (7, 3, 5)]
    values = [person("led").public, "led"]
    added = hub.add_user(hub.admin, *values, kind="temp", channels=[b64encode(ident) for ident in ids])
    assert take(added) == ["stored"]
    assert (row(person("led")).channels, row(person("led")).tries) == (ids, None)


def test_only_as_many_codes_are_worked_on_as_there_are_tries(quick_hash: list[Any]) -> None:
    codes, temporary = Codes(), person("guest").public
    for code in (*WRONG, *WRONG, "no code"):
        codes.work(temporary, code)
    assert quick_hash == [(code, temporary) for code in WRONG[:CODE_TRIES]]
    assert codes.is_right(temporary, WRONG[0], (WRONG[0].encode() + temporary)[:32])
    assert not codes.is_right(temporary, CODE, (CODE.encode() + temporary)[:32])  # beyond its share
    assert len(quick_hash) == CODE_TRIES
    with pytest.raises(RemoteError):
        codes.is_right(temporary, "no code", bytes(32))


def test_what_is_worked_on_in_another_thread_is_not_taken_for_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    codes, temporary = Codes(), person("guest").public
    begun, go_on = threading.Event(), threading.Event()
    real = codes_module.hash_code

    def slow(code: str, temporary: bytes) -> bytes:
        if threading.current_thread() is not threading.main_thread():
            begun.set()
            assert go_on.wait(60)
        return real(code, temporary)

    monkeypatch.setattr(codes_module, "hash_code", slow)
    other = threading.Thread(target=codes.work, args=(temporary, CODE))
    other.start()
    assert begun.wait(60)
    assert codes.is_right(temporary, CODE, real(CODE, temporary))
    go_on.set()
    other.join(60)


def test_the_hash_of_the_protocol_is_the_one_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes_module, "hash_code", hash_code)
    temporary = person("guest").public
    assert Codes().is_right(temporary, CODE, hash_code(CODE, temporary))
