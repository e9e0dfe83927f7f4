"""Second factors of the console's users: an authenticator app (RFC 6238) or passkeys (WebAuthn).

Codes count once, tries are limited, and an app's secret lies encrypted in the database. Not here: the pages (entry.py).
"""

from __future__ import annotations

import secrets
import threading
from typing import Any, Final

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.db import transaction
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from accord.encoding import b64decode
from accord.errors import AccordError, RemoteError
from console.keys import hide, reveal
from console.models import Factor
from peers import audit
from peers.options import HUB_NAME
from peers.sessions import TokenBucket

TOTP_BYTES: Final = 20
TOTP_DIGITS: Final = 6
TOTP_STEP_SECONDS: Final = 30
TRIES: Final = 5
TRIES_PER_SECOND: Final = 1 / 30


class Tries:
    """How often a factor may be tried, by anyone: TRIES at once, then one in thirty seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self._bucket = TokenBucket(TRIES_PER_SECOND, TRIES)

    def take(self) -> None:
        """Use one; AccordError("rate")."""
        with self._lock:
            wait = self._bucket.take()
        if wait:
            raise AccordError("rate", f"too many tries: wait {wait:.0f} s", retry_ms=int(wait * 1000) + 1)


tries = Tries()


def _wrong() -> AccordError:
    return AccordError("unauthorized", "that did not fit: nothing has been changed")


# Authenticator apps


def _totp(secret: bytes) -> TOTP:
    return TOTP(secret, TOTP_DIGITS, SHA1(), TOTP_STEP_SECONDS)  # noqa: S303 - all that many apps know


@transaction.atomic
def totp_begin(*, owner: str, now: int) -> Factor:
    """A secret for an app, asked for once a code of it has been given."""
    Factor.objects.filter(owner=owner, kind=Factor.Kind.TOTP, is_confirmed=False).delete()
    return Factor.objects.create(
        owner=owner,
        kind=Factor.Kind.TOTP,
        name=Factor.Kind.TOTP.label,
        created_at=now,
        secret=hide(secrets.token_bytes(TOTP_BYTES)),
    )


def totp_pending(owner: str) -> Factor | None:
    """The app that is being set up."""
    return Factor.objects.filter(owner=owner, kind=Factor.Kind.TOTP, is_confirmed=False).first()


def totp_uri(factor: Factor) -> str:
    """What an app reads from a QR code."""
    return _totp(reveal(bytes(factor.secret))).get_provisioning_uri(factor.owner, HUB_NAME.value.replace(":", " "))


def _totp_take(factor: Factor, code: str, now: int) -> bool:
    """Whether the code is that of this time step or of one beside it, and none that was used before."""
    step_now = now // 1000 // TOTP_STEP_SECONDS
    machine = _totp(reveal(bytes(factor.secret)))
    for step in (step_now, step_now - 1, step_now + 1):
        try:
            machine.verify(code.encode(), step * TOTP_STEP_SECONDS)
        except InvalidToken:
            continue
        fresh = Factor.objects.filter(pk=factor.pk, counter__lt=step).update(counter=step, used_at=now)
        return bool(fresh)
    return False


def totp_confirm(*, owner: str, code: str, now: int) -> None:
    """Ask for this app from now on; AccordError: unauthorized, rate."""
    tries.take()
    factor = totp_pending(owner)
    if factor is None or not _totp_take(factor, "".join(code.split()), now):
        raise _wrong()
    Factor.objects.filter(pk=factor.pk).update(is_confirmed=True)
    audit.note("factor", factor.name, f"Of {factor.owner}: set up.")


def totp_check(*, owner: str, code: str, now: int) -> None:
    """Pass with a code of any app that is set up; AccordError: unauthorized, rate."""
    tries.take()
    apps = Factor.objects.filter(owner=owner, kind=Factor.Kind.TOTP, is_confirmed=True)
    if not any(_totp_take(factor, "".join(code.split()), now) for factor in apps):
        raise _wrong()


# Passkeys


def _known(owner: str) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(id=bytes(credential))
        for credential in Factor.objects.filter(owner=owner, kind=Factor.Kind.PASSKEY).values_list(
            "credential", flat=True
        )
        if credential is not None
    ]


def passkey_offer(*, owner: str, host: str, challenge: bytes) -> str:
    """What the browser needs to make a passkey for this host, as JSON."""
    return options_to_json(
        generate_registration_options(
            rp_id=host,
            rp_name=HUB_NAME.value,
            user_name=owner,
            challenge=challenge,
            exclude_credentials=_known(owner),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.DISCOURAGED,
                user_verification=UserVerificationRequirement.PREFERRED,
            ),
        )
    )


def passkey_request(*, owner: str, host: str, challenge: bytes) -> str:
    """What the browser needs to use one, as JSON."""
    return options_to_json(
        generate_authentication_options(rp_id=host, challenge=challenge, allow_credentials=_known(owner))
    )


def passkey_add(*, owner: str, answer: str, name: str, host: str, origin: str, challenge: bytes, now: int) -> None:
    """Take a passkey that the browser has made; AccordError: unauthorized, rate."""
    tries.take()
    try:
        made = verify_registration_response(
            credential=answer, expected_challenge=challenge, expected_rp_id=host, expected_origin=origin
        )
    except WebAuthnException as error:
        raise _wrong() from error
    factor = Factor.objects.create(
        owner=owner,
        kind=Factor.Kind.PASSKEY,
        name=" ".join(name.split())[:64] or Factor.Kind.PASSKEY.label,
        created_at=now,
        is_confirmed=True,
        secret=made.credential_public_key,
        credential=made.credential_id,
        counter=made.sign_count,
    )
    audit.note("factor", factor.name, f"Of {factor.owner}: set up.")


def passkey_check(
    *, owner: str, answer: str, value: dict[str, Any], host: str, origin: str, challenge: bytes, now: int
) -> None:
    """Pass with a passkey; AccordError: unauthorized, rate."""
    tries.take()
    try:
        credential = b64decode(value.get("id"))
    except RemoteError as error:
        raise _wrong() from error
    factor = Factor.objects.filter(
        owner=owner, kind=Factor.Kind.PASSKEY, credential=credential, is_confirmed=True
    ).first()
    if factor is None:
        raise _wrong()
    try:
        used = verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=host,
            expected_origin=origin,
            credential_public_key=bytes(factor.secret),
            credential_current_sign_count=factor.counter,
        )
    except WebAuthnException as error:
        raise _wrong() from error
    Factor.objects.filter(pk=factor.pk).update(counter=used.new_sign_count, used_at=now)


@transaction.atomic
def factor_remove(*, factor: Factor) -> None:
    """Ask for it no longer."""
    audit.note("factor", factor.name, f"Of {factor.owner}: removed.")
    factor.delete()
