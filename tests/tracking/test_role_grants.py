"""Two people grant a role, a signing role waits for a day, one person takes it away."""

import json
from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.errors import ConflictError, InvalidError, PermissionDeniedError
from audit.models import Event
from audit.services import system_account
from registry.services.model_versions import register_version
from registry.services.registered_models import rename_model
from tests import factories
from tracking.models import Experiment, GrantState, RoleGrant
from tracking.permissions import Role, has_role, holds
from tracking.services.accounts import deactivate_account
from tracking.services.experiments import create_experiment, rename_experiment
from tracking.services.role_grants import (
    approve_role,
    ask_for_role,
    put_roles_into_effect,
)
from tracking.services.roles import SIGNING_ROLES, grant_role, revoke_grant
from tracking.services.workspaces import create_workspace

pytestmark = pytest.mark.django_db
NOT_SIGNING = sorted(set(Role) - SIGNING_ROLES - {Role.BOT})


def asked(cast, role=Role.DEVELOPER, account=None, actor=None, **where) -> RoleGrant:
    workspace = where.pop("workspace", None) or cast.alice.role_grants.get().workspace
    return ask_for_role(
        account or cast.mallory,
        role=role,
        workspace=workspace,
        reason="joins the team",
        actor=actor or cast.ada,
        **where,
    )


def kinds(since: int) -> list[str]:
    return list(
        Event.objects.filter(pk__gt=since).order_by("pk").values_list("kind", flat=True)
    )


def newest() -> int:
    return Event.objects.latest("pk").pk


# Two people


@pytest.mark.parametrize("role", NOT_SIGNING)
def test_role_without_signatures_is_in_effect_when_it_is_approved(cast, role):
    before = newest()
    grant = asked(cast, role)
    assert not has_role(cast.mallory, role, "default")

    grant = approve_role(grant, actor=cast.rita)

    assert grant.state == GrantState.EFFECTIVE
    assert has_role(cast.mallory, role, "default")
    assert kinds(before) == [
        "tracking.role.asked",
        "tracking.role.approved",
        "tracking.role.granted",
    ]


@pytest.mark.parametrize("role", sorted(SIGNING_ROLES))
def test_signing_role_waits_for_a_day(cast, workspace, role):
    model = factories.model(workspace, cast)
    start = timezone.now()
    with time_machine.travel(start, tick=False):
        grant = approve_role(asked(cast, role), actor=cast.rita)
    assert (grant.state, grant.effective_at) == (
        GrantState.APPROVED,
        start + timedelta(hours=24),
    )

    with time_machine.travel(start + timedelta(hours=23, minutes=59), tick=False):
        assert put_roles_into_effect() == 0
        assert not holds(cast.mallory, f"sign_as_{role}", model)
    with time_machine.travel(start + timedelta(hours=24), tick=False):
        assert put_roles_into_effect() == 1
        assert put_roles_into_effect() == 0
    assert holds(cast.mallory, f"sign_as_{role}", model)


def test_reason_stands_in_the_log_only_as_a_commitment(cast):
    asked(cast)
    body = bytes(Event.objects.latest("pk").body)
    assert b"joins the team" not in body
    assert json.loads(body)["payload"] == {
        "role": "developer",
        "account": f"user/{cast.mallory.pk}",
        "on": "workspace/default",
    }


@pytest.mark.parametrize(
    ("asker", "code"),
    [
        ("alice", "may_not_ask_for_role"),
        ("mallory", "may_not_ask_for_role"),
        ("rita", "may_not_ask_for_role"),
        ("oscar", "may_not_ask_for_role"),
        ("bot", "may_not_ask_for_role"),
    ],
)
def test_only_administrators_ask_and_the_refusal_is_an_entry(cast, asker, code):
    with pytest.raises(PermissionDeniedError) as refusal:
        asked(cast, actor=getattr(cast, asker))
    assert refusal.value.code == code
    event = Event.objects.latest("pk")
    assert event.kind == "tracking.role.refused"
    assert json.loads(bytes(event.body))["payload"]["code"] == code


@pytest.mark.parametrize(
    ("approver", "code"),
    [
        ("ada", "second_person_approves"),
        ("alice", "may_not_approve_role"),
        ("carol", "may_not_approve_role"),
        ("mallory", "may_not_approve_role"),
        ("bot", "may_not_approve_role"),
    ],
)
def test_second_person_who_may_grant_approves(cast, approver, code):
    grant = asked(cast)
    with pytest.raises(PermissionDeniedError) as refusal:
        approve_role(grant, actor=getattr(cast, approver))
    assert refusal.value.code == code
    assert not has_role(cast.mallory, Role.DEVELOPER, "default")


def test_nobody_asks_for_themselves_or_approves_their_own(cast, workspace):
    with pytest.raises(PermissionDeniedError) as refusal:
        asked(cast, account=cast.ada)
    assert refusal.value.code == "asks_for_oneself"

    grant = asked(cast, Role.AUDITOR, account=cast.rita)
    with pytest.raises(PermissionDeniedError) as refusal:
        approve_role(grant, actor=cast.rita)
    assert refusal.value.code == "second_person_approves"


def test_superuser_without_the_role_neither_asks_nor_approves(cast, workspace):
    root = factories.person("root", workspace, None, is_superuser=True)
    with pytest.raises(PermissionDeniedError):
        asked(cast, actor=root)
    with pytest.raises(PermissionDeniedError):
        approve_role(asked(cast), actor=root)


def test_database_itself_wants_two_people(cast):
    grant = asked(cast)
    changes = RoleGrant.objects.filter(pk=grant.pk)
    for forged in (
        {"state": GrantState.EFFECTIVE},
        {"approved_by": cast.ada},
        {"approved_by": cast.mallory},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            changes.update(**forged)


def test_grant_is_approved_once_and_asked_for_once(cast):
    grant = asked(cast)
    with pytest.raises(ConflictError) as refusal:
        asked(cast)
    assert refusal.value.code == "role_granted"
    approve_role(grant, actor=cast.rita)
    with pytest.raises(ConflictError) as refusal:
        approve_role(grant, actor=cast.rita)
    assert refusal.value.code == "grant_not_asked"


def test_people_grant_nothing_at_once(cast, workspace):
    with pytest.raises(PermissionDeniedError) as refusal:
        grant_role(
            cast.mallory, role=Role.DEVELOPER, workspace=workspace, actor=cast.ada
        )
    assert refusal.value.code == "two_people_grant"


def test_what_the_installation_grants_says_so(cast):
    grant = RoleGrant.objects.get(account=cast.bob)
    assert (grant.by_installation, grant.state, grant.asked_by) == (
        True,
        GrantState.EFFECTIVE,
        system_account(),
    )


# What has changed until it goes into effect


def test_who_became_an_administrator_meanwhile_does_not_become_a_signer(
    cast, workspace
):
    grant = approve_role(asked(cast, Role.VALIDATOR), actor=cast.rita)
    factories.grant(cast.mallory, Role.ADMINISTRATOR, workspace)

    with time_machine.travel(timezone.now() + timedelta(hours=25), tick=False):
        assert put_roles_into_effect() == 0

    grant.refresh_from_db()
    assert grant.state == GrantState.REFUSED
    event = Event.objects.latest("pk")
    assert json.loads(bytes(event.body))["payload"]["code"] == (
        "administrators_do_not_sign"
    )
    assert not has_role(cast.mallory, Role.VALIDATOR, "default")


def test_closed_account_comes_into_no_role(cast):
    approve_role(asked(cast, Role.VALIDATOR), actor=cast.rita)
    deactivate_account(cast.mallory, actor=cast.ada)
    with time_machine.travel(timezone.now() + timedelta(hours=25), tick=False):
        assert put_roles_into_effect() == 0
    assert not cast.mallory.groups.exists()


@pytest.mark.parametrize("role", sorted(SIGNING_ROLES))
def test_administrator_is_not_even_asked_for_as_a_signer(cast, workspace, role):
    second = factories.person("zoe", workspace, Role.ADMINISTRATOR)
    with pytest.raises(ConflictError) as refusal:
        asked(cast, role, account=second)
    assert refusal.value.code == "administrators_do_not_sign"


# Taking away


@pytest.mark.parametrize("actor", ["ada", "rita", "mallory"])
def test_one_person_takes_a_role_away_at_once_and_so_does_its_holder(cast, actor):
    grant = approve_role(asked(cast), actor=cast.rita)
    revoke_grant(grant, actor=getattr(cast, actor))
    assert not has_role(cast.mallory, Role.DEVELOPER, "default")
    with pytest.raises(ConflictError) as refusal:
        revoke_grant(grant, actor=cast.ada)
    assert refusal.value.code == "grant_ended"


@pytest.mark.parametrize("actor", ["alice", "carol", "bot"])
def test_nobody_else_takes_it_away(cast, actor):
    grant = approve_role(asked(cast), actor=cast.rita)
    with pytest.raises(PermissionDeniedError):
        revoke_grant(grant, actor=getattr(cast, actor))
    assert has_role(cast.mallory, Role.DEVELOPER, "default")


def test_grant_that_was_revoked_while_it_waited_never_goes_into_effect(cast):
    grant = approve_role(asked(cast, Role.VALIDATOR), actor=cast.rita)
    revoke_grant(grant, actor=cast.ada)
    with time_machine.travel(timezone.now() + timedelta(hours=25), tick=False):
        assert put_roles_into_effect() == 0
    assert not has_role(cast.mallory, Role.VALIDATOR, "default")


# On one thing, or a project


def sees(user, experiment: Experiment) -> bool:
    return Experiment.objects.visible_to(user).filter(pk=experiment.pk).exists()


def test_role_on_one_experiment_is_of_that_experiment_only(cast, workspace):
    shared = factories.experiment(workspace, cast.alice, "shared")
    other = factories.experiment(workspace, cast.alice, "other")

    grant = approve_role(asked(cast, on=shared), actor=cast.rita)

    assert grant.covers == "experiment/default/shared"
    assert holds(cast.mallory, "log_run", shared)
    assert holds(cast.mallory, "view_workspace", workspace)
    assert not sees(cast.mallory, other)
    assert not holds(cast.mallory, "create_experiment", workspace)
    revoke_grant(grant, actor=cast.ada)
    assert not sees(cast.mallory, shared)
    assert not holds(cast.mallory, "view_workspace", workspace)


def test_validator_of_one_model_signs_for_that_model_only(cast, workspace):
    credit = factories.model(workspace, cast)
    fraud = factories.model(workspace, cast, "fraud")
    approve_role(asked(cast, Role.VALIDATOR, on=credit), actor=cast.rita)
    with time_machine.travel(timezone.now() + timedelta(hours=25), tick=False):
        put_roles_into_effect()
    assert holds(cast.mallory, "sign_as_validator", credit)
    assert not holds(cast.mallory, "sign_as_validator", fraud)


def test_role_on_a_prefix_covers_what_is_there_and_what_comes(cast, workspace):
    there = factories.experiment(workspace, cast.alice, "credit-scoring")
    model = factories.model(workspace, cast, "credit-model")
    outside = factories.experiment(workspace, cast.alice, "Credit-other-case")
    approve_role(asked(cast, on="credit-"), actor=cast.rita)
    comes = factories.experiment(workspace, cast.alice, "credit-later")
    comes_too = factories.model(workspace, cast, "credit-next")

    assert holds(cast.mallory, "log_run", there)
    assert holds(cast.mallory, "log_run", comes)
    assert holds(cast.mallory, "register_version", model)
    assert holds(cast.mallory, "register_version", comes_too)
    assert not sees(cast.mallory, outside)
    assert not holds(cast.mallory, "log_run", outside)


def test_developer_of_a_project_makes_experiments_below_its_prefix_only(
    cast, workspace
):
    approve_role(asked(cast, on="credit-"), actor=cast.rita)

    made = create_experiment(workspace, name="credit-new", actor=cast.mallory)

    assert holds(cast.mallory, "log_run", made)
    with pytest.raises(PermissionDeniedError):
        create_experiment(workspace, name="fraud-new", actor=cast.mallory)


def test_developer_of_a_project_renames_nothing_out_of_it(cast, workspace):
    approve_role(asked(cast, on="credit-"), actor=cast.rita)
    made = create_experiment(workspace, name="credit-new", actor=cast.mallory)
    model = factories.model(workspace, cast, "credit-model")

    with pytest.raises(PermissionDeniedError) as of_experiment:
        rename_experiment(made, name="fraud-new", actor=cast.mallory)
    with pytest.raises(PermissionDeniedError) as of_model:
        rename_model(model, name="fraud-model", actor=cast.mallory)
    rename_experiment(made, name="credit-newer", actor=cast.mallory)
    rename_model(model, name="credit-scores", actor=cast.mallory)

    assert of_experiment.value.code == "may_not_create_experiment"
    assert of_model.value.code == "may_not_register_model"


def test_two_grants_that_overlap_end_one_by_one(cast, workspace):
    there = factories.experiment(workspace, cast.alice, "credit-scoring")
    on_one = approve_role(asked(cast, on=there), actor=cast.rita)
    project = approve_role(asked(cast, on="credit-"), actor=cast.rita)
    revoke_grant(on_one, actor=cast.ada)
    assert holds(cast.mallory, "log_run", there)
    revoke_grant(project, actor=cast.ada)
    assert not holds(cast.mallory, "log_run", there)


@pytest.mark.parametrize(
    "role", [Role.ADMINISTRATOR, Role.OPERATOR, Role.POLICY_AUTHOR]
)
def test_role_that_is_of_a_workspace_is_not_granted_on_less(cast, workspace, role):
    there = factories.experiment(workspace, cast.alice)
    with pytest.raises(InvalidError) as refusal:
        asked(cast, role, on=there)
    assert refusal.value.code == "role_is_of_the_workspace"


def test_signing_for_one_model_forbids_administering_too(cast, workspace):
    model = factories.model(workspace, cast)
    approve_role(asked(cast, Role.VALIDATOR, on=model), actor=cast.rita)
    with time_machine.travel(timezone.now() + timedelta(hours=25), tick=False):
        put_roles_into_effect()
    with pytest.raises(ConflictError) as refusal:
        asked(cast, Role.ADMINISTRATOR)
    assert refusal.value.code == "signers_do_not_administer"


def test_role_is_not_granted_on_a_thing_of_another_workspace(cast, workspace):
    other = create_workspace("other", actor=system_account())
    there = factories.experiment(workspace, cast.alice)
    with pytest.raises(InvalidError) as refusal:
        asked(cast, workspace=other, on=there)
    assert refusal.value.code == "not_of_this_workspace"


# Workspaces


def test_administrators_of_the_installation_staff_a_new_workspace(cast):
    other = create_workspace("other", actor=cast.ada)
    second = factories.person(
        "zoe", cast.alice.role_grants.get().workspace, Role.ADMINISTRATOR
    )
    approve_role(asked(cast, workspace=other), actor=second)
    assert has_role(cast.mallory, Role.DEVELOPER, "other")


@pytest.mark.parametrize("name", ["alice", "rita", "oscar", "mallory", "bot"])
def test_nobody_else_makes_workspaces(cast, name):
    with pytest.raises(PermissionDeniedError) as refusal:
        create_workspace("other", actor=getattr(cast, name))
    assert refusal.value.code == "may_not_create_workspace"


def test_administrator_of_another_workspace_makes_none_and_grants_there_only(cast):
    other = create_workspace("other", actor=cast.ada)
    zoe = factories.person("zoe", other, Role.ADMINISTRATOR)
    asked(cast, workspace=other, actor=zoe)
    with pytest.raises(PermissionDeniedError):
        asked(cast, actor=zoe)
    with pytest.raises(PermissionDeniedError):
        create_workspace("third", actor=zoe)


def test_administrator_sees_no_version_and_registers_none(cast, workspace):
    made = factories.version(workspace, cast)
    with pytest.raises(PermissionDeniedError):
        register_version(
            made.registered_model,
            source_run=made.linked_run,
            artifact_path=factories.MODEL,
            artifact_sha256=str(made.artifact_sha256),
            actor=cast.ada,
        )
