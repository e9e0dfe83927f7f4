"""`manage.py unlink`: end a link to another hub."""

from argparse import ArgumentParser
from typing import Any

from django.core.management import CommandError

from accord.encoding import b64encode
from accord_hub import runner
from links.models import Link
from links.services import link_remove
from peers.commands import HubCommand


class Command(HubCommand):
    """Forgets the link; messages stay on both hubs."""

    help = "End the link to a hub. What was exchanged stays on both; what waits for it is forgotten."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("hub", help="the hub's key as `links` shows it, or its beginning")

    def handle(self, *args: Any, **options: Any) -> None:
        runner.prepare()
        found = [link for link in Link.objects.all() if b64encode(bytes(link.key)).startswith(options["hub"])]
        if len(found) != 1:
            raise CommandError("no link to that hub" if not found else "several links begin like that: say more of it")
        link_remove(key=bytes(found[0].key))
        self.stdout.write(f"The link to {found[0]} is gone. That hub may still have an account here: see the console.")
