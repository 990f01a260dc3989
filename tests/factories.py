"""Builds just the rows that a test needs, through the product's own services."""

import base64
import hashlib
import hmac
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import time_machine
from django.contrib.auth.models import User
from django.utils import timezone

from audit.models import Head, VerificationMode
from audit.sequencer import sequence_pending
from audit.services import system_account
from audit.services.verification import verify_log
from audit.tlog.keys import PrivateKey, SignatureType
from audit.tlog.note import Note
from registry.models import (
    Attestation,
    AttestationKind,
    AttestationSource,
    BreakGlass,
    BreakGlassConfirmation,
    Delegation,
    Delivery,
    Finding,
    FindingMove,
    Freeze,
    FreezeLifting,
    GateRun,
    ModelCard,
    ModelVersion,
    NotificationType,
    Policy,
    PromotionRequest,
    RegisteredModel,
    ReportOrder,
    Retirement,
    Revalidation,
    Rollback,
    Slot,
    TierAssessment,
    Waiver,
    WaiverApproval,
    WaiverScope,
    Webhook,
)
from registry.models.finding import FindingCause, FindingState, Severity
from registry.models.model_card import Origin
from registry.models.revalidation import TriggerKind
from registry.models.sign_off import SignerRole
from registry.models.tier import Tier
from registry.services.attestations import attest, withdraw_attestation
from registry.services.break_glass import (
    ask_to_break_glass,
    confirm_break_glass,
    end_emergencies,
)
from registry.services.closings import withdraw_request
from registry.services.delegations import delegate_signing, withdraw_delegation
from registry.services.deliveries import deliver
from registry.services.evidence_views import open_evidence
from registry.services.findings import accept_risk, move_finding, open_finding
from registry.services.gate_runs import run_gate
from registry.services.model_cards import write_model_card
from registry.services.model_versions import register_version
from registry.services.policies import draft_policy, publish_policy
from registry.services.promotion import evaluate_again, promote, request_promotion
from registry.services.registered_models import register_model, rename_model
from registry.services.reports import order_report, store_report
from registry.services.retirements import retire
from registry.services.revalidations import revalidate, trigger_revalidation
from registry.services.rollbacks import lift_freeze, roll_back
from registry.services.sign_off_verification import verify_sign_offs
from registry.services.sign_offs import sign_off
from registry.services.slots import add_challenger, remove_challenger
from registry.services.tickets import link_request, set_ticket_template
from registry.services.tiers import assess_tier
from registry.services.waivers import (
    approve_waiver,
    request_waiver,
    withdraw_waiver,
)
from registry.services.webhooks import create_webhook
from tracking.models import (
    Dataset,
    DatasetCard,
    Experiment,
    LoggedModel,
    Reproduction,
    Run,
    Workspace,
)
from tracking.models.dataset import Sensitivity
from tracking.models.logged_model import LoggedModelStatus, UseDirection
from tracking.models.metadata import FieldKind, FieldType
from tracking.models.run import RunStatus
from tracking.permissions import Role
from tracking.services.accounts import create_person, create_service_account
from tracking.services.artifacts import remove_artifacts, upload_artifact
from tracking.services.datasets import describe_dataset, register_dataset
from tracking.services.experiments import create_experiment, tag_experiment
from tracking.services.logged_models import (
    create_logged_model,
    log_model_uses,
    move_logged_model,
)
from tracking.services.logging import Point, UsedDataset, log_batch, log_inputs
from tracking.services.metadata import define_field, set_template
from tracking.services.reproductions import declare_reproduction
from tracking.services.roles import grant_role
from tracking.services.runs import create_run, update_run
from tracking.services.second_factors import (
    confirm_second_factor,
    enrol_second_factor,
    remove_second_factor,
)
from tracking.services.sensitive_data import acknowledge_sensitive_use
from tracking.services.tokens import create_token

PASSWORD = "correct horse battery"
MODEL = "model/model.onnx"
PREDICTIONS = "evaluation/predictions.parquet"

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


@dataclass(frozen=True)
class AuthenticatorApp:
    """Somebody's phone: it shows codes of six digits, after RFC 6238."""

    secret: bytes

    def code(self, *, steps: int = 0) -> str:
        """Return the code of now, or of some time steps later or before."""
        counter = int(timezone.now().timestamp()) // 30 + steps
        mac = hmac.digest(self.secret, counter.to_bytes(8), "sha1")
        offset = mac[-1] & 15
        number = int.from_bytes(mac[offset : offset + 4]) & 0x7FFFFFFF
        return f"{number % 1_000_000:06}"


@dataclass(frozen=True)
class Cast:
    """One person a role, and a bot."""

    alice: User  # developer: asks
    olivia: User  # owner of the model
    bob: User  # validator: approves
    rita: User  # risk: publishes policies
    eve: User  # ethics
    stella: User  # data steward
    paul: User  # policy author
    carol: User  # auditor
    rex: User  # release: promotes
    ada: User  # administrator and superuser
    oscar: User  # system operator
    mallory: User  # an account without a role
    bot: User


def cast(workspace: Workspace) -> Cast:
    bot = program("bot")
    grant(bot, Role.BOT, workspace)
    return Cast(
        alice=person("alice", workspace, Role.DEVELOPER),
        olivia=person("olivia", workspace, Role.OWNER),
        bob=person("bob", workspace, Role.VALIDATOR),
        rita=person("rita", workspace, Role.RISK),
        eve=person("eve", workspace, Role.ETHICS),
        stella=person("stella", workspace, Role.STEWARD),
        paul=person("paul", workspace, Role.POLICY_AUTHOR),
        carol=person("carol", workspace, Role.AUDITOR),
        rex=person("rex", workspace, Role.RELEASE),
        ada=person("ada", workspace, Role.ADMINISTRATOR, is_superuser=True),
        oscar=person("oscar", workspace, Role.OPERATOR),
        mallory=person("mallory", workspace, None),
        bot=bot,
    )


def person(
    username: str,
    workspace: Workspace,
    role: Role | None,
    *,
    is_superuser: bool = False,
) -> User:
    system = system_account()
    user = create_person(
        username,
        full_name=f"{username.title()} Example",
        password=PASSWORD,
        is_superuser=is_superuser,
        actor=system,
    )
    if role:
        grant(user, role, workspace)
    return user


def program(username: str) -> User:
    return create_service_account(username, purpose="tests", actor=system_account())


def grant(user: User, role: Role, workspace: Workspace) -> None:
    """Grant a role at once, as the installation's commands do."""
    grant_role(user, role=role, workspace=workspace, actor=system_account())


def second_factor(user: User) -> AuthenticatorApp:
    """Enrol somebody's app, with a code of half an hour ago so that all others are new."""
    with time_machine.travel(timezone.now() - timedelta(minutes=30), tick=False):
        begun = enrol_second_factor(user, password=PASSWORD, is_interactive=True)
        app = AuthenticatorApp(base64.b32decode(begun.secret))
        confirm_second_factor(user, code=app.code(), is_interactive=True)
    return app


def token(user: User) -> str:
    return create_token(user, name="test", actor=system_account())[1]


def experiment(workspace: Workspace, actor: User, name: str = "credit") -> Experiment:
    found = Experiment.objects.filter(workspace=workspace, name=name).first()
    return found or create_experiment(workspace, name=name, actor=actor)


def run(workspace: Workspace, actor: User, name: str = "run") -> Run:
    return create_run(
        experiment(workspace, actor),
        name=name,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        tags={},
        actor=actor,
    )


def end(run: Run, actor: User) -> Run:
    return update_run(
        run, status=RunStatus.FINISHED, ended_at=None, name=None, actor=actor
    )


def upload(run: Run | LoggedModel, path: str, content: bytes, actor: User) -> Any:
    return upload_artifact(
        run,
        path=path,
        stream=io.BytesIO(content),
        expected_bytes=len(content),
        actor=actor,
    )


def predictions(
    *, rows: int = 2000, strength: float = 1.5, seed: int = 1, **columns: Any
) -> bytes:
    """Return Parquet with scores that know the labels the better the greater `strength`."""
    labels = np.random.default_rng(7).integers(0, 2, rows)
    noise = np.random.default_rng(seed).normal(size=rows)
    scores = 1 / (1 + np.exp(-(strength * (labels * 2 - 1) + noise)))
    table = {
        "row_key": [f"row-{number}" for number in range(rows)],
        "label": labels.astype("int8"),
        "score": scores,
        **columns,
    }
    return parquet({key: value for key, value in table.items() if value is not None})


def parquet(columns: dict[str, Any]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


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


def fresh(asked: PromotionRequest) -> PromotionRequest:
    return PromotionRequest.objects.with_subject().get(pk=asked.pk)


def everything_logged(run: Run, actor: User) -> None:
    """Log one of each kind of content."""
    log_batch(
        run,
        params=[("alpha", "0.1")],
        metrics=[Point("loss", 0.5, timestamp_ms=1, step=0)],
        tags=[("team", "credit")],
        actor=actor,
    )
    use_dataset(run, actor)
    tag_experiment(run.experiment, key="team", value="credit", actor=actor)


def use_dataset(
    run: Run,
    actor: User,
    name: str = "loans",
    *,
    context: str = "training",
    content_digest: str = "",
) -> Dataset:
    """Let a run use a dataset; with the context `output` it is one that the run made."""
    content_digest = content_digest or digest_of_data(name)
    log_inputs(
        run,
        datasets=[
            UsedDataset(
                name=name,
                digest=content_digest,
                source_type="local",
                source=f"{name}.csv",
                schema="{}",
                profile='{"num_rows": 10}',
                tags={"mlflow.data.context": context} if context else {},
            )
        ],
        actor=actor,
    )
    return Dataset.objects.get(
        workspace=run.experiment.workspace, name=name, digest=content_digest
    )


def dataset(workspace: Workspace, actor: User, name: str = "loans") -> Dataset:
    return register_dataset(
        workspace,
        name=name,
        content_digest=digest_of_data(name),
        source_type="local",
        source=f"{name}.csv",
        actor=actor,
    )


def digest_of_data(name: str) -> str:
    """Return the digest of what a name stands for in tests: other names, other data."""
    return (
        "abc123" if name == "loans" else hashlib.sha256(name.encode()).hexdigest()[:8]
    )


def card(dataset: Dataset, actor: User, **changes: Any) -> DatasetCard:
    """Describe a dataset with one of everything."""
    stated: dict[str, Any] = {
        "rows": 10,
        "window_start": date(2025, 1, 1),
        "window_end": date(2025, 12, 31),
        "labels": "Defaults within a year, from the ledger.",
        "labellers": ["olivia"],
        "licence": "CC-BY-4.0",
        "sensitivity": [Sensitivity.PII],
        "known_gaps": "No loans below 500.",
    } | changes
    return describe_dataset(dataset, **stated, actor=actor)


def logged_model(run: Run, actor: User, *, is_ready: bool = True) -> LoggedModel:
    """Return a model that the run made, with one of everything."""
    model = create_logged_model(
        run.experiment,
        name="scorer",
        model_type="classifier",
        source_run=run,
        params={"depth": "3"},
        tags={"team": "credit"},
        actor=actor,
    )
    log_model_uses(run, models=[(model, 0)], direction=UseDirection.OUTPUT, actor=actor)
    log_batch(
        run,
        metrics=[Point("auc", 0.9, 1, 0, model.model_id, "loans", "abc123")],
        actor=actor,
    )
    for path in ("MLmodel", "model.pkl", "wrong.txt"):
        content = path.encode()
        upload_artifact(
            model,
            path=path,
            stream=io.BytesIO(content),
            expected_bytes=len(content),
            actor=actor,
        )
    remove_artifacts(model, path="wrong.txt", actor=actor)
    if not is_ready:
        return model
    return move_logged_model(model, to=LoggedModelStatus.READY, actor=actor)


def ask_for_metadata(run: Run, people: Cast) -> None:
    """Let the policy author demand a param of the run's experiment, without blocking."""
    define_field(
        run.experiment.workspace,
        kind=FieldKind.PARAM,
        key="team",
        field_type=FieldType.TEXT,
        actor=people.paul,
    )
    set_template(
        run.experiment,
        fields=[{"kind": FieldKind.PARAM, "key": "team", "required": True}],
        actor=people.paul,
    )


def reproduction(original: Run, actor: User, **metrics: float) -> Reproduction:
    """Do a run again: of the same inputs, with these metrics."""
    again = run(original.experiment.workspace, actor, "again")
    log_batch(
        again,
        params=list(original.params.values_list("key", "value")),
        metrics=[Point(key, value, 1, 0) for key, value in metrics.items()],
        actor=actor,
    )
    return declare_reproduction(end(again, actor), original=original, actor=actor)


def finding(
    model: RegisteredModel, people: Cast, severity: Severity, **changes: Any
) -> Finding:
    """Return a finding that Bob opened and Alice is to mend."""
    arguments: dict[str, Any] = {
        "cause": FindingCause.REVIEW,
        "title": "Scores drop for the young.",
        "description": "Seen in the slice below 25.",
        "owner": people.alice,
        "actor": people.bob,
    } | changes
    return open_finding(model, severity=severity, **arguments)


def borne(finding: Finding, actor: User, **changes: Any) -> FindingMove:
    """Return a signature that the risk of a finding is borne for some weeks."""
    arguments: dict[str, Any] = {
        "until": timezone.now() + timedelta(days=60),
        "reason": "Few loans are concerned.",
        "password": PASSWORD,
        "is_interactive": True,
        "actor": actor,
    } | changes
    return accept_risk(finding, **arguments)


def model_card(model: RegisteredModel, people: Cast, **changes: Any) -> ModelCard:
    arguments: dict[str, Any] = {
        "purpose": "Tells who pays back.",
        "limits_of_use": "Not for loans below 500.",
        "origin": Origin.OWN,
        "owner": people.olivia,
        "actor": people.olivia,
    } | changes
    return write_model_card(model, **arguments)


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


def rollback(slot: Slot, to: ModelVersion, people: Cast, **changes: Any) -> Rollback:
    arguments: dict[str, Any] = {
        "reason": "It refuses everybody below 25.",
        "actor": people.rex,
    } | changes
    return roll_back(slot, to=to, **arguments)


def lifting(freeze: Freeze, people: Cast, **changes: Any) -> FreezeLifting:
    arguments: dict[str, Any] = {
        "conclusion": "The data of one year were missing.",
        "password": PASSWORD,
        "is_interactive": True,
        "actor": people.bob,
    } | changes
    return lift_freeze(freeze, **arguments)


def emergency_asked(version: ModelVersion, people: Cast, **changes: Any) -> BreakGlass:
    """Return what Olivia asked for, as the model's owner."""
    arguments: dict[str, Any] = {
        "environment": "production",
        "hours": 24,
        "reason": "The champion crashes.",
        "role": SignerRole.OWNER,
        "password": PASSWORD,
        "is_interactive": True,
        "actor": people.olivia,
    } | changes
    return ask_to_break_glass(version, **arguments)


def emergency(
    asked: BreakGlass, people: Cast, **changes: Any
) -> BreakGlassConfirmation:
    """Return what Rita confirmed, for risk."""
    arguments: dict[str, Any] = {
        "role": SignerRole.RISK,
        "password": PASSWORD,
        "is_interactive": True,
        "actor": people.rita,
    } | changes
    return confirm_break_glass(asked, **arguments)


def judged(confirmed: BreakGlassConfirmation, people: Cast) -> None:
    """Say that what an emergency was about is mended, and have that verified."""
    for to, actor in (
        (FindingState.FIXED, people.alice),
        (FindingState.VERIFIED, people.bob),
    ):
        move_finding(confirmed.finding, to=to, reason="Mended.", actor=actor)


def revalidated(
    slot: Slot, version: ModelVersion, people: Cast, **changes: Any
) -> Revalidation:
    arguments: dict[str, Any] = {
        "conclusion": "Its errors are what they were.",
        "password": PASSWORD,
        "is_interactive": True,
        "actor": people.bob,
    } | changes
    return revalidate(slot, version=version, **arguments)


def retired(
    model: RegisteredModel,
    people: Cast,
    version: ModelVersion | None = None,
    **changes: Any,
) -> Retirement:
    arguments: dict[str, Any] = {
        "reason": "Nobody asks it any more.",
        "password": PASSWORD,
        "is_interactive": True,
        "actor": people.olivia,
    } | changes
    return retire(model, version=version, **arguments)


def what_comes_after(serving: ModelVersion, people: Cast) -> None:
    """Do around a promoted version one of everything, and leave it in its slot."""
    described = serving.registered_model
    upstream = model(described.workspace, people, "bureau")
    model_card(described, people, upstream=[upstream])
    tier(described, people, Tier.MODERATE)
    low = finding(described, people, Severity.LOW)
    move_finding(
        low, to=FindingState.PLANNED, reason="Next quarter.", actor=people.alice
    )
    trigger_revalidation(
        described, kind=TriggerKind.DRIFT_BREACH, detail="PSI 0.3", actor=people.bot
    )
    slot = serving.slots.get()
    revalidated(slot, serving, people)
    second, third, fourth = (
        version(described.workspace, people, content=content)
        for content in (b"second", b"third", b"fourth")
    )
    for act in (add_challenger, remove_challenger):
        act(second, environment="production", reason="To compare.", actor=people.alice)
    confirmed = emergency(emergency_asked(third, people), people)
    in_a_day = timezone.now() + timedelta(hours=25)
    with time_machine.travel(in_a_day, tick=False):
        end_emergencies()
    judged(confirmed, people)
    emergency(emergency_asked(fourth, people), people)
    undone = rollback(slot, serving, people)
    lifting(undone.freeze, people)
    retired(described, people, second)
    retired(upstream, people)


def report(asked: ModelVersion, actor: User) -> ReportOrder:
    """Return an order whose PDF is stored, without laying out a PDF."""
    order = order_report(asked, actor=actor)
    claim = ReportOrder.objects.claim(
        order.pk, now=timezone.now(), lease=timedelta(minutes=1)
    )
    assert claim is not None
    store_report(order, pdf=b"%PDF-1.7", data_sha256="0" * 64, claim=claim)
    return order


def waived_attested_and_withdrawn(workspace: Workspace, people: Cast) -> None:
    """Have a champion's challenger waived and attested, and all of that taken back."""
    asked = _weak(workspace, people)
    waived(asked, people, gate="regression")
    withdrawn_waiver(waived(asked, people), people)
    canary = attested(asked.model_version, people.olivia, AttestationKind.CANARY)
    withdraw_attestation(canary, reason="It alarmed.", actor=people.olivia)
    withdrawn(asked, people)


def delegation(workspace: Workspace, people: Cast) -> Delegation:
    """Let Carol sign for Bob for a day, and take it back."""
    now = timezone.now()
    given = delegate_signing(
        workspace,
        role=SignerRole.VALIDATOR,
        delegate=people.carol,
        starts_at=now,
        ends_at=now + timedelta(days=1),
        reason="I am on leave.",
        password=PASSWORD,
        is_interactive=True,
        actor=people.bob,
    )
    withdraw_delegation(given, actor=people.bob)
    return given


def webhook(
    workspace: Workspace,
    people: Cast,
    *,
    url: str = "https://localhost/hook",
    event_types: Sequence[str] = tuple(NotificationType.values),
) -> Webhook:
    """Return a webhook; where it leads is internal, so that nothing is sent."""
    return create_webhook(
        workspace, url=url, event_types=event_types, actor=people.ada
    )[0]


def row_in_every_table(workspace: Workspace, people: Cast) -> ModelVersion:
    """Promote a version, report on it and log everything: one row a table and more."""
    policy(workspace, people, WAIVABLE)
    other = run(workspace, people.alice, "other")
    everything_logged(other, people.alice)
    for author in ("alice", "nobody"):
        log_batch(other, tags=[("attestry.git.author", author)], actor=people.alice)
    for parent in ("0" * 32, "1" * 32):
        log_batch(other, tags=[("mlflow.parentRunId", parent)], actor=people.alice)
    sensitive = other.dataset_inputs.get().dataset
    card(sensitive, people.alice)
    use_dataset(run(workspace, people.alice, "sensitive"), people.alice)
    acknowledge_sensitive_use(
        sensitive.sensitive_uses.earliest("pk"), note="Seen.", actor=people.stella
    )
    logged_model(other, people.alice)
    upload(other, "wrong.txt", b"wrong", people.alice)
    remove_artifacts(other, path="wrong.txt", actor=people.alice)
    ask_for_metadata(other, people)
    rename_model(model(workspace, people, "first"), name="second", actor=people.alice)
    told = webhook(workspace, people, event_types=[NotificationType.VERSION_PROMOTED])
    serving = champion(workspace, people)
    deliver(Delivery.objects.get(webhook=told).pk, jitter=lambda: 0.0)
    set_ticket_template(
        workspace, url_template="https://tickets.example/{ticket}", actor=people.ada
    )
    asked = serving.promotion_requests.get()
    link_request(asked, ticket="RISK-42", actor=people.alice)
    reproduction(serving.linked_run, people.alice)
    report(serving, people.carol)
    waived_attested_and_withdrawn(workspace, people)
    delegation(workspace, people)
    verify_sign_offs()
    what_comes_after(serving, people)
    sequence_pending()
    log = Head.objects.current()
    key = PrivateKey("witness", bytes(32), SignatureType.COSIGNATURE_V1)
    newest = log.checkpoints.latest("size")
    text = Note(Note.parse(bytes(newest.note)).text)
    line = str(text.signed(key, time=1).signatures[0])
    log.cosignatures.create(size=newest.size, key=str(key.verifier_key), line=line)
    log.copies.create(size=newest.size, way="e-mail", sent_at=timezone.now())
    verify_log(log, mode=VerificationMode.FULL)
    return serving
