"""/metrics, /healthz, /readyz."""

from __future__ import annotations

import json
import re

import pytest
from django.test import Client, override_settings
from prometheus_client.parser import text_string_to_metric_families

from console import health, services
from console.models import Setting
from peers.clock import now_ms
from peers.counters import counters
from tests.console.conftest import page
from tests.factories import Hub


def values(text: str) -> dict[str, float]:
    """Every sample, by name and labels."""
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_numbers_of_the_process_and_the_store(hub: Hub) -> None:
    counters.refused["too_big"] += 3
    counters.logins["member"] += 2
    found = values(page(Client(), "/metrics"))
    assert found["accord_messages_refused_total[('code', 'too_big')]"] >= 3
    assert found["accord_logins_total[('result', 'member')]"] >= 2
    assert found["accord_store_messages[]"] >= 1
    assert found["accord_store_bytes[]"] > 0
    assert found["process_resident_memory_bytes[]"] > 0
    assert found["accord_ingest_queue[]"] == 0
    assert found["accord_sockets[('role', 'guest')]"] == 0
    assert {"accord_messages_stored_total[]", "accord_deliveries_total[]", "accord_database_bytes[]"} <= set(found)


def test_requests_are_told_by_route(hub: Hub) -> None:
    client = Client()
    client.get("/console/peers/account/7/change/")
    client.get("/nowhere/with-a-secret-in-it")
    client.generic("BREW", "/")
    text = page(client, "/metrics")
    assert 'route="/console/peers/account/<path:object_id>/change/"' in text
    assert 'route="none",status="404"' in text
    assert 'method="other"' in text
    assert "with-a-secret" not in text
    assert "accord_http_request_seconds_bucket" in text


def test_who_may_read_the_numbers(hub: Hub) -> None:
    token = services.metrics_token_create(now=now_ms())
    shown = {"authorization": f"Bearer {token}"}
    elsewhere = Client(REMOTE_ADDR="192.0.2.7")
    assert elsewhere.get("/metrics").status_code == 401
    assert elsewhere.get("/metrics", headers=shown).status_code == 200
    for wrong in (f"Bearer {token}x", "Bearer ", f"Basic {token}", "Bearer é"):
        assert elsewhere.get("/metrics", headers={"authorization": wrong}).status_code == 401
    for address in ("::1", "127.0.0.1", "127.9.9.9"):
        assert Client(REMOTE_ADDR=address).get("/metrics").status_code == 200
    assert Client(REMOTE_ADDR="").get("/metrics").status_code == 401


def test_behind_a_proxy_loopback_proves_nothing(hub: Hub) -> None:
    token = services.metrics_token_create(now=now_ms())
    with override_settings(ACCORD_URL="https://hub.example"):
        assert Client().get("/metrics").status_code == 401
        assert Client().get("/metrics", headers={"authorization": f"Bearer {token}"}).status_code == 200


def test_without_a_token_none_fits(hub: Hub) -> None:
    assert Client(REMOTE_ADDR="192.0.2.7").get("/metrics", headers={"authorization": "Bearer "}).status_code == 401


def test_the_token_is_shown_once_and_kept_as_a_hash(operator: Client) -> None:
    text = operator.post("/console/do/metrics-token/", {"confirmed": "1"}).content.decode()
    found = re.search(r'class="secret"[^>]*>([^<]{43})<', text)
    assert found
    token = found[1]
    assert token not in Setting.objects.get().value
    for path in ("", "numbers/", "settings/", "peers/auditentry/"):
        assert token not in page(operator, f"/console/{path}")
    old = {"authorization": f"Bearer {token}"}
    assert Client(REMOTE_ADDR="192.0.2.7").get("/metrics", headers=old).status_code == 200
    operator.post("/console/do/metrics-token/", {"confirmed": "1"})
    assert Client(REMOTE_ADDR="192.0.2.7").get("/metrics", headers=old).status_code == 401


def test_the_process_lives(hub: Hub) -> None:
    answer = Client().get("/healthz")
    assert (answer.status_code, json.loads(answer.content)) == (200, {"status": "ok"})
    assert "no-store" in answer.headers["Cache-Control"]


def test_readiness_says_what_is_missing(hub: Hub) -> None:
    answer = Client().get("/readyz")
    assert answer.status_code == 503  # no live socket in this process
    assert json.loads(answer.content) == {
        "status": "not ready",
        "checks": {"database": "ok", "live": "the live socket has not been started", "migrations": "ok"},
    }
    assert "no-store" in answer.headers["Cache-Control"]


def test_missing_migrations_are_noticed(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_migrated", [])
    monkeypatch.setattr(health.MigrationExecutor, "migration_plan", lambda *arguments: ["one"])
    assert "manage.py migrate" in Client().get("/readyz").content.decode()


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz"])
def test_they_are_only_read(hub: Hub, path: str) -> None:
    assert Client().post(path).status_code == 405


def test_the_page_of_numbers(operator: Client) -> None:
    counters.refused["gone"] += 1
    text = page(operator, "/console/numbers/")
    assert "<code>gone</code>" in text
    assert "/metrics" in text
    assert "console.count" in page(operator, "/console/tasks/")
    assert "serves no sockets" in page(operator, "/console/sessions/")
