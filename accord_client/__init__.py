"""What programs use to talk to a hub: profiles, an async client, the command line (protocol.md sections 1 to 4, 8, 12
to 14).

    async with Client(store.load(), store) as client:
        result = await client.send(envelope)

Built on accord/, websockets and the standard library; neither Django nor the hub is imported.
"""

from accord_client.connection import Connection, connect
from accord_client.errors import ClientError, ConnectionLost, HubUnreachable, LoginRefused, NotJoined, Stopped
from accord_client.profile import Profile, ProfileStore
from accord_client.session import Client
from accord_client.subscription import Subscription

__all__ = [
    "Client",
    "ClientError",
    "Connection",
    "ConnectionLost",
    "HubUnreachable",
    "LoginRefused",
    "NotJoined",
    "Profile",
    "ProfileStore",
    "Stopped",
    "Subscription",
    "connect",
]
