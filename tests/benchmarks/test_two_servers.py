"""What is measured and tested is what production starts."""

import json
from pathlib import Path

import pytest

from benchmarks.two_servers import ALLOCATORS

pytestmark = pytest.mark.any_database

DOCKERFILE = Path(__file__).resolve().parent.parent.parent / "Dockerfile"


def test_the_allocators_are_set_as_in_production():
    _, command = DOCKERFILE.read_text().split("\nCMD ")
    words = json.loads(command.replace("\\\n", ""))
    assert words[: len(ALLOCATORS) + 2] == ["env", *ALLOCATORS, "granian"]
