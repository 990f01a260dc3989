"""What is wrong with a model: who moves a finding, and what it blocks until it is mended."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from audit.errors import ConflictError, InvalidError, PermissionDeniedError
from audit.proofs import trail
from audit.sequencer import sequence_pending
from audit.services import system_account
from registry.models import Finding, FindingMove, RiskAcceptance
from registry.models.finding import FINDING_MOVES, FindingState, Severity
from registry.models.sign_off import SignerRole
from registry.models.tier import Tier
from registry.services.claims.models import claims_of_model
from registry.services.delegations import delegate_signing
from registry.services.findings import move_finding
from registry.services.hindrances import blocking_findings
from registry.services.promotion import promote
from registry.services.reconciliation import unfounded
from tests import factories
from tests.audit.happenings import triggers_switched_off
from tracking.permissions import Role
from tracking.services.second_factors import remove_second_factor

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
JSON = "application/json"


@pytest.fixture
def finding(workspace, cast) -> Finding:
    return factories.finding(factories.model(workspace, cast), cast, Severity.HIGH)


def moved(finding, to, actor, reason="Done.") -> FindingMove:
    return move_finding(finding, to=FindingState(to), reason=reason, actor=actor)


def standing(finding) -> str:
    return Finding.objects.get(pk=finding.pk).state


@pytest.mark.parametrize(
    ("severity", "days"),
    [("critical", None), ("high", 30), ("medium", 90), ("low", 180)],
)
def test_finding_is_due_by_its_severity(workspace, cast, severity, days):
    model = factories.model(workspace, cast)

    found = factories.finding(model, cast, Severity(severity))

    within = found.due_at - found.opened_at if found.due_at else None
    assert within == (timedelta(days=days) if days else None)


def test_finding_goes_from_open_to_closed_and_keeps_every_step(cast, finding):
    for to, actor in (
        ("planned", cast.alice),
        ("fixed", cast.alice),
        ("verified", cast.bob),
        ("closed", cast.bob),
    ):
        moved(finding, to, actor)

    steps = [(move.from_state, move.to_state) for move in finding.moves.order_by("pk")]
    assert steps == [
        ("open", "planned"),
        ("planned", "fixed"),
        ("fixed", "verified"),
        ("verified", "closed"),
    ]
    assert [entry.kind for entry in trail([finding.subject])] == [
        "registry.finding.opened",
        *["registry.finding.moved"] * 4,
    ]


@pytest.mark.parametrize("start", FindingState)
@pytest.mark.parametrize("to", FindingState)
def test_finding_moves_only_where_the_table_leads(finding, start, to):
    until = timezone.now() + timedelta(days=1)
    # What the database itself keeps is tried in test_database_guards.py.
    with triggers_switched_off("registry_finding"):
        Finding.objects.filter(pk=finding.pk).update(state=start, accepted_until=until)

    was_moved = Finding.objects.move(finding.pk, to=to, accepted_until=until)

    assert was_moved is (to in FINDING_MOVES[start])
    assert standing(finding) == (to if was_moved else start)


def test_whoever_fixed_a_finding_does_not_verify_it(cast, finding):
    moved(finding, "fixed", cast.bob)

    with pytest.raises(PermissionDeniedError) as refusal:
        moved(finding, "verified", cast.bob)

    assert refusal.value.code == "fixer_does_not_judge"
    last = trail([finding.subject])[-1]
    assert (last.kind, last.payload) == (
        "registry.finding.refused",
        {"to": "verified", "code": "fixer_does_not_judge"},
    )
    moved(finding, "verified", cast.rita)
    assert standing(finding) == FindingState.VERIFIED


def test_whoever_owns_a_finding_does_not_verify_it(workspace, cast):
    model = factories.model(workspace, cast)
    own = factories.finding(model, cast, Severity.LOW, owner=cast.bob, actor=cast.carol)
    moved(own, "fixed", cast.alice)

    with pytest.raises(PermissionDeniedError):
        moved(own, "verified", cast.bob)


@pytest.mark.parametrize("name", ["alice", "olivia", "carol", "rex", "ada", "bot"])
def test_only_reviewers_close_findings(cast, finding, name):
    moved(finding, "fixed", cast.alice)
    moved(finding, "verified", cast.bob)

    with pytest.raises(PermissionDeniedError) as refusal:
        moved(finding, "closed", getattr(cast, name))

    assert refusal.value.code == "may_not_close_finding"


def test_closed_finding_stays_closed(cast, finding):
    for to, actor in (("fixed", cast.alice), ("verified", cast.bob)):
        moved(finding, to, actor)
    moved(finding, "closed", cast.rita)

    with pytest.raises(ConflictError) as refusal:
        moved(finding, "open", cast.bob)

    assert refusal.value.code == "finding_not_to_be_moved"


def test_step_without_a_reason_is_refused(cast, finding):
    with pytest.raises(InvalidError) as refusal:
        moved(finding, "planned", cast.alice, reason="  ")

    assert refusal.value.code == "reason_missing"
    assert standing(finding) == FindingState.OPEN


def test_risk_is_borne_by_a_signature_and_only_until_that_day(workspace, cast, finding):
    version = factories.version(workspace, cast)

    with pytest.raises(InvalidError):
        moved(finding, "risk_accepted", cast.rita)
    signed = factories.borne(finding, cast.rita)

    assert (signed.printed_name, signed.method) == (
        "Rita Example",
        "password re-entered",
    )
    assert blocking_findings(version, timezone.now() + timedelta(days=59)) == []
    (after,) = blocking_findings(version, timezone.now() + timedelta(days=61))
    assert (after.code, after.findings) == ("finding_overdue", (finding.pk,))


@pytest.mark.parametrize(
    ("name", "changes", "code"),
    [
        ("bob", {}, "may_not_accept_risk"),
        ("olivia", {}, "may_not_accept_risk"),
        ("ada", {}, "may_not_accept_risk"),
        ("rita", {"password": "guessed"}, "password_wrong"),
        ("rita", {"is_interactive": False}, "signing_needs_a_session"),
    ],
)
def test_risk_is_not_accepted_by(cast, finding, name, changes, code):
    with pytest.raises(PermissionDeniedError) as refusal:
        factories.borne(finding, getattr(cast, name), **changes)

    assert refusal.value.code == code
    assert standing(finding) == FindingState.OPEN
    assert trail([finding.subject])[-1].payload["code"] == code


@pytest.mark.parametrize(("tier", "days"), [(Tier.MODERATE, 91), (Tier.CRITICAL, 31)])
def test_risk_is_not_accepted_for_longer_than_the_tier_allows(
    cast, finding, tier, days
):
    factories.tier(finding.registered_model, cast, tier)
    code = factories.second_factor(cast.rita).code()
    until = timezone.now() + timedelta(days=days)

    with pytest.raises(InvalidError) as refusal:
        factories.borne(finding, cast.rita, until=until, code=code)

    assert refusal.value.code == "acceptance_too_long"


def test_risk_of_an_unclassified_model_is_accepted_for_as_long_as_of_a_critical_one(
    workspace, cast
):
    model = factories.model(workspace, cast, tier=None)
    finding = factories.finding(model, cast, Severity.HIGH)

    with pytest.raises(InvalidError) as refusal:
        signed_for(finding, cast.rita, days=31)
    assert refusal.value.code == "acceptance_too_long"

    remove_second_factor(cast.rita, reason="It is lost.", actor=system_account())
    signed_for(finding, cast.rita, days=30)


def test_stricter_tier_opens_again_what_was_borne_at_a_weaker_one(cast, finding):
    factories.borne(finding, cast.rita)

    factories.tier(finding.registered_model, cast, Tier.MODERATE)
    assert standing(finding) == FindingState.RISK_ACCEPTED
    factories.tier(finding.registered_model, cast, Tier.HIGH)

    assert standing(finding) == FindingState.OPEN
    last = trail([finding.subject])[-1]
    assert (last.kind, last.actor) == (
        "registry.finding.moved",
        f"user/{cast.rita.pk}",
    )
    assert (last.payload["from"], last.payload["to"]) == ("risk_accepted", "open")


def test_borne_risk_is_renewed_once(cast, finding):
    for _ in range(2):
        factories.borne(finding, cast.rita)
        moved(finding, "open", cast.bob)

    with pytest.raises(ConflictError) as refusal:
        factories.borne(finding, cast.rita)

    assert refusal.value.code == "acceptance_renewed_already"
    assert standing(finding) == "open"
    last = trail([finding.subject])[-1]
    assert (last.kind, last.payload["code"]) == (
        "registry.finding.refused",
        "acceptance_renewed_already",
    )


def test_critical_finding_refuses_requests_until_somebody_verified_the_fix(
    workspace, cast
):
    factories.policy(workspace, cast)
    version = factories.version(workspace, cast)
    model = version.registered_model
    finding = factories.finding(model, cast, Severity.CRITICAL)
    moved(finding, "fixed", cast.alice)

    with pytest.raises(ConflictError) as refusal:
        factories.request(version, cast)
    assert (refusal.value.code, refusal.value.extra) == (
        "finding_critical",
        {"findings": [finding.pk]},
    )

    moved(finding, "verified", cast.bob)
    assert factories.request(version, cast).state == "evaluating"


def test_critical_finding_refuses_the_promotion_of_what_is_approved(workspace, cast):
    factories.policy(workspace, cast)
    request = factories.approved(factories.version(workspace, cast), cast)
    factories.finding(request.model_version.registered_model, cast, Severity.CRITICAL)

    with pytest.raises(ConflictError) as refusal:
        promote(request, actor=cast.rex)

    assert refusal.value.code == "finding_critical"


def test_critical_finding_on_one_version_leaves_the_others_alone(workspace, cast):
    one = factories.version(workspace, cast)
    two = factories.version(workspace, cast, content=b"2")
    factories.finding(one.registered_model, cast, Severity.CRITICAL, version=one)

    now = timezone.now()
    assert [hindrance.code for hindrance in blocking_findings(one, now)] == [
        "finding_critical"
    ]
    assert blocking_findings(two, now) == []


def test_overdue_high_finding_blocks_the_whole_model(workspace, cast):
    factories.policy(workspace, cast)
    one = factories.version(workspace, cast)
    two = factories.version(workspace, cast, content=b"2")
    factories.finding(one.registered_model, cast, Severity.HIGH, version=one)
    factories.finding(one.registered_model, cast, Severity.MEDIUM)
    sequence_pending()

    assert blocking_findings(two, timezone.now()) == []
    with (
        time_machine.travel(timezone.now() + timedelta(days=31), tick=False),
        pytest.raises(ConflictError) as refusal,
    ):
        factories.request(two, cast)
    assert refusal.value.code == "finding_overdue"


@pytest.mark.parametrize("name", ["alice", "paul", "ada", "oscar", "mallory"])
def test_findings_are_not_opened_by(workspace, cast, name):
    model = factories.model(workspace, cast)

    with pytest.raises(PermissionDeniedError) as refusal:
        factories.finding(model, cast, Severity.LOW, actor=getattr(cast, name))

    assert refusal.value.code == "may_not_open_finding"


def test_program_cannot_be_the_one_who_mends(workspace, cast):
    model = factories.model(workspace, cast)

    with pytest.raises(InvalidError) as refusal:
        factories.finding(model, cast, Severity.LOW, owner=cast.bot)

    assert refusal.value.code == "owner_is_no_person"


def test_finding_lives_its_life_over_http(workspace, cast, as_token):
    factories.version(workspace, cast)
    bob, alice = as_token(cast.bob), as_token(cast.alice)

    opened = bob.post(
        "/api/v1/findings/",
        {
            "registered_model": "credit",
            "version": 1,
            "severity": "high",
            "title": "Drop",
            "owner": "alice",
        },
        content_type=JSON,
    )
    path = f"/api/v1/findings/{opened.json()['id']}/"
    fixed = alice.post(
        f"{path}moves/", {"to": "fixed", "reason": "Retrained."}, content_type=JSON
    )
    by_token = as_token(cast.rita).post(
        f"{path}risk-acceptances/",
        {
            "until": (timezone.now() + timedelta(days=9)).isoformat(),
            "reason": "R",
            "password": factories.PASSWORD,
        },
        content_type=JSON,
    )
    listed = bob.get("/api/v1/findings/?registered_model=credit&severity=high").json()

    assert (opened.status_code, fixed.status_code) == (201, 201)
    assert (by_token.status_code, by_token.json()["code"]) == (
        403,
        "signing_needs_a_session",
    )
    assert [(line["state"], line["version"]) for line in listed["results"]] == [
        ("fixed", 1)
    ]
    assert [move["to_state"] for move in bob.get(path).json()["moves"]] == ["fixed"]
    assert bob.get("/api/v1/findings/?overdue=true").json()["count"] == 0


def test_causes_of_special_paths_cannot_be_claimed_by_hand(workspace, cast, as_token):
    factories.model(workspace, cast)

    response = as_token(cast.bob).post(
        "/api/v1/findings/",
        {
            "registered_model": "credit",
            "severity": "low",
            "cause": "rollback",
            "title": "T",
            "owner": "alice",
        },
        content_type=JSON,
    )

    assert response.status_code == 400


def test_findings_of_invisible_models_are_not_found(cast, finding, as_token):
    mallory = Client()
    mallory.force_login(cast.mallory)

    assert mallory.get(f"/api/v1/findings/{finding.pk}/").status_code == 404
    assert as_token(cast.bob).get("/api/v1/findings/4711/").status_code == 404


def test_who_made_a_version_does_not_judge_a_finding_about_it(workspace, cast):
    factories.policy(workspace, cast)
    for person in (cast.rita, cast.bob):
        factories.grant(person, Role.DEVELOPER, workspace)
    source = factories.run(workspace, cast.alice)
    for person in (cast.rita, cast.bob):
        factories.upload(source, f"{person.username}.txt", b"mine", person)
    version = factories.version(workspace, cast, source=source)
    finding = factories.finding(
        version.registered_model,
        cast,
        Severity.CRITICAL,
        version=version,
        owner=cast.olivia,
    )
    moved(finding, FindingState.FIXED, cast.olivia)

    for judge in (
        lambda: factories.borne(finding, cast.rita),
        lambda: moved(finding, FindingState.VERIFIED, cast.bob),
    ):
        with pytest.raises(PermissionDeniedError) as refused:
            judge()
        assert refused.value.code == "segregation_of_duties"
    moved(finding, FindingState.VERIFIED, cast.eve)


@pytest.mark.parametrize("column", ["owner", "title"])
def test_finding_that_was_opened_otherwise_is_judged_by_nobody(workspace, cast, column):
    model = factories.model(workspace, cast)
    finding = factories.finding(model, cast, Severity.HIGH, owner=cast.bob)
    move_finding(
        finding, to=FindingState.FIXED, reason="Trained anew.", actor=cast.alice
    )
    forged = {"owner": cast.alice, "title": "Nothing much."}
    with triggers_switched_off("registry_finding"):
        Finding.objects.update(**{column: forged[column]})

    with pytest.raises(ConflictError) as refusal:
        move_finding(
            finding, to=FindingState.VERIFIED, reason="It is mended.", actor=cast.eve
        )

    assert refusal.value.code == "records_altered"
    assert Finding.objects.get().state == FindingState.FIXED


def test_maker_of_the_champion_does_not_judge_what_is_wrong_with_its_model(
    workspace, cast, champion
):
    factories.grant(cast.alice, Role.RISK, workspace)
    model = champion.registered_model
    finding = factories.finding(model, cast, Severity.CRITICAL, owner=cast.olivia)

    with pytest.raises(PermissionDeniedError) as refusal:
        factories.borne(finding, cast.alice)

    assert refusal.value.code == "segregation_of_duties"
    assert standing(finding) == FindingState.OPEN


# A critical model


@pytest.fixture
def grave(workspace, cast) -> Finding:
    model = factories.model(workspace, cast, tier=1)
    return factories.finding(model, cast, Severity.CRITICAL)


def signed_for(finding, actor, *, days: int = 20, **changes) -> RiskAcceptance:
    """Return a signature with a code, from a phone that is lost at once."""
    code = factories.second_factor(actor).code()
    until = timezone.now() + timedelta(days=days)
    accepted = factories.borne(finding, actor, until=until, code=code, **changes)
    remove_second_factor(actor, reason="It is lost.", actor=system_account())
    return accepted


def test_risk_of_a_critical_model_is_borne_by_two(workspace, cast, grave):
    factories.grant(cast.eve, Role.RISK, workspace)

    first = signed_for(grave, cast.rita, days=20)
    assert standing(grave) == FindingState.OPEN
    assert [entry.kind for entry in trail([grave.subject])] == [
        "registry.finding.opened",
        "registry.risk_acceptance.signed",
    ]
    signed_for(grave, cast.eve, days=10)

    borne = Finding.objects.get(pk=grave.pk)
    assert borne.state == FindingState.RISK_ACCEPTED
    # Nobody bears it for longer than they have signed.
    assert borne.accepted_until is not None
    assert borne.accepted_until < first.until
    assert [entry.kind for entry in trail([grave.subject])][2:] == [
        "registry.risk_acceptance.signed",
        "registry.finding.moved",
    ]


def test_one_person_does_not_bear_a_risk_twice(cast, grave):
    signed_for(grave, cast.rita)

    with pytest.raises(ConflictError) as refusal:
        signed_for(grave, cast.rita)

    assert refusal.value.code == "signer_counts_once"
    assert standing(grave) == FindingState.OPEN


def test_who_signs_and_for_whom_they_do_bear_a_risk_as_one(workspace, cast, grave):
    code = factories.second_factor(cast.rita).code()
    delegate_signing(
        workspace,
        role=SignerRole.RISK,
        delegate=cast.carol,
        starts_at=timezone.now(),
        ends_at=timezone.now() + timedelta(days=1),
        reason="I am on leave.",
        password=factories.PASSWORD,
        is_interactive=True,
        code=code,
        actor=cast.rita,
    )
    remove_second_factor(cast.rita, reason="It is lost.", actor=system_account())
    lent = signed_for(grave, cast.carol)
    assert lent.printed_name == "Carol Example, for Rita Example"

    with pytest.raises(ConflictError) as refusal:
        signed_for(grave, cast.rita)

    assert refusal.value.code == "signer_counts_once"


def test_step_of_a_finding_voids_the_signatures_before_it(workspace, cast, grave):
    factories.grant(cast.eve, Role.RISK, workspace)
    signed_for(grave, cast.rita)
    moved(grave, "planned", cast.alice)

    signed_for(grave, cast.eve)

    assert standing(grave) == FindingState.PLANNED


def test_signature_until_a_day_that_has_come_bears_nothing(workspace, cast, grave):
    factories.grant(cast.eve, Role.RISK, workspace)
    first = signed_for(grave, cast.rita)
    sequence_pending()

    with time_machine.travel(first.until, tick=False):
        signed_for(grave, cast.eve)

    assert standing(grave) == FindingState.OPEN


def test_signature_for_a_risk_that_the_log_does_not_tell_of_counts_nothing(
    workspace, cast, grave
):
    factories.grant(cast.eve, Role.RISK, workspace)
    RiskAcceptance.objects.create(
        finding=grave,
        until=timezone.now() + timedelta(days=20),
        reason="Few loans are concerned.",
        signer=cast.rita,
        printed_name="Rita Example",
        method="password and one-time code",
        signed_at=timezone.now(),
    )

    with pytest.raises(ConflictError) as refusal:
        signed_for(grave, cast.eve)

    assert refusal.value.code == "records_altered"


def copied(accepted: RiskAcceptance, **changes) -> None:
    """Insert a row like another one, as anybody can who may insert."""
    accepted = RiskAcceptance.objects.get(pk=accepted.pk)
    accepted.pk, accepted._state.adding = None, True
    for field, value in changes.items():
        setattr(accepted, field, value)
    accepted.save()


@pytest.fixture
def reopened(workspace, cast, grave: Finding) -> Finding:
    """Return a finding whose risk two people bore, until it was opened again."""
    factories.grant(cast.eve, Role.RISK, workspace)
    for person in (cast.rita, cast.eve):
        signed_for(grave, person)
    moved(grave, "open", cast.bob)
    return grave


def test_signature_that_was_copied_behind_another_step_counts_nothing(cast, reopened):
    last = reopened.moves.order_by("pk").last()
    copied(reopened.acceptances.get(signer=cast.rita), after=last)

    with pytest.raises(ConflictError) as refusal:
        signed_for(reopened, cast.eve)

    assert refusal.value.code == "records_altered"
    assert standing(reopened) == FindingState.OPEN


@pytest.mark.parametrize(
    ("signer", "taken"), [("rita", None), (None, "eve"), ("rita", "eve")]
)
def test_signatures_for_a_risk_are_neither_doubled_nor_taken_away(
    cast, reopened, signer, taken
):
    signed = reopened.acceptances
    with triggers_switched_off("registry_riskacceptance"):
        if signer:
            copied(signed.get(signer=getattr(cast, signer)))
        if taken:
            signed.filter(signer=getattr(cast, taken)).delete()

    with pytest.raises(ConflictError) as refusal:
        signed_for(reopened, cast.rita)

    assert refusal.value.code == "records_altered"


def test_steps_that_were_taken_away_bring_no_signature_back(workspace, cast, reopened):
    zoe = factories.person("zoe", workspace, Role.RISK)
    with (
        triggers_switched_off("registry_findingmove"),
        triggers_switched_off("registry_riskacceptance"),
    ):
        reopened.moves.all().delete()

    with pytest.raises(ConflictError) as refusal:
        signed_for(reopened, zoe)

    assert refusal.value.code == "records_altered"


def test_risk_that_is_opened_again_is_borne_by_two_new_signatures(cast, reopened):
    signed_for(reopened, cast.rita)
    assert standing(reopened) == FindingState.OPEN

    signed_for(reopened, cast.eve)

    assert standing(reopened) == FindingState.RISK_ACCEPTED


def test_signature_of_a_borne_risk_is_held_against_the_log(workspace, cast, grave):
    factories.grant(cast.eve, Role.RISK, workspace)
    for person in (cast.rita, cast.eve):
        signed_for(grave, person)
    assert not list(unfounded(claims_of_model(grave.registered_model)))

    with triggers_switched_off("registry_riskacceptance"):
        RiskAcceptance.objects.filter(signer=cast.eve).update(signer=cast.bob)

    assert list(unfounded(claims_of_model(grave.registered_model)))


def test_fixed_finding_is_not_signed_for(workspace, cast, grave):
    moved(grave, "fixed", cast.alice)

    with pytest.raises(ConflictError) as refusal:
        signed_for(grave, cast.rita)

    assert refusal.value.code == "finding_not_to_be_moved"
    assert not RiskAcceptance.objects.exists()


def test_finding_shows_who_signed_for_its_risk(cast, grave, client):
    accepted = signed_for(grave, cast.rita)
    client.force_login(cast.carol)

    told = client.get(f"/api/v1/findings/{grave.pk}/").json()["acceptances"]
    page = client.get(f"/admin/registry/finding/{grave.pk}/change/").content.decode()

    assert told == [
        {
            "until": accepted.until.isoformat().replace("+00:00", "Z"),
            "reason": "Few loans are concerned.",
            "printed_name": "Rita Example",
            "method": accepted.method,
            "signed_at": accepted.signed_at.isoformat().replace("+00:00", "Z"),
            "counts": True,
        }
    ]
    assert "signed for its risk" in page.lower()
    assert "Few loans are concerned." in page


def test_void_signature_for_a_risk_is_shown_as_void(workspace, cast, grave, client):
    client.force_login(cast.carol)
    page = f"/admin/registry/finding/{grave.pk}/change/"

    def counting() -> list[bool]:
        told = client.get(f"/api/v1/findings/{grave.pk}/").json()["acceptances"]
        return [one["counts"] for one in told]

    factories.grant(cast.eve, Role.RISK, workspace)
    signed_for(grave, cast.rita)
    assert "it is void" not in client.get(page).content.decode()
    moved(grave, "planned", cast.alice)
    assert counting() == [False]
    assert "it is void" in client.get(page).content.decode()

    for person in (cast.eve, cast.rita):
        signed_for(grave, person)
    assert counting() == [False, True, True]
    until = Finding.objects.get(pk=grave.pk).accepted_until
    with time_machine.travel(until, tick=False):
        client.force_login(cast.carol)
        assert counting() == [False, False, False]
