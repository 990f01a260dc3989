"""The first page answers what an examiner asks first, and hides no emergency."""

from dataclasses import replace

import pytest

from registry.reports.cover import answers
from registry.reports.headline import headline
from tests.registry.reports import eventful, samples
from tests.registry.reports.eventful import DAY, eventful_report
from tests.registry.reports.samples import lineage_report, minutes


def told(report) -> dict[str, str]:
    return {fact.name: fact.value for fact in answers(report)}


def headline_of(**changes) -> str:
    return headline(lineage_report(**changes))


def test_first_page_counts_what_is_open_waived_undone_and_refused():
    assert told(eventful_report()) == {
        "Open findings": "1 critical, 1 high (1 overdue); 1 open on other versions",
        "Open waivers": "none open; 1 ended",
        "Break-glass, rollbacks": "1 break-glass promotion (1 in force); 2 rollbacks; "
        "production frozen until that is reviewed",
        "Requests that ended": "1 rejected",
        "Restrictions": "Not for flights that leave within the hour.\n"
        "Not for crews' duty times.",
        "Next validation": "production: due since 2026-03-14 (drift breach)",
        "Accountable executive": "Edda Castellanos",
    }


def test_first_page_says_so_where_there_is_nothing():
    assert told(lineage_report()) == {
        "Open findings": "none recorded",
        "Open waivers": "none recorded",
        "Break-glass, rollbacks": "none recorded",
        "Requests that ended": "none recorded",
        "Restrictions": "none stated",
        "Next validation": "nothing is due: the version serves nowhere",
        "Accountable executive": "nobody named",
    }


def test_findings_that_are_settled_or_of_other_versions_are_not_counted_as_its_own():
    settled = eventful.finding(state="closed", is_unresolved=False)
    of_another = eventful.finding(version=1)

    assert told(lineage_report(findings=(settled,)))["Open findings"] == "none open"
    assert told(lineage_report(findings=(of_another,)))["Open findings"] == (
        "none open; 1 open on other versions"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"due_at": minutes(DAY), "is_due": False, "why": "interval_end"},
            "production: by 2026-03-15 (interval end)",
        ),
        (
            {"due_at": None, "is_due": False, "why": ""},
            "production: only when something calls for it",
        ),
        (
            {"validated_at": None, "due_at": None, "is_due": False, "why": ""},
            "production: never validated, it serves without an approval",
        ),
    ],
)
def test_next_validation_says_when_and_why(changes, words):
    due = replace(eventful.revalidation().due_dates[0], **changes)
    report = lineage_report(revalidation=eventful.revalidation(due_dates=(due,)))

    assert told(report)["Next validation"] == words


def test_alarms_are_emergencies_of_the_version_and_those_in_force():
    over = {"standing": "over", "is_in_force": False}
    own = eventful.break_glass(number=1, **over)
    of_another = eventful.break_glass(number=2, version=1, **over)
    another_in_force = eventful.break_glass(number=3, version=1)
    report = lineage_report(
        break_glasses=(own, of_another, another_in_force, eventful.unconfirmed())
    )

    assert [broken.number for broken in report.alarms] == [3, 1]


def test_headline_of_an_emergency_says_that_there_is_no_approval():
    assert headline_of(request=None, break_glasses=(eventful.break_glass(),)) == (
        "Version 2 of flight-delay serves in production in an emergency, without an "
        "approval."
    )


def test_headline_after_an_emergency_does_not_pass_over_it():
    over = eventful.break_glass(standing="over", is_in_force=False)

    assert headline_of(request=None, break_glasses=(over,)) == (
        "Version 2 of flight-delay served in production in an emergency, without an "
        "approval. Nobody has asked to promote it."
    )


def test_headline_after_a_rollback_says_to_which_version():
    request = replace(samples.promotion_request(), state="rolled_back")

    assert headline_of(request=request, rollbacks=(eventful.rollback(),)) == (
        "Version 2 of flight-delay was rolled back from production on 14 March 2026, to "
        "version 1."
    )


def test_headline_of_a_retired_version_says_so_first():
    assert headline_of(retirements=(eventful.retirement(),)) == (
        "Version 2 of flight-delay was retired on 14 March 2026 and will not serve "
        "again."
    )
