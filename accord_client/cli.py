"""The command line: `accord join | invite | send | listen | history | topics | whoami | follow | unfollow | verify |
recovery | vouch | carry | pruned | token | sign | tui | files | connections | spaces | channels | members | search |
export | login | vault`.

Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 not joined yet. What a person or a remote did wrong is one
line on standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import getpass
import logging
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final

from accord.encoding import b64encode
from accord.errors import AccordError, RemoteError
from accord.invites import MAX_CIRCLE_PEOPLE
from accord.message_types import COUNT_LIMIT
from accord.names import normalize_name
from accord_client import commands, file_commands, keys, private_cli, vault_commands
from accord_client.arguments import MAX_BURN_SECONDS, number_of
from accord_client.errors import ClientError, NotJoined
from accord_client.identity import whoami
from accord_client.inviting import MAX_HOURS, Wanted, invite
from accord_client.join import CodeNeeded, NameTaken, join, look
from accord_client.lines import Output, leave_broken_pipe
from accord_client.listen import listen
from accord_client.notes import show_notes, write_note
from accord_client.profile import DEFAULT_PROFILE, ProfileStore
from accord_client.receipts import pruned
from accord_client.sending import send
from accord_client.terminal import clean_line
from accord_client.vouching import MAX_DAYS, USUAL_DAYS, vouch

FAILED: Final = 1
NOT_JOINED: Final = 3
INTERRUPTED: Final = 130
ID_CHARS: Final = 43  # of 32 bytes as base64url

_TARGET_HELP = "#channel, '#channel · hub', @name, @key, feed, feed:@name or a raw topic"
log = logging.getLogger("accord_client.cli")


class _SafeFormatter(logging.Formatter):
    """Log lines may quote what a remote said."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(clean_line(line) for line in super().format(record).splitlines())


def build_parser() -> argparse.ArgumentParser:
    """The arguments of the program."""
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("--profile", metavar="NAME", help=f"which account to use (default: {DEFAULT_PROFILE})")
    common.add_argument("--verbose", action="store_true", help="say on standard error what happens")
    parser = argparse.ArgumentParser(prog="accord", description="Messages on an Accord hub.", parents=[common])
    parsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    sub = parsers.add_parser("join", parents=[common], help="join a hub by an invite link")
    sub.add_argument("link", metavar="LINK")
    sub.add_argument("--name", help="your account name on this hub: 3 to 32 of a-z, 0-9, dot, dash, underscore")
    sub.add_argument("--display-name", metavar="TEXT", help="how you are shown (default: the name as you type it)")
    sub.add_argument("--code", help="the invite's claim code, if you were told one")

    sub = parsers.add_parser("invite", parents=[common], help="make an invite link, paid from your own invites")
    sub.add_argument("--name", help="an account name to suggest; the newcomer may take another")
    sub.add_argument("--hours", metavar="N", type=number_of(1, MAX_HOURS), default=MAX_HOURS, help="how long it works")
    sub.add_argument(
        "--invites", metavar="N", type=number_of(0, COUNT_LIMIT), default=0, help="that go to each (default 0)"
    )
    sub.add_argument("--messages", metavar="N", type=number_of(0, COUNT_LIMIT), help="each may store (default: any)")
    sub.add_argument("--bytes", metavar="N", type=number_of(0, COUNT_LIMIT), help="each may store (default: any)")
    sub.add_argument("--code", action="store_true", help="ask for a claim code too, which you tell by other means")
    sub.add_argument(
        "--channel", metavar="NAME", action="append", default=[], help="to begin in; may come several times"
    )
    sub.add_argument(
        "--people", metavar="N", type=number_of(1, MAX_CIRCLE_PEOPLE), default=1, help="one link for N people"
    )
    sub.add_argument("--json", action="store_true", help="print {link, expires, people, code?}; expires in ms")

    sub = parsers.add_parser("send", parents=[common], help="send a text, or each line of standard input")
    sub.add_argument("--to", metavar="TARGET", help=f"{_TARGET_HELP} (default: the lounge)")
    sub.add_argument("--reply", metavar="ID", help="the message that this one answers: its id or UUID")
    sub.add_argument("--burn", metavar="SECONDS", type=number_of(1, MAX_BURN_SECONDS), help="vanish after so long")
    sub.add_argument("--openly", action="store_true", help="to a person: in clear, so that the hub can read it")
    sub.add_argument("--file", metavar="PATH", type=Path, action="append", default=[], help="goes along; several times")
    sub.add_argument("--json", action="store_true", help="print one JSON object a message")
    sub.add_argument("text", metavar="TEXT", nargs="*", help="absent or `-`: each line of standard input is a message")

    parsers.add_parser("tui", parents=[common], help="your conversations on the whole screen, for daily use")

    sub = parsers.add_parser("listen", parents=[common], help="show messages as they come")
    sub.add_argument("targets", metavar="TARGET", nargs="*", help=f"{_TARGET_HELP} (default: all you may read)")
    sub.add_argument("--json", action="store_true", help="print one JSON object a message, text uncleaned")
    sub.add_argument("--since-last", action="store_true", help="begin where the last `listen` of this kind ended")
    sub.add_argument("--count", metavar="N", type=number_of(1, 2**53), help="end after N messages")

    sub = parsers.add_parser("history", parents=[common], help="show what was said")
    sub.add_argument("target", metavar="TARGET", nargs="?", help=f"{_TARGET_HELP} (default: the lounge)")
    sub.add_argument("--limit", metavar="N", type=number_of(1, 1_000_000), default=50)
    sub.add_argument("--before", metavar="WHEN", help="a time like 2026-01-31T12:00, or a message's id or UUID")
    sub.add_argument("--json", action="store_true", help="print one JSON object a message, text uncleaned")

    file_commands.add_parser(parsers, common, _TARGET_HELP)
    sub = parsers.add_parser("topics", parents=[common], help="list the channels, those of other hubs too")
    sub.add_argument("--json", action="store_true", help="print one JSON object a channel")
    sub = parsers.add_parser("whoami", parents=[common], help="who you are, on which hub, and what you may store there")
    sub.add_argument("--json", action="store_true", help="print a JSON object")
    sub = parsers.add_parser("verify", parents=[common], help="compare keys with a person, by words")
    sub.add_argument("who", metavar="NAME_OR_KEY")
    sub.add_argument("--yes", action="store_true", help="they see the same words: keep that, and stop at another key")
    sub = parsers.add_parser("recovery", parents=[common], help="make a recovery code, or come back by one")
    deeds = sub.add_subparsers(dest="deed", metavar="make|use", required=True)
    deeds.add_parser("make", parents=[common], help="print a recovery code once, and set it when it is saved")
    deed = deeds.add_parser("use", parents=[common], help="new keys for your account, by the code on standard input")
    deed.add_argument("address", metavar="https://HUB#KEY", help="the hub's address and its key")

    sub = parsers.add_parser("follow", parents=[common], help="follow a person, or list whom you follow")
    sub.add_argument("who", metavar="NAME_OR_KEY", nargs="?")
    sub = parsers.add_parser("unfollow", parents=[common], help="no longer follow a person")
    sub.add_argument("who", metavar="NAME_OR_KEY")

    sub = parsers.add_parser("notes", parents=[common], help="what others say of a person")
    sub.add_argument("who", metavar="NAME_OR_KEY")
    sub.add_argument("--json", action="store_true", help="print one JSON object a note, as its author signed it")
    sub = parsers.add_parser("note", parents=[common], help="say of a person who they are, for all who read your feed")
    sub.add_argument("who", metavar="NAME_OR_KEY")
    sub.add_argument("--address", metavar="WSS", action="append", default=[], help="where they can be reached")
    sub.add_argument("text", metavar="TEXT", nargs="+")

    private_cli.add_parsers(parsers, common)
    vault_commands.add_parsers(parsers, common)

    sub = parsers.add_parser("vouch", parents=[common], help="a voucher, with which a stranger writes here at once")
    sub.add_argument("key", metavar="KEY", help="the stranger's, as the page /to/NAME of your hub shows it to them")
    sub.add_argument(
        "--days", metavar="N", type=number_of(1, MAX_DAYS), default=USUAL_DAYS, help=f"it holds (default {USUAL_DAYS})"
    )
    sub.add_argument("--to", metavar="NAME", help="to whose page the link leads (default: yours)")

    sub = parsers.add_parser("pruned", parents=[common], help="check the hub's receipts for what it has removed")
    sub.add_argument("target", metavar="TARGET", nargs="?", help=f"{_TARGET_HELP} (default: the lounge)")
    sub.add_argument("--against", metavar="FILE", help="a copy made before, as `manage.py export_messages` writes it")
    sub.add_argument("--json", action="store_true", help="print one JSON object a receipt, as the hub signed it")

    sub = parsers.add_parser("carry", parents=[common], help="whether people on linked hubs can reach you")
    sub.add_argument("wanted", metavar="on|off", nargs="?", choices=["on", "off"])

    sub = parsers.add_parser("token", parents=[common], help="a bearer token for the hub's REST API, for 15 minutes")
    sub.add_argument("--json", action="store_true", help="print {token, api, expires}; expires in ms since 1970 UTC")
    sub = parsers.add_parser("sign", parents=[common], help="print a signed text, for the REST API to publish")
    sub.add_argument("--to", metavar="TARGET", help=f"{_TARGET_HELP} (default: the lounge)")
    sub.add_argument("text", metavar="TEXT", nargs="+")
    return parser


def _log_to_stderr(*, verbose: bool) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_SafeFormatter("accord: %(name)s: %(message)s" if verbose else "accord: %(message)s"))
    logger = logging.getLogger("accord_client")
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(logging.DEBUG if verbose else logging.WARNING)
    # At debug level it shows whole frames, the login's too.
    logging.getLogger("accord_client.websocket").setLevel(logging.INFO if verbose else logging.ERROR)


def _on_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _ask_name(suggestion: str) -> str:
    sys.stderr.write(f"your name on this hub{f' [{suggestion}]' if suggestion else ''}: ")
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise ClientError("no name was given")
    return line.strip() or suggestion


def _suggested_name() -> str:
    try:
        return normalize_name(getpass.getuser())
    except (RemoteError, OSError, KeyError, ImportError):
        return ""


def _ask_code() -> str:
    sys.stderr.write("the invite's claim code, as whoever invited you told it: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def _first_guess(args: argparse.Namespace, store: ProfileStore) -> tuple[str, str | None]:
    """The name and the code to begin with: given, suggested by the invite, or asked for."""
    is_begun = store.exists() and (store.load().joined or store.load().claim_sent)
    offer = None if is_begun or (args.name and args.code) else _run(look(args.link))
    suggestion = (offer.suggestion if offer else "") or _suggested_name()
    name = args.name or (_ask_name(suggestion) if _on_a_terminal() else suggestion)
    needs_code = offer is not None and offer.needs_code and not args.code
    return name, _ask_code() if needs_code and _on_a_terminal() else args.code


def _join(args: argparse.Namespace, store: ProfileStore, output: Output) -> int:
    was_joined = store.exists() and store.load().joined
    name, code = _first_guess(args, store)
    while True:
        if not name:
            raise ClientError("choose a name with --name")
        try:
            work = join(args.link, name, store, display_name=args.display_name, code=code)
            profile = _run(work)
            break
        except (NameTaken, CodeNeeded) as error:
            if not _on_a_terminal():
                raise
            log.error("%s", error)
            if isinstance(error, NameTaken):
                name = _ask_name("")
            else:
                code = _ask_code()
    output.text(f"joined {clean_line(profile.url)} as {profile.account_name}")
    for inviter, called in () if was_joined else profile.follows.items():  # a new profile follows nobody else
        output.text(f"invited by @{clean_line(called) or b64encode(inviter)}, whom you follow now")
    return 0


async def _until_terminated(work: Coroutine[Any, Any, Any]) -> Any:
    """A request to terminate ends the work as Ctrl-C does, so that positions are kept."""
    task = asyncio.current_task()
    if task is not None:
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # another system, another thread
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await work


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(_until_terminated(work))


def _execute(args: argparse.Namespace) -> int:
    store = ProfileStore(getattr(args, "profile", DEFAULT_PROFILE))
    output = Output()
    match args.command:
        case "join":
            return _join(args, store, output)
        case "whoami":
            return whoami(store, output, as_json=args.json)
        case "follow" if args.who is None:
            return commands.list_follows(store, output)
        case "token":
            return commands.token(store, output, as_json=args.json)
        case "tui":
            from accord_client.tui import run as run_tui  # noqa: PLC0415 - its library is large: only who wants it waits

            return run_tui(store)
        case "vault":
            return vault_commands.run(args, store, output)
        case "vouch":
            return vouch(store, output, key=args.key, days=args.days, name=args.to)
    return int(_run(_online(args, store, output)))


async def _online(args: argparse.Namespace, store: ProfileStore, output: Output) -> int:
    match args.command:
        case "send":
            text = None if args.text in ([], ["-"]) else " ".join(args.text)
            if args.file:
                text = text or ""  # files go with one message: standard input is not read
            return await send(
                store,
                output,
                target=args.to,
                text=text,
                reply=args.reply,
                burn_seconds=args.burn,
                openly=args.openly,
                as_json=args.json,
                files=args.file,
            )
        case "invite":
            options = ("name", "hours", "invites", "messages", "bytes", "people")
            chosen = {option: getattr(args, option) for option in options}
            made = Wanted(**chosen, has_code=args.code, channels=tuple(args.channel))
            return await invite(store, output, wanted=made, as_json=args.json)
        case "listen":
            return await listen(
                store, output, targets=args.targets, json=args.json, since_last=args.since_last, count=args.count
            )
        case "history":
            return await commands.show_history(
                store, output, target=args.target, limit=args.limit, before=args.before, as_json=args.json
            )
        case "files":
            asked = {"target": args.target, "where": args.save, "message": args.message, "limit": args.limit}
            return await file_commands.files(store, output, **asked, as_json=args.json)
        case "pruned":
            return await pruned(store, output, target=args.target, against=args.against, as_json=args.json)
        case "sign":
            return await commands.sign(store, output, target=args.to, text=" ".join(args.text))
        case "topics":
            return await commands.list_topics(store, output, as_json=args.json)
        case "notes":
            return await show_notes(store, output, who=args.who, as_json=args.json)
        case "note":
            text = " ".join(args.text)
            return await write_note(store, output, who=args.who, text=text, addresses=args.address)
        case "carry":
            wanted = None if args.wanted is None else args.wanted == "on"
            return await commands.carry(store, output, wanted=wanted)
        case "login":
            return await vault_commands.log_in(
                store, output, name=args.name, address=args.address, recovery=args.recovery, secret=args.secret
            )
        case "verify":
            return await keys.verify_person(store, output, who=args.who, yes=args.yes)
        case "recovery" if args.deed == "make":
            return await keys.recovery_make(store, output)
        case "recovery":
            return await keys.recovery_use(store, output, address=args.address)
        case command if command in private_cli.COMMANDS:
            return await private_cli.run(args, store, output)
        case "follow":
            return await commands.follow(store, output, who=args.who)
        case _:
            return await commands.unfollow(store, output, who=args.who)


def _joined(arguments: list[str]) -> list[str]:
    """The same with an id that follows `--reply`, `--before` or `--message` as one word with it, and with an @ before
    the key of `vouch`: an id or a key may begin with a dash, and would pass for an option.
    """
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] in ("--reply", "--before", "--message") and len(argument) == ID_CHARS:
            joined[-1] += f"={argument}"
        elif "vouch" in joined and argument.startswith("-") and len(argument) == ID_CHARS:
            joined.append(f"@{argument}")
        else:
            joined.append(argument)
    return joined


def main(argv: list[str] | None = None) -> int:
    """Run the program with arguments (those of the process by default); gives the exit code."""
    args = build_parser().parse_args(_joined(sys.argv[1:] if argv is None else argv))
    _log_to_stderr(verbose=getattr(args, "verbose", False))
    try:
        return _execute(args)
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 0 if args.command == "listen" else INTERRUPTED
    except BrokenPipeError:
        leave_broken_pipe()
        return 0
    except NotJoined as error:
        log.error("%s", error)
        return NOT_JOINED
    except ClientError as error:
        log.error("%s", error)
        return FAILED
    except AccordError as error:
        log.error("the hub refused: %s", f"{error.detail} ({error.code})" if error.detail else error.code)
        return FAILED
    except OSError as error:
        log.error("%s", error)
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
