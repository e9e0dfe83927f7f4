"""`accord whoami`: who this profile is, and what its account may store on its hub (protocol.md section 8).

Who it is, is known without a connection; the rest is left out where the hub cannot be asked.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from accord.encoding import b64encode
from accord.errors import AccordError
from accord.keys import fingerprint
from accord.messages import TIME_LIMIT_MS
from accord_client.account import bearer_token, load_joined
from accord_client.errors import ClientError
from accord_client.lines import Output
from accord_client.profile import ProfileStore
from accord_client.rest import http_get
from accord_client.terminal import clean_line

TITLES: Final = {"hub_key": "hub key"}
FIELDS: Final = ("messages_limit", "messages_used", "bytes_limit", "bytes_used", "resets_at")

log = logging.getLogger(__name__)


def whoami(store: ProfileStore, output: Output, *, as_json: bool) -> int:
    """Who this profile is. The hub is asked last: a JSON object has `allowance` only where it has answered."""
    profile = load_joined(store)
    rows = {
        "name": profile.account_name,
        "user": b64encode(profile.user.public),
        "device": b64encode(profile.device.public),
        "hub": profile.url,
        "hub_key": b64encode(profile.hub),
        "fingerprint": fingerprint(profile.hub),
        "profile": str(store.path),
    }
    if as_json:
        allowance = _ask(store)
        value = rows if allowance is None else {**rows, "allowance": allowance}
        output.raw(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))
        return 0
    for name, text in rows.items():
        output.text(f"{TITLES.get(name, name):<12} {clean_line(text)}")
    if line := _line(_ask(store) or {}):
        output.text(f"{'allowance':<12} {line}")
    return 0


def _ask(store: ProfileStore) -> dict[str, int | None] | None:
    """What the hub says of the account's allowance; None, and a warning, where it does not."""
    try:
        answer = http_get(bearer_token(store), "me")
    except (ClientError, AccordError) as error:
        log.warning("what you may store there is not known: %s", error)
        return None
    said: Any = answer.get("allowance") if isinstance(answer, dict) else None
    if not isinstance(said, dict):
        return None
    return {name: said[name] if isinstance(said.get(name), int) else None for name in FIELDS}


def _line(allowance: dict[str, int | None]) -> str:
    """What is used of what there is; nothing without a limit."""
    messages, size, resets_at = (allowance.get(name) for name in ("messages_limit", "bytes_limit", "resets_at"))
    parts = []
    if messages is not None:
        parts.append(f"{allowance['messages_used'] or 0} of {messages} messages used")
    if size is not None:
        parts.append(f"{_size(allowance['bytes_used'] or 0)} of {_size(size)} used")
    if parts and resets_at is not None and 0 <= resets_at < TIME_LIMIT_MS:
        parts.append(f"counted anew on {datetime.fromtimestamp(resets_at // 1000, UTC):%Y-%m-%d}")
    return ", ".join(parts)


def _size(bytes_: int) -> str:
    amount, unit = (bytes_ / 1024, "KiB") if bytes_ < 1024 * 1024 else (bytes_ / (1024 * 1024), "MiB")
    return f"{amount:.1f} {unit}"
