import dataclasses
import math
import subprocess
import sys
from dataclasses import dataclass

import pytest

import registry.gates  # noqa: F401 - installs every gate
from audit.errors import InvalidError
from registry.gate import Gate, Measurement, Shortage, all_gates, gate, judge
from registry.verdict import Comparator, Outcome, ReasonCode, Rule


def measured(lower, estimate, upper, shortage=None):
    return Measurement(
        name="it",
        method="m.v1",
        estimate=estimate,
        lower=lower,
        upper=upper,
        alpha=0.05,
        n=10,
        shortage=shortage,
    )


@pytest.mark.parametrize(
    ("interval", "rule", "comparator", "outcome"),
    [
        ((0.6, 0.7, 0.8), "confident_pass", ">=", "pass"),
        ((0.5, 0.7, 0.8), "confident_pass", ">=", "inconclusive"),
        ((0.4, 0.5, 0.59), "confident_pass", ">=", "fail"),
        ((0.5, 0.6, 0.8), "point", ">=", "pass"),
        ((0.5, 0.59, 0.8), "point", ">=", "fail"),
        ((0.4, 0.5, 0.6), "confident_pass", "<=", "pass"),
        ((0.5, 0.59, 0.7), "confident_pass", "<=", "inconclusive"),
        ((0.61, 0.7, 0.8), "confident_pass", "<=", "fail"),
        ((0.4, 0.5, math.inf), "confident_pass", "<=", "inconclusive"),
        ((0.61, 0.7, math.inf), "confident_pass", "<=", "fail"),
        ((0.6, 0.7, 0.8), "confident_pass", ">", "inconclusive"),
        ((0.5, 0.55, 0.6), "confident_pass", ">", "fail"),
    ],
)
def test_the_whole_interval_must_meet_the_threshold(
    interval, rule, comparator, outcome
):
    found, _ = judge(
        measured(*interval),
        rule=Rule(rule),
        comparator=Comparator(comparator),
        threshold=0.6,
    )
    assert found == outcome


@pytest.mark.parametrize("rule", list(Rule))
def test_a_shortage_never_passes_whatever_the_rule(rule):
    shortage = Shortage(ReasonCode.TOO_FEW_ROWS, "too few rows")
    assert judge(
        measured(0.9, 0.95, 1.0, shortage),
        rule=rule,
        comparator=Comparator.AT_LEAST,
        threshold=0.6,
    ) == (Outcome.INCONCLUSIVE, ReasonCode.TOO_FEW_ROWS)


def test_a_measurement_without_a_value_is_an_error_and_no_verdict():
    with pytest.raises(ValueError, match="it has no value for these data"):
        measured(0.1, math.nan, 0.2)


def test_all_gates_are_installed_under_their_slugs():
    assert list(all_gates()) == ["auc", "ece", "latency", "regression"]


def test_two_gates_of_one_slug_refuse_to_start():
    @dataclass(frozen=True)
    class Nothing:
        pass

    with pytest.raises(TypeError, match="are both the gate 'auc'"):
        type("SecondAuc", (Gate,), {"slug": "auc", "parameters": Nothing})


def test_an_unknown_gate_is_refused_with_those_known():
    with pytest.raises(InvalidError) as refusal:
        gate("accuracy")
    assert refusal.value.code == "policy_unknown_gate"
    assert "auc, ece, latency, regression" in refusal.value.detail


@pytest.mark.parametrize("slug", ["auc", "ece", "latency", "regression"])
def test_parameters_of_a_gate_are_frozen(slug):
    assert gate(slug).parameters.__dataclass_params__.frozen
    assert dataclasses.fields(gate(slug).parameters)


def test_reading_policies_is_enough_to_install_the_gates():
    program = (
        "from registry.policy_document import gate; gate('auc');"
        "import sys; print([m for m in ('sklearn', 'onnxruntime') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    # The heavy packages stay out of the web processes, which only read policies.
    assert answer.stdout == "[]\n"
