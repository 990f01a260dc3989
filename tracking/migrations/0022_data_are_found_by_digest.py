from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tracking", "0021_former_parents_of_runs"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="dataset",
            index=models.Index(
                fields=["workspace", "digest"], name="tracking_data_by_digest"
            ),
        ),
    ]
