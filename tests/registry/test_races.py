"""Two people want the same slot at the same moment, each on a connection of their own."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import User
from django.db import connections

from audit.errors import ConflictError
from audit.models import Event
from registry.models import (
    Alias,
    ModelVersion,
    Promotion,
    PromotionRequest,
    RequestState,
    RevalidationTrigger,
    Slot,
)
from registry.models.revalidation import TriggerKind
from registry.models.sign_off import SignerRole
from registry.models.tier import Tier
from registry.services.aliases import set_alias
from registry.services.archiving import archive_model, archive_version
from registry.services.model_versions import version_of_source
from registry.services.out_of_use import is_archived
from registry.services.policies import publish_policy
from registry.services.promotion import promote
from registry.services.registered_models import rename_model
from registry.services.version_content import Source
from tests import factories
from tests.factories import Cast
from tests.races import Act, overtaken
from tests.registry.slots import slot
from tracking.models import Workspace


@pytest.fixture
def workspace(contended: Workspace) -> Workspace:
    return contended


@pytest.fixture
def cast(workspace) -> Cast:
    people = {user.username: user for user in User.objects.all()}
    return Cast(**{name: people[name] for name in Cast.__dataclass_fields__})


def test_two_promotions_that_race_for_one_slot_have_one_winner(workspace, cast):
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


def promoting(workspace: Workspace, cast: Cast) -> tuple[ModelVersion, Act]:
    version = factories.version(workspace, cast)
    request = factories.approved(version, cast)
    return version, lambda: promote(request, actor=cast.rex)


def rolling_back(workspace: Workspace, cast: Cast) -> tuple[ModelVersion, Act]:
    version = factories.champion(workspace, cast)
    factories.champion(workspace, cast, content=b"2")
    return version, lambda: factories.rollback(slot(), version, cast)


def breaking_the_glass(workspace: Workspace, cast: Cast) -> tuple[ModelVersion, Act]:
    version = factories.version(workspace, cast)
    asked = factories.emergency_asked(version, cast)
    return version, lambda: factories.emergency(asked, cast)


def retiring(version: ModelVersion, cast: Cast) -> Act:
    return lambda: factories.retired(version.registered_model, cast, version)


def archiving(version: ModelVersion, cast: Cast) -> Act:
    return lambda: archive_version(version, actor=cast.alice)


WAYS_IN = pytest.mark.parametrize(
    "way_in", [promoting, rolling_back, breaking_the_glass]
)


@WAYS_IN
def test_version_that_is_retired_while_it_takes_a_slot_leaves_it(
    workspace, cast, way_in
):
    factories.policy(workspace, cast)
    version, take = way_in(workspace, cast)

    outcomes = overtaken(take, retiring(version, cast))

    assert outcomes == ("done", "done")
    assert version.is_retired
    assert slot().champion is None


@WAYS_IN
def test_version_that_takes_a_slot_while_it_is_retired_does_not_get_it(
    workspace, cast, way_in
):
    factories.policy(workspace, cast)
    version, take = way_in(workspace, cast)

    outcomes = overtaken(retiring(version, cast), take)

    assert outcomes == ("done", "version_retired")
    assert not Slot.objects.filter(champion=version).exists()


@pytest.mark.parametrize("way_in", [rolling_back, breaking_the_glass])
def test_version_is_not_archived_while_it_takes_a_slot(workspace, cast, way_in):
    factories.policy(workspace, cast)
    version, take = way_in(workspace, cast)

    outcomes = overtaken(take, archiving(version, cast))

    assert outcomes == ("done", "version_serves")
    assert slot().champion == version
    assert not is_archived(version)


@pytest.mark.parametrize("way_in", [rolling_back, breaking_the_glass])
def test_version_does_not_take_a_slot_while_it_is_archived(workspace, cast, way_in):
    factories.policy(workspace, cast)
    version, take = way_in(workspace, cast)

    outcomes = overtaken(archiving(version, cast), take)

    assert outcomes == ("done", "version_archived")
    assert not Slot.objects.filter(champion=version).exists()


# A tier that is signed meanwhile


def held_to_more(version: ModelVersion, cast: Cast) -> Act:
    return lambda: factories.tier(version.registered_model, cast, Tier.HIGH)


def signing_last(workspace: Workspace, cast: Cast) -> tuple[PromotionRequest, Act]:
    asked = factories.evaluated(factories.version(workspace, cast), cast)
    asked = factories.signed(asked, cast.bob, SignerRole.VALIDATOR)
    # Enough for the stricter tier as well.
    code = factories.second_factor(cast.olivia).code()
    return asked, lambda: factories.signed(
        asked, cast.olivia, SignerRole.OWNER, code=code
    )


def test_version_that_is_promoted_before_its_model_is_held_to_more_is_due(
    workspace, cast
):
    factories.policy(workspace, cast)
    version, take = promoting(workspace, cast)

    outcomes = overtaken(take, held_to_more(version, cast))

    assert outcomes == ("done", "done")
    assert slot().champion == version
    called = RevalidationTrigger.objects.get()
    assert (called.model_version, called.kind) == (version, TriggerKind.TIER_CHANGE)


def test_version_is_not_promoted_by_an_approval_of_a_weaker_tier(workspace, cast):
    factories.policy(workspace, cast)
    version, take = promoting(workspace, cast)

    outcomes = overtaken(held_to_more(version, cast), take)

    assert outcomes == ("done", "request_not_approved")
    assert not Slot.objects.filter(champion=version).exists()


def test_last_signature_before_a_stricter_tier_approves_nothing_that_stays(
    workspace, cast
):
    factories.policy(workspace, cast)
    asked, sign = signing_last(workspace, cast)

    outcomes = overtaken(sign, held_to_more(asked.model_version, cast))

    assert outcomes == ("done", "done")
    assert factories.fresh(asked).state == RequestState.INVALIDATED


def test_last_signature_after_a_stricter_tier_is_refused(workspace, cast):
    factories.policy(workspace, cast)
    asked, sign = signing_last(workspace, cast)

    outcomes = overtaken(held_to_more(asked.model_version, cast), sign)

    assert outcomes == ("done", "request_not_in_review")
    assert factories.fresh(asked).state == RequestState.INVALIDATED


# A policy that is published meanwhile


OF_TIERS = factories.POLICY.replace("registered_model: credit", "tier: [3]")
POLICIES = pytest.mark.parametrize("document", [factories.POLICY, OF_TIERS])


def publishing(workspace: Workspace, cast: Cast, document: str) -> Act:
    drafted = factories.policy(workspace, cast, document, published=False)
    return lambda: publish_policy(drafted, actor=cast.rita)


@POLICIES
def test_version_that_is_promoted_before_another_policy_stays(
    workspace, cast, document
):
    factories.policy(workspace, cast, document)
    version, take = promoting(workspace, cast)
    publish = publishing(workspace, cast, document.replace("0.7", "0.71"))

    assert overtaken(take, publish) == ("done", "done")

    assert slot().champion == version
    assert RevalidationTrigger.objects.get().kind == TriggerKind.POLICY_CHANGE


@POLICIES
def test_version_is_not_promoted_once_another_policy_is_published(
    workspace, cast, document
):
    factories.policy(workspace, cast, document)
    version, take = promoting(workspace, cast)
    publish = publishing(workspace, cast, document)

    assert overtaken(publish, take) == ("done", "request_not_approved")
    assert not Slot.objects.filter(champion=version).exists()


@POLICIES
def test_last_signature_before_another_policy_approves_nothing_that_stays(
    workspace, cast, document
):
    factories.webhook(workspace, cast)
    factories.policy(workspace, cast, document)
    asked, sign = signing_last(workspace, cast)
    publish = publishing(workspace, cast, document)

    assert overtaken(sign, publish) == ("done", "done")
    assert factories.fresh(asked).state == RequestState.INVALIDATED


@POLICIES
def test_last_signature_after_another_policy_is_refused(workspace, cast, document):
    factories.webhook(workspace, cast)
    factories.policy(workspace, cast, document)
    asked, sign = signing_last(workspace, cast)
    publish = publishing(workspace, cast, document)

    assert overtaken(publish, sign) == ("done", "request_not_in_review")
    assert factories.fresh(asked).state == RequestState.INVALIDATED


@POLICIES
def test_request_that_is_opened_before_another_policy_ends(workspace, cast, document):
    factories.policy(workspace, cast, document)
    version = factories.version(workspace, cast)
    publish = publishing(workspace, cast, document)

    came_of_it = overtaken(lambda: factories.request(version, cast), publish)

    assert came_of_it == ("done", "done")
    state = version.promotion_requests.get().state
    assert state == RequestState.INVALIDATED


@POLICIES
def test_request_that_waits_for_another_policy_pins_that(workspace, cast, document):
    factories.policy(workspace, cast, document)
    version = factories.version(workspace, cast)
    publish = publishing(workspace, cast, document)

    came_of_it = overtaken(publish, lambda: factories.request(version, cast))

    assert came_of_it == ("done", "done")
    asked = version.promotion_requests.get()
    assert (asked.policy.version, asked.state) == (2, RequestState.EVALUATING)


def test_version_that_is_archived_meanwhile_gets_no_alias(workspace, cast):
    version = factories.version(workspace, cast)

    came_of_it = overtaken(
        lambda: archive_version(version, actor=cast.alice),
        lambda: set_alias(version, name="best", actor=cast.alice),
    )

    assert came_of_it == ("done", "version_archived")
    assert not Alias.objects.exists()


def test_model_that_is_archived_or_renamed_meanwhile_gets_no_version(workspace, cast):
    model = factories.model(workspace, cast)
    run = factories.run(workspace, cast.alice)
    factories.upload(run, "model.onnx", b"model", cast.alice)

    def register() -> None:
        version_of_source(
            model,
            source=Source(f"runs:/{run.run_id}/model.onnx", run, path="model.onnx"),
            description="",
            tags={},
            run_link="",
            actor=cast.alice,
        )

    renamed = overtaken(
        lambda: rename_model(model, name="scores", actor=cast.alice), register
    )
    archived = overtaken(lambda: archive_model(model, actor=cast.alice), register)

    # The entry calls the version by the name that its model has by then.
    assert renamed == ("done", "done")
    assert [version.subject for version in ModelVersion.objects.all()] == [
        "version/default/scores/1"
    ]
    assert Event.objects.filter(subject="version/default/scores/1").count() == 1
    assert archived == ("done", "model_archived")
    assert ModelVersion.objects.count() == 1


def test_version_is_archived_once(workspace, cast):
    version = factories.version(workspace, cast)

    def archive() -> None:
        archive_version(version, actor=cast.alice)

    assert overtaken(archive, archive) == ("done", "version_archived")
