"""Versions to report on, as tests of what a report reads need them."""

import pytest

from registry.models import ModelVersion
from tests import factories


@pytest.fixture
def first(workspace, cast) -> ModelVersion:
    factories.policy(workspace, cast)
    return factories.champion(workspace, cast)


@pytest.fixture
def second(workspace, cast, first) -> ModelVersion:
    """The champion that took the slot of `first`."""
    return factories.champion(
        workspace, cast, content=b"2", scores=factories.predictions(strength=2.5)
    )


@pytest.fixture
def third(workspace, cast, first) -> ModelVersion:
    return factories.version(workspace, cast, content=b"3")
