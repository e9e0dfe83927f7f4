"""`/metrics` for Prometheus, in a registry of its own.

What the hot path counts are plain integers (peers/counters.py), read when somebody asks. Given to programs of this
machine, or to whoever shows the token; behind a proxy every request comes from this machine, so only the token counts.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterator
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from blobs.selectors import figures as blob_figures
from console import runs
from console.backups import last_run
from console.models import Setting
from console.services import METRICS_TOKEN, digest_of
from messaging.live import live
from messaging.models import BackupRun
from messaging.room import database_bytes
from messaging.selectors import figures
from peers.counters import counters
from peers.sessions import Role, sessions
from plugins.selectors import job_counts

LATENCY_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
BEARER: Final = "Bearer "

registry = CollectorRegistry(auto_describe=False)
ProcessCollector(registry=registry)
http_requests = Histogram(
    "accord_http_request_seconds",
    "HTTP requests by route and status",
    ["method", "route", "status"],
    buckets=LATENCY_SECONDS,
    registry=registry,
)


class HubCollector(Collector):
    """Reads the running totals of this process and the sums of the store."""

    def collect(self) -> Iterator[Metric]:
        """Everything but HTTP and the process itself."""
        yield CounterMetricFamily("accord_messages_stored", "Messages stored here", value=counters.stored)
        yield CounterMetricFamily("accord_messages_duplicate", "Messages held already", value=counters.duplicates)
        yield _by("accord_messages_refused", "Messages refused, by code", "code", counters.refused)
        yield CounterMetricFamily("accord_deliveries", "Messages handed to sessions", value=counters.delivered)
        yield _by("accord_logins", "Logins, by role or by the code of the refusal", "result", counters.logins)
        yield GaugeMetricFamily("accord_ingest_queue", "Messages waiting to be stored", value=_pending())
        sockets = GaugeMetricFamily("accord_sockets", "Live sessions, by role", labels=["role"])
        held = sessions.all()
        for role in Role:
            sockets.add_metric([role.value], sum(session.role is role for session in held))
        yield sockets
        sums = figures()
        yield GaugeMetricFamily("accord_store_messages", "Messages held", value=sums["messages"])
        yield GaugeMetricFamily("accord_store_bytes", "Bytes of the messages held", value=sums["bytes"])
        yield GaugeMetricFamily("accord_database_bytes", "Bytes of the database", value=database_bytes())
        blobs = blob_figures()
        yield GaugeMetricFamily("accord_blobs", "Sealed files held", value=blobs.blobs)
        yield GaugeMetricFamily("accord_blob_bytes", "Bytes of sealed files", value=blobs.bytes)
        yield from _tasks()
        jobs = GaugeMetricFamily("accord_plugin_jobs", "Jobs of plugins held, by state", labels=["state"])
        for state, number in job_counts().items():
            jobs.add_metric([state], number)
        yield jobs
        yield from _backups()


def _backups() -> Iterator[Metric]:
    good = GaugeMetricFamily("accord_backup_last_good_seconds", "When the newest good one began", labels=["kind"])
    failed = GaugeMetricFamily("accord_backup_failed", "1 where the newest one went wrong", labels=["kind"])
    for kind in BackupRun.Kind.values:
        found = last_run(kind, good=True)
        if found is not None:
            good.add_metric([kind], found.started_at / 1000)
        newest = last_run(kind)
        if newest is not None:
            failed.add_metric([kind], bool(newest.error))
    yield good
    yield failed


def _by(name: str, says: str, label: str, counts: dict[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, says, labels=[label])
    for value, count in list(counts.items()):
        family.add_metric([value], count)
    return family


def _pending() -> int:
    try:
        return live().ingest.pending
    except RuntimeError:  # not started here
        return 0


def _tasks() -> Iterator[Metric]:
    done = CounterMetricFamily("accord_task_runs", "Runs of scheduled tasks", labels=["task", "result"])
    spent = CounterMetricFamily("accord_task_seconds", "Time spent in scheduled tasks", labels=["task"])
    for name, record in runs.records().items():
        done.add_metric([name, "done"], record.runs - record.failures)
        done.add_metric([name, "failed"], record.failures)
        spent.add_metric([name], record.seconds)
    yield done
    yield spent


registry.register(HubCollector())


def _may_read(request: HttpRequest) -> bool:
    shown = request.headers.get("Authorization", "")
    if shown.startswith(BEARER):
        kept = Setting.objects.filter(name=METRICS_TOKEN).values_list("value", flat=True).first() or ""
        return hmac.compare_digest(kept, digest_of(shown.removeprefix(BEARER)).hex())
    if settings.ACCORD_URL:
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The numbers."""
    if not _may_read(request):
        return HttpResponse(
            "Show the token.\n", status=401, content_type="text/plain", headers={"WWW-Authenticate": "Bearer"}
        )
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
