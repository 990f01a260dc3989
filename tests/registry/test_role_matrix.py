"""Every cell of governance's matrix, tried: each role, a superuser, and nobody at all.

An action whose service exists is done through it; a test names those that are asked of
their permission only.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from audit.errors import PermissionDeniedError
from registry.models import (
    Attestation,
    AttestationKind,
    ModelVersion,
    PromotionRequest,
    RequestState,
    Slot,
    Waiver,
)
from registry.models.finding import FindingState, Severity
from registry.models.sign_off import SignerRole
from registry.permissions import BESIDE_THE_MATRIX, COLUMNS, MATRIX, MODEL_GRANTS
from registry.services.attestations import withdraw_attestation
from registry.services.closings import invalidate_request, reject_request
from registry.services.evidence_views import open_evidence
from registry.services.findings import move_finding
from registry.services.gate_runs import run_gate
from registry.services.policies import draft_policy, publish_policy
from registry.services.promotion import evaluate_again, promote, request_promotion
from registry.services.registered_models import register_model
from registry.services.reports import order_report
from tests import factories
from tests.factories import Cast
from tracking.models import Experiment, RoleGrant, Run, Workspace
from tracking.permissions import EXPERIMENT_GRANTS, WORKSPACE_GRANTS, Role, holds
from tracking.services.datasets import register_dataset
from tracking.services.experiments import create_experiment
from tracking.services.logging import Point, log_batch
from tracking.services.role_grants import approve_role, ask_for_role

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

GRANTS = WORKSPACE_GRANTS | EXPERIMENT_GRANTS | MODEL_GRANTS
# Holds no role: what a superuser may is nothing, and so is what a stranger may.
WITHOUT_ROLE = ("superuser", "account without a role", "service account without a role")


@dataclass(frozen=True)
class Scene:
    """What there is to act on, made by people who are not tried."""

    workspace: Workspace
    people: Cast
    experiment: Experiment
    run: Run
    version: ModelVersion
    request: PromotionRequest
    blocked: PromotionRequest
    waiver: Waiver
    grant: RoleGrant


@pytest.fixture
def scene(workspace, cast) -> Scene:
    sign_offs = "[validator, owner, risk, ethics]"
    document = factories.WAIVABLE.replace("[validator, owner]", sign_offs)
    blocked = factories.blocked(workspace, cast, document)
    version = factories.version(workspace, cast)
    grant = ask_for_role(
        cast.mallory,
        role=Role.AUDITOR,
        workspace=workspace,
        reason="joins",
        actor=cast.ada,
    )
    return Scene(
        workspace,
        cast,
        factories.experiment(workspace, cast.alice),
        factories.run(workspace, cast.alice, "open"),
        version,
        factories.evaluated(version, cast),
        blocked,
        factories.waiver(blocked, cast),
        grant,
    )


# Each action, as `act(scene, actor)`. Whoever is tried has just come: nobody is kept
# from it by what they made. To add one: its name in MATRIX, and what does it.


def log_and_register(scene: Scene, actor: User) -> None:
    create_experiment(scene.workspace, name="mine", actor=actor)
    log_batch(scene.run, metrics=[Point("a", 1.0, 1, 0)], actor=actor)
    register_model(
        scene.workspace,
        name="mine",
        purpose="P",
        owner=scene.people.olivia,
        actor=actor,
    )
    people = replace(scene.people, alice=actor)
    factories.version_of(factories.run(scene.workspace, actor), people, content=b"mine")


def describe(scene: Scene, actor: User) -> None:
    register_dataset(
        scene.workspace,
        name="mine",
        content_digest="abc",
        source_type="local",
        source="mine.csv",
        actor=actor,
    )


def ask(scene: Scene, actor: User) -> None:
    other = factories.version(scene.workspace, scene.people, content=b"other")
    request_promotion(other, environment="production", actor=actor)


def sign(scene: Scene, actor: User, *, role: SignerRole) -> None:
    if role == SignerRole.OWNER:  # and then only of their own models
        own(scene, actor)
    factories.signed(factories.fresh(scene.request), actor, role)


def own(scene: Scene, actor: User) -> None:
    """Let somebody own the model; by a card, where a signature is to rest on that."""
    model = scene.version.registered_model
    if holds(actor, "sign_as_owner", model):
        factories.model_card(model, scene.people, owner=actor)
    else:
        type(model).objects.filter(pk=model.pk).update(owner=actor)


def slot_of(version: ModelVersion) -> Slot:
    return version.registered_model.slots.get()


def draft(scene: Scene, actor: User) -> None:
    draft_policy(scene.workspace, document=factories.POLICY, actor=actor)


def publish(scene: Scene, actor: User) -> None:
    drafted = draft_policy(
        scene.workspace, document=factories.POLICY, actor=scene.people.paul
    )
    publish_policy(drafted, actor=actor)


def move_to_production(scene: Scene, actor: User) -> None:
    for name, role in (
        ("bob", SignerRole.VALIDATOR),
        ("olivia", SignerRole.OWNER),
        ("rita", SignerRole.RISK),
        ("eve", SignerRole.ETHICS),
    ):
        factories.signed(scene.request, getattr(scene.people, name), role)
    promote(factories.fresh(scene.request), actor=actor)


def reject(scene: Scene, actor: User) -> None:
    role = own_role(scene, actor, SignerRole)
    open_evidence(scene.request, actor=actor)
    reject_request(
        scene.request,
        role=role,
        reason="It misses the young.",
        password=factories.PASSWORD,
        seen_digest=scene.request.subject_digest,
        is_interactive=True,
        actor=actor,
    )


def ask_for_waiver(scene: Scene, actor: User) -> None:
    factories.waiver(scene.blocked, scene.people, actor=actor)


def open_a_finding(scene: Scene, actor: User) -> None:
    model = scene.version.registered_model
    factories.finding(model, scene.people, Severity.LOW, actor=actor)


def close_a_finding(scene: Scene, actor: User) -> None:
    finding = factories.finding(
        scene.version.registered_model, scene.people, Severity.LOW
    )
    for to, mover in (
        (FindingState.FIXED, scene.people.alice),
        (FindingState.VERIFIED, actor),
        (FindingState.CLOSED, actor),
    ):
        move_finding(finding, to=to, reason="R", actor=mover)


def go_back(scene: Scene, actor: User) -> None:
    """Go back from an emergency to the version that was approved."""
    move_to_production(scene, scene.people.rex)
    asked = factories.emergency_asked(scene.blocked.model_version, scene.people)
    slot = factories.emergency(asked, scene.people).break_glass.slot
    if holds(actor, "sign_as_owner", scene.version.registered_model):
        own(scene, actor)
    factories.rollback(slot, scene.version, scene.people, actor=actor)


def break_the_glass(scene: Scene, actor: User) -> None:
    role = own_role(scene, actor, (SignerRole.OWNER, SignerRole.RISK))
    version = ModelVersion.objects.with_lineage().get(pk=scene.version.pk)
    factories.emergency_asked(version, scene.people, role=role, actor=actor)


def own_role(scene: Scene, actor: User, roles: Iterable[SignerRole]) -> SignerRole:
    """Return as what the actor signs, or any role; an owner owns this model from now."""
    model = scene.version.registered_model
    role = next(
        (role for role in roles if holds(actor, f"sign_as_{role}", model)), None
    )
    if role == SignerRole.OWNER:
        own(scene, actor)
    return role or SignerRole.OWNER


ACTS: dict[str, Callable[[Scene, User], Any]] = {
    "log a run, register a version": log_and_register,
    "register or describe a dataset": describe,
    "ask for promotion": ask,
    "run gates": lambda scene, actor: evaluate_again(scene.request, actor=actor),
    "sign as validator": partial(sign, role=SignerRole.VALIDATOR),
    "sign as owner": partial(sign, role=SignerRole.OWNER),
    "sign for risk": partial(sign, role=SignerRole.RISK),
    "sign for ethics": partial(sign, role=SignerRole.ETHICS),
    "reject": reject,
    "ask for a waiver": ask_for_waiver,
    "approve a waiver": lambda scene, actor: factories.waiver_approved(
        scene.waiver, actor
    ),
    "open a finding": open_a_finding,
    "close a finding": close_a_finding,
    "draft a policy": draft,
    "publish a policy": publish,
    "promote": move_to_production,
    "roll back": go_back,
    "break the glass": break_the_glass,
    "order a report": lambda scene, actor: order_report(scene.version, actor=actor),
    "grant a role": lambda scene, actor: approve_role(scene.grant, actor=actor),
}
# No service of the registry does these, or none asks: their permission is asked.
BY_PERMISSION_ONLY = {"write a verdict", "export the log", "operate the log"}


def newcomer(role: str, workspace: Workspace) -> User:
    """Return somebody who has made nothing yet, in a role or in none."""
    if role == "service account without a role":
        return factories.program("newcomer")
    if role == Role.BOT:
        bot = factories.program("newcomer")
        factories.grant(bot, Role.BOT, workspace)
        return bot
    return factories.person(
        "newcomer",
        workspace,
        Role(role) if role in Role else None,
        is_superuser=role == "superuser",
    )


@pytest.mark.parametrize("role", [*map(str, COLUMNS), *WITHOUT_ROLE])
def test_role_may_what_the_matrix_says_and_nothing_else(scene, role):
    """Try each action of the role's column in turn, and undo it."""
    actor = newcomer(role, scene.workspace)
    tried = {action: allows(action, scene, actor) for action in MATRIX}
    assert tried == {
        action: letter_of(role, letters) != "N"
        for action, (letters, _) in MATRIX.items()
    }


def letter_of(role: str, letters: str) -> str:
    row = dict(zip(map(str, COLUMNS), letters.split(), strict=True))
    return row.get(role, "N")


def allows(action: str, scene: Scene, actor: User) -> bool:
    """Do it, undo it, and say whether it was done.

    Any other refusal than for want of a right is a fault of this test, and travels.
    """
    if action not in ACTS:
        return holds_all(scene, actor, MATRIX[action][1])
    try:
        with transaction.atomic():
            ACTS[action](scene, actor)
            transaction.set_rollback(True)
    except PermissionDeniedError as refusal:
        if not refusal.code.startswith("may_not_"):
            raise
        return False
    return True


def holds_all(scene: Scene, actor: User, permissions: tuple[str, ...]) -> bool:
    held = {held_on(scene, actor, permission) for permission in permissions}
    assert len(held) < 2
    return held == {True}


def held_on(scene: Scene, actor: User, permission: str) -> bool:
    if permission in WORKSPACE_GRANTS:
        return holds(actor, permission, scene.workspace)
    if permission in EXPERIMENT_GRANTS:
        return holds(actor, permission, scene.experiment)
    return holds(actor, permission, scene.version.registered_model)


@pytest.mark.parametrize("action", MATRIX)
def test_grants_are_those_of_the_matrix(action):
    letters, permissions = MATRIX[action]
    roles = {
        role
        for role, letter in zip(COLUMNS, letters.split(), strict=True)
        if letter != "N"
    }
    assert {
        permission: set(GRANTS[permission]) for permission in permissions
    } == dict.fromkeys(permissions, roles)


def test_every_permission_stands_in_the_matrix_or_is_named_beside_it():
    named = [name for _, permissions in MATRIX.values() for name in permissions]
    assert sorted(named + list(BESIDE_THE_MATRIX)) == sorted(GRANTS)


def test_every_role_has_a_column_and_every_letter_a_meaning():
    assert set(COLUMNS) == set(Role)
    assert {
        letter for letters, _ in MATRIX.values() for letter in letters.split()
    } == set("YNc")


def test_every_action_is_done_here_or_named_as_asked_by_permission_only():
    assert ACTS.keys() | BY_PERMISSION_ONLY == MATRIX.keys()
    assert not ACTS.keys() & BY_PERMISSION_ONLY


# The conditions of the cells that have one


def test_validator_who_drafted_a_policy_does_not_publish_it_nor_sign_under_it(
    workspace, cast
):
    factories.model(workspace, cast)
    own = draft_policy(workspace, document=factories.POLICY, actor=cast.rita)
    with pytest.raises(PermissionDeniedError) as refusal:
        publish_policy(own, actor=cast.rita)
    assert refusal.value.code == "author_does_not_publish"


def test_verdicts_are_written_by_the_worker_and_nobody_is_asked(workspace, cast):
    factories.policy(workspace, cast)
    request = factories.request(factories.version(workspace, cast), cast)
    for pk in request.gate_runs.values_list("pk", flat=True):
        run_gate(pk)
    assert factories.fresh(request).state == "in_review"


def test_owner_rolls_back_and_describes_their_own_models_only(workspace, cast):
    factories.policy(workspace, cast)
    first = factories.champion(workspace, cast)
    better = factories.predictions(strength=2.5)
    factories.champion(workspace, cast, content=b"2", scores=better)
    model, slot = first.registered_model, first.registered_model.slots.get()
    other = factories.person("otto", workspace, Role.OWNER)
    for act, code in (
        (partial(factories.rollback, slot, first, cast), "may_not_roll_back"),
        (partial(factories.model_card, model, cast), "may_not_describe_model"),
    ):
        with pytest.raises(PermissionDeniedError) as refusal:
            act(actor=other)
        assert refusal.value.code == code

    factories.model_card(model, cast, actor=cast.olivia)
    factories.rollback(slot, first, cast, actor=cast.olivia)

    assert slot_of(first).champion == first


def test_owner_revokes_evidence_of_their_own_models_only(workspace, cast):
    factories.policy(workspace, cast)
    asked = factories.evaluated(factories.version(workspace, cast), cast)
    given = factories.attested(asked.model_version, cast.rex, AttestationKind.CANARY)
    other = factories.person("otto", workspace, Role.OWNER)
    for act, code in (
        (partial(revoke, asked), "may_not_invalidate"),
        (partial(withdraw, given), "may_not_withdraw_attestation"),
        (partial(reject_as_owner, factories.fresh(asked)), "may_not_sign"),
    ):
        with pytest.raises(PermissionDeniedError) as refusal:
            act(actor=other)
        assert refusal.value.code == code

    withdraw(given, actor=cast.olivia)
    revoke(factories.fresh(asked), actor=cast.olivia)

    assert factories.fresh(asked).state == RequestState.INVALIDATED


def revoke(asked: PromotionRequest, *, actor: User) -> None:
    invalidate_request(
        asked,
        reason="The labels were swapped.",
        password=factories.PASSWORD,
        is_interactive=True,
        actor=actor,
    )


def withdraw(given: Attestation, *, actor: User) -> None:
    withdraw_attestation(given, reason="It had alarmed.", actor=actor)


def reject_as_owner(asked: PromotionRequest, *, actor: User) -> None:
    reject_request(
        asked,
        role=SignerRole.OWNER,
        reason="It misses the young.",
        password=factories.PASSWORD,
        seen_digest=asked.subject_digest,
        is_interactive=True,
        actor=actor,
    )


def test_release_engineer_who_is_an_owner_elsewhere_rolls_back_any_model(
    workspace, cast
):
    factories.policy(workspace, cast)
    first = factories.champion(workspace, cast)
    better = factories.predictions(strength=2.5)
    factories.champion(workspace, cast, content=b"2", scores=better)
    factories.grant(cast.rex, Role.OWNER, workspace)

    factories.rollback(slot_of(first), first, cast, actor=cast.rex)

    assert slot_of(first).champion == first


def test_any_owner_describes_a_model_that_nobody_owns_yet(workspace, cast):
    model = register_model(
        workspace, name="orphan", purpose="P", owner=None, actor=cast.alice
    )

    factories.model_card(model, cast, owner=cast.olivia, actor=cast.olivia)

    assert type(model).objects.get(pk=model.pk).owner == cast.olivia


def test_risk_approves_grants_and_asks_for_none(workspace, cast):
    with pytest.raises(PermissionDeniedError) as refusal:
        ask_for_role(
            cast.mallory,
            role=Role.AUDITOR,
            workspace=workspace,
            reason="joins",
            actor=cast.rita,
        )
    assert refusal.value.code == "may_not_ask_for_role"
