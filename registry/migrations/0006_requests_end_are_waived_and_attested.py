import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from audit.triggers import append_only, append_only_by_every_key


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0005_policies_bind_a_model_or_tiers"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Attestation",
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
                ("environment", models.SlugField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("unit_tests", "Unit Tests"),
                            ("integration_test", "Integration Test"),
                            ("shadow", "Shadow"),
                            ("canary", "Canary"),
                            ("rollback_plan", "Rollback Plan"),
                            ("monitoring", "Monitoring"),
                            ("business_impact", "Business Impact"),
                            ("ethics_review", "Ethics Review"),
                        ],
                        max_length=30,
                    ),
                ),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("human", "Human"),
                            ("ci", "Ci"),
                            ("telemetry", "Telemetry"),
                        ],
                        max_length=10,
                    ),
                ),
                ("statement", models.CharField(max_length=2000)),
                ("link", models.URLField(blank=True, max_length=1000)),
                ("evidence_sha256", models.CharField(blank=True, max_length=64)),
                ("printed_name", models.CharField(max_length=300)),
                ("method", models.CharField(max_length=50)),
                ("attested_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="AttestationWithdrawal",
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
                ("reason", models.CharField(max_length=1000)),
                ("withdrawn_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Closing",
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
                    "state",
                    models.CharField(
                        choices=[
                            ("rejected", "Rejected"),
                            ("withdrawn", "Withdrawn"),
                            ("expired", "Expired"),
                            ("invalidated", "Invalidated"),
                        ],
                        max_length=12,
                    ),
                ),
                ("reason", models.CharField(max_length=1000)),
                ("role", models.CharField(blank=True, max_length=20)),
                ("printed_name", models.CharField(blank=True, max_length=300)),
                ("method", models.CharField(blank=True, max_length=50)),
                ("subject_digest", models.CharField(blank=True, max_length=71)),
                ("closed_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="EvidenceView",
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
                ("subject_digest", models.CharField(max_length=71)),
                ("viewed_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Waiver",
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
                ("gate", models.SlugField()),
                (
                    "scope",
                    models.CharField(
                        choices=[
                            ("request", "this request"),
                            (
                                "version",
                                "every request of this version for the environment",
                            ),
                        ],
                        max_length=10,
                    ),
                ),
                ("reason", models.CharField(max_length=2000)),
                ("compensating_control", models.CharField(max_length=2000)),
                ("residual_risk", models.CharField(max_length=2000)),
                ("approvals_needed", models.PositiveSmallIntegerField()),
                ("starts_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("requested_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="WaiverApproval",
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
                ("printed_name", models.CharField(max_length=300)),
                ("reason", models.CharField(max_length=1000)),
                ("method", models.CharField(max_length=50)),
                ("approved_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="WaiverWithdrawal",
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
                ("reason", models.CharField(max_length=1000)),
                ("withdrawn_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.RemoveConstraint(
            model_name="promotionrequest",
            name="registry_a_request_is_in_a_known_state",
        ),
        migrations.AddField(
            model_name="promotionrequest",
            name="expires_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="promotionrequest",
            name="rests_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="signoff",
            name="reason",
            field=models.CharField(blank=True, max_length=1000),
        ),
        migrations.AlterField(
            model_name="promotionrequest",
            name="state",
            field=models.CharField(
                choices=[
                    ("evaluating", "Evaluating"),
                    ("blocked", "Blocked"),
                    ("in_review", "In Review"),
                    ("approved", "Approved"),
                    ("promoted", "Promoted"),
                    ("rejected", "Rejected"),
                    ("withdrawn", "Withdrawn"),
                    ("expired", "Expired"),
                    ("invalidated", "Invalidated"),
                    ("rolled_back", "Rolled Back"),
                ],
                default="evaluating",
                max_length=12,
            ),
        ),
        migrations.AddConstraint(
            model_name="promotionrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        [
                            "approved",
                            "blocked",
                            "evaluating",
                            "expired",
                            "in_review",
                            "invalidated",
                            "promoted",
                            "rejected",
                            "rolled_back",
                            "withdrawn",
                        ],
                    )
                ),
                name="registry_a_request_is_in_a_known_state",
            ),
        ),
        migrations.AddField(
            model_name="attestation",
            name="attested_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="attestation",
            name="model_version",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="attestations",
                to="registry.modelversion",
            ),
        ),
        migrations.AddField(
            model_name="attestationwithdrawal",
            name="attestation",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="withdrawal",
                to="registry.attestation",
            ),
        ),
        migrations.AddField(
            model_name="attestationwithdrawal",
            name="withdrawn_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="closing",
            name="closed_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="closing",
            name="request",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="closing",
                to="registry.promotionrequest",
            ),
        ),
        migrations.AddField(
            model_name="evidenceview",
            name="request",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="evidence_views",
                to="registry.promotionrequest",
            ),
        ),
        migrations.AddField(
            model_name="evidenceview",
            name="viewer",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="waiver",
            name="renews",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="renewals",
                to="registry.waiver",
            ),
        ),
        migrations.AddField(
            model_name="waiver",
            name="request",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="waivers",
                to="registry.promotionrequest",
            ),
        ),
        migrations.AddField(
            model_name="waiver",
            name="requested_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="waiverapproval",
            name="approver",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="waiverapproval",
            name="waiver",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="approvals",
                to="registry.waiver",
            ),
        ),
        migrations.AddField(
            model_name="waiverwithdrawal",
            name="waiver",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="withdrawal",
                to="registry.waiver",
            ),
        ),
        migrations.AddField(
            model_name="waiverwithdrawal",
            name="withdrawn_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="attestation",
            constraint=models.CheckConstraint(
                condition=models.Q(("attested_at__lt", models.F("expires_at"))),
                name="registry_an_attestation_ends_after_it_is_made",
            ),
        ),
        migrations.AddConstraint(
            model_name="closing",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["rejected", "withdrawn", "expired", "invalidated"])
                ),
                name="registry_a_closing_ends_a_request",
            ),
        ),
        migrations.AddConstraint(
            model_name="evidenceview",
            constraint=models.UniqueConstraint(
                fields=("request", "viewer", "subject_digest"),
                name="registry_a_person_opens_evidence_for_the_first_time_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="waiver",
            constraint=models.CheckConstraint(
                condition=models.Q(("starts_at__lt", models.F("expires_at"))),
                name="registry_a_waiver_ends_after_it_starts",
            ),
        ),
        migrations.AddConstraint(
            model_name="waiver",
            constraint=models.CheckConstraint(
                condition=models.Q(("approvals_needed__gte", 1)),
                name="registry_a_waiver_needs_an_approver",
            ),
        ),
        migrations.AddConstraint(
            model_name="waiverapproval",
            constraint=models.UniqueConstraint(
                fields=("waiver", "approver"),
                name="registry_one_person_approves_a_waiver_once",
            ),
        ),
        # Made anew, because SQLite has built the table anew and left its triggers out.
        append_only_by_every_key(
            "registry_signoff",
            ("id",),
            ("request_id", "subject_digest", "role"),
            ("request_id", "subject_digest", "signer_id"),
        ),
        append_only("registry_closing"),
        append_only_by_every_key("registry_closing", ("id",), ("request_id",)),
        append_only("registry_evidenceview"),
        append_only_by_every_key(
            "registry_evidenceview",
            ("id",),
            ("request_id", "viewer_id", "subject_digest"),
        ),
        append_only("registry_waiver"),
        append_only("registry_waiverapproval"),
        append_only_by_every_key(
            "registry_waiverapproval", ("id",), ("waiver_id", "approver_id")
        ),
        append_only("registry_waiverwithdrawal"),
        append_only_by_every_key("registry_waiverwithdrawal", ("id",), ("waiver_id",)),
        append_only("registry_attestation"),
        append_only("registry_attestationwithdrawal"),
        append_only_by_every_key(
            "registry_attestationwithdrawal", ("id",), ("attestation_id",)
        ),
    ]
