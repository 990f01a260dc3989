"""Who is warned, and what programs are told, when something is retired."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from guardian.shortcuts import assign_perm

from registry.models import Delivery, ModelVersion, Notification, RegisteredModel
from registry.services.model_versions import register_version
from tests import factories
from tracking.models import Run
from tracking.models.logged_model import UseDirection
from tracking.permissions import Role
from tracking.services.accounts import change_email
from tracking.services.logged_models import log_model_uses

pytestmark = pytest.mark.django_db
ADDRESS = "https://attestry.example.org"


@pytest.fixture(autouse=True)
def _sends_mail(settings):
    settings.ATTESTRY_SENDS_MAIL = True
    settings.ATTESTRY_URL = ADDRESS


@pytest.fixture
def reader(workspace, cast) -> Callable[..., User]:
    """Return a function that makes somebody who has a mailbox."""

    def make(name: str, role: Role | None = Role.OWNER) -> User:
        person = factories.person(name, workspace, role)
        change_email(person, email=f"{name}@example.org", actor=cast.ada)
        return person

    return make


@pytest.fixture
def training(workspace, cast) -> Run:
    return factories.run(workspace, cast.alice, "training")


def registered(model: RegisteredModel, run: Run, cast) -> ModelVersion:
    artifact = factories.upload(run, factories.MODEL, run.name.encode(), cast.alice)
    return register_version(
        model,
        source_run=factories.end(run, cast.alice),
        artifact_path=factories.MODEL,
        artifact_sha256=artifact.sha256,
        actor=cast.alice,
    )


def told() -> list[tuple[str, dict[str, Any]]]:
    found = Notification.objects.filter(type="dev.attestry.retirement.signed.v1")
    documents = (json.loads(item.document) for item in found.order_by("pk"))
    return [(document["subject"], document["data"]) for document in documents]


def warned() -> set[str]:
    mails = Delivery.objects.filter(recipient__isnull=False)
    return set(mails.values_list("recipient__username", flat=True))


def test_owners_of_models_that_name_a_retired_one_are_warned(workspace, cast, reader):
    model, limits, other = (
        factories.model(workspace, cast, name) for name in ("credit", "limits", "other")
    )
    factories.model_card(limits, cast, owner=reader("zoe"), upstream=[model])
    factories.model_card(other, cast, owner=reader("yuri"))

    factories.retired(model, cast)

    page = f"/admin/registry/registeredmodel/{model.pk}/change/"
    said = {"registered_model": "credit", "version": None, "dependants": 1}
    assert told() == [(model.subject, {**said, "url": f"{ADDRESS}{page}"})]
    assert warned() == {"zoe"}


def test_owners_of_models_that_came_of_a_retired_version_are_warned(
    workspace, cast, reader, training
):
    """A run scores with the version, and another model is trained on the scores."""
    made = factories.logged_model(training, cast.alice)
    version = registered(factories.model(workspace, cast), training, cast)
    scoring, second, unrelated = (
        factories.run(workspace, cast.alice, name)
        for name in ("scoring", "second", "unrelated")
    )
    log_model_uses(
        scoring, models=[(made, 0)], direction=UseDirection.INPUT, actor=cast.alice
    )
    factories.use_dataset(scoring, cast.alice, "scores", context="output")
    factories.use_dataset(second, cast.alice, "scores")
    for name, run, owner in (("limits", second, "zoe"), ("other", unrelated, "yuri")):
        model = factories.model(workspace, cast, name)
        registered(model, run, cast)
        factories.model_card(model, cast, owner=reader(owner))

    factories.retired(version.registered_model, cast, version)

    page = f"/admin/registry/modelversion/{version.pk}/change/"
    said = {"registered_model": "credit", "version": 1, "dependants": 1}
    assert told() == [(version.subject, {**said, "url": f"{ADDRESS}{page}"})]
    assert warned() == {"zoe"}


def test_what_came_of_another_version_is_no_reason_to_warn(
    workspace, cast, reader, training
):
    model = factories.model(workspace, cast)
    factories.use_dataset(training, cast.alice, "split", context="output")
    first = registered(model, training, cast)
    second = registered(model, factories.run(workspace, cast.alice, "2"), cast)
    later = factories.run(workspace, cast.alice, "later")
    factories.use_dataset(later, cast.alice, "split")
    limits = factories.model(workspace, cast, "limits")
    registered(limits, later, cast)
    factories.model_card(limits, cast, owner=reader("zoe"))

    factories.retired(model, cast, second)
    assert warned() == set()
    factories.retired(model, cast, first)
    assert warned() == {"zoe"}


def test_owner_who_does_not_see_what_is_retired_is_not_told_of_it(
    workspace, cast, reader
):
    model, limits = (factories.model(workspace, cast, n) for n in ("credit", "limits"))
    guest = reader("guest")
    factories.model_card(limits, cast, owner=guest, upstream=[model])
    guest.groups.clear()
    assign_perm("registry.view_registeredmodel", guest, limits)

    factories.retired(model, cast)

    assert warned() == set()


def test_programs_are_told_of_what_is_retired_and_that_nothing_stands_on_it(
    workspace, cast
):
    factories.webhook(workspace, cast)
    model = factories.model(workspace, cast)

    factories.retired(model, cast)

    [(subject, data)] = told()
    assert (subject, data["dependants"]) == (model.subject, 0)
