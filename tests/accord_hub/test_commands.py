"""The hub's commands as an operator meets them: real processes."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from websockets.sync.client import connect

from accord.encoding import b64decode, b64encode
from accord.invites import parse_link
from accord.keys import SigningKey, fingerprint
from accord_hub import home as home_module
from tests.hubs import HubProcess, ports_needed, run_command, wait_until

SERVERS = ("hub", "runserver")
LINK = re.compile(r"accord join '(\S+)'")

Start = Callable[..., HubProcess]


def modes(home: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()}


def assert_one_clear_line(done: object, *words: str) -> None:
    stderr = done.stderr  # type: ignore[attr-defined]
    assert done.returncode == 1, stderr  # type: ignore[attr-defined]
    assert len(stderr.strip().splitlines()) == 1, stderr
    for word in words:
        assert word in stderr


@pytest.mark.parametrize("server", SERVERS)
def test_start_tells_what_one_needs(start: Start, home: Path, server: str) -> None:
    hub = start(server)
    assert hub.facts.keys() == {"url", "ws", "port", "key", "pid"}
    assert hub.facts["pid"] == hub.process.pid
    assert hub.url == f"http://127.0.0.1:{hub.port}"
    assert hub.ws == f"ws://127.0.0.1:{hub.port}/ws/peer"
    assert hub.port in home_module.PORTS
    public = SigningKey(b64decode((home / "hub.key").read_text().strip())).public
    assert b64decode(hub.key) == public

    wait_for_welcome(hub)
    assert hub.url in hub.output
    assert fingerprint(public) in hub.output
    link = parse_link(LINK.findall(hub.output)[0])
    assert link.origin == hub.url
    assert link.hub == public
    assert "\x1b" not in hub.output

    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert set(modes(home).values()) == {0o600}
    assert {"hub.sqlite3-wal", "hub.lock", "hub.json", "first_invite"} <= modes(home).keys()


def test_migrate_makes_a_private_home(tmp_path: Path) -> None:
    home = tmp_path / "not" / "there" / "yet"
    done = run_command(home, "migrate", "--verbosity=0")
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert set(modes(home).values()) == {0o600}


def test_public_url(start: Start) -> None:
    hub = start(ACCORD_URL="https://hub.example")
    assert hub.url == "https://hub.example"
    assert hub.ws == "wss://hub.example/ws/peer"
    wait_for_welcome(hub)
    assert parse_link(LINK.findall(hub.output)[0]).origin == "https://hub.example"


def test_second_hub_is_refused(hub: HubProcess) -> None:
    other = "runserver" if "hub" in hub.process.args else "hub"
    done = run_command(hub.home, other)
    assert_one_clear_line(done, "running already", str(hub.home))
    assert hub.process.poll() is None
    assert (hub.home / "hub.json").exists()


def test_lock_and_not_hub_json_decides(start: Start, home: Path) -> None:
    first = start()
    first.kill()
    assert json.loads((home / "hub.json").read_text())["pid"] == first.pid
    assert json.loads(run_command(home, "status", "--json").stdout)["running"] is False
    second = start("runserver")
    assert second.facts["pid"] == second.process.pid


def test_no_free_port(home: Path) -> None:
    with contextlib.ExitStack() as stack:
        stack.enter_context(ports_needed(all_of_them=True))
        for _ in range(10):
            for port in home_module.PORTS:
                with contextlib.suppress(home_module.ServeError):
                    stack.enter_context(home_module.listen(ports=[port]))
            try:
                done = run_command(home, "hub", seconds=25)
                break
            except (
                subprocess.TimeoutExpired
            ):  # another hub of this machine has let go of its port, and this one took it
                (home / "hub.json").unlink(missing_ok=True)
    assert_one_clear_line(done, "no free port", "51030-51042")
    assert not (home / "hub.json").exists()


def test_given_port(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert_one_clear_line(run_command(home, "runserver", "--noreload", f"127.0.0.1:{port}"), str(port), "in use")


@pytest.mark.parametrize("command", ["hub", "runserver", "migrate"])
def test_home_that_is_a_file(tmp_path: Path, command: str) -> None:
    home = tmp_path / "home"
    home.write_text("a file")
    assert_one_clear_line(run_command(home, command), str(home))


@pytest.mark.parametrize("command", ["runserver", "invite"])
def test_database_without_tables(tmp_path: Path, command: str) -> None:
    assert_one_clear_line(run_command(tmp_path / "home", command), "manage.py migrate")


def test_key_that_others_can_read(home: Path) -> None:
    (home / "hub.key").write_text(b64encode(bytes(32)))
    (home / "hub.key").chmod(0o644)
    assert_one_clear_line(run_command(home, "hub"), "hub.key", "can be read by others")


def unread_socket(hub: HubProcess) -> socket.socket:
    """A WebSocket whose client has asked for megabytes of pongs and reads none."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(2)
    client.connect(("127.0.0.1", hub.port))
    client.sendall(
        b"GET /ws/peer HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    assert client.recv(12) == b"HTTP/1.1 101"
    ping = bytes([0x89, 0x80 | 125]) + bytes(4 + 125)
    with contextlib.suppress(TimeoutError):
        for _ in range(40):
            client.sendall(ping * 1000)
    return client


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_stops_in_time_whatever_clients_do(start: Start, home: Path, server: str, signal_number: int) -> None:
    hub = start(server)
    with (
        unread_socket(hub),
        socket.create_connection(("127.0.0.1", hub.port)) as half_open,
        connect(hub.ws, proxy=None) as reader,
    ):
        half_open.sendall(b"GET / HTTP/1.1\r\nHost: 127")
        assert hub.stop(signal_number) == 0
        with pytest.raises(Exception, match="1012"):
            reader.recv(timeout=60)
    assert not (home / "hub.json").exists()
    assert "Traceback" not in hub.output
    assert " ERROR " not in hub.output


def wait_for_welcome(hub: HubProcess, starts: int = 1) -> None:
    wait_until(lambda: hub.output.count("Ctrl-C") == starts, what="the welcome is printed")


def test_first_invite_stays_the_same(start: Start, home: Path) -> None:
    for starts, server in enumerate(SERVERS, 1):
        hub = start(server)
        wait_for_welcome(hub, starts)
        hub.stop()
    first, second = (parse_link(link) for link in LINK.findall(hub.output))
    assert first.secret == second.secret
    assert parse_link((home / "first_invite").read_text()).secret == first.secret


def change_invites(home: Path, change: str) -> None:
    with contextlib.closing(sqlite3.connect(home / "hub.sqlite3")) as database, database:
        database.execute(f"UPDATE peers_account SET {change} WHERE kind = 'temp'")  # noqa: S608 - this file's own


def expired_invites(home: Path) -> int:
    with contextlib.closing(sqlite3.connect(home / "hub.sqlite3")) as database:
        (count,) = database.execute("SELECT count(*) FROM peers_account WHERE expires_at = 1").fetchone()
    return int(count)


def test_first_invite_expires_is_renewed_and_at_last_used(start: Start, home: Path) -> None:
    start().stop()
    for server in SERVERS:
        before = (home / "first_invite").read_text()
        change_invites(home, "expires_at = 1")
        with start(server):
            assert (home / "first_invite").read_text() != before
            wait_until(lambda: not expired_invites(home), what="Celery removes the expired account")
    change_invites(home, "kind = 'real', expires_at = NULL")
    with start() as hub:
        wait_until(lambda: "manage.py invite" in hub.output, what="the hub says how to invite")
    assert not (home / "first_invite").exists()


def test_invite_beside_a_running_hub(hub: HubProcess) -> None:
    before = time.time() * 1000
    done = run_command(hub.home, "invite", "--json", "--invites=7")
    assert done.returncode == 0, done.stderr
    value = json.loads(done.stdout)
    assert value.keys() == {"link", "expires", "people"}
    link = parse_link(value["link"])
    assert link.origin == hub.url
    assert link.hub == b64decode(hub.key)
    assert 71 * 3600_000 < value["expires"] - before < 73 * 3600_000


def test_invite_without_a_running_hub(home: Path) -> None:
    done = run_command(home, "invite")
    assert done.returncode == 0, done.stderr
    assert parse_link(LINK.findall(done.stdout)[0]).origin == "http://127.0.0.1:51030"
    assert "█" in done.stdout
    with contextlib.closing(sqlite3.connect(home / "hub.sqlite3")) as database:
        granted = database.execute(
            "SELECT granted FROM invites_balance JOIN peers_account a ON account_id = a.id WHERE kind = 'temp'"
        ).fetchall()
    assert granted == [(3,)]


def test_invite_beyond_what_the_admin_has(home: Path) -> None:
    assert_one_clear_line(run_command(home, "invite", "--invites=1000"), "not enough invites")
    assert run_command(home, "invite", "--invites=-1").returncode != 0


def test_status(hub: HubProcess) -> None:
    with connect(hub.ws, proxy=None):
        status = json.loads(run_command(hub.home, "status", "--json").stdout)
    assert status.pop("url") == hub.url
    assert status.pop("running") is True
    assert status.pop("mode") == "full"
    assert status.keys() == {"messages", "accounts", "bytes", "sockets"}
    assert all(type(value) is int for value in status.values())


def test_status_without_a_running_hub(home: Path) -> None:
    status = json.loads(run_command(home, "status", "--json").stdout)
    assert status == {"running": False, "mode": "full", "messages": 0, "accounts": 0, "bytes": 0, "sockets": 0}
    assert run_command(home, "status").stdout.splitlines()[0] == "running   no"
