"""What a member's browser does: the first load, a message on its way, scrolling, memory."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Page

from benchmarks.browser import People, composer, join, memory_of, people, url
from benchmarks.measure import Bench, Row
from benchmarks.members import Community, settle
from benchmarks.servers import Server, hub

WRITERS: Final = 20
FRAME_MS: Final = 1000 / 60
SCROLL_FRAMES: Final = 600
SCROLL_PX: Final = 400  # a frame: a fast fling
PUBLISH: Final = 100
MIB: Final = 2**20

METHODS: Final = {
    "cold load": (
        "A browser without HTTP cache opens the hub as a member, 200 messages in the lounge: until the field is there "
        "and a message is shown, median of several. The limit is the same browser fetching the same files, all at "
        "once, and doing nothing with them."
    ),
    "send to shown": (
        "One member's page sends a message by a press of Enter, each after the one before has come; another member's "
        "browser on the same machine, whose clock is the same, notes when it stands in the page. Signing, the hub, "
        "checking and two renderings are in it. The limit is one frame of a screen, 16.7 ms."
    ),
    "scrolling": (
        "The lounge holds so many messages, all loaded; the log is moved by 400 px a frame, 600 frames from the middle "
        "upwards. Times between frames; the limit is the frame of a 60 Hz screen."
    ),
    "memory": (
        "Memory that only the page and its worker use (USS of the profile's renderers) after so many messages have "
        "come in, an hour at one a second; the limit is the same before they came."
    ),
}

_LOAD = """() => new Promise((resolve) => {
  const look = () => {
    const log = document.querySelector("accord-log");
    if (document.querySelector("accord-conversation textarea") && log && log.querySelector("[data-id], article")) {
      resolve(performance.now());
    } else {
      requestAnimationFrame(look);
    }
  };
  look();
})"""
_FETCH = """async (urls) => {
  const began = performance.now();
  await Promise.all(urls.map(async (url) => (await fetch(url, { cache: "reload" })).arrayBuffer()));
  return performance.now() - began;
}"""
_WATCH = """(count) => {
  window.shown = {};
  const note = () => {
    for (const [text] of document.querySelector("accord-log").textContent.matchAll(/probe-\\d+-end/g)) {
      window.shown[text] ??= performance.timeOrigin + performance.now();
    }
  };
  const what = { childList: true, subtree: true, characterData: true };
  new MutationObserver(note).observe(document.querySelector("accord-log"), what);
}"""
_SEND = """(text) => {
  const field = document.querySelector("accord-conversation textarea");
  field.focus();
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  const at = performance.timeOrigin + performance.now();
  field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
  return at;
}"""
_FILL = """async (wanted) => {
  const log = document.querySelector("accord-log");
  while (log.timeline.hasOlder && log.timeline.items.length < wanted) {
    await log.timeline.loadOlder();
  }
  return log.timeline.items.length;
}"""
_SCROLL = """([frames, step]) => new Promise((resolve) => {
  const scroller = document.querySelector("accord-log [role=log]");
  scroller.scrollTop = scroller.scrollHeight / 2;
  const times = [];
  let before = 0;
  const move = (now) => {
    if (before) times.push(now - before);
    before = now;
    scroller.scrollTop -= step;
    if (times.length < frames) requestAnimationFrame(move);
    else resolve(times);
  };
  setTimeout(() => requestAnimationFrame(move), 500);
})"""
_COUNT = "() => document.querySelector('accord-log').timeline.items.length"


def run(bench: Bench) -> Iterator[Row]:
    """One hub, two browsers."""
    with hub(bench.homes.empty()) as server, people(bench.homes.root / "profiles") as browsers:
        community = settle(server, WRITERS)
        _publish(community, 200)
        ada = browsers.profile("ada")
        page = join(server, ada, "ada")
        bench.note("web: cold load")
        yield from _load(server, page, bench.pick(7, 2))
        bench.note("web: send to shown")
        yield from _delivery(server, browsers, page, bench.pick(100, 10))
        count = bench.pick(3_600, 200)
        bench.note(f"web: {count:,} messages come")
        yield _memory(bench.homes.root / "profiles" / "ada", community, page, count)
        rows = bench.pick(50_000, 2_000)
        bench.note(f"web: scrolling {rows:,} messages")
        yield from _scrolling(community, page, rows)


def _publish(community: Community, count: int) -> None:
    """So many signed messages of the writers into the lounge."""
    sessions = [community.connect(index) for index in range(len(community.members))]
    for number, start in enumerate(range(0, count, PUBLISH)):
        index = number % len(sessions)
        envelopes = community.write(index, min(PUBLISH, count - start))
        answer = sessions[index].call({"type": "publish", "ref": number, "messages": envelopes}, "published")
        assert all(result["status"] == "stored" for result in answer["results"])
    for session in sessions:
        session.close()


def _load(server: Server, page: Page, tries: int) -> Iterator[Row]:
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    times, fetches = [], []
    for _ in range(tries):
        page.goto("about:blank")
        sizes.clear()
        page.goto(url(server), wait_until="commit")
        times.append(page.evaluate(_LOAD))
        total, requests = sum(sizes), len(sizes)
        files: list[str] = page.evaluate("() => performance.getEntriesByType('resource').map((entry) => entry.name)")
        fetches.append(page.evaluate(_FETCH, [name for name in files if "/static/" in name]))
    session.send("Network.setCacheDisabled", {"cacheDisabled": False})
    mine, limit = statistics.median(times), statistics.median(fetches)
    figure = f"{mine:.0f} ms, {requests} requests, {total / 1024:.0f} KiB"
    yield Row("web", "cold load, 200 messages", figure, f"{limit:.0f} ms to fetch the files", mine / limit)


def _delivery(server: Server, browsers: People, page: Page, count: int) -> Iterator[Row]:
    other = join(server, browsers.profile("bob"), "bob")
    for percent, taken in deliveries(page, other, count).items():
        yield Row("web", f"send to shown, p{percent}", f"{taken:.1f} ms", f"{FRAME_MS:.1f} ms", taken / FRAME_MS)
    other.context.close()


def deliveries(page: Page, other: Page, count: int) -> dict[int, float]:
    """How long (ms) what one page sends takes until it stands in another, which shows the same conversation: median
    and 99th percentile.
    """
    other.evaluate(_WATCH, count)
    times = []
    for number in range(count):
        text = f"probe-{number}-end"
        sent = page.evaluate(_SEND, text)
        shown = other.wait_for_function("(text) => window.shown[text]", arg=text).json_value()
        times.append(shown - sent)
    times.sort()
    return {percent: times[min(count - 1, count * percent // 100)] for percent in (50, 99)}


def _memory(folder: Path, community: Community, page: Page, count: int) -> Row:
    page.reload()
    composer(page)
    page.evaluate(_LOAD)
    before = memory_of(folder)
    held = page.evaluate(_COUNT)
    _publish(community, count)
    page.wait_for_function(f"(held) => ({_COUNT})() >= held + {count}", arg=held)
    time.sleep(2)  # what was left over is collected
    after = memory_of(folder)
    return Row(
        "web",
        f"memory after {count:,} messages",
        f"{after / MIB:.0f} MiB",
        f"{before / MIB:.0f} MiB before",
        after / before,
    )


def _scrolling(community: Community, page: Page, rows: int) -> Iterator[Row]:
    _publish(community, rows)
    page.reload()
    composer(page)
    page.evaluate(_LOAD)
    held, frames = scrolled(page, rows)
    for percent, taken in frames.items():
        name = f"scrolling {held:,} messages, p{percent}"
        yield Row("web", name, f"{taken:.1f} ms a frame", f"{FRAME_MS:.1f} ms", taken / FRAME_MS, "<= 1.0")


def scrolled(page: Page, rows: int) -> tuple[int, dict[int, float]]:
    """Load so many messages of the conversation that is shown, if it has them, and scroll: how many there are, times
    between frames (ms), median and 99th percentile.
    """
    held = page.evaluate(_FILL, rows)
    times: list[Any] = sorted(page.evaluate(_SCROLL, [SCROLL_FRAMES, SCROLL_PX]))
    return held, {percent: times[min(len(times) - 1, len(times) * percent // 100)] for percent in (50, 99)}
