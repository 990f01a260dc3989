"""Whatever is signed counts as the act of both people of a delegation, beside sign-offs too."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.proofs import trail
from registry.models import (
    BreakGlassConfirmation,
    Closing,
    FreezeLifting,
    ModelVersion,
    RegisteredModel,
    Revalidation,
)
from registry.models.finding import Severity
from registry.models.sign_off import SignerRole
from registry.models.tier import Tier
from registry.services.closings import reject_request
from registry.services.evidence_views import open_evidence
from registry.services.findings import accept_risk
from registry.services.promotion import promote
from tests import factories
from tests.registry.slots import refused, slot
from tests.registry.test_delegations import delegated
from tracking.permissions import Role

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


@pytest.fixture
def zoe(workspace):
    """Owns other models: of this one she signs only what somebody lets her."""
    return factories.person("zoe", workspace, Role.OWNER)


@pytest.fixture
def labelled(workspace, cast) -> ModelVersion:
    """A version whose data Bob and Rita labelled."""
    factories.policy(workspace, cast)
    source = factories.run(workspace, cast.alice)
    data = factories.use_dataset(source, cast.alice)
    factories.card(data, cast.stella, labellers=["bob", "rita"], sensitivity=[])
    return factories.version_of(source, cast)


def test_emergency_takes_two_people_whoever_signs_for_them(
    workspace, cast, first, third, zoe
):
    factories.grant(cast.olivia, Role.RISK, workspace)
    delegated(workspace, cast.olivia, zoe, role=SignerRole.RISK)

    by_olivia = factories.emergency_asked(third, cast)
    by_zoe = factories.emergency_asked(third, cast, actor=zoe, role=SignerRole.RISK)

    assert by_zoe.printed_name == "Zoe Example, for Olivia Example"
    for asked, confirmer, role in (
        (by_olivia, zoe, SignerRole.RISK),
        (by_zoe, cast.olivia, SignerRole.OWNER),
    ):
        code = refused(factories.emergency, asked, cast, actor=confirmer, role=role)
        assert code == "two_people_in_two_roles"
    assert slot().champion == first
    factories.emergency(by_olivia, cast)
    assert slot().champion == third


def test_database_counts_who_asked_for_somebody_as_that_person(
    workspace, cast, first, third, zoe
):
    factories.grant(cast.olivia, Role.RISK, workspace)
    delegated(workspace, cast.olivia, zoe, role=SignerRole.RISK)
    asked = factories.emergency_asked(third, cast, actor=zoe, role=SignerRole.RISK)

    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        BreakGlassConfirmation.objects.create(
            break_glass=asked,
            finding=factories.finding(third.registered_model, cast, Severity.HIGH),
            confirmed_by=cast.olivia,
            confirmed_as=SignerRole.OWNER,
            printed_name="Olivia Example",
            method="by hand",
            confirmed_at=timezone.now(),
            expires_at=timezone.now(),
        )

    assert "an emergency takes two people, whoever signs for them" in str(refusal.value)


def test_nobody_breaks_the_glass_for_who_made_the_version(
    workspace, cast, labelled, zoe
):
    delegated(workspace, cast.rita, zoe, role=SignerRole.RISK)
    asked = factories.emergency_asked(labelled, cast)

    assert (
        refused(factories.emergency, asked, cast, actor=zoe) == "segregation_of_duties"
    )
    assert not BreakGlassConfirmation.objects.exists()


def test_nobody_validates_again_for_who_made_the_version(
    workspace, cast, labelled, zoe
):
    vera = factories.person("vera", workspace, Role.VALIDATOR)
    request = factories.evaluated(labelled, cast)
    request = factories.signed(request, vera, SignerRole.VALIDATOR)
    promote(factories.signed(request, cast.olivia, SignerRole.OWNER), actor=cast.rex)
    delegated(workspace, cast.bob, zoe)

    assert (
        refused(factories.revalidated, slot(), labelled, cast, actor=zoe)
        == "segregation_of_duties"
    )
    assert not Revalidation.objects.exists()


def test_nobody_rejects_for_who_made_the_version(workspace, cast, labelled):
    request = factories.evaluated(labelled, cast)
    delegated(workspace, cast.bob, cast.eve)
    open_evidence(request, actor=cast.eve)

    code = refused(
        reject_request,
        request,
        role=SignerRole.VALIDATOR,
        reason="No.",
        password=factories.PASSWORD,
        seen_digest=request.subject_digest,
        is_interactive=True,
        actor=cast.eve,
    )

    assert code == "segregation_of_duties"
    assert not Closing.objects.exists()


def test_nobody_reviews_a_rollback_for_who_rolled_back(
    workspace, cast, first, second, zoe
):
    freeze = factories.rollback(slot(), first, cast, actor=cast.rita).freeze
    delegated(workspace, cast.rita, zoe, role=SignerRole.RISK)

    assert refused(factories.lifting, freeze, cast, actor=zoe) == "reviewer_rolled_back"
    assert not FreezeLifting.objects.exists()
    delegated(workspace, cast.bob, zoe)
    factories.lifting(freeze, cast, actor=zoe)


def test_nobody_bears_the_risk_for_who_is_to_mend_it(workspace, cast, zoe):
    model = factories.model(workspace, cast)
    finding = factories.finding(model, cast, Severity.CRITICAL, owner=cast.rita)
    delegated(workspace, cast.rita, zoe, role=SignerRole.RISK)

    code = refused(
        accept_risk,
        finding,
        until=timezone.now() + timedelta(days=20),
        reason="Few loans are concerned.",
        password=factories.PASSWORD,
        is_interactive=True,
        actor=zoe,
    )

    assert code == "fixer_does_not_judge"


def test_tier_is_signed_in_ones_own_right(workspace, cast, zoe):
    model = factories.model(workspace, cast)
    for delegate in (cast.olivia, zoe):
        delegated(workspace, cast.rita, delegate, role=SignerRole.RISK)

    codes = [
        refused(factories.tier, model, cast, Tier.LOW, actor=delegate)
        for delegate in (cast.olivia, zoe)
    ]

    assert codes == ["owner_does_not_lower_demands", "may_not_assess_tier"]
    assert RegisteredModel.objects.get(pk=model.pk).tier == Tier.MODERATE


def test_entries_and_rows_say_for_whom_something_was_signed(
    workspace, cast, first, second, zoe
):
    validating = delegated(workspace, cast.bob, zoe)
    bearing = delegated(workspace, cast.rita, zoe, role=SignerRole.RISK)
    asked = factories.evaluated(
        factories.version(workspace, cast, content=b"rejected"), cast
    )
    finding = factories.finding(second.registered_model, cast, Severity.HIGH)

    open_evidence(asked, actor=zoe)
    closing = reject_request(
        asked,
        role=SignerRole.VALIDATOR,
        reason="No.",
        password=factories.PASSWORD,
        seen_digest=asked.subject_digest,
        is_interactive=True,
        actor=zoe,
    )
    revalidation = factories.revalidated(slot(), second, cast, actor=zoe)
    move = factories.borne(finding, zoe)
    freeze = factories.rollback(slot(), first, cast, actor=cast.rita).freeze
    lifting = factories.lifting(freeze, cast, actor=zoe)

    for signed, subject, delegation, person in (
        (closing, asked.subject, validating, "Bob"),
        (revalidation, slot().subject, validating, "Bob"),
        (move, finding.subject, bearing, "Rita"),
        (lifting, freeze.subject, validating, "Bob"),
    ):
        assert signed.printed_name == f"Zoe Example, for {person} Example"
        told = [entry for entry in trail([subject]) if "delegation" in entry.payload]
        assert told[-1].payload["delegation"] == delegation.subject
