import django.db.models.deletion
from django.db import migrations, models

from audit.triggers import Guard, refuses

ONE_PERSON_BY_DELEGATION = """
    SELECT 1 FROM registry_breakglass b
    LEFT JOIN registry_delegation a ON a.id = b.delegation_id
    LEFT JOIN registry_delegation c ON c.id = NEW.delegation_id
    WHERE b.id = NEW.break_glass_id AND (
        a.delegator_id = NEW.confirmed_by_id
        OR c.delegator_id = b.asked_by_id
        OR c.delegator_id = a.delegator_id)"""

GUARDS = (
    Guard(
        "registry_nobody_is_both_of_an_emergency_by_delegation",
        "registry_breakglassconfirmation",
        "INSERT",
        f"EXISTS ({ONE_PERSON_BY_DELEGATION})",
        "an emergency takes two people, whoever signs for them",
    ),
)


def _delegation() -> models.ForeignKey:
    return models.ForeignKey(
        blank=True,
        null=True,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to="registry.delegation",
    )


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0014_the_database_keeps_the_way_into_production"),
    ]

    operations = [
        migrations.AddField("breakglass", "delegation", _delegation()),
        migrations.AddField("breakglassconfirmation", "delegation", _delegation()),
        *(refuses(guard) for guard in GUARDS),
    ]
