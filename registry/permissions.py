"""Who may do what with a model, and who is too close to a version to sign it off.

The grants are data: which role holds which permission on a registered model.
Segregation of duties is computed from lineage and binds superusers too.
"""

import re
from datetime import datetime, timedelta
from email.utils import parseaddr

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.utils import timezone

from audit.proofs import has_acted, kept_values
from audit.services import pseudonym
from registry.models import (
    AttestationKind,
    Delegation,
    ModelVersion,
    Policy,
    PromotionRequest,
    RegisteredModel,
)
from registry.models.sign_off import SignerRole
from tracking.events import TrackingEvent
from tracking.evidence import AUTHOR_TAGS
from tracking.lineage import runs_in_lineage
from tracking.models import (
    Artifact,
    Dataset,
    DatasetInput,
    DatasetLabeller,
    FormerAuthor,
    LoggedModel,
    LoggedModelArtifact,
    Run,
    ServiceAccount,
    Tag,
    Workspace,
)
from tracking.models.run import subject_of
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
# What puts content into a run; freezing and comparing it do not.
WRITES_TO_A_RUN = (
    TrackingEvent.RUN_CREATED,
    TrackingEvent.RUN_LOGGED,
    TrackingEvent.RUN_INPUTS_LOGGED,
    TrackingEvent.RUN_MODELS_LOGGED,
    TrackingEvent.RUN_TAG_REMOVED,
    TrackingEvent.RUN_UPDATED,
    TrackingEvent.ARTIFACT_REMOVED,
)
WRITES_TO_A_MODEL = (
    TrackingEvent.LOGGED_MODEL_CREATED,
    TrackingEvent.LOGGED_MODEL_PARAMS_LOGGED,
    TrackingEvent.LOGGED_MODEL_MOVED,
    TrackingEvent.ARTIFACT_REMOVED,
)
SUBMITTED = "submitted this version"
_SIGNING = tuple(f"sign_as_{role}" for role in SignerRole)
POLICY_AUTHORS_DO_NOT_SIGN_FOR = timedelta(days=30)  # governance rule R3


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
    return holds(user, "describe_model", model)


def may_open_finding(user: User, model: RegisteredModel) -> bool:
    return holds(user, "open_finding", model)


def may_close_finding(user: User, model: RegisteredModel) -> bool:
    return holds(user, "close_finding", model)


def may_roll_back(user: User, model: RegisteredModel) -> bool:
    return holds(user, "roll_back", model)


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
        .filter(delegate=user, role=role)
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


def may_sign_in_own_right(user: User, role: SignerRole, model: RegisteredModel) -> bool:
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
    conflicts = duties_in_lineage(user, version)
    if _submitted(version, user):
        conflicts.append(SUBMITTED)
    if _wrote_recent_policy(user, request.policy, now):
        conflicts.append("wrote the policy less than 30 days ago")
    return conflicts


def duties_of_signer(user: User, role: SignerRole, version: ModelVersion) -> list[str]:
    """Return what the signer, or for whom they sign, did to make a version."""
    people = people_behind(user, role, version.registered_model)
    found = (duty for person in people for duty in duties_in_lineage(person, version))
    return list(dict.fromkeys(found))


def duties_of_judge(user: User, role: SignerRole, version: ModelVersion) -> list[str]:
    """Return what the judge, or for whom they judge, did to make or submit a version."""
    duties = duties_of_signer(user, role, version)
    if _submitted(version, *people_behind(user, role, version.registered_model)):
        duties.append(SUBMITTED)
    return duties


def duties_in_lineage(user: User, version: ModelVersion) -> list[str]:
    """Return what the user did to make a version, which forbids them to judge it (R1).

    In its source run or in any run that this one came of.
    """
    run = version.linked_run
    lineage = runs_in_lineage(run)
    runs = Run.objects.filter(pk__in=lineage)
    created = set(runs.filter(created_by=user).values_list("pk", flat=True))
    duties = {
        "created the source run": run.pk in created,
        "created a run that it came of": bool(created - {run.pk}),
        "wrote its commit": wrote_commit_of(user, lineage),
        "uploaded evidence": _uploaded_evidence(user, version, lineage),
        "logged in the source run": _logged_in(user, runs.exclude(created_by=user)),
        "logged in a model of it": _logged_models(user, version, lineage),
        "labelled its data": _labelled_data_of(user, lineage),
        "registered this version": version.created_by_id == user.pk,
    }
    return [duty for duty, is_theirs in duties.items() if is_theirs]


def _submitted(version: ModelVersion, *people: User) -> bool:
    """Say whether any of them ever asked for its promotion, whatever became of that."""
    return version.promotion_requests.filter(requested_by__in=people).exists()


def _uploaded_evidence(user: User, version: ModelVersion, lineage: set[int]) -> bool:
    of_models = LoggedModelArtifact.objects.filter(
        logged_model__in=_models_of(version, lineage), uploaded_by=user
    )
    of_runs = Artifact.objects.filter(run__in=lineage, uploaded_by=user)
    return of_runs.exists() or of_models.exists()


def _models_of(version: ModelVersion, lineage: set[int]) -> QuerySet[LoggedModel]:
    """Return what runs made, and what they were trained further from or evaluated."""
    return LoggedModel.objects.filter(
        Q(source_run__in=lineage)
        | Q(uses__run__in=lineage)
        | Q(pk=version.logged_model_id)
    )


def _logged_models(user: User, version: ModelVersion, lineage: set[int]) -> bool:
    """Say whether the log tells that the user wrote into a model of the lineage."""
    subjects = {model.subject for model in _models_of(version, lineage)}
    return has_acted(pseudonym(user), kinds=WRITES_TO_A_MODEL, subjects=subjects)


def _logged_in(user: User, runs: QuerySet[Run]) -> bool:
    """Say whether runs of somebody else have content of this user, as the log tells."""
    subjects = [subject_of(run_id) for run_id in runs.values_list("run_id", flat=True)]
    return has_acted(pseudonym(user), kinds=WRITES_TO_A_RUN, subjects=subjects)


def _labelled_data_of(user: User, lineage: set[int]) -> bool:
    """Ask every card of the data: neither a new card nor another name undoes it."""
    uses = DatasetInput.objects.filter(run__in=lineage)
    data = Dataset.objects.same_data_as(uses)
    return DatasetLabeller.objects.filter(user=user, card__dataset__in=data).exists()


def wrote_commit_of(user: User, lineage: set[int]) -> bool:
    """Say whether tags of the runs name, or ever named, the user as their author.

    By username, full name or any address that they ever had: too many people are refused
    rather than too few.
    """
    addresses = kept_values(pseudonym(user), field="email")
    names = {user.username, user.email, user.get_full_name(), *addresses} - {""}
    known_as = {name.casefold() for name in names}
    said = Tag.objects.filter(run__in=lineage, key__in=AUTHOR_TAGS)
    former = FormerAuthor.objects.filter(run__in=lineage)
    values = said.values_list("value").union(former.values_list("value"))
    authors = (author for (value,) in values for author in re.split(r"[,;\n]", value))
    return any(known_as & _names_in(author) for author in authors)


def _names_in(author: str) -> set[str]:
    """Return name and address of `Name <address>`, or the one that is there."""
    name, address = parseaddr(author)
    return {part.strip().casefold() for part in (author, name, address)} - {""}


def _wrote_recent_policy(user: User, policy: Policy, now: datetime) -> bool:
    published_at = policy.publication.published_at
    return (
        policy.author_id == user.pk
        and now < published_at + POLICY_AUTHORS_DO_NOT_SIGN_FOR
    )
