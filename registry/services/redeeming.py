"""Stages and aliases redeem an approval; without one, it is said what is lacking."""

from dataclasses import asdict, dataclass

from django.contrib.auth.models import User
from django.utils import timezone

from audit.errors import ConflictError
from audit.services import refusals_recorded
from registry.events import RegistryEvent
from registry.models import ModelVersion, PromotionRequest, RequestState, Verdict
from registry.policy_document import PolicyDocument, read_policy_document
from registry.services.approvals import refuse_due
from registry.services.assessment import assess
from registry.services.governance import (
    governing_policy,
    refuse_superseded_policy,
)
from registry.services.promotion import promote
from registry.services.quorum import lacking_roles, signers_to_expect


@dataclass(frozen=True)
class Lacking:
    """What stands between a version and its slot; without a request, all of it."""

    request: int | None
    state: str | None
    open_gates: list[str]
    missing_attestations: list[str]
    missing_sign_offs: list[str]


def take_slot(version: ModelVersion, *, environment: str, actor: User) -> None:
    """Let a version serve on its approved request, or refuse and say what lacks.

    What has run out, or is held to a policy that another has followed, is refused as such.
    """
    requests = version.promotion_requests.open().filter(environment=environment)
    request = requests.with_subject().first()
    if request is not None and request.state == RequestState.APPROVED:
        promote(request, actor=actor)
        return
    with refusals_recorded(
        RegistryEvent.VERSION_REFUSED,
        actor=actor,
        subject=version.subject,
        payload={"act": f"promote to {environment}"},
    ):
        if request is not None:
            # No signature that is still given would let it serve.
            now = timezone.now()
            refuse_due(request, now)
            refuse_superseded_policy(request, now)
        raise _not_approved(version, environment, _lacking(version, environment))


def _lacking(version: ModelVersion, environment: str) -> Lacking:
    requests = version.promotion_requests.open().filter(environment=environment)
    request = requests.with_subject().first()
    if request is not None:
        return _lacking_of(request)
    policy = governing_policy(version.registered_model, environment, timezone.now())
    if policy is None:
        return Lacking(None, None, [], [], [])
    document = read_policy_document(policy.document)
    attestations: list[str] = [clause.kind for clause in document.attestations]
    signers = list(signers_to_expect(version, policy))
    return Lacking(None, None, _mandatory(document), attestations, signers)


def _lacking_of(request: PromotionRequest) -> Lacking:
    found = assess(request, timezone.now())
    judged = Verdict.objects.filter(
        gate_run__request=request, gate_run__attempt=request.attempt
    ).values_list("gate_run__gate", flat=True)
    document = read_policy_document(request.policy.document)
    running = [gate for gate in _mandatory(document) if gate not in set(judged)]
    return Lacking(
        request.pk,
        request.state,
        [*running, *found.open_gates],
        list(found.missing_attestations),
        lacking_roles(request),
    )


def _mandatory(document: PolicyDocument) -> list[str]:
    return [clause.slug for clause in document.gates if clause.mandatory]


def _not_approved(
    version: ModelVersion, environment: str, lacking: Lacking
) -> ConflictError:
    if lacking.request is None:
        cure = "Ask for its promotion first."
    else:
        named = [
            *lacking.open_gates,
            *lacking.missing_attestations,
            *lacking.missing_sign_offs,
        ]
        cure = f"Request {lacking.request} still lacks: {', '.join(named)}."
    return ConflictError(
        "not_approved",
        f"{version} may not serve in {environment}: that is governed, and no approved "
        f"request says so. {cure}",
        environment=environment,
        **asdict(lacking),
    )
