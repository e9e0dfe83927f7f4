"""Arguments that several commands take: numbers, user keys, people by name or key."""

from __future__ import annotations

import argparse

from accord.encoding import b64decode
from accord.errors import RemoteError
from accord.message_types import COUNT_LIMIT
from accord.names import normalize_name
from peers.models import Account

KEY_HELP = "a key that begins with - comes last, after --"


def count(text: str) -> int:
    """A number that is not negative."""
    if not (text.isascii() and text.isdecimal()) or int(text) > COUNT_LIMIT:
        raise argparse.ArgumentTypeError("a number, 0 or more")
    return int(text)


def limit(text: str) -> int:
    """What an account may store: a number, or `none` for no limit, which is COUNT_LIMIT."""
    return COUNT_LIMIT if text == "none" else count(text)


def user_key(text: str) -> bytes:
    """A user key in base64url."""
    try:
        return b64decode(text, 32)
    except RemoteError as error:
        raise argparse.ArgumentTypeError("a user key has 43 letters, digits, - and _") from error


def name(text: str) -> str:
    """The one spelling of an account's name."""
    try:
        return normalize_name(text)
    except RemoteError as error:
        raise argparse.ArgumentTypeError(error.detail) from error


def account_of(who: str) -> Account | None:
    """The account of a name or of a user key, with its user and balance; None where there is none."""
    rows = Account.objects.select_related("user", "balance")
    found = rows.filter(name=who).first()
    if found is None:
        try:
            found = rows.filter(user__key=b64decode(who, 32)).first()
        except RemoteError:
            return None
    return found
