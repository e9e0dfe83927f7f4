"""Vaults: who may keep one, what opens it, and that a name tells nothing."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accord import vault as form
from accord.encoding import b64encode
from accord.errors import AccordError
from accord.keys import SigningKey
from peers.keyring import keyring
from peers.models import Account
from tests.factories import HOUR_MS, NOW, Hub, account_of, in_threads
from tests.vault.support import ADDRESS, auth_of, sealed
from vault import attempts, services
from vault.models import Attempt, Vault


@pytest.fixture
def ann(hub: Hub) -> SigningKey:
    return hub.member("ann")


def put(user: SigningKey, enclave: dict[str, Any] | None = None, **fields: Any) -> Vault:
    account = account_of(user)
    given = {"auth": auth_of("pw"), "recovery": None, "name": account.name, "now": NOW, **fields}
    return services.vault_put(
        account_id=account.pk, user=user.public, enclave=enclave or sealed(user, account.name), **given
    )


def try_open(name: str = "ann", password: str = "pw", *, now: int = NOW, address: str = ADDRESS) -> Any:
    """The version of what opens, or the code of the refusal."""
    try:
        found = services.vault_open(name=name, auth=auth_of(password), address=address, now=now)
    except AccordError as error:
        return error.code
    return orjson.loads(found)["version"]


def refused(code: str, *arguments: Any, **fields: Any) -> str:
    before = list(Vault.objects.values_list("name", "version", "auth_hash", "recovery_hash"))
    with pytest.raises(AccordError) as caught:
        put(*arguments, **fields)
    assert caught.value.code == code, caught.value
    assert list(Vault.objects.values_list("name", "version", "auth_hash", "recovery_hash")) == before
    return caught.value.detail


def test_what_was_kept_opens_with_its_password_alone(ann):
    enclave = sealed(ann, "ann")
    put(ann, enclave)
    opened = services.vault_open(name="ann", auth=auth_of("pw"), address=ADDRESS, now=NOW)
    assert orjson.loads(opened) == enclave
    assert try_open(password="pv") == "denied"
    assert try_open(name="bob") == "denied"
    row = Vault.objects.get()
    assert bytes(row.auth_hash) == form.auth_hash(auth_of("pw"))
    assert auth_of("pw") not in bytes(row.auth_hash) + bytes(row.enclave)


def test_both_refusals_are_one(ann):
    put(ann)
    said = []
    for name in ("ann", "nobody-has-it"):
        with pytest.raises(AccordError) as caught:
            services.vault_open(name=name, auth=auth_of("no"), address=ADDRESS, now=NOW)
        said.append((caught.value.code, caught.value.detail, caught.value.retry_ms))
    assert said[0] == said[1]


def test_a_name_that_nobody_has_costs_the_same_questions(ann):
    put(ann)

    def asked(name: str) -> list[str]:
        with CaptureQueriesContext(connection) as queries, pytest.raises(AccordError):
            services.vault_open(name=name, auth=auth_of("no"), address=f"{name}-address", now=NOW)
        return [re.sub(r"'[^']*'|\d+|s\d+_x\d+", "?", query["sql"]) for query in queries.captured_queries]

    first = asked("ann")
    assert len(first) > 3
    assert asked("nobody") == first
    assert asked("ann") == asked("nobody")  # the second try of each


def test_params_ask_no_database(ann, django_assert_num_queries):
    with django_assert_num_queries(0):
        before = form.hub_params(keyring().secret, "ann")
    put(ann)
    with django_assert_num_queries(0):
        assert form.hub_params(keyring().secret, "ann") == before


def test_only_its_user_keeps_it_and_under_the_own_name(hub, ann):
    bob = hub.member("bob")
    refused("bad_sig", ann, sealed(bob, "ann"))
    refused("denied", ann, sealed(ann, "bob"), name="bob")
    refused("bad_request", ann, sealed(ann, "bob"))
    refused("bad_request", ann, sealed(ann, "ann", params=form.Params(bytes(16))))
    refused(
        "bad_request",
        ann,
        sealed(ann, "ann", params=form.Params(form.hub_params(keyring().secret, "ann").salt, 600_000)),
    )
    refused("bad_request", ann, auth=None)
    put(ann)
    put(bob)
    assert try_open("bob") == 1


def test_a_name_that_an_older_vault_has_is_not_free(hub, ann):
    put(ann)
    Account.objects.filter(pk=account_of(ann).pk).update(name="anna")  # as a replacement may name it anew
    new = hub.member("bob")
    Account.objects.filter(pk=account_of(new).pk).update(name="ann")
    refused("conflict", new)
    put(ann, sealed(ann, "anna", version=2), auth=auth_of("pw"))
    put(new)
    assert (try_open("anna"), try_open("ann")) == (2, 1)


@pytest.mark.parametrize("version", [1, 4, 5])
def test_no_version_comes_back(ann, version):
    put(ann, sealed(ann, "ann", version=5))
    assert "version 5" in refused("conflict", ann, sealed(ann, "ann", version=version))
    put(ann, sealed(ann, "ann", version=9))
    assert try_open() == 9


def test_what_is_left_out_stays(ann):
    put(ann, sealed(ann, "ann", recovery="code"), recovery=auth_of("code"))
    assert (try_open(), try_open(password="code")) == (1, 1)
    put(ann, sealed(ann, "ann", version=2, recovery="code"), auth=None)
    assert (try_open(), try_open(password="code")) == (2, 2)
    put(ann, sealed(ann, "ann", version=3, recovery="code"), auth=auth_of("new"))
    assert (try_open(), try_open(password="new"), try_open(password="code")) == ("denied", 3, 3)
    put(ann, sealed(ann, "ann", version=4), auth=None)  # without its slot the code opens nothing
    assert (try_open(password="code"), try_open(password="new")) == ("denied", 4)


def test_a_recovery_code_and_its_slot_come_together(ann):
    refused("bad_request", ann, sealed(ann, "ann", recovery="code"))
    refused("bad_request", ann, recovery=auth_of("code"))
    put(ann)
    refused("bad_request", ann, sealed(ann, "ann", version=2, recovery="code"), auth=None)


def test_a_removed_account_takes_its_vault_along(ann):
    put(ann)
    account_of(ann).delete()
    assert not Vault.objects.exists()
    assert try_open() == "denied"


def test_a_vault_can_be_forgotten(ann):
    put(ann)
    services.vault_delete(account_id=account_of(ann).pk)
    assert try_open() == "denied"
    with pytest.raises(AccordError) as caught:
        services.vault_delete(account_id=account_of(ann).pk)
    assert caught.value.code == "not_found"


# ------------------------------------------------------------------------------------------------------------- attempts


def waits(name: str, *, tries: int) -> list[int]:
    """How long each wrong try must wait for the one after it, in seconds; each is made as soon as it is heard."""
    now, found = NOW, []
    for number in range(tries):
        while (code := try_open(name, "no", now=now, address=f"{number}")) == "rate":
            now += 1000
        assert code == "denied"
        found.append((now - NOW) // 1000)
    return [after - before for before, after in pairwise(found)]


@pytest.mark.parametrize("name", ["ann", "nobody"])
def test_the_delay_grows_the_same_for_every_name(ann, name):
    put(ann)
    assert waits(name, tries=10) == [0, 0, 2, 4, 8, 16, 32, 64, 128]
    with pytest.raises(AccordError) as caught:
        services.vault_open(name=name, auth=auth_of("pw"), address="x", now=NOW + 254_000)
    assert (caught.value.code, caught.value.retry_ms) == ("rate", HOUR_MS - 254_000)
    assert try_open(name, "no", now=NOW + HOUR_MS) == "denied"


def test_the_right_password_begins_anew_and_counts_nothing(ann):
    put(ann)
    now = NOW
    for _ in range(40):
        assert try_open(now=now) == 1
    assert [try_open(password="no", now=now) for _ in range(2)] == ["denied", "denied"]
    assert try_open(now=now) == 1
    assert [try_open(password="no", now=now) for _ in range(4)] == ["denied", "denied", "denied", "rate"]
    assert try_open(now=now) == "rate"  # the right one waits too, or the wait would tell
    assert try_open(now=now + 2_000) == 1


def test_an_address_has_thirty_an_hour_over_all_names(ann):
    put(ann)
    assert {try_open(f"name{number}", "no") for number in range(30)} == {"denied"}
    assert try_open("another", "no") == "rate"
    assert try_open() == "rate"
    assert try_open(address="198.51.100.1") == 1
    assert try_open(now=NOW + HOUR_MS) == 1


def test_the_table_shows_neither_names_nor_addresses_and_forgets(ann):
    put(ann)
    try_open("my-password-typed-here", "no")
    kept = b"".join(bytes(tag) for tag in Attempt.objects.values_list("tag", flat=True))
    assert len(kept) == 32
    assert b"my-password" not in kept
    attempts.attempts_forget(now=NOW + HOUR_MS - 1)
    assert Attempt.objects.count() == 2
    attempts.attempts_forget(now=NOW + HOUR_MS)
    assert not Attempt.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_many_at_once_do_not_pass_as_one(hub):
    put(hub.member("ann"))
    said = in_threads([lambda: try_open(password="no")] * 12)
    assert sorted(said) == ["denied"] * 3 + ["rate"] * 9


def test_b64_is_what_params_say(ann):
    wire = form.hub_params(keyring().secret, "ann").wire()
    assert wire == {"kdf": form.KDF, "salt": b64encode(form.read_params(wire).salt), "iterations": 1_000_000}
