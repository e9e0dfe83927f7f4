"""The arguments of what is private: `accord connections | spaces | channels | members | search | export`."""

from __future__ import annotations

import argparse
from typing import Any, Final

from accord.message_types import MAX_INVITE_USES, MIN_CHANNEL_BURN_MS
from accord_client import private_commands as commands
from accord_client.arguments import MAX_BURN_SECONDS, number_of
from accord_client.errors import ClientError
from accord_client.lines import Output
from accord_client.profile import ProfileStore

COMMANDS: Final = frozenset({"connections", "spaces", "channels", "members", "search", "export"})
MAX_HOURS: Final = 24 * 365
USUAL_HOURS: Final = 72
MAX_FOUND: Final = 10_000
USUAL_FOUND: Final = 50


def add_parsers(parsers: Any, common: argparse.ArgumentParser) -> None:
    """Add the commands to the program's."""
    _connections(parsers, common)
    _spaces(parsers, common)
    _channels(parsers, common)

    sub = parsers.add_parser("members", parents=[common], help="who is in a space; as its admin, change that")
    sub.add_argument("where", metavar="SPACE", help="the space's name; to list, a private channel too")
    deeds = ["add", "admin", "member", "remove", "history"]
    sub.add_argument("deed", metavar="|".join(deeds), nargs="?", choices=deeds, help="`history`: what was said before")
    sub.add_argument("who", metavar="NAME_OR_KEY", nargs="?")
    sub.add_argument("--json", action="store_true", help="print one JSON object a member")

    sub = parsers.add_parser("search", parents=[common], help="search in what you may read, what is encrypted too")
    sub.add_argument("words", metavar="WORD", nargs="+", help="all of them must be there")
    sub.add_argument("--limit", metavar="N", type=number_of(1, MAX_FOUND), default=USUAL_FOUND)
    sub.add_argument("--json", action="store_true", help="print one JSON object a text, uncleaned")

    parsers.add_parser("export", parents=[common], help="print what you have written, one JSON object a text")


def _connections(parsers: Any, common: argparse.ArgumentParser) -> None:
    sub = parsers.add_parser("connections", parents=[common], help="private conversations: list, ask, accept, decline")
    sub.add_argument("deed", metavar="ask|accept|decline", nargs="?", choices=["ask", "accept", "decline"])
    sub.add_argument("who", metavar="NAME_OR_KEY", nargs="?")
    sub.add_argument("--json", action="store_true", help="print one JSON object a person")


def _spaces(parsers: Any, common: argparse.ArgumentParser) -> None:
    sub = parsers.add_parser("spaces", parents=[common], help="your spaces: list, create, rename, invite, join, leave")
    sub.add_argument("--json", action="store_true", help="print one JSON object a space")
    deeds = sub.add_subparsers(dest="deed", metavar="create|rename|invite|join|leave|keys")
    deed = deeds.add_parser("create", parents=[common], help="a new space, of which you are the admin")
    deed.add_argument("name", metavar="NAME")
    deed.add_argument("--about", metavar="TEXT", default="")
    deed.add_argument("--channel", metavar="NAME", action="append", help="may come several times (default: general)")
    deed = deeds.add_parser("rename", parents=[common], help="as an admin: say what it is called and what it is for")
    deed.add_argument("name", metavar="NAME")
    deed.add_argument("--name", dest="to", metavar="NEW_NAME")
    deed.add_argument("--about", metavar="TEXT", help="an empty one takes it away")
    deed = deeds.add_parser("invite", parents=[common], help="print a link by which members of the hub join")
    deed.add_argument("name", metavar="NAME")
    deed.add_argument(
        "--hours", metavar="N", type=number_of(1, MAX_HOURS), default=USUAL_HOURS, help="how long it works"
    )
    deed.add_argument(
        "--uses", metavar="N", type=number_of(1, MAX_INVITE_USES), default=1, help="for how many (default 1)"
    )
    deed = deeds.add_parser("join", parents=[common], help="join by such a link")
    deed.add_argument("link", metavar="LINK")
    deed = deeds.add_parser("leave", parents=[common], help="leave a space")
    deed.add_argument("name", metavar="NAME")
    deeds.add_parser("keys", parents=[common], help="as an admin: hand out new keys wherever they are due")


def _channels(parsers: Any, common: argparse.ArgumentParser) -> None:
    sub = parsers.add_parser("channels", parents=[common], help="the private channels of your spaces: list, create")
    sub.add_argument("--space", metavar="NAME", help="only that space's")
    sub.add_argument("--json", action="store_true", help="print one JSON object a channel")
    deeds = sub.add_subparsers(dest="deed", metavar="create")
    deed = deeds.add_parser("create", parents=[common], help="a new channel in a space of which you are an admin")
    deed.add_argument("in_space", metavar="SPACE")
    deed.add_argument("name", metavar="NAME")
    burning = number_of(MIN_CHANNEL_BURN_MS // 1000, MAX_BURN_SECONDS)
    deed.add_argument("--burn", metavar="SECONDS", type=burning, help="all that is said there vanishes after so long")
    deed.add_argument("--private", action="store_true", help="for the admins alone")


async def run(args: argparse.Namespace, store: ProfileStore, output: Output) -> int:
    """Do what the arguments of one of COMMANDS say; gives the exit code."""
    match args.command:
        case "connections":
            _both(args)
            return await commands.connections(store, output, deed=args.deed, who=args.who, as_json=args.json)
        case "members":
            _both(args)
            return await commands.members(
                store, output, where=args.where, deed=args.deed, who=args.who, as_json=args.json
            )
        case "search":
            words = " ".join(args.words)
            return await commands.search(store, output, words=words, limit=args.limit, as_json=args.json)
        case "export":
            return await commands.export(store, output)
        case "channels" if args.deed == "create":
            return await commands.create_channel(
                store, output, space=args.in_space, name=args.name, burn_seconds=args.burn, private_=args.private
            )
        case "channels":
            return await commands.list_channels(store, output, space=args.space, as_json=args.json)
    return await _run_spaces(args, store, output)


async def _run_spaces(args: argparse.Namespace, store: ProfileStore, output: Output) -> int:
    match args.deed:
        case "create":
            channels = args.channel or ["general"]
            return await commands.create_space(store, output, name=args.name, about=args.about, channels=channels)
        case "rename":
            return await commands.rename_space(store, output, name=args.name, to=args.to, about=args.about)
        case "invite":
            return await commands.invite_to_space(store, output, name=args.name, hours=args.hours, uses=args.uses)
        case "join":
            return await commands.join_space(store, output, link=args.link)
        case "leave":
            return await commands.leave_space(store, output, name=args.name)
        case "keys":
            return await commands.rotate(store, output)
    return await commands.list_spaces(store, output, as_json=args.json)


def _both(args: argparse.Namespace) -> None:
    """A deed is about somebody."""
    if args.deed is not None and args.who is None:
        raise ClientError("say who: a name or a key")
