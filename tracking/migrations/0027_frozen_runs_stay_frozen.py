from django.db import migrations

from audit.triggers import Guard, refuses

FROZEN = Guard(
    "tracking_frozen_runs_stay_frozen",
    "tracking_run",
    "UPDATE",
    "OLD.frozen_at IS NOT NULL "
    "AND (NEW.frozen_at IS NULL OR NEW.frozen_at <> OLD.frozen_at)",
    "a frozen run stays frozen",
)


class Migration(migrations.Migration):
    dependencies = [("tracking", "0026_runs_to_be_sealed_again")]

    operations = [refuses(FROZEN)]
