import os
import shutil
from pathlib import Path

from django.db import migrations

ROOM_FACTOR = 2  # a copy of the database, and the log through which it is written back


def to_incremental(apps, schema_editor):
    """Let a database that was made before pruning give freed pages back to the disk; new ones can from the start.

    It is written anew once, about a second for 100 MB. Where the disk has no room for that it stays as it is: freed
    pages are used again, but the file does not shrink.
    """
    connection = schema_editor.connection
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        if cursor.execute("PRAGMA auto_vacuum").fetchone() != (0,):
            return
        file = Path(cursor.execute("PRAGMA database_list").fetchone()[2])
        if shutil.disk_usage(file.parent).free < ROOM_FACTOR * file.stat().st_size:
            print("  not enough disk to let the database's file shrink when messages are pruned; all else works")
            return
        before = os.environ.get("SQLITE_TMPDIR")
        os.environ["SQLITE_TMPDIR"] = str(file.parent)  # elsewhere there may be less room, or less privacy
        try:
            cursor.execute("PRAGMA temp_store=FILE")
            cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA temp_store=MEMORY")
        finally:
            if before is None:
                del os.environ["SQLITE_TMPDIR"]
            else:
                os.environ["SQLITE_TMPDIR"] = before


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("messaging", "0003_prune")]
    operations = [migrations.RunPython(to_incremental, migrations.RunPython.noop, elidable=True)]
