"""Who writes rows past the services, or takes some away, lets nothing serve by it."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.utils import timezone

from audit.errors import ConflictError
from audit.sequencer import sequence_pending
from registry.models import (
    Attestation,
    AttestationKind,
    AttestationWithdrawal,
    BreakGlassConfirmation,
    BreakGlassEnd,
    Delegation,
    EvidenceView,
    Finding,
    Freeze,
    FreezeLifting,
    GateRun,
    ModelVersion,
    PolicyPublication,
    PromotionRequest,
    RegisteredModel,
    RequestState,
    Revalidation,
    Slot,
    TierAssessment,
    Verdict,
    VersionListing,
    Waiver,
    WaiverApproval,
    WaiverWithdrawal,
)
from registry.models.finding import FindingState, Severity
from registry.models.revalidation import TriggerKind
from registry.models.sign_off import SignerRole
from registry.models.tier import Tier
from registry.services.attestations import withdraw_attestation
from registry.services.conclusions import reconsider
from registry.services.decisions import Decision, decide
from registry.services.promotion import promote
from registry.services.registered_models import rename_model
from registry.services.revalidations import trigger_revalidation
from registry.verdict import Outcome
from tests import factories
from tests.audit.happenings import triggers_switched_off
from tracking.permissions import Role
from tracking.services.roles import revoke_role

pytestmark = [pytest.mark.django_db, pytest.mark.on_postgresql]


@pytest.fixture
def waived(workspace, cast) -> PromotionRequest:
    """Return an approved request that rests on a waiver."""
    asked = factories.blocked(workspace, cast)
    factories.waived(asked, cast)
    return factories.approved_as_it_is(factories.fresh(asked), cast)


def decision(version: ModelVersion) -> Decision:
    return decide(version, environment="production", now=timezone.now())


def told(decided: Decision) -> tuple[str, list[str]]:
    return str(decided.answer), [reason.code for reason in decided.reasons]


def refused(asked: PromotionRequest, cast) -> str:
    with pytest.raises(ConflictError) as refusal:
        promote(asked, actor=cast.rex)
    assert factories.fresh(asked).state == RequestState.APPROVED
    return refusal.value.code


def test_verdict_that_was_made_to_pass_is_not_signed_on_and_does_not_serve(
    workspace, cast
):
    asked = factories.blocked(workspace, cast)
    with triggers_switched_off("registry_verdict"):
        Verdict.objects.filter(gate_run__request=asked).update(outcome=Outcome.PASS)
    PromotionRequest.objects.move(asked.pk, to=RequestState.IN_REVIEW)

    with pytest.raises(ConflictError) as refusal:
        factories.signed(factories.fresh(asked), cast.bob, SignerRole.VALIDATOR)

    assert refusal.value.code == "records_altered"
    assert "the verdict of auc" in str(refusal.value)


def test_document_of_a_verdict_is_held_against_the_log(champion):
    with triggers_switched_off("registry_verdict"):
        verdict = Verdict.objects.first()
        assert verdict is not None
        Verdict.objects.filter(pk=verdict.pk).update(
            document=verdict.document.replace('"attempt":1', '"attempt":2')
        )

    assert told(decision(champion)) == ("deny", ["records_altered"])


def test_waiver_whose_approval_was_written_past_the_services_lets_nothing_through(
    workspace, cast
):
    asked = factories.blocked(workspace, cast)
    forged = factories.waiver(asked, cast)
    WaiverApproval.objects.create(
        waiver=forged,
        approver=cast.rita,
        printed_name="Rita Risk",
        reason="None.",
        method="password re-entered",
        approved_at=timezone.now(),
    )
    PromotionRequest.objects.move(asked.pk, to=RequestState.IN_REVIEW)
    reconsider(asked.pk, cause="a shell", actor=cast.rita, now=timezone.now())

    with pytest.raises(ConflictError) as refusal:
        factories.signed(factories.fresh(asked), cast.bob, SignerRole.VALIDATOR)
    assert refusal.value.code == "records_altered"


def test_waiver_that_was_made_longer_does_not_let_its_version_serve(waived, cast):
    version = waived.model_version
    promote(waived, actor=cast.rex)
    assert told(decision(version)) == ("allow", [])

    with triggers_switched_off("registry_waiver"):
        Waiver.objects.update(expires_at=timezone.now() + timedelta(days=900))

    assert told(decision(version)) == ("deny", ["records_altered"])


@pytest.mark.parametrize("attempt", [2, None])
def test_waiver_lets_through_what_it_was_asked_for(workspace, cast, attempt):
    asked = factories.blocked(workspace, cast)
    factories.waived(asked, cast)
    asked = factories.approved_as_it_is(factories.evaluated_again(asked, cast), cast)
    promote(asked, actor=cast.rex)
    assert told(decision(asked.model_version)) == ("allow", [])
    verdicts = Verdict.objects.filter(gate_run__gate="auc")

    with triggers_switched_off("registry_waiver"):
        Waiver.objects.update(
            verdict=verdicts.filter(gate_run__attempt=attempt).first()
        )

    assert told(decision(asked.model_version)) == ("deny", ["records_altered"])


def test_evidence_that_a_waiver_was_asked_on_is_held_against_the_log(workspace, cast):
    asked = factories.blocked(workspace, cast)
    factories.waived(asked, cast)
    factories.champion(workspace, cast, content=b"to compare with")
    asked = factories.evaluated_again(asked, cast)
    factories.waived(asked, cast, gate="regression")
    first, second = asked.snapshots.order_by("attempt")
    with triggers_switched_off("registry_evidencesnapshot"):
        asked.snapshots.filter(pk=first.pk).update(document=second.document)
    reconsider(asked.pk, cause="a shell", actor=cast.rita, now=timezone.now())
    assert factories.fresh(asked).state == RequestState.IN_REVIEW

    with pytest.raises(ConflictError) as refusal:
        factories.signed(factories.fresh(asked), cast.bob, SignerRole.VALIDATOR)

    assert refusal.value.code == "records_altered"


@pytest.mark.parametrize("rows", [Waiver, WaiverApproval])
def test_reason_of_a_waiver_is_the_one_that_was_given(waived, cast, rows):
    version = waived.model_version
    promote(waived, actor=cast.rex)

    with triggers_switched_off(rows._meta.db_table):
        rows.objects.update(reason="Another one.")

    assert told(decision(version)) == ("deny", ["records_altered"])


def test_withdrawal_that_was_taken_away_still_counts(waived, cast):
    granted = Waiver.objects.get()
    version = waived.model_version
    promote(waived, actor=cast.rex)
    factories.withdrawn_waiver(granted, cast)
    assert told(decision(version)) == ("deny", ["waiver_expired"])

    with triggers_switched_off("registry_waiverwithdrawal"):
        WaiverWithdrawal.objects.all().delete()

    assert told(decision(version)) == ("deny", ["records_altered"])


ATTESTED = factories.POLICY + (
    "attestations: [{kind: canary, accepts: [human], max_age_days: 20}]\n"
)


def test_attestations_are_held_against_the_log_both_ways(workspace, cast):
    factories.policy(workspace, cast, ATTESTED)
    version = factories.version(workspace, cast)
    given = factories.attested(version, cast.rex, AttestationKind.CANARY)
    factories.promoted(version, cast)
    assert told(decision(version)) == ("allow", [])

    withdraw_attestation(given, reason="It had alarmed.", actor=cast.olivia)
    with triggers_switched_off("registry_attestationwithdrawal"):
        AttestationWithdrawal.objects.all().delete()
    assert told(decision(version)) == ("deny", ["records_altered"])

    factories.attested(version, cast.rex, AttestationKind.CANARY)
    assert told(decision(version)) == ("allow", [])
    with triggers_switched_off("registry_attestation"):
        Attestation.objects.update(method="token of a service account")
    assert told(decision(version)) == ("deny", ["records_altered"])


def test_emergency_that_was_made_longer_is_denied(workspace, cast, champion):
    version = factories.version(workspace, cast, content=b"2")
    factories.emergency(factories.emergency_asked(version, cast), cast)
    assert decision(version).answer == "allow"

    with triggers_switched_off("registry_breakglassconfirmation"):
        BreakGlassConfirmation.objects.update(
            expires_at=timezone.now() + timedelta(days=30)
        )

    assert told(decision(version)) == ("deny", ["records_altered"])


def test_attestation_from_before_a_model_was_renamed_still_counts(workspace, cast):
    version = factories.version(workspace, cast)
    factories.attested(version, cast.rex, AttestationKind.CANARY)
    model = rename_model(version.registered_model, name="loans", actor=cast.alice)
    document = ATTESTED.replace("credit", "loans")
    factories.publish(workspace, document, author=cast.paul, publisher=cast.rita)

    version = model.versions.get()
    factories.promoted(version, cast)

    assert told(decision(version)) == ("allow", [])


def test_champion_that_no_promotion_put_there_is_denied(workspace, cast, champion):
    second = factories.champion(workspace, cast, content=b"2")
    assert told(decision(second)) == ("allow", [])

    Slot.objects.update(champion=champion)
    assert told(decision(champion)) == ("deny", ["slot_altered"])

    Slot.objects.update(champion=second)
    factories.rollback(Slot.objects.get(), champion, cast)
    Slot.objects.update(champion=second)
    assert decision(second).answer == "deny"
    assert "slot_altered" in told(decision(second))[1]
    Slot.objects.update(champion=champion)
    assert decision(champion).answer == "allow"


def test_emergency_that_was_made_permanent_is_denied(workspace, cast, champion):
    version = factories.version(workspace, cast, content=b"2")
    confirmed = factories.emergency(factories.emergency_asked(version, cast), cast)
    BreakGlassEnd.objects.create(confirmation=confirmed, ended_at=timezone.now())
    Slot.objects.update(break_glass=None)

    assert decision(version).answer == "deny"
    assert "slot_altered" in told(decision(version))[1]


def test_emergency_that_has_ended_is_not_put_back(workspace, cast, champion):
    version = factories.version(workspace, cast, content=b"2")
    confirmed = factories.emergency(factories.emergency_asked(version, cast), cast)
    factories.rollback(Slot.objects.get(), champion, cast)
    Slot.objects.update(champion=version, break_glass=confirmed)

    assert decision(version).answer == "deny"
    assert "slot_altered" in told(decision(version))[1]


def test_champion_whose_request_was_moved_away_is_denied(waived, cast):
    version = waived.model_version
    promote(waived, actor=cast.rex)
    factories.withdrawn_waiver(Waiver.objects.get(), cast)

    PromotionRequest.objects.move(waived.pk, to=RequestState.ROLLED_BACK)

    assert told(decision(version)) == ("deny", ["slot_altered"])


def test_finding_that_nobody_moved_blocks_on(cast, champion):
    factories.finding(champion.registered_model, cast, Severity.CRITICAL)
    assert told(decision(champion)) == ("deny", ["finding_critical"])

    with triggers_switched_off("registry_finding"):
        Finding.objects.update(state=FindingState.CLOSED)

    assert told(decision(champion)) == ("deny", ["records_altered"])


def made_low(found: Finding) -> None:
    later = timezone.now() + timedelta(days=9)
    Finding.objects.filter(pk=found.pk).update(severity=Severity.LOW, due_at=later)


def made_low_and_closed(found: Finding) -> None:
    made_low(found)
    Finding.objects.filter(pk=found.pk).update(state=FindingState.CLOSED)


def put_off(found: Finding) -> None:
    later = timezone.now() + timedelta(days=900)
    Finding.objects.filter(pk=found.pk).update(due_at=later)


def set_on_another_version(found: Finding) -> None:
    other = ModelVersion.objects.order_by("pk").last()
    Finding.objects.filter(pk=found.pk).update(model_version=other)


@pytest.mark.parametrize(
    "done", [made_low, made_low_and_closed, put_off, set_on_another_version]
)
def test_open_finding_is_as_grave_as_the_log_tells(workspace, cast, champion, done):
    asked = factories.approved(factories.version(workspace, cast, content=b"2"), cast)
    model = champion.registered_model
    found = factories.finding(model, cast, Severity.CRITICAL, version=champion)
    with triggers_switched_off("registry_finding"):
        done(found)

    assert "records_altered" in told(decision(champion))[1]
    assert refused(asked, cast) == "records_altered"


def test_revalidation_that_nobody_signed_counts_for_nothing(cast, champion):
    trigger_revalidation(
        champion.registered_model,
        kind=TriggerKind.DRIFT_BREACH,
        detail="PSI 0.3",
        actor=cast.bob,
    )
    sequence_pending()
    with time_machine.travel(timezone.now() + timedelta(days=31), tick=False):
        assert told(decision(champion)) == ("deny", ["revalidation_due"])
        Revalidation.objects.create(
            slot=Slot.objects.get(),
            model_version=champion,
            conclusion="It is fine.",
            signer=cast.bob,
            printed_name="Bob Example",
            method="password re-entered",
            signed_at=timezone.now(),
        )

        assert told(decision(champion)) == ("deny", ["records_altered"])


def test_freeze_that_nobody_lifted_stays_in_force(workspace, cast, champion):
    factories.champion(workspace, cast, content=b"2")
    third = factories.version(workspace, cast, content=b"3")
    factories.rollback(Slot.objects.get(), champion, cast)
    asked = factories.approved(third, cast)
    FreezeLifting.objects.create(
        freeze=Freeze.objects.get(),
        conclusion="It is fine.",
        lifted_by=cast.bob,
        printed_name="Bob Example",
        method="password re-entered",
        lifted_at=timezone.now(),
    )

    assert refused(asked, cast) == "records_altered"


def test_tier_that_nobody_signed_approves_nothing_that_is_promoted(workspace, cast):
    model = factories.model(workspace, cast, tier=4)
    automatic = factories.POLICY.replace("[validator, owner]", "[]")
    factories.policy(workspace, cast, automatic)
    factories.tier(model, cast, Tier.HIGH)
    TierAssessment.objects.create(
        registered_model=model,
        tier=Tier.LOW,
        former_tier=Tier.HIGH,
        rationale="Small loans.",
        exposure="Little.",
        signer=cast.rita,
        printed_name="Rita Example",
        method="password re-entered",
        signed_at=timezone.now(),
    )
    RegisteredModel.objects.update(tier=Tier.LOW)

    asked = factories.evaluated(factories.version(workspace, cast), cast)

    assert asked.state == RequestState.APPROVED
    assert refused(asked, cast) == "records_altered"


def test_policy_that_nobody_published_lets_nothing_be_signed(workspace, cast):
    lax = factories.POLICY.replace("auc, threshold: 0.7", "auc, threshold: 0.5")
    drafted = factories.policy(workspace, cast, lax, published=False)
    PolicyPublication.objects.create(
        policy=drafted, published_by=cast.rita, published_at=timezone.now()
    )
    asked = factories.evaluated(factories.version(workspace, cast), cast)

    with pytest.raises(ConflictError) as refusal:
        factories.signed(asked, cast.bob, SignerRole.VALIDATOR)

    assert refusal.value.code == "records_altered"


def test_gate_whose_verdict_is_gone_lets_nothing_be_signed(workspace, cast):
    asked = factories.blocked(workspace, cast)
    with (
        triggers_switched_off("registry_gaterun"),
        triggers_switched_off("registry_verdict"),
    ):
        Verdict.objects.filter(gate_run__gate="auc").delete()
        GateRun.objects.filter(gate="auc").delete()
    reconsider(asked.pk, cause="a shell", actor=cast.rita, now=timezone.now())

    with pytest.raises(ConflictError) as refusal:
        factories.signed(factories.fresh(asked), cast.bob, SignerRole.VALIDATOR)

    assert refusal.value.code in {"records_altered", "request_not_in_review"}


def test_evidence_that_nobody_opened_is_not_signed(workspace, cast):
    factories.policy(workspace, cast)
    asked = factories.evaluated(factories.version(workspace, cast), cast)
    EvidenceView.objects.create(
        request=asked,
        viewer=cast.bob,
        subject_digest=asked.subject_digest,
        viewed_at=timezone.now() - timedelta(days=2),
    )

    with pytest.raises(ConflictError) as refusal:
        factories.signed(asked, cast.bob, SignerRole.VALIDATOR)

    assert refusal.value.code == "records_altered"


def test_nobody_signs_by_a_delegation_or_an_ownership_of_which_the_log_knows_nothing(
    workspace, cast
):
    factories.policy(workspace, cast)
    asked = factories.evaluated(factories.version(workspace, cast), cast)
    now = timezone.now()
    Delegation.objects.create(
        workspace=workspace,
        role=SignerRole.VALIDATOR,
        delegator=cast.bob,
        delegate=cast.mallory,
        printed_name="Bob Example",
        reason="Away.",
        method="password re-entered",
        starts_at=now - timedelta(days=1),
        ends_at=now + timedelta(days=300),
        signed_at=now,
    )
    zoe = factories.person("zoe", workspace, Role.OWNER)
    RegisteredModel.objects.update(owner=zoe)

    for signer, role in (
        (cast.mallory, SignerRole.VALIDATOR),
        (zoe, SignerRole.OWNER),
    ):
        with pytest.raises(ConflictError) as refusal:
            factories.signed(factories.fresh(asked), signer, role)
        assert refusal.value.code == "records_altered"


def test_nobody_signs_in_a_role_that_nobody_gave_them(workspace, cast):
    factories.policy(workspace, cast)
    asked = factories.evaluated(factories.version(workspace, cast), cast)
    validators = Group.objects.get(name=f"{workspace}:{Role.VALIDATOR}")
    revoke_role(cast.bob, role=Role.VALIDATOR, workspace=workspace, actor=cast.ada)

    for signer in (cast.mallory, cast.bob):
        signer.groups.add(validators)
        with pytest.raises(ConflictError) as refusal:
            factories.signed(factories.fresh(asked), signer, SignerRole.VALIDATOR)
        assert refusal.value.code == "records_altered"


def test_version_row_with_the_digest_of_another_file_is_not_evaluated(workspace, cast):
    factories.policy(workspace, cast)
    good = factories.version(workspace, cast)
    forged = ModelVersion.objects.create(
        registered_model=good.registered_model,
        number=77,
        source=good.source,
        source_run=good.source_run,
        artifact=good.artifact,
        artifact_sha256="f" * 64,
        created_by=cast.bob,
    )
    VersionListing.objects.create(
        version=forged,
        registered_model=forged.registered_model,
        updated_at=forged.created_at,
    )

    with pytest.raises(ConflictError) as refusal:
        factories.request(ModelVersion.objects.with_lineage().get(pk=forged.pk), cast)

    assert refusal.value.code == "artifact_changed"
