"""Whoever takes rows away, triggers or not, gains nothing: the log still tells of them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.errors import ConflictError
from registry.models import (
    Closing,
    DelegationWithdrawal,
    Finding,
    Freeze,
    ModelVersion,
    Policy,
    PolicyPublication,
    Retirement,
    RevalidationTrigger,
    Slot,
)
from registry.models.finding import Severity
from registry.models.revalidation import TriggerKind
from registry.models.sign_off import SignerRole
from registry.services.closings import invalidate_request
from registry.services.decisions import decide
from registry.services.delegations import delegate_signing, withdraw_delegation
from registry.services.promotion import promote
from registry.services.revalidations import trigger_revalidation
from tests import factories
from tests.audit.happenings import triggers_switched_off
from tracking.permissions import Role

pytestmark = [pytest.mark.django_db, pytest.mark.on_postgresql]


def reasons(version: ModelVersion) -> list[str]:
    decided = decide(version, environment="production", now=timezone.now())
    return [reason.code for reason in decided.reasons]


def test_retired_version_is_not_promoted(workspace, cast):
    factories.policy(workspace, cast)
    asked = factories.approved(factories.version(workspace, cast), cast)
    factories.retired(asked.model_version.registered_model, cast, asked.model_version)
    with triggers_switched_off("registry_retirement"):
        Retirement.objects.all().delete()

    with pytest.raises(ConflictError) as refusal:
        promote(factories.fresh(asked), actor=cast.rex)

    assert refusal.value.code == "records_altered"


def closing_unsigned() -> None:
    Closing.objects.update(method="")


def closing_lost() -> None:
    Closing.objects.all().delete()


@pytest.mark.parametrize("done", [closing_unsigned, closing_lost])
def test_revoked_evidence_is_asked_for_no_more(workspace, cast, done):
    factories.policy(workspace, cast)
    version = factories.version(workspace, cast)
    invalidate_request(
        factories.evaluated(version, cast),
        reason="The labels were forged.",
        password=factories.PASSWORD,
        is_interactive=True,
        actor=cast.bob,
    )
    with triggers_switched_off("registry_closing"):
        done()

    with pytest.raises(ConflictError) as refusal:
        factories.request(version, cast)

    assert refusal.value.code == "evidence_revoked"


def test_champion_that_is_called_for_does_not_serve_on(cast, champion):
    trigger_revalidation(
        champion.registered_model,
        kind=TriggerKind.DRIFT_BREACH,
        detail="PSI 0.3",
        actor=cast.bob,
    )
    assert reasons(champion) == []

    with triggers_switched_off("registry_revalidationtrigger"):
        RevalidationTrigger.objects.all().delete()

    assert reasons(champion) == ["records_altered"]


def test_nothing_is_promoted_into_a_frozen_slot(workspace, cast, champion):
    factories.champion(workspace, cast, content=b"2")
    third = factories.version(workspace, cast, content=b"3")
    factories.rollback(Slot.objects.get(), champion, cast)
    asked = factories.approved(third, cast)
    with triggers_switched_off("registry_freeze"):
        Freeze.objects.all().delete()

    with pytest.raises(ConflictError) as refusal:
        promote(factories.fresh(asked), actor=cast.rex)

    assert refusal.value.code == "records_altered"


def test_delegation_that_was_taken_back_signs_nothing_more(workspace, cast):
    factories.policy(workspace, cast)
    asked = factories.evaluated(factories.version(workspace, cast), cast)
    vera = factories.person("vera", workspace, Role.DEVELOPER)
    lent = delegate_signing(
        workspace,
        role=SignerRole.VALIDATOR,
        delegate=vera,
        starts_at=timezone.now(),
        ends_at=timezone.now() + timedelta(days=1),
        reason="I am on leave.",
        password=factories.PASSWORD,
        is_interactive=True,
        actor=cast.bob,
    )
    withdraw_delegation(lent, actor=cast.bob)
    with triggers_switched_off("registry_delegationwithdrawal"):
        DelegationWithdrawal.objects.all().delete()

    with pytest.raises(ConflictError) as refusal:
        factories.signed(factories.fresh(asked), vera, SignerRole.VALIDATOR)

    assert refusal.value.code == "records_altered"


STRICTER = factories.POLICY.replace("threshold: 0.7", "threshold: 0.99")
OF_TIERS = factories.POLICY.replace("registered_model: credit", "tier: [3, 4]")


def publication_lost(policy: Policy) -> None:
    PolicyPublication.objects.filter(policy=policy).delete()


def publication_put_back(policy: Policy) -> None:
    first = PolicyPublication.objects.order_by("pk").first()
    assert first is not None
    earlier = first.published_at - timedelta(seconds=1)
    PolicyPublication.objects.filter(policy=policy).update(published_at=earlier)


def policy_lost(policy: Policy) -> None:
    publication_lost(policy)
    Policy.objects.filter(pk=policy.pk).delete()


def policy_elsewhere(policy: Policy) -> None:
    Policy.objects.filter(pk=policy.pk).update(environment="staging")


@pytest.mark.parametrize(
    ("first", "done"),
    [
        (factories.POLICY, publication_lost),
        (factories.POLICY, publication_put_back),
        (factories.POLICY, policy_lost),
        (factories.POLICY, policy_elsewhere),
        (OF_TIERS, publication_lost),
        (OF_TIERS, policy_lost),
        (OF_TIERS, policy_elsewhere),
    ],
)
def test_laxer_policy_does_not_govern_again(workspace, cast, first, done):
    factories.model(workspace, cast, tier=3)
    factories.policy(workspace, cast, first)
    stricter = factories.policy(workspace, cast, STRICTER)
    with (
        triggers_switched_off("registry_policypublication"),
        triggers_switched_off("registry_policy"),
    ):
        done(stricter)
    asked = factories.evaluated(factories.version(workspace, cast), cast)

    with pytest.raises(ConflictError) as refusal:
        factories.signed(asked, cast.bob, SignerRole.VALIDATOR)

    assert refusal.value.code == "records_altered"


@pytest.mark.parametrize("done", [publication_lost, publication_put_back, policy_lost])
def test_champion_of_a_laxer_policy_does_not_serve(workspace, cast, champion, done):
    stricter = factories.policy(workspace, cast, STRICTER)
    assert "records_altered" not in reasons(champion)

    with (
        triggers_switched_off("registry_policypublication"),
        triggers_switched_off("registry_policy"),
    ):
        done(stricter)

    assert "records_altered" in reasons(champion)


def test_tiers_of_a_policy_are_held_against_the_log(workspace, cast, champion):
    tiers = factories.policy(workspace, cast, OF_TIERS)
    assert "records_altered" not in reasons(champion)

    with triggers_switched_off("registry_policy"):
        Policy.objects.filter(pk=tiers.pk).update(tiers=[4])

    assert "records_altered" in reasons(champion)


@pytest.mark.parametrize("is_moved", [False, True])
def test_critical_finding_blocks_on(workspace, cast, champion, is_moved):
    asked = factories.approved(factories.version(workspace, cast, content=b"2"), cast)
    model = champion.registered_model
    other = factories.model(workspace, cast, "loans")
    factories.finding(model, cast, Severity.LOW)
    found = Finding.objects.filter(
        pk=factories.finding(model, cast, Severity.CRITICAL).pk
    )
    assert reasons(champion) == ["finding_critical"]

    with triggers_switched_off("registry_finding"):
        found.update(registered_model=other) if is_moved else found.delete()

    assert reasons(champion) == ["records_altered"]
    with pytest.raises(ConflictError) as refusal:
        promote(factories.fresh(asked), actor=cast.rex)
    assert refusal.value.code == "records_altered"
