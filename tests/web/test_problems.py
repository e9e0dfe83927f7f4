"""The fixtures of this folder see what they promise to see."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Page

from tests.hubs import PATIENCE_SECONDS
from tests.web.problems import Problems, SharedWorkers

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


COMPLAINTS = {
    "console": ("() => console.error('on purpose')", "console: on purpose"),
    "uncaught": ("() => { setTimeout(() => { throw new Error('on purpose'); }); }", "uncaught: .*on purpose"),
    "rejected": ("() => { Promise.reject(new Error('on purpose')); }", "uncaught: .*on purpose"),
    "markup": ("() => { try { document.body.innerHTML = '<p>'; } catch { /* reported */ } }", "TrustedHTML"),
    "origin": ("() => { fetch('https://elsewhere.example/').catch(() => {}); }", "Content Security Policy"),
    "script": (
        "() => { try { document.createElement('script').src = 'data:,'; } catch { /* reported */ } }",
        "TrustedScriptURL",
    ),
}


@pytest.mark.parametrize("kind", COMPLAINTS)
async def test_a_complaint_is_seen(accord: Page, problems: Problems, kind: str) -> None:
    script, pattern = COMPLAINTS[kind]
    problems.expect(r"on purpose|Trusted|Content Security Policy|elsewhere\.example")
    await accord.evaluate(script)
    seen = Problems()
    seen.expect(pattern)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(seen.unexpected) == len(seen.found):
            await accord.wait_for_timeout(20)
            seen.found = problems.found
    assert not problems.unexpected


async def test_what_a_shared_worker_complained_of_is_found_at_the_end(
    accord: Page, problems: Problems, shared_workers: SharedWorkers
) -> None:
    problems.expect("shared worker, uncaught: .*export")
    await accord.evaluate(
        """() => {
          const policy = trustedTypes.createPolicy("accord", { createScriptURL: (url) => url });
          const script = `${accord.folder}errors.js`;  // a module, which is started as if it were none
          window.worker = new SharedWorker(policy.createScriptURL(script));
        }"""
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await shared_workers.complaints():
            await accord.wait_for_timeout(20)
