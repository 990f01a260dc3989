"""Accounts, experiments and runs in the admin: who sees them, and that nobody edits."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import Client

from audit.proofs import trail
from tests import factories
from tracking.models import Experiment, Run

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

LISTS = {"auth/user/": 13, "tracking/experiment/": 11, "tracking/run/": 11}
GOVERNED = sorted(
    (model._meta.app_label, model._meta.model_name) for model in admin.site._registry
)


def as_person(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text(response) -> str:
    return " ".join(response.content.decode().split())


def test_nothing_is_registered_that_could_be_edited():
    assert GOVERNED == [
        ("audit", "event"),
        ("audit", "verification"),
        ("auth", "user"),
        ("registry", "breakglass"),
        ("registry", "delegation"),
        ("registry", "delivery"),
        ("registry", "finding"),
        ("registry", "freeze"),
        ("registry", "modelversion"),
        ("registry", "policy"),
        ("registry", "promotionrequest"),
        ("registry", "registeredmodel"),
        ("registry", "slot"),
        ("registry", "webhook"),
        ("tracking", "apitoken"),
        ("tracking", "dataset"),
        ("tracking", "experiment"),
        ("tracking", "rolegrant"),
        ("tracking", "run"),
    ]
    assert not admin.site.is_registered(Group)


def test_not_even_a_superuser_adds_changes_or_deletes(workspace, cast, subtests):
    factories.row_in_every_table(workspace, cast)
    ada = as_person(cast.ada)
    for app, name in GOVERNED:
        with subtests.test(f"{app}/{name}"):
            answers, is_untouched = attempts_on(app, str(name), ada)
            assert answers == {"add": 403, "change": 403, "delete": 403}
            assert is_untouched


def attempts_on(app: str, name: str, ada: Client) -> tuple[dict[str, int], bool]:
    """Try every way to change the newest row; say whether all are as they were."""
    rows = apps.get_model(app, name)._default_manager.order_by("-pk")
    before = list(rows.values())
    row, base = rows[0], f"/admin/{app}/{name}/"
    answers = {
        "add": ada.post(f"{base}add/", {}).status_code,
        "change": ada.post(f"{base}{row.pk}/change/", {"name": "other"}).status_code,
        "delete": ada.post(f"{base}{row.pk}/delete/", {"post": "yes"}).status_code,
    }
    ada.post(
        base,
        {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"},
    )
    return answers, list(rows.values()) == before


@pytest.mark.parametrize(("path", "queries"), LISTS.items())
def test_list_costs_the_same_number_of_queries_however_long(
    workspace, cast, path, queries, django_assert_num_queries
):
    for name in ("one", "two", "three"):
        factories.run(workspace, cast.alice, name)
    bob = as_person(cast.bob)
    bob.get(f"/admin/{path}")  # content types are kept from here on

    with django_assert_num_queries(queries):
        assert bob.get(f"/admin/{path}").status_code == 200


@pytest.mark.parametrize("path", LISTS)
def test_somebody_without_a_role_sees_no_rows(workspace, cast, path):
    factories.run(workspace, cast.alice)

    response = as_person(cast.mallory).get(f"/admin/{path}")

    assert response.context["cl"].result_count == 0


def test_run_page_prints_everything_that_was_logged(workspace, cast):
    version = factories.version(workspace, cast)
    run = version.linked_run
    other = factories.run(workspace, cast.alice)
    factories.everything_logged(other, cast.alice)
    bob = as_person(cast.bob)

    source = text(bob.get(f"/admin/tracking/run/{run.pk}/change/"))
    logged = text(bob.get(f"/admin/tracking/run/{other.pk}/change/"))

    assert f"/admin/registry/modelversion/{version.pk}/change/" in source
    assert version.linked_sha256 in source
    for content in ("alpha", "0.1", "loss", "0.5", "team", "loans", "abc123"):
        assert content in logged


def test_experiment_page_leads_to_its_runs(workspace, cast):
    run = factories.run(workspace, cast.alice)
    bob = as_person(cast.bob)
    path = f"/admin/tracking/run/?experiment__id__exact={run.experiment_id}"

    shown = text(bob.get(f"/admin/tracking/experiment/{run.experiment_id}/change/"))

    assert path in shown
    assert list(bob.get(path).context["cl"].result_list) == [run]


def test_colleagues_see_each_others_roles(cast):
    shown = text(as_person(cast.bob).get("/admin/auth/user/"))

    assert "Alice Example" in shown
    assert "default:developer" in shown
    assert "mallory" not in shown


def test_superuser_sees_accounts_without_a_role(cast):
    assert "mallory" in text(as_person(cast.ada).get("/admin/auth/user/"))


@pytest.mark.parametrize(
    "lookup", ["password__startswith=md5", "email__contains=a", "groups__name=x"]
)
def test_accounts_cannot_be_filtered_to_guess_what_is_not_shown(cast, lookup):
    response = as_person(cast.ada).get(f"/admin/auth/user/?{lookup}")

    assert response.status_code == 400
    assert User.objects.filter(username="ada").exists()


@pytest.mark.parametrize("path", [*LISTS, "registry/slot/", "registry/policy/"])
def test_unknown_id_is_not_found(cast, path):
    assert as_person(cast.bob).get(f"/admin/{path}4711/change/").status_code == 404


def test_page_of_a_run_that_is_not_ones_own_to_see_is_not_found(workspace, cast):
    run = factories.run(workspace, cast.alice)
    mallory = as_person(cast.mallory)

    for path in (
        f"tracking/run/{run.pk}/",
        f"tracking/experiment/{run.experiment_id}/",
        f"auth/user/{cast.alice.pk}/",
    ):
        for page in ("change", "history", "delete"):
            assert mallory.get(f"/admin/{path}{page}/").status_code == 404
    assert Run.objects.count() == Experiment.objects.count() == 1


def test_change_of_ones_password_is_an_entry_of_the_log(cast):
    browser = as_person(cast.bob)

    changed = browser.post(
        "/admin/password_change/",
        {
            "old_password": factories.PASSWORD,
            "new_password1": "another long passphrase",
            "new_password2": "another long passphrase",
        },
    )

    assert (changed.status_code, changed["Location"]) == (
        302,
        "/admin/password_change/done/",
    )
    assert User.objects.get(pk=cast.bob.pk).check_password("another long passphrase")
    last = trail([f"user/{cast.bob.pk}"])[-1]
    assert (last.kind, last.actor) == (
        "tracking.account.password_changed",
        f"user/{cast.bob.pk}",
    )
