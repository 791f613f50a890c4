"""The guests of ``phony`` as fixtures."""

from collections.abc import Callable

import pytest

from . import phony
from .phony import Sample


@pytest.fixture
def debian() -> Sample:
    return phony.debian()


@pytest.fixture
def rhel7() -> Sample:
    return phony.rhel7()


@pytest.fixture
def rhel6() -> Sample:
    return phony.rhel6()


@pytest.fixture
def sample() -> Callable[[str], Sample]:
    return lambda name: phony.GUESTS[name]()
