import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import registry.verdict
from audit.tables import CreateTables

KEY = (
    "id",
    models.BigAutoField(
        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
    ),
)


class Migration(migrations.Migration):
    replaces = [
        ("registry", "0001_tables_of_the_registry"),
        ("registry", "0002_evidence_of_promotions_is_append_only"),
        ("registry", "0003_evidence_is_replaced_by_no_key"),
        ("registry", "0004_permissions_of_governance"),
        ("registry", "0005_policies_bind_a_model_or_tiers"),
        ("registry", "0006_requests_end_are_waived_and_attested"),
        ("registry", "0007_what_mlflows_registry_keeps"),
        ("registry", "0008_every_version_is_listed"),
        ("registry", "0009_delegations"),
        ("registry", "0010_notifications"),
        ("registry", "0011_findings_and_model_cards"),
        ("registry", "0012_what_comes_after_a_promotion"),
        ("registry", "0013_notifications_are_found_by_subject"),
        ("registry", "0014_the_database_keeps_the_way_into_production"),
        ("registry", "0015_ends_of_requests_are_told_of"),
        ("registry", "0016_causes_of_revalidations"),
        ("registry", "0017_verifications_of_sign_offs"),
        ("registry", "0018_what_serves_is_fit_to"),
        ("registry", "0019_what_is_signed_does_not_come_back"),
        ("registry", "0020_tiers_call_for_validations"),
        ("registry", "0021_rows_of_the_way_stay_what_they_were"),
        ("registry", "0022_attestations_name_their_delegation"),
        ("registry", "0023_findings_stay_with_who_mends_them"),
        ("registry", "0024_approvals_and_findings_go_their_way"),
    ]

    dependencies = [("tracking", "0001_all_tables_of_tracking")]

    operations = [
        CreateTables(
            [
                migrations.CreateModel(
                    name="ModelVersion",
                    fields=[
                        KEY,
                        ("number", models.PositiveIntegerField()),
                        (
                            "artifact_sha256",
                            models.CharField(
                                blank=True, db_index=True, max_length=64, null=True
                            ),
                        ),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "artifact",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="tracking.artifact",
                            ),
                        ),
                        (
                            "created_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "source_run",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="model_versions",
                                to="tracking.run",
                            ),
                        ),
                        (
                            "registered_model",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="versions",
                                to="registry.registeredmodel",
                            ),
                        ),
                        ("folder", models.CharField(blank=True, max_length=1000)),
                        (
                            "logged_model",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="tracking.loggedmodel",
                            ),
                        ),
                        ("run_link", models.TextField(blank=True)),
                        ("source", models.TextField(blank=True)),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("registered_model", "number"),
                                name="registry_version_numbers_are_unique",
                            ),
                            models.UniqueConstraint(
                                fields=("registered_model", "artifact_sha256"),
                                name="registry_an_artifact_is_one_version",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Policy",
                    fields=[
                        KEY,
                        ("environment", models.SlugField()),
                        ("name", models.CharField(max_length=250)),
                        ("version", models.PositiveIntegerField()),
                        ("document", models.TextField()),
                        ("digest", models.CharField(max_length=71)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "author",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "registered_model",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="policies",
                                to="registry.registeredmodel",
                            ),
                        ),
                        ("tiers", models.JSONField(default=list)),
                        (
                            "workspace",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="policies",
                                to="tracking.workspace",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name_plural": "policies",
                        "default_permissions": ("view",),
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("registered_model", "name", "version"),
                                name="registry_policy_versions_are_unique",
                            ),
                            models.UniqueConstraint(
                                fields=("workspace", "name", "version"),
                                name="registry_policy_versions_of_a_workspace_are_unique",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(
                                        ("registered_model__isnull", False),
                                        ("workspace__isnull", True),
                                    ),
                                    models.Q(
                                        ("registered_model__isnull", True),
                                        ("workspace__isnull", False),
                                    ),
                                    _connector="OR",
                                ),
                                name="registry_a_policy_binds_a_model_or_tiers_of_a_workspace",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="PolicyPublication",
                    fields=[
                        KEY,
                        ("published_at", models.DateTimeField()),
                        (
                            "policy",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="publication",
                                to="registry.policy",
                            ),
                        ),
                        (
                            "published_by",
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
                    name="PromotionRequest",
                    fields=[
                        KEY,
                        ("environment", models.SlugField()),
                        (
                            "state",
                            models.CharField(
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
                        ("attempt", models.PositiveIntegerField(default=1)),
                        ("subject_digest", models.CharField(blank=True, max_length=71)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("approved_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "approval_expires_at",
                            models.DateTimeField(blank=True, null=True),
                        ),
                        (
                            "model_version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="promotion_requests",
                                to="registry.modelversion",
                            ),
                        ),
                        (
                            "policy",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="promotion_requests",
                                to="registry.policy",
                            ),
                        ),
                        (
                            "requested_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        ("expires_at", models.DateTimeField(blank=True, null=True)),
                        ("rests_until", models.DateTimeField(blank=True, null=True)),
                        (
                            "revision",
                            models.PositiveIntegerField(blank=True, null=True),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(
                                    (
                                        "state__in",
                                        [
                                            "approved",
                                            "blocked",
                                            "evaluating",
                                            "in_review",
                                        ],
                                    )
                                ),
                                fields=("model_version", "environment"),
                                name="registry_one_open_request_per_version_and_environment",
                            ),
                            models.CheckConstraint(
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
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="GateRun",
                    fields=[
                        KEY,
                        (
                            "work_state",
                            models.CharField(
                                choices=[
                                    ("pending", "Pending"),
                                    ("running", "Running"),
                                    ("done", "Done"),
                                ],
                                db_index=True,
                                default="pending",
                                max_length=10,
                            ),
                        ),
                        ("claims", models.PositiveIntegerField(default=0)),
                        ("lease_until", models.DateTimeField(blank=True, null=True)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("attempt", models.PositiveIntegerField()),
                        ("gate", models.SlugField()),
                        ("position", models.PositiveSmallIntegerField()),
                        (
                            "request",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="gate_runs",
                                to="registry.promotionrequest",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("request", "attempt", "gate"),
                                name="registry_a_gate_runs_once_an_attempt",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="EvidenceSnapshot",
                    fields=[
                        KEY,
                        ("attempt", models.PositiveIntegerField()),
                        ("document", models.TextField()),
                        ("digest", models.CharField(max_length=71)),
                        ("taken_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "champion",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="registry.modelversion",
                            ),
                        ),
                        (
                            "request",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="snapshots",
                                to="registry.promotionrequest",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("request", "attempt"),
                                name="registry_an_attempt_has_one_snapshot",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="RegisteredModel",
                    fields=[
                        KEY,
                        ("name", models.CharField(max_length=250)),
                        ("purpose", models.TextField(blank=True)),
                        (
                            "tier",
                            models.PositiveSmallIntegerField(
                                blank=True,
                                choices=[
                                    (1, "Critical"),
                                    (2, "High"),
                                    (3, "Moderate"),
                                    (4, "Low"),
                                ],
                                null=True,
                            ),
                        ),
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
                            "owner",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="owned_models",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "workspace",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="registered_models",
                                to="tracking.workspace",
                            ),
                        ),
                        ("archived_at", models.DateTimeField(blank=True, null=True)),
                        ("description", models.TextField(blank=True)),
                        (
                            "updated_at",
                            models.DateTimeField(default=django.utils.timezone.now),
                        ),
                    ],
                    options={
                        "permissions": [
                            (
                                "describe_model",
                                "May describe this model and classify its risk",
                            ),
                            ("register_version", "May register versions of this model"),
                            (
                                "request_promotion",
                                "May ask for the promotion of a version",
                            ),
                            ("run_gates", "May have the gates of a request run again"),
                            (
                                "attest",
                                "May attest what a policy asks people or systems for",
                            ),
                            (
                                "sign_as_validator",
                                "May sign off as independent validator",
                            ),
                            ("sign_as_owner", "May sign off as model owner"),
                            ("sign_as_risk", "May sign off for risk and compliance"),
                            ("sign_as_ethics", "May sign off for ethics and privacy"),
                            ("reject_request", "May reject a request in review"),
                            ("request_waiver", "May ask for a waiver of a gate"),
                            (
                                "approve_waiver",
                                "May approve a waiver that somebody else asked for",
                            ),
                            ("open_finding", "May open a finding"),
                            (
                                "close_finding",
                                "May close a finding that somebody else fixed",
                            ),
                            ("promote_version", "May promote an approved version"),
                            (
                                "roll_back",
                                "May roll back to a version that is still approved",
                            ),
                            (
                                "break_glass",
                                "May promote in an emergency, together with another",
                            ),
                            ("retire_version", "May retire a version"),
                            ("order_report", "May order a lineage report"),
                        ],
                        "default_permissions": ("view",),
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("workspace", "name"),
                                name="registry_model_names_are_unique_in_a_workspace",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("tier__gte", 1), ("tier__lte", 4)),
                                name="registry_a_tier_is_one_to_four",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ReportOrder",
                    fields=[
                        KEY,
                        (
                            "work_state",
                            models.CharField(
                                choices=[
                                    ("pending", "Pending"),
                                    ("running", "Running"),
                                    ("done", "Done"),
                                ],
                                db_index=True,
                                default="pending",
                                max_length=10,
                            ),
                        ),
                        ("claims", models.PositiveIntegerField(default=0)),
                        ("lease_until", models.DateTimeField(blank=True, null=True)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("failure", models.TextField(blank=True)),
                        (
                            "model_version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="report_orders",
                                to="registry.modelversion",
                            ),
                        ),
                        (
                            "ordered_by",
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
                    name="Report",
                    fields=[
                        KEY,
                        ("pdf_sha256", models.CharField(max_length=64)),
                        ("size_bytes", models.PositiveBigIntegerField()),
                        ("data_sha256", models.CharField(max_length=64)),
                        ("produced_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "order",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="report",
                                to="registry.reportorder",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                    },
                ),
                migrations.CreateModel(
                    name="SignOff",
                    fields=[
                        KEY,
                        (
                            "role",
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
                        ("meaning", models.CharField(max_length=500)),
                        ("method", models.CharField(max_length=50)),
                        ("subject_digest", models.CharField(max_length=71)),
                        ("signed_at", models.DateTimeField()),
                        (
                            "request",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="sign_offs",
                                to="registry.promotionrequest",
                            ),
                        ),
                        (
                            "signer",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="sign_offs",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        ("reason", models.CharField(blank=True, max_length=1000)),
                        (
                            "delegation",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="sign_offs",
                                to="registry.delegation",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("request", "subject_digest", "role"),
                                name="registry_a_role_signs_once",
                            ),
                            models.UniqueConstraint(
                                fields=("request", "subject_digest", "signer"),
                                name="registry_one_person_counts_once",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Slot",
                    fields=[
                        KEY,
                        ("environment", models.SlugField()),
                        (
                            "champion",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="slots",
                                to="registry.modelversion",
                            ),
                        ),
                        (
                            "registered_model",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="slots",
                                to="registry.registeredmodel",
                            ),
                        ),
                        (
                            "break_glass",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="registry.breakglassconfirmation",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("registered_model", "environment"),
                                name="registry_one_slot_per_model_and_environment",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("break_glass__isnull", True),
                                    ("champion__isnull", False),
                                    _connector="OR",
                                ),
                                name="registry_an_emergency_has_its_champion",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Promotion",
                    fields=[
                        KEY,
                        ("promoted_at", models.DateTimeField()),
                        (
                            "promoted_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "superseded",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="registry.modelversion",
                            ),
                        ),
                        (
                            "request",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="promotion",
                                to="registry.promotionrequest",
                            ),
                        ),
                        (
                            "slot",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="promotions",
                                to="registry.slot",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                    },
                ),
                migrations.CreateModel(
                    name="Verdict",
                    fields=[
                        KEY,
                        (
                            "outcome",
                            models.CharField(
                                choices=[
                                    (
                                        registry.verdict.Outcome["PASS"],
                                        registry.verdict.Outcome["PASS"],
                                    ),
                                    (
                                        registry.verdict.Outcome["FAIL"],
                                        registry.verdict.Outcome["FAIL"],
                                    ),
                                    (
                                        registry.verdict.Outcome["INCONCLUSIVE"],
                                        registry.verdict.Outcome["INCONCLUSIVE"],
                                    ),
                                    (
                                        registry.verdict.Outcome["ERROR"],
                                        registry.verdict.Outcome["ERROR"],
                                    ),
                                    (
                                        registry.verdict.Outcome["NOT_APPLICABLE"],
                                        registry.verdict.Outcome["NOT_APPLICABLE"],
                                    ),
                                ],
                                max_length=14,
                            ),
                        ),
                        ("estimate", models.FloatField(null=True)),
                        ("lower", models.FloatField(null=True)),
                        ("upper", models.FloatField(null=True)),
                        ("threshold", models.FloatField(null=True)),
                        ("comparator", models.CharField(blank=True, max_length=2)),
                        ("n", models.PositiveBigIntegerField(null=True)),
                        (
                            "evidence_level",
                            models.CharField(
                                choices=[
                                    (
                                        registry.verdict.EvidenceLevel["E0"],
                                        registry.verdict.EvidenceLevel["E0"],
                                    ),
                                    (
                                        registry.verdict.EvidenceLevel["E1"],
                                        registry.verdict.EvidenceLevel["E1"],
                                    ),
                                    (
                                        registry.verdict.EvidenceLevel["E2"],
                                        registry.verdict.EvidenceLevel["E2"],
                                    ),
                                    (
                                        registry.verdict.EvidenceLevel["E3"],
                                        registry.verdict.EvidenceLevel["E3"],
                                    ),
                                    (
                                        registry.verdict.EvidenceLevel["E4"],
                                        registry.verdict.EvidenceLevel["E4"],
                                    ),
                                ],
                                max_length=2,
                            ),
                        ),
                        ("reason_code", models.CharField(max_length=100)),
                        ("sentence", models.TextField()),
                        ("document", models.TextField()),
                        ("digest", models.CharField(max_length=71)),
                        ("started_at", models.DateTimeField()),
                        ("given_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "gate_run",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="verdict",
                                to="registry.gaterun",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                    },
                ),
                migrations.CreateModel(
                    name="Attestation",
                    fields=[
                        KEY,
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
                        (
                            "evidence_sha256",
                            models.CharField(blank=True, max_length=64),
                        ),
                        ("printed_name", models.CharField(max_length=300)),
                        ("method", models.CharField(max_length=50)),
                        ("attested_at", models.DateTimeField()),
                        ("expires_at", models.DateTimeField()),
                        (
                            "attested_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "model_version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="attestations",
                                to="registry.modelversion",
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
                    ],
                    options={
                        "default_permissions": ("view",),
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("attested_at__lt", models.F("expires_at"))
                                ),
                                name="registry_an_attestation_ends_after_it_is_made",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="AttestationWithdrawal",
                    fields=[
                        KEY,
                        ("reason", models.CharField(max_length=1000)),
                        ("withdrawn_at", models.DateTimeField()),
                        (
                            "attestation",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="withdrawal",
                                to="registry.attestation",
                            ),
                        ),
                        (
                            "withdrawn_by",
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
                    name="Closing",
                    fields=[
                        KEY,
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
                        (
                            "closed_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "request",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="closing",
                                to="registry.promotionrequest",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "state__in",
                                        [
                                            "rejected",
                                            "withdrawn",
                                            "expired",
                                            "invalidated",
                                        ],
                                    )
                                ),
                                name="registry_a_closing_ends_a_request",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="EvidenceView",
                    fields=[
                        KEY,
                        ("subject_digest", models.CharField(max_length=71)),
                        ("viewed_at", models.DateTimeField()),
                        (
                            "request",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="evidence_views",
                                to="registry.promotionrequest",
                            ),
                        ),
                        (
                            "viewer",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("request", "viewer", "subject_digest"),
                                name="registry_a_person_opens_evidence_for_the_first_time_once",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Waiver",
                    fields=[
                        KEY,
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
                        (
                            "renews",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="renewals",
                                to="registry.waiver",
                            ),
                        ),
                        (
                            "request",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="waivers",
                                to="registry.promotionrequest",
                            ),
                        ),
                        (
                            "requested_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("starts_at__lt", models.F("expires_at"))
                                ),
                                name="registry_a_waiver_ends_after_it_starts",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("approvals_needed__gte", 1)),
                                name="registry_a_waiver_needs_an_approver",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="WaiverApproval",
                    fields=[
                        KEY,
                        ("printed_name", models.CharField(max_length=300)),
                        ("reason", models.CharField(max_length=1000)),
                        ("method", models.CharField(max_length=50)),
                        ("approved_at", models.DateTimeField()),
                        (
                            "approver",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "waiver",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="approvals",
                                to="registry.waiver",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("waiver", "approver"),
                                name="registry_one_person_approves_a_waiver_once",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="WaiverWithdrawal",
                    fields=[
                        KEY,
                        ("reason", models.CharField(max_length=1000)),
                        ("withdrawn_at", models.DateTimeField()),
                        (
                            "waiver",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="withdrawal",
                                to="registry.waiver",
                            ),
                        ),
                        (
                            "withdrawn_by",
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
                    name="Alias",
                    fields=[
                        KEY,
                        ("name", models.CharField(max_length=255)),
                        (
                            "registered_model",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="aliases",
                                to="registry.registeredmodel",
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="aliases",
                                to="registry.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name_plural": "aliases",
                        "default_permissions": ("view",),
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("registered_model", "name"),
                                name="registry_an_alias_means_one_version",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="FormerName",
                    fields=[
                        KEY,
                        ("name", models.CharField(max_length=250)),
                        ("given_up_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "given_up_by",
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
                                related_name="former_names",
                                to="registry.registeredmodel",
                            ),
                        ),
                        (
                            "workspace",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="tracking.workspace",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("workspace", "name"),
                                name="registry_a_former_name_is_of_one_model",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ModelTag",
                    fields=[
                        KEY,
                        ("key", models.CharField(max_length=250)),
                        ("value", models.TextField()),
                        (
                            "registered_model",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="tags",
                                to="registry.registeredmodel",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("registered_model", "key"),
                                name="registry_a_model_tag_has_one_value",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="VersionListing",
                    fields=[
                        (
                            "version",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                primary_key=True,
                                related_name="listing",
                                serialize=False,
                                to="registry.modelversion",
                            ),
                        ),
                        ("description", models.TextField(blank=True)),
                        (
                            "stage",
                            models.CharField(
                                choices=[
                                    ("None", "None"),
                                    ("Staging", "Staging"),
                                    ("Production", "Production"),
                                    ("Archived", "Archived"),
                                ],
                                default="None",
                                max_length=10,
                            ),
                        ),
                        (
                            "updated_at",
                            models.DateTimeField(default=django.utils.timezone.now),
                        ),
                        ("archived_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "registered_model",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="registry.registeredmodel",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "indexes": [
                            models.Index(
                                condition=models.Q(("archived_at", None)),
                                fields=["registered_model", "stage", "-version"],
                                name="registry_latest_of_each_stage",
                            ),
                            models.Index(
                                condition=models.Q(("archived_at", None)),
                                fields=["-updated_at", "-version"],
                                name="registry_versions_as_updated",
                            ),
                        ],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "stage__in",
                                        ["Archived", "None", "Production", "Staging"],
                                    )
                                ),
                                name="registry_a_stage_is_one_of_mlflows",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="VersionTag",
                    fields=[
                        KEY,
                        ("key", models.CharField(max_length=250)),
                        ("value", models.TextField()),
                        (
                            "version",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="tags",
                                to="registry.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("version", "key"),
                                name="registry_a_version_tag_has_one_value",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Delegation",
                    fields=[
                        KEY,
                        ("role", models.CharField(max_length=20)),
                        ("printed_name", models.CharField(max_length=300)),
                        ("reason", models.CharField(max_length=500)),
                        ("method", models.CharField(max_length=50)),
                        ("starts_at", models.DateTimeField()),
                        ("ends_at", models.DateTimeField()),
                        ("signed_at", models.DateTimeField()),
                        (
                            "delegate",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="delegations_had",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "delegator",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="delegations_given",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "registered_model",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="delegations",
                                to="registry.registeredmodel",
                            ),
                        ),
                        (
                            "workspace",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="delegations",
                                to="tracking.workspace",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("ends_at__gt", models.F("starts_at"))
                                ),
                                name="registry_a_delegation_ends_after_it_starts",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("delegate", models.F("delegator")), _negated=True
                                ),
                                name="registry_nobody_delegates_to_themselves",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="DelegationWithdrawal",
                    fields=[
                        KEY,
                        ("withdrawn_at", models.DateTimeField()),
                        (
                            "delegation",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="withdrawal",
                                to="registry.delegation",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": (),
                    },
                ),
                migrations.CreateModel(
                    name="Notification",
                    fields=[
                        KEY,
                        ("message_id", models.CharField(max_length=40, unique=True)),
                        (
                            "type",
                            models.CharField(
                                choices=[
                                    (
                                        "dev.attestry.request.opened.v1",
                                        "Promotion requested",
                                    ),
                                    (
                                        "dev.attestry.gate.completed.v1",
                                        "Gates finished",
                                    ),
                                    (
                                        "dev.attestry.sign_off.wanted.v1",
                                        "Sign-off wanted",
                                    ),
                                    (
                                        "dev.attestry.request.approved.v1",
                                        "Request approved",
                                    ),
                                    (
                                        "dev.attestry.request.rejected.v1",
                                        "Request rejected",
                                    ),
                                    (
                                        "dev.attestry.request.withdrawn.v1",
                                        "Request withdrawn",
                                    ),
                                    (
                                        "dev.attestry.request.invalidated.v1",
                                        "Evidence revoked",
                                    ),
                                    (
                                        "dev.attestry.request.expired.v1",
                                        "Request expired",
                                    ),
                                    (
                                        "dev.attestry.version.promoted.v1",
                                        "Version promoted",
                                    ),
                                    (
                                        "dev.attestry.waiver.expiring.v1",
                                        "Waiver expires soon",
                                    ),
                                    (
                                        "dev.attestry.finding.overdue.v1",
                                        "Finding overdue",
                                    ),
                                    (
                                        "dev.attestry.dataset.sensitive_used.v1",
                                        "Sensitive dataset used",
                                    ),
                                ],
                                max_length=60,
                            ),
                        ),
                        ("subject", models.CharField(max_length=400)),
                        ("document", models.TextField()),
                        ("created_at", models.DateTimeField()),
                        (
                            "workspace",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="notifications",
                                to="tracking.workspace",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "indexes": [
                            models.Index(
                                fields=["subject"], name="registry_notifications_about"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Webhook",
                    fields=[
                        KEY,
                        ("url", models.CharField(max_length=2000, verbose_name="URL")),
                        ("event_types", models.JSONField()),
                        ("disabled_at", models.DateTimeField(blank=True, null=True)),
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
                            "workspace",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="webhooks",
                                to="tracking.workspace",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                    },
                ),
                migrations.CreateModel(
                    name="Delivery",
                    fields=[
                        KEY,
                        (
                            "work_state",
                            models.CharField(
                                choices=[
                                    ("pending", "Pending"),
                                    ("running", "Running"),
                                    ("done", "Done"),
                                ],
                                db_index=True,
                                default="pending",
                                max_length=10,
                            ),
                        ),
                        ("claims", models.PositiveIntegerField(default=0)),
                        ("lease_until", models.DateTimeField(blank=True, null=True)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("waiting", "Waiting"),
                                    ("delivered", "Delivered"),
                                    ("dead", "Dead"),
                                ],
                                default="waiting",
                                max_length=9,
                            ),
                        ),
                        ("due_at", models.DateTimeField()),
                        ("failures", models.PositiveSmallIntegerField(default=0)),
                        (
                            "recipient",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "notification",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="deliveries",
                                to="registry.notification",
                            ),
                        ),
                        (
                            "webhook",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="deliveries",
                                to="registry.webhook",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name_plural": "deliveries",
                        "default_permissions": ("view",),
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("webhook", None),
                                    ("recipient", None),
                                    _connector="XOR",
                                ),
                                name="registry_a_delivery_goes_to_a_webhook_or_a_person",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(
                                        ("state__in", ["delivered", "dead"]),
                                        ("work_state", "done"),
                                    ),
                                    models.Q(
                                        models.Q(("work_state", "done"), _negated=True),
                                        ("state", "waiting"),
                                    ),
                                    _connector="OR",
                                ),
                                name="registry_a_delivery_waits_until_its_work_is_done",
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("recipient", None)),
                                fields=("notification", "webhook"),
                                name="registry_a_webhook_is_told_once",
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("webhook", None)),
                                fields=("notification", "recipient"),
                                name="registry_a_person_is_told_once",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="WebhookKey",
                    fields=[
                        KEY,
                        (
                            "scheme",
                            models.CharField(
                                choices=[("v1", "HMAC-SHA256"), ("v1a", "Ed25519")],
                                max_length=3,
                            ),
                        ),
                        ("sealed", models.BinaryField()),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("retires_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "webhook",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="keys",
                                to="registry.webhook",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("retires_at", None)),
                                fields=("webhook",),
                                name="registry_a_webhook_has_one_newest_key",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="DeliveryAttempt",
                    fields=[
                        KEY,
                        ("claim", models.PositiveIntegerField()),
                        ("status", models.PositiveSmallIntegerField(null=True)),
                        ("failure", models.CharField(blank=True, max_length=300)),
                        ("took", models.DurationField()),
                        ("attempted_at", models.DateTimeField()),
                        (
                            "delivery",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="attempts",
                                to="registry.delivery",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("delivery", "claim"),
                                name="registry_a_claim_is_one_attempt",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="TicketLink",
                    fields=[
                        KEY,
                        (
                            "subject_kind",
                            models.CharField(
                                choices=[
                                    ("request", "Request"),
                                    ("finding", "Finding"),
                                ],
                                max_length=10,
                            ),
                        ),
                        ("subject_id", models.PositiveBigIntegerField()),
                        ("ticket", models.CharField(max_length=100)),
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
                            "workspace",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="ticket_links",
                                to="tracking.workspace",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("subject_kind", "subject_id", "ticket"),
                                name="registry_a_ticket_is_linked_once",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="TicketTemplate",
                    fields=[
                        KEY,
                        ("number", models.PositiveIntegerField()),
                        ("url_template", models.CharField(max_length=500)),
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
                            "workspace",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="ticket_templates",
                                to="tracking.workspace",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("workspace", "number"),
                                name="registry_ticket_templates_are_numbered",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Finding",
                    fields=[
                        KEY,
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
                        "indexes": [
                            models.Index(
                                fields=["registered_model", "state"],
                                name="registry_finding_by_state",
                            )
                        ],
                        "constraints": [
                            models.CheckConstraint(
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
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("severity", "critical"),
                                    ("due_at__isnull", False),
                                    _connector="OR",
                                ),
                                name="registry_a_finding_is_due_some_day_unless_it_is_critical",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("state", "risk_accepted"), _negated=True),
                                    ("accepted_until__isnull", False),
                                    _connector="OR",
                                ),
                                name="registry_a_risk_is_accepted_until_some_day",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="FindingMove",
                    fields=[
                        KEY,
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
                        KEY,
                        ("number", models.PositiveIntegerField()),
                        ("purpose", models.TextField()),
                        ("limits_of_use", models.TextField(blank=True)),
                        (
                            "origin",
                            models.CharField(
                                choices=[("own", "Own"), ("vendor", "Vendor")],
                                max_length=6,
                            ),
                        ),
                        ("vendor", models.CharField(blank=True, max_length=200)),
                        (
                            "revalidation_months",
                            models.PositiveSmallIntegerField(null=True),
                        ),
                        (
                            "revalidation_reason",
                            models.CharField(blank=True, max_length=2000),
                        ),
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
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("registered_model", "number"),
                                name="registry_card_numbers_are_unique_for_a_model",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("revalidation_months__isnull", True),
                                    models.Q(
                                        ("revalidation_months__gte", 1),
                                        ("revalidation_months__lte", 36),
                                        models.Q(
                                            ("revalidation_reason", ""), _negated=True
                                        ),
                                    ),
                                    _connector="OR",
                                ),
                                name="registry_another_interval_has_its_reason",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("origin", "own"),
                                    models.Q(("vendor", ""), _negated=True),
                                    _connector="OR",
                                ),
                                name="registry_a_model_that_is_bought_names_its_vendor",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ModelDependency",
                    fields=[
                        KEY,
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
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("card", "upstream"),
                                name="registry_a_card_names_an_upstream_model_once",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="TierAssessment",
                    fields=[
                        KEY,
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
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("rationale", ""), _negated=True),
                                name="registry_a_tier_has_its_rationale",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="BreakGlass",
                    fields=[
                        KEY,
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
                        (
                            "asked_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "model_version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="registry.modelversion",
                            ),
                        ),
                        (
                            "slot",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="break_glasses",
                                to="registry.slot",
                            ),
                        ),
                        (
                            "delegation",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="registry.delegation",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "break-glass promotion",
                        "default_permissions": ("view",),
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("hours__gte", 1), ("hours__lte", 24)
                                ),
                                name="registry_a_broken_glass_lasts_a_day_at_most",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="BreakGlassConfirmation",
                    fields=[
                        KEY,
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
                        (
                            "break_glass",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="confirmation",
                                to="registry.breakglass",
                            ),
                        ),
                        (
                            "confirmed_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "fallback",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="registry.modelversion",
                            ),
                        ),
                        (
                            "finding",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="registry.finding",
                            ),
                        ),
                        (
                            "delegation",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="registry.delegation",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "break-glass confirmation",
                        "default_permissions": ("view",),
                    },
                ),
                migrations.CreateModel(
                    name="BreakGlassEnd",
                    fields=[
                        KEY,
                        ("ended_at", models.DateTimeField()),
                        (
                            "confirmation",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="end",
                                to="registry.breakglassconfirmation",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "break-glass end",
                        "default_permissions": ("view",),
                    },
                ),
                migrations.CreateModel(
                    name="Challenger",
                    fields=[
                        KEY,
                        ("number", models.PositiveIntegerField()),
                        ("same_datasets", models.BooleanField(null=True)),
                        ("reason", models.CharField(max_length=2000)),
                        ("added_at", models.DateTimeField()),
                        (
                            "added_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "champion",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="registry.modelversion",
                            ),
                        ),
                        (
                            "model_version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="challenges",
                                to="registry.modelversion",
                            ),
                        ),
                        (
                            "slot",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="challengers",
                                to="registry.slot",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("slot", "number"),
                                name="registry_challengers_of_a_slot_are_counted",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ChallengerRemoval",
                    fields=[
                        KEY,
                        ("reason", models.CharField(max_length=2000)),
                        ("removed_at", models.DateTimeField()),
                        (
                            "challenger",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="removal",
                                to="registry.challenger",
                            ),
                        ),
                        (
                            "removed_by",
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
                    name="Freeze",
                    fields=[
                        KEY,
                        ("frozen_at", models.DateTimeField()),
                        ("review_due_at", models.DateTimeField()),
                        (
                            "slot",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="freezes",
                                to="registry.slot",
                            ),
                        ),
                        (
                            "rollback",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="freeze",
                                to="registry.rollback",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                    },
                ),
                migrations.CreateModel(
                    name="FreezeLifting",
                    fields=[
                        KEY,
                        ("conclusion", models.CharField(max_length=2000)),
                        ("printed_name", models.CharField(max_length=300)),
                        ("method", models.CharField(max_length=50)),
                        ("lifted_at", models.DateTimeField()),
                        (
                            "freeze",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="lifting",
                                to="registry.freeze",
                            ),
                        ),
                        (
                            "lifted_by",
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
                    name="Retirement",
                    fields=[
                        KEY,
                        ("reason", models.CharField(max_length=2000)),
                        ("dependants", models.JSONField(default=list)),
                        ("printed_name", models.CharField(max_length=300)),
                        ("method", models.CharField(max_length=50)),
                        ("retired_at", models.DateTimeField()),
                        (
                            "model_version",
                            models.OneToOneField(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="retirement",
                                to="registry.modelversion",
                            ),
                        ),
                        (
                            "registered_model",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="retirements",
                                to="registry.registeredmodel",
                            ),
                        ),
                        (
                            "retired_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("model_version__isnull", True)),
                                fields=("registered_model",),
                                name="registry_a_model_retires_once",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Revalidation",
                    fields=[
                        KEY,
                        ("conclusion", models.CharField(max_length=2000)),
                        ("printed_name", models.CharField(max_length=300)),
                        ("method", models.CharField(max_length=50)),
                        ("signed_at", models.DateTimeField()),
                        (
                            "model_version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="revalidations",
                                to="registry.modelversion",
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
                        (
                            "slot",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="revalidations",
                                to="registry.slot",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                    },
                ),
                migrations.CreateModel(
                    name="RevalidationTrigger",
                    fields=[
                        KEY,
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("drift_breach", "Drift Breach"),
                                    ("data_source_change", "Data Source Change"),
                                    ("code_change", "Code Change"),
                                    ("policy_change", "Policy Change"),
                                    ("tier_change", "Tier Change"),
                                    ("incident", "Incident"),
                                    ("waiver_expiry", "Waiver Expiry"),
                                    ("regulation_change", "Regulation Change"),
                                ],
                                max_length=20,
                            ),
                        ),
                        ("detail", models.CharField(max_length=2000)),
                        ("recorded_at", models.DateTimeField()),
                        (
                            "model_version",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="registry.modelversion",
                            ),
                        ),
                        (
                            "recorded_by",
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
                                related_name="revalidation_triggers",
                                to="registry.registeredmodel",
                            ),
                        ),
                        ("cause", models.CharField(max_length=600, null=True)),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "indexes": [
                            models.Index(
                                fields=["registered_model", "recorded_at"],
                                name="registry_trigger_by_time",
                            )
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("model_version", "cause"),
                                name="registry_a_cause_calls_for_a_version_once",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Rollback",
                    fields=[
                        KEY,
                        ("reason", models.CharField(max_length=2000)),
                        ("rolled_back_at", models.DateTimeField()),
                        (
                            "finding",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="registry.finding",
                            ),
                        ),
                        (
                            "promotion",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="rollbacks",
                                to="registry.promotion",
                            ),
                        ),
                        (
                            "rolled_back",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="registry.modelversion",
                            ),
                        ),
                        (
                            "rolled_back_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "slot",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="rollbacks",
                                to="registry.slot",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                    },
                ),
                migrations.CreateModel(
                    name="SignOffVerification",
                    fields=[
                        KEY,
                        ("started_at", models.DateTimeField()),
                        ("finished_at", models.DateTimeField()),
                        ("requests", models.PositiveIntegerField()),
                        ("altered", models.PositiveIntegerField()),
                        ("faults", models.TextField(blank=True)),
                    ],
                    options={
                        "default_permissions": (),
                    },
                ),
            ],
        ),
    ]
