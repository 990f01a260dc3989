"""A signing role is lent for a while, in writing, no further, and hides no conflict."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils import timezone

from audit.errors import ConflictError, InvalidError, PermissionDeniedError
from audit.models import Event
from audit.proofs import trail
from audit.sequencer import sequence_pending
from audit.services import system_account
from registry.models import Delegation, PromotionRequest, SignOff
from registry.models.sign_off import SignerRole
from registry.models.tier import Tier
from registry.permissions import delegation_to_sign
from registry.services.delegations import delegate_signing, withdraw_delegation
from registry.services.waiting import Waiting, waiting_for
from tests import factories
from tests.factories import PASSWORD
from tests.registry.test_api import post, problem
from tracking.permissions import Role
from tracking.services.roles import revoke_role
from tracking.services.workspaces import create_workspace

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


@pytest.fixture
def request_in_review(workspace, cast) -> PromotionRequest:
    factories.policy(workspace, cast)
    return factories.evaluated(factories.version(workspace, cast), cast)


@pytest.fixture
def vera(workspace):
    """Sees the models and signs nothing herself."""
    return factories.person("vera", workspace, Role.AUDITOR)


def delegated(workspace, actor, delegate, **changes: Any) -> Delegation:
    now = timezone.now()
    arguments: dict[str, Any] = {
        "role": SignerRole.VALIDATOR,
        "starts_at": now,
        "ends_at": now + timedelta(days=7),
        "reason": "I am on leave.",
        "password": PASSWORD,
        "is_interactive": True,
    } | changes
    return delegate_signing(workspace, delegate=delegate, actor=actor, **arguments)


def refused(error, code: str, act, *arguments: Any, **changes: Any) -> Any:
    with pytest.raises(error) as refusal:
        act(*arguments, **changes)
    assert refusal.value.code == code
    return refusal.value


def test_delegate_signs_and_the_signature_says_for_whom(
    request_in_review, workspace, cast, vera
):
    delegation = delegated(workspace, cast.bob, vera)

    factories.signed(request_in_review, vera, SignerRole.VALIDATOR)

    signed = SignOff.objects.get()
    assert (signed.signer, signed.printed_name, signed.delegation) == (
        vera,
        "Vera Example, for Bob Example",
        delegation,
    )
    entry = trail([request_in_review.subject])[-1]
    assert entry.payload["delegation"] == delegation.subject


def test_request_waits_for_the_delegate_as_well(
    request_in_review, workspace, cast, vera
):
    model = request_in_review.model_version.registered_model
    assert waiting_for(vera) == []
    for on in (None, model):
        delegated(workspace, cast.bob, vera, model=on)
    assert waiting_for(vera) == [Waiting(request_in_review, (SignerRole.VALIDATOR,))]


def test_owner_delegates_for_one_model_and_it_covers_no_other(workspace, cast, vera):
    factories.policy(workspace, cast)
    request = factories.evaluated(factories.version(workspace, cast), cast)
    other = factories.model(workspace, cast, "fraud")
    delegated(workspace, cast.olivia, vera, role=SignerRole.OWNER, model=other)
    refused(
        PermissionDeniedError,
        "may_not_sign",
        factories.signed,
        request,
        vera,
        SignerRole.OWNER,
    )

    model = request.model_version.registered_model
    delegated(workspace, cast.olivia, vera, role=SignerRole.OWNER, model=model)
    factories.signed(request, vera, SignerRole.OWNER)
    assert SignOff.objects.get().role == "owner"


@pytest.mark.parametrize("days", [-1, 8])
def test_delegation_begins_and_ends_by_itself(
    request_in_review, workspace, cast, vera, days
):
    start = timezone.now()
    delegated(workspace, cast.bob, vera)
    sequence_pending()
    with time_machine.travel(start + timedelta(days=days), tick=False):
        refused(
            PermissionDeniedError,
            "may_not_sign",
            factories.signed,
            request_in_review,
            vera,
            SignerRole.VALIDATOR,
        )


def test_delegation_that_was_taken_back_signs_nothing_more(
    request_in_review, workspace, cast, vera
):
    delegation = delegated(workspace, cast.bob, vera)
    refused(
        PermissionDeniedError,
        "delegation_of_somebody_else",
        withdraw_delegation,
        delegation,
        actor=cast.rita,
    )
    withdraw_delegation(delegation, actor=cast.bob)
    refused(
        PermissionDeniedError,
        "may_not_sign",
        factories.signed,
        request_in_review,
        vera,
        SignerRole.VALIDATOR,
    )
    refused(
        ConflictError,
        "delegation_withdrawn",
        withdraw_delegation,
        delegation,
        actor=cast.bob,
    )


def test_delegation_falls_with_the_role_of_who_gave_it(
    request_in_review, workspace, cast, vera
):
    delegated(workspace, cast.bob, vera)
    revoke_role(cast.bob, role=Role.VALIDATOR, workspace=workspace, actor=cast.ada)
    refused(
        PermissionDeniedError,
        "may_not_sign",
        factories.signed,
        request_in_review,
        vera,
        SignerRole.VALIDATOR,
    )


def test_what_was_delegated_is_not_delegated_further(workspace, cast, vera):
    delegated(workspace, cast.bob, vera)
    for model in (None, factories.model(workspace, cast)):
        refused(
            PermissionDeniedError,
            "may_not_delegate",
            delegated,
            workspace,
            vera,
            cast.carol,
            model=model,
        )
    assert Event.objects.latest("pk").kind == "registry.delegation.refused"


def test_conflict_of_who_delegates_counts(workspace, cast, vera):
    """Bob labelled the data, so nobody signs for Bob either."""
    factories.policy(workspace, cast)
    run = factories.run(workspace, cast.alice)
    dataset = factories.use_dataset(run, cast.alice)
    factories.card(dataset, cast.stella, labellers=["bob"])
    asked = factories.version_of(run, cast)
    request = factories.evaluated(asked, cast)
    delegated(workspace, cast.bob, vera)

    refusal = refused(
        PermissionDeniedError,
        "segregation_of_duties",
        factories.signed,
        request,
        vera,
        SignerRole.VALIDATOR,
    )

    assert refusal.extra["conflicts"] == ["labelled its data"]


def test_conflict_of_the_delegate_counts(request_in_review, workspace, cast):
    delegated(workspace, cast.bob, cast.alice)
    refused(
        PermissionDeniedError,
        "segregation_of_duties",
        factories.signed,
        request_in_review,
        cast.alice,
        SignerRole.VALIDATOR,
    )


def test_two_people_of_a_delegation_count_once(
    request_in_review, workspace, cast, vera
):
    """Olivia validates too; who signs for her cannot be a second person beside her."""
    factories.grant(cast.olivia, Role.VALIDATOR, workspace)
    delegated(workspace, cast.olivia, vera, role=SignerRole.OWNER)
    factories.signed(request_in_review, cast.olivia, SignerRole.VALIDATOR)
    refused(
        ConflictError,
        "signer_counts_once",
        factories.signed,
        request_in_review,
        vera,
        SignerRole.OWNER,
    )


def test_who_was_signed_for_does_not_sign_beside_it(
    request_in_review, workspace, cast, vera
):
    factories.grant(cast.olivia, Role.VALIDATOR, workspace)
    delegated(workspace, cast.olivia, vera, role=SignerRole.OWNER)
    factories.signed(request_in_review, vera, SignerRole.OWNER)
    refused(
        ConflictError,
        "signer_counts_once",
        factories.signed,
        request_in_review,
        cast.olivia,
        SignerRole.VALIDATOR,
    )


@pytest.mark.parametrize(
    ("changes", "error", "code"),
    [
        ({"password": "guessed"}, PermissionDeniedError, "password_wrong"),
        (
            {"is_interactive": False},
            PermissionDeniedError,
            "signing_needs_a_session",
        ),
        ({"reason": " "}, InvalidError, "reason_missing"),
        ({"role": SignerRole.RISK}, PermissionDeniedError, "may_not_delegate"),
        (
            {"ends_at": datetime.max.replace(tzinfo=timezone.get_current_timezone())},
            InvalidError,
            "delegation_times_invalid",
        ),
        (
            {"ends_at": timezone.now() - timedelta(days=1)},
            InvalidError,
            "delegation_times_invalid",
        ),
    ],
    ids=["password", "token", "reason", "role", "for ever", "over already"],
)
def test_delegation_is_signed_and_limited(workspace, cast, vera, changes, error, code):
    refused(error, code, delegated, workspace, cast.bob, vera, **changes)
    assert not Delegation.objects.exists()


def test_delegation_for_the_upper_tiers_takes_two_factors(workspace, cast, vera):
    model = factories.model(workspace, cast, tier=1)
    for on in (model, None):
        refused(
            PermissionDeniedError,
            "second_factor_not_enrolled",
            delegated,
            workspace,
            cast.bob,
            vera,
            model=on,
        )
    app = factories.second_factor(cast.bob)
    signed = delegated(workspace, cast.bob, vera, model=model, code=app.code())
    assert signed.method == "password and one-time code"


def test_delegation_by_password_signs_for_no_upper_tier(workspace, cast, vera):
    model = factories.model(workspace, cast)
    lent = delegated(workspace, cast.bob, vera)
    assert delegation_to_sign(vera, SignerRole.VALIDATOR, model) == lent

    factories.tier(model, cast, Tier.HIGH)

    model.refresh_from_db()
    assert delegation_to_sign(vera, SignerRole.VALIDATOR, model) is None


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("ada", "administrators_do_not_sign"),
        ("oscar", "administrators_do_not_sign"),
        ("bot", "service_accounts_are_bots"),
        ("bob", "delegate_is_oneself"),
    ],
)
def test_nobody_signs_by_delegation_who_never_signs(workspace, cast, name, code):
    refused(ConflictError, code, delegated, workspace, cast.bob, getattr(cast, name))


def test_nobody_signs_by_delegation_who_works_elsewhere_with_who_delegates(
    workspace, cast
):
    second = create_workspace("second", actor=system_account())
    for person in (cast.bob, cast.mallory):
        factories.grant(person, Role.DEVELOPER, second)

    refused(
        *(ConflictError, "delegate_is_a_stranger", delegated, workspace),
        *(cast.bob, cast.mallory),
    )


def test_delegate_who_became_an_administrator_signs_no_more(
    request_in_review, workspace, cast, vera
):
    delegated(workspace, cast.bob, vera)
    factories.grant(vera, Role.ADMINISTRATOR, workspace)
    refused(
        PermissionDeniedError,
        "may_not_sign",
        factories.signed,
        request_in_review,
        vera,
        SignerRole.VALIDATOR,
    )


def test_reason_and_name_stand_in_the_log_only_as_commitments(workspace, cast, vera):
    delegated(workspace, cast.bob, vera)
    body = bytes(Event.objects.get(kind="registry.delegation.given").body)
    assert b"leave" not in body
    assert b"Bob" not in body


def test_delegation_is_never_changed(workspace, cast, vera):
    delegation = delegated(workspace, cast.bob, vera)
    later = timezone.now() + timedelta(days=300)
    with pytest.raises(DatabaseError), transaction.atomic():
        Delegation.objects.filter(pk=delegation.pk).update(ends_at=later)


def test_delegation_over_http_needs_a_session(workspace, cast, vera, as_token):
    factories.model(workspace, cast)
    now = timezone.now()
    fields = {
        "role": "validator",
        "delegate": "vera",
        "registered_model": "credit",
        "starts_at": now.isoformat(),
        "ends_at": (now + timedelta(days=3)).isoformat(),
        "reason": "leave",
        "password": PASSWORD,
    }
    refusal = post(as_token(cast.bob), "delegations/", **fields)
    assert problem(refusal) == (403, "signing_needs_a_session")

    bob = Client()
    bob.force_login(cast.bob)
    made = post(bob, "delegations/", **fields)
    assert (made.status_code, made.json()["delegate"]) == (201, "vera")
    ended = post(bob, f"delegations/{made.json()['id']}/withdrawal/")
    assert ended.json()["withdrawn_at"] is not None
    assert len(as_token(vera).get("/api/v1/delegations/").json()["results"]) == 1
    assert as_token(cast.mallory).get("/api/v1/delegations/").status_code == 404
