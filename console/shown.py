"""How the console writes times, sizes and keys. Plain text: templates escape it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import segno
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from accord.encoding import b64encode
from accord.keys import fingerprint

MINUTE_SECONDS: Final = 60
HOUR_SECONDS: Final = 3600
DAY_SECONDS: Final = 24 * 3600


def moment(ms: int | None) -> str:
    """A time of the protocol, in UTC; times that no calendar holds are shown as they are."""
    if ms is None:
        return ""
    try:
        return f"{datetime.fromtimestamp(ms / 1000, tz=UTC):%Y-%m-%d %H:%M:%S}"
    except (OverflowError, ValueError, OSError):
        return str(ms)


def ago(ms: int, now: int) -> str:
    """How long ago, or until when, in the unit that says most."""
    seconds = abs(now - ms) / 1000
    if seconds < MINUTE_SECONDS:
        text = f"{seconds:.0f} s"
    elif seconds < HOUR_SECONDS:
        text = f"{seconds / MINUTE_SECONDS:.0f} min"
    elif seconds < DAY_SECONDS:
        text = f"{seconds / HOUR_SECONDS:.0f} h"
    else:
        text = f"{seconds / DAY_SECONDS:.0f} days"
    return f"{text} ago" if ms <= now else f"in {text}"


def count(number: int, one: str, many: str) -> str:
    """A number of things."""
    return f"{number:,} {one if number == 1 else many}"


def size(amount: float) -> str:
    """Bytes, in the unit that gives a short number."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:,.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:,.1f} {unit}"
        amount /= 1024
    return f"{amount:,.1f} TiB"


def short_key(key: bytes | memoryview) -> str:
    """The first three groups of a fingerprint: to tell keys apart in a table, not to compare them."""
    return " ".join(fingerprint(bytes(key)).split()[:3])


class KeyText(SafeString):
    """A key as pages show it; `whole` is its text for exports."""

    whole: str


def key_html(key: bytes | memoryview) -> KeyText:
    """A short fingerprint whose whole is in its title."""
    grouped = fingerprint(bytes(key))
    text = KeyText(format_html('<code class="keytext" title="{}">{} …</code>', grouped, short_key(key)))
    text.whole = b64encode(bytes(key))
    return text


def whole_key_html(key: bytes | memoryview) -> KeyText:
    """A whole fingerprint, to be compared."""
    text = KeyText(format_html('<code class="keytext">{}</code>', fingerprint(bytes(key))))
    text.whole = b64encode(bytes(key))
    return text


def text_of(data: bytes | memoryview) -> str:
    """Bytes as the protocol writes them."""
    return b64encode(bytes(data))


def qr_svg(text: str) -> SafeString:
    """A text as a QR code: segno draws SVG of its own making; what it encodes is in the modules, not in the markup."""
    return mark_safe(segno.make(text, micro=False).svg_inline(border=4, omitsize=True))  # noqa: S308
