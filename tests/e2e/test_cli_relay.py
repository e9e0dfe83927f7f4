"""The command line client on a hub that is linked with another one: its channels and people, and being carried."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.plain_client import Connection, Json, Key, b64, certificate, message, statement, text, unb64
from tests.e2e.world import World, channel_topic, running
from tests.hubs import ROOT

pytestmark = pytest.mark.e2e

RUN_SECONDS = 60


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("hub") / "home") as world:
        yield world


def accord(home: Path, *arguments: str, code: int = 0) -> str:
    """What a command prints; its errors where it ends with another code."""
    done = subprocess.run(
        [sys.executable, "-m", "accord_client.cli", *arguments],
        cwd=ROOT,
        env={**os.environ, "ACCORD_CLIENT_HOME": str(home)},
        check=False,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr if code else done.stdout


async def run(home: Path, *arguments: str, code: int = 0) -> str:
    return await asyncio.to_thread(accord, home, *arguments, code=code)


async def test_channels_and_people_of_another_hub(hub: World, tmp_path: Path) -> None:
    key, admin, zoe, member = Key(), Key(), Key(), await hub.member()
    nonce = os.urandom(16)
    garden = channel_topic(admin, nonce, key.public)
    told = {"name": "Elsewhere", "admin": statement(key, "set_admin", user=admin.text)}
    cert = certificate(member, key, hub.key, scope=["relay"])
    async with await Connection.login(hub.url, client=key, hub=hub.key, cert=cert) as relay:
        certs = [certificate(zoe, key, hub.key, scope=["relay"])]
        await relay.ask("serve", certs=certs, hubs=[told])
        await relay.store(
            message(admin, "chan.open", f"hub:{key.text}", {"nonce": b64(nonce), "name": "garden"}),
            message(zoe, "profile", "feed", {"display_name": "Zoe"}),
            text(zoe, garden, "roses"),
        )
        await run(tmp_path, "join", hub.invite(), "--name", "ada")
        listed = [json.loads(line) for line in (await run(tmp_path, "topics", "--json")).splitlines()]
        assert listed[-1] == {"topic": garden, "name": "garden", "count": 1, "hub": key.text, "hub_name": "Elsewhere"}
        assert "#garden · Elsewhere" in await run(tmp_path, "topics")
        assert "Zoe · Elsewhere: roses" in await run(tmp_path, "history", "garden")
        await relay.subscribe(topics=[garden, f"user:{zoe.text}"])
        await run(tmp_path, "send", "--to", "#garden · Elsewhere", "tulips")
        await run(tmp_path, "send", "--to", "@Zoe", "by name")
        await run(tmp_path, "send", "--to", f"@{zoe.text}", "by key")
        assert "nobody" in await run(tmp_path, "send", "--to", "@nobody", "?", code=1)
        await relay.until(lambda: len(relay.delivered()) == 3)
        assert [body(item) for item in relay.delivered()] == ["tulips", "by name", "by key"]

        me = json.loads(await run(tmp_path, "whoami", "--json"))["user"]
        assert "cannot" not in await run(tmp_path, "carry", "on")
        assert blessings(hub, me) == 1
        assert "cannot reach" in await run(tmp_path, "carry", "off")
        assert blessings(hub, me) == 0
        await run(tmp_path, "history")
        assert blessings(hub, me) == 0
        kinds = [item["message"]["header"]["type"] for item in await relay.fetch(f"feed:{me}")]
        assert kinds.count("cert.revoke") == 1


def body(item: Json) -> str:
    return str(json.loads(unb64(item["message"]["body"]))["text"])


def blessings(hub: World, user: str) -> int:
    query = "SELECT count(*) FROM peers_blessing b JOIN peers_user u ON u.id = b.user_id WHERE u.key = ? AND b.hub = ?"
    return int(hub.rows(query, unb64(user), hub.key)[0][0])


async def test_notes_about_people(hub: World, tmp_path: Path) -> None:
    one, two, far = tmp_path / "one", tmp_path / "two", Key()
    await run(one, "join", hub.invite(), "--name", "noting")
    await run(two, "join", hub.invite(), "--name", "reading")
    told = await run(
        one, "note", far.text, "Keeps the club's hub", "--address", "wss://club.example/ws/peer",
    )  # fmt: skip
    assert told == f"noted about {far.text}\n"
    assert await run(one, "note", "@reading", "My\x1b[31m neighbour") == "noted about reading\n"
    lines = (await run(two, "notes", far.text)).splitlines()
    assert lines[0].startswith("noting, 20")
    assert lines[0].endswith(": Keeps the club's hub")
    assert lines[1] == "    at wss://club.example/ws/peer"
    assert (await run(two, "notes", "reading")).endswith(": My neighbour\n")
    (row,) = [json.loads(line) for line in (await run(two, "notes", far.text, "--json")).splitlines()]
    assert (row["name"], row["message"]["header"]["type"]) == ("noting", "identity.note")
    assert await run(two, "notes", "noting") == ""
