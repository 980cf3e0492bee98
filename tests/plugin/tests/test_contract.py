"""The public suite, run by the author of the plug-in."""

import pytest

from tsynth.testing import generator_checks, score_checks


@pytest.mark.parametrize("check", generator_checks("toy_independent"), ids=str)
def test_generator(check):
    check()


@pytest.mark.parametrize("check", score_checks("toy_mean_length"), ids=str)
def test_score(check):
    check()
