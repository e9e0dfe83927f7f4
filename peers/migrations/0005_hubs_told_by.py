import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("peers", "0004_hubs_and_blessings"),
    ]

    operations = [
        migrations.AddField(
            model_name="hub",
            name="told_by",
            field=models.ForeignKey(
                help_text="whose relay told of it first; empty: the operator's link",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                to="peers.user",
            ),
        ),
    ]
