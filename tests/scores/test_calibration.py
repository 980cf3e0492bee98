"""For a perfect generator the interval of value - floor covers 0 at about its rate.

Measured with 100 worlds of 80 entities a side, seeds 0 to 99: the interval lies above 0 in 2 % of the worlds for
marginals, 1 % pairs, 2 % lengths, 0 % gaps, 1 % autocorrelation, 3 % transitions, 0 % calendar, 4 % exact_rows, 3 %
nearest, where 2.5 % is nominal; `times_floor` is 1.00 with a standard deviation of .09.
"""

from __future__ import annotations

import numpy as np
import pytest

from tsynth.scores.harness import evaluate

CHEAP = ("marginals", "pairs", "lengths", "gaps", "autocorrelation", "transitions", "calendar", "nearest")
WORLDS = 12


@pytest.mark.slow
def test_a_perfect_generator_raises_few_alarms(accounts):
    alarms, times = dict.fromkeys(CHEAP, 0), []
    for world in range(WORLDS):
        train, holdout, made = (accounts(60, 3 * world + part) for part in (500, 501, 502))
        report = evaluate(train, made, holdout, seed=world, scores=CHEAP)
        times.append(report.times_floor)
        for result in report.values():
            low, high = result.interval
            alarms[result.name] += not low <= 0 <= high
    # At a rate of 5 %, 4 or more of 12 happen in .2 % of the cases for a score; with 8 scores 2 % of correct runs
    # would fail if seeds were free. They are fixed.
    assert max(alarms.values()) <= 3, alarms
    assert sum(alarms.values()) <= 12, alarms
    # A standard deviation of .1 a world: the mean of 12 lies within .1 in all but .1 % of the cases.
    assert np.mean(times) == pytest.approx(1.0, abs=0.1)
