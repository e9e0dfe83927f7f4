"""`manage.py invite`: a new invite link, paid by the admin."""

import argparse
import json
from typing import Any, Final

from django.core.management import CommandError

from accord.invites import MAX_CIRCLE_PEOPLE, new_code, show_code, temporary_key
from accord.message_types import TEMPORARY_LIFE_MS
from accord.topics import Topic
from accord_hub import home, runner
from accord_hub.arguments import count, name
from messaging.models import Topic as TopicRow
from messaging.services import hub_install, invite_create
from peers.commands import HubCommand
from peers.models import Account

HOUR_MS: Final = 3_600_000
MAX_HOURS: Final = TEMPORARY_LIFE_MS // HOUR_MS


def _hours(text: str) -> int:
    hours = count(text)
    if not 1 <= hours <= MAX_HOURS:
        raise argparse.ArgumentTypeError(f"1 to {MAX_HOURS} hours")
    return hours


def _people(text: str) -> int:
    people = count(text)
    if not 1 <= people <= MAX_CIRCLE_PEOPLE:
        raise argparse.ArgumentTypeError(f"1 to {MAX_CIRCLE_PEOPLE} people")
    return people


class Command(HubCommand):
    """Signs an `add_user` a place with the admin's key, whether the hub runs or not."""

    help = (
        "Make an invite link, for one new member or for several. It costs the admin one invite a person, and those "
        "that go along; what nobody claims in time comes back."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--invites", type=count, default=3, metavar="N", help="how many others each may invite (default 3)"
        )
        parser.add_argument(
            "--messages", type=count, metavar="N", help="how many messages each may store (default: any)"
        )
        parser.add_argument("--bytes", type=count, metavar="N", help="how many bytes each may store (default: any)")
        parser.add_argument("--name", type=name, help="an account name to suggest; the newcomer may take another")
        parser.add_argument(
            "--hours",
            type=_hours,
            default=MAX_HOURS,
            metavar="N",
            help=f"how long it works, 1 to {MAX_HOURS} (default)",
        )
        parser.add_argument(
            "--code", action="store_true", help="ask for a claim code too, which you tell by other means; five tries"
        )
        parser.add_argument(
            "--channel",
            action="append",
            default=[],
            metavar="NAME",
            help="a channel of this hub that newcomers are led to; may be given several times",
        )
        parser.add_argument(
            "--people", type=_people, default=1, metavar="N", help=f"a link for N people, at most {MAX_CIRCLE_PEOPLE}"
        )
        parser.add_argument(
            "--json",
            action="store_true",
            help="print {link, expires, people, code?}; expires in ms since 1970 UTC, code where there is one",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        runner.prepare()
        hub_install()
        if options["name"] and options["people"] > 1:
            raise CommandError("a name is for one: leave out --name or --people", returncode=2)
        code = new_code() if options["code"] else None
        link = invite_create(
            origin=home.likely_url(),
            **{field: options[field] for field in ("invites", "messages", "bytes", "name", "people")},
            life_ms=options["hours"] * HOUR_MS,
            code=code,
            channels=[_channel(wanted) for wanted in options["channel"]],
        )
        expires = Account.objects.get(user__key=temporary_key(link.secret, link.places[0]).public).expires_at
        if options["json"]:
            shown = {} if code is None else {"code": show_code(code)}
            facts = {"link": str(link), "expires": expires, "people": options["people"]}
            self.stdout.write(json.dumps({**facts, **shown}))
            return
        self.stdout.write(runner.qr_code(str(link)))
        times = "once" if options["people"] == 1 else f"{options['people']} times"
        hours = "1 hour" if options["hours"] == 1 else f"{options['hours']} hours"
        self.stdout.write(
            f"{link}\n\nIt works {times}, for {hours}. Open it in a browser, or:\n\n  accord join '{link}'"
        )
        if code is not None:
            self.stdout.write(f"\nThe claim code, to be told by other means than the link:  {show_code(code)}")


def _channel(wanted: str) -> Topic:
    """The open channel of this hub with that name; CommandError unless it is one."""
    rows = list(TopicRow.objects.filter(kind="chan", hub__isnull=True, is_private=False, name=wanted)[:2])
    if len(rows) != 1:
        raise CommandError(f"{'no channel' if not rows else 'several channels'} of this hub named {wanted}")
    return Topic("chan", bytes(rows[0].ident))
