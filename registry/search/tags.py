"""Comparisons with a tag, and what is special about the one that marks prompts."""

from collections.abc import Iterable

from django.db.models import Exists, OuterRef, Q

from registry.models import ModelTag, VersionTag
from tracking.search.conditions import condition
from tracking.search.grammar import Comparison, Entity, Operator

# MLflow keeps prompts among its models and asks for models by this tag, which no model
# has; so one without it is no prompt. Its client adds `!= 'true'` to every search.
PROMPT_TAG = "mlflow.prompt.is_prompt"


def tag_conditions(
    asked: Iterable[Comparison], tags: type[ModelTag] | type[VersionTag], owner: str
) -> list[Q]:
    """Return the conditions on a row whose tags name it as `owner`."""
    return [
        _tag_condition(comparison, tags, owner)
        for comparison in asked
        if comparison.entity == Entity.TAG
    ]


def _tag_condition(
    comparison: Comparison, tags: type[ModelTag] | type[VersionTag], owner: str
) -> Q:
    of_key = tags._default_manager.filter(**{owner: OuterRef("pk")}, key=comparison.key)
    found = Q(Exists(of_key.filter(condition("value", comparison))))
    if comparison.key == PROMPT_TAG and _is_for_models(comparison):
        found |= Q(~Exists(of_key))
    return found


def _is_for_models(comparison: Comparison) -> bool:
    return (comparison.operator, comparison.value) in {
        (Operator.NOT_EQUAL, "true"),
        (Operator.EQUAL, "false"),
    }
