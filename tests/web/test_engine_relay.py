"""What the web client makes of other hubs: channels, people and admins that a relay has brought, and the blessing by
which its own hub carries for its user.
"""

from __future__ import annotations

import os
import secrets

import pytest

from tests.e2e.plain_client import Connection, Key, b64, certificate, message, ref, statement, text, unb64
from tests.e2e.world import World, channel_topic
from tests.hubs import HubProcess, wait_until
from tests.web.conftest import OpenContext
from tests.web.engine import Browsing

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

BLESSINGS = "SELECT count(*) FROM peers_blessing b JOIN peers_user u ON u.id = b.user_id WHERE u.key = ? AND b.hub = ?"


async def _relay(world: World, key: Key, admin: Key, told: dict[str, object]) -> Connection:
    """A session of another hub, for a member of this one."""
    member = await world.member()
    cert = certificate(member, key, world.key, scope=["relay"])
    session = await Connection.login(world.url, client=key, hub=world.key, cert=cert)
    await session.ask("serve", certs=[], hubs=[{"name": "Elsewhere", "admin": told}])
    return session


async def test_channels_people_and_admins_of_another_hub(hub: HubProcess, open_context: OpenContext) -> None:
    world = World.of(hub.home, hub)
    key, admin, zoe = Key(), Key(), Key()
    ada = await Browsing.join(await open_context(), hub, f"ada-{secrets.token_hex(4)}")
    async with await _relay(world, key, admin, statement(key, "set_admin", user=admin.text)) as relay:
        nonce = os.urandom(16)
        garden = channel_topic(admin, nonce, key.public)
        opening = message(admin, "chan.open", f"hub:{key.text}", {"nonce": b64(nonce), "name": "garden"})
        words = text(zoe, garden, "roses")
        other = text(zoe, garden, "weeds")
        pin = message(admin, "chat.pin", garden, {}, refs=ref("pin", words))
        wrong = [
            message(world.admin, "chat.pin", garden, {}, refs=ref("pin", other)),
            message(world.admin, "chat.delete", garden, {}, refs=ref("delete", other)),
        ]
        profile = message(zoe, "profile", "feed", {"display_name": "Zoe"})
        await relay.ask("serve", certs=[certificate(zoe, key, world.key, scope=["relay"])])
        await relay.store(opening, profile, words, pin, other, *wrong)

        await ada.until(f"client.state.conversations['{garden}']")
        row = await ada.state(f"conversations['{garden}']")
        assert (row["name"], row["hub"]["key"], row["unread"]) == ("garden · Elsewhere", key.text, 0)
        assert not row["canPin"]
        await ada.watch(garden)
        roses, weeds = await ada.sees("roses"), await ada.sees("weeds")
        assert (roses["isPinned"], weeds["isPinned"]) == (True, False)
        assert roses["authorName"] == "Zoe"
        assert not weeds["isDeleted"]  # this hub's admin has no say there

        await ada.until(f"client.state.people['{zoe.text}']?.displayName === 'Zoe'")
        assert (await ada.state(f"people['{zoe.text}'].hub"))["name"] == "Elsewhere"
        await relay.subscribe(topics=[f"user:{zoe.text}", garden])
        opened = await ada.call("direct.open", key=zoe.text)
        await ada.say("hello over there", opened["conversation"])
        await ada.say("tulips", garden)
        inbox = f"user:{zoe.text}"
        await relay.until(lambda: {item["message"]["header"]["to"] for item in relay.delivered()} == {inbox, garden})
        await ada.until(f"client.state.conversations['{garden}'].unread === 0")
        await relay.store(text(zoe, garden, "news"))
        await ada.sees("news")  # what was opened once is listened to
        await ada.watch(ada.lounge)
        await relay.store(text(zoe, garden, "more news"))
        await ada.until(f"client.state.conversations['{garden}'].unread > 0")


async def test_the_hub_is_blessed_for_those_it_is_linked_with_until_one_says_no(
    hub: HubProcess, open_context: OpenContext
) -> None:
    world = World.of(hub.home, hub)
    key, admin = Key(), Key()
    ada = await Browsing.join(await open_context(), hub, f"ada-{secrets.token_hex(4)}")

    def blessings() -> int:
        return int(world.rows(BLESSINGS, unb64(ada.key), world.key)[0][0])

    async with await _relay(world, key, admin, statement(key, "set_admin", user=admin.text)) as relay:
        wait_until(lambda: blessings() > 0, what="the hub is blessed")
        state = await ada.call("carrying.state")
        assert (state["isKnown"], state["carry"], state["hubs"] > 0) == (True, True, True)
        await ada.call("carrying.want", carry=False)
        assert blessings() == 0
        revoked = [item["message"]["header"]["type"] for item in await relay.fetch(f"feed:{ada.key}")]
        assert "cert.revoke" in revoked
        await ada.reload()
        await ada.online()
        assert (await ada.call("carrying.state"))["carry"] is False
        assert blessings() == 0
        await ada.call("carrying.want", carry=True)
        assert blessings() > 0
