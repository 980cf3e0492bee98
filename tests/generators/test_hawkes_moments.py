"""Closed forms of moments: published values, and simulation at a stated rate of false alarm."""

from __future__ import annotations

import numpy as np
import pytest

from tests.generators.hawkes_cases import drawn
from tsynth.errors import UsageError
from tsynth.generators.point_process.excitation.moments import count_moments, mean_rates
from tsynth.generators.point_process.excitation.process import (
    Baseline,
    Exponentials,
    Histogram,
    PowerLaw,
    Process,
)


def one(x: float) -> np.ndarray:
    return np.full((1, 1, 1), x)


def test_the_published_moments():
    """mu 1, jump 2, decay 3, windows of 2 (Da Fonseca and Zaatour 2014): mean 6, variance 33.24805, 8.97174."""
    mean, variance, covariance = count_moments(1.0, 2.0, 3.0, 2.0)
    assert mean == pytest.approx(6.0, abs=1e-12)
    assert variance == pytest.approx(33.24805, abs=5e-6)
    assert covariance == pytest.approx(8.97174, abs=5e-6)


def test_without_excitation_counts_are_poisson():
    assert count_moments(1.5, 0.0, 3.0, 2.0) == (3.0, 3.0, 0.0)


def test_simulated_counts_have_these_moments():
    """20,000 windows after 12 lifetimes of burn-in; each moment within 4.5 standard errors: fails 1 in 50,000."""
    process = Process(Baseline(np.ones(1)), Exponentials(one(2 / 3), one(3.0)))
    made = drawn(process, 20_000, 16.0, seed=3, purpose="moments")
    who = np.repeat(np.arange(20_000), np.diff(made.offsets))
    counts = [
        np.bincount(who[(made.times >= low) & (made.times < low + 2)], minlength=20_000)
        for low in (12.0, 14.0)
    ]
    mean, variance, covariance = count_moments(1.0, 2.0, 3.0, 2.0)
    for values, wanted in (
        (counts[0], mean),
        ((counts[0] - mean) ** 2, variance),
        ((counts[0] - mean) * (counts[1] - mean), covariance),
    ):
        error = np.std(values) / np.sqrt(len(values))
        assert abs(np.mean(values) - wanted) < 4.5 * error


def test_mean_rates():
    """By hand: ``(I - G)^-1 mu``; a power law's children are jump c / (p - 1); a period's mean counts its cells."""
    branching = np.array([[0.5, 0.2], [0.1, 0.3]])
    level = np.array([1.0, 2.0])
    wanted = np.linalg.inv(np.eye(2) - branching) @ level
    for kernel in (
        Exponentials(np.stack([branching * 0.25, branching * 0.75]), np.array([1.0, 9.0]).reshape(2, 1, 1)),
        PowerLaw(branching / 0.4, 0.2, 1.5),
        Histogram(np.array([0.0, 2.0]), branching[None] / 2),
    ):
        np.testing.assert_allclose(mean_rates(Process(Baseline(level), kernel)), wanted)
    week = Baseline(level, np.array([0.0, 5.0, 7.0]), np.array([[0.6], [2.0]]), 7.0)
    np.testing.assert_allclose(mean_rates(Process(week, kernel)), wanted)


@pytest.mark.parametrize(
    ("process", "words"),
    [
        (Process(Baseline(np.ones(1)), Exponentials(one(1.1), one(1.0))), "explodes"),
        (Process(Baseline(np.ones(1)), PowerLaw(np.ones((1, 1)), 1.0, 0.9)), "explodes"),
        (Process(Baseline(np.ones(1)), Exponentials(one(-0.1), one(1.0)), "softplus"), "linear link"),
        (
            Process(Baseline(np.ones(1), np.arange(3.0), np.ones((2, 1))), Exponentials(one(0.1), one(1.0))),
            "does not repeat",
        ),
    ],
)
def test_what_has_no_mean_rate_is_refused(process, words):
    with pytest.raises(UsageError, match=words):
        mean_rates(process)


@pytest.mark.parametrize("changed", [{"jump": 3.0}, {"mu": -1.0}, {"length": 0.0}])
def test_moments_of_nothing_are_refused(changed):
    with pytest.raises(UsageError, match="no stationary process"):
        count_moments(**{"mu": 1.0, "jump": 2.0, "decay": 3.0, "length": 2.0, **changed})
