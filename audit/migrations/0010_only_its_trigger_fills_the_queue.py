from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def revoke(_apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    # Whoever may call it could fill the queue by a trigger on a table of their own.
    if editor.connection.vendor == "postgresql":
        editor.execute("REVOKE EXECUTE ON FUNCTION attestry_await_index() FROM PUBLIC")


class Migration(migrations.Migration):
    dependencies = [("audit", "0009_cosignatures_and_witnessed_logs")]

    operations = [migrations.RunPython(revoke, migrations.RunPython.noop)]
