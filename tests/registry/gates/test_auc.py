import numpy as np
import pytest

from audit.errors import InvalidError
from registry.evidence import Evidence
from registry.gates.auc import AucGate, AucParameters
from registry.verdict import Outcome, ReasonCode
from tests.registry.gates.evidence_files import evidence, version


def scored(rows, separation, seed=1):
    generator = np.random.default_rng(seed)
    labels = (generator.random(rows) < 0.3).astype(np.int8)
    scores = 1 / (1 + np.exp(-generator.normal(labels * separation, 1)))
    return evidence(labels, scores)


@pytest.mark.parametrize(
    ("rows", "threshold", "rule", "outcome", "reason"),
    [
        (5000, 0.65, "confident_pass", "pass", "meets_threshold"),
        (5000, 0.90, "confident_pass", "fail", "misses_threshold"),
        (
            5000,
            0.76,
            "confident_pass",
            "inconclusive",
            "interval_reaches_across_threshold",
        ),
        (5000, 0.75, "point", "pass", "meets_threshold"),
        (5000, 0.90, "point", "fail", "misses_threshold"),
        (900, 0.65, "confident_pass", "inconclusive", "too_few_rows"),
        (900, 0.99, "point", "inconclusive", "too_few_rows"),
    ],
)
def test_auc_is_judged_by_its_interval_or_its_estimate(
    rows, threshold, rule, outcome, reason
):
    parameters = AucGate().read_parameters({"threshold": threshold, "rule": rule})
    verdict = AucGate().evaluate(scored(rows, 1.0), parameters)
    assert (verdict.outcome, verdict.reason_code) == (outcome, reason)


def test_verdict_says_in_one_sentence_what_was_asked_and_found():
    verdict = AucGate().evaluate(scored(5000, 1.0), AucParameters(threshold=0.65))
    assert verdict.sentence == (
        f"AUC is {verdict.estimate:.4g} (90% interval {verdict.lower:.4g} to"
        f" {verdict.upper:.4g}, 5,000 rows); the policy asks for at least 0.65: the"
        " whole interval meets it."
    )


def test_verdict_holds_what_a_repetition_needs():
    candidate = scored(5000, 1.0)
    verdict = AucGate().evaluate(candidate, AucParameters(threshold=0.65))
    details = verdict.details
    assert details["method"] == "auc.delong.v1"
    assert details["parameters"] == {
        "threshold": 0.65,
        "rule": "confident_pass",
        "alpha": 0.05,
        "min_rows": 1000,
        "min_class_rows": 100,
    }
    predictions = candidate.candidate.predictions
    assert details["inputs"] == {"predictions": f"sha256:{predictions.sha256}"}
    assert details["row_key_digest"] == predictions.row_key_digest
    assert float.fromhex(details["exact"]["estimate"]) == verdict.estimate
    assert (verdict.n, verdict.positives) == (5000, predictions.positives)


def test_too_few_rows_of_the_rarer_class_decide_nothing():
    labels = np.zeros(5000, np.int8)
    labels[:40] = 1
    verdict = AucGate().evaluate(
        evidence(labels, np.linspace(0.9, 0.1, 5000)), AucParameters(threshold=0.65)
    )
    assert verdict.reason_code is ReasonCode.TOO_FEW_ROWS_OF_ONE_CLASS


def test_a_single_positive_is_inconclusive_rather_than_an_error():
    labels = np.zeros(2000, np.int8)
    labels[0] = 1
    verdict = AucGate().evaluate(
        evidence(labels, np.linspace(0.9, 0.1, 2000)), AucParameters(threshold=0.65)
    )
    assert verdict.outcome is Outcome.INCONCLUSIVE


def test_a_perfect_separation_is_suspected_instead_of_passed():
    labels = np.repeat([0, 1], 2000)
    verdict = AucGate().evaluate(
        evidence(labels, np.where(labels == 1, 0.9, 0.1)), AucParameters(threshold=0.65)
    )
    assert (verdict.outcome, verdict.reason_code) == (
        Outcome.INCONCLUSIVE,
        ReasonCode.NO_SPREAD,
    )


def test_constant_scores_fail():
    labels = np.repeat([0, 1], 2000)
    verdict = AucGate().evaluate(
        evidence(labels, np.full(4000, 0.5)), AucParameters(threshold=0.65)
    )
    assert (verdict.outcome, verdict.estimate) == (Outcome.FAIL, 0.5)


def test_missing_predictions_are_refused_by_name():
    with pytest.raises(InvalidError) as refusal:
        AucGate().evaluate(Evidence(version("m v2")), AucParameters(threshold=0.65))
    assert refusal.value.code == "evidence_missing"
