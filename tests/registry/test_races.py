"""Two people want the same slot at the same moment, each on a connection of their own."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections

from audit.errors import ConflictError
from registry.models import Promotion, PromotionRequest, RequestState, Slot
from registry.services.promotion import promote
from tests import factories
from tests.factories import Cast
from tracking.models import Workspace


def test_two_promotions_that_race_for_one_slot_have_one_winner(real_commits):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite lets one writer in at a time")
    workspace = Workspace.objects.get(name="default")
    people = {user.username: user for user in User.objects.all()}
    cast = Cast(**{field.name: people[field.name] for field in fields(Cast)})
    factories.policy(workspace, cast)
    requests = [
        factories.approved(factories.version(workspace, cast, content=content), cast)
        for content in (b"1", b"2")
    ]
    start = threading.Barrier(len(requests))

    def race(request: PromotionRequest) -> str:
        try:
            start.wait(timeout=30)
            promote(request, actor=cast.rex)
        except ConflictError as refusal:
            return refusal.code
        finally:
            connections.close_all()
        return "promoted"

    with ThreadPoolExecutor(len(requests)) as pool:
        answers = sorted(pool.map(race, requests))

    assert answers == ["champion_changed", "promoted"]
    promotion = Promotion.objects.get()
    assert Slot.objects.get().champion == promotion.request.model_version
    states = PromotionRequest.objects.values_list("state", flat=True)
    assert sorted(states) == [RequestState.APPROVED, RequestState.PROMOTED]
