"""Asking static/accord and accord/ the same, and comparing what they say.

Cases go to the page as JSON text, and both sides parse that text: what one language can say and the other cannot (1 and
1.0) is decided by the parsers that are under test.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from playwright.async_api import Page

from accord import messages
from accord.encoding import b64encode
from accord.errors import RemoteError
from tests.accord.support import CHANNEL, HUB, KEY, NOW

T = TypeVar("T")
Verdict = Callable[[Any], object]

VERDICTS = """
([now, hubText]) => {
  const { b64decode, b64encode, canonicalText, parseCanonical, parseJson, utf8 } = accord.encoding;
  const MOST = 2 ** 20;
  const hub = b64decode(hubText);
  const shown = (value) => JSON.stringify(value, (_, item) => (item instanceof Uint8Array ? b64encode(item) : item));
  const outcome = async (call) => {
    try {
      return await call();
    } catch (error) {
      if (error.name !== "RemoteError") throw error;
      return `refused: ${error.code}`;
    }
  };

  const message = async (text) => {
    const value = parseJson(text, MOST);
    const slow = await outcome(async () => {
      const { verifyEnvelope, parseEnvelope } = accord.messages;
      return (await verifyEnvelope(await parseEnvelope(value))).idText;
    });
    const fast = await outcome(async () => (await accord.messages.readMessage(value)).idText);
    if (slow !== fast) throw new Error(`${slow} step by step, ${fast} in one`);
    const checked = await accord.messages.readMessage(value);
    accord.message_types.checkType(checked);
    const body = accord.message_types.RULES.has(checked.type) && !checked.encrypted && checked.body !== null;
    const read = body ? shown(accord.message_types.readBody(checked)) : "";
    return `${checked.idText} ${canonicalText(checked.header)} ${read}`;
  };

  const loggingIn = async ({ client, onetime, expected, sealed, certificate, answers }) => {
    const peer = new accord.login.ClientLogin(await accord.keys.signingKeyFromSeed(b64decode(client)), {
      certificate, sealed, expected: expected === null ? null : b64decode(expected),
      onetime: await accord.primitives.OneTimeKey.fromSeed(b64decode(onetime)),
    });
    const events = [(await peer.request()).data];
    for (const { text, bytes } of answers) {
      events.push(await outcome(async () => shown(await peer.receive(text ?? b64decode(bytes)))), peer.state);
    }
    return events.join("|");
  };

  const verdicts = {
    canonical: (text) => canonicalText(parseJson(text, MOST)),
    parseCanonical: (text) => canonicalText(parseCanonical(text, 200)),
    bytes: (text) => canonicalText(parseCanonical(b64decode(text), 200)),
    base64: ([text, length]) => b64encode(b64decode(text, length ?? undefined)),
    message,
    certificate: async (text) =>
      shown(await accord.certs.verifyCertificate(parseJson(text, MOST), now, hub)),
    statement: async (text) =>
      canonicalText(await accord.statements.verifyStatement(parseJson(text, MOST), { hub, type: "root" })),
    link: (text) => String(accord.invites.parseLink(text)),
    code: (text) => accord.invites.normalizeCode(text),
    name: accord.names.normalizeName,
    signature: async ([key, data, signature]) =>
      String(await accord.keys.verifyRaw(b64decode(key), b64decode(data), b64decode(signature))),
    login: loggingIn,
  };
  accord.judge = async ([name, cases]) => {
    const found = [];
    for (const one of JSON.parse(cases)) found.push(await outcome(() => verdicts[name](one)));
    return found;
  };
}
"""


ODD: list[Any] = [
    None, True, False, 0, 1, -1, 2, 1.0, -0.0, 1.5, 1e2, 2**44, 2**53 - 1, 2**53, 2**70, float("inf"), -840, 840, 841,
    NOW + 1, NOW + messages.MAX_BURN_MS, NOW + messages.MAX_BURN_MS + 1, "", "a", "A", "AA", "AB", KEY, KEY + "=",
    KEY[:-1] + "z", KEY * 2, b64encode(bytes(64)), "feed", f"feed:{KEY}", CHANNEL, f"{CHANNEL}A", f"USER:{KEY}",
    f"user:{KEY[1:]}", "chan", ":", "chat.text", "x" * 64, "x" * 65, "x" * 17_000, "\0", "\ud800", "é", [], {}, [KEY],
    [KEY, KEY], [[KEY]], ["a"], ["a", "a"], ["b", "a"], {"rel": "edit", "id": KEY}, [{"rel": "edit"}],
    [{"rel": ["edit"], "id": KEY}], [{"rel": "pin", "id": KEY}, {"rel": "pin", "id": KEY, "more": 1}],
    {"epoch": 1, "win": 0, "kid": KEY}, {"epoch": 1.0, "win": 0, "kid": KEY}, {"epoch": 0, "win": 0, "kid": KEY},
    {"__proto__": 1}, {"a": {"b": {"c": []}}},
]  # fmt: skip


def outcome(verdict: Verdict, case: Any) -> object:
    try:
        return verdict(case)
    except RemoteError as error:
        return f"refused: {error.code}"


async def agree(page: Page, name: str, cases: list[Any], verdict: Verdict, *codes: str) -> None:
    """Both languages say the same of every case; some are accepted, and each of `codes` is met."""
    await page.evaluate(VERDICTS, [NOW, b64encode(HUB.public)])
    found = await page.evaluate("(batch) => accord.judge(batch)", [name, json.dumps(cases)])
    expected = [outcome(verdict, case) for case in cases]
    differing = [(case, there, here) for case, there, here in zip(cases, found, expected, strict=True) if there != here]
    assert not differing, f"{len(differing)} differ, first (case, JavaScript, Python): {differing[0]}"
    met = Counter(str(item) if str(item).startswith("refused") else "accepted" for item in expected)
    assert set(met) >= {"accepted", *(f"refused: {code}" for code in codes)}, met


def made(strategy: st.SearchStrategy[T], count: int) -> list[T]:
    """So many values as Hypothesis makes them."""
    found: list[T] = []

    @settings(max_examples=count, phases=[Phase.generate], database=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def collect(value: T) -> None:
        found.append(value)

    collect()
    return found


def shown(value: Any) -> str:
    return json.dumps(value, default=b64encode, ensure_ascii=False, separators=(",", ":"))


def json_of(value: Any) -> str:
    return json.dumps(value, allow_nan=True)


def without(value: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key != name}


def scarred(dice: random.Random, text: str) -> str:
    """JSON text with something cut, doubled, or put in."""
    at = dice.randrange(len(text) + 1)
    scar = dice.choice(
        ["", " ", "0", ".0", "e1", "-", ",", '"', "\\", "\\u0000", "\\ud800", "[]", "null", "\0", "é", "{"]
    )
    return text[:at] + scar + text[at + dice.randrange(3) :]


def bit_flipped(dice: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    changed[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    return bytes(changed)
