"""What labels of registered models and versions were before is kept by the database."""

import re

import pytest
from django.test import Client

from registry.models import ModelTag, VersionTag
from tracking.models import FormerTag

pytestmark = pytest.mark.django_db


def former() -> list[tuple[str, str, str]]:
    found = FormerTag.objects.order_by("pk")
    return list(found.values_list("subject", "key", "value"))


def test_labels_of_a_model_are_kept_by_the_name_that_it_had(alice, model):
    for value in ("credit", "credit", "fraud"):
        tag = {"key": "team", "value": value}
        assert alice.post("registered-models/set-tag", name="scorer", **tag)[0] == 200
    alice.post("registered-models/rename", name="scorer", new_name="judge")
    alice.delete("registered-models/delete-tag", name="judge", key="team")

    assert former() == [
        (model.subject, "team", "credit"),
        ("model/default/judge", "team", "fraud"),
    ]


def test_labels_of_a_version_are_kept(alice, version):
    named = {"name": "scorer", "version": "1"}
    for value in ("yes", "yes", "no"):
        tag = {"key": "checked", "value": value}
        assert alice.post("model-versions/set-tag", **named, **tag)[0] == 200
    alice.delete("model-versions/delete-tag", **named, key="checked")

    assert former() == [
        (version.subject, "checked", "yes"),
        (version.subject, "checked", "no"),
    ]


def test_what_a_shell_does_is_kept_as_well(alice, version):
    tag = {"key": "team", "value": "credit"}
    alice.post("registered-models/set-tag", name="scorer", **tag)
    alice.post("model-versions/set-tag", name="scorer", version="1", **tag)

    ModelTag.objects.update(value="fraud")
    VersionTag.objects.all().delete()

    assert former() == [
        (version.registered_model.subject, "team", "credit"),
        (version.subject, "team", "credit"),
    ]


@pytest.mark.any_database
def test_pages_show_what_labels_were_by_every_name(alice, version, cast):
    for value in ("credit", "fraud"):
        tag = {"key": "team", "value": value}
        alice.post("registered-models/set-tag", name="scorer", **tag)
        alice.post("model-versions/set-tag", name="scorer", version="1", **tag)
    alice.post("registered-models/rename", name="scorer", new_name="judge")
    page = Client()
    page.force_login(cast.bob)

    for path, subject in (
        (f"registeredmodel/{version.registered_model_id}", "model/default/scorer"),
        (f"modelversion/{version.pk}", "version/default/scorer/1"),
    ):
        shown = page.get(f"/admin/registry/{path}/change/").content.decode()
        of_team = f"<td>team</td><td>credit</td><td>[^<]+ UTC</td><td>{subject}</td>"
        assert re.search(of_team, shown)
