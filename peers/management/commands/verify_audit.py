"""`manage.py verify_audit`: prove that the audit log, or an export of it, is whole and as it was written."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import DatabaseError

from accord import audit as form
from accord.audit import Fault, Sealed
from accord.encoding import b64decode, b64encode
from accord.errors import RemoteError
from accord.keys import fingerprint
from peers import audit
from peers.commands import HubCommand
from peers.keyring import HomeError, keyring
from peers.models import AuditEntry


class _Damaged(Exception):
    """Nothing more of the file can be read."""


class Command(HubCommand):
    """Checks chain and signatures; changes nothing."""

    help = (
        "Check the audit log of this hub, or FILE, an export of one: every entry is as it was written, signed by the "
        "hub, and none is missing, moved or cut off at the end. Ends with 0 if so, with 1 if not, and says what is "
        "wrong. The hub may run meanwhile."
    )

    exits = {0: "whole and as it was written", 1: "not, each fault in a line; or it cannot be read", 2: "wrong usage"}

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", nargs="?", metavar="FILE", help="an export (JSON lines) instead of this hub's log")
        parser.add_argument(
            "--hub",
            metavar="KEY",
            help="the hub key (base64url) that FILE must be of; by default this home's, and where it has none, the one "
            "that FILE names: compare the fingerprint that is printed",
        )
        parser.add_argument("--json", action="store_true", help="print {ok, hub, entries, faults: [{number, says}]}")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["file"]:
                hub, entries, faults = _check_file(Path(options["file"]), self._expected(options["hub"]))
            else:
                hub, faults = keyring().hub.public, list(audit.log_check())
                entries = AuditEntry.objects.count()
        except HomeError as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            raise CommandError(f"the database cannot be used: {error}") from error
        except OSError as error:
            raise CommandError(f"cannot read {options['file']}: {error.strerror}") from error
        if options["json"]:
            told = [{"number": fault.number, "says": fault.says} for fault in faults]
            value = {"ok": not faults, "hub": b64encode(hub), "entries": entries, "faults": told}
            self.stdout.write(json.dumps(value))
        else:
            for fault in faults:
                self.stdout.write(fault.says)
            self.stdout.write(f"{entries:,} entries under the hub key {fingerprint(hub)}")
        if faults:
            raise CommandError("The audit log is not whole.", returncode=1)
        if not options["json"]:
            self.stdout.write("The log is whole: every entry is as it was written, and none is missing.")

    @staticmethod
    def _expected(named: str | None) -> bytes | None:
        if named:
            try:
                return b64decode(named, 32)
            except RemoteError as error:
                raise CommandError("--hub is the base64url text of a key") from error
        return keyring().hub.public if (settings.ACCORD_HOME / "hub.key").exists() else None


def _check_file(path: Path, expected: bytes | None) -> tuple[bytes, int, list[Fault]]:
    """(hub key, entries, faults) of an export."""
    entries = [0]
    with path.open("rb") as file:
        try:
            head, hub = form.read_head(file.readline(form.MAX_LINE_BYTES))
        except RemoteError:
            return expected or bytes(32), 0, [Fault(0, "the first line is not the head that a hub has signed")]
        if expected is not None and hub != expected:
            return hub, 0, [Fault(0, "it is the log of another hub: its key is not the one expected")]

        def lines() -> Iterator[Sealed]:
            while line := file.readline(form.MAX_LINE_BYTES + 1):
                try:
                    sealed = form.read_line(line)
                except RemoteError as error:
                    raise _Damaged(f"the line after entry {entries[0]} cannot be read: {error.detail}") from error
                entries[0] += 1
                yield sealed

        faults: list[Fault] = []
        try:
            faults.extend(form.check(lines(), hub=hub, head=head))
            if entries[0] > head.number:
                faults.append(Fault(head.number + 1, "there is more in it than its head says"))
        except _Damaged as damage:
            faults.append(Fault(entries[0] + 1, str(damage)))
        return hub, entries[0], faults
