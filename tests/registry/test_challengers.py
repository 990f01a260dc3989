"""Versions run beside the champion, and all that were tried are counted."""

import pytest

from audit.proofs import trail
from registry.models import Challenger
from registry.services.archiving import archive_model, archive_version
from registry.services.model_versions import register_version
from registry.services.promotion import promote
from registry.services.slots import add_challenger, remove_challenger
from tests import factories
from tests.registry.slots import challenge, refused, slot

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


def test_every_challenger_that_was_tried_is_counted(workspace, cast, first, third):
    one = challenge(add_challenger, third, cast.alice)
    challenge(remove_challenger, third, cast.alice)
    two = challenge(add_challenger, third, cast.olivia)

    assert (one.number, two.number) == (1, 2)
    assert two.champion == first
    assert list(Challenger.objects.running()) == [two]
    assert refused(challenge, add_challenger, third, cast.alice) == (
        "version_is_challenger"
    )
    assert refused(challenge, add_challenger, first, cast.alice) == (
        "version_is_champion"
    )
    assert refused(challenge, add_challenger, third, cast.carol) == "may_not_challenge"


def test_challenger_is_in_use(cast, first, third):
    archive_version(third, actor=cast.alice)

    assert refused(challenge, add_challenger, third, cast.alice) == "version_archived"


def test_challenger_that_runs_is_not_archived(cast, first, third):
    challenge(add_challenger, third, cast.alice)

    assert refused(archive_version, third, actor=cast.alice) == "version_is_challenger"

    challenge(remove_challenger, third, cast.alice)
    archive_version(third, actor=cast.alice)


def test_model_whose_version_runs_beside_is_not_archived(workspace, cast):
    version = factories.version(workspace, cast)
    challenge(add_challenger, version, cast.alice)
    model = version.registered_model

    assert refused(archive_model, model, actor=cast.alice) == "version_is_challenger"


def test_challenger_that_is_retired_runs_no_more(cast, first, third):
    challenger = challenge(add_challenger, third, cast.alice)
    factories.retired(third.registered_model, cast, third)

    assert not Challenger.objects.running().exists()
    entry = trail([slot().subject])[-1]
    assert (entry.kind, entry.payload) == (
        "registry.challenger.removed",
        {"version": third.subject, "number": challenger.number},
    )


def test_challenger_says_whether_it_learnt_from_the_same_data(workspace, cast, first):
    source = factories.run(workspace, cast.alice)
    factories.use_dataset(source, cast.alice)
    artifact = factories.upload(source, factories.MODEL, b"9", cast.alice)
    made = register_version(
        first.registered_model,
        source_run=source,
        artifact_path=factories.MODEL,
        artifact_sha256=artifact.sha256,
        actor=cast.alice,
    )

    assert challenge(add_challenger, made, cast.alice).same_datasets is False


def test_challenger_that_took_the_slot_is_none_any_more(workspace, cast, first, third):
    challenge(add_challenger, third, cast.alice)
    promote(factories.approved(third, cast), actor=cast.rex)

    assert not Challenger.objects.running().exists()
    assert refused(challenge, remove_challenger, third, cast.alice) == (
        "version_is_no_challenger"
    )
