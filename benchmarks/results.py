"""The table, on the terminal and in RESULTS.md."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.homes import ROOT
from benchmarks.measure import Row

FILE: Final = Path(__file__).with_name("RESULTS.md")
COLUMNS: Final = (
    "section",
    "row",
    "figure",
    "limit",
    "ratio",
    "aim",
    "ratio by CPU",
    "server CPU",
    "client CPU",
    "others",
    "run",
)
LEGEND: Final = """\
Written by `make bench` (see `python -m benchmarks --help`); rows of sections that were not run are kept from
earlier runs.

*ratio*: figure over limit, both taken in the same run. *ratio by CPU*: the same by the processor time of the two
servers, which other programs on the machine disturb less. *server CPU*, *client CPU*: processor seconds over the
seconds of the measurement; the client is one process that both publishes and receives. *others*: the share of all
cores that other programs took meanwhile; a row with more than a few per cent there is not to be trusted. *run*: when,
and of which commit (`+`: with uncommitted changes).
"""


def machine() -> dict[str, str]:
    """What the figures depend on."""
    return {
        "CPU": f"{_cpu_model()}, {os.cpu_count()} cores",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
    }


def _cpu_model() -> str:
    found = re.search(r"^model name\s*: (.+)$", _read(Path("/proc/cpuinfo")), re.MULTILINE)
    return found[1].strip() if found else platform.processor() or platform.machine()


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def run_name() -> str:
    """Date and commit."""
    changed = any(FILE.name not in line for line in _git("status", "--porcelain").splitlines())
    commit = _git("rev-parse", "--short", "HEAD") or "no commit"
    return f"{time.strftime('%Y-%m-%d')} {commit}{'+' if changed else ''}"


def cells(row: Row, run: str) -> list[str]:
    """A row as text, in the order of COLUMNS."""
    cost = row.cost
    return [
        row.section,
        row.name,
        row.figure,
        row.limit,
        f"{row.ratio:.2f}",
        row.aim,
        "" if row.by_cpu is None else f"{row.by_cpu:.2f}",
        f"{cost.server_cpu:.2f}/{cost.seconds:.2f} s" if cost else "",
        f"{cost.client_cpu:.2f}/{cost.seconds:.2f} s" if cost else "",
        f"{cost.others:.0%}" if cost else "",
        run,
    ]


def show(rows: Sequence[Row], console: Console) -> None:
    """Print the table."""
    table = Table(title=", ".join(machine().values()))
    for column in COLUMNS[:-1]:
        table.add_column(column, justify="right" if column in ("ratio", "ratio by CPU", "others") else "left")
    for row in rows:
        table.add_row(*cells(row, "")[:-1])
    console.print(table)


def write(rows: Sequence[Row], sections: Sequence[str], methods: Mapping[str, Mapping[str, str]]) -> None:
    """Put the rows into RESULTS.md in place of those of the same sections; `methods` is for all sections."""
    run = run_name()
    fresh = [cells(row, run) for row in rows]
    kept = [line for line in _rows_of(_read(FILE)) if line[0] not in sections]
    order = list(methods)
    lines = sorted(kept + fresh, key=lambda line: order.index(line[0]) if line[0] in order else len(order))
    facts = "".join(f"- {name}: {value}\n" for name, value in machine().items())
    table = "".join(f"| {' | '.join(line)} |\n" for line in [list(COLUMNS), ["---"] * len(COLUMNS), *lines])
    sentences = "".join(
        f"- **{section}, {name}.** {text}\n" for section, by_name in methods.items() for name, text in by_name.items()
    )
    head = f"# Benchmarks\n\nLast run: {run}, on\n\n{facts}"
    FILE.write_text(f"{head}\n{LEGEND}\n{table}\n## How each row is taken\n\n{sentences}", encoding="utf-8")


def _rows_of(text: str) -> list[list[str]]:
    lines = [line.strip().strip("|").split("|") for line in text.splitlines() if line.startswith("| ")]
    found = [[cell.strip() for cell in line] for line in lines]
    return [line for line in found if len(line) == len(COLUMNS) and line[0] not in ("section", "---")]
