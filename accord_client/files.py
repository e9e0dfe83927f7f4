"""Files of messages (protocol.md section 11): sealed, brought to the hub, fetched and opened.

A file is sealed with a key of its own, which stands in its message; the hub sees bytes that it cannot open. What is
fetched is given out whole or not at all. Not here: pictures' sizes and previews, which only browsers make; where a file
is saved (saving.py).
"""

from __future__ import annotations

import asyncio
import mimetypes
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from accord.blobs import KEY_BYTES, MAX_FILE_BYTES, blob_id, open_blob, seal, sealed_size
from accord.encoding import b64encode, parse_json
from accord.errors import AccordError, RemoteError
from accord.message_types import MAX_FILE_NAME_CHARS, MAX_FILES, MAX_MEDIA_CHARS
from accord.messages import Message
from accord_client.account import bearer_token
from accord_client.errors import ClientError, HubUnreachable, LoginRefused
from accord_client.profile import ProfileStore
from accord_client.render import body_of
from accord_client.rest import MAX_ANSWER_BYTES, BearerToken, http_ask, http_bytes, http_get
from accord_client.session import Client
from accord_client.terminal import clean_line

UP_BYTES: Final = 256 * 1024  # the hub takes a request within 10 s, over a slow line too
DOWN_BYTES: Final = MAX_ANSWER_BYTES
FIRST_PAUSE_SECONDS: Final = 0.5
MOST_PAUSE_SECONDS: Final = 10.0
MAX_TRIES: Final = 200  # of a hub that has to fetch a file from another one first
ANY_MEDIA: Final = "application/octet-stream"
NO_LONGER: Final = "that file is not on the hub any more, nor on any other that it can reach now"
NOT_WHOLE: Final = "what came is not the file that was sent, so it is not given out; try again later"

_LATER: Final = frozenset({"busy", "rate", "internal"})

Progress = Callable[[int, int], None]  # how many bytes of how many are done
T = TypeVar("T")


def no_progress(done: int, size: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file as its message names it; `size` is that of the file, in bytes. `name` is not cleaned."""

    blob: bytes
    key: bytes
    name: str
    size: int
    media: str

    def wire(self) -> dict[str, Any]:
        """As a message's body has it."""
        blob, key = b64encode(self.blob), b64encode(self.key)
        return {"blob": blob, "key": key, "name": self.name, "size": self.size, "media": self.media}


def files_in(message: Message) -> list[FileRef]:
    """The files that a message in clear names."""
    found = (body_of(message) or {}).get("files", [])
    return [FileRef(*(item[name] for name in ("blob", "key", "name", "size", "media"))) for item in found]


def seal_file(path: Path, *, most_bytes: int) -> tuple[FileRef, bytes]:
    """A file of this computer, sealed with a fresh key: what a message says of it, and the blob. ClientError where it
    cannot be read, or has more than `most_bytes` sealed bytes.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES or sealed_size(size) > most_bytes:
            raise ClientError(f"{clean_line(path.name)} is larger than this hub takes ({most_bytes >> 20} MiB)")
        data = path.read_bytes()
    except OSError as error:
        raise ClientError(f"{path} cannot be read: {error.strerror}") from error
    key = secrets.token_bytes(KEY_BYTES)
    blob = seal(key, data)
    name = clean_line(path.name).encode("utf-8", "replace").decode()[-MAX_FILE_NAME_CHARS:] or "file"
    media = (mimetypes.guess_type(path.name)[0] or ANY_MEDIA)[:MAX_MEDIA_CHARS]
    return FileRef(blob_id(blob), key, name, len(data), media), blob


class Files:
    """The files of one session."""

    def __init__(self, client: Client, store: ProfileStore) -> None:
        self._client = client
        self._store = store
        self._token: BearerToken | None = None

    async def seal(self, paths: Sequence[Path]) -> list[tuple[FileRef, bytes]]:
        """Files of this computer, sealed for one message; ClientError where one cannot be sent."""
        if len(paths) > MAX_FILES:
            raise ClientError(f"a message has at most {MAX_FILES} files")
        if not paths:
            return []
        answer = await self._ask(lambda token: http_get(token, "blobs?limit=1"))
        most = answer.get("most") if isinstance(answer, dict) else None
        if type(most) is not int:
            raise RemoteError("bad_request", "most: number expected")
        return [await asyncio.to_thread(seal_file, path, most_bytes=most) for path in paths]

    async def bring(self, blob: bytes, *, burn_at: int | None, progress: Progress = no_progress) -> None:
        """Bring a blob to the hub, going on where a connection ended; `burn_at` (ms) of its message. AccordError as the
        hub refuses, Stopped.
        """
        name, size = b64encode(blob_id(blob)), len(blob)
        announced = {"blob": name, "size": size, **({} if burn_at is None else {"burn_at": burn_at})}

        def begin(token: BearerToken) -> int:
            return _received(http_ask("POST", f"{token.api}/blobs", announced, token), size)

        def go_on(token: BearerToken, at: int) -> int:
            piece = blob[at : at + UP_BYTES]
            headers = {"Content-Type": ANY_MEDIA, "Upload-Offset": str(at)}
            answer = http_bytes("PATCH", token, f"blobs/{name}", piece, headers)
            return _received(parse_json(answer, max_bytes=MAX_ANSWER_BYTES), size)

        done = await self._ask(begin)
        while done < size:
            progress(done, size)
            try:
                done = await self._ask(lambda token: go_on(token, done))  # noqa: B023 - called before it changes
            except AccordError as error:
                if error.code != "conflict":
                    raise
                done = await self._ask(begin)  # an answer was lost
        progress(size, size)

    async def fetch(self, file: FileRef, *, progress: Progress = no_progress) -> bytes:
        """What a file holds. ClientError where it is not to be had, or not what its message says; AccordError."""
        if file.size > MAX_FILE_BYTES:
            raise ClientError("that file is larger than this program opens")
        size, parts, done = sealed_size(file.size), [], 0
        try:
            while done < size:
                progress(done, size)
                wanted = {"Range": f"bytes={done}-{min(size, done + DOWN_BYTES) - 1}"}
                part = await self._ask(
                    lambda token: http_bytes("GET", token, f"blobs/{b64encode(file.blob)}", None, wanted)  # noqa: B023
                )
                done += len(part)
                parts.append(part)
                if not part or done > size:
                    raise ClientError(NOT_WHOLE)
        except AccordError as error:
            if error.code in ("not_found", "gone"):
                raise ClientError(NO_LONGER) from error
            raise
        blob = b"".join(parts)
        try:
            if blob_id(blob) != file.blob:
                raise ClientError(NOT_WHOLE)
            opened = await asyncio.to_thread(open_blob, file.key, file.size, blob)
        except RemoteError as error:
            raise ClientError(NOT_WHOLE) from error
        progress(size, size)
        return opened

    async def drop(self, files: Iterable[FileRef]) -> None:
        """Have the hub delete files of a message that is deleted; those that are not ours to delete stay."""
        for file in files:
            path = f"blobs/{b64encode(file.blob)}"
            try:
                await self._ask(lambda token: http_ask("DELETE", f"{token.api}/{path}", None, token))  # noqa: B023
            except AccordError as error:
                if error.code not in ("not_found", "gone", "denied"):
                    raise

    async def _ask(self, work: Callable[[BearerToken], T]) -> T:
        """Do something with a token that may be done twice, in a thread; later where the hub is busy or away."""
        pause, is_renewed = FIRST_PAUSE_SECONDS, False
        for left in range(MAX_TRIES, 0, -1):
            try:
                if self._token is None:
                    self._token = await asyncio.to_thread(bearer_token, self._store)
                return await asyncio.to_thread(work, self._token)
            except LoginRefused as error:
                if error.code != "unauthorized" or is_renewed:
                    raise
                self._token, is_renewed = None, True  # it has ended, with its 15 minutes or with the hub
                continue
            except HubUnreachable:
                await _wait(pause)
                await self._client.connected()
            except AccordError as error:
                if error.code not in _LATER or left == 1:
                    raise
                await _wait(pause if error.retry_ms is None else error.retry_ms / 1000)
            pause = min(2 * pause, MOST_PAUSE_SECONDS)
        raise ClientError("the hub is busy: try again later")


async def _wait(seconds: float) -> None:
    await asyncio.sleep(min(seconds, MOST_PAUSE_SECONDS))


def _received(answer: object, size: int) -> int:
    received = answer.get("received") if isinstance(answer, dict) else None
    if type(received) is not int or not 0 <= received <= size:
        raise RemoteError("bad_request", "received: a number of bytes expected")
    return received
