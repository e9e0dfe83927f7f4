"""Two hubs on two computers of a LAN find each other by mDNS and prove their keys; the computers are namespaces.

    sudo .venv/bin/python -m tests.foreign.mdns_namespaces

It needs root on Linux with `ip netns`, and so is no test of the suite. Each hub is behind a TLS proxy, as section 13 of
the protocol wants on a LAN. Prints a line a step; ends with 0 if both were found.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from accord.encoding import b64decode
from tests.hubs import ROOT, wait_until

HUBS = (("accord-a", "10.77.0.1"), ("accord-b", "10.77.0.2"))
TLS_PORT = 8443
START_SECONDS = 30
FOUND_SECONDS = 200  # a round a minute: one that hears of the other, one that asks for its key


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


@contextlib.contextmanager
def two_computers() -> Iterator[None]:
    """Joined by one cable."""
    (first, _), (second, _) = HUBS
    for name, _ in HUBS:
        ip("netns", "add", name)
    try:
        ip("link", "add", "cable", "netns", first, "type", "veth", "peer", "name", "cable", "netns", second)
        for name, address in HUBS:
            ip("-n", name, "addr", "add", f"{address}/24", "dev", "cable")
            ip("-n", name, "link", "set", "cable", "up")
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", name, "route", "add", "default", "dev", "cable")
        yield
    finally:
        for name, _ in HUBS:
            ip("netns", "del", name)


def begin(where: str, home: Path, *command: str, **extra: str) -> subprocess.Popen[bytes]:
    """A process on one of the computers."""
    environment = {**os.environ, "ACCORD_HOME": str(home), **extra}
    with home.with_name(f"{home.name}.log").open("ab") as log:
        inside = ["ip", "netns", "exec", where, sys.executable, *command]
        return subprocess.Popen(inside, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)


def found(home: Path) -> dict[str, tuple[bytes, str]]:
    """Key and name of each hub that was proved, by address."""
    with contextlib.closing(sqlite3.connect(f"file:{home}/hub.sqlite3?mode=ro", uri=True, timeout=60)) as database:
        rows = database.execute(
            "SELECT address, key, name FROM discovery_sighting WHERE how = 'mdns' AND proved_at IS NOT NULL"
        ).fetchall()
    return {address: (bytes(key), name) for address, key, name in rows}


def main() -> None:
    processes: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory() as folder, two_computers():
        homes = {name: Path(folder) / name for name, _ in HUBS}
        try:
            for name, address in HUBS:
                home = homes[name]
                begin(name, home, "manage.py", "migrate", "-v0").wait(START_SECONDS)
                settings = {"ACCORD_URL": f"https://{address}:{TLS_PORT}", "ACCORD_NAME": name}
                processes.append(begin(name, home, "manage.py", "hub", **settings))
                wait_until((home / "hub.json").exists, seconds=START_SECONDS, what=f"{name} serves")
                port = json.loads((home / "hub.json").read_text(encoding="utf-8"))["port"]
                proxy = ("-m", "tests.foreign.tls_proxy", address, str(TLS_PORT), str(port))
                processes.append(begin(name, home, *proxy))
            began = time.monotonic()
            for (name, _), (other, address) in (HUBS, HUBS[::-1]):
                expected = json.loads((homes[other] / "hub.json").read_text(encoding="utf-8"))["key"]
                wait_until(
                    lambda name=name: bool(found(homes[name])), seconds=FOUND_SECONDS, what=f"{name} finds {other}"
                )
                proved = {f"wss://{address}:{TLS_PORT}/ws/peer": (b64decode(expected, 32), other)}
                assert found(homes[name]) == proved, found(homes[name])
                print(f"ok    {name} has found {other} by mDNS, {time.monotonic() - began:.0f} s", flush=True)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(START_SECONDS)


if __name__ == "__main__":
    main()
