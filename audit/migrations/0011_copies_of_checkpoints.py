import django.db.models.deletion
from django.db import migrations, models

from audit.triggers import append_only


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0010_only_its_trigger_fills_the_queue"),
    ]

    operations = [
        migrations.CreateModel(
            name="CheckpointCopy",
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
                (
                    "way",
                    models.CharField(
                        choices=[("e-mail", "Email"), ("webhook", "Webhook")],
                        max_length=10,
                    ),
                ),
                ("sent_at", models.DateTimeField()),
                (
                    "log",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="copies",
                        to="audit.head",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        append_only("audit_checkpointcopy"),
    ]
