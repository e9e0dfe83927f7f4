"""Generated IRC logs of the form that messaging/irc.py reads, for tests, benchmarks and the demo. Nobody said them.

The same seed gives the same bytes. Generated: joins, parts, renames, talk, actions, notices, empty lines, addressed
nicks, answers, nights passed. Not generated: broken bytes and clocks of twelve hours, which tests write by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Final

FIRST_DATE: Final = date(2010, 1, 1)
DAY_MINUTES: Final = 24 * 60
PRESENT_AT_START: Final = 6
ANSWERS_REACH_LINES: Final = 15

_VOCABULARY: Final = """
the a my this that is was has gets needs on in with without after before again just only still never maybe why how it
kernel driver package mirror desktop terminal partition swap printer wireless card screen sound network router server
password upgrade install reboot mount compile remove configure restart update repository library module archive folder
works fails hangs crashes starts stops blinks complains returns prints disappears slow broken fresh old new strange
64-bit 5.10 /etc/fstab /dev/sdb1 http://paste.example/8841 größe señal naïve 日本語 :-) lol
"""
_WORDS: Final = _VOCABULARY.split()
_ENDS: Final = ("", "", ".", "?", "!", "...")
_DOINGS: Final = ("sips a coffee", "scratches head", "reboots", "waits", "nods slowly")


@dataclass(frozen=True, slots=True)
class GeneratedLog:
    """One log and what a reader must find in it."""

    raw: bytes
    annotation: bytes
    spoken: int
    mentions: int
    answers: int


def make_nicks(rng: Random, count: int) -> list[str]:
    """`count` nicks, no two alike when case is ignored."""
    nicks: dict[str, str] = {}
    while len(nicks) < count:
        syllables = (rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(rng.randint(2, 3)))
        nick = "".join(syllables) + rng.choice(("", "n", "x", "_", "`", str(rng.randrange(1000))))
        nicks.setdefault(nick, nick.capitalize() if rng.random() < 0.3 else nick)
    return list(nicks.values())


class _Channel:
    """One log while it is written: who is present, who has been seen, what was said."""

    def __init__(self, rng: Random, nicks: list[str]) -> None:
        self.rng = rng
        self.absent = rng.sample(nicks, len(nicks))
        self.present = [self.absent.pop() for _ in range(PRESENT_AT_START)]
        self.minute = rng.randrange(DAY_MINUTES)
        self.seen: set[str] = set()
        self.lines: list[str] = []
        self.links: list[tuple[int, int]] = []
        self.said: list[tuple[int, str]] = []
        self.mentions = self.answers = 0

    def add_line(self) -> None:
        self.minute += self.rng.choices((0, 1, 2, 7), (80, 15, 4, 1))[0]
        roll = self.rng.random()
        if roll < 0.08 and self.absent:
            nick = self.absent.pop(self.rng.randrange(len(self.absent)))
            self.present.append(nick)
            self._system(f"{nick} [~{nick}@host-{self.rng.randrange(256)}.example]  has joined #ubuntu", nick)
        elif roll < 0.11 and len(self.present) > PRESENT_AT_START:
            nick = self.present.pop(self.rng.randrange(len(self.present)))
            self.absent.append(nick)
            self._system(f'{nick} [~{nick}@host.example]  has left #ubuntu ["Leaving"]', nick)
        elif roll < 0.12:
            place = self.rng.randrange(len(self.present))
            old = self.present[place]
            new = self.present[place] = old.removesuffix("|away") if old.endswith("|away") else f"{old}|away"
            self._system(f"{old} is now known as {new}", old, new)
        else:
            self._speak(self.rng.choice(self.present), roll)

    def _system(self, text: str, *nicks: str) -> None:
        self.lines.append(f"=== {text}")
        self.seen.update(nicks)

    def _speak(self, nick: str, roll: float) -> None:
        number = len(self.lines)
        address = self._link(number, nick)
        if roll < 0.123:
            line = f" * {nick} {self.rng.choice(_DOINGS)}"
        elif roll < 0.124:
            line = f"-{nick}:#ubuntu- {self._sentence()}"
        elif roll < 0.125:
            line = f"<{nick}>"
        else:
            line = f"<{nick}> {''.join(address)}{self._sentence()}"
            self.mentions += len(address)
        hour, minute = divmod(self.minute % DAY_MINUTES, 60)
        self.lines.append(f"[{hour:02}:{minute:02}] {line}")
        self.said.append((number, nick))
        self.seen.add(nick)

    def _link(self, number: int, nick: str) -> list[str]:
        """Links the line to what it answers, or to itself; gives how it addresses those that it answers."""
        others = [one for one in self.said[-ANSWERS_REACH_LINES:] if one[1] != nick]
        chosen = self.rng.sample(others, min(len(others), self.rng.choices((0, 1, 2), (35, 60, 5))[0]))
        self.links += [(earlier, number) for earlier, _ in chosen] or [(number, number)]
        self.answers += len(chosen)
        if number and self.lines[-1].startswith("===") and self.rng.random() < 0.02:
            self.links.append((number - 1, number))
        if self.rng.random() < 0.3:
            return []
        return [one + self.rng.choice((": ", ": ", ", ")) for one in sorted({one for _, one in chosen} & self.seen)]

    def _sentence(self) -> str:
        return " ".join(self.rng.choices(_WORDS, k=self.rng.randint(2, 16))) + self.rng.choice(_ENDS)


def generate_log(rng: Random, nicks: list[str], *, lines: int) -> GeneratedLog:
    """A log of `lines` lines, spoken or not, among `nicks` (six or more)."""
    channel = _Channel(rng, nicks)
    for _ in range(lines):
        channel.add_line()
    raw = "".join(f"{line}\n" for line in channel.lines).encode()
    annotation = "".join(f"{earlier} {later} -\n" for earlier, later in channel.links).encode()
    return GeneratedLog(raw, annotation, len(channel.said), channel.mentions, channel.answers)


def write_logs(folder: Path, *, files: int, lines: int, seed: int) -> int:
    """Writes `files` logs of `lines` lines each and their annotations, a day a file; returns how many lines are spoken.

    The names are `YYYY-MM-DD.generated.raw.txt` and `.annotation.txt`; the folder is made if need be. Nicks recur from
    log to log.
    """
    rng = Random(seed)
    nicks = make_nicks(rng, max(20, min(files * lines // 15, 5_000)))
    folder.mkdir(parents=True, exist_ok=True)
    spoken = 0
    for index in range(files):
        log = generate_log(rng, rng.sample(nicks, min(len(nicks), 200)), lines=lines)
        stem = f"{FIRST_DATE + timedelta(days=index)}.generated"
        (folder / f"{stem}.raw.txt").write_bytes(log.raw)
        (folder / f"{stem}.annotation.txt").write_bytes(log.annotation)
        spoken += log.spoken
    return spoken
