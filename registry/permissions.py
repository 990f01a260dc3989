"""Who may do what with a model; who is too close to a version stands in `duties`.

The grants are data: which role holds which permission on a registered model.
"""

from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q, QuerySet
from django.utils import timezone
from guardian.models import GroupObjectPermission

from registry.models import (
    AttestationKind,
    Delegation,
    RegisteredModel,
)
from registry.models.sign_off import SignerRole
from registry.signing import TWO_FACTORS
from tracking.models import (
    ServiceAccount,
    Workspace,
)
from tracking.models.rights import is_given
from tracking.permissions import (
    EVERY_ROLE,
    KEEPERS,
    Role,
    has_role,
    holds,
    holds_for_name,
    keeps_accounts,
)

MODEL_GRANTS: dict[str, frozenset[Role]] = {
    "view_registeredmodel": EVERY_ROLE - KEEPERS,
    "describe_model": frozenset({Role.OWNER, Role.RISK}),
    "register_version": frozenset({Role.DEVELOPER, Role.BOT}),
    "request_promotion": frozenset({Role.DEVELOPER, Role.OWNER, Role.BOT}),
    "run_gates": frozenset(
        {Role.DEVELOPER, Role.OWNER, Role.VALIDATOR, Role.RISK, Role.BOT}
    ),
    "attest": frozenset(
        {Role.OWNER, Role.VALIDATOR, Role.RISK, Role.ETHICS, Role.RELEASE, Role.BOT}
    ),
    "sign_as_validator": frozenset({Role.VALIDATOR}),
    "sign_as_owner": frozenset({Role.OWNER}),
    "sign_as_risk": frozenset({Role.RISK}),
    "sign_as_ethics": frozenset({Role.ETHICS}),
    "reject_request": frozenset({Role.OWNER, Role.VALIDATOR, Role.RISK, Role.ETHICS}),
    "request_waiver": frozenset({Role.DEVELOPER, Role.OWNER}),
    "approve_waiver": frozenset({Role.VALIDATOR, Role.RISK, Role.ETHICS}),
    "open_finding": frozenset(
        {
            Role.OWNER,
            Role.VALIDATOR,
            Role.RISK,
            Role.ETHICS,
            Role.STEWARD,
            Role.RELEASE,
            Role.AUDITOR,
            Role.BOT,
        }
    ),
    "close_finding": frozenset({Role.VALIDATOR, Role.RISK, Role.ETHICS}),
    "promote_version": frozenset({Role.RELEASE, Role.BOT}),
    "roll_back": frozenset({Role.OWNER, Role.RISK, Role.RELEASE, Role.BOT}),
    "break_glass": frozenset({Role.OWNER, Role.RISK}),
    "retire_version": frozenset({Role.OWNER}),
    "order_report": frozenset(
        {
            Role.DEVELOPER,
            Role.OWNER,
            Role.VALIDATOR,
            Role.RISK,
            Role.ETHICS,
            Role.AUDITOR,
            Role.BOT,
        }
    ),
}
COLUMNS = (
    *(Role.DEVELOPER, Role.OWNER, Role.VALIDATOR, Role.RISK, Role.ETHICS, Role.STEWARD),
    *(Role.RELEASE, Role.POLICY_AUTHOR, Role.AUDITOR, Role.ADMINISTRATOR),
    *(Role.OPERATOR, Role.BOT),
)
# What a person can only attest by judging the version: who may, besides attesting at all.
JUDGED_BY: dict[str, tuple[SignerRole, ...]] = {
    AttestationKind.BUSINESS_IMPACT: (SignerRole.OWNER, SignerRole.RISK),
    AttestationKind.ETHICS_REVIEW: (SignerRole.ETHICS,),
}
# What governance says: Y may, N never, c with a condition that the service asks. Each
# action names the permissions on which it stands; the grants above are held against it.
MATRIX: dict[str, tuple[str, tuple[str, ...]]] = {
    "log a run, register a version": (
        "Y N N N N N N N N N N Y",
        ("create_experiment", "log_run", "register_model", "register_version"),
    ),
    "register or describe a dataset": (
        "c N N N c Y N N N N N c",
        ("describe_dataset",),
    ),
    "ask for promotion": ("Y Y N N N N N N N N N c", ("request_promotion",)),
    "run gates": ("Y Y Y Y N N N N N N N Y", ("run_gates",)),
    # No role writes a verdict: the worker does, without anybody's permission.
    "write a verdict": ("N N N N N N N N N N N N", ()),
    "sign as validator": ("N N Y N N N N N N N N N", ("sign_as_validator",)),
    "sign as owner": ("N Y N N N N N N N N N N", ("sign_as_owner",)),
    "sign for risk": ("N N N Y N N N N N N N N", ("sign_as_risk",)),
    "sign for ethics": ("N N N N Y N N N N N N N", ("sign_as_ethics",)),
    "reject": ("N Y Y Y Y N N N N N N N", ("reject_request",)),
    "ask for a waiver": ("Y Y N N N N N N N N N N", ("request_waiver",)),
    "approve a waiver": ("N N c Y c N N N N N N N", ("approve_waiver",)),
    "open a finding": ("N Y Y Y Y Y Y N Y N N c", ("open_finding",)),
    "close a finding": ("N N Y Y Y N N N N N N N", ("close_finding",)),
    "draft a policy": ("N N c c N N N Y N N N N", ("draft_policy",)),
    "publish a policy": ("N N N Y N N N N N N N N", ("publish_policy",)),
    "promote": ("N N N N N N Y N N N N Y", ("promote_version",)),
    "roll back": ("N c N c N N Y N N N N c", ("roll_back",)),
    "break the glass": ("N c N c N N N N N N N N", ("break_glass",)),
    "export the log": ("N N Y Y N N N N Y N N N", ("export_log",)),
    "order a report": ("Y Y Y Y Y N N N Y N N c", ("order_report",)),
    "grant a role": ("N N N c N N N N N Y N N", ("grant_role",)),
    "operate the log": ("N N N N N N N N N N Y N", ("operate_log",)),
}
# What governance's table does not tell apart, or leaves to the policy.
BESIDE_THE_MATRIX = frozenset(
    {
        *("view_workspace", "view_experiment", "view_registeredmodel"),
        *("describe_model", "attest", "retire_version", "connect_systems"),
    }
)
# What the owner role may with models of one's own only, and by which permissions one knows
# whom another role lets do it with any.
OF_ONES_OWN: dict[str, tuple[str, ...]] = {
    "describe_model": ("sign_as_risk",),
    # In review it is rejected in one of the roles that sign, which asks for ownership.
    "reject_request": ("sign_as_validator", "sign_as_risk", "sign_as_ethics"),
    "roll_back": ("sign_as_risk", "promote_version"),
}
_SIGNING = tuple(f"sign_as_{role}" for role in SignerRole)


def may_register_model(
    user: User, workspace: Workspace, *, name: str | None = None
) -> bool:
    """Say whether they may register any model, or one of this name."""
    return holds_for_name(user, "register_model", workspace, name=name)


def may_register_version(user: User, model: RegisteredModel) -> bool:
    return holds(user, "register_version", model)


def may_draft_policy(user: User, workspace: Workspace) -> bool:
    return holds(user, "draft_policy", workspace)


def may_publish_policy(user: User, workspace: Workspace) -> bool:
    return holds(user, "publish_policy", workspace)


def may_connect_systems(user: User, workspace: Workspace) -> bool:
    return holds(user, "connect_systems", workspace)


def may_link_ticket(user: User, model: RegisteredModel) -> bool:
    """Say who tells the tickets of a request: whoever may ask, sign or promote."""
    acts = ("request_promotion", "promote_version", *_SIGNING)
    return any(holds(user, permission, model) for permission in acts)


def may_request_promotion(user: User, model: RegisteredModel) -> bool:
    return holds(user, "request_promotion", model)


def may_promote(user: User, model: RegisteredModel) -> bool:
    return holds(user, "promote_version", model)


def may_describe_model(user: User, model: RegisteredModel) -> bool:
    """Its owner may, and so may any owner as long as nobody is named as one."""
    return _may_with_their_own(user, "describe_model", model) or (
        model.owner_id is None and holds(user, "describe_model", model)
    )


def may_open_finding(user: User, model: RegisteredModel) -> bool:
    return holds(user, "open_finding", model)


def may_close_finding(user: User, model: RegisteredModel) -> bool:
    return holds(user, "close_finding", model)


def may_roll_back(user: User, model: RegisteredModel) -> bool:
    return _may_with_their_own(user, "roll_back", model)


def _may_with_their_own(user: User, permission: str, model: RegisteredModel) -> bool:
    return holds(user, permission, model) and (
        model.owner_id == user.pk
        or any(holds(user, other, model) for other in OF_ONES_OWN[permission])
    )


def may_break_glass(user: User, role: SignerRole, model: RegisteredModel) -> bool:
    """One person acts as the model's owner and another for risk; nobody as anything else."""
    return (
        role in {SignerRole.OWNER, SignerRole.RISK}
        and may_sign_as(user, role, model)
        and holds(user, "break_glass", model)
    )


def may_retire(user: User, model: RegisteredModel) -> bool:
    """Whoever signs as the model's owner may; what is signed for others is no end of it."""
    return may_sign_in_own_right(user, SignerRole.OWNER, model) and holds(
        user, "retire_version", model
    )


def may_order_report(user: User, model: RegisteredModel) -> bool:
    return holds(user, "order_report", model)


def orders_drafts(user: User, model: RegisteredModel) -> bool:
    """Say whether the right to reports comes of nothing but the role of a developer.

    Each role is a group, whose name ends with it, for a workspace or for less.
    """
    by_other_roles = GroupObjectPermission.objects.filter(
        group__user=user,
        permission__codename="order_report",
        content_type=ContentType.objects.get_for_model(model),
        object_pk=str(model.pk),
    ).exclude(group__name__endswith=f":{Role.DEVELOPER}")
    return not by_other_roles.exists()


def may_run_gates(user: User, model: RegisteredModel) -> bool:
    return holds(user, "run_gates", model)


def may_reject(user: User, model: RegisteredModel) -> bool:
    return not is_no_signer(user) and holds(user, "reject_request", model)


def may_invalidate(user: User, model: RegisteredModel) -> bool:
    """Whoever reviews a model, or owns it, may revoke evidence of it at any time."""
    return not is_no_signer(user) and _may_with_their_own(user, "reject_request", model)


def may_request_waiver(user: User, model: RegisteredModel) -> bool:
    return holds(user, "request_waiver", model)


def may_approve_waiver(user: User, model: RegisteredModel) -> bool:
    return not is_no_signer(user) and holds(user, "approve_waiver", model)


def may_attest(user: User, model: RegisteredModel) -> bool:
    return holds(user, "attest", model)


def is_no_signer(user: User) -> bool:
    """Superusers, programs and who keeps accounts put their name under nothing (R4)."""
    return (
        user.is_superuser
        or ServiceAccount.objects.filter(user=user).exists()
        or keeps_accounts(user)
    )


def may_sign_as(user: User, role: SignerRole, model: RegisteredModel) -> bool:
    """Say whether they sign in their own right, or for somebody who does."""
    return (
        may_sign_in_own_right(user, role, model)
        or delegation_to_sign(user, role, model) is not None
    )


def delegation_to_sign(
    user: User, role: SignerRole, model: RegisteredModel
) -> Delegation | None:
    """Return by which delegation they sign now, None if in their own right or not at all.

    The delegator must hold the role by a grant, so nothing is delegated twice (R8).
    """
    delegations = list(
        Delegation.objects.in_force(timezone.now())
        .over(model)
        .filter(delegate=user, role=role, **_proven_as(model))
        .select_related("delegator")
        .order_by("pk")
    )
    if not delegations or user.is_superuser or not user.is_active:
        return None
    if keeps_accounts(user) or may_sign_in_own_right(user, role, model):
        return None
    for delegation in delegations:
        if may_sign_in_own_right(delegation.delegator, role, model):
            return delegation
    return None


def _proven_as(model: RegisteredModel) -> dict[str, str]:
    """Ask of a delegation the proof that a signature for the model takes."""
    return {"method": TWO_FACTORS} if model.wants_two_factors else {}


def people_behind(user: User, role: SignerRole, model: RegisteredModel) -> list[User]:
    """Return whom a signature counts as: who signs, and for whom they sign if they do.

    What either of them did forbids it, so that nobody signs by somebody else's hand.
    """
    delegation = delegation_to_sign(user, role, model)
    return [user, delegation.delegator] if delegation else [user]


def may_delegate(
    user: User,
    role: SignerRole,
    *,
    workspace: Workspace,
    model: RegisteredModel | None,
) -> bool:
    """Say whether they sign there in their own right; for a workspace, as a whole."""
    if model is not None:
        return may_sign_in_own_right(user, role, model)
    return not user.is_superuser and has_role(user, Role(role.value), workspace.name)


def models_signed_by(user: User) -> QuerySet[RegisteredModel]:
    """Return the models for which they sign in their own right, in whatever role."""
    if is_no_signer(user):
        return RegisteredModel.objects.none()
    held = {
        role: Q(
            is_given(
                *("registry", "registeredmodel", f"sign_as_{role}"), pk="pk", user=user
            )
        )
        for role in SignerRole
    }
    held[SignerRole.OWNER] &= Q(owner=user)
    signed = Q()
    for in_this_role in held.values():
        signed |= in_this_role
    return RegisteredModel.objects.filter(signed)


def workspaces_signed_in_by(user: User) -> QuerySet[Workspace]:
    """Return the workspaces in all of which they hold a role that signs."""
    if is_no_signer(user):
        return Workspace.objects.none()
    groups = user.groups.values_list("name", flat=True)
    return Workspace.objects.filter(
        name__in=[
            group.removesuffix(f":{role}")
            for group in groups
            for role in SignerRole
            if group.endswith(f":{role}")
        ]
    )


def may_sign_in_own_right(user: User, role: SignerRole, model: RegisteredModel) -> bool:
    """Superusers and programs never sign (R4); an owner signs only for their model."""
    if is_no_signer(user):
        return False
    if role == SignerRole.OWNER and model.owner_id != user.pk:
        return False
    return holds(user, f"sign_as_{role}", model)
