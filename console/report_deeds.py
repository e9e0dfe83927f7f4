"""Deeds about reports: close one, by a `report.close` that the admin's key signs; delete a file that a reported message
names. Removing somebody is in people_deeds.py.
"""

from __future__ import annotations

from django.urls import reverse

from accord.encoding import b64decode
from accord.message_types import MAX_REPORT_CHARS
from blobs.fetching import fetcher
from blobs.selectors import blob_held
from blobs.services import blob_delete
from console import roles
from console.deeds import Deed, Field, named, nothing, number_of
from console.shown import size
from messaging.models import Report
from messaging.services import report_decide
from peers import audit
from peers.clock import now_ms
from peers.loop import loop_bridge


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


@named("delete-blob", needs=roles.MODERATE)
def delete_blob(target: str) -> Deed:
    """Delete a file by the id of its blob, and take it no more."""
    ident = b64decode(target, 32)
    blob = blob_held(ident)
    if blob is None or blob.gone_at is not None:
        raise nothing("that file")

    def run(values: dict[str, str]) -> str:
        hubs = blob_delete(ident=ident, account_id=0, is_admin=True, now=now_ms())
        if hubs:
            loop_bridge.soon(fetcher.gone, hubs, ident)
        audit.note("delete_blob", ident.hex()[:16], size(blob.size))
        return "Deleted."

    return Deed(
        "Delete this file",
        (
            f"{size(blob.size)} that members brought. This hub cannot read it: what it is, the report says.",
            "It goes from this hub at once, hubs that fetched it here are told, and it is never taken again.",
            "It cannot be undone. Whoever has opened it may have a copy.",
        ),
        "Delete it",
        run,
        reverse("admin:messaging_report_changelist"),
        is_danger=True,
    )
