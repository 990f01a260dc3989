from django.db import migrations, models
from django.db.models import Q
from django.db.models.functions import Left


class Migration(migrations.Migration):
    dependencies = [("tracking", "0006_dataset_cards")]

    operations = [
        migrations.AddIndex(
            model_name="tag",
            index=models.Index(
                Left("value", 64),
                condition=Q(key="mlflow.parentRunId"),
                name="tracking_children_of_a_run",
            ),
        ),
    ]
