"""The audit log as the console shows it: filtered, searched, checked, exported whole. Nothing in it can be changed."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import display
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from accord.encoding import b64decode
from accord.errors import RemoteError
from console.exports import stream_response
from console.models import AuditCheck
from console.selectors import names_of
from console.shown import KeyText, ago, moment, short_key, text_of
from console.tables import StateFilter, Table
from peers import audit
from peers.clock import now_ms
from peers.models import AuditEntry


class AuditAction(StateFilter):
    """What was done."""

    title = "what"
    parameter_name = "action"
    conditions = {}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """What has been done so far."""
        found = AuditEntry.objects.order_by("action").values_list("action", flat=True).distinct()
        return [(action, _words(action)) for action in found]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The entries of that."""
        return queryset.filter(action=self.value()) if self.value() else queryset


class AuditActor(StateFilter):
    """By what way it was done."""

    title = "by"
    parameter_name = "by"
    conditions = {}
    ways = (
        ("console", "in the console"),
        ("user", "signed messages"),
        ("terminal", "the terminal"),
        ("hub", "the hub"),
    )

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The ways."""
        return list(self.ways)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The entries of that."""
        return queryset.filter(actor__startswith=self.value()) if self.value() in dict(self.ways) else queryset


def _words(action: str) -> str:
    return action.replace("_", " ").replace(".", " ")


def checked_text(now: int) -> tuple[str, bool]:
    """When the log was last checked and what was found, in words; whether all is well."""
    check = AuditCheck.objects.first()
    if check is None:
        return "The chain has not been checked yet; that is done each hour.", True
    if check.fault:
        return f"The log is not whole: {check.fault} (checked {ago(check.at, now)}).", False
    return f"Chain verified {ago(check.at, now)}: all {check.entries:,} entries are as they were written.", True


class AuditTable(Table):
    """What was done to this hub. Nothing in it can be changed or deleted, here or in the database."""

    singular = "entry"
    plural = "audit"
    explains = (
        "Everything that was done to this hub: in this console, from the terminal, by signed messages. Each entry is "
        "chained to the one before and signed by the hub."
    )
    list_display = ("when", "shown_action", "who", "shown_target", "detail_line")
    list_filter = (AuditAction, AuditActor)
    search_fields = ("target", "detail", "action", "actor")
    search_help_text = "What was done, by whom, or to what"
    ordering = ("-number",)
    detail = ("number", "when", "shown_action", "who", "target", "detail_line", "hash_text", "signature")
    list_buttons = (("Check the chain now", "check-audit"),)
    change_list_template = "console/audit.html"

    def get_urls(self) -> list[URLPattern]:
        """The whole log as lines of JSON, beside the table's own."""
        whole = path("whole/", self.guarded(self.whole_view), name="peers_auditentry_whole")
        return [whole, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        says, is_whole = checked_text(now_ms())
        more = {"checked": says, "is_whole": is_whole, "whole_url": reverse("admin:peers_auditentry_whole")}
        return super().changelist_view(request, {**more, **(extra_context or {})})

    def whole_view(self, request: HttpRequest) -> HttpResponseBase:
        """The log with hashes and signatures: `manage.py verify_audit FILE` checks it alone."""
        return stream_response(request, "audit.jsonl", "application/jsonl", audit.export())

    @display(description="when (UTC)", ordering="at")
    def when(self, entry: AuditEntry) -> str:
        """When."""
        return format_html('<span class="when">{}</span>', moment(entry.at))

    @display(description="what", ordering="action")
    def shown_action(self, entry: AuditEntry) -> str:
        """In words."""
        return _words(entry.action)

    @display(description="by", ordering="actor")
    def who(self, entry: AuditEntry) -> str:
        """Who did it: a user by the account's name, if there is one."""
        key = _key_of(entry)
        if key is None:
            return entry.actor
        known = getattr(entry, "actor_name", None)
        return _named(known or f"key {short_key(key)}", entry.actor)

    @display(description="target", ordering="target")
    def shown_target(self, entry: AuditEntry) -> str:
        """A key by the account's name, or shortened; its own page has it whole."""
        key = _key(entry.target)
        if key is None:
            return entry.target
        known = getattr(entry, "target_name", None) or f"key {short_key(key)}"
        return _named(known, entry.target)

    @display(description="details")
    def detail_line(self, entry: AuditEntry) -> str:
        """What else is to be known."""
        return entry.detail

    @display(description="hash")
    def hash_text(self, entry: AuditEntry) -> str:
        """Of this entry and, with it, of all before."""
        return text_of(entry.hash)

    @display(description="signature of the hub")
    def signature(self, entry: AuditEntry) -> str:
        """Over the hash."""
        return text_of(entry.sig)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changes = super().get_changelist_instance(request)
        rows = list(changes.result_list)
        keys = {key for row in rows for key in (_key_of(row), _key(row.target)) if key}
        names = names_of(keys)
        for row in rows:
            row.actor_name, row.target_name = names.get(_key_of(row) or b"", ""), names.get(_key(row.target) or b"", "")
        changes.result_list = rows
        return changes


def _named(name: str, whole: str) -> KeyText:
    """A name whose key is in its title, and in exports."""
    text = KeyText(format_html('<span title="{}">{}</span>', whole, name))
    text.whole = whole
    return text


def _key_of(entry: Any) -> bytes | None:
    """The user key of who signed what was done."""
    return _key(entry.actor.removeprefix("user "))


def _key(text: str) -> bytes | None:
    try:
        return b64decode(text, 32)
    except RemoteError:
        return None
