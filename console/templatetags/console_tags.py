"""What the console's templates need of Django's list of a model, in the form of grid.html."""

from __future__ import annotations

from typing import Any

from django import template
from django.contrib.admin.templatetags.admin_list import result_headers
from django.contrib.admin.utils import lookup_field
from django.contrib.admin.views.main import PAGE_VAR, SEARCH_VAR
from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from console.shown import count
from console.shown import moment as shown_moment

register = template.Library()


@register.filter
def moment(ms: int | None) -> str:
    """A time of the protocol, in UTC."""
    return shown_moment(ms)


@register.filter
def grouped(number: int) -> str:
    """A number with its thousands apart."""
    return f"{number:,}"


@register.filter
def counted(number: int, words: str) -> str:
    """A number of things: `words` is "one,many"."""
    return count(number, *words.split(","))


@register.filter
def kept_parameters(request: HttpRequest) -> list[tuple[str, str]]:
    """What a search leaves as it is."""
    return [(name, str(value)) for name, value in request.GET.items() if name not in ("q", "before", "export")]


@register.filter
def kept_filters(cl: Any) -> list[tuple[str, str]]:
    """The same, of a list of a model."""
    return [
        (name, value)
        for name, values in cl.filter_params.items()
        for value in values
        if name not in (SEARCH_VAR, PAGE_VAR)
    ]


@register.simple_tag
def list_filters(cl: Any) -> list[dict[str, Any]]:
    """The filters of a list."""
    found = []
    for spec in cl.filter_specs:
        choices = [
            {"display": choice["display"], "selected": choice["selected"], "url": choice["query_string"]}
            for choice in spec.choices(cl)
        ]
        is_set = any(choice["selected"] for choice in choices[1:])
        found.append({"title": spec.title, "is_set": is_set, "choices": choices})
    return found


@register.simple_tag
def pages_of(cl: Any) -> list[dict[str, Any]]:
    """The pages of a list, with gaps."""
    return [
        {"text": number, "url": cl.get_query_string({PAGE_VAR: number}), "is_here": number == cl.page_num}
        if isinstance(number, int)
        else {"text": "", "url": ""}
        for number in cl.paginator.get_elided_page_range(cl.page_num)
    ]


def _header(header: dict[str, Any]) -> SafeString:
    if not header["sortable"]:
        return format_html('<th scope="col">{}</th>', _capitalized(header["text"]))
    arrow = sort = SafeString("")
    if header["sorted"]:
        direction = ("up", "ascending") if header["ascending"] else ("down", "descending")
        arrow = format_html(' <span class="arrow {}" aria-hidden="true"></span>', direction[0])
        sort = format_html(' aria-sort="{}"', direction[1])
    return format_html(
        '<th scope="col"{}><a href="{}">{}{}</a></th>', sort, header["url_primary"], _capitalized(header["text"]), arrow
    )


def _capitalized(text: Any) -> str:
    return f"{str(text)[:1].upper()}{str(text)[1:]}"


@register.simple_tag
def result_table(cl: Any) -> SafeString:
    """The rows of a list; the first cell leads to what is known of a row."""
    headers = list(result_headers(cl))
    name = f"admin:{cl.opts.app_label}_{cl.opts.model_name}_change"
    rows = format_html_join("", "<tr>{}</tr>", ((_row(cl, headers, row, name),) for row in cl.result_list))
    return format_html(
        "<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>",
        format_html_join("", "{}", ((_header(header),) for header in headers)),
        rows,
    )


def _row(cl: Any, headers: list[dict[str, Any]], row: Any, name: str) -> SafeString:
    cells = []
    for place, field_name in enumerate(cl.list_display):
        try:
            field, _, value = lookup_field(field_name, row, cl.model_admin)
        except ObjectDoesNotExist:
            field, value = None, ""
        if field is not None and getattr(field, "choices", None):
            value = getattr(row, f"get_{field.name}_display")()
        label = _capitalized(headers[place]["text"])
        text = "" if value is None else f"{value:,}" if type(value) is int else value
        if place == 0:
            link = reverse(name, args=[row.pk])
            cells.append(format_html('<th scope="row" data-label="{}"><a href="{}">{}</a></th>', label, link, text))
        else:
            kind = SafeString(' class="number"') if type(value) is int else ""
            cells.append(format_html('<td data-label="{}"{}>{}</td>', label, kind, text))
    return format_html_join("", "{}", ((cell,) for cell in cells))
