"""Tables that are made at once are those that would be made one by one."""

import pytest
from django.db import connection, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations import CreateModel
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import Q

from audit.tables import CreateTables

ID = ("id", models.BigAutoField(primary_key=True))
# The first points at the second, which is not there yet when its table is made.
MODELS = [
    CreateModel(
        "Run",
        [
            ID,
            ("name", models.CharField(max_length=9, db_index=True)),
            ("place", models.ForeignKey("audit.Place", models.PROTECT)),
        ],
        {
            "constraints": [
                models.CheckConstraint(condition=~Q(name=""), name="named"),
                models.UniqueConstraint(fields=["place", "name"], name="once"),
            ]
        },
    ),
    CreateModel("Place", [ID], {"verbose_name": "site"}),
]


def editing() -> BaseDatabaseSchemaEditor:
    editor = connection.schema_editor(collect_sql=True)
    editor.deferred_sql = []  # what entering it does, outside of a transaction
    return editor


def done(operations: list[Operation]) -> tuple[ProjectState, list[str]]:
    """Return the state after the operations, and what they would have executed."""
    state, editor = ProjectState(), editing()
    for operation in operations:
        former = state.clone()
        _ = former.apps  # as Django does before each migration
        operation.state_forwards("audit", state)
        operation.database_forwards("audit", editor, former, state)
    return state, sorted([*editor.collected_sql, *map(str, editor.deferred_sql)])


@pytest.mark.django_db
def test_tables_made_at_once_are_those_made_one_by_one():
    state, statements = done([CreateTables(MODELS)])
    one_by_one, same = done([*reversed(MODELS)])

    assert (state.models, statements) == (one_by_one.models, same)
    assert sum(s.startswith("CREATE TABLE") for s in statements) == 2


@pytest.mark.django_db
def test_tables_go_in_the_other_order():
    before, editor = ProjectState(), editing()
    after = before.clone()
    CreateTables(MODELS).state_forwards("audit", after)

    CreateTables(MODELS).database_backwards("audit", editor, after, before)

    dropped = [s.split('"')[1] for s in editor.collected_sql if "DROP TABLE" in s]
    assert dropped == ["audit_place", "audit_run"]
