"""The words of MLflow's protocol for stages, in any letter case."""

from audit.errors import InvalidError
from registry.models import Stage

_NAMED = {stage.casefold(): stage for stage in Stage}


def stage_named(word: str) -> Stage:
    stage = _NAMED.get(word.casefold())
    if stage is None:
        raise InvalidError(
            "stage_unknown",
            f"Invalid Model Version stage: {word[:100]}. Value must be one of "
            f"{', '.join(Stage)}.",
        )
    return stage
