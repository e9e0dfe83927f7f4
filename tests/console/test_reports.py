"""Reports in the console: seen, and closed by a message that the admin's key signs."""

from __future__ import annotations

from django.test import Client

from messaging.models import Message, Report
from tests.console.conftest import page
from tests.console.test_deeds import do
from tests.factories import Hub, person, take


def reported(hub: Hub) -> Report:
    """A member has reported a stranger."""
    ann = hub.member("ann")
    body = {"pubkey": person("mallory").public, "reason": "spam", "text": "<b>boats</b>"}
    assert take(hub.control(ann, "report", body)) == ["stored"]
    return Report.objects.get()


def test_reports_are_seen_as_text(operator: Client, hub: Hub) -> None:
    report = reported(hub)
    listed = page(operator, "/console/messaging/report/")
    assert "a stranger" in listed
    assert "spam" in listed
    shown = page(operator, f"/console/messaging/report/{report.pk}/change/")
    assert "&lt;b&gt;boats&lt;/b&gt;" in shown


def test_the_operator_closes_a_report(operator: Client, hub: Hub) -> None:
    report = reported(hub)
    do(operator, f"warn-reported/{report.pk}/", text="Enough.")
    report.refresh_from_db()
    assert (report.state, report.answer) == (Report.State.WARNED, "Enough.")
    message = Message.objects.select_related("author").get(type="report.close")
    assert bytes(message.author.key) == hub.admin.public
    assert operator.get(f"/console/do/dismiss-report/{report.pk}/").status_code == 302  # with a sentence: it is gone
