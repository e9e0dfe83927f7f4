"""Random histories of everything that moves invites, by many accounts; after each step the ledger is balanced, and at
the end the audit log is whole.

What each deed means is tried elsewhere (test_tree.py has a model of the tree); here they meet each other. A new deed
is a rule that ends in `say`, or calls its task; the invariants see to the rest.
"""

from __future__ import annotations

from typing import Any, Final

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from accord import audit as audit_form
from accord.errors import AccordError
from accord.keys import SigningKey
from accord.message_types import TEMPORARY_LIFE_MS
from accord.replacing import (
    CHAIN_MS,
    OWN_KEY_MS,
    RECOVERY_CODE,
    make_recovery_proof,
    make_replacement_proof,
    recovery_key,
)
from invites.checking import check_ledger
from invites.ledger import capacity_change
from invites.models import Balance, Invitation, Movement, Removal, Replacement
from invites.owner import owner_link_make
from invites.removal import removal_finish
from invites.replacing import replacements_finish
from invites.services import temporary_expire
from messaging.admission import Right
from peers import audit
from peers.models import Account, Recovery
from peers.tombstones import is_buried
from tests.factories import HOUR_MS, MINUTE_MS, NOW, Hub, admitted, install, person, take

CAPACITY: Final = 40
WORDS: Final = {"stored", "quota", "denied", "conflict", "not_found", "gone"}  # whatever else is said is a fault


def tables(*more: Any) -> list[Any]:
    """What the currency is made of, row by row."""
    return [list(model.objects.order_by("pk").values()) for model in (Account, Balance, Invitation, *more)]


class Ledger(RuleBasedStateMachine):
    """One hub; keys are numbered as they are needed, and none is used for two purposes."""

    def __init__(self) -> None:
        super().__init__()
        self.rollback = transaction.atomic()
        self.rollback.__enter__()
        self.hub: Hub = install()
        capacity_change(CAPACITY, now=NOW)
        self.capacity = CAPACITY
        self.keys = {self.hub.admin.public: self.hub.admin}
        self.now = NOW

    def teardown(self) -> None:
        try:
            # Nothing is committed, so no head is kept in the home.
            assert list(audit_form.check(audit.log(), hub=self.hub.key)) == []
        finally:
            transaction.set_rollback(True)
            self.rollback.__exit__(None, None, None)

    # What there is

    def fresh(self) -> tuple[SigningKey, str]:
        """A key that nobody has had, and a name for it."""
        name = f"person-{len(self.keys)}"
        key = person(name)
        self.keys[key.public] = key
        return key, name

    def somebody(self, data: st.DataObject, *kinds: str) -> SigningKey | None:
        """Anyone with an account of these kinds, frozen ones too."""
        rows = Account.objects.filter(kind__in=kinds).order_by("pk").values_list("user__key", flat=True)
        found = [bytes(key) for key in rows]
        return self.keys[data.draw(st.sampled_from(found))] if found else None

    def above(self, data: st.DataObject, key: SigningKey) -> SigningKey:
        """Somebody above an account; the admin for himself."""
        found, row = [], Account.objects.select_related("parent__user").get(user__key=key.public)
        while (parent := row.parent) is not None:
            found.append(self.keys[bytes(parent.user.key)])
            row = Account.objects.select_related("parent__user").get(pk=parent.pk)
        return data.draw(st.sampled_from(found)) if found else key

    def say(self, author: SigningKey, type_: str, body: dict[str, Any], right: Right = Right.OWN) -> str:
        """Have a control message stored, or refused without a trace; gives the word."""
        self.now += 1
        before = tables(Movement, Removal, Replacement)
        value = self.hub.control(author, type_, body, created_at=self.now)
        (word,) = take(admitted(value, right, now=self.now), now=self.now)
        assert word in WORDS
        if word != "stored":
            assert tables(Movement, Removal, Replacement) == before
        return word

    # Deeds

    @initialize(data=st.data())
    def some_people(self, data: st.DataObject) -> None:
        for _ in range(4):
            self.add(data, "real", 5)

    @rule(data=st.data(), kind=st.sampled_from(["temp", "temp", "real"]), invites=st.integers(0, 6))
    def add(self, data: st.DataObject, kind: str, invites: int) -> None:
        author = self.somebody(data, "admin", "real")
        assert author
        key, name = self.fresh()
        body = {"pubkey": key.public, "account_name": name, "kind": kind, "invites": invites}
        self.say(author, "add_user", body)

    @rule(data=st.data())
    def claim(self, data: st.DataObject) -> None:
        temporary = self.somebody(data, "temp")
        if temporary is not None:
            key, name = self.fresh()
            value = self.hub.claim(temporary, key, name, created_at=self.now)
            assert take(admitted(value, Right.CLAIM, now=self.now), now=self.now)[0] in WORDS

    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        temporary = self.somebody(data, "temp")
        if temporary is not None:
            body = {"pubkey": temporary.public, "mode": "subtree", "at": self.now}
            self.say(self.above(data, temporary), "remove_user", body)

    @rule(data=st.data(), invites=st.integers(0, 9))
    def grant(self, data: st.DataObject, invites: int) -> None:
        whose = self.somebody(data, "real", "temp")
        if whose is not None:
            author = self.above(data, whose)
            before = {row.pk: row.unspent for row in Balance.objects.all()}
            word = self.say(author, "set_quota", {"pubkey": whose.public, "invites": invites})
            if word == "stored":
                changed = {pk for pk, left in Balance.objects.values_list("pk", "unspent") if before[pk] != left}
                both = Account.objects.filter(user__key__in=[author.public, whose.public])
                assert changed <= set(both.values_list("pk", flat=True))
                assert Balance.objects.get(account__user__key=whose.public).unspent == invites

    @rule(data=st.data(), type_=st.sampled_from(["set_quota", "remove_user", "restore_user", "cancel_replace"]))
    def anybody_says_anything(self, data: st.DataObject, type_: str) -> None:
        author, whose = self.somebody(data, "admin", "real"), self.somebody(data, "admin", "real", "temp")
        assert author
        assert whose
        more = {"set_quota": {"invites": 1}, "remove_user": {"mode": "reparent", "at": self.now}}.get(type_, {})
        self.say(author, type_, {"pubkey": whose.public, **more})

    @rule(data=st.data(), mode=st.sampled_from(["subtree", "reparent"]))
    def remove(self, data: st.DataObject, mode: str) -> None:
        whose = self.somebody(data, "real")
        if whose is not None:
            body = {"pubkey": whose.public, "mode": mode, "at": self.now}
            self.say(self.above(data, whose), "remove_user", body)

    @rule(data=st.data(), mode=st.sampled_from(["subtree", "reparent"]))
    def remove_and_undo(self, data: st.DataObject, mode: str) -> None:
        """At once: then everything is as it was."""
        whose = self.somebody(data, "real")
        if whose is not None:
            author, before = self.above(data, whose), tables(Movement)
            if self.say(author, "remove_user", {"pubkey": whose.public, "mode": mode, "at": self.now}) == "stored":
                assert self.say(author, "restore_user", {"pubkey": whose.public}) == "stored"
                used = ("messages_used", "bytes_used")  # the two messages are counted
                after = tables(Movement)
                for row in (*before[0], *after[0]):
                    for name in used:
                        del row[name]
                assert after == before

    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        waiting = Removal.objects.filter(state=Removal.State.WAITING).order_by("pk").select_related("user", "by")
        if removals := list(waiting):
            removal = data.draw(st.sampled_from(removals))
            author = self.keys.get(bytes(removal.by.key))
            assert author
            self.say(author, "restore_user", {"pubkey": bytes(removal.user.key)})

    @rule(data=st.data())
    def replace_by_recovery_key(self, data: st.DataObject) -> None:
        whose = self.somebody(data, "real")
        if whose is not None:
            recovery, _ = self.fresh()
            proof = make_recovery_proof(recovery, hub=self.hub.key, user=whose.public)
            self.say(whose, "set_recovery", {"recovery": recovery.public, "proof": proof})
            counts = Recovery.objects.filter(user__key=recovery.public, counts_from__lte=self.now)
            if counts.exists():
                self._replace(recovery, whose)

    @rule()
    def the_owner_comes_or_comes_back(self) -> None:
        code = owner_link_make(origin="", now=self.now).link.partition("#owner=")[2]
        link = recovery_key(RECOVERY_CODE.parse(code), self.hub.key)
        self._replace(link, self.keys[bytes(Account.objects.get(kind="admin").user.key)])

    @rule(data=st.data())
    def replace_by_own_key(self, data: st.DataObject) -> None:
        whose = self.somebody(data, "real")
        if whose is not None:
            self._replace(whose, whose)

    def _replace(self, author: SigningKey, old: SigningKey) -> None:
        new, _ = self.fresh()
        proof = make_replacement_proof(new, hub=self.hub.key, old=old.public)
        body = {"new_pubkey": new.public, "proof": proof, "pubkey": old.public}
        self.say(author, "replace_account", body, Right.CLAIM if author is not old else Right.OWN)

    @rule(data=st.data())
    def vouch_for_a_new_key(self, data: st.DataObject) -> None:
        whose = self.somebody(data, "real")
        if whose is not None:
            new, _ = self.fresh()
            proof = make_replacement_proof(new, hub=self.hub.key, old=whose.public)
            body = {"pubkey": whose.public, "new_pubkey": new.public, "proof": proof}
            for author in dict.fromkeys([self.above(data, whose), self.above(data, whose), self.hub.admin]):
                self.say(author, "vouch_replace", body)

    @rule(capacity=st.integers(10, 60))
    def change_the_capacity(self, capacity: int) -> None:
        if Balance.objects.get(account__kind="admin").spent > capacity:
            with pytest.raises(AccordError, match="quota"):
                capacity_change(capacity, now=self.now)
        else:
            capacity_change(capacity, now=self.now)
            self.capacity = capacity

    @rule(
        passed=st.sampled_from([MINUTE_MS, 10 * MINUTE_MS, HOUR_MS, OWN_KEY_MS, CHAIN_MS, TEMPORARY_LIFE_MS]),
        tasks=st.permutations([temporary_expire, removal_finish, replacements_finish]),
        left_out=st.integers(0, 2),
    )
    def time_passes(self, passed: int, tasks: list[Any], left_out: int) -> None:
        """Tasks come in any order, or late."""
        self.now += passed
        for task in tasks[left_out:]:
            task(now=self.now)
            assert check_ledger().problems == []

    # What always holds

    @invariant()
    def the_ledger_is_balanced(self) -> None:
        found = check_ledger()
        assert found.problems == []
        assert found.capacity == self.capacity

    @invariant()
    def who_is_buried_has_no_account(self) -> None:
        assert not [key for key in Account.objects.values_list("user__key", flat=True) if is_buried(bytes(key))]


@pytest.mark.django_db
def test_random_histories_of_everything_that_moves_invites() -> None:
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=12, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
