"""Messages as the operator sees them: who, where, when, how large; text only of open channels.

The store may hold millions, and has no index by author or type. So nothing is counted: a page walks back by arrival
number, looks at no more than LOOKED_AT messages, and says where it stopped. What was deleted or has burned shows no
text, and neither does an edit of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Length
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from accord.encoding import b64decode
from accord.errors import RemoteError
from accord.message_types import RULES
from console import roles
from console.exports import csv_response
from console.grid import SEARCH, Choices, Column, Grid, cells, filters_of, link_with
from console.selectors import open_channels
from console.shown import key_html, moment, size, text_of, whole_key_html
from console.tables import Button, Table
from messaging.models import Message, Reference
from messaging.selectors import store_cursor
from peers.clock import now_ms
from peers.models import User

PAGE_MESSAGES: Final = 50
LOOKED_AT: Final = 50_000
EXPORT_STEP: Final = 2_000
MAX_AUTHORS: Final = 100
MAX_SHOWN_BODY_BYTES: Final = 16 * 1024
MAX_LINE_CHARS: Final = 140
SPOKEN: Final = frozenset({"chat.text", "chat.edit", "import.text"})
TIMES: Final = {"hour": ("last hour", 3600), "day": ("last 24 hours", 86_400), "week": ("last 7 days", 604_800)}

_ROW: Final = (
    "cursor",
    "ident",
    "type",
    "created_at",
    "burn_at",
    "topic_id",
    "topic__kind",
    "topic__ident",
    "topic__name",
    "topic__is_private",
    "author__key",
    "author__account__name",
    "body_bytes",
)


@dataclass(slots=True)
class Row:
    """A message without its body."""

    cursor: int
    ident: bytes
    type: str
    created_at: int
    burn_at: int | None
    topic_id: int
    kind: str
    topic_ident: bytes
    topic_name: str
    is_private: bool
    author: bytes
    author_name: str | None
    body_bytes: int | None
    text: str = ""

    @property
    def where(self) -> str:
        """The topic, as people name it."""
        return self.topic_name or f"{self.kind}:{text_of(self.topic_ident)[:12]}…"

    @property
    def state(self) -> str:
        """What became of its body."""
        if self.body_bytes is None:
            return "deleted"
        return "burns" if self.burn_at is not None else ""


def _rows(query: QuerySet[Message]) -> list[Row]:
    found = query.annotate(body_bytes=Length("body")).values_list(*_ROW)
    made = []
    for row in found:
        values: list[Any] = [bytes(value) if isinstance(value, memoryview) else value for value in row]
        made.append(Row(*values))
    return made


def texts_of(rows: Sequence[Row], *, now: int) -> dict[int, str]:
    """What was said, by arrival number: of open channels only, nothing deleted or burned, and no edit of such."""
    spoken = [
        row.cursor
        for row in rows
        if row.kind == "chan"
        and not row.is_private
        and row.type in SPOKEN
        and row.body_bytes is not None
        and row.body_bytes <= MAX_SHOWN_BODY_BYTES
        and (row.burn_at is None or row.burn_at > now)
    ]
    edits = {row.cursor for row in rows if row.type == "chat.edit"}
    kept = set(spoken) - edits | _edits_of_what_stands(edits & set(spoken), now=now)
    texts: dict[int, str] = {}
    for cursor, body in Message.objects.filter(cursor__in=kept, body__isnull=False).values_list("cursor", "body"):
        try:
            value = orjson.loads(bytes(body or b""))
        except orjson.JSONDecodeError:
            continue
        text = value.get("text") if type(value) is dict else None
        if type(text) is str:
            texts[cursor] = text
    return texts


def _edits_of_what_stands(edits: set[int], *, now: int) -> set[int]:
    targets = {
        bytes(target): cursor
        for cursor, target in Reference.objects.filter(message__in=edits, relation="edit").values_list(
            "message_id", "target"
        )
    }
    standing = Message.objects.filter(ident__in=list(targets), topic__kind="chan", body__isnull=False).filter(
        Q(burn_at__isnull=True) | Q(burn_at__gt=now)
    )
    return {targets[bytes(ident)] for ident in standing.values_list("ident", flat=True)}


@dataclass(frozen=True)
class Asked:
    """The filters of a page."""

    type: str = ""
    channel: int | None = None
    authors: tuple[int, ...] | None = None
    since: int | None = None

    @classmethod
    def of(cls, request: HttpRequest) -> Asked:
        """As they stand in its address."""
        channel = request.GET.get("channel", "")
        time = request.GET.get("time", "")
        return cls(
            type=request.GET.get("type", "")[:64],
            channel=int(channel) if channel.isascii() and channel.isdecimal() and len(channel) < 18 else None,
            authors=_authors(request.GET.get(SEARCH, "").strip()[:64]),
            since=now_ms() - TIMES[time][1] * 1000 if time in TIMES else None,
        )

    def condition(self) -> Q:
        """For a walk by arrival number; `+ 0` keeps the planner from the index by topic and time."""
        wanted = Q()
        if self.type:
            wanted &= Q(type=self.type)
        if self.channel is not None:
            wanted &= Q(in_topic=self.channel)
        if self.authors is not None:
            wanted &= Q(author_id__in=self.authors)
        if self.since is not None:
            wanted &= Q(created_at__gte=self.since)
        return wanted

    @property
    def is_channel_alone(self) -> bool:
        """Whether the index by topic and time answers the whole question."""
        return self.channel is not None and not self.type and self.authors is None


def _authors(search: str) -> tuple[int, ...] | None:
    if not search:
        return None
    wanted = Q(account__name__icontains=search)
    with contextlib.suppress(RemoteError):
        wanted |= Q(key=b64decode("".join(search.split()), 32))
    return tuple(User.objects.filter(wanted).values_list("pk", flat=True)[:MAX_AUTHORS])


@dataclass(frozen=True)
class Page:
    """Some messages, and where the next ones begin."""

    rows: list[Row]
    older: str | None
    looked_at_all: bool


def page_of(asked: Asked, before: str, *, oldest_first: bool = False) -> Page:
    """The next messages behind a place, which is the `older` of the page before or empty."""
    if asked.is_channel_alone:
        return _page_of_channel(asked, before, oldest_first=oldest_first)
    place = int(before) if before.isascii() and before.isdecimal() and len(before) < 18 else None
    walked = Message.objects.annotate(in_topic=F("topic_id") + 0)
    if oldest_first:
        start = place or 0
        end = start + LOOKED_AT
        walked = walked.filter(cursor__gt=start, cursor__lte=end).order_by("cursor")
        is_end = end >= store_cursor()
    else:
        start = place if place is not None else store_cursor() + 1
        end = start - LOOKED_AT
        walked = walked.filter(cursor__lt=start, cursor__gte=end).order_by("-cursor")
        is_end = end <= 1
    rows = _rows(walked.filter(asked.condition())[: PAGE_MESSAGES + 1])
    if len(rows) > PAGE_MESSAGES:
        return Page(rows[:PAGE_MESSAGES], str(rows[PAGE_MESSAGES - 1].cursor), looked_at_all=True)
    return Page(rows, None if is_end else str(end), looked_at_all=is_end)


def _page_of_channel(asked: Asked, before: str, *, oldest_first: bool) -> Page:
    rows = Message.objects.filter(topic=asked.channel)
    if asked.since is not None:
        rows = rows.filter(created_at__gte=asked.since)
    time, _, cursor = before.partition("-")
    if time.isascii() and time.isdecimal() and cursor.isascii() and cursor.isdecimal() and len(before) < 36:
        at, number = int(time), int(cursor)
        if oldest_first:
            rows = rows.filter(created_at__gte=at).filter(Q(created_at__gt=at) | Q(cursor__gt=number))
        else:
            rows = rows.filter(created_at__lte=at).filter(Q(created_at__lt=at) | Q(cursor__lt=number))
    order = ("created_at", "cursor") if oldest_first else ("-created_at", "-cursor")
    found = _rows(rows.order_by(*order)[: PAGE_MESSAGES + 1])
    shown = found[:PAGE_MESSAGES]
    last = shown[-1] if len(found) > PAGE_MESSAGES else None
    return Page(shown, f"{last.created_at}-{last.cursor}" if last else None, looked_at_all=True)


def _exported(asked: Asked) -> Iterator[list[object]]:
    """Everything that the filters let through, by arrival; without any text."""
    place = 0
    newest = store_cursor()
    while place < newest:
        walked = Message.objects.annotate(in_topic=F("topic_id") + 0).filter(
            cursor__gt=place, cursor__lte=place + LOOKED_AT
        )
        rows = _rows(walked.filter(asked.condition()).order_by("cursor")[:EXPORT_STEP])
        for row in rows:
            yield [column.plain(row) for column in COLUMNS[:-1]]
        place = rows[-1].cursor if len(rows) == EXPORT_STEP else place + LOOKED_AT


def _line(text: str) -> str:
    one = " ".join(text.split())
    return one if len(one) <= MAX_LINE_CHARS else f"{one[:MAX_LINE_CHARS]}…"


COLUMNS: Final = (
    Column("Arrival", lambda row: row.cursor),
    Column("Written (UTC)", lambda row: moment(row.created_at)),
    Column(
        "Author",
        lambda row: row.author_name or text_of(row.author),
        lambda row: row.author_name or key_html(row.author),
    ),
    Column("Type", lambda row: row.type),
    Column("In", lambda row: row.where),
    Column("Body", lambda row: row.body_bytes, lambda row: "" if row.body_bytes is None else size(row.body_bytes)),
    Column("State", lambda row: row.state),
    Column("Text of open channels", lambda row: row.text, lambda row: _line(row.text), is_wide=True),
)


class MessageTable(Table):
    """Every message that is held: what it says of itself. It is signed, so nothing can be edited."""

    needs = roles.SEE_PEOPLE
    singular = "message"
    plural = "messages"
    detail = ()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        asked = Asked.of(request)
        oldest_first = request.GET.get("o") == "0"
        found = page_of(asked, request.GET.get("before", ""), oldest_first=oldest_first)
        texts = texts_of(found.rows, now=now_ms())
        for row in found.rows:
            row.text = texts.get(row.cursor, "")
        channels = tuple((str(topic.pk), topic.name) for topic in open_channels())
        choices = [
            Choices("type", "Type", tuple((name, name) for name in sorted(RULES))),
            Choices("channel", "Channel", channels),
            Choices("time", "Written", tuple((name, label) for name, (label, _) in TIMES.items())),
        ]
        headers: list[dict[str, Any]] = [{"text": column.label, "url": ""} for column in COLUMNS]
        headers[0] |= {
            "url": link_with(request, o=None if oldest_first else "0", before=None),
            "arrow": "up" if oldest_first else "down",
        }
        drawn = Grid(
            headers=headers,
            rows=[
                cells(COLUMNS, row, reverse("admin:messaging_message_change", args=[row.cursor])) for row in found.rows
            ],
            filters=filters_of(request, choices, before=None),
            search=request.GET.get(SEARCH, ""),
            search_hint="Author: name or key",
            export_url=f"{reverse('admin:messaging_message_export')}?{request.GET.urlencode()}",
            note=""
            if found.looked_at_all
            else f"Looked at {LOOKED_AT:,} messages for this page; there are more to look at.",
            older_url=link_with(request, before=found.older) if found.older else "",
            older_text="Next" if found.looked_at_all else "Look further",
            newer_url=link_with(request, before=None) if request.GET.get("before") else "",
        )
        context = {**self.admin_site.each_context(request), "title": "Messages", "grid": drawn}
        return render(request, "console/grid.html", context)

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        header = [column.label for column in COLUMNS[:-1]]
        return csv_response(request, "messages", header, _exported(Asked.of(request)))

    def row_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if not (object_id.isascii() and object_id.isdecimal() and len(object_id) < 18):
            raise Http404
        rows = _rows(Message.objects.filter(pk=int(object_id)))
        if not rows:
            raise Http404
        (row,) = rows
        context = {
            **self.admin_site.each_context(request),
            "title": "Message",
            "subtitle": f"number {row.cursor:,}",
            "facts": [(label, value) for label, value in self._facts(row) if value],
            "buttons": [(button.text, button.url, button.is_danger) for button in self._buttons(row)],
            "back": reverse("admin:messaging_message_changelist"),
        }
        return render(request, "console/detail.html", context)

    @staticmethod
    def _facts(row: Row) -> Iterator[tuple[str, Any]]:
        header, sig = Message.objects.values_list("header", "sig").get(pk=row.cursor)
        yield "Author", row.author_name or "no account here"
        yield "Author's key", whole_key_html(row.author)
        yield "In", row.where
        yield "Type", row.type
        yield "Written (UTC)", moment(row.created_at)
        yield "Burns (UTC)", moment(row.burn_at)
        yield "Text", texts_of([row], now=now_ms()).get(row.cursor, "")
        yield "Body", "deleted" if row.body_bytes is None else size(row.body_bytes)
        yield "Id", text_of(row.ident)
        yield "Signed header", bytes(header).decode()
        yield "Signature", text_of(sig)

    @staticmethod
    def _buttons(row: Row) -> Iterable[Button]:
        is_open = row.kind == "chan" and not row.is_private
        if not is_open or row.body_bytes is None or row.type not in ("chat.text", "import.text"):
            return
        yield Button("Pin", "pin", row.cursor, is_danger=False)
        yield Button("Unpin", "unpin", row.cursor, is_danger=False)
        yield Button("Delete for everyone", "delete-message", row.cursor)
