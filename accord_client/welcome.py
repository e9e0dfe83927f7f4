"""Whose wish for a private conversation is granted unasked: that of one's inviter, of one's invitees, and of those
with whom one was connected before (protocol.md section 7).

Everybody else waits for an answer of the person; so do the blocked, and those who have another key than was compared.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from accord.encoding import b64decode, b64encode
from accord.errors import AccordError
from accord.messages import Message
from accord_client import connecting
from accord_client.account import bearer_token
from accord_client.errors import ClientError
from accord_client.private import Private
from accord_client.profile import ProfileStore
from accord_client.rest import BearerToken, http_get, http_list

log = logging.getLogger(__name__)


class Welcome:
    """What is granted in one session."""

    def __init__(self, private: Private, store: ProfileStore) -> None:
        self._private = private
        self._sealed = private.sealed
        self._store = store
        self._looked_at: set[bytes] = set()

    async def answer(self) -> list[bytes]:
        """Accept what waits of those who are welcome; gives their keys."""
        pairs = self._sealed.pairs
        requests = [request for other in self._sealed.connections() if (request := pairs.waiting(other)) is not None]
        fresh = [request for request in requests if request.id not in self._looked_at]
        if not fresh:
            return []
        try:
            welcome = await asyncio.to_thread(self._welcome, fresh)
        except (ClientError, AccordError) as error:
            log.debug("whose requests are welcome is not known: %s", error)
            return []
        self._looked_at.update(request.id for request in fresh)
        accepted = []
        for other in welcome:
            try:
                await connecting.accept(self._private.client, self._sealed, self._private.composer, other)
                accepted.append(other)
            except (ClientError, AccordError) as error:
                log.warning("a private conversation was not accepted: %s", error)
        return accepted

    def _welcome(self, requests: list[Message]) -> list[bytes]:
        token = bearer_token(self._store)
        blocked = {row.get("key") for row in http_list(token, "contacts") if row.get("state") == "blocked"}
        return [
            request.author
            for request in requests
            if b64encode(request.author) not in blocked and self._is_welcome(request, token)
        ]

    def _is_welcome(self, request: Message, token: BearerToken) -> bool:
        other, client, directory = request.author, self._private.client, self._private.directory
        verified = client.profile.verified
        if other not in verified and any(former in verified for former in directory.former_keys(other)):
            return False
        if self._sealed.pairs.ours_before(request):
            return False
        return (
            self._sealed.pairs.has_asked(other)
            or bool(self._sealed.connection(other).topics)
            or _inviter(token, other) == self._sealed.me
            or _inviter(token, self._sealed.me) == other
        )


def _inviter(token: BearerToken, user: bytes) -> bytes | None:
    """Who has invited somebody, as far as that is for us to know."""
    try:
        row: Any = http_get(token, f"users/{b64encode(user)}")
    except AccordError as error:
        if error.code == "not_found":
            return None  # of another hub, or a stranger
        raise
    inviter = row.get("inviter") if isinstance(row, dict) else None
    return b64decode(inviter.get("key"), 32) if isinstance(inviter, dict) else None
