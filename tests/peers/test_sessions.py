"""What waits for a session, how it is sent and when the session is closed; budgets; who is connected."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from accord.certs import Certificate
from accord.errors import AccordError, CloseCode
from accord.frames import FrameOpener, FrameSealer
from peers.sessions import (
    CLOSE_TIMEOUT_SECONDS,
    DRAINED_BYTES,
    MAX_ERRORS,
    MAX_TRANSPORT_BYTES,
    MAX_WAITING_BYTES,
    MAX_WAITING_FRAMES,
    WRITE_BYTES,
    Role,
    Session,
    SessionRegistry,
    TokenBucket,
)
from peers.wire import SharedFrame, Wire


class RecordingWire(Wire):
    """Remembers how it was kicked, and holds as many bytes as it is told to."""

    def __init__(self) -> None:
        self.kicks: list[int] = []
        self.held = 0
        self.asked = asyncio.Event()
        self.kicked = asyncio.Event()

    def waiting_bytes(self) -> int:
        self.asked.set()
        return self.held

    def kick(self, code: int, reason: str = "", grace: float = 2.0) -> None:
        self.kicks.append(code)
        self.kicked.set()


class Reader:
    """The other end of a session: takes events as long as it is open."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.open = asyncio.Event()
        self.open.set()

    async def send(self, event: dict[str, Any]) -> None:
        await self.open.wait()
        self.events.append(event)

    @property
    def texts(self) -> list[str]:
        return [event["text"] for event in self.events if "text" in event]


@pytest.fixture
def wire() -> RecordingWire:
    return RecordingWire()


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def session(reader: Reader, wire: RecordingWire) -> Session:
    return Session(reader.send, wire, role=Role.MEMBER, client=bytes(32))


def frame(number: int, size: int = 0) -> bytes:
    return b'{"number":%d,"x":"%s"}' % (number, b"x" * size)


def certificate(user: bytes, *, client: bytes = bytes(32), serial: bytes = bytes(16)) -> Certificate:
    return Certificate(user=user, client=client, issued_at=0, expiration=1, scope=("login",), servers=(), serial=serial)


# --------------------------------------------------------------------------------------------------------------- queue


async def test_a_reader_who_does_not_read_is_closed_at_a_thousand_frames(session: Session, wire: RecordingWire) -> None:
    for number in range(MAX_WAITING_FRAMES):
        session.send_bytes(frame(number))
    assert not session.is_closing
    session.send_bytes(frame(0))
    assert session.is_closing
    assert wire.kicks == [CloseCode.SLOW_READER]
    session.send_bytes(frame(0))
    session.close(CloseCode.REVOKED, "denied")
    assert wire.kicks == [CloseCode.SLOW_READER]


async def test_a_reader_who_does_not_read_is_closed_at_four_mebibytes(session: Session, wire: RecordingWire) -> None:
    part = b"x" * (MAX_WAITING_BYTES // 8)
    for _ in range(8):
        session.send_bytes(part)
    assert not session.is_closing
    session.send_bytes(b"x")
    assert session.is_closing
    assert wire.kicks == [CloseCode.SLOW_READER]


async def test_who_was_kicked_gets_the_close_and_nothing_more(session: Session, reader: Reader) -> None:
    for number in range(MAX_WAITING_FRAMES + 1):
        session.send_bytes(frame(number))
    await session.write_frames()
    assert reader.events == [{"type": "websocket.close", "code": CloseCode.SLOW_READER}]
    await session.drained()  # whoever waits to send it more is let go


async def test_one_who_reads_gets_any_number_of_frames(session: Session, reader: Reader, wire: RecordingWire) -> None:
    writer = asyncio.create_task(session.write_frames())
    for number in range(5 * MAX_WAITING_FRAMES):
        session.send_bytes(frame(number))
        if number % (MAX_WAITING_FRAMES - 1) == 0:
            await asyncio.sleep(0)
    session.close(CloseCode.REVOKED)
    await writer
    assert [orjson.loads(text)["number"] for text in reader.texts] == list(range(5 * MAX_WAITING_FRAMES))
    assert wire.kicks == []
    await session.end()


async def test_what_has_been_sent_no_longer_counts(session: Session, wire: RecordingWire) -> None:
    writer = asyncio.create_task(session.write_frames())
    for number in range(10):
        session.send_bytes(frame(number, MAX_WAITING_BYTES - 100))
        await asyncio.sleep(0)
    assert not session.is_closing
    writer.cancel()


class QuickWire(RecordingWire):
    """A server that writes whole WebSocket frames itself as long as nothing is in their way."""

    def __init__(self) -> None:
        super().__init__()
        self.free = True
        self.written: list[bytes] = []

    def write_at_once(self, frames: bytes) -> bool:
        if self.free:
            self.written.append(frames)
        return self.free


def wire_form(number: int) -> bytes:
    return SharedFrame(frame(number)).wire


async def test_a_shared_frame_goes_straight_out_only_where_nothing_is_before_it(reader: Reader) -> None:
    wire = QuickWire()
    session = Session(reader.send, wire, role=Role.MEMBER, client=bytes(32))
    session.send_shared(SharedFrame(frame(1)))
    assert wire.written == [wire_form(1)]
    session.send_bytes(frame(2))
    session.send_shared(SharedFrame(frame(3)))
    assert wire.written == [wire_form(1)]  # 2 waits, so 3 waits behind it
    wire.free = False
    session.close(CloseCode.REVOKED)
    session.send_shared(SharedFrame(frame(4)))
    await session.write_frames()
    assert reader.texts == [frame(2).decode(), frame(3).decode()]
    assert wire.written == [wire_form(1)]
    await session.end()


async def test_a_burst_leaves_in_one_write_where_the_server_lets_it(reader: Reader) -> None:
    wire = QuickWire()
    session = Session(reader.send, wire, role=Role.MEMBER, client=bytes(32))
    for number in range(3):
        session.send_bytes(frame(number))
    session.close(CloseCode.REVOKED)
    await session.write_frames()
    assert wire.written == [b"".join(wire_form(number) for number in range(3))]
    assert reader.events == [{"type": "websocket.close", "code": CloseCode.REVOKED}]
    await session.end()


async def test_a_shared_frame_does_not_overtake_one_that_waits_for_the_transport() -> None:
    """A server's send waits until the transport is writable before it writes anything."""
    writable, sent = asyncio.Event(), []

    async def send(event: dict[str, Any]) -> None:
        await writable.wait()
        sent.append(SharedFrame(event["text"].encode()).wire)

    class Transport(Wire):
        def write_at_once(self, frames: bytes) -> bool:
            if writable.is_set():
                sent.append(frames)
            return writable.is_set()

    session = Session(send, Transport(), role=Role.MEMBER, client=bytes(32))
    writer = asyncio.create_task(session.write_frames())
    session.send_bytes(frame(1))
    await asyncio.sleep(0)
    writable.set()  # and before the one who waits for it runs again:
    session.send_shared(SharedFrame(frame(2)))
    for _ in range(3):
        await asyncio.sleep(0)
    session.send_shared(SharedFrame(frame(3)))
    writer.cancel()
    assert sent == [wire_form(1), wire_form(2), wire_form(3)]


@pytest.mark.parametrize("free", [True, False])
async def test_a_sealed_session_seals_shared_frames_too(reader: Reader, free: bool) -> None:
    wire = QuickWire()
    wire.free = free
    session = Session(reader.send, wire, role=Role.MEMBER, client=bytes(32))
    session.seal_with(FrameSealer(bytes(32)))
    session.send_shared(SharedFrame(frame(1)))
    session.close(CloseCode.REVOKED)
    await session.write_frames()
    head = 2  # bytes before the payload of a small frame: final and binary, and its size
    sealed = wire.written[0][head:] if free else reader.events[0]["bytes"]
    assert FrameOpener(bytes(32)).open(sealed) == frame(1)
    assert wire.written == ([bytes((0x82, len(sealed))) + sealed] if free else [])
    await session.end()


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, "8100"),
        (125, "817d"),
        (126, "817e007e"),
        (65_535, "817effff"),
        (65_536, "817f0000000000010000"),
        (2**20, "817f0000000000100000"),
    ],
)
def test_a_shared_frame_on_the_wire(size: int, head: str) -> None:
    shared = SharedFrame(b"x" * size)
    assert shared.wire == bytes.fromhex(head) + b"x" * size
    assert shared.wire is shared.wire


async def test_frames_are_sealed_in_order(session: Session, reader: Reader) -> None:
    key = bytes(32)
    session.seal_with(FrameSealer(key))
    for number in range(5):
        session.send_json({"number": number})
    session.close(CloseCode.REVOKED, "denied")
    await session.write_frames()
    opener = FrameOpener(key)
    opened = [orjson.loads(opener.open(event["bytes"])) for event in reader.events[:-1]]
    assert opened == [*({"number": number} for number in range(5)), {"type": "bye", "code": "denied"}]
    assert reader.events[-1] == {"type": "websocket.close", "code": CloseCode.REVOKED}
    await session.end()


async def test_long_answers_wait_for_the_reader(session: Session, reader: Reader) -> None:
    await session.drained()
    reader.open.clear()
    writer = asyncio.create_task(session.write_frames())
    for _ in range(4):
        session.send_bytes(frame(0, DRAINED_BYTES // 2))
    waiting = asyncio.create_task(session.drained())
    await asyncio.sleep(0)
    assert not waiting.done()
    reader.open.set()
    await waiting
    assert len(reader.events) == 4
    writer.cancel()


async def test_a_full_transport_is_waited_for(session: Session, reader: Reader, wire: RecordingWire) -> None:
    """Where a server's send does not wait for the client, the session does."""
    wire.held = MAX_TRANSPORT_BYTES + 1
    writer = asyncio.create_task(session.write_frames())
    for number in range(2):
        session.send_bytes(frame(number, WRITE_BYTES))  # more than is written in one go
    for _ in range(3):
        wire.asked.clear()
        await wire.asked.wait()
    assert len(reader.events) == 1
    wire.held = 0
    while len(reader.events) < 2:
        wire.asked.clear()
        await wire.asked.wait()
    writer.cancel()


# --------------------------------------------------------------------------------------------------------------- close


async def test_what_waits_is_sent_before_the_close(session: Session, reader: Reader, wire: RecordingWire) -> None:
    session.send_bytes(frame(1))
    session.close(CloseCode.REVOKED, "unauthorized")
    session.send_bytes(frame(2))
    session.close(CloseCode.FLOOD)
    await session.write_frames()
    assert reader.texts == [frame(1).decode(), '{"type":"bye","code":"unauthorized"}']
    assert reader.events[-1] == {"type": "websocket.close", "code": CloseCode.REVOKED}
    await session.end()
    assert wire.kicks == []


async def test_who_does_not_take_the_close_is_cut_off(session: Session, wire: RecordingWire) -> None:
    loop = asyncio.get_running_loop()
    start, ahead = loop.time(), 0.0
    loop.time = lambda: start + ahead  # type: ignore[method-assign] - the loop's clock stands still
    session.close(CloseCode.REVOKED)
    await asyncio.sleep(0)
    assert wire.kicks == []
    ahead = CLOSE_TIMEOUT_SECONDS + 0.1
    await wire.kicked.wait()
    assert wire.kicks == [CloseCode.REVOKED]


async def test_the_end_stops_long_answers(session: Session) -> None:
    stopped: list[str] = []

    async def answer(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(name)

    session.run(answer("one"))
    session.run(answer("other"))
    await asyncio.sleep(0)
    assert session.running == 2
    await session.end()
    assert sorted(stopped) == ["one", "other"]
    await asyncio.sleep(0)
    assert session.running == 0


async def test_errors_carry_what_is_known_and_many_of_them_close(session: Session, reader: Reader) -> None:
    session.error(AccordError("busy", "later", retry_ms=7), 5)
    session.error(AccordError("denied"), "no number")
    session.error(AccordError("denied"), True)
    for _ in range(MAX_ERRORS - 3):
        session.error(AccordError("denied"))
    assert not session.is_closing
    for _ in range(MAX_ERRORS):  # some more may be forgiven on a slow machine
        session.error(AccordError("denied"))
    assert session.is_closing
    await session.write_frames()
    first, second, third = (orjson.loads(text) for text in reader.texts[:3])
    assert first == {"type": "error", "code": "busy", "detail": "later", "ref": 5, "retry_ms": 7}
    assert second == third == {"type": "error", "code": "denied", "detail": ""}
    assert reader.events[-1]["code"] == CloseCode.FLOOD
    await session.end()


# -------------------------------------------------------------------------------------------------------------- budgets


def test_a_bucket_gives_its_burst_and_then_says_how_long_to_wait() -> None:
    bucket = TokenBucket(0.001, 3)
    assert [bucket.take() for _ in range(3)] == [0.0, 0.0, 0.0]
    assert 900 < bucket.take() <= 1_000


def test_a_bucket_fills_with_time_but_not_beyond_its_burst() -> None:
    bucket = TokenBucket(0.001, 4)
    assert [bucket.take() for _ in range(4)] == [0.0] * 4
    bucket._at -= 500  # so many seconds ago
    assert 400 < bucket.take() <= 500
    bucket._at -= 500
    assert bucket.take() == 0.0
    assert 900 < bucket.take() <= 1_000
    bucket._at -= 1_000_000
    assert [bucket.take() for _ in range(4)] == [0.0] * 4
    assert 900 < bucket.take() <= 1_000


# ------------------------------------------------------------------------------------------------------------- registry


def member(user: bytes, role: Role = Role.MEMBER) -> Session:
    reader = Reader()
    return Session(reader.send, Wire(), role=role, client=bytes(32), certificate=certificate(user))


async def test_sessions_are_found_by_their_user() -> None:
    registry = SessionRegistry()
    ann, ann_too, bob = member(b"a" * 32), member(b"a" * 32), member(b"b" * 32, Role.ADMIN)
    temporary = member(b"t" * 32, Role.TEMP)
    guest = Session(Reader().send, Wire(), role=Role.GUEST, client=bytes(32))
    for one in (ann, ann_too, bob, temporary, guest):
        registry.add(one)
    assert len(registry) == 5
    assert set(registry.of_user(b"a" * 32)) == {ann, ann_too}
    assert set(registry.members()) == {ann, ann_too, bob}
    assert registry.of_user(b"n" * 32) == []
    for one in (ann, ann_too, ann, guest):
        registry.remove(one)
    assert len(registry) == 2
    assert registry.of_user(b"a" * 32) == []
    assert registry._by_user.keys() == {b"b" * 32, b"t" * 32}


async def test_handles_say_nothing_and_differ() -> None:
    handles = {member(b"a" * 32).handle for _ in range(100)}
    assert len(handles) == 100
