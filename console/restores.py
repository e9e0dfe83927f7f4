"""Restoring from the console: choose a backup or bring one, see what would change, confirm, and the hub does it itself.

The steps are those of messaging/backup: staging.py reads and compares beside the running hub, switching.py puts it in
place while the hub begins anew, and what was there is kept for a week, to go back. The browser that confirms is let in
again by a secret of its own, for the sessions of the console are those of the hub that is left.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accord.encoding import b64decode, b64encode
from accord.errors import AccordError
from blobs import files
from console import roles
from console.backups import held
from console.services import SECRET_BYTES, digest_of
from console.shown import ago, count, moment, short_key, size
from messaging.backup import places, rules, runs, staging, switching
from messaging.backup.keys import BackupError
from messaging.backup.writing import RESERVE_BYTES
from messaging.selectors import store_cursor
from peers import audit, restarting
from peers.clock import now_ms
from peers.keyring import keyring
from peers.options import HUB_NAME

SiteContext = Callable[[HttpRequest], dict[str, Any]]

BROUGHT: Final = "brought"  # instead of the name of a file: the one that the operator has uploaded
MAX_AT_DIGITS: Final = 15
UNDER_WAY: Final = ("reading", "comparing")


def _source(name: str) -> Path:
    """The file that was chosen; AccordError for one that is not there."""
    chosen = next((path for path in held() if path.name == name), None)
    if name == BROUGHT and places.upload_file().exists():
        chosen = places.upload_file()
    if chosen is None:
        raise AccordError("not_found", "That backup is not there any more: nothing has been changed.")
    return chosen


# The steps


def _read(request: HttpRequest) -> None:
    staging.begin(source=_source(request.POST.get("file", "")), secret=request.POST.get("secret", "").strip())


def _read_kept(request: HttpRequest) -> None:
    staging.begin(source=None)


def _discard(request: HttpRequest) -> None:
    staging.discard()


def _kept_remove(request: HttpRequest) -> None:
    if switching.kept_since() is not None:
        places.remove(places.kept_home())
        audit.note("restore_kept", detail="What was in place before the restore has been removed.")


_STEPS: Final[dict[str, Callable[[HttpRequest], None]]] = {
    "read": _read,
    "read-kept": _read_kept,
    "discard": _discard,
    "remove-kept": _kept_remove,
}


def _confirm(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """The last step: the hub stops, and begins anew with what was staged. AccordError."""
    if request.POST.get("typed", "").strip() != HUB_NAME.value:
        raise AccordError("bad_request", f"Type the name of this hub, “{HUB_NAME.value}”: nothing has been changed.")
    secret = secrets.token_urlsafe(SECRET_BYTES)
    name = request.user.get_username()
    audit.note("restore", staging.state().get("source", ""), "wanted in place of what is here")
    staging.want(digest=digest_of(secret).hex(), name=name, role=roles.role_of(request.user))  # type: ignore[arg-type]
    restarting.ask()
    return render(request, "console/restoring.html", {**context, "title": "Putting it in place", "secret": secret})


@sensitive_post_parameters("secret")
@require_http_methods(["GET", "HEAD", "POST"])
def restore(request: HttpRequest, *, site_context: SiteContext) -> HttpResponse:
    """The page: what can be chosen, how far it is, or what would change."""
    error = ""
    if request.method == "POST":
        step = request.POST.get("step", "")
        try:
            if step == "confirm":
                return _confirm(request, site_context(request))
            if step not in _STEPS:
                raise AccordError("bad_request", "There is no such step.")
            _STEPS[step](request)
            return HttpResponseRedirect(reverse("admin:restore"))
        except (AccordError, BackupError) as refusal:
            error = refusal.detail if isinstance(refusal, AccordError) else f"{refusal}."
    now = now_ms()
    found = staging.state()
    context = {
        **site_context(request),
        "title": "Restore a backup",
        "error": error[:1].upper() + error[1:],
        "state": found["state"],
        "is_under_way": found["state"] in UNDER_WAY,
        "failed": f"{found.get('error', '')}." if found["state"] == "failed" else "",
        "refused": found.get("refused", ""),
        "done": found.get("done", 0),
        "total": found.get("total", 0),
        "source": _called(found),
        "backups": [_row(path) for path in held()],
        "brought": _brought(),
        "name_to_type": HUB_NAME.value,
        "folder": rules.BACKUP_FOLDER.value,
        "kept": _kept(now),
        **(_compared(found["facts"], now) if found["state"] == "ready" else {}),
    }
    return render(request, "console/restore.html", context, status=400 if error else 200)


@require_safe
def restore_state(request: HttpRequest, *, site_context: SiteContext) -> JsonResponse:
    """How far it is, for the page's script."""
    found = staging.state()
    names = ("state", "done", "total", "refused")
    return JsonResponse({name: found[name] for name in names if name in found} | {"is_wanted": switching.is_wanted()})


@require_POST
def restore_upload(request: HttpRequest, *, site_context: SiteContext) -> JsonResponse:
    """Take the next bytes of a backup that the operator brings; `at` is how many there are. Gives how many there are
    then; 409 where there are others.
    """
    text = request.GET.get("at", "")
    if not (text.isascii() and text.isdecimal()) or len(text) > MAX_AT_DIGITS:
        return JsonResponse({"detail": "at is a number of bytes"}, status=400)
    path = places.upload_file()
    if staging.state()["state"] in UNDER_WAY:
        return JsonResponse({"detail": "a backup is being read: wait for it"}, status=409)
    if shutil.disk_usage(places.staged().parent).free < RESERVE_BYTES + len(request.body):
        return JsonResponse({"detail": "the hub's disk is full: nothing of it has been kept"}, status=507)
    places.staged().mkdir(mode=0o700, exist_ok=True)
    if text == "0":
        path.unlink(missing_ok=True)
    there = files.append(path, request.body, at=int(text))
    if there is None:
        return JsonResponse({"size": files.received(path)}, status=409)
    return JsonResponse({"size": there})


# What is shown


def _called(found: dict[str, Any]) -> str:
    if found.get("is_kept"):
        return "what was in place before the last restore"
    name = str(found.get("source", ""))
    return "the backup that you brought" if name == places.upload_file().name else name


def _row(path: Path) -> dict[str, str]:
    opens = ""
    with contextlib.suppress(BackupError):
        runs.unlock_of(path)
        opens = "by itself"
    at = runs.made_at(path)
    return {
        "name": path.name,
        "at": moment(int(at.timestamp() * 1000)) if at else "",
        "size": size(path.stat().st_size) if path.exists() else "",
        "opens": opens,
    }


def _brought() -> str:
    there = files.received(places.upload_file())
    return size(there) if there else ""


def _kept(now: int) -> dict[str, str]:
    since = switching.kept_since()
    if since is None:
        return {}
    until = since + places.KEPT_SECONDS * 1000
    return {
        "since": moment(since),
        "ago": ago(since, now),
        "until": moment(until),
        "size": size(switching.kept_bytes()),
    }


def _compared(facts: dict[str, Any], now: int) -> dict[str, Any]:
    """The tables and sentences of the comparison."""
    people, messages, topics = facts["people"], facts["messages"], facts["topics"]
    all_topics = count(topics["same"] + topics["other"], "topic", "topics")
    return {
        "made": f"{moment(facts['made_at'])} UTC, {ago(facts['made_at'], now)}",
        "by_version": facts.get("program", ""),
        "numbers": [
            ("People", f"{people['here']:,}", f"{people['there']:,}"),
            ("Messages", f"{messages['here']:,}", f"{messages['there']:,}"),
            ("Newest message (UTC)", moment(messages["newest_here"]), moment(messages["newest_there"])),
            ("Key of the hub", short_key(keyring().hub.public), short_key(b64decode(facts["hub"], 32))),
        ],
        "roots": f"Of {all_topics}, {topics['same']:,} have the same root here and then; {topics['other']:,} differ.",
        "consequences": list(_consequences(facts)),
        "is_other_hub": facts["hub"] != b64encode(keyring().hub.public),
        "topics": [
            (name, f"{here:,}", f"{there:,}", f"{lost:,}" if lost else "", f"{back:,}" if back else "", is_same)
            for name, here, there, lost, back, is_same in topics["rows"]
        ],
        "compared": moment(facts["at"]),
    }


def _names(names: list[str], number: int) -> str:
    more = number - len(names)
    return ", ".join(names) + (f" and {more:,} more" if more else "")


def _consequences(facts: dict[str, Any]) -> list[str]:
    people, messages = facts["people"], facts["messages"]
    since = store_cursor() - facts["cursor"]
    told = []
    if messages["lost"]:
        told.append(f"{count(messages['lost'], 'message', 'messages')} would be lost, but for what linked hubs hold.")
    if since > 0:
        told.append(f"{count(since, 'message has', 'messages have')} come since this was compared: lost too.")
    if messages["back"]:
        told.append(
            f"{count(messages['back'], 'message', 'messages')} that are not here any more would be here again: pruned, "
            "removed or lost ones."
        )
    if messages["undeleted"]:
        told.append(f"{count(messages['undeleted'], 'deleted message', 'deleted messages')} would have text again.")
    if people["gone_number"]:
        told.append(f"These would have no account any more: {_names(people['gone'], people['gone_number'])}.")
    if people["back_number"]:
        told.append(f"These would have an account again: {_names(people['back'], people['back_number'])}.")
    told += [
        "Removals, revocations, settings, invites and links made since would be undone: what they took away is back.",
        "Everybody is cut off for some seconds. Sessions of the console and API tokens end; you are let in again.",
        f"What is here now is kept for {places.KEPT_SECONDS // 86_400} days, so that you can go back.",
    ]
    return told
