from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tracking", "0011_roles_of_governance"),
    ]

    operations = [
        migrations.AddField(
            model_name="workspace",
            name="allow_unlinked_versions",
            field=models.BooleanField(default=False),
        ),
    ]
