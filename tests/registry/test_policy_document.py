import pytest

from audit.errors import InvalidError
from audit.tlog.canonical import digest
from registry.evidence import FileName
from registry.gates.auc import AucParameters
from registry.gates.latency import LatencyParameters
from registry.policy_document import read_policy_document

GOOD = """
name: flight-delay-production
environment: production
registered_model: flight-delay
evidence:
  predictions: evaluation/predictions.parquet
  model_inputs: evaluation/model_inputs.parquet
gates:
  - gate: auc
    threshold: 0.65
    rule: confident_pass
    alpha: 0.05
    min_rows: 20000
  - gate: latency
    percentile: 99
    threshold_ms: 50
sign_offs: [validator, owner]
approval_days: 60
"""


def test_a_policy_is_read_with_its_defaults_spelled_out():
    document = read_policy_document(GOOD)
    assert [clause.parameters for clause in document.gates] == [
        AucParameters(threshold=0.65, min_rows=20_000),
        LatencyParameters(threshold_ms=50.0, percentile=99.0),
    ]
    assert document.evidence[FileName.PREDICTIONS] == "evaluation/predictions.parquet"
    assert document.sign_offs == ("validator", "owner")
    assert document.as_json()["gates"][0] == {
        "gate": "auc",
        "threshold": 0.65,
        "rule": "confident_pass",
        "alpha": 0.05,
        "min_rows": 20_000,
        "min_class_rows": 100,
        "mandatory": True,
    }


def test_digest_is_of_the_meaning_and_not_of_the_spelling():
    respelled = GOOD.replace("    alpha: 0.05\n", "").replace(
        "sign_offs: [validator, owner]", "sign_offs:\n- validator\n- owner  # two"
    )
    changed = GOOD.replace("0.65", "0.66")
    digests = [
        digest(read_policy_document(text).as_json())
        for text in (GOOD, respelled, changed)
    ]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("old", "new", "code", "path"),
    [
        ("gate: auc", "gate: accuracy", "policy_unknown_gate", "gates[0].gate"),
        ("min_rows: 20000", "rows: 20000", "policy_unknown_parameter", "gates[0].rows"),
        ("threshold: 0.65", "threshold: high", "policy_invalid_parameter", "gates[0].threshold"),
        ("threshold: 0.65", "threshold: 1.5", "policy_invalid_parameter", "gates[0].threshold"),
        ("threshold: 0.65", "threshold: .nan", "policy_invalid_parameter", "gates[0].threshold"),
        ("    threshold: 0.65\n", "", "policy_invalid_parameter", "gates[0]"),
        ("alpha: 0.05", "alpha: 0.5", "policy_invalid_parameter", "gates[0].alpha"),
        ("alpha: 0.05", "alpha: 0", "policy_invalid_parameter", "gates[0].alpha"),
        ("alpha: 0.05", "alpha: true", "policy_invalid_parameter", "gates[0].alpha"),
        ("rule: confident_pass", "rule: hope", "policy_invalid_parameter", "gates[0].rule"),
        ("percentile: 99", "percentile: 99.9\n    requests: 1000", "policy_invalid_parameter", "gates[1]"),
        ("gate: latency", "gate: auc", "policy_unknown_parameter", "gates[1].percentile"),
        ("approval_days: 60", "tier: [2]", "policy_binds_nobody_or_two", "registered_model"),
        ("approval_days: 60", "request_days: 0", "policy_invalid_value", "request_days"),
        ("approval_days: 60", "attestations: [{kind: vibes, accepts: [ci]}]", "policy_invalid_value", "attestations[0].kind"),
        ("approval_days: 60", "attestations: [{kind: canary, accepts: []}]", "policy_invalid_value", "attestations[0].accepts"),
        ("sign_offs: [validator, owner]\n", "", "policy_missing_key", ""),
        ("[validator, owner]", "[validator, validator]", "policy_repeated", "sign_offs[1]"),
        ("[validator, owner]", "[validator, friend]", "policy_invalid_value", "sign_offs[1]"),
        ("approval_days: 60", "approval_days: 600", "policy_invalid_value", "approval_days"),
        ("approval_days: 60", "approvals: 60", "policy_unknown_key", ""),
        ("  predictions: e", "  pictures: e", "policy_unknown_key", "evidence"),
        ("  model_inputs: evaluation/model_inputs.parquet\n", "", "policy_evidence_missing", "evidence.model_inputs"),
        ("evaluation/predictions", "../predictions", "policy_invalid_path", "evidence.predictions"),
        ("evaluation/predictions", "/predictions", "policy_invalid_path", "evidence.predictions"),
        ("environment: production", "environment: 7", "policy_invalid_value", "environment"),
        ("environment: production", "environment: Pro Duction", "policy_invalid_value", "environment"),
    ],
)  # fmt: skip
def test_each_fault_is_named_by_its_code_and_its_place(old, new, code, path):
    assert old in GOOD
    with pytest.raises(InvalidError) as refusal:
        read_policy_document(GOOD.replace(old, new))
    assert (refusal.value.code, refusal.value.extra["path"]) == (code, path)
    assert refusal.value.detail.startswith(path or "The policy")


def test_a_gate_is_named_once():
    repeated = GOOD.replace(
        "sign_offs", "  - {gate: auc, threshold: 0.7}\nsign_offs", 1
    )
    with pytest.raises(InvalidError) as refusal:
        read_policy_document(repeated)
    assert refusal.value.extra["path"] == "gates[2]"


def test_a_policy_without_gates_is_refused():
    head, _, _ = GOOD.partition("gates:")
    with pytest.raises(InvalidError) as refusal:
        read_policy_document(head + "gates: []\nsign_offs: [owner]\n")
    assert refusal.value.extra["path"] == "gates"


def test_a_policy_of_optional_gates_alone_is_refused():
    optional = GOOD.replace("    threshold", "    mandatory: false\n    threshold")
    with pytest.raises(InvalidError) as refusal:
        read_policy_document(optional)
    assert refusal.value.code == "policy_no_mandatory_gate"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("name: a\nname: b", "'name' occurs twice"),
        ("a: &x [1]\nb: *x", "anchors and aliases are not allowed"),
        ("a: {<<: {b: 1}}", "keys must be plain text"),
        ("1: a", "keys must be plain text"),
        ("? [a]\n: b", "keys must be plain text"),
        (
            "a: !!python/object/apply:os.system [ls]",
            "could not determine a constructor",
        ),
        ("a: [", "while parsing"),
        ("[" * 5000, "nested too deeply"),
        ("a: " + "9" * 5000, "digits"),
        ("a: 1\n---\nb: 2", "single document"),
        ("a: \x00", "special characters are not allowed"),
        ('a: "b\\0"', "holds what no text can hold"),
        ('a: "\\ud800"', "holds what no text can hold"),
        ('"\\udfff": a', "holds what no text can hold"),
    ],
)
def test_anything_but_plain_yaml_is_refused(text, part):
    with pytest.raises(InvalidError) as refusal:
        read_policy_document(text)
    assert refusal.value.code == "policy_unreadable"
    assert part in refusal.value.detail


@pytest.mark.parametrize("text", ["", "just words", "- a list", "null"])
def test_a_document_that_is_no_mapping_is_refused(text):
    with pytest.raises(InvalidError) as refusal:
        read_policy_document(text)
    assert refusal.value.code == "policy_invalid_value"


def test_an_oversized_document_is_refused_before_it_is_parsed():
    with pytest.raises(InvalidError) as refusal:
        read_policy_document("a: '" + "x" * 70_000 + "'")
    assert refusal.value.code == "policy_too_large"
