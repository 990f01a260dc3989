"""What others are compared with is the champion that was promoted, whatever a row says."""

import pytest

from audit.errors import ConflictError
from registry.models import Slot, Verdict
from registry.services.archiving import archive_model
from registry.services.promotion import promote
from registry.services.slots import add_challenger
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


def altered(act, *arguments, **options) -> bool:
    with pytest.raises(ConflictError) as refusal:
        act(*arguments, **options)
    return refusal.value.code == "slot_altered"


@pytest.mark.parametrize("row", ["emptied", "set back"])
def test_nothing_is_evaluated_or_promoted_beside_another_champion(
    workspace, cast, champion, row
):
    second = factories.champion(
        workspace, cast, content=b"2", scores=factories.predictions(strength=2.5)
    )
    third = factories.version(workspace, cast, content=b"3")
    Slot.objects.update(champion=None if row == "emptied" else champion)

    assert altered(factories.request, third, cast)
    Slot.objects.update(champion=second)
    assert factories.request(third, cast).state == "evaluating"


def test_slot_of_a_retired_champion_is_empty_by_right(workspace, cast, champion):
    factories.retired(champion.registered_model, cast, champion)
    second = factories.version(workspace, cast, content=b"2")

    promote(factories.approved(second, cast), actor=cast.rex)

    assert Slot.objects.get().champion == second


def test_version_is_compared_with_a_champion_that_was_retired(
    workspace, cast, champion
):
    factories.retired(champion.registered_model, cast, champion)
    weak = factories.version(
        workspace, cast, content=b"2", scores=factories.predictions(strength=0.8)
    )

    asked = factories.evaluated(weak, cast)

    assert asked.snapshots.get().champion == champion
    assert asked.state == "blocked"
    told = Verdict.objects.get(gate_run__request=asked, gate_run__gate="regression")
    assert told.outcome == "fail"


def test_approval_is_not_redeemed_beside_another_champion(workspace, cast, champion):
    asked = factories.approved(
        factories.version(
            workspace, cast, content=b"2", scores=factories.predictions(strength=2.5)
        ),
        cast,
    )
    Slot.objects.update(champion=None)

    assert altered(promote, asked, actor=cast.rex)


def test_version_of_an_archived_model_runs_beside_nobody(workspace, cast):
    version = factories.version(workspace, cast)
    archive_model(version.registered_model, actor=cast.alice)

    with pytest.raises(ConflictError):
        add_challenger(
            version, environment="production", reason="To compare.", actor=cast.alice
        )
