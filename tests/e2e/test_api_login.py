"""Bearer tokens: the login over HTTP, the frame `token`, and all that ends them (protocol.md section 3)."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from tests.e2e.plain_client import (
    Connection,
    Json,
    Key,
    Login,
    Refused,
    b64,
    certificate,
    claim,
    id_of,
    message,
    now_ms,
    text,
)
from tests.e2e.rest import Answer, Rest
from tests.e2e.world import World, new_name
from tests.hubs import wait_until

pytestmark = pytest.mark.e2e

QUARTER_HOUR_MS = 15 * 60 * 1000


def begin(rest: Rest, login: Login) -> tuple[Json, str]:
    answer = rest.post("login/request", login.request)
    assert answer.status == 200, answer
    return answer.value["challenge"], answer.value["handle"]


def finish(rest: Rest, handle: object, response: object) -> Answer:
    return rest.post("login/response", {"handle": handle, "response": response})


async def test_a_member_logs_in(hub: World) -> None:
    user = await hub.member()
    rest = Rest.login(hub, user)
    result = rest.result
    assert (result["ok"], result["user"], result["scope"]) == (True, user.text, ["login"])
    assert abs(result["expires"] - now_ms() - QUARTER_HOUR_MS) < 60_000
    async with await hub.connect(user) as session:
        assert {key: result[key] for key in ("store", "limits")} == {
            key: session.result[key] for key in ("store", "limits")
        }
    me = rest.get("me").value
    assert (me["key"], me["role"]) == (user.text, "member")
    assert me["session"] == {
        "handle": result["session"],
        "kind": "http",
        "client": rest.client.text,
        "expires": result["expires"],
    }


def test_roles(hub: World) -> None:
    assert Rest.login(hub, hub.admin).get("me").value["role"] == "admin"
    guest = Rest.login(hub, None)
    me = guest.get("me").value
    assert (me["role"], me["key"], me["name"], me["allowance"]) == ("guest", None, None, None)
    assert "user" not in guest.result
    for path in ("messages?mentions=me", "topics", "users", "devices", "invites", "identities", "channels"):
        assert guest.get(path).code == "403 denied"


async def test_a_handle_is_accepted_once(hub: World) -> None:
    user = await hub.member()
    rest, client = Rest.of(hub), Key()
    login = Login(client, certificate(user, client, hub.key), hub.key, "clear")
    challenge, handle = begin(rest, login)
    response = login.respond(challenge)
    assert finish(rest, handle, response).status == 200
    again = finish(rest, handle, response)
    assert again.code == "400 bad_request"
    assert "used" in again.value["detail"]


async def test_a_handle_is_used_by_a_wrong_try(hub: World) -> None:
    user = await hub.member()
    rest, client = Rest.of(hub), Key()
    login = Login(client, certificate(user, client, hub.key), hub.key, "clear")
    challenge, handle = begin(rest, login)
    response = login.respond(challenge)
    assert finish(rest, handle, {**response, "box": b64(bytes(99))}).code == "400 bad_request"
    assert finish(rest, handle, response).code == "400 bad_request"


@pytest.mark.parametrize("change", ["first", "last", "short", "long", "junk", "not text", "empty"])
def test_a_tampered_handle(hub: World, change: str) -> None:
    rest, login = Rest.of(hub), Login(Key(), None, hub.key, "clear")
    challenge, handle = begin(rest, login)
    changed: object = {
        "first": ("B" if handle[0] == "A" else "A") + handle[1:],
        "last": handle[:-2] + ("B" if handle[-2] == "A" else "A") + handle[-1],
        "short": handle[:-4],
        "long": handle + "AAAA",
        "junk": "!" * len(handle),
        "not text": 5,
        "empty": "",
    }[change]
    response = login.respond(challenge)
    assert finish(rest, changed, response).code == "400 bad_request"
    assert finish(rest, handle, response).status == 200


async def test_the_handle_of_another_login(hub: World) -> None:
    rest = Rest.of(hub)
    one, other = (Login(Key(), None, hub.key, "clear") for _ in range(2))
    challenge, _ = begin(rest, one)
    _, handle = begin(rest, other)
    assert finish(rest, handle, one.respond(challenge)).code == "400 bad_request"


async def test_wrong_keys_and_certificates(hub: World) -> None:
    user, client = await hub.member(), Key()
    cases = {
        "another client's": (certificate(user, Key(), hub.key), "401 unauthorized"),
        "expired": (
            certificate(user, client, hub.key, issued_at=now_ms() - 2000, expiration=now_ms() - 1),
            "401 unauthorized",
        ),
        "another hub's": (certificate(user, client, bytes(32)), "401 unauthorized"),
        "changed": ({**certificate(user, client, hub.key), "scope": ["login", "relay"]}, "401 unauthorized"),
        "of a stranger": (certificate(Key(), client, hub.key), "403 denied"),
        "for relays": (certificate(user, client, hub.key, scope=["relay"]), "403 denied"),
    }
    for name, (cert, code) in cases.items():
        answer = Rest.of(hub).log_in(hub, user, cert=cert, client=client)
        assert (name, answer.code) == (name, code)


def test_requests_that_are_none(hub: World) -> None:
    rest, good = Rest.of(hub), Login(Key(), None, hub.key, "clear").request
    for changes, code in (
        ({"frames": "sealed"}, "422 unsupported"),
        ({"v": 2}, "422 unsupported"),
        ({"suite": 2}, "422 unsupported"),
        ({"serverkey": b64(bytes(32))}, "421 wrong_server"),
        ({"onetimekey": b64(bytes(32))}, "400 bad_request"),
        ({"onetimekey": 1}, "400 bad_request"),
        ({"more": 1}, "400 bad_request"),
        ({"frames": None}, "400 bad_encoding"),
    ):
        assert rest.post("login/request", {**good, **changes}).code == code
    for body, code in (
        (b"", "422 unsupported"),
        (b"{", "400 bad_encoding"),
        (b"[]", "400 bad_encoding"),
        (b"[1]", "400 bad_request"),
        (b"\xff", "400 bad_encoding"),
    ):
        assert rest.ask("POST", "login/request", body).code == code


# ------------------------------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer !", "Bearer " + "A" * 43, "Basic YTpi", "Token x", "Bearer a b"]
)
def test_a_token_that_is_none(hub: World, header: str) -> None:
    rest = Rest.of(hub)
    answer = rest.get("me", headers={"Authorization": header})
    assert answer.code == "401 unauthorized"
    assert answer.headers["www-authenticate"] == "Bearer"


def test_without_a_token(hub: World) -> None:
    rest = Rest.of(hub)
    for path in (
        "me",
        "messages?mentions=me",
        "topics",
        "users",
        "devices",
        "sessions",
        "invites",
        "branch",
        "identities",
        "channels",
    ):
        assert rest.get(path).code == "401 unauthorized"
    assert rest.post("messages", {"messages": [{}]}).code == "401 unauthorized"


async def test_a_revoked_certificate_ends_its_tokens(hub: World) -> None:
    user = await hub.member()
    by_serial, by_client, other = (Rest.of(hub) for _ in range(3))
    cert = certificate(user, by_serial.client, hub.key)
    assert by_serial.log_in(hub, user, cert=cert).status == 200
    assert by_client.log_in(hub, user).status == 200
    assert other.log_in(hub, user).status == 200
    revoke = [
        message(user, "cert.revoke", "feed", {"serial": cert["serial"]}),
        message(user, "cert.revoke", "feed", {"clientkey": by_client.client.text}),
    ]
    published = by_serial.post("messages", {"messages": revoke})
    assert [result["status"] for result in published.value["results"]] == ["stored", "stored"]
    assert by_serial.get("me").code == "401 unauthorized"
    assert by_client.get("me").code == "401 unauthorized"
    assert other.get("me").status == 200
    assert by_client.log_in(hub, user).code == "401 unauthorized"


async def test_logging_out(hub: World) -> None:
    user = await hub.member()
    one, other = Rest.login(hub, user), Rest.login(hub, user)
    assert one.ask("DELETE", f"sessions/{one.result['session']}").status == 204
    assert one.get("me").code == "401 unauthorized"
    assert [row["handle"] for row in other.items("sessions")] == [other.result["session"]]
    guest = Rest.login(hub, None)
    assert guest.ask("DELETE", f"sessions/{guest.result['session']}").status == 204
    assert guest.get("me").code == "401 unauthorized"


async def test_a_claim_ends_the_tokens_of_the_temporary_account(hub: World) -> None:
    temporary, user = await hub.member(kind="temp"), Key()
    rest = Rest.login(hub, temporary)
    me = rest.get("me").value
    assert me["role"] == "temp"
    assert me["expires"] > now_ms()
    assert rest.get("messages", topic=hub.topic).status == 200
    assert rest.get("topics").code == "403 denied"
    added = rest.post("messages", {"messages": [hub.add_user(temporary, Key())]}).value["results"]
    assert added[0]["code"] == "denied"
    results = rest.post("messages", {"messages": [claim(temporary, user, hub.key, new_name())]}).value["results"]
    assert results[0]["status"] == "stored", results
    assert rest.get("me").code == "401 unauthorized"
    assert Rest.login(hub, user).get("me").value["role"] == "member"


async def test_a_withdrawn_invite_ends_sessions_and_tokens(hub: World) -> None:
    temporary = await hub.member(kind="temp")
    rest = Rest.login(hub, temporary)
    async with await hub.connect(temporary) as session:
        body = {"pubkey": temporary.text, "mode": "subtree", "at": now_ms()}
        async with await hub.connect(hub.admin) as admin:
            await admin.store(message(hub.admin, "remove_user", hub.topic, body))
        assert await session.closed() == 4403
        assert session.first("bye")["code"] == "denied"
    assert rest.get("me").code == "401 unauthorized"
    assert rest.log_in(hub, temporary).code == "403 denied"


# ---------------------------------------------------------------------------------------------------- the frame `token`


async def token_of(session: Connection, hub: World) -> Rest:
    frame = await session.ask("token")
    assert set(frame) == {"type", "ref", "token", "expires"}
    assert abs(frame["expires"] - now_ms() - QUARTER_HOUR_MS) < 60_000
    rest = Rest.of(hub)
    rest.token = frame["token"]
    return rest


async def dead(rest: Rest) -> None:
    """Wait until the token is good no longer, which by itself it would be for a quarter of an hour."""
    gone = partial(wait_until, lambda: rest.get("me").status == 401, what="the token is dead")
    await asyncio.to_thread(gone)  # beside the loop, which closes the socket


async def test_a_socket_gets_tokens(hub: World) -> None:
    user = await hub.member()
    async with await hub.connect(user) as session:
        one, two = await token_of(session, hub), await token_of(session, hub)
        assert one.token != two.token
        for rest in (one, two):
            me = rest.get("me").value
            assert (me["key"], me["session"]["kind"]) == (user.text, "socket")
            assert me["session"]["handle"] == session.result["session"]


async def test_a_token_dies_with_its_socket(hub: World) -> None:
    user = await hub.member()
    session = await hub.connect(user)
    rest = await token_of(session, hub)
    assert rest.get("me").status == 200
    session.cut()
    await dead(rest)
    # In order, too.
    session = await hub.connect(user)
    rest = await token_of(session, hub)
    await session.leave()
    await dead(rest)


async def test_a_token_ends_with_its_certificate(hub: World) -> None:
    user, client = await hub.member(), Key()
    cert = certificate(user, client, hub.key, expiration=now_ms() + 2_500)
    rest = Rest.of(hub)
    assert rest.log_in(hub, user, cert=cert, client=client).value["expires"] == cert["expiration"]
    assert rest.get("me").status == 200
    await dead(rest)
    assert now_ms() >= cert["expiration"]


async def test_tokens_are_asked_for_with_measure(hub: World) -> None:
    user = await hub.member()
    async with await hub.connect(user) as session:
        codes: list[str] = []
        waits: list[int] = []
        for _ in range(12):
            try:
                await session.ask("token")
                codes.append("token")
            except Refused as refused:
                codes.append(refused.code)
                waits.append(refused.frame["retry_ms"])
        assert codes[0] == "token"
        assert codes[-1] == "rate"
        assert min(waits) > 0
        await session.send_json({"type": "token"})
        await session.until(lambda: session.first("error", code="bad_request"))


async def test_only_the_newest_tokens_of_a_client_are_kept(hub: World) -> None:
    user, client = await hub.member(), Key()
    first = Rest.login(hub, user, client=client)
    tokens = [Rest.login(hub, user, client=client) for _ in range(16)]
    assert first.get("me").code == "401 unauthorized"
    assert {rest.get("me").status for rest in tokens} == {200}


async def test_closing_a_socket_by_its_handle(hub: World) -> None:
    user, other = await hub.add_members(2)
    rest, stranger = Rest.login(hub, user), Rest.login(hub, other)
    async with await hub.connect(user) as session:
        handle = session.result["session"]
        row = next(row for row in rest.items("sessions") if row["handle"] == handle)
        assert (row["kind"], row["role"], row["expires"], row["is_this"]) == ("socket", "member", None, False)
        token = await token_of(session, hub)
        assert stranger.ask("DELETE", f"sessions/{handle}").code == "404 not_found"
        assert rest.ask("DELETE", f"sessions/{handle}").status == 204
        assert token.get("me").code == "401 unauthorized"
        assert await session.closed() == 4403
        assert session.first("bye")["code"] == "unauthorized"
    assert rest.ask("DELETE", f"sessions/{handle}").code == "404 not_found"
    async with await hub.connect(user):
        pass  # the device itself has not been revoked


async def test_a_token_that_comes_back_is_not_in_the_database(hub: World) -> None:
    rest = Rest.login(hub, await hub.member())
    assert rest.token is not None
    assert not hub.holds_bytes(rest.token.encode())


async def test_messages_by_token_arrive_at_sockets_at_once(hub: World) -> None:
    writer, reader = await hub.add_members(2)
    channel = await hub.channel()
    rest = Rest.login(hub, writer)
    async with await hub.connect(reader) as session:
        await session.subscribe(topics=[channel])
        said = text(writer, channel, "over HTTP")
        assert rest.post("messages", {"messages": [said]}).value["results"] == [{"status": "stored", "id": id_of(said)}]
        await session.until(lambda: [frame for frame in session.frames if frame["type"] == "deliver"], 1)
