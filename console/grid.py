"""Tables of what is no model, or too long for Django's own list: columns, filters, order, search, export.

They look like the model tables beside them (templates/console/grid.html). Not here: where the rows come from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase

from console.exports import csv_response

SEARCH: Final = "q"
ORDER: Final = "o"
EXPORT: Final = "export"


@dataclass(frozen=True)
class Column:
    """A column: `shown` gives what the page shows of a row, `plain` what sorts and goes into an export."""

    label: str
    plain: Callable[[Any], Any]
    shown: Callable[[Any], Any] | None = None
    is_number: bool = False
    is_wide: bool = False


@dataclass(frozen=True)
class Choices:
    """A filter by one of a few values."""

    name: str
    label: str
    values: Sequence[tuple[str, str]]


@dataclass
class Grid:
    """What the template draws."""

    headers: list[dict[str, Any]] = field(default_factory=list)
    rows: list[list[dict[str, Any]]] = field(default_factory=list)
    filters: list[dict[str, Any]] = field(default_factory=list)
    search: str | None = None
    search_hint: str = ""
    export_url: str = ""
    note: str = ""
    older_url: str = ""
    older_text: str = "Next"
    newer_url: str = ""


def link_with(request: HttpRequest, **changes: str | None) -> str:
    """This page's address with other parameters."""
    query: QueryDict = request.GET.copy()
    for name, value in changes.items():
        if value is None:
            query.pop(name, None)
        else:
            query[name] = value
    return f"?{query.urlencode()}"


def filters_of(request: HttpRequest, choices: Sequence[Choices], **without: None) -> list[dict[str, Any]]:
    """Filters as links; the first of each is none at all."""
    return [
        {
            "title": choice.label,
            "is_set": bool(request.GET.get(choice.name)),
            "choices": [
                {
                    "display": label,
                    "selected": request.GET.get(choice.name, "") == value,
                    "url": link_with(request, **{choice.name: value or None}, **without),
                }
                for value, label in [("", "all"), *choice.values]
            ],
        }
        for choice in choices
    ]


def cells(columns: Sequence[Column], row: Any, url: str | None) -> list[dict[str, Any]]:
    """A row as the template draws it; its first cell leads to what is known of it."""
    return [
        {
            "label": column.label,
            "value": (column.shown or column.plain)(row),
            "kind": "number" if column.is_number else "wide" if column.is_wide else "",
            "url": url if place == 0 else None,
        }
        for place, column in enumerate(columns)
    ]


def small_grid(
    request: HttpRequest,
    rows: Sequence[Any],
    columns: Sequence[Column],
    *,
    name: str,
    url_of: Callable[[Any], str | None] = lambda row: None,
    choices: Sequence[Choices] = (),
    passes: Callable[[Any, str, str], bool] = lambda row, choice, value: True,
    search_hint: str = "",
) -> Grid | HttpResponseBase:
    """A table of rows that are all here; or its export, if that is what was asked for."""
    wanted = request.GET.get(SEARCH, "").strip().casefold()
    for choice in choices:
        if value := request.GET.get(choice.name):
            rows = [row for row in rows if passes(row, choice.name, value)]
    if wanted:
        rows = [row for row in rows if any(wanted in str(column.plain(row)).casefold() for column in columns)]
    order = request.GET.get(ORDER, "")
    place = order.removeprefix("-")
    if place.isdecimal() and int(place) < len(columns):
        plain = columns[int(place)].plain
        rows = sorted(rows, key=lambda row: _sortable(plain(row)), reverse=order.startswith("-"))
    if EXPORT in request.GET:
        header = [column.label for column in columns]
        return csv_response(request, name, header, [[column.plain(row) for column in columns] for row in rows])
    headers = [
        {
            "text": column.label,
            "url": link_with(request, o=f"-{index}" if order == str(index) else str(index)),
            "arrow": {str(index): "up", f"-{index}": "down"}.get(order, ""),
            "is_number": column.is_number,
        }
        for index, column in enumerate(columns)
    ]
    return Grid(
        headers=headers,
        rows=[cells(columns, row, url_of(row)) for row in rows],
        filters=filters_of(request, choices),
        search=request.GET.get(SEARCH, "") if search_hint else None,
        search_hint=search_hint,
        export_url=link_with(request, export="1"),
    )


def _sortable(value: Any) -> tuple[bool, Any]:
    return (isinstance(value, str), value if isinstance(value, int | float | str) else str(value))
