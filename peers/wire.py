"""The way past ASGI: what a server lets a session do with its connection beyond `send` (RFC 6455 section 5.2).

An ASGI server makes the bytes of a WebSocket frame anew for every client, in a call and a write a frame. Most of what a
hub sends goes to many clients, or comes in bursts: here the bytes are made once, and a burst is one write.
"""

from __future__ import annotations

from typing import Final

TEXT: Final = 1
BINARY: Final = 2
_FINAL: Final = 0x80


def frame_bytes(opcode: int, payload: bytes) -> bytes:
    """An unmasked, unfragmented WebSocket frame."""
    size = len(payload)
    first = _FINAL | opcode
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65_536:
        return bytes((first, 126)) + size.to_bytes(2, "big") + payload
    return bytes((first, 127)) + size.to_bytes(8, "big") + payload


class SharedFrame:
    """A frame for many sessions: JSON and, once somebody has asked for them, the bytes of the clear wire."""

    __slots__ = ("_wire", "json")

    def __init__(self, json: bytes) -> None:
        self.json = json
        self._wire = b""

    @property
    def wire(self) -> bytes:
        """The WebSocket frame, made once."""
        if not self._wire:
            self._wire = frame_bytes(TEXT, self.json)
        return self._wire


class Wire:
    """What a server's protocol object offers as scope extension "accord"; this one, of other servers, nothing."""

    def waiting_bytes(self) -> int:
        """Bytes handed to the transport that the client has not taken."""
        return 0

    def kick(self, code: int, reason: str = "", grace: float = 2.0) -> None:
        """Send the close now, behind what waits, and abort the connection after `grace` seconds; never blocks."""

    def write_at_once(self, frames: bytes) -> bool:
        """Write whole WebSocket frames to the transport if nothing is in their way; False: use `send`."""
        return False
