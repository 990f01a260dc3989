"""Whatever anybody sends to MLflow's registry API: a sentence, or it is done whole."""

from itertools import chain

import pytest
from django.db import transaction
from django.utils import timezone

from registry.mlflow_api.urls import REGISTRY
from tests import factories
from tests.tracking import hostile
from tests.tracking.hostile import Endpoint
from tests.tracking.wrong_requests import (
    Target,
    Watch,
    fields,
    long_lists,
    longest_texts,
)
from tracking.models import ApiToken

pytestmark = pytest.mark.on_postgresql


@pytest.fixture
def known(alice, run):
    """What is right for a text field of a name, from rows that are there."""
    source = f"runs:/{run.run_id}/model"
    name = {"name": "scorer"}
    assert alice.post("registered-models/create", **name)[0] == 200
    assert alice.post("model-versions/create", **name, source=source)[0] == 200
    alias = {"alias": "best", "version": "1"}
    assert alice.post("registered-models/alias", **name, **alias)[0] == 200
    return {
        **name,
        **alias,
        "filter": "name = 'scorer'",
        "key": "team",
        "model_id": "",
        "new_name": "judge",
        "order_by": "name",
        "page_token": "",
        "run_id": run.run_id,
        "source": source,
        "stage": "Staging",
        "stages": "Staging",
    }


@pytest.fixture(params=hostile.endpoints(REGISTRY), ids=str)
def target(request, as_token, cast, known, run):
    endpoint: Endpoint = request.param
    if endpoint.route == "registered-models/create":
        known["name"] = "another"
    if endpoint.route == "model-versions/create":
        factories.upload(run, "other/model.bin", b"other weights", cast.alice)
        known["source"] = f"runs:/{run.run_id}/other"
    message = hostile.valid(known, endpoint.fields)
    # Its use is noted once a minute: a refused request that notes it writes.
    client = as_token(cast.alice)
    ApiToken.objects.update(last_used_at=timezone.now())
    return Target(client, endpoint, known, message)


def test_nothing_breaks_an_endpoint_and_a_refusal_changes_nothing(target, settings):
    with transaction.atomic():
        right = target.send(target.message)
        transaction.set_rollback(True)
    assert right.status_code == 200, right.content
    watch = Watch(settings.ATTESTRY_ARTIFACT_ROOT)
    for what, send in chain(fields(target), longest_texts(target), long_lists(target)):
        watch(what, send)
    watch.found_nothing()
