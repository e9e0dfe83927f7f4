from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("console", "0003_audit_check"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="entrylink",
            options={
                "default_permissions": (),
                "permissions": [
                    ("see_people", "see people and what is about them"),
                    ("see_hub", "see everything else"),
                    ("moderate", "do what is about people"),
                    ("operate", "do everything else"),
                ],
            },
        ),
        migrations.AddField(
            model_name="entrylink",
            name="name",
            field=models.CharField(default="operator", help_text="who enters by it", max_length=32),
        ),
        migrations.AddField(
            model_name="entrylink",
            name="role",
            field=models.CharField(default="operator", help_text="as what", max_length=16),
        ),
        migrations.AddField(
            model_name="factor",
            name="owner",
            field=models.CharField(default="operator", help_text="the console user's name", max_length=32),
        ),
    ]
