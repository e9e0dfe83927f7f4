"""What all model tables of the console have in common: they show, export and lead to deeds, and edit nothing.

What is signed cannot be edited without becoming a lie, and what is not signed is changed by services only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.contrib.admin import SimpleListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import label_for_field, lookup_field
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.html import strip_tags
from unfold.admin import ModelAdmin

from console import roles
from console.deeds import needs_of
from console.exports import csv_response

EXPORT_MOST: Final = 100_000


@dataclass(frozen=True)
class Button:
    """Leads to a deed."""

    text: str
    deed: str
    target: object
    is_danger: bool = True

    @property
    def url(self) -> str:
        """Its address."""
        return reverse("admin:deed", args=[self.deed, str(self.target)])


class Table(ModelAdmin):
    """A table that is read only. `detail` names what a row's own page shows: fields, or methods of the table."""

    actions = None
    list_per_page = 50
    list_max_show_all = 50
    show_full_result_count = False
    list_filter_sheet = False
    singular: str = ""
    plural: str = ""
    explains: str = ""
    detail: Sequence[str] = ()
    list_buttons: Sequence[tuple[str, str]] = ()  # (text, deed without a target)
    needs: str = roles.SEE_HUB

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return roles.may(request, self.needs)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @property
    def media(self) -> forms.Media:
        """No script: nothing here needs any."""
        return forms.Media()

    def get_urls(self) -> list[URLPattern]:
        """The table, its export, a row."""
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        view = self.guarded
        return [
            path("", view(self.changelist_view), name=f"{name}_changelist"),
            path("export/", view(self.export_view), name=f"{name}_export"),
            path("<path:object_id>/change/", view(self.row_view), name=f"{name}_change"),
        ]

    def guarded(self, view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        """A view of the table for those who may see it."""

        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not self.has_view_permission(request):
                return render(request, "console/denied.html", self.admin_site.each_context(request), status=403)
            return view(request, *args, **kwargs)

        wrapped: Callable[..., HttpResponseBase] = self.admin_site.admin_view(checked)  # type: ignore[arg-type]
        return wrapped

    def buttons(self, obj: Any) -> Iterable[Button]:
        """The deeds that a row offers."""
        return ()

    def buttons_for(self, request: HttpRequest, obj: Any) -> list[Button]:
        """Those that are for the role of whoever asks."""
        return [button for button in self.buttons(obj) if roles.may(request, needs_of(button.deed))]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The table."""
        query = request.META.get("QUERY_STRING", "")
        export = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_export")
        context = {
            "title": _first_up(self.plural),
            "explains": self.explains,
            "export_url": f"{export}?{query}" if query else export,
            "list_buttons": [
                {"text": text, "url": reverse("admin:deed", args=[deed])}
                for text, deed in self.list_buttons
                if roles.may(request, needs_of(deed))
            ],
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def row_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What is known of one row, and what can be done about it."""
        obj = self._row(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            "title": _first_up(self.singular),
            "subtitle": _plain(lookup_field(str(self.list_display[0]), obj, self)[2]),
            "facts": list(self.facts(obj)),
            "buttons": [(button.text, button.url, button.is_danger) for button in self.buttons_for(request, obj)],
            "back": reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"),
        }
        return render(request, "console/detail.html", context)

    def _row(self, request: HttpRequest, object_id: str) -> Any:
        try:
            obj = self.get_object(request, object_id)
        except (OverflowError, ValidationError, ValueError):
            obj = None
        if obj is None:
            raise Http404
        return obj

    def facts(self, obj: Any) -> Iterator[tuple[str, Any]]:
        """Label and value of everything in `detail`, but what is empty."""
        for name in self.detail:
            field, _, value = lookup_field(name, obj, self)
            if field is not None:
                value = getattr(obj, f"get_{name}_display", lambda value=value: value)()
            if value not in (None, ""):
                yield _first_up(str(label_for_field(name, self.model, self))), value

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """The table as it is filtered and sorted, whole, as CSV."""
        try:
            rows: QuerySet[Any] = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(request.path)
        names = self.get_list_display(request)
        header = [str(label_for_field(str(name), self.model, self)) for name in names]
        made = ([_plain(lookup_field(str(name), row, self)[2]) for name in names] for row in rows[:EXPORT_MOST])
        return csv_response(request, self.plural.replace(" ", "-"), header, made)


def _plain(value: Any) -> Any:
    """A cell without markup; what a short key stands for is in its title."""
    if hasattr(value, "whole"):
        return value.whole
    return strip_tags(str(value)) if hasattr(value, "__html__") else value


def _first_up(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


class StateFilter(SimpleListFilter):
    """A filter by conditions that no column holds: `conditions` gives each choice its label and its condition."""

    conditions: dict[str, tuple[str, Any]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The choices."""
        return [(name, label) for name, (label, _) in self.conditions.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of the choice."""
        if self.value() not in self.conditions:
            return queryset
        condition = self.conditions[str(self.value())][1]
        return queryset.filter(condition() if callable(condition) else condition)
