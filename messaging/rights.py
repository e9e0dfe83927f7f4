"""What one message may do to another one: edit, delete, pin (protocol.md section 1).

Judged when both are held, whichever came first, so that every hub comes to the same view.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import orjson

from accord.errors import AccordError
from accord.message_types import RULES
from accord.messages import Message
from accord.spaces import ADMIN
from accord.statements import HubAdmin, admin_of
from accord.topics import Topic
from messaging.models import Topic as ChannelRow
from messaging.spaces.chains import view_of
from peers.keyring import keyring
from peers.models import Hub
from peers.owner import own_admin


class Target(Protocol):
    """What is asked of a message that another one refers to."""

    @property
    def type(self) -> str: ...
    @property
    def topic(self) -> Topic: ...
    @property
    def author(self) -> bytes: ...
    @property
    def created_at(self) -> int: ...
    @property
    def burn_at(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Deletion:
    """A chat.delete that is held, as far as its rights go."""

    author: bytes
    topic: Topic
    created_at: int


def topic_admin(topic: Topic) -> HubAdmin | None:
    """Who administers a topic of the built kinds: of a channel, the admin of the hub it belongs to. None for what is
    not known here.
    """
    match topic.kind:
        case "feed" | "user":
            return HubAdmin(topic.ident)
        case "hub":
            return hub_admin(topic.ident)
        case _:
            hub = ChannelRow.objects.filter(kind=topic.kind, ident=topic.ident).values_list("hub", flat=True).first()
            return own_admin() if hub is None else hub_admin(bytes(hub))


def administers(key: bytes, topic: Topic, at: int) -> bool:
    """Whether a user administers a topic; of a space and its channels, whether they did at a time (ms)."""
    row = ChannelRow.objects.filter(kind=topic.kind, ident=topic.ident, is_private=True).select_related("room__space")
    private = row.first() if topic.kind in ("chan", "space") else None
    if private is None:
        admin = topic_admin(topic)
        return admin is not None and admin.has(key, at)
    space = private if private.kind == "space" else private.room.space
    return space is not None and view_of(bytes(space.ident)).was(key, at, ADMIN)


def hub_admin(hub: bytes) -> HubAdmin | None:
    """A hub's admin: of another one, as it has signed it; None where it has not."""
    if hub == keyring().hub.public:
        return own_admin()
    found = Hub.objects.filter(key=hub).values_list("set_admin", flat=True).first()
    return None if found is None else admin_of(orjson.loads(bytes(found)))


def has_effect(message: Message, relation: str) -> bool:
    """Whether a reference does what it says: only that of its own type does, and only where all is understood."""
    rule = RULES.get(message.type)
    return rule is not None and rule.relation == relation and not message.crit


def is_control(type_: str) -> bool:
    """Whether messages of the type are facts that others rely on: nothing deletes them."""
    rule = RULES.get(type_)
    return rule is not None and rule.control


def may_delete(deletion: Deletion, target: Target) -> bool:
    """Whether a deletion empties its target."""
    return (
        deletion.topic == target.topic
        and deletion.created_at >= target.created_at
        and not is_control(target.type)
        and (deletion.author == target.author or administers(deletion.author, target.topic, deletion.created_at))
    )


def _is_received(message: Message, target: Target) -> bool:
    """Whether a message goes into the inbox of somebody who wrote the target into the author's inbox."""
    return (
        target.topic.kind == message.topic.kind == "user"
        and target.topic.ident == message.author
        and target.author == message.topic.ident
    )


def check_reference(message: Message, relation: str, target: Target) -> None:
    """Refuse at the door what would have no effect; AccordError: bad_request, denied."""
    if target.topic != message.topic and not (relation == "react" and _is_received(message, target)):
        raise AccordError("bad_request", "a reference is to a message of the same topic")
    if relation == "edit" and (message.author != target.author or message.burn_at != target.burn_at):
        raise AccordError("denied", "only the author edits, and the edit burns with the original")
    if relation == "delete":
        if message.author != target.author and not administers(message.author, message.topic, message.created_at):
            raise AccordError("denied", "only the author or an admin deletes")
        if is_control(target.type):
            raise AccordError("denied", f"a {target.type} cannot be deleted")
        if message.created_at < target.created_at:
            raise AccordError("bad_request", "a deletion is not older than its target")
    if relation == "pin" and not administers(message.author, message.topic, message.created_at):
        raise AccordError("denied", "only an admin pins")
