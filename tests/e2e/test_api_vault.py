"""The vault and the stores over the REST API of a real hub: a clean program logs in by name and password."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from accord import stores, vault
from accord.encoding import b64decode, b64encode
from accord.keys import SigningKey
from tests.e2e.plain_client import Key, now_ms
from tests.e2e.rest import Rest
from tests.e2e.world import World, running
from tests.hubs import wait_until

pytestmark = pytest.mark.e2e

PASSWORD = "correct horse ﬁsh"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("vault")) as world:
        yield world


async def test_log_in_by_name_and_password_alone(hub: World) -> None:
    ann = Key()
    async with await hub.connect(hub.admin) as session:
        await session.store(hub.add_user(hub.admin, ann, "ann"))
    user = SigningKey(ann.seed)

    # At home: register.
    home, stranger = Rest.login(hub, ann), Rest.of(hub)
    assert home.get("vault").code == "404 not_found"
    said = stranger.get("vault/params", name="Ann").value
    params = vault.read_params(said)
    root = vault.root_key(PASSWORD, vault.vault_salt(hub.key, "ann", params.salt), params.iterations)
    code = vault.VAULT_CODE.new()
    recovered = vault.recovery_root(code)
    slots = [
        vault.make_slot(kind, name="ann", wrap=vault.wrap_key(each), key=b"k" * 32)
        for kind, each in (("password", root), ("recovery", recovered))
    ]
    enclave = vault.seal_enclave(
        user, name="ann", version=1, params=params, slots=slots, key=b"k" * 32, content={"settings": {"theme": "dark"}}
    )
    body = {"name": "ANN", "auth": b64encode(vault.auth_key(root)), "enclave": enclave}
    assert home.ask("PUT", "vault", body).code == "400 bad_request"  # what opens the recovery slot is missing
    body["recovery"] = b64encode(vault.auth_key(recovered))
    assert stranger.ask("PUT", "vault", body).code == "401 unauthorized"
    kept = home.ask("PUT", "vault", body)
    assert kept.value == {
        "name": "ann",
        "version": 1,
        "size": kept.value["size"],
        "updated_at": kept.value["updated_at"],
    }
    assert home.ask("PUT", "vault", body).code == "409 conflict"
    assert home.get("vault").value == {"enclave": enclave}
    assert stranger.get("vault/params", name="ann").value == said  # nothing tells that it is there now

    # Elsewhere: nothing but name and password, or the code on paper.
    for kind, each in (("password", root), ("recovery", recovered)):
        answer = stranger.post("vault/open", {"name": "ann", "auth": b64encode(vault.auth_key(each))})
        assert answer.headers["cache-control"] == "no-store"
        given = answer.value["enclave"]
        opened = vault.open_enclave(given, vault.slot_key(given, kind, wrap=vault.wrap_key(each)), name="ann")
        assert opened.user.public == user.public
        assert opened.content["settings"] == {"theme": "dark"}
    wrong = {"auth": b64encode(bytes(32))}
    refusals = [stranger.post("vault/open", {"name": name, **wrong}) for name in ("ann", "nobody")]
    assert refusals[0].value == refusals[1].value
    assert {answer.code for answer in refusals} == {"403 denied"}

    for secret in (PASSWORD.encode(), user.seed, vault.auth_key(root), vault.wrap_key(root), code):
        assert not hub.holds_bytes(secret)
        assert not hub.holds_bytes(b64encode(secret).encode())
    assert home.ask("DELETE", "vault").status == 204
    assert stranger.post("vault/open", body | {"name": "ann", "enclave": {}, "recovery": body["auth"]}).status == 403


async def test_attempts_are_counted_by_the_database(hub: World) -> None:
    stranger, body = Rest.of(hub), {"name": "somebody", "auth": b64encode(bytes(32))}
    assert [stranger.post("vault/open", body).code for _ in range(3)] == ["403 denied"] * 3
    assert hub.rows("SELECT count(*) FROM vault_attempt WHERE tries = 3 AND heard_from >= since + 2000") == [(1,)]


async def test_the_stores(hub: World) -> None:
    ann, bob = await hub.add_members(2)
    mine, other, stranger = Rest.login(hub, ann), Rest.login(hub, bob), Rest.of(hub)
    key, after = SigningKey(b"\5" * 32), SigningKey(b"\6" * 32)
    ident = stores.enclave_id(key.public)
    path = f"enclaves/{b64encode(ident)}"
    first = stores.make_enclave(key, body=b"one")
    head = mine.ask("PUT", path, {"enclave": first}).value
    assert (head["version"], head["size"], head["key"]) == (1, 3, b64encode(key.public))
    before = stores.verify_enclave(first, None).head
    assert b64decode(head["hash"]) == before.hash
    assert (
        mine.ask("PUT", path, {"enclave": stores.make_enclave(after, body=b"x", before=before)}).code == "400 bad_sig"
    )
    second = stores.make_enclave(key, body=b"second", before=before, next_key=after.public)
    assert mine.ask("PUT", path, {"enclave": second}).value["version"] == 2
    assert mine.ask("PUT", path, {"enclave": first}).code == "409 conflict"
    assert mine.get(path).value == {"enclave": second}
    assert (other.get(path).code, stranger.get(path).code) == ("404 not_found", "401 unauthorized")
    listed = mine.get("enclaves").value
    assert [item["id"] for item in listed["items"]] == [b64encode(ident)]
    assert listed["use"] == {"enclaves": 1, "enclave_bytes": 6, "day": 0, "day_bytes": 0}

    body, attach = b"planted ciphertext", b64encode(b"p" * 32)
    shard = {"id": b64encode(stores.shard_id(body)), "id_attach": attach, "body": b64encode(body)}
    assert stranger.post("shards", {**shard, "burn_at": now_ms() + 1}).code == "401 unauthorized"
    for seconds in (2, 20, 200):  # a hub that is slow to answer finds it burned
        shard["burn_at"] = now_ms() + seconds * 1000
        if mine.post("shards", shard).value == {"status": "stored"}:
            break
    assert stranger.get("shards", attach=attach).value["items"] in ([shard], [])  # [] once it has burned
    assert stranger.get("shards", day=0).code == "401 unauthorized"
    assert other.get("shards", day=now_ms() // 86_400_000).status == 200
    assert other.get("shards").code == "400 bad_request"
    wait_until(lambda: not hub.holds_bytes(body), what="the shard to have left the disk")
    assert hub.rows("SELECT bytes FROM vault_shardroom") == [(0,)]
    assert stranger.get(f"shards/{shard['id']}").code == "404 not_found"
