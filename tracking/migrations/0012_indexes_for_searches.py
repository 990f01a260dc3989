import django.db.models.functions.text
from django.db import migrations, models
from django.db.models import F

# A pattern such as 'team-%' is answered by an index of PostgreSQL whatever the locale of
# the database only if the index compares by character, which its operator class says.
BY_VALUE = """
CREATE INDEX {name} ON {table} (key, ("left"(value, 64)) text_pattern_ops)
"""


class AddIndexByValue(migrations.AddIndex):
    """Add the index to PostgreSQL only.

    SQLite does not know the indexed expression again in a query that binds its 64.
    """

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor == "postgresql":
            table = to_state.apps.get_model(app_label, self.model_name)._meta.db_table
            schema_editor.execute(BY_VALUE.format(name=self.index.name, table=table))

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        schema_editor.execute(f"DROP INDEX IF EXISTS {self.index.name}")


def by_value(name):
    return models.Index(
        F("key"), django.db.models.functions.text.Left("value", 64), name=name
    )


class Migration(migrations.Migration):
    dependencies = [("tracking", "0011_roles_of_governance")]

    operations = [
        migrations.AddIndex(
            "run",
            models.Index(fields=["experiment", "name"], name="tracking_runs_by_name"),
        ),
        AddIndexByValue("param", by_value("tracking_params_by_value")),
        AddIndexByValue("tag", by_value("tracking_tags_by_value")),
    ]
