import numpy as np
import pytest

from audit.errors import InvalidError
from registry.evidence import Evidence
from registry.gates.regression import RegressionGate, RegressionParameters
from registry.statistics.non_inferiority import rows_needed
from registry.verdict import Outcome, ReasonCode
from tests.registry.gates.evidence_files import evidence, predictions_file, version


def two_models(rows, *, worse_by, noise=0.3, seed=1):
    """A champion and a candidate whose scores are a noisier copy of the champion's."""
    generator = np.random.default_rng(seed)
    labels = (generator.random(rows) < 0.3).astype(np.int8)
    champion = generator.normal(labels * 1.0, 1)
    candidate = champion + generator.normal(0, noise, rows) - labels * worse_by

    def squeezed(values):
        return 1 / (1 + np.exp(-values))

    return evidence(labels, squeezed(candidate), squeezed(champion))


@pytest.mark.parametrize(
    ("rows", "worse_by", "noise", "outcome"),
    [
        (20_000, 0.0, 0.02, Outcome.PASS),
        (20_000, 0.3, 0.1, Outcome.FAIL),
        (500, 0.0, 0.02, Outcome.INCONCLUSIVE),
    ],
)
def test_candidate_must_be_shown_to_be_no_worse_than_the_margin(
    rows, worse_by, noise, outcome
):
    verdict = RegressionGate().evaluate(
        two_models(rows, worse_by=worse_by, noise=noise),
        RegressionParameters(margin=0.005),
    )
    assert verdict.outcome is outcome
    assert verdict.threshold == -0.005


def test_inconclusive_verdict_says_how_many_rows_would_do():
    verdict = RegressionGate().evaluate(
        equal_models(1_000, seed=1), RegressionParameters(margin=0.005)
    )
    needed = rows_needed(verdict.details["standard_error"], 1_000, 0.005, alpha=0.05)
    assert verdict.reason_code is ReasonCode.INTERVAL_REACHES_ACROSS_THRESHOLD
    assert needed > 1_000
    assert f"about {needed:,} rows would show it" in verdict.sentence


@pytest.mark.slow
def test_rows_needed_give_the_promised_power():
    margin, passed, tries = 0.02, 0, 200
    pilot = equal_models(20_000, seed=0)
    gate = RegressionGate()
    error = gate.evaluate(pilot, RegressionParameters(margin=margin)).details[
        "standard_error"
    ]
    rows = rows_needed(error, 20_000, margin, alpha=0.05)
    for seed in range(1, tries + 1):
        verdict = gate.evaluate(
            equal_models(rows, seed), RegressionParameters(margin=margin)
        )
        passed += verdict.outcome is Outcome.PASS
    assert passed / tries == pytest.approx(0.8, abs=0.08)


def equal_models(rows, seed):
    """Two models that see the same signal, each with noise of its own."""
    generator = np.random.default_rng(seed)
    labels = (generator.random(rows) < 0.3).astype(np.int8)
    signal = generator.normal(labels * 1.0, 1)
    first, second = (
        1 / (1 + np.exp(-(signal + generator.normal(0, 0.6, rows)))) for _ in range(2)
    )
    return evidence(labels, first, second)


def test_identical_scores_pass_with_a_difference_of_nothing():
    same = two_models(5_000, worse_by=0.0, noise=0.0)
    verdict = RegressionGate().evaluate(same, RegressionParameters(margin=0.005))
    assert verdict.outcome is Outcome.PASS
    assert (verdict.estimate, verdict.lower, verdict.upper) == (0, 0, 0)
    assert verdict.details["ranks_alike"] is True


def test_first_version_has_no_champion_to_be_compared_with():
    labels = np.tile([0, 1], 1000)
    verdict = RegressionGate().evaluate(
        evidence(labels, np.linspace(0, 1, 2000)), RegressionParameters(margin=0.005)
    )
    assert (verdict.outcome, verdict.reason_code, verdict.estimate) == (
        Outcome.NOT_APPLICABLE,
        ReasonCode.NO_CHAMPION,
        None,
    )


def test_order_of_the_rows_in_the_files_is_nothing():
    pair = two_models(3_000, worse_by=0.0)
    assert pair.champion is not None
    rows = pair.champion.predictions
    order = np.random.default_rng(2).permutation(3_000)
    shuffled = version(
        "m v1",
        predictions=predictions_file(
            rows.labels[order], rows.scores[order], list(rows.row_keys[order])
        ),
    )
    gate, parameters = RegressionGate(), RegressionParameters(margin=0.005)
    expected = gate.evaluate(pair, parameters)
    found = gate.evaluate(Evidence(pair.candidate, shuffled), parameters)
    assert (found.estimate, found.lower) == (expected.estimate, expected.lower)


def test_other_rows_than_the_champions_are_refused():
    candidate = version("v2", predictions=predictions_file([0, 1, 1], [0.1, 0.2, 0.3]))
    champion = version(
        "v1", predictions=predictions_file([0, 1], [0.1, 0.2], ["row-0", "other"])
    )
    with pytest.raises(InvalidError) as refusal:
        RegressionGate().evaluate(
            Evidence(candidate, champion), RegressionParameters(margin=0.005)
        )
    assert refusal.value.code == "predictions_rows_differ"
    assert refusal.value.extra == {"missing": 1, "extra": 2}
