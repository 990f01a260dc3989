"""A run is frozen with its logged models, whatever is written to them at that moment."""

import pytest
from django.db import transaction

from tests import factories
from tests.races import Act, overtaken
from tracking.models import LoggedModel, Run, Workspace
from tracking.services.logged_models import log_model_params
from tracking.services.runs import freeze
from tracking.services.sealing import verify_run


@pytest.fixture
def workspace(contended: Workspace) -> Workspace:
    return contended


@pytest.fixture
def run(workspace, cast) -> Run:
    return factories.run(workspace, cast.alice)


@pytest.fixture
def model(run, cast) -> LoggedModel:
    made = factories.logged_model(run, cast.alice)
    factories.end(run, cast.alice)
    # A run whose seal is stale already is not touched by the next write to its model.
    log_model_params(made, params={"early": "1"}, actor=cast.alice)
    return made


@pytest.fixture(params=["file", "param"])
def write(request, cast, model) -> Act:
    return {
        "file": lambda: factories.upload(model, "late.bin", b"late", cast.alice),
        "param": lambda: log_model_params(
            model, params={"late": "1"}, actor=cast.alice
        ),
    }[request.param]


def is_late(model: LoggedModel) -> bool:
    return (
        model.artifacts.filter(path="late.bin").exists()
        or model.params.filter(key="late").exists()
    )


def test_what_is_written_while_a_run_is_frozen_is_refused(run, model, write, cast):
    outcomes = overtaken(lambda: freeze(run, actor=cast.alice), write)
    assert outcomes == ("done", "run_frozen")
    assert not is_late(model)


def test_run_is_frozen_with_what_was_written_before(run, model, write, cast):
    outcomes = overtaken(
        write, transaction.atomic(lambda: freeze(run, actor=cast.alice))
    )
    assert outcomes == ("done", "done")
    assert is_late(model)
    run.refresh_from_db()
    assert verify_run(run).is_intact
