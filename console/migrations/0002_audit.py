"""What was done in the console so far becomes the beginning of the hub's audit log, chained and signed now."""

from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from accord import audit
from peers.keyring import keyring, write_private


def chain(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take the entries over, in order. Who did each was not written down then."""
    old = apps.get_model("console", "AuditEntry").objects.order_by("pk").values_list("at", "action", "target", "detail")
    if not old.exists():
        return  # a new hub has no keys yet
    new = apps.get_model("peers", "AuditEntry").objects
    hub = keyring().hub
    before, number, at = hub.public, 0, 0
    for number, (at, action, target, detail) in enumerate(old.iterator(), start=1):
        entry = audit.Entry(number, at, "console", action, target, detail[: audit.MAX_DETAIL_CHARS])
        sealed = audit.seal(hub, entry, before)
        before = sealed.hash
        new.create(
            number=number,
            at=at,
            actor=entry.actor,
            action=action,
            target=target,
            detail=entry.detail,
            hash=sealed.hash,
            sig=sealed.sig,
        )
    write_private(settings.ACCORD_HOME / "audit.head", audit.head_line(hub, audit.Head(number, before, at)).decode())


class Migration(migrations.Migration):
    dependencies = [
        ("console", "0001_initial"),
        ("peers", "0008_audit"),
    ]

    operations = [
        migrations.RunPython(chain, migrations.RunPython.noop),
        migrations.DeleteModel(
            name="AuditEntry",
        ),
    ]
