"""The page's QR encoder against segno's: the same text gives the same modules."""

from __future__ import annotations

import random
from typing import Any

import pytest
import segno
from playwright.async_api import Page
from segno import encoder

from tests.hubs import HubProcess
from tests.web.conftest import OpenContext

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./#:é漢🙂"
LENGTHS = [1, 2, 3, 7, 10, 14, 17, 26, 32, 42, 53, 62, 78, 84, 106, 122, 134, 152, 180, 213, 230, 271, 311, 365, 412]
MAX_VERSION = 20
ENCODE = """async ([texts, options]) => {
  const main = document.querySelector("script[type=module]").src;
  const { encodeQr } = await import(main.replace("main.js", "qr.js"));
  return texts.map((text) => {
    const { version, mask, modules } = encodeQr(text, options);
    return [version, mask, Array.from(modules).join("")];
  });
}"""


def _write_padding_bits(buffer: Any, version: int, length: int) -> None:
    """As the standard says (7.4.10). segno adds eight bits where none are missing, which scanners forgive."""
    buffer.extend([0] * (-length % 8))


def _texts() -> list[str]:
    chance = random.Random(7)
    return ["".join(chance.choice(LETTERS) for _ in range(length)) for length in LENGTHS]


def expected(text: str, level: str, mask: int | None) -> list[Any]:
    """Version, mask and modules by segno."""
    code = segno.make(text.encode(), error=level, mode="byte", micro=False, boost_error=False, mask=mask)
    return [code.version, code.mask, "".join(str(module & 1) for row in code.matrix for module in row)]


async def _page(open_context: OpenContext, still_hub: HubProcess) -> Page:
    page = await (await open_context()).new_page()
    await page.goto(still_hub.url)
    return page


@pytest.mark.parametrize("level", ["L", "M"])
async def test_the_modules_are_those_of_segno(
    open_context: OpenContext, still_hub: HubProcess, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    monkeypatch.setattr(encoder, "write_padding_bits", _write_padding_bits)
    page = await _page(open_context, still_hub)
    for mask in [None, *range(8)]:
        wanted = [(text, expected(text, level, mask)) for text in _texts()]
        fitting = [(text, code) for text, code in wanted if code[0] <= MAX_VERSION]
        assert len(fitting) > len(LENGTHS) / 2
        found = await page.evaluate(ENCODE, [[text for text, _ in fitting], {"level": level, "mask": mask}])
        assert [code for _, code in fitting] == found


async def test_a_text_that_is_too_long_is_refused(open_context: OpenContext, still_hub: HubProcess) -> None:
    page = await _page(open_context, still_hub)
    refused = (
        "async (given) => { try { await (" + ENCODE + ")(given); return null; } catch (error) { return error.name; } }"
    )
    assert await page.evaluate(refused, [["x" * 667], {"level": "M"}]) == "RangeError"
    assert await page.evaluate(refused, [["x" * 666], {"level": "M"}]) is None
