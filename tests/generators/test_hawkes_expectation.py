"""Kernels of steps by expectation and maximisation: slow twins, the top, recovery inside intervals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.generators import hawkes_cases
from tests.generators.hawkes_cases import some_events
from tsynth.compiled.hawkes import expectation as loops
from tsynth.errors import DataError, UsageError
from tsynth.generators.point_process.excitation.expectation import fit_histogram
from tsynth.generators.point_process.excitation.histogram import bins_of, log_likelihood, merged
from tsynth.generators.point_process.excitation.process import (
    Baseline,
    Events,
    Exponentials,
    Histogram,
    Process,
)


def drawn(process: Process, sequences: int, length: float, seed: int = 0, **more) -> Events:
    return hawkes_cases.drawn(process, sequences, length, seed=seed, purpose="steps", **more)


# -- slow twins -----------------------------------------------------------------------------------------------


def slow(events, weight, unit, cell, bounds, rate, height):
    """All pairs as matrices; what `shared_out`, `pairs_in`, `exposed` and `information` give."""
    cells, m = rate.shape
    bins = len(bounds) - 1
    own, child, each = np.zeros((cells, m)), np.zeros((bins, m, m)), np.zeros(events.n_sequences)
    pairs, exposed, logs = np.zeros(bins, int), np.zeros((bins, m)), 0.0
    info = np.zeros((m, cells + bins * m, cells + bins * m))
    for n in range(events.n_sequences):
        rows = np.arange(events.offsets[n], events.offsets[n + 1])
        for r in rows:
            i = events.types[r]
            covered = np.clip(events.end[n] - events.times[r] - bounds[:-1], 0, np.diff(bounds))
            exposed[:, i] += weight[r] * covered
            if unit[r] < 0:
                continue
            lag = events.times[r] - events.times[rows]
            parents = rows[(lag > 0) & (lag < bounds[-1])]
            b = np.searchsorted(bounds, events.times[r] - events.times[parents], side="right") - 1
            excited = weight[parents] * height[b, events.types[parents], i]
            base = unit[r] * rate[cell[r], i]
            total = base + excited.sum()
            logs += np.log(total)
            own[cell[r], i] += base / total
            each[n] += base / total
            np.add.at(child, (b, events.types[parents], i), excited / total)
            np.add.at(pairs, b, 1)
            x = np.zeros(cells + bins * m)
            x[cell[r]] = unit[r]
            np.add.at(x, cells + b * m + events.types[parents], weight[parents])
            info[i] += np.outer(x, x) / total**2
    return own, child, each, pairs, exposed, logs, info


@given(st.integers(0, 10**6))
def test_each_loop_gives_what_its_slow_twin_gives(seed):
    random = np.random.default_rng(seed)
    e = some_events(seed)
    bounds = np.array([0.0, 0.2, 0.5, 1.7])
    weight, unit = random.uniform(0.5, 2, e.n_events), random.choice([1.0, 0.5, -1.0], e.n_events)
    cell = random.integers(0, 2, e.n_events).astype(np.int32)
    rate, height = random.uniform(0.1, 1, (2, 2)), random.uniform(0, 1, (3, 2, 2))
    found = np.empty((2, 2)), np.empty((3, 2, 2)), np.empty(4)
    logs = loops.shared_out(e.offsets, e.times, e.types, weight, unit, cell, bounds, rate, height, *found)
    info = np.zeros((2, 8, 8))
    loops.information(e.offsets, e.times, e.types, weight, unit, cell, bounds, rate, height, info)
    pairs = loops.pairs_in(e.offsets, e.times, weight, unit, bounds)
    exposed = loops.exposed(e.offsets, e.times, e.types, weight, e.end, bounds, 2)
    wanted = slow(e, weight, unit, cell, bounds, rate, height)
    for a, b in zip((*found, pairs, exposed, logs, info), wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


# -- the top --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("opened", [False, True])
def test_the_fit_is_the_top(opened):
    """No move of a coefficient by a tenth of its error, or by 1e-3, gains log-likelihood; the value is exact."""
    e = some_events(5, (150, 80, 120))
    if opened:
        e = replace(e, given=np.array([1, 0, 2]))
    base = Baseline(np.ones(2), np.array([0.0, 0.4, 1.0]), np.ones((2, 2)), 1.0)
    found = fit_histogram(e, 2, np.array([0.0, 0.1, 0.5]), baseline=base, power=0.3, reference=0.2)
    assert found.converged
    assert found.log_likelihood == pytest.approx(log_likelihood(found.process, e), abs=1e-12)
    kernel, baseline = found.process.kernel, found.process.baseline
    for where in np.ndindex(kernel.height.shape):
        for move in (-0.02, 0.02):
            height = kernel.height.copy()
            height[where] = max(height[where] + move, 0.0)
            moved = replace(found.process, kernel=replace(kernel, height=height))
            assert log_likelihood(moved, e) <= found.log_likelihood + 1e-4
    for where in np.ndindex(baseline.factors.shape):
        for move in (0.98, 1.02):
            factors = baseline.factors.copy()
            factors[where] *= move
            moved = replace(found.process, baseline=replace(baseline, factors=factors))
            assert log_likelihood(moved, e) <= found.log_likelihood + 1e-4


def test_a_fit_recovers_exponentials_inside_its_intervals():
    """40 data sets of 50 short windows: intervals of 95 % of heights and rate, 200 in all, cover 88 to 99 %.

    A height's truth is the exponential's mean over its bin. At 95 % fewer than 176 of 200 would come 1 in 10,000.
    """
    process = Process(
        Baseline(np.array([0.5])), Exponentials(np.full((1, 1, 1), 0.6), np.full((1, 1, 1), 2.0))
    )
    edges = np.array([0.0, 0.2, 0.5, 1.0, 4.0])
    truth = np.append(0.5, -0.6 * np.diff(np.exp(-2 * edges)) / np.diff(edges))
    inside = []
    for seed in range(40):
        found = fit_histogram(drawn(process, 50, 20.0, seed), 1, edges)
        inside.append(np.abs(found.estimates - truth) <= 1.96 * found.errors)
    assert 0.88 <= np.mean(inside) <= 0.99


def test_a_fit_of_many_short_sequences_finds_the_kernel():
    """600 windows of 25, 18,000 events: the kernel's integral within .05 of .6, heights within 4.5 errors."""
    process = Process(
        Baseline(np.array([0.5])), Exponentials(np.full((1, 1, 1), 0.6), np.full((1, 1, 1), 2.0))
    )
    found = fit_histogram(drawn(process, 600, 25.0), 1)
    edges = found.process.kernel.edges
    truth = -0.6 * np.diff(np.exp(-2 * edges)) / np.diff(edges)
    seen = ~np.isnan(found.errors[1:])
    assert np.max(np.abs(found.estimates[1:] - truth)[seen] / found.errors[1:][seen]) < 4.5
    assert found.radius == pytest.approx(0.6, abs=0.05)


def test_who_excites_whom_and_covariates_are_found():
    kernel = Histogram(
        np.array([0.0, 0.5, 1.5]), np.array([[[0.5, 0.0], [0.4, 0.2]], [[0.1, 0.0], [0.2, 0.1]]])
    )
    process = Process(Baseline(np.array([0.4, 0.2])), kernel)
    x = np.random.default_rng(2).normal(size=(200, 1))
    events = drawn(process, 200, 30.0, scale=np.exp(0.5 * x[:, 0]))
    found = fit_histogram(events, 2, kernel.edges, covariates=x)
    off = np.abs(found.process.kernel.height - kernel.height)
    assert np.max(off) < 0.1
    assert found.coefficients == pytest.approx([0.5], abs=0.08)
    np.testing.assert_allclose(found.process.baseline.level, [0.4, 0.2], rtol=0.15)
    assert found.names[:3] == ["level[0]", "level[1]", "height[0,0,0]"]
    assert found.names[-1] == "coefficient[0]"


def test_a_common_baseline_has_one_factor_a_cell():
    base = Baseline(np.array([0.5, 0.2]), np.array([0.0, 0.5, 1.0]), np.array([[1.6], [0.4]]), 1.0)
    kernel = Histogram(np.array([0.0, 0.5]), np.array([[[0.5, 0.1], [0.0, 0.4]]]))
    found = fit_histogram(drawn(Process(base, kernel), 200, 40.0), 2, kernel.edges, baseline=base).process
    assert found.baseline.factors.shape == (2, 1)
    rates = found.baseline.level * found.baseline.factors
    np.testing.assert_allclose(rates, base.level * base.factors, rtol=0.15)


# -- bins and bad input ---------------------------------------------------------------------------------------


def test_bins_with_few_pairs_join_others():
    edges = np.array([0.0, 1, 2, 3, 4, 5])
    assert merged(edges, np.array([30, 5, 30, 3, 2]), 20).tolist() == [0, 1, 5]
    assert merged(edges, np.zeros(5, int), 20).tolist() == [0, 5]
    assert merged(edges, np.full(5, 20), 20).tolist() == edges.tolist()
    events = some_events(1)
    found = fit_histogram(events, 2, np.linspace(0, 2, 101))
    assert len(found.process.kernel.edges) < 101
    assert any("fewer than 20 pairs" in line for line in found.messages)


def test_events_without_neighbours_are_a_poisson_process():
    one = Events(np.array([0, 1, 1]), np.array([0.5]), np.zeros(1, np.int64), np.zeros(2), np.ones(2))
    assert bins_of(one).tolist() == [0.0, 1.0]
    found = fit_histogram(one, 1)
    assert found.process.baseline.level == pytest.approx([0.5])
    assert found.radius == pytest.approx(0.0, abs=1e-6)
    assert found.log_likelihood == pytest.approx(np.log(0.5) - 1, abs=1e-6)


@pytest.mark.parametrize("edges", [[0.0], [0.1, 1.0], [0.0, 2.0, 1.0], [0.0, np.inf]])
def test_edges_that_do_not_rise_from_0_are_refused(edges):
    with pytest.raises(UsageError, match="do not rise from 0"):
        fit_histogram(some_events(1), 2, np.array(edges))


@pytest.mark.parametrize(
    "asked", [{"link": "softplus"}, {"stable": True}, {"penalty": "l1"}, {"power": None}]
)
def test_what_does_not_go_with_steps_is_refused(asked):
    with pytest.raises(UsageError, match="kernel of steps"):
        fit_histogram(some_events(1), 2, **asked)


def test_no_event_is_refused():
    none = Events(np.array([0, 0]), np.zeros(0), np.zeros(0, np.int64), np.zeros(1), np.ones(1))
    with pytest.raises(DataError, match="no event at all"):
        fit_histogram(none, 1)
