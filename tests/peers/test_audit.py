"""The hub's audit log in its database: what becomes an entry, what nobody can change, what shows if somebody did."""

from __future__ import annotations

import importlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from accord.encoding import b64encode
from accord.keys import SigningKey
from peers import audit
from peers.keyring import keyring
from peers.models import AuditEntry
from tests.factories import NOW, Hub, envelope, install, person, take

OTHERS = "actor, action, target, detail, hash, sig"
TRIGGERS = importlib.import_module("peers.migrations.0008_audit").TRIGGERS


@pytest.fixture
def hub(db: None, tmp_path: Path, settings: Settings) -> Iterator[Hub]:
    """A fresh hub whose log is kept in a home of its own."""
    ring = keyring()
    settings.ACCORD_HOME = tmp_path
    (tmp_path / "hub.key").write_text(b64encode(ring.hub.seed))
    with transaction.atomic():
        yield install()


def faults() -> list[str]:
    return [fault.says for fault in audit.log_check()]


def last() -> tuple[str, str, str, str]:
    entry = AuditEntry.objects.latest("number")
    return entry.actor, entry.action, entry.target, entry.detail


def write(number: int) -> None:
    for step in range(number):
        audit.note("setting", f"thing {step}", "was -> is")
    audit.head_keep()


def execute(query: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(query, values)


def test_control_messages_become_entries(hub: Hub) -> None:
    ann = hub.member("ann", invites=3)
    guest = hub.temporary("guest-1", by=ann)
    assert last() == (f"user {b64encode(ann.public)}", "add_user", b64encode(guest.public), last()[3])
    assert "account_name guest-1, kind temp" in last()[3]
    before = AuditEntry.objects.count()
    assert take(hub.claim(guest, person("newcomer"), "newcomer")) == ["stored"]
    assert AuditEntry.objects.count() == before + 1
    assert last()[:3] == (f"user {b64encode(guest.public)}", "replace_account", b64encode(guest.public))
    assert "proof" not in last()[3]
    assert take(envelope(ann, hub.lounge, "hello")) == ["stored"]
    assert AuditEntry.objects.count() == before + 1
    audit.head_keep()
    assert faults() == []


def test_who_did_it(hub: Hub) -> None:
    audit.note("a")
    with audit.acting("console operator"):
        audit.note("b")
        audit.note("c", actor="hub")
    assert list(AuditEntry.objects.order_by("-number").values_list("actor", flat=True)[:3]) == [
        "hub",
        "console operator",
        "terminal",
    ]


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x" * 5_000, "\u202ename", ""])
def test_whatever_text_it_is_given(hub: Hub, text: str) -> None:
    audit.note(text, text, text, actor=text)
    audit.head_keep()
    assert faults() == []


def test_the_database_refuses_to_change_and_to_remove(hub: Hub) -> None:
    write(2)
    for statement in TRIGGERS.values():
        execute(statement)
    for query in (
        "UPDATE peers_auditentry SET target = 'x' WHERE number = 1",
        "DELETE FROM peers_auditentry",
        f"REPLACE INTO peers_auditentry SELECT number, 1, {OTHERS} FROM peers_auditentry",  # noqa: S608
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            execute(query)
    write(1)
    assert faults() == []


COLUMNS = ("at", "actor", "action", "target", "detail", "hash", "sig")


@given(column=st.sampled_from(COLUMNS), place=st.integers(0, 63), bit=st.integers(0, 7), row=st.integers(1, 4))
@hypothesis_settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_flipped_bit_in_the_table_is_found(hub: Hub, column: str, place: int, bit: int, row: int) -> None:
    with transaction.atomic():
        write(4)
        old = AuditEntry.objects.values_list(column, flat=True).get(number=row)
        new: Any
        if isinstance(old, int):
            new = old ^ (1 << (place % 40))
        else:
            data = bytearray(old.encode() if isinstance(old, str) else bytes(old))
            data[place % len(data)] ^= 1 << bit
            new = bytes(data)
        cast = "CAST(%s AS TEXT)" if isinstance(old, str) else "%s"
        execute(f"UPDATE peers_auditentry SET {column} = {cast} WHERE number = %s", new, row)  # noqa: S608
        assert faults(), (column, old, new)
        transaction.set_rollback(True)
    (audit.settings.ACCORD_HOME / audit.HEAD_FILE).unlink()


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("DELETE FROM peers_auditentry WHERE number = 2", "entry 2 is missing"),
        ("DELETE FROM peers_auditentry WHERE number > 2", "missing at the end"),
        ("DELETE FROM peers_auditentry", "missing at the end"),
        ("UPDATE peers_auditentry SET number = CASE number WHEN 2 THEN 99 ELSE number END", "entry 2 is missing"),
        (
            f"INSERT INTO peers_auditentry SELECT -5, at, {OTHERS} FROM peers_auditentry WHERE number = 1",  # noqa: S608
            "entry -5 comes after entry 0",
        ),
        (
            f"INSERT INTO peers_auditentry SELECT 'x', at, {OTHERS} FROM peers_auditentry WHERE number = 1",  # noqa: S608
            "rows that are no entries",
        ),
    ],
)
def test_what_is_done_to_the_table_is_found(hub: Hub, query: str, says: str) -> None:
    write(4)
    assert faults() == []
    execute(query)
    assert any(says in fault for fault in faults()), faults()


def test_the_head_in_the_home(hub: Hub, tmp_path: Path) -> None:
    write(3)
    path = tmp_path / audit.HEAD_FILE
    kept = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    write(1)
    path.write_bytes(kept)  # a kill between the commit and the head
    assert faults() == []
    path.write_bytes(kept.replace(b'"number":', b'"number":1'))
    assert "not what the hub has signed" in faults()[0]
    path.unlink()
    assert "has no audit.head" in faults()[0]
    audit.head_keep()
    assert faults() == []


def test_the_head_follows_each_commit(
    hub: Hub, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        audit.note("a")
    head = audit.head_kept()
    assert head is not None
    assert head.number == AuditEntry.objects.count()


def run(*arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("verify_audit", *arguments, stdout=out)
    except CommandError as error:
        return error.returncode, out.getvalue()
    return 0, out.getvalue()


def test_the_command_checks_the_log(hub: Hub) -> None:
    write(3)
    code, text = run()
    assert (code, "whole" in text) == (0, True)
    execute("UPDATE peers_auditentry SET target = 'x' WHERE number = 2")
    code, text = run("--json")
    value = json.loads(text)
    assert (code, value["ok"], value["faults"][0]["number"]) == (1, False, 2)


def test_an_export_is_checked_alone(hub: Hub, tmp_path: Path) -> None:
    write(3)
    lines = list(audit.export())
    path = tmp_path / "audit.jsonl"

    def checked(parts: list[bytes], *arguments: str) -> int:
        path.write_bytes(b"".join(parts))
        return run(str(path), *arguments)[0]

    own = b64encode(keyring().hub.public)
    assert checked(lines) == 0
    assert checked(lines, "--hub", own) == 0
    (tmp_path / "hub.key").unlink()
    assert checked(lines) == 0, "without a hub's home, under the key that it names"
    assert checked(lines, "--hub", b64encode(person("ann").public)) == 1
    assert checked(lines, "--hub", "x") == 1
    other = SigningKey(b"x" * 32)
    assert checked([audit.audit.head_line(other, audit.head()), *lines[1:]], "--hub", own) == 1
    for broken in (
        lines[1:],
        lines[:-1],
        [*lines, lines[-1]],
        [*lines[:2], b"{}\n", *lines[2:]],
        [lines[0], lines[2], lines[1], *lines[3:]],
        [*lines[:-1], lines[-1][:-1]],
        [*lines[:-1], lines[-1].replace(b'"action"', b'"Action"')],
        [],
    ):
        assert checked(broken) == 1
    assert run(str(tmp_path / "nothing"))[0] == 1


def test_entries_of_earlier_versions_are_chained(hub: Hub) -> None:
    module = importlib.import_module("console.migrations.0002_audit")
    AuditEntry.objects.all().delete()
    state = MigrationExecutor(connection).loader.project_state([("console", "0001_initial"), ("peers", "0008_audit")])
    execute("CREATE TABLE console_auditentry (id integer PRIMARY KEY, at, action, target, detail)")
    old = state.apps.get_model("console", "AuditEntry").objects
    module.chain(state.apps, None)
    assert faults() == [], "a new hub has none"
    for number in range(3):
        old.create(at=NOW + number, action="setting", target="Name", detail=f"{number}")
    module.chain(state.apps, None)
    assert faults() == []
    assert last() == ("console", "setting", "Name", "2")
    write(2)
    assert AuditEntry.objects.count() == 5
    assert faults() == []
