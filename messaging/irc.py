"""Reads IRC channel logs of the Ubuntu form, with their annotation of who answers whom. Pure: bytes in, lines out.

A log is lines between line feeds (a carriage return before one is dropped, no other character ends a line). Every line
that opens with a clock `[HH:MM]` is spoken, in one of four forms, and its text is what follows:

    [09:14] <nick> text             said; the text may be empty
    [13:56]  * nick sips a coffee   an action; the text keeps "* nick sips a coffee"
    [05:12] -nick:#channel- text    a notice
    [01:09] (nick/#channel) text    a message that the logging client relayed

All else is not spoken: above all the system's lines `=== ...` (joins, parts, renames; in logs before October 2007 also
actions, which cannot be told from them). Line numbers are 0-based and count every line, as the annotations do.

Not done here: files and archives, accounts and topics, signing. Not known here: the log's time zone (its clock is read
as UTC), and whether a log with a clock of twelve hours begins before or after noon (it is read as before).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Final

MINUTE_MILLISECONDS: Final = 60_000
DAY_MINUTES: Final = 24 * 60
# A clock that steps back no further was set (end of summer time); one that steps back further has begun its next turn.
MAX_CLOCK_SET_BACK_MINUTES: Final = 2 * 60

_EPOCH: Final = date(1970, 1, 1)
_DATE: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?![0-9])")
_CLOCK: Final = re.compile(r"\[([01][0-9]|2[0-3]):([0-5][0-9])\] ")
_SAID: Final = re.compile(r"(?:<([^>]*[^>\s])\s*>|-([^\s:]+):#\S+-(?= |$)|\(([^\s/]+)/#\S+\)(?= |$)) ?")
_ACTION: Final = re.compile(r" (?=\* (\S+))")
_SEEN: Final = re.compile(r"=== (\S+) (?:\[\S*\] +has (?:joined|left) |is now known as (\S+))")
_ADDRESS: Final = re.compile(r"([^\s:,]+)(?:[:,]| [:,](?!\S))\s*")
_LINK: Final = re.compile(r"([0-9]{1,9}) ([0-9]{1,9}) -\s*")


@dataclass(frozen=True, slots=True)
class SpokenLine:
    """One spoken line: who said what and when, to whom, in answer to which lines."""

    number: int  # of the line in its file, from 0
    nick: str
    text: str  # no U+0000 and no line feed; other control characters stay
    created_at: int  # milliseconds since 1970, rising within a file
    mentions: tuple[str, ...]  # nicks addressed, in the text's order, each once
    answers: tuple[int, ...]  # numbers of the spoken lines answered, all smaller than `number`, rising


def parse_log(name: str, raw: bytes, annotation: bytes | None) -> list[SpokenLine]:
    """The spoken lines of one log, in its order. The same bytes give the same lines at any time.

    `name` is the file's name and begins with `YYYY-MM-DD`, read as the date of its first line. Bytes that are not UTF-8
    become U+FFFD; U+0000 is removed, for no string of the protocol may hold it; spaces in a nick, which the logging
    client put there, are removed.

    `mentions`: as long as the text goes on with a known nick and a colon or comma, that nick is addressed ("ann, bob:
    hi" addresses both; the first word that is no known nick ends it). One space may stand before a colon or comma that
    stands alone ("ann : hi", but not "ann :)"). Known is who has spoken, joined, left or been renamed in this file up
    to and including this line: what a reader of the channel knew then. Case is ignored and the nick is given as last
    seen. Speakers do not address themselves.

    `answers`: a line "A B -" of the annotation links two lines, and the later one answers the earlier. A line linked to
    itself begins a conversation and answers nothing. A link with a line that is not spoken, or not there, is dropped.

    Raises ValueError for a name without a date and for an annotation of another form.
    """
    start = _start_minute(name)
    spoken: list[tuple[int, str, str, tuple[str, ...]]] = []
    clocks: list[int] = []
    known: dict[str, str] = {}
    for number, line in enumerate(raw.split(b"\n")):
        decoded = line.decode(errors="replace").replace("\0", "").removesuffix("\r")
        clock = _CLOCK.match(decoded)
        if clock is None:
            if seen := _SEEN.match(decoded):
                known.update((nick.casefold(), nick) for nick in seen.groups() if nick)
            continue
        form = _SAID.match(decoded, clock.end()) or _ACTION.match(decoded, clock.end())
        if form is None:
            continue
        nick = "".join(next(filter(None, form.groups())).split())
        text = decoded[form.end() :]
        known[nick.casefold()] = nick
        spoken.append((number, nick, text, _mentions(text, nick, known)))
        clocks.append(int(clock[1]) * 60 + int(clock[2]))
    answers = _answers(name, annotation or b"", {row[0] for row in spoken})
    return [
        SpokenLine(number, nick, text, created_at, mentions, tuple(sorted(answers.get(number, ()))))
        for (number, nick, text, mentions), created_at in zip(spoken, _times(start, clocks), strict=True)
    ]


def _start_minute(name: str) -> int:
    found = _DATE.match(name)
    if found is None:
        raise ValueError(f"{name!r} does not begin with a date YYYY-MM-DD")
    return (date(int(found[1]), int(found[2]), int(found[3])) - _EPOCH).days * DAY_MINUTES


def _mentions(text: str, speaker: str, known: dict[str, str]) -> tuple[str, ...]:
    addressed: dict[str, None] = {}
    at = 0
    while (found := _ADDRESS.match(text, at)) and (nick := known.get(found[1].casefold())):
        at = found.end()
        if nick != speaker:
            addressed[nick] = None
    return tuple(addressed)


def _answers(name: str, annotation: bytes, spoken: set[int]) -> dict[int, set[int]]:
    answers: defaultdict[int, set[int]] = defaultdict(set)
    for index, line in enumerate(annotation.split(b"\n")):
        if not line.strip():
            continue
        link = _LINK.fullmatch(line.decode(errors="replace"))
        if link is None:
            raise ValueError(f"{name}: line {index} of the annotation is not 'A B -'")
        earlier, later = sorted((int(link[1]), int(link[2])))
        if earlier != later and earlier in spoken:
            answers[later].add(earlier)
    return answers


def _times(start: int, clocks: list[int]) -> list[int]:
    """Milliseconds for clocks in minutes of the day, never falling; the lines of one minute are spread evenly over it.

    Logs before October 2007 have a clock of twelve hours without a mark of the half: a file without an hour above 12 is
    read so, and its turns are half days. Times are equal only where one minute holds more than 60,000 lines.
    """
    turn = DAY_MINUTES if max(clocks, default=0) >= 13 * 60 else DAY_MINUTES // 2
    minutes: list[int] = []
    base = latest = start
    for clock in clocks:
        if latest - (base + clock) > MAX_CLOCK_SET_BACK_MINUTES:
            base += turn
        latest = max(latest, base + clock)
        minutes.append(latest)
    sizes, index = Counter(minutes), Counter[int]()
    times = []
    for minute in minutes:
        times.append(minute * MINUTE_MILLISECONDS + index[minute] * MINUTE_MILLISECONDS // sizes[minute])
        index[minute] += 1
    return times
