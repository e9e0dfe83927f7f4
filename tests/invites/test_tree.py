"""Random histories of the invite tree against a model of it in a dictionary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from accord.errors import AccordError
from accord.invites import make_proof
from accord.keys import SigningKey
from accord.message_types import TEMPORARY_LIFE_MS
from accord.messages import parse_envelope
from invites.checking import check_ledger
from invites.ledger import capacity_change
from invites.models import Balance, Invitation
from invites.removal import STRIKES_ALLOWED, removal_finish
from invites.removal_selectors import STRIKE_LIFE_MS
from invites.selectors import has_members, is_pending, tally
from invites.services import currency_install, temporary_expire
from messaging.admission import Admitted, Publisher, Right, admit
from messaging.models import Topic as TopicRow
from peers import options
from peers.keyring import keyring
from peers.models import Account
from peers.selectors import member_of
from peers.tombstones import is_buried
from tests.factories import (
    HOUR_MS,
    MINUTE_MS,
    NOW,
    Hub,
    check_totals,
    install,
    outcomes,
    person,
    snapshot,
    store,
)

CAPACITY: Final = 12
STRANGERS: Final = 8
NAMES: Final = ("ann", "bob", "carl", "admin", "guest-1", "guest-2", "guest-3", "guest-4")

PROOFS: Final = ("right", "other key", "other account", "other hub")

T = TypeVar("T")


@dataclass(frozen=True)
class Add:
    """Somebody adds an account. Who: the place of a key, 0 the admin's, 1 the hub's own, then strangers'."""

    author: int
    pubkey: int
    name: str
    kind: str
    invites: int | None
    life_ms: int | None


@dataclass(frozen=True)
class Claim:
    """Somebody claims the account of a temporary key."""

    author: int
    new: int
    name: str | None
    proof: str


@dataclass(frozen=True)
class Remove:
    """Somebody removes an account."""

    author: int
    pubkey: int
    mode: str


@dataclass(frozen=True)
class Restore:
    """Somebody takes a removal back."""

    author: int
    pubkey: int


Action = Add | Claim | Remove | Restore


@dataclass(frozen=True)
class Removing:
    """What the model knows of a removal that waits."""

    root: int
    mode: str
    by: int
    by_parent: bool
    started: int
    final: int


@dataclass(frozen=True)
class Invited:
    """What the model knows of an invite: whose it was, and what became of it."""

    key: int
    inviter: int
    granted: int
    state: str = "waiting"
    claimed_by: int | None = None


@dataclass(frozen=True)
class Standing:
    """What the model knows of an account."""

    name: str
    kind: str
    parent: int | None
    expires: int | None
    granted: int
    unspent: int


class Tree:
    """The invite tree as section 8 of protocol.md has it: accounts by the place of their key."""

    def __init__(self) -> None:
        self.accounts = {0: Standing("admin", "admin", None, None, CAPACITY, CAPACITY)}
        self.invited: list[Invited] = []
        self.removing: list[Removing] = []
        self.buried: set[int] = set()
        self.strikes: dict[int, list[int]] = {}
        self.window_ms = 10 * MINUTE_MS

    def standing(self, place: int, now: int) -> Standing | None:
        found = self.accounts.get(place)
        return None if found is None or (found.expires is not None and found.expires <= now) else found

    def living(self, place: int, now: int) -> Standing | None:
        return None if place in self.frozen() else self.standing(place, now)

    def above(self, place: int) -> list[int]:
        found = []
        while (parent := self.accounts[place].parent) is not None:
            found.append(parent)
            place = parent
        return found

    def going(self, removing: Removing) -> list[int]:
        """Who goes with it, from the top down."""
        if removing.mode == "subtree":
            found = [place for place in self.accounts if place == removing.root or removing.root in self.above(place)]
            return sorted(found, key=lambda place: len(self.above(place)))
        waiting = (place for place, one in self.accounts.items() if one.parent == removing.root and one.kind == "temp")
        return [removing.root, *waiting]

    def frozen(self) -> dict[int, int]:
        """By place, until when."""
        found: dict[int, int] = {}
        for removing in self.removing:
            for place in self.going(removing):
                found[place] = min(found.get(place, removing.final), removing.final)
        return found

    def taken(self, place: int, name: str, *, but: int | None = None) -> bool:
        others = {key: account for key, account in self.accounts.items() if key != but}
        return place in others or name in {account.name for account in others.values()}

    def apply(self, action: Action, now: int) -> str:
        """Do it, or leave all as it was; gives the word for the outcome."""
        match action:
            case Add():
                return self.add(action, now)
            case Claim():
                return self.claim(action, now)
            case Remove():
                return self.remove(action, now)
            case Restore():
                return self.restore(action, now)

    def add(self, action: Add, now: int) -> str:
        parent = self.living(action.author, now)
        granted = action.invites or 0
        if parent is None or parent.kind == "temp":
            return "denied"
        if action.kind == "real" and action.life_ms is not None:
            return "bad_request"
        life = TEMPORARY_LIFE_MS if action.life_ms is None else action.life_ms
        if action.kind == "temp" and not 0 < life <= TEMPORARY_LIFE_MS:
            return "bad_request"
        if action.pubkey == 1:
            return "denied"
        if parent.unspent < 1 + granted:
            return "quota"
        if action.pubkey in self.buried or self.taken(action.pubkey, action.name):
            return "conflict"
        self.accounts[action.author] = replace(parent, unspent=parent.unspent - 1 - granted)
        expires = now + life if action.kind == "temp" else None
        self.accounts[action.pubkey] = Standing(action.name, action.kind, action.author, expires, granted, granted)
        if action.kind == "temp":
            self.invited.append(Invited(action.pubkey, action.author, granted))
        return "stored"

    def claim(self, action: Claim, now: int) -> str:
        account = self.living(action.author, now)
        if account is None:
            return "denied"
        if account.kind != "temp":  # a replacement then, which takes no name and no proof of a claim
            if action.name is not None:
                return "bad_request"
            return "denied" if account.kind == "admin" else "bad_sig"
        if action.proof != "right":
            return "bad_sig"
        if action.new in (1, action.author):
            return "denied"
        if action.new in self.buried:
            return "conflict"
        name = account.name if action.name is None else action.name
        if self.taken(action.new, name, but=action.author):
            return "conflict"
        del self.accounts[action.author]
        self.accounts[action.new] = replace(account, name=name, kind="real", expires=None)
        self.end(action.author, "claimed", action.new)
        return "stored"

    def remove(self, action: Remove, now: int) -> str:
        remover, account = self.living(action.author, now), self.standing(action.pubkey, now)
        if remover is None or remover.kind == "temp":
            return "denied"
        if account is None:
            return "not_found"
        if action.author not in self.above(action.pubkey):
            return "denied"
        if account.kind == "temp":
            self.give_back(action.pubkey, "withdrawn")
        elif any(removing.root == action.pubkey for removing in self.removing):
            return "conflict"
        else:
            by_parent = action.author == account.parent
            removing = Removing(action.pubkey, action.mode, action.author, by_parent, now, now + self.window_ms)
            self.removing.append(removing)
            if not self.window_ms:
                self.finish_one(removing, now)
        return "stored"

    def restore(self, action: Restore, now: int) -> str:
        author = self.living(action.author, now)
        if author is None or author.kind == "temp":
            return "denied"
        removing = next((one for one in self.removing if one.root == action.pubkey), None)
        if removing is None:
            return "not_found"
        if action.author != removing.by and action.author not in self.above(action.pubkey):
            return "denied"
        if removing.final <= now:
            return "gone"
        self.removing.remove(removing)
        return "stored"

    def finish(self, now: int) -> int:
        number = 0
        for removing in sorted(self.removing, key=lambda one: one.final):
            if removing.final <= now and removing in self.removing:
                self.finish_one(removing, now)
                number += 1
        return number

    def finish_one(self, removing: Removing, now: int) -> None:
        parent = self.accounts[removing.root].parent
        assert parent is not None
        heir = self.heir(removing, parent, now)
        if removing.mode == "reparent":
            for place, one in self.accounts.items():
                if one.parent == removing.root and one.kind != "temp":
                    self.accounts[place] = replace(one, parent=parent)
        going = self.going(removing)
        back = sum(1 + self.accounts[place].unspent for place in going)
        self.removing = [one for one in self.removing if one.root not in going]
        for place in going:
            if self.accounts[place].kind != "temp":
                self.buried.add(place)
            del self.accounts[place]
        self.invited = [one for one in self.invited if one.inviter not in going]
        self.accounts[heir] = replace(self.accounts[heir], unspent=self.accounts[heir].unspent + back)
        self.regrant()

    def heir(self, removing: Removing, parent: int, now: int) -> int:
        above = self.accounts[parent].parent
        if above is None:
            return parent
        strikes = self.strikes[parent] = [at for at in self.strikes.get(parent, []) if at > now - STRIKE_LIFE_MS]
        if removing.mode == "subtree" and not removing.by_parent and removing.by != parent:
            strikes.append(now)
        return above if len(strikes) > STRIKES_ALLOWED else parent

    def regrant(self) -> None:
        """What an account was granted is what it has left, and for each child 1 and what that was granted."""
        for place in sorted(self.accounts, key=lambda place: -len(self.above(place))):
            spent = sum(1 + one.granted for one in self.accounts.values() if one.parent == place)
            self.accounts[place] = replace(self.accounts[place], granted=self.accounts[place].unspent + spent)

    def expire(self, now: int) -> int:
        expired = [place for place in self.accounts if self.standing(place, now) is None]
        for place in expired:
            self.give_back(place, "expired")
        return len(expired)

    def give_back(self, place: int, state: str) -> None:
        account = self.accounts.pop(place)
        assert account.parent is not None
        parent = self.accounts[account.parent]
        self.accounts[account.parent] = replace(parent, unspent=parent.unspent + 1 + account.granted)
        self.end(place, state)

    def end(self, place: int, state: str, claimed_by: int | None = None) -> None:
        (number,) = (n for n, one in enumerate(self.invited) if one.key == place and one.state == "waiting")
        self.invited[number] = replace(self.invited[number], state=state, claimed_by=claimed_by)


class InviteTree(RuleBasedStateMachine):
    """Messages of anybody, in batches and again, and the passing of time."""

    hub: Hub
    keys: list[SigningKey]

    def __init__(self) -> None:
        super().__init__()
        self.rollback = transaction.atomic()
        self.rollback.__enter__()
        self.hub = install()
        capacity_change(CAPACITY, now=NOW)
        self.keys = [self.hub.admin, keyring().hub, *(person(f"stranger {number}") for number in range(STRANGERS))]
        self.tree = Tree()
        self.now = NOW
        self.sent: list[Admitted] = []

    def teardown(self) -> None:
        options.load({})
        transaction.set_rollback(True)
        self.rollback.__exit__(None, None, None)

    @initialize()
    def installing_again_changes_nothing(self) -> None:
        before = snapshot()
        currency_install(admin=Account.objects.get(kind="admin"), capacity=CAPACITY + 1, now=NOW)
        assert snapshot() == before

    def envelope(self, action: Action) -> dict[str, Any]:
        author = self.keys[action.author]
        if isinstance(action, Remove):
            removed = self.keys[action.pubkey].public
            return self.hub.remove(author, removed, mode=action.mode, created_at=self.now)
        if isinstance(action, Restore):
            return self.hub.restore(author, self.keys[action.pubkey].public, created_at=self.now)
        if isinstance(action, Add):
            return self.hub.add_user(
                author,
                self.keys[action.pubkey].public,
                action.name,
                kind=action.kind,
                invites=action.invites,
                expires=None if action.life_ms is None else self.now + action.life_ms,
                created_at=self.now,
            )
        new, other = self.keys[action.new], person("somebody else")
        proof = {
            "right": make_proof(new, hub=self.hub.key, temp=author.public),
            "other key": make_proof(other, hub=self.hub.key, temp=author.public),
            "other account": make_proof(new, hub=self.hub.key, temp=other.public),
            "other hub": make_proof(new, hub=other.public, temp=author.public),
        }[action.proof]
        return self.hub.claim(author, new, action.name, proof=proof, created_at=self.now)

    def right_of(self, author: int) -> Right:
        """What a session of that key would have."""
        account = self.tree.living(author, self.now)
        if account is None:
            return Right.STRANGER
        return {"admin": Right.ADMIN, "real": Right.OWN, "temp": Right.CLAIM}[account.kind]

    def draw(self, data: st.DataObject) -> Action:
        """An action that more often than not makes sense."""

        def one_of(sensible: list[T], possible: Sequence[T]) -> T:
            return data.draw(st.sampled_from([*sensible * (1 + 4 * len(possible) // max(1, len(sensible))), *possible]))

        everybody, accounts = range(len(self.keys)), self.tree.accounts
        unused = [place for place in everybody[2:] if place not in accounts]
        names: Sequence[str] = sorted(set(NAMES) - {account.name for account in accounts.values()})
        waiting = [place for place, account in accounts.items() if account.kind == "temp"]
        real = [place for place, account in accounts.items() if account.kind == "real"]
        sensible = [Add, Claim, Claim, Remove] if waiting else [Add, Add, Add, Claim, Remove]
        kind = data.draw(st.sampled_from([*sensible, *([Restore] if self.tree.removing else [])]))
        if kind is Restore:
            removing = data.draw(st.sampled_from(self.tree.removing))
            return Restore(author=one_of([0, removing.by], everybody), pubkey=one_of([removing.root], everybody))
        if kind is Remove:
            pubkey = one_of([*waiting, *real], everybody)
            above = [parent] if (found := accounts.get(pubkey)) and (parent := found.parent) is not None else []
            mode = data.draw(st.sampled_from(["subtree", "reparent"]))
            return Remove(author=one_of([0, *above], everybody), pubkey=pubkey, mode=mode)
        if kind is Add:
            return Add(
                author=one_of([place for place, account in accounts.items() if account.unspent], everybody),
                pubkey=one_of(unused, everybody),
                name=one_of(list(names), NAMES),
                kind=data.draw(st.sampled_from(["temp", "temp", "real"])),
                invites=data.draw(st.none() | st.integers(0, 5)),
                life_ms=one_of([None], [-1, 0, 1, HOUR_MS, TEMPORARY_LIFE_MS, TEMPORARY_LIFE_MS + 1]),
            )
        author = one_of(waiting, everybody)
        return Claim(
            author=author,
            new=one_of(unused, everybody),
            name=one_of([None, *names], NAMES),
            proof=one_of(["right"], PROOFS),
        )

    @rule(data=st.data(), count=st.integers(1, 6), fresh=st.booleans())
    def publish(self, data: st.DataObject, count: int, fresh: bool) -> None:
        """A batch of messages, by sessions that know their right, or that all think themselves a member's."""
        actions = [self.draw(data) for _ in range(count)]
        before = snapshot()
        expected: list[str] = []
        items: list[Admitted] = []
        for action in actions:
            envelope, right = (
                parse_envelope(self.envelope(action)),
                self.right_of(action.author) if fresh else Right.OWN,
            )
            publisher = Publisher(right, user=envelope.author)
            if right is Right.STRANGER or (right is Right.CLAIM and not isinstance(action, Claim)):
                with pytest.raises(AccordError, match="denied: "):
                    admit(envelope, publisher, now=self.now)
                continue
            items.append(admit(envelope, publisher, now=self.now))
            expected.append(self.tree.apply(action, self.now))
        results, stored = store(*items, now=self.now)
        assert outcomes(results) == expected
        assert [entry.id for entry in stored] == [result.id for result in results if result.status == "stored"]
        if not stored:
            assert snapshot() == before
        self.sent += [item for item, result in zip(items, results, strict=True) if result.status == "stored"]

    @rule(data=st.data())
    def publish_again(self, data: st.DataObject) -> None:
        """What is held is not applied twice, however much has changed since."""
        if self.sent:
            before = snapshot()
            results, stored = store(data.draw(st.sampled_from(self.sent)), now=self.now)
            assert (outcomes(results), stored) == (["duplicate"], [])
            assert snapshot() == before

    @rule(passed=st.sampled_from([1, MINUTE_MS, HOUR_MS, TEMPORARY_LIFE_MS]), expire=st.booleans())
    def time_passes(self, passed: int, expire: bool) -> None:
        self.now += passed
        if expire:
            assert temporary_expire(now=self.now) == self.tree.expire(self.now)
            assert temporary_expire(now=self.now) == 0

    @rule()
    def removals_are_finished(self) -> None:
        assert removal_finish(now=self.now) == self.tree.finish(self.now)
        assert removal_finish(now=self.now) == 0

    @rule(minutes=st.sampled_from([0, 1, 10]))
    def the_operator_changes_the_time_to_undo(self, minutes: int) -> None:
        options.load({"removal_undo_minutes": str(minutes)})
        self.tree.window_ms = minutes * MINUTE_MS

    @rule(place=st.integers(0, STRANGERS + 1))
    def look_at_one(self, place: int) -> None:
        """The small reads agree with the model."""
        account, key = self.tree.living(place, self.now), self.keys[place].public
        assert is_pending(key, now=self.now) == (account is not None and account.kind == "temp")
        assert has_members() == any(account.kind == "real" for account in self.tree.accounts.values())
        assert is_buried(key) == (place in self.tree.buried)
        found = member_of(key, now=self.now)
        assert (found and (found.name, found.kind)) == (account and (account.name, account.kind))

    @invariant()
    def the_currency_is_conserved(self) -> None:
        found = tally()
        assert check_ledger().problems == []
        assert found.capacity == CAPACITY
        assert found.accounts + found.unspent == found.capacity
        rows = {
            pk: rest
            for pk, *rest in Balance.objects.values_list("pk", "account__parent", "granted", "unspent", "spent")
        }
        for pk, (_, *amounts) in rows.items():
            granted, unspent, spent = amounts
            assert min(amounts) >= 0
            assert granted == unspent + spent
            assert spent == sum(1 + other for parent, other, *_ in rows.values() if parent == pk)

    @invariant()
    def the_tables_are_the_model(self) -> None:
        places = {key.public: place for place, key in enumerate(self.keys)}
        rows = Account.objects.values_list(
            "user__key",
            "name",
            "kind",
            "parent__user__key",
            "expires_at",
            "balance__granted",
            "balance__unspent",
        )
        found = {
            places[bytes(key)]: Standing(name, kind, None if parent is None else places[bytes(parent)], *rest)
            for key, name, kind, parent, *rest in rows
        }
        assert found == self.tree.accounts
        frozen = Account.objects.filter(frozen_at__isnull=False).values_list("user__key", "frozen_until")
        assert {places[bytes(key)]: until for key, until in frozen} == self.tree.frozen()
        topics = {(kind, bytes(ident)) for kind, ident in TopicRow.objects.values_list("kind", "ident")}
        real = [self.keys[place].public for place, account in found.items() if account.kind == "real"]
        assert topics.issuperset((kind, key) for kind in ("feed", "user") for key in real)

    @invariant()
    def every_invite_is_remembered(self) -> None:
        places = {key.public: place for place, key in enumerate(self.keys)}
        rows = Invitation.objects.order_by("pk").values_list(
            "key", "inviter__user__key", "granted", "state", "claimed_by__key"
        )
        assert self.tree.invited == [
            Invited(places[bytes(key)], places[bytes(inviter)], granted, state, claimer and places[bytes(claimer)])
            for key, inviter, granted, state, claimer in rows
        ]

    @invariant()
    def the_store_adds_up(self) -> None:
        check_totals()


@pytest.mark.django_db
def test_random_histories_keep_the_currency() -> None:
    run_state_machine_as_test(
        InviteTree,
        settings=settings(
            max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
