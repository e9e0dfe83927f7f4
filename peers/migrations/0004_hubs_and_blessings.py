import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("peers", "0003_tokens"),
    ]

    operations = [
        migrations.CreateModel(
            name="Hub",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.BinaryField(max_length=32, unique=True)),
                (
                    "name",
                    models.CharField(help_text="what it calls itself, or is called by who told of it", max_length=80),
                ),
                ("admin", models.BinaryField(help_text="the user key that `set_admin` names", max_length=32)),
                (
                    "set_admin",
                    models.BinaryField(help_text="the hub's newest `set_admin` statement, as canonical JSON"),
                ),
                ("stated_at", models.BigIntegerField(help_text="ms since 1970 UTC: when it signed that")),
                ("first_seen", models.BigIntegerField(help_text="ms since 1970 UTC")),
                (
                    "last_seen",
                    models.BigIntegerField(
                        default=0,
                        help_text="ms since 1970 UTC, to the hour: when it last proved its key on a link; 0: only heard of",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="account",
            name="carried",
            field=models.BooleanField(default=True, help_text="whether its user wants to be reached from linked hubs"),
        ),
        migrations.CreateModel(
            name="Blessing",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("hub", models.BinaryField(help_text="the peer key that is blessed", max_length=32)),
                ("serial", models.BinaryField(max_length=16)),
                ("expiration", models.BigIntegerField(help_text="ms since 1970 UTC")),
                ("certificate", models.BinaryField(help_text="as canonical JSON")),
                ("user", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="peers.user")),
            ],
            options={
                "indexes": [
                    models.Index(fields=["hub", "expiration"], name="blessing_by_hub"),
                    models.Index(fields=["expiration"], name="blessing_by_expiration"),
                ],
                "constraints": [models.UniqueConstraint(fields=("user", "hub", "serial"), name="blessing_once")],
            },
        ),
    ]
