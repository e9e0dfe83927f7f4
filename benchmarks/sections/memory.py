"""What a connection costs the hub in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, Protocol

from benchmarks.measure import Bench, Row
from benchmarks.members import settle
from benchmarks.servers import Server, hub, other
from benchmarks.wire import open_websocket

MEMBERS: Final = 50
WARM_UP_SOCKETS: Final = 20
SETTLE_SECONDS: Final = 0.7

METHODS: Final = {
    "clear, sealed": (
        "Resident memory of the hub with so many sessions that are logged in and subscribed to the lounge, less "
        "the same before they came (after twenty others have come and gone), divided by their number. The limit "
        "is uvicorn with an application that accepts the same WebSockets and waits."
    ),
}


class Closable(Protocol):
    """A socket or a session."""

    def close(self) -> None:
        """Leave."""


def run(bench: Bench) -> Iterator[Row]:
    """Clear and sealed sessions, each kind in a fresh hub."""
    sockets = bench.pick(1_000, 100)
    bench.note(f"memory: {sockets} bare sockets")
    uvicorn = ("-m", "uvicorn", "--port", "{port}", "--log-level", "warning", "--no-access-log", "--loop", "uvloop")
    protocol = ("--ws", "websockets-sansio", "--ws-per-message-deflate", "false", "benchmarks.accept_only:application")
    with other(bench.homes.root, *uvicorn, *protocol) as server:
        port = server.port
        bare = _per_socket(server, sockets, lambda count: [open_websocket(port, "/")[0] for _ in range(count)])
    for name, sealed in (("clear", False), ("sealed", True)):
        bench.note(f"memory: {sockets} {name} sessions")
        with hub(bench.homes.empty()) as server:
            community = settle(server, MEMBERS)

            ours = _per_socket(server, sockets, partial(community.listen, sealed=sealed))
        figure = f"{ours / 1024:.1f} KiB a connection"
        yield Row(
            "memory", f"{sockets:,} {name} sessions", figure, f"{bare / 1024:.1f} KiB of bare uvicorn", ours / bare
        )


def _per_socket(server: Server, count: int, open_sockets: Callable[[int], Sequence[Closable]]) -> float:
    for connection in open_sockets(WARM_UP_SOCKETS):
        connection.close()
    time.sleep(SETTLE_SECONDS)
    before = server.rss()
    connections = open_sockets(count)
    time.sleep(SETTLE_SECONDS)
    after = server.rss()
    for connection in connections:
        connection.close()
    return (after - before) / count
