"""encoding.js, names.js and keys.js give the answers of Python, refusals included."""

from __future__ import annotations

import json
import random
import unicodedata
from typing import Any

import pytest
from hypothesis import strategies as st
from playwright.async_api import Page

from accord import keys, names
from accord.encoding import b64decode, b64encode, canonical, parse_canonical, parse_json
from accord.keys import SigningKey
from accord.primitives import domain
from tests.accord import support
from tests.web.agreement import agree, bit_flipped, made, scarred

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

ODD_TEXTS = [
    f'{{"a":{inner}}}'
    for inner in (
        "1.0", "-0", "-0.0", "0e0", "1e2", "1E400", "-1e999", "1e-9", "9007199254740991", "9007199254740992",
        "-9007199254740991", "-9007199254740992", "9007199254740991.0", "18446744073709551616", "1" * 400, "null",
        "[]", "[[]]", "{}", "[{}]", '"\\u0000"', '"\\ud83d\\ude00"', '"\\ud83d"', '"\\ude00\\ud83d"', '"\\u007f"',
        '"\u2028"', '"1.5"', '"x: 1.5, -0"', '"\\\\",1.5', '["\\"",1.5]', '["\\\\",-0]', "[ -0 ,1]", "01", "+1", "NaN",
        "tru", "1 ", " 1", '"a\nb"', '"\x7f"', "-", "",
    )
]  # fmt: skip
ODD_TEXTS += [
    '{"A":1}', '{"a":1,"a":2}', '{"__proto__":1}', '{"constructor":1}', '{"to_string":{}}', '{"1":1}', '{"":1}',
    '{"\\ud800":1}', '{"b":1,"a":[-0]}', "1", "-0", '"x"', "true", "null", "", " ", "\ufeff{}", "{} ", "{}x",
    '{"' + "a" * 32 + '":1}', '{"' + "a" * 33 + '":1}', '{"a":' * 8 + "1" + "}" * 8, '{"a":' * 9 + "1" + "}" * 9,
    "[" * 8 + "1" + "]" * 8, "[" * 9 + "1" + "]" * 9, "[" * 1024 + "]" * 1024, "[" * 1025 + "]" * 1025,
    '{"a":"\ud800"}', '"' + "\u20ac" * 66 + '"', '"' + "\u20ac" * 67 + '"', '"' + "x" * 199 + '"', "\ud800" * 67,
]  # fmt: skip


async def test_canonical_json(accord: Page) -> None:
    dice = random.Random(1)
    good = [canonical(value).decode() for value in made(support.objects, 200)]
    hostile = [json.dumps(value) for value in made(support.hostile.filter(_is_json), 200)]
    cases = [*good, *hostile, *ODD_TEXTS, *(scarred(dice, text) for text in good for _ in range(3))]
    await agree(
        accord, "canonical", cases, lambda text: canonical(parse_json(text, max_bytes=2**20)).decode(), "bad_encoding"
    )

    def strict(data: str | bytes) -> str:
        return canonical(parse_canonical(data, max_bytes=200)).decode()

    await agree(accord, "parseCanonical", cases, strict, "bad_encoding", "too_big")
    raw = [text.encode("utf-8", "surrogatepass") for text in cases]
    raw += [bytes([*data[:5], dice.randrange(256), *data[6:]]) for data in raw]
    await agree(
        accord, "bytes", [b64encode(data) for data in raw], lambda text: strict(b64decode(text)), "bad_encoding"
    )


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


async def test_what_only_javascript_can_say_has_no_canonical_form(accord: Page) -> None:
    codes = await accord.evaluate(
        """() => [-0, NaN, Infinity, 0.5, 2 ** 53, 1n, null, undefined, () => 1, Symbol("x"), new Date(0), new Map(),
            new Uint8Array(1), [undefined], [,], { a: undefined }, "\\ud800", Object("x")].map((value) => {
          const refused = [];
          for (const wrapped of [value, [value], { a: value }]) {
            try {
              accord.encoding.canonical(wrapped);
            } catch (error) {
              refused.push(error.code);
            }
          }
          return refused.join();
        })"""
    )
    assert codes == [",".join(["bad_encoding"] * 3)] * 18


async def test_base64url(accord: Page) -> None:
    dice = random.Random(2)
    cases: list[Any] = [[b64encode(dice.randbytes(n)), None] for n in [*range(70), 767, 768, 769, 4096]]
    cases += [[text[:-1] + dice.choice("AQgwBEIxz+/=-_ é\n"), n] for text, n in cases if text]
    cases += [[text, length] for text, _ in cases[:40] for length in (0, 1, 16, 32)]
    cases += [[value, None] for value in (None, 1, True, [], {}, "é", "\ud800", "=", "A" * 5)]

    def verdict(case: Any) -> str:
        return b64encode(b64decode(case[0], case[1]))

    await agree(accord, "base64", cases, verdict, "bad_request")


async def test_names(accord: Page) -> None:
    assigned = st.characters().filter(lambda character: unicodedata.category(character) not in ("Cn", "Cs"))
    cases = made(st.text(assigned, max_size=12), 200)
    cases += made(st.from_regex(r"[A-Za-z0-9_.\-ａ-ｚＡ-Ｚ①-⑨ﬁ]{2,34}", fullmatch=True), 200)
    cases += [
        "abc\n",
        "ABC",
        "\u212aim",
        "\u0130bc",
        "ſſſ",
        "a" * 33,
        "ab",
        "\U0001d4ea" * 200,
        "\U0001d4ea" * 32 + "x" * 200,
    ]
    await agree(accord, "name", cases, names.normalize_name, "bad_request")


P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
SMALL_ORDER = (
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
)
POINTS = [0, 1, 2, P - 2, P - 1, P, P + 1, P + 2, 2**255 - 1]
POINTS += [int.from_bytes(bytes.fromhex(text), "little") for text in SMALL_ORDER]
POINTS += [int.from_bytes(SigningKey(bytes([n]) * 32).public, "little") % 2**255 for n in range(9)]
SCALARS = [0, 1, L - 1, L, L + 1, 2 * L, 2**252 - 1, 2**252, 2**253, 2**256 - 1]


def _point(dice: random.Random) -> bytes:
    """32 bytes on the edge of what may be a key, now and then with a bit flipped, with or without the sign."""
    number = dice.choice(POINTS)
    if dice.random() < 0.3:
        number ^= 1 << dice.randrange(255)
    return (number | (dice.random() < 0.3) << 255).to_bytes(32, "little")


async def test_signatures(accord: Page) -> None:
    dice = random.Random(3)
    cases = []
    for number in range(400):
        author, data = SigningKey(bytes([number % 7]) * 32), dice.randbytes(dice.randrange(80))
        parts = [author.public, domain("event") + data, author.sign("event", data)]
        match number % 5:
            case 0:
                parts[0] = _point(dice)
            case 1:
                parts[2] = _point(dice) + parts[2][32:]
            case 2:
                parts[2] = parts[2][:32] + dice.choice(SCALARS).to_bytes(32, "little")
            case 3:
                spot = dice.randrange(3)
                parts[spot] = bit_flipped(dice, parts[spot])
        cases.append([b64encode(part) for part in parts])

    def verdict(case: list[str]) -> str:
        keys.verify_raw(*(b64decode(part) for part in case))
        return "undefined"

    await agree(accord, "signature", cases, verdict, "bad_sig")
