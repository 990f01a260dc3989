"""What is written by hand for the catalogue asks and leaves what the long way does."""

import json

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from guardian.shortcuts import assign_perm

from audit.errors import ConflictError, PermissionDeniedError
from audit.models import Event
from registry.models import Alias, ModelVersion, RegisteredModel, VersionListing
from registry.models.edits import locked_listing, locked_model, place_of
from registry.permissions import may_register_version
from registry.services import aliases
from registry.services.aliases import set_alias
from registry.services.archiving import archive_model, archive_version
from tests import factories

pytestmark = pytest.mark.django_db
only_postgresql = pytest.mark.skipif(  # SQLite changes nothing within WITH
    connection.vendor != "postgresql",
    reason="only PostgreSQL changes and records in one statement",
)


@pytest.fixture
def version(workspace, cast):
    return factories.version(workspace, cast)


@pytest.fixture
def people(workspace, cast, version):
    """Everybody with a role, and one for each other way to hold a permission, or not."""
    held = Permission.objects.filter(codename="register_version")
    others = {
        name: factories.person(name, workspace, None)
        for name in ("guest", "grouped", "all", "nobody", "gone")
    }
    assign_perm("register_version", others["guest"], version.registered_model)
    others["grouped"].groups.add(group := Group.objects.create(name="writers"))
    assign_perm("register_version", group, version.registered_model)
    others["all"].user_permissions.set(held)
    others["root"] = factories.person("root", workspace, None, is_superuser=True)
    others["gone"].groups.set(cast.alice.groups.all())
    others["gone"].is_active = False
    others["gone"].save()
    return [*vars(cast).values(), *others.values()]


def fields(row):
    return {name: value for name, value in vars(row).items() if name[0] != "_"}


def entries():
    events = Event.objects.filter(kind="registry.alias.set").order_by("id")
    return [
        (event.actor, event.subject, json.loads(bytes(event.body))["payload"])
        for event in events
    ]


def test_who_may_edit_is_who_may_register_versions(version, people):
    model, allowed = version.registered_model, set()
    for user in people:
        fresh = User.objects.get(pk=user.pk)
        may = may_register_version(fresh, model)
        assert locked_model(model, user=fresh)[1] == may, fresh
        assert locked_listing(version, user=fresh)[1] == may, fresh
        allowed |= {fresh.username} if may else set()
    assert {"alice", "guest", "grouped"} <= allowed
    assert not allowed & {"gone", "nobody", "root"}


def test_what_is_locked_holds_what_the_tables_say(version, workspace, cast):
    model, _ = locked_model(version.registered_model, user=cast.alice)
    assert fields(model) == fields(RegisteredModel.objects.get())
    assert model.workspace == workspace
    listing, _ = locked_listing(version, user=cast.alice)
    assert fields(listing) == fields(VersionListing.objects.get())
    assert fields(listing.registered_model) == fields(model)


def test_new_model_holds_what_the_tables_say(workspace, cast):
    model = factories.model(workspace, cast, "new")
    assert fields(model) == fields(RegisteredModel.objects.get())
    assert not model._state.adding


def test_new_version_holds_what_the_tables_say(version):
    stored = ModelVersion.objects.select_related("listing").get()
    assert fields(version) == fields(stored)
    assert fields(version.listing) == fields(stored.listing)
    assert stored.listing.updated_at == stored.created_at
    assert RegisteredModel.objects.get().updated_at == stored.created_at


def test_place_is_the_next_number_unless_the_content_is_there(version, workspace, cast):
    model = version.registered_model
    second = factories.version(workspace, cast, content=b"model 2")
    other = factories.model(workspace, cast, "other")
    assert place_of(model, second.artifact_sha256) == (second.pk, 3)
    assert place_of(model, "0" * 64) == (None, 3)
    assert place_of(model, None) == (None, 3)
    assert place_of(other, second.artifact_sha256) == (None, 1)


@only_postgresql
def test_both_ways_to_set_an_alias_leave_the_same_row_and_entry(
    version, workspace, cast
):
    second = factories.version(workspace, cast, content=b"model 2")
    left = []
    for one in (version, second):
        assert aliases._set_at_once(one, name="best", actor=cast.alice)
        left.append(Alias.objects.values_list("registered_model", "version").get())
        aliases._set(one, name="best", actor=cast.alice)
        left.append(Alias.objects.values_list("registered_model", "version").get())
    model = version.registered_model
    assert left == [(model.pk, version.pk)] * 2 + [(model.pk, second.pk)] * 2
    assert entries() == [
        (f"user/{cast.alice.pk}", model.subject, {"alias": "best", "version": number})
        for number in (1, 1, 2, 2)
    ]


@only_postgresql
def test_whoever_may_edit_sets_aliases_at_once_and_nobody_else(version, people):
    for number, user in enumerate(people):
        fresh, name = User.objects.get(pk=user.pk), f"name-{number}"
        may, before = may_register_version(fresh, version.registered_model), entries()
        assert aliases._set_at_once(version, name=name, actor=fresh) == may, fresh
        assert Alias.objects.filter(name=name).exists() == may
        assert len(entries()) == len(before) + may


@only_postgresql
def test_what_is_archived_takes_no_alias_at_once(version, workspace, cast):
    second = factories.version(workspace, cast, content=b"model 2")
    archive_version(version, actor=cast.alice)
    assert not aliases._set_at_once(version, name="best", actor=cast.alice)
    archive_model(second.registered_model, actor=cast.alice)
    assert not aliases._set_at_once(second, name="best", actor=cast.alice)
    assert not Alias.objects.exists()
    assert entries() == []


def test_refused_alias_says_why(version, cast):
    with pytest.raises(PermissionDeniedError) as denied:
        set_alias(version, name="best", actor=cast.mallory)
    assert denied.value.code == "may_not_edit_model"
    archive_version(version, actor=cast.alice)
    with pytest.raises(ConflictError) as refusal:
        set_alias(version, name="best", actor=cast.alice)
    assert refusal.value.code == "version_archived"
    assert entries() == []
