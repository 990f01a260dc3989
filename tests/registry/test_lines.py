"""The catalogue's queries by hand show whom, and what, `visible_to` and the ORM show."""

import pytest
from django.contrib.auth.models import Permission
from guardian.shortcuts import assign_perm

from audit.services import system_account
from registry.models import ModelVersion, RegisteredModel
from registry.models.lines import (
    ModelLine,
    VersionLine,
    line_of_model,
    line_of_version,
    models_of,
    newest_versions,
    versions_of,
    visible_model,
    visible_version,
)
from registry.services.archiving import archive_model, archive_version
from registry.services.registered_models import describe_model
from registry.services.version_listings import describe_version
from tests import factories
from tracking.services.workspaces import create_workspace

ALONG = ("listing", "registered_model", "created_by", "source_run", "logged_model")


@pytest.fixture
def version(workspace, cast):
    return factories.version(workspace, cast)


@pytest.fixture
def people(workspace, cast, version):
    """Everybody with a role, and one for each other way to hold a permission."""
    guest = factories.person("guest", workspace, None)
    assign_perm("view_registeredmodel", guest, version.registered_model)
    sees_all = factories.person("all", workspace, None)
    sees_all.user_permissions.set(
        Permission.objects.filter(codename="view_registeredmodel")
    )
    root = factories.person("root", workspace, None, is_superuser=True)
    return [*vars(cast).values(), guest, sees_all, root]


def fields(row):
    return {name: value for name, value in vars(row).items() if name[0] != "_"}


def test_line_holds_what_the_tables_say(version, workspace, cast):
    seen = visible_version(
        version.registered_model.name, 1, workspace=workspace, user=cast.alice
    )
    stored = ModelVersion.objects.select_related(*ALONG).get()
    assert fields(seen) == fields(stored)
    for name in ALONG:
        part, expected = getattr(seen, name), getattr(stored, name)
        assert part == expected
        if part is not None:
            assert fields(part).items() <= fields(expected).items()
    stored_model = RegisteredModel.objects.get()
    model = visible_model(stored_model.name, workspace=workspace, user=cast.alice)
    assert model
    assert fields(model) == fields(stored_model)
    assert model.workspace == workspace


def test_lists_hold_what_the_tables_say(version, workspace, cast):
    describe_version(version, description="for small loans", actor=cast.alice)
    describe_model(version.registered_model, description="loans", actor=cast.alice)
    stored = ModelVersion.objects.select_related(*ALONG).get()
    line = VersionLine(
        id=stored.pk,
        registered_model_id=stored.registered_model_id,
        number=1,
        source=stored.source,
        run_link="",
        created_at=stored.created_at,
        updated_at=stored.listing.updated_at,
        stage="None",
        description="for small loans",
        model_name=stored.registered_model.name,
        username=stored.created_by.username,
        run_id=stored.linked_run.run_id,
        model_id=None,
    )
    assert versions_of([version.pk]) == [line]
    assert newest_versions([version.registered_model_id]) == [line]
    assert line_of_version(stored) == line
    model = stored.registered_model
    assert models_of([model.pk]) == [line_of_model(model)]
    assert line_of_model(model) == ModelLine(
        model.pk, model.name, "loans", model.created_at, model.updated_at
    )
    assert model.created_at < model.updated_at
    assert stored.created_at < line.updated_at


def test_models_and_versions_are_seen_by_the_same_people(version, workspace, people):
    model = version.registered_model
    other = create_workspace("other", actor=system_account())
    who = []
    for user in people:
        sees = RegisteredModel.objects.visible_to(user).filter(pk=model.pk).exists()
        named = {"workspace": workspace, "user": user}
        assert (visible_model(model.name, **named) == model) == sees, user
        assert (visible_version(model.name, 1, **named) == version) == sees, user
        assert visible_version(model.name, 2, **named) is None
        elsewhere = {"workspace": other, "user": user}
        assert visible_model(model.name, **elsewhere) is None
        assert visible_version(model.name, 1, **elsewhere) is None
        who.append(sees)
    assert {True, False} == set(who)


def test_what_is_archived_is_no_longer_named(version, workspace, cast):
    model, named = (
        version.registered_model,
        {"workspace": workspace, "user": cast.alice},
    )
    archive_version(version, actor=cast.alice)
    assert visible_version(model.name, 1, **named) is None
    assert newest_versions([model.pk]) == []
    assert visible_model(model.name, **named) == model
    archive_model(model, actor=cast.alice)
    assert visible_model(model.name, **named) is None


def test_keys_come_back_in_their_order(version, workspace, cast):
    second = factories.version(workspace, cast, content=b"model 2")
    keys = [second.pk, version.pk]
    assert [line.id for line in versions_of(keys)] == keys
    assert [line.id for line in versions_of(keys[::-1])] == keys[::-1]
    assert versions_of([]) == []
    assert models_of([]) == []
