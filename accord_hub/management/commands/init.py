"""`manage.py init`: home, keys, database and first settings, without starting anything."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management import CommandError, call_command

from accord.encoding import b64encode
from accord.keys import fingerprint
from accord_hub import home, runner
from console.services import option_set
from messaging.services import hub_install
from peers.clock import now_ms
from peers.commands import HubCommand
from peers.keyring import keyring, prepare_home, write_private
from peers.options import HUB_NAME


def origin(text: str) -> str:
    """An address for members, as ACCORD_URL may be."""
    parts = urlsplit(text.rstrip("/"))
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query or parts.fragment:
        raise argparse.ArgumentTypeError("an origin like https://hub.example")
    return text.rstrip("/")


class Command(HubCommand):
    """Makes what is missing; run again, it changes only what is said."""

    help = (
        "Make a hub without starting it: its home, keys, database, name and address. May be run again: what is there "
        "stays, and only what is said is changed. Then: manage.py hub."
    )
    requires_system_checks = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """What it is called and where."""
        parser.add_argument("--name", help="what the hub is called; can be changed in the console")
        parser.add_argument(
            "--url",
            type=origin,
            help="the address that members use, when a reverse proxy serves the hub; kept in the file `url` of the "
            "home, and counts where ACCORD_URL is not set",
        )
        parser.add_argument("--home", metavar="DIR", type=Path, help="the hub's folder (default: ACCORD_HOME)")
        parser.add_argument("--json", action="store_true", help="print {home, key, name, url, is_new}; url may be null")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make what is missing."""
        if options["home"] is not None and options["home"].expanduser().absolute() != settings.ACCORD_HOME:
            self._again(options)
        is_new = not (prepare_home() / "hub.key").exists()
        call_command("migrate", verbosity=0, stdout=self.stderr)
        runner.prepare()
        hub_install()
        if options["name"] is not None:
            option_set(name=HUB_NAME.name, text=options["name"], now=now_ms())
        url = settings.ACCORD_URL
        if options["url"] is not None:
            write_private(home.Path(settings.ACCORD_HOME) / "url", f"{options['url']}\n")
            url = url if os.environ.get("ACCORD_URL") else options["url"]
        self._tell(is_new, options["name"] or HUB_NAME.value, url, as_json=options["json"])

    def _tell(self, is_new: bool, name: str, url: str, *, as_json: bool) -> None:
        key = keyring().hub.public
        if as_json:
            facts = {"home": str(settings.ACCORD_HOME), "key": b64encode(key), "name": name, "url": url or None}
            self.stdout.write(json.dumps({**facts, "is_new": is_new}))
            return
        self.stdout.write(f"{name} is {'made' if is_new else 'there'}: {settings.ACCORD_HOME}")
        self.stdout.write(f"Address: {url or 'this machine only, see `manage.py hub`'}")
        self.stdout.write(f"Fingerprint: {fingerprint(key)}")

    @staticmethod
    def _again(options: dict[str, Any]) -> None:
        """Begin anew with that home: settings have been read for another one."""
        given = [f"--{name}={options[name]}" for name in ("name", "url") if options[name] is not None]
        manage = str(settings.BASE_DIR / "manage.py")
        try:
            os.environ["ACCORD_HOME"] = str(options["home"].expanduser().absolute())
            os.execv(  # noqa: S606 - this program itself
                sys.executable, [sys.executable, manage, "init", *given, *(["--json"] if options["json"] else [])]
            )
        except OSError as error:
            raise CommandError(f"cannot begin anew: {error.strerror}") from error
