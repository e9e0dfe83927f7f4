"""Lists of a vault that several devices add to."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from accord_client.vault_content import items_of, merged

READS = st.lists(
    st.fixed_dictionaries(
        {"conversation": st.sampled_from("abcdef"), "at": st.integers(0, 3), "message": st.sampled_from("xyz")}
    ),
    max_size=8,
)
WINDOWS = st.lists(
    st.fixed_dictionaries(
        {"topic": st.sampled_from("ab"), "epoch": st.just(1), "id": st.just("i"), "win": st.integers(0, 3)}
    ),
    max_size=6,
)


def places(content: dict[str, Any], name: str) -> set[tuple[Any, ...]]:
    return {tuple(sorted(item.items())) for item in items_of(content, name)}


@given(st.sampled_from(["reads", "windows"]).flatmap(lambda name: st.tuples(st.just(name), *[_lists(name)] * 2)))
def test_two_devices_end_up_the_same(given_lists: tuple[str, list[dict[str, Any]], list[dict[str, Any]]]) -> None:
    name, mine, theirs = given_lists
    one = merged(merged({}, name, mine), name, theirs)
    other = merged(merged({}, name, theirs), name, mine)
    assert places(one, name) == places(other, name)
    assert merged(one, name, [*mine, *theirs]) is one  # what is known changes nothing


def _lists(name: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    return READS if name == "reads" else WINDOWS


def test_the_oldest_of_too_many_go_and_do_not_come_back() -> None:
    items = [{"conversation": str(number), "at": number, "message": "m"} for number in range(1_100)]
    content = merged({"settings": [1]}, "reads", items)
    assert [item["at"] for item in items_of(content, "reads")] == list(range(1_099, 99, -1))
    assert content["settings"] == [1]
    assert merged(content, "reads", items) is content
