"""For a perfect generator the interval of value - floor covers 0 at about its rate, and planted faults are found.

The whole table, all scores by all faults, is made by `python -m benchmarks calibration` (docs/benchmarks.md).
"""

from __future__ import annotations

import numpy as np
import pytest

from tsynth.scores.harness import evaluate, evaluate_each
from tsynth.testing import FAULTS, WORLDS

CHEAP = ("marginals", "pairs", "lengths", "gaps", "autocorrelation", "transitions", "calendar", "nearest")
DRAWS = 12


@pytest.mark.slow
def test_a_perfect_generator_raises_few_alarms():
    alarms, times = dict.fromkeys(CHEAP, 0), []
    make = WORLDS["transactions"]
    for draw in range(DRAWS):
        train, holdout, made = (make(60, 3 * draw + part) for part in (500, 501, 502))
        report = evaluate(train, made, holdout, seed=draw, scores=CHEAP)
        times.append(report.times_floor)
        for result in report.values():
            low, high = result.interval
            alarms[result.name] += not low <= 0 <= high
    # At a rate of 5 %, 4 or more of 12 happen in .2 % of the cases for a score; with 8 scores 2 % of correct runs
    # would fail if seeds were free. They are fixed.
    assert max(alarms.values()) <= 3, alarms
    assert sum(alarms.values()) <= 12, alarms
    # A standard deviation of .1 a draw: the mean of 12 lies within .1 in all but .1 % of the cases.
    assert np.mean(times) == pytest.approx(1.0, abs=0.1)


FOUND = {
    "transactions": {
        "shuffled_order": ["autocorrelation", "transitions"],
        "broken_pairs": ["pairs"],
        "wrong_gaps": ["gaps"],
        "shifted_season": ["calendar"],
        "independent_columns": ["pairs", "transitions"],
        "mean_collapse": ["marginals"],
        "lost_group": ["marginals"],
        "broken_rule": ["constraints"],
        "overfitted": ["nearest"],
    },
    "cohort": {"independent_columns": ["pairs"], "wrong_gaps": ["gaps"], "overfitted": ["nearest"]},
    "panel": {"shuffled_order": ["autocorrelation"], "shifted_season": ["calendar"]},
}


@pytest.mark.slow
@pytest.mark.parametrize("world", FOUND)
def test_faults_are_found(world):
    make = WORLDS[world]
    train, holdout, perfect = make(120, 1), make(240, 2), make(160, 3)
    made = {"perfect": perfect} | {name: FAULTS[name](perfect, train) for name in FOUND[world]}
    names = sorted({score for scores in FOUND[world].values() for score in scores})
    reports = evaluate_each(train, made, holdout, scores=names)
    for fault, scores in FOUND[world].items():
        for score in scores:
            # of a perfect generator an interval lies above 0 by chance in 2.5 % of the draws; the seeds are fixed
            assert reports["perfect"][score].interval[0] <= 0, score
            assert reports[fault][score].interval[0] > 0, (fault, reports[fault][score])
