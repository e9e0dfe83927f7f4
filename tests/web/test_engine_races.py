"""The engine's private side when things meet or end at a bad moment: two admins' browsers, a killed worker."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from tests.hubs import HubProcess, start_hub, wait_until
from tests.web.cable import Cable
from tests.web.conftest import OpenContext
from tests.web.engine import Browsing

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def line(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[HubProcess, Cable]]:
    """A hub for this file, and the cable by which browsers reach it."""
    cable = Cable()
    with start_hub(tmp_path_factory.mktemp("races") / "home", ACCORD_URL=cable.url) as process:
        await cable.mend(process.port)
        yield HubProcess(process.home, process.process, {**process.facts, "url": cable.url}), cable
        await cable.cut()


def epochs_of(home: Path, channel: str) -> list[tuple[int, str, str]]:
    """Number, author and reason of each epoch that the hub holds of a channel, in order."""
    with closing(sqlite3.connect(f"file:{home}/hub.sqlite3?mode=ro", uri=True, timeout=60)) as database:
        query = "SELECT header, body FROM messaging_message WHERE type = 'space.epoch' ORDER BY cursor"
        rows = [(json.loads(header), json.loads(body)) for header, body in database.execute(query)]
    return sorted((body["epoch"], header["from"], body["reason"]) for header, body in rows if header["to"] == channel)


async def test_two_browsers_that_make_the_same_epoch_agree_on_the_next(
    line: tuple[HubProcess, Cable], open_context: OpenContext
) -> None:
    """Neither sees the other's before its own is stored: the one that loses makes the next, and all is readable."""
    hub, cable = line
    ada = await Browsing.join(await open_context(), hub, "ada-races")
    bob = await Browsing.join(await open_context(), hub, "bob-races")
    made = await ada.call("space.create", name="Two admins", about="")
    space, channel = made["space"], made["conversation"]
    lock = f"client.state.conversations[{channel!r}]?.lock"
    await ada.call("space.addMember", space=space, key=bob.key)
    await bob.until(f"{lock}?.state === 'encrypted'")
    await ada.call("space.setRole", space=space, key=bob.key, role="admin")
    await bob.until(f"client.state.spaces[{space!r}]?.role === 'admin'")
    for tab in (ada, bob):  # after which each knows everybody's devices, and nothing else waits to be made
        before = await tab.state(f"conversations[{channel!r}].lock.epoch")
        await tab.call("channel.rotate", conversation=channel)
        for other in (ada, bob):
            await other.until(f"{lock}.epoch === {before + 1}")
    number = before + 2

    cable.hold()
    rotating = [asyncio.ensure_future(tab.call("channel.rotate", conversation=channel)) for tab in (ada, bob)]
    for tab, words in ((ada, "ada, meanwhile"), (bob, "bob, meanwhile")):
        await tab.say(words, channel)

    def are_stored() -> bool:
        return sum(each[0] == number for each in epochs_of(hub.home, channel)) == 2

    await asyncio.to_thread(wait_until, are_stored, what="both are stored")
    cable.release()
    await asyncio.gather(*rotating)
    for tab in (ada, bob):
        await tab.until(f"{lock}.epoch === {number + 1}")
        await tab.watch(channel)
    await ada.say("under one key again", channel)
    await bob.sees("under one key again")
    await bob.say("so it is", channel)
    await ada.sees("so it is")
    for tab in (ada, bob):
        for words in ("ada, meanwhile", "bob, meanwhile"):
            await tab.sees(words)
    *_, one, two, after = epochs_of(hub.home, channel)
    assert {one[:2], two[:2]} == {(number, ada.key), (number, bob.key)}
    assert (after[0], after[2]) == (number + 1, "conflict")


async def test_a_worker_that_dies_while_it_makes_an_epoch(
    line: tuple[HubProcess, Cable], open_context: OpenContext
) -> None:
    """Its epoch is at the hub, and it has not heard so: the next worker takes it, and nothing written is lost."""
    hub, cable = line
    ada = await Browsing.join(await open_context(), hub, "ada-dies")
    bob = await Browsing.join(await open_context(), hub, "bob-reads")
    made = await ada.call("space.create", name="A short life", about="")
    space, channel = made["space"], made["conversation"]
    lock = f"client.state.conversations[{channel!r}]?.lock"
    await ada.call("space.addMember", space=space, key=bob.key)
    await bob.until(f"{lock}?.state === 'encrypted'")
    await ada.watch(channel)
    await bob.watch(channel)
    number = await bob.state(f"conversations[{channel!r}].lock.epoch") + 1

    cable.hold()
    await ada.page.evaluate(
        "(conversation) => { client.call('channel.rotate', { conversation }).catch(() => {}); }", channel
    )
    await ada.say("written while it dies", channel)

    def is_stored() -> bool:
        return any(each[0] == number for each in epochs_of(hub.home, channel))

    await asyncio.to_thread(wait_until, is_stored, what="the epoch is stored")
    await ada.kill_worker()
    cable.release()
    await ada.until(f"{lock}?.epoch === {number} && {lock}.progress === null")
    await bob.until(f"{lock}.epoch === {number}")
    await bob.sees("written while it dies")
    await ada.say("and after", channel)
    await bob.sees("and after")
    await ada.sees("and after")
    assert await ada.texts() == ["written while it dies", "and after"]
    assert [each[0] for each in epochs_of(hub.home, channel)].count(number) == 1
