"""Whatever the OpenAPI document allows, and what it forbids: answers are as it says.

The operations are those of the document, so a new one is tried by being there.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from django.db import transaction
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
)

from tests import factories
from tests.factories import Cast
from tracking.models import Dataset

pytestmark = [
    pytest.mark.slow,
    pytest.mark.on_postgresql,
    # Schemathesis says itself where the document is too loose for it to be sure.
    pytest.mark.filterwarnings("ignore"),
]

HOST = "http://testserver"
EXAMPLES = 8
REFUSALS = {400, 401, 403, 404, 405, 406, 409, 415}
PROBLEM = {"type", "title", "status", "code", "detail"}


@pytest.fixture
def known(workspace, cast: Cast) -> dict[str, Any]:
    """What a path or a body may name, by its name, from rows that are there."""
    promoted = factories.row_in_every_table(workspace, cast)
    version = factories.version(workspace, cast, content=b"the next")
    request = factories.evaluated(version, cast)
    run, artifact = version.source_run, version.artifact
    assert run is not None
    assert artifact is not None
    return {
        "datasets": Dataset.objects.latest("pk").pk,
        "experiments": run.experiment_id,
        "policies": request.policy_id,
        "promotion-requests": request.pk,
        "reports": promoted.report_orders.get().pk,
        "index": 1,
        "run_id": run.run_id,
        "original": run.run_id,
        "registered_model": version.registered_model.name,
        "version": version.number,
        "environment": request.environment,
        "owner": cast.olivia.username,
        "subject_digest": request.subject_digest,
        "role": "validator",
        "password": factories.PASSWORD,
        "artifact_path": artifact.path,
        "artifact_sha256": artifact.sha256,
    }


@pytest.fixture
def callers(as_token, cast: Cast) -> list[Client]:
    """Each of the cast with a token, and one who has logged in."""
    people = [cast.alice, cast.olivia, cast.bob, cast.paul, cast.rex, cast.mallory]
    signer = Client()
    signer.force_login(cast.bob)
    clients = [signer, *map(as_token, people)]
    for client in clients:
        client.raise_request_exception = False
    return clients


def operations() -> Iterator[Any]:
    """Yield what the document describes; below a workspace it is the same again."""
    document = json.loads(
        json.dumps(SchemaGenerator().get_schema(public=True), default=str)
    )
    document["paths"] = {
        path: methods
        for path, methods in document["paths"].items()
        if not path.startswith("/w/")
    }
    found: Any = schemathesis.openapi.from_dict(document).get_all_operations()
    yield from (operation.ok() for operation in found)


def named(case: Any, known: dict[str, Any]) -> Any:
    """Let a case name what is there, wherever it names something known."""
    collection = case.operation.path.split("/")[3]
    ids = {"id": known[collection]} if collection in known else {}
    for part in (case.path_parameters, case.body):
        if isinstance(part, dict):
            part.update({key: v for key, v in (known | ids).items() if key in part})
    return case


def send(case: Any, caller: Client) -> Response:
    """Send a case as somebody, and take back what it did."""
    asked = requests.Request(**case.as_transport_kwargs(HOST)).prepare()
    with transaction.atomic():
        answer = caller.generic(
            str(asked.method),
            asked.path_url.partition("?")[0],
            asked.body or b"",
            asked.headers.get("Content-Type", "application/json"),
            QUERY_STRING=asked.path_url.partition("?")[2],
        )
        content = b"".join(answer) if answer.streaming else answer.content
        transaction.set_rollback(True)
    headers = {name: [value] for name, value in answer.headers.items()}
    return Response(answer.status_code, headers, content, asked, 0.1, verify=True)


def look(case: Any, answer: Response) -> None:
    if answer.status_code < 300:
        checks = [content_type_conformance, response_schema_conformance]
        assert str(answer.status_code) in case.operation.definition.raw["responses"]
        case.validate_response(answer, checks=checks)
        return
    assert answer.status_code in REFUSALS, answer.content[:1000]
    assert answer.headers["content-type"] == ["application/problem+json"]
    problem = json.loads(answer.content)
    assert set(problem) >= PROBLEM
    assert problem["status"] == answer.status_code
    assert problem["detail"].endswith((".", ")"))


def complaints(
    operation: Any, known: dict[str, Any], callers: list[Client]
) -> Iterator[str]:
    allowed = operation.as_strategy()
    anything = allowed | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,  # so that it fails for a change and not for its luck
        # The first complaint is told as it is: to look for a smaller one takes minutes.
        phases=[Phase.generate],
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def ask(data: st.DataObject) -> None:
        is_named = data.draw(st.booleans())
        case = data.draw(allowed if is_named else anything)
        if is_named:
            case = named(case, known)
        look(case, send(case, data.draw(st.sampled_from(callers))))

    try:
        ask()
    except (AssertionError, FailureGroup) as error:
        yield f"{operation.label}: {error!r}"


def test_answers_of_the_native_api_are_as_its_description_says(known, callers):
    wrong = [
        complaint
        for operation in operations()
        for complaint in complaints(operation, known, callers)
    ]
    if wrong:
        pytest.fail("\n\n".join(wrong), pytrace=False)
