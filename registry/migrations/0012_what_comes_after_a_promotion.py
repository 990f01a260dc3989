import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from audit.triggers import append_only, append_only_by_every_key


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0011_findings_and_model_cards"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="BreakGlass",
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
                ("reason", models.CharField(max_length=2000)),
                ("hours", models.PositiveSmallIntegerField()),
                (
                    "asked_as",
                    models.CharField(
                        choices=[
                            ("validator", "Validator"),
                            ("owner", "Owner"),
                            ("risk", "Risk"),
                            ("ethics", "Ethics"),
                        ],
                        max_length=20,
                    ),
                ),
                ("printed_name", models.CharField(max_length=300)),
                ("method", models.CharField(max_length=50)),
                ("asked_at", models.DateTimeField()),
                ("lapses_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "break-glass promotion",
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="BreakGlassConfirmation",
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
                    "confirmed_as",
                    models.CharField(
                        choices=[
                            ("validator", "Validator"),
                            ("owner", "Owner"),
                            ("risk", "Risk"),
                            ("ethics", "Ethics"),
                        ],
                        max_length=20,
                    ),
                ),
                ("printed_name", models.CharField(max_length=300)),
                ("method", models.CharField(max_length=50)),
                ("confirmed_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "break-glass confirmation",
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="BreakGlassEnd",
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
                ("ended_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "break-glass end",
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Challenger",
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
                ("same_datasets", models.BooleanField(null=True)),
                ("reason", models.CharField(max_length=2000)),
                ("added_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="ChallengerRemoval",
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
                ("reason", models.CharField(max_length=2000)),
                ("removed_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Freeze",
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
                ("frozen_at", models.DateTimeField()),
                ("review_due_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="FreezeLifting",
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
                ("conclusion", models.CharField(max_length=2000)),
                ("printed_name", models.CharField(max_length=300)),
                ("method", models.CharField(max_length=50)),
                ("lifted_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Retirement",
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
                ("reason", models.CharField(max_length=2000)),
                ("dependants", models.JSONField(default=list)),
                ("printed_name", models.CharField(max_length=300)),
                ("method", models.CharField(max_length=50)),
                ("retired_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Revalidation",
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
                ("conclusion", models.CharField(max_length=2000)),
                ("printed_name", models.CharField(max_length=300)),
                ("method", models.CharField(max_length=50)),
                ("signed_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="RevalidationTrigger",
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
                    "kind",
                    models.CharField(
                        choices=[
                            ("drift_breach", "Drift Breach"),
                            ("data_source_change", "Data Source Change"),
                            ("code_change", "Code Change"),
                            ("policy_change", "Policy Change"),
                            ("incident", "Incident"),
                            ("waiver_expiry", "Waiver Expiry"),
                            ("regulation_change", "Regulation Change"),
                        ],
                        max_length=20,
                    ),
                ),
                ("detail", models.CharField(max_length=2000)),
                ("recorded_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Rollback",
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
                ("reason", models.CharField(max_length=2000)),
                ("rolled_back_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.AddField(
            model_name="breakglass",
            name="asked_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="breakglass",
            name="model_version",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="registry.modelversion",
            ),
        ),
        migrations.AddField(
            model_name="breakglass",
            name="slot",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="break_glasses",
                to="registry.slot",
            ),
        ),
        migrations.AddField(
            model_name="breakglassconfirmation",
            name="break_glass",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="confirmation",
                to="registry.breakglass",
            ),
        ),
        migrations.AddField(
            model_name="breakglassconfirmation",
            name="confirmed_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="breakglassconfirmation",
            name="fallback",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="registry.modelversion",
            ),
        ),
        migrations.AddField(
            model_name="breakglassconfirmation",
            name="finding",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="registry.finding",
            ),
        ),
        migrations.AddField(
            model_name="slot",
            name="break_glass",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="registry.breakglassconfirmation",
            ),
        ),
        migrations.AddConstraint(
            model_name="slot",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("break_glass__isnull", True),
                    ("champion__isnull", False),
                    _connector="OR",
                ),
                name="registry_an_emergency_has_its_champion",
            ),
        ),
        migrations.AddField(
            model_name="breakglassend",
            name="confirmation",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="end",
                to="registry.breakglassconfirmation",
            ),
        ),
        migrations.AddField(
            model_name="challenger",
            name="added_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="challenger",
            name="champion",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="registry.modelversion",
            ),
        ),
        migrations.AddField(
            model_name="challenger",
            name="model_version",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="challenges",
                to="registry.modelversion",
            ),
        ),
        migrations.AddField(
            model_name="challenger",
            name="slot",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="challengers",
                to="registry.slot",
            ),
        ),
        migrations.AddField(
            model_name="challengerremoval",
            name="challenger",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="removal",
                to="registry.challenger",
            ),
        ),
        migrations.AddField(
            model_name="challengerremoval",
            name="removed_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="freeze",
            name="slot",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="freezes",
                to="registry.slot",
            ),
        ),
        migrations.AddField(
            model_name="freezelifting",
            name="freeze",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="lifting",
                to="registry.freeze",
            ),
        ),
        migrations.AddField(
            model_name="freezelifting",
            name="lifted_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="retirement",
            name="model_version",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="retirement",
                to="registry.modelversion",
            ),
        ),
        migrations.AddField(
            model_name="retirement",
            name="registered_model",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="retirements",
                to="registry.registeredmodel",
            ),
        ),
        migrations.AddField(
            model_name="retirement",
            name="retired_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="revalidation",
            name="model_version",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="revalidations",
                to="registry.modelversion",
            ),
        ),
        migrations.AddField(
            model_name="revalidation",
            name="signer",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="revalidation",
            name="slot",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="revalidations",
                to="registry.slot",
            ),
        ),
        migrations.AddField(
            model_name="revalidationtrigger",
            name="model_version",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="registry.modelversion",
            ),
        ),
        migrations.AddField(
            model_name="revalidationtrigger",
            name="recorded_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="revalidationtrigger",
            name="registered_model",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="revalidation_triggers",
                to="registry.registeredmodel",
            ),
        ),
        migrations.AddField(
            model_name="rollback",
            name="finding",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="registry.finding",
            ),
        ),
        migrations.AddField(
            model_name="rollback",
            name="promotion",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="rollbacks",
                to="registry.promotion",
            ),
        ),
        migrations.AddField(
            model_name="rollback",
            name="rolled_back",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="registry.modelversion",
            ),
        ),
        migrations.AddField(
            model_name="rollback",
            name="rolled_back_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="rollback",
            name="slot",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="rollbacks",
                to="registry.slot",
            ),
        ),
        migrations.AddField(
            model_name="freeze",
            name="rollback",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="freeze",
                to="registry.rollback",
            ),
        ),
        migrations.AddConstraint(
            model_name="breakglass",
            constraint=models.CheckConstraint(
                condition=models.Q(("hours__gte", 1), ("hours__lte", 24)),
                name="registry_a_broken_glass_lasts_a_day_at_most",
            ),
        ),
        migrations.AddConstraint(
            model_name="challenger",
            constraint=models.UniqueConstraint(
                fields=("slot", "number"),
                name="registry_challengers_of_a_slot_are_counted",
            ),
        ),
        migrations.AddConstraint(
            model_name="retirement",
            constraint=models.UniqueConstraint(
                condition=models.Q(("model_version__isnull", True)),
                fields=("registered_model",),
                name="registry_a_model_retires_once",
            ),
        ),
        migrations.AddIndex(
            model_name="revalidationtrigger",
            index=models.Index(
                fields=["registered_model", "recorded_at"],
                name="registry_trigger_by_time",
            ),
        ),
        append_only("registry_rollback"),
        append_only("registry_freeze"),
        append_only("registry_freezelifting"),
        append_only("registry_breakglass"),
        append_only("registry_breakglassconfirmation"),
        append_only("registry_breakglassend"),
        append_only("registry_challenger"),
        append_only("registry_challengerremoval"),
        append_only("registry_retirement"),
        append_only("registry_revalidationtrigger"),
        append_only("registry_revalidation"),
        append_only_by_every_key("registry_rollback", ("id",), ("finding_id",)),
        append_only_by_every_key("registry_freeze", ("id",), ("rollback_id",)),
        append_only_by_every_key("registry_freezelifting", ("id",), ("freeze_id",)),
        append_only_by_every_key("registry_breakglass", ("id",)),
        append_only_by_every_key(
            "registry_breakglassconfirmation",
            ("id",),
            ("break_glass_id",),
            ("finding_id",),
        ),
        append_only_by_every_key(
            "registry_breakglassend", ("id",), ("confirmation_id",)
        ),
        append_only_by_every_key(
            "registry_challenger",
            ("id",),
            (
                "slot_id",
                "number",
            ),
        ),
        append_only_by_every_key(
            "registry_challengerremoval", ("id",), ("challenger_id",)
        ),
        append_only_by_every_key("registry_retirement", ("id",), ("model_version_id",)),
        append_only_by_every_key("registry_revalidationtrigger", ("id",)),
        append_only_by_every_key("registry_revalidation", ("id",)),
    ]
