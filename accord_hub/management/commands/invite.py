"""`manage.py invite`: a new invite link, paid by the admin."""

import argparse
import json
from typing import Any

from django.core.management.base import BaseCommand

from accord.invites import temporary_key
from accord_hub import home, runner
from messaging.services import hub_install, invite_create
from peers.models import Account


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError("a number, 0 or more")
    return int(text)


class Command(BaseCommand):
    """Makes a link, whether the hub runs or not."""

    help = "Make an invite link for one new member."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--invites", type=_count, default=3, help="how many others the new member may invite (default 3)"
        )
        parser.add_argument("--json", action="store_true", help="print {link, expires}; expires in ms since 1970 UTC")

    def handle(self, *args: Any, **options: Any) -> None:
        with runner.clear_errors():
            runner.prepare()
            hub_install()
            link = invite_create(origin=home.likely_url(), invites=options["invites"])
            expires = Account.objects.get(user__key=temporary_key(link.secret).public).expires_at
        if options["json"]:
            self.stdout.write(json.dumps({"link": str(link), "expires": expires}))
            return
        self.stdout.write(runner.qr_code(str(link)))
        self.stdout.write(f"{link}\n\nIt works once, for 72 hours. Open it in a browser, or:\n\n  accord join '{link}'")
