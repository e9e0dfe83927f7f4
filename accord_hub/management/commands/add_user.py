"""`manage.py add_user`: an account for a user key that exists already, below the admin's."""

import argparse
import json
from typing import Any

from accord.encoding import b64encode
from accord_hub import runner
from accord_hub.arguments import KEY_HELP, count, name, user_key
from messaging.services import hub_install, member_add
from peers.commands import HubCommand
from peers.models import Account


class Command(HubCommand):
    """Signs an `add_user` with the admin's key, whether the hub runs or not."""

    help = (
        "Give a user key an account here, at once and without a link: for bots, and for people who told you their key. "
        "It costs the admin one invite and those that go along. Who has no key yet is invited: manage.py invite."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("name", type=name, help="the account's name: 3 to 32 of a-z, 0-9, dot, dash, underscore")
        parser.add_argument("key", type=user_key, help=f"the user key, as `accord whoami` shows it; {KEY_HELP}")
        parser.add_argument("--invites", type=count, default=0, help="how many others it may invite (default 0)")
        parser.add_argument("--messages", type=count, help="how many messages it may store here (default: no limit)")
        parser.add_argument("--bytes", type=count, help="how many bytes it may store here (default: no limit)")
        parser.add_argument(
            "--json",
            action="store_true",
            help="print {key, name, invites, messages_limit, bytes_limit}; null: no limit",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        runner.prepare()
        hub_install()
        given = {field: options[field] for field in ("invites", "messages", "bytes")}
        member_add(key=options["key"], name=options["name"], **given)
        account = Account.objects.get(user__key=options["key"])
        if options["json"]:
            facts = {"key": b64encode(options["key"]), "name": account.name, "invites": options["invites"]}
            limits = {"messages_limit": account.messages_limit, "bytes_limit": account.bytes_limit}
            self.stdout.write(json.dumps({**facts, **limits}))
            return
        self.stdout.write(f"{account.name} has an account here, with {options['invites']:,} invites.")
