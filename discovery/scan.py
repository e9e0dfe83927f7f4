"""The scan: which of a computer's hub ports answer, a few computers at a time (protocol.md section 12).

It connects and leaves; whether a hub is there is found out by a login (probe.py). Not here: which computers; the
operator decides that (options.py).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Final

from discovery.addresses import Network

PORTS: Final = range(51030, 51043)
CONNECT_SECONDS: Final = 1.0
PORTS_AT_ONCE: Final = 5  # of one computer


async def open_ports(address: str, ports: Sequence[int] = PORTS) -> list[int]:
    """Those of the ports that take a connection now."""
    gate = asyncio.Semaphore(PORTS_AT_ONCE)

    async def is_open(port: int) -> bool:
        async with gate:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(CONNECT_SECONDS):
                    _, writer = await asyncio.open_connection(address, port)
                writer.transport.abort()
                return True
        return False

    answers = await asyncio.gather(*(is_open(port) for port in ports))
    return [port for port, answer in zip(ports, answers, strict=True) if answer]


@dataclass
class Rounds:
    """Goes through known hosts and networks, round after round, and remembers where it is."""

    position: int = 0

    def following(self, hosts: Sequence[str], networks: Sequence[Network], most: int) -> list[str]:
        """The next hosts, at most `most` and each once: names as they are, computers of networks as addresses."""
        sizes = [len(hosts), *(_size(network) for network in networks)]
        total = sum(sizes)
        chosen = []
        for _ in range(min(most, total)):
            place = self.position % total
            self.position = place + 1
            chosen.append(self._at(place, hosts, networks, sizes))
        return chosen

    @staticmethod
    def _at(place: int, hosts: Sequence[str], networks: Sequence[Network], sizes: Sequence[int]) -> str:
        if place < sizes[0]:
            return hosts[place]
        place -= sizes[0]
        for network, size in zip(networks, sizes[1:], strict=True):
            if place < size:
                return str(network[place + (1 if size < network.num_addresses else 0)])
            place -= size
        raise IndexError(place)


def _size(network: Network) -> int:
    """Computers that can be in it: of an IPv4 network, not its first and last address."""
    if isinstance(network, IPv4Network) and network.prefixlen < 31:
        return network.num_addresses - 2
    return network.num_addresses
