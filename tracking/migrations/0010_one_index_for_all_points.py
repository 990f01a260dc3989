import django.db.models.deletion
from django.db import migrations, models

# Going back leaves the indexes as they are: nothing rests on those that went.
# Their unique constraints begin with the run, so an index of it alone is one too many.
TABLES = ("metric", "latestmetric", "param", "tag")
TIME_ORDER = "tracking_points_in_time_order"
ONCE = "tracking_an_identical_point_is_stored_once"
COLUMNS = ("run", "key", "timestamp_ms", "step", "value", "is_nan")


def drop_needless_indexes(apps, schema_editor):
    connection = schema_editor.connection
    for name in TABLES:
        table = f"tracking_{name}"
        with connection.cursor() as cursor:
            found = connection.introspection.get_constraints(cursor, table)
        for index, about in found.items():
            is_unique = about["unique"] or about["primary_key"]
            if about["index"] and not is_unique and about["columns"] == ["run_id"]:
                schema_editor.execute(f'DROP INDEX "{index}"')


def keep_points_once_in_time_order(apps, schema_editor):
    """On PostgreSQL only: SQLite would build the table anew, without its triggers."""
    if schema_editor.connection.vendor != "postgresql":
        return
    columns = ", ".join(["run_id", *COLUMNS[1:]])
    schema_editor.execute(f"ALTER TABLE tracking_metric DROP CONSTRAINT {ONCE}")
    schema_editor.execute(
        f"ALTER TABLE tracking_metric ADD CONSTRAINT {ONCE} UNIQUE ({columns})"
    )
    schema_editor.execute(f"DROP INDEX IF EXISTS {TIME_ORDER}")


def runs(related_name):
    return models.ForeignKey(
        db_index=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name=related_name,
        to="tracking.run",
    )


class Migration(migrations.Migration):
    dependencies = [("tracking", "0009_reproductions")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunPython(drop_needless_indexes, migrations.RunPython.noop),
                migrations.RunPython(
                    keep_points_once_in_time_order, migrations.RunPython.noop
                ),
            ],
            state_operations=[
                *(
                    migrations.AlterField(name, "run", runs(related_name))
                    for name, related_name in (
                        ("metric", "metrics"),
                        ("latestmetric", "latest_metrics"),
                        ("param", "params"),
                        ("tag", "tags"),
                    )
                ),
                migrations.RemoveIndex("metric", TIME_ORDER),
                migrations.RemoveConstraint("metric", ONCE),
                migrations.AddConstraint(
                    "metric", models.UniqueConstraint(fields=COLUMNS, name=ONCE)
                ),
            ],
        )
    ]
