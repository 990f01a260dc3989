"""The types of what comes in; lengths are MLflow's limits for its registry."""

from typing import Annotated

from msgspec import Meta, Struct

from audit.errors import InvalidError
from registry.search.tags import PROMPT_TAG
from tracking.mlflow_api.fields import MOST_ITEMS, NO_NUL, Key

ModelName = Annotated[str, Meta(min_length=1, max_length=250, pattern=NO_NUL)]
AliasName = Annotated[str, Meta(min_length=1, max_length=255, pattern=NO_NUL)]
TagValue = Annotated[str, Meta(max_length=100_000, pattern=NO_NUL)]
Words = Annotated[str, Meta(max_length=20_000, pattern=NO_NUL)]
Address = Annotated[str, Meta(min_length=1, max_length=2048, pattern=NO_NUL)]


class Tag(Struct):
    """A key and a value."""

    key: Key
    value: TagValue = ""


Tags = Annotated[list[Tag], Meta(max_length=MOST_ITEMS)]


def pairs(tags: list[Tag]) -> dict[str, str]:
    """Return tags as a mapping; of one key the last value counts."""
    found = {tag.key: tag.value for tag in tags}
    refuse_prompt(found)
    return found


def refuse_prompt(tags: dict[str, str]) -> None:
    """Refuse the tag by which MLflow's clients would no longer list a model."""
    if tags.get(PROMPT_TAG, "false").casefold() != "false":
        raise InvalidError(
            "prompts_not_kept",
            "Attestry keeps no prompts: its registry is for models. Keep them elsewhere.",
        )
