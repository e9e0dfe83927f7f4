"""The engine of the web client when things end: hubs, connections, workers, devices, keys."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Route

from tests.e2e.plain_client import message, now_ms
from tests.e2e.world import World
from tests.hubs import HubProcess, run_command, start_hub, wait_until
from tests.web.cable import Cable
from tests.web.conftest import OpenContext, Problems
from tests.web.engine import LATE_MS, NETWORK, Browsing, Refused
from tests.web.person import invite

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
STOPPED = "client.state.phase === 'stopped'"


def _stored(home: Path, type_: str) -> int:
    with closing(sqlite3.connect(f"file:{home}/hub.sqlite3?mode=ro", uri=True)) as database:
        query = "SELECT count(*) FROM messaging_message WHERE type = ?"
        return int(database.execute(query, [type_]).fetchone()[0])


async def test_what_is_written_while_the_hub_is_dead_goes_out_once_and_in_order(
    home: Path, chromium: str, cable: Cable, open_context: OpenContext, problems: Problems
) -> None:
    problems.expect(NETWORK)
    context = await open_context()
    with start_hub(home, ACCORD_URL=cable.url) as process:
        await cable.mend(process.port)
        at_cable = HubProcess(home, process.process, {**process.facts, "url": cable.url})
        ada = await Browsing.join(context, at_cable, "ada")
        bob = await Browsing.join(await open_context(), at_cable, "bob")
        before = await ada.say("before")
        await bob.sees("before")
        process.kill()
        await cable.cut()  # or another hub may answer at the port
        await ada.until("client.state.link.status === 'offline' && client.state.link.retryAt > 0")
        await ada.say("first")
        await ada.say("second")
        await ada.call("message.react", conversation=ada.lounge, id=before, emoji="🙂", on=True)
        waiting = await ada.sees("second", state="sending")
        assert (waiting["canEdit"], waiting["error"]) == (False, None)
        await ada.item_until(before, "item.reactions[0]?.isMine")
        assert await ada.state("outboxCount") == 3
        with pytest.raises(Refused, match="offline"):
            await ada.call("devices.list")
    await ada.say("third")
    with start_hub(home, ACCORD_URL=cable.url) as process:
        assert await ada.texts() == ["before", "first", "second", "third"]
        await cable.mend(process.port)
        await ada.call("link.retry")
        await bob.call("link.retry")
        await ada.until("client.state.outboxCount === 0", milliseconds=LATE_MS)
        await bob.sees("third")
        assert await bob.texts() == await ada.texts() == ["before", "first", "second", "third"]
        await bob.item_until(before, f"item.reactions[0]?.by[0] === {ada.key!r}")
        assert _stored(home, "chat.text") == 4
        assert _stored(home, "chat.react") == 1


async def test_the_outbox_outlives_the_tab(
    home: Path, chromium: str, cable: Cable, open_context: OpenContext, problems: Problems
) -> None:
    problems.expect(NETWORK)
    context = await open_context()
    with start_hub(home, ACCORD_URL=cable.url) as process:
        await cable.mend(process.port)
        at_cable = HubProcess(home, process.process, {**process.facts, "url": cable.url})
        ada = await Browsing.join(context, at_cable, "ada")
        await cable.cut()
        await ada.until("client.state.link.status === 'offline'")
        await ada.say("written offline")
        await ada.say("and this")
        await ada.page.close()  # and its worker with it
        await cable.mend(process.port)
        ada = await Browsing.open(context, cable.url)
        await ada.enter()
        await ada.sees("and this")
        assert await ada.texts() == ["written offline", "and this"]
        assert _stored(home, "chat.text") == 2


async def test_a_worker_that_is_killed_is_replaced(own_hub: HubProcess, open_context: OpenContext) -> None:
    ada = await Browsing.join(await open_context(), own_hub, "ada")
    await ada.say("before")
    await ada.sees("before")
    await ada.page.evaluate("changes.length = 0")
    await ada.kill_worker()
    await ada.until("changes.some(({ op }) => op === 'reset') && timeline.items.length === 1")
    await ada.online()
    await ada.say("after")
    await ada.sees("after")
    assert await ada.texts() == ["before", "after"]


async def test_a_worker_that_is_killed_while_it_starts_is_replaced(
    own_hub: HubProcess, open_context: OpenContext
) -> None:
    ada = await Browsing.join(await open_context(), own_hub, "ada")
    await ada.say("before")
    await ada.sees("before")
    browser = ada.page.context.browser
    assert browser is not None
    session = await browser.new_browser_cdp_session()
    known = {target["targetId"] for target in (await session.send("Target.getTargets"))["targetInfos"]}
    killed: list[asyncio.Task[Any]] = []

    def kill_first(event: dict[str, Any]) -> None:
        target = event["targetInfo"]
        if target["type"] == "shared_worker" and target["targetId"] not in known and not killed:
            killed.append(asyncio.ensure_future(session.send("Target.closeTarget", {"targetId": target["targetId"]})))

    session.on("Target.targetCreated", kill_first)
    await session.send("Target.setDiscoverTargets", {"discover": True})
    await ada.reload()
    await ada.enter()
    await ada.sees("before")
    (kill,) = killed
    assert (await kill)["success"]
    await session.detach()


async def test_a_device_that_is_revoked_stops(own_hub: HubProcess, open_context: OpenContext) -> None:
    ada = await Browsing.join(await open_context(), own_hub, "ada")
    (device,) = await ada.call("devices.list")
    assert device["isThis"]
    assert device["isConnected"]
    assert not device["isRevoked"]
    await ada.call("devices.rename", key=device["key"], name="old laptop")
    assert (await ada.call("devices.list"))[0]["name"] == "old laptop"
    await ada.call("devices.revoke", key=device["key"])
    await ada.until(STOPPED)
    assert await ada.state("stop.code") == "revoked"
    await ada.reload()
    await ada.until(STOPPED)
    assert await ada.state("stop.code") == "revoked"


async def test_another_hub_at_the_address_is_a_hard_stop(
    tmp_path: Path, chromium: str, cable: Cable, open_context: OpenContext, problems: Problems
) -> None:
    problems.expect(NETWORK)
    with start_hub(tmp_path / "one", ACCORD_URL=cable.url) as process:
        await cable.mend(process.port)
        at_cable = HubProcess(process.home, process.process, {**process.facts, "url": cable.url})
        ada = await Browsing.join(await open_context(), at_cable, "ada")
        expected = await ada.state("hub.fingerprint")
        link = invite(process)
    await cable.cut()
    with start_hub(tmp_path / "two", ACCORD_URL=cable.url) as process:
        await cable.mend(process.port)
        await ada.until(STOPPED, milliseconds=LATE_MS)
        stop = await ada.state("stop")
        found = await ada.page.evaluate("fetch('/.well-known/accord').then((answer) => answer.json())")
        assert stop["code"] == "wrong_key"
        assert stop["facts"]["expected"] == expected
        assert stop["facts"]["found"].replace(" ", "") == found["hub"]
        newcomer = await Browsing.open(await open_context(), cable.url)
        with pytest.raises(Refused, match="wrong_key"):
            await newcomer.call("join.check", link=link)
        await newcomer.until(STOPPED)


async def test_a_refusal_for_good_is_shown_and_can_be_tried_again(
    own_hub: HubProcess, open_context: OpenContext
) -> None:
    ada = await Browsing.join(await open_context(), own_hub, "ada")
    world = World.of(own_hub.home, own_hub)
    with closing(sqlite3.connect(own_hub.home / "hub.sqlite3", timeout=60)) as database:
        database.execute("UPDATE peers_account SET messages_limit = messages_used WHERE name = 'ada'")
        database.commit()
    first = await ada.say("too many")
    second = await ada.say("far too many")
    failed = await ada.item_until(first, "item.state === 'failed'")
    assert failed["error"]["code"] == "quota"
    assert failed["error"]["detail"].endswith(".")
    await ada.item_until(second, "item.state === 'failed'")
    await ada.call("message.discard", conversation=ada.lounge, id=second)
    await ada.until("timeline.items.length === 1")
    with closing(sqlite3.connect(own_hub.home / "hub.sqlite3", timeout=60)) as database:
        database.execute("UPDATE peers_account SET messages_limit = NULL")
        database.commit()
    await ada.call("message.retry", conversation=ada.lounge, id=first)
    sent = await ada.sees("too many")
    assert sent["id"] != first
    assert await ada.texts() == ["too many"]

    foreign = message(world.admin, "chat.text", ada.lounge, {"text": "mine"})
    async with await world.connect(world.admin) as session:
        await session.store(foreign)
    theirs = await ada.sees("mine")
    await ada.call("message.edit", conversation=ada.lounge, id=theirs["id"], text="yours", mentions=[])
    await ada.until("client.state.outboxCount === 1")
    assert (await ada.item(theirs["id"]))["text"] == "mine"


async def test_two_connections_never_and_none_is_left(own_hub: HubProcess, open_context: OpenContext) -> None:
    context = await open_context()
    ada = await Browsing.join(context, own_hub, "ada")
    for _ in range(3):
        await ada.reload()
        await ada.online()
    status = json.loads(run_command(own_hub.home, "status", "--json").stdout)
    assert status["sockets"] == 1


async def _shifted(context: BrowserContext, hours: int) -> None:
    """The context's pages run the engine in a worker of their own whose clock is wrong, until it is SET."""

    async def shift(route: Route) -> None:
        answer = await route.fetch()
        wrong = f"""let wrongMs = {hours * HOUR_MS};
          const now = Date.now;
          Date.now = () => now() + wrongMs;
          const set = new BroadcastChannel("clock");
          set.onmessage = () => {{
            wrongMs = 0;
            set.postMessage("set");
          }};"""
        await route.fulfill(body=f"{wrong}\n{await answer.text()}", content_type="text/javascript")

    await context.add_init_script("delete window.SharedWorker")
    await context.route("**/client/clock.js", shift)


SET = """() => new Promise((resolve) => {
  const clock = new BroadcastChannel("clock");
  clock.onmessage = resolve;
  clock.postMessage("right");
})"""


@pytest.mark.parametrize("hours", [1, -1])
async def test_a_clock_that_is_an_hour_off(own_hub: HubProcess, open_context: OpenContext, hours: int) -> None:
    context = await open_context()
    await _shifted(context, hours)
    ada = await Browsing.join(context, own_hub, "ada")
    bob = await Browsing.join(await open_context(), own_hub, "bob")
    offset = await ada.state("clock.offsetMs")
    assert abs(offset + hours * HOUR_MS) < MINUTE_MS
    assert await bob.state("clock.offsetMs") == 0
    await ada.say("what time is it?")
    heard = await bob.sees("what time is it?")
    assert abs(heard["at"] - now_ms()) < MINUTE_MS
    made = await ada.call("invites.create", label="", invites=0)
    newcomer = await Browsing.open(await open_context(), own_hub.url)
    assert (await newcomer.call("join.check", link=made["link"]))["status"] == "waiting"

    await ada.page.evaluate(SET)  # while the page is open
    await ada.say("and what is it now?")
    heard = await bob.sees("and what is it now?")
    assert abs(heard["at"] - now_ms()) < MINUTE_MS
    await ada.until("client.state.clock.offsetMs === 0")


async def _lives_short(context: BrowserContext) -> None:
    """The context's pages run the engine in a worker of their own, in which a certificate lives for seconds."""

    async def shorten(route: Route) -> None:
        text = await (await route.fetch()).text()
        for constant, value in (("LIFE_MS", 12_000), ("RENEW_BEFORE_MS", 4_000), ("TICK_MS", 250)):
            text = re.sub(rf"(?m)^const {constant} = .*;$", f"const {constant} = {value};", text)
        await route.fulfill(body=text, content_type="text/javascript")

    await context.add_init_script("delete window.SharedWorker")
    await context.route(re.compile(r"/client/(account|link)\.js$"), shorten)


async def test_a_certificate_is_renewed_before_it_ends(own_hub: HubProcess, open_context: OpenContext) -> None:
    context = await open_context()
    await _lives_short(context)
    ada = await Browsing.join(context, own_hub, "ada")
    query = (
        "SELECT c.issued_at, c.expiration FROM peers_certificate c JOIN peers_peer p ON p.id = c.peer_id "
        "JOIN peers_account a ON a.user_id = p.user_id WHERE a.name = 'ada' ORDER BY c.issued_at"
    )

    def certificates() -> list[tuple[int, int]]:
        with closing(sqlite3.connect(f"file:{own_hub.home}/hub.sqlite3?mode=ro", uri=True, timeout=60)) as database:
            return database.execute(query).fetchall()

    await asyncio.to_thread(wait_until, lambda: len(certificates()) > 2, what="it was renewed twice")
    (first, expired), (second, _), *_ = certificates()
    assert first < second < expired
    await ada.until("client.state.link.status === 'online'")
    await ada.say("still here")
    assert (await ada.sees("still here"))["state"] == "sent"
