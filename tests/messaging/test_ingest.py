"""The real pipeline on a real loop and database: order, answers, refusals, what others store, an orderly end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeVar

import pytest
from django.db import connection, connections

from accord.errors import AccordError
from accord.keys import SigningKey
from messaging import selectors
from messaging.admission import Publisher, Right
from messaging.batch import Result
from messaging.ingest import CHUNK_MESSAGES, MAX_CHUNKS_UNDER_WAY, MAX_WAITING_MESSAGES, Ingest, Submission
from messaging.models import Message
from messaging.services import messages_store
from messaging.stored import Stored
from peers.clock import now_ms
from tests.factories import (
    Hub,
    account_of,
    admitted,
    bad_signature,
    check_totals,
    cursors,
    envelope,
    ident_of,
    outcomes,
    person,
)

pytestmark = pytest.mark.django_db(transaction=True)

T = TypeVar("T")


async def in_thread(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Ask the database from a thread that gives its connection back."""

    def call() -> T:
        try:
            return function(*args, **kwargs)
        finally:
            connections.close_all()

    return await asyncio.to_thread(call)


class Pipe:
    """An ingest, what it has dispatched, and the answers to what was submitted."""

    def __init__(self, cursor: int) -> None:
        self.start = cursor
        self.dispatched: list[Stored] = []
        self._came = asyncio.Event()
        self.ingest = Ingest(asyncio.get_running_loop(), self._dispatch, cursor=cursor)

    def _dispatch(self, stored: list[Stored]) -> None:
        self.dispatched += stored
        self._came.set()

    def submit(self, envelopes: list[Any], author: SigningKey | None = None) -> asyncio.Future[list[Result]]:
        """The results, once they are there."""
        answer: asyncio.Future[list[Result]] = asyncio.get_running_loop().create_future()
        publisher = Publisher(Right.OWN, user=(author or person("ann")).public)
        self.ingest.submit(Submission(envelopes, publisher, {}, answer.set_result))
        return answer

    async def until(self, cursor: int) -> None:
        """Wait until everything up to that number has been dispatched."""
        while not self.dispatched or self.dispatched[-1].cursor < cursor:
            self._came.clear()
            await self._came.wait()

    def check(self, upto: int) -> None:
        """Everything was dispatched once, in order, without gap."""
        assert [entry.cursor for entry in self.dispatched] == list(range(self.start + 1, upto + 1))


@pytest.fixture
def start(hub: Hub) -> int:
    """The cursor at which the pipe begins: a hub with two members."""
    hub.member("ann")
    hub.member("bob")
    return selectors.store_cursor()


@pytest.fixture
async def pipe(start: int) -> AsyncIterator[Pipe]:
    made = Pipe(start)
    yield made
    await made.ingest.stop()


def lines(hub: Hub, count: int, name: str = "ann", **fields: Any) -> list[dict[str, Any]]:
    now = now_ms()
    return [envelope(person(name), hub.lounge, f"{name} {number}", created_at=now, **fields) for number in range(count)]


async def test_order_is_kept_over_many_submissions_and_each_is_answered(hub: Hub, pipe: Pipe) -> None:
    values = lines(hub, 600)
    answers, sent = [], 0
    for size in [1, 3, 100, 2, 64, 65, 1, 1, 63, *[5] * 60]:
        answers.append(pipe.submit(values[sent : sent + size]))
        sent += size
        if size == 2:
            await asyncio.sleep(0)  # the rest is read in another turn of the loop
    assert sent == 600
    results = [result for answer in answers for result in await answer]
    assert outcomes(results) == ["stored"] * 600
    assert [result.id for result in results] == [ident_of(value) for value in values]
    await pipe.until(pipe.start + 600)
    pipe.check(pipe.start + 600)
    assert [entry.id for entry in pipe.dispatched] == [ident_of(value) for value in values]
    await in_thread(check_totals)


async def test_bad_ones_among_good_ones(hub: Hub, pipe: Pipe) -> None:
    good = lines(hub, 4)
    bad: list[Any] = [
        bad_signature(good[0]),
        None,
        {"header": 1},
        lines(hub, 1, "bob")[0],
        {**good[1], "body": "AAAA"},
        {**good[1], "header": {**good[1]["header"], "v": 2}},
        {**good[1], "header": {**good[1]["header"], "tz": 1.5}},
        envelope(person("ann"), hub.lounge, "soon", created_at=now_ms() + 3_600_000),
    ]
    mixed = [good[0], *bad[:3], good[1], *bad[3:6], good[2], good[2], *bad[6:], good[3]]
    results = await pipe.submit(mixed)
    expected = ["stored", "bad_sig", "bad_request", "bad_request", "stored", "denied", "bad_request", "unsupported"]
    assert outcomes(results) == [*expected, "stored", "duplicate", "bad_encoding", "future", "stored"]
    computable = [result.id is not None for result in results]
    assert computable == [True, True, False, False, True, True, True, True, True, True, False, True, True]
    await pipe.until(pipe.start + 4)
    assert [entry.id for entry in pipe.dispatched] == [ident_of(value) for value in good]


async def test_only_bad_ones_are_answered_too(pipe: Pipe) -> None:
    assert outcomes(await pipe.submit([None, 1])) == ["bad_request", "bad_request"]
    assert await pipe.submit([]) == []
    assert pipe.dispatched == []


async def test_an_answer_means_durable(hub: Hub, pipe: Pipe) -> None:
    for value in lines(hub, 5):
        await pipe.submit([value])
        assert await in_thread(Message.objects.filter(ident=ident_of(value)).exists)


async def test_the_same_message_over_and_over_is_stored_once(hub: Hub, pipe: Pipe) -> None:
    (value,) = lines(hub, 1)
    answers = [pipe.submit([value, value]) for _ in range(100)]
    words = [word for answer in answers for word in outcomes(await answer)]
    assert words == ["stored"] + ["duplicate"] * 199
    assert (await in_thread(account_of, person("ann"))).messages_used == 1


async def test_busy_when_too_much_waits(pipe: Pipe) -> None:
    answers = [pipe.submit([None] * (MAX_WAITING_MESSAGES // 4)) for _ in range(4)]
    with pytest.raises(AccordError) as refusal:
        pipe.submit([None])
    assert refusal.value.code == "busy"
    assert refusal.value.retry_ms
    assert [len(await answer) for answer in answers] == [MAX_WAITING_MESSAGES // 4] * 4
    assert outcomes(await pipe.submit([None] * MAX_WAITING_MESSAGES)) == ["bad_request"] * MAX_WAITING_MESSAGES


async def test_stop_finishes_what_is_under_way(hub: Hub, start: int) -> None:
    pipe = Pipe(start)
    values = lines(hub, (MAX_CHUNKS_UNDER_WAY + 2) * CHUNK_MESSAGES)
    answers = [pipe.submit(values[place : place + 8]) for place in range(0, len(values), 8)]
    await asyncio.sleep(0)  # what was submitted in this turn of the loop is taken up in the next
    await pipe.ingest.stop()
    taken = MAX_CHUNKS_UNDER_WAY * CHUNK_MESSAGES
    assert [answer.done() for answer in answers] == [place < taken for place in range(0, len(values), 8)]
    assert all(outcomes(answer.result()) == ["stored"] * 8 for answer in answers if answer.done())
    pipe.check(start + taken)
    assert [entry.id for entry in pipe.dispatched] == [ident_of(value) for value in values[:taken]]
    assert await in_thread(selectors.store_cursor) == start + taken
    assert not {thread.name for thread in threading.enumerate()} & {"writer", "verify_0", "verify_1"}


async def test_stop_without_work(start: int) -> None:
    pipe = Pipe(start)
    await pipe.ingest.stop()
    assert pipe.dispatched == []


async def test_what_others_store_is_dispatched_in_order_without_gap_or_double(hub: Hub, pipe: Pipe) -> None:
    now = now_ms()
    foreign = [admitted(value, now=now) for value in lines(hub, 300, "bob")]

    def store_foreign() -> None:
        for place in range(0, len(foreign), 7):
            messages_store(items=foreign[place : place + 7], now=now)

    other = asyncio.create_task(in_thread(store_foreign))
    values, answers = lines(hub, 300), []
    for place in range(0, len(values), 3):
        answers.append(pipe.submit(values[place : place + 3]))
        if place % 30 == 0:
            await answers[-1]
    await other
    for answer in answers:
        assert outcomes(await answer) == ["stored"] * 3
    await pipe.until(pipe.start + 600)
    pipe.check(pipe.start + 600)
    table, _ = await in_thread(selectors.stored_between, pipe.start, pipe.start + 600, limit=1_000)
    assert pipe.dispatched == table
    for name, sent in (("ann", [ident_of(value) for value in values]), ("bob", [item.message.id for item in foreign])):
        assert [entry.id for entry in pipe.dispatched if entry.author == person(name).public] == sent


async def test_what_others_store_while_nothing_is_submitted_is_noticed(hub: Hub, pipe: Pipe) -> None:
    now = now_ms()
    items = [admitted(value, now=now) for value in lines(hub, 520, "bob")]
    await in_thread(messages_store, items=items, now=now)
    await pipe.until(pipe.start + 520)
    pipe.check(pipe.start + 520)


async def test_numbers_whose_messages_are_gone_hold_nobody_up(hub: Hub, pipe: Pipe) -> None:
    now = now_ms()

    def store_and_lose() -> None:
        messages_store(items=[admitted(value, now=now) for value in lines(hub, 5, "bob")], now=now)
        Message.objects.filter(cursor__in=[pipe.start + 1, pipe.start + 4, pipe.start + 5]).delete()

    await in_thread(store_and_lose)
    await pipe.submit(lines(hub, 1))
    await pipe.until(pipe.start + 6)
    found = await in_thread(cursors)
    seen = [entry.cursor for entry in pipe.dispatched]
    assert seen == sorted(set(seen))
    assert set(found) & set(range(pipe.start + 1, pipe.start + 7)) <= set(seen)


@pytest.fixture
def poison(start: int) -> Iterator[None]:
    """The database itself refuses messages of the type x.poison."""
    with connection.cursor() as cursor:
        cursor.execute("""
            CREATE TRIGGER poison BEFORE INSERT ON messaging_message WHEN NEW.type = 'x.poison'
            BEGIN SELECT RAISE(ABORT, 'poisoned'); END
        """)
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER poison")


async def test_what_the_database_refuses_is_internal_and_the_rest_goes_on(poison: None, hub: Hub, pipe: Pipe) -> None:
    good, now = lines(hub, 6), now_ms()
    bad = envelope(person("ann"), hub.lounge, {}, type="x.poison", created_at=now)
    results = await pipe.submit([*good[:3], bad, *good[3:5]])
    assert outcomes(results) == ["stored", "stored", "stored", "internal", "stored", "stored"]
    assert outcomes(await pipe.submit(good[5:])) == ["stored"]
    await pipe.until(pipe.start + 6)
    pipe.check(pipe.start + 6)


async def test_many_processes_share_one_store(hub: Hub, start: int) -> None:
    """Each with an ingest of its own on the same database: all dispatch the same."""
    pipes = [Pipe(start) for _ in range(6)]
    answers = []
    for number, pipe in enumerate(pipes):
        name = ("ann", "bob")[number % 2]
        values = lines(hub, 40, name, tz=number)
        answers += [pipe.submit(values[place : place + 5], person(name)) for place in range(0, 40, 5)]
    for answer in answers:
        assert outcomes(await answer) == ["stored"] * 5
    for pipe in pipes:
        await pipe.until(start + 240)
        pipe.check(start + 240)
    assert len({tuple(entry.id for entry in pipe.dispatched) for pipe in pipes}) == 1
    await asyncio.gather(*(pipe.ingest.stop() for pipe in pipes))
    await in_thread(check_totals)


async def test_the_loop_may_be_gone_before_the_writer(hub: Hub, start: int) -> None:
    """Answers to a loop that has been closed are dropped; what was stored stays."""
    outcome: list[Any] = []

    def elsewhere() -> None:
        loop = asyncio.new_event_loop()
        ingest = Ingest(loop, outcome.append, cursor=start)
        publisher = Publisher(Right.OWN, user=person("ann").public)

        async def submit() -> None:
            ingest.submit(Submission(lines(hub, 1), publisher, {}, outcome.append))
            await asyncio.sleep(0)

        loop.run_until_complete(submit())
        loop.close()
        ingest._chunks.put(None)
        ingest._writer.join(10)
        ingest._verifiers.shutdown()

    await asyncio.to_thread(elsewhere)
    assert outcome == []
    assert await in_thread(selectors.store_cursor) == start + 1
