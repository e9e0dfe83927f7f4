"""Who asks over HTTP, and the one form of every refusal (protocol.md section 1), without DRF: not every hub loads it.

Not here: how a caller is known by a bearer token (rest.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from django.http import HttpResponse

from accord.errors import AccordError
from peers.selectors import Bearer
from peers.sessions import Role


class NoStandingError(AccordError):
    """A proved user has no live account here; `facts` are `reason` and `until` of section 3, where there are any."""

    def __init__(self, detail: str, facts: dict[str, Any]) -> None:
        super().__init__("denied", detail)
        self.facts = facts


def facts_of(error: AccordError) -> dict[str, Any]:
    """What a refusal says besides code and detail."""
    return error.facts if isinstance(error, NoStandingError) else {}


def error_body(error: AccordError) -> dict[str, Any]:
    """The one form of every refusal."""
    body: dict[str, Any] = {"code": error.code, "detail": error.detail, **facts_of(error)}
    if error.retry_ms is not None:
        body["retry_ms"] = error.retry_ms
    return body


def refusal(code: str, detail: str) -> HttpResponse:
    """A refusal where no view has been reached."""
    error = AccordError(code, detail)
    return HttpResponse(orjson.dumps(error_body(error)), status=error.http_status, content_type="application/json")


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose request it is; DRF's `request.user`."""

    role: Role
    bearer: Bearer
    is_authenticated: bool = True

    @property
    def key(self) -> bytes:
        """The user key; AccordError("denied") for a guest."""
        if self.bearer.user is None:
            raise AccordError("denied", "a guest has no account")
        return self.bearer.user

    @property
    def account_id(self) -> int | None:
        return self.bearer.member.account_id if self.bearer.member else None

    @property
    def is_member(self) -> bool:
        """Whether the account has been claimed."""
        return self.role in (Role.MEMBER, Role.ADMIN)

    @property
    def is_admin(self) -> bool:
        return self.role is Role.ADMIN
