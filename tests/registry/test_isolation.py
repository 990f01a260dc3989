"""What one workspace holds, members of another neither see nor guess."""

from datetime import timedelta

import pytest
from django.urls import URLPattern
from django.utils import timezone
from guardian.shortcuts import assign_perm

from audit.errors import PermissionDeniedError
from audit.services import system_account
from registry.api import urls as registry_urls
from registry.models.sign_off import SignerRole
from registry.services.delegations import delegate_signing
from registry.services.policies import draft_policy
from registry.services.reports import order_report
from tests import factories
from tests.tracking.conftest import Mlflow
from tracking.api import urls as tracking_urls
from tracking.models import Dataset, Run
from tracking.models.workspace import KEEPER_GROUPS
from tracking.permissions import KEEPERS, Role
from tracking.services.workspaces import create_workspace

pytestmark = [pytest.mark.django_db, pytest.mark.on_postgresql]

# Of the installation and not of a workspace: these list what is one's own.
OWN = ("workspaces/", "accounts/", "tokens/", "second-factor/")
ROUTES: list[str] = [
    str(route.pattern)
    for module in (registry_urls, tracking_urls)
    for route in module.urlpatterns
    if isinstance(route, URLPattern)
]


@pytest.fixture
def stranger(workspace, cast, as_token):
    """Somebody with every role that an account can have, but in another workspace."""
    other = create_workspace("other", actor=system_account())
    person = factories.person("stranger", other, Role.DEVELOPER)
    for role in (Role.VALIDATOR, Role.RISK, Role.AUDITOR, Role.OWNER, Role.RELEASE):
        factories.grant(person, role, other)
    factories.row_in_every_table(workspace, cast)
    return as_token(person)


# What these are asked, without which they have nothing to answer.
QUESTIONS = {
    "lineage/": "?registered_model=credit&version=1",
    "model-cards/": "?registered_model=credit",
    "tier-assessments/": "?registered_model=credit",
    "decisions/": "?registered_model=credit&version=1&environment=production",
}


WHENEVER = {"decided_at": ""}


def filled(route: str, *, pk: int, run_id: str) -> str:
    values = {
        "<int:pk>": str(pk),
        "<int:number>": str(pk),
        "<str:run_id>": run_id,
        "<slug:run_id>": run_id,
        "<str:username>": "alice",
    }
    for placeholder, value in values.items():
        route = route.replace(placeholder, value)
    return route


def at_home_of(path: str) -> str:
    return f"/w/other/api/v1/{path}"


def theirs(page) -> bool:
    """Say whether a page lists nothing but the grants of the stranger's own roles.

    What is no list, such as the template of tickets, is held against names below.
    """
    return all(row.get("on") == "workspace/other" for row in page.get("results", []))


def test_no_route_of_the_native_api_tells_anything_of_another_workspace(
    stranger, workspace
):
    run = Run.objects.filter(experiment__workspace=workspace).latest("pk")
    dataset = Dataset.objects.filter(workspace=workspace).latest("pk")
    for route in ROUTES:
        for pk in {1, dataset.pk, run.experiment_id}:
            path = filled(route, pk=pk, run_id=run.run_id) + QUESTIONS.get(route, "")
            there = stranger.get(f"/api/v1/{path}")
            at_home = stranger.get(at_home_of(path))
            if there.status_code == 405:  # there is nothing to read here
                continue
            if route == "decisions/":  # of what is unknown, everything is denied
                unknown = stranger.get(at_home_of(path.replace("credit", "nothing")))
                assert there.status_code == 404
                assert at_home.json() | WHENEVER == unknown.json() | WHENEVER
            elif path.startswith(OWN):
                assert there.status_code == at_home.status_code, path
            else:
                assert there.status_code == 404, path
                assert at_home.status_code == 404 or theirs(at_home.json())
            for answer in (there, at_home):
                for name in (run.name, "credit", "loans", "bob", "Example"):
                    assert f'"{name}"' not in answer.text, (path, name)


def test_what_is_there_and_what_is_not_are_answered_alike(stranger, workspace):
    there = stranger.get("/w/default/api/v1/registered-models/")
    nowhere = stranger.get("/w/nowhere/api/v1/registered-models/")
    assert there.status_code == nowhere.status_code == 404
    assert there.json() == {
        **nowhere.json(),
        "detail": nowhere.json()["detail"].replace("nowhere", "default"),
    }


def test_mlflows_api_tells_nothing_of_another_workspace(stranger, workspace):
    run = Run.objects.filter(experiment__workspace=workspace).latest("pk")
    at_home = Mlflow(stranger, "/w/other")
    for path, query in (
        ("runs/get", {"run_id": run.run_id}),
        ("experiments/get", {"experiment_id": str(run.experiment_id)}),
        ("experiments/get-by-name", {"experiment_name": run.experiment.name}),
        ("artifacts/list", {"run_id": run.run_id}),
    ):
        assert at_home.get(path, **query)[0] == 404, path
        assert Mlflow(stranger).get(path, **query)[0] == 404, path
    experiments = [str(run.experiment_id)]
    # MLflow answers for a run that it does not know with no points.
    query = {"run_id": run.run_id, "metric_key": "loss"}
    assert at_home.get("metrics/get-history", **query)[1].get("metrics", []) == []
    for found in (
        at_home.post("runs/search", experiment_ids=experiments),
        at_home.post("experiments/search", max_results=100),
        at_home.post("logged-models/search", experiment_ids=experiments),
    ):
        assert run.run_id not in str(found)
        assert "credit" not in str(found)


def test_admin_shows_no_row_of_another_workspace(stranger, client, workspace):
    client.post(
        "/admin/login/", {"username": "stranger", "password": factories.PASSWORD}
    )
    for page in (
        "registry/registeredmodel",
        "registry/modelversion",
        "registry/promotionrequest",
        "registry/policy",
        "registry/slot",
        "registry/reportorder",
        "tracking/experiment",
        "tracking/run",
        "tracking/dataset",
        "auth/user",
    ):
        answer = client.get(f"/admin/{page}/")
        if answer.status_code == 404:  # it has no page
            continue
        assert answer.status_code == 200
        assert "credit" not in answer.text, page
        assert "Bob Example" not in answer.text, page


@pytest.fixture
def keeper(workspace, cast):
    """Keeps the accounts of the installation, and grants the first roles elsewhere."""
    return factories.person("keeper", workspace, Role.ADMINISTRATOR)


def test_who_keeps_the_accounts_sees_nothing_of_what_they_decide(
    workspace, cast, keeper, client
):
    other = create_workspace("other", actor=system_account())
    author = factories.person("author", other, Role.POLICY_AUTHOR)
    document = factories.POLICY.replace("registered_model: credit\n", "tier: [3]\n")
    draft_policy(other, document=document, actor=author)
    rita = factories.person("risky", other, Role.RISK)
    bob = factories.person("checker", other, Role.VALIDATOR)
    delegate_signing(
        other,
        role=SignerRole.RISK,
        delegate=bob,
        starts_at=timezone.now(),
        ends_at=timezone.now() + timedelta(days=3),
        reason="On leave.",
        password=factories.PASSWORD,
        is_interactive=True,
        actor=rita,
    )

    def seen_by(person, path):
        client.force_login(person)
        answer = client.get(f"/w/other/api/v1/{path}/")
        assert answer.status_code == 200
        return answer.json()["count"]

    for path in ("policies", "delegations"):
        assert (seen_by(keeper, path), seen_by(bob, path)) == (0, 1)


def test_page_of_accounts_names_no_group_of_a_workspace_one_does_not_see(
    workspace, cast, keeper, client
):
    other = create_workspace("other", actor=system_account())
    factories.grant(cast.bob, Role.VALIDATOR, other)
    client.force_login(cast.rita)
    page = client.get("/admin/auth/user/").text
    assert "default:validator" in page
    assert "other:validator" not in page


def test_role_on_one_model_tells_nothing_of_the_others(workspace, cast, as_token):
    credit = factories.model(workspace, cast)
    hidden = factories.model(workspace, cast, "hidden-upstream")
    factories.model_card(credit, cast, upstream=[hidden])
    below = factories.model(workspace, cast, "hidden-downstream")
    factories.model_card(below, cast, upstream=[credit])
    version = factories.version(workspace, cast)
    narrow = factories.person("narrow", workspace, None)
    for permission in ("view_registeredmodel", "order_report"):
        assign_perm(f"registry.{permission}", narrow, credit)
    assign_perm("tracking.view_workspace", narrow, workspace)

    api = as_token(narrow)
    (line,) = api.get("/api/v1/registered-models/").json()["results"]
    assert (line["upstream"], line["downstream"]) == ([], [])
    cards = api.get("/api/v1/model-cards/?registered_model=credit").json()["results"]
    assert [card["upstream"] for card in cards] == [[]]
    with pytest.raises(PermissionDeniedError) as refusal:
        order_report(version, actor=narrow)
    assert refusal.value.code == "report_tells_more"
    ordered = order_report(version, actor=cast.carol)
    assert api.get(f"/api/v1/reports/{ordered.pk}/").status_code == 404

    (line,) = [
        line
        for line in as_token(cast.bob)
        .get("/api/v1/registered-models/")
        .json()["results"]
        if line["name"] == "credit"
    ]
    assert line["upstream"] == ["hidden-upstream"]
    assert line["downstream"] == ["hidden-downstream"]


def test_groups_of_keepers_are_those_of_their_roles():
    assert set(KEEPER_GROUPS) == {f":{role}" for role in KEEPERS}
