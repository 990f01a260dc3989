import django.db.models.deletion
from django.db import migrations, models

from audit.triggers import append_only


class Migration(migrations.Migration):
    dependencies = [
        ("tracking", "0019_indexes_for_searches"),
    ]

    operations = [
        migrations.CreateModel(
            name="FormerAuthor",
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
                ("value", models.CharField(max_length=8000)),
                ("replaced_at", models.DateTimeField(auto_now_add=True)),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="former_authors",
                        to="tracking.run",
                    ),
                ),
            ],
            options={"default_permissions": ("view",)},
        ),
        append_only("tracking_formerauthor"),
    ]
