"""The chain of the audit log: whatever is done to it shows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord import audit
from accord.audit import Entry, Head, Sealed
from accord.errors import RemoteError
from accord.keys import SigningKey

HUB = SigningKey(b"h" * 32)
OTHER = SigningKey(b"o" * 32)
words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


def log_of(texts: list[str], *, hub: SigningKey = HUB) -> list[Sealed]:
    before, made = hub.public, []
    for number, text in enumerate(texts, start=1):
        made.append(
            audit.seal(hub, Entry(number, 1_000 + number, "terminal", "setting", text, f"about {text}"), before)
        )
        before = made[-1].hash
    return made


def head_of(log: list[Sealed], *, hub: SigningKey = HUB) -> Head:
    return Head(len(log), log[-1].hash if log else hub.public, 5_000)


def faults(log: list[Sealed], head: Head | None = None) -> list[str]:
    return [fault.says for fault in audit.check(log, hub=HUB.public, head=head)]


logs = st.lists(words, min_size=1, max_size=6).map(log_of)


@given(logs)
def test_a_log_as_it_was_written_is_whole(log: list[Sealed]) -> None:
    assert faults(log, head_of(log)) == []
    assert [audit.read_line(audit.line_of(sealed)) for sealed in log] == log
    assert audit.read_head(audit.head_line(HUB, head_of(log))) == (head_of(log), HUB.public)
    assert faults(log, head_of(log[:-1])) == [], "it has grown since"


@given(logs, st.data())
def test_any_flipped_bit_is_found(log: list[Sealed], data: st.DataObject) -> None:
    lines = [bytearray(audit.line_of(sealed)) for sealed in log]
    place = data.draw(st.integers(0, len(lines) - 1))
    byte = data.draw(st.integers(0, len(lines[place]) - 1))
    lines[place][byte] ^= 1 << data.draw(st.integers(0, 7))
    try:
        read = [audit.read_line(bytes(line)) for line in lines]
    except RemoteError:
        return
    assert faults(read, head_of(log))


@given(logs, st.data())
def test_any_flipped_bit_of_a_head_is_found(log: list[Sealed], data: st.DataObject) -> None:
    line = bytearray(audit.head_line(HUB, head_of(log)))
    line[data.draw(st.integers(0, len(line) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(RemoteError):
        audit.read_head(bytes(line), hub=HUB.public)


@given(st.lists(words, min_size=2, max_size=6).map(log_of), st.data())
def test_what_is_missing_moved_or_cut_off_is_found(log: list[Sealed], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(log) - 1))
    other = data.draw(st.integers(0, len(log) - 1).filter(lambda number: number != place))
    assert faults(log[:place] + log[place + 1 :], head_of(log))
    assert faults(log[:place], head_of(log))[-1].endswith("missing at the end")
    swapped = list(log)
    swapped[place], swapped[other] = swapped[other], swapped[place]
    assert faults(swapped, head_of(log))
    assert faults([*log[:place], log[other], *log[place:]], head_of(log))


@given(logs, words)
def test_nobody_without_the_key_writes_on(log: list[Sealed], text: str) -> None:
    entry = Entry(len(log) + 1, 9_000, "terminal", "setting", text, "")
    assert faults([*log, audit.seal(OTHER, entry, log[-1].hash)])
    assert faults(log_of([text], hub=OTHER))
    assert faults([*log[:-1], *log_of([text], hub=OTHER)], head_of(log))


def test_what_is_said_of_it() -> None:
    log = log_of(["a", "b", "c", "d"])
    assert faults(log[:1] + log[3:])[0] == "entries 2 to 3 are missing"
    assert faults(log[:1] + log[2:])[0] == "entry 2 is missing"
    assert faults(log[:2], head_of(log)) == ["entries 3 to 4 are missing at the end"]
    assert faults([*log, log[1]])[0] == "entry 2 comes after entry 4"
    assert faults([], Head(0, HUB.public, 0)) == []


def test_no_more_faults_are_told_than_anyone_reads() -> None:
    assert len(faults([log_of(["a"])[0]] * 500)) == audit.MAX_FAULTS
