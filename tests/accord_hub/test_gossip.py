"""A hub in gossip mode: no members, no web client, no API; its admin, its console and what other programs ask stay."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from accord.encoding import b64decode
from accord.statements import verify_statement
from discovery.addresses import EVERYWHERE, resolve
from discovery.probe import prove
from tests.accord_hub.test_pages import ask
from tests.console.browser import PlainBrowser, console_link
from tests.e2e.plain_client import Connection, Key, Refused
from tests.e2e.world import World
from tests.hubs import HubProcess, run_command, start_hub

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def gossip(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    with start_hub(tmp_path_factory.mktemp("gossip") / "home", ACCORD_MODE="gossip") as running:
        yield running


def test_it_has_no_page_for_members_and_says_so(gossip: HubProcess) -> None:
    for path in ("/", "/join"):
        answer = ask(gossip, path)
        assert answer.status == 200
        assert b"This hub has no members" in answer.body
        assert b"<script" not in answer.body
    for path in ("/api/v1/hub", "/api/v1/docs", "/api/v1/login/request"):
        answer = ask(gossip, path)
        assert answer.status == 404
        assert json.loads(answer.body)["code"] == "not_found"
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    origin = {"Origin": gossip.url, "Sec-WebSocket-Key": "eHh4eHh4eHh4eHh4eHh4eA=="}
    assert ask(gossip, "/ws", **upgrade, **origin).status == 403


def test_its_document_says_what_it_is(gossip: HubProcess) -> None:
    document = verify_statement(json.loads(ask(gossip, "/.well-known/accord").body), hub=b64decode(gossip.key, 32))
    assert document["mode"] == "gossip"
    assert document["policy"]["strangers"] == "closed"
    assert "api" not in document
    assert ask(gossip, "/healthz").status == 200
    assert ask(gossip, "/readyz").status == 200
    assert ask(gossip, "/metrics").status == 200


async def test_other_hubs_find_it(gossip: HubProcess) -> None:
    found = await prove(await resolve(gossip.ws, allowed=EVERYWHERE), expected=None)
    assert found.key == b64decode(gossip.key, 32)


def test_nobody_is_invited(gossip: HubProcess) -> None:
    assert "/join#" not in gossip.output
    assert "manage.py link" in gossip.output
    done = run_command(gossip.home, "invite")
    assert done.returncode == 1
    assert "gossip mode takes no members" in done.stderr
    assert json.loads(run_command(gossip.home, "status", "--json").stdout)["mode"] == "gossip"


def test_the_console_leaves_out_what_is_for_members(gossip: HubProcess) -> None:
    browser = PlainBrowser(gossip.url)
    browser.enter(console_link(gossip.home))
    status, _, text = browser.ask("/console/")
    assert status == 200
    assert "Invite tree" not in text
    for path in re.findall(r'<li><a href="(/console/[^"]*)"', text):
        assert browser.ask(html.unescape(path))[0] == 200, path
    for path in ("/console/tree/", "/console/invites/invitation/", "/console/do/invite/"):
        assert browser.ask(path)[0] in (200, 302, 404), path


async def test_only_the_admin_logs_in(gossip: HubProcess) -> None:
    world = World.of(gossip.home, gossip)
    async with await world.connect(world.admin) as session:
        assert (await session.outcome(world.add_user(world.admin, Key()))) == "denied"
    for user in (None, Key()):
        with pytest.raises(Refused) as refusal:
            await Connection.login(gossip.ws, user=user, hub=world.key)
        assert refusal.value.frame["code"] == "denied"


async def test_the_mode_and_the_name_are_kept_until_another_is_said(
    home: Path, start: Callable[..., HubProcess]
) -> None:
    full = start(ACCORD_NAME="Tea house")
    world = World.of(home, full)
    member = await world.member()
    full.stop()
    gossip = start(ACCORD_MODE="gossip")
    with pytest.raises(Refused) as refusal:
        await Connection.login(gossip.ws, user=member, hub=world.key)
    assert refusal.value.frame["code"] == "denied"
    gossip.stop()
    again = start()
    document = json.loads(ask(again, "/.well-known/accord").body)
    assert "mode" in document
    assert document["name"] == "Tea house"
    again.stop()
    back = start(ACCORD_MODE="full")
    async with await Connection.login(back.ws, user=member, hub=world.key):
        pass
    assert (home / "mode").read_text(encoding="utf-8") == "full\n"


def test_another_word_is_refused(tmp_path: Path) -> None:
    done = run_command(tmp_path / "home", "check", ACCORD_MODE="loud")
    assert done.returncode != 0
    assert "ACCORD_MODE is full or gossip" in done.stderr
