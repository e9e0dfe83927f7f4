"""By name and password to one's account in a clean browser; the browser is locked; an older vault is noticed."""

from __future__ import annotations

import re
import sqlite3

import pytest
from playwright.async_api import BrowserContext, Page, expect

from accord import vault
from accord.encoding import b64encode
from accord_client.rest import http_ask
from tests.e2e import traces
from tests.hubs import HubProcess
from tests.web.conftest import OpenContext
from tests.web.person import DESKTOP, PHONE, Person, invite
from tests.web.problems import Problems
from tests.web.test_keys import save_code

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

PASSWORD = "gravel tundra opera mitten"
STATUS = "document.querySelector('accord-conversation').client.state.vault.status"


async def join(context: BrowserContext, link: str, name: str) -> tuple[Person, list[str]]:
    """Join with a password; gives the groups of the vault's recovery code too."""
    page = await context.new_page()
    await page.goto(link)
    person = Person(name, page)
    await page.get_by_text("With a password, to log in from any browser").click()
    field = page.get_by_label("Password", exact=True)
    await field.fill("password1")
    await expect(page.get_by_text("This password is very weak")).to_be_visible()
    await page.get_by_role("textbox", name="Your name here").fill(name)
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_role("alert").filter(has_text="guessed within minutes")).to_be_visible()
    await field.fill(PASSWORD)
    await expect(page.get_by_text("This password is strong")).to_be_visible()
    await person.check_access()
    await person.shot("join-password")
    await page.get_by_role("button", name="Join").click()
    dialog = page.get_by_role("dialog", name="Your vault's recovery code")
    await expect(dialog).to_be_visible()
    groups = await dialog.get_by_role("listitem").all_inner_texts()
    await person.shot("vault-code")
    await dialog.get_by_role("button", name="I have saved it").click()
    await expect(person.field).to_be_visible()
    await saved(page)
    return person, groups


async def saved(page: Page) -> None:
    await page.wait_for_function(f"() => {STATUS} === 'saved'")


async def log_in(page: Page, url: str, name: str, password: str) -> Person:
    await page.goto(url)
    await page.get_by_role("button", name="Log in with your name and password").click()
    await page.get_by_role("textbox", name="Your name here").fill(name)
    await page.get_by_label("Password", exact=True).fill(password)
    await page.get_by_role("button", name="Log in", exact=True).click()
    return Person(name, page)


async def menu(person: Person, item: str) -> None:
    await person.page.locator(".me-button").click()
    await person.page.get_by_role("menuitem", name=item).click()


async def test_a_person_goes_from_browser_to_browser_by_name_and_password(
    hub: HubProcess, open_context: OpenContext, problems: Problems
) -> None:
    vera, groups = await join(await open_context(viewport=DESKTOP), invite(hub), "vera")
    await vera.say("from my first browser")
    await vera.sees("from my first browser")
    await menu(vera, "Settings")
    await vera.page.get_by_role("radio", name="Dark").check()
    await vera.page.keyboard.press("Escape")
    await saved(vera.page)

    # A clean browser: a wrong password first
    page = await (await open_context(viewport=PHONE)).new_page()
    again = await log_in(page, hub.url, "Vera", "not my password at all")
    await expect(page.get_by_role("alert").filter(has_text=re.compile("name|password"))).to_be_visible()
    await again.check_access()
    await again.shot("login")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Log in", exact=True).click()
    await expect(again.field).to_be_visible()
    await again.sees("from my first browser")
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert await page.evaluate("document.querySelector('accord-conversation').client.state.me.name") == "vera"
    await again.say("and from my second")
    await vera.sees("and from my second")

    # What one browser learns, the other is told
    await vera.page.evaluate(
        """async () => {
          const { client } = document.querySelector("accord-conversation");
          const key = Object.values(client.state.people).find((each) => each.name === "admin").key;
          await client.call("contact.call", { key, called: "the boss" });
        }"""
    )
    await page.wait_for_function(
        """() => Object.values(document.querySelector("accord-conversation").client.state.people)
          .some((each) => each.displayName === "the boss")"""
    )

    # Lock it: keys are gone, the password brings them back
    await again.page.evaluate("document.querySelector('accord-conversation').client.call('account.lock', {})")
    await expect(page.get_by_role("heading", name="Locked: vera")).to_be_visible()
    kept = await page.evaluate(
        """() => new Promise((resolve) => {
          const request = indexedDB.open("accord");
          request.onsuccess = () => {
            const names = [...request.result.objectStoreNames];
            const rows = {};
            let left = names.length;
            for (const name of names) {
              const all = request.result.transaction(name).objectStore(name).getAllKeys();
              all.onsuccess = () => {
                rows[name] = all.result;
                if ((left -= 1) === 0) {
                  resolve(rows);
                }
              };
            }
          };
        })"""
    )
    assert {name: keys for name, keys in kept.items() if keys} == {"vault": ["locked", "seen"]}
    await again.check_access()
    await again.shot("locked")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Unlock").click()
    await again.sees("and from my second")

    # A third device by the code of the first
    await menu(vera, "Devices")
    await vera.page.get_by_role("button", name="Add a device").click()
    adding = vera.page.get_by_role("dialog", name="Add a device")
    await adding.get_by_label("Your password", exact=True).fill(PASSWORD)
    await adding.get_by_role("button", name="Make a code").click()
    await expect(adding.get_by_role("img", name="The code as a picture")).to_be_visible()
    code = "".join(
        await adding.get_by_role("list", name="Code for the new device").get_by_role("listitem").all_inner_texts()
    )
    await vera.page.evaluate("Promise.all(document.getAnimations().map((each) => each.finished))")
    await vera.check_access()
    await vera.shot("add-device")
    scanned = await (await open_context(viewport=PHONE)).new_page()
    await scanned.goto(f"{hub.url}/#device={code}")
    await scanned.get_by_role("button", name="Add this browser").click()
    await Person("vera", scanned).sees("and from my second")
    await scanned.context.close()
    await vera.page.keyboard.press("Escape")
    await vera.page.keyboard.press("Escape")

    # Another password: the other browser asks for it
    await menu(vera, "Password and lock")
    dialog = vera.page.get_by_role("dialog", name="Password and lock")
    await dialog.locator("summary", has_text="Change the password").click()
    await vera.shot("vault-dialog")
    await dialog.get_by_label("Your password", exact=True).first.fill(PASSWORD)
    await dialog.get_by_label("New password", exact=True).fill("copper lantern visit prune")
    await dialog.get_by_role("button", name="Change the password").click()
    await expect(vera.page.get_by_text("Your password is changed")).to_be_attached()
    await page.wait_for_function(f"() => {STATUS} === 'stale'")
    notices = page.get_by_role("region", name="Notices")
    await expect(notices.get_by_text("Your password was changed on another device")).to_be_visible()

    # The recovery code opens it too
    third = await (await open_context(viewport=DESKTOP)).new_page()
    await third.goto(hub.url)
    await third.get_by_role("button", name="Log in with your name and password").click()
    await third.get_by_role("button", name="Use the vault's recovery code").click()
    await third.get_by_role("textbox", name="Your name here").fill("vera")
    await third.get_by_role("textbox", name="The vault's recovery code").fill(" ".join(groups).lower())
    await third.get_by_label("New password", exact=True).fill("velvet basin morning trout")
    await third.get_by_role("button", name="Open it").click()
    await Person("vera", third).sees("and from my second")
    await saved(third)

    # The hub has none of it: not in its files, not in its memory, not in its log
    code = "".join(groups)
    words = {PASSWORD, "copper lantern visit prune", "velvet basin morning trout", code, code.lower()}
    planted = {each: each.encode() for each in words} | {"code": vault.VAULT_CODE.parse(code)}
    assert traces.in_files(hub.home, planted) == set()
    assert traces.in_memory(hub.pid, planted) == set()
    assert not [each for each in words if each in hub.output]


async def test_a_password_is_set_later_and_the_key_stays(hub: HubProcess, open_context: OpenContext) -> None:
    kim = await Person.join(await open_context(viewport=PHONE), invite(hub), "kim")
    await kim.say("before any password")
    await kim.page.get_by_role("button", name="Back to the list").click()
    nudge = kim.page.get_by_role("button", name="Save your recovery code")
    await nudge.click()
    code = kim.page.get_by_role("dialog", name="Your vault's recovery code")
    groups = await code.get_by_role("listitem").all_inner_texts()
    assert len(groups) == 8
    await kim.check_access()
    await kim.shot("first-code")
    await code.get_by_role("button", name="I have saved it").click()
    await expect(nudge).to_be_hidden()
    await saved(kim.page)

    # The hub has lost it: the code puts it back, and still opens it afterwards
    with sqlite3.connect(hub.home / "hub.sqlite3") as database:
        database.execute("DELETE FROM vault_vault WHERE name = 'kim'")
    await kim.page.reload()
    await kim.page.get_by_role("button", name="Look at it").click()
    dialog = kim.page.get_by_role("dialog", name="Password and lock")
    await expect(dialog.get_by_text("The hub no longer has your vault")).to_be_visible()
    await dialog.get_by_role("textbox", name="Your vault's recovery code").fill("".join(groups))
    await dialog.get_by_role("button", name="Put it back").click()
    await expect(dialog.get_by_role("heading", name="Set a password")).to_be_visible()
    await saved(kim.page)
    await dialog.get_by_role("button", name="Close").click()
    root = vault.recovery_root(vault.VAULT_CODE.parse("".join(groups)))
    opened = http_ask("POST", f"{hub.url}/api/v1/vault/open", {"name": "kim", "auth": b64encode(vault.auth_key(root))})
    content = vault.open_enclave(
        opened["enclave"], vault.slot_key(opened["enclave"], "recovery", wrap=vault.wrap_key(root)), name="kim"
    ).content
    assert content["unset"] is True

    # Nothing but a password adds devices or locks; the saved code is what sets one
    await menu(kim, "Devices")
    await kim.page.get_by_role("button", name="Add a device").click()
    await kim.page.get_by_role("button", name="Set a password").click()
    dialog = kim.page.get_by_role("dialog", name="Password and lock")
    await expect(dialog.get_by_role("button", name="Lock")).to_have_count(0)
    await dialog.get_by_label("New password", exact=True).fill(PASSWORD)
    field = dialog.get_by_role("textbox", name="Your vault's recovery code")
    await field.fill(" ".join([*groups[:-1], groups[0]]))
    await dialog.get_by_role("button", name="Set the password").click()
    await expect(dialog.get_by_role("alert").filter(has_text="code")).to_be_visible()
    await field.fill(" ".join(groups))
    await kim.check_access()
    await kim.shot("set-password")
    await dialog.get_by_role("button", name="Set the password").click()
    await expect(dialog.get_by_role("button", name="Lock")).to_be_visible()

    fresh = await (await open_context(viewport=DESKTOP)).new_page()
    again = await log_in(fresh, hub.url, "kim", PASSWORD)
    await again.sees("before any password")
    key = "document.querySelector('accord-conversation').client.state.me.key"
    assert await fresh.evaluate(key) == await kim.page.evaluate(key)

    # On the first day, while the browser still has the code, a password is all that is asked for
    lou = await Person.join(await open_context(viewport=DESKTOP), invite(hub), "lou")
    await menu(lou, "Password and lock")
    dialog = lou.page.get_by_role("dialog", name="Password and lock")
    await expect(dialog.get_by_role("textbox", name="Your vault's recovery code")).to_have_count(0)
    await dialog.get_by_label("New password", exact=True).fill(PASSWORD)
    await lou.shot("set-password-first-day")
    await dialog.get_by_role("button", name="Set the password").click()
    await expect(dialog.get_by_role("button", name="Lock")).to_be_visible()

    # A secret key beside it: in use once its last group was typed back
    await dialog.locator("summary", has_text="Secret key").click()
    await dialog.get_by_role("button", name="Make a secret key").click()
    secret = await dialog.get_by_role("list", name="The vault's secret key").get_by_role("listitem").all_inner_texts()
    section = dialog.locator("details", has=lou.page.get_by_role("list", name="The vault's secret key"))
    await section.get_by_label("Your password", exact=True).fill(PASSWORD)
    last = section.get_by_label("Its last group, to be sure that it is saved")
    await last.fill("0000" if secret[-1] != "0000" else "1111")
    await section.get_by_role("button", name="Use it").click()
    await expect(section.get_by_role("alert").filter(has_text="not its last group")).to_be_visible()
    await last.fill(secret[-1].lower())
    await lou.shot("secret-key")
    await section.get_by_role("button", name="Use it").click()
    await expect(dialog.locator("summary", has_text="New secret key")).to_be_visible()
    await lou.page.keyboard.press("Escape")

    # Locking asks first where words still wait, here for somebody who has not answered yet; then they are gone
    await lou.page.get_by_role("button", name="Message someone").click()
    await lou.page.get_by_role("option", name=re.compile("^kim")).click()
    await lou.say("waits to be sealed")
    await expect(lou.page.get_by_text("to accept. What you write waits here")).to_be_visible()
    await menu(lou, "Password and lock")
    await dialog.get_by_role("button", name="Lock", exact=True).click()
    await expect(dialog.get_by_role("alert").filter(has_text="Messages still wait to be sent")).to_be_visible()
    await lou.check_access()
    await lou.shot("lock-unsent")
    await dialog.get_by_role("button", name="Lock it all the same").click()
    await expect(lou.page.get_by_role("heading", name="Locked: lou")).to_be_visible()
    await lou.page.get_by_label("Password", exact=True).fill(PASSWORD)
    await lou.page.get_by_role("button", name="Unlock").click()
    await expect(lou.page.get_by_role("alert").filter(has_text="open nothing here")).to_be_visible()
    await lou.page.locator("summary", has_text="I have a secret key").click()
    await lou.page.get_by_role("textbox", name="Secret key").fill(" ".join(secret))
    await lou.page.get_by_role("button", name="Unlock").click()
    await expect(lou.field).to_be_visible()
    outbox = "document.querySelector('accord-conversation').client.state.outboxCount"
    assert await lou.page.evaluate(outbox) == 0


async def test_a_vault_that_goes_back_is_told_and_put_right(hub: HubProcess, open_context: OpenContext) -> None:
    nina, _ = await join(await open_context(viewport=DESKTOP), invite(hub), "nina")
    with sqlite3.connect(hub.home / "hub.sqlite3") as database:
        held = database.execute("SELECT enclave, version FROM vault_vault WHERE name = 'nina'").fetchone()
    await nina.page.evaluate(
        "document.querySelector('accord-conversation').client.call('setting.set', { name: 'theme', value: 'light' })"
    )
    version = "document.querySelector('accord-conversation').client.state.vault.version"
    await nina.page.wait_for_function(f"() => {version} > {held[1]}")
    with sqlite3.connect(hub.home / "hub.sqlite3") as database:
        database.execute("UPDATE vault_vault SET enclave = ?, version = ? WHERE name = 'nina'", held)
    await nina.page.reload()
    notice = nina.page.get_by_role("region", name="Notices").get_by_text("The hub has shown an older vault")
    await expect(notice).to_be_visible()
    await nina.page.get_by_role("button", name="Look at it").click()
    dialog = nina.page.get_by_role("dialog", name="Password and lock")
    await nina.page.evaluate("Promise.all(document.getAnimations().map((each) => each.finished))")
    await nina.check_access()
    await nina.shot("vault-older")
    await dialog.get_by_label("Your password", exact=True).fill(PASSWORD)
    await dialog.get_by_role("button", name="Put the newest back").click()
    await saved(nina.page)
    await expect(notice).to_be_hidden()

    # Keys that are lost: the account moves to a new one by the recovery code, and that gets a password of its own
    await nina.page.get_by_role("dialog").get_by_role("button", name="Close").click()
    code = await save_code(nina.page)
    page = await (await open_context(viewport=DESKTOP)).new_page()
    await page.goto(f"{hub.url}/recover")
    await page.get_by_role("textbox", name=re.compile("Your recovery code")).fill(" ".join(code))
    await page.get_by_text("With a password, to log in from any browser").click()
    await page.get_by_role("textbox", name="Your name here").fill("somebody")
    await page.get_by_label("Password", exact=True).fill("anchor yellow pillow track")
    await page.get_by_role("button", name="Recover my account").click()
    await expect(page.get_by_role("alert").filter(has_text="is not called somebody")).to_be_visible()
    await page.get_by_role("textbox", name="Your name here").fill("nina")
    await page.get_by_role("button", name="Recover my account").click()
    await (
        page.get_by_role("dialog", name="Your vault's recovery code").get_by_role("button", name="I have saved").click()
    )
    await saved(page)
    await expect(nina.page.get_by_role("heading", name="Your account has a new key")).to_be_visible()
