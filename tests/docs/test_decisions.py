"""Holds docs/decisions/ against its own form, and its first record against pyproject."""

import re
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.docs

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "decisions"
RECORDS = sorted(FOLDER.glob("0*.md"))
DEPENDENCIES = RECORDS[0]
HEADINGS = ["## Context", "## Decision", "## Consequence"]


def lines_of(record):
    return record.read_text(encoding="utf-8").splitlines()


def names_of(requirements):
    return {re.split(r"[\[~=<>! ;]", requirement)[0] for requirement in requirements}


def wanted_packages():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"]
    runtime = project["project"]["dependencies"]
    rest = ("demo", "test", "mlflow-server", "oldest-client")
    return [names_of(part) for part in (runtime, *(groups[name] for name in rest))]


def explained_packages():
    tables = DEPENDENCIES.read_text(encoding="utf-8").split("| package | why |")[1:]
    rows = [
        re.findall(r"^\| `([^`]+)` \| .+\. \|$", table, re.MULTILINE)
        for table in tables
    ]
    return [set(names) for names in rows]


def test_records_are_numbered_without_gaps():
    assert [record.name[:4] for record in RECORDS] == [
        f"{number:04}" for number in range(1, len(RECORDS) + 1)
    ]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_a_record_has_its_number_and_the_three_headings(record):
    lines = lines_of(record)
    assert lines[0].startswith(f"# {record.name[:4]} ")
    assert [line for line in lines if line.startswith("## ")] == HEADINGS


@pytest.mark.parametrize("record", RECORDS[1:], ids=lambda record: record.stem)
def test_a_record_is_short(record):
    assert 10 <= len(lines_of(record)) <= 25


def test_the_list_names_every_record_by_its_title():
    listed = re.findall(
        r"^\| (\d{4}) \| \[(.+)\]\((.+)\) \|$",
        (FOLDER / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert listed == [
        (record.name[:4], lines_of(record)[0][7:], record.name) for record in RECORDS
    ]


def test_every_dependency_has_its_sentence_and_no_sentence_lacks_its_dependency():
    assert explained_packages() == wanted_packages()
