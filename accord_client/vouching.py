"""`accord vouch`: a voucher with which a stranger writes to people of the hub without work (protocol.md section 10).

Signed here, told to nobody: it works without a connection. Not here: what the hub makes of it.
"""

from __future__ import annotations

from typing import Final

from accord.errors import RemoteError
from accord.names import normalize_name
from accord.vouchers import MAX_VOUCHER_LIFE_MS, make_voucher, show_voucher, voucher_link
from accord_client.account import load_joined
from accord_client.directory import parse_key
from accord_client.errors import ClientError
from accord_client.lines import Output
from accord_client.profile import ProfileStore
from accord_client.session import now_ms

DAY_MS: Final = 24 * 3600 * 1000
MAX_DAYS: Final = MAX_VOUCHER_LIFE_MS // DAY_MS
USUAL_DAYS: Final = 7


def vouch(store: ProfileStore, output: Output, *, key: str, days: int, name: str | None) -> int:
    """Print a voucher for a stranger's key as a text, and as a link to the page of `name` or of this account."""
    profile = load_joined(store)
    stranger = parse_key("".join(key.split()))
    if stranger is None:
        raise ClientError("a key has 43 letters, digits, dashes and underscores")
    if stranger in (profile.user.public, profile.hub):
        raise ClientError("that is your own key or the hub's, not a stranger's")
    try:
        whom = profile.account_name if name is None else normalize_name(name.removeprefix("@"))
    except RemoteError as error:
        raise ClientError(error.detail) from error
    voucher = make_voucher(profile.user, hub=profile.hub, stranger=stranger, issued_at=now_ms(), life_ms=days * DAY_MS)
    output.text(show_voucher(voucher))
    output.text(voucher_link(profile.url, whom, voucher))
    return 0
