from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tracking", "0025_seals_that_are_stale")]

    operations = [
        migrations.AddIndex(
            "run",
            models.Index(
                fields=["id"],
                condition=models.Q(has_stale_seal=True),
                name="tracking_runs_to_seal_again",
            ),
        ),
    ]
