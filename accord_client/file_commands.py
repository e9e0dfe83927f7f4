"""`accord files`: what files there are in a conversation, and saving them (protocol.md section 11)."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any, Final

import orjson

from accord.encoding import b64encode
from accord.messages import Message, message_uuid
from accord_client.arguments import number_of
from accord_client.commands import load_directory, open_client, readable
from accord_client.errors import ClientError
from accord_client.files import FileRef, Files, files_in
from accord_client.foreign import learn_authors
from accord_client.history import Before, history
from accord_client.lines import Output, ProgressLine
from accord_client.private import open_private
from accord_client.profile import ProfileStore
from accord_client.render import clock_time, size_words
from accord_client.saving import save
from accord_client.session import now_ms
from accord_client.terminal import clean_line

USUAL_MESSAGES: Final = 200
MAX_MESSAGES: Final = 1_000_000


def add_parser(parsers: Any, common: argparse.ArgumentParser, target_help: str) -> None:
    """Add the command to the program's."""
    sub = parsers.add_parser("files", parents=[common], help="list the files of a conversation, or save them")
    sub.add_argument("target", metavar="TARGET", nargs="?", help=f"{target_help} (default: the lounge)")
    sub.add_argument("--save", metavar="FOLDER_OR_FILE", type=Path, help="fetch them, and never over another file")
    sub.add_argument("--message", metavar="ID", help="only those of this message: its id or UUID")
    limit = number_of(1, MAX_MESSAGES)
    sub.add_argument(
        "--limit", metavar="N", type=limit, default=USUAL_MESSAGES, help=f"look at N texts (default {USUAL_MESSAGES})"
    )
    sub.add_argument("--json", action="store_true", help="print one JSON object a file; `saved` is its path")


async def files(
    store: ProfileStore,
    output: Output,
    *,
    target: str | None,
    where: Path | None,
    message: str | None,
    limit: int,
    as_json: bool,
) -> int:
    """List the files of the last texts of a target, oldest first, and save them where `where` says."""
    async with open_client(store) as client:
        directory = await load_directory(client, target)
        async with open_private(client, store, directory) as private:
            topic = await readable(private, target)
            items = await history(client, topic, limit=limit, before=Before(), now=now_ms(), private=private)
        told = [item.event.message for item in items if not item.deleted]
        found = [(each, file) for each in told if message in (None, *_names(each)) for file in files_in(each)]
        if not found:
            raise ClientError("there is no such file" if message else "there are no files")
        if where is not None and len(found) > 1 and not await asyncio.to_thread(where.is_dir):
            raise ClientError(f"these are {len(found)} files: --save names the folder that they go to")
        if not as_json:
            await learn_authors(client, directory, (each.author for each, _ in found))
        carrier = Files(client, store)
        for each, file in found:
            path = None if where is None else await _save(carrier, file, where)
            if as_json:
                output.raw(_json(each, file, path))
            elif path is not None:
                output.text(str(path))
            else:
                who = clean_line(directory.name_of(each.author))
                head = f"{clock_time(each.created_at, now_ms())} {who}: {clean_line(file.name)}"
                output.text(f"{head}, {size_words(file.size)} {b64encode(each.id)}")
    return 0


def _names(message: Message) -> tuple[str, str]:
    return b64encode(message.id), str(message_uuid(message.id))


async def _save(carrier: Files, file: FileRef, where: Path) -> Path:
    with ProgressLine(file.name) as progress:
        data = await carrier.fetch(file, progress=progress.show)
    return await asyncio.to_thread(save, where, file.name, data)


def _json(message: Message, file: FileRef, path: Path | None) -> bytes:
    value = {"id": b64encode(message.id), "from": b64encode(message.author), "created_at": message.created_at}
    value |= {"name": file.name, "size": file.size, "media": file.media, "blob": b64encode(file.blob)}
    value |= {} if path is None else {"saved": str(path)}
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
