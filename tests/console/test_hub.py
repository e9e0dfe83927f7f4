"""The console of a real hub: entered from another process, over live sessions, under both servers."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console.browser import PlainBrowser, console_link
from tests.e2e.plain_client import Connection, Key, Refused, b64, certificate, text
from tests.e2e.world import SERVERS, World, running
from tests.hubs import run_command, start_hub, wait_until

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module", params=SERVERS)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A hub under each server."""
    with running(tmp_path_factory.mktemp(f"console-{request.param}"), request.param) as made:
        yield made


def origin(world: World) -> str:
    return world.url.replace("ws://", "http://").removesuffix("/ws/peer")


@pytest.fixture
def operator(world: World) -> PlainBrowser:
    """Entered by a link that another process made."""
    browser = PlainBrowser(origin(world))
    browser.enter(console_link(world.home))
    return browser


def session_paths(operator: PlainBrowser) -> list[str]:
    return re.findall(r'href="(/console/sessions/[0-9a-f]+/)"', operator.ask("/console/sessions/")[2])


async def in_thread(function, *arguments, **named):  # type: ignore[no-untyped-def]
    return await asyncio.to_thread(function, *arguments, **named)


async def test_who_is_connected_and_what_they_listen_to(world: World, operator: PlainBrowser) -> None:
    member, channel = await world.member(name="watched"), await world.channel()
    async with await world.connect(member) as session:
        await session.ask("subscribe", topics=[channel], keys=[member.text], messages=[b64(b"m" * 32)])
        page = await in_thread(operator.ask, "/console/sessions/?q=watched")
        assert ">watched<" in page[2]
        (path,) = await in_thread(lambda: re.findall(r'href="(/console/sessions/[0-9a-f]+/)"', page[2]))
        detail = (await in_thread(operator.ask, path))[2]
        assert "#channel" in detail
        assert b64(b"m" * 32) in detail
        for name in ("subscribed_to_topics", "subscribed_to_keys", "subscribed_to_messages"):
            assert f"<code>{name}</code> <small>1</small>" in detail
        assert session.result["session"] not in detail, "a session's handle is its own"
        people = (await in_thread(operator.ask, "/console/peers/account/?q=watched"))[2]
        assert 'data-label="Live" class="number">1<' in people
        assert (await in_thread(operator.ask, "/console/sessions/?export=1"))[2].count("\n") >= 2


async def test_ending_a_session_closes_it_within_a_second(world: World, operator: PlainBrowser) -> None:
    member = await world.member(name="ended")
    session = await world.connect(member)
    page = (await in_thread(operator.ask, "/console/sessions/?q=ended"))[2]
    (sid,) = re.findall(r'href="/console/sessions/([0-9a-f]+)/"', page)
    await in_thread(operator.post, f"/console/do/end-session/{sid}/", confirmed="1")
    assert await session.closed() == 1000
    await session.leave()
    async with await world.connect(member):
        pass  # it may come back
    assert f"session {sid}" in (await in_thread(operator.ask, "/console/peers/auditentry/"))[2]


async def test_a_refused_device_is_closed_and_stays_out(world: World, operator: PlainBrowser) -> None:
    member, device = await world.member(name="refused"), Key()
    session = await world.connect(member, client=device)
    page = (await in_thread(operator.ask, "/console/sessions/?q=refused"))[2]
    (sid,) = re.findall(r'href="/console/sessions/([0-9a-f]+)/"', page)
    await in_thread(operator.post, f"/console/do/refuse-session/{sid}/", reason="stolen", confirmed="1")
    assert await session.closed() == 4403
    await session.leave()
    with pytest.raises(Refused) as refusal:
        await world.connect(member, client=device)
    assert refusal.value.frame["code"] == "unauthorized"
    async with await world.connect(member):  # another device of the same person
        pass
    blocks = (await in_thread(operator.ask, "/console/console/block/"))[2]
    assert b64(device.public) in blocks
    pk = re.findall(r"/console/console/block/(\d+)/change/", blocks)[0]
    await in_thread(operator.post, f"/console/do/lift/{pk}/", confirmed="1")
    async with await world.connect(member, client=device):
        pass


async def test_a_refused_certificate_is_closed_and_stays_out(world: World, operator: PlainBrowser) -> None:
    member, device = await world.member(name="onecert"), Key()
    cert = certificate(member, device, world.key)
    session = await world.connect(member, client=device, cert=cert)
    page = (await in_thread(operator.ask, "/console/peers/certificate/?q=onecert"))[2]
    pk = re.findall(r"/console/peers/certificate/(\d+)/change/", page)[0]
    await in_thread(operator.post, f"/console/do/refuse-certificate/{pk}/", reason="", confirmed="1")
    assert await session.closed() == 4403
    await session.leave()
    with pytest.raises(Refused):
        await world.connect(member, client=device, cert=cert)
    async with await world.connect(member, client=device):  # under another certificate
        pass


async def test_live_sessions_learn_of_a_notice_and_a_channel(world: World, operator: PlainBrowser) -> None:
    member = await world.member()
    async with await world.connect(member) as session:
        (lounge,) = [name for name, row in (await session.topics()).items() if row.get("name") == "lounge"]
        await session.ask("subscribe", topics=[lounge])
        pk = world.rows("SELECT id FROM messaging_topic WHERE name = 'lounge'")[0][0]
        fields = {"channel": str(pk), "text": "tea at five", "confirmed": "1"}
        await in_thread(operator.post, "/console/do/notice/", **fields)
        await in_thread(operator.post, "/console/do/open-channel/", name="garden", about="", confirmed="1")
        await session.until(lambda: any("tea at five" in str(body) for body in bodies(session)))
        await session.until(lambda: any(frame.get("name") == "garden" for frame in session.frames))


def bodies(session: Connection) -> list[str]:
    import base64

    found = []
    for frame in session.frames:
        for item in frame.get("messages", []):
            if body := item["message"].get("body"):
                found.append(base64.urlsafe_b64decode(body + "==").decode())
    return found


async def test_an_export_is_streamed(world: World, operator: PlainBrowser) -> None:
    member, channel = await world.member(name="talker"), await world.channel()
    async with await world.connect(member) as session:
        await session.store(*(text(member, channel, f"number {number}") for number in range(90)))
    _, headers, found = await in_thread(operator.ask, "/console/messaging/message/export/?q=talker")
    assert found.count("\n") == 91
    assert "number 1" not in found
    assert headers["content-disposition"].startswith("attachment")
    assert "content-length" not in headers
    assert (await in_thread(operator.ask, "/console/peers/account/export/"))[2].count("\n") > 2


def test_ready_and_counting(world: World, operator: PlainBrowser) -> None:
    status, _, body = operator.ask("/readyz")
    assert (status, json.loads(body)["status"]) == (200, "ready")
    numbers = operator.ask("/metrics")[2]
    assert re.search(r'accord_logins_total\{result="admin"\} [1-9]', numbers)
    assert re.search(r"accord_messages_stored_total [1-9]", numbers)
    assert "accord_task_runs_total" in numbers
    wait_until(lambda: "has not run yet" not in operator.ask("/console/tasks/")[2], what="every task has run")
    assert "failed" not in operator.ask("/console/tasks/?q=console")[2].split("<tbody>")[1]


def test_another_process_sees_a_setting(world: World, operator: PlainBrowser) -> None:
    name = f"Hub {time.time_ns()}"
    operator.post("/console/settings/", name="hub_name", value=name)
    assert json.loads(operator.ask("/.well-known/accord")[2])["name"] == name
    code = (
        "import django; django.setup(); from console import services; "
        "services.option_set(name='hub_name', text='From elsewhere', now=1)"
    )
    done = run_command(world.home, "shell", "-c", code)
    assert done.returncode == 0, done.stderr
    wait_until(
        lambda: json.loads(operator.ask("/.well-known/accord")[2])["name"] == "From elsewhere",
        what="the hub follows",
    )


def test_a_session_survives_a_restart(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with start_hub(home) as hub:
        link = re.findall(r"http://\S+/console/enter#\S+", hub.output)[0]
        browser = PlainBrowser(hub.url)
        browser.enter(link)
        assert browser.ask("/console/")[0] == 200
    assert (home / "console.key").stat().st_mode & 0o777 == 0o600
    with start_hub(home) as hub:
        browser.url = hub.url
        assert browser.ask("/console/")[0] == 200
        assert PlainBrowser(hub.url).post("/console/enter", secret=link.partition("#")[2])[0] == 403


def test_the_way_back_in_without_the_second_factor(world: World, operator: PlainBrowser) -> None:
    done = run_command(world.home, "console_reset_factor")
    assert done.returncode == 0, done.stderr
    assert operator.ask("/console/")[0] == 302
    again = PlainBrowser(origin(world))
    again.enter(console_link(world.home))


def test_a_link_without_a_hub_names_where_it_will_be(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert run_command(home, "migrate", "--verbosity=0").returncode == 0
    assert console_link(home).startswith("http://127.0.0.1:51030/console/enter#")
    done = run_command(home, "console_link", ACCORD_URL="https://hub.example")
    assert "https://hub.example/console/enter#" in done.stdout
    assert "once" in done.stdout
