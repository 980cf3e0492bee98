"""Which season events follow: found where it is, not found in clusters."""

import numpy as np
import pytest

from tsynth.data.streams import key
from tsynth.generators.point_process.excitation.process import Baseline, Exponentials, Process
from tsynth.generators.point_process.excitation.simulation import simulate
from tsynth.generators.point_process.season_choice import choose_season

OFFICE = [0.3] * 8 + [1.5] * 12 + [0.6] * 4
WEEK = [1.3] * 5 + [0.3] * 2


def chosen(factors, period, branching, sequences, length, seed, **said):
    """What is chosen for a Hawkes process in days, with a family of events that lasts hours."""
    baseline = Baseline(
        np.array([0.3]), np.linspace(0.0, period, len(factors) + 1), np.array(factors)[:, None], period, 0.0
    )
    kernel = Exponentials(np.array([[[branching]]]), np.array([[[3.0]]]))
    made = simulate(
        Process(baseline, kernel), np.zeros(sequences), np.full(sequences, float(length)), key=key(seed),
        entities=np.arange(sequences),
    )  # fmt: skip
    asked = {"day": 1.0, "calendar": True, "step": 0.0, **said}
    return choose_season(made.times, made.start, made.end, **asked)


@pytest.mark.parametrize("seed", range(5))
def test_hours_and_weekdays_are_found_behind_clusters(seed):
    assert chosen(OFFICE, 1.0, 0.6, 40, 100, seed)[0] == "hour"
    assert chosen(WEEK, 7.0, 0.6, 40, 200, seed)[0] == "weekday"


def test_clusters_are_no_season():
    """40 processes without a season whose events come in families of five; were one in 800 such alarmed, one of these
    would be with a chance below 5 %."""
    for seed in range(40):
        many = seed % 2 == 0
        name, why = chosen([1.0], 1.0, 0.8, 40 if many else 1, 200 if many else 3000, seed)
        assert name == "constant", seed
        assert "no season" in why


def test_without_days_or_with_few_of_them_nothing_is_asked():
    assert chosen(OFFICE, 1.0, 0.6, 40, 100, 0, day=0.0) == ("constant", "")
    assert chosen(OFFICE, 1.0, 0.6, 40, 5, 0) == ("constant", "")
    name, why = chosen(WEEK, 7.0, 0.6, 40, 200, 0, calendar=False)
    assert name == "constant"
    assert "weekday" not in why, "without dates no day has a name"
    assert "hour" not in chosen(WEEK, 7.0, 0.6, 40, 200, 0, step=1.0)[1], "whole days have no hours"
