"""The way into production: models, versions, policies, requests, sign-offs."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.contrib.auth.models import User

from audit.services import system_account
from registry.models import (
    Attestation,
    AttestationKind,
    AttestationSource,
    GateRun,
    ModelVersion,
    Policy,
    PromotionRequest,
    RegisteredModel,
    TierAssessment,
    Waiver,
    WaiverApproval,
    WaiverScope,
)
from registry.models.sign_off import SignerRole
from registry.models.tier import Tier
from registry.services.attestations import attest
from registry.services.closings import withdraw_request
from registry.services.evidence_views import open_evidence
from registry.services.gate_runs import run_gate
from registry.services.model_versions import register_version
from registry.services.policies import draft_policy, publish_policy
from registry.services.promotion import evaluate_again, promote, request_promotion
from registry.services.registered_models import register_model
from registry.services.sign_offs import sign_off
from registry.services.tiers import assess_tier
from registry.services.waivers import (
    approve_waiver,
    request_waiver,
    withdraw_waiver,
)
from tests.factories.logged import MODEL, PREDICTIONS, end, predictions, run, upload
from tests.factories.people import PASSWORD, Cast, second_factor
from tracking.models import (
    Run,
    Workspace,
)
from tracking.services.artifacts import current_artifact
from tracking.services.second_factors import (
    remove_second_factor,
)

POLICY = """
name: credit-production
environment: production
registered_model: credit
evidence:
  predictions: evaluation/predictions.parquet
gates:
  - {gate: auc, threshold: 0.7, min_rows: 500}
  - {gate: regression, margin: 0.02, min_rows: 500}
sign_offs: [validator, owner]
approval_days: 30
"""

WAIVABLE = POLICY.replace("{gate:", "{waivable: true, gate:")


def model(
    workspace: Workspace, people: Cast, name: str = "credit", *, tier: int | None = 3
) -> RegisteredModel:
    """Return a model that Alice has registered and Rita has classified."""
    found = RegisteredModel.objects.filter(workspace=workspace, name=name).first()
    if found:
        return found
    registered = register_model(
        workspace,
        name=name,
        purpose="Tells who pays back.",
        owner=people.olivia,
        actor=people.alice,
    )
    return classified(registered, people, Tier(tier)) if tier else registered


def classified(model: RegisteredModel, people: Cast, to: Tier) -> RegisteredModel:
    """Have Rita sign the first tier of a model, with a phone that she loses at once."""
    code = second_factor(people.rita).code()
    tier(model, people, to, code=code)
    remove_second_factor(people.rita, reason="It is lost.", actor=system_account())
    model.refresh_from_db()
    return model


def version(
    workspace: Workspace,
    people: Cast,
    *,
    content: bytes = b"model 1",
    scores: bytes | None = None,
    has_ended: bool = True,
    source: Run | None = None,
    more_files: Mapping[str, bytes] = MappingProxyType({}),
) -> ModelVersion:
    """Return a version whose source run holds a model file and predictions."""
    source = source or run(workspace, people.alice)
    for path, other in more_files.items():
        upload(source, path, other, people.alice)
    return version_of(
        source, people, content=content, scores=scores, has_ended=has_ended
    )


def version_of(
    source: Run,
    people: Cast,
    *,
    content: bytes = b"model 1",
    scores: bytes | None = None,
    has_ended: bool = True,
) -> ModelVersion:
    """Give a run a model file and predictions, end it, and register the file."""
    artifact = upload(source, MODEL, content, people.alice)
    upload(source, PREDICTIONS, scores or predictions(), people.alice)
    if has_ended:
        source = end(source, people.alice)
    return register_version(
        model(source.experiment.workspace, people),
        source_run=source,
        artifact_path=MODEL,
        artifact_sha256=artifact.sha256,
        actor=people.alice,
    )


def version_beside(version: ModelVersion, actor: User) -> ModelVersion:
    """Register another file of the same run, as another version of the model."""
    other = current_artifact(version.linked_run, PREDICTIONS)
    return register_version(
        version.registered_model,
        source_run=version.linked_run,
        artifact_path=other.path,
        artifact_sha256=other.sha256,
        actor=actor,
    )


def policy(
    workspace: Workspace,
    people: Cast,
    document: str = POLICY,
    *,
    published: bool = True,
) -> Policy:
    model(workspace, people)
    drafted = draft_policy(workspace, document=document, actor=people.paul)
    if published:
        publish_policy(drafted, actor=people.rita)
    return drafted


def publish(
    workspace: Workspace, document: str, *, author: User, publisher: User
) -> Policy:
    """Put a policy into force for a model that is there."""
    drafted = draft_policy(workspace, document=document, actor=author)
    publish_policy(drafted, actor=publisher)
    return drafted


def request(asked: ModelVersion, people: Cast) -> PromotionRequest:
    return request_promotion(asked, environment="production", actor=people.alice)


def evaluated(asked: ModelVersion, people: Cast) -> PromotionRequest:
    """Return a request whose gates have run, as a worker runs them."""
    return _gates_run(request(asked, people))


def evaluated_again(asked: PromotionRequest, people: Cast) -> PromotionRequest:
    return _gates_run(evaluate_again(asked, actor=people.alice))


def _gates_run(opened: PromotionRequest) -> PromotionRequest:
    for pk in GateRun.objects.of_attempt(opened).values_list("pk", flat=True):
        run_gate(pk)
    return fresh(opened)


def blocked(
    workspace: Workspace, people: Cast, document: str = WAIVABLE
) -> PromotionRequest:
    """Return a request of a version that fails the gate `auc`, which can be waived."""
    policy(workspace, people, document)
    return _weak(workspace, people)


def _weak(workspace: Workspace, people: Cast) -> PromotionRequest:
    weak = predictions(strength=0.05)
    return evaluated(version(workspace, people, content=b"weak", scores=weak), people)


def withdrawn(asked: PromotionRequest, people: Cast) -> PromotionRequest:
    withdraw_request(asked, reason="Asked too early.", actor=people.alice)
    return fresh(asked)


def waiver(asked: PromotionRequest, people: Cast, **changes: Any) -> Waiver:
    arguments: dict[str, Any] = {
        "gate": "auc",
        "scope": WaiverScope.REQUEST,
        "reason": "The old model is worse.",
        "compensating_control": "Every decision is looked at by a person.",
        "residual_risk": "Some are decided later than today.",
        "days": 30,
        "actor": people.alice,
    } | changes
    return request_waiver(asked, **arguments)


def waiver_approved(asked: Waiver, approver: User, **changes: Any) -> WaiverApproval:
    arguments: dict[str, Any] = {
        "reason": "The control is in place.",
        "password": PASSWORD,
        "is_interactive": True,
        "actor": approver,
    } | changes
    return approve_waiver(asked, **arguments)


def waived(asked: PromotionRequest, people: Cast, **changes: Any) -> Waiver:
    """Return a waiver that one person has asked for and another has approved."""
    granted = waiver(asked, people, **changes)
    waiver_approved(granted, people.rita)
    return granted


def withdrawn_waiver(granted: Waiver, people: Cast) -> Waiver:
    withdraw_waiver(granted, reason="The control is gone.", actor=people.alice)
    return granted


def attested(
    asked: ModelVersion, attester: User, kind: AttestationKind, **changes: Any
) -> Attestation:
    """Return an attestation that a person has signed."""
    arguments: dict[str, Any] = {
        "environment": "production",
        "kind": kind,
        "source": AttestationSource.HUMAN,
        "statement": "Done, and looked at.",
        "days": 60,
        "password": PASSWORD,
        "is_interactive": True,
        "actor": attester,
    } | changes
    return attest(asked, **arguments)


def signed(
    asked: PromotionRequest, signer: User, role: SignerRole, **changes: Any
) -> PromotionRequest:
    arguments: dict[str, Any] = {
        "role": role,
        "meaning": "I reviewed the evidence.",
        "reason": "It meets the policy.",
        "password": PASSWORD,
        "seen_digest": asked.subject_digest,
        "is_interactive": True,
        "actor": signer,
    } | changes
    open_evidence(asked, actor=signer)
    sign_off(asked, **arguments)
    return fresh(asked)


def approved(asked: ModelVersion, people: Cast) -> PromotionRequest:
    return approved_as_it_is(evaluated(asked, people), people)


def approved_as_it_is(asked: PromotionRequest, people: Cast) -> PromotionRequest:
    asked = signed(fresh(asked), people.bob, SignerRole.VALIDATOR)
    return signed(asked, people.olivia, SignerRole.OWNER)


def champion(workspace: Workspace, people: Cast, **of_version: Any) -> ModelVersion:
    """Return a version that went the whole way into the slot."""
    return promoted(version(workspace, people, **of_version), people)


def promoted(asked: ModelVersion, people: Cast) -> ModelVersion:
    promote(approved(asked, people), actor=people.rex)
    return asked


def unsigned(
    workspace: Workspace, people: Cast, name: str = "newsletter"
) -> PromotionRequest:
    """Return a promotion that nobody had to sign: of a model of tier 4."""
    document = POLICY.replace("credit", name).replace("[validator, owner]", "[]")
    low = model(workspace, people, name, tier=Tier.LOW)
    publish(workspace, document, author=people.paul, publisher=people.rita)
    source = run(workspace, people.alice, name)
    artifact = upload(source, MODEL, name.encode(), people.alice)
    upload(source, PREDICTIONS, predictions(), people.alice)
    asked = evaluated(
        register_version(
            low,
            source_run=end(source, people.alice),
            artifact_path=MODEL,
            artifact_sha256=artifact.sha256,
            actor=people.alice,
        ),
        people,
    )
    promote(asked, actor=people.rex)
    return fresh(asked)


def fresh(asked: PromotionRequest) -> PromotionRequest:
    return PromotionRequest.objects.with_subject().get(pk=asked.pk)


def tier(
    model: RegisteredModel, people: Cast, to: Tier, **changes: Any
) -> TierAssessment:
    """Return a tier that Rita has signed."""
    arguments: dict[str, Any] = {
        "rationale": "It decides on small loans only.",
        "exposure": "Two million a year.",
        "password": PASSWORD,
        "is_interactive": True,
        "actor": people.rita,
    } | changes
    return assess_tier(model, tier=to, **arguments)
