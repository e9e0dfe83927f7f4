"""Deeds about reports: close one. Each is a `report.close` that the admin's key signs. Removing somebody is in
people_deeds.py.
"""

from __future__ import annotations

from django.urls import reverse

from accord.message_types import MAX_REPORT_CHARS
from console import roles
from console.deeds import Deed, Field, named, nothing, number_of
from messaging.models import Report
from messaging.services import report_decide
from peers import audit


def _report(target: str) -> Report:
    found = Report.objects.filter(pk=number_of(target), state=Report.State.OPEN).first()
    if found is None:
        raise nothing("that report, or it has been closed")
    return found


def _close(report: Report, verdict: str, title: str, says: str, verb: str) -> Deed:
    def run(values: dict[str, str]) -> str:
        report_decide(ident=bytes(report.ident), verdict=verdict, text=values["text"])
        audit.note("close_report", bytes(report.ident).hex()[:16], verdict)
        return f"Closed: {verdict}."

    return Deed(
        title,
        (says, "Whoever reported is told that it is closed, and what you write here."),
        verb,
        run,
        reverse("admin:messaging_report_changelist"),
        (Field("text", "Your answer", "Signed by the admin.", MAX_REPORT_CHARS, is_required=False),),
    )


@named("dismiss-report", needs=roles.MODERATE)
def dismiss_report(target: str) -> Deed:
    """There is nothing in it."""
    return _close(
        _report(target), "dismissed", "Dismiss this report", "The reported person is told nothing.", "Dismiss"
    )


@named("warn-reported", needs=roles.MODERATE)
def warn_reported(target: str) -> Deed:
    """Tell the reported that it was not all right."""
    says = "The reported person is told that somebody complained, why, and what you write here; not who it was."
    return _close(_report(target), "warned", "Warn the reported person", says, "Warn them")
