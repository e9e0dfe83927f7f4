from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("console", "0002_audit"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditCheck",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("at", models.BigIntegerField(help_text="ms since 1970 UTC")),
                ("entries", models.BigIntegerField(help_text="how many there were")),
                ("fault", models.TextField(blank=True, help_text="the first thing that is wrong")),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="one_audit_check")],
            },
        ),
    ]
