"""Roles that nobody holds together do not come to one person at the same moment."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.utils import timezone

from tests import factories
from tests.races import Act, overtaken
from tracking.models import GrantState, RoleGrant, Workspace
from tracking.permissions import Role
from tracking.services.role_grants import (
    SIGNING_ROLES_WAIT,
    approve_role,
    ask_for_role,
    put_roles_into_effect,
)


@pytest.fixture
def workspace(contended: Workspace) -> Workspace:
    return contended


@pytest.fixture
def grants(workspace) -> tuple[Act, Act]:
    """Return how Mallory comes to sign, and how she comes to administer."""
    ada, mallory = (User.objects.get(username=name) for name in ("ada", "mallory"))
    adam = factories.person("adam", workspace, Role.ADMINISTRATOR)
    signing, administering = (
        ask_for_role(mallory, role=role, workspace=workspace, reason="joins", actor=ada)
        for role in (Role.VALIDATOR, Role.ADMINISTRATOR)
    )
    approve_role(signing, actor=adam)
    return put_roles_into_effect, lambda: approve_role(administering, actor=adam)


@pytest.mark.parametrize("signs_first", [True, False])
def test_signing_and_administering_never_come_to_one_person(grants, signs_first):
    sign, administer = grants
    acts = (sign, administer) if signs_first else (administer, sign)

    later = timezone.now() + SIGNING_ROLES_WAIT + timedelta(minutes=1)
    with time_machine.travel(later, tick=True):
        overtaken(*acts)

    of_mallory = RoleGrant.objects.filter(account__username="mallory")
    effective = of_mallory.filter(state=GrantState.EFFECTIVE)
    wanted = Role.VALIDATOR if signs_first else Role.ADMINISTRATOR
    assert [grant.role for grant in effective] == [wanted]
    groups = User.objects.get(username="mallory").groups
    assert [group.name for group in groups.all()] == [f"default:{wanted}"]
