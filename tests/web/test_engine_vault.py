"""What lies in the vault follows to a clean browser: connections, keys of what was said, read positions, names."""

from __future__ import annotations

import secrets

import pytest

from tests.hubs import HubProcess
from tests.web.conftest import OpenContext
from tests.web.engine import Browsing
from tests.web.person import invite

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

PASSWORD = "gravel tundra opera mitten"


async def test_what_is_sealed_is_read_in_a_clean_browser(hub: HubProcess, open_context: OpenContext) -> None:
    name = f"ada-{secrets.token_hex(4)}"
    ada = await Browsing.open(await open_context(), hub.url)
    await ada.call("join.claim", link=invite(hub), name=name, password=PASSWORD)
    await ada.enter()
    bob = await Browsing.join(await open_context(), hub, f"bob-{secrets.token_hex(4)}")
    to_bob = await ada.connect(bob)
    await ada.watch(to_bob)
    await ada.say("for the two of us", to_bob)
    await ada.sees("for the two of us")
    to_ada = f"direct:{ada.key}"
    await bob.watch(to_ada)
    await bob.sees("for the two of us")
    await bob.say("and an answer", to_ada)
    answer = await ada.sees("and an answer")
    await ada.call("conversation.read", conversation=to_bob, id=answer["id"])
    await ada.call("contact.call", key=bob.key, called="Bobby")
    await ada.until("client.state.vault.status === 'saved'")

    fresh = await Browsing.open(await open_context(), hub.url)
    await fresh.call("vault.open", hub=hub.key, name=name, password=PASSWORD)
    await fresh.enter()
    assert fresh.key == ada.key
    await fresh.watch(to_bob)
    await fresh.sees("for the two of us")
    await fresh.sees("and an answer")
    await fresh.until(f"client.state.conversations[{to_bob!r}].name === 'Bobby'")
    assert (await fresh.conversation(to_bob))["lock"]["state"] == "encrypted"
    await fresh.say("from elsewhere", to_bob)
    await bob.sees("from elsewhere")
    await ada.sees("from elsewhere")

    # What both have become since is one
    await bob.say("to both of you", to_ada)
    for tab in (ada, fresh):
        await tab.sees("to both of you")
