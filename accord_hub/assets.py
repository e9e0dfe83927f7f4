"""The name under which this version's static files are served."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

VERSION_CHARS: Final = 12


def static_version(base: Path) -> str:
    """A name that changes with the content of any static file and with the versions of the packages that bring some."""
    digest = hashlib.sha256((base / "constraints.txt").read_bytes())
    for path in sorted((base / "static").rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(base).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:VERSION_CHARS]
