"""Which hubs an archive or a bundle must name, so that a reader knows who administers their channels (protocol.md
sections 3 and 4).
"""

from __future__ import annotations

from typing import Any

import orjson

from accord.errors import RemoteError
from accord.statements import verify_statement
from peers.blessings import hub_seen
from peers.models import Hub
from peers.options import HUB_NAME
from peers.selectors import statement

MAX_NAME: int = 64


def hubs_known() -> list[dict[str, Any]]:
    """{name, admin} of this hub and of all whose set_admin statement is known here."""
    known = Hub.objects.exclude(set_admin=None).order_by("key").values_list("name", "set_admin")
    return [
        {"name": HUB_NAME.value, "admin": statement("set_admin")},
        *({"name": name, "admin": orjson.loads(bytes(set_admin))} for name, set_admin in known),
    ]


def hub_learn(value: dict[str, Any], *, now: int) -> None:
    """Take note of a hub that an archive names; RemoteError where it is not what that hub has signed."""
    name = value.get("name")
    if type(name) is not str or len(name) > MAX_NAME:
        raise RemoteError("bad_request", "name and admin of a hub expected")
    hub_seen(admin=verify_statement(value.get("admin"), type="set_admin"), name=name, proved=False, now=now)
