"""Cards of data are held against the log: none is forged, altered or lost unnoticed."""

import pytest

from audit.errors import ConflictError
from registry.models import PromotionRequest
from registry.models.sign_off import SignerRole
from tests import factories
from tests.audit.happenings import triggers_switched_off
from tracking.models import DatasetCard, DatasetLabeller

pytestmark = [pytest.mark.django_db, pytest.mark.on_postgresql]


@pytest.fixture
def asked(workspace, cast) -> PromotionRequest:
    """Return what waits for signatures, trained with personal data that Bob labelled."""
    factories.policy(workspace, cast)
    run = factories.run(workspace, cast.alice)
    loans = factories.use_dataset(run, cast.alice, "raw")
    factories.card(loans, cast.alice, sensitivity=["pii"], labellers=["bob"])
    return factories.evaluated(factories.version_of(run, cast), cast)


def refused_to_olivia(asked: PromotionRequest, cast) -> str:
    with pytest.raises(ConflictError) as refusal:
        factories.signed(factories.fresh(asked), cast.olivia, SignerRole.OWNER)
    return refusal.value.code


def test_card_that_nobody_wrote_lifts_no_label(asked, cast):
    (card,) = DatasetCard.objects.all()
    DatasetCard.objects.create(
        dataset=card.dataset, number=2, sensitivity=[], created_by=cast.stella
    )

    assert refused_to_olivia(asked, cast) == "records_altered"


def test_label_that_was_taken_off_a_card_still_counts(asked, cast):
    with triggers_switched_off("tracking_datasetcard"):
        DatasetCard.objects.update(sensitivity=[])

    assert refused_to_olivia(asked, cast) == "records_altered"


def test_labeller_who_was_taken_off_a_card_does_not_sign(asked, cast):
    with triggers_switched_off("tracking_datasetlabeller"):
        DatasetLabeller.objects.all().delete()

    with pytest.raises(ConflictError) as refusal:
        factories.signed(factories.fresh(asked), cast.bob, SignerRole.VALIDATOR)

    assert refusal.value.code == "records_altered"


def test_card_that_was_taken_away_still_counts(asked, cast):
    with (
        triggers_switched_off("tracking_datasetlabeller"),
        triggers_switched_off("tracking_datasetcard"),
    ):
        DatasetLabeller.objects.all().delete()
        DatasetCard.objects.all().delete()

    assert refused_to_olivia(asked, cast) == "records_altered"


def test_cards_that_people_wrote_let_everybody_sign(asked, cast):
    (card,) = DatasetCard.objects.all()
    factories.card(card.dataset, cast.stella, sensitivity=["pii", "confidential"])

    again = factories.evaluated_again(factories.fresh(asked), cast)
    signed = factories.signed(again, cast.eve, SignerRole.ETHICS)

    assert signed.sign_offs.get().signer == cast.eve
