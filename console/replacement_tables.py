"""New keys for accounts, as those who run the hub see them: what waits, what was done, what was stopped."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.admin import display
from django.urls import reverse

from accord.encoding import b64encode
from accord.words import key_words
from console import roles
from console.deeds import Deed, named, nothing, number_of
from console.shown import key_html, moment
from console.tables import Button, Table
from invites.models import Replacement
from messaging.services import replacement_stop
from peers import audit


class ReplacementTable(Table):
    """Replacements of keys that had to wait; what a recovery code does is done at once and stands in the audit log."""

    needs = roles.SEE_PEOPLE
    singular = "replacement of a key"
    plural = "replacements of keys"
    explains = (
        "Accounts that are to get a new key: signed by their old key, or vouched for by people who know them. Until "
        "the end of the wait you can stop it; before you let it be, compare the words with the person."
    )
    list_display = ("account_name", "way", "state", "started", "due", "ended")
    list_filter = ("state", "way")
    search_fields = ("account__name",)
    search_help_text = "The account's name"
    ordering = ("-pk",)
    list_select_related = ("account__user",)
    detail = ("account_name", "old_key", "new_key_shown", "words", "way", "state", "started", "due", "ended")

    @display(description="account", ordering="account__name")
    def account_name(self, row: Replacement) -> str:
        """Whose."""
        return row.account.name

    @display(description="key now")
    def old_key(self, row: Replacement) -> str:
        """The account's key as it is."""
        return key_html(row.account.user.key)

    @display(description="new key")
    def new_key_shown(self, row: Replacement) -> str:
        """The key that is to take its place."""
        return key_html(row.new_key)

    @display(description="words of both keys")
    def words(self, row: Replacement) -> str:
        """What the person reads on the screen that asks."""
        return " ".join(key_words(bytes(row.account.user.key), bytes(row.new_key)))

    @display(description="asked for (UTC)", ordering="started_at")
    def started(self, row: Replacement) -> str:
        """When the wait began."""
        return moment(row.started_at)

    @display(description="takes place (UTC)", ordering="due_at")
    def due(self, row: Replacement) -> str:
        """When the wait is over."""
        return moment(row.due_at)

    @display(description="ended (UTC)", ordering="ended_at")
    def ended(self, row: Replacement) -> str:
        """When it was done, stopped or fell."""
        return moment(row.ended_at)

    def buttons(self, obj: Replacement) -> Iterable[Button]:
        if obj.state == Replacement.State.WAITING:
            yield Button("Stop it", "stop-replacement", obj.pk)


@named("stop-replacement", needs=roles.MODERATE)
def stop_replacement(target: str) -> Deed:
    """Leave an account its key, by a `cancel_replace` of the admin."""
    row = Replacement.objects.filter(pk=number_of(target), state=Replacement.State.WAITING).first()
    if row is None:
        raise nothing("that replacement, or it has ended")
    key, name = bytes(row.account.user.key), row.account.name

    def run(values: dict[str, str]) -> str:
        replacement_stop(key=key)
        audit.note("stop_replacement", name, b64encode(key))
        return f"{name} keeps the key {b64encode(key)[:8]}..."

    return Deed(
        f"Let {name} keep the key as it is",
        ("The new key is not taken, and what people have vouched for it is taken back.", "It can be asked for again."),
        "Stop it",
        run,
        reverse("admin:invites_replacement_changelist"),
        is_danger=True,
    )
