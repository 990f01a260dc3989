"""Model versions over MLflow's API, where no policy governs."""

import pytest

from audit.errors import ConflictError
from registry.models import ModelVersion, RegisteredModel
from registry.models.tier import Tier
from registry.services.promotion import request_promotion
from registry.services.reports import order_report
from tests import factories
from tests.registry.mlflow_versions import CREATE, another, shown
from tests.tracking.refusals import invalid, unknown, unknown_run
from tracking.permissions import Role
from tracking.services.workspaces import create_workspace


def test_source_must_be_what_is_claimed(alice, model, run, source, workspace, cast):
    other = factories.run(workspace, cast.alice)
    differs = invalid(
        "source_differs",
        f"The source {source!r} is of {run.run_id}, not of {other.run_id}: send the one "
        f"that made the model.",
    )
    assert alice.post(CREATE, name="scorer", source=source, run_id=other.run_id) == (
        differs
    )
    moved = f"mlflow-artifacts:/999/{run.run_id}/artifacts/model"
    assert alice.post(CREATE, name="scorer", source=moved)[1]["code"] == (
        "source_differs"
    )
    nothing = f"runs:/{other.run_id}/model"
    assert alice.post(CREATE, name="scorer", source=nothing)[1]["code"] == (
        "source_empty"
    )
    assert not ModelVersion.objects.exists()


@pytest.mark.parametrize(
    "address",
    [
        "s3://bucket/model",
        "file:///etc/passwd",
        "mlflow-artifacts://elsewhere:5000/1/run/artifacts/model",
        "models:/scorer@champion",
        "../../etc",
    ],
)
def test_version_needs_a_run_of_the_workspace(alice, model, address):
    assert alice.post(CREATE, name="scorer", source=address) == invalid(
        "source_unlinked",
        f"The source {address!r} leads to no run in default, and a version needs one. "
        f"Log the model in a run and register it from there (runs:/<run id>/<path> or "
        f"models:/<model id>).",
    )


def test_run_that_one_does_not_see_is_no_source(alice, model, cast):
    other = create_workspace("other", actor=cast.ada)
    rex = factories.person("roger", other, Role.DEVELOPER)
    hidden = factories.run(other, rex)
    for run_id in (hidden.run_id, "0" * 32):
        answer = alice.post(CREATE, name="scorer", source=f"runs:/{run_id}/model")
        assert answer == unknown_run(run_id)
    path = {"source": f"runs:/{hidden.run_id}/../model"}
    assert alice.post(CREATE, name="scorer", **path)[0] in {400, 404}


def test_workspace_may_take_unlinked_versions_that_nobody_can_submit(registry_as, cast):
    moving = create_workspace("moving", allow_unlinked_versions=True, actor=cast.ada)
    people = factories.person("dora", moving, Role.DEVELOPER)
    dora = registry_as(people).below("moving")
    dora.post("registered-models/create", name="scorer")
    for number, address in enumerate(("s3://bucket/1", "runs:/gone/model"), start=1):
        status, answer = dora.post(CREATE, name="scorer", source=address)
        assert (status, answer["model_version"]["version"]) == (200, str(number))
        assert "run_id" not in answer["model_version"]
        where = {"name": "scorer", "version": str(number)}
        assert dora.get("model-versions/get-download-uri", **where) == (
            200,
            {"artifact_uri": address},
        )
    model = RegisteredModel.objects.get(workspace=moving)
    paul = factories.person("pia", moving, Role.POLICY_AUTHOR)
    rita = factories.person("rosa", moving, Role.RISK)
    code = factories.second_factor(rita).code()
    factories.tier(model, cast, Tier.MODERATE, code=code, actor=rita)
    document = factories.POLICY.replace(": credit\n", ": scorer\n")
    factories.publish(moving, document, author=paul, publisher=rita)
    version = model.versions.get(number=1)
    for act in (
        lambda: request_promotion(version, environment="production", actor=people),
        lambda: order_report(version, actor=people),
    ):
        with pytest.raises(ConflictError) as refused:
            act()
        assert refused.value.code == "version_unlinked"


def test_version_is_described_labelled_and_moved(alice, version, news):
    news()
    named = {"name": "scorer", "version": "1"}
    _, answer = alice.patch("model-versions/update", **named, description="Good.")
    assert answer["model_version"]["description"] == "Good."
    tag = {"key": "checked", "value": "yes"}
    assert alice.post("model-versions/set-tag", **named, **tag) == (200, {})
    _, answer = alice.post(
        "model-versions/transition-stage", **named, stage="pRoDuCtIoN"
    )
    assert answer["model_version"]["current_stage"] == "Production"
    assert answer["model_version"]["tags"] == [tag]
    assert alice.delete("model-versions/delete-tag", **named, key="checked")[0] == 200
    assert news() == [
        (f"registry.version.{done}", "version/default/scorer/1")
        for done in ("described", "tag_set", "moved", "tag_removed")
    ]


def test_others_in_a_stage_make_room_if_asked(alice, version, workspace, cast):
    move = "model-versions/transition-stage"
    for number in ("1", another(alice, workspace, cast)):
        alice.post(move, name="scorer", version=number, stage="Production")
    third = another(alice, workspace, cast)
    message = {"name": "scorer", "version": third, "stage": "Production"}
    alice.post(move, **message, archive_existing_versions=True)
    assert [shown(alice, str(n))["current_stage"] for n in (1, 2, 3)] == [
        *("Archived", "Archived", "Production"),
    ]
    refused = alice.post(
        move, **(message | {"stage": "None"}), archive_existing_versions=True
    )
    assert refused[1]["code"] == "stage_not_active"
    assert alice.post(move, **(message | {"stage": "Canary"})) == invalid(
        "stage_unknown",
        "Invalid Model Version stage: Canary. Value must be one of None, Staging, "
        "Production, Archived.",
    )


def test_latest_versions_are_the_newest_of_each_stage(alice, version, workspace, cast):
    another(alice, workspace, cast)
    another(alice, workspace, cast)
    alice.post(
        "model-versions/transition-stage", name="scorer", version="1", stage="Staging"
    )

    def latest(**stages):
        path = "registered-models/get-latest-versions"
        _, answer = alice.post(path, name="scorer", **stages)
        found = answer.get("model_versions", [])
        return sorted((one["current_stage"], one["version"]) for one in found)

    assert latest() == [("None", "3"), ("Staging", "1")]
    assert latest(stages=["staging"]) == [("Staging", "1")]
    assert latest(stages=["Production"]) == []
    listed = alice.get("registered-models/get", name="scorer")[1]["registered_model"]
    assert sorted(one["version"] for one in listed["latest_versions"]) == ["1", "3"]


@pytest.mark.parametrize("word", ["latest", "LATEST"])
def test_latest_is_the_newest_version(alice, version, workspace, cast, word):
    alias = {"name": "scorer", "alias": word}
    another(alice, workspace, cast)
    another(alice, workspace, cast)
    stage = {"version": "1", "stage": "Production"}
    alice.post("model-versions/transition-stage", name="scorer", **stage)

    def latest():
        status, answer = alice.get("registered-models/alias", **alias)
        assert status == 200, answer
        return answer["model_version"]["version"]

    assert latest() == "3"
    alice.delete("model-versions/delete", name="scorer", version="3")
    assert latest() == "2"
    for number in ("1", "2"):
        alice.delete("model-versions/delete", name="scorer", version=number)
    assert alice.get("registered-models/alias", **alias) == unknown(
        "version_unknown", "Latest version not found for model scorer: register one."
    )


def test_alias_is_given_moved_and_taken_away(alice, version, workspace, cast, news):
    number = another(alice, workspace, cast)
    news()
    alias = {"name": "scorer", "alias": "champion"}
    for one in ("1", number):
        assert alice.post("registered-models/alias", **alias, version=one)[0] == 200
        _, answer = alice.get("registered-models/alias", **alias)
        assert answer["model_version"]["version"] == one
        assert answer["model_version"]["aliases"] == ["champion"]
    assert alice.delete("registered-models/alias", **alias) == (200, {})
    assert alice.delete("registered-models/alias", **alias) == (200, {})
    assert alice.get("registered-models/alias", **alias) == invalid(
        "alias_unknown",
        "Registered model alias champion not found: scorer has none of that name.",
    )
    assert news() == [
        ("registry.alias.set", "model/default/scorer"),
        ("registry.alias.set", "model/default/scorer"),
        ("registry.alias.removed", "model/default/scorer"),
    ]


@pytest.mark.parametrize(
    ("alias", "code"),
    [
        *((word, "alias_invalid") for word in ("latest", "LATEST", "v1", "V22")),
        *((word, "alias_invalid") for word in ("a b", "a/b", "a@b", "ä.b")),
        *((word, "message_invalid") for word in ("", "x" * 256, "a\x00")),
        *((word, "alias_is_a_stage") for word in ("Production", "staging", "NONE")),
    ],
)
def test_alias_that_could_be_mistaken_is_refused(alice, version, alias, code):
    status, answer = alice.post(
        "registered-models/alias", name="scorer", alias=alias, version="1"
    )
    assert (status, answer["code"]) == (400, code)
    assert not version.aliases.exists()


def test_deleted_version_is_gone_for_clients_and_its_number_is_not_used_again(
    alice, version, source, workspace, cast, news
):
    alias = {"name": "scorer", "alias": "best"}
    alice.post("registered-models/alias", **alias, version="1")
    news()
    gone = {"name": "scorer", "version": "1"}
    assert alice.delete("model-versions/delete", **gone) == (200, {})
    assert news() == [("registry.version.archived", "version/default/scorer/1")]
    missing = unknown(
        "version_unknown",
        "Model Version (name=scorer, version=1) not found in default: check name and "
        "number.",
    )
    assert alice.get("model-versions/get", **gone) == missing
    assert alice.delete("model-versions/delete", **gone) == missing
    assert alice.get("registered-models/alias", **alias)[0] == 400
    assert alice.get("model-versions/search") == (200, {})
    assert (
        "latest_versions"
        not in (
            alice.get("registered-models/get", name="scorer")[1]["registered_model"]
        )
    )
    assert alice.post(CREATE, name="scorer", source=source)[1]["code"] == (
        "artifact_archived"
    )
    assert another(alice, workspace, cast) == "2"
    assert ModelVersion.objects.count() == 2


@pytest.mark.parametrize("number", ["0", "99", "x", "-1", "1.5", "9" * 30, ""])
def test_version_that_is_not_there_is_refused(alice, version, number):
    status, answer = alice.get("model-versions/get", name="scorer", version=number)
    assert (status, answer["error_code"]) in {
        (400, "INVALID_PARAMETER_VALUE"),
        (404, "RESOURCE_DOES_NOT_EXIST"),
    }


def test_search_understands_the_whole_grammar(alice, version, run, workspace, cast):
    named = {"name": "scorer", "version": another(alice, workspace, cast)}
    alice.post("model-versions/set-tag", **named, key="team", value="credit")
    alice.post("registered-models/create", name="other")
    alice.post(CREATE, name="other", source="models:/scorer/2")

    def found(text, **options):
        status, answer = alice.get("model-versions/search", filter=text, **options)
        assert status == 200, answer
        return [
            f"{one['name']} {one['version']}"
            for one in answer.get("model_versions", [])
        ]

    assert found("") == ["other 1", "scorer 2", "scorer 1"]
    assert found("name = 'scorer'") == ["scorer 2", "scorer 1"]
    assert found("name='scorer' and version_number < 2") == ["scorer 1"]
    assert found("name='scorer' and version_number = '01'") == ["scorer 1"]
    assert found("name='scorer' and version_number != '1'") == ["scorer 2"]
    assert found(f"version_number < {'9' * 400} AND version_number > -{'9' * 400}") == (
        ["other 1", "scorer 2", "scorer 1"]
    )
    assert found(f"version_number = {'9' * 400}") == []
    assert found(f"run_id = '{run.run_id}'") == ["scorer 1"]
    assert found(f"run_id IN ('{run.run_id}', 'x')") == ["scorer 1"]
    assert found("run_id != 'x' AND name = 'other'") == ["other 1"]
    assert found("source_path LIKE 'models:/%'") == ["other 1"]
    assert found("tags.team = 'credit'") == ["scorer 2"]
    assert found("tag.`mlflow.prompt.is_prompt` != 'true' and name = 'other'") == [
        "other 1"
    ]
    assert found("", order_by=["name DESC", "version_number ASC"]) == [
        *("scorer 1", "scorer 2", "other 1"),
    ]
    assert found("", order_by=["creation_timestamp ASC"])[0] == "scorer 1"
    assert found("", max_results=1) == ["other 1"]


@pytest.mark.parametrize(
    "query",
    [
        {"filter": "current_stage = 'None'"},
        {"filter": "creation_timestamp > 1"},
        {"filter": "version_number = 'x'"},
        {"filter": "version_number = 1.5"},
        {"filter": "version_number > 1e400"},
        {"filter": "version_number < -1e400"},
        {"filter": f"version_number = {'9' * 5000}"},
        {"filter": "version_number IN ('1')"},
        {"order_by": "run_id"},
        {"max_results": 200_001},
        {"max_results": 0},
    ],
)
def test_search_that_makes_no_sense_is_refused(alice, query):
    status, answer = alice.get("model-versions/search", **query)
    assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
