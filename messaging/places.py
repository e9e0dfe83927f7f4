"""Positions in a topic, as clients keep them: opaque strings of `fetch` and of the REST API (protocol.md section 4)."""

from __future__ import annotations

from typing import Final

from accord.encoding import b64decode, b64encode

PLACE_BYTES: Final = 40

Place = tuple[int, bytes]  # created_at and id


def write_place(place: Place) -> str:
    """The string."""
    return b64encode(place[0].to_bytes(8, "big") + place[1])


def read_place(value: object) -> Place | None:
    """The place, None for none; RemoteError("bad_request")."""
    if value is None:
        return None
    raw = b64decode(value, PLACE_BYTES)
    return int.from_bytes(raw[:8], "big"), raw[8:]
