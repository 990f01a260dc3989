"""Who may do what with a model, and who is too close to a version to sign it off.

The grants are data: which role holds which permission on a registered model.
Segregation of duties is computed from lineage and binds superusers too.
"""

from datetime import datetime, timedelta

from django.contrib.auth.models import User

from registry.models import ModelVersion, Policy, PromotionRequest, RegisteredModel
from registry.models.sign_off import SignerRole
from tracking.models import ServiceAccount, Workspace
from tracking.permissions import EVERY_ROLE, KEEPERS, Role, holds

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
POLICY_AUTHORS_DO_NOT_SIGN_FOR = timedelta(days=30)  # governance rule R3


def may_register_model(user: User, workspace: Workspace) -> bool:
    return holds(user, "register_model", workspace)


def may_register_version(user: User, model: RegisteredModel) -> bool:
    return holds(user, "register_version", model)


def may_draft_policy(user: User, workspace: Workspace) -> bool:
    return holds(user, "draft_policy", workspace)


def may_publish_policy(user: User, workspace: Workspace) -> bool:
    return holds(user, "publish_policy", workspace)


def may_request_promotion(user: User, model: RegisteredModel) -> bool:
    return holds(user, "request_promotion", model)


def may_promote(user: User, model: RegisteredModel) -> bool:
    return holds(user, "promote_version", model)


def may_order_report(user: User, model: RegisteredModel) -> bool:
    return holds(user, "order_report", model)


def may_run_gates(user: User, model: RegisteredModel) -> bool:
    return holds(user, "run_gates", model)


def may_reject(user: User, model: RegisteredModel) -> bool:
    return not is_no_signer(user) and holds(user, "reject_request", model)


def may_invalidate(user: User, model: RegisteredModel) -> bool:
    """Whoever may refuse a version in review may revoke its evidence at any time."""
    return may_reject(user, model)


def may_request_waiver(user: User, model: RegisteredModel) -> bool:
    return holds(user, "request_waiver", model)


def may_approve_waiver(user: User, model: RegisteredModel) -> bool:
    return not is_no_signer(user) and holds(user, "approve_waiver", model)


def may_attest(user: User, model: RegisteredModel) -> bool:
    return holds(user, "attest", model)


def is_no_signer(user: User) -> bool:
    """Superusers and programs put their name under nothing (R4)."""
    return user.is_superuser or ServiceAccount.objects.filter(user=user).exists()


def may_sign_as(user: User, role: SignerRole, model: RegisteredModel) -> bool:
    """Superusers and programs never sign (R4); an owner signs only for their model."""
    if is_no_signer(user):
        return False
    if role == SignerRole.OWNER and model.owner_id != user.pk:
        return False
    return holds(user, f"sign_as_{role}", model)


def duties_that_conflict(
    user: User, request: PromotionRequest, *, now: datetime
) -> list[str]:
    """Return what the user did in this lineage that forbids them to sign (R1, R3)."""
    version = request.model_version
    conflicts = _duties_in_lineage(user, version)
    if request.requested_by_id == user.pk:
        conflicts.append("submitted this request")
    if _wrote_recent_policy(user, request.policy, now):
        conflicts.append("wrote the policy less than 30 days ago")
    return conflicts


def _duties_in_lineage(user: User, version: ModelVersion) -> list[str]:
    run, logged_model = version.linked_run, version.logged_model
    uploads = [holder.artifacts for holder in (run, logged_model) if holder]
    duties = {
        "created the source run": run.created_by_id == user.pk,
        "uploaded evidence": any(
            files.filter(uploaded_by=user).exists() for files in uploads
        ),
        "registered this version": version.created_by_id == user.pk,
    }
    return [duty for duty, is_theirs in duties.items() if is_theirs]


def _wrote_recent_policy(user: User, policy: Policy, now: datetime) -> bool:
    published_at = policy.publication.published_at
    return (
        policy.author_id == user.pk
        and now < published_at + POLICY_AUTHORS_DO_NOT_SIGN_FOR
    )
