"""Reading an archive or a bundle into the store (docs/archive.md).

Everything is judged as if a linked hub brought it: each message is verified before it is stored, and what this hub
would refuse from a link it refuses here, with the same codes. A topic whose lines do not give the root that the archive
claims is left out whole, and the others are read. May be run again, and goes on where it was cut.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

from accord.encoding import b64decode, b64encode
from accord.errors import AccordError, RemoteError
from accord.merkle import bucket_of, root_of
from accord.messages import Envelope, parse_envelope
from accord.statements import verify_statement
from accord.topics import Topic, parse_topic
from messaging import trees
from messaging.admission import Admitted, Publisher, admit
from messaging.archive import layout
from messaging.archive.bundles import Part, bundle_check, bundle_lines, types_of
from messaging.archive.layout import ArchiveError
from messaging.archive.people import hub_learn
from messaging.ingest import store_or_refuse
from messaging.publishing import publisher_of_link
from messaging.services import writer_prepare
from peers.clock import now_ms

THREADS: Final = 2
GROUP_MESSAGES: Final = 500
KINDS: Final = ("hub", "feed", "space", "user", "chan")  # in this order: what opens a channel before what was said

Progress = Callable[[int], None]


@dataclass(slots=True)
class Taken:
    """What came of an import: messages, codes of refusals with their number, sentences on parts left out."""

    stored: int = 0
    duplicate: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)


class Taking:
    """Verifies envelopes in threads and stores them in groups."""

    def __init__(self, publisher: Publisher, progress: Progress) -> None:
        self.taken = Taken()
        self._publisher = publisher
        self._progress = progress
        self._done = 0

    def take(self, envelopes: Iterable[Envelope]) -> None:
        """Store what may be stored; each refusal is counted by its code."""
        rest = iter(envelopes)
        with ThreadPoolExecutor(THREADS) as threads:
            while group := list(islice(rest, GROUP_MESSAGES)):
                admitted = []
                for item in threads.map(self._admit, group):
                    if isinstance(item, AccordError):
                        self.taken.refused[item.code] += 1
                    else:
                        admitted.append(item)
                for result in store_or_refuse(admitted, now_ms())[0] if admitted else []:
                    if result.error is not None:
                        self.taken.refused[result.error.code] += 1
                    self.taken.stored += result.status == "stored"
                    self.taken.duplicate += result.status == "duplicate"
                self._done += len(group)
                self._progress(self._done)

    def _admit(self, envelope: Envelope) -> Admitted | AccordError:
        try:
            return admit(envelope, self._publisher, now=now_ms())
        except AccordError as error:
            return error


def read_envelopes(path: Path, topic: Topic) -> Iterator[Envelope]:
    """The envelopes of a file, form and hashes checked; ArchiveError for a line that is none of this topic's."""
    for number, line in layout.read_lines(path):
        try:
            envelope = parse_envelope(layout.parse_object(line, f"{path}, line {number}"))
        except RemoteError as error:
            raise ArchiveError(f"{path}, line {number}: {error.detail or error.code}") from error
        if envelope.topic != topic:
            raise ArchiveError(f"{path}, line {number}: a message of another topic")
        yield envelope


def root_check(path: Path, topic: Topic, root: bytes) -> int:
    """Compute the root of a topic's file anew; gives the number of its messages. ArchiveError."""
    last = (-1, b"")

    def rising() -> Iterator[tuple[int, bytes]]:
        nonlocal last
        for envelope in read_envelopes(path, topic):
            place = (bucket_of(envelope.created_at, 0), envelope.id)
            if place <= last:
                raise ArchiveError(f"{path}: the messages are not in order, or one comes twice")
            last = place
            yield envelope.created_at, envelope.id

    found, count = root_of(rising())
    if found != root:
        raise ArchiveError(f"{path}: its messages have the root {b64encode(found)}, not the one in {layout.CURRENT}")
    return count


def archive_read(folder: Path, *, progress: Progress) -> Taken:
    """Take in an archive's messages; ArchiveError when the folder is none. Topics that are broken are named in what it
    gives.
    """
    hub = _hub_of(layout.read_json(folder / layout.ARCHIVE), folder)
    current = layout.read_roots(folder / layout.CURRENT)
    taking = Taking(publisher_of_link(hub), progress)
    writer_prepare()
    for path in sorted((folder / layout.PEERS).iterdir()):
        with _counted(taking.taken):
            hub_learn(layout.read_json(path), now=now_ms())
    for kind in KINDS:
        for topic in sorted(topic for topic in current if topic.kind == kind):
            with _counted(taking.taken):
                path = layout.root_folder(folder, current[topic]) / layout.DATA
                root_check(path, topic, current[topic])
                taking.take(_wanted(read_envelopes(path, topic)))
    for path in sorted((folder / layout.KEPT).iterdir()):
        with _counted(taking.taken):
            taking.take(read_envelopes(path, parse_topic(path.name.replace(".", ":"))))
    return taking.taken


def bundle_read(path: Path, *, progress: Progress) -> tuple[Taken, list[Part]]:
    """Take in a bundle; gives also which topics it was about. ArchiveError when it is no whole bundle."""
    statement = bundle_check(path)
    taking = Taking(publisher_of_link(b64decode(statement["hub"], 32)), progress)
    writer_prepare()
    parts: list[Part] = []
    group: list[Envelope] = []
    for item in bundle_lines(path):
        if isinstance(item, Envelope):
            group.append(item)
            if len(group) < GROUP_MESSAGES:
                continue
        elif isinstance(item, Part):
            parts.append(item)
            continue
        else:
            hub_learn(item, now=now_ms())
        taking.take(_wanted(group))
        group.clear()
    taking.take(_wanted(group))
    return taking.taken, parts


def _wanted(envelopes: Iterable[Envelope]) -> Iterator[Envelope]:
    """Of what was addressed to a hub, channels' openings alone concern others."""
    return (envelope for envelope in envelopes if envelope.topic.kind != "hub" or envelope.type == "chan.open")


@contextmanager
def _counted(taken: Taken) -> Iterator[None]:
    """What is broken is told, and the rest is read."""
    try:
        yield
    except (ArchiveError, RemoteError, OSError) as error:
        taken.broken.append(str(error))


def _hub_of(statement: dict[str, Any], folder: Path) -> bytes:
    try:
        return b64decode(verify_statement(statement, type="archive")["hub"], 32)
    except RemoteError as error:
        raise ArchiveError(f"{folder}: {layout.ARCHIVE} is not what a hub has signed") from error


def equal_parts(parts: Iterable[Part], *, now: int) -> int:
    """How many of these topics have here the root that a bundle says."""
    equal = 0
    for part in parts:
        with suppress(AccordError):  # a topic that this hub does not take
            types = types_of(part.topic)
            view = trees.view(part.topic, now=now, at=part.as_of, horizon=part.horizon, types=types)
            equal += view.horizon == part.horizon and view.root == part.root
    return equal
