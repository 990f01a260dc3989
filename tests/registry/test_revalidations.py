"""When a champion must be validated again, who says so, and who signs that it was."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from audit.errors import DomainError
from audit.proofs import trail
from registry.models import RevalidationTrigger, Slot
from registry.models.revalidation import STATED_BY_HAND, TriggerKind
from registry.models.tier import Tier
from registry.services.due_dates import add_months, due_dates
from registry.services.revalidations import trigger_revalidation
from tests import factories
from tests.registry.deciding import decision, told

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


def drift(champion, actor, **changes) -> None:
    arguments = {"kind": TriggerKind.DRIFT_BREACH, "detail": "PSI 0.3"} | changes
    trigger_revalidation(champion.registered_model, **arguments, actor=actor)


@pytest.mark.parametrize(
    ("tier", "months"),
    [(Tier.CRITICAL, 12), (Tier.HIGH, 12), (Tier.MODERATE, 24), (Tier.LOW, None)],
)
def test_champion_is_due_by_the_tier_of_its_model(cast, champion, tier, months):
    if tier != Tier.MODERATE:
        factories.tier(champion.registered_model, cast, tier)
    slot = Slot.objects.with_champion().get()
    validated_at = champion.promotion_requests.get().approved_at
    if tier < Tier.MODERATE:
        # It is due at once, as it was approved for less.
        code = factories.second_factor(cast.bob).code()
        validated = factories.revalidated(slot, champion, cast, code=code)
        validated_at = validated.signed_at

    due = due_dates([slot], timezone.now())[slot.pk]

    assert due.at == (add_months(validated_at, months) if months else None)


def test_another_interval_is_justified_on_the_card(cast, champion):
    factories.model_card(
        champion.registered_model,
        cast,
        revalidation_months=6,
        revalidation_reason="Rates move.",
    )
    slot = Slot.objects.with_champion().get()

    due = due_dates([slot], timezone.now())[slot.pk]

    assert due.at == add_months(champion.promotion_requests.get().approved_at, 6)


def test_trigger_makes_a_champion_due_and_after_the_grace_it_is_denied(cast, champion):
    drift(champion, cast.bot)
    later = timedelta(minutes=1)

    assert told(decision(champion, later=later)) == ("allow", [], ["revalidation_due"])
    assert told(decision(champion, later=timedelta(days=31)))[:2] == (
        "deny",
        ["revalidation_due"],
    )


def test_trigger_of_another_version_concerns_nobody_else(workspace, cast, champion):
    other = factories.version(workspace, cast, content=b"2")
    drift(champion, cast.bob, version=other)

    assert told(decision(champion, later=timedelta(minutes=1))) == ("allow", [], [])


def test_validator_signs_that_a_champion_may_go_on(cast, champion):
    drift(champion, cast.bot)
    slot = Slot.objects.with_champion().get()
    for changes, code in (
        ({"actor": cast.olivia}, "may_not_revalidate"),
        ({"actor": cast.alice}, "may_not_revalidate"),
        ({"password": "guessed"}, "password_wrong"),
        ({"is_interactive": False}, "signing_needs_a_session"),
    ):
        with pytest.raises(DomainError) as refusal:
            factories.revalidated(slot, champion, cast, **changes)
        assert refusal.value.code == code

    factories.revalidated(slot, champion, cast)

    assert told(decision(champion, later=timedelta(minutes=1))) == ("allow", [], [])


def test_what_is_no_champion_is_not_validated_again(workspace, cast, champion):
    other = factories.version(workspace, cast, content=b"2")
    slot = Slot.objects.with_champion().get()

    with pytest.raises(DomainError) as refusal:
        factories.revalidated(slot, other, cast)

    assert refusal.value.code == "version_is_no_champion"


def test_where_nothing_serves_nothing_is_validated_again(cast, champion):
    slot = Slot.objects.with_champion().get()
    factories.retired(champion.registered_model, cast, champion)

    with pytest.raises(DomainError) as refusal:
        factories.revalidated(slot, None, cast)

    assert refusal.value.code == "nothing_to_validate"
    assert trail([slot.subject])[-1].kind == "registry.revalidation.refused"


@pytest.mark.parametrize("kind", sorted(set(TriggerKind) - set(STATED_BY_HAND)))
def test_what_attestry_finds_by_itself_nobody_claims_by_hand(
    cast, champion, as_token, kind
):
    assert sorted(set(TriggerKind) - set(STATED_BY_HAND)) == [
        "policy_change",
        "sample_review",
        "tier_change",
        "waiver_expiry",
    ]
    with pytest.raises(DomainError) as refusal:
        drift(champion, cast.bob, kind=TriggerKind(kind))
    asked = as_token(cast.bot).post(
        "/api/v1/revalidation-triggers/",
        {"registered_model": "credit", "kind": kind, "detail": "So I say."},
        content_type="application/json",
    )

    assert refusal.value.code == "kind_not_stated_by_hand"
    assert asked.status_code == 400
    assert not RevalidationTrigger.objects.exists()


def test_triggers_are_not_recorded_by(cast, champion):
    for actor in (cast.alice, cast.ada, cast.mallory):
        with pytest.raises(DomainError) as refusal:
            drift(champion, actor)
        assert refusal.value.code == "may_not_trigger_revalidation"


def test_monitor_triggers_over_http_and_the_inventory_shows_it(
    cast, champion, as_token
):
    bot = as_token(cast.bot)
    recorded = bot.post(
        "/api/v1/revalidation-triggers/",
        {"registered_model": "credit", "kind": "drift_breach", "detail": "PSI 0.3"},
        content_type="application/json",
    )
    (line,) = bot.get("/api/v1/registered-models/").json()["results"]

    assert recorded.status_code == 201
    assert line["next_revalidation"] == recorded.json()["recorded_at"]
    assert line["champions"][0]["revalidation_cause"] == "drift_breach"
    assert bot.get("/api/v1/revalidation-triggers/").json()["count"] == 1


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2026-11-26", 12, "2027-11-26"),
        ("2028-02-29", 12, "2029-02-28"),
        ("2026-12-31", 24, "2028-12-31"),
    ],
)
def test_months_end_on_days_that_there_are(start, months, end):
    moment = datetime.fromisoformat(f"{start}T10:00:00+00:00")

    assert add_months(moment, months).date().isoformat() == end
