import django.db.models.deletion
from django.db import migrations, models

from audit.triggers import append_only


class Migration(migrations.Migration):
    dependencies = [
        ("tracking", "0020_former_authors_of_commits"),
    ]

    operations = [
        migrations.CreateModel(
            name="FormerParent",
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
                ("parent_run_id", models.CharField(db_index=True, max_length=32)),
                ("replaced_at", models.DateTimeField(auto_now_add=True)),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="former_parents",
                        to="tracking.run",
                    ),
                ),
            ],
            options={"default_permissions": ("view",)},
        ),
        append_only("tracking_formerparent"),
    ]
