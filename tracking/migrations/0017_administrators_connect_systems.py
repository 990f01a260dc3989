from django.db import migrations

PERMISSION = ("connect_systems", "May connect webhooks and tickets here")
ROLE = "administrator"


def let_administrators_connect_systems(apps, schema_editor):
    """Give the role in workspaces that are there what new workspaces give it."""
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
        for group in groups.filter(name=f"{workspace.name}:{ROLE}"):
            granted.get_or_create(
                permission=permission,
                group=group,
                content_type=content_type,
                object_pk=str(workspace.pk),
            )


class Migration(migrations.Migration):
    dependencies = [
        ("tracking", "0016_role_grants"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("guardian", "0001_initial"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="workspace",
            options={
                "default_permissions": ("view",),
                "permissions": [
                    ("create_experiment", "May create experiments here"),
                    ("describe_dataset", "May register and describe datasets here"),
                    ("register_model", "May register models here"),
                    ("draft_policy", "May draft policies here"),
                    ("publish_policy", "May publish policies here"),
                    ("grant_role", "May ask for and approve grants of roles here"),
                    ("export_log", "May export what the log says of this workspace"),
                    ("operate_log", "May rotate keys, back up and verify"),
                    PERMISSION,
                ],
            },
        ),
        migrations.RunPython(
            let_administrators_connect_systems, migrations.RunPython.noop
        ),
    ]
