"""Logs through the importer and out again: every spoken line once, whatever happens in between."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from django.core.management import CommandError, call_command

from accord.encoding import b64decode, b64encode
from accord.keys import SigningKey
from accord.messages import message_uuid, parse_envelope, verify
from accord.primitives import expand, lp, u64
from messaging import selectors
from messaging.importer import GROUP_MESSAGES, Importer, ImportTally
from messaging.irc import parse_log
from messaging.management.commands.import_irc import find_channel, find_logs
from messaging.models import Mention, Message, Reference
from messaging.selectors import Reader
from peers.clock import now_ms
from peers.keyring import private_seed
from peers.models import Account
from peers.selectors import admin_account_id
from tests.factories import (
    HOUR_MS,
    NOW,
    Hub,
    account_of,
    check_totals,
    deletion,
    envelope,
    ident_of,
    snapshot,
    store,
    take,
)
from tests.irc_logs import generate_log, make_nicks, write_logs


def run(*paths: Path, channel: str = "ubuntu") -> str:
    out = io.StringIO()
    call_command("import_irc", *map(str, paths), "--channel", channel, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def importer(channel: str = "ubuntu") -> Importer:
    return Importer(secret=private_seed("import.key"), channel=find_channel(channel), account_id=admin_account_id())


def imported() -> list[bytes]:
    """The ids of imported messages by arrival."""
    rows = Message.objects.filter(type="import.text").order_by("cursor").values_list("ident", flat=True)
    return [bytes(ident) for ident in rows]


def export() -> list[dict[str, Any]]:
    out = io.StringIO()
    call_command("export_messages", stdout=out, stderr=io.StringIO())
    return [orjson.loads(line) for line in out.getvalue().splitlines()]


def test_every_spoken_line_is_stored_and_a_second_run_stores_nothing(hub: Hub, tmp_path: Path) -> None:
    spoken = write_logs(tmp_path, files=3, lines=300, seed=1)
    assert f"{spoken} spoken lines of 3 files: {spoken} stored, 0 were there already" in run(tmp_path)
    assert len(imported()) == spoken
    assert account_of(hub.admin).messages_used >= spoken
    check_totals()
    before = snapshot()
    assert f"{spoken} spoken lines of 3 files: 0 stored, {spoken} were there already" in run(tmp_path)
    assert snapshot() == before
    row = selectors.topic_by_name("ubuntu")
    assert row is not None
    assert row.count == spoken


class Cut(Exception):
    """The import ends here."""


@pytest.mark.parametrize("groups", [1, 2, 3])
def test_an_import_that_was_cut_goes_on_to_the_same_end(hub: Hub, tmp_path: Path, groups: int) -> None:
    spoken = write_logs(tmp_path, files=2, lines=GROUP_MESSAGES + 150, seed=2)
    paths = find_logs([tmp_path])
    expected = [item.message.id for path in paths for item in importer().prepare(path)]
    assert len(set(expected)) == len(expected) == spoken
    heard: list[int] = []

    def progress(tally: ImportTally) -> None:
        heard.append(tally.stored)
        if len(heard) == groups:
            raise Cut

    with pytest.raises(Cut):
        importer().run(paths, progress)
    assert imported() == expected[: heard[-1]]
    assert 0 < heard[-1] < spoken
    run(tmp_path)
    assert imported() == expected
    check_totals()


def test_a_line_that_is_refused_stops_the_import_with_a_word_and_it_can_go_on(hub: Hub, tmp_path: Path) -> None:
    spoken = write_logs(tmp_path, files=1, lines=700, seed=3)
    importer()
    used = account_of(hub.admin).messages_used
    Account.objects.filter(kind="admin").update(messages_limit=used + GROUP_MESSAGES + 7)
    with pytest.raises(CommandError, match=r"stopped: quota: .* run the same command again"):
        run(tmp_path)
    assert len(imported()) == GROUP_MESSAGES + 7
    Account.objects.filter(kind="admin").update(messages_limit=None)
    run(tmp_path)
    assert len(imported()) == spoken


def test_mentions_and_answers_resolve(hub: Hub, tmp_path: Path) -> None:
    rng = Random(4)
    log = generate_log(rng, make_nicks(rng, 30), lines=400)
    name = "2010-01-01.one.raw.txt"
    (tmp_path / name).write_bytes(log.raw)
    (tmp_path / "2010-01-01.one.annotation.txt").write_bytes(log.annotation)
    run(tmp_path)
    lines = parse_log(name, log.raw, log.annotation)
    keys = importer()
    rows = list(Message.objects.filter(type="import.text").order_by("cursor").select_related("author", "topic"))
    assert [row.created_at for row in rows] == [line.created_at for line in lines]
    by_number = {line.number: row for line, row in zip(lines, rows, strict=True)}
    answers = mentions = 0
    for line, row in zip(lines, rows, strict=True):
        assert bytes(row.author.key) == keys.key_of(line.nick).public
        body = orjson.loads(bytes(row.body))
        assert body == {"text": line.text, "author": line.nick, "source": f"{name}:{line.number}"}
        mentioned = {bytes(key) for key in Mention.objects.filter(message=row).values_list("user__key", flat=True)}
        assert mentioned == {keys.key_of(nick).public for nick in line.mentions}
        targets = Reference.objects.filter(message=row, relation="answer").values_list("target", flat=True)
        assert {bytes(target) for target in targets} == {bytes(by_number[number].ident) for number in line.answers}
        mentions += len(mentioned)
        answers += len(line.answers)
    assert (answers, mentions) == (log.answers, log.mentions)
    # A reader who asks for the answers to a line, or for what addresses a person, finds them.
    answered = Counter(number for line in lines for number in line.answers).most_common(1)[0]
    wanted = selectors.Wanted(messages=(bytes(by_number[answered[0]].ident),))
    newest = selectors.store_cursor()
    found, _ = selectors.backlog(wanted, Reader(hub.admin.public, True, NOW), after=0, upto=newest, limit=1_000)
    assert len(found) == answered[1]


def test_a_nick_is_the_same_person_in_every_file(hub: Hub, tmp_path: Path) -> None:
    for day in ("2010-01-01", "2010-01-02"):
        (tmp_path / f"{day}.raw.txt").write_text("[10:00] <ann> hello\n[10:00] <ann> hello\n", encoding="utf-8")
    run(tmp_path)
    rows = Message.objects.filter(type="import.text")
    assert rows.count() == 4
    assert len({row.author_id for row in rows}) == 1


def test_keys_and_salts_are_those_of_the_protocol(hub: Hub, tmp_path: Path) -> None:
    """Section 14: another program with the same secret gives the same messages."""
    name, secret = "2010-01-01.one.raw.txt", private_seed("import.key")
    (tmp_path / name).write_text("=== nobody\n[10:00] <ann> hello\n[10:00] <ann> hello\n", encoding="utf-8")
    run(tmp_path)
    rows = Message.objects.filter(type="import.text").order_by("cursor").select_related("author")
    for number, row in zip((1, 2), rows, strict=True):
        seed = expand(secret, "import-key", lp(b"ann"))
        assert bytes(row.author.key) == SigningKey(seed).public
        assert bytes(row.salt) == expand(secret, "import-salt", lp(name.encode()) + u64(number), 16)


def test_another_channel_or_another_hub_gives_other_messages(hub: Hub, tmp_path: Path) -> None:
    spoken = write_logs(tmp_path, files=1, lines=50, seed=5)
    run(tmp_path, channel="one")
    run(tmp_path, channel="other")
    assert len(set(imported())) == 2 * spoken
    (path,) = find_logs([tmp_path])
    elsewhere = Importer(secret=bytes(32), channel=find_channel("one"), account_id=admin_account_id())
    assert not {item.message.id for item in elsewhere.prepare(path)} & set(imported())


def test_a_channel_is_made_once(hub: Hub, tmp_path: Path) -> None:
    first = find_channel("garden")
    assert find_channel("garden") == first
    assert find_channel("lounge") == hub.lounge


def test_odd_logs(hub: Hub, tmp_path: Path) -> None:
    raw = b"[10:00] <ann> caf\xe9 \x00 \x02bold\x02\r\n[10:01] <ann>\n=== nobody\nnoise\n[10:02]  * ann waves\n"
    (tmp_path / "2010-01-01.raw.txt").write_bytes(raw)
    (tmp_path / "2010-01-02.raw.txt").write_bytes(b"")
    assert "3 spoken lines of 2 files: 3 stored" in run(tmp_path)
    bodies = [orjson.loads(bytes(row.body)) for row in Message.objects.filter(type="import.text").order_by("cursor")]
    assert [body["text"] for body in bodies] == ["caf\ufffd  \x02bold\x02", "", "* ann waves"]


@pytest.mark.parametrize("name", ["nothing", "no-date.raw.txt", "2010-01-01.annotation.txt"])
def test_what_is_no_log_is_said_in_a_sentence(hub: Hub, tmp_path: Path, name: str) -> None:
    if "." in name:
        (tmp_path / name).write_text("[10:00] <ann> hello\n", encoding="utf-8")
    with pytest.raises(CommandError):
        run(tmp_path / name)
    assert imported() == []


def test_an_export_is_what_was_signed(hub: Hub, tmp_path: Path) -> None:
    spoken = write_logs(tmp_path, files=1, lines=200, seed=6)
    run(tmp_path)
    ann = hub.member("ann")
    gone = envelope(ann, hub.lounge, "to be deleted")
    past = now_ms() - HOUR_MS
    store(gone)
    store(envelope(ann, hub.lounge, "burned", created_at=past, burn_at=past + 1), now=past)
    assert take(deletion(ann, hub.lounge, ident_of(gone))) == ["stored"]
    found = export()
    assert [line["cursor"] for line in found] == sorted(line["cursor"] for line in found)
    held = {bytes(row.ident): row for row in Message.objects.all()}
    for line in found:
        message = verify(parse_envelope(line["message"]))
        assert b64decode(line["id"]) == message.id
        assert line["uuid"] == str(message_uuid(message.id))
        row = held[message.id]
        assert (line["cursor"], message.header_bytes) == (row.cursor, bytes(row.header))
    by_type = Counter(line["message"]["header"]["type"] for line in found)
    assert by_type["import.text"] == spoken
    assert by_type["chat.text"] == 1
    (line,) = (line for line in found if line["id"] == b64encode(ident_of(gone)))
    assert line["message"].keys() == {"header", "sig"}
