"""The modules of static/accord pass the vectors in Chromium, on a page of the hub."""

from __future__ import annotations

import copy
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from accord import vectors

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

TEXT = (Path(__file__).parents[1] / "vectors" / "protocol.json").read_text(encoding="utf-8")
WHOLE: dict[str, Any] = json.loads(TEXT)
# A page follows topics by subscription, holds no trees, is told of no other hub's removals, and keeps no stores.
PROGRAMS_ONLY = {section for section in WHOLE if section.startswith(("merkle", "sync_", "hub_status", "store_"))}


async def run(page: Page, whole: dict[str, Any]) -> dict[str, Any]:
    """What `run` of vectors.js says of a file; numbers with a point reach it as such."""
    result: dict[str, Any] = await page.evaluate(
        "(text) => accord.vectors.run(accord.encoding.parseJson(text, Infinity))", json.dumps(whole)
    )
    return result


async def test_every_vector_passes_and_none_that_a_page_needs_is_left_out(accord: Page) -> None:
    built = Counter(name.partition(":")[0] for name, check in vectors.entries(WHOLE) if check)
    for section in PROGRAMS_ONLY:
        del built[section]
    not_built = [name for name in WHOLE if name not in built and name not in {"about", "labels_prk"}]
    result = await run(accord, WHOLE)
    assert result == {"passed": built.total(), "failed": [], "notRun": not_built, "sections": dict(built)}


def _flipped(text: str) -> str:
    """Hex or base64url with its first character changed."""
    return ("1" if text[0] != "1" else "2") + text[1:]


CORRUPTIONS: dict[str, tuple[Any, ...]] = {
    "canonical_accept": (0, "bytes"),
    "labels": (0, "hash"),
    "ids": ("open_channel",),
    "cert": ("cert", "signature"),
    "login": ("th3",),
    "messages": (0, "envelope", "body"),
    "statement": ("statement", "sig"),
    "pow": ("hash",),
    "invite": ("proof",),
    "invite_circle": ("temporary_privates", 0, "private"),
    "claim_codes": (0, "hash"),
    "blobs": (1, "id"),
    "signatures": (0, "signature"),
    "hpke": ("key",),
    "channel": ("message_key",),
    "epoch_box": ("box",),
    "epochs": ("opens", 0, "secret"),
    "connection": ("epoch_secret",),
}


@pytest.mark.parametrize("section", CORRUPTIONS)
async def test_a_corrupted_vector_is_reported(accord: Page, section: str) -> None:
    whole = {name: copy.deepcopy(WHOLE[name]) for name in (section, "cert", "labels_prk")}
    place = whole[section]
    *path, last = CORRUPTIONS[section]
    for step in path:
        place = place[step]
    place[last] = _flipped(place[last])
    failed = (await run(accord, whole))["failed"]
    assert failed
    assert {entry["section"] for entry in failed} <= {
        section,
        "login",
    }  # the login's entries use the certificate's keys
    assert section in {entry["section"] for entry in failed}


async def test_what_should_be_refused_and_is_not_is_reported(accord: Page) -> None:
    good = {
        "canonical_reject": [{"bytes": "7b7d", "why": "canonical"}],
        "base64url_reject": ["AA"],
        "order": ["BA", "AA"],
        "messages_reject": [{"why": "good", "code": "bad_sig", "envelope": WHOLE["messages"][0]["envelope"]}],
        "message_types_reject": [{"why": "good", "code": "bad_request", "envelope": WHOLE["messages"][0]["envelope"]}],
        "statements_reject": [{"why": "good", "code": "bad_sig", "statement": WHOLE["statement"]["statement"]}],
        "invite_links_reject": [
            {"why": "good", "link": f"https://hub.example/join#{WHOLE['invite']['hub']}.{WHOLE['invite']['hub']}"}
        ],
        "claim_codes_reject": [{"why": "good", "typed": "7KQ2M-XB94T"}],
        "signatures": [{**WHOLE["signatures"][0], "valid": False}],
    }
    wrong_code = {"messages_reject": [{**WHOLE["messages_reject"][0], "code": "bad_request"}]}
    malformed = {"cert": {}, "pow": 1, "signatures": 1}
    for file in (good, wrong_code, malformed):
        result = await run(accord, file)
        assert (result["passed"], {entry["section"] for entry in result["failed"]}) == (0, set(file)), result
