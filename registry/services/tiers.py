"""A model's risk tier is assessed here, with a signed rationale."""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from audit.errors import InvalidError, PermissionDeniedError, would_refuse
from audit.proofs import trail
from audit.services import pseudonym, record, refusals_recorded
from registry.events import RegistryEvent
from registry.models import RegisteredModel, TierAssessment
from registry.models.sign_off import SignerRole
from registry.models.tier import Tier
from registry.permissions import (
    may_describe_model,
    may_register_version,
    may_sign_in_own_right,
)
from registry.services.approvals import refuse_altered_records
from registry.services.authority import refuse_untold_signer
from registry.services.claims.models import claims_of_tier
from registry.services.closings import end_requests_of_other_tier
from registry.services.findings import reopen_borne_risks
from registry.services.revalidation_triggers import call_by_tier
from registry.signing import printed_name, reauthenticate
from tracking.services.log_ins import tries_counted


def assess_tier(
    model: RegisteredModel,
    *,
    tier: Tier,
    rationale: str,
    exposure: str,
    password: str,
    is_interactive: bool,
    actor: User,
    code: str = "",
) -> TierAssessment:
    """Sign which tier a model is in; what a tier demands is read when it is needed.

    Its owner may hold it to more; to hold it to less takes the risk role and somebody
    who neither owns nor registered it, nor makes versions of it, as they gain by that.
    Requests that are open at another tier end, and risks that were borne at a weaker one
    are borne no more.
    """
    rationale, exposure = rationale.strip(), exposure.strip()
    if not (rationale and exposure):
        raise InvalidError(
            "rationale_missing",
            "Say what is exposed to this model and why that makes it this tier.",
        )
    with (
        refusals_recorded(
            RegistryEvent.TIER_REFUSED,
            actor=actor,
            subject=model.subject,
            payload={"tier": tier},
        ),
        tries_counted(actor),
        transaction.atomic(),
    ):
        model = (
            RegisteredModel.objects.select_related("workspace", "owner")
            .select_for_update(of=("self",))
            .get(pk=model.pk)
        )
        _refuse_unless_may_assess(model, tier, actor)
        if tier != Tier.CRITICAL:
            # A tier that nobody signed is mended by the one that demands most.
            refuse_altered_records(claims_of_tier(model))
        now = timezone.now()
        proof = reauthenticate(
            actor,
            password=password,
            code=code,
            two_factors=model.wants_two_factors,
            is_interactive=is_interactive,
            now=now,
        )
        assessment = TierAssessment.objects.create(
            registered_model=model,
            tier=tier,
            former_tier=model.tier,
            rationale=rationale,
            exposure=exposure,
            signer=actor,
            printed_name=printed_name(actor),
            method=proof.method,
            signed_at=now,
        )
        if tier != model.tier:
            end_requests_of_other_tier(assessment, actor=actor, now=now)
        if tier < (model.tier or Tier.CRITICAL):
            reopen_borne_risks(model, tier=tier, actor=actor)
        RegisteredModel.objects.filter(pk=model.pk).update(tier=tier)
        record(
            RegistryEvent.TIER_ASSESSED,
            actor=actor,
            subject=model.subject,
            payload={
                "tier": tier,
                "former_tier": assessment.former_tier,
                "method": proof.method,
                "signed_at": now.isoformat(),
            },
            private={
                "rationale": rationale,
                "exposure": exposure,
                "printed_name": assessment.printed_name,
            },
        )
        call_by_tier(model, actor=actor, now=now)
    return assessment


def may_assess_tier(actor: User, model: RegisteredModel) -> bool:
    """Say whether somebody may sign any tier of a model."""
    return any(
        not would_refuse(_refuse_unless_may_assess, model, tier, actor) for tier in Tier
    )


def _refuse_unless_may_assess(model: RegisteredModel, tier: Tier, actor: User) -> None:
    # Not by a delegation: an owner who signs for risk would lower their own demands.
    is_risk = may_sign_in_own_right(actor, SignerRole.RISK, model)
    is_owner = may_sign_in_own_right(actor, SignerRole.OWNER, model)
    if not may_describe_model(actor, model) or not (is_risk or is_owner):
        raise PermissionDeniedError(
            "may_not_assess_tier",
            f"You may not classify {model}: its owner or the risk role must.",
        )
    role = SignerRole.RISK if is_risk else SignerRole.OWNER
    refuse_untold_signer(actor, role, model)
    # A model that nobody has classified is judged as critical.
    demands_less = tier > (model.tier or Tier.CRITICAL)
    is_party = actor.pk in {model.owner_id, model.created_by_id}
    is_party |= may_register_version(actor, model) or _has_owned(actor, model)
    if demands_less and (is_party or not is_risk):
        raise PermissionDeniedError(
            "owner_does_not_lower_demands",
            f"{model} would be held to less: somebody with the risk role who never "
            f"owned or registered it, nor registers versions of it, must sign that.",
        )


def _has_owned(actor: User, model: RegisteredModel) -> bool:
    """Say whether the log tells that they ever owned it; handing over undoes nothing."""
    kinds = (RegistryEvent.MODEL_REGISTERED, RegistryEvent.MODEL_CARD_WRITTEN)
    told = trail(model.subjects, kinds=kinds)
    return any(entry.payload.get("owner") == pseudonym(actor) for entry in told)
