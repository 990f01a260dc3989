"""Holds docs/glossary.md against the names of the tables and the words they store."""

import re
from pathlib import Path

import pytest
from django.apps import apps

from registry.models import LeasedWork
from registry.verdict import EvidenceLevel, Outcome
from tracking.permissions import Role

pytestmark = pytest.mark.docs

PAGE = Path(__file__).resolve().parents[2] / "docs" / "glossary.md"
GROUPS = {"Log": "audit", "Tracking": "tracking", "Registry": "registry"}
LINE = re.compile(r"^- \*\*(?P<term>[^*]+)\*\*: (?P<meaning>.+\.)$")


def lines_by_group():
    text = PAGE.read_text(encoding="utf-8")
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return {
        heading: body.strip().splitlines()
        for heading, body in zip(parts[1::2], parts[2::2], strict=True)
    }


def meanings(group):
    """What each term of a group means; lines of another form are left out."""
    matches = (LINE.match(line) for line in lines_by_group()[group])
    return [(match["term"], match["meaning"]) for match in matches if match]


def plain_terms(group):
    return [plain(term) for term, _ in meanings(group)]


def in_words(class_name):
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", class_name).lower()


def plain(term):
    return term.lower().replace("-", " ")


def test_there_is_a_group_for_every_floor():
    assert list(lines_by_group()) == list(GROUPS)


@pytest.mark.parametrize("group", GROUPS)
def test_every_term_has_one_line(group):
    assert [line for line in lines_by_group()[group] if not LINE.match(line)] == []


@pytest.mark.parametrize("group", GROUPS)
def test_terms_stand_in_alphabetical_order(group):
    found = plain_terms(group)
    assert found == sorted(set(found))


@pytest.mark.parametrize(("group", "app"), GROUPS.items())
def test_every_table_is_explained_in_the_group_of_its_floor(group, app):
    tables = {
        in_words(model.__name__) for model in apps.get_app_config(app).get_models()
    }
    assert tables - set(plain_terms(group)) == set()


def test_work_that_survives_its_worker_is_explained():
    assert in_words(LeasedWork.__name__) in plain_terms("Registry")


@pytest.mark.parametrize(
    ("group", "term", "words"),
    [
        ("Tracking", "Role", [role.label.lower() for role in Role]),
        ("Registry", "Outcome", [outcome.name for outcome in Outcome]),
        ("Registry", "Evidence level", [level.value for level in EvidenceLevel]),
    ],
)
def test_a_closed_list_names_every_member(group, term, words):
    meaning = dict(meanings(group))[term]
    assert [word for word in words if word not in meaning] == []
