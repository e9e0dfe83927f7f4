"""Invites on a real hub: claim codes and their tries, circles, what a link says, over the wire and by `accord`."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.plain_client import (
    Connection,
    Json,
    Key,
    Left,
    Refused,
    b64,
    claim,
    label,
    message,
    temporary_key,
    text,
    unb64,
)
from tests.e2e.world import World, new_name

pytestmark = pytest.mark.e2e

CODE = "7KQ2MXB94T"
CLIENT_SECONDS = 120


def hashed(temporary: Key) -> str:
    """As the page of the protocol says it."""
    return b64(hashlib.pbkdf2_hmac("sha256", CODE.encode(), label("claim-code") + temporary.public, 600_000))


async def coded(hub: World, by: Key, **fields: Any) -> Key:
    temporary = Key()
    async with await hub.connect(by) as session:
        await session.store(hub.add_user(by, temporary, kind="temp", code_hash=hashed(temporary), **fields))
    return temporary


async def claimed(session: Connection, hub: World, temporary: Key, code: str | None, user: Key | None = None) -> Json:
    body = {} if code is None else {"code": code}
    (result,) = await session.publish(claim(temporary, user or Key(), hub.key, new_name(), **body))
    return {name: item for name, item in result.items() if name in ("status", "code", "tries")}


async def reason_of(hub: World, temporary: Key) -> str | None:
    with pytest.raises(Refused) as caught:
        await hub.connect(temporary)
    assert caught.value.code == "denied"
    return caught.value.frame.get("reason")


async def has_account(hub: World, user: Key) -> bool:
    try:
        await (await hub.connect(user)).leave()
    except Refused:
        return False
    return True


async def test_five_wrong_codes_lock_an_invite(hub: World) -> None:
    ann = await hub.member(invites=3)
    temporary = await coded(hub, ann, invites=2)
    async with await hub.connect(temporary) as session, await hub.connect(temporary) as idle:
        assert await claimed(session, hub, temporary, None) == {"status": "rejected", "code": "denied", "tries": 5}
        for left in (4, 3, 2, 1):
            wrong = f"WR0NG-0000{left}"
            assert await claimed(session, hub, temporary, wrong) == {
                "status": "rejected",
                "code": "denied",
                "tries": left,
            }
        last = claim(temporary, Key(), hub.key, new_name(), code="00000-00000")
        right = claim(temporary, Key(), hub.key, new_name(), code=CODE)
        results = await session.publish(last, right)
        assert [result.get("tries") for result in results] == [0, None]
        assert [result["code"] for result in results] == ["denied", "denied"]
        assert [await end.closed() for end in (session, idle)] == [4403, 4403]
    assert await reason_of(hub, temporary) == "locked"
    async with await hub.connect(ann) as session:  # what it held is back
        await session.store(*(hub.add_user(ann, Key()) for _ in range(3)))
        assert await session.outcome(hub.add_user(ann, Key())) == "quota"


async def test_many_wrong_codes_at_once_count_five_and_hold_nobody_up(hub: World) -> None:
    temporary, channel, ann = await coded(hub, hub.admin), await hub.channel(), await hub.member()
    async with await hub.connect(temporary) as session, await hub.connect(ann) as other:
        codes = [f"WR0NG000{number:02}" for number in range(60)]
        wrongs = [claim(temporary, Key(), hub.key, new_name(), code=code) for code in codes]
        flood = asyncio.ensure_future(session.publish(*wrongs))
        await asyncio.sleep(0)
        await other.store(text(ann, channel, "meanwhile"))
        results = await flood
        assert [result.get("tries") for result in results[:5]] == [4, 3, 2, 1, 0]
        assert {result["code"] for result in results} == {"denied"}
    assert await reason_of(hub, temporary) == "locked"


async def test_the_right_code_is_taken_after_a_wrong_one(hub: World) -> None:
    temporary, user = await coded(hub, hub.admin), Key()
    async with await hub.connect(temporary) as session:
        assert (await claimed(session, hub, temporary, "00000-00000"))["tries"] == 4
        assert await claimed(session, hub, temporary, "7kq2m xb94t", user) == {"status": "stored"}
    async with await hub.connect(user) as session:
        assert f"user:{user.text}" in await session.topics()
    assert await reason_of(hub, temporary) == "used"


async def test_a_link_says_why_it_opens_nothing(hub: World) -> None:
    withdrawn = await hub.member(kind="temp")
    body = {"pubkey": withdrawn.text, "mode": "subtree", "at": 0}
    async with await hub.connect(hub.admin) as session:
        await session.store(message(hub.admin, "remove_user", hub.topic, body))
    assert await reason_of(hub, withdrawn) == "withdrawn"
    assert await reason_of(hub, Key()) is None


async def test_parallel_claims_of_a_circle_each_get_a_place(hub: World) -> None:
    ann, secret, people = await hub.member(invites=6), os.urandom(32), 6
    temporaries = [temporary_key(secret, place) for place in range(people)]
    async with await hub.connect(ann) as session:
        await session.store(*(hub.add_user(ann, key, kind="temp") for key in temporaries))
        assert await session.outcome(hub.add_user(ann, Key(), kind="temp")) == "quota"

    async def join_in() -> bool:
        """Try the places from one on, as a client does; all begin at the same, where it is hardest."""
        user = Key()
        for temporary in temporaries:
            try:
                session = await hub.connect(temporary)
            except Refused:
                continue
            async with session:
                try:
                    if await session.outcome(claim(temporary, user, hub.key, new_name())) == "stored":
                        return True
                except Left:  # closed, since somebody was faster: perhaps this claim, whose answer was on its way
                    if await has_account(hub, user):
                        return True
        return False

    joined = await asyncio.gather(*(join_in() for _ in range(people + 2)))
    assert joined.count(True) == people
    for temporary in temporaries:
        assert await reason_of(hub, temporary) == "used"


def accord(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "accord_client.cli", *arguments],
        env={**os.environ, "ACCORD_CLIENT_HOME": str(folder)},
        check=False,
        capture_output=True,
        text=True,
        timeout=CLIENT_SECONDS,
        stdin=subprocess.DEVNULL,
    )


def test_by_the_command_line(hub: World, tmp_path: Path) -> None:
    ada, bob, carl, dora = (tmp_path / name for name in ("ada", "bob", "carl", "dora"))
    names = [new_name() for _ in range(4)]
    topic = asyncio.run(hub.channel())
    made = hub.command("invite", "--json", "--invites=9", f"--name={names[0]}")
    first = accord(ada, "join", json.loads(made)["link"])
    assert first.returncode == 0, first.stderr
    assert f"as {names[0]}\ninvited by @admin, whom you follow now\n" in first.stdout

    listed = [json.loads(line) for line in accord(ada, "topics", "--json").stdout.splitlines()]
    channel = next(row["name"] for row in listed if row["topic"] == topic)
    options = ("--code", "--channel", f"#{channel}", "--messages=10", "--hours=2", f"--name={names[1]}")
    invite = json.loads(accord(ada, "invite", "--json", *options).stdout)
    without = accord(bob, "join", invite["link"])
    assert (without.returncode, "needs a claim code" in without.stderr) == (1, True)
    wrong = accord(bob, "join", invite["link"], "--code", "00000-00000")
    assert (wrong.returncode, "4 tries are left" in wrong.stderr) == (1, True)
    right = accord(bob, "join", invite["link"], "--code", invite["code"].lower())
    assert right.returncode == 0, right.stderr
    assert f"as {names[1]}\ninvited by @{names[0]}, whom you follow now\n" in right.stdout
    assert accord(bob, "send", "here I am").returncode == 0
    assert "here I am" in accord(bob, "history", f"#{channel}").stdout
    late = accord(carl, "join", invite["link"], "--name", names[2], "--code", invite["code"])
    assert (late.returncode, "has been used" in late.stderr) == (1, True)

    circle = json.loads(accord(ada, "invite", "--json", "--people=2").stdout)
    assert circle["link"].endswith(".2")
    for folder, name in ((carl, names[2]), (dora, names[3])):
        done = accord(folder, "join", circle["link"], "--name", name)
        assert done.returncode == 0, done.stderr
    full = accord(tmp_path / "emil", "join", circle["link"], "--name", new_name())
    assert (full.returncode, "everyone for whom this link was has joined" in full.stderr) == (1, True)
    assert unb64(circle["link"].rsplit(".", 2)[1]) == hub.key
