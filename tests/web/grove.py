"""A tree of many invitations on a real hub, to be looked at: names and shape follow a rule.

python -m tests.web.grove [accounts]      a hub with such a tree, until Ctrl-C
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from tests.console.browser import console_link
from tests.e2e.plain_client import Key
from tests.e2e.world import World
from tests.hubs import start_hub

GENERATIONS: Final = 6
WAITING_EVERY: Final = 13
_FIRST: Final = ("ba", "de", "fi", "go", "ju", "ka", "le", "mi", "no", "pu", "ra", "se", "ti", "vo", "zu")
_LAST: Final = ("bert", "dan", "lia", "mir", "nora", "rik", "sa", "ton", "vin", "wen", "ya")
_AT_ONCE: Final = 12


@dataclass
class Sapling:
    """An account that is to be: `spare` invites beside those that it gives away."""

    name: str
    generation: int
    kind: str = "real"
    spare: int = 0
    key: Key = field(default_factory=Key)
    children: list[Sapling] = field(default_factory=list)

    @property
    def invites(self) -> int:
        return self.spare + sum(1 + child.invites for child in self.children)

    @property
    def branch(self) -> list[Sapling]:
        return [self, *(below for child in self.children for below in child.branch)]


def name_of(number: int) -> str:
    """A name for each number."""
    first, last = number % len(_FIRST), number % len(_LAST)
    again = number // (len(_FIRST) * len(_LAST))
    return f"{_FIRST[first]}{_LAST[last]}" + (f"-{again + 1}" if again else "")


def plan(accounts: int, *, seed: int = 5) -> Sapling:
    """So many accounts below the top in GENERATIONS generations; most invite nobody, some invite many."""
    chance = Random(seed)
    top = Sapling("admin", 0)
    grown = [top]
    for number in range(accounts):
        room = [each for each in grown if each.generation < GENERATIONS and each.kind == "real"]
        weights = [(2.0 + len(each.children)) * (3 if each is top else 1) for each in room]
        parent = chance.choices(room, weights)[0] if number >= GENERATIONS else grown[-1]
        kind = "temp" if number % WAITING_EVERY == WAITING_EVERY - 1 else "real"
        child = Sapling(name_of(number), parent.generation + 1, kind, chance.choice([0, 0, 1, 3, 5]))
        parent.children.append(child)
        grown.append(child)
    return top


async def grow(world: World, accounts: int) -> Sapling:
    """Plant them: each is added by its inviter's own message."""
    top = plan(accounts)
    top.key = world.admin
    generation = [top]
    turn = asyncio.Semaphore(_AT_ONCE)

    async def add(parent: Sapling) -> None:
        async with turn, await world.connect(parent.key) as session:
            made = [
                world.add_user(parent.key, child.key, child.name, kind=child.kind, invites=child.invites)
                for child in parent.children
            ]
            await session.store(*made)

    while generation:
        await asyncio.gather(*(add(parent) for parent in generation if parent.children))
        generation = [child for parent in generation for child in parent.children]
    return top


def main() -> None:
    """A hub to be looked at."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    accounts = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ACCORD_HOME"] = folder
        with start_hub(Path(folder) / "home") as process:
            asyncio.run(grow(World.of(process.home, process), accounts))
            sys.stdout.write(f"{console_link(process.home)}\n")
            sys.stdout.flush()
            signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    main()
