"""A report says what was decided in one sentence, and its JSON holds all of it."""

import hashlib
import json
from dataclasses import replace

from registry.reports.headline import headline, tally
from tests.registry.reports import samples
from tests.registry.reports.samples import lineage_report


def test_json_is_canonical_and_complete():
    report = lineage_report()

    content = json.loads(report.to_json())

    assert content["schema"] == "attestry.lineage-report.v2"
    assert content["identity"]["registered_model"] == "flight-delay"
    assert content["generated_at"] == "2026-03-14T14:10:00.000000+00:00"
    assert content["gates"][0]["estimate"] == report.gates[0].estimate
    assert len(content["trail"]) == len(report.trail)
    assert report.json_sha256() == hashlib.sha256(report.to_json()).hexdigest()


def test_json_of_equal_reports_is_equal():
    assert lineage_report().to_json() == lineage_report().to_json()


def test_headline_tells_of_a_promotion_and_whom_it_replaced():
    assert headline(lineage_report()) == (
        "Version 2 of flight-delay was promoted to production on 14 March 2026 and "
        "replaced version 1."
    )


def test_headline_tells_of_the_first_champion():
    request = replace(samples.promotion_request(), former_champion=None)

    assert headline(lineage_report(request=request)).endswith(
        "on 14 March 2026 as the first champion of production."
    )


def test_headline_of_a_blocked_request_names_the_gates_that_did_not_pass():
    request = replace(samples.promotion_request(), state="blocked", promoted_at=None)
    gates = (
        samples.gate_row("auc", "", outcome="pass"),
        samples.gate_row("ece", "", outcome="fail"),
        samples.gate_row("regression", "", outcome="inconclusive"),
    )

    assert headline(lineage_report(request=request, gates=gates)) == (
        "Version 2 of flight-delay may not go to production: 2 of 3 gates did not pass "
        "(ece, regression)."
    )


def test_headline_in_review_names_the_missing_roles():
    request = replace(
        samples.promotion_request(),
        state="in_review",
        promoted_at=None,
        missing_roles=("owner",),
    )

    assert headline(lineage_report(request=request)) == (
        "Version 2 of flight-delay waits for production; the sign-off of owner is missing."
    )


def test_headline_without_a_request_says_so():
    assert headline(lineage_report(request=None)) == (
        "Version 2 of flight-delay is registered. Nobody has asked to promote it."
    )


def test_tally_counts_only_what_passed_and_was_signed():
    request = replace(samples.promotion_request(), missing_roles=("owner",))
    gates = (
        samples.gate_row("auc", "", outcome="pass"),
        samples.gate_row("regression", "", outcome="not_applicable"),
    )

    assert tally(lineage_report(request=request, gates=gates)) == (
        "1 of 2 gates passed; 1 of 2 required sign-offs were given."
    )


def test_verdicts_of_earlier_attempts_stay_beside_those_of_the_latest():
    request = replace(samples.promotion_request(), attempt=2)
    gates = (
        samples.gate_row("auc", "", outcome="error", attempt=1),
        samples.gate_row("auc", "", outcome="pass", attempt=2),
    )
    report = lineage_report(request=request, gates=gates)

    assert [row.outcome for row in report.latest_gates] == ["pass"]
    assert [row.outcome for row in report.earlier_gates] == ["error"]


def test_a_policy_published_after_the_evaluation_is_not_called_older():
    late = replace(samples.policy(), published_at=samples.minutes(61))

    assert lineage_report().is_policy_older_than_evaluation
    assert not lineage_report(policy=late).is_policy_older_than_evaluation
