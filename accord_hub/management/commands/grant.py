"""`manage.py grant`: invites and allowances for somebody, from the admin."""

import argparse
import json
from typing import Any

from django.core.management import CommandError

from accord.encoding import b64encode
from accord_hub import runner
from accord_hub.arguments import KEY_HELP, account_of, limit
from messaging.services import hub_install, quota_give
from peers.commands import HubCommand


class Command(HubCommand):
    """Signs a `set_quota` with the admin's key, whether the hub runs or not."""

    help = (
        "Give a member invites from the admin's own, or take back what they have not spent; change what they may "
        "store. Also for an invite that waits, by its key. Nobody else's invites change."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("who", help=f"the account's name, or its user key; {KEY_HELP}")
        parser.add_argument(
            "--invites",
            type=int,
            default=0,
            metavar="N",
            help="so many more; with a minus (--invites=-3) so many fewer",
        )
        parser.add_argument(
            "--messages", type=limit, metavar="N", help="messages it may store from now on; none: no limit"
        )
        parser.add_argument("--bytes", type=limit, metavar="N", help="bytes it may store from now on; none: no limit")
        parser.add_argument(
            "--json",
            action="store_true",
            help="print {key, name, invites, messages_limit, messages_used, bytes_limit, bytes_used}: what it has now; "
            "null: no limit",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        runner.prepare()
        hub_install()
        given = {field: options[field] for field in ("messages", "bytes")}
        if not options["invites"] and given == {"messages": None, "bytes": None}:
            raise CommandError("say what to give: --invites, --messages or --bytes", returncode=2)
        account = account_of(options["who"])
        if account is None:
            raise CommandError("nobody here has that name or key: manage.py tree shows who is here")
        quota_give(key=bytes(account.user.key), more_invites=options["invites"], **given)
        account.refresh_from_db()
        account.balance.refresh_from_db()
        facts = {"key": b64encode(bytes(account.user.key)), "name": account.name, "invites": account.balance.unspent}
        used = ("messages_limit", "messages_used", "bytes_limit", "bytes_used")
        if options["json"]:
            self.stdout.write(json.dumps({**facts, **{field: getattr(account, field) for field in used}}))
            return
        self.stdout.write(f"{account.name} has {account.balance.unspent:,} invites left to give.")
        for what in ("messages", "bytes"):
            most, had = getattr(account, f"{what}_limit"), getattr(account, f"{what}_used")
            self.stdout.write(f"Stored {what}: {had:,}" + (f" of {most:,}" if most is not None else ", without limit"))
