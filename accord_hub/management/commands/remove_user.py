"""`manage.py remove_user`: remove an account, alone or with its branch; rehearse it first; take it back."""

import argparse
import json
import sys
from datetime import UTC, datetime
from typing import Any

from django.core.management import CommandError

from accord.encoding import b64encode
from accord_hub import runner
from accord_hub.arguments import KEY_HELP, account_of
from invites.models import Removal
from invites.removal_selectors import Rehearsal, newest_removal, rehearse
from messaging.services import hub_install, member_remove, member_restore
from peers.clock import now_ms
from peers.commands import HubCommand
from peers.models import Account


class Command(HubCommand):
    """Signs a `remove_user` or a `restore_user` with the admin's key, whether the hub runs or not."""

    help = (
        "Remove a member. First it is shown what that touches. Then all who go are frozen: their sessions end and "
        "nothing is taken from them; for the time that the setting 'Time to undo a removal' says (10 minutes unless "
        "changed) --undo brings everything back. After that the accounts are gone, their keys get no account here "
        "again, and what they could still invite comes back to whoever invited them."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("who", help=f"the account's name, or its user key; {KEY_HELP}")
        parser.add_argument(
            "--mode",
            choices=Removal.Mode.values,
            default=Removal.Mode.REPARENT.value,
            help="reparent (default): this account alone, those below it go to its inviter; subtree: all below it too",
        )
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--rehearse", action="store_true", help="only say what would be touched")
        what.add_argument("--undo", action="store_true", help="take back a removal that can still be undone")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument(
            "--json",
            action="store_true",
            help="print {key, name, mode, accounts, waiting_invites, invites, devices, channels, messages, bytes}; "
            "once begun also {state, final_at (ms since 1970 UTC)}; of --undo {key, name, mode, state, final_at}",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        runner.prepare()
        hub_install()
        account = account_of(options["who"])
        if account is None:
            raise CommandError("nobody here has that name or key: manage.py tree shows who is here")
        if account.kind != Account.Kind.REAL:
            raise CommandError("that is no member: invites that wait are withdrawn on the console's page 'Invites'")
        key = bytes(account.user.key)
        if options["undo"]:
            member_restore(key=key)
            self._tell(account, {}, options["json"])
            return
        found = rehearse(account.pk, options["mode"], now=now_ms())
        if options["rehearse"]:
            self._rehearsed(account, found, options["json"])
            return
        if not options["yes"]:
            self._rehearsed(account, found, is_json=False)
            self._ask(account)
        member_remove(key=key, mode=options["mode"])
        self._tell(account, _facts(found), options["json"])

    def _ask(self, account: Account) -> None:
        if not sys.stdin.isatty():
            raise CommandError("--yes is needed where nobody can be asked", returncode=2)
        if input(f"To remove, type the name {account.name}: ").strip() != account.name:
            raise CommandError("nothing was removed")

    def _rehearsed(self, account: Account, found: Rehearsal, is_json: bool) -> None:
        if is_json:
            self.stdout.write(json.dumps({**_who(account), **_facts(found)}))
            return
        self.stdout.write(
            f"{found.accounts:,} accounts and {found.waiting_invites:,} invites that wait would go; "
            f"{found.invites:,} invites would come back.\n"
            f"They have used {found.devices:,} devices and have written {found.messages:,} messages "
            f"({found.bytes:,} bytes), in {found.channels:,} channels; those stay."
        )

    def _tell(self, account: Account, facts: dict[str, Any], is_json: bool) -> None:
        removal = newest_removal(bytes(account.user.key))
        assert removal is not None  # noqa: S101 - it was begun or undone just now
        if is_json:
            state = {"mode": removal.mode, "state": removal.state, "final_at": removal.final_at}
            self.stdout.write(json.dumps({**_who(account), **facts, **state}))
        elif removal.state == Removal.State.UNDONE:
            self.stdout.write(f"{account.name}, and all who went along, are back.")
        elif removal.state == Removal.State.DONE:
            self.stdout.write(f"{account.name} has been removed.")
        else:
            until = datetime.fromtimestamp(removal.final_at / 1000, tz=UTC)
            self.stdout.write(
                f"{account.name} is frozen, and removed at {until:%Y-%m-%d %H:%M:%S} UTC. "
                f"To take it back until then: manage.py remove_user {account.name} --undo"
            )


def _who(account: Account) -> dict[str, Any]:
    return {"key": b64encode(bytes(account.user.key)), "name": account.name}


def _facts(found: Rehearsal) -> dict[str, Any]:
    names = ("mode", "accounts", "waiting_invites", "invites", "devices", "channels", "messages", "bytes")
    return {name: getattr(found, name) for name in names}
