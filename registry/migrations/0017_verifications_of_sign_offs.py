from django.db import migrations, models

from audit.triggers import append_only, append_only_by_every_key


class Migration(migrations.Migration):
    dependencies = [("registry", "0016_causes_of_revalidations")]

    operations = [
        migrations.CreateModel(
            name="SignOffVerification",
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
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField()),
                ("requests", models.PositiveIntegerField()),
                ("altered", models.PositiveIntegerField()),
                ("faults", models.TextField(blank=True)),
            ],
            options={"default_permissions": ()},
        ),
        append_only("registry_signoffverification"),
        append_only_by_every_key("registry_signoffverification", ("id",)),
    ]
