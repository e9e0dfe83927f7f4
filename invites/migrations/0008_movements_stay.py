"""Movements are never taken away either."""

from django.db import migrations

STAY_SQLITE = """
CREATE TRIGGER invites_movement_no_delete BEFORE DELETE ON invites_movement
BEGIN SELECT RAISE(ABORT, 'a movement is never taken away'); END
"""
STAY_POSTGRESQL = """
CREATE TRIGGER invites_movement_no_delete BEFORE DELETE ON invites_movement
FOR EACH ROW EXECUTE FUNCTION invites_movement_kept()
"""


def keep(apps, schema_editor):
    """A later migration that has SQLite make the table anew must make this trigger anew too."""
    schema_editor.execute(STAY_SQLITE if schema_editor.connection.vendor == "sqlite" else STAY_POSTGRESQL, None)


class Migration(migrations.Migration):
    dependencies = [
        ("invites", "0007_removals"),
    ]

    operations = [
        migrations.RunPython(keep, migrations.RunPython.noop),
    ]
