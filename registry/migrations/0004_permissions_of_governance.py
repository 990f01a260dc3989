from django.contrib.auth.management import create_permissions
from django.db import migrations, models

GRANTS = {
    "view_registeredmodel": ("ethics", "steward"),
    "describe_model": ("owner", "risk"),
    "run_gates": ("developer", "owner", "validator", "risk", "bot"),
    "attest": ("owner", "validator", "risk", "ethics", "release", "bot"),
    "sign_as_ethics": ("ethics",),
    "reject_request": ("owner", "validator", "risk", "ethics"),
    "request_waiver": ("developer", "owner"),
    "approve_waiver": ("validator", "risk", "ethics"),
    "open_finding": (
        "owner",
        "validator",
        "risk",
        "ethics",
        "steward",
        "release",
        "auditor",
        "bot",
    ),
    "close_finding": ("validator", "risk", "ethics"),
    "roll_back": ("owner", "risk", "release", "bot"),
    "break_glass": ("owner", "risk"),
    "retire_version": ("owner",),
    "order_report": ("ethics",),
}


def give_roles_their_permissions(apps, schema_editor):
    """Give the roles of models that are there what new models give them."""
    registered = apps.get_model("registry", "RegisteredModel").objects.all()
    if not registered:
        return
    _make_permissions(apps)
    for model in registered.select_related("workspace"):
        _grant(apps, model, GRANTS, model.workspace.name)


def _make_permissions(apps):
    """Permissions are otherwise made after all migrations."""
    config = apps.get_app_config("registry")
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
        ("registry", "0003_evidence_is_replaced_by_no_key"),
        ("tracking", "0011_roles_of_governance"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="registeredmodel",
            options={
                "default_permissions": ("view",),
                "permissions": [
                    ("describe_model", "May describe this model and classify its risk"),
                    ("register_version", "May register versions of this model"),
                    ("request_promotion", "May ask for the promotion of a version"),
                    ("run_gates", "May have the gates of a request run again"),
                    ("attest", "May attest what a policy asks people or systems for"),
                    ("sign_as_validator", "May sign off as independent validator"),
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
                    ("close_finding", "May close a finding that somebody else fixed"),
                    ("promote_version", "May promote an approved version"),
                    ("roll_back", "May roll back to a version that is still approved"),
                    (
                        "break_glass",
                        "May promote in an emergency, together with another",
                    ),
                    ("retire_version", "May retire a version"),
                    ("order_report", "May order a lineage report"),
                ],
            },
        ),
        migrations.AlterField(
            model_name="signoff",
            name="role",
            field=models.CharField(
                choices=[
                    ("validator", "Validator"),
                    ("owner", "Owner"),
                    ("risk", "Risk"),
                    ("ethics", "Ethics"),
                ],
                max_length=20,
            ),
        ),
        migrations.RunPython(give_roles_their_permissions, migrations.RunPython.noop),
    ]
