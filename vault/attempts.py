"""How often a vault may be tried: by name and by address, counted in the database (protocol.md section 9).

An attempt counts before the password is looked at, so that many at once do not pass as one; one that was right is
taken back. What is counted is the same whether or not a name has a vault. Restarting the hub forgives nothing. Names
and addresses are in the table as tags only: people type passwords where names belong.
"""

from __future__ import annotations

from typing import Final

from django.db import transaction
from django.db.models import F

from accord import vault
from accord.errors import AccordError
from peers.keyring import keyring
from vault.models import Attempt

HOUR_MS: Final = 3600 * 1000
NAME_TRIES_AN_HOUR: Final = 10
ADDRESS_TRIES_AN_HOUR: Final = 30
FREE_TRIES: Final = 3  # for a name, without a wait
FIRST_DELAY_MS: Final = 2_000  # after the last of them; doubled by each that follows


def _delay_ms(tries: int) -> int:
    return FIRST_DELAY_MS << tries - FREE_TRIES if tries >= FREE_TRIES else 0


def _tags(name: str, address: str) -> tuple[bytes, bytes]:
    secret = keyring().secret
    return vault.attempt_tag(secret, "name", name), vault.attempt_tag(secret, "address", address)


def _take(tag: bytes, most: int, now: int, *, grows: bool) -> int:
    """Count one more; gives how long (ms) to wait if there may be none."""
    row = Attempt.objects.filter(pk=tag, since__gt=now - HOUR_MS).values_list("tries", "since", "heard_from").first()
    tries, since, heard_from = row or (0, now, now)
    if tries >= most:
        return since + HOUR_MS - now
    if heard_from > now:
        return heard_from - now
    heard_from = now + _delay_ms(tries + 1) if grows else now
    counted = {"tries": tries + 1, "since": since, "heard_from": heard_from}
    Attempt.objects.update_or_create(pk=tag, defaults=counted)
    return 0


def attempt_count(*, name: str, address: str, now: int) -> None:
    """Count an attempt at the vault of this name from this address; AccordError("rate") if it is one too many."""
    by_name, by_address = _tags(name, address)
    with transaction.atomic():
        wait = max(
            _take(by_name, NAME_TRIES_AN_HOUR, now, grows=True),
            _take(by_address, ADDRESS_TRIES_AN_HOUR, now, grows=False),
        )
        if wait:
            transaction.set_rollback(True)
    if wait:
        raise AccordError("rate", "too many attempts: wait before the next one", retry_ms=wait)


def attempt_forgive(*, name: str, address: str) -> None:
    """It was right: the name's count begins anew, and the address has one more."""
    by_name, by_address = _tags(name, address)
    with transaction.atomic():
        Attempt.objects.filter(pk=by_name).delete()
        Attempt.objects.filter(pk=by_address, tries__gt=0).update(tries=F("tries") - 1)


def attempts_forget(*, now: int) -> None:
    """Drop what is older than an hour."""
    old = Attempt.objects.filter(since__lte=now - HOUR_MS)
    if old.exists():  # asked without the write lock
        old.delete()
