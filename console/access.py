"""Who may enter the console: its users, their roles, the browsers in which they are signed in, taking access away.

A browser's session is known here by a hash of its key, for the key itself is as good as the cookie. Addresses are not
kept. Not here: the way in (entry.py), second factors (factors.py), what a role may do (roles.py).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from django.contrib.auth.models import User as ConsoleUser
from django.contrib.sessions.models import Session as BrowserSession
from django.db import transaction
from django.utils import timezone

from console import roles
from console.models import EntryLink, Factor
from peers import audit

ENTERED_AT: Final = "entered_at"  # what the session of a browser holds
SEEN_AT: Final = "seen_at"
SID_CHARS: Final = 16


@dataclass(frozen=True, slots=True)
class Browser:
    """A signed-in browser; times in ms."""

    sid: str
    name: str
    entered_at: int
    seen_at: int


def sid_of(session_key: str) -> str:
    """A name for a session in addresses."""
    return hashlib.sha256(session_key.encode()).hexdigest()[:SID_CHARS]


def _sessions() -> list[tuple[BrowserSession, Browser]]:
    names = dict(ConsoleUser.objects.values_list("pk", "username"))
    found = []
    for row in BrowserSession.objects.filter(expire_date__gt=timezone.now()):
        held = row.get_decoded()
        if ENTERED_AT in held and (name := names.get(int(held.get("_auth_user_id", 0)))):
            entered = held[ENTERED_AT]
            found.append((row, Browser(sid_of(row.session_key), name, entered, held.get(SEEN_AT, entered))))
    return sorted(found, key=lambda pair: -pair[1].seen_at)


def browsers() -> list[Browser]:
    """Every signed-in browser, the one last seen first."""
    return [browser for _, browser in _sessions()]


def browser_end(*, sid: str) -> int:
    """Sign one browser out; gives how many that were."""
    chosen = [(row, browser) for row, browser in _sessions() if browser.sid == sid]
    for row, browser in chosen:
        row.delete()
        audit.note("end_browser", f"browser {sid}", f"of {browser.name}")
    return len(chosen)


@transaction.atomic
def console_user_ensure(*, name: str, role: str) -> ConsoleUser:
    """The console user of that name, who has that role from now on."""
    user, created = ConsoleUser.objects.get_or_create(username=name, defaults={"is_staff": True})
    if created:
        user.set_unusable_password()
    user.is_staff, user.is_active, user.is_superuser = True, True, False
    user.save()
    user.groups.set([roles.group_of(role)])
    return user


@transaction.atomic
def console_user_remove(*, name: str) -> None:
    """Take somebody's access away: browsers are signed out, factors and links are gone."""
    for row, browser in _sessions():
        if browser.name == name:
            row.delete()
    Factor.objects.filter(owner=name).delete()
    EntryLink.objects.filter(name=name).delete()
    ConsoleUser.objects.filter(username=name).delete()
    audit.note("remove_console_user", name)
