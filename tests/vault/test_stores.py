"""The stores: signed chains that nobody rolls back, shards that burn and name nobody."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accord import stores
from accord.encoding import b64encode
from accord.errors import AccordError
from accord.keys import SigningKey
from tests.factories import HOUR_MS, NOW, Hub, account_of
from vault import models, selectors, services
from vault.models import Enclave, Shard, ShardRoom, StoreUse

DAY_MS = services.DAY_MS
SIGNER, NEXT, STRANGER = (SigningKey(bytes([number]) * 32) for number in (41, 42, 43))


@pytest.fixture
def ann(hub: Hub) -> int:
    return account_of(hub.member("ann")).pk


def head(ident: bytes) -> stores.Head:
    return selectors.head_of(Enclave.objects.get(ident=ident))


def put(account: int, document: dict[str, Any], ident: bytes | None = None, now: int = NOW) -> str:
    ident = ident or stores.enclave_id(SIGNER.public)
    try:
        return "stored" if services.enclave_put(account_id=account, ident=ident, value=document, now=now)[1] else "same"
    except AccordError as error:
        return error.code


def test_a_chain_goes_on_under_the_named_key_and_never_back(ann):
    first = stores.make_enclave(SIGNER, body=b"one")
    ident = stores.enclave_id(SIGNER.public)
    assert [put(ann, first), put(ann, first)] == ["stored", "same"]
    second = stores.make_enclave(SIGNER, body=b"two", before=head(ident), next_key=NEXT.public)
    assert put(ann, stores.make_enclave(STRANGER, body=b"x", before=head(ident))) == "bad_sig"
    assert put(ann, second) == "stored"
    assert put(ann, first) == "conflict"
    assert put(ann, stores.make_enclave(SIGNER, body=b"three", before=head(ident))) == "bad_sig"
    assert put(ann, stores.make_enclave(NEXT, body=b"", before=head(ident))) == "stored"
    assert (head(ident).version, StoreUse.objects.get(pk=ann).enclave_bytes) == (3, 0)
    assert put(ann, first) == "conflict"  # an emptied one leaves its head


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(["update", "old", "forged", "again"]), st.binary(max_size=9)), max_size=6))
def test_in_any_order_the_version_only_grows_and_the_count_is_right(ann, deeds):
    signer = SigningKey(hashlib.sha256(repr(deeds).encode()).digest())
    ident = stores.enclave_id(signer.public)
    documents = [stores.make_enclave(signer, body=b"")]
    put(ann, documents[0], ident)
    before = StoreUse.objects.get(pk=ann).enclave_bytes
    for deed, body in deeds:
        newest = head(ident)
        if deed == "update":
            documents.append(stores.make_enclave(signer, body=body, before=newest))
            assert put(ann, documents[-1], ident) == "stored"
        elif deed == "old" and len(documents) > 1:
            assert put(ann, documents[0], ident) == "conflict"
        elif deed == "forged":
            assert put(ann, stores.make_enclave(STRANGER, body=body, before=newest), ident) == "bad_sig"
        elif deed == "again":
            assert put(ann, documents[-1], ident) == "same"
        assert head(ident).version == len(documents)
    assert StoreUse.objects.get(pk=ann).enclave_bytes == before + Enclave.objects.get(ident=ident).size
    Enclave.objects.filter(ident=ident).delete()
    StoreUse.objects.filter(pk=ann).update(enclaves=0, enclave_bytes=0)


def test_who_reads_an_enclave(hub, ann):
    bob = account_of(hub.member("bob")).pk
    private, exchange = (
        stores.make_enclave(SIGNER, body=b"1"),
        stores.make_enclave(NEXT, body=b"2", type=stores.EXCHANGE),
    )
    secret, public = stores.enclave_id(SIGNER.public), stores.enclave_id(NEXT.public)
    put(ann, private)
    put(ann, exchange, public)
    assert selectors.document(secret, account_id=ann)
    assert selectors.document(secret, account_id=bob) is None
    assert selectors.document(public, account_id=bob)
    assert put(bob, stores.make_enclave(NEXT, body=b"x", before=head(public)), public) == "not_found"
    assert put(bob, private, stores.enclave_id(b"x" * 32)) == "bad_request"  # the path names another
    assert [row.ident for row in selectors.enclaves(ann, limit=9, after=b"")] == sorted([secret, public])
    assert selectors.enclaves(bob, limit=9, after=b"") == []


def test_the_room_for_enclaves_is_held_by_the_database(ann):
    big = stores.make_enclave(SIGNER, body=bytes(stores.MAX_BODY_BYTES))
    StoreUse.objects.create(pk=ann, enclave_bytes=models.MAX_ENCLAVE_BYTES - stores.MAX_BODY_BYTES + 1)
    assert put(ann, big) == "quota"
    assert not Enclave.objects.exists()
    assert put(ann, stores.make_enclave(SIGNER, body=b"small")) == "stored"
    StoreUse.objects.filter(pk=ann).update(enclaves=models.MAX_ENCLAVES)
    assert put(ann, stores.make_enclave(NEXT, body=b""), stores.enclave_id(NEXT.public)) == "quota"
    assert put(ann, stores.make_enclave(SIGNER, body=b"", before=head(stores.enclave_id(SIGNER.public)))) == "stored"


# -------------------------------------------------------------------------------------------------------------- shards


def shard(body: bytes, *, burn_at: int = NOW + HOUR_MS, attach: bytes = b"a" * 32) -> dict[str, Any]:
    return {
        "id": b64encode(stores.shard_id(body)),
        "id_attach": b64encode(attach),
        "body": b64encode(body),
        "burn_at": burn_at,
    }


def bring(account: int, value: dict[str, Any], now: int = NOW) -> str:
    try:
        return "stored" if services.shard_put(account_id=account, value=value, now=now) else "duplicate"
    except AccordError as error:
        return error.code


def listed(**fields: Any) -> list[bytes]:
    given = {"day": None, "attach": None, "now": NOW, "limit": 100, "after": b"", **fields}
    return [bytes(row.body) for row in selectors.shards(**given)]


def test_shards_are_listed_by_day_and_by_pseudonym_until_they_burn(ann):
    assert bring(ann, shard(b"today")) == "stored"
    assert bring(ann, shard(b"today")) == "duplicate"
    assert bring(ann, shard(b"other", attach=b"b" * 32)) == "stored"
    assert bring(ann, shard(b"tomorrow", burn_at=NOW + 3 * DAY_MS), now=NOW + DAY_MS) == "stored"
    today = NOW // DAY_MS
    assert sorted(listed(day=today)) == [b"other", b"today"]
    assert listed(day=today, attach=b"a" * 32) == [b"today"]
    assert listed(day=today + 1) == [b"tomorrow"]
    assert sorted(listed(attach=b"a" * 32)) == [b"today", b"tomorrow"]
    assert listed(day=today, now=NOW + HOUR_MS) == []  # burned already, though the sweep has not come
    assert selectors.shard(stores.shard_id(b"today"), now=NOW + HOUR_MS) is None
    assert services.shards_burn(now=NOW + HOUR_MS) == 2
    assert list(Shard.objects.values_list("size", flat=True)) == [8]
    assert ShardRoom.objects.get().bytes == 8


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"burn_at": NOW}, "burned"),
        ({"burn_at": NOW + services.MAX_SHARD_LIFE_MS + 1}, "bad_request"),
        ({"body": ""}, "bad_request"),
        ({"id": b64encode(bytes(32))}, "bad_request"),
        ({"from": b64encode(bytes(32))}, "bad_request"),
        ({"body": b64encode(bytes(stores.MAX_BODY_BYTES + 1))}, "too_big"),
    ],
)
def test_what_is_no_shard_is_refused(ann, change, code):
    assert bring(ann, {**shard(b"body"), **change}) == code
    assert not Shard.objects.exists()


def test_nothing_in_the_table_leads_to_who_brought_it(hub, ann):
    bob = account_of(hub.member("bob")).pk
    bring(ann, shard(b"one"), now=NOW + 1)
    bring(bob, shard(b"two"), now=NOW + 777)
    fields = {field.name for field in Shard._meta.get_fields()}
    assert fields == {"number", "ident", "attach", "day", "burn_at", "size", "body"}
    one, two = Shard.objects.order_by("pk").values_list("attach", "day", "burn_at", "size")
    assert one == two


def test_a_day_has_a_measure_for_each_and_all_have_one(hub, ann):
    bob = account_of(hub.member("bob")).pk
    bring(ann, shard(b"1"))
    StoreUse.objects.filter(pk=ann).update(day_bytes=models.MAX_SHARD_BYTES_A_DAY - 1)
    assert [bring(ann, shard(b"22")), bring(ann, shard(b"2")), bring(ann, shard(b"3"))] == ["quota", "stored", "quota"]
    assert bring(bob, shard(b"3")) == "stored"
    assert bring(ann, shard(b"44", burn_at=NOW + 2 * DAY_MS), now=NOW + DAY_MS) == "stored"  # another day
    ShardRoom.objects.update(bytes=models.MAX_SHARD_BYTES - 1)
    assert bring(bob, shard(b"55")) == "quota"
    assert bring(bob, shard(b"5")) == "stored"


def test_an_account_that_goes_takes_its_enclaves_and_leaves_its_shards(hub):
    key = hub.member("ann")
    account = account_of(key)
    put(account.pk, stores.make_enclave(SIGNER, body=b"1"))
    bring(account.pk, shard(b"1"))
    account.delete()
    assert (Enclave.objects.count(), StoreUse.objects.count(), Shard.objects.count()) == (0, 0, 1)
