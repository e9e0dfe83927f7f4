"""IRC logs as signed messages of an open channel (protocol.md section 14, import.text).

Every nick gets a key of its own, and every line an id that depends on nothing but the hub's import key, the file's name
and the line: running an import again, or going on with one that was cut, stores each line once. The lines take the
ordinary way: signed, parsed, verified, stored.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from accord import messages
from accord.encoding import b64encode
from accord.errors import AccordError
from accord.keys import SigningKey
from accord.messages import MAX_ATTENTION_KEYS, MAX_ATTENTION_MESSAGES, SALT_BYTES
from accord.primitives import expand, lp, u64
from accord.topics import Topic
from messaging.admission import Admitted, Publisher, Right, admit
from messaging.import_keys import import_key
from messaging.irc import SpokenLine, parse_log
from messaging.services import messages_store, writer_prepare
from peers.clock import now_ms

THREADS: Final = 2
FILES_AHEAD: Final = 4
GROUP_MESSAGES: Final = 500
RAW_SUFFIX: Final = ".raw.txt"
ANNOTATION_SUFFIX: Final = ".annotation.txt"


@dataclass(slots=True)
class ImportTally:
    """What an import has done so far."""

    spoken: int = 0
    stored: int = 0
    duplicate: int = 0


class Importer:
    """Turns log files into messages of one channel. `secret` is the hub's import key, `account_id` the account that is
    charged.
    """

    def __init__(self, *, secret: bytes, channel: Topic, account_id: int) -> None:
        self._secret = secret
        self._to = channel.name
        self._publisher = Publisher(Right.IMPORT, account_id=account_id)
        self._keys: dict[str, SigningKey] = {}

    def key_of(self, nick: str) -> SigningKey:
        """The user key of a nick, the same in every file and every run."""
        key = self._keys.get(nick)
        if key is None:
            key = self._keys[nick] = import_key(self._secret, nick)
        return key

    def prepare(self, path: Path) -> list[Admitted]:
        """The messages of one log file, signed and verified, in the order of its lines. OSError, ValueError for a file
        that is no log.
        """
        annotation = path.with_name(path.name.removesuffix(RAW_SUFFIX) + ANNOTATION_SUFFIX)
        lines = parse_log(path.name, path.read_bytes(), annotation.read_bytes() if annotation.exists() else None)
        idents: dict[int, str] = {}
        admitted = []
        for line in lines:
            item = self._admit(path.name, line, idents)
            idents[line.number] = b64encode(item.message.id)
            admitted.append(item)
        return admitted

    def _admit(self, name: str, line: SpokenLine, idents: dict[int, str]) -> Admitted:
        source = f"{name}:{line.number}"
        fields: dict[str, list[str]] = {}
        mentioned = sorted({self.key_of(nick).public for nick in line.mentions})[:MAX_ATTENTION_KEYS]
        if mentioned:
            fields["attention_keys"] = [b64encode(key) for key in mentioned]
        answered = [idents[number] for number in line.answers if number in idents][:MAX_ATTENTION_MESSAGES]
        if answered:
            fields["attention_messages"] = answered
        envelope = messages.create(
            self.key_of(line.nick),
            type="import.text",
            to=self._to,
            body=orjson.dumps({"text": line.text, "author": line.nick, "source": source}),
            created_at=line.created_at,
            salt=expand(self._secret, "import-salt", lp(name.encode()) + u64(line.number), SALT_BYTES),
            **fields,
        )
        return admit(messages.parse_envelope(envelope), self._publisher, now=now_ms())

    def run(self, paths: Sequence[Path], progress: Callable[[ImportTally], None]) -> ImportTally:
        """Import the files, storing in groups; `progress` hears of every group. AccordError says why a line was
        refused.
        """
        writer_prepare()
        tally = ImportTally()
        for items in self._prepared(paths):
            for start in range(0, len(items), GROUP_MESSAGES):
                results, _ = messages_store(items=items[start : start + GROUP_MESSAGES], now=now_ms())
                for result in results:
                    if result.error is not None:
                        raise AccordError(result.error.code, result.error.detail)
                    tally.spoken += 1
                    tally.stored += result.status == "stored"
                    tally.duplicate += result.status == "duplicate"
                progress(tally)
        return tally

    def _prepared(self, paths: Sequence[Path]) -> Iterator[list[Admitted]]:
        """Files in order, made ready a few ahead; signing and verifying release the interpreter lock."""
        with ThreadPoolExecutor(THREADS) as threads:
            remaining = iter(paths)
            ahead: deque[Future[list[Admitted]]] = deque(
                threads.submit(self.prepare, path) for path in itertools.islice(remaining, FILES_AHEAD)
            )
            while ahead:
                yield ahead.popleft().result()
                ahead.extend(threads.submit(self.prepare, path) for path in itertools.islice(remaining, 1))
