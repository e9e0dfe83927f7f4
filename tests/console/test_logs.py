"""The log: lines or JSON, and no secret in it, whatever happens."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from accord_hub.logs import JsonFormatter, LineFormatter, request_id
from tests.console.browser import PlainBrowser, console_link
from tests.e2e.plain_client import Key, Refused, b64, join, text
from tests.e2e.world import World
from tests.hubs import run_command, start_hub, wait_until

WORDS = "words-that-are-in-no-log"
PHRASE = "a-phrase-that-opens-backups"


def record(name: str = "accord", message: str = "done %d", *arguments: Any, **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.WARNING, "x.py", 1, message, arguments or (7,), None)
    made.__dict__.update(extra)
    return made


def test_json_lines_are_whole_and_hold_the_known_fields() -> None:
    token = request_id.set("abc")
    try:
        line = JsonFormatter().format(record(route="/x", status=200, ms=1.5, secret="hidden", request=object()))
    finally:
        request_id.reset(token)
    value = json.loads(line)
    assert "\n" not in line
    assert {name: value[name] for name in ("level", "logger", "message", "route", "status", "ms", "request")} == {
        "level": "warning",
        "logger": "accord",
        "message": "done 7",
        "route": "/x",
        "status": 200,
        "ms": 1.5,
        "request": "abc",
    }
    assert "hidden" not in line


def test_a_traceback_stays_in_its_line() -> None:
    made = record()
    try:
        raise ValueError("x")
    except ValueError:
        made.exc_info = sys.exc_info()
    line = JsonFormatter().format(made)
    assert "\n" not in line
    assert "ValueError" in json.loads(line)["traceback"]
    assert "ValueError" in LineFormatter().format(made)


def test_lines_for_people() -> None:
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d [\d:,]+ WARNING accord: done 7 \[user=ABCD\]", LineFormatter().format(record(user="ABCD"))
    )


@pytest.mark.parametrize("formatter", [JsonFormatter(), LineFormatter()])
def test_addresses_that_django_names_are_left_out(formatter: logging.Formatter) -> None:
    line = formatter.format(record("django.request", "%s: %s", "Internal Server Error", f"/x/{WORDS}"))
    assert "Internal Server Error" in line
    assert WORDS not in line


@pytest.mark.e2e
async def test_a_busy_hub_logs_no_secret(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with start_hub(home, ACCORD_LOG="json") as process:
        world = World.of(home, process)
        secrets = await _be_busy(world, process.url)
        told = await asyncio.to_thread(_told, process.url)
    output = process.output
    welcome, _, _ = output.partition("Stop the hub with Ctrl-C.")
    secrets |= set(re.findall(r"#([A-Za-z0-9_-]{43})", welcome))  # printed for the operator, who asked for it
    lines = [line for line in output.splitlines() if line.startswith("{")]
    values = [json.loads(line) for line in lines]
    assert {"accord_hub.middleware", "peers.consumer", "peers.audit"} <= {value["logger"] for value in values}
    assert not [value for value in values if value["level"] == "error"], lines
    routes = {value.get("route") for value in values}
    assert {"/console/enter", "/console/", "/metrics", "none"} <= routes
    assert all(re.fullmatch(r"([\w-]{3,4} ?)+", value["user"]) for value in values if "user" in value)
    log = "\n".join(lines)
    secrets |= {(home / name).read_text(encoding="utf-8").strip() for name in ("hub.key", "admin.key", "console.key")}
    assert len(secrets) > 15
    for secret in secrets:
        assert len(secret) >= 6
        assert secret not in log
        assert secret not in told
        assert secret not in output.replace(welcome, "")


async def _be_busy(world: World, url: str) -> set[str]:
    """Do a little of everything; gives every secret that was used."""
    secrets = {WORDS}
    link = await asyncio.to_thread(world.invite)
    newcomer = Key()
    await join(link, newcomer, "newcomer")
    secrets |= {link.partition("#")[2].partition(".")[0], b64(newcomer.seed)}
    member, channel = await world.member(), await world.channel()
    async with await world.connect(member) as session:
        await session.store(text(member, channel, WORDS))
        await session.outcome({"header": {}, "sig": WORDS})
        await session.send("signal", to=channel, body={"words": WORDS})
        secrets |= {session.result["session"], (await session.ask("token"))["token"]}
    with pytest.raises(Refused):
        await world.connect(Key())  # a key without an account
    secrets |= await asyncio.to_thread(_be_an_operator, world.home, url)
    return secrets


def _told(url: str) -> str:
    """What monitoring reads."""
    return "".join(PlainBrowser(url).ask(path)[2] for path in ("/metrics", "/healthz", "/readyz"))


def _be_an_operator(home: Path, url: str) -> set[str]:
    browser = PlainBrowser(url)
    link = console_link(home)
    browser.enter(link)
    secrets = {link.partition("#")[2], *(cookie.value or "" for cookie in browser.jar)}
    phrase = home.parent / "phrase"
    phrase.write_text(f"{PHRASE}\n", encoding="utf-8")
    phrase.chmod(0o600)
    browser.post("/console/settings/", name="backup_passphrase_file", value=str(phrase))
    browser.post("/console/do/backup/", confirmed="1")
    wait_until((home / "drill.secret").exists, what="a backup has been made")
    secrets |= {PHRASE, json.loads((home / "drill.secret").read_text(encoding="utf-8"))["key"]}
    for path in ("/console/", "/console/messaging/message/", f"/nowhere/{WORDS}?x={WORDS}", "/metrics"):
        browser.ask(path)
    browser.ask("/metrics", Authorization=f"Bearer {WORDS}")
    browser.ask("/console/enter", {"secret": WORDS})
    token = re.findall(r'class="secret"[^>]*>([^<]+)<', browser.post("/console/do/metrics-token/", confirmed="1")[2])[0]
    browser.post("/console/do/notice/", channel="1", text=WORDS, confirmed="1")
    browser.post("/console/factors/", step="begin")
    page = browser.ask("/console/factors/?app=1")[2]
    app = re.findall(r'class="secret">([^<]+)<', page)[0].replace(" ", "")
    assert base64.b32decode(app)
    browser.post("/console/factors/", step="confirm", code="123456")
    done = run_command(home, "console_link")
    other = re.findall(r"#(\S+)", done.stdout)[0]
    return secrets | {token, app, other} - {""}
