"""What Attestry itself knows to call for a revalidation is recorded here, once a cause.

A policy, a tier, a rollback and an incident call in the transaction of what happened;
waivers that ended and what was stated anew about data are found by the timer. Drift, code
and regulations are seen from outside only, and monitors and people say so
(`revalidations`).
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef

from audit.services import record, system_account
from registry.events import RegistryEvent
from registry.models import (
    Finding,
    ModelVersion,
    NotificationType,
    Policy,
    PromotionRequest,
    RegisteredModel,
    RequestState,
    RevalidationTrigger,
    Slot,
    TierAssessment,
    Waiver,
)
from registry.models.finding import FindingCause, Severity
from registry.models.revalidation import TriggerKind
from registry.policy_document import read_policy_document
from registry.services.assessment import assess
from registry.services.due_dates import due_dates
from registry.services.governance import (
    bound_models,
    former_policy,
    governing_policy,
)
from registry.services.notifications import announce, page_url
from registry.services.recipients import validators_of
from tracking.lineage import runs_in_lineages
from tracking.models import Dataset, DatasetCard, DatasetInput

Called = set[tuple[int | None, str | None]]


@dataclass(frozen=True)
class Call:
    """What calls for a validation of a champion; version and cause say whether it did."""

    version: ModelVersion
    kind: TriggerKind
    cause: str
    detail: str


def add_trigger(
    model: RegisteredModel,
    *,
    version: ModelVersion | None,
    kind: TriggerKind,
    detail: str,
    cause: str | None = None,
    actor: User,
    now: datetime,
) -> RevalidationTrigger:
    """Add a trigger in the caller's transaction; `cause` None: somebody says so."""
    trigger = RevalidationTrigger.objects.create(
        registered_model=model,
        model_version=version,
        kind=kind,
        cause=cause,
        detail=detail,
        recorded_by=actor,
        recorded_at=now,
    )
    record(
        RegistryEvent.REVALIDATION_TRIGGERED,
        actor=actor,
        subject=model.subject,
        payload={
            "kind": kind,
            "version": version.subject if version else None,
            "cause": cause,
        },
        private={"detail": detail},
    )
    _ask_validators(trigger)
    return trigger


def _ask_validators(trigger: RevalidationTrigger) -> None:
    """Tell who may validate what serves; where nothing does, nobody has to."""
    model, version = trigger.registered_model, trigger.model_version
    slots = Slot.objects.filter(registered_model=model, champion__isnull=False)
    if version is not None:
        slots = slots.filter(champion=version)
    serving = list(slots.order_by("environment"))
    if not serving:
        return
    announce(
        NotificationType.REVALIDATION_WANTED,
        workspace=model.workspace,
        subject=(version or model).subject,
        data={
            "registered_model": model.name,
            "version": version.number if version else None,
            "environments": [slot.environment for slot in serving[:20]],
            "kind": trigger.kind,
            "url": page_url(serving[0]),
        },
        people=validators_of(model, version) if settings.ATTESTRY_SENDS_MAIL else (),
    )


def call_by_policy(policy: Policy, *, actor: User, now: datetime) -> None:
    """Call for the champions of whom a policy, just published, demands something else.

    Policies have no major versions: what counts is whether a mandatory gate or an
    attestation came, went or changed since the policy that governed before.
    """
    for slot in _bound_by(policy):
        model, version = slot.registered_model, slot.approved_champion
        if version is None or governing_policy(model, slot.environment, now) != policy:
            continue
        former = former_policy(policy, model, now)
        if former is None or _demands(former) != _demands(policy):
            _add_by_policy(version, policy, actor=actor, now=now)


def call_by_tier(model: RegisteredModel, *, actor: User, now: datetime) -> None:
    """Call for the champions that were approved at a weaker tier than the model's newest.

    Fewer people have signed for them than that tier asks for.
    """
    slots = Slot.objects.with_champion().filter(registered_model=model)
    for slot in slots.filter(champion__isnull=False).order_by("pk"):
        version = slot.approved_champion
        approved = version and _promoted(version, slot.environment)
        if approved:
            _add_by_tier(approved, actor=actor, now=now)


def call_by_rollback(request: PromotionRequest, *, actor: User, now: datetime) -> None:
    """Call for a version that serves again by an approval of former policies or tiers."""
    version = request.model_version
    policy = governing_policy(version.registered_model, request.environment, now)
    if policy and _demands(policy) != _demands(request.policy):
        _add_by_policy(version, policy, actor=actor, now=now)
    _add_by_tier(request, actor=actor, now=now)


def call_by_finding(finding: Finding, *, actor: User, now: datetime) -> None:
    """Call for the champions that an incident, or a critical finding, is about."""
    is_incident = finding.cause == FindingCause.INCIDENT
    if not (is_incident or finding.severity == Severity.CRITICAL):
        return
    model, version = finding.registered_model, finding.model_version
    serving = Slot.objects.filter(registered_model=model, champion__isnull=False)
    if version is not None:
        serving = serving.filter(champion=version)
    if serving.exists():
        add_trigger(
            model,
            version=version,
            kind=TriggerKind.INCIDENT,
            cause=finding.subject,
            detail=f"Finding {finding.pk} was opened, of severity {finding.severity}.",
            actor=actor,
            now=now,
        )


def call_by_time(now: datetime) -> int:
    """Record what has called for champions and was not recorded; return how much."""
    called = _called()
    found = [*_ended_waivers(called, now), *_changed_data(called, now)]
    return sum(_recorded(call, now) for call in found)


def _demands(policy: Policy) -> dict[str, dict[str, Any]]:
    return read_policy_document(policy.document).demands()


def _add_by_policy(
    version: ModelVersion, policy: Policy, *, actor: User, now: datetime
) -> None:
    if _has_called(version, policy.subject):
        return
    add_trigger(
        version.registered_model,
        version=version,
        kind=TriggerKind.POLICY_CHANGE,
        cause=policy.subject,
        detail=f"{policy} demands something else in {policy.environment}.",
        actor=actor,
        now=now,
    )


def _add_by_tier(request: PromotionRequest, *, actor: User, now: datetime) -> None:
    version = request.model_version
    model = version.registered_model
    assessed = TierAssessment.objects.filter(registered_model=model).order_by("-pk")
    newest = assessed.first()
    then = assessed.filter(signed_at__lte=request.approved_at).first()
    if newest is None or then is None or newest.tier >= then.tier:
        return
    cause = f"{model.subject}/tier/{newest.pk}"
    if _has_called(version, cause):
        return
    add_trigger(
        model,
        version=version,
        kind=TriggerKind.TIER_CHANGE,
        cause=cause,
        detail=f"It was approved at tier {then.tier}, and its model is of {newest.tier}.",
        actor=actor,
        now=now,
    )


def _recorded(call: Call, now: datetime) -> bool:
    version = call.version
    with transaction.atomic():
        # Two workers may look at once, and rows of append-only tables are not locked.
        RegisteredModel.objects.select_for_update().get(pk=version.registered_model_id)
        if _has_called(version, call.cause):
            return False
        add_trigger(
            version.registered_model,
            version=version,
            kind=call.kind,
            cause=call.cause,
            detail=call.detail,
            actor=system_account(),
            now=now,
        )
    return True


def _called() -> Called:
    """Return what has called for whoever serves now, in one query."""
    found = RevalidationTrigger.objects.filter(
        model_version__slots__isnull=False, cause__isnull=False
    )
    return set(found.values_list("model_version", "cause"))


def _has_called(version: ModelVersion, cause: str) -> bool:
    called = RevalidationTrigger.objects.filter(model_version=version, cause=cause)
    return called.exists()


def _bound_by(policy: Policy) -> list[Slot]:
    """Return the slots with a champion that a policy may govern, as tiers are now."""
    slots = Slot.objects.with_champion().filter(
        environment=policy.environment,
        champion__isnull=False,
        registered_model__in=bound_models(policy),
    )
    return list(slots.order_by("pk"))


def _ended_waivers(called: Called, now: datetime) -> Iterator[Call]:
    """Return the last waiver of each gate that a champion was approved with and lacks."""
    served = Slot.objects.filter(
        environment=OuterRef("request__environment"),
        champion=OuterRef("request__model_version"),
    )
    ended = Waiver.objects.ended(now).filter(Exists(served)).with_people()
    newest = {
        (waiver.request.model_version, waiver.request.environment, waiver.gate): waiver
        for waiver in ended.order_by("pk")
    }
    for (version, environment, gate), waiver in newest.items():
        cause = f"waiver/{waiver.pk}"
        if (version.pk, cause) in called:
            continue
        approved = _promoted(version, environment)
        if approved and gate in assess(approved, now).open_gates:
            yield Call(
                version,
                TriggerKind.WAIVER_EXPIRY,
                cause,
                f"The waiver of {gate}, under which it serves, is {waiver.standing(now)}.",
            )


def _promoted(version: ModelVersion, environment: str) -> PromotionRequest | None:
    """Return the request by which a champion serves."""
    promoted = version.promotion_requests.filter(
        environment=environment, state=RequestState.PROMOTED
    )
    return promoted.with_subject().order_by("-pk").first()


def _changed_data(called: Called, now: datetime) -> Iterator[Call]:
    """Return what cards state anew about data that champions came of.

    The data are what they were: what is known of them is not what a validator knew.
    """
    pairs = _stated_since_approval()
    versions = ModelVersion.objects.with_lineage().in_bulk({pk for pk, _ in pairs})
    cards = DatasetCard.objects.select_related("dataset__workspace").in_bulk(
        {pk for _, pk in pairs}
    )
    for version_pk, card_pk in sorted(pairs):
        version, card = versions[version_pk], cards[card_pk]
        cause = f"{card.dataset.subject}/card/{card.number}"
        if (version.pk, cause) in called:
            continue
        if _is_news(card) and _was_validated_before(version, card.created_at, now):
            yield Call(
                version,
                TriggerKind.DATA_SOURCE_CHANGE,
                cause,
                f"Card {card.number} states anew what {card.dataset} is.",
            )


def _stated_since_approval() -> set[tuple[int, int]]:
    """Return champions with the cards about data of their lineage, by keys."""
    served = PromotionRequest.objects.filter(
        state=RequestState.PROMOTED,
        model_version__slots__isnull=False,
        model_version__source_run__isnull=False,
    )
    promoted = set(
        served.values_list("model_version", "model_version__source_run", "approved_at")
    )
    lineages = runs_in_lineages({run for _, run, _ in promoted})
    stated = _cards_by_run(set[int]().union(*lineages.values()))
    return {
        (version, card)
        for version, source, approved_at in promoted
        for run in lineages[source]
        for card, stated_at in stated[run]
        if approved_at and approved_at < stated_at
    }


def _cards_by_run(runs: set[int]) -> dict[int, list[tuple[int, datetime]]]:
    """Return keys and moments of the cards about data that runs used, by any name."""
    uses = DatasetInput.objects.used().filter(run__in=runs)
    cards = defaultdict(list)
    content = ("dataset__workspace", "dataset__digest")
    about = DatasetCard.objects.filter(dataset__in=Dataset.objects.same_data_as(uses))
    for card, stated_at, *data in about.values_list("pk", "created_at", *content):
        cards[tuple(data)].append((card, stated_at))
    by_run: dict[int, list[tuple[int, datetime]]] = defaultdict(list)
    for run, *data in uses.values_list("run_id", *content) if cards else ():
        by_run[run] += cards[tuple(data)]
    return by_run


def _is_news(card: DatasetCard) -> bool:
    """Say whether a card states anything else, or is the first to call data sensitive."""
    former = DatasetCard.objects.filter(
        dataset=card.dataset_id, number__lt=card.number
    ).order_by("-number")
    before = former.first()
    return bool(card.sensitivity) if before is None else card.states_otherwise(before)


def _was_validated_before(
    version: ModelVersion, moment: datetime, now: datetime
) -> bool:
    slots = Slot.objects.with_champion().filter(champion=version)
    dues = due_dates(slots, now).values()
    return any(due.validated_at and due.validated_at < moment for due in dues)
