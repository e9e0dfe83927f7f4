"""`python -m tests.messaging.tree_worker`: check the store of $ACCORD_HOME, say what was found, then work on it until
killed: store, hash, burn, prune, in small steps.
"""

from __future__ import annotations

import os
import random
import sys
from typing import Final

import django

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
MESSAGES_A_ROUND: Final = 60


def check() -> None:
    """Leave with 3 if anything disagrees; else a line: how many messages, and what waits to be hashed."""
    from messaging import store_check, trees
    from messaging.models import Dirty, Message, Store, Topic
    from messaging.trees.verify import branches_true
    from peers.clock import now_ms

    faults = [*store_check.messages_check(lambda _: None), *store_check.totals_check()]
    found = [branches_true(pk, lambda _: None) for pk in Topic.objects.values_list("pk", flat=True)]
    store = Store.objects.get()
    waiting = Dirty.objects.count() + store.cursor - store.tree_cursor
    trees.refresh(now=now_ms())
    faults += store_check.trees_check(lambda _: None)
    if faults or False in found:
        sys.exit(3)
    print(Message.objects.count(), waiting, flush=True)


def work(chance: random.Random) -> None:
    """Never ends. Its clock goes a minute a round, from the newest message on."""
    from django.db import transaction
    from django.db.models import Max

    from accord.merkle import horizon_of
    from accord.topics import Topic
    from messaging import prune, services, trees
    from messaging.locks import store_lock
    from messaging.models import Message
    from messaging.models import Topic as TopicRow
    from peers.clock import now_ms
    from peers.keyring import keyring
    from tests.factories import envelope, store

    row = TopicRow.objects.get(kind="chan")
    lounge = Topic("chan", bytes(row.ident))
    now = max(now_ms(), Message.objects.aggregate(last=Max("created_at"))["last"])
    while True:
        now += MINUTE_MS
        values = []
        for number in range(MESSAGES_A_ROUND):
            created_at = now - chance.choice([0, MINUTE_MS, chance.randrange(90 * 24 * HOUR_MS)])
            burns = {"burn_at": now + chance.randrange(1, 20) * MINUTE_MS} if number % 2 else {}
            values.append(envelope(keyring().admin, lounge, f"{now} {number}", created_at=created_at, **burns))
        store(*values, now=now)
        trees.refresh(now=now)
        services.messages_burn(now=now)
        if chance.random() < 0.2:
            with transaction.atomic():
                store_lock()
                trees.horizon_move(row.pk, horizon_of(now - chance.randrange(60, 90) * 24 * HOUR_MS))
        if chance.random() < 0.2:
            with transaction.atomic():
                store_lock()
                trees.mark_whole([row.pk])
        if chance.random() < 0.5:
            prune.store_prune(goal=None, now=now, seconds=0.1)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "accord_hub.settings")
    django.setup()
    from messaging.services import hub_install
    from messaging.trees import upkeep

    upkeep.STEP_MESSAGES = 20
    upkeep.STEP_BUCKETS = 5
    hub_install()
    check()
    work(random.Random(sys.argv[1]))
