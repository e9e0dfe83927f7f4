"""Reports in the console: seen, and closed by a message that the admin's key signs."""

from __future__ import annotations

import hashlib

from django.test import Client

from accord.encoding import b64encode
from blobs import files, services
from blobs.selectors import blob_held
from messaging.models import Message, Report
from tests.console.conftest import page
from tests.console.test_deeds import audit, do
from tests.factories import NOW, Hub, account_of, connected, ident_of, key_of, person, sealed, store, take
from tests.messaging.test_opened import entry
from tests.messaging.test_opened import report as opening


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


def test_what_was_opened_is_read_and_its_file_deleted(operator: Client, hub: Hub) -> None:
    ann, bob = hub.member("ann"), hub.member("bob")
    content = b"sealed bytes of a picture"
    ident = hashlib.sha256(content).digest()
    services.upload_begin(account_id=account_of(bob).pk, ident=ident, size=len(content), burn_at=None, now=NOW)
    services.upload_take(account_id=account_of(bob).pk, ident=ident, at=0, data=content, now=NOW)
    file = {"blob": b64encode(ident), "key": b64encode(bytes(32)), "name": "a.png", "size": 9, "media": "image/png"}
    private = connected(ann, bob)
    read = sealed(bob, private, {"text": "<i>look</i> what I have", "files": [file]})
    unread = sealed(bob, private, "something that ann keeps to herself")
    lied = sealed(bob, private, "good morning")
    store(read, unread, lied)
    assert take(opening(hub, ann, bob, entry(read), entry(lied, bytes(44)))) == ["stored"]
    address = f"/console/messaging/report/{Report.objects.get().pk}/change/"
    shown = page(operator, address)
    assert "&lt;i&gt;look&lt;/i&gt; what I have (1 file)" in shown
    assert "the key does not open it" in shown
    assert "keeps to herself" not in shown
    assert b64encode(key_of(read)) not in shown
    do(operator, f"delete-blob/{b64encode(ident)}/")
    assert blob_held(ident).gone_at is not None  # type: ignore[union-attr]
    assert audit()[-1] == "delete_blob"
    assert operator.get(f"/console/do/delete-blob/{b64encode(ident)}/").status_code == 302  # with a sentence
    assert Message.objects.filter(ident=ident_of(read), body__isnull=False).exists(), "that is its channel's affair"
    files.path_of(ident).unlink(missing_ok=True)  # the test's transaction never ends, so the deed leaves it
