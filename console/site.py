"""The console's site: who may see it, what is in its menu, the addresses of its own pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver, path, reverse
from unfold.sites import UnfoldAdminSite

from console import (  # noqa: F401 - all deeds register
    backup_deeds,
    backups,
    connection_deeds,
    dashboard,
    deeds,
    entry,
    finding_deeds,
    hub_deeds,
    link_deeds,
    link_pages,
    pages,
    plugin_deeds,
    plugin_pages,
    storage,
    storage_deeds,
    tree_page,
)
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
            ("Plugins", "admin:plugins", "extension"),
            ("Jobs of plugins", "admin:plugins_job_changelist", "pending_actions"),
            ("Numbers", "admin:numbers", "monitoring"),
            ("Hub key", "admin:peers_statement_changelist", "verified"),
            ("Second factor", "admin:factors", "passkey"),
            ("Audit", "admin:peers_auditentry_changelist", "history"),
        ),
    ),
)
# What a hub in gossip mode has nothing of.
OF_MEMBERS: Final = {"admin:tree", "admin:invites_invitation_changelist", "admin:peers_token_changelist"}
_NOT_HERE: Final = {"login", "logout", "password_change", "password_change_done", "autocomplete", "jsi18n", "search"}
_NOT_HERE_EITHER: Final = {"view_on_site", "app_list"}


class ConsoleSite(UnfoldAdminSite):
    """Django's admin for one operator, entered by a link from the terminal."""

    index_template = "console/dashboard.html"
    index_title = "Dashboard"
    enable_nav_sidebar = False
    final_catch_all_view = False

    def get_urls(self) -> list[Any]:
        def page(route: str, view: View, name: str) -> URLPattern:
            def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
                return view(request, *args, site_context=self.each_context, **kwargs)

            return path(route, self.admin_view(update_wrapper(wrapped, view)), name=name)

        own: list[URLPattern | URLResolver] = [
            path("login/", entry.explained, name="login"),
            path("logout/", entry.leave, name="logout"),
            page("tree/", tree_page.tree, "tree"),
            page("tree/list/", pages.tree_list, "tree-list"),
            page("tree/branch/", tree_page.branch, "tree-branch"),
            page("tree/account/<int:pk>/", tree_page.account, "tree-account"),
            page("sessions/", pages.live_sessions, "sessions"),
            page("sessions/<slug:sid>/", pages.live_session, "session"),
            page("equal/", link_pages.equal, "equal"),
            page("trees/", link_pages.tree_list, "trees"),
            page("tasks/", pages.tasks, "tasks"),
            page("plugins/", plugin_pages.plugins, "plugins"),
            page("numbers/", pages.numbers, "numbers"),
            page("settings/", pages.hub_settings, "settings"),
            page("storage/", storage.storage, "storage"),
            page("backups/", backups.backups, "backups"),
            page("factors/", entry.factor_page, "factors"),
            page("help/", pages.explained, "help"),
            page("do/<slug:name>/", deeds.deed, "deed"),
            page("do/<slug:name>/<slug:target>/", deeds.deed, "deed"),
        ]
        kept = [
            pattern
            for pattern in super().get_urls()
            if getattr(pattern, "name", None) not in _NOT_HERE | _NOT_HERE_EITHER
        ]
        return own + kept

    @staticmethod
    def has_permission(request: HttpRequest) -> bool:
        """The operator, whose session was opened by a link and, if there is one, a second factor."""
        return bool(request.user.is_active and request.user.is_staff and entry.ENTERED_AT in request.session)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """What every page of the console shows."""
        return {
            "site_title": HUB_NAME.value,
            "hub_name": HUB_NAME.value,
            "has_permission": self.has_permission(request),
            "menu": menu_of(request),
            "is_popup": False,
        }

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # type: ignore[override]
        return dashboard.dashboard(request, site_context=self.each_context)


def menu_of(request: HttpRequest) -> list[dict[str, Any]]:
    """The menu; the longest address that the page's begins with is where we are."""
    groups: list[dict[str, Any]] = [
        {
            "title": title,
            "items": [
                {"title": name, "url": reverse(route), "icon": icon}
                for name, route, icon in items
                if not (settings.IS_GOSSIP and route in OF_MEMBERS)
            ],
        }
        for title, items in MENU
    ]
    every: list[dict[str, Any]] = [item for group in groups for item in group["items"]]
    here = max((item["url"] for item in every if request.path.startswith(item["url"])), key=len, default="")
    for item in every:
        item["is_here"] = item["url"] == here
    return groups
