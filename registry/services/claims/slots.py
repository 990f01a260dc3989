"""What the log must tell of how a slot was filled, and of what came after."""

from collections.abc import Iterator

from audit.services import pseudonym
from registry.events import RegistryEvent
from registry.models import (
    BreakGlass,
    BreakGlassConfirmation,
    FreezeLifting,
    ModelVersion,
    Promotion,
    Revalidation,
    Rollback,
    Slot,
)
from registry.services.claims.models import claims_of_model
from registry.services.claims.versions import claim_of_version, names_of
from registry.services.reconciliation import Claim


def claims_of_promotion(promotion: Promotion) -> Iterator[Claim]:
    request = promotion.request
    yield Claim(
        f"promotion {promotion.pk}",
        RegistryEvent.VERSION_PROMOTED,
        (request.subject,),
        {
            "version": request.model_version.subject,
            "environment": promotion.slot.environment,
            "subject_digest": request.subject_digest,
        },
        pseudonym(promotion.promoted_by),
    )


def claims_of_rollback(rollback: Rollback) -> Iterator[Claim]:
    request = rollback.promotion.request
    yield Claim(
        f"rollback {rollback.pk}",
        RegistryEvent.VERSION_ROLLED_BACK,
        (rollback.slot.subject,),
        {
            "to": request.model_version.subject,
            "request": request.subject,
            "finding": rollback.finding.subject,
        },
        pseudonym(rollback.rolled_back_by),
    )


def claims_of_emergency(confirmed: BreakGlassConfirmation) -> Iterator[Claim]:
    """Return that two people signed, until when it lasts, and what stands of the model."""
    asked = confirmed.break_glass
    names = names_of(asked.model_version)
    yield claim_of_asking(asked)
    yield Claim(
        f"the confirmation of break-glass promotion {asked.pk}",
        RegistryEvent.BREAK_GLASS_CONFIRMED,
        (asked.subject,),
        {
            "version": names,
            "role": confirmed.confirmed_as,
            "method": confirmed.method,
            "finding": confirmed.finding.subject,
            "signed_at": confirmed.confirmed_at.isoformat(),
            "expires_at": confirmed.expires_at.isoformat(),
        },
        pseudonym(confirmed.confirmed_by),
        written={"printed_name": confirmed.printed_name},
    )
    yield claim_of_version(asked.model_version, names)
    yield from claims_of_model(asked.model_version.registered_model)


def claim_of_asking(asked: BreakGlass) -> Claim:
    return Claim(
        f"break-glass promotion {asked.pk}",
        RegistryEvent.BREAK_GLASS_ASKED,
        (asked.subject,),
        {
            "version": names_of(asked.model_version),
            "role": asked.asked_as,
            "hours": asked.hours,
            "method": asked.method,
            "signed_at": asked.asked_at.isoformat(),
        },
        pseudonym(asked.asked_by),
        written={"printed_name": asked.printed_name, "reason": asked.reason},
    )


def claims_of_revalidations(slot: Slot, version: ModelVersion) -> Iterator[Claim]:
    signed = Revalidation.objects.filter(slot=slot, model_version=version)
    for one in signed.select_related("signer").order_by("pk"):
        yield Claim(
            f"revalidation {one.pk}",
            RegistryEvent.REVALIDATION_SIGNED,
            (slot.subject,),
            {
                "version": version.subject,
                "method": one.method,
                "signed_at": one.signed_at.isoformat(),
            },
            pseudonym(one.signer),
            written={"printed_name": one.printed_name, "conclusion": one.conclusion},
        )


def claims_of_freezes(slot: Slot) -> Iterator[Claim]:
    """Return that each rollback froze its slot, and who lifted that."""
    yield Claim(
        f"freezes of {slot}",
        RegistryEvent.VERSION_ROLLED_BACK,
        (slot.subject,),
        times=slot.freezes.count(),
    )
    lifted = FreezeLifting.objects.filter(freeze__slot=slot)
    for one in lifted.select_related("freeze", "lifted_by").order_by("pk"):
        yield Claim(
            f"the lifting of freeze {one.freeze_id}",
            RegistryEvent.FREEZE_LIFTED,
            (one.freeze.subject,),
            {"method": one.method, "signed_at": one.lifted_at.isoformat()},
            pseudonym(one.lifted_by),
        )
