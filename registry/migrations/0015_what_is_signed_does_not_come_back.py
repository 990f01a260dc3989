from django.db import migrations, models

from audit.triggers import Guard, refuses

REQUEST = "registry_promotionrequest"

# SQLite adds a column that may be null without making the table anew, so that the
# triggers stay.
GUARDS = (
    Guard(
        "registry_what_is_signed_does_not_come_back",
        REQUEST,
        "UPDATE",
        "coalesce(NEW.revision, 0) < coalesce(OLD.revision, 0) "
        "OR (OLD.subject_digest <> '' AND NEW.subject_digest <> OLD.subject_digest "
        "AND coalesce(NEW.revision, 0) = coalesce(OLD.revision, 0))",
        "what is to be signed changes with its revision",
    ),
)


class Migration(migrations.Migration):
    dependencies = [("registry", "0014_the_database_keeps_the_way_into_production")]

    operations = [
        migrations.AddField(
            "promotionrequest",
            "revision",
            models.PositiveIntegerField(blank=True, null=True),
        ),
        *[refuses(guard) for guard in GUARDS],
    ]
