"""Bearer tokens in the tables: whose they are, and what ends them."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accord.certs import Certificate, issue, verify_certificate
from accord.encoding import b64encode, canonical
from accord.errors import AccordError
from accord.keys import SigningKey
from peers import services
from peers.keyring import keyring
from peers.models import Token
from peers.selectors import Bearer, Member, bearer_of
from peers.services import TOKEN_LIFE_MS, session_tokens_forget, token_hash, token_issue, tokens_expire
from peers.tasks import sweep
from tests.factories import HOUR_MS, NOW, Hub, account_of, envelope, person, take

CLIENT = SigningKey(b"c" * 32)


def certificate(user: SigningKey, *, life_ms: int = HOUR_MS) -> Certificate:
    hub = keyring().hub.public
    value = issue(user, client=CLIENT.public, servers=[hub], issued_at=NOW, life_ms=life_ms)
    return verify_certificate(value, server=hub, now=NOW)


def issued(user: SigningKey | None, cert: Certificate | None = None, *, now: int = NOW, **fields: Any) -> bytes:
    """A token, as its holder has it."""
    given = cert or (certificate(user) if user else None)
    options = {"session": secrets.token_urlsafe(16), "is_socket": False, "client": CLIENT.public, **fields}
    return token_issue(certificate=given, now=now, **options)[0]


def holder(token: bytes, *, now: int = NOW) -> Bearer | None:
    return bearer_of(token_hash(token), now=now)


def test_a_member(hub: Hub) -> None:
    ann = hub.member("ann")
    cert = certificate(ann)
    token = issued(ann, cert, session="s", is_socket=True)
    assert holder(token) == Bearer(
        session="s",
        is_socket=True,
        user=ann.public,
        client=CLIENT.public,
        serial=cert.serial,
        expires=NOW + TOKEN_LIFE_MS,
        member=Member(account_of(ann).pk, "ann", "real"),
    )


def test_a_guest(hub: Hub) -> None:
    found = holder(issued(None))
    assert found is not None
    assert (found.user, found.serial, found.member) == (None, None, None)


def test_what_is_kept_is_a_labelled_hash(hub: Hub) -> None:
    token = issued(hub.member("ann"))
    (kept,) = Token.objects.values_list("hash", flat=True)
    assert bytes(kept) == hashlib.sha256(b"accord-v1:token\0" + token).digest()
    assert holder(secrets.token_bytes(32)) is None


@pytest.mark.parametrize(("passed", "good"), [(TOKEN_LIFE_MS - 1, True), (TOKEN_LIFE_MS, False)])
def test_a_token_is_good_for_a_quarter_of_an_hour(hub: Hub, passed: int, good: bool) -> None:
    assert (holder(issued(hub.member("ann")), now=NOW + passed) is not None) == good


def test_a_token_is_not_good_longer_than_its_certificate(hub: Hub) -> None:
    ann = hub.member("ann")
    token = issued(ann, certificate(ann, life_ms=1_000))
    assert holder(token, now=NOW + 999) is not None
    assert holder(token, now=NOW + 1_000) is None


@pytest.mark.parametrize("what", ["serial", "clientkey"])
def test_a_revoked_certificate(hub: Hub, what: str) -> None:
    ann, bob = hub.member("ann"), hub.member("bob")
    cert = certificate(ann)
    token, other = issued(ann, cert), issued(bob)
    body = {what: {"serial": cert.serial, "clientkey": CLIENT.public}[what]}
    value = {name: b64encode(item) for name, item in body.items()}
    assert take(envelope(ann, "feed", canonical(value), type="cert.revoke")) == ["stored"]
    assert holder(token) is None
    assert holder(other) is not None  # the same client key, but of another user


def test_an_account_that_is_gone(hub: Hub) -> None:
    guest = hub.temporary("guest", expires=NOW + 1_000)
    token = issued(guest)
    found = holder(token)
    assert found is not None
    assert found.member is not None
    assert found.member.kind == "temp"
    assert holder(token, now=NOW + 1_000) is None
    assert take(hub.claim(guest, person("bob"), "bob")) == ["stored"]
    assert holder(token) is None


def test_a_session_that_is_ended(hub: Hub) -> None:
    ann = hub.member("ann")
    one, two, other = issued(ann, session="s"), issued(ann, session="s"), issued(ann, session="t")
    assert session_tokens_forget(session="s") == 2
    assert [holder(token) is not None for token in (one, two, other)] == [False, False, True]


def test_the_oldest_of_too_many_goes(hub: Hub) -> None:
    ann = hub.member("ann")
    tokens = [issued(ann) for _ in range(20)]
    assert [holder(token) is not None for token in tokens] == [False] * 4 + [True] * 16
    assert holder(issued(ann, client=b"d" * 32)) is not None
    assert holder(tokens[-1]) is not None


def test_guests_are_not_without_number(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MAX_GUEST_TOKENS", 2)
    for number in range(2):
        issued(None, client=bytes([number]) * 32)
    with pytest.raises(AccordError, match="busy") as refusal:
        issued(None)
    assert refusal.value.retry_ms
    issued(hub.member("ann"))
    issued(None, now=NOW + TOKEN_LIFE_MS)  # the first two have ended


def test_what_has_expired_is_swept(hub: Hub) -> None:
    ann = hub.member("ann")
    for late in (0, 1, 2):
        issued(ann, now=NOW + late)
    assert tokens_expire(now=NOW + TOKEN_LIFE_MS + 1) == 2
    sweep()  # long after NOW or long before it: it is a sweep, and may run at any time
    assert Token.objects.count() <= 1


def test_tokens_that_cannot_be(hub: Hub) -> None:
    issued(hub.member("ann"))
    for changes in ({"user": None}, {"serial": None}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Token.objects.update(**changes)
