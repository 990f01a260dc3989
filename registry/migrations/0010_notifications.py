import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from audit.triggers import append_only, append_only_by_every_key


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0009_delegations"),
        ("tracking", "0017_administrators_connect_systems"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Notification",
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
                ("message_id", models.CharField(max_length=40, unique=True)),
                (
                    "type",
                    models.CharField(
                        choices=[
                            ("dev.attestry.request.opened.v1", "Promotion requested"),
                            ("dev.attestry.gate.completed.v1", "Gates finished"),
                            ("dev.attestry.sign_off.wanted.v1", "Sign-off wanted"),
                            ("dev.attestry.request.approved.v1", "Request approved"),
                            ("dev.attestry.version.promoted.v1", "Version promoted"),
                            ("dev.attestry.waiver.expiring.v1", "Waiver expires soon"),
                            ("dev.attestry.finding.overdue.v1", "Finding overdue"),
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
            },
        ),
        migrations.CreateModel(
            name="Webhook",
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
            },
        ),
        migrations.CreateModel(
            name="WebhookKey",
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
            },
        ),
        migrations.CreateModel(
            name="DeliveryAttempt",
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
                    "subject_kind",
                    models.CharField(
                        choices=[("request", "Request"), ("finding", "Finding")],
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
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("webhook", None), ("recipient", None), _connector="XOR"
                ),
                name="registry_a_delivery_goes_to_a_webhook_or_a_person",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("state__in", ["delivered", "dead"]), ("work_state", "done")
                    ),
                    models.Q(
                        models.Q(("work_state", "done"), _negated=True),
                        ("state", "waiting"),
                    ),
                    _connector="OR",
                ),
                name="registry_a_delivery_waits_until_its_work_is_done",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(
                condition=models.Q(("recipient", None)),
                fields=("notification", "webhook"),
                name="registry_a_webhook_is_told_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(
                condition=models.Q(("webhook", None)),
                fields=("notification", "recipient"),
                name="registry_a_person_is_told_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookkey",
            constraint=models.UniqueConstraint(
                condition=models.Q(("retires_at", None)),
                fields=("webhook",),
                name="registry_a_webhook_has_one_newest_key",
            ),
        ),
        append_only("registry_notification"),
        append_only("registry_deliveryattempt"),
        append_only("registry_ticketlink"),
        append_only("registry_tickettemplate"),
        append_only_by_every_key("registry_notification", ("id",), ("message_id",)),
        append_only_by_every_key(
            "registry_deliveryattempt", ("id",), ("delivery_id", "claim")
        ),
        append_only_by_every_key(
            "registry_ticketlink", ("id",), ("subject_kind", "subject_id", "ticket")
        ),
        append_only_by_every_key(
            "registry_tickettemplate", ("id",), ("workspace_id", "number")
        ),
    ]
