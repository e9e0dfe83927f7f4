"""What is around the conversation: joining and how it may fail, stop pages, list, palette, keys, dialogs."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import segno
from playwright.async_api import Browser, Locator, Page, Route, expect
from segno import encoder

from tests.e2e.plain_client import Key, b64, message, text, unb64
from tests.e2e.world import World
from tests.hubs import HubProcess, start_hub
from tests.links.pair import until
from tests.web.cable import Cable
from tests.web.conftest import ARGUMENTS, OpenContext, Problems
from tests.web.person import DESKTOP, PHONE, Person, invite
from tests.web.test_qr import ENCODE

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

NETWORK = r"ERR_CONNECTION|ERR_EMPTY_RESPONSE|WebSocket connection to|Failed to load resource"
# Colours are judged while they stand still
CALM: dict[str, Any] = {"viewport": DESKTOP, "reduced_motion": "reduce"}
TABLET = {"width": 800, "height": 900}
LATE_MS = 90_000
LOOKS = [(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light"), (PHONE, "dark")]
MENU = ["Profile", "Devices", "Invites", "Settings", "Keyboard shortcuts", "About this hub"]
STOPS = {
    "removed": "Your account here was removed",
    "frozen": "Your account is being removed",
    "replaced": "Your account has a new key",
    "unsupported": "The hub is newer than this page",
    "unsupported_browser": "This browser is too old for this page",
    "outdated": "Another tab has a newer page",
    "insecure": "This address is not safe enough for keys",
    "storage": "This browser keeps nothing for this page",
    "internal": "The page could not start",
}
# The engine's answer alone is replaced: none of these browsers can be had here
STOPPED_ENGINE = (
    "export async function openClient() {{ throw Object.assign(new Error(), {{ code: {code}, detail: '' }}); }}"
)


@pytest_asyncio.fixture(loop_scope="session")
async def cable() -> AsyncIterator[Cable]:
    relay = Cable()
    yield relay
    await relay.cut()


def name() -> str:
    """A name that nobody has on the hub that all tests share."""
    return f"u{secrets.token_hex(4)}"


def title(page: Page, words: str | re.Pattern[str]) -> Locator:
    return page.get_by_role("heading", level=1, name=words)


def row(person: Person, words: str | re.Pattern[str]) -> Locator:
    """A row of the list."""
    return person.page.get_by_role("navigation", name="Conversations").get_by_role("button", name=words)


async def newcomer(hub: HubProcess, open_context: OpenContext, **options: Any) -> Person:
    context = await open_context(**(CALM | options))
    person = await Person.join(context, invite(hub), name())
    await expect(title(person.page, "lounge")).to_be_visible()
    return person


async def dialog_of_menu(person: Person, item: str) -> Locator:
    """Open a dialog by my menu."""
    await person.page.locator(".me-button").focus()
    await person.page.keyboard.press("Enter")
    await person.page.get_by_role("menuitem", name=item).click()
    dialog = person.page.get_by_role("dialog")
    await expect(dialog).to_be_visible()
    return dialog


async def writes_to(world: World, author: Key, person: Person, words: str) -> None:
    """A direct message of a program."""
    key = await person.page.evaluate("document.querySelector('accord-conversation').client.state.me.key")
    async with await world.connect(author) as session:
        await session.store(text(author, f"user:{key}", words))


# ------------------------------------------------------------------------------------------------------------- joining


async def test_from_the_link_to_a_message_by_keyboard_alone(hub: HubProcess, open_context: OpenContext) -> None:
    page = await (await open_context(**CALM)).new_page()
    await page.goto(invite(hub))
    await expect(title(page, "You are invited to Accord Hub")).to_be_visible()
    field = page.get_by_role("textbox", name="Your name here")
    await expect(field).to_be_focused()
    await page.keyboard.type("Zoë with spaces")
    await expect(page.get_by_role("alert").filter(has_text='"ë" cannot be in a name')).to_be_visible()
    await expect(field).to_have_attribute("aria-invalid", "true")
    await page.keyboard.press("Control+a")
    await page.keyboard.type("ab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert").filter(has_text="at least 3 characters")).to_be_visible()
    await expect(field).to_be_focused()
    wanted = name().capitalize()
    await page.keyboard.press("Control+a")
    await page.keyboard.type(wanted)
    await expect(page.get_by_text(f"You will be @{wanted.lower()}, shown as {wanted}.")).to_be_visible()
    await page.keyboard.press("Enter")
    person = Person(wanted, page)
    await expect(person.field).to_be_focused()
    assert page.url == f"{hub.url}/"
    assert await page.evaluate("history.length") <= 3
    await expect(page).to_have_title("#lounge - Accord Hub")
    await page.keyboard.type("I am in")
    await page.keyboard.press("Enter")
    await person.sees("I am in")
    await expect(page.locator(".me-button")).to_contain_text(wanted)


async def test_a_name_that_is_taken_is_said_beside_the_field(hub: HubProcess, open_context: OpenContext) -> None:
    first = await newcomer(hub, open_context)
    page = await (await open_context(**CALM)).new_page()
    await page.goto(invite(hub))
    await expect(page.get_by_role("textbox", name="Your name here")).to_be_focused()
    await page.keyboard.type(first.name)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert").filter(has_text=f"already called {first.name}")).to_be_visible()
    await expect(page.get_by_role("textbox", name="Your name here")).to_be_focused()
    await page.keyboard.type("2")
    await page.keyboard.press("Enter")
    await expect(Person("", page).field).to_be_focused()


async def test_links_that_do_not_work(hub: HubProcess, open_context: OpenContext) -> None:
    used = invite(hub)
    await Person.join(await open_context(), used, name())
    page = await (await open_context(**CALM)).new_page()
    person = Person("", page)

    await page.goto(used)
    await expect(title(page, "This invite has been used")).to_be_focused()
    await person.check_access()

    await page.goto(invite(hub)[:-7])  # the address differs in its fragment alone: the page is not loaded anew
    await expect(title(page, "This link is not whole")).to_be_visible()
    await person.check_access()
    good = invite(hub)
    await page.get_by_role("textbox", name="Your invite link").fill(good)
    await page.keyboard.press("Enter")
    await expect(title(page, "You are invited to Accord Hub")).to_be_visible()
    assert page.url == good

    await page.goto(hub.url)
    await expect(title(page, "Accord Hub")).to_be_visible()
    await person.check_access()
    elsewhere = good.replace(hub.url, "https://other.example")
    await page.get_by_role("textbox", name="Your invite link").fill(elsewhere)
    await page.keyboard.press("Enter")
    await expect(title(page, "This invite is for another hub")).to_be_visible()
    await expect(page.get_by_text("https://other.example", exact=True)).to_be_visible()
    await expect(page.get_by_role("link", name="Go there")).to_have_attribute("href", elsewhere)
    await person.check_access()

    await page.goto(f"{good.rpartition('.')[0]}.{b64(bytes(32))}")
    await page.reload()
    await expect(title(page, "The link names another hub")).to_be_visible()
    await expect(page.get_by_text("Nothing was sent")).to_be_visible()
    await person.check_access()


async def test_an_account_that_is_here_already(hub: HubProcess, open_context: OpenContext) -> None:
    person = await newcomer(hub, open_context)
    unused = invite(hub)
    await person.page.goto(unused)
    await expect(title(person.page, f"You are already in as {person.name}")).to_be_visible()
    await person.check_access()
    await person.page.keyboard.press("Enter")  # "Open the chat" has the focus
    await expect(person.field).to_be_focused()
    assert person.page.url == f"{hub.url}/"
    await Person.join(await open_context(), unused, name())  # still good


async def test_without_an_account(hub: HubProcess, open_context: OpenContext) -> None:
    page = await (await open_context(**CALM)).new_page()
    await page.goto(f"{hub.url}/join")
    await expect(page.get_by_role("textbox", name="Your invite link")).to_be_focused()
    await page.get_by_text("This hub's key").click()
    shown = await page.locator("details .key").inner_text()
    assert shown.replace(" ", "") == hub.key
    await page.get_by_text("Join from a terminal").click()
    await expect(page.get_by_text("accord join '<your link>'")).to_be_visible()
    for viewport, scheme in LOOKS:
        await page.set_viewport_size(viewport)
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        await Person("", page).check_access()


# ------------------------------------------------------------------------------------------------------------ stopping


async def test_another_hub_at_the_same_address(
    tmp_path: Path, chromium: str, cable: Cable, open_context: OpenContext, problems: Problems
) -> None:
    problems.expect(NETWORK)
    with start_hub(tmp_path / "one", ACCORD_URL=cable.url) as first:
        await cable.mend(first.port)
        person = await Person.join(await open_context(**CALM), invite(first), "ada")
        await person.say("before")
        await person.sees("before")
    with start_hub(tmp_path / "two", ACCORD_URL=cable.url) as second:
        await cable.mend(second.port)
        await expect(title(person.page, "This is not the hub you know")).to_be_visible(timeout=LATE_MS)
        await expect(person.page.get_by_role("log")).to_have_count(0)
        keys = [key.replace(" ", "") for key in await person.page.locator(".key").all_inner_texts()]
        assert keys == [first.key, second.key]
        await person.check_access()
        await person.shot("stop-wrong-key")
        await person.page.reload()
        await expect(title(person.page, "This is not the hub you know")).to_be_visible()

        await person.page.get_by_text("The operator says that the hub is new").click()
        await person.page.get_by_role("button", name="Forget this browser").click()
        forget = person.page.get_by_role("button", name="Forget", exact=True)
        await expect(forget).to_be_disabled()
        await person.page.get_by_role("textbox").fill("ada")
        await person.check_access()
        await forget.click()
        await expect(person.page.get_by_role("textbox", name="Your invite link")).to_be_focused()
        again = await Person.join(person.page.context, invite(second), "ada")
        await again.say("anew")
        await again.sees("anew")


async def test_a_browser_that_is_revoked(hub: HubProcess, open_context: OpenContext) -> None:
    person = await newcomer(hub, open_context)
    await expect(person.page.locator(".me-button")).to_contain_text("Online")
    await person.page.evaluate(
        """async () => {
          const { client } = document.querySelector("accord-conversation");
          const [{ key }] = await client.call("devices.list", {});
          client.call("devices.revoke", { key }).catch(() => {});
        }"""
    )
    await expect(title(person.page, "This browser was revoked")).to_be_visible()
    await person.check_access()


async def test_a_browser_that_refuses_storage(hub: HubProcess, browser: Browser, windowed: str, tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    (profile / "Default").mkdir(parents=True)
    blocked = {"profile": {"default_content_setting_values": {"cookies": 2}}}  # "do not allow sites to save data"
    (profile / "Default" / "Preferences").write_text(json.dumps(blocked), encoding="utf-8")
    context = await browser.browser_type.launch_persistent_context(
        profile, executable_path=windowed, args=ARGUMENTS, viewport=DESKTOP
    )
    try:
        page = await context.new_page()
        unused = invite(hub)
        await page.goto(unused)
        await expect(title(page, STOPS["storage"])).to_be_visible()
        await Person("", page).check_access()
    finally:
        await context.close()


@pytest.mark.parametrize("code", STOPS)
async def test_stop_pages(hub: HubProcess, open_context: OpenContext, code: str) -> None:
    context = await open_context(**CALM)
    engine = STOPPED_ENGINE.format(code=json.dumps(code))

    async def answer(route: Route) -> None:
        await route.fulfill(body=engine, content_type="text/javascript")

    await context.route("**/static/*/client/client.js", answer)
    page = await context.new_page()
    await page.goto(hub.url)
    await expect(title(page, STOPS[code])).to_be_focused()
    for viewport, scheme in LOOKS:
        await page.set_viewport_size(viewport)
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        await Person("", page).check_access()
        assert await page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


async def test_a_wrong_clock_is_said_in_a_line(hub: HubProcess, open_context: OpenContext) -> None:
    person = await newcomer(hub, open_context)
    await person.page.evaluate(
        """() => {
          const { client } = document.querySelector("accord-conversation");
          client.state.clock = { offsetMs: -61 * 60_000 };
          client.dispatchEvent(new CustomEvent("state", { detail: { clock: true } }));
        }"""
    )
    line = person.page.get_by_role("region", name="Notices")
    await expect(line).to_contain_text("Your computer's clock is 61 minutes ahead; the hub's time is used.")
    await person.check_access()
    await line.get_by_role("button", name="Hide").click()
    await expect(line.get_by_text("clock")).to_be_hidden()


# ------------------------------------------------------------------------------------------------- list, palette, keys


async def test_what_is_unread_is_reached_by_keyboard(hub: HubProcess, open_context: OpenContext) -> None:
    person = await newcomer(hub, open_context)
    world = World.of(hub.home, hub)
    names = [name(), name()]
    writers = [await world.member(name=each) for each in names]
    for each, writer in zip(names, writers, strict=True):
        await writes_to(world, writer, person, f"hello from {each}")
        await expect(row(person, each)).to_contain_text("1 unread")
    await expect(person.page).to_have_title(re.compile(r"^\(2\) #lounge"))
    icon = person.page.locator("link[rel=icon]")
    await expect(icon).to_have_attribute("href", re.compile("favicon-unread"))

    await person.field.focus()
    await person.page.keyboard.press("Alt+ArrowDown")  # the newest is listed first
    await person.sees(f"hello from {names[1]}")
    await expect(person.field).to_be_focused()
    await expect(row(person, names[1])).not_to_contain_text("unread")
    await person.page.keyboard.press("Alt+ArrowDown")
    await person.sees(f"hello from {names[0]}")
    await expect(person.page).to_have_title(re.compile(rf"^{names[0]} - "))
    await expect(icon).to_have_attribute("href", re.compile(r"favicon\.svg"))
    await person.page.keyboard.press("Alt+ArrowDown")
    await expect(person.page.get_by_role("status").filter(has_text="Nothing is unread")).to_be_attached()
    await person.page.keyboard.press("Alt+Shift+ArrowUp")
    await person.sees(f"hello from {names[1]}")

    await person.page.go_back()
    await person.sees(f"hello from {names[0]}")
    await person.page.reload()
    await person.sees(f"hello from {names[0]}")


async def test_escape_marks_as_read(hub: HubProcess, open_context: OpenContext) -> None:
    person = await newcomer(hub, open_context)
    world = World.of(hub.home, hub)
    writer = await world.member(name=(sender := name()))
    for number in range(60):
        await writes_to(world, writer, person, f"number {number}")
    await expect(row(person, sender)).to_contain_text("60 unread")
    await person.open(sender)  # begins at the first that is unread
    await person.sees("number 0")
    await person.field.focus()
    await person.page.keyboard.press("Escape")
    await expect(row(person, sender)).not_to_contain_text("unread")


async def test_the_palette(hub: HubProcess, open_context: OpenContext) -> None:
    person = await newcomer(hub, open_context)
    other = await newcomer(hub, open_context)
    page = person.page
    await expect(page.get_by_role("complementary", name="People")).to_contain_text(other.name)
    await page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Go to a channel, a person or an action")
    await expect(field).to_be_focused()
    selected = page.get_by_role("option", selected=True)
    await expect(selected).to_contain_text("lounge")
    await page.keyboard.press("ArrowDown")
    await expect(selected).to_have_count(1)
    await expect(selected).not_to_contain_text("lounge")
    assert await field.get_attribute("aria-activedescendant") == await selected.get_attribute("id")
    await page.keyboard.type("nobody is called like this")
    await expect(page.get_by_role("option")).to_have_count(0)
    await person.check_access()
    await page.keyboard.press("Escape")
    await expect(person.field).to_be_focused()
    await page.keyboard.type("Not lost")  # with the focus comes the caret
    await expect(person.field).to_have_value("Not lost")
    await person.field.fill("")

    await page.keyboard.press("Control+k")
    await page.keyboard.type(other.name[:6].upper())
    await expect(selected).to_contain_text(other.name)
    await page.keyboard.press("Enter")
    await expect(title(page, other.name)).to_be_visible()
    await expect(person.field).to_be_focused()
    await page.keyboard.type("Nor this")
    await expect(person.field).to_have_value("Nor this")
    await person.field.fill("")
    await page.keyboard.press("Control+f")
    await page.keyboard.type("something")
    await page.keyboard.press("Escape")
    await expect(person.field).to_be_focused()
    await page.keyboard.type("and not this")
    await expect(person.field).to_have_value("and not this")
    await page.keyboard.press("Control+k")
    await page.keyboard.type("theme")
    await expect(selected).to_contain_text("Settings")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog", name="Settings")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(person.field).to_be_focused()


async def test_the_list_of_keys(hub: HubProcess, open_context: OpenContext) -> None:
    person = await newcomer(hub, open_context)
    await person.page.keyboard.type("is that so?")
    await expect(person.page.get_by_role("dialog")).to_have_count(0)
    await person.page.keyboard.press("Control+/")
    await expect(person.page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    await person.page.keyboard.press("Escape")
    await row(person, "lounge").focus()
    await person.page.keyboard.press("?")
    await expect(person.page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    await person.page.keyboard.press("Escape")
    await expect(row(person, "lounge")).to_be_focused()


# ------------------------------------------------------------------------------------------------------------- dialogs


@pytest.mark.parametrize(("viewport", "scheme"), LOOKS)
async def test_no_barrier_in_any_dialog(
    hub: HubProcess, open_context: OpenContext, viewport: dict[str, int], scheme: str
) -> None:
    person = await newcomer(hub, open_context, viewport=viewport, color_scheme=scheme)
    page = person.page
    if viewport is PHONE:
        await page.get_by_role("button", name="Back to the list").click()
    await person.check_access()
    for item in MENU:
        dialog = await dialog_of_menu(person, item)
        await expect(dialog.get_by_text("Loading …")).to_be_hidden()
        await person.check_access()
        assert await page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        await person.shot(f"dialog-{item.split()[0].lower()}-{viewport['width']}-{scheme}")
        await page.keyboard.press("Escape")
        await expect(dialog).to_have_count(0)
        await expect(page.locator(".me-button")).to_be_focused()
    await page.get_by_role("button", name="Mentions").click()
    await expect(page.get_by_text("Nobody has mentioned you yet")).to_be_visible()
    await person.check_access()
    await page.keyboard.press("Escape")
    await page.keyboard.press("Control+k")
    await person.check_access()
    await person.shot(f"palette-{viewport['width']}-{scheme}")


async def test_invites(hub: HubProcess, open_context: OpenContext, monkeypatch: pytest.MonkeyPatch) -> None:
    person = await newcomer(hub, open_context)
    page = person.page
    await page.get_by_role("button", name="Invite someone").first.click()
    dialog = page.get_by_role("dialog", name="Invites")
    await expect(dialog.get_by_text("You can invite 5 more people.")).to_be_visible()
    await dialog.get_by_label("For whom").fill("Bob")
    await dialog.get_by_label("They may invite").fill("2")
    await dialog.get_by_role("button", name="Make invite").click()
    box = dialog.get_by_role("region", name="Invite for Bob")
    link = await box.get_by_role("textbox", name="Invite link").input_value()
    assert link.startswith(f"{hub.url}/join#")
    await expect(box.get_by_text("Works once, until")).to_be_visible()
    await expect(dialog.get_by_text("You can invite 2 more people.")).to_be_visible()
    await person.check_access()

    monkeypatch.setattr(encoder, "write_padding_bits", lambda buffer, _, length: buffer.extend([0] * (-length % 8)))
    code = segno.make(link.encode(), error="m", mode="byte", micro=False, boost_error=False)
    assert await page.evaluate(ENCODE, [[link], {}]) == [
        [code.version, code.mask, "".join(str(module & 1) for line in code.matrix for module in line)]
    ]
    drawn = await box.get_by_role("img", name="QR code").locator(".qr-dark").get_attribute("d") or ""
    dark = {(int(x) - 4 + step, int(y) - 4) for x, y, run in _RUNS.findall(drawn) for step in range(int(run))}
    assert dark == {(x, y) for y, line in enumerate(code.matrix) for x, module in enumerate(line) if module & 1}

    bob = await Person.join(await open_context(), link, (named := name()))
    await bob.page.close()
    await page.keyboard.press("Escape")
    dialog = await dialog_of_menu(person, "Invites")
    card = dialog.get_by_role("listitem").filter(has_text="Bob")
    await expect(card).to_contain_text("Joined")
    await expect(card).to_contain_text(named)

    await dialog.get_by_label("For whom").fill("Mistake")
    await dialog.get_by_role("button", name="Make invite").click()
    wrong = await dialog.get_by_role("region", name="Invite for Mistake").get_by_role("textbox").input_value()
    await dialog.get_by_role("button", name="Withdraw Mistake").click()
    question = page.get_by_role("alertdialog", name="Withdraw this invite?")
    await person.check_access()
    await question.get_by_role("button", name="Withdraw").click()
    await expect(dialog.get_by_role("listitem").filter(has_text="Mistake")).to_contain_text("Withdrawn")
    await expect(dialog.get_by_text("You can invite 2 more people.")).to_be_visible()
    stranger = await (await open_context()).new_page()
    await stranger.goto(wrong)
    await expect(title(stranger, "This invite was withdrawn")).to_be_visible()


async def test_the_own_allowance(hub: HubProcess, open_context: OpenContext) -> None:
    """Shown where there is one, live; what is refused for it says what became of it, and when there is room again."""
    person = await newcomer(hub, open_context)
    page, world = person.page, World.of(hub.home, hub)
    key = await page.evaluate("document.querySelector('accord-conversation').client.state.me.key")

    async def give(**limits: int) -> None:
        async with await world.connect(world.admin) as session:
            await session.store(message(world.admin, "set_quota", world.topic, {"pubkey": key, **limits}))

    # The browser's box key is the one message that is counted.
    keys = "SELECT 1 FROM messaging_message m JOIN peers_user u ON u.id = m.author_id WHERE type = ? AND u.key = ?"
    await until(lambda: world.rows(keys, "device.keys", unb64(key)), "the box key is published")
    dialog = await dialog_of_menu(person, "Settings")
    await expect(dialog.get_by_role("heading", name="Forget this browser")).to_be_visible()
    await expect(dialog.get_by_text("Your room on this hub")).to_be_hidden()
    await give(messages=500, bytes=2 * 1024 * 1024)
    await expect(dialog.get_by_text("Your room on this hub")).to_be_visible()
    await expect(
        dialog.get_by_text(
            re.compile(r"You may store 500 messages and 2.0 MiB on this hub; 1 and [\d.]+ \w+ are used.")
        )
    ).to_be_visible()
    await person.check_access()
    await person.shot("allowance-settings")
    await page.keyboard.press("Escape")
    dialog = await dialog_of_menu(person, "Invites")
    await expect(dialog.get_by_text("You may store 500 messages")).to_be_visible()
    await give(messages=0, invites=7)
    await expect(dialog.get_by_text("You can invite 7 more people.")).to_be_visible()
    await expect(dialog.get_by_text("You may store 0 messages")).to_be_visible()
    await page.keyboard.press("Escape")
    await person.say("too much for me")
    row = page.get_by_role("article").filter(has_text="too much for me")
    await expect(row).to_contain_text("Not sent. Your allowance on this hub is used up. What you wrote is kept here")
    await person.check_access()
    await person.shot("allowance-refused")
    await give(messages=2)
    await expect(row).to_contain_text("There is room again on this hub")
    await row.get_by_role("button", name="Try again").click()
    await expect(row).not_to_contain_text("Not sent")
    words = await page.evaluate(
        """async () => {
          const main = document.querySelector("script[type=module]").src;
          const { allowanceText, fullText } = await import(main.replace("main.js", "allowance.js"));
          const all = { messagesLimit: 500, messagesUsed: 120, bytesLimit: 2_097_152, bytesUsed: 419_430 };
          const less = { messagesLimit: null, messagesUsed: 9, bytesLimit: 2_048, bytesUsed: 1_024, resetsAt: null };
          const until = { ...all, resetsAt: Date.UTC(2026, 11, 1) };
          return [
            allowanceText(until), allowanceText(less), allowanceText(null),
            allowanceText({ ...less, bytesLimit: null }),
            fullText({ ...until, messagesUsed: 500 }, "x"), fullText(less, "x"), fullText(all, "x"),
          ];
        }"""
    )
    assert words == [
        "You may store 500 messages and 2.0 MiB on this hub; 120 and 410 KiB are used. "
        "It is counted anew on 1 December.",
        "You may store 2.0 KiB on this hub; 1.0 KiB is used.",
        "",
        "",
        "Your allowance on this hub is used up. What you wrote is kept here, in this browser; "
        "there is room again on 1 December, or when whoever invited you gives you more; then try again.",
        "You have 1.0 KiB left on this hub, which is too little for this. What you wrote is kept here, "
        "in this browser; whoever invited you can give you more room, then try again.",
        "There is room again on this hub: what you wrote is kept here, try again.",
    ]


_RUNS = re.compile(r"M(\d+) (\d+)h(\d+)v1h-\d+z")


async def test_devices(hub: HubProcess, open_context: OpenContext) -> None:
    person = await newcomer(hub, open_context)
    dialog = await dialog_of_menu(person, "Devices")
    card = dialog.get_by_role("listitem").filter(has_text="This one")
    await expect(card).to_contain_text("Here now")
    await expect(card.get_by_role("button", name="Revoke")).to_have_count(0)
    await person.page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    dialog = await dialog_of_menu(person, "Devices")
    await expect(dialog.get_by_role("heading", name="Chrome on Linux")).to_be_visible()
    await dialog.get_by_role("button", name="Rename Chrome on Linux").click()
    await person.page.keyboard.type("My laptop")
    await person.page.keyboard.press("Enter")
    await expect(dialog.get_by_role("heading", name="My laptop")).to_be_visible()
    await person.check_access()


async def test_profile_and_card(hub: HubProcess, open_context: OpenContext) -> None:
    ada = await newcomer(hub, open_context)
    bob = await newcomer(hub, open_context)
    dialog = await dialog_of_menu(ada, "Profile")
    shown = f"Ada L. {ada.name}"  # others may call themselves Ada L.
    await dialog.get_by_label("Shown as").fill(shown)
    await dialog.get_by_label("Status").fill("Counting")
    await dialog.get_by_label("About you").fill("<b>First</b> of all")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_have_count(0)
    await expect(ada.page.locator(".me-button")).to_contain_text("Counting")

    people = bob.page.get_by_role("complementary", name="People")
    await people.get_by_role("button", name=shown).filter(has_text="Counting").click()
    card = bob.page.get_by_role("dialog", name=shown)
    await expect(card).to_contain_text("<b>First</b> of all")
    await bob.check_access()
    key = await ada.page.evaluate("document.querySelector('accord-conversation').client.state.me.key")
    assert (await card.locator(".key").inner_text()).replace(" ", "") == key
    await card.get_by_role("button", name="Message").click()
    await expect(title(bob.page, shown)).to_be_visible()
    await expect(bob.field).to_be_focused()


async def test_the_inbox_of_mentions(hub: HubProcess, open_context: OpenContext) -> None:
    ada = await newcomer(hub, open_context)
    bob = await newcomer(hub, open_context)
    await ada.page.get_by_role("button", name="Message someone").click()
    await ada.page.keyboard.type(bob.name)
    await ada.page.keyboard.press("Enter")
    await expect(title(ada.page, bob.name)).to_be_visible()  # so the lounge is not looked at
    await bob.field.press_sequentially(f"@{ada.name}")
    await bob.page.get_by_role("option").filter(has_text=ada.name).click()
    await bob.field.press_sequentially("**come** and see")
    await bob.field.press("Enter")
    await expect(row(ada, re.compile("^Mentions"))).to_contain_text("1 unread")
    await expect(row(ada, "lounge")).to_contain_text("1 mention of you")
    await ada.page.keyboard.press("Control+Shift+M")
    entry = ada.page.get_by_role("dialog", name="Mentions").get_by_role("listitem")
    await expect(entry).to_contain_text("#lounge")
    await expect(entry).to_contain_text("come and see")
    await expect(entry.get_by_role("button")).to_be_focused()
    await ada.check_access()
    await ada.page.keyboard.press("Enter")
    await ada.sees("come and see")
    await expect(row(ada, re.compile("^Mentions"))).not_to_contain_text("unread")


async def test_theme(hub: HubProcess, open_context: OpenContext) -> None:
    person = await newcomer(hub, open_context, color_scheme="light")
    background = "getComputedStyle(document.documentElement).backgroundColor"
    light = await person.page.evaluate(background)
    dialog = await dialog_of_menu(person, "Settings")
    await dialog.get_by_role("radio", name="Dark").check()
    assert (dark := await person.page.evaluate(background)) != light
    await person.page.reload()
    await expect(person.field).to_be_visible()
    assert await person.page.evaluate(background) == dark
    dialog = await dialog_of_menu(person, "Settings")
    await dialog.get_by_role("radio", name="System").check()
    assert await person.page.evaluate(background) == light


async def test_notifications(hub: HubProcess, open_context: OpenContext) -> None:
    context = await open_context(**CALM, permissions=["notifications"])
    # Headless Chromium shows none: what would be shown is written down, and the page is hidden when the test says so
    await context.add_init_script(
        """window.shown = [];
        window.Notification = class extends EventTarget {
          static permission = "granted";
          static requestPermission = async () => "granted";
          constructor(title, options) { super(); window.shown.push({ title, ...options }); window.last = this; }
          close() {}
        };
        Object.defineProperty(document, "visibilityState", { get: () => (window.away ? "hidden" : "visible") });"""
    )
    person = await Person.join(context, invite(hub), name())
    dialog = await dialog_of_menu(person, "Settings")
    await dialog.get_by_label("Notify me on the desktop").check()
    await person.page.keyboard.press("Escape")
    await person.page.evaluate("window.away = true; document.dispatchEvent(new Event('visibilitychange'))")
    world = World.of(hub.home, hub)
    writer = await world.member(name=(sender := name()))
    await writes_to(world, writer, person, "psst " + "x" * 200)
    await expect(row(person, sender)).to_contain_text("1 unread")
    (shown,) = await person.page.evaluate("window.shown")
    assert shown["title"] == sender
    assert shown["body"].startswith("psst xxx")
    assert len(shown["body"]) == 140
    await person.page.evaluate("window.away = false; window.last.dispatchEvent(new Event('click'))")
    await person.sees("psst xxx")


async def test_a_new_channel_is_the_admin_s(hub: HubProcess, open_context: OpenContext) -> None:
    person = await newcomer(hub, open_context)
    await expect(person.page.get_by_role("button", name="New channel")).to_have_count(0)
    topic = await World.of(hub.home, hub).channel()
    await expect(person.page.locator("accord-conversation")).to_be_visible()
    shown = await person.page.evaluate(
        "(topic) => document.querySelector('accord-conversation').client.state.conversations[topic]?.name ?? ''", topic
    )
    await expect(row(person, shown or "channel").first).to_be_visible()


# -------------------------------------------------------------------------------------------------------- small screens


async def test_people_fold_away_where_there_is_no_room(hub: HubProcess, open_context: OpenContext) -> None:
    person = await newcomer(hub, open_context, viewport=TABLET)
    people = person.page.get_by_role("complementary", name="People")
    await expect(people).to_be_hidden()
    toggle = person.page.get_by_role("button", name="People", exact=True)
    await toggle.click()
    await expect(people).to_be_visible()
    await person.check_access()
    await person.page.keyboard.press("Escape")
    await expect(people).to_be_hidden()
    await expect(toggle).to_be_focused()


async def test_one_column_on_a_phone(hub: HubProcess, open_context: OpenContext) -> None:
    person = await newcomer(hub, open_context, viewport=PHONE, has_touch=True, is_mobile=True)
    page = person.page
    nav = page.get_by_role("navigation", name="Conversations")
    await expect(nav).to_be_hidden()
    await _swipe(page, 40, 320)
    await expect(nav).to_be_visible()
    await expect(person.log).to_be_hidden()
    await _swipe(page, 320, 40)
    await expect(person.log).to_be_visible()
    await expect(nav).to_be_hidden()
    await page.go_back()  # the browser's own back button
    await expect(nav).to_be_visible()
    await person.open("lounge")
    await expect(person.log).to_be_visible()
    await page.get_by_role("button", name="Back to the list").click()
    await expect(nav).to_be_visible()
    await page.reload()
    await expect(nav).to_be_visible()


async def _swipe(page: Page, start: int, end: int) -> None:
    """As one finger would, but within the page: a browser that is busy takes real touches back (touchcancel)."""
    await page.evaluate(
        """([start, end]) => {
            const target = document.elementFromPoint(start, 300);
            const touch = (x) => new Touch({ identifier: 1, target, clientX: x, clientY: 300 });
            const tell = (type, touches, changedTouches) => target.dispatchEvent(
                new TouchEvent(type, { touches, changedTouches, bubbles: true, cancelable: true }));
            tell("touchstart", [touch(start)], [touch(start)]);
            tell("touchmove", [touch(end)], [touch(end)]);
            tell("touchend", [], [touch(end)]);
        }""",
        [start, end],
    )
