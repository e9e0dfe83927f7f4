"""Replacing, cancelling, vouching, removing in any order: what holds of account, keys and ledger after each."""

from __future__ import annotations

from typing import Final

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accord.keys import SigningKey
from accord.replacing import CHAIN_MS, OWN_KEY_MS
from invites.checking import check_ledger
from invites.models import Balance, Replacement
from invites.replacing import replacements_finish
from peers.models import Account, KeyChange
from peers.selectors import member_of
from peers.tombstones import is_buried
from tests.factories import HOUR_MS, NOW, Hub, install, person, take
from tests.invites.test_replacing import cancel, replace, set_recovery, vouch

DEEDS: Final = ("recovery", "recover", "replace", "vouch", "cancel", "remove", "wait")
WHO: Final = ("ann", "eve", "bob", "carl", "admin", "zoe")

deeds = st.lists(
    st.tuples(st.sampled_from(DEEDS), st.sampled_from(WHO), st.integers(0, 3), st.sampled_from([0, 1, 25, 73])),
    max_size=14,
)


class World:
    """Ann under Eve, with Bob and Carl below her; Zoe stands aside."""

    def __init__(self, hub: Hub) -> None:
        self.hub, self.now, self.number = hub, NOW, 0
        eve = hub.member("eve", invites=10)
        ann = hub.member("ann", by=eve, invites=5)
        self.people = {"eve": eve, "ann": ann, "admin": hub.admin, "zoe": hub.member("zoe")}
        self.people |= {name: hub.member(name, by=ann) for name in ("bob", "carl")}
        self.keys = [ann, *(person(f"new {place}") for place in range(4))]
        self.account = Account.objects.get(name="ann")

    def current(self) -> SigningKey | None:
        """Ann's key now; None once the account is gone."""
        rows = Account.objects.filter(pk=self.account.pk).values_list("user__key", flat=True)
        return next((key for key in self.keys for row in rows if key.public == bytes(row)), None)

    def do(self, deed: str, who: str, place: int, hours: int) -> None:
        self.now += hours * HOUR_MS + 1
        replacements_finish(now=self.now)
        ann = self.current()
        if ann is None:
            return
        author, new = ann if who == "ann" else self.people[who], self.keys[place + 1]
        at, recovery = self.now, person(f"recovery {place}")
        match deed:
            case "recovery":
                value = set_recovery(self.hub, ann, recovery, at=at)
            case "recover":
                value = replace(self.hub, recovery, new, old=ann, at=at)
            case "replace":
                value = (
                    replace(self.hub, author, new, at=at)
                    if who == "ann"
                    else replace(self.hub, author, new, old=ann, at=at)
                )
            case "vouch":
                value = vouch(self.hub, author, ann, new, at=at)
            case "cancel":
                value = cancel(self.hub, author, ann, at=at)
            case "remove":
                value = self.hub.remove(author, self.people["bob"].public, mode="reparent", created_at=at)
            case _:
                return
        take(value, now=self.now)

    def check(self) -> None:
        """What is always so."""
        assert check_ledger().problems == []
        account = Account.objects.get(pk=self.account.pk)
        assert (account.name, account.parent_id) == (self.account.name, self.account.parent_id)
        assert Balance.objects.filter(account=account).exists()
        assert Replacement.objects.filter(account=account, state="waiting").count() <= 1
        for change in KeyChange.objects.select_related("old"):
            assert is_buried(bytes(change.old.key))
            assert member_of(bytes(change.old.key), now=self.now) is None
        for row in Replacement.objects.filter(state="done"):
            assert row.ended_at is not None
            assert row.ended_at - row.started_at >= (OWN_KEY_MS if row.way == "key" else CHAIN_MS)


@pytest.mark.django_db
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(todo=deeds)
def test_any_order_keeps_the_account_whole(todo: list[tuple[str, str, int, int]]) -> None:
    with transaction.atomic():
        world = World(install())
        for deed in todo:
            world.do(*deed)
            world.check()
        transaction.set_rollback(True)
