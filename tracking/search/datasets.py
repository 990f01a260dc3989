"""Which datasets the runs of some experiments used, and as what."""

from collections.abc import Sequence
from typing import Any

from django.db.models import CharField, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from tracking.models import DatasetInput
from tracking.models.dataset import CONTEXT_TAG

MOST_DATASETS = 1000


def dataset_summaries(
    experiments: Sequence[int],
) -> list[tuple[int, str, str, str | None]]:
    """Return `(experiment, name, digest, context)`, each once, in this order."""
    return list(uses_of(experiments).distinct()[:MOST_DATASETS])


def uses_of(experiments: Sequence[int]) -> "QuerySet[Any, Any]":
    context = Cast(KeyTextTransform(CONTEXT_TAG, "tags"), CharField())
    told = ("run__experiment", "dataset__name", "dataset__digest", "used_as")
    uses = DatasetInput.objects.filter(run__experiment__in=experiments)
    return uses.annotate(used_as=context).values_list(*told).order_by(*told)
