from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """Of a change of keys all that was signed for it is known by id, not the last message alone."""

    dependencies = [("peers", "0010_reserve")]

    operations = [
        migrations.RenameField("keychange", "message", "signed"),
        migrations.AlterField(
            "keychange",
            "signed",
            models.BinaryField(help_text="ids of what was signed for it, joined", max_length=1024),
        ),
        migrations.AddField(
            "recovery",
            "message",
            models.BinaryField(
                default=b"", help_text="id of the set_recovery; empty: before version 0.5", max_length=32
            ),
        ),
    ]
