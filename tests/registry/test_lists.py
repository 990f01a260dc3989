"""Lists of the registry cost the same number of queries however long, and little time."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from guardian.models import GroupObjectPermission

from registry.models import (
    Finding,
    ModelCard,
    ModelVersion,
    Policy,
    PromotionRequest,
    RegisteredModel,
    RequestState,
    Slot,
    VersionListing,
)
from registry.models.finding import FindingCause, Severity
from registry.models.model_card import Origin
from tests import factories
from tests.audit.happenings import triggers_switched_off

pytestmark = pytest.mark.django_db

# What each list asks the database, authentication and permissions included.
LISTS = {
    "registered-models/": 17,
    "model-versions/": 6,
    "slots/": 6,
    "policies/": 6,
    "promotion-requests/": 9,
    "findings/": 6,
    "challengers/": 6,
    "freezes/": 6,
    "break-glass/": 6,
    "revalidation-triggers/": 6,
    "revalidations/": 6,
    "retirements/": 8,
    "model-cards/?registered_model=credit": 11,
    "tier-assessments/?registered_model=credit": 7,
}
MODELS, VERSIONS_EACH = 100, 100
MOST_SECONDS, TRIES = 0.05, 5


@dataclass
class Watch:
    """Adds up what the database took, fetching included."""

    seconds: float = 0.0
    queries: list[str] = field(default_factory=list)

    def __call__(
        self,
        execute: Callable[..., Any],
        sql: str,
        params: Any,
        many: Any,
        context: Any,
    ) -> Any:
        started = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.seconds += time.perf_counter() - started
            self.queries.append(sql)


@contextmanager
def watched() -> Iterator[Watch]:
    watch = Watch()
    with connection.execute_wrapper(watch):
        yield watch


def many_models(workspace, cast) -> None:
    """Make 100 models of 100 versions and as many requests each, slots, findings and cards."""
    made = factories.version(workspace, cast)
    factories.policy(workspace, cast)
    policy = Policy.objects.get()
    with triggers_switched_off("registry_registeredmodel"):
        models = RegisteredModel.objects.bulk_create(
            RegisteredModel(
                workspace=workspace,
                name=f"model-{number:03}",
                purpose="Tells who pays back.",
                tier=3,
                owner=cast.olivia,
                created_by=cast.alice,
            )
            for number in range(MODELS)
        )
    seen_by = GroupObjectPermission.objects.filter(
        object_pk=str(made.registered_model_id),
        permission__codename="view_registeredmodel",
    )
    GroupObjectPermission.objects.bulk_create(
        GroupObjectPermission(
            permission=given.permission,
            group=given.group,
            content_type=given.content_type,
            object_pk=str(model.pk),
        )
        for given in list(seen_by)
        for model in models
    )
    versions = ModelVersion.objects.bulk_create(
        (
            ModelVersion(
                registered_model=model,
                number=number + 1,
                source_run=made.source_run,
                artifact=made.artifact,
                artifact_sha256=f"{model.pk:032x}{number:032x}",
                created_by=cast.alice,
            )
            for model in models
            for number in range(VERSIONS_EACH)
        ),
        batch_size=1000,
    )
    now = timezone.now()
    VersionListing.objects.bulk_create(
        (
            VersionListing(
                version=version,
                registered_model=version.registered_model,
                updated_at=now,
            )
            for version in versions
        ),
        batch_size=1000,
    )
    with triggers_switched_off("registry_promotionrequest"):
        PromotionRequest.objects.bulk_create(
            (
                PromotionRequest(
                    model_version=version,
                    environment="production",
                    policy=policy,
                    state=RequestState.PROMOTED,
                    requested_by=cast.alice,
                    approved_at=now,
                    approval_expires_at=now,
                )
                for version in versions
            ),
            batch_size=1000,
        )
    with triggers_switched_off("registry_slot"):
        Slot.objects.bulk_create(
            Slot(registered_model=model, environment="production", champion=version)
            for model, version in zip(models, versions[::VERSIONS_EACH], strict=True)
        )
    Finding.objects.bulk_create(
        Finding(
            registered_model=model,
            severity=severity,
            cause=FindingCause.REVIEW,
            title="Drop",
            owner=cast.alice,
            due_at=now,
            opened_by=cast.bob,
            opened_at=now,
        )
        for model in models
        for severity in (Severity.HIGH, Severity.LOW)
    )
    ModelCard.objects.bulk_create(
        ModelCard(
            registered_model=model,
            number=number,
            purpose="Tells who pays back.",
            origin=Origin.OWN,
            owner=cast.olivia,
            created_by=cast.olivia,
        )
        for model in models
        for number in (1, 2)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def test_lists_cost_the_same_number_of_queries_however_long(workspace, cast, as_token):
    factories.row_in_every_table(workspace, cast)
    carol = as_token(cast.carol)

    asked = {}
    for path in LISTS:
        carol.get(f"/api/v1/{path}")  # content types are kept from here on
        with watched() as watch:
            answer = carol.get(f"/api/v1/{path}")
        assert answer.json()["count"] > 0, path
        asked[path] = len(watch.queries)

    assert asked == LISTS


def test_every_list_takes_little_of_the_database_with_ten_thousand_versions(
    workspace, cast, as_token
):
    many_models(workspace, cast)
    carol = as_token(cast.carol)

    took = {}
    for path, queries in LISTS.items():
        tries = []
        for _ in range(TRIES):
            with watched() as watch:
                assert carol.get(f"/api/v1/{path}").status_code == 200
            tries.append(watch.seconds)
            assert len(watch.queries) <= queries + 1, path
        took[path] = min(tries)

    assert ModelVersion.objects.count() == MODELS * VERSIONS_EACH + 1
    assert {path: s for path, s in took.items() if s > MOST_SECONDS} == {}
