"""Bundles: what one hub has and another lacks, in one signed file that travels on a stick (docs/archive.md; protocol.md
section 5, "Bundle").

A file of JSON lines: the hubs whose admins one must know, then each open topic with the envelopes that came after the
root named in `since`, at last the statement of the hub that wrote it, over a hash of all lines before. Not
here: how messages are judged and stored (reading.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import orjson
from django.db.models import Case, When

from accord.encoding import b64decode, b64encode
from accord.errors import RemoteError
from accord.merkle import EMPTY
from accord.messages import Envelope, parse_envelope
from accord.primitives import domain
from accord.statements import make_statement, verify_statement
from accord.topics import Topic as TopicName
from accord.topics import parse_topic
from messaging import trees
from messaging.archive import layout
from messaging.archive.layout import ArchiveError
from messaging.archive.people import hubs_known
from messaging.models import Topic
from peers.keyring import keyring

KINDS: Final = ("hub", "feed", "chan")  # what every member may read, of hub topics the openings of channels
STEP_MESSAGES: Final = 500
STEP_BYTES: Final = 8 * 1024 * 1024

_ORDER: Final = [When(kind=kind, then=place) for place, kind in enumerate(KINDS)]

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Part:
    """What a bundle says of one topic: its root at the hub that wrote it, and as of when."""

    topic: TopicName
    root: bytes
    horizon: int
    as_of: int


@dataclass(slots=True)
class Bundled:
    """What a bundle holds."""

    topics: int = 0
    messages: int = 0


class _Hashed:
    """A file whose lines are hashed as they are written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.hash = hashlib.sha256(domain("bundle"))

    def line(self, data: bytes) -> None:
        """Write one line."""
        self._file.write(data + b"\n")
        self.hash.update(data + b"\n")


def bundle_write(
    path: Path, *, since: Mapping[TopicName, bytes], only: TopicName | None, now: int, progress: Progress
) -> Bundled:
    """Write what came after the roots in `since` (of a topic that is not in it, or whose root was never had here: all
    of it) into a file that appears when it is whole; `only` limits it to one topic. ArchiveError when there is no such
    topic.
    """
    rows = Topic.objects.filter(kind__in=KINDS, is_private=False).order_by(Case(*_ORDER), "ident")
    if only is not None:
        rows = rows.filter(kind=only.kind, ident=only.ident)
        if not rows.exists():
            raise ArchiveError(f"no open topic {only.name} here")
    done = Bundled()
    at = trees.as_of(now)
    with layout.written(path) as file:
        out = _Hashed(file)
        for known in hubs_known():
            out.line(orjson.dumps(known))
        for row in rows:
            name = TopicName(row.kind, bytes(row.ident))
            _topic_write(out, name, since.get(name, EMPTY), at=at, now=now, done=done, progress=progress)
        end = make_statement(
            keyring().hub, type="bundle", at=now, digest=b64encode(out.hash.digest()), messages=done.messages
        )
        file.write(orjson.dumps(end) + b"\n")
    return done


def _topic_write(
    out: _Hashed, name: TopicName, since: bytes, *, at: int, now: int, done: Bundled, progress: Progress
) -> None:
    view = trees.view(name, now=now, at=at, types=types_of(name))
    if view.root in (since, EMPTY):
        return
    after = trees.root_find(name, since, view.horizon) or 0
    facts = {
        "topic": name.name,
        "root": b64encode(view.root),
        "horizon": view.horizon,
        "as_of": at,
        **({"since": b64encode(since)} if after else {}),
    }
    out.line(orjson.dumps(facts))
    done.topics += 1
    while found := view.since(after, STEP_MESSAGES):
        after = found[-1][0]
        idents = [ident for _, ident in found]
        while idents:
            envelopes = trees.envelopes(idents, now=now, max_bytes=STEP_BYTES)
            idents = idents[len(envelopes) :]
            for _, envelope in envelopes:
                if envelope:  # else it burned a moment ago
                    out.line(envelope)
                    done.messages += 1
        progress(done.messages)


def types_of(topic: TopicName) -> tuple[str, ...]:
    """Which types of a topic's messages a bundle carries; empty: all."""
    return ("chan.open",) if topic.kind == "hub" else ()


def bundle_check(path: Path) -> dict[str, Any]:
    """The statement at the end of a bundle, whose hash over everything before it is right; ArchiveError."""
    digest = hashlib.sha256(domain("bundle"))
    last = b""
    for _, line in layout.read_lines(path):
        if last:
            digest.update(last)
        last = line
    statement = layout.parse_object(last or b"{}", f"{path}, last line")
    try:
        verify_statement(statement, type="bundle")
        if b64decode(statement.get("digest"), 32) != digest.digest():
            raise RemoteError("bad_sig", "the lines are not those that were signed")
    except RemoteError as error:
        raise ArchiveError(f"{path}: no whole bundle: {error.detail or error.code}") from error
    return statement


def bundle_lines(path: Path) -> Iterator[dict[str, Any] | Part | Envelope]:
    """What a checked bundle holds, in order: {name, admin} of hubs, parts, and the envelopes of the part before them;
    ArchiveError.
    """
    part: Part | None = None
    for number, line in layout.read_lines(path):
        where = f"{path}, line {number}"
        value = layout.parse_object(line, where)
        try:
            if value.get("type") == "bundle":
                return
            if "admin" in value:
                yield value
            elif "topic" in value:
                part = _read_part(value)
                yield part
            else:
                envelope = parse_envelope(value)
                if part is None or envelope.topic != part.topic:
                    raise RemoteError("bad_request", "a message of another topic")
                yield envelope
        except RemoteError as error:
            raise ArchiveError(f"{where}: {error.detail or error.code}") from error


def _read_part(value: dict[str, Any]) -> Part:
    topic, horizon, as_of = value["topic"], value.get("horizon"), value.get("as_of")
    if type(topic) is not str or type(horizon) is not int or type(as_of) is not int:
        raise RemoteError("bad_request", "a topic with its root, horizon and as_of expected")
    return Part(parse_topic(topic), b64decode(value.get("root"), 32), horizon, as_of)
