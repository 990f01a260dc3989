from django.db import migrations

from audit.triggers import Guard, refuses

OWNER_OR_TEXT = (
    "NEW.owner_id <> OLD.owner_id OR NEW.title <> OLD.title "
    "OR NEW.description <> OLD.description"
)

MENDER = Guard(
    "registry_a_finding_stays_with_who_mends_it",
    "registry_finding",
    "UPDATE",
    OWNER_OR_TEXT,
    "a finding stays with who was to mend it, as it was described",
)


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0022_attestations_name_their_delegation"),
    ]

    operations = [refuses(MENDER)]
