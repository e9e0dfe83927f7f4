from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """An owner's link is a recovery key that expires; what the hub itself has signed is a way to a new key."""

    dependencies = [("peers", "0011_key_evidence")]

    operations = [
        migrations.AddField(
            "recovery",
            "expires_at",
            models.BigIntegerField(help_text="ms since 1970 UTC: of an owner's link; empty: never", null=True),
        ),
        migrations.AlterField(
            "keychange",
            "way",
            models.CharField(
                choices=[("key", "Key"), ("recovery", "Recovery"), ("chain", "Chain"), ("hub", "Hub")], max_length=8
            ),
        ),
    ]
