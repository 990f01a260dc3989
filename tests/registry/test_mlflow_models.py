"""Registered models over MLflow's API, where no policy governs."""

import pytest

from registry.models import RegisteredModel
from tests import factories
from tests.tracking.refusals import conflict, denied, invalid, unknown
from tracking.models import Workspace
from tracking.permissions import Role
from tracking.services.workspaces import create_workspace

CREATE = "registered-models/create"


@pytest.fixture
def model(alice):
    assert alice.post(CREATE, name="scorer")[0] == 200
    return RegisteredModel.objects.get(name="scorer")


def shown(api, name="scorer"):
    status, answer = api.get("registered-models/get", name=name)
    assert status == 200
    return answer["registered_model"]


def test_model_is_created_as_what_a_client_can_say_of_it(alice, cast, news):
    tags = [{"key": "team", "value": "credit"}, {"key": "team", "value": "loans"}]
    status, answer = alice.post(CREATE, name="scorer", description="New.", tags=tags)
    created = answer["registered_model"].pop("creation_timestamp")
    assert answer["registered_model"].pop("last_updated_timestamp") == created
    assert (status, answer) == (
        200,
        {
            "registered_model": {
                "name": "scorer",
                "description": "New.",
                "tags": [{"key": "team", "value": "loans"}],
            }
        },
    )
    model = RegisteredModel.objects.get()
    assert (model.tier, model.purpose, model.owner) == (None, "", cast.alice)
    assert news() == [("registry.model.registered", "model/default/scorer")]


def test_program_does_not_own_the_model_that_it_registers(registry_as, cast):
    registry_as(cast.bot).post(CREATE, name="scorer")
    model = RegisteredModel.objects.get()
    assert (model.owner, model.created_by) == (None, cast.bot)


def test_name_that_is_there_is_answered_as_clients_expect(alice, model):
    assert alice.post(CREATE, name="scorer") == (
        400,
        {
            "error_code": "RESOURCE_ALREADY_EXISTS",
            "message": "The model 'scorer' exists: register a version of it.",
            "code": "model_exists",
        },
    )


@pytest.mark.parametrize(
    "name", ["a/b", "a:b", "  ", "..", "a\nb", "a\x00b", "", "x" * 300]
)
def test_odd_name_is_refused_and_stores_nothing(alice, name):
    status, answer = alice.post(CREATE, name=name)
    assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert not RegisteredModel.objects.exists()


def test_names_are_texts_of_any_language(alice):
    assert alice.post(CREATE, name="Bonität 信用 🙂 v2.1@x")[0] == 200
    assert shown(alice, "Bonität 信用 🙂 v2.1@x")["name"] == "Bonität 信用 🙂 v2.1@x"


def test_prompt_is_refused(alice, model):
    tag = {"key": "mlflow.prompt.is_prompt", "value": "true"}
    refused = invalid(
        "prompts_not_kept",
        "Attestry keeps no prompts: its registry is for models. Keep them elsewhere.",
    )
    assert alice.post(CREATE, name="hello", tags=[tag]) == refused
    assert alice.post("registered-models/set-tag", name="scorer", **tag) == refused


def test_model_is_described_labelled_and_renamed(alice, model, news):
    news()
    status, answer = alice.patch(
        "registered-models/update", name="scorer", description="Tells."
    )
    assert (status, answer["registered_model"]["description"]) == (200, "Tells.")
    tag = {"key": "team", "value": "credit"}
    assert alice.post("registered-models/set-tag", name="scorer", **tag) == (200, {})
    assert shown(alice)["tags"] == [tag]
    status, answer = alice.post(
        "registered-models/rename", name="scorer", new_name="judge"
    )
    assert (status, answer["registered_model"]["name"]) == (200, "judge")
    gone = {"name": "judge", "key": "team"}
    assert alice.delete("registered-models/delete-tag", **gone) == (200, {})
    assert alice.delete("registered-models/delete-tag", **gone) == (200, {})
    assert "tags" not in shown(alice, "judge")
    assert news() == [
        ("registry.model.described", "model/default/scorer"),
        ("registry.model.tag_set", "model/default/scorer"),
        ("registry.model.renamed", "model/default/scorer"),
        ("registry.model.tag_removed", "model/default/judge"),
    ]


def test_name_that_was_given_up_is_of_the_same_model_for_good(alice, model):
    alice.post("registered-models/rename", name="scorer", new_name="judge")
    refused = conflict(
        "model_name_used",
        "'scorer' was the name of another model, which the log goes on to call so: "
        "choose a new name.",
    )
    assert alice.post(CREATE, name="scorer") == refused
    alice.post(CREATE, name="other")
    rename = "registered-models/rename"
    assert alice.post(rename, name="other", new_name="scorer") == refused
    assert (
        alice.post(rename, name="other", new_name="judge")[1]["code"] == "model_exists"
    )
    assert alice.post(rename, name="judge", new_name="scorer")[0] == 200
    assert model.former_names.get(name="scorer").given_up_by.username == "alice"


def test_deleted_model_is_gone_for_clients_and_kept(alice, model, news):
    news()
    assert alice.delete("registered-models/delete", name="scorer") == (200, {})
    assert news() == [("registry.model.archived", "model/default/scorer")]
    assert alice.get("registered-models/get", name="scorer") == unknown(
        "model_unknown",
        "Registered Model with name=scorer not found in default: check the name.",
    )
    assert alice.get("registered-models/search") == (200, {})
    assert alice.post(CREATE, name="scorer")[1]["code"] == "model_name_used"
    assert RegisteredModel.objects.get().archived_at is not None


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("patch", "registered-models/update", {"description": "x"}),
        ("post", "registered-models/rename", {"new_name": "x"}),
        ("post", "registered-models/set-tag", {"key": "x", "value": "y"}),
        ("delete", "registered-models/delete-tag", {"key": "x"}),
        ("delete", "registered-models/alias", {"alias": "x"}),
        ("delete", "registered-models/delete", {}),
        ("post", "model-versions/create", {"source": "s3://bucket/model"}),
    ],
)
def test_who_only_looks_edits_nothing(registry_as, cast, model, method, path, message):
    carol = registry_as(cast.carol)
    status, answer = getattr(carol, method)(path, name="scorer", **message)
    assert (status, answer["error_code"]) == (403, "PERMISSION_DENIED")
    assert shown(carol)["name"] == "scorer"


def test_who_may_not_register_models_is_told_whom_to_ask(registry_as, cast):
    assert registry_as(cast.carol).post(CREATE, name="scorer") == denied(
        "may_not_register_model",
        "You may not register models of this name in default: ask for the developer role.",
    )


def test_model_of_another_workspace_cannot_be_seen_or_guessed(
    alice, registry_as, cast, model
):
    other = create_workspace("other", actor=cast.ada)
    factories.grant(cast.mallory, Role.DEVELOPER, other)
    mallory = registry_as(cast.mallory).below("other")
    assert mallory.get("registered-models/get", name="scorer")[0] == 404
    assert mallory.get("registered-models/search") == (200, {})
    assert mallory.get("model-versions/search") == (200, {})
    assert mallory.post(CREATE, name="scorer")[0] == 200
    assert registry_as(cast.mallory).get("registered-models/search")[0] == 404
    assert Workspace.objects.count() == 2


def test_what_search_shows_is_what_may_be_seen(alice, registry_as, cast, model):
    for user in (cast.alice, cast.bob, cast.carol, cast.bot, cast.oscar):
        api = registry_as(user)
        visible = RegisteredModel.objects.visible_to(user).count()
        found = api.get("registered-models/search")[1].get("registered_models", [])
        assert len(found) == visible == (0 if user == cast.oscar else 1)


def test_search_understands_the_whole_grammar(alice):
    for name, team in (("alpha", "credit"), ("beta", "loans"), ("Gamma", None)):
        tags = [{"key": "team", "value": team}] if team else []
        alice.post(CREATE, name=name, tags=tags)

    def found(text, **options):
        status, answer = alice.get("registered-models/search", filter=text, **options)
        assert status == 200, answer
        return [one["name"] for one in answer.get("registered_models", [])]

    assert found("") == sorted(["alpha", "beta", "Gamma"])
    assert found("name = 'beta'") == ["beta"]
    assert found("attribute.name != 'beta' and name ILIKE '%A%'") == ["Gamma", "alpha"]
    assert found("name LIKE '%a'") == ["Gamma", "alpha", "beta"]
    assert found("name LIKE 'g%'") == []
    assert found("name IN ('alpha', 'Gamma')") == ["Gamma", "alpha"]
    assert found("tags.team = 'credit'") == ["alpha"]
    assert found("tag.team != 'credit'") == ["beta"]
    assert found("tags.`team` ILIKE 'LO%'") == ["beta"]
    prompts = "tag.`mlflow.prompt.is_prompt`"
    assert found(f"{prompts} != 'true' AND name = 'beta'") == ["beta"]
    assert found(f"{prompts} = 'true'") == []
    assert found("", order_by=["name DESC"]) == ["beta", "alpha", "Gamma"]
    assert found("", order_by=["creation_timestamp ASC"]) == ["alpha", "beta", "Gamma"]
    assert found("", order_by=["last_updated_timestamp DESC"])[0] == "Gamma"


@pytest.mark.parametrize(
    "query",
    [
        {"filter": "purpose = 'x'"},
        {"filter": "name > 'x'"},
        {"filter": "name = 'x' OR name = 'y'"},
        {"filter": "tags.a IS NULL"},
        {"filter": " "},
        {"order_by": "tags.a"},
        {"order_by": "purpose ASC"},
        {"max_results": 1001},
        {"max_results": 0},
        {"page_token": "nonsense"},
    ],
)
def test_search_that_makes_no_sense_is_refused(alice, query):
    status, answer = alice.get("registered-models/search", **query)
    assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_pages_follow_each_other(alice):
    for number in range(5):
        alice.post(CREATE, name=f"model {number}")
    found, token = [], ""
    while True:
        query = {"max_results": 2, "page_token": token}
        _, answer = alice.get("registered-models/search", **query)
        found += [one["name"] for one in answer["registered_models"]]
        if not (token := answer.get("next_page_token", "")):
            break
    assert found == [f"model {number}" for number in range(5)]


def test_page_token_of_models_is_none_of_versions(alice):
    for number in range(2):
        alice.post(CREATE, name=f"model {number}")
    _, first = alice.get("registered-models/search", max_results=1)
    status, answer = alice.get(
        "model-versions/search", page_token=first["next_page_token"]
    )
    assert (status, answer["code"]) == (400, "page_token_invalid")


def test_page_takes_as_many_queries_as_one_line(
    alice, workspace, cast, django_assert_max_num_queries
):
    for number in range(12):
        alice.post(CREATE, name=f"model {number}", tags=[{"key": "a", "value": "b"}])
        run = factories.run(workspace, cast.alice)
        factories.upload(run, "model/MLmodel", run.run_id.encode(), cast.alice)
        alice.post(
            "model-versions/create",
            name=f"model {number}",
            source=f"runs:/{run.run_id}/model",
        )
    with django_assert_max_num_queries(9):
        _, answer = alice.get("registered-models/search")
    assert [len(one["latest_versions"]) for one in answer["registered_models"]] == (
        [1] * 12
    )
    with django_assert_max_num_queries(7):
        _, answer = alice.get("model-versions/search")
    assert len(answer["model_versions"]) == 12
