"""What goes where a vault's content does not fit into its enclave (protocol.md section 9, "Content").

The web client leaves out more (static/client/vault_content.js); what this one adds are windows' keys above all.
"""

from __future__ import annotations

from typing import Any, Final

from accord.encoding import canonical

MAX_CONTENT_BYTES: Final = 380_000  # sealed and in base64 it stays below what an enclave holds

Item = dict[str, Any]


def _int(item: Item, name: str) -> int:
    value = item.get(name)
    return value if isinstance(value, int) else 0


def fitted(content: Item) -> Item:
    """The content without the oldest keys of epochs that others have followed, as far as they do not fit; the newest
    key of a channel stays: a connection has only one, and it opens all of it.
    """
    over = len(canonical(content)) - MAX_CONTENT_BYTES
    if over <= 0:
        return content
    windows: list[Item] = content.get("windows", [])
    newest: dict[Any, int] = {}
    for item in windows:
        newest[item.get("topic")] = max(_int(item, "epoch"), newest.get(item.get("topic"), 0))
    followed = [item for item in windows if _int(item, "epoch") < newest[item.get("topic")]]
    gone = set()
    for item in sorted(followed, key=lambda item: _int(item, "created_at")):
        if over <= 0:
            break
        gone.add(id(item))
        over -= len(canonical(item)) + 1
    return {**content, "windows": [item for item in windows if id(item) not in gone]}
