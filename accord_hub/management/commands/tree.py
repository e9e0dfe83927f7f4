"""`manage.py tree`: who invited whom, as a picture of plain characters or as JSON."""

import dataclasses
import json
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from django.core.management import CommandError

from accord.encoding import b64encode
from accord_hub import runner
from accord_hub.arguments import KEY_HELP, account_of, count
from invites.branches import MAX_NODES, Node, branch_of
from invites.selectors import tally
from messaging.services import hub_install
from peers.commands import HubCommand
from peers.selectors import admin_account_id


class Command(HubCommand):
    """Reads only, whether the hub runs or not."""

    help = (
        "Show the invite tree, or somebody's branch of it: each account under the one that invited it, with what it "
        f"has left to give and what it has stored. At most {MAX_NODES:,} accounts, the upper generations first."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("who", nargs="?", help=f"whose branch: a name or a user key (default: all); {KEY_HELP}")
        parser.add_argument(
            "--depth", type=count, metavar="N", help="how many generations below the top (default: all)"
        )
        parser.add_argument(
            "--json",
            action="store_true",
            help="print {capacity, accounts, unspent, items, more}: items as in `GET branch` of the REST API, each "
            "after the one above it; more: the lower end is left out",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        runner.prepare()
        hub_install()
        top = admin_account_id()
        if options["who"] is not None:
            account = account_of(options["who"])
            if account is None:
                raise CommandError("nobody here has that name or key: manage.py tree shows who is here")
            top = account.pk
        nodes, held = branch_of(top, depth=options["depth"], limit=MAX_NODES + 1), tally()
        shown, more = nodes[:MAX_NODES], len(nodes) > MAX_NODES
        if options["json"]:
            facts = {"capacity": held.capacity, "accounts": held.accounts, "unspent": held.unspent}
            self.stdout.write(json.dumps({**facts, "items": [_item(node) for node in shown], "more": more}))
            return
        for line in _picture(shown):
            self.stdout.write(line)
        if more:
            self.stdout.write("... and more")
        self.stdout.write(
            f"\n{held.accounts:,} accounts and {held.unspent:,} unspent invites in the hub; capacity {held.capacity:,}."
        )


def _item(node: Node) -> dict[str, Any]:
    fields = dataclasses.asdict(node)
    del fields["pk"]
    parent = None if node.parent is None else b64encode(node.parent)
    return {**fields, "key": b64encode(node.key), "parent": parent}


def _picture(nodes: list[Node]) -> Iterator[str]:
    """A line an account. Without recursion, for a chain of invites may be long."""
    under: defaultdict[bytes | None, list[Node]] = defaultdict(list)
    for node in nodes[1:]:
        under[node.parent].append(node)
    waiting = [(nodes[0], "", "")]
    while waiting:
        node, lead, below = waiting.pop()
        yield f"{lead}{node.name}  {_words(node)}"
        children = under[node.key]
        for child in reversed(children):
            edge, space = ("`-- ", "    ") if child is children[-1] else ("|-- ", "|   ")
            waiting.append((child, below + edge, below + space))


def _words(node: Node) -> str:
    if node.state == "waiting":
        return f"(invite that waits; {_number(node.invites_left, 'invite')} with it)"
    words = [f"{_number(node.invites_left, 'invite')} left"]
    words += [f"{node.below:,} below"] if node.below else []
    words += [_used(node.messages, node.messages_limit, "message")]
    words += [_used(node.bytes, node.bytes_limit, "byte")] if node.bytes_limit is not None else []
    return f"({'' if node.state == 'active' else f'{node.state}; '}{', '.join(words)})"


def _number(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _used(used: int, limit: int | None, what: str) -> str:
    return _number(used, what) if limit is None else f"{used:,} of {_number(limit, what)}"
