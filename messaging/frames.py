"""The frames of a session that are about messages (protocol.md section 4).

Handlers run on the event loop, one frame of a session after the other; long answers run beside the loop and at the
reader's pace.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import orjson

from accord.encoding import b64decode, b64encode
from accord.errors import AccordError, RemoteError
from accord.topics import Topic, parse_topic
from messaging import backlogs, selectors, topic_rows, using
from messaging.admission import BUILT_KINDS
from messaging.batch import Result
from messaging.fanout import COALESCE_SECONDS, MAX_RELAYED, MAX_SUBSCRIPTIONS, reads_inbox
from messaging.ingest import Submission
from messaging.live import live
from messaging.places import read_place, write_place
from messaging.publishing import MAX_PUBLISH_MESSAGES, paced, publisher_of_session, result_bytes
from messaging.reading import reader_of, stranger_of
from messaging.selectors import MAX_FETCH_MESSAGES, Reader, Wanted
from messaging.spaces.rooms import readers_named
from messaging.stored import frame_bytes
from peers import registry
from peers.clock import now_ms
from peers.db import in_db
from peers.frames import read_ref
from peers.keyring import keyring
from peers.sessions import MEMBERS, READERS, Role, Session, TokenBucket, sessions

MAX_PUBLISHING_BYTES: Final = 1024 * 1024  # of a session; as parsed they take several times that
MAX_TOPICS_A_FRAME: Final = 1_000
MAX_SIGNAL_BYTES: Final = 4 * 1024
SIGNALS_PER_SECOND: Final = 5
MAX_LONG_ANSWERS: Final = 8


def member_of(session: Session) -> bytes:
    """The user of a session that may do what members do; AccordError("denied") for any other."""
    if session.user is None or session.role not in MEMBERS:
        raise AccordError("denied", "only members may do that")
    return session.user


class _Publishes:
    """What a session has under way to be stored; the receive loop waits while it is enough."""

    def __init__(self, session: Session) -> None:
        self.publisher = publisher_of_session(session)
        self._bytes = 0
        self._room = asyncio.Event()

    async def begin(self, size: int) -> None:
        """Wait until a frame of that size fits; one alone always does."""
        while self._bytes and self._bytes + size > MAX_PUBLISHING_BYTES:
            self._room.clear()
            await self._room.wait()
        self._bytes += size

    def end(self, size: int) -> None:
        """A frame of that size is decided."""
        self._bytes -= size
        self._room.set()


def _read_proofs(frame: dict[str, Any]) -> dict[str, dict[str, Any]]:
    value = frame.get("pow", [])
    if type(value) is not list or len(value) > MAX_PUBLISH_MESSAGES:
        raise RemoteError("bad_request", "pow: list expected")
    proofs = {}
    for entry in value:
        if type(entry) is not dict:
            raise RemoteError("bad_request", "pow: {id, challenge, counter}, {id, ticket} or {id, voucher} expected")
        proofs[b64decode(entry.get("id"), 32).hex()] = entry
    return proofs


@registry.frame("publish")
async def publish(session: Session, frame: dict[str, Any]) -> None:
    """Take messages; the answer comes when all of them are durable or refused."""
    ref = read_ref(frame)
    envelopes = frame.get("messages")
    if type(envelopes) is not list or not 1 <= len(envelopes) <= MAX_PUBLISH_MESSAGES:
        raise RemoteError("bad_request", f"messages: list of 1..{MAX_PUBLISH_MESSAGES} expected")
    proofs = _read_proofs(frame)
    state = session.state.get("publish")
    if state is None:
        state = session.state["publish"] = _Publishes(session)
    size = session.frame_size
    await state.begin(size)

    def answer(results: list[Result]) -> None:
        state.end(size)
        listed = b",".join(result_bytes(result) for result in results)
        session.send_bytes(b'{"type":"published","ref":%d,"results":[%b]}' % (ref, listed))

    try:
        live().ingest.submit(Submission(envelopes, state.publisher, proofs, paced(state.publisher, answer)))
    except AccordError:
        state.end(size)
        raise


@registry.frame("topics")
async def topics(session: Session, frame: dict[str, Any]) -> None:
    """List what the session may read."""
    ref = read_ref(frame)
    rows: list[dict[str, Any]] = []
    if session.role in READERS:
        after = frame.get("after")
        rows = await in_db(
            topic_rows.topics_of,
            reader_of(session),
            hub=keyring().hub.public,
            after=_read_topic(after) if after is not None else None,
            limit=MAX_TOPICS_A_FRAME + 1,
        )
    more = len(rows) > MAX_TOPICS_A_FRAME
    session.send_json({"type": "topics", "ref": ref, "topics": rows[:MAX_TOPICS_A_FRAME], "more": more})


def _read_topic(value: object) -> Topic:
    if type(value) is not str:
        raise RemoteError("bad_request", "topic: text expected")
    return parse_topic(value)


def _read_list(frame: dict[str, Any], name: str) -> list[Any]:
    value = frame.get(name, [])
    if type(value) is not list or len(value) > MAX_SUBSCRIPTIONS:
        raise RemoteError("bad_request", f"{name}: list of at most {MAX_SUBSCRIPTIONS} expected")
    return value


def _read_wanted(frame: dict[str, Any]) -> Wanted:
    return Wanted(
        tuple(_read_topic(item) for item in _read_list(frame, "topics")),
        tuple(b64decode(item, 32) for item in _read_list(frame, "keys")),
        tuple(b64decode(item, 32) for item in _read_list(frame, "messages")),
    )


def _check_inbox(session: Session, topic: Topic) -> None:
    if topic.kind == "user" and not reads_inbox(session, topic.ident):
        raise AccordError("denied", "an inbox is read by its owner")


def _check_stranger(session: Session, wanted: Wanted, *, since: object = None) -> None:
    """A stranger reads the own inbox, and no more of the store is looked through for that than is in it."""
    if stranger_of(session) is None:
        return
    if wanted.keys or wanted.messages or any(topic != Topic("user", session.user or b"") for topic in wanted.topics):
        raise AccordError("denied", "without an account one reads the own inbox only")
    if since is not None:
        raise AccordError("denied", "without an account one reads what has come with fetch")


async def _check_readable(session: Session, topic: Topic) -> None:
    if topic.kind not in BUILT_KINDS:
        raise AccordError("not_found", f"this hub keeps no {topic.kind} topics")
    _check_inbox(session, topic)
    is_foreign = topic.kind == "hub" and topic.ident != keyring().hub.public
    if is_foreign and session.role is not Role.RELAY:  # which learns from it what channels that hub has
        raise AccordError("not_found", "that is another hub's topic")
    if is_foreign:
        is_there = await in_db(selectors.topic_exists, topic)
    else:  # a private topic of others is as none at all
        is_there = topic.kind in ("user", "hub") or await in_db(selectors.reads_whole, reader_of(session), topic)
    if not is_there:
        raise AccordError("not_found", f"no such {topic.kind} here")


def _check_room(session: Session, wanted: Wanted) -> None:
    have = live().fanout.subscriptions(session)
    most = MAX_RELAYED if session.role is Role.RELAY else MAX_SUBSCRIPTIONS
    for held, more in ((have.topics, wanted.topics), (have.keys, wanted.keys), (have.messages, wanted.messages)):
        if len(held.keys() | set(more)) > most:
            raise AccordError("quota", f"at most {most} subscriptions of a kind")


@registry.frame("subscribe")
async def subscribe(session: Session, frame: dict[str, Any]) -> None:
    """Deliver what is wanted: what came after `since` first, then as it comes, without gap or double."""
    ref = read_ref(frame)
    if stranger_of(session) is None:
        reader_of(session)
    wanted = _read_wanted(frame)
    _check_stranger(session, wanted, since=frame.get("since"))
    for topic in wanted.topics:
        await _check_readable(session, topic)
    _check_room(session, wanted)
    await _use(session, *wanted.topics)
    fanout = live().fanout
    since = frame.get("since")
    if since is not None:
        if type(since) is not int or since < 0:
            raise RemoteError("bad_request", "since: cursor expected")
        if b64decode(frame.get("store"), 16) != live().store_id or not await _has_come(since):
            raise AccordError("conflict", "that cursor is not of this store: begin with fetch")
        if session.running >= MAX_LONG_ANSWERS:
            raise AccordError("busy", "too many backlogs at once", retry_ms=1_000)
    for (
        topic
    ) in wanted.topics:  # what a relay serves may have been revoked while it was waited; from here on nothing is
        _check_inbox(session, topic)
    session.send_json({"type": "subscribed", "ref": ref, "cursor": fanout.cursor})
    if since is None:
        backlogs.go_live(session, wanted, ref)
    else:
        backlogs.start(session, wanted, ref, since)


async def _has_come(cursor: int) -> bool:
    """Whether the hub has given out this arrival number; waits for fan-out to pass it, for pages are a moment ahead."""
    fanout = live().fanout
    if cursor > fanout.cursor and cursor > await in_db(selectors.store_cursor):
        return False
    while cursor > fanout.cursor:  # noqa: ASYNC110 - a matter of milliseconds
        await asyncio.sleep(COALESCE_SECONDS)
    return True


@registry.frame("unsubscribe")
async def unsubscribe(session: Session, frame: dict[str, Any]) -> None:
    """Stop delivering."""
    ref = read_ref(frame)
    unwanted = _read_wanted(frame)
    live().fanout.unsubscribe(session, unwanted)
    backlogs.take_out(session, unwanted)
    session.send_json({"type": "unsubscribed", "ref": ref})


@registry.frame("fetch")
async def fetch(session: Session, frame: dict[str, Any]) -> None:
    """A page of a topic by time; of another user's inbox, what the asker has written there."""
    ref = read_ref(frame)
    topic = _read_topic(frame.get("topic"))
    if session.user is not None and session.role is Role.TEMP and topic.kind == "hub":
        reader = Reader(session.user, False, now_ms())  # a temporary account reads what concerns itself
    else:
        _check_stranger(session, Wanted((topic,)))
        reader = stranger_of(session) or reader_of(session)
    if topic.kind != "user":
        await _check_readable(session, topic)
    limit = frame.get("limit", MAX_FETCH_MESSAGES)
    if type(limit) is not int or not 1 <= limit <= MAX_FETCH_MESSAGES:
        raise RemoteError("bad_request", f"limit: integer of 1..{MAX_FETCH_MESSAGES} expected")
    if "before" in frame and "after" in frame:
        raise RemoteError("bad_request", "before or after, not both")
    found, more = await in_db(
        selectors.page,
        topic,
        reader,
        limit=limit,
        before=read_place(frame.get("before")),
        after=read_place(frame.get("after")),
    )
    await _use(session, topic)
    fields: dict[str, Any] = {"ref": ref, "more": more}
    if found:
        fields["next"] = write_place(found[-1][0])
    session.send_bytes(frame_bytes("page", [item for _, item in found], **fields))


@registry.frame("signal")
async def signal(session: Session, frame: dict[str, Any]) -> None:
    """Pass on what is true only for a moment: typing, presence. Never stored."""
    user = member_of(session)
    bucket = session.state.get("signals")
    if bucket is None:
        bucket = session.state["signals"] = TokenBucket(SIGNALS_PER_SECOND, SIGNALS_PER_SECOND)
    if wait := bucket.take():
        raise AccordError("rate", f"at most {SIGNALS_PER_SECOND} signals a second", retry_ms=int(wait * 1000) + 1)
    topic = _read_topic(frame.get("to"))
    if "body" not in frame or len(orjson.dumps(frame["body"])) > MAX_SIGNAL_BYTES:
        raise RemoteError("bad_request", f"body: at most {MAX_SIGNAL_BYTES} bytes expected")
    if topic.kind == "user":
        listeners = set(sessions.of_user(topic.ident))
    else:
        await _check_readable(session, topic)
        if topic.kind == "hub":
            raise AccordError("denied", "there is nobody to signal to")
        listeners = set(live().fanout.listeners(topic))
        if (readers := await in_db(readers_named, topic)) is not None:
            listeners = {listener for listener in listeners if listener.user in readers}
    value = {"type": "signal", "from": b64encode(user), "to": topic.name, "body": frame["body"], "at": now_ms()}
    data = orjson.dumps(value)
    for listener in listeners - {session}:
        if listener.role is not Role.RELAY:  # a moment is not carried
            listener.send_bytes(data)


# What a session reads


async def _use(session: Session, *topics: Topic) -> None:
    """Note that a person here uses these topics."""
    if session.role in MEMBERS and (unnoted := using.unnoted(topics, now_ms())):
        await in_db(using.note, unnoted, now_ms())


def _no_longer_served(session: Session, user: bytes) -> None:
    unwanted = Wanted(topics=(Topic("user", user),))
    live().fanout.unsubscribe(session, unwanted)
    backlogs.take_out(session, unwanted)


registry.unserved_hooks.append(_no_longer_served)
