"""What scheduled tasks have done in this process: kept in memory, for each of them runs soon after a start.

Not here: the schedule (CELERY_BEAT_SCHEDULE), what the tasks do.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from celery.signals import task_failure, task_postrun, task_prerun

from peers.clock import now_ms

RUNS_KEPT: Final = 20


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a task; `error` names what stopped it, the log says more."""

    started_at: int
    seconds: float
    error: str


@dataclass(slots=True)
class Record:
    """What is known of a task."""

    runs: int = 0
    failures: int = 0
    seconds: float = 0.0
    last: deque[Run] = field(default_factory=lambda: deque(maxlen=RUNS_KEPT))


_lock = threading.Lock()
_records: dict[str, Record] = {}
_under_way: dict[str, tuple[str, int, float]] = {}
_errors: dict[str, str] = {}


def records() -> dict[str, Record]:
    """What is known of each task that has run, by name."""
    with _lock:
        return {
            name: Record(record.runs, record.failures, record.seconds, deque(record.last, maxlen=RUNS_KEPT))
            for name, record in _records.items()
        }


@task_prerun.connect
def _begun(task_id: str = "", task: Any = None, **others: Any) -> None:
    with _lock:
        _under_way[task_id] = (task.name, now_ms(), time.monotonic())


@task_failure.connect
def _failed(task_id: str = "", exception: BaseException | None = None, **others: Any) -> None:
    with _lock:
        _errors[task_id] = type(exception).__name__


@task_postrun.connect
def _ended(task_id: str = "", **others: Any) -> None:
    with _lock:
        begun = _under_way.pop(task_id, None)
        error = _errors.pop(task_id, "")
        if begun is None:
            return
        name, started_at, clock = begun
        record = _records.setdefault(name, Record())
        seconds = time.monotonic() - clock
        record.runs += 1
        record.failures += bool(error)
        record.seconds += seconds
        record.last.append(Run(started_at, seconds, error))
