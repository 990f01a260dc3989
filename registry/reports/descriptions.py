"""Reads what people stated about a model: its newest card, its tier, what leans on it."""

from registry import models
from registry.reports.oversight import ModelCard, TierAssessment
from registry.reports.people import name_of
from registry.reports.sight import Sight


def newest_card(model: models.RegisteredModel, sight: Sight) -> ModelCard | None:
    row = models.ModelCard.objects.newest().filter(registered_model=model)
    card = row.with_people().first()
    if card is None:
        return None
    upstream, unnamed = sight.names(
        sorted(named.upstream.name for named in card.dependencies.all())
    )
    return ModelCard(
        number=card.number,
        purpose=card.purpose,
        limits_of_use=card.limits_of_use,
        origin=card.origin,
        vendor=card.vendor,
        owner=name_of(card.owner),
        executive=name_of(card.executive) if card.executive else "",
        upstream=upstream,
        upstream_unnamed=unnamed,
        revalidation_months=card.revalidation_months,
        revalidation_reason=card.revalidation_reason,
        written_by=name_of(card.created_by),
        written_at=card.created_at,
    )


def tier_assessments(model: models.RegisteredModel) -> tuple[TierAssessment, ...]:
    """Return who signed for which tier, newest first: the first one counts."""
    return tuple(
        TierAssessment(
            tier=row.tier,
            former_tier=row.former_tier,
            rationale=row.rationale,
            exposure=row.exposure,
            printed_name=row.printed_name,
            authentication=row.method,
            signed_at=row.signed_at,
        )
        for row in model.tier_assessments.order_by("-signed_at", "-pk")
    )
