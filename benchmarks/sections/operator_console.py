"""Whether the operator's console is as quick with a million messages as with none."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from benchmarks.homes import ROOT, environment
from benchmarks.measure import Bench, Cost, Meter, Row
from benchmarks.servers import Server, hub

PAGES: Final = {
    "dashboard": "/console/",
    "messages": "/console/messaging/message/",
    "messages of a rare type": "/console/messaging/message/?type=chan.open",
}
AIM_MS: Final = 300
TIMES: Final = 30
TIMEOUT_SECONDS: Final = 60

METHODS: Final = {
    "page, rows": (
        "The operator's page of a hub whose lounge holds so many messages, asked for again and again from just after "
        "the start, while the hub still counts them by day: median. The limit is the same page of an empty hub."
    ),
}


def run(bench: Bench) -> Iterator[Row]:
    """Each page, empty and full."""
    rows = bench.pick(1_000_000, 20_000)
    bench.note("console: empty")
    empty = _measure(bench, bench.homes.empty())
    bench.note(f"console: {rows:,} rows")
    full = _measure(bench, bench.homes.filled(rows))
    for name in PAGES:
        (ms, cost), (limit_ms, _) = full[name], empty[name]
        yield Row(
            "console",
            f"{name}, {rows:,} rows",
            f"{ms:.0f} ms",
            f"{limit_ms:.0f} ms at 0 rows",
            limit_ms / ms,
            f"< {AIM_MS} ms",
            None,
            cost,
        )


def _measure(bench: Bench, home: Path) -> dict[str, tuple[float, Cost]]:
    with hub(home) as server:
        ask = _operator(server)
        found = {}
        for name, path in PAGES.items():
            meter = Meter(server.process)
            times = []
            for _ in range(bench.pick(TIMES, 3)):
                began = time.perf_counter()
                ask(path)
                times.append((time.perf_counter() - began) * 1000)
            found[name] = (statistics.median(times), meter.stop())
        return found


class _Browser:
    """Asks for pages with the cookies of an open console."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def __call__(self, path: str, data: dict[str, str] | None = None) -> str:
        body = urlencode(data).encode() if data else None
        request = urllib.request.Request(f"{self._origin}{path}", data=body)  # noqa: S310 - of this machine's hub
        with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
            return str(answer.read().decode())


def _operator(server: Server) -> _Browser:
    command = [sys.executable, "manage.py", "console_link", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environment(server.home), check=True, capture_output=True, text=True)
    secret = str(json.loads(done.stdout)["link"]).partition("#")[2]
    browser = _Browser(f"http://127.0.0.1:{server.port}")
    token = re.findall(r'csrfmiddlewaretoken" value="([^"]+)"', browser("/console/enter"))[0]
    browser("/console/enter", {"secret": secret, "csrfmiddlewaretoken": token})
    return browser
