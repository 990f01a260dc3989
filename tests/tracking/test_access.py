"""The queries by hand see and allow what `visible_to` and `holds` do."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.utils import timezone
from guardian.shortcuts import assign_perm

from audit.services import system_account
from tests import factories
from tracking import access
from tracking.models import ApiToken, Experiment, LoggedModel, Run, Workspace
from tracking.permissions import may_log_in
from tracking.services.logged_models import create_logged_model
from tracking.services.runs import create_run
from tracking.services.tokens import create_token
from tracking.services.workspaces import create_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def other(workspace, cast):
    """A workspace where only the people of `cast` have no role."""
    return create_workspace("other", actor=system_account())


@pytest.fixture
def people(workspace, other, cast):
    """Everybody with a role, and one for each other way to hold a permission."""
    granted = {
        "superuser": factories.person("root", workspace, None, is_superuser=True),
        "sees all": factories.person("all", workspace, None),
        "group sees all": factories.person("grouped", workspace, None),
        "one experiment": factories.person("guest", workspace, None),
        "deactivated": factories.person("gone", workspace, None),
    }
    seen = Permission.objects.filter(codename__in=["view_workspace", "view_experiment"])
    granted["sees all"].user_permissions.set(seen)
    group = Group.objects.create(name="inspectors")
    group.permissions.set(seen)
    granted["group sees all"].groups.add(group)
    experiment = factories.experiment(workspace, cast.alice, "shared")
    assign_perm("view_experiment", granted["one experiment"], experiment)
    assign_perm("log_run", granted["one experiment"], experiment)
    granted["deactivated"].groups.set(cast.alice.groups.all())
    granted["deactivated"].is_active = False
    granted["deactivated"].save()
    # Fresh ones: a user remembers the permissions that were asked for.
    everybody = [*vars(cast).values(), *granted.values()]
    return [type(user).objects.get(pk=user.pk) for user in everybody]


def test_rows_hold_what_the_tables_say(workspace, cast):
    run = Run.objects.get(pk=factories.run(workspace, cast.alice).pk)
    found = access.visible_run(run.run_id, workspace=workspace, user=cast.alice)
    assert found
    locked = access.locked_run(found, user=cast.alice)
    for row in (found, locked):
        assert {name: getattr(row, name) for name in vars(run) if name != "_state"} == {
            name: value for name, value in vars(run).items() if name != "_state"
        }
    stored = Experiment.objects.get(pk=run.experiment_id)
    for experiment in (
        found.experiment,
        *access.visible_experiments([stored.pk], workspace=workspace, user=cast.alice),
        *access.visible_experiments(
            [], or_name=stored.name, workspace=workspace, user=cast.alice
        ),
    ):
        assert experiment.workspace == workspace
        assert [getattr(experiment, name) for name in access._EXPERIMENT] == [
            getattr(stored, name) for name in access._EXPERIMENT
        ]
    assert found.created_by == cast.alice
    assert found.created_by.username == "alice"


def test_token_comes_with_its_user_and_a_workspace_that_they_see(
    workspace, other, people
):
    for user in people:
        token, _ = create_token(
            user, name="t", actor=system_account(), lifetime=timedelta(days=1)
        )
        for wanted in (workspace, other):
            found, seen = access.admission(token.sha256, workspace=wanted.name)
            assert found == token
            assert found.user == user
            assert found.user.is_active == user.is_active
            assert found.user.is_superuser == user.is_superuser
            assert found.is_usable(timezone.now()) == user.is_active
            if user.is_active:
                is_visible = Workspace.objects.visible_to(user).filter(pk=wanted.pk)
                assert (seen == wanted) == is_visible.exists(), user
        assert access.admission(token.sha256, workspace="missing") == (token, None)
    assert access.admission("0" * 64, workspace=workspace.name) == (None, None)
    assert ApiToken.objects.count() == len(people)


def test_runs_and_experiments_are_seen_and_written_by_the_same_people(
    workspace, other, cast, people
):
    runs = [factories.run(workspace, cast.alice)]
    shared = Experiment.objects.get(name="shared")
    runs.append(
        create_run(
            shared, name="r", started_at=timezone.now(), tags={}, actor=cast.alice
        )
    )
    for user in people:
        if not user.is_active:
            assert access.locked_run(runs[0], user=user) is None
            continue
        for run in runs:
            sees = Run.objects.visible_to(user).filter(pk=run.pk).exists()
            found = access.visible_run(run.run_id, workspace=workspace, user=user)
            assert (found == run) == sees, user
            assert not access.visible_run(run.run_id, workspace=other, user=user)
            listed = access.visible_experiments(
                [run.experiment_id], workspace=workspace, user=user
            )
            assert (listed == [run.experiment]) == sees, user
            may = may_log_in(user, run.experiment)
            assert (access.locked_run(run, user=user) == run) == may, user


def test_logged_models_are_seen_and_written_by_the_same_people(
    workspace, other, cast, people
):
    made = factories.logged_model(factories.run(workspace, cast.alice), cast.alice)
    loose = create_logged_model(
        Experiment.objects.get(name="shared"),
        name="loose",
        model_type="",
        source_run=None,
        params={},
        tags={},
        actor=cast.alice,
    )
    for model in LoggedModel.objects.filter(pk__in=[made.pk, loose.pk]):
        for user in people:
            locked = access.locked_models([model], user=user)
            may_log = may_log_in(user, model.experiment)
            assert locked == ([model] if may_log else []), user
            if not user.is_active:
                continue
            sees = LoggedModel.objects.visible_to(user).filter(pk=model.pk).exists()
            named = {"workspace": workspace, "user": user}
            found = access.visible_model(model.model_id, **named)
            assert (found == model) == sees, user
            elsewhere = {"workspace": other, "user": user}
            assert not access.visible_model(model.model_id, **elsewhere)
            for row in filter(None, [found, *locked]):
                assert row.source_run == model.source_run
                assert row.experiment == model.experiment
                assert row.experiment.workspace == workspace
                assert {name: getattr(row, name) for name in access._MODEL} == {
                    name: getattr(model, name) for name in access._MODEL
                }


def test_a_thousand_experiments_may_be_asked_for(workspace, cast):
    mine = factories.experiment(workspace, cast.alice)
    ids = range(mine.pk, mine.pk + 1000)
    assert access.visible_experiments(ids, workspace=workspace, user=cast.alice) == [
        mine
    ]
    assert not access.visible_experiments([], workspace=workspace, user=cast.alice)
