"""Weighted counts and distances against slow twins, and weights against duplication."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from tsynth.data.streams import Streams
from tsynth.registry import find
from tsynth.scores.ruler import Grid
from tsynth.scores.weights import Counts, auc, roc, total_variation

BY_WEIGHT = ("marginals", "pairs", "lengths", "gaps", "autocorrelation", "transitions", "calendar", "exact_rows",
             "exact_runs")  # fmt: skip


def test_auc_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    score, truth, weights = rng.integers(0, 20, 500) * 1.0, rng.uniform(size=500) < 0.3, rng.uniform(size=500)
    assert auc(score, truth, weights) == pytest.approx(
        roc_auc_score(truth, score, sample_weight=weights), abs=1e-12
    )


def test_auc_of_one_class_is_a_guess():
    assert auc(np.arange(3.0), np.ones(3, bool), np.ones(3)) == 0.5


def test_roc_ends_at_both_corners():
    curve = roc(np.arange(100.0), np.arange(100) >= 50)
    assert curve["true"][0] == 1.0  # a perfect judge
    assert (curve["false"][-1], curve["true"][-1]) == (1.0, 1.0)


def test_total_variation_by_hand():
    # shares .5, .5 and .2, .8: half of .3 + .3
    assert total_variation(np.array([5.0, 5.0]), np.array([2.0, 8.0])) == pytest.approx(0.3)
    assert total_variation(np.zeros(2), np.ones(2)) == 1.0
    assert total_variation(np.zeros(2), np.zeros(2)) == 0.0


def test_grid_distance_is_wasserstein_on_ranks():
    rng = np.random.default_rng(1)
    train = rng.integers(0, 50, 3000) * 1.0  # few values: cells are exact
    a, b = rng.integers(0, 50, 400) * 1.0, rng.integers(10, 50, 300) * 1.0
    grid = Grid.learn(train)
    totals = [np.bincount(grid.cells(x), minlength=grid.size).astype(float) for x in (a, b)]
    ranks = [(stats.rankdata(np.r_[v, train])[0] - 1 - (train == v).sum() / 2) for v in np.unique(train)]
    place = dict(zip(np.unique(train), np.array(ranks) / len(train), strict=True))
    slow = 2 * stats.wasserstein_distance([place[v] for v in a], [place[v] for v in b])
    assert float(grid.distance(*totals)) == pytest.approx(slow, rel=0.02)  # midranks differ by half a tie


def test_grid_sees_nulls_and_ends():
    grid = Grid.learn(np.arange(100.0))
    full = np.bincount(grid.cells(np.arange(100.0)), minlength=grid.size).astype(float)
    null = np.bincount(grid.cells(np.full(10, np.nan)), minlength=grid.size).astype(float)
    above = np.bincount(grid.cells(np.full(10, 1e9)), minlength=grid.size).astype(float)
    assert grid.distance(full, full) == 0
    assert grid.distance(full, null) == 1
    assert grid.distance(full, above) == pytest.approx(1, abs=0.02)


def test_counts_weigh_entities():
    counts = Counts(np.array([0, 0, 1]), np.array([0, 1, 1]), 2, 3)
    assert counts.total(np.array([2.0, 5.0])).tolist() == [2, 7, 0]
    assert counts.total(np.array([[2.0, 5.0], [1.0, 0.0]])).tolist() == [[2, 7, 0], [1, 1, 0]]
    assert counts.entities().tolist() == [1, 2, 0]


@pytest.mark.parametrize("name", BY_WEIGHT)
def test_weights_are_duplication(accounts, name):
    train, reference, candidate = accounts(40, 1), accounts(40, 2), accounts(40, 3)
    rng = np.random.default_rng(5)
    weights = [rng.integers(0, 4, 40) for _ in range(2)]
    score, streams = find("scores", name)(), Streams(0, "test", range(40))
    whole = score.prepare(train, reference, candidate, streams)
    weighted = score.value(whole, weights[0].astype(float), weights[1].astype(float))
    doubled = [
        d.take(np.repeat(np.arange(40), w)) for d, w in zip((reference, candidate), weights, strict=True)
    ]
    again = score.prepare(train, *doubled, streams)
    plain = score.value(again, np.ones(len(doubled[0])), np.ones(len(doubled[1])))
    assert weighted == pytest.approx(plain, abs=1e-12)
    many = score.values(whole, *(np.array([w, w[::-1]]).astype(float) for w in weights))
    assert many[0] == pytest.approx(weighted, abs=1e-12)
