"""Who may sign, what a signature is bound to, and what voids it."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from audit.errors import ConflictError, InvalidError, PermissionDeniedError
from audit.proofs import trail
from audit.sequencer import sequence_pending
from registry.models import PromotionRequest, RequestState, SignOff
from registry.models.sign_off import SignerRole
from registry.services.sign_offs import missing_roles
from tests import factories
from tracking.permissions import Role
from tracking.services.roles import group_of

pytestmark = [pytest.mark.django_db, pytest.mark.on_postgresql]


@pytest.fixture
def request_in_review(workspace, cast) -> PromotionRequest:
    factories.policy(workspace, cast)
    return factories.evaluated(factories.version(workspace, cast), cast)


def test_signature_prints_name_role_meaning_method_and_digest(request_in_review, cast):
    factories.signed(
        request_in_review, cast.bob, SignerRole.VALIDATOR, meaning="I checked it."
    )

    signed = SignOff.objects.get()
    assert (signed.printed_name, signed.role, signed.meaning, signed.method) == (
        "Bob Example",
        "validator",
        "I checked it.",
        "password re-entered",
    )
    assert signed.subject_digest == request_in_review.subject_digest
    assert missing_roles(request_in_review) == ["owner"]


def test_names_and_meanings_stand_in_the_log_only_as_commitments(
    request_in_review, cast
):
    factories.signed(
        request_in_review, cast.bob, SignerRole.VALIDATOR, meaning="Secret remark"
    )

    entry = trail([request_in_review.subject])[-1]
    assert entry.kind == "registry.sign_off.given"
    assert "Secret remark" not in str(entry.payload)
    assert "Bob" not in str(entry.payload)


def test_developer_cannot_approve_their_own_version_and_the_refusal_is_logged(
    request_in_review, cast, workspace
):
    with pytest.raises(PermissionDeniedError) as refusal:
        factories.signed(request_in_review, cast.alice, SignerRole.VALIDATOR)

    assert refusal.value.code == "segregation_of_duties"
    assert refusal.value.extra["conflicts"] == [
        "created the source run",
        "uploaded evidence",
        "registered this version",
        "submitted this version",
    ]
    last = trail([request_in_review.subject])[-1]
    assert (last.kind, last.actor, last.payload) == (
        "registry.sign_off.refused",
        f"user/{cast.alice.pk}",
        {"role": "validator", "code": "segregation_of_duties"},
    )
    assert not SignOff.objects.exists()


def test_developer_who_is_also_validator_still_cannot_sign_their_own(
    request_in_review, cast, workspace
):
    factories.grant(cast.alice, Role.VALIDATOR, workspace)

    with pytest.raises(PermissionDeniedError) as refusal:
        factories.signed(request_in_review, cast.alice, SignerRole.VALIDATOR)

    assert refusal.value.code == "segregation_of_duties"


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("ada", SignerRole.VALIDATOR),
        ("ada", SignerRole.OWNER),
        ("bot", SignerRole.VALIDATOR),
        ("bob", SignerRole.OWNER),
        ("olivia", SignerRole.VALIDATOR),
        ("carol", SignerRole.VALIDATOR),
        ("rex", SignerRole.OWNER),
        ("mallory", SignerRole.VALIDATOR),
    ],
)
def test_nobody_signs_in_a_role_that_they_do_not_hold_not_even_a_superuser(
    request_in_review, cast, name, role
):
    with pytest.raises(PermissionDeniedError) as refusal:
        factories.signed(request_in_review, getattr(cast, name), role)

    assert refusal.value.code == "may_not_sign"


def test_superuser_who_is_given_every_permission_still_does_not_sign(
    request_in_review, cast, workspace
):
    cast.bob.is_superuser = True
    cast.bob.save()

    with pytest.raises(PermissionDeniedError) as refusal:
        factories.signed(request_in_review, cast.bob, SignerRole.VALIDATOR)

    assert refusal.value.code == "may_not_sign"


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.OPERATOR])
def test_who_keeps_accounts_does_not_sign_however_they_came_to(
    request_in_review, cast, workspace, role
):
    group_of(role, workspace).user_set.add(cast.bob)

    with pytest.raises(PermissionDeniedError) as refusal:
        factories.signed(request_in_review, cast.bob, SignerRole.VALIDATOR)

    assert refusal.value.code == "may_not_sign"


def test_owner_role_does_not_sign_for_somebody_elses_model(
    request_in_review, cast, workspace
):
    other = factories.person("otto", workspace, Role.OWNER)

    with pytest.raises(PermissionDeniedError) as refusal:
        factories.signed(request_in_review, other, SignerRole.OWNER)

    assert refusal.value.code == "may_not_sign"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"password": "guessed"}, "password_wrong"),
        ({"is_interactive": False}, "signing_needs_a_session"),
    ],
)
def test_signature_needs_a_person_who_enters_the_password_again(
    request_in_review, cast, changes, code
):
    with pytest.raises(PermissionDeniedError) as refusal:
        factories.signed(request_in_review, cast.bob, SignerRole.VALIDATOR, **changes)

    assert refusal.value.code == code
    assert trail([request_in_review.subject])[-1].payload["code"] == code
    assert not SignOff.objects.exists()


def test_signature_without_a_meaning_is_refused(request_in_review, cast):
    with pytest.raises(InvalidError) as refusal:
        factories.signed(
            request_in_review, cast.bob, SignerRole.VALIDATOR, meaning="  "
        )

    assert refusal.value.code == "meaning_missing"


def test_one_person_counts_once_even_with_two_roles(request_in_review, cast, workspace):
    factories.grant(cast.olivia, Role.VALIDATOR, workspace)
    factories.signed(request_in_review, cast.olivia, SignerRole.OWNER)

    with pytest.raises(ConflictError) as refusal:
        factories.signed(request_in_review, cast.olivia, SignerRole.VALIDATOR)

    assert refusal.value.code == "signer_counts_once"


def test_role_signs_once(request_in_review, cast, workspace):
    factories.signed(request_in_review, cast.bob, SignerRole.VALIDATOR)
    other = factories.person("vera", workspace, Role.VALIDATOR)

    with pytest.raises(ConflictError) as refusal:
        factories.signed(request_in_review, other, SignerRole.VALIDATOR)

    assert refusal.value.code == "role_signed"


def test_role_that_the_policy_does_not_want_does_not_sign(request_in_review, cast):
    with pytest.raises(ConflictError) as refusal:
        factories.signed(request_in_review, cast.rita, SignerRole.RISK)

    assert refusal.value.code == "role_not_wanted"


def test_author_of_the_policy_does_not_sign_for_thirty_days(
    request_in_review, cast, workspace
):
    factories.grant(cast.paul, Role.VALIDATOR, workspace)

    with pytest.raises(PermissionDeniedError) as refusal:
        factories.signed(request_in_review, cast.paul, SignerRole.VALIDATOR)

    assert refusal.value.extra["conflicts"] == [
        "wrote the policy less than 30 days ago"
    ]
    sequence_pending()
    with time_machine.travel(timezone.now() + timedelta(days=31), tick=False):
        factories.signed(request_in_review, cast.paul, SignerRole.VALIDATOR)


def test_blocked_request_cannot_be_signed(workspace, cast):
    factories.policy(workspace, cast)
    weak = factories.version(
        workspace, cast, scores=factories.predictions(strength=0.05)
    )
    request = factories.evaluated(weak, cast)
    assert request.state == RequestState.BLOCKED

    with pytest.raises(ConflictError) as refusal:
        factories.signed(request, cast.bob, SignerRole.VALIDATOR)

    assert refusal.value.code == "request_not_in_review"


def test_approval_needs_every_wanted_role_and_records_when_it_ends(
    request_in_review, cast
):
    request = factories.signed(request_in_review, cast.bob, SignerRole.VALIDATOR)
    assert request.state == RequestState.IN_REVIEW

    request = factories.signed(request_in_review, cast.olivia, SignerRole.OWNER)

    assert request.state == RequestState.APPROVED
    assert request.approved_at is not None
    assert request.approval_expires_at == request.approved_at + timedelta(days=30)


def test_evidence_that_the_signer_has_not_seen_is_not_signed(request_in_review, cast):
    with pytest.raises(ConflictError) as refusal:
        factories.signed(
            request_in_review, cast.bob, SignerRole.VALIDATOR, seen_digest="sha256:old"
        )

    assert refusal.value.code == "evidence_not_seen"
    assert not SignOff.objects.exists()


# Two factors


@pytest.fixture(params=[1, 2], ids=["critical", "high"])
def risky_request(request, workspace, cast) -> PromotionRequest:
    factories.model(workspace, cast, tier=request.param)
    document = factories.POLICY.replace(
        "[validator, owner]", "[validator, owner, risk]"
    )
    document = document.replace("approval_days: 30", "approval_days: 14")
    factories.policy(workspace, cast, document)
    return factories.evaluated(factories.version(workspace, cast), cast)


def test_model_of_the_upper_tiers_wants_two_factors(risky_request, cast):
    app = factories.second_factor(cast.bob)

    factories.signed(risky_request, cast.bob, SignerRole.VALIDATOR, code=app.code())

    assert SignOff.objects.get().method == "password and one-time code"


@pytest.mark.parametrize(
    ("code", "is_enrolled", "refused_as"),
    [
        ("", False, "second_factor_not_enrolled"),
        ("123456", False, "second_factor_not_enrolled"),
        ("", True, "second_factor_missing"),
        ("000 000", True, "second_factor_wrong"),
    ],
)
def test_password_alone_does_not_sign_for_the_upper_tiers(
    risky_request, cast, code, is_enrolled, refused_as
):
    if is_enrolled:
        factories.second_factor(cast.bob)

    with pytest.raises(PermissionDeniedError) as refusal:
        factories.signed(risky_request, cast.bob, SignerRole.VALIDATOR, code=code)

    assert refusal.value.code == refused_as
    assert trail([risky_request.subject])[-1].payload["code"] == refused_as
    assert not SignOff.objects.exists()


def test_one_code_does_not_sign_twice(workspace, cast):
    factories.model(workspace, cast, tier=2)
    factories.policy(workspace, cast)
    first = factories.evaluated(factories.version(workspace, cast), cast)
    second = factories.evaluated(
        factories.version(workspace, cast, content=b"model 2"), cast
    )
    app = factories.second_factor(cast.bob)
    code = app.code()
    factories.signed(first, cast.bob, SignerRole.VALIDATOR, code=code)

    with pytest.raises(PermissionDeniedError) as refusal:
        factories.signed(second, cast.bob, SignerRole.VALIDATOR, code=code)

    assert refusal.value.code == "second_factor_wrong"


def test_code_that_is_given_is_checked_even_where_the_password_would_do(
    request_in_review, cast
):
    factories.second_factor(cast.bob)
    with pytest.raises(PermissionDeniedError) as refusal:
        factories.signed(
            request_in_review, cast.bob, SignerRole.VALIDATOR, code="000000"
        )
    assert refusal.value.code == "second_factor_wrong"


def test_five_wrong_passwords_lock_signing(request_in_review, cast):
    for _ in range(5):
        with pytest.raises(PermissionDeniedError):
            factories.signed(
                request_in_review, cast.bob, SignerRole.VALIDATOR, password="guessed"
            )

    with pytest.raises(PermissionDeniedError) as refusal:
        factories.signed(request_in_review, cast.bob, SignerRole.VALIDATOR)

    assert refusal.value.code == "account_locked"
    assert trail([request_in_review.subject])[-1].payload["code"] == "account_locked"


def test_card_that_is_written_in_review_voids_what_was_signed(workspace, cast):
    factories.policy(workspace, cast)
    source = factories.run(workspace, cast.alice)
    data = factories.use_dataset(source, cast.alice)
    factories.card(data, cast.stella, sensitivity=[], labellers=[])
    asked = factories.evaluated(factories.version_of(source, cast), cast)
    asked = factories.signed(asked, cast.bob, SignerRole.VALIDATOR)
    factories.card(
        data, cast.stella, sensitivity=[], labellers=[], known_gaps="Half are wrong."
    )

    with pytest.raises(ConflictError) as refusal:
        factories.signed(asked, cast.olivia, SignerRole.OWNER)

    assert refusal.value.code == "data_described_anew"
    again = factories.evaluated_again(asked, cast)
    assert again.state == RequestState.IN_REVIEW
    again = factories.signed(again, cast.olivia, SignerRole.OWNER)
    assert missing_roles(again) == ["validator"]
