"""Requests of the REST API a second, beside a bare view of the same framework under the same server."""

from __future__ import annotations

import json
import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import psutil

from benchmarks.measure import Bench, Cost, Meter, Row
from benchmarks.members import Community, settle
from benchmarks.servers import LOOPBACK, hub, other

CONNECTIONS: Final = 8
MEMBERS: Final = 32  # each has a measure of its own
PAGE_MESSAGES: Final = 50
WARM_UP_REQUESTS: Final = 10
READ_BYTES: Final = 256 * 1024
STALL_SECONDS: Final = 30

METHODS: Final = {
    "me": (
        "`GET /api/v1/me` on eight connections that are kept, the next request when the last is answered, by 32 "
        "members in turn, each with a bearer token of a socket that stays open. Answers a second, over those of a "
        "bare view of Django REST framework (no authentication, no throttle, no database) that gives the same value, "
        "under uvicorn and Django's own ASGI handler."
    ),
    "page of 50": "The same for `GET /api/v1/messages?topic=...` with 50 messages of 300 bytes.",
    "publish": (
        "The same for `POST /api/v1/messages` with one message each, signed beforehand, answered when it is "
        "committed; the bare view parses the same bodies and gives the same answer."
    ),
}


def run(bench: Bench) -> Iterator[Row]:
    """Two reads and a write."""
    each = bench.pick(400, 20)
    with hub(bench.homes.empty()) as server:
        community = settle(server, MEMBERS)
        sockets = [community.connect(index) for index in range(MEMBERS)]
        tokens = [str(one.call({"type": "token", "ref": 1}, "token")["token"]) for one in sockets]
        publish = {"type": "publish", "ref": 2, "messages": community.write(0, PAGE_MESSAGES)}
        sockets[0].call(publish, "published")
        for name, requests in (
            ("me", _reads(tokens, "me", each)),
            ("page of 50", _reads(tokens, f"messages?topic={community.lounge}", each)),
            ("publish", _writes(community, tokens, each)),
        ):
            bench.note(f"rest: {name}")
            taken = _exchange(server.process, server.port, requests)
            home = bench.homes.empty()
            (home / "answer.json").write_bytes(taken.answer)
            command = ("-m", "uvicorn", "benchmarks.bare_drf:application", "--port", "{port}", "--log-level", "error")
            with other(home, *command) as bare:
                limit = _exchange(bare.process, bare.port, requests)
            yield Row(
                "rest",
                name,
                f"{taken.rate:,.0f} requests/s",
                f"{limit.rate:,.0f} of a bare DRF view",
                taken.rate / limit.rate,
                "",
                taken.rate_by_cpu / limit.rate_by_cpu,
                taken.cost,
            )
        for one in sockets:
            one.close()


def _request(token: str, method: str, path: str, body: bytes = b"") -> bytes:
    head = f"{method} /api/v1/{path} HTTP/1.1\r\nHost: {LOOPBACK}:{{port}}\r\nAuthorization: Bearer {token}\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def _reads(tokens: Sequence[str], path: str, each: int) -> list[list[bytes]]:
    """The requests of each connection."""
    return [
        [_request(tokens[(place + number) % len(tokens)], "GET", path) for number in range(each + WARM_UP_REQUESTS)]
        for place in range(CONNECTIONS)
    ]


def _writes(community: Community, tokens: Sequence[str], each: int) -> list[list[bytes]]:
    """The same, each with a message of the member whose token it is."""
    found = []
    for place in range(CONNECTIONS):
        messages = community.write(place, each + WARM_UP_REQUESTS)
        bodies = [json.dumps({"messages": [message]}).encode() for message in messages]
        found.append([_request(tokens[place], "POST", "messages", body) for body in bodies])
    return found


@dataclass
class _Connection:
    socket: socket.socket
    requests: list[bytes]
    received: bytes = b""
    answered: int = 0

    def send(self) -> None:
        self.socket.sendall(self.requests[self.answered])

    def take(self) -> bytes | None:
        """The body of an answer, once it is whole."""
        self.received += self.socket.recv(READ_BYTES)
        head, blank, body = self.received.partition(b"\r\n\r\n")
        if not blank:
            return None
        status, *headers = head.split(b"\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(b": ") for line in headers)}
        if len(body) < int(fields[b"content-length"]):
            return None
        assert status.split()[1] == b"200", self.received
        self.received = b""
        self.answered += 1
        return body


@dataclass(frozen=True)
class Taken:
    """What a server answered."""

    requests: int
    cost: Cost
    answer: bytes

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.requests / self.cost.seconds

    @property
    def rate_by_cpu(self) -> float:
        """Answers a second of the server's processor time."""
        return self.requests / self.cost.server_cpu


def _exchange(process: psutil.Process, port: int, requests: Sequence[list[bytes]]) -> Taken:
    """Send every connection's requests, one after the other; the first few do not count."""
    address = str(port).encode()
    ready = [[one.replace(b"{port}", address, 1) for one in some] for some in requests]
    connections = [_Connection(socket.create_connection((LOOPBACK, port)), some) for some in ready]
    _drain(connections, WARM_UP_REQUESTS)
    meter = Meter(process)
    began = time.perf_counter()
    answer = _drain(connections, len(requests[0]))
    cost = meter.stop(time.perf_counter() - began)
    for connection in connections:
        connection.socket.close()
    return Taken(sum(len(some) - WARM_UP_REQUESTS for some in requests), cost, answer)


def _drain(connections: Sequence[_Connection], upto: int) -> bytes:
    """Until each connection has so many answers; gives the last one."""
    answer = b""
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send()
        waiting = len(connections)
        while waiting:
            events = selector.select(STALL_SECONDS)
            assert events, "the server has stopped answering"
            for key, _ in events:
                connection = key.data
                body = connection.take()
                if body is None:
                    continue
                answer = body
                if connection.answered < upto:
                    connection.send()
                else:
                    selector.unregister(connection.socket)
                    waiting -= 1
    return answer
