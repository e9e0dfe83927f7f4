"""Hashes of claim codes (protocol.md section 8): slow to make on purpose, so never where others wait for them.

`work` is called off the event loop and before the writer, `is_right` in the writer's transaction. What is worked on is
bounded: whoever holds a link can name codes without end, but only as many as there are tries cost anything. Not here:
the tries themselves (services.py).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

from accord.errors import RemoteError
from accord.invites import CODE_TRIES, hash_code, normalize_code
from accord.primitives import same

MAX_KEYS: Final = 1_000


class Codes:
    """The hashes of the first CODE_TRIES different codes that came for each of the last MAX_KEYS temporary keys."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: OrderedDict[bytes, dict[str, bytes | None]] = OrderedDict()

    def work(self, temporary: bytes, typed: str) -> None:
        """Make the hash of a code, some tenths of a second, unless it is made or the key has had its share."""
        try:
            code = normalize_code(typed)
        except RemoteError:
            return
        with self._lock:
            made = self._made.setdefault(temporary, {})
            self._made.move_to_end(temporary)
            if len(self._made) > MAX_KEYS:
                self._made.popitem(last=False)
            if code in made or len(made) >= CODE_TRIES:
                return
            made[code] = None  # its place among the tries, while it is worked on
        made[code] = hash_code(code, temporary)

    def is_right(self, temporary: bytes, typed: str, code_hash: bytes) -> bool:
        """Whether a code is the one behind a hash; RemoteError("bad_request") for what is no code."""
        code = normalize_code(typed)
        self.work(temporary, code)
        made = self._made.get(temporary, {})
        if code not in made:  # beyond its share
            return False
        return same(made[code] or hash_code(code, temporary), code_hash)


codes = Codes()
