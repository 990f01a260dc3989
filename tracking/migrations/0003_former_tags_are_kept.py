from django.db import migrations, models

from audit.triggers import Keeper, append_only, keeps

KEEPERS = (
    Keeper(
        "tracking_former_tags_of_runs_are_kept",
        "tracking_tag",
        "run_id",
        "SELECT 'run/' || r.run_id FROM {schema}tracking_run r WHERE r.id = OLD.run_id",
        "tracking_formertag",
    ),
    Keeper(
        "tracking_former_tags_of_experiments_are_kept",
        "tracking_experimenttag",
        "experiment_id",
        """
    SELECT 'experiment/' || w.name || '/' || e.id
    FROM {schema}tracking_experiment e
    JOIN {schema}tracking_workspace w ON w.id = e.workspace_id
    WHERE e.id = OLD.experiment_id""",
        "tracking_formertag",
    ),
    Keeper(
        "tracking_former_tags_of_logged_models_are_kept",
        "tracking_loggedmodeltag",
        "logged_model_id",
        """
    SELECT 'logged-model/' || m.model_id FROM {schema}tracking_loggedmodel m
    WHERE m.id = OLD.logged_model_id""",
        "tracking_formertag",
    ),
)


class Migration(migrations.Migration):
    dependencies = [("tracking", "0002_evidence_of_runs_stays")]

    operations = [
        migrations.CreateModel(
            name="FormerTag",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("subject", models.TextField()),
                ("key", models.CharField(max_length=250)),
                ("value", models.TextField()),
                ("ended_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["subject"], name="tracking_former_tags")
                ],
            },
        ),
        append_only("tracking_formertag"),
        *(keeps(keeper) for keeper in KEEPERS),
    ]
