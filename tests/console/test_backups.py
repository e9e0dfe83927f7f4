"""Backups that are made by themselves: when, which are kept, the drill, the page about them."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from console.backups import OLD_MS, troubles
from console.models import Setting
from console.services import options_refresh
from messaging.backup import runs, schedule
from messaging.backup.keys import BackupError, pair_create, read_secret
from messaging.backup.restoring import backup_check
from messaging.backup.runs import STAMP, too_many
from messaging.models import BackupRun
from peers.clock import now_ms
from tests.console.browser import PlainBrowser, console_link
from tests.console.conftest import page
from tests.factories import Hub
from tests.hubs import start_hub, wait_until

HOUR_MS = 3600 * 1000


def set_up(**changed: str) -> str:
    """Let backups be made; gives the secret half of the key."""
    public, secret = pair_create()
    for name, value in {"backup_key": public, **changed}.items():
        Setting.objects.update_or_create(name=name, defaults={"value": value, "changed_at": 0})
    options_refresh()
    return secret


def ran(kind: str = "backup", *, ago: int = 0, error: str = "") -> None:
    at = now_ms() - ago
    BackupRun.objects.create(kind=kind, started_at=at, ended_at=at, path="/x/accord.backup", bytes=5_000, error=error)


# When


@pytest.mark.parametrize(
    ("now", "due"), [("2026-11-21 02:59", "2026-11-20 03:00"), ("2026-11-21 03:00", "2026-11-21 03:00")]
)
def test_a_backup_is_due_once_a_day(now: str, due: str) -> None:
    moments = [int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000) for text in (now, due)]
    assert schedule.last_slot(moments[0], 3) == moments[1]


def test_nothing_is_made_until_it_is_set_up(hub: Hub) -> None:
    assert not schedule.is_due(now_ms())
    set_up()
    assert schedule.is_due(now_ms())
    ran(ago=25 * HOUR_MS)
    assert schedule.is_due(now_ms())
    ran()
    assert not schedule.is_due(now_ms())
    ran(error="the disk is full")
    assert not schedule.is_due(now_ms())
    assert schedule.is_due(now_ms() + HOUR_MS + 1)


def test_two_are_not_made_at_once(hub: Hub) -> None:
    with runs.alone():
        assert runs.is_under_way()
        with pytest.raises(BackupError, match="under way"):
            schedule.start(BackupRun.Kind.DRILL)
    assert not runs.is_under_way()


# Which are kept


@given(st.lists(st.integers(0, 24 * 200), unique=True), st.integers(1, 10), st.integers(0, 10))
def test_days_and_weeks_are_kept(hours: list[int], daily: int, weekly: int) -> None:
    start = datetime(2026, 11, 21, 3, tzinfo=UTC)
    times = [start - timedelta(hours=hour) for hour in sorted(hours)]
    paths = [Path(f"/x/accord-00000000-{at:{STAMP}}.backup") for at in times]
    gone = too_many(paths, daily=daily, weekly=weekly)
    kept = [at for at, path in zip(times, paths, strict=True) if path not in gone]
    days, weeks = (len({f"{at:{form}}" for at in times}) for form in ("%Y-%m-%d", "%G-%V"))
    assert kept[:1] == times[:1], "the newest is always kept"
    assert min(days, daily) <= len(kept) <= min(days, daily) + min(weeks, weekly)
    assert len({f"{at:%G-%V}" for at in kept}) >= min(weeks, weekly)
    for path in gone:
        same_day = [at for at in kept if f"{at:%Y-%m-%d}" == path.name[16:26]]
        assert len(same_day) <= 1


def test_other_files_stay() -> None:
    assert too_many([Path("/x/accord-00000000-mine.backup")] * 3, daily=1, weekly=0) == []


# The page


def test_a_hub_without_backups_says_so(operator: Client, hub: Hub) -> None:
    text = page(operator, "/console/backups/")
    assert "No backups are made by themselves" in text
    assert "manage.py backup_key" in text
    assert "None has been made." in text
    assert "/console/do/backup/" not in text
    assert "No backups are made by themselves" in page(operator, "/console/")
    assert operator.post("/console/do/backup/", {"confirmed": "1"}).status_code == 302
    assert not BackupRun.objects.exists()


def test_what_is_wrong_is_told(operator: Client, hub: Hub) -> None:
    set_up()
    assert not list(troubles(now_ms()))
    ran(ago=OLD_MS + HOUR_MS)
    ran("drill", ago=3 * OLD_MS)
    assert [says.partition(" is from")[0] for says, _ in troubles(now_ms())] == [
        "The newest backup",
        f"No backup has been restored to try it since {says_when()}",
    ]
    ran(error="<the disk is full>")
    text = page(operator, "/console/backups/")
    assert "The last backup went wrong: &lt;the disk is full&gt;" in text
    assert "failed: &lt;the disk is full&gt;" in text
    assert "went wrong" in page(operator, "/console/")
    ran()
    ran("drill")
    assert not list(troubles(now_ms()))


def says_when() -> str:
    at = BackupRun.objects.get(kind="drill").started_at
    return f"{datetime.fromtimestamp(at / 1000, tz=UTC):%Y-%m-%d %H:%M:%S} UTC."


def test_a_setting_that_is_no_key_is_refused(operator: Client, hub: Hub) -> None:
    for name, value in (("backup_key", "accord-backup-public-slip"), ("backup_folder", "here")):
        assert operator.post("/console/settings/", {"name": name, "value": value}).status_code == 400
    assert not Setting.objects.exists()


@pytest.mark.e2e
def test_a_running_hub_backs_itself_up_and_tries_it(tmp_path: Path) -> None:
    """From the moment at which a key is made: a backup, a drill, a page that tells of both; one by the button. What
    is downloaded opens with what was shown.
    """
    home = tmp_path / "home"

    def done() -> list[tuple[str, str]]:
        with closing(sqlite3.connect(home / "hub.sqlite3", timeout=60)) as database:
            return database.execute("SELECT kind, error FROM messaging_backuprun ORDER BY id").fetchall()

    with start_hub(home) as process:
        browser = PlainBrowser(process.url)
        browser.enter(console_link(home))
        _, _, told = browser.post("/console/do/backup-key/", confirmed="1")
        (secret,) = re.findall(r"accord-backup-secret-[\w-]+", told)
        browser.post("/console/do/backup/", confirmed="1")
        wait_until(lambda: len(done()) >= 2, what="a backup and a drill")
        assert set(done()) == {("backup", ""), ("drill", "")}
        _, _, text = browser.ask("/console/backups/")
        assert "every topic has its root" in text
        assert not (home / "drill").exists()
        (address,) = set(re.findall(r'href="(/console/backups/file/[^"]+)"', text))
        copy = tmp_path / "copy.backup"
        copy.write_bytes(browser.download(address))
        assert len(backup_check(copy, read_secret(secret), progress=lambda *_: None).files) >= 3
        _, _, numbers = browser.ask("/metrics")
        assert 'accord_backup_last_good_seconds{kind="drill"}' in numbers
        assert 'accord_backup_failed{kind="backup"} 0.0' in numbers
    assert len(list((home / "backups").iterdir())) == 1
