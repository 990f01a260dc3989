"""Findings are opened, moved on and closed here, and their risks are borne."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from audit.errors import (
    ConflictError,
    InvalidError,
    PermissionDeniedError,
    would_refuse,
)
from audit.services import pseudonym, record, refusals_recorded
from registry.duties import duties_in_lineage
from registry.events import RegistryEvent
from registry.models import (
    BreakGlassConfirmation,
    Delegation,
    Finding,
    FindingMove,
    ModelVersion,
    RegisteredModel,
    RiskAcceptance,
)
from registry.models.finding import (
    DUE_WITHIN,
    FINDING_MOVES,
    FindingCause,
    FindingState,
    Severity,
)
from registry.models.sign_off import SignerRole
from registry.models.tier import Tier, rules_of
from registry.permissions import (
    delegation_to_sign,
    may_close_finding,
    may_open_finding,
    may_request_promotion,
    may_sign_as,
    people_behind,
)
from registry.services.approvals import refuse_altered_records
from registry.services.authority import refuse_untold_permission, refuse_untold_signer
from registry.services.claims.models import claim_of_finding, claims_of_acceptances
from registry.services.reauthentication import reauthenticate_for
from registry.services.revalidation_triggers import call_by_finding
from registry.signing import signed_name
from tracking.models import ServiceAccount
from tracking.people import people_of, refuse_unknown
from tracking.services.log_ins import tries_counted

LONGEST_ACCEPTANCE = timedelta(days=90)
LONGEST_ACCEPTANCE_OF_CRITICAL_MODELS = timedelta(days=30)
ACCEPTANCES = 2  # once borne, and renewed once, as waivers are
# Who takes these steps judges somebody else's work.
JUDGED = frozenset({FindingState.VERIFIED, FindingState.CLOSED})


def open_finding(
    model: RegisteredModel,
    *,
    severity: Severity,
    cause: FindingCause,
    title: str,
    description: str,
    owner: User,
    version: ModelVersion | None = None,
    actor: User,
) -> Finding:
    """Say what is wrong with a model, or one version of it, and who is to mend it.

    That is somebody with a role in the model's workspace.
    """
    with (
        refusals_recorded(
            RegistryEvent.FINDING_REFUSED,
            actor=actor,
            subject=model.subject,
            payload={"to": FindingState.OPEN},
        ),
        transaction.atomic(),
    ):
        if not may_open_finding(actor, model):
            raise PermissionDeniedError(
                "may_not_open_finding",
                f"You may not open findings on {model}: ask somebody who reviews it.",
            )
        refuse_unknown(owner, people_of(model.workspace), code="owner_unknown")
        if ServiceAccount.objects.filter(user=owner).exists():
            raise InvalidError(
                "owner_is_no_person",
                f"{owner.username} is a service account: name a person who mends it.",
            )
        return add_finding(
            model,
            version=version,
            severity=severity,
            cause=cause,
            title=title,
            description=description,
            owner=owner,
            actor=actor,
            now=timezone.now(),
        )


def add_finding(
    model: RegisteredModel,
    *,
    version: ModelVersion | None,
    severity: Severity,
    cause: FindingCause,
    title: str,
    description: str,
    owner: User,
    actor: User,
    now: datetime,
) -> Finding:
    """Add a finding in the caller's transaction; a special path asks no permission."""
    within = DUE_WITHIN[severity]
    finding = Finding.objects.create(
        registered_model=model,
        model_version=version,
        severity=severity,
        cause=cause,
        title=title,
        description=description,
        owner=owner,
        due_at=now + within if within else None,
        opened_by=actor,
        opened_at=now,
    )
    record(
        RegistryEvent.FINDING_OPENED,
        actor=actor,
        subject=finding.subject,
        payload={
            "model": model.subject,
            "version": version.subject if version else None,
            "severity": severity,
            "cause": cause,
            "owner": pseudonym(owner),
            "due_at": finding.due_at.isoformat() if finding.due_at else None,
        },
        private={"title": title, "description": description},
    )
    # Of a finding whose row is lost, nothing but this leads from its model to it.
    record(
        RegistryEvent.MODEL_FAULTED,
        actor=actor,
        subject=model.subject,
        payload={"finding": finding.subject},
    )
    call_by_finding(finding, actor=actor, now=now)
    return finding


def move_finding(
    finding: Finding, *, to: FindingState, reason: str, actor: User
) -> FindingMove:
    """Take a finding one step on; whoever fixed it neither verifies nor closes it."""
    if to == FindingState.RISK_ACCEPTED:
        raise InvalidError(
            "acceptance_is_signed",
            "A risk is accepted by a signature: sign the acceptance instead.",
        )
    with _guarded(finding, to, actor), transaction.atomic():
        finding = _locked(finding)
        _refuse_unless_may_move(finding, to, actor)
        return _moved(finding, to=to, reason=reason, actor=actor)


def accept_risk(
    finding: Finding,
    *,
    until: datetime,
    reason: str,
    password: str,
    is_interactive: bool,
    actor: User,
    code: str = "",
) -> RiskAcceptance:
    """Sign, for risk, that a model may serve with this finding until some day.

    The last signature that the model's tier asks for has it borne, until the first of
    the days that were signed.
    """
    reason = _stated(reason)
    with (
        _guarded(finding, FindingState.RISK_ACCEPTED, actor),
        tries_counted(actor),
        transaction.atomic(),
    ):
        finding = _locked(finding)
        model = finding.registered_model
        _refuse_unless_may_accept(finding, actor)
        delegation = delegation_to_sign(actor, SignerRole.RISK, model)
        now = timezone.now()
        proof = reauthenticate_for(
            model,
            actor,
            password=password,
            code=code,
            is_interactive=is_interactive,
            now=now,
        )
        _refuse_long_acceptance(model, until, now)
        _refuse_second_renewal(finding)
        _refuse_no_way(finding, FindingState.RISK_ACCEPTED)
        last = finding.moves.order_by("pk").last()
        earlier = _signed_already(finding, now)
        accepted = RiskAcceptance(
            finding=finding,
            after=last,
            until=until,
            reason=reason,
            signer=actor,
            delegation=delegation,
            printed_name=signed_name(actor, delegation),
            method=proof.method,
            signed_at=now,
        )
        _refuse_second_signature(accepted.people, earlier)
        accepted.save()
        record(
            RegistryEvent.RISK_ACCEPTANCE_SIGNED,
            actor=actor,
            subject=finding.subject,
            payload={
                "after": last.pk if last else None,
                "until": until.isoformat(),
                "method": proof.method,
                "delegation": delegation.subject if delegation else None,
                "signed_at": now.isoformat(),
            },
            private={"reason": reason, "printed_name": accepted.printed_name},
        )
        signed = [*earlier, accepted]
        if len(signed) >= rules_of(model.tier).waiver_approvers:
            _moved(
                finding,
                to=FindingState.RISK_ACCEPTED,
                reason=reason,
                until=min(one.until for one in signed),
                method=proof.method,
                delegation=delegation,
                actor=actor,
            )
    return accepted


def moves_open_to(actor: User, finding: Finding) -> list[FindingState]:
    """Return where `move_finding` would let somebody take a finding."""
    leads_to = FINDING_MOVES[FindingState(finding.state)]
    return [
        state
        for state in FindingState
        if state in leads_to
        and state != FindingState.RISK_ACCEPTED
        and not would_refuse(_refuse_unless_may_move, finding, state, actor)
    ]


def may_accept_risk(actor: User, finding: Finding) -> bool:
    """Say whether `accept_risk` would take somebody's signature."""
    return FindingState.RISK_ACCEPTED in FINDING_MOVES[
        FindingState(finding.state)
    ] and not would_refuse(_refuse_to_bear, finding, actor)


def reopen_borne_risks(
    model: RegisteredModel, *, tier: Tier, actor: User
) -> list[FindingMove]:
    """Open again what was borne at a weaker tier, in the transaction of the new one.

    Other people bear it now, by other proof and for fewer days.
    """
    borne = Finding.objects.with_subject().filter(
        registered_model=model, state=FindingState.RISK_ACCEPTED
    )
    reason = f"{model} is of tier {tier} now: its risk was accepted at a weaker one."
    return [
        _moved(finding, to=FindingState.OPEN, reason=reason, actor=actor)
        for finding in borne.order_by("pk")
    ]


def responsible(model: RegisteredModel, actor: User) -> User:
    """Return who mends what a special path left behind: the owner, if there is one."""
    return model.owner or actor


def _guarded(
    finding: Finding, to: FindingState, actor: User
) -> AbstractContextManager[None]:
    return refusals_recorded(
        RegistryEvent.FINDING_REFUSED,
        actor=actor,
        subject=finding.subject,
        payload={"to": to},
    )


def _locked(finding: Finding) -> Finding:
    return (
        Finding.objects.with_subject()
        .select_for_update(of=("self",))
        .get(pk=finding.pk)
    )


def _refuse_unless_may_move(finding: Finding, to: FindingState, actor: User) -> None:
    model = finding.registered_model
    if to in JUDGED:
        if not may_close_finding(actor, model):
            raise PermissionDeniedError(
                "may_not_close_finding",
                f"You may not verify or close findings on {model}: ask a validator, or "
                f"somebody with the risk or ethics role.",
            )
        refuse_untold_permission(actor, "close_finding", model)
        _refuse_own_finding(finding, actor)
    elif not (
        finding.owner_id == actor.pk
        or may_request_promotion(actor, model)
        or may_open_finding(actor, model)
    ):
        raise PermissionDeniedError(
            "may_not_move_finding",
            f"You may not work on findings on {model}: ask its owner or a developer.",
        )


def _refuse_unless_may_accept(finding: Finding, actor: User) -> None:
    model = finding.registered_model
    if not may_sign_as(actor, SignerRole.RISK, model):
        raise PermissionDeniedError(
            "may_not_accept_risk",
            f"You may not accept risks of {model}: somebody with the risk role must.",
        )
    refuse_untold_signer(actor, SignerRole.RISK, model)
    for person in people_behind(actor, SignerRole.RISK, model):
        _refuse_own_finding(finding, person)


def _refuse_to_bear(finding: Finding, actor: User) -> None:
    _refuse_unless_may_accept(finding, actor)
    _refuse_second_renewal(finding)
    behind = people_behind(actor, SignerRole.RISK, finding.registered_model)
    people = frozenset(person.pk for person in behind)
    _refuse_second_signature(people, _signed_already(finding, timezone.now()))


def _signed_already(finding: Finding, now: datetime) -> list[RiskAcceptance]:
    """Return the signatures that count beside another one, as the log tells of them."""
    refuse_altered_records(claims_of_acceptances(finding))
    signed = finding.acceptances_that_count(now)
    return list(signed.select_related("delegation").order_by("pk"))


def _refuse_second_signature(
    people: frozenset[int], earlier: Iterable[RiskAcceptance]
) -> None:
    if any(people & one.people for one in earlier):
        raise ConflictError(
            "signer_counts_once",
            "You, or for whom you sign, have signed for this risk already: another "
            "person must as well.",
        )


def _refuse_own_finding(finding: Finding, judge: User) -> None:
    """Whoever made the version, caused it, fixed it, or is to fix it does not judge it."""
    names = finding.registered_model.subjects
    refuse_altered_records([claim_of_finding(finding, names)])
    for version in _versions_at_fault(finding):
        duties = duties_in_lineage(judge, version)
        if duties:
            raise PermissionDeniedError(
                "segregation_of_duties",
                f"This finding is about {version}, in which you, or for whom you sign, "
                f"had a hand ({', '.join(duties)}), so somebody else must judge it.",
                conflicts=duties,
            )
    if _broke_the_glass(finding, judge):
        raise PermissionDeniedError(
            "who_broke_the_glass_does_not_judge",
            "This finding is about an emergency that you, or for whom you sign, asked "
            "for or confirmed, so somebody else must judge it.",
        )
    fixed = finding.moves.filter(to_state=FindingState.FIXED, moved_by=judge)
    if finding.owner_id == judge.pk or fixed.exists():
        raise PermissionDeniedError(
            "fixer_does_not_judge",
            "This finding is, or was, for you or for whom you sign to fix, so somebody "
            "else must judge it.",
        )


def _versions_at_fault(finding: Finding) -> QuerySet[ModelVersion]:
    """Return the version that a finding is about, or whichever of the model serves."""
    linked = ModelVersion.objects.with_lineage().filter(source_run__isnull=False)
    if finding.model_version_id is not None:
        return linked.filter(pk=finding.model_version_id)
    return linked.filter(slots__registered_model=finding.registered_model).distinct()


def _broke_the_glass(finding: Finding, judge: User) -> bool:
    theirs = Q(confirmed_by=judge) | Q(delegation__delegator=judge)
    theirs |= Q(break_glass__asked_by=judge) | Q(
        break_glass__delegation__delegator=judge
    )
    return BreakGlassConfirmation.objects.filter(theirs, finding=finding).exists()


def _refuse_long_acceptance(
    model: RegisteredModel, until: datetime, now: datetime
) -> None:
    # A model that nobody has classified is judged as critical.
    longest = (
        LONGEST_ACCEPTANCE_OF_CRITICAL_MODELS
        if (model.tier or Tier.CRITICAL) == Tier.CRITICAL
        else LONGEST_ACCEPTANCE
    )
    if not now < until <= now + longest:
        raise InvalidError(
            "acceptance_too_long",
            f"A risk of {model} is accepted for at most {longest.days} days from now: "
            f"name an earlier day that is still to come.",
        )


def _refuse_second_renewal(finding: Finding) -> None:
    """Count every time that the risk was borne, whatever came in between."""
    borne = finding.moves.filter(to_state=FindingState.RISK_ACCEPTED)
    if borne.count() >= ACCEPTANCES:
        raise ConflictError(
            "acceptance_renewed_already",
            "The risk of this finding was borne and that was renewed once: have it fixed "
            "and verified.",
        )


def _refuse_no_way(finding: Finding, to: FindingState) -> None:
    former = FindingState(finding.state)
    if to not in FINDING_MOVES[former]:
        raise _no_way(former, to)


def _no_way(former: FindingState, to: FindingState) -> ConflictError:
    return ConflictError(
        "finding_not_to_be_moved",
        f"This finding is {former.label.lower()}: it cannot become "
        f"{FindingState(to).label.lower()} from there.",
        state=former,
    )


def _stated(reason: str) -> str:
    if not reason.strip():
        raise InvalidError("reason_missing", "Say why, in a sentence for the record.")
    return reason.strip()


def _moved(
    finding: Finding,
    *,
    to: FindingState,
    reason: str,
    until: datetime | None = None,
    method: str = "",
    delegation: Delegation | None = None,
    actor: User,
) -> FindingMove:
    reason = _stated(reason)
    former = FindingState(finding.state)
    if not Finding.objects.move(finding.pk, to=to, accepted_until=until):
        raise _no_way(former, to)
    move = FindingMove.objects.create(
        finding=finding,
        from_state=former,
        to_state=to,
        reason=reason,
        accepted_until=until,
        printed_name=signed_name(actor, delegation) if method else "",
        method=method,
        moved_by=actor,
        moved_at=timezone.now(),
    )
    record(
        RegistryEvent.FINDING_MOVED,
        actor=actor,
        subject=finding.subject,
        payload={
            "from": former,
            "to": to,
            "accepted_until": until.isoformat() if until else None,
            "method": method,
            "delegation": delegation.subject if delegation else None,
        },
        private={"reason": reason, "printed_name": move.printed_name},
    )
    return move
