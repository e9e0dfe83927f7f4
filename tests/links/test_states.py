from __future__ import annotations

import pytest

from links.states import TRANSITIONS, State, check_step, check_table, describe, span

NOW = 1_000_000_000


def test_the_table_is_whole() -> None:
    check_table()
    assert set(TRANSITIONS) == set(State)


def test_a_step_that_is_not_in_the_table_is_our_bug() -> None:
    check_step("new", "dialling")
    check_step("equal", "equal")
    with pytest.raises(RuntimeError, match="new cannot become equal"):
        check_step("new", "equal")


@pytest.mark.parametrize(
    ("state", "known", "text"),
    [
        ("equal", {"equal_at": NOW - 3_000}, "equal 3 s ago"),
        ("equal", {"equal_at": NOW - 3_000, "refused": 2}, "equal but 2 refused 3 s ago"),
        ("comparing", {"behind": 1204}, "behind by 1,204 messages"),
        ("comparing", {}, "comparing"),
        ("refused", {"code": "wrong_server"}, "refused: wrong key"),
        ("refused", {"code": "wrong_server", "next_at": NOW + 600_000}, "refused: wrong key, next try in 10 min"),
        (
            "waiting",
            {"next_at": NOW + 40_000, "code": "unreachable"},
            "waiting, next try in 40 s, it cannot be reached",
        ),
        ("unequal", {"behind": 7, "next_at": NOW + 60_000}, "behind by 7 messages, next try in 60 s"),
        ("listening", {}, "not connected: it dials us"),
        ("off", {}, "switched off"),
    ],
)
def test_states_are_told_in_plain_words(state: str, known: dict, text: str) -> None:
    assert describe(state, now=NOW, **known) == text


def test_lengths_of_time() -> None:
    assert [span(ms) for ms in (-5, 999, 40_000, 119_000, 120_000, 7_200_000, 200_000_000)] == [
        "0 s",
        "0 s",
        "40 s",
        "119 s",
        "2 min",
        "2 h",
        "2 d",
    ]
