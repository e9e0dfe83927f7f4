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
from benchmarks.browser import people, url
from benchmarks.measure import Bench, Row
from benchmarks.members import now_ms
from benchmarks.servers import hub

DEVICES: Final = (100, 1_000)
ITERATIONS: Final = 1_000_000

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
    """One hub, whose pages are used for their code."""
    with hub(bench.homes.empty()) as server, people(bench.homes.root / "private") as browsers:
        page = browsers.profile("ada").new_page()
        page.goto(url(server))
        main = page.locator("script[type=module]").first.get_attribute("src") or ""
        folder = main.replace("chat/main.js", "accord/")
        for count in DEVICES:
            bench.note(f"private: new epoch for {count:,} devices")
            yield from _epoch(page, folder, count)
        bench.note("private: reading")
        yield _reading(page, folder, bench.pick(5_000, 500))
        bench.note("private: password")
        yield _password(page, folder, bench.pick(ITERATIONS, 600_000), bench.pick(5, 1))


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
