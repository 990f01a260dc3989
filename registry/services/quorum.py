"""Whose signatures a request needs: by policy, by tier, for sensitive data; who gives none."""

from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.models import User

from registry.duties import duties_that_conflict
from registry.models import ModelVersion, Policy, PromotionRequest, SignOff
from registry.models.sign_off import SignerRole
from registry.models.tier import rules_of
from registry.policy_document import read_policy_document
from tracking.lineage import standing_on_sensitive_data

NOTED = "stands_on_sensitive_data"


def required_signers(request: PromotionRequest) -> tuple[str, ...]:
    """Return the roles that must sign now, in the order of the policy.

    Tier and sensitivity are asked today: what was found out after the policy was
    published counts as well.
    """
    tier = request.model_version.registered_model.tier
    is_sensitive = _stands_on_sensitive_data(request)
    return _wanted(request.policy, tier, is_sensitive=is_sensitive)


def signers_to_expect(version: ModelVersion, policy: Policy) -> tuple[str, ...]:
    """Return the roles that would have to sign if somebody asked for a version today."""
    tier = version.registered_model.tier
    run = version.source_run_id
    is_sensitive = run is not None and bool(standing_on_sensitive_data([run]))
    return _wanted(policy, tier, is_sensitive=is_sensitive)


def note_sensitive_data(requests: Sequence[PromotionRequest]) -> None:
    """Put beside each request of a list whether its lineage has sensitive data.

    In a few queries for all of them, where each would ask for itself.
    """
    runs = {request.pk: request.model_version.source_run_id for request in requests}
    sensitive = standing_on_sensitive_data(run for run in runs.values() if run)
    for request in requests:
        setattr(request, NOTED, runs[request.pk] in sensitive)


def conflicts_of(user: User, request: PromotionRequest, *, now: datetime) -> list[str]:
    """Return what keeps somebody from signing a request, whatever role they hold."""
    document = read_policy_document(request.policy.document)
    kinds = {clause.kind for clause in document.attestations}
    return duties_that_conflict(user, request, attested=kinds, now=now)


def lacking_roles(request: PromotionRequest) -> list[str]:
    """Return the roles still to sign, from prefetched sign-offs where there are any."""
    given = {signed.role for signed in given_for_now(request)}
    return [role for role in required_signers(request) if role not in given]


def given_for_now(request: PromotionRequest) -> list[SignOff]:
    """Return the signatures over what the request is now."""
    return [
        signed
        for signed in request.sign_offs.all()
        if signed.subject_digest == request.subject_digest
    ]


def _wanted(policy: Policy, tier: int | None, *, is_sensitive: bool) -> tuple[str, ...]:
    rules = rules_of(tier)
    wanted = [*read_policy_document(policy.document).sign_offs, *rules.signers] or [
        *rules.signers_by_default
    ]
    if is_sensitive:
        wanted.append(SignerRole.ETHICS.value)
    return tuple(dict.fromkeys(wanted))


def _stands_on_sensitive_data(request: PromotionRequest) -> bool:
    """Read what `note_sensitive_data()` put beside the request, else ask."""
    if not hasattr(request, NOTED):
        note_sensitive_data([request])
    return bool(getattr(request, NOTED))
