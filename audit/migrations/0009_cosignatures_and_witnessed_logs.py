import django.db.models.deletion
from django.db import migrations, models

from audit.triggers import append_only, append_only_by_every_key, never_falls


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0008_events_cost_what_they_must"),
    ]

    operations = [
        migrations.CreateModel(
            name="WitnessedLog",
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
                ("origin", models.CharField(max_length=200, unique=True)),
                ("size", models.PositiveBigIntegerField(default=0)),
                ("root", models.BinaryField(max_length=32)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Cosignature",
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
                ("size", models.PositiveBigIntegerField()),
                ("key", models.CharField(max_length=500)),
                ("line", models.TextField()),
                ("stored_at", models.DateTimeField(auto_now_add=True)),
                (
                    "log",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="cosignatures",
                        to="audit.head",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("log", "size", "key"),
                        name="audit_one_cosignature_per_size_and_witness",
                    )
                ],
            },
        ),
        append_only("audit_cosignature"),
        append_only_by_every_key(
            "audit_cosignature", ("id",), ("log_id", "size", "key")
        ),
        never_falls("audit_witnessedlog", "size"),
    ]
