"""What a person writes in the conversations of a desk: texts with files, edits, reactions, pins, deletions (protocol.md
sections 1 and 11).

What is written shows at once, and the hub's answer comes later; a message with files is sent once the hub has them. Not
here: reading (desk.py), which keys seal what (sealed.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from accord.encoding import b64encode
from accord.errors import AccordError, RemoteError
from accord.messages import Message, parse_envelope, verify
from accord.topics import Topic
from accord_client.commands import check_contact
from accord_client.compose import text_body, text_fields
from accord_client.errors import ClientError
from accord_client.files import Files, files_in, no_progress
from accord_client.overview import Overview
from accord_client.session import now_ms
from accord_client.talks import Talk

Carried = Sequence[tuple[Any, bytes]]  # files as their message names them, and what the hub is to get


class Writing:
    """The deeds of one session."""

    def __init__(self, overview: Overview, files: Files) -> None:
        self._overview = overview
        self._private = overview.private
        self._files = files
        self._me = overview.me
        self._tasks: set[asyncio.Task[None]] = set()

    def stop(self) -> None:
        """No longer wait for the hub's answers."""
        for task in self._tasks:
            task.cancel()

    async def say(
        self,
        name: str,
        text: str,
        *,
        reply_to: bytes | None = None,
        files: Sequence[Path] = (),
        burn_seconds: int | None = None,
    ) -> None:
        """Write a text, sealed where there are keys for it; the hub's refusal is a notice. ClientError where it cannot
        be written.
        """
        talk = self._overview.talks[name]
        directory = self._overview.directory
        if talk.topic.kind == "user":
            check_contact(self._overview.client.profile, directory, talk.topic.ident)
        carried = await self._files.seal(files)
        body = {"text": text, **({"files": [file.wire() for file, _ in carried]} if carried else {})}
        fields = text_fields(directory.mentions(text), reply_to)
        way = self._private.way(talk.topic)
        self._write(talk, "chat.text", way, body, carried, burn_seconds=burn_seconds, **fields)

    async def edit(self, name: str, target: Message, text: str) -> None:
        """Put another text in place of a message of one's own."""
        burning = {} if target.burn_at is None else {"burn_at": target.burn_at}
        self._refer(name, "chat.edit", "edit", target, {"text": text}, **burning)

    async def delete(self, name: str, target: Message) -> None:
        """Delete a message of one's own, one in one's own inbox, or as admin of its channel; its files go too."""
        self._refer(name, "chat.delete", "delete", target, {})
        self._in_background(self._files.drop(files_in(target)))

    async def pin(self, name: str, target: Message, *, on: bool) -> None:
        """Pin a message, or no longer, as admin of its channel."""
        self._refer(name, "chat.pin", "pin", target, {} if on else {"off": True})

    async def react(self, name: str, target: Message, emoji: str) -> None:
        """React to a message; the same once more takes it back."""
        talk = self._overview.talks[name]
        shown = next((item for item in talk.shown(now_ms()) if item.event.message.id == target.id), None)
        is_there = shown is not None and self._me in shown.reactions.get(emoji, ())
        self._refer(name, "chat.react", "react", target, {"emoji": emoji, **({"off": True} if is_there else {})})

    def may_edit(self, target: Message) -> bool:
        return target.author == self._me and target.type == "chat.text"

    def may_delete(self, target: Message) -> bool:
        return self._me == target.author or self._overview.is_admin(target.topic, self._me, now_ms())

    def may_pin(self, target: Message) -> bool:
        return target.topic.kind == "chan" and self._overview.is_admin(target.topic, self._me, now_ms())

    def give_up(self, name: str, target: Message) -> None:
        """Forget a message that the hub has refused."""
        self._overview.talks[name].refused.pop(target.id, None)
        self._overview.talks[name].waiting.pop(target.id, None)
        self._overview.changed(name)

    def drop_files(self, target: Message) -> None:
        """Somebody else has deleted a message of one's own: only its author can have its files deleted."""
        self._in_background(self._files.drop(files_in(target)))

    def _refer(self, name: str, type: str, rel: str, target: Message, body: dict[str, Any], **fields: Any) -> None:
        topic = target.topic
        if type == "chat.react" and topic == Topic("user", self._me):
            topic = Topic("user", target.author)  # into the author's inbox, where the author sees it
        fields["refs"] = [{"rel": rel, "id": b64encode(target.id)}]
        self._write(self._overview.talks[name], type, topic, body, (), **fields)

    def _write(
        self, talk: Talk, type: str, topic: Topic, body: dict[str, Any], carried: Carried, **fields: Any
    ) -> None:
        try:
            envelope = self._private.envelope(topic, type, text_body(**body), **fields)
        except RemoteError as error:
            raise ClientError(error.detail) from error
        message = self._overview.sealed.take(verify(parse_envelope(envelope)))
        talk.waiting[message.id] = message
        self._in_background(self._send(talk, message, envelope, carried))
        self._overview.changed(talk.name)

    def _in_background(self, work: Any) -> None:
        async def tried() -> None:
            try:
                await work
            except (ClientError, AccordError) as error:
                self._overview.notice(f"not done: {error}")

        task = asyncio.create_task(tried())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, talk: Talk, message: Message, envelope: dict[str, Any], carried: Carried) -> None:
        try:
            await self._carry(talk, message, carried)
            result = await self._overview.client.send(envelope)
        except AccordError as error:
            self._refused(talk, message, error.code)
            return
        except ClientError as error:
            self._overview.notice(f"not sent: {error}")
            return
        if not result.accepted:
            self._refused(talk, message, str(result.code))

    async def _carry(self, talk: Talk, message: Message, carried: Carried) -> None:
        total, before = sum(len(blob) for _, blob in carried), 0
        for _, blob in carried:
            progress = self._progress(talk, message, before, total)
            await self._files.bring(blob, burn_at=message.burn_at, progress=progress)
            before += len(blob)
        talk.carried.pop(message.id, None)

    def _progress(self, talk: Talk, message: Message, before: int, total: int) -> Any:
        if not total:
            return no_progress

        def show(done: int, size: int) -> None:
            percent = 100 * (before + done) // total
            if talk.carried.get(message.id) != percent:
                talk.carried[message.id] = percent
                self._overview.changed(talk.name)

        return show

    def _refused(self, talk: Talk, message: Message, code: str) -> None:
        talk.carried.pop(message.id, None)
        talk.refused[message.id] = code
        self._overview.notice(f"not sent: the hub refuses it ({code})")
        self._overview.changed(talk.name)
