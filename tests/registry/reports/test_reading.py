"""The report of a version says what the tables, the files and the log say."""

from typing import Any

import pytest

from audit import proofs
from audit.errors import ConflictError
from audit.sequencer import sequence_pending
from registry.models import AttestationKind, ModelVersion, Promotion
from registry.models.sign_off import SignerRole
from registry.reports.reading import read_lineage
from registry.services.promotion import promote
from tests import factories
from tests.registry.reports.samples import NOON
from tracking import storage

pytestmark = pytest.mark.any_database


def read(version: ModelVersion, **arguments: Any) -> Any:
    """Return the report; untyped, because each test knows which parts are there."""
    return read_lineage(version, reader=version.created_by, **arguments)


@pytest.fixture
def replaced(workspace, cast):
    """Version 1 was champion; version 2 took its slot."""
    factories.policy(workspace, cast)
    first = factories.champion(workspace, cast)
    second = factories.champion(
        workspace,
        cast,
        content=b"model 2",
        scores=factories.predictions(strength=1.6, seed=2),
    )
    sequence_pending()
    return first, second


def test_report_of_a_promoted_version_tells_its_whole_way(replaced):
    first, second = replaced

    report = read(second, now=NOON)

    assert report.generated_at == NOON
    assert report.identity.name == "credit v2"
    assert report.identity.standing == "Champion in production"
    assert report.identity.owner == "Olivia Example"
    assert report.identity.artifact_sha256 == second.artifact_sha256
    assert report.request.state == "promoted"
    assert report.request.former_champion == first.number
    assert report.request.promoted_by == "Rex Example"
    assert report.request.required_roles == ("validator", "owner")
    assert report.request.missing_roles == ()
    assert [(s.printed_name, s.role, s.is_valid) for s in report.sign_offs] == [
        ("Bob Example", "validator", True),
        ("Olivia Example", "owner", True),
    ]
    assert {s.subject_digest for s in report.sign_offs} == {
        report.request.subject_digest
    }
    assert [(c.version, c.changed_by) for c in report.slot_history] == [
        (1, "Rex Example"),
        (2, "Rex Example"),
    ]
    assert report.policy.text == factories.POLICY
    assert report.policy.published_by == "Rita Example"
    assert report.is_policy_older_than_evaluation


def test_report_repeats_the_stored_verdicts_in_the_order_of_the_policy(replaced):
    report = read(replaced[1])

    auc, regression = report.gates
    assert (auc.gate, auc.outcome, auc.comparator, auc.threshold) == (
        "auc",
        "pass",
        "at least",
        0.7,
    )
    assert auc.question == "Does the model score events above non-events often enough?"
    assert auc.evidence_level == "E2"
    assert auc.n == 2000
    assert report.roc[0].auc == pytest.approx(auc.estimate)
    assert auc.lower < auc.estimate < auc.upper
    assert ("method", "auc.delong.v1") in [(f.name, f.value) for f in auc.facts]
    assert regression.gate == "regression"
    assert regression.threshold == -0.02


def test_report_compares_with_the_former_champion_on_the_same_rows(replaced):
    first, second = replaced

    report = read(second)

    compared = report.comparison
    assert compared.champion_version == first.number
    assert compared.champion_artifact_sha256 == first.artifact_sha256
    assert compared.margin == 0.02
    assert compared.n == 2000
    assert compared.interval == "90 % interval"
    assert compared.difference == pytest.approx(
        compared.candidate_estimate - compared.champion_estimate
    )
    assert [curve.label for curve in report.roc] == ["Version 2", "Champion, v1"]
    assert sum(part.rows for part in report.reliability.bins) == 2000


def test_report_of_a_superseded_version_says_so(replaced):
    report = read(replaced[0])

    assert report.identity.standing == "Superseded in production"
    assert report.comparison is None
    assert [row.outcome for row in report.gates] == ["pass", "not_applicable"]
    assert report.request.former_champion is None


def test_report_of_a_version_that_was_only_registered_is_honest(workspace, cast):
    report = read(factories.version(workspace, cast))

    assert report.identity.standing == "Registered, not proposed"
    assert (report.request, report.policy, report.comparison) == (None, None, None)
    assert (report.gates, report.sign_offs, report.roc) == ((), (), ())
    assert [node.name for node in report.nodes if node.is_broken] == [
        "none is named",
        "commit not stated",
    ]


def test_report_of_a_request_in_review_names_the_missing_role(workspace, cast):
    factories.policy(workspace, cast)
    version = factories.version(workspace, cast)
    asked = factories.evaluated(version, cast)
    factories.signed(asked, cast.bob, SignerRole.VALIDATOR)

    report = read(version)

    assert report.request.missing_roles == ("owner",)
    assert report.request.promoted_at is None
    assert "slot" not in {node.key for node in report.nodes}


def test_report_lists_every_entry_of_the_log_about_the_version(replaced):
    version = replaced[1]

    report = read(version)

    kinds = [line.kind for line in report.trail]
    assert kinds.count("registry.sign_off.given") == 2
    assert kinds.count("registry.verdict.given") == 2
    assert "registry.version.promoted" in kinds
    assert "tracking.run.sealed" in kinds
    assert "registry.policy.published" in kinds
    assert {line.actor for line in report.trail} >= {"Alice Example", "Bob Example"}
    indexes = [line.index for line in report.trail]
    assert indexes == sorted(indexes)
    assert max(indexes) < report.log.size
    assert report.log.root == proofs.log_head().root


def test_report_leaves_out_what_the_log_says_of_other_versions(replaced):
    first, second = replaced

    subjects = {line.subject for line in read(second).trail}

    assert second.subject in subjects
    assert first.subject not in subjects
    assert first.source_run.subject not in subjects


def test_graph_leads_from_the_run_to_the_slot(replaced):
    report = read(replaced[1])

    assert {(e.source, e.target) for e in report.edges} == {
        ("data", "run"),
        ("code", "run"),
        ("run", "model"),
        ("run", "evidence 0"),
        ("evidence 0", "request"),
        ("model", "version"),
        ("version", "request"),
        ("champion", "request"),
        ("policy", "request"),
        ("request", "slot"),
    }
    keys = {node.key for node in report.nodes}
    assert keys == {end for e in report.edges for end in (e.source, e.target)}


def test_report_is_refused_when_a_file_was_altered(replaced):
    version = replaced[1]
    predictions = version.source_run.artifacts.get(path=factories.PREDICTIONS)
    path = storage.path_of(predictions.sha256)
    path.chmod(0o644)
    path.write_bytes(b"something else")

    with pytest.raises(ConflictError) as refused:
        read(version)

    assert refused.value.code == "artifact_altered"


def test_former_champion_is_who_left_the_slot(replaced):
    first, second = replaced
    promotion = Promotion.objects.get(request__model_version=second)

    assert promotion.superseded == first
    assert read(second).request.former_champion == first.number


def test_reading_takes_a_fixed_number_of_queries(replaced, django_assert_num_queries):
    with django_assert_num_queries(100):
        read(replaced[1])


def test_report_of_one_version_does_not_follow_later_promotions(
    replaced, workspace, cast
):
    third = factories.version(
        workspace, cast, content=b"model 3", scores=factories.predictions(strength=1.7)
    )
    promote(factories.approved(third, cast), actor=cast.rex)

    report = read(replaced[1])

    assert report.identity.standing == "Superseded in production"
    assert [change.version for change in report.slot_history] == [1, 2, 3]


def test_waivers_attestations_and_ends_are_told_whatever_became_of_them(
    workspace, cast
):
    blocked = factories.blocked(workspace, cast)
    factories.withdrawn_waiver(factories.waived(blocked, cast), cast)
    factories.waiver(blocked, cast)
    kind = AttestationKind.CANARY
    factories.attested(blocked.model_version, cast.olivia, kind)
    factories.withdrawn(blocked, cast)

    report = read(blocked.model_version)

    assert [(w.gate, w.standing, w.approved_by) for w in report.waivers] == [
        ("auc", "withdrawn", ("Rita Example",)),
        ("auc", "asked for", ()),
    ]
    assert [(a.kind, a.standing, a.attested_by) for a in report.attestations] == [
        ("canary", "valid", "Olivia Example")
    ]
    assert [(c.request, c.state, c.closed_by) for c in report.closings] == [
        (blocked.pk, "withdrawn", "Alice Example")
    ]
