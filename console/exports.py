"""Tables as CSV, streamed in blocks, safe to open in a spreadsheet.

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

BLOCK_CHARS: Final = 64 * 1024
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def safe_cell(value: object) -> str:
    """Text that no spreadsheet takes for a formula; a plain number stays one."""
    text = "" if value is None else str(value)
    if text.startswith(_FORMULA) and not isinstance(value, int | float):
        return f"'{text}"
    return text


def _blocks(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    drawn = io.StringIO()
    writer = csv.writer(drawn)
    writer.writerow(header)
    for row in rows:
        writer.writerow([safe_cell(value) for value in row])
        if drawn.tell() > BLOCK_CHARS:
            yield drawn.getvalue().encode()
            drawn.seek(0)
            drawn.truncate()
    yield drawn.getvalue().encode()


async def _in_thread(blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
    def following() -> bytes | None:
        return next(blocks, None)

    while (block := await sync_to_async(following)()) is not None:
        yield block


def csv_response(
    request: HttpRequest, name: str, header: Sequence[str], rows: Iterable[Sequence[object]]
) -> StreamingHttpResponse:
    """A file to download; rows are made as they are sent, on a server that streams."""
    blocks = _blocks(header, rows)
    return StreamingHttpResponse(
        _in_thread(blocks) if isinstance(request, ASGIRequest) else blocks,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "no-store"},
    )
