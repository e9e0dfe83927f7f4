"""Codes that people write down and type: random bytes and a checksum in Crockford's base32 (protocol.md sections 8, 9).

Not here: what a code opens (replacing.py, vault.py); claim codes, which have no checksum (invites.py).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from accord.errors import RemoteError

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUP_CHARS: Final = 4
MAX_TYPED_CHARS: Final = 500

_READ_AS: Final = str.maketrans("OIL", "011")
_BETWEEN: Final = re.compile(r"[\s-]+")


@dataclass(frozen=True)
class CodeForm:
    """A kind of code: its name in sentences, how it is hashed for its checksum, bytes of both (together a multiple of
    five).
    """

    name: str
    hash: Callable[[bytes], bytes]
    size: int
    check: int

    @property
    def chars(self) -> int:
        """Letters and digits of a code: five bits each."""
        return (self.size + self.check) * 8 // 5

    def new(self) -> bytes:
        """A fresh code."""
        return secrets.token_bytes(self.size)

    def _checksum(self, code: bytes) -> bytes:
        return self.hash(code)[: self.check]

    def groups(self, code: bytes) -> list[str]:
        """A code as people write it down: groups of four, the last letters being its checksum."""
        number = int.from_bytes(code + self._checksum(code), "big")
        text = "".join(ALPHABET[number >> shift & 31] for shift in range(5 * (self.chars - 1), -1, -5))
        return [text[i : i + GROUP_CHARS] for i in range(0, self.chars, GROUP_CHARS)]

    def parse(self, text: str) -> bytes:
        """The code that was typed, however it is grouped; RemoteError("bad_request") with a sentence for people."""
        letters = _BETWEEN.sub("", text[:MAX_TYPED_CHARS]).upper().translate(_READ_AS)
        if len(letters) != self.chars:
            raise RemoteError("bad_request", f"a {self.name} has {self.chars} letters and digits")
        number = 0
        for letter in letters:
            place = ALPHABET.find(letter)
            if place < 0:
                raise RemoteError("bad_request", f"that letter is in no {self.name}")
            number = number << 5 | place
        value = number.to_bytes(self.size + self.check, "big")
        code, check = value[: self.size], value[self.size :]
        if check != self._checksum(code):
            raise RemoteError(
                "bad_request", f"the {self.name} is not typed as it was written down: compare it once more"
            )
        return code
