"""Roles are asked for by one person, approved by another, and go into effect here.

What the installation grants by its own commands stands in `tracking.services.roles`.
"""

from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import models, transaction
from django.utils import timezone

from audit.errors import ConflictError, DomainError, InvalidError, PermissionDeniedError
from audit.proofs import trail
from audit.services import pseudonym, record, refusals_recorded, system_account
from tracking.authority import is_role_told, refuse_untold_role
from tracking.events import TrackingEvent
from tracking.models import GrantState, NamePrefix, RoleGrant, Workspace
from tracking.models.role_grant import GrantedOn
from tracking.models.workspace import DEFAULT_WORKSPACE
from tracking.permissions import (
    KEEPERS,
    WORKSPACE_GRANTS,
    Role,
    may_approve_grants,
    may_ask_for_grants,
)
from tracking.services.roles import (
    SIGNING_ROLES,
    enter_group,
    refuse_forbidden_combination,
    told,
)

# Who gets a signing role by a trick is found before they sign (governance section 4).
SIGNING_ROLES_WAIT = timedelta(hours=24)
# What these do is done in a workspace, not with one of its models.
OF_THE_WHOLE_WORKSPACE = KEEPERS | {Role.POLICY_AUTHOR}


def ask_for_role(
    account: User,
    *,
    role: Role,
    workspace: Workspace,
    on: models.Model | str | None = None,
    reason: str,
    actor: User,
) -> RoleGrant:
    """Ask that an account gets a role in the workspace, or on less than all of it.

    `on` is an experiment or a registered model of the workspace, or the text with which
    the names of a project begin.
    """
    grant = RoleGrant(
        workspace=workspace,
        role=role,
        account=account,
        reason=reason.strip(),
        asked_by=actor,
        **_place(on, workspace),
    )
    with _refusal_recorded(grant, actor), transaction.atomic():
        if not may_ask_for_grants(actor, workspace):
            raise PermissionDeniedError(
                "may_not_ask_for_role",
                f"You may not ask for roles in {workspace}: ask an administrator.",
            )
        if account.pk == actor.pk:
            raise PermissionDeniedError(
                "asks_for_oneself",
                "Nobody asks for a role of their own: somebody else must.",
            )
        if isinstance(on, models.Model) and not _stands_in(on, workspace):
            raise InvalidError(
                "not_of_this_workspace", f"{on} is not in {workspace}: name another."
            )
        if isinstance(on, str):
            grant.object_pk = _prefix(workspace, on).pk
        _refuse_unfit(grant)
        User.objects.select_for_update().get(pk=account.pk)
        _refuse_second(grant)
        grant.save()
        record(
            TrackingEvent.ROLE_ASKED,
            actor=actor,
            subject=workspace.subject,
            payload=told(grant),
            private={"reason": grant.reason},
        )
    return grant


def approve_role(grant: RoleGrant, *, actor: User) -> RoleGrant:
    """Approve as the second person; a signing role still waits for a day."""
    with _refusal_recorded(grant, actor), transaction.atomic():
        if not may_approve_grants(actor, grant.workspace):
            raise PermissionDeniedError(
                "may_not_approve_role",
                f"You may not approve roles in {grant.workspace}: somebody who grants "
                f"roles there must.",
            )
        _refuse_untold_approver(actor, grant.workspace)
        if actor.pk in {grant.asked_by_id, grant.account_id}:
            raise PermissionDeniedError(
                "second_person_approves",
                "A second person approves: neither who asked nor who gets the role.",
            )
        now = timezone.now()
        is_signing = grant.role in SIGNING_ROLES
        grant.effective_at = now + (SIGNING_ROLES_WAIT if is_signing else timedelta())
        if not RoleGrant.objects.move(
            grant.pk,
            to=GrantState.APPROVED,
            approved_by=actor,
            approved_at=now,
            effective_at=grant.effective_at,
        ):
            raise ConflictError(
                "grant_not_asked", "This grant is not waiting to be approved."
            )
        record(
            TrackingEvent.ROLE_APPROVED,
            actor=actor,
            subject=grant.workspace.subject,
            payload={**told(grant), "effective_at": grant.effective_at.isoformat()},
        )
        if not is_signing:
            _put_into_effect(grant.pk, actor=actor)
    return RoleGrant.objects.with_people().get(pk=grant.pk)


def _refuse_untold_approver(actor: User, workspace: Workspace) -> None:
    """Administrators of the installation approve roles in every workspace."""
    default = Workspace.objects.get(name=DEFAULT_WORKSPACE)
    if not is_role_told(actor, [Role.ADMINISTRATOR], default):
        refuse_untold_role(actor, WORKSPACE_GRANTS["grant_role"], workspace)


def put_roles_into_effect() -> int:
    """Put what is approved and due into effect; return how many came into it.

    Whoever is late only makes somebody wait longer, and two at once do it once.
    """
    due = RoleGrant.objects.filter(
        state=GrantState.APPROVED, effective_at__lte=timezone.now()
    )
    put = 0
    for pk in due.order_by("pk").values_list("pk", flat=True):
        try:
            with transaction.atomic():
                put += _put_into_effect(pk, actor=system_account())
        except DomainError as refusal:
            _refuse_late(pk, refusal)
    return put


def _place(on: models.Model | str | None, workspace: Workspace) -> dict[str, Any]:
    if on is None:
        return {"object_name": workspace.name}
    if isinstance(on, str):
        return {"granted_on": GrantedOn.PREFIX, "object_name": on}
    name = str(getattr(on, "name", on))
    granted_on = GrantedOn(on._meta.model_name or "")
    return {"granted_on": granted_on, "object_pk": on.pk, "object_name": name}


def _stands_in(on: models.Model, workspace: Workspace) -> bool:
    return getattr(on, "workspace_id", None) == workspace.pk


def _prefix(workspace: Workspace, text: str) -> NamePrefix:
    """Return the row of a prefix, made if it is not there; it gives nobody anything."""
    if not text.strip():
        raise InvalidError(
            "prefix_empty", "An empty prefix is the whole workspace: leave it out."
        )
    return NamePrefix.objects.get_or_create(workspace=workspace, prefix=text)[0]


def _put_into_effect(pk: int, *, actor: User) -> bool:
    """Ask again what may have changed since, and enter the group."""
    if not RoleGrant.objects.move(pk, to=GrantState.EFFECTIVE):
        return False
    grant = RoleGrant.objects.with_people().get(pk=pk)
    _refuse_untold(grant)
    # Of two roles that nobody holds together, the second one to come waits, and is refused.
    grant.account = User.objects.select_for_update().get(pk=grant.account_id)
    _refuse_unfit(grant)
    enter_group(grant, actor=actor)
    return True


def _refuse_untold(grant: RoleGrant) -> None:
    """Refuse what was not asked for and approved as its row says, by the log's last word."""
    kinds = (
        TrackingEvent.ROLE_ASKED,
        TrackingEvent.ROLE_APPROVED,
        TrackingEvent.ROLE_GRANTED,
        TrackingEvent.ROLE_REVOKED,
    )
    about = [
        (entry.kind, entry.actor, entry.payload.get("effective_at"))
        for entry in trail([grant.workspace.subject], kinds=kinds)
        if told(grant).items() <= entry.payload.items()
    ]
    people = (grant.asked_by, grant.approved_by)
    asked, approved = (pseudonym(person) if person else "" for person in people)
    effective_at = grant.effective_at.isoformat() if grant.effective_at else None
    if about[-2:] != [
        (TrackingEvent.ROLE_ASKED, asked, None),
        (TrackingEvent.ROLE_APPROVED, approved, effective_at),
    ]:
        raise ConflictError(
            "records_altered",
            f"The log does not tell that two people gave {grant}. Have the log verified "
            f"before anything else.",
        )


def _refuse_late(pk: int, refusal: DomainError) -> None:
    with transaction.atomic():
        if RoleGrant.objects.move(pk, to=GrantState.REFUSED, ended_at=timezone.now()):
            grant = RoleGrant.objects.with_people().get(pk=pk)
            record(
                TrackingEvent.ROLE_REFUSED,
                actor=system_account(),
                subject=grant.workspace.subject,
                payload={**told(grant), "code": refusal.code},
            )


def _refuse_unfit(grant: RoleGrant) -> None:
    """Refuse who cannot be in the role at all, now as when it goes into effect."""
    if not grant.account.is_active:
        raise ConflictError(
            "account_closed", f"The account {grant.account.username} is closed."
        )
    role = Role(grant.role)
    if grant.granted_on != GrantedOn.WORKSPACE and role in OF_THE_WHOLE_WORKSPACE:
        raise InvalidError(
            "role_is_of_the_workspace",
            f"The role {role} is of a whole workspace: ask for it there.",
        )
    refuse_forbidden_combination(grant.account, role)


def _refuse_second(grant: RoleGrant) -> None:
    if (
        RoleGrant.objects.open()
        .filter(
            workspace=grant.workspace,
            role=grant.role,
            account=grant.account,
            granted_on=grant.granted_on,
            object_pk=grant.object_pk,
        )
        .exists()
    ):
        raise ConflictError(
            "role_granted",
            f"{grant.account.username} has this role, or somebody has asked for it.",
        )


def _refusal_recorded(grant: RoleGrant, actor: User) -> AbstractContextManager[None]:
    return refusals_recorded(
        TrackingEvent.ROLE_REFUSED,
        actor=actor,
        subject=grant.workspace.subject,
        payload=told(grant),
    )
