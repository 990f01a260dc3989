import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from audit.triggers import append_only, append_only_by_every_key


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0010_notifications"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Finding",
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
                (
                    "severity",
                    models.CharField(
                        choices=[
                            ("critical", "Critical"),
                            ("high", "High"),
                            ("medium", "Medium"),
                            ("low", "Low"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "cause",
                    models.CharField(
                        choices=[
                            ("review", "Review"),
                            ("incident", "Incident"),
                            ("monitoring", "Monitoring"),
                            ("rollback", "Rollback"),
                            ("break_glass", "Break Glass"),
                        ],
                        max_length=12,
                    ),
                ),
                ("title", models.CharField(max_length=200)),
                ("description", models.TextField(blank=True)),
                ("due_at", models.DateTimeField(blank=True, null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("planned", "Planned"),
                            ("fixed", "Fixed"),
                            ("verified", "Verified"),
                            ("closed", "Closed"),
                            ("risk_accepted", "Risk Accepted"),
                        ],
                        default="open",
                        max_length=13,
                    ),
                ),
                ("accepted_until", models.DateTimeField(blank=True, null=True)),
                ("opened_at", models.DateTimeField()),
                (
                    "model_version",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="findings",
                        to="registry.modelversion",
                    ),
                ),
                (
                    "opened_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="findings",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "registered_model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="findings",
                        to="registry.registeredmodel",
                    ),
                ),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="FindingMove",
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
                (
                    "from_state",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("planned", "Planned"),
                            ("fixed", "Fixed"),
                            ("verified", "Verified"),
                            ("closed", "Closed"),
                            ("risk_accepted", "Risk Accepted"),
                        ],
                        max_length=13,
                    ),
                ),
                (
                    "to_state",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("planned", "Planned"),
                            ("fixed", "Fixed"),
                            ("verified", "Verified"),
                            ("closed", "Closed"),
                            ("risk_accepted", "Risk Accepted"),
                        ],
                        max_length=13,
                    ),
                ),
                ("reason", models.CharField(max_length=2000)),
                ("accepted_until", models.DateTimeField(null=True)),
                ("printed_name", models.CharField(blank=True, max_length=300)),
                ("method", models.CharField(blank=True, max_length=50)),
                ("moved_at", models.DateTimeField()),
                (
                    "finding",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="moves",
                        to="registry.finding",
                    ),
                ),
                (
                    "moved_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="ModelCard",
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
                ("number", models.PositiveIntegerField()),
                ("purpose", models.TextField()),
                ("limits_of_use", models.TextField(blank=True)),
                (
                    "origin",
                    models.CharField(
                        choices=[("own", "Own"), ("vendor", "Vendor")], max_length=6
                    ),
                ),
                ("vendor", models.CharField(blank=True, max_length=200)),
                ("revalidation_months", models.PositiveSmallIntegerField(null=True)),
                ("revalidation_reason", models.CharField(blank=True, max_length=2000)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "executive",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "registered_model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="cards",
                        to="registry.registeredmodel",
                    ),
                ),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="ModelDependency",
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
                (
                    "card",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="dependencies",
                        to="registry.modelcard",
                    ),
                ),
                (
                    "upstream",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="dependants",
                        to="registry.registeredmodel",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "model dependencies",
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="TierAssessment",
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
                (
                    "tier",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (1, "Critical"),
                            (2, "High"),
                            (3, "Moderate"),
                            (4, "Low"),
                        ]
                    ),
                ),
                (
                    "former_tier",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (1, "Critical"),
                            (2, "High"),
                            (3, "Moderate"),
                            (4, "Low"),
                        ],
                        null=True,
                    ),
                ),
                ("rationale", models.TextField()),
                ("exposure", models.CharField(max_length=2000)),
                ("printed_name", models.CharField(max_length=300)),
                ("method", models.CharField(max_length=50)),
                ("signed_at", models.DateTimeField()),
                (
                    "registered_model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tier_assessments",
                        to="registry.registeredmodel",
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
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.AddIndex(
            model_name="finding",
            index=models.Index(
                fields=["registered_model", "state"], name="registry_finding_by_state"
            ),
        ),
        migrations.AddConstraint(
            model_name="finding",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        [
                            "closed",
                            "fixed",
                            "open",
                            "planned",
                            "risk_accepted",
                            "verified",
                        ],
                    )
                ),
                name="registry_a_finding_is_in_a_known_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="finding",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("severity", "critical"), ("due_at__isnull", False), _connector="OR"
                ),
                name="registry_a_finding_is_due_some_day_unless_it_is_critical",
            ),
        ),
        migrations.AddConstraint(
            model_name="finding",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "risk_accepted"), _negated=True),
                    ("accepted_until__isnull", False),
                    _connector="OR",
                ),
                name="registry_a_risk_is_accepted_until_some_day",
            ),
        ),
        migrations.AddConstraint(
            model_name="modelcard",
            constraint=models.UniqueConstraint(
                fields=("registered_model", "number"),
                name="registry_card_numbers_are_unique_for_a_model",
            ),
        ),
        migrations.AddConstraint(
            model_name="modelcard",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("revalidation_months__isnull", True),
                    models.Q(
                        ("revalidation_months__gte", 1),
                        ("revalidation_months__lte", 36),
                        models.Q(("revalidation_reason", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="registry_another_interval_has_its_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="modelcard",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("origin", "own"),
                    models.Q(("vendor", ""), _negated=True),
                    _connector="OR",
                ),
                name="registry_a_model_that_is_bought_names_its_vendor",
            ),
        ),
        migrations.AddConstraint(
            model_name="modeldependency",
            constraint=models.UniqueConstraint(
                fields=("card", "upstream"),
                name="registry_a_card_names_an_upstream_model_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="tierassessment",
            constraint=models.CheckConstraint(
                condition=models.Q(("rationale", ""), _negated=True),
                name="registry_a_tier_has_its_rationale",
            ),
        ),
        append_only("registry_findingmove"),
        append_only("registry_modelcard"),
        append_only("registry_modeldependency"),
        append_only("registry_tierassessment"),
        append_only_by_every_key("registry_findingmove", ("id",)),
        append_only_by_every_key(
            "registry_modelcard",
            ("id",),
            (
                "registered_model_id",
                "number",
            ),
        ),
        # Its other key holds every column, so that REPLACE by it changes nothing.
        append_only_by_every_key("registry_modeldependency", ("id",)),
        append_only_by_every_key("registry_tierassessment", ("id",)),
    ]
