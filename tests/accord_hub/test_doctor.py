"""`manage.py doctor` against homes that are broken, each in its own way."""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
from django.core.management import call_command

from accord.encoding import b64encode
from accord_hub.doctor import outside, places, program, stored
from accord_hub.doctor.findings import Finding
from messaging.models import BackupRun, Topic
from peers import options
from peers.clock import now_ms
from peers.keyring import keyring
from tests.factories import Hub, envelope, install, store
from tests.hubs import run_command


def codes(*checks: Callable[[], Iterator[Finding]]) -> set[str]:
    found = [finding for check in checks for finding in check()]
    assert all(finding.says.endswith((".", ")")) and finding.mend for finding in found), found
    return {finding.code for finding in found}


@pytest.fixture
def place(tmp_path: Path, settings: Any) -> Path:
    """A home with keys, as far as files go."""
    path = tmp_path / "home"
    path.mkdir(mode=0o700)
    for name in (*places.KEYS, "hub.sqlite3"):
        (path / name).write_text(f"{b64encode(bytes(32))}\n")
        (path / name).chmod(0o600)
    settings.ACCORD_HOME = path
    return path


FILES = (places.home_there, places.rights, places.keys, places.leftovers)


def test_a_home_in_order(place: Path) -> None:
    assert codes(*FILES, program.python, program.packages) == set()


def test_homes_that_cannot_be_used(place: Path, settings: Any) -> None:
    settings.ACCORD_HOME = place / "none"
    assert codes(places.home_there) == {"home.missing"}
    settings.ACCORD_HOME = place / "hub.key"
    assert codes(places.home_there) == {"home.no_folder"}
    settings.ACCORD_HOME = place
    (place / "restoring").mkdir()
    assert codes(places.home_there) == {"home.restoring"}


def test_files_that_others_can_read(place: Path) -> None:
    place.chmod(0o755)
    (place / "hub.sqlite3").chmod(0o644)
    assert codes(*FILES) == {"home.open", "file.open"}


def test_keys_that_are_none(place: Path) -> None:
    (place / "secret.key").write_text("not a key")
    (place / "hub.key").unlink()
    assert codes(*FILES) == {"key.broken", "key.missing"}
    (place / "hub.sqlite3").unlink()
    assert codes(*FILES) == {"key.broken"}, "without a database the keys are made at the first start"


def test_what_crashes_leave(place: Path) -> None:
    (place / "hub.json").write_text("{}")
    (place / "hub.json").chmod(0o600)
    (place / "drill").mkdir()
    assert codes(*FILES) == {"home.stale", "drill.left"}


def test_a_disk_that_is_full(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(place)
    for free, code in ((usage.total, set()), (10**9, {"disk.filling"}), (10**6, {"disk.full"})):
        monkeypatch.setattr(shutil, "disk_usage", lambda path, free=free: usage._replace(free=free))
        assert codes(places.disk) == code


def test_packages_that_were_not_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "_pins", lambda: {"django": "1.0"})
    monkeypatch.setattr(program, "_needed", lambda: ["Django", "no-such-package-at-all"])
    assert codes(program.packages) == {"packages.missing", "packages.other"}


@pytest.fixture
def hub(transactional_db: None) -> Iterator[Hub]:
    """A fresh hub in the test database."""
    yield install()
    options.load({})


STORED = (stored.database, stored.totals_and_trees, stored.ledger, stored.audit_log, stored.room_left, stored.jobs)


def test_what_is_stored(hub: Hub) -> None:
    ann = hub.member("ann")
    store(envelope(ann, hub.lounge, "hello", created_at=now_ms()), now=now_ms())
    assert codes(*STORED, program.migrations, outside.clock) == set()
    assert codes(stored.backups) == {"backup.none"}
    Topic.objects.filter(kind="chan").update(count=7)
    assert codes(*STORED) == {"store.wrong"}


def test_backups_that_fail(hub: Hub) -> None:
    from messaging.backup.keys import pair_create

    options.load({"backup_key": pair_create()[0]})
    assert codes(stored.backups) == set()
    BackupRun.objects.create(kind="backup", started_at=1, ended_at=1, error="the disk is full")
    assert codes(stored.backups) == {"backup.failing"}


def test_a_clock_that_is_behind(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = hub.member("ann")
    store(envelope(ann, hub.lounge, "hello", created_at=now_ms()), now=now_ms())
    monkeypatch.setattr(outside, "now_ms", lambda: now_ms() - 3_600_000)
    assert codes(outside.clock) == {"clock.behind"}


def test_an_address_that_leads_nowhere(settings: Any) -> None:
    settings.ACCORD_URL = "http://no-such-host.invalid"
    assert codes(outside.address) == {"url.clear", "url.unknown"}


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, b"", "proxy.host"),
        (502, b"Bad gateway", "proxy.other"),
        (200, b"<html>", "proxy.other"),
        (200, b'{"hub":"another"}', "proxy.wrong_hub"),
        (200, b"", ""),
        (0, b"", "url.silent"),
    ],
)
def test_what_answers_at_the_address(status: int, body: bytes, code: str) -> None:
    body = body or orjson.dumps({"hub": b64encode(keyring().hub.public)})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        url = urlsplit(f"http://127.0.0.1:{server.server_port}")
        if not status:
            server.server_close()
        thread = threading.Thread(target=server.handle_request if status else lambda: None)
        thread.start()
        assert codes(lambda: outside._reached(url)) == ({code} if code else set())
        thread.join()


def said(home: Path, code: int) -> set[str]:
    done = run_command(home, "doctor", "--json")
    assert (done.returncode, done.stderr) == (code, ""), done.stdout
    return {finding["code"] for finding in json.loads(done.stdout)["findings"]}


def test_the_command_on_real_homes(tmp_path: Path, home: Path) -> None:
    assert said(tmp_path / "none", 2) == {"home.missing"}
    assert not (tmp_path / "none").exists()
    assert run_command(home, "init", "--name", "Doctored").returncode == 0
    assert said(home, 1) <= {"backup.none", "disk.filling"}
    with closing(sqlite3.connect(home / "hub.sqlite3")) as database, database:
        row = "INSERT INTO django_migrations (app, name, applied) VALUES ('messaging', '9999_later', '2030-01-01')"
        database.execute(row)
    assert "database.newer" in said(home, 2)
    raw = (home / "hub.sqlite3").read_bytes()
    (home / "hub.sqlite3").write_bytes(raw[:4096] + b"\xff" * 8192 + raw[12288:])
    assert said(home, 2) & {"database.broken", "database.closed"}
    assert len(list(home.glob("*.key"))) == 4


def test_what_people_read(place: Path, settings: Any) -> None:
    settings.ACCORD_HOME = place / "none"
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", stdout=out)
    assert ended.value.code == 2
    assert "PROBLEM home.missing: There is no hub in" in out.getvalue()
    assert "-> manage.py init makes one" in out.getvalue()
