"""What a hub bears: rubbish, floods, half-open connections, readers who do not read (protocol.md sections 3 and 4)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import pytest
import websockets

from tests.e2e.plain_client import (
    MAX_FRAME_BYTES,
    Connection,
    Json,
    Key,
    Left,
    Login,
    Refused,
    b64,
    canonical,
    certificate,
    id_of,
    text,
)
from tests.e2e.world import SERVERS, World, running

pytestmark = pytest.mark.e2e

ROOM_MB = 60  # how much the hub's memory may grow under any of this
HANDSHAKE_SECONDS = 10
DROPPED = {4408, 1006}  # the close is sent; whether a reader that slow still gets it is another matter


@pytest.fixture(scope="module", params=SERVERS)
def hub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A hub of its own: its memory is measured."""
    with running(tmp_path_factory.mktemp(f"abused-{request.param}"), request.param) as world:
        yield world


@contextlib.asynccontextmanager
async def bounded_memory(hub: World, *, room_mb: float = ROOM_MB) -> AsyncIterator[None]:
    """The hub's memory must not at any moment grow by more than that, and the hub must serve afterwards."""
    hub.forget_peak()
    before, _ = hub.memory_mb()
    yield
    _, peak = hub.memory_mb()
    await serves(hub)
    assert peak - before < room_mb, f"{before:.0f} MB grew to {peak:.0f} MB"


async def serves(hub: World) -> None:
    """Join, publish, read: everything still works."""
    user, channel = await hub.member(), await hub.channel()
    async with await hub.connect(user) as session:
        await session.subscribe(topics=[channel])
        envelope = text(user, channel, "still here")
        await session.store(envelope)
        await session.until_delivered(envelope)


async def end_of(connection: Connection, *sent: str | bytes) -> int:
    """Send raw messages; gives the code with which the hub closes."""
    with contextlib.suppress(Left):
        for data in sent:
            await connection.send_raw(data)
    code = await connection.closed()
    await connection.leave()
    return code


# Before the login

BEFORE_LOGIN = {
    "words": "hello",
    "empty": "",
    "an object": "{}",
    "an array": "[]",
    "null": "null",
    "a number too large": "1" * 5_000,
    "a frame": '{"ref":1,"type":"topics"}',
    "deep": "[" * 4_000 + "]" * 4_000,
    "deep objects": '{"a":' * 1_000 + "1" + "}" * 1_000,
    "binary": b"\1" + bytes(100),
    "empty binary": b"",
    "more than 8 KiB": '{"a":"' + "x" * 8_192 + '"}',
    "a megabyte": "x" * 1_000_000,
    "a response first": '{"box":"AAAA","type":"login_response","v":1}',
}


@pytest.mark.parametrize("what", BEFORE_LOGIN)
async def test_rubbish_before_the_login(hub: World, what: str) -> None:
    connection = await Connection.open(hub.url)
    await connection.send_raw(BEFORE_LOGIN[what])
    answer = json.loads(await connection.receive_raw())
    assert (answer["type"], answer["v"]) == ("login_error", 1)
    assert answer["code"] in ("bad_request", "unsupported")
    assert await connection.closed() == 4401
    await connection.leave()


@pytest.mark.parametrize("what", BEFORE_LOGIN)
async def test_rubbish_instead_of_a_response(hub: World, what: str) -> None:
    connection = await Connection.open(hub.url)
    await connection.send_raw(canonical(Login(Key(), None, hub.key, "sealed").request).decode())
    assert json.loads(await connection.receive_raw())["type"] == "login_challenge"
    await connection.send_raw(BEFORE_LOGIN[what])
    assert json.loads(await connection.receive_raw()) == {"v": 1, "type": "login_error", "code": "bad_request"}
    assert await connection.closed() == 4401
    await connection.leave()


async def test_a_login_message_has_8_kib(hub: World) -> None:
    """Right at the limit the hub looks at it (and refuses the odd field), one byte beyond it does not."""
    for length in (8_192, 8_193):
        request = {**Login(Key(), None, None, "sealed").request, "frames": ""}
        request["frames"] = "x" * (length - len(canonical(request)))
        assert len(canonical(request)) == length
        connection = await Connection.open(hub.url)
        assert await end_of(connection, canonical(request).decode()) == 4401


async def test_a_thousand_try_to_log_in_and_fail(hub: World) -> None:
    """Failing logins cost the hub no session; one in the middle of them gets in."""
    user = await hub.member()
    gate = asyncio.Semaphore(50)

    async def fail(number: int) -> int:
        async with gate:
            connection = await Connection.open(hub.url)
            if number % 2:
                return await end_of(connection, "rubbish")
            client = Key()
            with pytest.raises(Refused):
                await connection.log_in(Login(client, certificate(Key(), client, hub.key), hub.key, "sealed"))
            return await end_of(connection)

    async with bounded_memory(hub):
        failing = [asyncio.create_task(fail(number)) for number in range(300)]
        async with await hub.connect(user) as session:
            await session.topics()
        assert sorted(set(await asyncio.gather(*failing))) == [4401, 4403]


# After the login

AFTER_LOGIN_CLEAR = {
    "words": "hello",
    "empty": "",
    "an array": "[]",
    "a number": "1",
    "null": "null",
    "a string": '"topics"',
    "half an object": '{"type":"topics","ref":1',
    "deep": "[" * 100_000 + "]" * 100_000,
    "deep objects": '{"type":' * 50_000 + "1" + "}" * 50_000,
    "binary": b"\1" + bytes(100),
    "binary JSON": b'{"type":"topics","ref":1}',
    "NaN": '{"type":"topics","ref":NaN}',
    "a lone surrogate": '{"type":"\\ud800","ref":1}',
}
HARMLESS = {"a lone surrogate"}  # some parsers take it; then it is an unknown frame


@pytest.mark.parametrize("what", AFTER_LOGIN_CLEAR)
async def test_rubbish_in_a_clear_session(hub: World, what: str) -> None:
    session = await hub.connect(await hub.member(), frames="clear", reading=False)
    if what in HARMLESS:
        await session.send_raw(AFTER_LOGIN_CLEAR[what])
        with contextlib.suppress(Left):
            assert (await session.receive())["code"] in ("bad_request", "bad_encoding", "unsupported")
        await session.leave()
    else:
        assert await end_of(session, AFTER_LOGIN_CLEAR[what]) == 4400
    await serves(hub)


async def test_text_that_is_not_utf8(hub: World) -> None:
    session = await hub.connect(await hub.member(), frames="clear", reading=False)
    await session.socket.send(b'{"type":"\xff\xfe"}', text=True)
    assert await session.closed() in (4400, 1007)
    await session.leave()


def sealed_rubbish(session: Connection) -> dict[str, list[str | bytes]]:
    """Raw messages after any of which a sealed session is over."""
    one, two = (session.seal(json.dumps({"type": "topics", "ref": ref}).encode()) for ref in (1, 2))
    assert isinstance(one, bytes)
    assert isinstance(two, bytes)
    return {
        "garbage": [os.urandom(200)],
        "garbage of the right type": [b"\1" + os.urandom(200)],
        "empty": [b""],
        "only a type": [b"\1"],
        "shorter than a tag": [b"\1" + bytes(15)],
        "text": ['{"type":"topics","ref":1}'],
        "another type": [b"\2" + one[1:]],
        "changed": [one[:-1] + bytes([one[-1] ^ 1])],
        "cut short": [one[:-1]],
        "replayed": [one, one],
        "out of order": [two, one],
        "one left out": [two],
        "sealed words": [session.seal(b"hello")],  # the third counter
    }


SEALED_RUBBISH = (
    "garbage",
    "garbage of the right type",
    "empty",
    "only a type",
    "shorter than a tag",
    "text",
    "another type",
    "changed",
    "cut short",
    "replayed",
    "out of order",
    "one left out",
    "sealed words",
)


@pytest.mark.parametrize("what", SEALED_RUBBISH)
async def test_rubbish_in_a_sealed_session(hub: World, what: str) -> None:
    session = await hub.connect(await hub.member(), reading=False)
    assert await end_of(session, *sealed_rubbish(session)[what]) == 4400
    await serves(hub)


async def test_what_follows_a_broken_frame_is_not_done(hub: World) -> None:
    user, channel = await hub.member(), await hub.channel()
    session = await hub.connect(user, reading=False)
    first, after = text(user, channel, "before"), text(user, channel, "after")
    await session.send("publish", messages=[first])
    assert (await session.receive())["results"][0]["status"] == "stored"
    publish = session.seal(json.dumps({"type": "publish", "ref": 9, "messages": [after]}).encode())
    assert await end_of(session, b"\1" + bytes(50), publish, publish) == 4400
    assert hub.stored(id_of(first))
    await serves(hub)
    assert hub.stored(id_of(after)) is None


DEEP = {"header": {"a": [[[[[[[[[[1]]]]]]]]]]}, "sig": 1}
ODD_FRAMES = {
    "type a list": {"type": ["publish"]},
    "type an object": {"type": {"a": 1}},
    "type null": {"type": None},
    "no type": {"x": 1},
    "ref an object": {"type": "publish", "ref": {"a": 1}, "messages": [{}]},
    "ref too large": {"type": "publish", "ref": 2**63, "messages": [[[[[]]]]]},
    "deep messages": {"type": "publish", "messages": [DEEP] * 100},
    "header a list": {"type": "publish", "messages": [{"header": [], "sig": None, "salt": {}, "body": 5}]},
    "101 messages": {"type": "publish", "messages": [{}] * 101},
    "101 proofs": {"type": "publish", "messages": [{}], "pow": [{"id": b64(bytes(32))}] * 101},
    "topic a list": {"type": "subscribe", "topics": [["chan:x"]]},
    "key an object": {"type": "subscribe", "keys": [{}]},
    "since too large": {"type": "subscribe", "since": 2**70, "store": b64(bytes(16))},
    "since true": {"type": "subscribe", "since": True},
    "topic an object": {"type": "fetch", "topic": {"a": 1}},
    "topic too long": {"type": "fetch", "topic": "chan:" + "A" * 100_000},
    "topic with U+0000": {"type": "fetch", "topic": "chan:\0" + "A" * 42},
    "after a pattern": {"type": "topics", "after": "chan:%s"},
    "after a number": {"type": "topics", "after": 1},
    "unsubscribe from text": {"type": "unsubscribe", "topics": "x"},
    "unsubscribe from a space": {"type": "unsubscribe", "topics": ["space:" + b64(bytes(32))]},
    "work for an object": {"type": "pow", "purpose": "mail", "key": {"a": 1}},
    "signal to nobody": {"type": "signal", "to": "user:" + b64(bytes(32)), "body": 2**53},
    "signal to a list": {"type": "signal", "to": ["x"], "body": 1},
}


@pytest.mark.parametrize("what", ODD_FRAMES)
async def test_odd_frames_are_answered_not_died_of(hub: World, what: str) -> None:
    """No odd frame is a failure of the hub (`internal`), and the session lives on."""
    async with await hub.connect(await hub.member()) as session:
        await session.send_json({"ref": 10**6, **ODD_FRAMES[what]})
        await session.ask("topics")
        assert "internal" not in str(session.frames)


# Sizes


async def test_a_frame_has_a_mebibyte(hub: World) -> None:
    """At the limit it is read; beyond it the connection is closed, in one piece or in many."""
    user = await hub.member()
    frame = b'{"type":"nonsense","x":"' + b"x" * (MAX_FRAME_BYTES - 26) + b'"}'
    assert len(frame) == MAX_FRAME_BYTES

    async def beyond(frames: str, pieces: int) -> int:
        session = await hub.connect(user, frames=frames, reading=False)
        data = session.seal(frame.replace(b"xx", b"xxx", 200))
        step = -(-len(data) // pieces)
        with contextlib.suppress(websockets.ConnectionClosed):
            await session.socket.send([data[start : start + step] for start in range(0, len(data), step)])
        return await end_of(session)

    for frames in ("clear", "sealed"):
        async with await hub.connect(user, frames=frames) as session:
            await session.send_raw(session.seal(frame))
            assert (await session.until(lambda session=session: session.first("error")))["code"] == "unsupported"
    endings = [beyond(frames, pieces) for frames in ("clear", "sealed") for pieces in (1, 5)]
    assert await asyncio.gather(*endings) == [4413] * 4


async def test_a_huge_frame_is_refused_by_its_announced_length(hub: World) -> None:
    """A frame that says it has 1 GB is refused before it comes."""
    session = await hub.connect(await hub.member(), frames="clear", reading=False)
    header = b"\x81\xff" + (10**9).to_bytes(8, "big") + bytes(4)
    async with bounded_memory(hub):
        session.socket.transport.write(header + bytes(100_000))
        assert await session.closed() == 4413
        await session.leave()


async def test_fragments(hub: World) -> None:
    user, channel = await hub.member(), await hub.channel()
    async with await hub.connect(user, frames="clear") as session:
        envelope = text(user, channel, "in pieces")
        frame = json.dumps({"type": "publish", "ref": 10**6, "messages": [envelope]})
        step = len(frame) // 100
        await session.socket.send([frame[start : start + step] for start in range(0, len(frame), step)])
        assert (await session.until(lambda: session.first("published")))["results"][0]["status"] == "stored"
    for piece in ("", "x"):
        session = await hub.connect(user, frames="clear", reading=False)
        async with bounded_memory(hub):
            with contextlib.suppress(websockets.ConnectionClosed):
                await session.socket.send([piece] * 20_000)
            assert await session.closed() == 4413
            await session.leave()


async def test_no_compression(hub: World) -> None:
    """A compressed bomb cannot come: the hub does not agree to compression."""
    async with websockets.connect(hub.url, compression="deflate") as socket:
        assert list(socket.protocol.extensions) == []


# Floods


async def test_a_flood_of_bad_frames_is_closed(hub: World) -> None:
    user, other = await hub.add_members(2)
    async with await hub.connect(other) as bystander:
        session = await hub.connect(user, reading=False)
        nonsense = [session.seal(b'{"type":"nonsense"}') for _ in range(3_000)]
        ending = asyncio.create_task(end_of(session, *nonsense))
        await bystander.ask("topics")  # is answered beside it
        assert await ending == 4429


async def test_refused_messages_are_a_flood_too_or_are_all_answered(hub: World) -> None:
    """10,000 bad messages: each is answered in its place, or the connection is closed for it."""
    user, channel = await hub.member(), await hub.channel()
    async with bounded_memory(hub), await hub.connect(user) as session:
        bad = {**text(user, channel, "x"), "sig": b64(bytes(64))}
        try:
            answers = [await session.begin("publish", messages=[bad] * 100) for _ in range(100)]
            for answer in answers:
                results = (await answer)["results"]
                assert [result["code"] for result in results] == ["bad_sig"] * 100
        except Left as left:
            if left.code != 4429:
                raise


async def test_twenty_megabytes_of_rubbish(hub: World) -> None:
    user = await hub.member()
    async with bounded_memory(hub):
        for _ in range(10):  # each ends its connection
            session = await hub.connect(user, reading=False)
            assert await end_of(session, b"\1" + os.urandom(1_000_000)) == 4400
        async with await hub.connect(user, frames="clear") as session:
            large = json.dumps({"type": "nonsense", "x": "x" * 1_000_000})
            for _ in range(10):  # these are frames, only of no known kind
                await session.send_raw(large)
            await session.until(lambda: sum(frame["type"] == "error" for frame in session.frames) == 10)


# Half-open connections


async def test_half_open_connections_are_closed_after_ten_seconds(hub: World) -> None:
    """200 that open and say nothing more, at three stages; the hub serves meanwhile and forgets them in time."""
    address = urlsplit(hub.url)
    user = await hub.member()

    async def silent(stage: str) -> tuple[str, int, float]:
        begun = time.monotonic()
        if stage == "tcp":
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            writer.write(b"GET /ws/peer HTTP/1.1\r\nHost: x\r\n")
            with contextlib.suppress(ConnectionResetError):
                await reader.read()
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            return stage, 0, time.monotonic() - begun
        connection = await Connection.open(hub.url)
        begun = time.monotonic()
        if stage == "challenged":
            await connection.send_raw(canonical(Login(Key(), None, hub.key, "sealed").request).decode())
        code = await connection.closed()
        ended = time.monotonic() - begun
        await connection.leave()
        return stage, code, ended

    async with bounded_memory(hub):
        stages = ["tcp"] * 40 + ["silent"] * 80 + ["challenged"] * 80
        waiting = [asyncio.create_task(silent(stage)) for stage in stages]
        async with await hub.connect(user) as session:
            await session.topics()
            ends = await asyncio.gather(*waiting)
            await session.topics()
    assert {(stage, code) for stage, code, _ in ends} == {("tcp", 0), ("silent", 4401), ("challenged", 4401)}
    times = [ended for _, _, ended in ends]
    assert min(times) > HANDSHAKE_SECONDS - 0.5


# Readers who do not read


async def publish_megabytes(
    hub: World, user: Key, channel: str, megabytes: int, *, body_bytes: int = 20_000, reader: Connection | None = None
) -> list[str]:
    """Publish so much to a channel, no faster than `reader` gets it; gives the ids in order."""
    sent: list[str] = []
    answers: list[asyncio.Future[Json]] = []
    words = secrets.token_hex(body_bytes // 2)
    async with await hub.connect(user, frames="clear") as session:
        while len(sent) * body_bytes < megabytes * 1_000_000:
            batch = [text(user, channel, words) for _ in range(min(100, 500_000 // body_bytes))]
            sent += map(id_of, batch)
            answers.append(await session.begin("publish", messages=batch))
            if reader is not None:
                due = len(sent) - 2 * len(batch)
                await reader.until(lambda due=due: len(reader.delivered()) >= due)
            if len(answers) > 4:
                assert all(result["status"] == "stored" for result in (await answers.pop(0))["results"])
        for answer in answers:
            assert all(result["status"] == "stored" for result in (await answer)["results"])
    return sent


async def test_a_reader_that_does_not_read_is_dropped_and_resumes(hub: World) -> None:
    """The others get everything meanwhile; the slow one loses nothing, since it comes back with `since`."""
    user, fast, slow = await hub.add_members(3)
    channel = await hub.channel()
    async with await hub.connect(fast, frames="clear") as others:
        await others.subscribe(topics=[channel])
        session = await hub.connect(slow)
        store = session.result["store"]
        position = (await session.subscribe(topics=[channel]))["cursor"]
        session.socket.transport.pause_reading()
        async with bounded_memory(hub):
            sent = await publish_megabytes(hub, user, channel, 25, reader=others)
            await others.until(lambda: len(others.delivered()) >= len(sent))
        assert [id_of(item["message"]) for item in others.delivered()] == sent

    session.socket.transport.resume_reading()
    assert await session.closed() in DROPPED
    await session.leave()
    got = session.delivered()
    assert len(got) < len(sent)
    async with await hub.connect(slow) as again:
        since = got[-1]["cursor"] if got else position
        await again.subscribe(topics=[channel], since=since, store=store)
        got += again.delivered()
    assert [id_of(item["message"]) for item in got] == sent


async def test_fifty_megabytes_of_answers_nobody_reads(hub: World) -> None:
    """One that asks for page after page and reads none of them: the hub does not keep them."""
    user, reader = await hub.add_members(2)
    channel = await hub.channel()
    await publish_megabytes(hub, user, channel, 1, body_bytes=2_000)
    session = await hub.connect(reader)
    session.socket.transport.pause_reading()
    async with bounded_memory(hub):
        for _ in range(60):
            await session.begin("fetch", topic=channel, limit=500)
        for _ in range(3):
            await serves(hub)
    session.socket.transport.resume_reading()
    answered = 0
    with contextlib.suppress(Left):
        await session.ask("topics")  # answers come in order: this one after all the pages
        answered = 60
    assert answered == 60 or await session.closed() in DROPPED
    await session.leave()


async def test_a_backlog_comes_at_the_readers_pace(hub: World) -> None:
    """A backlog is not a reason to drop somebody: it waits for its reader, and little of it in memory."""
    user, reader = await hub.add_members(2)
    channel = await hub.channel()
    sent = await publish_megabytes(hub, user, channel, 20)
    room_mb = ROOM_MB + 20  # the database may keep in its cache what was read
    async with bounded_memory(hub, room_mb=room_mb), await hub.connect(reader) as session:
        session.socket.transport.pause_reading()
        future = await session.begin("subscribe", topics=[channel], since=0, store=session.result["store"])
        for _ in range(3):
            await serves(hub)
        session.socket.transport.resume_reading()
        await session.until(lambda: session.first("live"))
        assert future.result()["type"] == "subscribed"
        assert [id_of(item["message"]) for item in session.delivered()] == sent


async def test_large_messages_are_read_in_small_steps(hub: World) -> None:
    """A page or a backlog of the largest messages costs the hub a few frames of memory, not the whole topic."""
    user, reader = await hub.add_members(2)
    channel = await hub.channel()
    sent = await publish_megabytes(hub, user, channel, 120, body_bytes=250_000)
    async with await hub.connect(reader, frames="clear") as session:
        async with bounded_memory(hub):
            page = await session.ask("fetch", topic=channel, limit=500)
            assert (len(page["messages"]), page["more"]) == (3, True)
        # Read at once these 120 MB would be 160 MB of text beside them. What the threads' caches keep is bounded.
        async with bounded_memory(hub, room_mb=110):
            await session.subscribe(topics=[channel], since=0, store=session.result["store"])
        assert [id_of(item["message"]) for item in session.delivered()] == sent


async def test_the_hub_has_written_down_no_failure(hub: World) -> None:
    """After all of the above the hub's log has no traceback."""
    log = hub.home.with_name(f"{hub.home.name}.log").read_text(encoding="utf-8")
    assert "Traceback" not in log, log[-4_000:]
