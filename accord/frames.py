"""Sealed frames of a session (protocol.md section 3, "frames")."""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from accord.errors import RemoteError
from accord.primitives import domain

MAX_FRAME_BYTES: Final = 1024 * 1024
JSON_FRAME: Final = 1
_OVERHEAD: Final = 17  # type byte and GCM tag

_TYPE_BYTE: Final = bytes([JSON_FRAME])
_AAD: Final = domain("frame") + _TYPE_BYTE


class _Direction:
    __slots__ = ("_aead", "_counter")

    def __init__(self, key: bytes, counter: int = 0) -> None:
        self._aead = AESGCM(key)
        self._counter = counter

    def _nonce(self) -> bytes:
        nonce = self._counter.to_bytes(12, "big")  # 4 zero bytes, then the counter
        self._counter += 1
        return nonce


class FrameSealer(_Direction):
    """Seals JSON frames of one direction, in order."""

    def seal(self, plaintext: bytes) -> bytes:
        """The next frame."""
        return _TYPE_BYTE + self._aead.encrypt(self._nonce(), plaintext, _AAD)


class FrameOpener(_Direction):
    """Opens the frames of the other direction, in order; any failure means the session is over."""

    def open(self, frame: bytes) -> bytes:
        """RemoteError: unsupported (another frame type), bad_request (short, changed, out of order), too_big."""
        if len(frame) > MAX_FRAME_BYTES + _OVERHEAD:
            raise RemoteError("too_big", f"frame of more than {MAX_FRAME_BYTES} bytes")
        if frame[:1] != _TYPE_BYTE:
            raise RemoteError("unsupported", "frame type")
        try:
            return self._aead.decrypt(self._nonce(), frame[1:], _AAD)
        except (InvalidTag, ValueError) as error:  # ValueError: shorter than a tag
            raise RemoteError("bad_request", "frame does not open") from error
