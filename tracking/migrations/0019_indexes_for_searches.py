import django.db.models.functions.text
from django.db import migrations, models
from django.db.models import F

# A pattern such as 'team-%' is answered by an index of PostgreSQL whatever the locale of
# the database only if the index compares by character, which its operator class says.
BY_VALUE = 'CREATE INDEX {name} ON {table} (key, ("left"(value, 64)) text_pattern_ops)'
NAMES = {
    "tracking_param": "tracking_params_by_value",
    "tracking_tag": "tracking_tags_by_value",
}


def index_values(_apps, schema_editor):
    """On PostgreSQL only: SQLite does not know the expression in a query that binds 64."""
    if schema_editor.connection.vendor == "postgresql":
        for table, name in NAMES.items():
            schema_editor.execute(BY_VALUE.format(name=name, table=table))


def drop_them(_apps, schema_editor):
    for name in NAMES.values():
        schema_editor.execute(f"DROP INDEX IF EXISTS {name}")


def by_value(name):
    return models.Index(
        F("key"), django.db.models.functions.text.Left("value", 64), name=name
    )


class Migration(migrations.Migration):
    dependencies = [("tracking", "0018_runs_of_a_commit")]

    operations = [
        migrations.AddIndex(
            "run",
            models.Index(fields=["experiment", "name"], name="tracking_runs_by_name"),
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(index_values, drop_them)],
            state_operations=[
                migrations.AddIndex("param", by_value("tracking_params_by_value")),
                migrations.AddIndex("tag", by_value("tracking_tags_by_value")),
            ],
        ),
    ]
