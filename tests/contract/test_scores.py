"""Our own scores under the public suite."""

import pytest

from tsynth import registry
from tsynth.testing import score_checks

CHECKS = [check for name in registry.SCORES for check in score_checks(name)]


@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_score_keeps_the_contract(check):
    check()
