"""What a vault keeps where not everything fits: the lists at their limits, in a page of the hub."""

from __future__ import annotations

from typing import Any, Final

import pytest
from playwright.async_api import Page

from accord.encoding import b64encode
from accord.vault import MAX_ENCLAVE_BYTES

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

NOW: Final = 1_790_000_000_000
FIT: Final = """async (content) => {
  const main = document.querySelector("script[type=module]").src;
  const { fitted, isFull, mergeList } = await import(main.replace("chat/main.js", "client/vault_content.js"));
  const { makeSlot, bodyKey, sealEnclave } = accord.vault;
  const [user, bytes] = [await accord.keys.generateSigningKey(), new Uint8Array(32)];
  const fit = fitted(content);
  const turned = Object.fromEntries(Object.entries(content)
    .map(([name, items]) => [name, Array.isArray(items) ? [...items].reverse() : items]));
  const again = fitted(turned);
  const ids = (value) => JSON.stringify(value.windows.map((item) => item.id).sort());
  const enclave = await sealEnclave(user, {
    name: "ada", version: 1, params: { salt: new Uint8Array(16), iterations: 1_000_000 },
    slots: [await makeSlot("password", { name: "ada", wrap: bytes, key: bytes }),
      await makeSlot("recovery", { name: "ada", wrap: bytes, key: bytes })],
    body: await bodyKey(bytes), content: fit,
  });
  const oldest = { ...content.reads[0], conversation: "direct:older", at: 1 };
  const full = content.reads;
  return {
    fit, size: JSON.stringify(enclave).length, isStable: fitted(fit) === fit && ids(fit) === ids(again),
    isFull: [isFull(fit), isFull({ keys: "", reads: full.slice(0, 3) })],
    isSame: mergeList("reads", full, [oldest]) === full,
  };
}"""


def key(number: int) -> str:
    return b64encode(number.to_bytes(32, "big"))


def window(topic: int, epoch: int, at: int) -> dict[str, Any]:
    names = {"id": key(topic * 10_000 + epoch), "author": key(1), "prev": key(2), "key": key(3)}
    place = {"topic": f"chan:{key(topic)}", "epoch": epoch, "created_at": at, "win": 20_717, "window_ms": 86_400_000}
    return {**names, **place, "count": 12_345, "burn_ms": 86_400_000}


async def test_a_full_vault_fits_and_keeps_what_opens_most(accord: Page) -> None:
    pairs = [window(number, 1, NOW - 10**9 + number) for number in range(300)]
    channels = [window(1_000 + number % 10, 1 + number // 10, NOW + number) for number in range(1_700)]
    content = {
        "keys": key(0) * 4,
        "windows": pairs + channels,
        "contacts": [{"key": key(n), "called": "🪴" * 64, "follows": True, "at": NOW + n} for n in range(100)],
        "known": [{"key": key(n), "verified": True, "at": NOW + n} for n in range(600)],
        "reads": [{"conversation": f"direct:{key(n)}", "at": NOW + n, "message": key(n)} for n in range(1_000)],
    }
    found = await accord.evaluate(FIT, content)
    assert found["size"] <= MAX_ENCLAVE_BYTES
    assert found["isStable"]
    assert found["isSame"]
    assert found["isFull"] == [True, False]
    fit = found["fit"]
    held = {(item["topic"], item["epoch"]) for item in fit["windows"]}
    assert held >= {(item["topic"], 1) for item in pairs}
    assert held >= {(f"chan:{key(1_000 + number)}", 170) for number in range(10)}
    left_out = [item for item in channels if (item["topic"], item["epoch"]) not in held]
    assert left_out == channels[: len(left_out)]
    for name in ("contacts", "known", "reads"):
        assert fit[name] == content[name]


async def test_what_is_oldest_goes_where_nothing_else_is_left(accord: Page) -> None:
    content = {
        "keys": "",
        "windows": [window(number, 1, NOW + number) for number in range(700)],
        "reads": [{"conversation": f"direct:{key(n)}", "at": NOW + n, "message": key(n)} for n in range(900)],
    }
    found = await accord.evaluate(FIT, content)
    assert found["size"] <= MAX_ENCLAVE_BYTES
    assert len(found["fit"]["windows"]) == 700
    kept = found["fit"]["reads"]
    assert kept == content["reads"][-len(kept) :]
    assert 0 < len(kept) < 900
