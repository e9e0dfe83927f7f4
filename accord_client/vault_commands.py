"""`accord login` and `accord vault`: name and password on the command line (protocol.md section 9).

Passwords are asked on the terminal, unseen; without one they are a line of standard input. They are never arguments.
"""

from __future__ import annotations

import argparse
import getpass
import logging
import sys
from typing import Any, Final

from accord import vault
from accord.errors import RemoteError
from accord.names import normalize_name
from accord_client import vaulting
from accord_client.account import load_joined
from accord_client.errors import ClientError
from accord_client.keys import read_address
from accord_client.lines import Output
from accord_client.profile import ProfileStore
from accord_client.terminal import clean_line

MIN_CHARS: Final = 8

log = logging.getLogger(__name__)


def add_parsers(parsers: Any, common: argparse.ArgumentParser) -> None:
    """Add the commands to the program's."""
    how = argparse.ArgumentParser(add_help=False)
    how.add_argument("--recovery", action="store_true", help="by the recovery code in place of the password")
    how.add_argument("--secret", action="store_true", help="the account has a secret key beside its password")
    sub = parsers.add_parser("login", parents=[common, how], help="log in on this computer by name and password")
    sub.add_argument("name", metavar="NAME")
    sub.add_argument("address", metavar="https://HUB#KEY", help="the hub's address and its key")
    sub = parsers.add_parser("vault", parents=[common], help="a password for your account, with which keys follow you")
    deeds = sub.add_subparsers(dest="deed", metavar="make|open|password|code", required=True)
    deeds.add_parser("make", parents=[common], help="choose a password, and print a recovery code once")
    deeds.add_parser("open", parents=[common, how], help="use the vault that your account has on this device too")
    for deed, words in (
        ("password", "choose another password, or the first where the account was made without one"),
        ("code", "print another recovery code once; the one before ends"),
    ):
        sub = deeds.add_parser(deed, parents=[common], help=words)
        sub.add_argument("--recovery", action="store_true", help="by the recovery code in place of the password")


def _ask(question: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(question)
    line = sys.stdin.readline()
    if not line:
        raise ClientError("no password was given")
    return line.rstrip("\r\n")


def _code(question: str) -> bytes:
    try:
        return vault.VAULT_CODE.parse(_ask(question))
    except RemoteError as error:
        raise ClientError(error.detail) from error


def _root(origin: str, hub: bytes, name: str, *, recovery: bool, secret: bool) -> tuple[bytes, str]:
    """What opens the vault of a name, and the slot that it opens."""
    if recovery:
        return vault.recovery_root(_code("recovery code: ")), "recovery"
    password = _ask(f"password of {name}: ")
    secret_key = _code("secret key: ") if secret else None
    try:
        return vaulting.password_root(origin, hub, name, password, secret_key), "password"
    except RemoteError as error:
        raise ClientError(error.detail) from error


async def log_in(store: ProfileStore, output: Output, *, name: str, address: str, recovery: bool, secret: bool) -> int:
    """Log in on a clean machine by name and password; the keys come out of the account's vault."""
    origin, hub = read_address(address)
    try:
        name = normalize_name(name)
    except RemoteError as error:
        raise ClientError(error.detail) from error
    root, kind = _root(origin, hub, name, recovery=recovery, secret=secret)
    profile = await vaulting.log_in(store, origin=origin, hub=hub, name=name, root=root, kind=kind)
    output.text(f"logged in as {clean_line(profile.account_name)} on {clean_line(profile.url)}")
    return 0


def run(args: argparse.Namespace, store: ProfileStore, output: Output) -> int:
    """Do what the arguments of `accord vault` say; gives the exit code."""
    match args.deed:
        case "make":
            return make(store, output)
        case "password":
            return change_password(store, output, recovery=args.recovery)
        case "code":
            return make_code(store, output, recovery=args.recovery)
    return use(store, output, recovery=args.recovery, secret=args.secret)


def _ask_new() -> str:
    password = _ask("new password: ")
    if len(password) < MIN_CHARS:
        raise ClientError(f"a password has at least {MIN_CHARS} characters; several words are best")
    if _ask("the same once more: ") != password:
        raise ClientError("these were two different ones: nothing was changed")
    return password


def _show_code(groups: list[str], output: Output) -> None:
    output.text(" ".join(groups))
    log.warning("this is the recovery code, for when the password is lost: write it down, it is shown this once")


def make(store: ProfileStore, output: Output) -> int:
    """Give this account a password, and print a recovery code once."""
    load_joined(store)
    _show_code(vaulting.make(store, _ask_new()), output)
    return 0


def _locks(store: ProfileStore, *, recovery: bool) -> tuple[vaulting.Locks, bytes | None]:
    """The locks of the vault, opened by the password or the recovery code, and the secret key beside the password."""
    profile, standing = load_joined(store), vaulting.standing(store)
    if recovery or standing.is_unset:
        root, kind = vault.recovery_root(_code("recovery code: ")), "recovery"
        return vaulting.Locks(store, root, kind), _code("secret key: ") if standing.has_secret_key else None
    password = _ask("password now: ")
    secret_key = _code("secret key: ") if standing.has_secret_key else None
    try:
        root = vaulting.password_root(profile.url, profile.hub, profile.account_name, password, secret_key)
    except RemoteError as error:
        raise ClientError(error.detail) from error
    return vaulting.Locks(store, root, "password"), secret_key


def change_password(store: ProfileStore, output: Output, *, recovery: bool) -> int:
    """Another password, or the first; the recovery code and a secret key stay as they are."""
    locks, secret_key = _locks(store, recovery=recovery)
    locks.change_password(_ask_new(), secret_key)
    output.text("the password is changed; other devices ask for the new one")
    return 0


def make_code(store: ProfileStore, output: Output, *, recovery: bool) -> int:
    """Another recovery code, printed once; the one before is worth nothing any more."""
    locks, _ = _locks(store, recovery=recovery)
    _show_code(locks.make_code(), output)
    return 0


def use(store: ProfileStore, output: Output, *, recovery: bool, secret: bool) -> int:
    """Use the vault that this account has already, on this device too."""
    profile = load_joined(store)
    root, kind = _root(profile.url, profile.hub, profile.account_name, recovery=recovery, secret=secret)
    vaulting.adopt(store, root, kind)
    output.text("this device puts its keys into the vault from now on")
    return 0
