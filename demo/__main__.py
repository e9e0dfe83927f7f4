"""`make demo`: shows three linked hubs becoming equal while a chat log is played into one of them.

    Club     a hub with members; the log is played into it
    School   another one, linked to Club
    Mirror   in gossip mode, linked to both: it keeps what they say while one of them is off

School is killed in the middle and comes back. The end: all three name the same root for the channel, or exit code 1.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.table import Table

from accord.errors import AccordError
from accord_client.errors import ClientError
from demo.hubs import DemoError, DemoHub
from demo.watching import Seen, Watch
from tests.irc_logs import write_logs

CHANNEL: Final = "ubuntu"
GENERATED_FILES: Final = 20
GENERATED_LINES: Final = 500
LOOK_SECONDS: Final = 0.5
PARTS: Final = 3  # of the log, of which School misses all but the first
HEALING_SECONDS: Final = 300
ROOT_CHARACTERS: Final = 10


class Demo:
    """The hubs, what is known of them, and what has happened."""

    def __init__(self, folder: Path, console: Console) -> None:
        self.club = DemoHub("Club", folder / "club")
        self.school = DemoHub("School", folder / "school")
        self.mirror = DemoHub("Mirror", folder / "mirror", mode="gossip")
        self.hubs = (self.club, self.school, self.mirror)
        self.seen: dict[DemoHub, Seen | None] = dict.fromkeys(self.hubs)
        self.console = console
        self._began = time.monotonic()
        self._watches = {hub: Watch(hub) for hub in self.hubs}

    def say(self, text: str) -> None:
        """A line that stays."""
        self.console.print(f"[dim]{time.monotonic() - self._began:6.1f} s[/]  {text}")

    def table(self) -> Table:
        """Where each hub stands."""
        table = Table("hub", "", "messages", "root", title=f"#{CHANNEL}")
        first = self.seen[self.club]
        for hub in self.hubs:
            seen = self.seen[hub]
            state = "[green]runs[/]" if hub.runs else "[red]off[/]"
            if seen is None:
                table.add_row(hub.name, state, "", "")
                continue
            equal = first is not None and seen == first
            root = seen.root[:ROOT_CHARACTERS]
            table.add_row(hub.name, state, f"{seen.messages:,}", f"[green]{root}[/]" if equal else f"[yellow]{root}[/]")
        return table

    def is_equal(self) -> bool:
        """Whether all three have the same messages."""
        return None not in self.seen.values() and len(set(self.seen.values())) == 1

    async def look(self) -> None:
        """Ask every hub that runs."""
        await asyncio.gather(*(self._look_at(hub) for hub in self.hubs if hub.runs))

    async def _look_at(self, hub: DemoHub) -> None:
        try:
            topics = await self._watches[hub].look()
        except (AccordError, ClientError, OSError, TimeoutError):
            return  # it is busy, or gone this moment; the table shows what was seen last
        self.seen[hub] = next((seen for seen in topics.values() if seen.name == CHANNEL), None)

    async def prepare(self) -> None:
        """Make the homes, start the hubs, link them."""
        self.say("Three hubs: [b]Club[/], [b]School[/], and [b]Mirror[/], which has no members")
        for hub in self.hubs:
            hub.home.mkdir(mode=0o700)
            await hub.ask("migrate", "--verbosity", "0")
            await hub.start()
        for hub, other in ((self.school, self.club), (self.mirror, self.club), (self.mirror, self.school)):
            invite = (await other.ask("invite")).split()
            link = next(word for word in invite if "/join#" in word)
            await hub.ask("link", link, "--all")
            self.say(f"{hub.name} is linked to {other.name}")

    async def play(self, logs: list[Path], live: Live) -> None:
        """Import logs into Club; DemoError when that fails."""
        self.say(f"{_spoken_lines(logs):,} lines are played into Club")
        player = self.club.begin("import_irc", *map(str, logs), "--channel", CHANNEL)
        while player.poll() is None:
            await self._step(live)
        if player.returncode:
            raise DemoError("the log could not be played")

    async def become_equal(self, live: Live) -> None:
        """Wait until all are equal; DemoError when they do not become it."""
        deadline = time.monotonic() + HEALING_SECONDS
        while not self.is_equal():
            if time.monotonic() > deadline:
                raise DemoError(f"the hubs are not equal after {HEALING_SECONDS} seconds")
            await self._step(live)
        seen = self.seen[self.club]
        assert seen is not None  # noqa: S101 - they are equal
        self.say(f"[green]All three hold the same {seen.messages:,} messages[/], under the root {seen.root}")

    async def _step(self, live: Live) -> None:
        await asyncio.sleep(LOOK_SECONDS)
        await self.look()
        live.update(self.table())

    async def end(self) -> None:
        """Leave nothing running."""
        for watch in self._watches.values():
            with contextlib.suppress(ClientError, OSError):
                await watch.close()
        await asyncio.gather(*(asyncio.to_thread(hub.stop) for hub in self.hubs))


def _spoken_lines(logs: list[Path]) -> int:
    return sum(path.read_bytes().count(b"\n[") + path.read_bytes().startswith(b"[") for path in logs)


def _logs(given: Path | None, folder: Path) -> list[Path]:
    """The logs to play, by name; DemoError where there are not enough."""
    if given is None:
        given = folder / "logs"
        write_logs(given, files=GENERATED_FILES, lines=GENERATED_LINES, seed=1)
    logs = sorted(given.glob("*.raw.txt"))
    if len(logs) < PARTS:
        raise DemoError(f"{given}: at least {PARTS} logs (*.raw.txt) expected")
    return logs


async def run(given: Path | None, console: Console) -> None:
    """The whole of it; DemoError."""
    folder = Path(tempfile.mkdtemp(prefix="accord-demo-"))
    demo = Demo(folder, console)
    try:
        logs = await asyncio.to_thread(_logs, given, folder)
        await demo.prepare()
        with Live(demo.table(), console=console, refresh_per_second=4) as live:
            await demo.play(logs[: len(logs) // PARTS], live)
            await demo.become_equal(live)
            demo.school.kill()
            demo.say("[red]School is killed[/] (kill -9)")
            await demo.play(logs[len(logs) // PARTS :], live)
            await demo.school.start()
            demo.say("School is back")
            await demo.become_equal(live)
    finally:
        await demo.end()
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """Run it; gives the exit code."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__.splitlines()[0])
    parser.add_argument("--logs", type=Path, help="folder of IRC logs (*.raw.txt); without it they are generated")
    options = parser.parse_args()
    console = Console()
    try:
        asyncio.run(run(options.logs, console))
    except DemoError as error:
        console.print(f"[red]{error}[/]")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
