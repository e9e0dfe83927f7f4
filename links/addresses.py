"""Where a linked hub is dialled (protocol.md sections 4 and 12).

The operator has named the address by an invite link, so it may be a private one; but what a hub says of itself leads
nowhere else, and only the hub with the right key is ever talked to. Not here: addresses found by discovery.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

PEER_PATH: Final = "/ws/peer"


def peer_address(origin: str, announced: str | None = None) -> str:
    """The WebSocket for programs of the hub at `origin` (http or https): the announced one only on that very host."""
    scheme = "wss" if origin.startswith("https:") else "ws"
    if announced is not None:
        there, said = urlsplit(origin), urlsplit(announced)
        if (said.scheme, said.netloc) == (scheme, there.netloc):
            return announced
    return f"{scheme}{origin.removeprefix('https').removeprefix('http')}{PEER_PATH}"
