"""How a body that is too large is refused, by whichever server: before Django sees it."""

from __future__ import annotations

from typing import Final

from django.conf import settings

from accord_hub.views import API_PREFIX
from peers.callers import refusal

TOO_MUCH: Final = b"Too much.\n"


def too_big(path: str) -> tuple[bytes, bytes]:
    """Content type and body of the answer, whose status is 413."""
    if path.startswith(API_PREFIX):
        detail = f"a body has at most {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes"
        return b"application/json", refusal("too_big", detail).content
    return b"text/plain", TOO_MUCH
