"""The audit log, which the database lets nobody change: rows are added, and that is all."""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

REFUSED = "BEGIN SELECT RAISE(ABORT, 'entries of the audit log are neither changed nor removed'); END"
TRIGGERS = {
    "audit_no_update": f"CREATE TRIGGER audit_no_update BEFORE UPDATE ON peers_auditentry {REFUSED}",
    "audit_no_delete": f"CREATE TRIGGER audit_no_delete BEFORE DELETE ON peers_auditentry {REFUSED}",
    # INSERT OR REPLACE removes without asking the trigger above
    "audit_no_replace": "CREATE TRIGGER audit_no_replace BEFORE INSERT ON peers_auditentry "  # noqa: S608
    f"WHEN NEW.number IN (SELECT number FROM peers_auditentry) {REFUSED}",
}


def lock(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """SQLite is what hubs run on; another database would need triggers of its own."""
    if schema_editor.connection.vendor == "sqlite":
        for statement in TRIGGERS.values():
            schema_editor.execute(statement)


def unlock(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """For who goes back: the table could not be dropped."""
    if schema_editor.connection.vendor == "sqlite":
        for name in TRIGGERS:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}")


class Migration(migrations.Migration):
    dependencies = [
        ("peers", "0007_allowance_period"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                (
                    "number",
                    models.BigIntegerField(help_text="from 1 on, without gap", primary_key=True, serialize=False),
                ),
                ("at", models.BigIntegerField(db_index=True, help_text="ms since 1970 UTC")),
                (
                    "actor",
                    models.CharField(help_text="user and key, console and name, terminal, or hub", max_length=96),
                ),
                ("action", models.CharField(db_index=True, max_length=32)),
                ("target", models.CharField(blank=True, max_length=160)),
                ("detail", models.TextField(blank=True)),
                ("hash", models.BinaryField(max_length=32)),
                ("sig", models.BinaryField(max_length=64)),
            ],
            options={
                "verbose_name_plural": "audit entries",
            },
        ),
        migrations.RunPython(lock, unlock),
    ]
