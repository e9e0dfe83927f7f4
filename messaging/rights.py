"""What one message may do to another one: edit, delete, pin (protocol.md section 1).

Judged when both are held, whichever came first, so that every hub comes to the same view. Pure functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from accord.errors import AccordError
from accord.message_types import RULES
from accord.messages import Message
from accord.topics import Topic
from peers.keyring import keyring


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


def topic_admin(topic: Topic) -> bytes:
    """The user key that administers a topic of the built kinds."""
    return topic.ident if topic.kind in ("feed", "user") else keyring().admin.public


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
        and deletion.author in (target.author, topic_admin(target.topic))
        and not is_control(target.type)
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
    is_admin = message.author == topic_admin(message.topic)
    if relation == "edit" and (message.author != target.author or message.burn_at != target.burn_at):
        raise AccordError("denied", "only the author edits, and the edit burns with the original")
    if relation == "delete":
        if message.author != target.author and not is_admin:
            raise AccordError("denied", "only the author or an admin deletes")
        if is_control(target.type):
            raise AccordError("denied", f"a {target.type} cannot be deleted")
        if message.created_at < target.created_at:
            raise AccordError("bad_request", "a deletion is not older than its target")
    if relation == "pin" and not is_admin:
        raise AccordError("denied", "only an admin pins")
