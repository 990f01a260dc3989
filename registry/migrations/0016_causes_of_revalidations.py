from django.db import migrations, models

from audit.triggers import append_only_by_every_key


class Migration(migrations.Migration):
    dependencies = [("registry", "0015_ends_of_requests_are_told_of")]

    operations = [
        migrations.AddField(
            model_name="revalidationtrigger",
            name="cause",
            field=models.CharField(max_length=600, null=True),
        ),
        migrations.AddConstraint(
            model_name="revalidationtrigger",
            constraint=models.UniqueConstraint(
                fields=("model_version", "cause"),
                name="registry_a_cause_calls_for_a_version_once",
            ),
        ),
        # On SQLite a constraint makes the table anew, without its triggers.
        append_only_by_every_key(
            "registry_revalidationtrigger", ("id",), ("model_version_id", "cause")
        ),
    ]
