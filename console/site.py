"""The console's site: who may see it, what is in its menu, the addresses of its own pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, Final

from django.conf import settings
from django.contrib.admin import site
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, URLResolver, path, reverse
from unfold.sites import UnfoldAdminSite

from console import (  # noqa: F401 - all deeds register
    access_deeds,
    access_pages,
    backup_deeds,
    backups,
    connection_deeds,
    dashboard,
    deeds,
    entry,
    finding_deeds,
    hub_deeds,
    invite_deeds,
    link_deeds,
    link_pages,
    log_page,
    pages,
    people_deeds,
    plugin_deeds,
    plugin_pages,
    report_deeds,
    restores,
    roles,
    simulator,
    storage,
    storage_deeds,
    tree_page,
)
from console.access import ENTERED_AT
from peers.options import HUB_NAME

View = Callable[..., HttpResponseBase]

MENU: Final = (
    ("", (("Dashboard", "admin:index", "dashboard"),)),
    (
        "People",
        (
            ("People", "admin:peers_account_changelist", "group"),
            ("Invite tree", "admin:tree", "account_tree"),
            ("Invites", "admin:invites_invitation_changelist", "mail"),
            ("New keys", "admin:invites_replacement_changelist", "key"),
            ("Reports", "admin:messaging_report_changelist", "flag"),
        ),
    ),
    (
        "Connections",
        (
            ("Live sessions", "admin:sessions", "sensors"),
            ("Devices", "admin:peers_peer_changelist", "devices"),
            ("Certificates", "admin:peers_certificate_changelist", "badge"),
            ("Revocations", "admin:peers_revocation_changelist", "do_not_disturb_on"),
            ("API tokens", "admin:peers_token_changelist", "key"),
            ("Refused here", "admin:console_block_changelist", "block"),
        ),
    ),
    (
        "Messages",
        (
            ("Messages", "admin:messaging_message_changelist", "chat"),
            ("Channels", "admin:messaging_topic_changelist", "tag"),
            ("Storage", "admin:storage", "database"),
            ("Backups", "admin:backups", "backup"),
        ),
    ),
    (
        "Sealed",
        (
            ("Vaults", "admin:vault_vault_changelist", "lock"),
            ("Enclaves", "admin:vault_enclave_changelist", "enhanced_encryption"),
            ("Shards", "admin:vault_shard_changelist", "scatter_plot"),
        ),
    ),
    (
        "Other hubs",
        (
            ("Links", "admin:links_link_changelist", "hub"),
            ("Hubs to link", "admin:plugins_proposal_changelist", "add_link"),
            ("Becoming equal", "admin:equal", "compare_arrows"),
            ("Comparisons", "admin:links_exchange_changelist", "history"),
            ("Waiting messages", "admin:links_parcel_changelist", "outbox"),
            ("Trees", "admin:trees", "forest"),
            ("Found hubs", "admin:discovery_sighting_changelist", "travel_explore"),
        ),
    ),
    (
        "Hub",
        (
            ("Settings", "admin:settings", "tune"),
            ("Tasks", "admin:tasks", "schedule"),
            ("Log", "admin:logs", "subject"),
            ("Plugins", "admin:plugins", "extension"),
            ("Jobs of plugins", "admin:plugins_job_changelist", "pending_actions"),
            ("Numbers", "admin:numbers", "monitoring"),
            ("Hub key", "admin:peers_statement_changelist", "verified"),
            ("Second factor", "admin:factors", "passkey"),
            ("Console users", "admin:console_users", "manage_accounts"),
            ("Audit", "admin:peers_auditentry_changelist", "history"),
        ),
    ),
)
# What a hub in gossip mode has nothing of.
OF_MEMBERS: Final = {
    "admin:tree",
    "admin:invites_invitation_changelist",
    "admin:peers_token_changelist",
    "admin:vault_vault_changelist",
    "admin:vault_enclave_changelist",
    "admin:vault_shard_changelist",
}
# Pages that moderators see too, as `get_urls` has it.
OF_PEOPLE: Final = {"admin:index", "admin:tree", "admin:sessions", "admin:factors"}
SAFE: Final = ("GET", "HEAD")
_NOT_HERE: Final = {"login", "logout", "password_change", "password_change_done", "autocomplete", "jsi18n", "search"}
_NOT_HERE_EITHER: Final = {"view_on_site", "app_list"}


class ConsoleSite(UnfoldAdminSite):
    """Django's admin for one operator, entered by a link from the terminal."""

    index_template = "console/dashboard.html"
    index_title = "Dashboard"
    enable_nav_sidebar = False
    final_catch_all_view = False

    def get_urls(self) -> list[Any]:
        def page(
            route: str, view: View, name: str, needs: str = roles.SEE_HUB, changes: str = roles.OPERATE
        ) -> URLPattern:
            """A page, the permission to see it, and the one to send it something."""

            def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
                if not roles.may(request, needs if request.method in SAFE else changes):
                    return render(request, "console/denied.html", self.each_context(request), status=403)
                return view(request, *args, site_context=self.each_context, **kwargs)

            return path(route, self.admin_view(update_wrapper(wrapped, view)), name=name)

        own: list[URLPattern | URLResolver] = [
            path("login/", entry.explained, name="login"),
            path("logout/", entry.leave, name="logout"),
            page("tree/", tree_page.tree, "tree", roles.SEE_PEOPLE),
            page("tree/list/", pages.tree_list, "tree-list", roles.SEE_PEOPLE),
            page("tree/branch/", tree_page.branch, "tree-branch", roles.SEE_PEOPLE),
            page("tree/account/<int:pk>/", tree_page.account, "tree-account", roles.SEE_PEOPLE),
            page("sessions/", pages.live_sessions, "sessions", roles.SEE_PEOPLE),
            page("sessions/<slug:sid>/", pages.live_session, "session", roles.SEE_PEOPLE),
            page("equal/", link_pages.equal, "equal"),
            page("trees/", link_pages.tree_list, "trees"),
            page("tasks/", pages.tasks, "tasks"),
            page("logs/", log_page.logs, "logs"),
            page("plugins/", plugin_pages.plugins, "plugins"),
            page("numbers/", pages.numbers, "numbers"),
            page("settings/", pages.hub_settings, "settings"),
            page("storage/", storage.storage, "storage"),
            page("storage/simulate/", simulator.simulate, "simulate"),
            page("storage/held/", simulator.held, "held"),
            page("backups/", backups.backups, "backups"),
            page("backups/file/<str:name>/", backups.backup_file, "backup-file", roles.OPERATE),
            page("backups/restore/", restores.restore, "restore", roles.OPERATE),
            page("backups/restore/state/", restores.restore_state, "restore-state", roles.OPERATE),
            page("backups/restore/upload/", restores.restore_upload, "restore-upload", roles.OPERATE),
            page("factors/", entry.factor_page, "factors", roles.SEE_PEOPLE, changes=roles.SEE_PEOPLE),
            page("users/", access_pages.console_users, "console_users"),
            page("help/", pages.explained, "help", roles.SEE_PEOPLE),
            # A deed looks for its own permission.
            page("do/<slug:name>/", deeds.deed, "deed", roles.SEE_PEOPLE, changes=roles.SEE_PEOPLE),
            page("do/<slug:name>/<slug:target>/", deeds.deed, "deed", roles.SEE_PEOPLE, changes=roles.SEE_PEOPLE),
        ]
        kept = [
            pattern
            for pattern in super().get_urls()
            if getattr(pattern, "name", None) not in _NOT_HERE | _NOT_HERE_EITHER
        ]
        return own + kept

    @staticmethod
    def has_permission(request: HttpRequest) -> bool:
        """Who has a role, and whose session was opened by a link and, if there is one, a second factor."""
        user = request.user
        return bool(
            user.is_active and user.is_staff and ENTERED_AT in request.session and roles.may(request, roles.SEE_PEOPLE)
        )

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """What every page of the console shows."""
        return {
            "site_title": HUB_NAME.value,
            "hub_name": HUB_NAME.value,
            "has_permission": self.has_permission(request),
            "menu": menu_of(request),
            "is_popup": False,
            "can_operate": roles.may(request, roles.OPERATE),
            "can_see_hub": roles.may(request, roles.SEE_HUB),
            "who": f"{request.user.get_username()}, {roles.role_of(request.user)}"  # type: ignore[arg-type]
            if request.user.is_authenticated
            else "",
        }

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # type: ignore[override]
        return dashboard.dashboard(request, site_context=self.each_context)


def _needed(route: str) -> str:
    """The permission that a page of the menu needs."""
    if route in OF_PEOPLE:
        return roles.SEE_PEOPLE
    for model, table in site._registry.items():
        if route == f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist":
            return str(getattr(table, "needs", roles.SEE_HUB))
    return roles.SEE_HUB


def menu_of(request: HttpRequest) -> list[dict[str, Any]]:
    """The menu; the longest address that the page's begins with is where we are."""
    groups: list[dict[str, Any]] = [
        {
            "title": title,
            "items": [
                {"title": name, "url": reverse(route), "icon": icon}
                for name, route, icon in items
                if not (settings.IS_GOSSIP and route in OF_MEMBERS) and roles.may(request, _needed(route))
            ],
        }
        for title, items in MENU
    ]
    groups = [group for group in groups if group["items"]]
    every: list[dict[str, Any]] = [item for group in groups for item in group["items"]]
    path = getattr(request, deeds.MENU_PATH, request.path)
    here = max((item["url"] for item in every if path.startswith(item["url"])), key=len, default="")
    for item in every:
        item["is_here"] = item["url"] == here
    return groups
