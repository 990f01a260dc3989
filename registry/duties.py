"""What somebody did to make a version, so that they do not judge it; rules R1 and R3.

Segregation of duties is computed from lineage and binds superusers too.
"""

import re
from collections.abc import Collection
from datetime import datetime, timedelta
from email.utils import parseaddr

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from audit.proofs import has_acted, kept_values
from audit.services import pseudonym
from registry.models import (
    Attestation,
    AttestationSource,
    ModelVersion,
    Policy,
    PromotionRequest,
)
from registry.models.sign_off import SignerRole
from registry.permissions import JUDGED_BY, people_behind
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
    Tag,
)
from tracking.models.run import subject_of

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
POLICY_AUTHORS_DO_NOT_SIGN_FOR = timedelta(days=30)  # governance rule R3


def duties_that_conflict(
    user: User, request: PromotionRequest, *, attested: Collection[str], now: datetime
) -> list[str]:
    """Return what the user did in this lineage that forbids them to sign (R1, R3).

    `attested` are the kinds of attestation that the policy of the request wants.
    """
    version = request.model_version
    conflicts = duties_in_lineage(user, version)
    if _submitted(version, user):
        conflicts.append(SUBMITTED)
    if _attested(user, request, attested, now):
        conflicts.append("attested what it is held to")
    if _wrote_recent_policy(user, request.policy, now):
        conflicts.append("wrote the policy less than 30 days ago")
    return conflicts


def duties_of_signer(user: User, role: SignerRole, version: ModelVersion) -> list[str]:
    """Return what the signer, or for whom they sign, did to make or submit a version."""
    people = people_behind(user, role, version.registered_model)
    duties = [duty for person in people for duty in duties_in_lineage(person, version)]
    if _submitted(version, *people):
        duties.append(SUBMITTED)
    return list(dict.fromkeys(duties))


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
        "registered this version": _versions_beside(version)
        .filter(created_by=user)
        .exists(),
    }
    return [duty for duty, is_theirs in duties.items() if is_theirs]


def _attested(
    user: User, request: PromotionRequest, kinds: Collection[str], now: datetime
) -> bool:
    """Say whether evidence for a request is what the user signed, be there newer or not.

    A judgement is none: whoever gives one was asked for what they think.
    """
    facts = set(kinds) - JUDGED_BY.keys()
    if not facts:
        return False
    given = Attestation.objects.valid(now).filter(
        model_version=request.model_version_id,
        environment=request.environment,
        source=AttestationSource.HUMAN,
        kind__in=facts,
    )
    return given.filter(attested_by=user).exists()


def _submitted(version: ModelVersion, *people: User) -> bool:
    """Say whether any of them ever asked for its promotion, whatever became of that.

    Or for that of another version which came of the same run.
    """
    asked = PromotionRequest.objects.filter(requested_by__in=people)
    return asked.filter(model_version__in=_versions_beside(version)).exists()


def _versions_beside(version: ModelVersion) -> QuerySet[ModelVersion]:
    """Return the versions of the same source run, in whatever model."""
    return ModelVersion.objects.filter(
        Q(pk=version.pk) | Q(source_run=version.linked_run)
    )


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
