"""What people say of each other in their feeds (protocol.md section 14, `identity.note`): to read and to write.

Every note is verified here: the hub can hold one back, but not make one up.
"""

from __future__ import annotations

import time
from typing import Any

import orjson

from accord import messages
from accord.encoding import b64encode
from accord.errors import AccordError, RemoteError
from accord.message_types import check_type, read_body
from accord.messages import Message
from accord.topics import Topic
from accord_client import commands
from accord_client.account import bearer_token
from accord_client.compose import Composer, text_body
from accord_client.lines import Output
from accord_client.profile import ProfileStore
from accord_client.rest import http_list
from accord_client.session import now_ms
from accord_client.terminal import clean_line, clean_lines


async def show_notes(store: ProfileStore, output: Output, *, who: str, as_json: bool) -> int:
    """What others say of a person: each author's newest note, the latest first."""
    key, _ = await commands.person(store, who)
    for row in http_list(bearer_token(store), f"identities/{b64encode(key)}/notes"):
        note = _verified(row, key)
        if note is None:
            continue
        message, body = note
        name = row["name"] if isinstance(row.get("name"), str) else b64encode(message.author)
        if as_json:
            output.raw(orjson.dumps({"name": name, **row["message"]}, option=orjson.OPT_APPEND_NEWLINE))
            continue
        day = time.strftime("%Y-%m-%d", time.localtime(body["last_update"] / 1000))
        output.text(f"{clean_line(name)}, {day}: {clean_lines(body['notes'])}")
        for address in body.get("addresses", []):
            output.text(f"    at {clean_line(address)}")
    return 0


async def write_note(store: ProfileStore, output: Output, *, who: str, text: str, addresses: list[str]) -> int:
    """Say of a person who they are, and where they can be reached, for all who read one's feed."""
    key, name = await commands.person(store, who)
    async with commands.open_client(store) as client:
        user = client.profile.user
        composer = Composer(user, now_ms)
        fields = {"addresses": addresses} if addresses else {}
        body = text_body(other_user=b64encode(key), notes=text, last_update=now_ms(), **fields)
        sent = await client.send(composer.make("identity.note", Topic("feed", user.public), body))
        if not sent.accepted:
            raise AccordError(sent.code or "internal")
    output.text(f"noted about {clean_line(name) or b64encode(key)}")
    return 0


def _verified(row: Any, key: bytes) -> tuple[Message, dict[str, Any]] | None:
    """The note of a row, if its author has signed it and it is about that key."""
    try:
        envelope = messages.parse_envelope(row["message"]["message"])
        check_type(envelope)
        message = messages.verify(envelope)
        if message.type != "identity.note" or message.body is None:
            return None
        body = read_body(message)
    except (RemoteError, KeyError, TypeError):
        return None
    return (message, body) if body["other_user"] == key else None
