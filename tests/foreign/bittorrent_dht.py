"""The hub's DHT code against another implementation: records and announcements, both ways, on loopback.

    .venv/bin/python -m tests.foreign.bittorrent_dht

It needs npm, node and npm's registry, and so is no test of the suite. The package is installed into a temporary folder.
Prints a line a step; ends with 0 if all of them held.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from accord.keys import SigningKey
from discovery.dht import HUBS_INFOHASH, Dht, make_record, read_record
from peers.clock import now_ms
from tests.hubs import wait_until

PACKAGE = "bittorrent-dht@11.0.12"
NODES = 4
SECONDS = 20
SCRIPT = Path(__file__).with_suffix(".mjs")


class Foreign:
    """The other implementation's node."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.port = int(self._answer()["port"])

    def ask(self, command: str, **fields: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"command": command, **fields}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@contextmanager
def foreign(entry: int) -> Iterator[Foreign]:
    """A node of the npm package, inside the DHT of the node at that port."""
    with tempfile.TemporaryDirectory() as folder:
        install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", PACKAGE]
        subprocess.run(install, cwd=folder, check=True)
        shutil.copy(SCRIPT, folder)
        command = ["node", SCRIPT.name, f"127.0.0.1:{entry}"]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, cwd=folder, stdin=pipe, stdout=pipe, text=True)
        try:
            yield Foreign(process)
        finally:
            process.terminate()
            process.wait(SECONDS)


def check(step: str, *, holds: bool) -> None:
    print(f"{'ok  ' if holds else 'FAIL'}  {step}", flush=True)
    if not holds:
        sys.exit(1)


def main() -> None:
    if shutil.which("npm") is None or shutil.which("node") is None:
        sys.exit("npm and node are needed")
    nodes = [Dht([], announces=True, listen="127.0.0.1:0")]
    nodes += [Dht([("127.0.0.1", nodes[0].port)], announces=True) for _ in range(NODES - 1)]
    for node in nodes[1:]:
        check("a libtorrent node has come in", holds=node.wait_entered(SECONDS))
    with foreign(nodes[0].port) as other:
        records(nodes, other)
        announcements(nodes, other)
    for node in nodes:
        node.close()


def records(nodes: list[Dht], other: Foreign) -> None:
    ours, theirs = SigningKey.generate(), SigningKey.generate()
    for number in (1, 2):
        record = make_record([f"wss://moved{number}.example/ws/peer"], now=now_ms())
        nodes[1].put(ours, record)
        wait_until(lambda record=record: nodes[2].get(ours.public) == record, seconds=SECONDS, what="our own record")
        answer = other.ask("get", key=ours.public.hex())
        check(
            f"bittorrent-dht gets record {number} of libtorrent, seq {answer.get('seq')}",
            holds=answer.get("record") == record.hex(),
        )
    for seq in (1, 2):
        record = make_record([f"wss://theirs{seq}.example/ws/peer"], now=now_ms())
        answer = other.ask("put", seed=theirs.seed.hex(), key=theirs.public.hex(), record=record.hex(), seq=seq)
        check(f"bittorrent-dht puts record {seq}, kept by {answer.get('kept')} nodes", holds=not answer.get("error"))
        got = nodes[3].get(theirs.public)
        check(f"libtorrent gets it: {read_record(got, now=now_ms())}", holds=got == record)


def announcements(nodes: list[Dht], other: Foreign) -> None:
    nodes[1].announce(51030)
    wait_until(lambda: ("127.0.0.1", 51030) in announced(nodes[2]), seconds=SECONDS, what="our own announcement")
    answer = other.ask("lookup", infohash=HUBS_INFOHASH.hex())
    check(
        f"bittorrent-dht finds who announced: {answer.get('peers')}", holds="127.0.0.1:51030" in answer.get("peers", [])
    )
    answer = other.ask("announce", infohash=HUBS_INFOHASH.hex(), port=51031)
    check("bittorrent-dht announces", holds=not answer.get("error"))
    wait_until(lambda: ("127.0.0.1", 51031) in announced(nodes[3]), seconds=SECONDS, what="the other's announcement")
    check("libtorrent finds it", holds=True)


def announced(node: Dht) -> set[tuple[str, int]]:
    node.ask_peers()
    return node.take_peers()


if __name__ == "__main__":
    main()
