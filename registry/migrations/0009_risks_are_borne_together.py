import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from audit.triggers import Guard, append_only, append_only_by_every_key, refuses

# A tier that nobody has assessed counts as the highest.
SIGNERS_WANTED = """(
    SELECT CASE WHEN coalesce(m.tier, 1) = 1 THEN 2 ELSE 1 END
    FROM registry_finding f
    JOIN registry_registeredmodel m ON m.id = f.registered_model_id
    WHERE f.id = NEW.finding_id)"""
SIGNERS = """(
    SELECT count(DISTINCT a.signer_id) FROM registry_riskacceptance a
    WHERE a.finding_id = NEW.finding_id AND coalesce(a.after_id, 0) = coalesce((
        SELECT max(m.id) FROM registry_findingmove m
        WHERE m.finding_id = NEW.finding_id), 0))"""

GUARD = Guard(
    "registry_a_risk_is_borne_by_who_signed",
    "registry_findingmove",
    "INSERT",
    f"NEW.to_state = 'risk_accepted' AND {SIGNERS} < {SIGNERS_WANTED}",
    "a risk is borne by as many signers as the tier of the model wants",
)


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0008_waivers_name_their_verdict"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="RiskAcceptance",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("until", models.DateTimeField()),
                ("reason", models.CharField(max_length=2000)),
                ("printed_name", models.CharField(max_length=300)),
                ("method", models.CharField(max_length=50)),
                ("signed_at", models.DateTimeField()),
                (
                    "after",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="acceptances",
                        to="registry.findingmove",
                    ),
                ),
                (
                    "delegation",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="registry.delegation",
                    ),
                ),
                (
                    "finding",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="acceptances",
                        to="registry.finding",
                    ),
                ),
                (
                    "signer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"default_permissions": ("view",)},
        ),
        append_only("registry_riskacceptance"),
        append_only_by_every_key("registry_riskacceptance", ("id",)),
        refuses(GUARD),
    ]
