"""Evidence that the gates could not use refuses the request, with a sentence."""

import numpy as np
import pytest

from audit.errors import DomainError
from registry.models import PromotionRequest
from tests import factories

pytestmark = pytest.mark.django_db

ROWS = 2000
GOOD = factories.predictions()


def scores_with(value: float) -> np.ndarray:
    scores = np.full(ROWS, 0.5)
    scores[3] = value
    return scores


@pytest.mark.parametrize(
    ("content", "code"),
    [
        pytest.param(
            factories.predictions(score=None),
            "predictions_columns_missing",
            id="missing column",
        ),
        pytest.param(
            factories.predictions(score=scores_with(np.nan)),
            "predictions_scores_not_finite",
            id="NaN scores",
        ),
        pytest.param(
            factories.predictions(label=np.ones(ROWS, "int8")),
            "predictions_one_class",
            id="one class only",
        ),
        pytest.param(GOOD[: len(GOOD) // 2], "predictions_unreadable", id="cut off"),
        pytest.param(b"", "predictions_unreadable", id="empty file"),
    ],
)
def test_faulty_predictions_refuse_the_request_and_nothing_is_kept(
    workspace, cast, content, code
):
    factories.policy(workspace, cast)
    version = factories.version(workspace, cast, scores=content or b"\0")

    with pytest.raises(DomainError) as refusal:
        factories.request(version, cast)

    assert refusal.value.code == code
    assert not PromotionRequest.objects.exists()


def test_other_rows_than_the_champions_refuse_the_request(workspace, cast):
    factories.policy(workspace, cast)
    factories.champion(workspace, cast)
    other = factories.version(
        workspace,
        cast,
        content=b"model 2",
        scores=factories.predictions(row_key=[f"other-{n}" for n in range(ROWS)]),
    )

    with pytest.raises(DomainError) as refusal:
        factories.request(other, cast)

    assert refusal.value.code == "predictions_rows_differ"
    assert refusal.value.extra == {"missing": ROWS, "extra": ROWS}


def test_run_without_the_predictions_that_the_policy_names_refuses(workspace, cast):
    factories.policy(
        workspace,
        cast,
        factories.POLICY.replace("evaluation/predictions", "elsewhere/predictions"),
    )
    version = factories.version(workspace, cast)

    with pytest.raises(DomainError) as refusal:
        factories.request(version, cast)

    assert refusal.value.code == "artifact_unknown"
