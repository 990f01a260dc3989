import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tracking", "0017_administrators_connect_systems"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="tag",
            index=models.Index(
                django.db.models.functions.text.Left("value", 64),
                condition=models.Q(("key", "mlflow.source.git.commit")),
                name="tracking_runs_of_a_commit",
            ),
        ),
    ]
