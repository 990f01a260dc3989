"""What Attestry itself knows of makes a champion due, once a cause, and nothing else does."""

import json
from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.models import Event
from audit.sequencer import sequence_pending
from registry.models import ModelVersion, RevalidationTrigger, Slot
from registry.models.finding import FindingCause, Severity
from registry.models.revalidation import TriggerKind
from registry.models.tier import Tier
from registry.services.due_dates import due_dates
from registry.services.promotion import promote
from registry.services.revalidation_triggers import add_trigger
from registry.services.timers import end_what_is_over
from tests import factories
from tracking.models.dataset import Sensitivity

pytestmark = [pytest.mark.django_db, pytest.mark.on_postgresql]

STRICTER = factories.POLICY.replace("threshold: 0.7", "threshold: 0.71")
FOR_TIERS = factories.POLICY.replace("registered_model: credit", "tier: [3]").replace(
    "credit-production", "all-production"
)


@pytest.fixture
def champion(workspace, cast) -> ModelVersion:
    """A version that serves and that was made with a described dataset."""
    factories.policy(workspace, cast)
    source = factories.run(workspace, cast.alice)
    dataset = factories.use_dataset(source, cast.alice)
    factories.card(dataset, cast.stella, labellers=[], sensitivity=[])
    return factories.champion(workspace, cast, source=source)


@pytest.fixture
def waived(workspace, cast) -> ModelVersion:
    """A version that serves because the gate `auc` was waived for ten days."""
    blocked = factories.blocked(workspace, cast)
    factories.waived(blocked, cast, days=10)
    asked = factories.approved_as_it_is(blocked, cast)
    promote(asked, actor=cast.rex)
    return asked.model_version


def called() -> list[tuple[str, str | None, int | None, str]]:
    """Return kind, cause, version and author of every trigger."""
    return [
        (call.kind, call.cause, call.model_version_id, call.recorded_by.username)
        for call in RevalidationTrigger.objects.order_by("pk")
    ]


def entries() -> list[dict[str, object]]:
    found = Event.objects.filter(kind="registry.revalidation.triggered").order_by("pk")
    return [json.loads(bytes(event.body))["payload"] for event in found]


def why_due(version: ModelVersion) -> str:
    slot = Slot.objects.with_champion().get(champion=version)
    due = due_dates([slot], timezone.now())[slot.pk]
    return due.why if due.is_due(timezone.now()) else ""


def in_days(days: float):
    sequence_pending()
    return time_machine.travel(timezone.now() + timedelta(days=days), tick=False)


def dataset_of(version: ModelVersion):
    return version.linked_run.dataset_inputs.get().dataset


# Tiers


def test_stricter_tier_calls_for_the_champion_that_was_approved_at_a_weaker_one(
    cast, champion
):
    model = champion.registered_model
    factories.tier(model, cast, Tier.MODERATE)
    assert called() == []

    assessment = factories.tier(model, cast, Tier.HIGH)

    cause = f"model/default/credit/tier/{assessment.pk}"
    assert called() == [("tier_change", cause, champion.pk, "rita")]
    assert entries() == [
        {"kind": "tier_change", "version": champion.subject, "cause": cause}
    ]
    assert why_due(champion) == "tier_change"


def test_rollback_calls_for_what_was_approved_under_a_former_policy_and_tier(
    workspace, cast, champion
):
    policy = factories.policy(workspace, cast, STRICTER)
    second = factories.champion(workspace, cast, content=b"model 2")
    assessment = factories.tier(champion.registered_model, cast, Tier.HIGH)

    factories.rollback(Slot.objects.get(champion=second), champion, cast)

    tier = f"model/default/credit/tier/{assessment.pk}"
    assert called() == [
        ("policy_change", policy.subject, champion.pk, "rita"),
        ("tier_change", tier, second.pk, "rita"),
        ("tier_change", tier, champion.pk, "rex"),
    ]
    assert why_due(champion) in {"policy_change", "tier_change"}


def test_champion_is_not_due_when_its_model_is_held_to_less(cast, champion):
    factories.tier(champion.registered_model, cast, to=Tier.LOW)
    assert called() == []


def test_model_that_serves_nowhere_is_held_to_more_without_a_call(workspace, cast):
    factories.tier(factories.model(workspace, cast), cast, to=Tier.CRITICAL)
    assert called() == []


# Policies


def test_policy_that_demands_something_else_calls_for_the_champion(
    workspace, cast, champion
):
    policy = factories.policy(workspace, cast, STRICTER)

    cause = "policy/default/credit/credit-production/2"
    assert policy.subject == cause
    assert called() == [("policy_change", cause, champion.pk, "rita")]
    assert entries() == [
        {"kind": "policy_change", "version": champion.subject, "cause": cause}
    ]
    assert why_due(champion) == "policy_change"


@pytest.mark.parametrize(
    "document",
    [
        factories.POLICY,
        factories.POLICY.replace("approval_days: 30", "approval_days: 20"),
        factories.POLICY.replace("environment: production", "environment: staging"),
    ],
    ids=["the same", "shorter approvals", "another environment"],
)
def test_policy_that_demands_the_same_there_calls_for_nobody(
    workspace, cast, champion, document
):
    factories.policy(workspace, cast, document)

    assert called() == []


def test_draft_calls_for_nobody(workspace, cast, champion):
    factories.policy(workspace, cast, STRICTER, published=False)

    assert called() == []


def test_policy_for_tiers_calls_for_models_without_one_of_their_own(
    workspace, cast, champion
):
    factories.policy(workspace, cast, FOR_TIERS.replace("0.7,", "0.72,"))

    # The model's own policy goes before that of its tier.
    assert called() == []


def test_changed_policy_for_tiers_calls_for_their_champions(workspace, cast):
    factories.policy(workspace, cast, FOR_TIERS)
    champion = factories.champion(workspace, cast)

    same = factories.policy(workspace, cast, FOR_TIERS)
    assert called() == []
    other = factories.policy(
        workspace, cast, FOR_TIERS.replace("0.7,", "0.72,").replace("[3]", "[2, 3]")
    )
    factories.policy(workspace, cast, FOR_TIERS.replace("tier: [3]", "tier: [4]"))

    assert same.subject != other.subject
    assert called() == [("policy_change", other.subject, champion.pk, "rita")]


# Incidents


@pytest.mark.parametrize(
    ("severity", "cause", "calls"),
    [
        (Severity.CRITICAL, FindingCause.REVIEW, True),
        (Severity.LOW, FindingCause.INCIDENT, True),
        (Severity.HIGH, FindingCause.REVIEW, False),
        (Severity.HIGH, FindingCause.MONITORING, False),
    ],
)
@pytest.mark.parametrize("about", ["model", "champion", "another version"])
def test_incident_calls_for_the_champion_that_it_is_about(
    workspace, cast, champion, severity, cause, calls, about
):
    other = factories.version(workspace, cast, content=b"second")
    version = {"model": None, "champion": champion, "another version": other}[about]

    found = factories.finding(
        champion.registered_model, cast, severity, cause=cause, version=version
    )

    if not calls or version == other:
        assert called() == []
        return
    pk = version.pk if version else None
    assert called() == [("incident", f"finding/{found.pk}", pk, "bob")]
    assert why_due(champion) == "incident"
    last = Event.objects.order_by("-pk").values_list("kind", flat=True)[:3]
    assert list(last) == [
        "registry.revalidation.triggered",
        "registry.model.faulted",
        "registry.finding.opened",
    ]


def test_incident_of_a_model_that_serves_nowhere_calls_for_nobody(workspace, cast):
    factories.finding(factories.model(workspace, cast), cast, Severity.CRITICAL)

    assert called() == []


# Waivers


def test_waiver_that_ends_calls_for_its_champion_once(waived):
    end_what_is_over()
    assert called() == []

    with in_days(10.01):
        end_what_is_over()
        end_what_is_over()
        assert why_due(waived) == "waiver_expiry"

    waiver = waived.promotion_requests.get().waivers.get()
    assert called() == [
        ("waiver_expiry", f"waiver/{waiver.pk}", waived.pk, "attestry"),
    ]
    assert [entry["cause"] for entry in entries()] == [f"waiver/{waiver.pk}"]


def test_waiver_that_is_withdrawn_calls_as_well(cast, waived):
    factories.withdrawn_waiver(waived.promotion_requests.get().waivers.get(), cast)

    end_what_is_over()

    assert [kind for kind, *_ in called()] == ["waiver_expiry"]


def test_waiver_that_was_renewed_calls_when_its_renewal_ends(cast, waived):
    with in_days(5):
        asked = factories.fresh(waived.promotion_requests.get())
        renewal = factories.waived(asked, cast, days=30)
    with in_days(10.01):
        end_what_is_over()
        assert called() == []
    with in_days(35.01):
        end_what_is_over()

    assert [cause for _, cause, *_ in called()] == [f"waiver/{renewal.pk}"]


def test_waiver_of_a_version_that_serves_no_more_calls_for_nobody(
    workspace, cast, waived
):
    factories.champion(workspace, cast, content=b"second")

    with in_days(10.01):
        end_what_is_over()

    assert called() == []


# Data


def test_card_that_states_data_anew_calls_for_the_champion_once(cast, champion):
    end_what_is_over()
    assert called() == []

    factories.card(
        dataset_of(champion), cast.stella, sensitivity=[], known_gaps="No women."
    )
    end_what_is_over()
    end_what_is_over()

    cause = f"{dataset_of(champion).subject}/card/2"
    assert called() == [("data_source_change", cause, champion.pk, "attestry")]
    assert why_due(champion) == "data_source_change"


def test_card_that_states_the_same_calls_for_nobody(cast, champion):
    factories.card(dataset_of(champion), cast.stella, labellers=["bob"], sensitivity=[])
    end_what_is_over()

    assert called() == []


@pytest.mark.parametrize(
    ("sensitivity", "calls"), [([Sensitivity.PII], True), ([], False), (None, False)]
)
def test_first_card_calls_if_it_says_that_data_are_sensitive(
    workspace, cast, sensitivity, calls
):
    factories.policy(workspace, cast)
    source = factories.run(workspace, cast.alice)
    dataset = factories.use_dataset(source, cast.alice)
    factories.champion(workspace, cast, source=source)

    factories.card(dataset, cast.stella, labellers=[], sensitivity=sensitivity)
    end_what_is_over()

    assert bool(called()) is calls


def test_data_that_those_of_a_champion_came_of_call_as_well(workspace, cast):
    factories.policy(workspace, cast)
    cleaning, source = (factories.run(workspace, cast.alice) for _ in range(2))
    raw = factories.use_dataset(cleaning, cast.alice, "raw")
    factories.use_dataset(cleaning, cast.alice, "clean", context="output")
    factories.use_dataset(source, cast.alice, "clean")
    champion = factories.champion(workspace, cast, source=source)

    factories.card(raw, cast.stella, labellers=[], sensitivity=[Sensitivity.PII])
    end_what_is_over()

    cause = f"{raw.subject}/card/1"
    assert called() == [("data_source_change", cause, champion.pk, "attestry")]


def test_card_of_the_same_data_under_another_name_calls_as_well(
    workspace, cast, champion
):
    used = dataset_of(champion)
    other = factories.use_dataset(
        factories.run(workspace, cast.alice),
        cast.alice,
        "alias",
        content_digest=used.digest,
    )

    factories.card(other, cast.stella, labellers=[], sensitivity=[Sensitivity.PII])
    end_what_is_over()

    cause = f"{other.subject}/card/1"
    assert called() == [("data_source_change", cause, champion.pk, "attestry")]


def test_what_a_validator_knew_already_calls_for_nobody(workspace, cast, champion):
    slot = Slot.objects.get()
    factories.card(
        dataset_of(champion), cast.stella, sensitivity=[], known_gaps="No women."
    )
    with in_days(1):
        factories.revalidated(slot, champion, cast)
        end_what_is_over()

    assert called() == []


def test_data_of_a_version_that_does_not_serve_call_for_nobody(
    workspace, cast, champion
):
    factories.champion(workspace, cast, content=b"second")
    factories.card(
        dataset_of(champion), cast.stella, sensitivity=[], known_gaps="No women."
    )

    end_what_is_over()

    assert called() == []


def test_revalidation_answers_what_called_for_it(cast, champion):
    factories.tier(champion.registered_model, cast, Tier.LOW)
    factories.finding(champion.registered_model, cast, Severity.LOW, cause="incident")
    assert why_due(champion) == "incident"

    with in_days(1):
        factories.revalidated(Slot.objects.get(), champion, cast)
        assert why_due(champion) == ""


def test_database_keeps_a_cause_from_calling_for_a_version_twice(cast, champion):
    said = {
        "version": champion,
        "kind": TriggerKind.INCIDENT,
        "detail": "It did harm.",
        "actor": cast.bob,
        "now": timezone.now(),
    }
    for cause in (None, None, "finding/1"):
        add_trigger(champion.registered_model, cause=cause, **said)

    with pytest.raises(IntegrityError), transaction.atomic():
        add_trigger(champion.registered_model, cause="finding/1", **said)

    assert [cause for _, cause, *_ in called()] == [None, None, "finding/1"]
