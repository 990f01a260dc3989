"""What calls for another validation is recorded here, and that it was done is signed."""

from django.contrib.auth.models import User
from django.db import transaction
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
    Delegation,
    ModelVersion,
    RegisteredModel,
    Revalidation,
    RevalidationTrigger,
    Slot,
)
from registry.models.revalidation import STATED_BY_HAND, TriggerKind
from registry.models.sign_off import SignerRole
from registry.permissions import delegation_to_sign, may_open_finding, may_sign_as
from registry.services.authority import refuse_untold_signer
from registry.services.hindrances import refuse_blocking_findings
from registry.services.reauthentication import reauthenticate_for
from registry.services.revalidation_triggers import add_trigger
from registry.services.slots import locked_slot
from registry.signing import signed_name
from tracking.services.log_ins import tries_counted


def trigger_revalidation(
    model: RegisteredModel,
    *,
    kind: TriggerKind,
    detail: str,
    version: ModelVersion | None = None,
    actor: User,
) -> RevalidationTrigger:
    """Say what happened to a model: its champions are due at once.

    A monitor may say so with a token, because nobody is let through by that. What
    Attestry finds by itself (`revalidation_triggers`) nobody claims by hand.
    """
    if kind not in STATED_BY_HAND:
        raise InvalidError(
            "kind_not_stated_by_hand",
            f"Attestry itself records a {TriggerKind(kind).label.lower()} when there is "
            f"one: state one of {', '.join(STATED_BY_HAND)}.",
        )
    with (
        refusals_recorded(
            RegistryEvent.REVALIDATION_REFUSED,
            actor=actor,
            subject=model.subject,
            payload={},
        ),
        transaction.atomic(),
    ):
        if not may_open_finding(actor, model):
            raise PermissionDeniedError(
                "may_not_trigger_revalidation",
                f"You may not call for a validation of {model}: ask somebody who "
                f"reviews it.",
            )
        return add_trigger(
            model,
            version=version,
            kind=kind,
            detail=detail,
            actor=actor,
            now=timezone.now(),
        )


def revalidate(
    slot: Slot,
    *,
    version: ModelVersion | None,
    conclusion: str,
    password: str,
    is_interactive: bool,
    actor: User,
    code: str = "",
) -> Revalidation:
    """Sign, as a validator, that the champion may go on; its interval begins anew.

    `version` is the champion that was validated, so that no other is by mistake; None,
    as in an empty slot, is refused.
    """
    conclusion = conclusion.strip()
    if not conclusion:
        raise InvalidError("conclusion_missing", "Say what the validation came to.")
    with (
        refusals_recorded(
            RegistryEvent.REVALIDATION_REFUSED,
            actor=actor,
            subject=slot.subject,
            payload={},
        ),
        tries_counted(actor),
        transaction.atomic(),
    ):
        if version is None:
            raise ConflictError(
                "nothing_to_validate",
                f"Nothing serves in {slot.environment}: there is nothing to validate "
                f"again.",
            )
        delegation = _authority_to_validate(version, actor)
        now = timezone.now()
        proof = reauthenticate_for(
            version.registered_model,
            actor,
            password=password,
            code=code,
            is_interactive=is_interactive,
            now=now,
        )
        refuse_unsound_log()
        slot = locked_slot(slot.registered_model, slot.environment)
        if slot.break_glass or slot.champion != version:
            raise ConflictError(
                "version_is_no_champion",
                f"{version} is not the champion in {slot.environment}, or serves there "
                f"in an emergency: only an approved champion is validated again.",
            )
        refuse_blocking_findings(version, now)
        signed = Revalidation.objects.create(
            slot=slot,
            model_version=version,
            conclusion=conclusion,
            signer=actor,
            printed_name=signed_name(actor, delegation),
            method=proof.method,
            signed_at=now,
        )
        record(
            RegistryEvent.REVALIDATION_SIGNED,
            actor=actor,
            subject=slot.subject,
            payload={
                "version": version.subject,
                "method": proof.method,
                "delegation": delegation.subject if delegation else None,
                "signed_at": now.isoformat(),
            },
            private={"conclusion": conclusion, "printed_name": signed.printed_name},
        )
    return signed


def may_revalidate(actor: User, slot: Slot) -> bool:
    """Say whether somebody may validate what serves in a slot by an approval."""
    return (
        slot.champion is not None
        and slot.break_glass is None
        and not would_refuse(_authority_to_validate, slot.champion, actor)
    )


def _authority_to_validate(version: ModelVersion, actor: User) -> Delegation | None:
    """Return the delegation that a validation stands on, None if in their own right."""
    model = version.registered_model
    if not may_sign_as(actor, SignerRole.VALIDATOR, model):
        raise PermissionDeniedError(
            "may_not_revalidate",
            f"You may not validate {model}: an independent validator must.",
        )
    refuse_untold_signer(actor, SignerRole.VALIDATOR, model)
    duties = duties_of_signer(actor, SignerRole.VALIDATOR, version)
    if duties:
        raise PermissionDeniedError(
            "segregation_of_duties",
            f"You may not validate this version, because you, or for whom you sign, "
            f"{' and '.join(duties)}. Somebody else must.",
            conflicts=duties,
        )
    return delegation_to_sign(actor, SignerRole.VALIDATOR, model)
