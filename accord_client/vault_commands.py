"""`accord login` and `accord vault`: name and password on the command line (protocol.md section 9).

Passwords are asked on the terminal, unseen; without one they are a line of standard input. They are never arguments.
"""

from __future__ import annotations

import getpass
import logging
import sys
from typing import Final

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


def make(store: ProfileStore, output: Output) -> int:
    """Give this account a password, and print a recovery code once."""
    load_joined(store)
    password = _ask("new password: ")
    if len(password) < MIN_CHARS:
        raise ClientError(f"a password has at least {MIN_CHARS} characters; several words are best")
    if _ask("the same once more: ") != password:
        raise ClientError("these were two different ones: nothing was changed")
    groups = vaulting.make(store, password)
    output.text(" ".join(groups))
    log.warning("this is the recovery code, for when the password is lost: write it down, it is shown this once")
    return 0


def use(store: ProfileStore, output: Output, *, recovery: bool, secret: bool) -> int:
    """Use the vault that this account has already, on this device too."""
    profile = load_joined(store)
    root, kind = _root(profile.url, profile.hub, profile.account_name, recovery=recovery, secret=secret)
    vaulting.adopt(store, root, kind)
    output.text("this device puts its keys into the vault from now on")
    return 0
