"""Scheduled work on messages."""

from __future__ import annotations

from typing import Final

from celery import shared_task

from messaging import trees
from messaging.backup import schedule
from messaging.backup.upgrade import copy_burn
from messaging.burials import burials_sweep
from messaging.prune import PruneBusyError, store_keep
from messaging.reports import reports_move
from messaging.room import room_note
from messaging.services import log_wipe, messages_burn
from messaging.strangers import inboxes_trim
from peers.clock import now_ms

STEPS_OF_TREES: Final = 10  # a run: what burns must not wait for trees of a large import
PRUNE_SECONDS: Final = 4.0  # nor for pruning: the worker does one task at a time


@shared_task(name="messaging.burn")
def burn() -> None:
    """Drop what has burned, and leave no trace of it or of what was deleted; runs far more often than each 60 s."""
    messages_burn(now=now_ms())
    log_wipe()
    copy_burn(now=now_ms())


@shared_task(name="messaging.burials")
def sweep_burials() -> None:
    """Remove what buried keys have signed after their time."""
    burials_sweep()


@shared_task(name="messaging.trees")
def keep_trees() -> None:
    """Bring the trees of topics up to date, so that a root that is asked for is there at once."""
    trees.refresh(now=now_ms(), steps=STEPS_OF_TREES)


@shared_task(name="messaging.roots")
def forget_roots() -> None:
    """Keep the index of roots small."""
    trees.roots_forget()


@shared_task(name="messaging.prune")
def prune() -> None:
    """Keep the store within its bound; what one run leaves, the next one does, after other tasks that wait."""
    try:
        outcome = store_keep(now=now_ms(), seconds=PRUNE_SECONDS)
    except PruneBusyError:  # the operator is at it
        return
    log_wipe()
    if not outcome.is_done:
        prune.delay()


@shared_task(name="messaging.room")
def note_room() -> None:
    """Write down how much room the store takes."""
    room_note(now=now_ms())


@shared_task(name="messaging.strangers")
def trim_strangers() -> None:
    """Let old answers to people without an account go."""
    inboxes_trim(now=now_ms())


@shared_task(name="messaging.reports")
def move_reports() -> None:
    """Hand reports that nobody has closed to the next one up the tree."""
    reports_move(now=now_ms())


@shared_task(name="messaging.backup")
def back_up() -> None:
    """Begin the nightly backup when it is due; it is made by a process of its own."""
    schedule.keep()
