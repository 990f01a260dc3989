"""Rows of a live installation, made inside it: `manage.py shell` calls this."""

import time

from django.contrib.auth.models import User

from registry.models import GateRun, RequestState
from registry.services.gate_runs import run_gate
from tests import factories
from tests.factories import Cast
from tracking.models import Workspace
from tracking.permissions import Role

ROLES = {
    "alice": "developer",
    "olivia": "owner",
    "bob": "validator",
    "eve": "ethics",
    "stella": "steward",
    "paul": "policy_author",
    "carol": "auditor",
    "rex": "release",
    "ada": "administrator",
    "oscar": "operator",
    "mallory": "ci",
    "bot": "ci",
}


def request_in_review(content: str) -> int:
    """Return the number of a new request whose gates have passed."""
    workspace = Workspace.objects.get(name="default")
    # Signs the tier here, and so with a password that we know; other tests of the same
    # installation have a Rita of their own.
    signer = "who_signs_the_tier"
    rita = User.objects.filter(username=signer).first()
    cast = Cast(
        rita=rita or factories.person(signer, workspace, Role.RISK),
        **{name: User.objects.get(username=role) for name, role in ROLES.items()},
    )
    if not factories.model(workspace, cast).policies.exists():
        factories.policy(workspace, cast)
    version = factories.version(workspace, cast, content=content.encode())
    request = factories.request(version, cast)
    # The installation's worker may have taken some of them by now.
    for pk in GateRun.objects.of_attempt(request).values_list("pk", flat=True):
        run_gate(pk)
    while factories.fresh(request).state == RequestState.EVALUATING:
        time.sleep(0.1)
    return request.pk
