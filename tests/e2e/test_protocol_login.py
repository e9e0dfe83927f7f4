"""Login, certificates, revocation (protocol.md sections 2 and 3)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from tests.e2e.plain_client import (
    DAY_MS,
    Connection,
    Json,
    Key,
    Left,
    Login,
    Refused,
    b64,
    canonical,
    certificate,
    message,
    now_ms,
    read_hub_document,
    text,
    unb64,
)
from tests.e2e.world import World

pytestmark = pytest.mark.e2e

RESULT_FIELDS = {"v", "type", "ok", "session", "limits", "store"}


async def refusal(hub: World, **options: object) -> tuple[Refused, int]:
    """Log in, be refused; gives the refusal and the close code."""
    login = Login(
        options.pop("client", None) or Key(),
        options.pop("cert", None),
        options.pop("expected", hub.key),
        options.pop("frames", "sealed"),
    )
    login.request.update(options)
    connection = await Connection.open(hub.url)
    try:
        with pytest.raises(Refused) as caught:
            await connection.log_in(login)
        return caught.value, await connection.closed()
    finally:
        await connection.leave()


@pytest.mark.parametrize("frames", ["sealed", "clear"])
async def test_a_member_logs_in(hub: World, frames: str) -> None:
    user, client = await hub.member(), Key()
    async with await hub.connect(user, client=client, frames=frames) as session:
        result = session.result
        assert set(result) == RESULT_FIELDS | {"user", "scope"}
        assert (result["v"], result["type"], result["ok"]) == (1, "login_result", True)
        assert (result["user"], result["scope"]) == (user.text, ["login"])
        assert result["session"] not in (user.text, client.text)
        assert len(unb64(result["store"])) == 16
        assert user.text in {row["topic"].partition(":")[2] for row in (await session.topics()).values()}


@pytest.mark.parametrize("frames", ["sealed", "clear"])
async def test_a_guest_logs_in(hub: World, frames: str) -> None:
    async with await hub.connect(frames=frames) as session:
        assert set(session.result) == RESULT_FIELDS
        assert await session.topics() == {}


async def test_the_hub_shows_its_key_to_who_does_not_know_it(hub: World) -> None:
    async with await Connection.login(hub.url) as session:
        assert session.hub == hub.key


async def test_the_hub_document_is_signed_and_names_the_programs_route(hub: World) -> None:
    origin = hub.url.replace("ws", "http", 1).removesuffix("/ws/peer")
    document = await asyncio.to_thread(read_hub_document, origin)
    async with await hub.connect() as session:
        assert (unb64(document["hub"]), document["store"]) == (hub.key, session.result["store"])
    assert (document["type"], document["ws"], document["suites"]) == ("hub", hub.url, [1])
    assert {"name", "frames", "policy", "limits"} <= set(document)


async def test_each_login_has_a_session_and_a_onetime_key_of_its_own(hub: World) -> None:
    user, client = await hub.member(), Key()
    cert = certificate(user, client, hub.key)
    async with (
        await hub.connect(user, client=client, cert=cert) as one,
        await hub.connect(user, client=client, cert=cert) as other,
    ):
        assert one.result["session"] != other.result["session"]
        assert await other.ask("topics")


async def test_another_hub_is_not_taken_for_the_one_expected(hub: World) -> None:
    refused, code = await refusal(hub, serverkey=Key().text)
    assert refused.frame == {"v": 1, "type": "login_error", "code": "wrong_server"}
    assert code == 4401


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"v": 2}, "unsupported"),
        ({"suite": 2}, "unsupported"),
        ({"frames": "open"}, "bad_request"),
        ({"type": "login"}, "bad_request"),
        ({"onetimekey": b64(bytes(32))}, "bad_request"),  # would agree on zero
        ({"onetimekey": b64(b"\1" + bytes(31))}, "bad_request"),
        ({"onetimekey": b64(bytes(31))}, "bad_request"),
        ({"extra": True}, "bad_request"),
        ({"v": True}, "bad_request"),  # true is not 1
    ],
)
async def test_a_wrong_request_is_refused(hub: World, change: Json, code: str) -> None:
    refused, closed = await refusal(hub, **change)
    assert refused.frame == {"v": 1, "type": "login_error", "code": code}
    assert closed == 4401


async def test_a_request_that_is_not_canonical_is_refused(hub: World) -> None:
    connection = await Connection.open(hub.url)
    await connection.send_raw(json.dumps(Login(Key(), None, None, "sealed").request))
    assert await connection.receive_raw() == '{"code":"bad_request","type":"login_error","v":1}'
    assert await connection.closed() == 4401
    await connection.leave()


async def challenged(hub: World, client: Key, cert: Json | None) -> tuple[Connection, Json]:
    """A connection that has its challenge, and the response to it."""
    connection = await Connection.open(hub.url)
    login = Login(client, cert, hub.key, "sealed")
    await connection.send_raw(canonical(login.request).decode())
    challenge = json.loads(await connection.receive_raw())
    return connection, login.respond(challenge)


async def test_a_response_counts_only_on_its_own_connection_and_unchanged(hub: World) -> None:
    user, client = await hub.member(), Key()
    cert = certificate(user, client, hub.key)
    (first, good), (second, _), (third, changed) = [await challenged(hub, client, cert) for _ in range(3)]
    box = bytearray(unb64(changed["box"]))
    box[-1] ^= 1
    for connection, response in ((second, good), (third, {**changed, "box": b64(bytes(box))})):
        await connection.send_raw(canonical(response).decode())
        assert json.loads(await connection.receive_raw()) == {"v": 1, "type": "login_error", "code": "bad_request"}
        assert await connection.closed() == 4401
        await connection.leave()
    await first.send_raw(canonical(good).decode())
    assert isinstance(await first.receive_raw(), bytes)  # the untouched login still stands
    await first.leave()


async def test_who_is_a_member_shows_only_after_the_client_has_proved_its_key(hub: World) -> None:
    """The challenge is the same for a member, a stranger and a guest: nothing can be asked with it."""
    member, stranger = await hub.member(), Key()
    shapes = []
    for user in (member, stranger, None):
        client = Key()
        cert = certificate(user, client, hub.key) if user else None
        connection = await Connection.open(hub.url)
        login = Login(client, cert, hub.key, "sealed")
        assert not {user.text if user else "", client.text} & set(login.request.values())
        await connection.send_raw(canonical(login.request).decode())
        challenge = json.loads(await connection.receive_raw())
        shapes.append({name: len(str(value)) for name, value in challenge.items()})
        await connection.leave()
    assert shapes[0] == shapes[1] == shapes[2]

    client = Key()
    refused, code = await refusal(hub, client=client, cert=certificate(stranger, client, hub.key))
    assert refused.frame == {"v": 1, "type": "login_result", "ok": False, "code": "denied"}
    assert code == 4403


CertificateMaker = Callable[[World, Key, Key], Json]


def _bad_signature(hub: World, user: Key, client: Key) -> Json:
    return {**certificate(user, client, hub.key), "expiration": now_ms() + 2 * DAY_MS}


BAD_CERTIFICATES: dict[str, CertificateMaker] = {
    "for another hub": lambda hub, user, client: certificate(user, client, Key().public),
    "expired": lambda hub, user, client: certificate(
        user, client, hub.key, issued_at=now_ms() - 2000, expiration=now_ms() - 1000
    ),
    "for another client": lambda hub, user, client: certificate(user, Key(), hub.key),
    "changed after it was signed": _bad_signature,
    "signed by another user": lambda hub, user, client: {
        **certificate(user, client, hub.key),
        "signature": certificate(Key(), client, hub.key)["signature"],
    },
    "from the future": lambda hub, user, client: certificate(user, client, hub.key, issued_at=now_ms() + 600_000),
    "for longer than 30 days": lambda hub, user, client: certificate(
        user, client, hub.key, expiration=now_ms() + 31 * DAY_MS
    ),
    "everywhere for longer than a day": lambda hub, user, client: certificate(
        user, client, hub.key, servers=["*"], expiration=now_ms() + 2 * DAY_MS
    ),
    "the user's own key": lambda hub, user, client: certificate(user, user, hub.key),
    "of another form": lambda hub, user, client: {"v": 1},
    "no object": lambda hub, user, client: "certificate",  # type: ignore[return-value,dict-item]
}


@pytest.mark.parametrize("what", BAD_CERTIFICATES)
async def test_a_bad_certificate_is_unauthorized(hub: World, what: str) -> None:
    user, client = await hub.member(), Key()
    cert = BAD_CERTIFICATES[what](hub, user, client)
    for frames in ("sealed", "clear"):
        refused, code = await refusal(hub, client=user if "own" in what else client, cert=cert, frames=frames)
        assert refused.frame == {"v": 1, "type": "login_result", "ok": False, "code": "unauthorized"}
        assert code == 4403


async def test_a_certificate_for_every_hub_opens_this_one(hub: World) -> None:
    user, client = await hub.member(), Key()
    cert = certificate(user, client, hub.key, servers=["*"], expiration=now_ms() + DAY_MS // 2)
    async with await hub.connect(user, client=client, cert=cert) as session:
        assert session.result["user"] == user.text


async def test_a_session_ends_with_its_certificate(hub: World) -> None:
    user, client = await hub.member(), Key()
    expiration = now_ms() + 1_500
    cert = certificate(user, client, hub.key, expiration=expiration)
    async with await hub.connect(user, client=client, cert=cert) as session:
        assert await session.closed(5) == 4403
        assert expiration - 50 <= now_ms() <= expiration + 1_000
        assert session.first("bye", code="unauthorized")


@pytest.mark.parametrize("by", ["serial", "clientkey"])
async def test_revocation_closes_the_sessions_and_bars_the_certificate(hub: World, by: str) -> None:
    user, lost_client = await hub.member(), Key()
    lost = certificate(user, lost_client, hub.key)
    sessions = [await hub.connect(user, client=lost_client, cert=lost) for _ in range(3)]
    other = await hub.member()
    async with await hub.connect(user) as keeper, await hub.connect(other) as bystander:
        body = {by: lost[by]}
        # Another user cannot take it back: the revocation counts for certificates of its author.
        await bystander.store(message(other, "cert.revoke", "feed", body))
        await sessions[0].ask("topics")

        await keeper.store(message(user, "cert.revoke", "feed", body))
        assert [await session.closed() for session in sessions] == [4403] * 3
        await keeper.ask("topics")
        await bystander.ask("topics")
    for session in sessions:
        await session.leave()
    refused, code = await refusal(hub, client=lost_client, cert=lost)
    assert (refused.frame["ok"], refused.code, code) == (False, "unauthorized", 4403)
    again = certificate(user, lost_client, hub.key)
    if by == "clientkey":
        refused, code = await refusal(hub, client=lost_client, cert=again)
        assert (refused.code, code) == ("unauthorized", 4403)
    else:
        async with await hub.connect(user, client=lost_client, cert=again) as session:
            await session.ask("topics")


async def test_a_session_may_revoke_its_own_certificate(hub: World) -> None:
    user, client = await hub.member(), Key()
    cert = certificate(user, client, hub.key)
    async with await hub.connect(user, client=client, cert=cert) as session:
        await session.store(message(user, "cert.revoke", "feed", {"serial": cert["serial"]}))
        assert await session.closed(2) == 4403


async def test_logins_and_revocation_at_once_leave_no_session_behind(hub: World) -> None:
    """However a login and the revocation of its certificate interleave, the session is refused or closed."""
    for _ in range(4):
        user, client = await hub.member(), Key()
        cert = certificate(user, client, hub.key)
        async with await hub.connect(user) as keeper:
            waiting = [await challenged(hub, client, cert) for _ in range(24)]
            responses = [canonical(response).decode() for _, response in waiting]
            revocation = message(user, "cert.revoke", "feed", {"serial": cert["serial"]})
            for number, ((connection, _), response) in enumerate(zip(waiting, responses, strict=True)):
                if number == 12:
                    revoking = await keeper.begin("publish", messages=[revocation])
                await connection.send_raw(response)
            assert (await revoking)["results"][0]["status"] == "stored"
            assert {await connection.closed(5) for connection, _ in waiting} == {4403}
            for connection, _ in waiting:
                await connection.leave()


async def test_a_sealed_session_is_not_opened_by_another_one(hub: World) -> None:
    user = await hub.member()
    async with await hub.connect(user) as one, await hub.connect(user, reading=False) as other:
        frame = one.seal(json.dumps({"type": "topics", "ref": 1}).encode())
        await other.send_raw(frame)
        assert await other.closed() == 4400
        with pytest.raises(Left):
            await other.receive_raw()
        await one.send_raw(frame)
        await one.until(lambda: one.first("topics", ref=1))
        await one.store(text(user, "feed", "still here"))
