import django.db.models.deletion
from django.db import migrations, models

import messaging.models


class Migration(migrations.Migration):
    dependencies = [
        ("messaging", "0004_incremental_vacuum"),
    ]

    operations = [
        migrations.AddField(
            model_name="store",
            name="tree_at",
            field=models.BigIntegerField(default=0, help_text="ms since 1970 UTC: as of when they are (section 5)"),
        ),
        migrations.AddField(
            model_name="store",
            name="tree_cursor",
            field=models.BigIntegerField(default=0, help_text="arrival number up to which the branches are true"),
        ),
        migrations.AddField(
            model_name="store",
            name="tree_turn",
            field=models.BigIntegerField(default=0, help_text="grows whenever branches change or are marked"),
        ),
        migrations.CreateModel(
            name="Branch",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "topic_id", "level", "bucket", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("level", models.PositiveSmallIntegerField()),
                ("bucket", models.BigIntegerField()),
                ("children", models.BinaryField()),
                (
                    "topic",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="messaging.topic"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Burned",
            fields=[
                ("cursor", messaging.models.ArrivalNumber(primary_key=True, serialize=False)),
                ("ident", models.BinaryField(max_length=32)),
                ("created_at", models.BigIntegerField()),
                ("burn_at", models.BigIntegerField()),
                (
                    "topic",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, to="messaging.topic"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["burn_at"], name="burned_by_time")],
            },
        ),
        migrations.CreateModel(
            name="Dirty",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("bucket", models.BigIntegerField()),
                (
                    "topic",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, to="messaging.topic"
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("topic", "bucket"), name="dirty_once")],
            },
        ),
        migrations.CreateModel(
            name="RootMark",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("root", models.BinaryField(max_length=32)),
                ("horizon", models.BigIntegerField()),
                ("as_of", models.BigIntegerField()),
                ("cursor", models.BigIntegerField()),
                (
                    "topic",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, to="messaging.topic"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["topic", "cursor"], name="root_by_arrival")],
                "constraints": [models.UniqueConstraint(fields=("topic", "root", "horizon"), name="root_once")],
            },
        ),
    ]
