import json

import numpy as np
import pytest

from registry.gates.ece import EceGate, EceParameters
from registry.verdict import Outcome, ReasonCode
from tests.registry.gates.evidence_files import calibrated, evidence


@pytest.mark.parametrize("seed", range(4))
def test_a_perfectly_calibrated_model_passes(seed):
    verdict = EceGate().evaluate(
        evidence(*calibrated(20_000, seed)), EceParameters(threshold=0.03)
    )
    assert verdict.outcome is Outcome.PASS


@pytest.mark.parametrize("seed", range(4))
def test_an_overconfident_model_fails(seed):
    verdict = EceGate().evaluate(
        evidence(*calibrated(20_000, seed, slope=2.5)), EceParameters(threshold=0.05)
    )
    assert verdict.outcome is Outcome.FAIL
    assert verdict.details["cox_recalibration"]["slope"] == pytest.approx(0.4, abs=0.05)


def test_an_error_near_the_threshold_is_inconclusive():
    verdict = EceGate().evaluate(
        evidence(*calibrated(5000, seed=1, slope=1.5)), EceParameters(threshold=0.055)
    )
    assert verdict.outcome is Outcome.INCONCLUSIVE


def test_too_few_rows_are_inconclusive_even_where_the_estimate_would_do():
    verdict = EceGate().evaluate(
        evidence(*calibrated(2000, seed=1)), EceParameters(threshold=0.2)
    )
    assert verdict.reason_code is ReasonCode.TOO_FEW_ROWS


def test_fewer_rows_than_bins_are_inconclusive_rather_than_an_error():
    verdict = EceGate().evaluate(
        evidence([0, 1] * 5, np.linspace(0.1, 0.9, 10)), EceParameters(threshold=0.2)
    )
    assert verdict.reason_code is ReasonCode.TOO_FEW_ROWS


def test_verdict_names_the_random_numbers_and_prints_its_neighbours():
    verdict = EceGate().evaluate(
        evidence(*calibrated(4000, seed=1)), EceParameters(threshold=0.05, seed=42)
    )
    details = verdict.details
    assert details["method"] == "ece.class1.equal_mass.debiased.v1"
    assert details["generator"] == "numpy.random.PCG64"
    assert (details["parameters"]["seed"], details["parameters"]["resamples"]) == (
        42,
        1000,
    )
    assert details["bins_used"] == 15
    assert {"plug_in", "equal_width_plug_in", "brier_score"} <= details.keys()
    assert json.loads(json.dumps(details)) == details
