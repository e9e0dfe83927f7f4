"""`accord send`: texts and files, sealed where their target is private (protocol.md sections 1, 7 and 11).

Lines of standard input are messages one by one; files go with one message, which waits until the hub has them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from accord.encoding import b64encode
from accord.errors import AccordError
from accord.messages import message_uuid
from accord.topics import Topic
from accord_client.commands import check_contact, load_directory, open_client
from accord_client.compose import text_body, text_fields
from accord_client.errors import ClientError
from accord_client.files import Files
from accord_client.history import find_message
from accord_client.lines import Output, ProgressLine, read_lines
from accord_client.outbox import SendResult
from accord_client.private import Private, concerns, open_private
from accord_client.profile import ProfileStore
from accord_client.terminal import quote
from accord_client.welcome import Welcome

MAX_UNANSWERED: Final = 5_000

log = logging.getLogger(__name__)


def _send_json(ident: bytes | None, status: str, code: str | None) -> bytes:
    value: dict[str, Any] = {}
    if ident is not None:
        value = {"id": b64encode(ident), "uuid": str(message_uuid(ident))}
    value["status"] = status
    if code is not None:
        value["code"] = code
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


class _Report:
    """Says how each message fared, in the order sent."""

    def __init__(self, output: Output, *, as_json: bool) -> None:
        self._output = output
        self._as_json = as_json
        self.failed = 0

    async def follow(self, sent: asyncio.Queue[tuple[str, asyncio.Future[SendResult]] | None]) -> None:
        while (item := await sent.get()) is not None:
            text, answered = item
            result = await answered
            if self._as_json:
                self._output.raw(_send_json(result.id, result.status, result.code))
            if not result.accepted:
                self.failed += 1
                log.error("not sent: %s (%s)", quote(text), result.code)

    def unfit(self, text: str, error: ClientError | AccordError) -> None:
        self.failed += 1
        log.error("not sent: %s (%s)", quote(text), error)


async def send(
    store: ProfileStore,
    output: Output,
    *,
    target: str | None,
    text: str | None,
    reply: str | None,
    burn_seconds: int | None,
    openly: bool,
    as_json: bool,
    files: Sequence[Path] = (),
) -> int:
    """Send a text, or each line of standard input where `text` is None; sealed where the target is private. `files` go
    with the text.
    """
    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(open_client(store))
        directory = await load_directory(client, target)
        private = await stack.enter_async_context(open_private(client, store, directory))
        topic = await _private_target(private, store, target, openly=openly)
        reply_to = await find_message(client, topic, reply, private) if reply else None
        composer, carrier = private.composer, Files(client, store)
        sealed = await carrier.seal(files)
        content = {"files": [file.wire() for file, _ in sealed]} if sealed else {}
        report = _Report(output, as_json=as_json)
        sent: asyncio.Queue[tuple[str, asyncio.Future[SendResult]] | None] = asyncio.Queue(MAX_UNANSWERED)
        reporter = asyncio.create_task(report.follow(sent))

        async def write() -> None:
            async for line in _texts(text):
                await composer.keep_pace()
                try:
                    mentions = directory.mentions(line)
                    envelope = private.envelope(
                        topic,
                        "chat.text",
                        text_body(text=line, **content),
                        burn_seconds=burn_seconds,
                        **text_fields(mentions, reply_to),
                    )
                    for file, blob in sealed:
                        with ProgressLine(file.name) as progress:
                            await carrier.bring(blob, burn_at=envelope["header"].get("burn_at"), progress=progress.show)
                except (ClientError, AccordError) as error:
                    report.unfit(line, error)
                    continue
                await sent.put((line, await client.post(envelope)))
            await sent.put(None)
            await composer.keep_pace(0)  # what the next command sends is later than this

        writer = asyncio.create_task(write())
        try:
            done, _ = await asyncio.wait([writer, reporter], return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            writer.cancel()
            reporter.cancel()
            if left := len(client.outbox):
                log.error("%d of the messages were not sent", left)
    return 1 if report.failed else 0


async def _private_target(private: Private, store: ProfileStore, target: str | None, *, openly: bool) -> Topic:
    """The topic to write to, with the keys for it where it is private; ClientError."""
    directory, client = private.directory, private.client
    try:
        topic = directory.topic(target)
        is_private = concerns(topic, directory)
    except ClientError:
        is_private, topic = True, None  # perhaps a private channel, whose name only its members know
    if is_private:
        await private.publish_boxkey()
        await private.catch_up()
        await Welcome(private, store).answer()
        topic = directory.topic(target)
    assert topic is not None  # noqa: S101 - or the second look has said why not
    if topic.kind == "user":
        check_contact(client.profile, directory, topic.ident)
    return await private.prepare(topic, openly=openly)


async def _texts(text: str | None) -> AsyncIterator[str]:
    if text is not None:
        yield text
        return
    async for line in read_lines(sys.stdin.fileno()):
        if line.strip():
            yield line
