"""Archives and bundles that are not what they say: the bad part is left out and named, the rest is read."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from accord.encoding import b64encode
from accord.topics import Topic, parse_topic
from messaging import trees
from messaging.archive.bundles import bundle_write
from messaging.archive.layout import ArchiveError
from messaging.archive.reading import Taken, archive_read, bundle_read
from messaging.archive.writing import archive_write
from messaging.models import Message
from messaging.models import Topic as TopicRow
from messaging.services import messages_burn
from peers.clock import now_ms
from tests.factories import MINUTE_MS, Hub, deletion, envelope, feed, ident_of, person, take
from tests.hubs import migrated_home, run_command
from tests.irc_logs import write_logs

pytestmark = pytest.mark.django_db(transaction=True)


def quietly(done: int) -> None:
    """Nobody looks at the progress."""


def read(folder: Path) -> Taken:
    return archive_read(folder, progress=quietly)


def write(folder: Path) -> dict[str, str]:
    archive_write(folder, now=now_ms(), progress=quietly)
    current: dict[str, str] = json.loads((folder / "current").read_text())
    return current


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An archive and a bundle of another hub, with some hundred messages in a channel."""
    folder = tmp_path_factory.mktemp("foreign")
    home = folder / "home"
    shutil.copytree(migrated_home(), home)
    write_logs(folder / "logs", files=1, lines=120, seed=3)
    for command in (
        ["import_irc", str(folder / "logs"), "--channel", "ubuntu"],
        ["export_archive", str(folder / "archive")],
        ["export_bundle", str(folder / "bundle")],
    ):
        done = run_command(home, *command)
        assert done.returncode == 0, done.stderr
    return folder / "archive", folder / "bundle"


def _cut_line(archive: Path, data: Path) -> None:
    data.write_bytes(b"".join(data.read_bytes().splitlines(keepends=True)[:-1]))


def _cut_byte(archive: Path, data: Path) -> None:
    data.write_bytes(data.read_bytes()[:-1])


def _link(archive: Path, data: Path) -> None:
    data.rename(archive.with_name("elsewhere"))
    data.symlink_to(archive.with_name("elsewhere"))


def _fifo(archive: Path, data: Path) -> None:
    data.unlink()
    os.mkfifo(data)


def _giant_line(archive: Path, data: Path) -> None:
    with data.open("ab") as file:
        file.write(b"x" * 3_000_000)


def _deep_line(archive: Path, data: Path) -> None:
    with data.open("ab") as file:
        file.write(b"[" * 100_000 + b"\n")


def _double_line(archive: Path, data: Path) -> None:
    lines = data.read_bytes().splitlines(keepends=True)
    data.write_bytes(b"".join([lines[0], *lines]))


def _other_topic(archive: Path, data: Path) -> None:
    current = json.loads((archive / "current").read_text())
    root = data.parent.name
    (topic,) = (topic for topic, held in current.items() if held == root)
    current["chan:" + b64encode(bytes(32))] = current.pop(topic)
    (archive / "current").write_text(json.dumps(current))


SPOILERS = [_cut_line, _cut_byte, _link, _fifo, _giant_line, _deep_line, _double_line, _other_topic]


@pytest.mark.parametrize("spoil", SPOILERS, ids=lambda spoil: spoil.__name__[1:])
def test_a_spoiled_topic_is_left_out_and_the_rest_is_read(
    spoil: Callable[[Path, Path], None], hub: Hub, foreign: tuple[Path, Path], tmp_path: Path
) -> None:
    archive = tmp_path / "archive"
    shutil.copytree(foreign[0], archive)
    data = max(archive.glob("database/*/data"), key=lambda path: path.stat().st_size)
    spoil(archive, data)
    taken = read(archive)
    assert len(taken.broken) == 1
    assert str(data) in taken.broken[0]
    assert not Message.objects.filter(type="import.text").exists()
    assert TopicRow.objects.exclude(hub=None).count() == 2  # the openings have been read: lounge and #ubuntu


@pytest.mark.parametrize("name", ["../../etc/passwd", "chan:..", "/", "AAAA"])
def test_names_that_lead_elsewhere_are_none(name: str, hub: Hub, foreign: tuple[Path, Path], tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    shutil.copytree(foreign[0], archive)
    (archive / "current").write_text(json.dumps({next(iter(json.loads((archive / "current").read_text()))): name}))
    with pytest.raises(ArchiveError):
        read(archive)


def test_what_nobody_signed_is_refused(hub: Hub, foreign: tuple[Path, Path], tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    shutil.copytree(foreign[0], archive)
    data = max(archive.glob("database/*/data"), key=lambda path: path.stat().st_size)
    lines = data.read_bytes().splitlines(keepends=True)
    first = json.loads(lines[0])
    first["sig"] = json.loads(lines[1])["sig"]
    data.write_bytes(b"".join([json.dumps(first).encode() + b"\n", *lines[1:]]))  # the root is the same
    taken = read(archive)
    assert taken.refused == {"bad_sig": 1}
    assert taken.broken == []
    assert Message.objects.filter(type="import.text").count() == len(lines) - 1


def test_what_burned_or_was_deleted_leaves_the_archive(hub: Hub, tmp_path: Path) -> None:
    ada = person("ada")
    now = now_ms()
    assert take(hub.add_user(hub.admin, ada.public, "ada", created_at=now), now=now) == ["stored"]
    said = envelope(ada, hub.lounge, "to be deleted", created_at=now)
    burning = envelope(ada, "feed", "to be burned", created_at=now, burn_at=now + 20 * MINUTE_MS)
    assert take(said, burning, now=now) == ["stored", "stored"]
    folder = tmp_path / "archive"
    before = write(folder)
    assert feed(ada).name in before
    assert take(deletion(ada, hub.lounge, ident_of(said), created_at=now), now=now) == ["stored"]
    messages_burn(now=now + 20 * MINUTE_MS)
    after = write(folder)
    assert after[hub.lounge.name] != before[hub.lounge.name]
    assert feed(ada).name not in after
    assert {path.name for path in (folder / "database").iterdir()} == set(after.values())
    files = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for value in (said, burning):
        assert value["body"].encode() not in files


def test_a_folder_of_something_else_is_left_alone(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "photo").write_text("not an archive")
    with pytest.raises(ArchiveError, match="neither empty nor an archive"):
        write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["photo"]


def test_a_bundle_is_checked_whole_before_anything_is_taken(
    hub: Hub, foreign: tuple[Path, Path], tmp_path: Path
) -> None:
    lines = foreign[1].read_bytes().splitlines(keepends=True)
    spoiled = tmp_path / "spoiled"
    for broken in (lines[:-1], [*lines[:-2], lines[-1]], [lines[1], lines[0], *lines[2:]], []):
        spoiled.write_bytes(b"".join(broken))
        with pytest.raises(ArchiveError, match="no whole bundle"):
            bundle_read(spoiled, progress=quietly)
    assert not Message.objects.filter(type="import.text").exists()


def test_a_bundle_brings_no_direct_messages(hub: Hub, tmp_path: Path) -> None:
    now = now_ms()
    ada, bob = person("ada"), person("bob")
    for name, key in (("ada", ada), ("bob", bob)):
        assert take(hub.add_user(hub.admin, key.public, name, created_at=now), now=now) == ["stored"]
    whispered = envelope(ada, Topic("user", bob.public), "between us", created_at=now)
    said = envelope(ada, hub.lounge, "to all", created_at=now)
    assert take(whispered, said, now=now) == ["stored", "stored"]
    path = tmp_path / "bundle"
    bundle_write(path, since={}, only=None, now=now, progress=quietly)
    assert said["body"].encode() in path.read_bytes()
    assert whispered["body"].encode() not in path.read_bytes()
    assert b"add_user" not in path.read_bytes()


def test_a_bundle_holds_what_came_after_a_root(hub: Hub, tmp_path: Path) -> None:
    now = now_ms()
    ada = person("ada")
    assert take(hub.add_user(hub.admin, ada.public, "ada", created_at=now), now=now) == ["stored"]
    first = envelope(ada, hub.lounge, "first", created_at=now)
    assert take(first, now=now) == ["stored"]
    known = trees.root(parse_topic(hub.lounge.name), now=now)
    second = envelope(ada, hub.lounge, "second", created_at=now + 1)
    assert take(second, now=now) == ["stored"]
    path = tmp_path / "bundle"
    done = bundle_write(path, since={hub.lounge: known.root}, only=hub.lounge, now=now, progress=quietly)
    assert done.messages == 1
    assert second["body"].encode() in path.read_bytes()
    assert first["body"].encode() not in path.read_bytes()
