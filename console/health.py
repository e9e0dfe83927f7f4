"""`/healthz`, which says that the process lives, and `/readyz`, which says whether it can serve, and why not.

Open to everyone who reaches the hub: they tell nothing but their own few words.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from messaging.live import live
from messaging.selectors import store_cursor

PATIENCE_MS: Final = 1_000

_migrated: list[bool] = []


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


def _database() -> str:
    """Take the write lock, as whoever stores does, and let go of it."""
    try:
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                cursor.execute("PRAGMA busy_timeout")
                (patience_ms,) = cursor.fetchone()
                cursor.execute(f"PRAGMA busy_timeout={PATIENCE_MS}")
                try:
                    with transaction.atomic():
                        store_cursor()
                finally:
                    cursor.execute(f"PRAGMA busy_timeout={int(patience_ms)}")
            else:
                with transaction.atomic():
                    store_cursor()
    except DatabaseError:
        return "the database cannot be written"
    return ""


def _live() -> str:
    try:
        return "" if live().ingest.is_running else "the writer has stopped"
    except RuntimeError:
        return "the live socket has not been started"


def _migrations() -> str:
    """Looked up until they are applied: they do not go back while the process lives."""
    if not _migrated:
        try:
            executor = MigrationExecutor(connection)
            if executor.migration_plan(executor.loader.graph.leaf_nodes()):
                return "migrations are missing: run manage.py migrate"
        except DatabaseError:
            return "the database cannot be read"
        _migrated.append(True)
    return ""


_CHECKS: Final[dict[str, Callable[[], str]]] = {"database": _database, "live": _live, "migrations": _migrations}


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Whether messages can be taken, stored and delivered."""
    found = {name: check() or "ok" for name, check in _CHECKS.items()}
    is_ready = all(value == "ok" for value in found.values())
    body = {"status": "ready" if is_ready else "not ready", "checks": found}
    return JsonResponse(body, status=200 if is_ready else 503)
