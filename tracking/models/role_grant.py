"""A grant of a role: asked for by one person, approved by another, in effect later."""

from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import F, Q
from guardian.shortcuts import get_objects_for_user

from tracking.models.workspace import Workspace


class GrantState(models.TextChoices):
    """Where a grant stands; `MOVES` says what leads where."""

    ASKED = "asked"
    APPROVED = "approved"
    EFFECTIVE = "effective"
    REFUSED = "refused"
    REVOKED = "revoked"


MOVES: dict[GrantState, frozenset[GrantState]] = {
    GrantState.ASKED: frozenset({GrantState.APPROVED, GrantState.REVOKED}),
    GrantState.APPROVED: frozenset(
        {GrantState.EFFECTIVE, GrantState.REFUSED, GrantState.REVOKED}
    ),
    GrantState.EFFECTIVE: frozenset({GrantState.REVOKED}),
    GrantState.REFUSED: frozenset(),
    GrantState.REVOKED: frozenset(),
}
OPEN_STATES = frozenset(state for state, leads_to in MOVES.items() if leads_to)


class GrantedOn(models.TextChoices):
    """What a role is granted on: everything of a workspace, or less."""

    WORKSPACE = "workspace"
    EXPERIMENT = "experiment"
    MODEL = "registeredmodel"
    PREFIX = "nameprefix"


class NamePrefix(models.Model):
    """Experiments and models of a workspace whose names begin alike: a project.

    Who may make experiments or models below a prefix holds the permission on this row.
    """

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="prefixes")
    prefix = models.CharField(max_length=200)

    class Meta:
        default_permissions = ()
        permissions: ClassVar = [
            ("create_experiment", "May create experiments below this prefix"),
            ("register_model", "May register models below this prefix"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["workspace", "prefix"],
                name="tracking_a_prefix_stands_once_in_a_workspace",
            )
        ]

    def __str__(self) -> str:
        return f"{self.prefix}…"

    @property
    def name(self) -> str:
        return self.prefix


class RoleGrantQuerySet(models.QuerySet["RoleGrant"]):
    """Questions about many grants, and the one way to move one."""

    def open(self) -> Self:
        return self.filter(state__in=OPEN_STATES)

    def visible_to(self, user: User) -> Self:
        """Keep their own, and all of the workspaces where they may grant or export."""
        overseen: models.QuerySet[Workspace] = get_objects_for_user(
            user, ["tracking.grant_role", "tracking.export_log"], any_perm=True
        )
        return self.filter(
            Q(account=user) | Q(workspace__in=overseen.values("pk"))
        ).distinct()

    def with_people(self) -> Self:
        return self.select_related("workspace", "account", "asked_by", "approved_by")

    def move(self, pk: int, *, to: GrantState, **changes: Any) -> bool:
        """Compare and set: False says that the grant stands where `to` is no move."""
        leads_there = [state for state, targets in MOVES.items() if to in targets]
        moved = self.filter(pk=pk, state__in=leads_there).update(state=to, **changes)
        return bool(moved)


class RoleGrant(models.Model):
    """`effective_at` is when it may go into effect; the state says whether it has.

    What the installation granted by its commands had no second person and says so.
    """

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="role_grants")
    role = models.CharField(max_length=20)
    account = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="role_grants"
    )
    granted_on = models.CharField(
        max_length=20, choices=GrantedOn, default=GrantedOn.WORKSPACE
    )
    object_pk = models.BigIntegerField(default=0)
    object_name = models.CharField(max_length=500)
    state = models.CharField(
        max_length=10, choices=GrantState, default=GrantState.ASKED
    )
    reason = models.CharField(max_length=1000, blank=True)
    by_installation = models.BooleanField(default=False)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    asked_at = models.DateTimeField(auto_now_add=True)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    approved_at = models.DateTimeField(null=True, blank=True)
    effective_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = RoleGrantQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["workspace", "role", "account", "granted_on", "object_pk"],
                condition=Q(state__in=sorted(OPEN_STATES)),
                name="tracking_a_role_is_granted_once_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(by_installation=True)
                | Q(approved_by=None)
                | ~Q(approved_by=F("asked_by")),
                name="tracking_two_people_grant_a_role",
            ),
            models.CheckConstraint(
                condition=Q(by_installation=True)
                | (
                    ~Q(account=F("asked_by"))
                    & (Q(approved_by=None) | ~Q(account=F("approved_by")))
                ),
                name="tracking_nobody_grants_themselves_a_role",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[GrantState.ASKED, GrantState.REVOKED])
                | Q(approved_by__isnull=False),
                name="tracking_no_role_without_approval",
            ),
            models.CheckConstraint(
                condition=Q(state__in=sorted(GrantState.values)),
                name="tracking_a_grant_is_in_a_known_state",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} on {self.covers}"

    @property
    def covers(self) -> str:
        """Name what the role is granted on, as entries of the log do."""
        place = f"{GrantedOn(self.granted_on).label.lower()}/{self.workspace.name}"
        if self.granted_on == GrantedOn.WORKSPACE:
            return place
        return f"{place}/{self.object_name}"

    @property
    def group_name(self) -> str:
        """Name the group whose members hold the role on this; it ends with the role."""
        if self.granted_on == GrantedOn.WORKSPACE:
            return f"{self.workspace.name}:{self.role}"
        return f"{self.workspace.name}:{self.granted_on}/{self.object_pk}:{self.role}"
