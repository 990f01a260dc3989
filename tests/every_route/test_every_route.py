"""Every call that changes something appends one entry to the log, and no route is left out."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db.models import Model
from django.test import Client

from registry.events import RegistryEvent
from registry.models import Delivery, Finding, PromotionRequest, ReportOrder, Webhook
from tests import factories
from tests.every_route import (
    access,
    mlflow_registry,
    mlflow_tracking,
    promotion,
    serving,
    tracking,
)
from tests.every_route.asking import JSON, Ask, Change
from tests.every_route.walking import address, last_entry, recorded_since, routes
from tracking.models import Dataset, Experiment

pytestmark = [pytest.mark.django_db, pytest.mark.on_postgresql]

TABLES = [
    module.TABLE
    for module in (
        promotion,
        serving,
        access,
        tracking,
        mlflow_tracking,
        mlflow_registry,
    )
]
CHANGES = {call: change for table in TABLES for call, change in table.items()}
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
# Below a workspace and below MLflow's other prefix stand the same views once more.
AGAIN = ("w/<slug:workspace>/", "ajax-api/")
# The pages have a test of their own; MLflow's last route answers whatever it does not
# know.
ELSEWHERE = ("admin/", "^(?:ajax-)?api/")
# These answer every method alike: they read.
INDIFFERENT = {
    "",
    "api/3.0/mlflow/server-info",
    "health",
    "health/",
    "health/live",
    "health/ready",
    "version",
    r"^(?:v1/traces|graphql|gateway(?:/[\s\S]*)?)\Z",
}


def endpoints() -> Iterator[tuple[str, Any]]:
    """Yield each route of the APIs once, with its view."""
    for route, view in routes():
        if not route.startswith(AGAIN + ELSEWHERE):
            yield route, view


def is_offered(client: Client, method: str, route: str, view: Any) -> bool:
    """Look at the view's class; MLflow's views have none and say what they do not take."""
    if view_class := getattr(view, "view_class", None):
        return hasattr(view_class, method.lower())
    answer = client.generic(method, address(route), b"{}", JSON)
    return b"ENDPOINT_NOT_FOUND" not in answer.content


@pytest.mark.parametrize(
    ("call", "change"), CHANGES.items(), ids=[" ".join(call) for call in CHANGES]
)
def test_call_appends_exactly_the_entry_of_its_change(
    workspace, cast, call: tuple[str, str], change: Change
):
    method, route = call
    ask = change.prepare(workspace, cast)
    client = ask.client()
    body = ask.body if isinstance(ask.body, bytes) else json.dumps(ask.body).encode()
    last = last_entry()

    answer = client.generic(
        method, address(route, **ask.path), body, JSON, query_params=ask.query
    )

    assert 200 <= answer.status_code < 300, answer.content
    assert recorded_since(last) == change.kinds


def test_every_route_that_takes_a_change_is_in_the_table(cast, as_token):
    alice = as_token(cast.alice)

    offered = {
        (method, route)
        for route, view in endpoints()
        for method in UNSAFE
        if route not in INDIFFERENT and is_offered(alice, method, route, view)
    }

    assert offered == set(CHANGES)


# What has a page of its own, by the part of the address that names its kind.
ROWS: dict[str, type[Model]] = {
    "datasets": Dataset,
    "deliveries": Delivery,
    "experiments": Experiment,
    "findings": Finding,
    "promotion-requests": PromotionRequest,
    "reports": ReportOrder,
    "webhooks": Webhook,
}
# What a read wants to be asked.
QUESTION = {
    "registered_model": "credit",
    "version": 1,
    "environment": "production",
    "name": "credit",
}


def page(route: str, run_id: str) -> str:
    kind = route.removeprefix("api/v1/").split("/")[0]
    row = ROWS[kind]._default_manager.first() if kind in ROWS else None
    return address(route, pk=row.pk if row else 0, run_id=run_id)


def test_reading_appends_nothing(workspace, cast, as_token):
    version = factories.row_in_every_table(workspace, cast)
    carol = as_token(cast.carol)
    last = last_entry()

    statuses = {}
    for route, view in endpoints():
        if hasattr(getattr(view, "view_class", None), "get"):
            answer = carol.get(page(route, version.linked_run.run_id), QUESTION)
            answer.getvalue()  # reads a file to its end, which closes it
            statuses[route] = answer.status_code

    assert recorded_since(last) == []
    assert statuses["api/v1/promotion-requests/<int:pk>/"] == 200
    assert statuses["api/v1/findings/<int:pk>/"] == 200


def test_person_who_reads_a_request_opens_its_evidence(workspace, cast):
    request = promotion.in_review(workspace, cast)
    person = Ask(cast.carol, in_session=True).client()
    last = last_entry()

    answer = person.get(f"/api/v1/promotion-requests/{request.pk}/")

    assert answer.status_code == 200
    assert recorded_since(last) == [RegistryEvent.EVIDENCE_OPENED]
