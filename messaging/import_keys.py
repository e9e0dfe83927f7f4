"""The keys under which this hub imports (protocol.md section 14)."""

from __future__ import annotations

from typing import Final

from accord.errors import RemoteError
from accord.keys import SigningKey
from accord.message_types import read_body
from accord.messages import Message
from accord.primitives import expand, lp
from messaging.models import Topic
from peers.keyring import private_seed
from peers.owner import own_admin

IMPORT_KEY_FILE: Final = "import.key"


def import_key(secret: bytes, name: str) -> SigningKey:
    """The user key of a name in a source."""
    return SigningKey(expand(secret, "import-key", lp(name.encode())))


def is_own_import(message: Message) -> bool:
    """Whether an `import.text` that another hub brings may be in its channel: in those of this hub is only what this
    hub has imported, or its admin; what other hubs have in theirs is for them to say.
    """
    topic = message.topic
    if Topic.objects.filter(kind=topic.kind, ident=topic.ident, hub__isnull=False).exists():
        return True
    if own_admin().has(message.author, message.created_at):
        return True
    try:
        name = read_body(message)["author"]
    except RemoteError:
        return False
    return import_key(private_seed(IMPORT_KEY_FILE), name).public == message.author
