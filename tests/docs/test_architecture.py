"""Holds docs/architecture.md against the code."""

import re
import tomllib
from itertools import groupby
from pathlib import Path

import pytest
from django.db.migrations.loader import MigrationLoader

from audit.triggers import APPEND_ONLY_TABLES
from registry.models.finding import FINDING_MOVES
from registry.models.promotion_request import MOVES
from registry.permissions import MODEL_GRANTS
from tracking.models.role_grant import MOVES as GRANT_MOVES
from tracking.permissions import EXPERIMENT_GRANTS, WORKSPACE_GRANTS, Role

pytestmark = pytest.mark.docs

ROOT = Path(__file__).resolve().parents[2]
APPS = ("audit", "tracking", "registry")
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def section(heading):
    """The text below a heading, up to the next one of its level or above."""
    level = heading.partition(" ")[0]
    body = TEXT.split(f"\n{heading}\n", 1)[1]
    return re.split(rf"^#{{1,{len(level)}}} ", body, maxsplit=1, flags=re.MULTILINE)[0]


def tables(text):
    """Every Markdown table as rows of cells, without the line below the head."""
    lines = (line if line.startswith("|") else "" for line in text.splitlines())
    blocks = [list(block) for filled, block in groupby(lines, bool) if filled]
    return [
        [[cell.strip() for cell in line.strip("|").split("|")] for line in block]
        for block in ([head, *rows] for head, _, *rows in blocks)
    ]


def quoted(text):
    return re.findall(r"`([^`]+)`", text)


def contracts():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return project["tool"]["importlinter"]["contracts"]


def apps_with(module):
    return [
        app
        for app in APPS
        if (ROOT / app / f"{module}.py").exists()
        or (ROOT / app / module / "__init__.py").exists()
    ]


def test_floors_are_those_of_the_import_contract():
    _, *rows = tables(section("## Three floors"))[0]
    assert [quoted(floor)[0] for floor, _ in rows] == contracts()[0]["layers"]


def test_layers_are_those_of_the_import_contract():
    _, *rows = tables(section("## Layers inside a floor"))[0]
    documented = [
        {quoted(row[1])[0] for row in layer}
        for _, layer in groupby(rows, key=lambda row: row[0])
    ]
    assert documented == [
        set(re.findall(r"\w+", layer)) for layer in contracts()[1]["layers"]
    ]


def test_every_module_of_a_layer_is_where_the_page_says():
    _, *rows = tables(section("## Layers inside a floor"))[0]
    documented = {
        quoted(module)[0]: [] if apps == "none" else apps.split(", ")
        for _, module, apps, _ in rows
    }
    assert documented == {module: apps_with(module) for module in documented}


def test_the_other_contracts_are_named():
    names = {contract["name"] for contract in contracts()[2:]}
    listed = re.findall(
        r"^- (.+)$", section("## Layers inside a floor"), flags=re.MULTILINE
    )
    assert set(listed) == names


def test_every_path_of_the_tree_exists():
    paths = [
        line.split()[0]
        for line in section("## The tree").split("```")[1].strip().splitlines()
    ]
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_folder_of_code_is_in_the_tree():
    folders = {
        path.name
        for path in ROOT.iterdir()
        if path.is_dir() and path.name not in {"var", "__pycache__"}
    }
    tree = section("## The tree")
    assert [
        name
        for name in sorted(folders)
        if not name.startswith(".") and f"\n{name}/" not in tree
    ] == []


def append_only_tables():
    # Importing the migrations is what fills the set.
    MigrationLoader(None)
    return sorted(APPEND_ONLY_TABLES)


def test_append_only_tables_are_those_with_triggers():
    documented = quoted(section("## Append-only tables").split("\n\n")[1])
    assert sorted(documented) == append_only_tables()


def test_states_of_a_grant_lead_where_the_code_says():
    _, *rows = tables(section("## Permissions"))[4]
    documented = {quoted(start)[0]: set(quoted(targets)) for start, targets, _ in rows}
    assert documented == {
        start.value: {target.value for target in targets}
        for start, targets in GRANT_MOVES.items()
        if targets
    }


@pytest.mark.parametrize(
    ("subject", "moves"), [("promotion request", MOVES), ("finding", FINDING_MOVES)]
)
def test_states_lead_where_the_code_says(subject, moves):
    _, *rows = tables(section(f"## States of a {subject}"))[0]
    documented = {quoted(start)[0]: set(quoted(targets)) for start, targets, _ in rows}
    assert documented == {
        start.value: {target.value for target in targets}
        for start, targets in moves.items()
    }


@pytest.mark.parametrize(
    ("place", "grants"),
    [(1, WORKSPACE_GRANTS), (2, EXPERIMENT_GRANTS), (3, MODEL_GRANTS)],
    ids=["workspace", "experiment", "model"],
)
def test_permissions_are_those_that_roles_are_given(place, grants):
    head, *rows = tables(section("## Permissions"))[place]
    assert head[1:] == [role.value for role in Role]
    documented = {
        quoted(permission)[0]: {
            role for role, cell in zip(head[1:], cells, strict=True) if cell == "yes"
        }
        for permission, *cells in rows
    }
    assert documented == {
        permission: {role.value for role in roles}
        for permission, roles in grants.items()
    }
