"""Holds docs/configuration.md against the variables that the settings read."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from config.env import VARIABLES

pytestmark = pytest.mark.docs

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "configuration.md"
ROW = re.compile(
    r"^\| `(ATTESTRY_\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$",
    re.MULTILINE,
)
# Read by Compose itself, for the address that it publishes.
OF_COMPOSE = {"ATTESTRY_LISTEN"}
DEPLOYMENT = ["docker-compose.yml", "Dockerfile", ".env.example"]


def rows() -> dict[str, tuple[str, str]]:
    """Kind and default of every variable on the page."""
    assert settings.configured
    assert settings.VERSION
    return {
        name: (kind, default.strip("`"))
        for name, kind, default, _, _ in ROW.findall(PAGE.read_text("utf-8"))
    }


def test_page_tells_kind_and_default_of_every_variable_and_of_no_other():
    read = {
        variable.name: (variable.kind, variable.default or "nothing")
        for variable in VARIABLES.values()
    }
    assert rows() == read


def test_every_secret_is_named_with_its_file():
    section = PAGE.read_text("utf-8").partition("## Secrets from files")[2]
    named = set(re.findall(r"`(ATTESTRY_\w+)_FILE`", section))
    assert named == {v.name for v in VARIABLES.values() if v.kind == "secret"}


@pytest.mark.parametrize("name", DEPLOYMENT)
def test_deployment_files_set_only_variables_that_are_read(name):
    text = (ROOT / name).read_text("utf-8")
    used = set(re.findall(r"\bATTESTRY_[A-Z_]+\b", text))
    assert used
    assert {
        name.removesuffix("_FILE") for name in used
    } <= VARIABLES.keys() | OF_COMPOSE


def test_page_names_no_variable_that_does_not_exist():
    named = set(re.findall(r"ATTESTRY_[A-Z_]*[A-Z]", PAGE.read_text("utf-8")))
    known = VARIABLES.keys() | {f"{name}_FILE" for name in VARIABLES} | OF_COMPOSE
    assert named <= known
