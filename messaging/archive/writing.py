"""Writing an archive: the whole store in plain files, each topic under the root of its tree (docs/archive.md;
protocol.md section 5).

A topic is written beside what is there and appears only when it is whole; `current` is replaced last, so an archive
that was cut off is the one before. What has burned or been deleted since goes with the folder of the root that is no
longer current.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import IO, Final

from accord.encoding import b64encode
from accord.merkle import EMPTY, bucket_of, root_of
from accord.statements import make_statement
from accord.topics import Topic as TopicName
from messaging import trees
from messaging.archive import layout
from messaging.archive.people import hubs_known
from messaging.models import Message, Topic
from messaging.selectors import not_burned, store_cursor
from messaging.stored import envelope_bytes
from peers.keyring import keyring
from peers.models import Account
from peers.options import HUB_NAME

READ_STEP: Final = 1_000

_COLUMNS: Final = ("created_at", "ident", "header", "sig", "salt", "body")

Progress = Callable[[int], None]


@dataclass(slots=True)
class Written:
    """What an export has done."""

    topics: int = 0
    unchanged: int = 0
    messages: int = 0


def tree_rows(topic: Topic, at: int) -> Iterator[tuple[int, bytes, bytes]]:
    """The messages of a topic's tree as of `at`: (created_at, id, envelope), rising by leaf and id. One statement, so
    one state of the table, however long it is read.
    """
    rows = Message.objects.filter(topic=topic, created_at__gte=topic.horizon).filter(
        not_burned(at + trees.BURN_MARGIN_MS)
    )
    read = rows.order_by("created_at").values_list(*_COLUMNS).iterator(chunk_size=READ_STEP)
    for _, leaf in groupby(read, key=lambda row: bucket_of(row[0], 0)):
        for created_at, ident, *blobs in sorted(leaf, key=lambda row: bytes(row[1])):
            yield created_at, bytes(ident), envelope_bytes(*blobs)


def archive_write(folder: Path, *, now: int, progress: Progress) -> Written:
    """Write the store's messages into a folder, anew or on top of an older archive; ArchiveError.

    `progress` hears the number of messages done.
    """
    layout.folder_make(folder)
    if not (folder / layout.ARCHIVE).exists() and any(folder.iterdir()):
        raise layout.ArchiveError(f"{folder} is neither empty nor an archive")
    with layout.locked(folder):
        for part in (layout.DATABASE, layout.KEPT, layout.INDEXES, layout.PEERS, layout.USERS):
            layout.folder_make(folder / part)
        before = layout.read_roots(folder / layout.CURRENT) if (folder / layout.CURRENT).exists() else {}
        writing = _Writing(folder, now=now, progress=progress)
        writing.facts_write()
        roots: dict[TopicName, bytes] = {}
        for row in Topic.objects.order_by("kind", "ident"):
            name = TopicName(row.kind, bytes(row.ident))
            root = writing.topic_write(row, name)
            if root == EMPTY:
                continue
            roots[name] = root
            if root != before.get(name):
                writing.index_add(name, root)
        layout.write_json(folder / layout.CURRENT, {name.name: b64encode(root) for name, root in roots.items()})
        _forget(folder, set(roots.values()))
    return writing.done


class _Writing:
    """One run of an export."""

    def __init__(self, folder: Path, *, now: int, progress: Progress) -> None:
        self.done = Written()
        self._folder = folder
        self._progress = progress
        self._at = now
        self._as_of = trees.as_of(now)
        self._cursor = store_cursor()

    def facts_write(self) -> None:
        """Who wrote the archive, the hubs whose admins one must know, and the people."""
        hub = keyring().hub
        layout.write_json(
            self._folder / layout.ARCHIVE, make_statement(hub, type="archive", at=self._at, name=HUB_NAME.value)
        )
        for known in hubs_known():
            layout.write_json(self._folder / layout.PEERS / known["admin"]["hub"], known)
        for account in Account.objects.exclude(kind=Account.Kind.TEMP).select_related("user", "parent__user"):
            key = b64encode(bytes(account.user.key))
            meta = {"v": 1, "key": key, "name": account.name, "created_at": account.created_at}
            if account.parent is not None:
                meta["inviter"] = b64encode(bytes(account.parent.user.key))
            layout.folder_make(self._folder / layout.USERS / key)
            layout.write_json(self._folder / layout.USERS / key / layout.META, meta)

    def topic_write(self, row: Topic, name: TopicName) -> bytes:
        """Write one topic; gives its root."""
        part = self._folder / layout.DATABASE / f"{name.kind}{layout.PART}"
        shutil.rmtree(part, ignore_errors=True)
        layout.folder_make(part)
        with layout.written(part / layout.DATA) as data:
            root, count = root_of(self._write_rows(row, data))
        self._kept_write(row, name)
        final = layout.root_folder(self._folder, root)
        if root == EMPTY or _same_size(final / layout.DATA, part / layout.DATA):
            self.done.unchanged += root != EMPTY
            shutil.rmtree(part)
            return root
        self.done.topics += 1
        found = trees.Root(root, count, row.horizon, self._as_of, self._cursor)
        meta = trees.statement_of(name, found, now=self._at)
        layout.write_json(part / layout.META, meta)
        shutil.rmtree(final, ignore_errors=True)
        part.rename(final)
        return root

    def _write_rows(self, row: Topic, data: IO[bytes]) -> Iterator[tuple[int, bytes]]:
        for created_at, ident, envelope in tree_rows(row, self._as_of):
            data.write(envelope + b"\n")
            self.done.messages += 1
            self._progress(self.done.messages)
            yield created_at, ident

    def _kept_write(self, row: Topic, name: TopicName) -> None:
        """What is kept below the horizon, outside the tree: pinned messages."""
        path = layout.topic_file(self._folder, layout.KEPT, name)
        rows = Message.objects.filter(topic=row, created_at__lt=row.horizon).filter(
            not_burned(self._as_of + trees.BURN_MARGIN_MS)
        )
        if not rows.exists():
            path.unlink(missing_ok=True)
            return
        with layout.written(path) as file:
            for blobs in rows.order_by("created_at", "ident").values_list("header", "sig", "salt", "body"):
                file.write(envelope_bytes(*blobs) + b"\n")

    def index_add(self, name: TopicName, root: bytes) -> None:
        """Note in the topic's index that it has this root now."""
        path = layout.topic_file(self._folder, layout.INDEXES, name)
        known = path.read_bytes() if path.exists() else b""
        line = json.dumps({"as_of": self._as_of, "cursor": self._cursor, "root": b64encode(root)}, sort_keys=True)
        with layout.written(path) as file:
            file.write(known + line.encode() + b"\n")


def _same_size(one: Path, other: Path) -> bool:
    """Whether a topic of the same root is there whole: a body can come later, and changes no root."""
    return one.exists() and one.stat().st_size == other.stat().st_size


def _forget(folder: Path, roots: set[bytes]) -> None:
    """Remove what is current no longer: it may hold what has been deleted or has burned since."""
    names = {b64encode(root) for root in roots}
    for path in (folder / layout.DATABASE).iterdir():
        if path.name not in names:
            shutil.rmtree(path)
