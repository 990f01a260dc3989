from django.db import migrations

from audit.triggers import append_only, append_only_by_every_key

TABLE = "tracking_serviceaccount"


class Migration(migrations.Migration):
    dependencies = [("tracking", "0023_spell_api_tokens")]

    operations = [
        append_only(TABLE),
        append_only_by_every_key(TABLE, ("id",), ("user_id",)),
    ]
