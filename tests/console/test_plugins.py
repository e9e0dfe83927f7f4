"""Plugins as the operator sees them: what each did, what was given up, and what can be done about it."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from accord.invites import new_link
from console.attention import concerns
from messaging.models import Message
from peers.clock import now_ms
from peers.models import AuditEntry
from plugins import installed, services
from plugins.models import Job, Proposal
from tests.console.conftest import page
from tests.console.test_deeds import audit, do
from tests.factories import Hub, envelope, inbox, store, take

pytestmark = pytest.mark.django_db


@pytest.fixture
def dead(hub: Hub) -> Job:
    """A job that was given up."""
    assert take(envelope(hub.admin, hub.lounge, "/remind 10m tea", created_at=now_ms()), now=now_ms()) == ["stored"]
    job = Job.objects.get()
    for _ in range(len(services.BACKOFF_SECONDS) + 1):
        job.refresh_from_db()
        services.job_failed(job=job, error="ValueError: <b>broken</b>\nat remind, line 3", took_ms=12, now=now_ms())
    return job


def cells(text: str, name: str) -> list[str]:
    """The row of a plugin."""
    (row,) = [row for row in re.findall(r"<tr>.*?</tr>", text, re.DOTALL) if f">{name}<" in row]
    return [re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row)]


def test_every_plugin_with_what_became_of_its_jobs(operator: Client, dead: Job) -> None:
    text = page(operator, "/console/plugins/")
    assert cells(text, "remind") == ["remind", "chat.text", "on", "0", "0", "0", "0", "1", "", "", "the hub"]
    assert cells(text, "welcome")[:3] == ["welcome", "replace_account", "on"]
    Job.objects.update(state="done", due_at=now_ms(), took_ms=40)
    assert cells(page(operator, "/console/plugins/"), "remind")[6:10] == ["1", "0", "40 ms", "40 ms"]
    Job.objects.update(handler="gone")
    assert cells(page(operator, "/console/plugins/"), "gone")[-1] == "not installed any more"


def test_a_plugin_that_cannot_be_loaded_is_told(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(installed.failures, "broken", "ImportError: <i>no</i>")
    row = cells(page(operator, "/console/plugins/"), "broken")
    assert (row[2], row[-1]) == ("not loaded", "ImportError: &lt;i&gt;no&lt;/i&gt;")


def test_dead_jobs_are_listed_and_a_concern(operator: Client, dead: Job) -> None:
    listed = page(operator, "/console/plugins/job/", state="dead")
    assert "ValueError: &lt;b&gt;broken&lt;/b&gt;" in listed
    assert "line 3" not in listed
    row = page(operator, f"/console/plugins/job/{dead.pk}/change/")
    assert "at remind, line 3" in row
    assert "Run again" in row
    assert f"/console/messaging/message/{dead.message_id}/change/" in row
    assert any("1 job of a plugin was given up" in concern.says for concern in concerns([], 0))
    for state in ("due", "later", "done"):
        assert "ValueError" not in page(operator, "/console/plugins/job/", state=state)
    assert 'accord_plugin_jobs{state="dead"} 1' in page(Client(), "/metrics")


def test_a_dead_job_is_run_again(operator: Client, dead: Job) -> None:
    do(operator, f"run-job/{dead.pk}/")
    dead.refresh_from_db()
    assert (dead.state, dead.tries) == ("waiting", 0)
    assert audit()[-1] == "run_job"
    assert AuditEntry.objects.latest("pk").target == f"remind on message number {dead.message_id}"


def test_a_dead_job_is_dropped(operator: Client, dead: Job) -> None:
    do(operator, f"drop-job/{dead.pk}/")
    assert not Job.objects.exists()
    assert Message.objects.filter(pk=dead.message_id).exists()
    assert operator.get(f"/console/do/drop-job/{dead.pk}/").status_code == 302
    assert audit()[-1] == "drop_job"


@pytest.fixture
def proposal(hub: Hub) -> Proposal:
    """A member has written another hub's invite to the admin."""
    ann, link = hub.member("ann"), new_link("http://127.0.0.1:9", b"k" * 32)
    value = envelope(ann, inbox(hub.admin), f"try <b>{link}", created_at=now_ms())
    cursor = store(value, now=now_ms())[1][0].cursor
    return Proposal.objects.create(message_id=cursor, hub=b"k" * 32, origin=link.origin, at=now_ms())


def test_a_proposed_hub_is_shown_without_its_secret(operator: Client, proposal: Proposal) -> None:
    assert any("1 hub was proposed" in concern.says for concern in concerns([], 0))
    row = page(operator, f"/console/plugins/proposal/{proposal.pk}/change/")
    assert "http://127.0.0.1:9" in row
    assert ">ann<" in row
    assert "/join#" not in row + page(operator, f"/console/do/link-proposed/{proposal.pk}/")


def test_a_proposed_hub_that_is_not_there_stays_proposed(operator: Client, proposal: Proposal) -> None:
    path = f"/console/do/link-proposed/{proposal.pk}/"
    answer = operator.post(path, {"everything": "used", "confirmed": "1"})
    assert answer.status_code >= 400
    assert Proposal.objects.get().is_open


def test_a_proposal_goes_with_its_message(operator: Client, proposal: Proposal) -> None:
    path = f"/console/do/dismiss-proposal/{proposal.pk}/"
    Message.objects.filter(pk=proposal.message_id).update(body=None, salt=None)
    assert operator.get(path).status_code == 302, "there is nothing to dismiss"
    services.jobs_sweep(now=now_ms())
    assert not Proposal.objects.exists()


def test_a_proposal_is_dismissed(operator: Client, proposal: Proposal) -> None:
    do(operator, f"dismiss-proposal/{proposal.pk}/")
    assert not Proposal.objects.get().is_open
    assert "there" not in page(operator, "/console/plugins/proposal/")
    assert audit()[-1] == "dismiss_proposal"
