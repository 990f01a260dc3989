import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

INSTALLATION = "attestry"


def keep_what_is_granted(apps, schema_editor):
    """Give each membership that is there its grant, as the installation's own act.

    The default workspace's administrators may grant in the other workspaces from now on.
    """
    memberships = apps.get_model("auth", "User").groups.through.objects
    installation = apps.get_model("auth", "User").objects.filter(username=INSTALLATION)
    for workspace in apps.get_model("tracking", "Workspace").objects.all():
        begins = f"{workspace.name}:"
        for member in memberships.filter(group__name__startswith=begins):
            moment = member.user.date_joined
            apps.get_model("tracking", "RoleGrant").objects.create(
                workspace=workspace,
                role=member.group.name.removeprefix(begins),
                account=member.user,
                object_name=workspace.name,
                state="effective",
                by_installation=True,
                asked_by=installation.get(),
                approved_by=installation.get(),
                approved_at=moment,
                effective_at=moment,
            )
        if workspace.name != "default":
            _let_administrators_grant(apps, workspace)


def _let_administrators_grant(apps, workspace):
    group = apps.get_model("auth", "Group").objects.filter(name="default:administrator")
    permissions = apps.get_model("auth", "Permission").objects.filter(
        content_type__app_label="tracking",
        content_type__model="workspace",
        codename__in=["view_workspace", "grant_role"],
    )
    for administrators in group:
        for permission in permissions:
            apps.get_model("guardian", "GroupObjectPermission").objects.get_or_create(
                permission=permission,
                group=administrators,
                content_type=permission.content_type,
                object_pk=str(workspace.pk),
            )


class Migration(migrations.Migration):
    dependencies = [
        ("tracking", "0015_second_factors"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("guardian", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="NamePrefix",
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
                ("prefix", models.CharField(max_length=200)),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="prefixes",
                        to="tracking.workspace",
                    ),
                ),
            ],
            options={
                "permissions": [
                    ("create_experiment", "May create experiments below this prefix"),
                    ("register_model", "May register models below this prefix"),
                ],
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("workspace", "prefix"),
                        name="tracking_a_prefix_stands_once_in_a_workspace",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RoleGrant",
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
                ("role", models.CharField(max_length=20)),
                (
                    "granted_on",
                    models.CharField(
                        choices=[
                            ("workspace", "Workspace"),
                            ("experiment", "Experiment"),
                            ("registeredmodel", "Model"),
                            ("nameprefix", "Prefix"),
                        ],
                        default="workspace",
                        max_length=20,
                    ),
                ),
                ("object_pk", models.BigIntegerField(default=0)),
                ("object_name", models.CharField(max_length=500)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("asked", "Asked"),
                            ("approved", "Approved"),
                            ("effective", "Effective"),
                            ("refused", "Refused"),
                            ("revoked", "Revoked"),
                        ],
                        default="asked",
                        max_length=10,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=1000)),
                ("by_installation", models.BooleanField(default=False)),
                ("asked_at", models.DateTimeField(auto_now_add=True)),
                ("approved_at", models.DateTimeField(blank=True, null=True)),
                ("effective_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="role_grants",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "approved_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "asked_by",
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
                        related_name="role_grants",
                        to="tracking.workspace",
                    ),
                ),
            ],
            options={
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(
                            ("state__in", ["approved", "asked", "effective"])
                        ),
                        fields=(
                            "workspace",
                            "role",
                            "account",
                            "granted_on",
                            "object_pk",
                        ),
                        name="tracking_a_role_is_granted_once_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("by_installation", True),
                            ("approved_by", None),
                            models.Q(
                                ("approved_by", models.F("asked_by")), _negated=True
                            ),
                            _connector="OR",
                        ),
                        name="tracking_two_people_grant_a_role",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("by_installation", True),
                            models.Q(
                                models.Q(
                                    ("account", models.F("asked_by")), _negated=True
                                ),
                                models.Q(
                                    ("approved_by", None),
                                    models.Q(
                                        ("account", models.F("approved_by")),
                                        _negated=True,
                                    ),
                                    _connector="OR",
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="tracking_nobody_grants_themselves_a_role",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["asked", "revoked"]),
                            ("approved_by__isnull", False),
                            _connector="OR",
                        ),
                        name="tracking_no_role_without_approval",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                [
                                    "approved",
                                    "asked",
                                    "effective",
                                    "refused",
                                    "revoked",
                                ],
                            )
                        ),
                        name="tracking_a_grant_is_in_a_known_state",
                    ),
                ],
            },
        ),
        migrations.RunPython(keep_what_is_granted, migrations.RunPython.noop),
    ]
