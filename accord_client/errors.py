"""What can go wrong for a client, each in one sentence for the person.

What a hub refuses with a stable code is accord.errors.AccordError; these are the rest.
"""

from __future__ import annotations

from accord.errors import HTTP_STATUS, AccordError


class ClientError(Exception):
    """A failure that a person can read and act on."""


class ProfileError(ClientError):
    """The profile's files cannot be used as they are."""


class NotJoined(ProfileError):
    """There is no profile of that name yet."""


class HubUnreachable(ClientError):
    """No session with the hub now; another try may bring one."""


class ConnectionLost(HubUnreachable):
    """The session ended; `code` is the WebSocket close code, 1006 where there was none."""

    def __init__(self, message: str, code: int = 1006) -> None:
        super().__init__(message)
        self.code = code


class Stopped(ClientError):
    """The session is over and no further try can help."""


class LoginRefused(AccordError):
    """The hub did not log this client in. `authenticated` False: anyone on the way could have said it. `reason` and
    `until` (ms) are what the hub says of it, "" and 0 where it does not.
    """

    def __init__(self, code: str, *, authenticated: bool, reason: str = "", until: int = 0) -> None:
        super().__init__(code if code in HTTP_STATUS else "unauthorized", "the hub refused the login")
        self.authenticated = authenticated
        self.reason = reason
        self.until = until
