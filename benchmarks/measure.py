"""One line of the table, and what it cost in processor time: client, server, everything else on the machine."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.homes import Homes


@dataclass(frozen=True)
class Cost:
    """Wall and processor seconds of a measurement; `others` is the share of all cores that went to other processes."""

    seconds: float
    client_cpu: float
    server_cpu: float
    others: float


@dataclass(frozen=True)
class Row:
    """A figure, its limit and their ratio, as they are printed.

    `by_cpu` is the ratio by the server's processor time: it holds when other programs take their share of the cores.
    """

    section: str
    name: str
    figure: str
    limit: str
    ratio: float
    aim: str = ""
    by_cpu: float | None = None
    cost: Cost | None = None


class Meter:
    """Counts from its making; `stop` gives the cost. The client is this process, the server one process by its id."""

    def __init__(self, server: psutil.Process) -> None:
        self._server = server
        self._begun = self._read()

    def stop(self, seconds: float | None = None) -> Cost:
        """The cost until now, over `seconds` if the measurement knows better when it ended."""
        wall, client, server, machine = (now - then for now, then in zip(self._read(), self._begun, strict=True))
        cores = os.cpu_count() or 1
        others = max(0.0, machine - client - server) / (wall * cores)
        return Cost(wall if seconds is None else seconds, client, server, others)

    def _read(self) -> tuple[float, float, float, float]:
        server = self._server.cpu_times()
        machine = psutil.cpu_times()
        busy = sum(machine) - machine.idle - getattr(machine, "iowait", 0.0) - getattr(machine, "guest", 0.0)
        return time.perf_counter(), time.process_time(), server.user + server.system, busy


@dataclass(frozen=True)
class Bench:
    """What every section is given."""

    homes: Homes
    quick: bool
    note: Callable[[str], None]
    logs: Path | None = None  # a folder of IRC logs, *.raw.txt

    def pick(self, full: int, quick: int) -> int:
        """A size, by the kind of run."""
        return quick if self.quick else full
