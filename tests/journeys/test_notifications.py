"""A message on its way out of a real installation: its worker sends, and tries again."""

import json
import time
import urllib.request
from typing import Any

import pytest

from tests.installation import Installation
from tests.registry.receiver import receiver

pytestmark = pytest.mark.slow
KIND = "dev.attestry.finding.overdue.v1"
ARRIVES_WITHIN_SECONDS = 90
ANNOUNCE = f"""
from django.db import transaction
from registry.models import NotificationType
from registry.services.notifications import announce
from tracking.models import Workspace
with transaction.atomic():
    announce(
        NotificationType("{KIND}"),
        workspace=Workspace.objects.get(name="default"),
        subject="finding/1",
        data={{"finding": 1}},
    )
"""


def call(installation: Installation, method: str, path: str, **body: Any) -> Any:
    request = urllib.request.Request(  # noqa: S310 - the installation that we started
        f"{installation.url}/api/v1/{path}",
        data=json.dumps(body).encode() if body else None,
        headers={
            "Authorization": f"Bearer {installation.account('administrator').token}",
            "Content-Type": "application/json",
        },
        method=method,
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - likewise
        return json.loads(answer.read())


def test_worker_delivers_what_a_receiver_refused_at_first(installation: Installation):
    with receiver() as there:
        there.answers = [503]
        webhook = call(
            installation, "POST", "webhooks/", url=there.url, event_types=[KIND]
        )["webhook"]
        announced = installation.manage("shell", "--command", ANNOUNCE)
        assert announced.returncode == 0, announced.stderr
        deadline = time.monotonic() + ARRIVES_WITHIN_SECONDS
        while len(there.calls) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        path = f"deliveries/?state=delivered&webhook={webhook}"
        while not (found := call(installation, "GET", path)["results"]):
            assert time.monotonic() < deadline
            time.sleep(0.1)

    first, second = there.calls
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    [delivery] = found
    assert delivery["failures"] == 1
    attempts = call(installation, "GET", f"deliveries/{delivery['id']}/")["attempts"]
    assert [attempt["status"] for attempt in attempts] == [503, 204]
