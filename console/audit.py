"""The operator's deeds, written down as they are done: who the operator is, is known; what was written, is not kept."""

from __future__ import annotations

import logging

from console.models import AuditEntry
from peers.clock import now_ms

logger = logging.getLogger(__name__)


def note(action: str, target: str = "", detail: str = "") -> None:
    """Add an entry; never give it a message's text or a secret."""
    AuditEntry.objects.create(at=now_ms(), action=action, target=target[:160], detail=detail)
    logger.info("console: %s", action)
