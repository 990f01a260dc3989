"""Whoever takes rows away, triggers or not, gains nothing: the log still tells of them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.errors import ConflictError
from registry.models import (
    DelegationWithdrawal,
    Freeze,
    ModelVersion,
    Retirement,
    RevalidationTrigger,
    Slot,
)
from registry.models.revalidation import TriggerKind
from registry.models.sign_off import SignerRole
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
