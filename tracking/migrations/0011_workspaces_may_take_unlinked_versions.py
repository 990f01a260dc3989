from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tracking", "0010_one_index_for_all_points"),
    ]

    operations = [
        migrations.AddField(
            model_name="workspace",
            name="allow_unlinked_versions",
            field=models.BooleanField(default=False),
        ),
    ]
