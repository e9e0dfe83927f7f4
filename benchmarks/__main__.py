"""`make bench`, or `python -m benchmarks [--quick] [--logs FOLDER] [section ...]`."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Final

from rich.console import Console

from benchmarks import results
from benchmarks.homes import Homes
from benchmarks.measure import Bench, Row
from benchmarks.sections import (
    fanout,
    ingest,
    latency,
    links,
    memory,
    operator_console,
    private,
    prune,
    rest,
    start,
    store,
    sync,
    trees,
    vault,
    web,
)

PLAIN_WIDTH: Final = 200  # columns, where there is no terminal

SECTIONS: Final[dict[str, ModuleType]] = {
    "ingest": ingest,
    "fanout": fanout,
    "latency": latency,
    "memory": memory,
    "store": store,
    "trees": trees,
    "start": start,
    "rest": rest,
    "console": operator_console,
    "links": links,
    "web": web,
    "private": private,
    "vault": vault,
    "prune": prune,
    "sync": sync,
}


def main() -> None:
    """Run the sections, print the table, write RESULTS.md."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure the hub against limits taken in the same run."
    )
    parser.add_argument("section", nargs="*", help=f"{', '.join(SECTIONS)}; all if none is named")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="small sizes, under a minute: shows that everything runs; RESULTS.md is left alone",
    )
    parser.add_argument(
        "--logs",
        type=Path,
        metavar="FOLDER",
        help="IRC logs (*.raw.txt) whose times the section sync uses too",
    )
    options = parser.parse_args()
    if options.logs is not None and not any(options.logs.glob("*.raw.txt")):
        parser.error(f"{options.logs} holds no *.raw.txt")
    if unknown := set(options.section) - SECTIONS.keys():
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    chosen = [name for name in SECTIONS if name in options.section or not options.section]
    console = Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)
    began = time.monotonic()
    rows: list[Row] = []
    done: list[str] = []
    with Homes() as homes, console.status("starting") as status:
        bench = Bench(homes, options.quick, status.update, options.logs)
        for name in chosen:
            try:
                _run(SECTIONS[name], bench, console, rows)
                done.append(name)
            except (AssertionError, OSError, RuntimeError, subprocess.SubprocessError):
                console.print_exception()
    results.show(rows, console)
    console.print(f"{time.monotonic() - began:.0f} s", highlight=False)
    if not options.quick:
        results.write(
            [row for row in rows if row.section in done],
            done,
            {name: module.METHODS for name, module in SECTIONS.items()},
        )
    if done != chosen:
        sys.exit(f"failed: {', '.join(name for name in chosen if name not in done)}")


def _run(section: ModuleType, bench: Bench, console: Console, rows: list[Row]) -> None:
    for row in section.run(bench):
        rows.append(row)
        line = f"{row.section}: {row.name}: {row.figure}, limit {row.limit}, ratio {row.ratio:.2f}"
        console.print(line, highlight=False)


if __name__ == "__main__":
    main()
