"""What must have been so, by the ledger alone, whenever something was let through."""

from datetime import datetime, timedelta
from itertools import combinations

from tests.registry.anybody.ledger import (
    JUDGED,
    OWNER,
    REVALIDATION_YEARS,
    Emergency,
    Frozen,
    Ledger,
    Request,
    Signature,
    Trouble,
    Version,
)

CONFIRM_WITHIN = timedelta(hours=1)
GRACE = timedelta(days=30)
A_YEAR = timedelta(days=366)  # the longest there is
JUDGES = ("validator", "risk", "ethics")


def was_signed_rightly(ledger: Ledger, request: Request, signed: Signature) -> None:
    """R1, R2, R4, R5, R6 of one signature, when it was given."""
    assert request.is_open
    assert request.has_run
    assert signed.people, "who signed holds no such role"
    assert not signed.people & signed.duties, "who signed had a hand in it"
    assert signed.was_read
    assert signed.was_proven
    assert signed.by_code or not ledger.wants_two_factors


def was_promoted_rightly(
    ledger: Ledger, request: Request, digest: str, by: str, now: datetime
) -> None:
    """Gates, quorum and evidence of an approval, when it was redeemed."""
    assert request.is_open
    assert request.has_run
    assert request.policy is ledger.policy, "another policy governs by now"
    assert ledger.holds(by, "release", "bot")
    assert not any(not frozen.is_lifted for frozen in ledger.freezes)
    assert not ledger.is_retired
    assert not request.version.is_retired
    assert ledger.hindered(request.version, now) == []
    assert request.rival is ledger.last_put, "compared with another champion"
    everything_still_counts(ledger, request, now)
    signed = quorum_of(ledger, request, digest)
    basis = ledger.basis(request, now)
    for each in signed:
        was_given_rightly(each, basis)
    for one, other in combinations(signed, 2):
        assert not one.people & other.people, "one person counts once"
    assert now < max([request.settled_at, *(each.at for each in signed)]) + request.life


def quorum_of(ledger: Ledger, request: Request, digest: str) -> list[Signature]:
    """Return the signatures over this digest, one of each role that is wanted."""
    given = {each.role: each for each in request.signatures if each.digest == digest}
    wanted = ledger.wanted(request)
    assert wanted <= given.keys(), f"{wanted - given.keys()} never signed what serves"
    return [given[role] for role in sorted(wanted)]


def was_given_rightly(signed: Signature, basis: object) -> None:
    assert signed.people
    assert not signed.people & signed.duties
    assert signed.was_read
    assert signed.was_proven
    assert signed.basis == basis, "signed before something else counted"


def everything_still_counts(ledger: Ledger, request: Request, now: datetime) -> None:
    waivers_still_count(ledger, request, now)
    for kind in request.policy.attestations:
        assert ledger.attestation_of(request, kind, now), f"nobody attested {kind}"


def waivers_still_count(ledger: Ledger, request: Request, now: datetime) -> None:
    for gate in request.open_gates:
        assert ledger.waiver_of(request, gate, now), f"{gate} neither passed nor waived"


def was_rolled_back_rightly(
    ledger: Ledger, to: Version, by: str, now: datetime
) -> Request:
    """Return the request by which a version serves again, which still holds."""
    assert ledger.holds(by, "risk", "release", "bot") or (
        by == OWNER and ledger.holds(by, "owner")
    )
    request = ledger.promoted(to)
    assert request is not None, "it never came by an approval, or that was taken back"
    assert request.approved_at is not None
    if to.left_at is not None:
        assert now < max(request.approved_at, to.left_at) + request.life
    assert not ledger.is_out_of_use(to)
    assert ledger.hindered(to, now) == []
    waivers_still_count(ledger, request, now)
    is_not_overdue(ledger, to, now)
    return request


def was_asked_rightly(ledger: Ledger, asked: Emergency) -> None:
    """The first of the two signatures of an emergency."""
    assert asked.role in {"owner", "risk"}
    assert asked.people, "who asked holds no such role"
    assert not asked.people & asked.duties
    assert asked.by_code or not ledger.wants_two_factors
    assert not ledger.is_retired
    assert not asked.version.is_retired


def was_confirmed_rightly(
    ledger: Ledger, asked: Emergency, confirmed: Emergency
) -> None:
    """Two people in two roles, within the hour, and nothing of before is left to judge."""
    was_asked_rightly(ledger, asked)
    was_asked_rightly(ledger, confirmed)
    assert {asked.role, confirmed.role} == {"owner", "risk"}
    assert not asked.people & confirmed.people, "one person is not two"
    assert confirmed.at <= asked.at + CONFIRM_WITHIN + timedelta(minutes=1)
    assert asked.ends_at is None
    assert ledger.hindered(asked.version, confirmed.at) == []
    lasting = ledger.lasting(confirmed.at)
    for before in ledger.emergencies:
        if before.trouble and (
            before.version is asked.version or before is not lasting
        ):
            assert before.trouble.state in JUDGED, "nobody has judged the last one"


def was_judged_rightly(ledger: Ledger, found: Trouble, by: str) -> None:
    """Who verifies or closes a finding is none of those whom it is about."""
    assert ledger.holds(by, *JUDGES)
    assert by not in found.own
    assert found.version is None or by not in ledger.hands(found.version)


def was_lifted_rightly(ledger: Ledger, frozen: Frozen, by: str, now: datetime) -> None:
    people = [ledger.signs_for(by, role, now) for role in ("validator", "risk")]
    assert any(each and frozen.by not in each for each in people)
    assert not frozen.is_lifted


def may_serve(ledger: Ledger, version: Version, now: datetime) -> None:
    """What must be so of a version whenever a deployer is told that it may serve."""
    assert version is ledger.serving(now), "another version serves, or none"
    assert not ledger.is_out_of_use(version)
    assert ledger.hindered(version, now) == []
    if ledger.lasting(now):
        return
    request = ledger.promoted(version)
    assert request is not None
    assert request.approved_at is not None
    waivers_still_count(ledger, request, now)
    for kind in request.policy.attestations:
        withdrawn = [
            given
            for given in ledger.attested
            if (given.version, given.kind) == (version, kind)
            and given.withdrawn_at
            and given.withdrawn_at >= request.approved_at
        ]
        assert not withdrawn or ledger.attestation_of(request, kind, now)
    is_not_overdue(ledger, version, now)


def is_not_overdue(ledger: Ledger, version: Version, now: datetime) -> None:
    validated = version.validated_at
    assert validated is not None
    years = REVALIDATION_YEARS[ledger.tier]
    assert years is None or now < validated + years * A_YEAR + GRACE
    for about, at in ledger.calls:
        if about in {None, version} and at > validated:
            assert now < at + GRACE, "somebody called for a validation long ago"
