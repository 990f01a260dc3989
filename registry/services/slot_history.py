"""Who holds a slot by what was done last there: a promotion, or a rollback."""

from dataclasses import dataclass

from audit.errors import ConflictError
from registry.models import ModelVersion, Promotion, Rollback, Slot
from registry.services.claims.slots import claims_of_promotion, claims_of_rollback
from registry.services.out_of_use import is_out_of_use
from registry.services.reconciliation import Claim


@dataclass(frozen=True)
class Last:
    """Whom the last act put there, and what must be told of that."""

    version: ModelVersion | None = None
    claims: tuple[Claim, ...] = ()


def last_of(slot: Slot) -> Last:
    promoted = (
        Promotion.objects.filter(slot=slot)
        .select_related("request__model_version", "promoted_by")
        .order_by("-pk")
        .first()
    )
    if promoted is None:
        return Last()
    back = (
        Rollback.objects.filter(slot=slot)
        .select_related("promotion__request__model_version", "rolled_back_by")
        .order_by("-pk")
        .first()
    )
    if back and back.rolled_back_at >= promoted.promoted_at:
        version = back.promotion.request.model_version
        claims = (*claims_of_rollback(back), *claims_of_promotion(back.promotion))
        return Last(version, claims)
    version = promoted.request.model_version
    return Last(version, tuple(claims_of_promotion(promoted)))


def compared_with(version: ModelVersion, environment: str) -> ModelVersion | None:
    """Return the version that a candidate for a slot is compared with, if there is one.

    That is who was put there last, retired since or not: who retires the champion spares
    the next version no comparison. Who serves in an emergency was put there by nobody.
    """
    slot = Slot.objects.filter(
        registered_model=version.registered_model, environment=environment
    ).first()
    return last_of(slot).version if slot else None


def refuse_altered_slot(slot: Slot) -> None:
    """Refuse where another champion stands, or none, than the last act put there.

    Others are compared with it. A slot is empty once its champion is out of use.
    """
    champion, last = slot.approved_champion, last_of(slot).version
    if champion == last or (champion is None and last and is_out_of_use(last)):
        return
    raise ConflictError(
        "slot_altered",
        f"No promotion and no rollback left {slot} as it is: it should hold {last}. Have "
        f"the log verified before anything else.",
    )
