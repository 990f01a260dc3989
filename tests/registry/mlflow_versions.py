"""What tests of versions over MLflow's API share: how one is made and read."""

from tests import factories

CREATE = "model-versions/create"


def shown(api, number="1", name="scorer"):
    status, answer = api.get("model-versions/get", name=name, version=number)
    assert status == 200, answer
    return answer["model_version"]


def another(alice, workspace, cast, name="scorer"):
    """Register one more version, of a run of its own."""
    run = factories.run(workspace, cast.alice)
    factories.upload(run, "model/MLmodel", run.run_id.encode(), cast.alice)
    status, answer = alice.post(CREATE, name=name, source=f"runs:/{run.run_id}/model")
    assert status == 200
    return answer["model_version"]["version"]
