"""The conversation in Chromium: the virtual list, writing, the keyboard, what strangers can write.

Most of it runs on a page of the hub with the conversation alone and messages made in talk_page.js: lists of any length,
bursts, failures. What people do together, with the engine, is in test_chat.py.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Locator, Page, Route, ViewportSize, expect

from tests.hubs import HubProcess
from tests.web.conftest import OpenContext, Problems
from tests.web.person import Person, invite

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

SCRIPT = (Path(__file__).parent / "talk_page.js").read_text(encoding="utf-8")
DESKTOP: Final = ViewportSize(width=1032, height=800)
PHONE: Final = ViewportSize(width=390, height=844)
MANY: Final = 50_000
MOST_ELEMENTS: Final = 2_500
WAIT_SECONDS: Final = 60


async def _script(route: Route) -> None:
    await route.fulfill(body=SCRIPT, content_type="text/javascript")


async def open_page(context: BrowserContext, still_hub: HubProcess) -> Page:
    """A page of the hub that has the conversation alone."""
    page = await context.new_page()
    await page.route("**/static/*/chat/main.js", _script)
    await page.goto(f"{still_hub.url}/")
    await until(page, "window.talk !== undefined")
    return page


async def until(page: Page, condition: str) -> None:
    """Wait for a condition in the page (its policy forbids Playwright's own way, which makes code of text)."""
    look = f"async () => {{ while (!({condition})) {{ await new Promise((resolve) => setTimeout(resolve, 10)); }} }}"
    async with asyncio.timeout(WAIT_SECONDS):
        await page.evaluate(look)


async def settle(page: Page) -> None:
    await page.evaluate("talk.frame()")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def one_page(browser: Browser, still_hub: HubProcess) -> AsyncIterator[tuple[Page, Problems]]:
    """One page for all tests that need no other, and what it complained of."""
    problems = Problems()
    context = await browser.new_context(viewport=DESKTOP, reduced_motion="reduce")
    context.set_default_timeout(WAIT_SECONDS * 1000)
    problems.watch(context)
    yield await open_page(context, still_hub), problems
    await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(one_page: tuple[Page, Problems]) -> AsyncIterator[Page]:
    """The page at the size of a desktop's conversation, as if just opened."""
    page, problems = one_page
    await page.set_viewport_size(DESKTOP)
    await page.mouse.move(0, 0)
    await page.evaluate("localStorage.clear(); talk.events.length = 0; getSelection().empty(); talk.open()")
    yield page
    found, problems.found = problems.unexpected, []
    assert not found


async def show(page: Page, count: int = 30, *, held: int = MANY, first_unread: str | None = None) -> None:
    """A conversation of so many made messages, of which the newest are held."""
    await page.evaluate(
        "([count, page, firstUnread]) => talk.open({all: talk.items(count), page, firstUnread})",
        [count, held, first_unread],
    )
    await settle(page)


def composer(page: Page) -> Locator:
    return page.locator(".composer textarea")


def article(page: Page, text: str) -> Locator:
    return page.locator("accord-log article", has_text=text)


async def calls(page: Page, name: str) -> list[dict[str, Any]]:
    """The parameters of all calls of this name."""
    found: list[dict[str, Any]] = await page.evaluate(
        "(name) => talk.client.calls.filter(([called]) => called === name).map(([, params]) => params)", name
    )
    return found


async def focused(page: Page) -> str:
    """The id of the message that has the focus; "composer" where one writes."""
    found: str = await page.evaluate(
        """() => document.activeElement.closest(".item")?.dataset.id
           ?? (document.activeElement.closest(".composer") ? "composer" : document.activeElement.tagName)"""
    )
    return found


# The virtual list


async def test_only_what_is_near_the_view_is_in_the_document(page: Page) -> None:
    await show(page, MANY)
    for share in (1, 0.5, 0.25, 0.9, 0, 0.1):
        await page.evaluate(
            "(share) => { talk.log.scroller.scrollTop = share * talk.log.scroller.scrollHeight; }", share
        )
        await settle(page)
        assert await page.evaluate("talk.isFilled()"), f"a gap at {share}"
        assert await page.locator("accord-log *").count() < MOST_ELEMENTS


CHANGES = {
    "history before it": "talk.timeline.insert(0, talk.items(300, 'old'))",
    "a late message above": """talk.timeline.insert(talk.timeline.items.findIndex((each) => each.id === above),
        [talk.item({text: 'late '.repeat(300)})])""",
    "a message above grows": """talk.timeline.update(above, {text: 'long '.repeat(400),
        reactions: [{emoji: '👍', by: [talk.ME], isMine: true}]})""",
    "a message above goes": "talk.timeline.remove(above)",
    "messages at the end": "talk.timeline.add(...talk.items(500, 'new'))",
    "the composer grows": """(() => { const area = talk.element.querySelector('.composer textarea');
        area.value = 'one\\ntwo\\nthree\\nfour'; area.dispatchEvent(new Event('input', {bubbles: true})); })()""",
    "a name changes": """(() => { const {people} = talk.client.state; const key = talk.keyOf('grace');
        people[key] = {...people[key], displayName: 'G. Hopper'}; talk.client.change({}, {people: [key]}); })()""",
}


@pytest.mark.parametrize("change", CHANGES)
async def test_what_is_read_stays_where_it_is(page: Page, change: str) -> None:
    await show(page, MANY)
    await page.evaluate("talk.log.scroller.scrollTop = talk.log.scroller.scrollHeight * 0.6")
    await settle(page)
    anchor, top = await page.evaluate("talk.anchor()")
    await page.evaluate(
        f"(anchor) => {{ const above = talk.timeline.items[talk.timeline.items.findIndex("
        f"(each) => each.id === anchor) - 2].id; {CHANGES[change]}; }}",
        anchor,
    )
    await settle(page)
    assert abs(await page.evaluate("(id) => talk.top(id)", anchor) - top) < 1
    assert await page.evaluate("talk.isFilled()")


async def test_a_wheel_through_rows_never_seen_does_not_jump(open_context: OpenContext, still_hub: HubProcess) -> None:
    page = await open_page(await open_context(viewport=DESKTOP), still_hub)
    await show(page, MANY)
    await page.evaluate("talk.log.scroller.scrollTop = talk.log.scroller.scrollHeight / 2")
    await settle(page)
    await page.evaluate("talk.scenes.watch()")
    await page.mouse.move(500, 400)
    for _ in range(30):
        await page.mouse.wheel(0, -400)
        await settle(page)
    await page.evaluate("talk.rest()")
    assert await page.evaluate("talk.uneven") < 1
    assert await page.evaluate("talk.gaps") == 0


async def test_a_reader_at_the_end_follows_it(page: Page) -> None:
    await show(page, 300)
    assert await page.evaluate("talk.fromEnd()") < 1
    await page.evaluate("talk.timeline.add(...talk.items(20, 'new'))")
    await settle(page)
    assert await page.evaluate("talk.fromEnd()") < 1
    await composer(page).fill("one\ntwo\nthree\nfour\nfive")
    await settle(page)
    assert await page.evaluate("talk.fromEnd()") < 1
    await page.set_viewport_size({"width": 700, "height": 600})
    await settle(page)
    assert await page.evaluate("talk.fromEnd()") < 1


async def test_who_reads_above_is_told_what_came_and_gets_there(page: Page) -> None:
    await show(page, 300)
    await page.evaluate("talk.log.scroller.scrollTop = 2000")
    await settle(page)
    await page.evaluate("talk.timeline.add(...['x', 'y', 'z'].map((text) => talk.item({text})))")
    pill = page.get_by_role("button", name="3 new messages")
    await pill.click()
    await settle(page)
    assert await page.evaluate("talk.fromEnd()") < 1
    await expect(pill).to_be_hidden()


async def test_sending_brings_to_the_end(page: Page) -> None:
    await show(page, 300)
    await page.evaluate("talk.log.scroller.scrollTop = 2000")
    await composer(page).fill("here I am")
    await composer(page).press("Enter")
    await expect(article(page, "here I am")).to_be_visible()
    assert await page.evaluate("talk.fromEnd()") < 1


async def test_older_messages_come_before_the_oldest_is_reached(page: Page) -> None:
    await show(page, 2_000, held=100)
    for _ in range(20):
        loads = await page.evaluate("talk.timeline.loads")
        await page.evaluate("talk.log.scroller.scrollTop = Math.min(talk.log.scroller.scrollTop, 2500)")
        await until(page, f"talk.timeline.loads > {loads} || !talk.timeline.hasOlder")
        await settle(page)
        assert await page.evaluate("talk.isFilled()")
    assert not await page.evaluate("talk.timeline.hasOlder")
    await page.evaluate("talk.log.scroller.scrollTop = 0")
    await expect(page.get_by_role("heading", name="#lounge")).to_be_visible()


async def test_older_messages_that_do_not_come_can_be_asked_for_again(page: Page) -> None:
    await page.evaluate("talk.open({all: talk.items(10), page: 5}); talk.timeline.failures = 1")
    await page.get_by_text("Earlier messages could not be loaded").wait_for()
    await page.get_by_role("button", name="Try again").click()
    await expect(article(page, "m0:")).to_be_visible()


async def test_the_list_of_a_conversation_left_does_not_move_the_next(page: Page) -> None:
    await show(page, 300)
    await page.evaluate("talk.element.conversation = 'chan:other'")
    await page.evaluate("talk.element.conversation = 'chan:lounge'")
    await settle(page)
    await page.evaluate("talk.log.scroller.scrollTop = 4000")
    await settle(page)
    anchor, top = await page.evaluate("talk.anchor()")
    await page.evaluate("talk.rest()")
    assert abs(await page.evaluate("(id) => talk.top(id)", anchor) - top) < 1


async def test_at_the_very_top_what_is_read_stays_as_more_comes(page: Page) -> None:
    await show(page, 300, held=100)
    await page.evaluate("talk.log.scroller.scrollTop = 0")
    await settle(page)
    anchor, top = await page.evaluate("talk.anchor()")
    await until(page, "talk.timeline.loads === 1")
    await settle(page)
    assert abs(await page.evaluate("(id) => talk.top(id)", anchor) - top) < 1


async def test_reading_begins_at_the_first_unread_message(page: Page) -> None:
    await show(page, 400, first_unread="m300")
    assert 0 <= await page.evaluate("talk.top('m300')") < 80
    await expect(page.locator(".day.new")).to_have_text("New")
    assert await calls(page, "conversation.read") == []


async def test_what_is_at_the_end_in_view_is_read(page: Page) -> None:
    await show(page, 40)
    await until(page, "talk.client.calls.some(([name]) => name === 'conversation.read')")
    assert [params["id"] for params in await calls(page, "conversation.read")] == ["m39"]
    await page.evaluate("talk.log.scroller.scrollTop = 0")
    await settle(page)
    await page.evaluate("talk.timeline.add(talk.item({id: 'unread', text: 'unread'}))")
    await page.get_by_role("button", name="1 new message").click()
    await until(
        page, "talk.client.calls.some(([name, params]) => name === 'conversation.read' && params.id === 'unread')"
    )


# Messages


async def test_messages_of_one_author_share_a_head(page: Page) -> None:
    await page.evaluate("talk.scenes.groups()")
    heads = await page.locator("article.head").evaluate_all(
        "(all) => all.map((each) => each.closest('.item').dataset.id)"
    )
    assert heads == ["first", "third", "fourth", "fifth"]
    assert await page.locator("h2.day").count() == 2
    assert re.fullmatch(
        r"Grace Hopper, .*12.*, second", await article(page, "second").get_attribute("aria-label") or ""
    )


async def test_a_reply_quotes_and_leads_to_what_it_answers(page: Page) -> None:
    await show(page, 1_000, held=50)
    await page.evaluate(
        """talk.timeline.add(talk.item({text: 'the answer', replyTo: {id: 'm10', author: talk.keyOf('barbara'),
           authorName: 'barbara', text: 'the question'}}))"""
    )
    await page.get_by_role("button", name="Barbara the question").click()
    await expect(article(page, "m10:")).to_be_in_viewport()
    assert await focused(page) == "m10"


async def test_reactions_are_given_and_taken_back(page: Page) -> None:
    await show(page)
    await article(page, "m29:").hover()
    await page.get_by_role("toolbar").get_by_role("button", name="React").click()
    await page.get_by_label("Search emoji").fill("party popper")
    await page.keyboard.press("Enter")
    chip = page.get_by_role("button", name="🎉 1: you")
    await expect(chip).to_have_attribute("aria-pressed", "true")
    await chip.click()
    await expect(chip).to_have_count(0)
    assert [call["on"] for call in await calls(page, "message.react")] == [True, False]


async def test_the_bar_follows_the_mouse_after_one_of_its_buttons_was_pressed(page: Page) -> None:
    await show(page)
    await article(page, "m29:").hover()
    bar = page.get_by_role("toolbar")
    await bar.get_by_role("button", name="React").click()
    await page.get_by_label("Search emoji").press("Escape")
    await expect(bar.get_by_role("button", name="React")).to_be_focused()
    await article(page, "m27:").hover()
    await expect(article(page, "m27:").locator("xpath=..").get_by_role("toolbar")).to_be_visible()
    assert await focused(page) == "m29"


async def test_a_message_that_failed_can_be_sent_again_or_discarded(page: Page) -> None:
    await show(page)
    await page.evaluate("talk.scenes.failures()")
    failure = page.locator(".failure")
    await expect(failure.first).to_contain_text("Not sent. The hub is out of reach.")
    await failure.first.get_by_role("button", name="Try again").click()
    await expect(failure).to_have_count(1)
    await failure.get_by_role("button", name="Discard").click()
    await expect(article(page, "two")).to_have_count(0)


async def test_deleting_asks_first(page: Page) -> None:
    await show(page)
    await page.evaluate("talk.timeline.add(talk.item({id: 'mine', text: 'my secret', author: talk.ME}))")
    await article(page, "my secret").focus()
    await page.keyboard.press("Delete")
    dialog = page.get_by_role("alertdialog")
    await dialog.get_by_role("button", name="Cancel").click()
    assert await calls(page, "message.delete") == []
    assert await focused(page) == "mine"
    await page.keyboard.press("Delete")
    await dialog.get_by_role("button", name="Delete").click()
    await expect(page.locator(".item[data-id=mine] .gone")).to_have_text("deleted")
    await expect(page.get_by_text("my secret")).to_have_count(0)


async def test_details_say_who_signed(page: Page) -> None:
    await show(page)
    await article(page, "m29:").focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("menuitem", name="Details").press("Enter")
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("key checked")
    await expect(dialog.locator(".key").first).to_have_text(re.compile(r"^(\S{4} )+\S{1,4}$"))
    await page.keyboard.press("Escape")
    assert await focused(page) == "m29"


async def test_pins_are_listed_and_lead_to_the_message(page: Page) -> None:
    await show(page, 300)
    await page.evaluate("talk.timeline.update('m5', {isPinned: true})")
    await page.get_by_role("button", name="Pinned messages").click()
    await page.get_by_role("button", name="Go to message").click()
    await expect(article(page, "m5:")).to_be_in_viewport()


async def test_what_is_copied_from_several_messages_says_who_said_it(page: Page) -> None:
    await page.evaluate(
        """() => { const by = (id, name, text) => talk.item({id, author: talk.keyOf(name), text});
           talk.open({all: [by('a', 'grace', 'first **bold**'), by('b', 'barbara', 'second'),
             by('c', 'grace', 'third line')]}); }"""
    )
    await settle(page)
    copied = await page.evaluate("talk.scenes.copy('a', 'c')")
    assert re.fullmatch(r"Grace Hopper, .+\nbold\n\nBarbara, .+\nsecond\n\nGrace Hopper, .+\nthird", copied)


async def test_a_selection_keeps_its_rows(page: Page) -> None:
    await show(page, 500)
    await page.evaluate(
        """() => { const text = talk.log.article('m499').querySelector('.text p').firstChild;
           getSelection().setBaseAndExtent(text, 0, text, 4); }"""
    )
    await page.evaluate("talk.log.scroller.scrollTop = 0")
    await settle(page)
    assert await page.evaluate("getSelection().toString()") == "m499"


# Writing


async def test_enter_sends_and_shift_enter_does_not(page: Page) -> None:
    await show(page)
    await composer(page).click()
    await page.keyboard.type("one")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("two")
    assert await calls(page, "message.send") == []
    await page.keyboard.press("Enter")
    assert await composer(page).input_value() == ""
    assert await calls(page, "message.send") == [{"conversation": "chan:lounge", "text": "one\ntwo", "mentions": []}]
    await expect(page.locator("article.sent", has_text="one")).to_be_visible()


async def test_what_is_sent_before_the_conversation_is_open_goes_out(page: Page) -> None:
    await page.evaluate("talk.element.conversation = null")
    await composer(page).fill("early")
    await composer(page).press("Enter")
    assert await calls(page, "message.send") == []
    await page.evaluate("talk.element.conversation = 'chan:lounge'")
    assert [sent["text"] for sent in await calls(page, "message.send")] == ["early"]
    assert await composer(page).input_value() == ""


async def test_enter_of_an_input_method_does_not_send(page: Page) -> None:
    await show(page)
    await composer(page).fill("にほん")
    await composer(page).evaluate(
        """(area) => area.dispatchEvent(new KeyboardEvent('keydown',
             {key: 'Enter', isComposing: true, bubbles: true, cancelable: true}))"""
    )
    assert await calls(page, "message.send") == []


async def test_mentions_are_completed_and_told(page: Page) -> None:
    await show(page)
    await composer(page).click()
    await page.keyboard.type("hello @hop")
    option = page.get_by_role("option")
    await expect(option).to_have_count(1)
    await expect(option).to_contain_text("Grace Hopper")
    assert await composer(page).get_attribute("aria-activedescendant") == await option.get_attribute("id")
    await page.keyboard.press("Tab")
    await page.keyboard.type("and @")
    await expect(option).to_have_count(3)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.keyboard.type("and @b")
    await page.keyboard.press("Escape")
    await expect(option).to_have_count(0)
    text = await composer(page).input_value()
    assert re.fullmatch(r"hello @grace and @\S+ and @b", text)
    await page.keyboard.press("Enter")
    (sent,) = await calls(page, "message.send")
    assert len(sent["mentions"]) == 2
    assert sent["mentions"][0] == await page.evaluate("talk.keyOf('grace')")
    await expect(page.locator("article.sent .mention")).to_have_text(["@grace", text.split()[3]])


async def test_a_name_written_out_is_sent_with_one_enter(page: Page) -> None:
    await show(page)
    await composer(page).click()
    await page.keyboard.type("thanks @Grace")
    await page.get_by_role("option").wait_for()
    await page.keyboard.press("Enter")
    (sent,) = await calls(page, "message.send")
    assert sent["mentions"] == [await page.evaluate("talk.keyOf('grace')")]


async def test_a_mention_of_me_stands_out(page: Page) -> None:
    await show(page)
    await page.evaluate("talk.timeline.add(talk.item({text: 'see @ada.', mentions: [talk.ME], mentionsMe: true}))")
    await expect(page.locator("article.for-me .mention.me")).to_have_text("@ada")


async def test_a_draft_is_kept_and_comes_back(page: Page) -> None:
    await show(page)
    await article(page, "m29:").focus()
    await page.keyboard.press("r")
    await page.keyboard.type("half a thou")
    await page.evaluate("talk.element.conversation = 'chan:other'")
    assert await composer(page).input_value() == ""
    await page.evaluate("talk.element.conversation = 'chan:lounge'")
    assert await composer(page).input_value() == "half a thou"
    await expect(page.locator(".reply-strip")).to_be_visible()
    assert (await calls(page, "conversation.draft"))[-1]["replyTo"] == "m29"


async def test_typing_is_told_seldom(page: Page) -> None:
    await show(page)
    await composer(page).press_sequentially("many keys in a moment")
    assert len(await calls(page, "conversation.typing")) == 1


async def test_a_text_too_long_is_refused_and_kept(page: Page) -> None:
    await show(page)
    await page.evaluate("(text) => { talk.element.querySelector('.composer textarea').value = text; }", "é" * 140_000)
    await composer(page).press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("too long")
    assert await calls(page, "message.send") == []
    assert len(await composer(page).input_value()) == 140_000


async def test_a_text_that_was_not_taken_is_there_again(page: Page) -> None:
    await show(page)
    await page.evaluate("talk.client.refused.add('message.send')")
    await composer(page).fill("try this")
    await composer(page).press("Enter")
    await expect(composer(page)).to_have_value("try this")
    await expect(page.get_by_role("alert")).to_have_text("You may not do that.")


# The keyboard


async def test_a_round_by_keyboard_alone(page: Page) -> None:
    await show(page, 200)
    await page.evaluate("talk.timeline.add(talk.item({id: 'mine', text: 'mine', author: talk.ME}))")
    await composer(page).focus()
    await page.keyboard.press("Shift+Tab")
    assert await focused(page) == "mine"
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("ArrowUp")
    assert await focused(page) == "m198"
    await page.keyboard.press("+")
    await page.keyboard.type("tada")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="🎉 1: you")).to_be_visible()
    assert await focused(page) == "m198"
    await page.keyboard.press("r")
    assert await focused(page) == "composer"
    await page.keyboard.type("an answer")
    await page.keyboard.press("Enter")
    assert (await calls(page, "message.send"))[0]["replyTo"] == "m198"
    await expect(page.locator("article.sent", has_text="an answer")).to_be_visible()
    await page.keyboard.press("ArrowUp")
    await expect(page.get_by_label("Edit message")).to_be_focused()
    await page.keyboard.type(", edited")
    await page.keyboard.press("Enter")
    await expect(article(page, "an answer, edited")).to_contain_text("(edited)")
    assert await focused(page) == "composer"
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Home")
    assert await focused(page) == "m0"
    await page.keyboard.press("PageDown")
    assert await focused(page) not in ("m0", "BODY")
    await page.keyboard.press("End")
    await expect(article(page, "an answer")).to_be_focused()
    await page.keyboard.press("Escape")
    assert await focused(page) == "composer"


async def test_the_focus_outlives_what_happens(page: Page) -> None:
    await show(page, 2_000)
    await page.evaluate(
        "talk.timeline.update('m1999', {reactions: [{emoji: '👍', by: [talk.keyOf('grace')], isMine: false}]})"
    )
    await article(page, "m1999:").focus()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab" if "who" in await page.evaluate("document.activeElement.className") else "Shift")
    await page.evaluate("talk.timeline.update('m1999', {text: 'other words'})")
    await expect(page.get_by_role("button", name="👍 1")).to_be_focused()
    await page.evaluate("talk.log.scroller.scrollTop = 0")
    await settle(page)
    assert await focused(page) == "m1999"
    await page.evaluate("talk.timeline.insert(0, talk.items(100, 'old'))")
    await settle(page)
    await page.keyboard.press("ArrowUp")
    assert await focused(page) == "m1998"
    await expect(article(page, "m1998:")).to_be_in_viewport()


async def test_what_is_edited_can_be_left_and_found_again(page: Page) -> None:
    await show(page, 500)
    await page.evaluate("talk.timeline.add(talk.item({id: 'mine', text: 'mine', author: talk.ME}))")
    await article(page, "mine").focus()
    await page.keyboard.press("e")
    await page.keyboard.type(" and more")
    await composer(page).focus()
    await page.evaluate("talk.log.scroller.scrollTop = 0")
    await settle(page)
    await page.evaluate("talk.timeline.update('mine', {reactions: [{emoji: '👍', by: [talk.ME], isMine: true}]})")
    await page.evaluate("talk.log.scroller.scrollTop = 1e9")
    await expect(page.get_by_label("Edit message")).to_have_value("mine and more")


# What strangers can write

SCRIPTS = "<img src=x onerror='window.ran=1'><script>window.ran=1</script><svg onload='window.ran=1'>"
LINKS = (
    "[a](javascript:window.ran=1) [b](JaVaScRiPt:window.ran=1) [c](data:text/html,<script>1</script>) "
    'javascript:window.ran=1 [d](https://ok.example/"onclick="window.ran=1) <https://in.example/>'
)


async def test_nothing_that_a_stranger_writes_becomes_an_element(page: Page) -> None:
    await page.evaluate("([text, links]) => talk.scenes.stranger(text, links)", [SCRIPTS, LINKS])
    await composer(page).fill("@mal")
    await page.get_by_role("option").wait_for()
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Pinned messages").click()
    await page.locator(".pin").first.wait_for()
    await page.keyboard.press("Escape")
    await page.locator("article").first.focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("menuitem", name="Details").click()
    await page.locator(".facts").wait_for()
    assert await page.evaluate("window.ran") is None
    assert (
        await page.locator("accord-log :is(img, script, iframe, object, style), accord-log svg:not(.icon)").count() == 0
    )
    assert await page.locator("[onerror], [onload], [onclick], [style*='url']").count() == 0
    hrefs = await page.locator("accord-log a").evaluate_all("(all) => all.map((each) => each.href)")
    assert hrefs
    assert all(href.startswith("https://") for href in hrefs)
    for name, value in (("target", "_blank"), ("rel", "noopener noreferrer"), ("referrerpolicy", "no-referrer")):
        assert await page.locator(f"accord-log a:not([{name}='{value}'])").count() == 0


async def test_nothing_that_a_stranger_writes_runs_at_others(open_context: OpenContext, hub: HubProcess) -> None:
    ada = await Person.join(await open_context(viewport=DESKTOP), invite(hub), "ada-reads")
    mallory = await Person.join(await open_context(viewport=DESKTOP), invite(hub), "mallory-writes")
    call = "([name, params]) => document.querySelector('accord-conversation').client.call(name, params)"
    profile = {"displayName": SCRIPTS[:48], "about": SCRIPTS, "status": SCRIPTS[:100]}
    await mallory.page.evaluate(call, ["profile.set", profile])
    await mallory.say(f"look {SCRIPTS} {LINKS} @ada-reads")
    await ada.sees("look <img")
    find = "(begin) => document.querySelector('accord-log').items.findLast(({ text }) => text.startsWith(begin))"
    item = await ada.page.evaluate(find, "look <img")
    look = ada.log.locator(f"[data-id={json.dumps(item['id'])}]")
    reaction = {"conversation": item["conversation"], "id": item["id"], "emoji": SCRIPTS[:32], "on": True}
    await mallory.page.evaluate(call, ["message.react", reaction])
    await expect(look.locator(".reaction .emoji")).to_have_text(SCRIPTS[:32])
    await mallory.act("look <img", "Reply")
    await mallory.say(f"again {SCRIPTS}")
    await ada.sees("again <img")
    again = ada.log.locator(f"[data-id={json.dumps((await ada.page.evaluate(find, 'again <img'))['id'])}]")
    await expect(look.locator(".who")).to_have_text(SCRIPTS[:48])
    for person in (ada, mallory):
        assert await person.page.evaluate("window.ran") is None
        assert await person.page.locator("body :is(img, script, iframe, object, style)").count() == 0
    await mallory.act("again <img", "More")
    await mallory.page.get_by_role("menuitem", name="Delete").click()
    await mallory.page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    await expect(again.locator(".gone")).to_have_text("deleted")


async def test_directions_of_writing_do_not_leak(page: Page) -> None:
    await page.evaluate(
        """talk.open({all: [talk.item({text: '\\u202e\\u2067evil \\u202e https://a.example/\\u202egpj.exe'}),
             talk.item({id: 'next', text: 'next'})]})"""
    )
    assert await page.locator("accord-log a").evaluate("(link) => link.href") == "https://a.example/"
    bidi = "(element) => getComputedStyle(element).unicodeBidi"
    assert await page.locator(".text").first.evaluate(bidi) == "isolate"
    assert await page.locator(".who bdi").first.evaluate(bidi) == "isolate"


HOSTILE = [
    "*", "*a ", "*a_b ", "[", "[a](http://", "](http://x)", "http://:", "http://a ", "@", "@a.", "`", "`a``b```", ">",
    ">\n", "- a\n",
    "**a *b ~~c _d ", "\\", "\n", "a* ", "```\n", "(http://a", "[*a ](https://b)*", "h", " ", "\u202e", "Z\u0335\u0327",
]  # fmt: skip


@pytest.mark.parametrize("format", ["plain", "markdown"])
async def test_hostile_text_is_read_in_linear_work(page: Page, format: str) -> None:
    for unit in HOSTILE:
        small, _ = await page.evaluate("(what) => talk.scenes.work(what)", [unit, 16 * 1024, format])
        large, nodes = await page.evaluate("(what) => talk.scenes.work(what)", [unit, 256 * 1024, format])
        assert large <= small * 1.1 + 0.1, unit
        assert nodes <= 3_200, unit


async def test_a_long_text_is_folded_until_it_is_asked_for(page: Page) -> None:
    text = "line of words\n" * 19_000
    await page.evaluate("(text) => talk.open({all: [talk.item({id: 'long', text}), talk.item({text: 'after'})]})", text)
    long = page.locator(".item[data-id=long] .text")
    assert len(await long.inner_text()) < 4_000
    await page.get_by_role("button", name="Show all").click()
    assert len(await long.inner_text()) > 200_000
    assert await page.locator("accord-log *").count() < MOST_ELEMENTS
    assert await focused(page) == "long"


# All of it, looked at


async def _violations(page: Page) -> list[str]:
    results = await Axe().run(page)
    return [
        f"{each['id']}: {[node['target'] for node in each['nodes']][:3]}" for each in results.response["violations"]
    ]


EVERYTHING = "talk.scenes.everything()"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
async def test_no_barrier_is_found(open_context: OpenContext, still_hub: HubProcess, scheme: Any, size: str) -> None:
    is_phone = size == "phone"
    context = await open_context(
        viewport=PHONE if is_phone else DESKTOP,
        color_scheme=scheme,
        has_touch=is_phone,
        is_mobile=is_phone,
        reduced_motion="reduce",
    )
    page = await open_page(context, still_hub)
    for name, act in (
        ("full", EVERYTHING),
        ("empty", "talk.open()"),
        ("direct", "talk.open({conversation: `direct:${talk.keyOf('grace')}`})"),
    ):
        await page.evaluate(act)
        await settle(page)
        assert await _violations(page) == [], name
    await page.evaluate(EVERYTHING)
    await settle(page)
    await article(page, "mine").focus()
    await page.keyboard.press("Enter")
    assert await _violations(page) == [], "menu"
    await page.get_by_role("menuitem", name="React").press("Enter")
    await page.get_by_label("Search emoji").wait_for()
    assert await _violations(page) == [], "emoji"
    await page.keyboard.press("Escape")
    await page.keyboard.press("e")
    assert await _violations(page) == [], "editing"
    await page.keyboard.press("Escape")
    await page.keyboard.press("Enter")
    await page.get_by_role("menuitem", name="Details").press("Enter")
    await page.locator(".facts").wait_for()
    assert await _violations(page) == [], "details"
    await page.keyboard.press("Escape")
    await composer(page).fill("@g")
    await page.get_by_role("option").first.wait_for()
    assert await _violations(page) == [], "completion"


async def test_on_a_phone_a_tap_opens_the_actions_and_enter_makes_a_line(
    open_context: OpenContext, still_hub: HubProcess
) -> None:
    page = await open_page(await open_context(viewport=PHONE, has_touch=True, is_mobile=True), still_hub)
    await show(page)
    await article(page, "m29:").tap()
    await page.get_by_role("menuitem", name="Reply").tap()
    await expect(page.locator(".reply-strip")).to_be_visible()
    await composer(page).tap()
    await page.keyboard.type("one")
    await page.keyboard.press("Enter")
    await page.keyboard.type("two")
    await page.get_by_role("button", name="Send").tap()
    (sent,) = await calls(page, "message.send")
    assert (sent["text"], sent["replyTo"]) == ("one\ntwo", "m29")
    await page.get_by_role("button", name="Back to the list").tap()
    assert await page.evaluate("talk.events") == [["back", None]]
