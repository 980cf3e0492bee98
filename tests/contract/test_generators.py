"""Our own generators under the public suite."""

import pytest

from tsynth import registry
from tsynth.errors import MissingExtra
from tsynth.testing import generator_checks

CHECKS = [check for name in registry.GENERATORS for check in generator_checks(name)]


@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_generator_keeps_the_contract(check):
    try:
        check()
    except MissingExtra as missing:
        pytest.skip(str(missing))
