"""A browser and the command line client in one private conversation and one space (protocol.md section 7)."""

from __future__ import annotations

import asyncio
import io
import secrets
from pathlib import Path
from typing import Any

import pytest

from accord.encoding import b64decode
from accord_client import private_commands as commands
from accord_client.commands import show_history
from accord_client.file_commands import files
from accord_client.join import join
from accord_client.lines import Output
from accord_client.profile import ProfileStore
from accord_client.sending import send
from tests.hubs import HubProcess
from tests.web.conftest import OpenContext
from tests.web.engine import Browsing
from tests.web.person import invite

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


OPENED = "async ([conversation, id, blob]) => (await client.call('file.open', {conversation, id, blob})).text()"
SENT = """async (conversation) => {
  const file = new File(["up there"], "answer.txt", { type: "text/plain" });
  await client.call("message.send",
    { conversation, text: "the answer", mentions: [], files: [{ file, name: file.name, media: file.type }] });
}"""


async def _send(store: ProfileStore, target: str, text: str, **more: Any) -> None:
    said = {"target": target, "text": text, "reply": None, "burn_seconds": None, **more}
    assert await send(store, Output(io.BytesIO()), **said, openly=False, as_json=False) == 0


async def _history(store: ProfileStore, target: str) -> str:
    read = io.BytesIO()
    await show_history(store, Output(read, "utf-8"), target=target, limit=50, before=None, as_json=False)
    return read.getvalue().decode()


async def test_what_a_page_and_a_program_seal_for_each_other(
    hub: HubProcess, open_context: OpenContext, tmp_path: Path
) -> None:
    nothing = Output(io.BytesIO())
    bob = ProfileStore("default", tmp_path / "bob")
    name = f"bob-{secrets.token_hex(4)}"
    link = await asyncio.to_thread(invite, hub, invites=0)
    key = (await join(link, name, bob)).user.public
    await commands.connections(bob, nothing, deed=None, who=None, as_json=False)  # he has a box key now
    ada = await Browsing.join(await open_context(), hub, f"ada-{secrets.token_hex(4)}")
    ada_key = f"@{ada.key}"
    await commands.connections(bob, nothing, deed="ask", who=ada_key, as_json=False)
    await ada.until("Object.values(client.state.connections).some(({ state }) => state === 'asking')")
    bob_key = await ada.page.evaluate(
        "Object.entries(client.state.connections).find(([, { state }]) => state === 'asking')[0]"
    )
    assert b64decode(bob_key) == key
    await ada.call("connection.accept", key=bob_key)
    await ada.until(f"client.state.connections[{bob_key!r}]?.state === 'connected'")
    talk = f"direct:{bob_key}"
    await ada.watch(talk)
    await ada.say("from the page", talk)
    await ada.sees("from the page")
    await _send(bob, ada_key, "from the program")
    assert (await ada.sees("from the program"))["isSealed"] is True
    assert "from the page" in await _history(bob, ada_key)

    await commands.create_space(bob, nothing, name="Shed", about="", channels=["tools"])
    await commands.members(bob, nothing, where="Shed", deed="add", who=ada_key, as_json=False)
    shed = "Object.values(client.state.conversations).find(({ name, space }) => space && name === 'tools')"
    await ada.until(f"{shed}?.lock.state === 'encrypted'")
    channel = await ada.page.evaluate(f"{shed}.id")
    await ada.watch(channel)
    await _send(bob, "Shed #tools", "mind the rake")
    assert (await ada.sees("mind the rake"))["isSealed"] is True
    await ada.say("which rake?", channel)
    await ada.sees("which rake?")
    assert "which rake?" in await _history(bob, "Shed #tools")

    plan = tmp_path / "plan.txt"
    plan.write_bytes(b"where it hangs")
    await _send(bob, "Shed #tools", "the plan", files=[plan])
    item = await ada.sees("the plan")
    assert await ada.page.evaluate(OPENED, [channel, item["id"], item["files"][0]["blob"]]) == "where it hangs"
    await ada.page.evaluate(SENT, channel)
    asked = {"target": "Shed #tools", "message": None, "limit": 1, "as_json": False}
    await ada.sees("the answer")
    await files(bob, nothing, where=tmp_path / "answer.txt", **asked)
    assert (tmp_path / "answer.txt").read_text(encoding="utf-8") == "up there"

    mine = await ada.call("space.create", name="Roof", about="")
    await ada.until(f"client.state.conversations[{mine['conversation']!r}]?.lock.state === 'encrypted'")
    await ada.call("space.addMember", space=mine["space"], key=bob_key)
    await ada.until(f"client.state.conversations[{mine['conversation']!r}].lock.epoch === 2")
    await ada.watch(mine["conversation"])
    await ada.say("up here", mine["conversation"])
    await ada.sees("up here")
    assert "up here" in await _history(bob, mine["conversation"])
    await _send(bob, mine["conversation"], "coming")
    assert (await ada.sees("coming"))["isSealed"] is True
