"""How much of what a run should carry is there: five categories, each item by its name.

A template's required fields and files are items; where it asks for none of a kind, the
general items stand in. The list is data: `ITEMS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from tracking.evidence import FILES_THAT_STATE_PYTHON, RunContent, SourceTag
from tracking.models import MetadataTemplate
from tracking.models.metadata import FieldKind


class Category(StrEnum):
    """The five categories, in the order in which they are shown."""

    PARAMETERS = "parameters"
    METRICS = "metrics"
    ARTIFACTS = "artifacts"
    CODE = "code"
    ENVIRONMENT = "environment"


@dataclass(frozen=True)
class Item:
    """One thing that a run should carry."""

    category: Category
    name: str
    is_there: Callable[[RunContent], bool]
    # A template that requires params, or metrics, says itself which.
    gives_way_to: FieldKind | None = None


def _tagged(*names: SourceTag) -> Callable[[RunContent], bool]:
    return lambda content: content.tag(*names) is not None


def _tree_is_known(content: RunContent) -> bool:
    return content.is_dirty is False or content.diff is not None


def _states_python(content: RunContent) -> bool:
    return content.tag(SourceTag.PYTHON) is not None or any(
        file.name in FILES_THAT_STATE_PYTHON for file in content.files
    )


ITEMS: tuple[Item, ...] = (
    Item(
        Category.PARAMETERS,
        "a param",
        lambda content: bool(content.params),
        gives_way_to=FieldKind.PARAM,
    ),
    Item(
        Category.PARAMETERS,
        "a seed",
        lambda content: bool(content.seeds),
        gives_way_to=FieldKind.PARAM,
    ),
    Item(
        Category.METRICS,
        "a metric",
        lambda content: bool(content.metrics),
        gives_way_to=FieldKind.METRIC,
    ),
    Item(Category.ARTIFACTS, "a model", lambda content: content.has_model),
    Item(Category.CODE, "commit", _tagged(SourceTag.COMMIT)),
    Item(Category.CODE, "repository", _tagged(SourceTag.REPOSITORY)),
    Item(
        Category.CODE,
        "entry point",
        lambda content: content.entry_point is not None,
    ),
    Item(Category.CODE, "clean tree, or its diff", _tree_is_known),
    Item(Category.ENVIRONMENT, "a lock file", lambda content: bool(content.lock_files)),
    Item(Category.ENVIRONMENT, "Python version", _states_python),
)


@dataclass(frozen=True)
class CategoryScore:
    """What of one category is there and what is missing, by name."""

    category: Category
    present: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def score(self) -> float:
        """Return the share of items that are there, from 0 to 1."""
        return len(self.present) / (len(self.present) + len(self.missing))


@dataclass(frozen=True)
class Completeness:
    """The five categories, and whether the code is that of its commit."""

    categories: tuple[CategoryScore, ...]
    is_dirty: bool | None
    is_diff_kept: bool

    @property
    def score(self) -> float:
        """Return the mean over the categories, each of the same weight."""
        return sum(category.score for category in self.categories) / len(Category)

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(item for category in self.categories for item in category.missing)


def completeness(content: RunContent, template: MetadataTemplate) -> Completeness:
    """Hold a run against the general items and its template's."""
    found = [
        *((item.category, item.name, item.is_there(content)) for item in _of(template)),
        *_of_template(content, template),
    ]
    return Completeness(
        categories=tuple(
            CategoryScore(
                category,
                tuple(
                    name for of, name, is_there in found if of == category and is_there
                ),
                tuple(
                    name
                    for of, name, is_there in found
                    if of == category and not is_there
                ),
            )
            for category in Category
        ),
        is_dirty=content.is_dirty,
        is_diff_kept=content.diff is not None,
    )


def _of(template: MetadataTemplate) -> list[Item]:
    return [
        item
        for item in ITEMS
        if item.gives_way_to is None or not template.required(item.gives_way_to)
    ]


def _of_template(
    content: RunContent, template: MetadataTemplate
) -> list[tuple[Category, str, bool]]:
    unmatched = content.unmatched(template.artifacts)
    return [
        *(
            (Category.PARAMETERS, f"param {key}", key in content.params)
            for key in template.required(FieldKind.PARAM)
        ),
        # A tag describes a run as a param does.
        *(
            (Category.PARAMETERS, f"tag {key}", key in content.tags)
            for key in template.required(FieldKind.TAG)
        ),
        *(
            (Category.METRICS, f"metric {key}", key in content.metrics)
            for key in template.required(FieldKind.METRIC)
        ),
        *(
            (Category.ARTIFACTS, f"file {pattern}", pattern not in unmatched)
            for pattern in template.artifacts
        ),
    ]
