"""Vaults and stores as the operator sees them: names, sizes, versions. What is in them is sealed, and never shown."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import display
from django.db.models import QuerySet
from django.http import HttpRequest

from console import roles
from console.shown import key_html, moment, size, whole_key_html
from console.tables import Table
from vault.models import Enclave, Shard, Vault
from vault.services import DAY_MS


class VaultTable(Table):
    """Who can log in by name and password."""

    needs = roles.SEE_PEOPLE
    singular = "vault"
    plural = "vaults"
    explains = (
        "Who can log in on a clean browser by name and password. A vault holds the keys of a person, sealed under the "
        "password: neither the hub nor you can open it, or set another password."
    )
    list_display = ("name", "shown_version", "shown_size", "has_recovery", "made", "changed")
    search_fields = ("name",)
    search_help_text = "The name"
    ordering = ("name",)
    detail = ("name", "account_name", "shown_version", "shown_size", "has_recovery", "made", "changed")
    list_select_related = ("account",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("enclave")

    @display(description="account")
    def account_name(self, row: Vault) -> str:
        """Whose; the account may have been given another name since."""
        return row.account.name

    @display(description="version", ordering="version")
    def shown_version(self, row: Vault) -> str:
        """How often it was changed; it never goes back."""
        return f"{row.version:,}"

    @display(description="size", ordering="size")
    def shown_size(self, row: Vault) -> str:
        """Of the sealed whole."""
        return size(row.size)

    @display(description="recovery code")
    def has_recovery(self, row: Vault) -> str:
        """Whether one opens it too."""
        return "yes" if row.recovery_hash else ""

    @display(description="made (UTC)", ordering="created_at")
    def made(self, row: Vault) -> str:
        """When it was first kept."""
        return moment(row.created_at)

    @display(description="changed (UTC)", ordering="updated_at")
    def changed(self, row: Vault) -> str:
        """When the newest version came."""
        return moment(row.updated_at)


class EnclaveTable(Table):
    """Durable documents of clients that want an encrypted store."""

    needs = roles.SEE_PEOPLE
    singular = "enclave"
    plural = "enclaves"
    explains = (
        "Durable documents that clients keep here, sealed. Each version is signed by the key that the one before it "
        "named, so nobody puts another in its place, the hub included."
    )
    list_display = ("owner", "shown_id", "type", "shown_version", "shown_size", "changed")
    list_filter = ("type",)
    search_fields = ("account__name",)
    search_help_text = "Whose"
    ordering = ("-updated_at",)
    list_select_related = ("account",)
    detail = ("owner", "whole_id", "type", "shown_version", "next_key", "shown_size", "changed")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("document")

    @display(description="account", ordering="account__name")
    def owner(self, row: Enclave) -> str:
        """Who brought it."""
        return row.account.name

    @display(description="id")
    def shown_id(self, row: Enclave) -> str:
        """Shortened."""
        return key_html(row.ident)

    @display(description="id")
    def whole_id(self, row: Enclave) -> str:
        """To be compared."""
        return whole_key_html(row.ident)

    @display(description="key that signs the next version")
    def next_key(self, row: Enclave) -> str:
        """To be compared."""
        return whole_key_html(row.key)

    @display(description="version", ordering="version")
    def shown_version(self, row: Enclave) -> str:
        """It never goes back."""
        return f"{row.version:,}"

    @display(description="size", ordering="size")
    def shown_size(self, row: Enclave) -> str:
        """Of what is sealed in it."""
        return size(row.size)

    @display(description="changed (UTC)", ordering="updated_at")
    def changed(self, row: Enclave) -> str:
        """When the newest version came."""
        return moment(row.updated_at)


class ShardTable(Table):
    """Pieces of ciphertext that burn."""

    needs = roles.SEE_HUB
    singular = "shard"
    plural = "shards"
    explains = (
        "Pieces of ciphertext that burn. The hub does not note who brought one, and when but for the day; each hangs "
        "on a pseudonym that only those know whom it is for."
    )
    list_display = ("shown_id", "shown_attach", "came", "burns", "shown_size")
    ordering = ("burn_at",)
    detail = ("whole_id", "whole_attach", "came", "burns", "shown_size")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("body")

    @display(description="id")
    def shown_id(self, row: Shard) -> str:
        """Shortened."""
        return key_html(row.ident)

    @display(description="hangs on")
    def shown_attach(self, row: Shard) -> str:
        """The pseudonym, shortened."""
        return key_html(row.attach)

    @display(description="id")
    def whole_id(self, row: Shard) -> str:
        """To be compared."""
        return whole_key_html(row.ident)

    @display(description="hangs on")
    def whole_attach(self, row: Shard) -> str:
        """The pseudonym, to be compared."""
        return whole_key_html(row.attach)

    @display(description="came", ordering="day")
    def came(self, row: Shard) -> str:
        """The day."""
        return moment(row.day * DAY_MS)[:10]

    @display(description="burns (UTC)", ordering="burn_at")
    def burns(self, row: Shard) -> str:
        """When it is gone."""
        return moment(row.burn_at)

    @display(description="size", ordering="size")
    def shown_size(self, row: Shard) -> str:
        """Of what is sealed in it."""
        return size(row.size)
