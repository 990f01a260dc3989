from django.contrib.auth.management import create_permissions
from django.db import migrations

NEW_ROLES = ("ethics", "steward", "operator")
WORKSPACE_GRANTS = {
    "view_workspace": NEW_ROLES,
    "describe_dataset": ("ethics", "steward"),
    "grant_role": ("administrator", "risk"),
    "export_log": ("validator", "risk", "auditor"),
    "operate_log": ("operator",),
}
EXPERIMENT_GRANTS = {"view_experiment": ("ethics", "steward")}


def give_roles_their_permissions(apps, schema_editor):
    """Give the roles of workspaces that are there what new workspaces give them."""
    workspaces = apps.get_model("tracking", "Workspace").objects.all()
    if not workspaces:
        return
    _make_permissions(apps)
    groups = apps.get_model("auth", "Group").objects
    for workspace in workspaces:
        for role in NEW_ROLES:
            groups.get_or_create(name=f"{workspace.name}:{role}")
        _grant(apps, workspace, WORKSPACE_GRANTS, workspace.name)
        for experiment in workspace.experiments.all():
            _grant(apps, experiment, EXPERIMENT_GRANTS, workspace.name)


def _make_permissions(apps):
    """Permissions are otherwise made after all migrations."""
    config = apps.get_app_config("tracking")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0)
    config.models_module = None


def _grant(apps, subject, grants, workspace_name):
    content_type = apps.get_model("contenttypes", "ContentType").objects.get(
        app_label=subject._meta.app_label, model=subject._meta.model_name
    )
    granted = apps.get_model("guardian", "GroupObjectPermission").objects
    for codename, roles in grants.items():
        permission = apps.get_model("auth", "Permission").objects.get(
            content_type=content_type, codename=codename
        )
        for role in roles:
            group = apps.get_model("auth", "Group").objects.get(
                name=f"{workspace_name}:{role}"
            )
            granted.get_or_create(
                permission=permission,
                group=group,
                content_type=content_type,
                object_pk=str(subject.pk),
            )


class Migration(migrations.Migration):
    dependencies = [
        ("tracking", "0010_one_index_for_all_points"),
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
                ],
            },
        ),
        migrations.RunPython(give_roles_their_permissions, migrations.RunPython.noop),
    ]
