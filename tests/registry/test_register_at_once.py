"""The short ways to register ask and leave what the long ways do."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection, transaction
from guardian.models import GroupObjectPermission
from guardian.shortcuts import assign_perm

from audit.errors import ConflictError, InvalidError
from audit.models import Event, PrivateField
from audit.services import change_and_record
from audit.tlog.commitment import commitment
from registry.models import ModelTag, ModelVersion, RegisteredModel, VersionTag
from registry.models.edits import NEW_VERSION, asked_name, values_of_version
from registry.models.former_name import holders_of
from registry.permissions import (
    MODEL_GRANTS,
    may_register_model,
    may_register_version,
)
from registry.services import model_versions, registered_models
from registry.services.archiving import archive_model
from registry.services.model_versions import version_of_source
from registry.services.registered_models import rename_model
from registry.services.version_content import Source, content_at
from tests import factories
from tracking.models import NamePrefix, Run
from tracking.models.metadata import FieldKind
from tracking.people import people_seen_by
from tracking.services.metadata import set_template

pytestmark = pytest.mark.django_db
only_postgresql = pytest.mark.skipif(  # SQLite changes nothing within WITH
    connection.vendor != "postgresql",
    reason="only PostgreSQL changes and records in one statement",
)
SILENT: dict[str, Any] = {"description": "", "tags": {}, "run_link": ""}
TAGS = {"team": "credit", "\u00fc": '\U0001f600 "quoted"'}


@pytest.fixture
def prefix(workspace) -> NamePrefix:
    """A prefix whose developers have a group."""
    prefix = NamePrefix.objects.create(workspace=workspace, prefix="credit-")
    Group.objects.create(name=f"default:nameprefix/{prefix.pk}:developer")
    return prefix


@pytest.fixture
def people(workspace, cast, prefix):
    """Everybody with a role, and one for each other way to hold a permission, or not."""
    names = ("guest", "grouped", "below", "all", "watches", "nobody", "gone")
    others = {name: factories.person(name, workspace, None) for name in names}
    assign_perm("register_model", others["guest"], workspace)
    others["grouped"].groups.add(group := Group.objects.create(name="writers"))
    assign_perm("register_model", group, workspace)
    below = Group.objects.get(name=f"default:nameprefix/{prefix.pk}:developer")
    others["below"].groups.add(below)
    assign_perm("register_model", below, prefix)
    assign_perm("view_workspace", below, workspace)
    assign_perm("view_workspace", others["watches"], workspace)
    held = Permission.objects.filter(codename__in=["register_model", "view_workspace"])
    others["all"].user_permissions.set(held)
    others["root"] = factories.person("root", workspace, None, is_superuser=True)
    others["gone"].groups.set(cast.alice.groups.all())
    others["gone"].is_active = False
    others["gone"].save()
    everybody = [*vars(cast).values(), *others.values()]
    return [User.objects.get(pk=user.pk) for user in everybody]


@pytest.fixture
def run(workspace, cast) -> Run:
    """A run with a model of two files, one of which is a model as well."""
    run = factories.run(workspace, cast.alice)
    for name in ("MLmodel", "model.onnx"):
        factories.upload(run, f"model/{name}", name.encode(), cast.alice)
    return run


@pytest.fixture
def credit(workspace, cast) -> RegisteredModel:
    return factories.model(workspace, cast)


def source(run: Run, path="model/model.onnx") -> Source:
    return Source(f"runs:/{run.run_id}/{path}", run, path=path)


def at_once(model, run, actor, *, path="model/model.onnx", **said):
    said = SILENT | said
    return model_versions._register_at_once(model, source(run, path), actor, **said)


def fields(row, *apart_from: str):
    """Return what a row holds, apart from what differs between any two."""
    apart_from = ("id", "created_at", "updated_at", *apart_from)
    return {
        name: value
        for name, value in vars(row).items()
        if name[0] != "_" and name not in apart_from
    }


def permissions_on(model: RegisteredModel):
    rows = GroupObjectPermission.objects.filter(
        content_type__model="registeredmodel", object_pk=str(model.pk)
    )
    return sorted(rows.values_list("content_type", "permission__codename", "group"))


def entry_of(subject: str):
    """Return the one entry of a subject, whose commitments open to what is kept."""
    event = Event.objects.get(subject=subject)
    body = json.loads(bytes(event.body))
    kept = {row.field: row for row in PrivateField.objects.filter(event=event)}
    assert body.pop("private") == {
        name: commitment(bytes(row.salt), name, row.value) for name, row in kept.items()
    }
    told = {name: body[name] for name in ("v", "kind", "actor", "payload")}
    return told, {name: row.value for name, row in kept.items()}


def entries() -> int:
    return Event.objects.count()


# A model


def test_who_may_register_a_name_is_who_holds_it_there_or_below(workspace, people):
    allowed = set()
    for user in people:
        for name in ("credit-scores", "Credit-scores", "fraud"):
            asked = asked_name(name, workspace=workspace, user=user)
            may = may_register_model(user, workspace, name=name)
            assert asked.may_register == may, (user, name)
            allowed |= {(user.username, name)} if may else set()
    assert {("alice", "fraud"), ("guest", "fraud"), ("grouped", "fraud")} <= allowed
    assert {name for username, name in allowed if username == "below"} == {
        "credit-scores"
    }
    assert not {username for username, _ in allowed} & {"gone", "nobody", "root", "all"}


def test_who_is_at_home_may_name_themselves(workspace, people):
    at_home = {
        user.username
        for user in people
        if asked_name("fraud", workspace=workspace, user=user).is_at_home
    }
    assert {"alice", "olivia", "bot", "below"} <= at_home
    assert not at_home & {"guest", "grouped", "watches", "nobody", "gone"}
    for user in people:
        named = people_seen_by(user).filter(pk=user.pk, is_active=True).exists()
        assert named or user.username not in at_home, user


def test_one_without_a_role_does_not_name_themselves_as_the_owner(workspace, people):
    (guest,) = [user for user in people if user.username == "guest"]
    with pytest.raises(InvalidError) as refusal:
        registered_models.register_model(
            workspace, name="fraud", purpose="", owner=guest, actor=guest
        )
    assert refusal.value.code == "owner_unknown"


def test_name_is_taken_or_was_used_as_the_tables_say(workspace, cast):
    archive_model(factories.model(workspace, cast, "archived"), actor=cast.alice)
    renamed = factories.model(workspace, cast, "former")
    rename_model(renamed, name="renamed", actor=cast.alice)
    found = {}
    for name in ("archived", "former", "renamed", "free"):
        asked = asked_name(name, workspace=workspace, user=cast.alice)
        holders = holders_of(name, workspace=workspace)
        assert (asked.is_taken, asked.was_used) == (any(holders), bool(holders)), name
        found[name] = (asked.is_taken, asked.was_used)
    assert found == {
        "archived": (False, True),
        "former": (False, True),
        "renamed": (True, True),
        "free": (False, False),
    }


@only_postgresql
@pytest.mark.parametrize("tags", [TAGS, {}])
def test_both_ways_leave_the_same_model_permissions_and_entry(
    workspace, cast, prefix, tags
):
    left = []
    for name, write in (
        ("credit-1", registered_models._write),
        ("credit-2", registered_models._write_at_once),
    ):
        model = RegisteredModel(
            workspace=workspace,
            name=name,
            description="It scores.",
            purpose="Tells who pays back.",
            owner=cast.olivia,
            created_by=cast.alice,
        )
        write(model, tags)
        stored = RegisteredModel.objects.get(pk=model.pk)
        assert fields(model) == fields(stored)
        assert (model.created_at, model.updated_at) == (
            stored.created_at,
            stored.updated_at,
        )
        assert not model._state.adding
        left.append(
            [
                fields(stored, "name"),
                dict(model.tags.values_list("key", "value")),
                permissions_on(model),
                entry_of(model.subject),
            ]
        )
    assert left[0] == left[1]
    assert left[0][1] == tags
    # One for each pair of the grants, and those of developers below the prefix again.
    grants = MODEL_GRANTS.values()
    of_developers = [roles for roles in grants if "developer" in roles]
    assert len(left[0][2]) == sum(map(len, grants)) + len(of_developers)


@only_postgresql
def test_name_that_is_taken_meanwhile_leaves_nothing(workspace, cast, credit):
    before = entries(), GroupObjectPermission.objects.count()
    again = RegisteredModel(workspace=workspace, name="credit", created_by=cast.alice)
    with pytest.raises(ConflictError) as refusal, transaction.atomic():
        registered_models._write_at_once(again, TAGS)
    assert refusal.value.code == "model_exists"
    assert RegisteredModel.objects.get() == credit
    assert (entries(), GroupObjectPermission.objects.count()) == before
    assert not ModelTag.objects.exists()


# A version


@only_postgresql
@pytest.mark.parametrize("path", ["model/model.onnx", "model"])
@pytest.mark.parametrize("tags", [TAGS, {}])
def test_both_ways_leave_the_same_version_and_entry(
    workspace, cast, credit, run, path, tags
):
    other, left = factories.model(workspace, cast, "other"), []
    said: dict[str, Any] = {
        "description": "It scores.",
        "tags": tags,
        "run_link": "https://a.example",
    }
    short = at_once(credit, run, cast.alice, path=path, **said)
    content = content_at(run, path)
    long = model_versions._register(
        other, 1, source(run, path), content, cast.alice, **said
    )
    for version in (short, long):
        stored = ModelVersion.objects.select_related("listing").get(pk=version.pk)
        model = RegisteredModel.objects.get(pk=version.registered_model_id)
        assert fields(version) == fields(stored)
        assert fields(version.listing) == fields(stored.listing)
        assert stored.listing.updated_at == stored.created_at == version.created_at
        assert model.updated_at == stored.created_at
        assert not version._state.adding
        assert not version.listing._state.adding
        left.append(
            [
                fields(stored, "registered_model_id"),
                fields(stored.listing, "version_id", "registered_model_id"),
                dict(version.tags.values_list("key", "value")),
                entry_of(version.subject),
            ]
        )
    assert left[0] == left[1]
    assert left[0][2] == tags


@only_postgresql
def test_version_of_a_logged_model_is_registered_at_once(workspace, cast, credit, run):
    logged = factories.logged_model(run, cast.alice)
    factories.upload(logged, "MLmodel", b"logged", cast.alice)
    found = Source(f"models:/{logged.model_id}", run, logged)
    version = model_versions._register_at_once(credit, found, cast.alice, **SILENT)
    assert ModelVersion.objects.get() == version
    assert (version.logged_model, version.artifact) == (logged, None)


@only_postgresql
def test_whoever_may_register_does_it_at_once_and_nobody_else(
    workspace, cast, credit, run, people
):
    assign_perm("register_version", User.objects.get(username="guest"), credit)
    group = Group.objects.get(name="writers")
    assign_perm("register_version", group, credit)
    allowed = set()
    for number, user in enumerate(people):
        factories.upload(run, "model/model.onnx", b"%d" % number, cast.alice)
        may, before = may_register_version(user, credit), entries()
        assert (at_once(credit, run, user) is not None) == may, user
        assert ModelVersion.objects.filter(created_by=user).exists() == may
        assert entries() == before + may
        allowed |= {user.username} if may else set()
    assert {"alice", "bot", "guest", "grouped"} <= allowed
    assert not allowed & {"gone", "nobody", "root", "all", "olivia"}


@only_postgresql
def test_what_is_archived_or_renamed_takes_no_version_at_once(cast, credit, run):
    stale = RegisteredModel.objects.get(pk=credit.pk)
    rename_model(credit, name="credit-2", actor=cast.alice)
    assert at_once(stale, run, cast.alice) is None
    fresh = RegisteredModel.objects.get(pk=credit.pk)
    archive_model(credit, actor=cast.alice)
    before = entries()
    assert at_once(fresh, run, cast.alice) is None
    assert (ModelVersion.objects.count(), entries()) == (0, before)


@only_postgresql
def test_run_that_may_lack_metadata_is_left_to_the_long_way(cast, credit, run):
    factories.ask_for_metadata(run, cast)
    assert at_once(credit, run, cast.alice)
    factories.upload(run, "model/model.onnx", b"another", cast.alice)
    set_template(
        run.experiment,
        fields=[{"kind": FieldKind.PARAM, "key": "team", "required": True}],
        blocks_registration=True,
        actor=cast.paul,
    )
    before = entries()
    assert at_once(credit, run, cast.alice) is None
    assert (ModelVersion.objects.count(), entries()) == (1, before)


@only_postgresql
@pytest.mark.parametrize("taken", ["number", "content"])
def test_number_or_content_that_is_taken_meanwhile_leaves_nothing(
    cast, credit, run, taken
):
    first = at_once(credit, run, cast.alice)
    if taken == "number":
        factories.upload(run, "model/model.onnx", b"another", cast.alice)
    number = 1 if taken == "number" else 2
    content = content_at(run, "model/model.onnx")
    late = model_versions._next_version(
        credit, number, source(run), content, cast.alice, ""
    )
    before = entries()
    done = change_and_record(
        NEW_VERSION,
        values_of_version(late, description="", tags=TAGS),
        **model_versions._entry(late, content, "", TAGS),
    )
    assert done is None
    assert (ModelVersion.objects.get(), entries()) == (first, before)
    assert not VersionTag.objects.exists()


@only_postgresql
def test_statements_are_short_enough_for_psycopg_to_remember(workspace, cast, run):
    lengths = []

    def measure(execute, sql, *others):
        lengths.append(len(sql))
        return execute(sql, *others)

    with connection.execute_wrapper(measure):
        model = registered_models.register_model(
            workspace, name="credit", purpose="", owner=cast.alice, actor=cast.alice
        )
        assert at_once(model, run, cast.alice, tags=TAGS, description="It scores.")
    assert max(lengths) <= 4096


def test_content_that_is_a_version_is_told_as_that_one(cast, credit, run):
    first, is_new = version_of_source(
        credit, source=source(run), actor=cast.alice, **SILENT
    )
    again = version_of_source(credit, source=source(run), actor=cast.alice, **SILENT)
    assert (is_new, again) == (True, (first, False))
