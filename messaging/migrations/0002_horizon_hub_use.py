from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("messaging", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="topic",
            name="horizon",
            field=models.BigIntegerField(
                default=0, help_text="ms since 1970 UTC; what is older is not held (section 5)"
            ),
        ),
        migrations.AddField(
            model_name="topic",
            name="hub",
            field=models.BinaryField(
                help_text="key of the hub that a foreign channel belongs to", max_length=32, null=True
            ),
        ),
        migrations.AddField(
            model_name="topic",
            name="used_at",
            field=models.BigIntegerField(
                default=0,
                help_text="ms since 1970 UTC, to the hour: when a person here last wrote, fetched or subscribed",
            ),
        ),
    ]
