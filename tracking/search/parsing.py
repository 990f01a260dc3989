"""Reads filter strings and orders: comparisons joined by AND, and nothing else."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from audit.errors import InvalidError
from tracking.search.grammar import (
    DATASET_KEYS,
    FOR_LISTS,
    FOR_NULLS,
    FOR_PATTERNS,
    Comparison,
    Entity,
    Grammar,
    Operator,
    Ordering,
    Value,
)

LONGEST_FILTER = 10_000
MOST_COMPARISONS = 100
# A pattern is tried at each character of a value, so its length is work for every row.
LONGEST_PATTERNS = 2_000
MOST_ORDERINGS = 20
LONGEST_ORDERING = 500
# Python reads no whole number of more than 4300 digits.
MOST_DIGITS = 4000

_TOKEN = re.compile(
    r"""
    (?P<blank>\s+)
  | (?P<text>'(?:[^']|'')*')
  | (?P<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
  | (?P<name>(?:[A-Za-z_]\w*|`[^`]*`|"[^"]*")(?:\.(?:`[^`]*`|"[^"]*"|'[^']*'|[\w.]+))?)
  | (?P<operator><=|>=|!=|=|<|>)
  | (?P<mark>[(),])
    """,
    re.VERBOSE,
)
_WHOLE = re.compile(r"-?[0-9]+")
_KEY = re.compile(
    r"(?:(?P<prefix>\w+|`\w+`)\.)?"
    r"""(?P<key>`[^`]+`|"[^"]+"|'[^']+'|[^\s,;`"']+)"""
    r"(?:\s+(?P<direction>asc|desc))?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str

    def is_word(self, word: str) -> bool:
        return self.kind == "name" and self.text.upper() == word


_END = _Token("end", "the end")


def parse_filter(text: str, grammar: Grammar) -> tuple[Comparison, ...]:
    """Return the comparisons of a filter; the empty filter has none.

    InvalidError says what is wrong and where.
    """
    if not text:
        return ()
    if len(text) > LONGEST_FILTER:
        raise _invalid(f"it has more than {LONGEST_FILTER} characters")
    return _Parser(_tokens(text), grammar).comparisons()


def parse_order(clauses: Sequence[str], grammar: Grammar) -> tuple[Ordering, ...]:
    """Return the orderings of `key [ASC|DESC]` clauses; none may come twice.

    A key with blanks, commas or semicolons stands in quotes.
    """
    _refuse_too_many(clauses)
    orderings = tuple(_ordering(clause, grammar) for clause in clauses)
    keys = {(ordering.entity, ordering.key) for ordering in orderings}
    if len(keys) != len(orderings):
        raise _invalid_order("it names a key twice")
    return orderings


def parse_fields(names: Sequence[str], grammar: Grammar) -> tuple[Ordering, ...]:
    """Return the orderings of keys that come without a direction, so without quotes too."""
    _refuse_too_many(names)
    return tuple(_ordered_by(*_split(name), grammar) for name in names)


def _refuse_too_many(clauses: Sequence[str]) -> None:
    if len(clauses) > MOST_ORDERINGS:
        raise _invalid_order(f"it has more than {MOST_ORDERINGS} clauses")


def _ordering(clause: str, grammar: Grammar) -> Ordering:
    clause = clause.strip()
    match = _KEY.fullmatch(clause) if len(clause) <= LONGEST_ORDERING else None
    if match is None:
        raise _invalid_order(f"{clause[:100]!r} is not 'key', 'key ASC' or 'key DESC'")
    direction = (match["direction"] or "asc").lower()
    return _ordered_by(
        match["prefix"], match["key"], grammar, descending=direction == "desc"
    )


def _ordered_by(
    prefix: str | None, key: str, grammar: Grammar, *, descending: bool = False
) -> Ordering:
    entity, key = _named(prefix, key, grammar)
    if entity not in grammar.orderable:
        raise _invalid_order(f"nothing is ordered by a {entity}")
    return Ordering(entity, key, descending)


class _Parser:
    def __init__(self, tokens: list[_Token], grammar: Grammar) -> None:
        self._tokens = tokens
        self._grammar = grammar
        self._at = 0

    def comparisons(self) -> tuple[Comparison, ...]:
        found = [self._comparison()]
        while self._peek() is not _END:
            self._expect_word("AND")
            found.append(self._comparison())
            if len(found) > MOST_COMPARISONS:
                raise _invalid(f"it has more than {MOST_COMPARISONS} comparisons")
        patterns = [str(one.value) for one in found if one.operator in FOR_PATTERNS]
        if sum(map(len, patterns)) > LONGEST_PATTERNS:
            raise _invalid(
                f"the patterns after LIKE and ILIKE have more than {LONGEST_PATTERNS} "
                f"characters together"
            )
        return tuple(found)

    def _peek(self) -> _Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else _END

    def _next(self) -> _Token:
        token = self._peek()
        self._at += 1
        return token

    def _expect_word(self, word: str) -> None:
        token = self._next()
        if not token.is_word(word):
            raise _invalid(
                f"{token.text[:100]} stands where {word} should (comparisons are joined "
                f"by AND; there is no OR and there are no parentheses around them)"
            )

    def _comparison(self) -> Comparison:
        token = self._next()
        if token.kind != "name":
            raise _invalid(f"{token.text[:100]} stands where a key should")
        prefix, key = _split(token.text)
        entity, key = _named(prefix, key, self._grammar)
        operator = self._operator()
        allowed = self._grammar.operators(entity, key)
        if operator not in allowed:
            listed = ", ".join(sorted(allowed))
            raise _invalid(f"{entity} {key!r} can be compared by {listed} only")
        return Comparison(entity, key, operator, self._value(entity, key, operator))

    def _operator(self) -> Operator:
        token = self._next()
        if token.kind == "operator":
            return Operator(token.text)
        word = token.text.upper() if token.kind == "name" else ""
        if word in {"LIKE", "ILIKE", "IN"}:
            return Operator(word)
        if word == "NOT":
            self._expect_word("IN")
            return Operator.NOT_IN
        if word == "IS":
            negated = self._peek().is_word("NOT")
            if negated:
                self._next()
            self._expect_word("NULL")
            return Operator.IS_NOT_NULL if negated else Operator.IS_NULL
        raise _invalid(f"{token.text[:100]} stands where a comparison should")

    def _value(self, entity: Entity, key: str, operator: Operator) -> Value:
        if operator in FOR_NULLS:
            return None
        if operator in FOR_LISTS:
            return self._list()
        token = self._next()
        if self._grammar.is_whole(entity, key):
            return _whole(token, key)
        if self._grammar.is_number(entity, key):
            if token.kind != "number":
                raise _invalid(f"{entity} {key!r} is compared with a number")
            return _number(token.text)
        return _text(token)

    def _list(self) -> tuple[str, ...]:
        if self._next().text != "(":
            raise _invalid("IN wants a list such as ('a', 'b')")
        texts = [_text(self._next())]
        while (mark := self._next().text) == ",":
            texts.append(_text(self._next()))
        if mark != ")":
            raise _invalid("the list after IN is not closed")
        return tuple(texts)


def _tokens(text: str) -> list[_Token]:
    tokens, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _invalid(f"it cannot be read from {text[at : at + 30]!r} on")
        if match.lastgroup != "blank":
            tokens.append(_Token(str(match.lastgroup), match[0]))
        at = match.end()
    return tokens


def _split(name: str) -> tuple[str | None, str]:
    quoted = name[0] in '`"' and name.find(name[0], 1) == len(name) - 1
    if quoted or "." not in name:
        return None, name
    prefix, _, key = name.partition(".")
    return prefix, key


def _named(prefix: str | None, key: str, grammar: Grammar) -> tuple[Entity, str]:
    word = _unquoted(prefix) if prefix else Entity.ATTRIBUTE
    entity = grammar.entities.get(word)
    if entity is None:
        known = ", ".join(sorted(set(grammar.entities.values())))
        raise _invalid(f"{word[:100]!r} is none of {known}")
    key = grammar.aliases.get(_unquoted(key), _unquoted(key))
    if entity == Entity.ATTRIBUTE and key not in grammar.attributes:
        known = ", ".join(sorted(grammar.attributes))
        raise _invalid(f"the attribute {key[:100]!r} is none of {known}")
    if entity == Entity.DATASET and key not in DATASET_KEYS:
        raise _invalid(f"a dataset has name, digest and context, not {key[:100]!r}")
    return entity, key


def _unquoted(text: str) -> str:
    is_quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "`\"'"
    return text[1:-1] if is_quoted else text


def _text(token: _Token) -> str:
    is_quoted = token.text[0] in "'\"" and token.text[-1] == token.text[0]
    if token.kind not in {"text", "name"} or not is_quoted:
        raise _invalid(f"{token.text[:100]} should be a text in quotes, such as 'a'")
    return token.text[1:-1].replace("''", "'")


def _number(text: str) -> int | float:
    """Return the number; beyond the floats, which metrics are, it is infinite."""
    value = float(text)
    return int(text) if _WHOLE.fullmatch(text) and isfinite(value) else value


def _whole(token: _Token, key: str) -> int:
    digits = _text(token) if token.kind == "text" else token.text
    if not _WHOLE.fullmatch(digits) or len(digits) > MOST_DIGITS:
        raise _invalid(
            f"{key!r} is compared with a whole number, not with {digits[:100]}"
        )
    return int(digits)


def _invalid(reason: str) -> InvalidError:
    return InvalidError(
        "filter_invalid",
        f"The filter string is not valid: {reason}. Write comparisons such as "
        f"metrics.auc > 0.9 AND tags.team = 'credit'.",
    )


def _invalid_order(reason: str) -> InvalidError:
    return InvalidError(
        "order_invalid",
        f"The order is not valid: {reason}. Write clauses such as 'metrics.auc DESC'.",
    )
