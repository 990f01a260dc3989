"""Every filter that a grammar allows is answered by the database, whatever it compares."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.search import model_versions, registered_models
from tests import factories
from tracking.search import experiments, logged_models, runs
from tracking.search.grammar import (
    DATASET_KEYS,
    FOR_LISTS,
    FOR_NULLS,
    Entity,
    Grammar,
    Operator,
)

TEXTS = st.text("ab%_\\*?[]é%", max_size=8)
KEYS = st.sampled_from(["loss", "team", "depth"]) | st.text(
    "abc./ -", min_size=1, max_size=8
)
WHOLE = st.one_of(
    st.integers(),
    st.integers(-(10**20), 10**20),
    st.integers(300, 1500).map(lambda digits: 10**digits),
    st.integers(300, 1500).map(lambda digits: -(10**digits)),
    st.sampled_from([2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1]),
).map(str)
ODD = st.sampled_from(["1e400", "-1e400", "1e-400", "-0.0", "00", "1.", ".5", "1E+9"])
NUMBERS = st.one_of(
    WHOLE, ODD, st.floats(allow_nan=False, allow_infinity=False).map(repr)
)


@st.composite
def clauses(draw: st.DrawFn, grammar: Grammar) -> str:
    """One comparison that the grammar allows, of any of its keys."""
    prefix, entity = draw(st.sampled_from(sorted(grammar.entities.items())))
    if entity == Entity.ATTRIBUTE:
        key = draw(st.sampled_from(sorted(grammar.attributes)))
    elif entity == Entity.DATASET:
        key = draw(st.sampled_from(sorted(DATASET_KEYS)))
    else:
        key = draw(KEYS)
    operator = draw(st.sampled_from(sorted(grammar.operators(entity, key))))
    return f"{prefix}.`{key}` {operator} {draw(values(grammar, entity, key, operator))}"


def values(
    grammar: Grammar, entity: Entity, key: str, operator: Operator
) -> st.SearchStrategy[str]:
    if operator in FOR_NULLS:
        return st.just("")
    quoted = TEXTS.map("'{}'".format)
    if operator in FOR_LISTS:
        return st.lists(quoted, min_size=1, max_size=3).map(
            lambda texts: f"({', '.join(texts)})"
        )
    if grammar.is_whole(entity, key):
        return WHOLE | WHOLE.map("'{}'".format)
    return NUMBERS if grammar.is_number(entity, key) else quoted


def filters(grammar: Grammar) -> st.SearchStrategy[str]:
    return st.lists(clauses(grammar), min_size=1, max_size=6).map(" AND ".join)


@contextmanager
def searches_of(table: str) -> Iterator[list[str]]:
    """Note the statements that read pages of a table."""
    sent: list[str] = []

    def note(execute: Any, sql: str, *arguments: Any) -> Any:
        if f'FROM "{table}"' in sql and "LIMIT" in sql:
            sent.append(sql)
        return execute(sql, *arguments)

    with connection.execute_wrapper(note):
        yield sent


@pytest.fixture
def rows(workspace, cast):
    """A run and a row of each other kind, which have something of all that is compared."""
    factories.version(workspace, cast)
    run = factories.run(workspace, cast.alice)
    factories.everything_logged(run, cast.alice)
    factories.logged_model(run, cast.alice)
    return run


SEARCHES = {
    "runs/search": (runs.GRAMMAR, "tracking_run"),
    "experiments/search": (experiments.GRAMMAR, "tracking_experiment"),
    "logged-models/search": (logged_models.GRAMMAR, "tracking_loggedmodel"),
    "registered-models/search": (
        registered_models.GRAMMAR,
        "registry_registeredmodel",
    ),
    "model-versions/search": (model_versions.GRAMMAR, "registry_modelversion"),
}
ORDERS: dict[str, list[Any]] = {
    "runs/search": ["metrics.`a/b` DESC", "params.c", "end_time"],
    "logged-models/search": [{"field_name": "metrics.loss"}],
    "registered-models/search": ["timestamp DESC"],
    "model-versions/search": ["version_number"],
    "experiments/search": ["name", "experiment_id DESC"],
}


# The searches write nothing, so all examples may share one transaction.
@pytest.mark.parametrize("path", SEARCHES)
@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_every_valid_filter_is_answered_by_the_database(alice, rows, path, data):
    grammar, table = SEARCHES[path]
    is_of_experiments = path in {"runs/search", "logged-models/search"}
    ids = {"experiment_ids": [str(rows.experiment_id)]} if is_of_experiments else {}
    query = {
        "filter": data.draw(filters(grammar)),
        "order_by": data.draw(st.sampled_from([[], ORDERS[path]])),
        "max_results": 5,
        **ids,
    }
    send = alice.get if table.startswith("registry_") else alice.post
    with searches_of(table) as sent:
        status, answer = send(path, **query)
    assert status == 200, answer
    # That no column holds such a number Django says without asking.
    assert sent or "version_number" in query["filter"]
