"""One round's dialling: claims are put to the proof, computers are scanned; all at once, within a time.

Not here: what is to be asked and what becomes of the answers (finder.py). No database: this runs on a loop of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Final

from accord.errors import RemoteError
from discovery.addresses import Network, resolve
from discovery.probe import Found, prove
from discovery.scan import PORTS, open_ports

ROUND_SECONDS: Final = 15
PROOFS_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class Question:
    """Is a hub at `ws`, and with the key `expected` if that is not None?"""

    ws: str
    expected: bytes | None
    allowed: Sequence[Network]
    known_as: str = ""


@dataclass(frozen=True, slots=True)
class Host:
    """A computer to scan: a name or an address, and the inner networks to which it may lead."""

    host: str
    allowed: Sequence[Network]


@dataclass
class Outcome:
    """`answers` stand in the order of the questions, None where there was no time; `seen` are hubs by address."""

    answers: list[Found | RemoteError | None]
    seen: dict[str, Found] = field(default_factory=dict)
    no_hub: list[str] = field(default_factory=list)  # scanned ports that are open, but where no hub proved a key


async def look(questions: Sequence[Question], hosts: Sequence[Host], *, skipped: Collection[str]) -> Outcome:
    """Ask and scan for ROUND_SECONDS at most; open ports at addresses in `skipped` are left alone."""
    outcome = Outcome([None] * len(questions))
    gate = asyncio.Semaphore(PROOFS_AT_ONCE)

    async def ask(place: int, question: Question) -> None:
        async with gate:
            outcome.answers[place] = await answer(question)

    async def scan(host: Host) -> None:
        shown = f"[{host.host}]" if ":" in host.host else host.host
        try:
            target = await resolve(f"ws://{shown}:{PORTS[0]}", allowed=host.allowed)
        except RemoteError:
            return
        shown = f"[{target.address}]" if ":" in target.address else target.address
        addresses = [f"ws://{shown}:{port}/ws/peer" for port in await open_ports(target.address)]
        for ws in addresses:
            if ws in skipped:
                continue
            async with gate:
                met = await answer(Question(ws, None, [ip_network(target.address)]))
            if isinstance(met, Found):
                outcome.seen[ws] = met
            else:
                outcome.no_hub.append(ws)

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ROUND_SECONDS):
            await asyncio.gather(*map(scan, hosts), *(ask(*numbered) for numbered in enumerate(questions)))
    return outcome


async def answer(question: Question) -> Found | RemoteError:
    """What a try at one address met."""
    try:
        target = await resolve(question.ws, allowed=question.allowed, known_as=question.known_as)
        return await prove(target, expected=question.expected)
    except RemoteError as error:
        return error
