from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.irc import SpokenLine, parse_log
from tests.irc_logs import generate_log, make_nicks, write_logs

NAME = "2010-06-01.train-c.raw.txt"


def read(*lines: str, links: str | None = None) -> list[SpokenLine]:
    return parse_log(NAME, "\n".join(lines).encode(), None if links is None else links.encode())


def clocks(*times: str) -> list[str]:
    """Day of June 2010 and time, as parsed, of one line at each of these clocks."""
    return [moment(line) for line in read(*(f"[{time}] <ann> hello" for time in times))]


def moment(line: SpokenLine) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=line.created_at)).strftime("%d %H:%M:%S.%f")[:-3]


def mentions(text: str, speaker: str = "eve") -> tuple[str, ...]:
    return read(
        "[10:00] <ann> hi",
        "=== Bob [~bob@host.example]  has joined #ubuntu",
        "=== carl is now known as carl|away",
        "=== [dora] [n=d@host.example]  has left #ubuntu []",
        f"[10:01] <{speaker}> {text}",
        "[10:02] <late> hi",
    )[1].mentions


# ------------------------------------------------------------------------------------------------------ what is spoken


def test_a_said_line_whole() -> None:
    assert read("[09:14] <ann> hello, world") == [
        SpokenLine(number=0, nick="ann", text="hello, world", created_at=1275383640000, mentions=(), answers=())
    ]


@pytest.mark.parametrize(
    ("line", "nick", "text"),
    [
        ("[09:14] <ann>", "ann", ""),
        ("[09:14] <ann> ", "ann", ""),
        ("[09:14] <ann>   indented  ", "ann", "  indented  "),
        ("[09:14] <ann> <bob> quoted", "ann", "<bob> quoted"),
        ("[09:14] <ann> === not the system", "ann", "=== not the system"),
        ("[09:14]  * ann sips a coffee", "ann", "* ann sips a coffee"),
        ("[09:14]  * ann", "ann", "* ann"),
        ("[05:12] -ann-e:#ubuntu-de- to all", "ann-e", "to all"),
        ("[01:09] (ann/#ubuntu) bob: seen?", "ann", "bob: seen?"),
        ("[06:03] <bur[n] er> hi", "bur[n]er", "hi"),
        ("[06:03] <[optik] > hi", "[optik]", "hi"),
    ],
)
def test_forms_of_spoken_lines(line: str, nick: str, text: str) -> None:
    (spoken,) = read(line)
    assert (spoken.nick, spoken.text) == (nick, text)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "=== ann [~ann@host.example]  has joined #ubuntu",
        "=== ann sips a coffee",
        "===  [09:14] <ann> hello",
        "<ann> hello",
        " [09:14] <ann> hello",
        "[9:14] <ann> hello",
        "[24:00] <ann> hello",
        "[09:60] <ann> hello",
        "[٠٩:١٤] <ann> hello",
        "[09:14]<ann> hello",
        "[09:14] hello",
        "[09:14] <> hello",
        "[09:14] < > hello",
        "[09:14]  * ",
        "[05:12] -ann:#ubuntu-x hello",
        "[01:09] (ann/#ubuntu)x hello",
    ],
)
def test_lines_that_nobody_spoke(line: str) -> None:
    assert read(line) == []


def test_numbers_count_every_line() -> None:
    assert [line.number for line in read("=== a", "[10:00] <ann> x", "", "=== b", "[10:00] <ann> y", "")] == [1, 4]


def test_an_empty_log() -> None:
    assert parse_log(NAME, b"", b"") == []


# --------------------------------------------------------------------------------------------------------------- bytes


def test_carriage_returns_end_no_line_alone_and_are_dropped_before_line_feeds() -> None:
    raw = b"[10:00] <ann> one\r\n=== x\r\n[10:00] <bob>\r\n[10:00] <bob> a\rb"
    found = [(line.number, line.text, line.answers) for line in parse_log(NAME, raw, b"0 2 -\r\n2 3 -\r\n")]
    assert found == [(0, "one", ()), (2, "", (0,)), (3, "a\rb", (2,))]


def test_only_line_feeds_end_lines() -> None:
    text = "a\x0bb\x0cc\x1cd\x1de\x1ef\x85g\u2028h\u2029i"
    spoken = read(f"[10:00] <ann> {text}", "[10:00] <bob> x")
    assert [(line.number, line.text) for line in spoken] == [(0, text), (1, "x")]


def test_nul_is_removed_and_other_control_characters_stay() -> None:
    (spoken,) = read("[10:00] <a\0nn> \0x\0\x02\x7f\x1b\0")
    assert (spoken.nick, spoken.text) == ("ann", "x\x02\x7f\x1b")


def test_bad_utf8_is_replaced_and_stays_in_its_line() -> None:
    spoken = parse_log(NAME, b"[10:00] <ann> caf\xe9\n[10:00] <bob> \xe2\x82\n[10:00] <ann> caf\xc3\xa9", None)
    assert [line.text for line in spoken] == ["caf\ufffd", "\ufffd", "café"]


# --------------------------------------------------------------------------------------------------------------- times


def test_lines_of_a_minute_are_spread_over_it() -> None:
    spoken = read("[09:00] <a> 1", "=== x", "[09:00] <b> 2", "[09:00] <c> 3", "[09:01] <a> 4")
    assert [moment(line) for line in spoken] == [
        "01 09:00:00.000",
        "01 09:00:20.000",
        "01 09:00:40.000",
        "01 09:01:00.000",
    ]


def test_a_crowded_minute_stays_in_its_minute() -> None:
    times = [line.created_at for line in read(*["[09:00] <ann> x"] * 7_001)]
    assert all(earlier < later for earlier, later in pairwise(times))
    assert times[-1] - times[0] <= 59_999


def test_midnight_begins_the_next_day() -> None:
    assert clocks("23:58", "23:59", "00:00", "23:59", "00:03") == [
        "01 23:58:00.000",
        "01 23:59:00.000",
        "02 00:00:00.000",
        "02 23:59:00.000",
        "03 00:03:00.000",
    ]


def test_midnight_ends_the_year_and_february() -> None:
    raw = b"[23:59] <ann> x\n[00:00] <ann> y"
    for name, day in (("2015-12-31.x", "2016-01-01"), ("2012-02-28.x", "2012-02-29"), ("2013-02-28.x", "2013-03-01")):
        assert parse_log(name, raw, None)[1].created_at == datetime.fromisoformat(f"{day}T00:00Z").timestamp() * 1000


@pytest.mark.parametrize(
    ("times", "last"),
    [
        (("11:59", "00:00"), "01 12:00:00.000"),
        (("09:00", "12:57", "01:03"), "01 13:03:00.000"),
        (("09:00", "03:00", "09:00", "03:00"), "02 03:00:00.000"),
        (("09:00", "13:00", "01:00"), "02 01:00:00.000"),
    ],
)
def test_a_clock_without_an_hour_above_twelve_turns_at_noon_too(times: tuple[str, ...], last: str) -> None:
    assert clocks(*times)[-1] == last


def test_a_clock_set_back_holds_time() -> None:
    assert clocks("14:30", "14:59", "14:00", "14:59", "15:00") == [
        "01 14:30:00.000",
        "01 14:59:00.000",
        "01 14:59:20.000",
        "01 14:59:40.000",
        "01 15:00:00.000",
    ]


@pytest.mark.parametrize(("second", "day"), [("16:00", "01"), ("15:59", "02")])
def test_how_far_a_clock_may_be_set_back(second: str, day: str) -> None:
    assert clocks("18:00", second)[1][:2] == day


def test_any_suffix_of_the_name_will_do() -> None:
    assert {parse_log(name, b"[10:00] <ann> x", None)[0].created_at for name in ("2010-06-01", NAME)} == {1275386400000}


@pytest.mark.parametrize(
    "name", ["", "notes.txt", "20100601.x", "2010-W22-2", "2010-06-011.x", "2010-06-31.x", "x2010-06-01"]
)
def test_a_name_without_a_date_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"date|day"):
        parse_log(name, b"", None)


# ------------------------------------------------------------------------------------------------------------ mentions


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ann: hello", ("ann",)),
        ("ann, hello", ("ann",)),
        ("ann : hello", ("ann",)),
        ("ann:", ("ann",)),
        ("ann:hello", ("ann",)),
        ("ann, Bob: hello", ("ann", "Bob")),
        ("Bob:ann: hello", ("Bob", "ann")),
        ("ann: ann, hello", ("ann",)),
        ("ANN, bob: case is ignored, the nick is as seen", ("ann", "Bob")),
        ("carl: carl|away: both names of one renamed", ("carl", "carl|away")),
        ("[dora]: who has left", ("[dora]",)),
        ("ann: well, Bob: no", ("ann",)),
        ("ann hello", ()),
        ("ann", ()),
        ("hello ann: you", ()),
        (" ann: not at the start", ()),
        ("ann  : too far", ()),
        ("ann :) a smile", ()),
        ("ann: :)", ("ann",)),
        ("ann :", ("ann",)),
        ("anne: no prefix", ()),
        ("http://host.example", ()),
        ("late: has not yet been seen", ()),
        ("eve: myself", ()),
        ("eve, ann: myself and another", ("ann",)),
        ("", ()),
        (": , :", ()),
    ],
)
def test_mentions(text: str, expected: tuple[str, ...]) -> None:
    assert mentions(text) == expected


def test_a_nick_is_mentioned_as_last_seen() -> None:
    assert mentions("ann: hi", speaker="ANN") == ()
    assert read("[10:00] <ann> x", "[10:00] <Ann> x", "[10:00] <bob> ann: x")[2].mentions == ("Ann",)


def test_what_looks_like_a_join_but_is_an_action_makes_nobody_known() -> None:
    assert read("=== ann has joined the swarm", "[10:00] <bob> ann: x")[0].mentions == ()


def test_actions_mention_nobody() -> None:
    assert read("[10:00] <ann> x", "[10:00]  * bob ann: x")[1].mentions == ()


# ------------------------------------------------------------------------------------------------------------- answers

TALK = ("[10:00] <ann> q", "[10:00] <bob> a", "=== carl reboots", "[10:01] <ann> thanks", "[10:01]  * bob nods")


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        (None, [(), (), (), ()]),
        ("", [(), (), (), ()]),
        ("0 1 -\n", [(), (0,), (), ()]),
        ("1 0 -\n", [(), (0,), (), ()]),
        ("0 1 - \n\n1 3 -", [(), (0,), (1,), ()]),
        ("3 4 -\n0 4 -\n4 1 -\n0 4 -", [(), (), (), (0, 1, 3)]),
        ("0 0 -\n1 1 -\n0 1 -", [(), (0,), (), ()]),
        ("0 2 -\n2 3 -\n2 2 -\n1 3 -", [(), (), (1,), ()]),
        ("0 5 -\n3 999999999 -", [(), (), (), ()]),
    ],
    ids=["none", "empty", "earlier-first", "later-first", "trailing-space", "several", "self", "system", "not-there"],
)
def test_answers(links: str | None, expected: list[tuple[int, ...]]) -> None:
    assert [line.answers for line in read(*TALK, links=links)] == expected


@pytest.mark.parametrize(
    "link", ["0 1", "0 -", "0 1 +", "0 1 - x", "-1 0 -", "a b -", "0 1 2 -", "٠ ١ -", "12345678901 1 -"]
)
def test_an_annotation_of_another_form_is_refused(link: str) -> None:
    with pytest.raises(ValueError, match="line 1 of the annotation"):
        read(*TALK, links=f"0 1 -\n{link}\n")


# ---------------------------------------------------------------------------------------------------------- properties


@given(st.integers(0, 2**32), st.integers(0, 400), st.booleans())
def test_all_that_was_generated_is_found(seed: int, lines: int, windows: bool) -> None:
    rng = Random(seed)
    log = generate_log(rng, make_nicks(rng, 30), lines=lines)
    raw = log.raw.replace(b"\n", b"\r\n") if windows else log.raw
    spoken = parse_log(NAME, raw, log.annotation)
    assert len(spoken) == log.spoken
    assert sum(len(line.mentions) for line in spoken) == log.mentions
    assert sum(len(line.answers) for line in spoken) == log.answers
    assert all(earlier.created_at < later.created_at for earlier, later in pairwise(spoken))
    assert parse_log(NAME, raw, log.annotation) == spoken


_clock = st.builds("[{:02}:{:02}] ".format, st.integers(0, 24), st.integers(0, 60)).map(str.encode)
_form = st.sampled_from([b"<ann> ", b"<Bob>", b" * ann ", b"-ann:#u- ", b"(bob/#u) ", b"=== ann is now known as ", b""])
_to = st.sampled_from([b"", b"ann: "])
_line = st.builds(lambda *parts: b"".join(parts), _clock | st.just(b""), _form, _to, st.binary())


@given(st.lists(_line), st.sets(st.tuples(st.integers(0, 9), st.integers(0, 9))))
def test_no_bytes_upset_the_reader(lines: list[bytes], links: set[tuple[int, int]]) -> None:
    raw, annotation = b"\n".join(lines), "\n".join(f"{a} {b} -" for a, b in links).encode()
    spoken = parse_log(NAME, raw, annotation)
    numbers = {line.number for line in spoken}
    for line in spoken:
        assert line.nick
        assert not {"\0", "\n"} & set(line.nick + line.text)
        assert line.nick not in line.mentions
        assert set(line.answers) <= numbers
        assert all(answered < line.number for answered in line.answers)
        line.text.encode()
    assert all(a.number < b.number and a.created_at < b.created_at for a, b in pairwise(spoken))


def test_written_logs_are_deterministic_and_counted(tmp_path: Path) -> None:
    seeds = {"a": 1, "b": 1, "c": 2}
    counts = {place: write_logs(tmp_path / place, files=3, lines=700, seed=seed) for place, seed in seeds.items()}
    written = {place: {file.name: file.read_bytes() for file in (tmp_path / place).iterdir()} for place in counts}
    assert written["a"] == written["b"] != written["c"]
    assert len(written["a"]) == 6
    raws = [name for name in written["a"] if name.endswith(".raw.txt")]
    spoken = [parse_log(name, written["a"][name], written["a"][name.replace(".raw.", ".annotation.")]) for name in raws]
    assert sum(map(len, spoken)) == counts["a"] == counts["b"]
    assert all(any(getattr(line, field) for line in log) for log in spoken for field in ("mentions", "answers"))
