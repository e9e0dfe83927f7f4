"""Runs the hub: lock, database, port, background threads, announcement, server, and all of it undone in order.

The server is an argument: `manage.py hub` brings uvicorn, `manage.py runserver` brings Daphne.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import socket
from collections.abc import Callable
from typing import Final

import segno
from django.conf import settings
from django.core.management import CommandError
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor

from accord.errors import RemoteError
from accord.invites import InviteLink, parse_link, temporary_key
from accord.keys import fingerprint
from accord_hub import home
from accord_hub.background import Background
from accord_hub.celery import app
from console import roles
from console.keys import django_key
from console.services import entry_link_create, options_refresh, restored_note
from discovery.finder import finder
from invites.selectors import has_members, is_pending
from messaging.backup import schedule, switching
from messaging.backup.upgrade import too_new
from messaging.services import hub_install, invite_create
from peers import audit, restarting
from peers.clock import now_ms
from peers.commands import clear_errors
from peers.keyring import keyring, write_private
from peers.options import HUB_NAME
from peers.services import processes_forget

FIRST_INVITES: Final = 20  # what the first member may give to others
QR_BORDER_MODULES: Final = 2
GC_THRESHOLDS: Final = (50_000, 50, 100)

Write = Callable[[str], object]
Serve = Callable[[socket.socket, Callable[[], None]], None]


def prepare() -> None:
    """Make sure of the home, the keys and the database's tables; to be called within `clear_errors`."""
    keyring()
    django_key()
    executor = MigrationExecutor(connection)
    if refusal := too_new(executor):
        raise CommandError(refusal)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise CommandError("the database is not up to date: run `manage.py migrate`")
    options_refresh()


def run(serve: Serve, make_listener: Callable[[], socket.socket], write: Write) -> None:
    """Serve the hub until it is told to stop; CommandError if it cannot start.

    Where the operator has had a backup put in place, it begins anew as the same process: whatever looks after it, a
    terminal, systemd or a container, need not know.
    """
    with clear_errors():
        connections.close_all()
        before = _read_by_settings()
        if switching.settle() and _read_by_settings() != before:
            restarting.begin_anew()
    _run(serve, make_listener, write)
    if restarting.is_asked() and switching.is_wanted():
        restarting.begin_anew()


def _read_by_settings() -> list[bytes]:
    """What the settings have read of the home when this process began."""
    paths = [home.Path(settings.ACCORD_HOME) / name for name in ("mode", "name", "url")]
    return [path.read_bytes() if path.exists() else b"" for path in paths]


def _run(serve: Serve, make_listener: Callable[[], socket.socket], write: Write) -> None:
    with contextlib.ExitStack() as stack:
        with clear_errors():
            stack.enter_context(home.locked())
            prepare()
            audit.serve_as_hub()
            write_private(home.Path(settings.ACCORD_HOME) / "mode", f"{settings.ACCORD_MODE}\n")
            if os.environ.get("ACCORD_NAME"):
                write_private(home.Path(settings.ACCORD_HOME) / "name", f"{settings.ACCORD_NAME}\n")
            hub_install()
            processes_forget()
            restored_note(now=now_ms())
            listener = stack.enter_context(restarting.listener_kept() or make_listener())
            restarting.serves(listener)
            welcome = _welcome(settings.ACCORD_URL or home.local_url(listener), is_new=not has_members())
        connections.close_all()
        stack.callback(_empty_write_ahead_log)
        finder.start(listener.getsockname()[1])
        stack.callback(finder.stop)
        background = Background(app)
        background.start()
        stack.callback(background.stop)
        stack.callback(schedule.stop)

        def ready() -> None:
            _settle_garbage_collector()
            stack.enter_context(home.announced(listener))
            write(welcome)

        serve(listener, ready)


def _empty_write_ahead_log() -> None:
    """Leave one whole database file behind: for whoever copies it, and so that what was purged is not in the log."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _settle_garbage_collector() -> None:
    """Leave what start-up made alone, and look for cycles seldom: parsed frames are many small objects without any."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def _welcome(url: str, *, is_new: bool) -> str:
    lines = [
        f"{HUB_NAME.value} is running.",
        "",
        f"  Address      {url}",
        f"  Fingerprint  {fingerprint(keyring().hub.public)}",
        f"  Console      {console_link(url, now=now_ms())}",
        "               opens once, within 15 minutes; another: manage.py console_link",
        "",
    ]
    if settings.IS_GOSSIP:
        lines += ["Gossip mode: nobody joins here. Link it to a hub that gave it an invite:", ""]
        lines += ["  manage.py link 'INVITE_LINK'"]
    elif is_new:
        link = str(_first_invite(url))
        lines += ["Nobody has joined yet. Open this link in a browser; it works once, for 72 hours:", ""]
        lines += [qr_code(link), f"  {link}", "", f"In a terminal: accord join '{link}'"]
    else:
        _first_invite_path().unlink(missing_ok=True)
        lines += ["Invite somebody: manage.py invite"]
    return "\n".join([*lines, "", "Stop the hub with Ctrl-C."])


def console_link(origin: str, *, now: int, name: str = roles.OPERATOR, role: str = roles.OPERATOR) -> str:
    """A new link that opens the console once, to that user in that role. Its secret is behind the #:
    browsers send it to nobody.
    """
    return f"{origin}/console/enter#{entry_link_create(now=now, name=name, role=role)}"


def _first_invite_path() -> home.Path:
    return home.Path(settings.ACCORD_HOME) / "first_invite"


def _first_invite(origin: str) -> InviteLink:
    """The link kept from an earlier start while it can be claimed, else a new one."""
    path = _first_invite_path()
    with contextlib.suppress(FileNotFoundError, RemoteError):
        link = parse_link(path.read_text(encoding="utf-8"))
        if is_pending(temporary_key(link.secret).public, now=now_ms()):
            return link._replace(origin=origin)
    link = invite_create(origin=origin, invites=FIRST_INVITES)
    write_private(path, f"{link}\n")
    return link


def qr_code(text: str) -> str:
    """A QR code of half blocks, for a terminal."""
    drawing = io.StringIO()
    segno.make(text, micro=False).terminal(drawing, border=QR_BORDER_MODULES, compact=True)
    return drawing.getvalue()
