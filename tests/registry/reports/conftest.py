"""A challenger to report on; who serves comes from the tests of the registry."""

import pytest

from registry.models import ModelVersion
from tests import factories


@pytest.fixture
def third(workspace, cast, first) -> ModelVersion:
    return factories.version(workspace, cast, content=b"3")
