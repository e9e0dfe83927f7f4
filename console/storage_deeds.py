"""The deed that prunes: what is removed from this hub, once it has been said how much (messaging/prune.py)."""

from __future__ import annotations

import contextlib
from typing import Final

from django.urls import reverse

from accord.errors import AccordError
from console.deeds import Deed, named, number_of
from console.shown import count, moment, size
from messaging.prune import PruneBusyError, horizons_advance, store_prune
from messaging.prune_plan import plan_before
from peers import audit
from peers.clock import now_ms

DEED_SECONDS: Final = 3.0  # the rest is removed by the scheduled task


@named("prune")
def prune(target: str) -> Deed:
    """Remove what is older than a time (ms)."""
    planned = plan_before(number_of(target), now=now_ms())
    total = planned.total
    if not total.messages:
        raise AccordError("not_found", "nothing of that age is held that may go: nothing has been changed")
    messages = count(total.messages, "message", "messages")

    def run(values: dict[str, str]) -> str:
        now = now_ms()
        receipts = horizons_advance(planned=planned, now=now)
        audit.note(
            "prune", f"before {moment(planned.horizon)}", f"{messages}, {size(total.bytes)}; {receipts} receipts"
        )
        removed = 0
        with contextlib.suppress(PruneBusyError):  # then the other one removes these too
            removed = store_prune(goal=None, now=now, seconds=DEED_SECONDS).messages
        if removed < total.messages:
            return f"{messages} are gone for members; the last of them leave the disk within some minutes."
        return f"{messages} are removed."

    return Deed(
        f"Remove all messages from before {moment(planned.horizon)} (UTC)",
        (
            f"{messages} of {count(len(planned.topics), 'topic', 'topics')} go for good: about {size(total.bytes)}.",
            "It cannot be undone. Hubs that are linked and larger keep theirs; so do members who have copies.",
            "What is pinned, the newest profile of everyone, keys, revocations and the hub's own order stay.",
            "For every topic the hub signs a receipt that says how much went; members can check it.",
        ),
        "Remove them",
        run,
        reverse("admin:storage"),
        is_danger=True,
    )
