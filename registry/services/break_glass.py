"""A version is promoted in an emergency here: two people, a day at most, never unproven."""

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from audit.errors import (
    ConflictError,
    InvalidError,
    PermissionDeniedError,
    would_refuse,
)
from audit.proofs import refuse_unsound_log
from audit.services import record, refusals_recorded
from registry.duties import duties_of_signer
from registry.events import RegistryEvent
from registry.models import (
    BreakGlass,
    BreakGlassConfirmation,
    ModelVersion,
    Slot,
)
from registry.models.break_glass import LONGEST_HOURS
from registry.models.finding import Finding, FindingCause, Severity
from registry.models.sign_off import SignerRole
from registry.permissions import delegation_to_sign, may_break_glass, people_behind
from registry.services.approvals import refuse_altered_records
from registry.services.authority import refuse_untold_signer
from registry.services.claims.models import claims_of_model
from registry.services.claims.slots import claim_of_asking
from registry.services.decisions import refuse_denied
from registry.services.findings import JUDGED, add_finding, responsible
from registry.services.out_of_use import refuse_retired
from registry.services.reauthentication import reauthenticate_for
from registry.services.slots import fill, locked_slot
from registry.services.submission import refuse_unfit
from registry.services.version_content import pinned_content
from registry.signing import (
    TWO_FACTORS,
    Reauthentication,
    signed_name,
)
from tracking import storage
from tracking.services.log_ins import tries_counted
from tracking.services.runs import freeze

CONFIRM_WITHIN = timedelta(hours=1)
IN_AN_EMERGENCY = (SignerRole.OWNER, SignerRole.RISK)


def ask_to_break_glass(
    version: ModelVersion,
    *,
    environment: str,
    hours: int,
    reason: str,
    role: SignerRole,
    password: str,
    is_interactive: bool,
    actor: User,
    code: str = "",
) -> BreakGlass:
    """Sign, as owner or for risk, that a version must serve now; the other must confirm."""
    reason = reason.strip()
    if not reason:
        raise InvalidError("reason_missing", "Say why, in a sentence for the record.")
    if not 1 <= hours <= LONGEST_HOURS:
        raise InvalidError(
            "hours_wrong", f"An emergency lasts from 1 to {LONGEST_HOURS} hours."
        )
    with (
        refusals_recorded(
            RegistryEvent.BREAK_GLASS_REFUSED,
            actor=actor,
            subject=version.subject,
            payload={"role": role},
        ),
        tries_counted(actor),
        transaction.atomic(),
    ):
        proof = _proven(
            version, role, password, code, actor, is_interactive=is_interactive
        )
        delegation = delegation_to_sign(actor, role, version.registered_model)
        slot = locked_slot(version.registered_model, environment)
        _refuse_unproven(slot, version, actor)
        asked = BreakGlass.objects.create(
            slot=slot,
            model_version=version,
            reason=reason,
            hours=hours,
            asked_by=actor,
            asked_as=role,
            delegation=delegation,
            printed_name=signed_name(actor, delegation),
            method=proof.method,
            asked_at=proof.at,
            lapses_at=proof.at + CONFIRM_WITHIN,
        )
        record(
            RegistryEvent.BREAK_GLASS_ASKED,
            actor=actor,
            subject=asked.subject,
            payload={
                "slot": slot.subject,
                "version": version.subject,
                "role": role,
                "delegation": delegation.subject if delegation else None,
                "hours": hours,
                "method": proof.method,
                "signed_at": proof.at.isoformat(),
            },
            private={"reason": reason, "printed_name": asked.printed_name},
        )
    return asked


def confirm_break_glass(
    asked: BreakGlass,
    *,
    role: SignerRole,
    password: str,
    is_interactive: bool,
    actor: User,
    code: str = "",
) -> BreakGlassConfirmation:
    """Sign in the other role: from now on the version serves, until its hours are over.

    Gates and sign-offs are passed over. The log, the artifact, segregation of duties and
    whatever would deny the version nevertheless are not.
    """
    version = asked.model_version
    with (
        refusals_recorded(
            RegistryEvent.BREAK_GLASS_REFUSED,
            actor=actor,
            subject=asked.subject,
            payload={"role": role},
        ),
        tries_counted(actor),
        transaction.atomic(),
    ):
        proof = _proven(
            version, role, password, code, actor, is_interactive=is_interactive
        )
        delegation = delegation_to_sign(actor, role, version.registered_model)
        slot = locked_slot(version.registered_model, asked.slot.environment)
        _refuse_unless_open(asked, role, actor, proof.at)
        refuse_altered_records([claim_of_asking(asked)])
        _refuse_weaker_proof(asked, slot)
        _refuse_unproven(slot, version, actor)
        confirmed = BreakGlassConfirmation.objects.create(
            break_glass=asked,
            fallback=slot.approved_champion,
            finding=_finding(asked, slot, actor=actor, now=proof.at),
            confirmed_by=actor,
            confirmed_as=role,
            delegation=delegation,
            printed_name=signed_name(actor, delegation),
            method=proof.method,
            confirmed_at=proof.at,
            expires_at=_end_of(asked, slot, proof.at),
        )
        fill(slot, version, break_glass=confirmed, actor=actor, now=proof.at)
        record(
            RegistryEvent.BREAK_GLASS_CONFIRMED,
            actor=actor,
            subject=asked.subject,
            payload={
                "slot": slot.subject,
                "version": version.subject,
                "fallback": confirmed.fallback.subject if confirmed.fallback else None,
                "role": role,
                "delegation": delegation.subject if delegation else None,
                "method": proof.method,
                "finding": confirmed.finding.subject,
                "signed_at": proof.at.isoformat(),
                "expires_at": confirmed.expires_at.isoformat(),
            },
            private={"printed_name": confirmed.printed_name},
        )
        refuse_denied(version, environment=slot.environment, now=proof.at)
    return confirmed


def may_ask_to_break_glass(actor: User, version: ModelVersion) -> bool:
    """Say whether somebody is one of the two who may sign that a version must serve."""
    return not version.is_retired and any(
        not would_refuse(_refuse_strangers, version, role, actor)
        for role in IN_AN_EMERGENCY
    )


def may_confirm_break_glass(actor: User, asked: BreakGlass) -> bool:
    """Say whether somebody is the other of the two, and in time."""
    return any(
        not would_refuse(_refuse_to_confirm, asked, role, actor)
        for role in IN_AN_EMERGENCY
    )


def end_emergencies() -> int:
    """Let every slot fall back whose emergency is over; safe to call any number of times.

    Decisions have denied the version since the minute it expired.
    """
    over = Slot.objects.filter(break_glass__expires_at__lte=timezone.now())
    slots = over.select_related("registered_model").order_by("pk")
    return sum(_has_fallen_back(slot) for slot in slots)


def _has_fallen_back(slot: Slot) -> bool:
    with transaction.atomic():
        found = locked_slot(slot.registered_model, slot.environment)
        return found.break_glass_id != slot.break_glass_id


def _proven(
    version: ModelVersion,
    role: SignerRole,
    password: str,
    code: str,
    actor: User,
    *,
    is_interactive: bool,
) -> Reauthentication:
    _refuse_strangers(version, role, actor)
    return reauthenticate_for(
        version.registered_model,
        actor,
        password=password,
        code=code,
        is_interactive=is_interactive,
        now=timezone.now(),
    )


def _refuse_strangers(version: ModelVersion, role: SignerRole, actor: User) -> None:
    model = version.registered_model
    if not may_break_glass(actor, role, model):
        raise PermissionDeniedError(
            "may_not_break_glass",
            f"You may not promote {model} in an emergency as {role}: its owner and "
            f"somebody with the risk role must, together.",
        )
    refuse_untold_signer(actor, role, model)
    duties = duties_of_signer(actor, role, version)
    if duties:
        raise PermissionDeniedError(
            "segregation_of_duties",
            f"You may not promote this version in an emergency, because you, or for whom "
            f"you sign, {' and '.join(duties)}. Somebody else must.",
            conflicts=duties,
        )


def _refuse_to_confirm(asked: BreakGlass, role: SignerRole, actor: User) -> None:
    _refuse_strangers(asked.model_version, role, actor)
    _refuse_unless_open(asked, role, actor, timezone.now())
    _refuse_weaker_proof(asked, asked.slot)
    refuse_retired(asked.model_version)


def _refuse_unless_open(
    asked: BreakGlass, role: SignerRole, actor: User, now: datetime
) -> None:
    people = people_behind(actor, role, asked.model_version.registered_model)
    if role == asked.asked_as or asked.askers & {person.pk for person in people}:
        raise PermissionDeniedError(
            "two_people_in_two_roles",
            "An emergency takes the model's owner and somebody else, for risk: the other "
            "of the two must confirm, and nobody for both.",
        )
    if BreakGlassConfirmation.objects.filter(break_glass=asked).exists():
        raise ConflictError("break_glass_confirmed", "This is confirmed already.")
    if not asked.asked_by.is_active:
        raise ConflictError(
            "asker_deactivated",
            f"{asked.printed_name}, who asked for this, has no account any more: let "
            f"somebody else ask.",
        )
    if asked.lapses_at <= now:
        raise ConflictError(
            "break_glass_lapsed",
            "Nobody confirmed this within the hour: ask again if it is still needed.",
        )


def _refuse_weaker_proof(asked: BreakGlass, slot: Slot) -> None:
    """Refuse what was asked with less than the model's tier, as it is now, wants."""
    if slot.registered_model.wants_two_factors and asked.method != TWO_FACTORS:
        raise ConflictError(
            "asked_with_one_factor",
            f"{slot.registered_model} is held to two factors since this was asked for: "
            f"ask again.",
        )


def _end_of(asked: BreakGlass, slot: Slot, now: datetime) -> datetime:
    """Say when the hours are over; a version that takes over gets what is left of them."""
    end = now + timedelta(hours=asked.hours)
    return min(end, slot.break_glass.expires_at) if slot.break_glass else end


def _refuse_unproven(slot: Slot, version: ModelVersion, actor: User) -> None:
    """Integrity is never passed over: neither the log's nor the artifact's.

    The run is frozen as for a request, so that what serves stays what it was and where.
    """
    refuse_unsound_log()
    refuse_retired(version)
    if slot.champion == version:
        raise ConflictError("version_is_champion", f"{version} serves there already.")
    refuse_altered_records(claims_of_model(slot.registered_model))
    _refuse_one_more_emergency(slot, version)
    refuse_unfit(version)
    version.source_run = freeze(version.linked_run, actor=actor)
    for file in pinned_content(version).files:
        storage.verify(file.sha256)


def _refuse_one_more_emergency(slot: Slot, version: ModelVersion) -> None:
    """Refuse to make a day at most longer: somebody must judge the last one first.

    Another version may take over while an emergency lasts, for what is left of it.
    """
    emergencies = BreakGlassConfirmation.objects.filter(
        Q(break_glass__model_version=version)
        | Q(break_glass__slot=slot) & ~Q(pk=slot.break_glass_id)
    )
    unjudged = emergencies.exclude(finding__state__in=JUDGED).order_by("pk")
    last = unjudged.select_related("break_glass__model_version__registered_model")
    if (emergency := last.first()) is not None:
        raise ConflictError(
            "emergency_not_judged",
            f"{emergency.break_glass.model_version} served in an emergency before, and "
            f"finding {emergency.finding_id} says so: have somebody else verify that it "
            f"was mended, or ask for a promotion.",
            finding=emergency.finding_id,
        )


def _finding(asked: BreakGlass, slot: Slot, *, actor: User, now: datetime) -> Finding:
    version = asked.model_version
    model = version.registered_model
    return add_finding(
        model,
        version=version,
        severity=Severity.HIGH,
        cause=FindingCause.BREAK_GLASS,
        title=f"Version {version.number} serves in {slot.environment} without approval",
        description=asked.reason,
        owner=responsible(model, actor),
        actor=actor,
        now=now,
    )
