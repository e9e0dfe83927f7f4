"""Whether anything of a secret is left where it must not be: in files, in the memory of a process."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

READ_BYTES: Final = 16 * 1024 * 1024
LEAST_BYTES: Final = 16  # shorter ones are found by chance


def forms(secret: bytes) -> set[bytes]:
    """The ways in which bytes are written: as they are, as hex, in both base64 at each of the three places where a
    secret can begin in something longer.
    """
    assert len(secret) >= LEAST_BYTES
    found = {secret, secret.hex().encode()}
    for before in range(3):
        # The characters that hold nothing but bits of the secret.
        start, end = (before * 8 + 5) // 6, (before + len(secret)) * 8 // 6
        text = base64.b64encode(bytes(before) + secret)[start:end]
        found |= {text, text.translate(bytes.maketrans(b"+/", b"-_"))}
    return found


def _hits(data: bytes, wanted: Mapping[str, set[bytes]]) -> Iterator[str]:
    for name, written in wanted.items():
        if any(form in data for form in written):
            yield name


def _prepared(secrets: Mapping[str, bytes]) -> tuple[dict[str, set[bytes]], int]:
    wanted = {name: forms(secret) for name, secret in secrets.items()}
    return wanted, max(len(form) for written in wanted.values() for form in written)


def in_files(folder: Path, secrets: Mapping[str, bytes]) -> set[str]:
    """What is found of the secrets, "name in file", in all files below a folder."""
    wanted, _ = _prepared(secrets)
    found = set()
    for path in folder.rglob("*"):
        if path.is_file():
            found |= {f"{name} in {path.relative_to(folder)}" for name in _hits(path.read_bytes(), wanted)}
    return found


def in_memory(pid: int, secrets: Mapping[str, bytes]) -> set[str]:
    """The names of the secrets that are found in what a process can read of its own memory."""
    wanted, longest = _prepared(secrets)
    found: set[str] = set()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text(encoding="ascii", errors="replace").splitlines():
            place, rights, *_ = line.split()
            if not rights.startswith("rw"):  # what was never written holds nothing of people
                continue
            start, end = (int(side, 16) for side in place.split("-"))
            tail = b""
            for at in range(start, end, READ_BYTES):
                try:
                    memory.seek(at)
                    data = tail + memory.read(min(READ_BYTES, end - at))
                except OSError:  # given back meanwhile
                    break
                found |= set(_hits(data, {name: wanted[name] for name in wanted.keys() - found}))
                tail = data[-longest:]
    return found
