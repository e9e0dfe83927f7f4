"""Standard input as lines and standard output as lines, beside a running loop."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator
from types import TracebackType
from typing import BinaryIO, Final

from accord_client.terminal import clean_line

CHUNK_BYTES: Final = 64 * 1024
MAX_WAITING_CHUNKS: Final = 4


async def read_lines(descriptor: int) -> AsyncIterator[str]:
    """The lines of a file, a pipe or a terminal as they come, without their ends.

    A thread reads, since not every kind of file can be watched; it is a daemon, so that a silent terminal never holds
    up the end.
    """
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue(MAX_WAITING_CHUNKS)

    def read() -> None:
        chunk = b"?"
        while chunk:
            try:
                chunk = os.read(descriptor, CHUNK_BYTES)
            except OSError:
                chunk = b""
            try:
                asyncio.run_coroutine_threadsafe(chunks.put(chunk), loop).result()
            except (RuntimeError, asyncio.CancelledError):  # the loop has ended
                return

    threading.Thread(target=read, name="accord stdin", daemon=True).start()
    rest = b""
    while chunk := await chunks.get():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield _text(line)
    if rest:
        yield _text(rest)


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", "replace")


class Output:
    """Standard output: text in its encoding, JSON as UTF-8, each line out at once."""

    def __init__(self, stream: BinaryIO | None = None, encoding: str | None = None) -> None:
        self._stream = stream or sys.stdout.buffer
        self._encoding = encoding or sys.stdout.encoding or "utf-8"

    def text(self, line: str) -> None:
        self.raw(line.encode(self._encoding, "replace") + b"\n")

    def raw(self, line: bytes) -> None:
        """A line of bytes with its end; BrokenPipeError when nobody reads any more."""
        self._stream.write(line)
        self._stream.flush()


class ProgressLine:
    """How far something has come, on one line of standard error; nothing where that is no terminal."""

    def __init__(self, what: str) -> None:
        self._what = clean_line(what)
        self._shown = ""

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write("")

    def show(self, done: int, size: int) -> None:
        """So much of so much is done."""
        if sys.stderr.isatty():
            self._write(f"{self._what} {100 * done // max(1, size)} %")

    def _write(self, line: str) -> None:
        if line != self._shown:
            sys.stderr.write(f"\r{line}{' ' * (len(self._shown) - len(line))}" + ("" if line else "\r"))
            sys.stderr.flush()
            self._shown = line


def leave_broken_pipe() -> None:
    """After a BrokenPipeError: let the interpreter's last flush go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
