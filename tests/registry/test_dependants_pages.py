"""What stands on data, code or a run, and what made what serves, on pages of the admin."""

import pytest
from django.test import Client
from django.urls import reverse
from guardian.shortcuts import assign_perm

from registry.models import ModelVersion
from tests import factories
from tests.registry.test_dependants import trained_on, version_of
from tests.registry.test_inventory import COMMIT, made_from
from tracking.models import Dataset, Run
from tracking.models.tag import COMMIT_TAG
from tracking.services.logging import log_batch

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


def browser(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text(response) -> str:
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def page(row) -> str:
    return reverse(
        f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk]
    )


def standing_on(row) -> str:
    return reverse(
        f"admin:registry_dependants_of_{row._meta.model_name}", args=[row.pk]
    )


def of_commit(client: Client, **query: str):
    return client.get(reverse("admin:registry_dependants_of_commit"), query)


def named(response) -> list[str]:
    assert response.status_code == 200
    return [str(version) for version in response.context["versions"]]


@pytest.fixture
def serving(workspace, cast) -> ModelVersion:
    """A version that serves, made at a commit of data that another run had cleaned."""
    version: ModelVersion = made_from(workspace, cast)[0]
    return version


def test_pages_of_data_and_runs_lead_to_what_stands_on_them_and_back(serving, cast):
    carol = browser(cast.carol)
    slot = serving.slots.get()
    behind = [
        *Dataset.objects.filter(name__in=("raw", "clean")),
        *Run.objects.filter(name__in=("cleaning", "training")),
    ]
    assert len(behind) == 4
    for row in behind:
        assert f'href="{standing_on(row)}"' in text(carol.get(page(row)))
        shown = carol.get(standing_on(row))
        assert named(shown) == ["credit v1"]
        for seen in (row, serving, slot, serving.linked_run):
            assert f'href="{page(seen)}"' in text(shown)


def test_page_of_a_run_leads_to_what_stands_on_its_commit(serving, cast):
    carol = browser(cast.carol)
    asked = f"?workspace=default&amp;commit={COMMIT}"

    assert asked in text(carol.get(page(serving.linked_run)))
    shown = of_commit(carol, workspace="default", commit=COMMIT)

    assert named(shown) == ["credit v1"]
    assert f'href="{page(serving.slots.get())}"' in text(shown)
    assert named(of_commit(carol, workspace="default", commit=COMMIT[:39])) == []


def test_commit_is_asked_for_on_a_page_that_the_list_of_versions_leads_to(
    serving, cast
):
    carol = browser(cast.carol)
    way = reverse("admin:registry_dependants_of_commit")
    assert f'href="{way}"' in text(carol.get("/admin/registry/modelversion/"))

    asked, wrong = of_commit(carol), of_commit(carol, workspace="default", commit="")

    assert "versions" not in asked.context
    assert "versions" not in wrong.context
    assert "Error:" in text(wrong)


def test_version_and_slot_say_which_run_code_and_data_made_what_serves(serving, cast):
    carol = browser(cast.carol)
    for row in (serving, serving.slots.get()):
        shown = text(carol.get(page(row)))
        for name in ("raw", "clean"):
            dataset = Dataset.objects.get(name=name)
            assert f'href="{page(dataset)}">{name}@' in shown
        assert f'href="{page(serving.linked_run)}">training' in shown
        assert f"commit={COMMIT}" in shown


def test_slot_tells_of_no_run_that_one_does_not_see(serving, workspace, cast):
    nina = factories.person("nina", workspace, None)
    assign_perm("tracking.view_workspace", nina, workspace)
    assign_perm("registry.view_registeredmodel", nina, serving.registered_model)
    slot = page(serving.slots.get())

    hidden = text(browser(nina).get(slot))
    assign_perm("tracking.view_experiment", nina, serving.linked_run.experiment)
    seen = text(browser(nina).get(slot))

    for told in (serving.linked_run.run_id, COMMIT, "clean@"):
        assert told not in hidden
    assert "one that you may not see" in hidden
    assert "clean@" in seen


def test_versions_of_models_that_one_may_not_see_are_left_out(serving, workspace, cast):
    nina = factories.person("nina", workspace, None)
    assign_perm("tracking.view_workspace", nina, workspace)
    client, clean = browser(nina), Dataset.objects.get(name="clean")
    query = {"workspace": "default", "commit": COMMIT}

    def answers() -> list[list[str]]:
        return [
            named(client.get(standing_on(clean))),
            named(of_commit(client, **query)),
        ]

    assert answers() == [[], []]
    assign_perm("registry.view_registeredmodel", nina, serving.registered_model)
    assert answers() == [[], []]
    assert client.get(standing_on(serving.linked_run)).status_code == 404
    assign_perm("tracking.view_experiment", nina, serving.linked_run.experiment)
    assert answers() == [["credit v1"], ["credit v1"]]
    assert named(client.get(standing_on(serving.linked_run))) == ["credit v1"]


def test_what_is_not_ones_own_to_see_is_as_if_it_were_not_there(serving, cast):
    mallory = browser(cast.mallory)
    for row in (serving.linked_run, Dataset.objects.get(name="clean")):
        assert mallory.get(standing_on(row)).status_code == 404
    answer = of_commit(mallory, workspace="default", commit=COMMIT)
    assert "versions" not in answer.context
    assert browser(cast.carol).post(standing_on(serving.linked_run)).status_code == 405


def test_pages_cost_the_same_number_of_queries_however_many(
    workspace, cast, django_assert_num_queries, monkeypatch
):
    monkeypatch.setattr("registry.admin.dependants.VERSIONS_ON_A_PAGE", 2)
    for number in range(3):
        trained_on("loans", workspace, cast, b"%d" % number)
    loans = Dataset.objects.get(name="loans")
    carol = browser(cast.carol)
    carol.get(standing_on(loans))  # content types are kept from here on

    with django_assert_num_queries(14):
        assert named(carol.get(standing_on(loans))) == ["credit v1", "credit v2"]
    with django_assert_num_queries(14):
        assert named(carol.get(standing_on(loans), {"page": "2"})) == ["credit v3"]


def test_names_that_a_client_sent_are_printed_as_text(workspace, cast):
    markup = "<script>alert(1)</script>"
    run = factories.run(workspace, cast.alice, markup)
    log_batch(run, tags=[(COMMIT_TAG, markup)], actor=cast.alice)
    dataset = factories.use_dataset(run, cast.alice, markup)
    version_of(run, workspace, cast, b"1")
    carol = browser(cast.carol)

    for shown in (
        carol.get(standing_on(run)),
        carol.get(standing_on(dataset)),
        carol.get(page(run)),
        of_commit(carol, workspace="default", commit=markup),
    ):
        assert "<script>alert" not in text(shown)
        assert "&lt;script&gt;" in text(shown)
