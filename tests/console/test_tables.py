"""The tables: they render, filter, sort, export, edit nothing, and stay inert whatever people call themselves."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accord import stores
from accord.encoding import b64encode
from accord.invites import new_link
from accord.keys import SigningKey
from accord.replacing import make_replacement_proof
from console import services
from console.exports import safe_cell
from console.selectors import MAX_DEPTH
from console.tables import Table
from discovery.probe import Found
from discovery.services import sighting_note, sighting_prove
from links.models import Exchange
from links.services import Ended, exchange_end, link_make, parcels_make
from messaging import trees
from messaging.models import Topic
from peers.clock import now_ms
from peers.models import Account, AuditEntry, Certificate, Peer, Revocation, Token, User
from plugins.models import Proposal
from tests.console.conftest import page
from tests.factories import NOW, Hub, account_of, person, store
from tests.factories import envelope as made
from tests.vault.support import sealed
from vault.services import enclave_put, shard_put, vault_put

SCRIPT = "<script>alert(1)</script>"
TABLES = [
    "peers/account",
    "invites/invitation",
    "invites/replacement",
    "peers/peer",
    "peers/certificate",
    "peers/revocation",
    "peers/token",
    "console/block",
    "messaging/message",
    "messaging/topic",
    "messaging/report",
    "peers/statement",
    "peers/auditentry",
    "discovery/sighting",
    "plugins/job",
    "links/link",
    "links/exchange",
    "links/parcel",
    "plugins/proposal",
    "vault/vault",
    "vault/enclave",
    "vault/shard",
]


def peer_of(name: str, *, called: str = "laptop", serial: bytes = b"s" * 16) -> Peer:
    user, _ = User.objects.get_or_create(key=person(name).public)
    peer = Peer.objects.create(user=user, key=person(called).public, name=called, first_seen=NOW, last_seen=NOW)
    Certificate.objects.create(peer=peer, serial=serial, issued_at=NOW, expiration=now_ms() + 60_000, scope="login")
    return peer


@pytest.fixture
def world(hub: Hub, operator: Client) -> Client:
    """A little of everything."""
    ann = hub.member("ann", invites=3)
    bob, new = hub.member("bob", by=ann), person("bob's new key")
    proof = make_replacement_proof(new, hub=hub.key, old=bob.public)
    store(hub.control(bob, "replace_account", {"new_pubkey": new.public, "proof": proof}))
    hub.temporary("guest-1", by=ann)
    peer = peer_of("ann")
    Revocation.objects.create(user=peer.user, serial=b"r" * 16)
    services.block_add(client=person("stolen").public, reason="lost", now=NOW)
    Token.objects.create(
        hash=b"h" * 32,
        session="x",
        is_socket=False,
        user=peer.user,
        client=bytes(peer.key),
        serial=b"s" * 16,
        created_at=NOW,
        expires_at=now_ms() + 60_000,
    )
    store(made(ann, hub.lounge, "hello"), made(ann, "feed", {"display_name": "Ann"}, type="profile"))
    store(made(ann, hub.lounge, "/remind 10m tea"))
    store(hub.control(ann, "report", {"pubkey": person("mallory").public, "reason": "spam"}))
    link = str(new_link("https://there.example", b"k" * 32))
    cursor = store(made(ann, f"user:{b64encode(hub.admin.public)}", link))[1][0].cursor
    Proposal.objects.create(message_id=cursor, hub=b"k" * 32, origin="https://there.example", at=NOW)
    found_hub(1)
    linked_hub(1)
    sealed_things(ann)
    return operator


def sealed_things(user: SigningKey) -> None:
    account = account_of(user)
    enclave = sealed(user, account.name)
    vault_put(
        account_id=account.pk,
        user=user.public,
        name=account.name,
        auth=b"a" * 32,
        recovery=None,
        enclave=enclave,
        now=NOW,
    )
    document = stores.make_enclave(user, body=b"ciphertext")
    enclave_put(account_id=account.pk, ident=stores.enclave_id(user.public), value=document, now=NOW)
    shard = {"id": b64encode(stores.shard_id(b"piece")), "id_attach": b64encode(b"p" * 32), "body": b64encode(b"piece")}
    shard_put(account_id=account.pk, value={**shard, "burn_at": NOW + 60_000}, now=NOW)


def found_hub(number: int, *, name: str = "Next door") -> None:
    made = sighting_note(how="dht", address=f"wss://h{number}.example/ws/peer", claimed=bytes([number]) * 32, now=NOW)
    assert made is not None
    sighting_prove(sighting=made, found=Found(bytes([number]) * 32, name, ""), now=NOW)


def linked_hub(number: int, *, name: str = "Next door") -> None:
    key = bytes([number]) * 32
    link_make(key=key, name=name, origin="http://127.0.0.1:51031", everything=False, now=NOW)
    exchange_end(key=key, ended=Ended(NOW, Exchange.Outcome.EQUAL, received=3), now=NOW)
    parcels_make(cursors=[(key, 1)], now=NOW)


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_every_table_of_the_site_is_tried() -> None:
    assert {f"{model._meta.app_label}/{model._meta.model_name}" for model in admin.site._registry} == set(TABLES)
    assert all(isinstance(table, Table) for table in admin.site._registry.values())


@pytest.mark.parametrize("table", TABLES)
def test_a_table_shows_its_rows_and_each_its_own_page(world: Client, table: str) -> None:
    text = page(world, f"/console/{table}/")
    assert text.count("<tr") >= 2
    path = next(part.split('"')[0] for part in text.split('href="') if "/change/" in part.split('"')[0])
    assert "<dl" in page(world, path)


@pytest.mark.parametrize("table", TABLES)
def test_a_table_exports_what_it_shows(world: Client, table: str) -> None:
    answer = world.get(f"/console/{table}/export/")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    rows = rows_of(page(world, f"/console/{table}/export/"))
    assert len(rows) >= 2
    assert len({len(row) for row in rows}) == 1
    assert "<" not in "".join(rows[1])


@pytest.mark.parametrize("table", TABLES)
def test_nothing_can_be_edited(world: Client, table: str) -> None:
    app, model = table.split("/")
    change = next(
        part.split('"')[0] for part in page(world, f"/console/{table}/").split('href="') if "/change/" in part
    )
    before = _all_rows(app, model)
    for path in (f"/console/{table}/", change):
        world.post(path, {"name": "x", "_save": "1", "action": "delete_selected", "_selected_action": "1"})
    for path in (f"/console/{table}/add/", change.replace("/change/", "/delete/"), change.replace("change", "history")):
        assert world.post(path).status_code == 404
    assert "<form method=" not in page(world, change).replace('<form method="post" action="/console/logout/">', "")
    assert _all_rows(app, model) == before


def _all_rows(app: str, model: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {app}_{model} ORDER BY 1")  # noqa: S608
        return cursor.fetchall()


@pytest.mark.parametrize("table", TABLES)
def test_strange_parameters_do_no_harm(world: Client, table: str) -> None:
    for query in (
        "o=1",
        "o=-1",
        "o=-99",
        "o=x",
        "q=ann",
        "q=%00",
        "q=" + "x" * 300,
        "p=99",
        "kind=none",
        "e=1",
        "all=",
    ):
        assert world.get(f"/console/{table}/?{query}").status_code in (200, 302), query
        assert world.get(f"/console/{table}/export/?{query}").status_code in (200, 302), query


@pytest.mark.parametrize("table", TABLES)
def test_a_row_that_is_not_there(world: Client, table: str) -> None:
    for row in ("0", "-1", "999999", "9" * 30, "x", "1;", "%00", "1/2"):
        assert world.get(f"/console/{table}/{row}/change/").status_code == 404, row


def test_people_filter_sort_and_search(world: Client) -> None:
    text = page(world, "/console/peers/account/", kind__exact="temp")
    assert "an invite" in text
    assert ">bob<" not in text
    rows = rows_of(page(world, "/console/peers/account/export/", q="bob"))
    assert [row[0] for row in rows[1:]] == ["bob"]
    names = [row[0] for row in rows_of(page(world, "/console/peers/account/export/", o="-0"))[1:]]
    assert [name for name in names if name != "an invite"] == ["bob", "ann", "admin"]


def test_filters_of_state(world: Client) -> None:
    assert "laptop" in page(world, "/console/peers/peer/", refused="no")
    assert "laptop" not in page(world, "/console/peers/peer/", refused="yes").split("<table", 1)[-1].split("<tbody")[-1]
    services.block_add(client=person("laptop").public, reason="", now=NOW)
    assert "laptop" in page(world, "/console/peers/peer/", refused="yes")
    for state, count in (("good", 0), ("refused", 1), ("expired", 0), ("revoked", 0)):
        assert len(rows_of(page(world, "/console/peers/certificate/export/", state=state))) == count + 1
    Certificate.objects.update(serial=b"r" * 16)
    assert len(rows_of(page(world, "/console/peers/certificate/export/", state="revoked"))) == 2


@pytest.mark.parametrize("table", TABLES)
def test_queries_do_not_grow_with_the_rows(world: Client, hub: Hub, table: str) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            page(world, f"/console/{table}/")
        return len(queries)

    first = count()
    ann = person("ann")
    for number in range(8):
        peer_of(f"p{number}", called=f"d{number}", serial=bytes([number]) * 16)
        hub.member(f"member{number}")
        Revocation.objects.create(user=account_of(ann).user, serial=bytes([number]) * 16)
        services.block_add(serial=bytes([100 + number]) * 16, reason="", now=NOW)
        store(made(person(f"member{number}"), hub.lounge, "more"))
        found_hub(10 + number)
        linked_hub(10 + number)
    assert count() <= first + 1
    assert first <= 12


def test_names_are_inert(world: Client, hub: Hub) -> None:
    Account.objects.filter(name="ann").update(name=SCRIPT)
    Peer.objects.update(name=SCRIPT)
    Topic.objects.filter(kind="chan").update(name=SCRIPT, about=SCRIPT)
    AuditEntry.objects.update(target=SCRIPT, detail=SCRIPT)
    services.block_add(serial=b"z" * 16, reason=SCRIPT, now=NOW)
    store(made(person("ann"), hub.lounge, SCRIPT))
    found_hub(99, name=SCRIPT)
    linked_hub(99, name=SCRIPT)
    paths = [
        "",
        "tree/",
        "tree/list/",
        "tree/list/?q=script",
        "do/notice/",
        "equal/",
        "trees/",
        *(f"{table}/" for table in TABLES),
    ]
    for path in paths:
        text = page(world, f"/console/{path}")
        assert "<script>" not in text, path
        for part in text.split('href="'):
            if "/change/" in (address := part.split('"')[0]):
                assert "<script>" not in page(world, address)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\tx", "'\tx"),
        ("\r\n=x", "'\r\n=x"),
        (-1, "-1"),
        (None, ""),
        ("plain", "plain"),
        ("a=b", "a=b"),
    ],
)
def test_exports_hold_no_formula(value: object, cell: str) -> None:
    assert safe_cell(value) == cell


def test_an_exported_name_is_no_formula(world: Client) -> None:
    Account.objects.filter(name="bob").update(name="=cmd()")
    rows = rows_of(page(world, "/console/peers/account/export/"))
    assert "'=cmd()" in [row[0] for row in rows]


def test_a_tree_of_a_thousand(operator: Client, hub: Hub) -> None:
    root = account_of(hub.admin)
    users = User.objects.bulk_create(User(key=number.to_bytes(32, "big")) for number in range(1, 1001))
    parent = root
    for number, user in enumerate(users):
        account = Account.objects.create(
            user=user, name=f"m{number}", kind="real", parent=parent, created_at=NOW, messages_used=2
        )
        parent = account if number % 3 == 0 and number < 90 else root
    with CaptureQueriesContext(connection) as queries:
        text = page(operator, "/console/tree/list/")
    assert len(queries) < 10
    assert "1,000 people" in text
    assert f"{2_000 + root.messages_used:,} messages" in text
    found = page(operator, "/console/tree/list/", q="m88")
    assert "<mark>m88</mark>" in found
    assert found.count("<details open>") > text.count("<details open>")


def test_a_long_chain_of_invites_is_no_recursion(operator: Client, hub: Hub) -> None:
    parent = account_of(hub.admin)
    for number in range(1, 400):
        user = User.objects.create(key=number.to_bytes(32, "big"))
        parent = Account.objects.create(user=user, name=f"m{number}", kind="real", parent=parent, created_at=NOW)
    text = page(operator, "/console/tree/list/", all="")
    assert "399 people" in text
    assert ">m399<" not in text
    last = text.rsplit("?at=", 1)[1].split('"')[0]
    assert f">m{MAX_DEPTH + 1}<" in page(operator, "/console/tree/list/", at=last)
    assert page(operator, "/console/tree/list/", at="9" * 30)


def test_channels_come_first(world: Client) -> None:
    names = [row[0] for row in rows_of(page(world, "/console/messaging/topic/export/"))[1:]]
    assert names == ["lounge"]
    rows = rows_of(page(world, "/console/messaging/topic/export/", kind="all"))[1:]
    assert {"inbox", "feed", "open channel", "the hub's own"} == {row[1] for row in rows}
    assert [row[0] for row in rows if row[0] == "ann"] == ["ann", "ann"]


def test_a_topic_shows_the_root_of_its_tree(hub: Hub, world: Client) -> None:
    row = Topic.objects.get(kind="chan")
    path = f"/console/messaging/topic/{row.pk}/change/"
    assert "A" * 43 in page(world, path)  # no tree yet
    store(made(hub.admin, hub.lounge, "hello"))
    found = trees.root(hub.lounge, now=NOW)
    text = page(world, path)
    assert b64encode(found.root) in text
    assert "the beginning" in text
    assert b64encode(found.root)[:12] in page(world, "/console/messaging/topic/")
