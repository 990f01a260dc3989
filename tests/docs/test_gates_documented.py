"""Holds docs/gates.md against the gates themselves."""

import dataclasses
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, get_args, get_origin, get_type_hints

import pytest

import registry.gates  # noqa: F401 - installs every gate
from registry.gate import all_gates
from registry.policy_document import read_policy_document

pytestmark = pytest.mark.docs

PAGE = Path(__file__).parents[2] / "docs" / "gates.md"
OTHER_HEADINGS = {"Files", "How a gate decides", "What every verdict records"}


def sections():
    """Every section of the page by its heading."""
    parts = re.split(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def documented_parameters(text):
    """The rows (name, default, range) of a section's parameter table."""
    rows = re.findall(
        r"^\| `(\w+)` \|[^|]*\| ([^|]+) \| ([^|]+) \|[^|]+\|$", text, flags=re.MULTILINE
    )
    return [(name, default.strip("`"), limits) for name, default, limits in rows]


def declared_parameters(parameters):
    hints = get_type_hints(parameters, include_extras=True)
    for item in dataclasses.fields(parameters):
        required = item.default is dataclasses.MISSING
        yield (
            item.name,
            "required" if required else str(item.default),
            declared_range(hints[item.name]),
        )


def declared_range(hint):
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return ", ".join(f"`{member.value}`" for member in hint)
    assert get_origin(hint) is Annotated
    meta = get_args(hint)[1]
    lowest = f"[{meta.ge}" if meta.ge is not None else f"({meta.gt}"
    highest = "∞)"
    if meta.le is not None:
        highest = f"{meta.le}]"
    if meta.lt is not None:
        highest = f"{meta.lt})"
    return f"{lowest}, {highest}"


def test_every_gate_has_its_heading_and_no_heading_lacks_its_gate():
    assert sections().keys() - OTHER_HEADINGS == all_gates().keys()


@pytest.mark.parametrize("slug", list(all_gates()))
def test_parameters_defaults_and_ranges_are_those_of_the_code(slug):
    assert documented_parameters(sections()[slug]) == list(
        declared_parameters(all_gates()[slug].parameters)
    )


@pytest.mark.parametrize("slug", list(all_gates()))
def test_evidence_level_and_question_are_those_of_the_code(slug):
    gate, text = all_gates()[slug], sections()[slug]
    module = __import__(type(gate).__module__, fromlist=["__doc__"])
    assert f"**Evidence.** {gate.evidence_level}." in text
    assert f"**Question.** {module.__doc__}" in text


def test_the_policy_shown_is_a_policy():
    example = re.search(
        r"```yaml\n(.+?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL
    )
    assert example
    clauses = read_policy_document(example[1]).gates
    assert {clause.slug for clause in clauses} == all_gates().keys()
