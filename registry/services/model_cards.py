"""Models are described by numbered cards here."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction

from audit.errors import InvalidError, PermissionDeniedError
from audit.services import pseudonym, record, refusals_recorded
from registry.events import RegistryEvent
from registry.models import ModelCard, ModelDependency, RegisteredModel
from registry.models.model_card import Origin
from registry.models.sign_off import SignerRole
from registry.models.tier import Tier
from registry.permissions import may_describe_model, may_sign_in_own_right
from registry.services.approvals import refuse_altered_records
from registry.services.authority import refuse_untold_signer
from registry.services.claims.models import claims_of_authority
from registry.services.due_dates import longest_interval
from tracking.models import ServiceAccount
from tracking.people import people_seen_by, refuse_unknown
from tracking.services.datasets import refuse_replaced_card


def write_model_card(
    model: RegisteredModel,
    *,
    purpose: str,
    limits_of_use: str,
    origin: Origin,
    vendor: str = "",
    owner: User,
    executive: User | None = None,
    upstream: Sequence[RegisteredModel] = (),
    revalidation_months: int | None = None,
    revalidation_reason: str = "",
    replaces: int | None = None,
    actor: User,
) -> ModelCard:
    """State anew, and whole, what a model is for and what it leans on; the newest counts.

    `replaces` is the number of the card that this one was written against, as for cards
    of datasets. Purpose and owner stand on the model as well, where permissions look for them.
    """
    with (
        refusals_recorded(
            RegistryEvent.MODEL_REFUSED,
            actor=actor,
            subject=model.subject,
            payload={"act": "write card"},
        ),
        transaction.atomic(),
    ):
        _refuse_strangers(actor, model)
        known = people_seen_by(actor)
        for named in filter(None, (owner, executive)):
            refuse_unknown(named, known, code="owner_unknown")
        _refuse_programs(owner, executive)
        _refuse_vague_vendor(origin, vendor)
        _refuse_unexplained_interval(revalidation_months, revalidation_reason)
        model = (
            RegisteredModel.objects.select_related("workspace")
            .select_for_update(of=("self",))
            .get(pk=model.pk)
        )
        newest = model.cards.count()
        refuse_replaced_card(replaces, newest)
        _refuse_strange_upstream(model, upstream)
        _refuse_to_take_over(model, owner, actor)
        _refuse_longer_interval(model, revalidation_months)
        if model.tier == Tier.CRITICAL and executive is None:
            raise InvalidError(
                "executive_missing",
                "A model of tier 1 names the executive who is accountable for it.",
            )
        card = ModelCard.objects.create(
            registered_model=model,
            number=newest + 1,
            purpose=purpose,
            limits_of_use=limits_of_use,
            origin=origin,
            vendor=vendor,
            owner=owner,
            executive=executive,
            revalidation_months=revalidation_months,
            revalidation_reason=revalidation_reason,
            created_by=actor,
        )
        ModelDependency.objects.bulk_create(
            ModelDependency(card=card, upstream=other) for other in upstream
        )
        RegisteredModel.objects.filter(pk=model.pk).update(purpose=purpose, owner=owner)
        record(
            RegistryEvent.MODEL_CARD_WRITTEN,
            actor=actor,
            subject=model.subject,
            payload={
                "number": card.number,
                "origin": origin,
                "owner": pseudonym(owner),
                "executive": pseudonym(executive) if executive else None,
                "upstream": [other.subject for other in upstream],
                "revalidation_months": revalidation_months,
            },
            private={
                "purpose": purpose,
                "limits_of_use": limits_of_use,
                "vendor": vendor,
                "revalidation_reason": revalidation_reason,
            },
        )
    return card


def _refuse_strangers(actor: User, model: RegisteredModel) -> None:
    if not may_describe_model(actor, model):
        raise PermissionDeniedError(
            "may_not_describe_model",
            f"You may not describe {model}: ask its owner, or the risk role.",
        )


def _refuse_programs(*named: User | None) -> None:
    people = [person for person in named if person]
    program = ServiceAccount.objects.filter(user__in=people).first()
    if program is not None:
        raise InvalidError(
            "owner_is_no_person",
            f"{program.user.username} is a service account: name a person.",
        )


def _refuse_vague_vendor(origin: Origin, vendor: str) -> None:
    if (origin == Origin.VENDOR) != bool(vendor.strip()):
        raise InvalidError(
            "vendor_unclear",
            "Name the vendor of a model that was bought, and none of your own model.",
        )


def _refuse_unexplained_interval(months: int | None, reason: str) -> None:
    if months and not reason.strip():
        raise InvalidError(
            "revalidation_reason_missing",
            "Say why this model is validated at another interval than its tier asks for.",
        )


def _refuse_to_take_over(model: RegisteredModel, owner: User, actor: User) -> None:
    """Let a model be handed over by who owns it or by the risk role, and by no other."""
    refuse_altered_records(claims_of_authority(SignerRole.OWNER, model, None))
    # Whoever owned it a moment ago may not own it any more.
    if model.owner_id in {None, owner.pk, actor.pk}:
        return
    if not may_sign_in_own_right(actor, SignerRole.RISK, model):
        raise PermissionDeniedError(
            "may_not_take_over",
            f"{model} has an owner, who hands it over, or else the risk role does: ask "
            f"one of them.",
        )
    refuse_untold_signer(actor, SignerRole.RISK, model)


def _refuse_longer_interval(model: RegisteredModel, months: int | None) -> None:
    longest = longest_interval(model)
    if months and longest and months > longest:
        raise InvalidError(
            "interval_too_long",
            f"A model of tier {model.tier or Tier.CRITICAL:d} is validated again within "
            f"{longest} months: choose fewer.",
        )


def _refuse_strange_upstream(
    model: RegisteredModel, upstream: Sequence[RegisteredModel]
) -> None:
    for other in upstream:
        if other.pk == model.pk or other.workspace_id != model.workspace_id:
            raise InvalidError(
                "upstream_strange",
                f"{model} cannot stand on {other}: name other models of the workspace.",
            )
