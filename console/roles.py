"""Who may do what in the console: three roles, as Django's groups and permissions.

operator    everything
moderator   people, reports, channels, messages, connections, and deeds about them; no settings, keys, backups
auditor     reads everything, changes nothing

Each page, table and deed names the permission that it needs; what names none is the operator's (deeds) or for those who
see the hub (pages, tables). Not here: how somebody gets in (entry.py), who there is (access.py).
"""

from __future__ import annotations

from typing import Any, Final

from django.contrib.auth.models import Group, Permission
from django.contrib.auth.models import User as ConsoleUser
from django.http import HttpRequest

from accord.errors import AccordError

SEE_PEOPLE: Final = "console.see_people"  # people, what they have said in the open, who is connected
SEE_HUB: Final = "console.see_hub"  # settings, keys, links, tasks, logs, the audit log
MODERATE: Final = "console.moderate"  # deeds about people
OPERATE: Final = "console.operate"  # all other deeds

OPERATOR: Final = "operator"
ROLES: Final[dict[str, tuple[str, ...]]] = {
    OPERATOR: (SEE_PEOPLE, SEE_HUB, MODERATE, OPERATE),
    "moderator": (SEE_PEOPLE, MODERATE),
    "auditor": (SEE_PEOPLE, SEE_HUB),
}
MAX_NAME_CHARS: Final = 32
_NAME_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")


def name_of(text: str) -> str:
    """The name of a console user; AccordError("bad_request") for what is none."""
    if not 1 <= len(text) <= MAX_NAME_CHARS or not set(text) <= _NAME_CHARACTERS:
        raise AccordError("bad_request", f"a name is 1 to {MAX_NAME_CHARS} of a-z, 0-9, - and _")
    return text


def group_of(role: str) -> Group:
    """The group of a role, with its permissions; AccordError("bad_request") for what is no role."""
    if role not in ROLES:
        raise AccordError("bad_request", f"a role is one of {', '.join(ROLES)}")
    group, _ = Group.objects.get_or_create(name=role)
    names = [permission.removeprefix("console.") for permission in ROLES[role]]
    group.permissions.set(Permission.objects.filter(content_type__app_label="console", codename__in=names))
    return group


def role_of(user: ConsoleUser) -> str:
    """What somebody is here."""
    return str(user.groups.filter(name__in=ROLES).values_list("name", flat=True).first() or "nobody")


def may(request: HttpRequest, permission: str) -> bool:
    """Whether whoever asks has a permission."""
    user: Any = request.user
    return bool(user.has_perm(permission))
