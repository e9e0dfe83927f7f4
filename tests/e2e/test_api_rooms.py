"""The other rooms of the REST API: people, devices, invites, channels, topics; and the form of all answers."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from accord.encoding import b64decode, canonical
from accord.merkle import HORIZON_MS, verify_proof
from accord.statements import verify_statement
from tests.e2e.plain_client import Json, Key, b64, certificate, claim, id_of, message, now_ms, text
from tests.e2e.rest import Rest
from tests.e2e.world import SERVERS, World, channel_topic, new_name, running
from tests.hubs import HubProcess, start_hub

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module", params=SERVERS)
def hub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A hub of its own: an address has only so many requests, and tests of other modules would use them up."""
    with running(tmp_path_factory.mktemp(f"rooms-{request.param}"), request.param) as world:
        yield world


# -------------------------------------------------------------------------------------------------------------- people


async def test_quotas(hub: World) -> None:
    """The new numbers at once for whoever gives, by the frame `account` for both."""
    ann, bob = await hub.member(invites=9), Key()
    rest = Rest.login(hub, ann)
    rest.post("messages", {"messages": [hub.add_user(ann, bob, new_name(), invites=2)]})
    body = {"pubkey": bob.text, "invites": 5, "messages": 10}
    async with await hub.connect(ann) as above, await hub.connect(bob) as below:
        answer = rest.post(f"users/{bob.text}/quota", {"message": message(ann, "set_quota", hub.topic, body)})
        assert answer.status == 200
        allowance = {"messages_limit": 10, "messages_used": 0, "bytes_limit": None, "bytes_used": 0, "resets_at": None}
        assert {**answer.value, "name": ""} == {"key": bob.text, "name": "", "invites": 5, "allowance": allowance}
        told = await below.until(lambda: below.first("account"))
        assert told == {
            "type": "account", "invites": 5, "messages_limit": 10, "messages_used": 0, "bytes_used": 0,
        }  # fmt: skip
        assert (await above.until(lambda: above.first("account")))["invites"] == 3
    own = Rest.login(hub, bob)
    assert own.get("me").value["allowance"] == allowance
    assert own.get("invites").value["left"] == 5
    again = message(ann, "set_quota", hub.topic, {**body, "invites": 4})
    assert rest.post(f"users/{ann.text}/quota", {"message": again}).code == "400 bad_request"
    upwards = message(bob, "set_quota", hub.topic, {"pubkey": ann.text, "invites": 0})
    assert own.post(f"users/{ann.text}/quota", {"message": upwards}).code == "403 denied"
    nobody = Key()
    missing = message(ann, "set_quota", hub.topic, {"pubkey": nobody.text, "invites": 0})
    assert rest.post(f"users/{nobody.text}/quota", {"message": missing}).code == "404 not_found"
    much = message(ann, "set_quota", hub.topic, {"pubkey": bob.text, "invites": 9})
    assert rest.post(f"users/{bob.text}/quota", {"message": much}).code == "403 quota"


async def test_members(hub: World) -> None:
    ann = await hub.member(invites=3)
    bob, name = Key(), new_name()
    rests = {key: Rest.login(hub, key) for key in (ann, hub.admin)}
    added = rests[ann].post("messages", {"messages": [hub.add_user(ann, bob, name)]}).value["results"]
    assert added[0]["status"] == "stored"
    rests[bob] = Rest.login(hub, bob)
    row = rests[bob].get(f"users/{bob.text}").value
    inviter = rests[bob].get(f"users/{ann.text}").value
    assert (row["key"], row["name"], row["role"]) == (bob.text, name, "member")
    assert row["inviter"] == {"key": ann.text, "name": inviter["name"]}
    assert inviter["inviter"] is None  # it is not bob's to know who invited ann
    assert rests[ann].get(f"users/{bob.text}").value["inviter"]["key"] == ann.text
    assert rests[hub.admin].get(f"users/{ann.text}").value["inviter"]["key"] == hub.admin.text
    rows = rests[ann].items("users", limit=2)
    assert [row["name"] for row in rows] == sorted({row["name"] for row in rows})
    assert {ann.text, bob.text, hub.admin.text} <= {row["key"] for row in rows}
    assert [row["role"] for row in rows].count("admin") == 1


async def test_temporary_accounts_are_nobody(hub: World) -> None:
    temporary = await hub.member(kind="temp")
    rest = Rest.login(hub, await hub.member())
    assert rest.get(f"users/{temporary.text}").code == "404 not_found"
    assert rest.get(f"identities/{temporary.text}").code == "404 not_found"
    assert temporary.text not in {row["key"] for row in rest.items("users")}


async def test_identities(hub: World) -> None:
    ann, bob = await hub.add_members(2)
    rest = Rest.login(hub, ann)
    assert rest.get(f"identities/{ann.text}").value["profile"] is None
    at = now_ms()
    profiles = [
        message(ann, "profile", "feed", {"display_name": name}, created_at=at + shift)
        for name, shift in (("Ann", 0), ("Ann the second", 2), ("late", 1))
    ]
    rest.post("messages", {"messages": [*profiles, text(ann, "feed", "hello")]})
    found = rest.get(f"identities/{ann.text}").value
    assert found["profile"]["message"] == profiles[1]
    assert (found["is_member"], found["name"]) == (True, rest.get("me").value["name"])
    rows = {row["key"]: row for row in rest.items("identities", limit=1)}
    assert rows[ann.text] == found
    assert rows[bob.text]["profile"] is None
    assert rest.get(f"identities/{b64(bytes(32))}").code == "404 not_found"


async def test_what_others_say_of_somebody(hub: World) -> None:
    ann, bob = await hub.add_members(2)
    rest, far, at = Rest.login(hub, ann), Key(), now_ms()

    def note(author: Key, words: str, last_update: int) -> Json:
        return message(
            author, "identity.note", "feed", {"other_user": far.text, "notes": words, "last_update": last_update}
        )

    notes = [note(ann, "an old friend", at - 1), note(ann, "older", at - 2), note(bob, "a neighbour", at)]
    rest.post("messages", {"messages": notes[:2]})
    Rest.login(hub, bob).post("messages", {"messages": notes[2:]})
    found = rest.get(f"identities/{far.text}/notes").value["items"]
    assert [row["message"]["message"] for row in found] == [notes[2], notes[0]]
    assert [row["author"] for row in found] == [bob.text, ann.text]
    assert rest.get(f"identities/{ann.text}/notes").value == {"items": []}
    rows = {row["key"]: row for row in rest.items("identities/noted", limit=1)}
    assert rows[far.text] == {
        "key": far.text, "name": None, "is_member": False, "hub": None, "hub_name": None, "notes": found,
    }  # fmt: skip
    assert Rest.of(hub).get("identities/noted").code == "401 unauthorized"


async def test_devices(hub: World) -> None:
    user, other = await hub.add_members(2)
    rest, stranger = Rest.login(hub, user), Rest.login(hub, other)
    client = Key()
    async with await hub.connect(user, client=client):
        rows = rest.items("devices", limit=1)
        assert [(row["key"], row["is_this"], row["is_connected"]) for row in rows] == [
            (rest.client.text, True, False),
            (client.text, False, True),
        ]
    row = rows[1]
    assert (row["name"], row["is_revoked"]) == ("", False)
    assert row["expires"] == row["certificates"][0]["expires"] > now_ms()
    renamed = rest.ask("PATCH", f"devices/{client.text}", {"name": "old laptop"})
    assert (renamed.status, renamed.value["name"]) == (200, "old laptop")
    assert rest.get(f"devices/{client.text}").value["name"] == "old laptop"
    for name in ("x" * 65, 5, None, ["x"]):
        assert rest.ask("PATCH", f"devices/{client.text}", {"name": name}).code == "400 bad_request"
    assert stranger.ask("PATCH", f"devices/{client.text}", {"name": "mine"}).code == "404 not_found"
    assert stranger.get(f"devices/{client.text}").code == "404 not_found"
    rest.post("messages", {"messages": [message(user, "cert.revoke", "feed", {"clientkey": client.text})]})
    revoked = rest.get(f"devices/{client.text}").value
    assert (revoked["is_revoked"], revoked["expires"], revoked["is_connected"]) == (True, None, False)


async def test_a_revoked_certificate_among_others(hub: World) -> None:
    user, client = await hub.member(), Key()
    rest = Rest.login(hub, user)
    certs = [certificate(user, client, hub.key) for _ in range(2)]
    for cert in certs:
        assert Rest.of(hub).log_in(hub, user, cert=cert, client=client).status == 200
    rest.post("messages", {"messages": [message(user, "cert.revoke", "feed", {"serial": certs[0]["serial"]})]})
    device = rest.get(f"devices/{client.text}").value
    assert {row["serial"]: row["is_revoked"] for row in device["certificates"]} == {
        certs[0]["serial"]: True,
        certs[1]["serial"]: False,
    }
    assert (device["is_revoked"], device["expires"]) == (False, certs[1]["expiration"])


# ------------------------------------------------------------------------------------------------------------ branches


async def test_a_branch_is_seen_from_above_only(hub: World) -> None:
    ann, bob, eve, link = await hub.member(invites=9), Key(), Key(), Key()
    names = [new_name() for _ in range(2)]
    rests = {key: Rest.login(hub, key) for key in (ann, hub.admin)}
    rests[ann].post("messages", {"messages": [hub.add_user(ann, bob, names[0], invites=4)]})
    rests[bob] = Rest.login(hub, bob)
    made = [hub.add_user(bob, eve, names[1], bytes=70_000), hub.add_user(bob, link, kind="temp")]
    assert {result["status"] for result in rests[bob].post("messages", {"messages": made}).value["results"]} == {
        "stored"
    }

    mine = rests[ann].get("branch").value
    assert not mine["more"]
    top, below, *last = mine["items"]
    assert (top["key"], top["parent"], top["below"], top["children"], top["invites_left"]) == (ann.text, None, 3, 1, 4)
    assert (below["key"], below["parent"], below["below_waiting"], below["invites_left"]) == (bob.text, ann.text, 1, 2)
    assert [(row["key"], row["state"], row["bytes_limit"]) for row in last] == [
        (eve.text, "active", 70_000),
        (link.text, "waiting", None),
    ]
    part = rests[ann].get("branch?depth=1").value
    assert (part["more"], [row["below"] for row in part["items"]]) == (True, [3, 2])
    assert rests[ann].get("branch?limit=1").value == {"items": [top], "more": True}

    of_bob = rests[ann].get(f"branch/{bob.text}").value
    assert of_bob == rests[bob].get("branch").value == rests[hub.admin].get(f"branch/{bob.text}").value
    assert of_bob["items"][0] == {**below, "parent": None}
    for path in (f"branch/{ann.text}", f"branch/{hub.admin.text}", f"branch/{Key().text}"):
        assert rests[bob].get(path).code == "404 not_found"
    for path in ("branch?depth=-1", "branch?limit=0", "branch?limit=5001", "branch?depth=x"):
        assert rests[bob].get(path).code == "400 bad_request"
    again = rests[bob].get("branch", headers={"If-None-Match": rests[bob].get("branch").headers["etag"]})
    assert again.status == 304


# ------------------------------------------------------------------------------------------------------------- invites


async def test_the_life_of_invites(hub: World) -> None:
    ann = await hub.member(invites=9)
    rest, other = Rest.login(hub, ann), Rest.login(hub, hub.admin)
    keys = [Key() for _ in range(3)]
    made = [rest.post("invites", {"message": hub.add_user(ann, key, kind="temp", invites=1)}) for key in keys]
    assert [answer.status for answer in made] == [201] * 3
    first = made[0].value
    assert (first["key"], first["state"], first["invites"]) == (keys[0].text, "waiting", 1)
    assert (first["ended_at"], first["claimed_by"]) == (None, None)
    assert first["expires"] - first["created_at"] == 72 * 3600 * 1000
    assert rest.get("invites").value["left"] == 3

    withdrawal = message(ann, "remove_user", hub.topic, {"pubkey": keys[0].text, "mode": "subtree", "at": now_ms()})
    assert rest.post(f"invites/{keys[1].text}/withdraw", {"message": withdrawal}).code == "400 bad_request"
    withdrawn = rest.post(f"invites/{keys[0].text}/withdraw", {"message": withdrawal})
    assert (withdrawn.status, withdrawn.value["state"]) == (200, "withdrawn")
    assert withdrawn.value["ended_at"] is not None
    user, name = Key(), new_name()
    claimed = Rest.login(hub, keys[1]).post("messages", {"messages": [claim(keys[1], user, hub.key, name)]})
    assert claimed.value["results"][0]["status"] == "stored"

    rows = rest.items("invites", limit=1)
    assert [(row["key"], row["state"]) for row in rows] == [
        (keys[2].text, "waiting"),
        (keys[1].text, "claimed"),
        (keys[0].text, "withdrawn"),
    ]
    assert rows[1]["claimed_by"] == {"key": user.text, "name": name}
    assert rest.get("invites").value["left"] == 5
    late = message(ann, "remove_user", hub.topic, {"pubkey": keys[1].text, "mode": "subtree", "at": now_ms()})
    assert rest.post(f"invites/{keys[1].text}/withdraw", {"message": late}).code == "404 not_found"
    assert other.get(f"invites/{keys[2].text}").code == "404 not_found"
    # An ancestor withdraws what is not its own.
    by_admin = message(
        hub.admin, "remove_user", hub.topic, {"pubkey": keys[2].text, "mode": "reparent", "at": now_ms()}
    )
    assert other.post(f"invites/{keys[2].text}/withdraw", {"message": by_admin}).value["state"] == "withdrawn"
    assert rest.get("invites").value["left"] == 7


async def test_invites_that_are_refused(hub: World) -> None:
    ann, bob = await hub.add_members(2, invites=1)
    rest = Rest.login(hub, ann)
    for envelope, code in (
        (hub.add_user(ann, Key(), kind="temp", invites=5), "403 quota"),
        (hub.add_user(ann, Key(), kind="real"), "400 bad_request"),
        (hub.add_user(bob, Key(), kind="temp"), "403 denied"),
        (hub.add_user(ann, bob, kind="temp"), "409 conflict"),
        (hub.add_user(ann, Key(), kind="temp", at=now_ms() - 3_600_000), "410 gone"),
        (hub.add_user(ann, Key(), kind="temp", at=now_ms() + 3_600_000), "422 future"),
        ({**hub.add_user(ann, Key(), kind="temp"), "sig": b64(bytes(64))}, "400 bad_sig"),
        (text(ann, "feed", "hello"), "400 bad_request"),
        ({}, "400 bad_request"),
        (5, "400 bad_request"),
    ):
        assert rest.post("invites", {"message": envelope}).code == code
    assert rest.get("invites").value == {"items": [], "next": None, "left": 1}
    temporary = await hub.member(kind="temp")
    removal = message(ann, "remove_user", hub.topic, {"pubkey": temporary.text, "mode": "subtree", "at": now_ms()})
    assert rest.post(f"invites/{temporary.text}/withdraw", {"message": removal}).code == "403 denied"


# -------------------------------------------------------------------------------------------------- channels and topics


async def test_channels_and_topics(hub: World) -> None:
    member = await hub.member()
    rest, admin = Rest.login(hub, member), Rest.login(hub, hub.admin)
    nonce = os.urandom(16)
    opened = message(hub.admin, "chan.open", hub.topic, {"nonce": b64(nonce), "name": "made by REST"})
    answer = admin.post("channels", {"message": opened})
    topic = channel_topic(hub.admin, nonce, hub.key)
    assert (answer.status, answer.value["topic"], answer.value["role"]) == (201, topic, "admin")
    shown = rest.get(f"channels/{topic}").value
    assert (shown["name"], shown["about"], shown["role"], shown["count"]) == ("made by REST", None, "member", 0)
    assert shown in rest.items("channels", limit=1)
    mine = message(member, "chan.open", hub.topic, {"nonce": b64(os.urandom(16)), "name": "x"})
    assert rest.post("channels", {"message": mine}).code == "403 denied"
    assert rest.get(f"channels/chan:{b64(bytes(32))}").code == "404 not_found"

    async with await hub.connect(member) as session:
        over_socket = await session.topics()
    rows = {row["topic"]: row for row in rest.items("topics", limit=3)}
    assert rows.keys() == over_socket.keys()
    for name, row in over_socket.items():
        assert {key: value for key, value in rows[name].items() if value is not None} == row
    assert rest.get(f"topics/user:{member.text}").value == rows[f"user:{member.text}"]
    assert rest.get(f"topics/user:{hub.admin.text}").code == "404 not_found"
    assert rest.get("topics", cursor="AAAA").code == "400 bad_request"


# --------------------------------------------------------------------------------------------------------------- trees


def node(*parts: bytes) -> bytes:
    return hashlib.sha256(b"accord-v1:merkle-node\0" + b"".join(parts)).digest()


def root_of(items: list[Json]) -> bytes:
    """The root over messages as section 5 of the protocol has it, level by level."""
    leaves: dict[int, list[bytes]] = {}
    for item in items:
        leaves.setdefault(item["message"]["header"]["created_at"] // 4096, []).append(b64decode(id_of(item["message"])))
    hashes = {
        bucket: hashlib.sha256(b"accord-v1:merkle-leaf\0" + b"".join(sorted(ids))).digest()
        for bucket, ids in leaves.items()
    }
    for _ in range(8):
        parents: dict[int, list[bytes]] = {}
        for bucket, hash_ in sorted(hashes.items()):
            parents.setdefault(bucket // 16, []).append(bytes([bucket % 16]) + hash_)
        hashes = {bucket: node(*parts) for bucket, parts in parents.items()}
    return hashes.get(0, bytes(32))


async def test_roots_and_proofs(hub: World) -> None:
    member = await hub.member()
    rest, other = Rest.login(hub, member), Rest.login(hub, await hub.member())
    channel, own = await hub.channel(), f"user:{member.text}"
    empty = rest.get(f"topics/{channel}/root").value
    assert (b64decode(empty["root"]), empty["count"]) == (bytes(32), 0)
    hours = range(0, 40_000, 7_000)
    said = [text(member, channel, f"{ago}", created_at=now_ms() - ago * 3_600_000) for ago in hours]
    assert {result["status"] for result in rest.post("messages", {"messages": said}).value["results"]} == {"stored"}

    items = rest.get("messages", topic=channel).value["items"]
    statement = verify_statement(rest.get(f"topics/{channel}/root").value, hub=hub.key, type="root")
    assert (b64decode(statement["root"]), statement["count"]) == (root_of(items), len(said))
    assert (statement["topic"], statement["horizon"]) == (channel, 0)
    assert statement["cursor"] >= max(item["cursor"] for item in items)
    horizon = (now_ms() - 15_000 * 3_600_000) & -HORIZON_MS
    newest = [item for item in items if item["message"]["header"]["created_at"] >= horizon]
    (partial,) = rest.get(f"topics/{channel}/roots", horizon=horizon).value["items"]
    verify_statement(partial, hub=hub.key, type="root")
    assert (b64decode(partial["root"]), partial["count"], partial["horizon"]) == (root_of(newest), 3, horizon)
    assert rest.get(f"topics/{channel}/roots", horizon=horizon + 1).code == "400 bad_request"
    for item in items:
        proved = rest.get(f"messages/{item['uuid']}/proof").value
        at = proved.pop("steps")
        verify_statement(proved["statement"], hub=hub.key, type="root")
        assert proved["statement"]["root"] == statement["root"]
        assert (proved["id"], proved["created_at"]) == (item["id"], item["message"]["header"]["created_at"])
        verify_proof(root_of(items), b64decode(item["id"]), proved["created_at"], at)

    soon = text(member, channel, "soon gone", burn_at=now_ms() + 60_000)
    mail = text(member, f"user:{hub.admin.text}", "to the admin")
    assert {result["status"] for result in rest.post("messages", {"messages": [soon, mail]}).value["results"]} == {
        "stored"
    }
    assert rest.get(f"topics/{channel}/root").value["root"] == statement["root"]
    assert rest.get(f"messages/{id_of(soon)}/proof").code == "410 gone"
    assert rest.get(f"messages/{id_of(mail)}").status == 200
    assert rest.get(f"messages/{id_of(mail)}/proof").code == "404 not_found"  # nor any other of that inbox
    assert rest.get(f"topics/{own}/root").status == 200
    assert other.get(f"topics/{own}/root").code == "404 not_found"
    assert rest.get(f"topics/{hub.topic}/root").code == "404 not_found"
    assert Rest.login(hub, hub.admin).get(f"topics/{hub.topic}/root").status == 200
    assert rest.get(f"topics/chan:{b64(bytes(32))}/root").code == "404 not_found"
    assert rest.get(f"messages/{b64(bytes(32))}/proof").code == "404 not_found"


# ------------------------------------------------------------------------------------------------------ form of answers


def test_the_hubs_document(hub: World) -> None:
    rest = Rest.of(hub)
    answer = rest.get("hub")
    statement = verify_statement(answer.value, hub=hub.key, type="hub")
    assert statement["api"] == f"{rest.origin}/api/v1"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert canonical(statement)
    assert b64decode(statement["admin"]["user"]) == hub.admin.public


def test_nothing_else_is_for_other_origins(hub: World) -> None:
    rest = Rest.login(hub, hub.admin)
    for path in ("me", "users", "nowhere", "messages"):
        headers = rest.get(path, headers={"Origin": "https://elsewhere.example"}).headers
        assert not [name for name in headers if name.startswith("access-control")]
        assert "set-cookie" not in headers
    preflight = rest.ask(
        "OPTIONS", "me", headers={"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "GET"}
    )
    assert preflight.code == "405 unsupported"


def test_a_cookie_says_nothing(hub: World) -> None:
    rest = Rest.login(hub, hub.admin)
    cookie = {"Cookie": f"sessionid={rest.token}; token={rest.token}"}
    rest.token = None
    assert rest.get("me", headers=cookie).code == "401 unauthorized"


def test_paths_and_methods_that_are_none(hub: World) -> None:
    rest = Rest.login(hub, hub.admin)
    for path in ("", "nowhere", "me/", "messages/", "devices/x", "sessions/!", "../../manage.py", "users/" + "A" * 44):
        assert rest.get(path).code == "404 not_found"
    for method, path in (
        ("DELETE", "me"),
        ("PUT", "messages"),
        ("POST", "me"),
        ("GET", "login/request"),
        ("PATCH", "users"),
    ):
        answer = rest.ask(method, path, {} if method != "GET" else None)
        assert answer.code == "405 unsupported"
        assert "OPTIONS" not in answer.headers["allow"]
    head = rest.ask("HEAD", "me")
    assert (head.status, head.value) == (200, None)


def test_bodies_that_are_none(hub: World) -> None:
    rest = Rest.login(hub, hub.admin)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/xml"):
        assert rest.ask("POST", "messages", b"{}", {"Content-Type": kind}).code == "415 unsupported"
    charset = {"Content-Type": "application/json; charset=utf-8"}
    assert rest.ask("POST", "messages", b"{", charset).code == "400 bad_encoding"
    for body in (b"{", b"nul", b'{"a": "\xff"}', b'"\\ud800"', b"[" * 5_000):
        assert rest.ask("POST", "messages", body).code == "400 bad_encoding"
    for body in (b"[]", b"5", b"null", b'"x"', b"{}"):
        assert rest.ask("POST", "messages", body).code == "400 bad_request"


def test_a_large_body(hub: World) -> None:
    rest = Rest.login(hub, hub.admin)
    origin = rest.origin.removeprefix("http://")
    connection = http.client.HTTPConnection(origin, timeout=60)
    head = {
        "Authorization": f"Bearer {rest.token}",
        "Content-Type": "application/json",
        "Content-Length": str(2 * 1024 * 1024),
    }
    try:
        connection.putrequest("POST", "/api/v1/messages")
        for name, value in head.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["code"]) == (413, "too_big")
    finally:
        connection.close()


def test_another_host(hub: World) -> None:
    rest = Rest.login(hub, hub.admin)
    for path in ("me", "hub", "nowhere"):
        assert rest.get(path, headers={"Host": "elsewhere.example"}).code == "400 bad_request"


# ---------------------------------------------------------------------------------------------------- hubs of their own


@pytest.fixture
def plain_http(tmp_path: Path) -> Iterator[HubProcess]:
    """A hub whose address is an http origin that is not this machine's."""
    with start_hub(tmp_path / "home", ACCORD_URL="http://hub.example") as process:
        yield process


def test_no_login_and_no_token_in_clear(plain_http: HubProcess) -> None:
    world = World.of(plain_http.home, plain_http)
    local = Rest(f"http://127.0.0.1:{plain_http.port}")
    assert local.log_in(world, world.admin).status == 200
    host = {"Host": "hub.example"}
    for method, path, body in (
        ("GET", "me", None),
        ("POST", "login/request", {}),
        ("POST", "login/response", {}),
        ("GET", "pow", None),
    ):
        assert local.ask(method, path, body, dict(host)).code == "403 denied"
    assert local.get("hub", headers=host).status == 200
    assert local.get("me").status == 200


def test_over_tls_that_ends_before_the_hub(tmp_path: Path) -> None:
    with start_hub(tmp_path / "home", ACCORD_URL="https://hub.example") as process:
        world = World.of(process.home, process)
        local = Rest(f"http://127.0.0.1:{process.port}")
        assert local.log_in(world, world.admin).status == 200
        assert local.get("me", headers={"Host": "hub.example"}).status == 200
        assert local.get("hub", headers={"Host": "hub.example"}).value["api"] == "https://hub.example/api/v1"


def test_floods_are_slowed(tmp_path: Path) -> None:
    with start_hub(tmp_path / "home") as process:
        world = World.of(process.home, process)
        member, stranger = Rest.login(world, world.admin), Rest.of(world)
        while (answer := stranger.get("hub")).status == 200:
            pass
        assert answer.code == "429 rate"
        assert answer.value["retry_ms"] > 0
        assert int(answer.headers["retry-after"]) * 1000 >= answer.value["retry_ms"]
        guessing = Rest(member.origin, b64(os.urandom(32)))
        while (answer := guessing.get("me")).status == 401:
            pass
        assert answer.code == "429 rate"
        assert member.get("me").status == 200  # members have a budget of their own


def test_a_stopping_hub_lets_go_of_requests(tmp_path: Path) -> None:
    with start_hub(tmp_path / "home") as process:
        world = World.of(process.home, process)
        rest = Rest.login(world, world.admin)
        with socket.create_connection(("127.0.0.1", process.port)) as open_connection:
            open_connection.sendall(b"GET /api/v1/me HTTP/1.1\r\nHost: 127.0.0.1\r\n")
            assert rest.get("me").status == 200
            assert process.stop() == 0
