"""Names of accounts: one spelling each (protocol.md section 9)."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from accord.errors import RemoteError

NAME_PATTERN: Final = r"[a-z0-9_.-]{3,32}"
_NAME = re.compile(NAME_PATTERN)
_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def normalize_name(name: str) -> str:
    """The one spelling of a name that a person typed: NFKC, A-Z to a-z; RemoteError("bad_request") if there is none."""
    normal = unicodedata.normalize("NFKC", name[:200]).translate(_LOWER)
    if not _NAME.fullmatch(normal):
        raise RemoteError("bad_request", "a name has 3 to 32 of a-z, 0-9, dot, dash and underscore")
    return normal
