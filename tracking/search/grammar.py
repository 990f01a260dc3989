"""The words of a search: what may be compared, how, and in which order it comes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Entity(StrEnum):
    """What a compared key belongs to."""

    ATTRIBUTE = "attribute"
    METRIC = "metric"
    PARAM = "parameter"
    TAG = "tag"
    DATASET = "dataset"


class Operator(StrEnum):
    """How a key is compared; as a filter writes it, in capitals."""

    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="
    LIKE = "LIKE"
    ILIKE = "ILIKE"
    IN = "IN"
    NOT_IN = "NOT IN"
    IS_NULL = "IS NULL"
    IS_NOT_NULL = "IS NOT NULL"


Number = int | float
Value = str | Number | tuple[str, ...] | None

EQUALITY = frozenset({Operator.EQUAL, Operator.NOT_EQUAL})
FOR_NUMBERS = EQUALITY | {
    Operator.LESS,
    Operator.AT_MOST,
    Operator.GREATER,
    Operator.AT_LEAST,
}
FOR_PATTERNS = frozenset({Operator.LIKE, Operator.ILIKE})
FOR_TEXTS = EQUALITY | FOR_PATTERNS
FOR_LISTS = frozenset({Operator.IN, Operator.NOT_IN})
FOR_NULLS = frozenset({Operator.IS_NULL, Operator.IS_NOT_NULL})

DATASET_KEYS = frozenset({"name", "digest", "context"})


@dataclass(frozen=True)
class Comparison:
    """One clause of a filter."""

    entity: Entity
    key: str
    operator: Operator
    value: Value


@dataclass(frozen=True)
class Ordering:
    """One clause of an order."""

    entity: Entity
    key: str
    descending: bool = False


@dataclass(frozen=True)
class Grammar:
    """What one kind of search understands.

    `entities` maps every prefix to what it means; a key without one is an attribute.
    Of the number attributes, the `whole_attributes` are compared with whole numbers only,
    which may stand in quotes. Any key of the `listed` entities is compared with lists,
    and so are the `list_attributes`.
    """

    entities: Mapping[str, Entity]
    text_attributes: frozenset[str]
    number_attributes: frozenset[str]
    list_attributes: frozenset[str]
    orderable: frozenset[Entity]
    nullable: frozenset[Entity] = frozenset()
    whole_attributes: frozenset[str] = frozenset()
    listed: frozenset[Entity] = frozenset({Entity.DATASET})
    aliases: Mapping[str, str] = field(default_factory=dict)

    @property
    def attributes(self) -> frozenset[str]:
        return self.text_attributes | self.number_attributes

    def is_number(self, entity: Entity, key: str) -> bool:
        return entity == Entity.METRIC or (
            entity == Entity.ATTRIBUTE and key in self.number_attributes
        )

    def is_whole(self, entity: Entity, key: str) -> bool:
        return entity == Entity.ATTRIBUTE and key in self.whole_attributes

    def takes_list(self, entity: Entity, key: str) -> bool:
        return entity in self.listed or (
            entity == Entity.ATTRIBUTE and key in self.list_attributes
        )

    def operators(self, entity: Entity, key: str) -> frozenset[Operator]:
        found = FOR_NUMBERS if self.is_number(entity, key) else FOR_TEXTS
        if self.takes_list(entity, key):
            found |= FOR_LISTS
        if entity in self.nullable:
            found |= FOR_NULLS
        return found
