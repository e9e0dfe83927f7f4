"""From the sockets into the store: verification off the loop, one writer, group commit (ARCHITECTURE.md, "One message,
end to end").

What temporary accounts bring waits first until the hashes of its claim codes are made, in a thread of their own: they
are slow on purpose. Frames that are waiting are checked together in a thread (PyNaCl releases the interpreter lock),
and whatever is checked when the writer is free is stored in one transaction. Order is kept: the writer takes chunks in
the order in which they were submitted. The writer also notices what other processes have stored, so every process fans
out every message, in order of arrival, without gap.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from django.db import DatabaseError

from accord.errors import AccordError
from accord.message_types import read_body
from accord.messages import Envelope, envelope_id, parse_envelope
from invites.codes import codes
from messaging import selectors
from messaging.admission import Admitted, Publisher, Right, admit
from messaging.batch import Result, rejected
from messaging.services import messages_store, writer_prepare
from messaging.stored import Stored
from peers.clock import now_ms
from peers.counters import counters
from peers.standing import sessions_look

logger = logging.getLogger(__name__)

VERIFY_THREADS: Final = 2  # more of them only wait for the interpreter lock
CHUNK_MESSAGES: Final = 64
FEW_CHUNKS_UNDER_WAY: Final = 2  # one is checked, one is written; meanwhile small chunks grow
MAX_CHUNKS_UNDER_WAY: Final = 24
MAX_GROUP_MESSAGES: Final = 500
MAX_WAITING_MESSAGES: Final = 20_000
RETRY_BUSY_MS: Final = 1_000
TAIL_SECONDS: Final = 0.25
TAIL_STEP: Final = 500

ResultHandler = Callable[[list[Result]], None]
StoredHandler = Callable[[list[Stored]], None]


@dataclass(slots=True)
class Submission:
    """The messages of one `publish`, as parsed from JSON or read already, and who wants to hear what became of them."""

    envelopes: list[Any]
    publisher: Publisher
    proofs: dict[str, dict[str, Any]]
    answer: ResultHandler


@dataclass(slots=True)
class _Chunk:
    submissions: list[Submission]
    checked: Future[list[list[Admitted | Result]]]


def check_submission(submission: Submission, now: int) -> list[Admitted | Result]:
    """Admit each message of a submission or say why not; one bad message leaves its neighbours alone."""
    found: list[Admitted | Result] = []
    for value in submission.envelopes:
        ident = None
        try:
            envelope = value if isinstance(value, Envelope) else parse_envelope(value)
            ident = envelope.id
            proof = submission.proofs.get(ident.hex()) if submission.proofs else None
            found.append(admit(envelope, submission.publisher, now=now, proof=proof))
        except AccordError as error:
            found.append(rejected(ident or envelope_id(value), error))
        except Exception:
            logger.exception("a message could not be checked")
            found.append(rejected(ident, AccordError("internal")))
    return found


def work_on_codes(submission: Submission) -> None:
    """Make the hashes of the claim codes of a submission; what is wrong with its messages is for others to say."""
    user = submission.publisher.user
    if user is None:
        return
    for value in submission.envelopes:
        try:
            envelope = value if isinstance(value, Envelope) else parse_envelope(value)
            if envelope.type == "replace_account" and (code := read_body(envelope).get("code")) is not None:
                codes.work(user, code)
        except AccordError:
            continue


def store_or_refuse(items: list[Admitted], now: int) -> tuple[list[Result], list[Stored]]:
    """Store a group; if the database refuses it, store its messages one by one, so that only those at fault are
    refused.
    """
    try:
        return messages_store(items=items, now=now)
    except DatabaseError:
        logger.exception("a group of %d messages was not stored", len(items))
    results: list[Result] = []
    stored: list[Stored] = []
    for item in items:
        try:
            one_result, one_stored = messages_store(items=[item], now=now)
        except DatabaseError:
            one_result, one_stored = [rejected(item.message.id, AccordError("internal"))], []
        results += one_result
        stored += one_stored
    return results, stored


class Ingest:
    """The pipeline of one process. `submit` and the handlers run on the loop; `dispatch` gets everything stored, by
    anyone, in order.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, dispatch: StoredHandler, *, cursor: int) -> None:
        self._loop = loop
        self._dispatch = dispatch
        self._waiting: deque[Submission] = deque()
        self._waiting_messages = 0
        self._pending_messages = 0  # waiting or under way
        self._stopping = False
        self._pump_scheduled = False
        self._under_way = 0
        self._group_done = asyncio.Event()
        self._verifiers = ThreadPoolExecutor(VERIFY_THREADS, thread_name_prefix="verify")
        self._coders = ThreadPoolExecutor(1, thread_name_prefix="codes")
        self._chunks: queue.SimpleQueue[_Chunk | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="writer", daemon=True)
        self._cursor = cursor  # of the writer: everything up to here has been given to `dispatch`
        self._writer.start()

    def submit(self, submission: Submission) -> None:
        """Queue a publish; its `answer` is called on the loop once all its messages are decided. AccordError("busy")
        when too much waits.
        """
        if self._stopping or self._pending_messages + len(submission.envelopes) > MAX_WAITING_MESSAGES:
            raise AccordError("busy", "the hub has more messages waiting than it can store now", retry_ms=RETRY_BUSY_MS)
        self._pending_messages += len(submission.envelopes)
        if submission.publisher.right is Right.CLAIM:
            self._coders.submit(self._work_on_codes, submission)
        else:
            self._queue(submission)

    def _queue(self, submission: Submission) -> None:
        if self._stopping:
            return  # never acknowledged, as what waits
        self._waiting.append(submission)
        self._waiting_messages += len(submission.envelopes)
        self._schedule_pump()

    def _work_on_codes(self, submission: Submission) -> None:
        try:
            work_on_codes(submission)
        except Exception:
            logger.exception("the codes of a claim could not be hashed")
        self._call_loop(self._queue, submission)

    @property
    def pending(self) -> int:
        """How many messages wait or are under way."""
        return self._pending_messages

    @property
    def is_running(self) -> bool:
        """Whether the writer lives."""
        return self._writer.is_alive()

    async def stop(self) -> None:
        """Store and answer what is under way, then end the threads; what still waited was never acknowledged."""
        self._stopping = True
        self._waiting.clear()
        while self._under_way:
            self._group_done.clear()
            await self._group_done.wait()
        self._chunks.put(None)
        await asyncio.to_thread(self._writer.join)
        self._verifiers.shutdown()
        self._coders.shutdown(wait=False, cancel_futures=True)

    def _schedule_pump(self) -> None:
        enough = FEW_CHUNKS_UNDER_WAY if self._waiting_messages < CHUNK_MESSAGES else MAX_CHUNKS_UNDER_WAY
        if not self._pump_scheduled and self._under_way < enough:
            self._pump_scheduled = True
            self._loop.call_soon(self._pump)  # after all frames that this turn of the loop has read

    def _pump(self) -> None:
        self._pump_scheduled = False
        while self._waiting and self._under_way < MAX_CHUNKS_UNDER_WAY:
            submissions = [self._waiting.popleft()]
            size = len(submissions[0].envelopes)
            while self._waiting and size + len(self._waiting[0].envelopes) <= CHUNK_MESSAGES:
                submissions.append(self._waiting.popleft())
                size += len(submissions[-1].envelopes)
            self._waiting_messages -= size
            self._under_way += 1
            self._chunks.put(_Chunk(submissions, self._verifiers.submit(_check_all, submissions)))

    def _written(
        self, group: list[_Chunk], answers: list[tuple[Submission, list[Result]]], stored: list[Stored]
    ) -> None:
        self._under_way -= len(group)
        self._group_done.set()
        if self._waiting:
            self._schedule_pump()
        for submission, results in answers:
            self._pending_messages -= len(submission.envelopes)
            _count(results)
            submission.answer(results)
            if any(result.error is not None and result.error.tries == 0 for result in results):
                sessions_look()  # the account is gone with its last try, and no message says so to anyone
        if stored:
            self._dispatch(stored)

    # In the writer's thread

    def _write(self) -> None:
        writer_prepare()
        while True:
            try:
                chunk = self._chunks.get(timeout=TAIL_SECONDS)
            except queue.Empty:
                self._tail()
                continue
            if chunk is None:
                return
            group = [chunk]
            size = sum(len(submission.envelopes) for submission in chunk.submissions)
            ended = False
            while size < MAX_GROUP_MESSAGES:
                try:
                    following = self._chunks.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    ended = True
                    break
                group.append(following)
                size += sum(len(submission.envelopes) for submission in following.submissions)
                if not following.checked.done():
                    break
            self._write_group(group)
            if ended:
                return

    def _write_group(self, group: list[_Chunk]) -> None:
        try:
            answers, stored = _store_group(group)
        except Exception:  # whatever it was, the writer must live, and every submission gets its answer
            logger.exception("a group of messages was not stored")
            failure = AccordError("internal", "the hub failed; it has written down why")
            answers = [
                (submission, [rejected(None, failure) for _ in submission.envelopes])
                for chunk in group
                for submission in chunk.submissions
            ]
            stored = []
        try:
            complete = self._with_foreign(stored)
        except DatabaseError:
            logger.exception("cannot look for messages of other processes")
            complete = []  # `_cursor` has not moved: the next look finds them, and these
        self._call_loop(self._written, group, answers, complete)

    def _with_foreign(self, stored: list[Stored]) -> list[Stored]:
        """What was stored, with what other processes have stored since and in between."""
        complete: list[Stored] = []
        cursor = self._cursor
        for entry in stored:
            while cursor < entry.cursor - 1:
                found, cursor = selectors.stored_between(cursor, entry.cursor - 1, limit=TAIL_STEP)
                complete += found
            complete.append(entry)
            cursor = entry.cursor
        self._cursor = cursor
        return complete

    def _tail(self) -> None:
        try:
            newest = selectors.store_cursor()
            while self._cursor < newest:
                found, self._cursor = selectors.stored_between(self._cursor, newest, limit=TAIL_STEP)
                self._call_loop(self._dispatch, found)
        except DatabaseError:
            logger.exception("cannot look for messages of other processes")

    def _call_loop(self, callback: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:  # the loop has been closed under us: the process is going
            logger.warning("the loop is gone; what was stored will be resumed by cursor")


def _count(results: list[Result]) -> None:
    stored = 0
    for result in results:
        if result.status == "stored":
            stored += 1
        elif result.error is not None:
            counters.refused[result.error.code] += 1
        else:
            counters.duplicates += 1
    counters.stored += stored


def _store_group(group: list[_Chunk]) -> tuple[list[tuple[Submission, list[Result]]], list[Stored]]:
    """Store what was admitted of some chunks; gives each submission's results, and what was stored."""
    checked = [
        (submission, found)
        for chunk in group
        for submission, found in zip(chunk.submissions, chunk.checked.result(), strict=True)
    ]
    items = [entry for _, found in checked for entry in found if isinstance(entry, Admitted)]
    results, stored = store_or_refuse(items, now_ms()) if items else ([], [])
    remaining = iter(results)
    answers = [
        (submission, [next(remaining) if isinstance(entry, Admitted) else entry for entry in found])
        for submission, found in checked
    ]
    return answers, stored


def _check_all(submissions: list[Submission]) -> list[list[Admitted | Result]]:
    now = now_ms()
    return [check_submission(submission, now) for submission in submissions]
