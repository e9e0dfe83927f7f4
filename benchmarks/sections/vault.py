"""Whether the time of an answer tells who has a vault: names that somebody has against names that nobody has."""

from __future__ import annotations

import http.client
import json
import random
import sqlite3
import statistics
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final

from accord import vault
from accord.encoding import b64decode, b64encode
from benchmarks.measure import Bench, Row
from benchmarks.members import Community, settle
from benchmarks.servers import LOOPBACK, hub

KNOWN: Final = 16
WARM_UP: Final = 20
TOLD: Final = 0.05  # by how much the medians may differ

METHODS: Final = {
    "open, known names": (
        "`POST /api/v1/vault/open` with a wrong password, in random order for 16 names that have a vault and for names "
        "that nobody has, each from another address, on one connection; what the hub has counted is removed after each "
        "pair. Median of the known names over that of the unknown ones; the aim is within 5 %."
    ),
    "params, known names": "The same for `GET /api/v1/vault/params`.",
}


def run(bench: Bench) -> Iterator[Row]:
    """Both questions that anybody may ask."""
    each = bench.pick(400, 40)
    home = bench.homes.empty()
    (home / "url").write_text("http://hub.example", encoding="utf-8")  # so that it believes who passes requests on
    with hub(home) as server:
        names = _register(settle(server, KNOWN))
        for what in ("open", "params"):
            bench.note(f"vault: {what}")
            known, unknown = _times(server.port, home / "hub.sqlite3", names, what, each)
            yield Row(
                "vault",
                f"{what}, known names",
                f"{known * 1000:.2f} ms p50",
                f"{unknown * 1000:.2f} ms p50 of unknown names",
                known / unknown,
                f"{1 - TOLD:.2f} to {1 + TOLD:.2f}",
            )


def _register(community: Community) -> list[str]:
    """A vault for each member; gives their names. The keys are made of no password: the hub cannot tell."""
    secret = b64decode((community.server.home / "secret.key").read_text(encoding="utf-8").strip(), 32)
    found = []
    for place, member in enumerate(community.members):
        socket = community.connect(place)
        token = str(socket.call({"type": "token", "ref": 1}, "token")["token"])
        connection = http.client.HTTPConnection(LOOPBACK, community.server.port)
        name = str(_ask(connection, "GET", "me", token=token)["name"])
        slot = vault.make_slot("password", name=name, wrap=bytes(32), key=bytes(32))
        params = vault.hub_params(secret, name)
        enclave = vault.seal_enclave(
            member.user, name=name, version=1, params=params, slots=[slot], key=bytes(32), content={}
        )
        body = {"name": name, "auth": b64encode(member.user.public), "enclave": enclave}
        _ask(connection, "PUT", "vault", body, token=token)
        connection.close()
        socket.close()
        found.append(name)
    return found


def _ask(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: Any = None,
    *,
    token: str = "",
    address: str = LOOPBACK,
    status: int = 200,
) -> Any:
    headers = {"X-Forwarded-For": address, **({"Authorization": f"Bearer {token}"} if token else {})}
    if body is not None:
        headers["Content-Type"] = "application/json"
    connection.request(method, f"/api/v1/{path}", None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    value = json.loads(answer.read())
    assert answer.status == status, (answer.status, value)
    return value


def _times(port: int, database: Any, names: list[str], what: str, each: int) -> tuple[float, float]:
    """Median seconds of an answer for known and for unknown names."""
    order = random.Random(1)
    taken: dict[bool, list[float]] = {True: [], False: []}
    connection = http.client.HTTPConnection(LOOPBACK, port)
    with closing(sqlite3.connect(database, timeout=60, isolation_level=None)) as rows:
        for number in range(each + WARM_UP):
            for is_known in order.sample([True, False], 2):
                name = order.choice(names) if is_known else f"n{order.getrandbits(64):016x}"
                address = f"198.18.{number // 125 % 256}.{2 * (number % 125) + is_known}"
                begun = time.perf_counter()
                if what == "open":
                    body = {"name": name, "auth": b64encode(bytes(32))}
                    _ask(connection, "POST", "vault/open", body, address=address, status=403)
                else:
                    _ask(connection, "GET", f"vault/params?name={name}", address=address)
                taken[is_known].append(time.perf_counter() - begun)
            rows.execute("DELETE FROM vault_attempt")
    connection.close()
    return statistics.median(taken[True][WARM_UP:]), statistics.median(taken[False][WARM_UP:])
