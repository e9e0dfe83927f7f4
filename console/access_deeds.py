"""Deeds about who may enter the console: make a link, sign a browser out, take access away."""

from __future__ import annotations

from typing import Final

from django.contrib.auth.models import User as ConsoleUser
from django.urls import reverse

from console import access, roles, services
from console.deeds import Deed, Field, named, nothing
from console.shown import moment
from peers import audit
from peers.clock import now_ms

_ROLES: Final = (
    ("moderator", "moderator: people, reports, channels; no settings, keys, backups"),
    ("auditor", "auditor: sees everything, changes nothing"),
    ("operator", "operator: everything"),
)


def _page() -> str:
    return reverse("admin:console_users")


@named("console-link")
def console_link(target: str) -> Deed:
    """Let somebody into the console."""

    def run(values: dict[str, str]) -> str:
        name, role = roles.name_of(values["name"]), values["role"]
        secret = services.entry_link_create(now=now_ms(), name=name, role=role)
        audit.note("console_link", name, f"as {role}")
        return f"/console/enter#{secret}"

    return Deed(
        "Let somebody into the console",
        (
            "You get a link to hand over in private: it opens the console once, within 15 minutes, to whoever has it.",
            "A name that is known already has the role that you give it now, and its second factor is asked for.",
        ),
        "Make the link",
        run,
        _page(),
        (
            Field("name", "Name", "a-z, 0-9, - and _; it stands in the audit log.", roles.MAX_NAME_CHARS),
            Field("role", "Role", choices=_ROLES, value="moderator"),
        ),
        is_secret=True,
    )


@named("end-browser")
def end_browser(target: str) -> Deed:
    """Sign one browser out."""
    found = next((browser for browser in access.browsers() if browser.sid == target), None)
    if found is None:
        raise nothing("that browser")

    def run(values: dict[str, str]) -> str:
        ended = access.browser_end(sid=target)
        return "The browser is signed out." if ended else "The browser had left by itself."

    return Deed(
        "Sign this browser out",
        (
            f"The browser in which {found.name} entered at {moment(found.entered_at)} (UTC) is asked for a new link.",
            "Nothing else changes: with a link, and the second factor if there is one, it enters again.",
        ),
        "Sign it out",
        run,
        _page(),
        is_danger=True,
    )


@named("remove-console-user")
def remove_console_user(target: str) -> Deed:
    """Take somebody's access to the console away."""
    if not ConsoleUser.objects.filter(username=target).exists():
        raise nothing("that user")

    def run(values: dict[str, str]) -> str:
        access.console_user_remove(name=target)
        return f"{target} can enter no more."

    return Deed(
        f"Take the access of {target} away",
        (
            "Every browser of theirs is signed out at once; second factors and links that wait are gone.",
            "What they did stays in the audit log under their name.",
            "Whoever may run commands on the hub's machine can make a new link for any name.",
        ),
        "Take it away",
        run,
        _page(),
        is_danger=True,
    )
