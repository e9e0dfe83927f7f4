"""What encryption costs a member: a new epoch for many devices, opening what is read, the password's key."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import Final

from playwright.sync_api import Page

from accord.bodies import create_encrypted
from accord.encoding import b64encode, canonical
from accord.epochs import DAY_MS, Recipient, make_epoch, new_secret, window_at
from accord.hpke import BoxKey
from accord.keys import SigningKey
from benchmarks.browser import People, composer, join, people, url
from benchmarks.measure import Bench, Row
from benchmarks.members import now_ms, settle
from benchmarks.private_talk import CLIENT, WORDS, Writer, connect_pages, open_direct
from benchmarks.sections.web import FRAME_MS, SCROLL_FRAMES, deliveries, scrolled
from benchmarks.servers import Server, hub

DEVICES: Final = (100, 1_000)
ITERATIONS: Final = 1_000_000
SEARCH_MS: Final = 100
INDEX_SECONDS: Final = 900
LOOK_SECONDS: Final = 0.1

METHODS: Final = {
    "new epoch": (
        "The epoch message (or its parts) for so many devices, made in a page by its own code: a fresh secret sealed "
        "to each by HPKE. The limit is the work that no code can leave out: as many X25519 keys made and agreed upon "
        "by the same page, as many at once. A program's figure is that of accord.epochs.make_epoch on one thread, over "
        "the page's."
    ),
    "reading": (
        "So many sealed messages of one window read by a page's own code, 100 at a time: form, hashes and signature "
        "checked, opened, the body read. The limit is the same page checking the same messages without opening them."
    ),
    "send to shown": (
        "As in the section web, in a direct conversation of two browsers that are connected: sealing and opening are "
        "in it. The limit is the same two browsers in the lounge, just before."
    ),
    "scrolling": (
        "As in the section web, in a direct conversation with so many sealed messages, all loaded; the limit is the "
        "frame of a 60 Hz screen."
    ),
    "search": (
        "The same conversation. First reading: from the first query until all its messages are in the index; the limit "
        "is how long the same page took to load them for scrolling. Queries: words that a third of the messages hold, "
        "two words, a word that one holds, one that none holds, five times each, from the page's call to its answer. "
        "The limit is the aim, 100 ms."
    ),
    "password": (
        "From the password to the two keys of the vault, in a page, 1,000,000 iterations: median of several. The limit "
        "is PBKDF2 alone in the same page."
    ),
}

_ROTATE = """async ([folder, boxkeys]) => {
  const { makeEpoch } = await import(`${folder}epochs.js`);
  const { OneTimeKey } = await import(`${folder}primitives.js`);
  const { b64decode } = await import(`${folder}encoding.js`);
  const user = boxkeys[0];
  const devices = boxkeys.map((boxkey) => ({ user, boxkey }));
  const secret = crypto.getRandomValues(new Uint8Array(32));
  const bound = { topic: `chan:${user}`, epoch: 1, from: user, windowMs: 86_400_000, reason: "create" };
  await makeEpoch(secret, { ...bound, devices: devices.slice(0, 8) });
  const begun = performance.now();
  await makeEpoch(secret, { ...bound, devices });
  const made = performance.now();
  for (let start = 0; start < boxkeys.length; start += 8) {
    await Promise.all(boxkeys.slice(start, start + 8).map(async (boxkey) =>
      (await OneTimeKey.generate()).agree(b64decode(boxkey))));
  }
  return [made - begun, performance.now() - made];
}"""
_READ = """async ([folder, envelopes, raw, windowMs]) => {
  const { readMessage } = await import(`${folder}messages.js`);
  const { readPlaintext } = await import(`${folder}message_types.js`);
  const { openBody } = await import(`${folder}bodies.js`);
  const { importHmacKey } = await import(`${folder}primitives.js`);
  const { b64decode } = await import(`${folder}encoding.js`);
  const key = await importHmacKey(b64decode(raw));
  const check = (envelope) => readMessage(envelope);
  const open = async (envelope) => {
    const message = await readMessage(envelope);
    return readPlaintext(message.type, await openBody(message, key, { windowMs }));
  };
  const time = async (one) => {
    const begun = performance.now();
    for (let start = 0; start < envelopes.length; start += 100) {
      await Promise.all(envelopes.slice(start, start + 100).map(one));
    }
    return performance.now() - begun;
  };
  await time(check);
  return [await time(open), await time(check)];
}"""
_QUERY = f"""async (text) => {{
  const begun = performance.now();
  await {CLIENT}.call("search.query", {{ text }});
  return performance.now() - begun;
}}"""
_IS_INDEXED = f"""async (rows) => {{
  const {{ texts, isReading }} = await {CLIENT}.call("search.query", {{ text: "" }});
  return texts >= rows && !isReading;
}}"""
_DERIVE = """async ([folder, iterations, times]) => {
  const { authKey, rootKey, wrapKey } = await import(`${folder}vault.js`);
  const salt = crypto.getRandomValues(new Uint8Array(32));
  const password = "correct horse battery staple";
  const bytes = new TextEncoder().encode(password);
  const mine = [];
  const bare = [];
  for (let i = 0; i < times; i += 1) {
    const begun = performance.now();
    const root = await rootKey(password, salt, iterations);
    await Promise.all([authKey(root), wrapKey(root)]);
    const made = performance.now();
    const key = await crypto.subtle.importKey("raw", bytes, "PBKDF2", false, ["deriveBits"]);
    await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt, iterations }, key, 256);
    mine.push(made - begun);
    bare.push(performance.now() - made);
  }
  return [mine, bare];
}"""


def run(bench: Bench) -> Iterator[Row]:
    """One hub and two browsers; first their pages are used for their code alone."""
    with hub(bench.homes.empty()) as server, people(bench.homes.root / "private") as browsers:
        page = browsers.profile("code").new_page()
        page.goto(url(server))
        yield from _code(bench, page)
        page.context.close()
        yield from _talk(bench, server, browsers)


def _code(bench: Bench, page: Page) -> Iterator[Row]:
    main = page.locator("script[type=module]").first.get_attribute("src") or ""
    folder = main.replace("chat/main.js", "accord/")
    for count in DEVICES:
        bench.note(f"private: new epoch for {count:,} devices")
        yield from _epoch(page, folder, count)
    bench.note("private: reading")
    yield _reading(page, folder, bench.pick(5_000, 500))
    bench.note("private: password")
    yield _password(page, folder, bench.pick(ITERATIONS, 600_000), bench.pick(5, 1))


def _talk(bench: Bench, server: Server, browsers: People) -> Iterator[Row]:
    bench.note("private: send to shown")
    community = settle(server, 1)
    page, other = (join(server, browsers.profile(name), name) for name in ("ada", "bob"))
    count = bench.pick(100, 10)
    clear = deliveries(page, other, count)
    connect_pages(page, other)
    for percent, taken in deliveries(page, other, count).items():
        name = f"send to shown, sealed, p{percent}"
        limit = clear[percent]
        yield Row("private", name, f"{taken:.1f} ms", f"{limit:.1f} ms in the open", taken / limit)
    other.context.close()
    rows = bench.pick(50_000, 1_000)
    bench.note(f"private: {rows:,} sealed messages")
    writer = Writer(community, 0, page)
    writer.write(rows)
    page.reload()
    composer(page)
    open_direct(page, writer.key, writer.name)
    page.get_by_role("log").get_by_role("article").first.wait_for()
    begun = time.perf_counter()
    held, frames = scrolled(page, rows)
    loaded = time.perf_counter() - begun - SCROLL_FRAMES * FRAME_MS / 1000
    for percent, taken in frames.items():
        name = f"scrolling {held:,} sealed messages, p{percent}"
        yield Row("private", name, f"{taken:.1f} ms a frame", f"{FRAME_MS:.1f} ms", taken / FRAME_MS, "<= 1.0")
    bench.note("private: search")
    yield from _search(page, rows, loaded)


def _search(page: Page, rows: int, loaded: float) -> Iterator[Row]:
    begun = time.perf_counter()
    page.evaluate(_QUERY, "anything")
    while not page.evaluate(_IS_INDEXED, rows):
        assert time.perf_counter() - begun < INDEX_SECONDS, "the index is not whole"
        time.sleep(LOOK_SECONDS)
    taken = time.perf_counter() - begun
    name = f"search, first reading of {rows:,}"
    yield Row("private", name, f"{taken:.1f} s", f"{loaded:.1f} s to load them", taken / loaded)
    words = [*WORDS, "harbour lantern", "no000123", f"no{rows - 1:06d}", "nowhere"]
    times = sorted(page.evaluate(_QUERY, word) for word in words for _ in range(5))
    for percent in (50, 99):
        each = times[min(len(times) - 1, len(times) * percent // 100)]
        name = f"search, {rows:,} sealed messages, p{percent}"
        yield Row("private", name, f"{each:.1f} ms", f"{SEARCH_MS} ms", each / SEARCH_MS, "< 1.0")


def _epoch(page: Page, folder: str, count: int) -> Iterator[Row]:
    boxkeys = [BoxKey.generate().public for _ in range(count)]
    mine, limit = page.evaluate(_ROTATE, [folder, [b64encode(key) for key in boxkeys]])
    name = f"new epoch, {count:,} devices"
    yield Row("private", f"{name}, page", f"{mine:.0f} ms", f"{limit:.0f} ms of X25519", mine / limit, "seconds")
    author = SigningKey.generate().public
    recipients = [Recipient(author, key) for key in boxkeys]
    begun = time.perf_counter()
    rest = {"chan": f"chan:{b64encode(author)}", "author": author, "window_ms": DAY_MS, "reason": "create"}
    make_epoch(new_secret(), recipients, epoch=1, **rest)
    program = (time.perf_counter() - begun) * 1000
    yield Row("private", f"{name}, program", f"{program:.0f} ms", f"{mine:.0f} ms in a page", program / mine)


def _reading(page: Page, folder: str, count: int) -> Row:
    author, key, now = SigningKey.generate(), new_secret(), now_ms()
    topic, win = f"chan:{b64encode(author.public)}", window_at(now, DAY_MS)
    sealed = [
        create_encrypted(
            author,
            type="chat.text",
            to=topic,
            body=canonical({"text": f"{number:08d}".ljust(60, ".")}),
            created_at=now,
            epoch=1,
            win=win,
            window_key=key,
        )
        for number in range(count)
    ]
    mine, limit = page.evaluate(_READ, [folder, sealed, b64encode(key), DAY_MS])
    name = f"reading {count:,} sealed messages"
    return Row("private", name, f"{count / mine * 1000:,.0f}/s", f"{count / limit * 1000:,.0f}/s checked", limit / mine)


def _password(page: Page, folder: str, iterations: int, times: int) -> Row:
    mine, bare = (statistics.median(taken) for taken in page.evaluate(_DERIVE, [folder, iterations, times]))
    name = f"password, {iterations:,} iterations"
    return Row("private", name, f"{mine:.0f} ms", f"{bare:.0f} ms of PBKDF2", mine / bare)
