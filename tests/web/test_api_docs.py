"""The page of the REST API in Chromium: it renders, and it is an origin of its own."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, expect

from tests.e2e.test_api_examples import example
from tests.hubs import HubProcess
from tests.web.conftest import Problems

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

METHODS = {"get", "post", "put", "patch", "delete"}
STORAGE = "(() => { try { return String(localStorage.length) } catch (error) { return error.name } })()"
CHAT = "fetch('/api/v1/me').then((answer) => String(answer.status), (error) => error.name)"


async def test_every_operation_is_shown(still_hub: HubProcess, context: BrowserContext) -> None:
    page = await context.new_page()
    await page.goto(f"{still_hub.url}/api/v1/docs")
    schema = await (await page.request.get(f"{still_hub.url}/api/v1/schema")).json()
    operations = [method for path in schema["paths"].values() for method in path if method in METHODS]
    assert len(operations) >= 28
    await expect(page.locator(".opblock-summary")).to_have_count(len(operations))
    await page.get_by_text("List messages of a topic").click()
    await page.get_by_text("newest first").first.wait_for()
    assert await page.get_by_text("Try it out").count() == 0
    assert await page.locator(".authorize, .authorization__btn").count() == 0


async def test_the_page_cannot_touch_the_chats_keys(still_hub: HubProcess, context: BrowserContext) -> None:
    page = await context.new_page()
    await page.goto(f"{still_hub.url}/api/v1/docs")
    assert await page.evaluate("origin") == "null"
    assert await page.evaluate(STORAGE) == "SecurityError"


async def test_the_page_can_ask_the_api_for_nothing_but_what_is_public(
    still_hub: HubProcess, context: BrowserContext, problems: Problems
) -> None:
    problems.expect("CORS|ERR_FAILED")
    page = await context.new_page()
    await page.goto(f"{still_hub.url}/api/v1/docs")
    assert await page.evaluate(CHAT) == "TypeError"


async def test_the_worked_example_is_on_the_page_as_it_is_tested(
    still_hub: HubProcess, context: BrowserContext
) -> None:
    page = await context.new_page()
    await page.goto(f"{still_hub.url}/api/v1/docs")
    await page.wait_for_selector(".opblock-summary")
    shown = [await code.text_content() for code in await page.locator("details pre code").all()]
    assert shown == [example(language) for language in ("python", "javascript", "sh")]
