"""Where a file of somebody else's choosing is saved on this computer: never over another one, never out of its folder.

Not here: where its bytes come from (files.py).
"""

from __future__ import annotations

import re
import unicodedata
from itertools import count
from pathlib import Path
from typing import Final

from accord_client.errors import ClientError
from accord_client.terminal import clean_line

MAX_NAME_BYTES: Final = 200  # with room for a number behind it
MAX_SAME_NAMES: Final = 1_000

_PARTING = re.compile(r'[/\\:*?"<>|]+')


def safe_name(name: str) -> str:
    """A name of one file in one folder, hidden nowhere, without what could make it another one."""
    line = _PARTING.sub("_", clean_line(unicodedata.normalize("NFC", name)))
    stem, dot, suffix = line.strip(" .").rpartition(".")
    if not dot:
        stem, suffix = suffix, ""
    room = MAX_NAME_BYTES - len(suffix.encode()) - len(dot)
    if room <= 0:
        stem, dot, suffix, room = f"{stem}{dot}{suffix}", "", "", MAX_NAME_BYTES
    stem = stem.encode()[:room].decode(errors="ignore")
    return f"{stem}{dot}{suffix}" or "file"


def save(where: Path, name: str, data: bytes) -> Path:
    """Write a file to `where`, or into that folder under its own name; gives its path. ClientError where it cannot be
    written; where another file is, a number goes behind the name in a folder, and a path that was chosen is refused.
    """
    is_folder = where.is_dir()
    wanted = where / safe_name(name) if is_folder else where
    for number in count(1):
        path = wanted if number == 1 else wanted.with_name(f"{wanted.stem} ({number}){wanted.suffix}")
        try:
            with path.open("xb") as file:
                try:
                    file.write(data)
                except OSError:
                    path.unlink(missing_ok=True)
                    raise
        except FileExistsError as error:
            if not is_folder or number == MAX_SAME_NAMES:
                raise ClientError(f"{path} is there already: choose another name") from error
            continue
        except OSError as error:
            raise ClientError(f"{path} cannot be written: {error.strerror}") from error
        return path
    raise AssertionError("count has no end")
