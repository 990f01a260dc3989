import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

from audit.triggers import append_only, append_only_by_every_key

PERMISSION = ("describe_dataset", "May register and describe datasets here")
ROLES = ("developer", "bot")


def let_roles_describe_datasets(apps, schema_editor):
    """Give the roles of workspaces that are there what new workspaces give them."""
    workspaces = apps.get_model("tracking", "Workspace").objects.all()
    if not workspaces:
        return
    content_type, _ = apps.get_model(
        "contenttypes", "ContentType"
    ).objects.get_or_create(app_label="tracking", model="workspace")
    permission, _ = apps.get_model("auth", "Permission").objects.get_or_create(
        content_type=content_type,
        codename=PERMISSION[0],
        defaults={"name": PERMISSION[1]},
    )
    groups = apps.get_model("auth", "Group").objects
    granted = apps.get_model("guardian", "GroupObjectPermission").objects
    for workspace in workspaces:
        names = [f"{workspace.name}:{role}" for role in ROLES]
        for group in groups.filter(name__in=names).order_by("name"):
            granted.get_or_create(
                permission=permission,
                group=group,
                content_type=content_type,
                object_pk=str(workspace.pk),
            )


class Migration(migrations.Migration):
    dependencies = [
        ("tracking", "0005_logged_models_and_removals"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("guardian", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="DatasetCard",
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
                ("rows", models.PositiveBigIntegerField(null=True)),
                ("window_start", models.DateField(null=True)),
                ("window_end", models.DateField(null=True)),
                ("labels", models.TextField(blank=True)),
                ("licence", models.CharField(blank=True, max_length=200)),
                ("sensitivity", models.JSONField(null=True)),
                ("known_gaps", models.TextField(blank=True)),
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
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="cards",
                        to="tracking.dataset",
                    ),
                ),
            ],
            options={
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("dataset", "number"),
                        name="tracking_card_numbers_are_unique_for_a_dataset",
                    ),
                    models.CheckConstraint(
                        condition=Q(window_start__isnull=True)
                        | Q(window_end__isnull=True)
                        | Q(window_start__lte=F("window_end")),
                        name="tracking_a_window_starts_before_it_ends",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DatasetLabeller",
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
                        related_name="labellers",
                        to="tracking.datasetcard",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="labelled",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("card", "user"),
                        name="tracking_a_card_names_a_labeller_once",
                    )
                ],
            },
        ),
        migrations.AlterModelOptions(
            name="workspace",
            options={
                "default_permissions": ("view",),
                "permissions": [
                    ("create_experiment", "May create experiments here"),
                    PERMISSION,
                    ("register_model", "May register models here"),
                    ("draft_policy", "May draft policies here"),
                    ("publish_policy", "May publish policies here"),
                ],
            },
        ),
        migrations.RunPython(let_roles_describe_datasets, migrations.RunPython.noop),
        append_only("tracking_datasetcard"),
        append_only("tracking_datasetlabeller"),
        append_only_by_every_key(
            "tracking_datasetcard", ("id",), ("dataset_id", "number")
        ),
        # Its other key holds every column: see 0003.
        append_only_by_every_key("tracking_datasetlabeller", ("id",)),
    ]
