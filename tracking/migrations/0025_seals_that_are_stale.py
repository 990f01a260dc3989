from django.db import migrations, models

ENDED = ("FINISHED", "FAILED", "KILLED")


def look_at_every_seal(apps, _schema_editor):
    """Let the worker find out which ended runs were written to since they were sealed."""
    runs = apps.get_model("tracking", "Run").objects
    ended = runs.filter(status__in=ENDED, frozen_at__isnull=True)
    ended.update(has_stale_seal=True)


class Migration(migrations.Migration):
    dependencies = [("tracking", "0024_programs_stay_programs")]

    operations = [
        migrations.AddField(
            "run", "has_stale_seal", models.BooleanField(default=False, editable=False)
        ),
        migrations.RunPython(look_at_every_seal, migrations.RunPython.noop),
    ]
