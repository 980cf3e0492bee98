"""Our own scores under the public suite; those that train networks have tests with few steps of their own."""

import pytest

from tsynth import registry
from tsynth.testing import score_checks

STANDARD = [name for name in registry.SCORES if registry.find("scores", name).standard]
CHECKS = [check for name in STANDARD for check in score_checks(name)]


@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_score_keeps_the_contract(check):
    check()
