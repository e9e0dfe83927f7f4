"""Files to download, streamed in blocks: tables as CSV, safe to open in a spreadsheet, and other lines.

A cell that begins like a formula gets an apostrophe before it: names and channels are chosen by others.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Final

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

BLOCK_BYTES: Final = 64 * 1024
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def safe_cell(value: object) -> str:
    """Text that no spreadsheet takes for a formula; a plain number stays one."""
    text = "" if value is None else str(value)
    if text.startswith(_FORMULA) and not isinstance(value, int | float):
        return f"'{text}"
    return text


def _lines(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    drawn = io.StringIO()
    writer = csv.writer(drawn)
    writer.writerow(header)
    for row in rows:
        yield drawn.getvalue().encode()
        drawn.seek(0)
        drawn.truncate()
        writer.writerow([safe_cell(value) for value in row])
    yield drawn.getvalue().encode()


async def _in_thread(blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
    def following() -> bytes | None:
        return next(blocks, None)

    while (block := await sync_to_async(following)()) is not None:
        yield block


def stream_response(
    request: HttpRequest, name: str, content_type: str, parts: Iterable[bytes]
) -> StreamingHttpResponse:
    """A file to download, sent in blocks as it is made, on a server that streams."""
    blocks = _joined(parts)
    return StreamingHttpResponse(
        _in_thread(blocks) if isinstance(request, ASGIRequest) else blocks,
        content_type=content_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def _joined(parts: Iterable[bytes]) -> Iterator[bytes]:
    block = bytearray()
    for part in parts:
        block += part
        if len(block) > BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    yield bytes(block)


def csv_response(
    request: HttpRequest, name: str, header: Sequence[str], rows: Iterable[Sequence[object]]
) -> StreamingHttpResponse:
    """A table to download; rows are made as they are sent."""
    return stream_response(request, f"{name}.csv", "text/csv; charset=utf-8", _lines(header, rows))
