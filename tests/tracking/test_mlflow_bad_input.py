"""Whatever anybody sends to MLflow's API: it answers with a sentence or does it whole.

The endpoints are those of the table of routes, so a new one is tried by being there.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import factories
from tests.tracking import hostile
from tests.tracking.hostile import (
    Endpoint,
    changed,
    places,
)
from tests.tracking.wrong_requests import (
    Case,
    Target,
    Watch,
    bodies,
    fields,
    long_lists,
    longest_texts,
    parts_of_the_path,
)
from tracking.models import ApiToken
from tracking.services.experiments import archive_experiment

pytestmark = pytest.mark.on_postgresql


@pytest.fixture
def known(workspace, cast, run):
    """What is right for a text field of a name, from rows that are there."""
    factories.everything_logged(run, cast.alice)
    model = factories.logged_model(run, cast.alice)
    return {
        "artifact_directory_path": "",
        "artifact_location": "",
        "dataset_digest": "abc123",
        "dataset_name": "loans",
        "experiment_id": str(run.experiment_id),
        "experiment_ids": str(run.experiment_id),
        "experiment_name": run.experiment.name,
        "field_name": "creation_time",
        "filter": "tags.team = 'credit'",
        "key": "team",
        "metric_key": "loss",
        "model_id": model.model_id,
        "model_json": json.dumps(
            dict.fromkeys(("artifact_path", "flavors", "utc_time_created", "run_id"))
        ),
        "order_by": "creation_time",
        "page_token": "",
        "path": "",
        "run_id": run.run_id,
        "run_ids": run.run_id,
        "run_uuid": run.run_id,
        "source_run_id": run.run_id,
        "status": "RUNNING",
    }


@pytest.fixture(params=hostile.endpoints(), ids=str)
def target(request, as_token, cast, known, run):
    endpoint: Endpoint = request.param
    if endpoint.route == "experiments/restore":
        archive_experiment(run.experiment, actor=cast.alice)
    if endpoint.route == "runs/search":
        known["order_by"] = "start_time"
    message = hostile.valid(known, endpoint.fields)
    client = as_token(cast.alice)
    # Its use is noted once a minute: a refused request that notes it writes.
    ApiToken.objects.update(last_used_at=timezone.now())
    return Target(client, endpoint, known, message)


@pytest.fixture
def watch(settings, target):
    return Watch(settings.ATTESTRY_ARTIFACT_ROOT)


def test_nothing_breaks_an_endpoint_and_a_refusal_changes_nothing(target, watch):
    with transaction.atomic():
        right = target.send(target.message)
        transaction.set_rollback(True)
    assert right.status_code == 200, right.content
    for cases in (
        *(fields, fields_in_the_default_experiment, parts_of_the_path),
        *(longest_texts, long_lists, bodies),
    ):
        for what, send in cases(target):
            watch(what, send)
    watch.found_nothing()


def fields_in_the_default_experiment(target) -> Iterator[Case]:
    """Yield the same for what would first make that experiment."""
    if target.endpoint.route in {"runs/create", "logged-models"}:
        message = {**target.message, "experiment_id": "0"}
        yield from fields(replace(target, message=message))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_several_fields_may_be_anything_together(target, watch, data):
    message = target.message
    chosen = st.lists(st.sampled_from(list(places(target.endpoint.fields))), max_size=4)
    for at, _ in data.draw(chosen):
        # An earlier one may have taken its place away.
        with suppress(LookupError, TypeError, AttributeError):
            message = changed(message, at, data.draw(ANYTHING))
    watch(str(message), lambda: target.send(message))
    watch.found_nothing()
