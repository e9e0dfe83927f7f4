"""Frames between the hub and the process of the handlers: a length and JSON. Nothing here imports Django."""

from __future__ import annotations

import json
import os
import select
import struct
import time
from typing import Any, BinaryIO, Final

MAX_FRAME_BYTES: Final = 4 * 1024 * 1024
_LENGTH: Final = struct.Struct(">I")


def pack(value: dict[str, Any]) -> bytes:
    """The bytes of a frame; ValueError when it is too long."""
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    if len(data) > MAX_FRAME_BYTES:
        raise ValueError(f"more than {MAX_FRAME_BYTES} bytes at once")
    return _LENGTH.pack(len(data)) + data


def read_frame(stream: BinaryIO) -> dict[str, Any] | None:
    """The next frame of a stream; None at its end."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    value: dict[str, Any] = json.loads(stream.read(_LENGTH.unpack(head)[0]))
    return value


class Pipe:
    """The hub's ends of the two pipes. Nothing waits longer than until the deadline (time.monotonic), whatever the
    other side does: TimeoutError. EOFError when the other side is gone, ValueError for what is no frame.
    """

    def __init__(self, inlet: int, outlet: int) -> None:
        self._inlet, self._outlet = inlet, outlet
        for end in (inlet, outlet):
            os.set_blocking(end, False)

    def send(self, value: dict[str, Any], *, deadline: float) -> None:
        """Write a frame whole."""
        rest = memoryview(pack(value))
        while rest:
            _wait(self._outlet, select.POLLOUT, deadline)
            try:
                rest = rest[os.write(self._outlet, rest) :]
            except BlockingIOError:
                continue
            except BrokenPipeError as error:
                raise EOFError from error

    def receive(self, *, deadline: float) -> dict[str, Any]:
        """Read a frame whole."""
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size, deadline))
        if length > MAX_FRAME_BYTES:
            raise ValueError("a frame that is too long")
        value = json.loads(self._read(length, deadline))
        if type(value) is not dict:
            raise ValueError("a frame that is no object")
        return value

    def _read(self, count: int, deadline: float) -> bytes:
        found = b""
        while len(found) < count:
            _wait(self._inlet, select.POLLIN, deadline)
            try:
                piece = os.read(self._inlet, count - len(found))
            except BlockingIOError:
                continue
            if not piece:
                raise EOFError
            found += piece
        return found


def _wait(end: int, event: int, deadline: float) -> None:
    left = deadline - time.monotonic()
    poll = select.poll()
    poll.register(end, event)
    if left <= 0 or not poll.poll(left * 1000):
        raise TimeoutError
