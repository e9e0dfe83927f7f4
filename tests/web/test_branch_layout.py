"""The picture of the invite tree, without its elements: where accounts stand, what is unfolded, found, stepped to."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any, Final

import pytest
import pytest_asyncio
from playwright.async_api import Page

from tests.hubs import HubProcess
from tests.web.conftest import OpenContext, _empty_script

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

LAYOUT: Final = """async ([parents, widths, window]) => {
  const { fitLayout, CARD_HEIGHT } = await import(`${folder}branch_layout.js`);
  const children = parents.map(() => []);
  parents.forEach((parent, node) => parent === null || children[parent].push(node));
  const tree = { root: 0, childrenOf: (node) => children[node], widthOf: (node) => widths[node] };
  const { places, lines, width, height } = fitLayout(tree, window);
  const cards = parents.map((_, node) => ({ ...places.get(node), height: CARD_HEIGHT }));
  return { cards, lines, width, height };
}"""
MODEL: Final = """async (items) => {
  const { BranchModel } = await import(`${folder}branch_model.js`);
  const model = new BranchModel(items);
  const names = (nodes) => nodes.map((node) => node?.item.name ?? null);
  SCRIPT
}"""
WINDOWS: Final = ({"width": 1000, "height": 620}, {"width": 358, "height": 560}, {"width": 300, "height": 2000})

Parents = list[int | None]


@pytest_asyncio.fixture(loop_scope="session")
async def page(open_context: OpenContext, still_hub: HubProcess) -> Page:
    """A page that may load the client's modules, without the client."""
    page = await (await open_context()).new_page()
    await page.route("**/static/*/chat/main.js", _empty_script)
    await page.goto(f"{still_hub.url}/")
    main = await page.locator("script[type=module]").first.get_attribute("src")
    assert main is not None
    await page.evaluate("(src) => { window.folder = new URL(src.replace('main.js', ''), location.href).href; }", main)
    return page


def chain(size: int) -> Parents:
    return [None, *range(size - 1)]


def star(size: int) -> Parents:
    return [None, *[0] * (size - 1)]


def random_tree(size: int, seed: int) -> Parents:
    """Bushes, chains and brooms, and what is between."""
    chance = Random(seed)
    latest = chance.choice([1, 2, 5, size])
    return [None, *(chance.randrange(max(0, node - chance.choice([latest, size])), node) for node in range(1, size))]


TREES: Final = [
    chain(1),
    chain(2),
    star(3),
    chain(60),
    star(300),
    chain(1500),
    *(random_tree(1 + 7 * seed, seed) for seed in range(24)),
    random_tree(2000, 99),
]


def overlapping(cards: list[dict[str, float]]) -> list[tuple[int, int]]:
    """Pairs of cards that have a point in common."""
    found, open_ones = [], []
    for number in sorted(range(len(cards)), key=lambda number: cards[number]["y"]):
        card = cards[number]
        open_ones = [other for other in open_ones if cards[other]["y"] + cards[other]["height"] > card["y"]]
        found += [
            (other, number)
            for other in open_ones
            if cards[other]["x"] < card["x"] + card["width"] and card["x"] < cards[other]["x"] + cards[other]["width"]
        ]
        open_ones.append(number)
    return found


async def test_nothing_overlaps_in_any_tree(page: Page) -> None:
    chance = Random(1)
    for parents in TREES:
        widths = [chance.randint(30, 240) for _ in parents]
        for window in WINDOWS:
            drawn = await page.evaluate(LAYOUT, [parents, widths, window])
            cards: list[dict[str, float]] = drawn["cards"]
            assert overlapping(cards) == []
            assert [card["width"] for card in cards] == widths
            for card in cards:
                assert card["x"] >= 0
                assert card["y"] >= 0
                assert card["x"] + card["width"] <= drawn["width"] + 0.01
                assert card["y"] + card["height"] <= drawn["height"] + 0.01
            check_families(parents, cards)
            assert len(drawn["lines"]) == len({parent for parent in parents if parent is not None})


def check_families(parents: Parents, cards: list[dict[str, float]]) -> None:
    """Children are below their parent, in their order: down a column, then the next one."""
    families: dict[int, list[int]] = {}
    for node, parent in enumerate(parents):
        if parent is not None:
            families.setdefault(parent, []).append(node)
            assert cards[node]["y"] >= cards[parent]["y"] + cards[parent]["height"]
    for children in families.values():
        for one, other in pairwise(children):
            is_below = cards[other]["y"] > cards[one]["y"]
            is_in_next_column = cards[other]["x"] > cards[one]["x"]
            assert is_below or is_in_next_column


async def test_it_is_as_large_as_the_window_lets_it(page: Page) -> None:
    parents = random_tree(200, 3)
    drawn = await page.evaluate(LAYOUT, [parents, [90] * 200, WINDOWS[0]])
    scale = min(WINDOWS[0]["width"] / drawn["width"], WINDOWS[0]["height"] / drawn["height"])
    assert scale > 3 * WINDOWS[0]["height"] / (200 * 28)  # as one column
    narrow = await page.evaluate(LAYOUT, [parents, [90] * 200, WINDOWS[1]])
    assert len({card["y"] for card in narrow["cards"]}) == 200  # one column


def item(name: str, parent: str | None, below: int = 0, children: int = 0, **more: Any) -> dict[str, Any]:
    return {"key": name, "name": name, "parent": parent, "below": below, "children": children, **more}


async def tried(page: Page, script: str) -> Any:
    """What a script says of FAMILY."""
    return await page.evaluate(MODEL.replace("SCRIPT", script), FAMILY)


FAMILY: Final = [
    item("ann", None, 6, 3),
    item("bob", "ann", 2, 2),
    item("cem", "ann"),
    item("dan", "ann", 1, 1, title="Dañiel"),
    item("eva", "bob"),
    item("fay", "bob"),
    item("gus", "dan", 5, 5),
]


async def test_what_is_unfolded(page: Page) -> None:
    script = "model.unfold({}); return names(model.shown());"
    for most, shown in (
        (1, ["ann", "bob", "cem", "dan"]),
        (6, ["ann", "bob", "eva", "fay", "cem", "dan"]),
        (7, ["ann", "bob", "eva", "fay", "cem", "dan", "gus"]),
    ):
        assert await tried(page, script.format(most)) == shown
    folded = "model.unfold(99); model.foldAll(); model.reveal(model.nodes.get('gus')); return names(model.shown());"
    assert await tried(page, folded) == ["ann", "bob", "cem", "dan", "gus"]


async def test_what_is_found(page: Page) -> None:
    script = "return ['a', 'DANI', 'dan', 'zzz', '  '].map((query) => names(model.find(query)));"
    found = await tried(page, script)
    assert found == [["ann", "eva", "fay", "dan"], ["dan"], ["dan"], [], []]


async def test_where_the_keys_lead(page: Page) -> None:
    script = """
      model.unfold(6);
      const from = (name, ...keys) => names(keys.map((key) => model.step(model.nodes.get(name), key)));
      return [
        from("ann", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "End"),
        from("bob", "ArrowRight", "ArrowLeft", "ArrowDown", "Home"),
        from("dan", "ArrowDown", "ArrowRight", "e", "D", "x", "Tab"),
      ];"""
    assert await tried(page, script) == [
        [None, "bob", None, "bob", "dan"],
        ["eva", "ann", "eva", "ann"],
        [None, None, "eva", None, None, None],
    ]


async def test_what_was_cut_off_comes_later(page: Page) -> None:
    script = """
      const gus = model.nodes.get("gus");
      const before = gus.isCut;
      model.add([{ ...gus.item, parent: null }, { key: "h", name: "hal", parent: "gus", below: 0, children: 0 }]);
      gus.isOpen = true;
      return [before, names(gus.children), gus.children[0].depth, names(model.branch("dan"))];"""
    assert await tried(page, script) == [True, ["hal"], 3, ["dan", "gus", "hal"]]
