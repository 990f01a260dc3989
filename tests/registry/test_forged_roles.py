"""Whoever is put into a group past the services lets nothing through by that role."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import DatabaseError, transaction
from django.utils import timezone

from audit.errors import ConflictError
from audit.services import system_account
from registry.models import (
    Attestation,
    AttestationKind,
    BreakGlass,
    Delegation,
    Freeze,
    ModelVersion,
    PromotionRequest,
    RegisteredModel,
    Slot,
)
from registry.models.finding import FindingState, Severity
from registry.models.sign_off import SignerRole
from registry.models.tier import Tier
from registry.services.attestations import withdraw_attestation
from registry.services.closings import invalidate_request, reject_request
from registry.services.delegations import delegate_signing
from registry.services.evidence_views import open_evidence
from registry.services.findings import move_finding
from registry.services.promotion import promote
from registry.services.rollbacks import roll_back
from tests import factories
from tests.audit.happenings import triggers_switched_off
from tracking.models import ServiceAccount, Workspace
from tracking.models.role_grant import GrantedOn, GrantState, NamePrefix, RoleGrant
from tracking.permissions import Role
from tracking.services.role_grants import (
    approve_role,
    ask_for_role,
    put_roles_into_effect,
)
from tracking.services.roles import enter_group

pytestmark = [pytest.mark.django_db, pytest.mark.on_postgresql]


def forged(user: User, role: Role, workspace: Workspace) -> User:
    user.groups.add(Group.objects.get(name=f"{workspace}:{role}"))
    return user


def altered(act: Callable[..., object], *arguments, **options) -> bool:
    with pytest.raises(ConflictError) as refusal:
        act(*arguments, **options)
    return refusal.value.code == "records_altered"


def test_nobody_publishes_a_policy(workspace, cast):
    factories.model(workspace, cast)
    forged(cast.mallory, Role.RISK, workspace)

    assert altered(
        factories.publish,
        workspace,
        factories.POLICY,
        author=cast.paul,
        publisher=cast.mallory,
    )


def test_nobody_approves_a_waiver(workspace, cast):
    asked = factories.waiver(factories.blocked(workspace, cast), cast)
    forged(cast.mallory, Role.RISK, workspace)

    assert altered(factories.waiver_approved, asked, cast.mallory)


@pytest.fixture
def attested(workspace, cast) -> Attestation:
    """Return an attestation of a version whose request is in review."""
    factories.policy(workspace, cast)
    asked = factories.evaluated(factories.version(workspace, cast), cast)
    return factories.attested(asked.model_version, cast.rex, AttestationKind.CANARY)


def ended(asked: PromotionRequest, actor: User) -> tuple[bool, bool]:
    """Try to reject a request, and to revoke its evidence; say whether it was noticed."""
    open_evidence(asked, actor=actor)
    signed: dict[str, Any] = {
        "reason": "It misses the young.",
        "password": factories.PASSWORD,
        "is_interactive": True,
        "actor": actor,
    }
    return (
        altered(
            reject_request,
            asked,
            role=SignerRole.RISK,
            seen_digest=asked.subject_digest,
            **signed,
        ),
        altered(invalidate_request, asked, **signed),
    )


def test_nobody_ends_a_request_or_withdraws_an_attestation(workspace, cast, attested):
    document = factories.POLICY.replace("[validator, owner]", "[validator, risk]")
    factories.policy(workspace, cast, document)
    asked = factories.evaluated(attested.model_version, cast)
    forged(cast.mallory, Role.RISK, workspace)

    assert ended(asked, cast.mallory) == (True, True)
    assert altered(
        withdraw_attestation, attested, reason="It is mine.", actor=cast.mallory
    )


def test_owner_by_a_forged_ownership_revokes_nothing(workspace, cast, attested):
    zoe = factories.person("zoe", workspace, Role.OWNER)
    asked = attested.model_version.promotion_requests.get()
    RegisteredModel.objects.update(owner=zoe)

    assert altered(withdraw_attestation, attested, reason="It is mine.", actor=zoe)
    assert altered(
        invalidate_request,
        asked,
        reason="It is mine.",
        password=factories.PASSWORD,
        is_interactive=True,
        actor=zoe,
    )


def test_nobody_promotes_or_rolls_back(workspace, cast):
    factories.policy(workspace, cast)
    first = factories.champion(workspace, cast)
    second = factories.approved(factories.version(workspace, cast, content=b"2"), cast)
    forged(cast.mallory, Role.RELEASE, workspace)

    assert altered(promote, second, actor=cast.mallory)
    promote(second, actor=cast.rex)
    assert altered(
        roll_back, Slot.objects.get(), to=first, reason="None.", actor=cast.mallory
    )


def test_nobody_breaks_the_glass(workspace, cast):
    factories.policy(workspace, cast)
    version = factories.version(workspace, cast)
    forged(cast.mallory, Role.RISK, workspace)

    assert altered(
        factories.emergency_asked,
        version,
        cast,
        role=SignerRole.RISK,
        actor=cast.mallory,
    )


def test_nobody_breaks_the_glass_as_an_owner_of_whom_the_log_does_not_tell(
    workspace, cast
):
    factories.policy(workspace, cast)
    version = factories.version(workspace, cast)
    zoe = factories.person("zoe", workspace, Role.OWNER)
    RegisteredModel.objects.update(owner=zoe)

    assert altered(
        factories.emergency_asked,
        ModelVersion.objects.with_lineage().get(pk=version.pk),
        cast,
        actor=zoe,
    )


def test_nobody_breaks_the_glass_by_a_delegation_that_nobody_signed(workspace, cast):
    factories.policy(workspace, cast)
    version = factories.version(workspace, cast)
    now = timezone.now()
    Delegation.objects.create(
        workspace=workspace,
        role=SignerRole.RISK,
        delegator=cast.rita,
        delegate=factories.person("zoe", workspace, Role.OWNER),
        printed_name="Rita Example",
        reason="Away.",
        method="password re-entered",
        starts_at=now - timedelta(days=1),
        ends_at=now + timedelta(days=300),
        signed_at=now,
    )
    assert altered(
        factories.emergency_asked,
        version,
        cast,
        role=SignerRole.RISK,
        actor=Delegation.objects.get().delegate,
    )


def test_nobody_lowers_a_tier(workspace, cast):
    model = factories.model(workspace, cast)
    forged(cast.mallory, Role.RISK, workspace)

    assert altered(factories.tier, model, cast, Tier.LOW, actor=cast.mallory)


@pytest.mark.parametrize(
    "kind", [AttestationKind.CANARY, AttestationKind.BUSINESS_IMPACT]
)
def test_nobody_attests(workspace, cast, kind):
    version = factories.version(workspace, cast)
    forged(cast.mallory, Role.RISK, workspace)

    assert altered(factories.attested, version, cast.mallory, kind)


def test_nobody_judges_a_finding(workspace, cast):
    model = factories.model(workspace, cast)
    fixed = factories.finding(model, cast, Severity.CRITICAL)
    move_finding(fixed, to=FindingState.FIXED, reason="Mended.", actor=cast.alice)
    forged(cast.mallory, Role.RISK, workspace)

    assert altered(
        move_finding,
        fixed,
        to=FindingState.VERIFIED,
        reason="Seen.",
        actor=cast.mallory,
    )
    open_one = factories.finding(model, cast, Severity.HIGH)
    assert altered(factories.borne, open_one, cast.mallory)


def test_nobody_validates_or_lifts_a_freeze(workspace, cast):
    factories.policy(workspace, cast)
    first = factories.champion(workspace, cast)
    factories.champion(workspace, cast, content=b"2")
    slot = Slot.objects.get()
    factories.rollback(slot, first, cast)
    forged(cast.mallory, Role.VALIDATOR, workspace)

    slot = Slot.objects.get()
    assert altered(factories.revalidated, slot, first, cast, actor=cast.mallory)
    assert altered(factories.lifting, Freeze.objects.get(), cast, actor=cast.mallory)


def test_nobody_approves_a_role(workspace, cast):
    grant = ask_for_role(
        cast.mallory,
        role=Role.VALIDATOR,
        workspace=workspace,
        reason="Joins model validation.",
        actor=cast.ada,
    )
    zoe = forged(factories.person("zoe", workspace, None), Role.RISK, workspace)

    assert altered(approve_role, grant, actor=zoe)


def test_nobody_lifts_a_label(workspace, cast):
    loans = factories.dataset(workspace, cast.alice)
    factories.card(loans, cast.alice)
    forged(cast.mallory, Role.STEWARD, workspace)

    assert altered(factories.card, loans, cast.mallory, sensitivity=[])


@pytest.mark.parametrize(("prefix", "counts"), [("cre", True), ("toy-", False)])
def test_role_counts_where_it_was_granted_only(workspace, cast, prefix, counts):
    factories.policy(workspace, cast)
    asked = factories.evaluated(factories.version(workspace, cast), cast)
    now, installation = timezone.now(), system_account()
    row = NamePrefix.objects.create(workspace=workspace, prefix=prefix)
    grant = RoleGrant.objects.create(
        workspace=workspace,
        role=Role.VALIDATOR,
        account=cast.mallory,
        granted_on=GrantedOn.PREFIX,
        object_pk=row.pk,
        object_name=prefix,
        by_installation=True,
        state=GrantState.EFFECTIVE,
        asked_by=installation,
        approved_by=installation,
        approved_at=now,
        effective_at=now,
    )
    enter_group(grant, actor=installation)
    forged(cast.mallory, Role.VALIDATOR, workspace)

    if counts:
        signed = factories.signed(asked, cast.mallory, SignerRole.VALIDATOR)
        assert signed.sign_offs.get().signer == cast.mallory
    else:
        assert altered(factories.signed, asked, cast.mallory, SignerRole.VALIDATOR)


def test_grant_that_nobody_asked_for_never_comes_into_effect(workspace, cast):
    now = timezone.now()
    forged_row = RoleGrant.objects.create(
        workspace=workspace,
        role=Role.VALIDATOR,
        account=cast.mallory,
        object_name=workspace.name,
        state=GrantState.APPROVED,
        asked_by=cast.ada,
        approved_by=cast.rita,
        approved_at=now,
        effective_at=now,
    )

    assert put_roles_into_effect() == 0
    forged_row.refresh_from_db()
    assert forged_row.state == GrantState.REFUSED
    assert not cast.mallory.groups.exists()


@pytest.mark.parametrize("is_signing", [True, False])
def test_grant_that_was_altered_or_approved_by_hand_never_comes_into_effect(
    workspace, cast, is_signing
):
    grant = ask_for_role(
        cast.mallory,
        role=Role.VALIDATOR if is_signing else Role.DEVELOPER,
        workspace=workspace,
        reason="Joins.",
        actor=cast.ada,
    )
    now = timezone.now()
    RoleGrant.objects.filter(pk=grant.pk).update(
        role=Role.VALIDATOR,
        state=GrantState.APPROVED,
        approved_by=cast.rita,
        approved_at=now,
        effective_at=now,
    )

    assert put_roles_into_effect() == 0
    assert not cast.mallory.groups.exists()


def test_day_of_waiting_is_not_taken_away(workspace, cast):
    grant = ask_for_role(
        cast.mallory,
        role=Role.VALIDATOR,
        workspace=workspace,
        reason="Joins.",
        actor=cast.ada,
    )
    approve_role(grant, actor=cast.rita)
    RoleGrant.objects.filter(pk=grant.pk).update(effective_at=timezone.now())

    assert put_roles_into_effect() == 0


def test_owner_of_whom_the_log_does_not_tell_hands_nothing_over(workspace, cast):
    model = factories.model(workspace, cast)
    zoe = factories.person("zoe", workspace, Role.OWNER)
    RegisteredModel.objects.update(owner=zoe)

    assert altered(
        factories.model_card,
        RegisteredModel.objects.get(pk=model.pk),
        cast,
        owner=zoe,
        actor=zoe,
    )


def test_emergency_that_nobody_asked_for_is_not_confirmed(workspace, cast, champion):
    version = factories.version(workspace, cast, content=b"2")
    slot, now = Slot.objects.get(), timezone.now()
    asked = BreakGlass.objects.create(
        slot=slot,
        model_version=version,
        reason="Now.",
        hours=24,
        asked_by=cast.olivia,
        asked_as=SignerRole.OWNER,
        printed_name="Olivia Example",
        method="password re-entered",
        asked_at=now,
        lapses_at=now + timedelta(hours=1),
    )

    assert altered(factories.emergency, asked, cast)
    assert Slot.objects.get().champion == champion


@pytest.fixture
def freed(cast) -> User:
    """A program whose row was deleted in a shell, and which got a password there."""
    with triggers_switched_off("tracking_serviceaccount"):
        ServiceAccount.objects.filter(user=cast.bot).delete()
    cast.bot.set_password(factories.PASSWORD)
    cast.bot.is_staff = True
    cast.bot.save()
    return User.objects.get(pk=cast.bot.pk)


def test_program_gets_no_role_of_people_though_its_row_is_gone(workspace, cast, freed):
    for role in (Role.VALIDATOR, Role.DEVELOPER, Role.ADMINISTRATOR):
        assert altered(
            ask_for_role,
            freed,
            role=role,
            workspace=workspace,
            reason="Joins.",
            actor=cast.ada,
        )


def test_program_signs_for_nobody_though_its_row_is_gone(workspace, cast, freed):
    factories.policy(workspace, cast)
    asked = factories.evaluated(factories.version(workspace, cast), cast)
    now = timezone.now()
    terms = {"starts_at": now, "ends_at": now + timedelta(days=1), "reason": "Away."}
    assert altered(
        delegate_signing,
        workspace,
        role=SignerRole.VALIDATOR,
        delegate=freed,
        **terms,
        password=factories.PASSWORD,
        is_interactive=True,
        actor=cast.bob,
    )
    Delegation.objects.create(
        workspace=workspace,
        role=SignerRole.VALIDATOR,
        delegator=cast.bob,
        delegate=freed,
        printed_name="Bob Example",
        method="password re-entered",
        signed_at=now,
        **terms,
    )

    with pytest.raises(ConflictError, match="was made for a person"):
        factories.signed(asked, freed, SignerRole.VALIDATOR)


def test_program_attests_nothing_as_a_person_though_its_row_is_gone(
    workspace, cast, freed
):
    version = factories.version(workspace, cast)
    assert altered(factories.attested, version, freed, AttestationKind.UNIT_TESTS)


def test_account_that_no_service_made_gets_no_role(workspace, cast):
    made = User.objects.create_user("shell", password=factories.PASSWORD, is_staff=True)
    assert altered(
        ask_for_role,
        made,
        role=Role.VALIDATOR,
        workspace=workspace,
        reason="Joins.",
        actor=cast.ada,
    )


def test_program_stays_one_in_a_shell(cast):
    for change in (
        ServiceAccount.objects.filter(user=cast.bot).delete,
        lambda: ServiceAccount.objects.update(user=cast.mallory),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    assert ServiceAccount.objects.get().user == cast.bot
