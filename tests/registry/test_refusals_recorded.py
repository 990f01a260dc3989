"""Whoever lacks the role for an act is refused, and the log says so once."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from audit.errors import ConflictError, PermissionDeniedError
from audit.models import Event
from audit.services import pseudonym
from registry.events import RegistryEvent as R
from registry.models.finding import Severity
from registry.models.revalidation import TriggerKind
from registry.services import webhooks
from registry.services.aliases import set_alias
from registry.services.delegations import withdraw_delegation
from registry.services.model_versions import register_version, version_of_source
from registry.services.policies import draft_policy
from registry.services.registered_models import describe_model, register_model
from registry.services.reports import order_report
from registry.services.revalidations import trigger_revalidation
from registry.services.slots import add_challenger, remove_challenger
from registry.services.version_content import Source
from registry.services.version_listings import describe_version
from tests import factories
from tracking.events import TrackingEvent as T

pytestmark = pytest.mark.django_db

Refused = Callable[[], object]
Prepare = Callable[[Any, Any], Refused]
ACTS: dict[str, tuple[str, dict[str, str], Prepare]] = {}


def refused_as(kind: str, code: str, **told: str) -> Callable[[Prepare], Prepare]:
    """Enter what makes the rows for an act and returns the act, done by Mallory."""

    def enter(prepare: Prepare) -> Prepare:
        ACTS[prepare.__name__] = kind, told | {"code": code}, prepare
        return prepare

    return enter


@refused_as(R.POLICY_REFUSED, "may_not_draft_policy")
def drafting_a_policy(workspace, cast):
    document = factories.POLICY
    return lambda: draft_policy(workspace, document=document, actor=cast.mallory)


def challenging(act, workspace, cast):
    version = factories.version(workspace, cast)
    stated = {"environment": "production", "reason": "To compare."}
    return lambda: act(version, **stated, actor=cast.mallory)


@refused_as(
    R.CHALLENGER_REFUSED, "may_not_challenge", act="add", environment="production"
)
def adding_a_challenger(workspace, cast):
    return challenging(add_challenger, workspace, cast)


@refused_as(
    R.CHALLENGER_REFUSED, "may_not_challenge", act="remove", environment="production"
)
def removing_a_challenger(workspace, cast):
    return challenging(remove_challenger, workspace, cast)


@refused_as(R.FINDING_REFUSED, "may_not_open_finding", to="open")
def opening_a_finding(workspace, cast):
    model = factories.model(workspace, cast)
    return lambda: factories.finding(model, cast, Severity.LOW, actor=cast.mallory)


@refused_as(R.REVALIDATION_REFUSED, "may_not_trigger_revalidation")
def triggering_a_revalidation(workspace, cast):
    model = factories.model(workspace, cast)
    kind = TriggerKind.DRIFT_BREACH
    return lambda: trigger_revalidation(
        model, kind=kind, detail="PSI 0.3", actor=cast.mallory
    )


@refused_as(R.MODEL_REFUSED, "may_not_describe_model", act="write card")
def writing_a_model_card(workspace, cast):
    model = factories.model(workspace, cast)
    return lambda: factories.model_card(model, cast, actor=cast.mallory)


@refused_as(R.MODEL_REFUSED, "may_not_register_model", act="register")
def registering_a_model(workspace, cast):
    stated = {"name": "credit", "purpose": "Scores.", "owner": cast.olivia}
    return lambda: register_model(workspace, **stated, actor=cast.mallory)


@refused_as(R.MODEL_REFUSED, "may_not_edit_model", act="describe")
def describing_a_model(workspace, cast):
    model = factories.model(workspace, cast)
    return lambda: describe_model(model, description="Mine.", actor=cast.mallory)


@refused_as(R.VERSION_REFUSED, "may_not_register_version", act="register")
def registering_a_version(workspace, cast):
    model = factories.model(workspace, cast)
    run = factories.run(workspace, cast.alice)
    file = factories.upload(run, factories.MODEL, b"model", cast.alice)
    stated = {"artifact_path": factories.MODEL, "artifact_sha256": file.sha256}
    return lambda: register_version(model, source_run=run, **stated, actor=cast.mallory)


@refused_as(R.VERSION_REFUSED, "may_not_register_version", act="register")
def registering_a_source(workspace, cast):
    model = factories.model(workspace, cast)
    run = factories.run(workspace, cast.alice)
    source = Source(f"runs:/{run.run_id}/model", run, path="model")
    said: dict[str, Any] = {"description": "", "tags": {}, "run_link": ""}
    return lambda: version_of_source(model, source=source, **said, actor=cast.mallory)


@refused_as(R.VERSION_REFUSED, "may_not_edit_model", act="describe")
def describing_a_version(workspace, cast):
    version = factories.version(workspace, cast)
    return lambda: describe_version(version, description="Mine.", actor=cast.mallory)


@refused_as(R.VERSION_REFUSED, "may_not_edit_model", act="set alias")
def setting_an_alias(workspace, cast):
    version = factories.version(workspace, cast)
    return lambda: set_alias(version, name="best", actor=cast.mallory)


@refused_as(R.DELEGATION_REFUSED, "delegation_of_somebody_else", role="validator")
def taking_a_delegation_back(workspace, cast):
    given = factories.delegation(workspace, cast)
    return lambda: withdraw_delegation(given, actor=cast.mallory)


@refused_as(R.REPORT_REFUSED, "may_not_order_report")
def ordering_a_report(workspace, cast):
    version = factories.version(workspace, cast)
    return lambda: order_report(version, actor=cast.mallory)


@refused_as(R.WEBHOOK_REFUSED, "may_not_connect_systems", act="create")
def creating_a_webhook(workspace, cast):
    stated: dict[str, Any] = {"url": "https://localhost/hook", "event_types": []}
    return lambda: webhooks.create_webhook(workspace, **stated, actor=cast.mallory)


@refused_as(R.WEBHOOK_REFUSED, "may_not_connect_systems", act="disable")
def disabling_a_webhook(workspace, cast):
    webhook = factories.webhook(workspace, cast)
    return lambda: webhooks.disable_webhook(webhook, actor=cast.mallory)


@refused_as(R.WEBHOOK_REFUSED, "may_not_connect_systems", act="enable")
def enabling_a_webhook(workspace, cast):
    webhook = factories.webhook(workspace, cast)
    return lambda: webhooks.enable_webhook(webhook, actor=cast.mallory)


@refused_as(R.WEBHOOK_REFUSED, "may_not_connect_systems", act="rotate key")
def rotating_a_key(workspace, cast):
    webhook = factories.webhook(workspace, cast)
    overlap = timedelta(hours=1)
    return lambda: webhooks.rotate_key(webhook, overlap=overlap, actor=cast.mallory)


@refused_as(T.DATASET_REFUSED, "may_not_describe_dataset")
def describing_a_dataset(workspace, cast):
    dataset = factories.dataset(workspace, cast.alice)
    return lambda: factories.card(dataset, cast.mallory)


@pytest.mark.parametrize("act", ACTS)
def test_refusal_of_somebody_without_the_role_is_recorded_once(workspace, cast, act):
    kind, told, prepare = ACTS[act]
    attempt = prepare(workspace, cast)
    last = Event.objects.latest("pk").pk

    with pytest.raises(PermissionDeniedError):
        attempt()

    (event,) = Event.objects.filter(pk__gt=last)
    body = json.loads(bytes(event.body))
    assert (event.kind, event.actor) == (kind, pseudonym(cast.mallory))
    assert told.items() <= body["payload"].items()


def test_name_that_is_taken_leaves_no_entry_as_clients_ask_each_time(workspace, cast):
    factories.model(workspace, cast)
    last = Event.objects.latest("pk").pk

    with pytest.raises(ConflictError):
        register_model(
            workspace, name="credit", purpose="", owner=None, actor=cast.alice
        )

    assert not Event.objects.filter(pk__gt=last).exists()
