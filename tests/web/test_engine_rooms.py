"""Single rooms of the engine, in a page: checking, folding, order, time."""

from __future__ import annotations

import random
from typing import Any

import pytest
from playwright.async_api import Page

from tests.e2e.plain_client import Json, Key, id_of, message, ref, unb64

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

CHANNEL = f"chan:{'A' * 43}"
START = 1_750_000_000_000
ME, ADMIN, OTHER = Key(b"m" * 32), Key(b"a" * 32), Key(b"o" * 32)

LOAD = """async (names) => {
  const folder = accord.folder.replace("accord/", "client/");
  const modules = await Promise.all(names.map((name) => import(`${folder}${name}.js`)));
  window.client = Object.fromEntries(names.map((name, index) => [name, modules[index]]));
}"""
MAKE = """([me, admin]) => {
  window.make = ({ pages = [], direct = null } = {}) => {
    const fold = new client.fold.Fold({
      me, conversation: "c", isDirect: direct !== null, isAdmin: (key) => key === admin, canPost: () => true,
      nameOf: (key) => key.slice(0, 4),
      currentOf: (key) => key,
    });
    const columns = direct
      ? [{ topic: `user:${direct}`, author: me }, { topic: `user:${me}`, author: direct }]
      : [{ topic: "chan:x", author: null }];
    const fetch = async (topic) => {
      const own = pages.find((page) => page.topic === topic && !page.isTaken);
      if (!own) {
        return { facts: [], oldest: null, before: null, more: false };
      }
      own.isTaken = true;
      const items = own.items.map((item, index) => ({ cursor: index + 1, message: item }));
      const facts = await client.verify.readFacts(items);
      return { facts, oldest: facts.at(-1) ?? null, before: "next", more: own.more };
    };
    const clock = new client.clock.Clock();
    const timeline = new client.timeline.Timeline({ fold, columns, fetch, clock, onQuotes: () => {} });
    const mirror = new EventTarget();
    mirror.items = [];
    const view = new client.timeline_view.Timeline("c", { call: async () => {}, close: () => {} });
    view.opened(1, timeline.items(), { hasOlder: true, isLoading: false, firstUnread: null });
    let ops = 0;
    timeline.watch((told) => {
      ops += told.length;
      view.apply(told, { hasOlder: timeline.hasOlder, isLoading: false, firstUnread: null });
    });
    return { fold, timeline, view, count: () => ops };
  };
  window.take = async (timeline, messages) => {
    const items = messages.map((item, index) => ({ cursor: index + 1, message: item }));
    const facts = await client.verify.readFacts(items);
    facts.forEach((fact) => timeline.add(fact));
    timeline.flush();
    return facts.length;
  };
}"""


@pytest.fixture
def rooms() -> list[str]:
    return ["clock", "fold", "order", "timeline", "timeline_view", "verify"]


async def _load(accord: Page, rooms: list[str]) -> Page:
    await accord.evaluate(LOAD, rooms)
    await accord.evaluate(MAKE, [ME.text, ADMIN.text])
    return accord


def _text(author: Key, words: str, at: int, **fields: Any) -> Json:
    return message(author, "chat.text", CHANNEL, {"text": words}, created_at=START + at, **fields)


def _about(author: Key, relation: str, body: Json, at: int, target: Json, **fields: Any) -> Json:
    refs = ref(relation, target)
    return message(
        author, f"chat.{relation}", fields.pop("to", CHANNEL), body, created_at=START + at, refs=refs, **fields
    )


async def _items(page: Page, messages: list[Json]) -> list[dict[str, Any]]:
    """The items that a page shows of these messages."""
    found: list[dict[str, Any]] = await page.evaluate(
        """async (messages) => {
          const made = make();
          await made.timeline.load();
          await take(made.timeline, messages);
          return made.view.items;
        }""",
        messages,
    )
    return found


async def test_what_a_lying_hub_sends_is_left_out(accord: Page, rooms: list[str]) -> None:
    page = await _load(accord, rooms)
    good, stranger = _text(OTHER, "good", 1), Key()
    forged = {**_text(OTHER, "forged", 2)}
    forged["sig"] = _text(stranger, "forged", 2)["sig"]
    changed = {**_text(OTHER, "as written", 3), "body": _text(OTHER, "as changed", 3)["body"]}
    retold = _text(OTHER, "retold", 4)
    retold["header"] = {**retold["header"], "from": ME.text}
    untyped = message(OTHER, "chat.text", CHANNEL, {"words": "no text"}, created_at=START + 5)
    critical = _text(OTHER, "not to be understood", 6, crit=["whisper"], whisper=1)
    broken: list[Any] = [None, {}, {"header": None}, "text"]
    items = await _items(page, [forged, changed, retold, untyped, critical, *broken, good])
    assert [item["text"] for item in items] == ["good"]


async def test_every_order_of_arrival_shows_the_same(accord: Page, rooms: list[str]) -> None:
    page = await _load(accord, rooms)
    first, second = _text(OTHER, "first", 1), _text(ME, "second", 2)
    third = _text(ME, "third", 3, attention_messages=[id_of(first)], attention_keys=[OTHER.text])
    told = [
        first,
        second,
        third,
        _about(OTHER, "edit", {"text": "first, edited"}, 10, first),
        _about(OTHER, "edit", {"text": "first, edited twice"}, 11, first),
        _about(ME, "edit", {"text": "not mine to edit"}, 12, first),
        _about(OTHER, "delete", {}, 13, second),  # not theirs to delete
        _about(OTHER, "pin", {}, 14, second),  # nor to pin
        _about(ADMIN, "pin", {}, 15, second),
        _about(ADMIN, "pin", {"off": True}, 9, second),
        _about(ADMIN, "delete", {}, 16, third),
        _about(ME, "edit", {"text": "too late"}, 17, third),
        _about(ADMIN, "delete", {}, 0, first),  # older than its target
        _about(ME, "react", {"emoji": "👍"}, 20, first),
        _about(OTHER, "react", {"emoji": "👍"}, 21, first),
        _about(OTHER, "react", {"emoji": "👍", "off": True}, 22, first),
        _about(OTHER, "react", {"emoji": "🎉"}, 23, first),
        _about(OTHER, "react", {"emoji": "🎉", "off": True}, 24, first),
        _about(OTHER, "react", {"emoji": "🎉"}, 25, first),
        _about(ME, "react", {"emoji": "👍"}, 26, first),
    ]
    expected = await _items(page, told)
    assert [item["text"] for item in expected] == ["first, edited twice", "second", ""]
    assert expected[0]["editedAt"] == START + 11
    assert expected[0]["reactions"] == [
        {"emoji": "👍", "by": [ME.text], "isMine": True},
        {"emoji": "🎉", "by": [OTHER.text], "isMine": False},
    ]
    assert [item["isPinned"] for item in expected] == [False, True, False]
    assert [item["isDeleted"] for item in expected] == [False, False, True]
    assert expected[2]["deletedAt"] == START + 16
    assert expected[2]["replyTo"]["text"] == "first, edited twice"
    shuffled = random.Random(5)
    for _ in range(10):
        shuffled.shuffle(told)
        assert await _items(page, told) == expected
        one_by_one = await page.evaluate(
            """async (messages) => {
              const made = make();
              await made.timeline.load();
              for (const item of messages) {
                await take(made.timeline, [item]);
              }
              return made.view.items;
            }""",
            told,
        )
        assert one_by_one == expected


async def test_a_deleted_message_without_its_body(accord: Page, rooms: list[str]) -> None:
    page = await _load(accord, rooms)
    gone = _text(OTHER, "gone", 1)
    (item,) = await _items(page, [{"header": gone["header"], "sig": gone["sig"]}])
    assert item["isDeleted"]
    assert item["text"] == ""
    assert not item["canEdit"]


async def test_ties_are_by_the_bytes_of_ids(accord: Page, rooms: list[str]) -> None:
    page = await _load(accord, rooms)
    told = [_text(OTHER, str(number), 1) for number in range(40)]
    expected = [id_of(item) for item in sorted(told, key=lambda item: unb64(id_of(item)))]
    assert [item["id"] for item in await _items(page, told)] == expected


async def test_two_inboxes_are_one_conversation_without_gaps(accord: Page, rooms: list[str]) -> None:
    """A page of one inbox that reaches far back shows nothing below what the other has loaded."""
    page = await _load(accord, rooms)
    mine = [
        message(ME, "chat.text", f"user:{OTHER.text}", {"text": f"mine {at}"}, created_at=START + at)
        for at in range(0, 100, 10)
    ]
    theirs = [
        message(OTHER, "chat.text", f"user:{ME.text}", {"text": f"theirs {at}"}, created_at=START + at)
        for at in range(5, 200, 10)
    ]
    pages = [
        {"topic": f"user:{OTHER.text}", "items": mine[::-1], "more": False},
        {"topic": f"user:{ME.text}", "items": theirs[:9:-1], "more": True},
        {"topic": f"user:{ME.text}", "items": theirs[9::-1], "more": False},
    ]
    result = await page.evaluate(
        """async ([pages, other]) => {
          const made = make({ pages, direct: other });
          const seen = [];
          made.timeline.watch(() => seen.push(made.timeline.items().map((item) => item.at)));
          await made.timeline.load();
          return { seen, texts: made.view.items.map((item) => item.text) };
        }""",
        [pages, OTHER.text],
    )
    everything = sorted(range(0, 100, 10)) + sorted(range(5, 200, 10))
    assert result["texts"] == [f"{'mine' if at % 10 == 0 else 'theirs'} {at}" for at in sorted(everything)]
    assert all(seen == sorted(seen) for seen in result["seen"])


async def test_a_message_burns_when_its_time_comes(accord: Page, rooms: list[str]) -> None:
    page = await _load(accord, rooms)
    result = await page.evaluate(
        """async ([kept, brief]) => {
          const made = make();
          await made.timeline.load();
          await take(made.timeline, [kept, brief]);
          const before = made.view.items.length;
          await new Promise((resolve) => made.view.addEventListener("change", resolve, { once: true }));
          return [before, made.view.items.map((item) => item.text)];
        }""",
        [
            message(OTHER, "chat.text", CHANNEL, {"text": "kept"}, created_at=await _now(page) - 10),
            message(
                OTHER,
                "chat.text",
                CHANNEL,
                {"text": "brief"},
                created_at=await _now(page),
                burn_at=await _now(page) + 700,
            ),
        ],
    )
    assert result == [2, ["kept"]]


async def _now(page: Page) -> int:
    now: int = await page.evaluate("Date.now()")
    return now


async def test_fifty_thousand_messages_stay_workable(accord: Page, rooms: list[str]) -> None:
    """Facts as verify.js gives them; the figures are bounds that only an O(n) step a message would break."""
    page = await _load(accord, rooms)
    result = await page.evaluate(
        """async (me) => {
          const made = make();
          await made.timeline.load();
          const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
          const letters = (number) => number.toString(26).replace(/./g, (d) => alphabet[parseInt(d, 26)]);
          const name = (number) => letters(number).padStart(43, "A");
          const fact = (number, at) => ({
            id: name(number), at, author: me, topic: "chan:x", type: "chat.text", burnAt: 0, mentions: [], answers: [],
            refs: [], body: { text: `text ${number}` }, isClear: true, cursor: number,
          });
          const start = performance.now();
          for (let number = 0; number < 50_000; number += 1) {
            made.timeline.add(fact(number, 1000 + number * 10));
          }
          made.timeline.flush();
          const bulk = performance.now() - start;
          const bulkOps = made.count();
          const then = performance.now();
          for (let number = 0; number < 1_000; number += 1) {
            made.timeline.add(fact(60_000 + number, 1_000_000 + number));
            made.timeline.add({
              ...fact(70_000 + number, 2_000_000), type: "chat.react", refs: [{ rel: "react", id: name(number) }],
              body: { emoji: "x" },
            });
            if (number % 20 === 0) {
              made.timeline.flush();
            }
          }
          made.timeline.flush();
          const items = made.view.items;
          const inOrder = items.every((item, index) => !index || items[index - 1].at <= item.at);
          return {
            bulk, bulkOps, mixed: performance.now() - then, count: items.length, inOrder,
            reactions: items.filter((item) => item.reactions.length).length,
          };
        }""",
        ME.text,
    )
    assert (result["count"], result["inOrder"], result["reactions"], result["bulkOps"]) == (51_000, True, 1_000, 1)
    assert result["bulk"] < 5_000
    assert result["mixed"] < 5_000


async def test_the_hubs_clock_counts_where_this_one_is_wrong(accord: Page, rooms: list[str]) -> None:
    page = await _load(accord, rooms)
    for difference, offset in [
        (0, 0),
        (4 * 60_000, 0),
        (-4 * 60_000, 0),
        (3_600_000, 3_600_000),
        (-3_600_000, -3_600_000),
    ]:
        found = await page.evaluate(
            """(difference) => {
              const clock = new client.clock.Clock(() => 1_000_000_000);
              clock.learn(1_000_000_000 + difference, 999_999_900, 1_000_000_100);
              return [clock.offsetMs, clock.now(), clock.hubNow()];
            }""",
            difference,
        )
        assert found == [offset, 1_000_000_000 + offset, 1_000_000_000 + difference]
