"""Sampling loops of Hawkes processes against slow twins that read the same draws, and their parts against numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsynth.compiled import random
from tsynth.compiled.hawkes import clusters, paths, thinning
from tsynth.compiled.hawkes.aliases import aliases, pick
from tsynth.compiled.rates import Clock, cell_at, moment, place, rising

KEY = np.uint64(3)


def constant(rate: float) -> Clock:
    return Clock(np.array([0.0, 1.0]), 0.0, 0.0, np.array([rate]), np.array([0.0, rate]))


def clock(edges, rate, period=0.0, phase=0.0) -> Clock:
    edges, rate = np.asarray(edges, float), np.asarray(rate, float)
    running = np.concatenate([[0.0], np.cumsum(rate * np.diff(edges))])
    return Clock(edges, period, phase, rate, running)


def slow_path(draws, begin, end, next_immigrant, excited, jump, decay):
    """The two clocks in plain time, one exponential after the other."""
    draws = map(float, draws)
    now = origin = begin
    x, times = excited, []
    immigrant = next_immigrant(next(draws), now)
    while True:
        upper, pause = min(immigrant, end), False
        if decay * (upper - origin) > paths.LONGEST and x * math.exp(decay * (now - origin)) >= paths.FADED:
            upper, pause = origin + paths.LONGEST / decay, True  # a rest at which a fresh draw is made
        wait = next(draws)
        wait = wait * decay / x if x > 0 else math.inf
        ring_at = now - math.log(1 - wait) / decay if wait < 1 else math.inf
        if ring_at < upper:
            x, now = x * math.exp(-decay * (ring_at - now)) + jump, ring_at
            times.append(now)
            continue
        x, now = x * math.exp(-decay * (upper - now)), upper
        origin = now
        if pause:
            continue
        if immigrant >= end:
            return np.array(times)
        x += jump
        times.append(now)
        immigrant = next_immigrant(next(draws), now)


def draws_of(entity: int, n: int = 200_000) -> np.ndarray:
    state, draws = np.empty(4, np.uint64), np.empty(n)
    random.start(state, KEY, entity)
    random.fill_exponential(state, draws)
    return draws


def paths_of(entities, begin, end, scale, of, excited, jump, decay, most=2**60, room=100_000):
    n = len(entities)
    offsets, times = np.zeros(n + 1, np.int64), np.full(room, np.nan)
    arrays = (np.full(n, float(v)) if np.isscalar(v) else np.asarray(v, float) for v in (begin, end, scale))
    excited = np.full(n, float(excited))
    done = paths.exponential_paths(
        KEY, np.asarray(entities), *arrays, of, excited, jump, decay, most, 0, offsets, times
    )
    return done, offsets, times


class TestExponentialPaths:
    @pytest.mark.parametrize(
        ("mu", "excited", "jump", "decay"),
        [(0.5, 0.0, 1.2, 1.5), (1.0, 7.0, 2.0, 3.0), (3.0, 0.1, 0.0, 2.0), (20.0, 0.0, 0.0098, 0.01)],
    )
    def test_equal_slow_clocks_on_the_same_draws(self, mu, excited, jump, decay):
        done, offsets, times = paths_of([5, 9], 2.0, 402.0, 1.0, constant(mu), excited, jump, decay)
        assert done == 2
        for i, entity in enumerate((5, 9)):
            slow = slow_path(draws_of(entity), 2.0, 402.0, lambda e, now: now + e / mu, excited, jump, decay)
            made = times[offsets[i] : offsets[i + 1]]
            assert len(slow) > 100
            # The times differ by rounding alone: products here, sums of logarithms there.
            np.testing.assert_allclose(made, slow, rtol=1e-10)
            assert (np.diff(made) >= 0).all()
            assert made[0] >= 2.0
            assert made[-1] <= 402.0

    def test_periodic_baseline_equals_slow_clocks(self):
        of = clock([0, 2, 5, 7], [0.5, 0.0, 3.0], period=7.0, phase=1.5)

        class Walk:
            reached = rising(0.3, *of)

            def __call__(self, e, now):
                self.reached += e / 1.7
                return moment(self.reached, *of)[0]

        _, offsets, times = paths_of([4], 0.3, 300.0, 1.7, of, 0.0, 0.8, 1.1)
        slow = slow_path(draws_of(4), 0.3, 300.0, Walk(), 0.0, 0.8, 1.1)
        np.testing.assert_allclose(times[: offsets[-1]], slow, rtol=1e-10)

    def test_long_silence_between_immigrants(self):
        # Gaps of many hundred decays: the products would underflow without a new origin.
        _, offsets, times = paths_of([1], 0.0, 1e5, 1.0, constant(0.002), 5.0, 40.0, 41.0)
        slow = slow_path(draws_of(1), 0.0, 1e5, lambda e, now: now + e / 0.002, 5.0, 40.0, 41.0)
        np.testing.assert_allclose(times[: offsets[-1]], slow, rtol=1e-10)
        near = 1 - 1e-4  # nearly critical: clusters longer than one stretch
        _, offsets, times = paths_of([1], 0.0, 3e4, 1.0, constant(1e-3), 5.0, near, 1.0)
        assert np.isfinite(times[: offsets[-1]]).all()
        assert (np.diff(times[: offsets[-1]]) >= 0).all()

    def test_too_small_a_room_goes_on_where_it_stopped(self):
        entities = np.arange(40)
        done, offsets, times = paths_of(entities, 0.0, 30.0, 1.0, constant(1.0), 0.0, 2.0, 3.0)
        assert done == 40
        again, small = np.zeros(41, np.int64), np.empty(700)
        ones, ends, none = np.ones(40), np.full(40, 30.0), np.zeros(40)
        reached = paths.exponential_paths(
            KEY, entities, none, ends, ones, constant(1.0), none, 2.0, 3.0, 2**60, 0, again, small
        )
        assert 0 < reached < 40
        np.testing.assert_array_equal(again[: reached + 1], offsets[: reached + 1])
        np.testing.assert_array_equal(small[: offsets[reached]], times[: offsets[reached]])
        small.resize(len(times), refcheck=False)
        paths.exponential_paths(
            KEY, entities, none, ends, ones, constant(1.0), none, 2.0, 3.0, 2**60, reached, again, small
        )
        np.testing.assert_array_equal(again, offsets)
        np.testing.assert_array_equal(small[: offsets[-1]], times[: offsets[-1]])

    @pytest.mark.parametrize("most", [1, 7, 512, 513, 1500])
    def test_stops_at_a_count(self, most):
        _, offsets, times = paths_of([2, 3], 0.0, 1e4, 1.0, constant(1.0), 0.0, 2.0, 3.0)
        _, cut, fewer = paths_of([2, 3], 0.0, 1e4, 1.0, constant(1.0), 0.0, 2.0, 3.0, most)
        np.testing.assert_array_equal(np.diff(cut), most)
        for i in range(2):
            np.testing.assert_array_equal(fewer[cut[i] : cut[i + 1]], times[offsets[i] : offsets[i] + most])


def test_settle_is_numpys_logarithm():
    product = np.concatenate([np.exp(-np.linspace(0, 229, 300)), 1 - np.geomspace(1e-16, 0.5, 212)])
    origin, upper = np.linspace(-5, 5, 512), np.full(512, np.inf)
    upper[::7] = origin[::7] + 0.01
    times, work = np.empty(600), product.copy()
    paths.settle(work, work.view(np.int64), origin, upper, np.empty(512), 2.5, times, 3, 512)
    expected = np.minimum(origin - np.log(product) / 2.5, upper)
    # e_log.c is within 1 ulp, and so is numpy; two more roundings follow.
    np.testing.assert_allclose(times[3:515], expected, rtol=1e-15, atol=2e-15)


def test_what_past_events_leave():
    offsets, times = np.array([0, 3, 3, 4]), np.array([0.0, 1.0, 2.0, 4.5])
    begin, factor = np.array([2.0, 0.0, 5.0]), np.array([1.0, 2.0, 1.0, 0.5])
    left = paths.remains(offsets, times, factor, begin, 2.0, 3.0)
    first = 2 * (math.exp(-6) + 2 * math.exp(-3) + 1)
    np.testing.assert_allclose(left, [first, 0.0, 2 * 0.5 * math.exp(-1.5)])


# --- immigrants -------------------------------------------------------------------------------------------

rates = st.lists(st.sampled_from([0.0, 0.3, 1.0, 7.0]), min_size=2, max_size=6).filter(any)


@settings(max_examples=60, deadline=None)
@given(rates, st.booleans(), st.floats(-50, 50), st.floats(0, 30))
def test_moment_inverts_rising(rate, periodic, begin, more):
    edges = np.arange(len(rate) + 1.0) ** 1.5
    period, phase = (float(edges[-1]), 0.7) if periodic else (0.0, 0.0)
    of = clock(edges, rate, period, phase)
    reached = rising(begin, *of) + more
    time, cell = moment(reached, *of)
    if math.isfinite(time):
        assert rate[cell] > 0 or more == 0
        assert rising(time, *of) == pytest.approx(reached, abs=1e-9 * (1 + abs(reached)))
        # A fine sum over the intensity, cell by cell.
        grid = np.linspace(begin, time, 20_001)
        middle = (grid[1:] + grid[:-1]) / 2
        place = (middle - phase) % period if periodic else middle
        at = np.clip(np.searchsorted(edges, place, "right") - 1, 0, len(rate) - 1)
        total = np.asarray(rate)[at].sum() * (time - begin) / 20_000
        assert total == pytest.approx(more, abs=1e-2 * (1 + more))
    else:
        assert not periodic
        assert rate[-1] == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.sampled_from([0.0, 0.7]), st.floats(-50, 50), st.integers(-70, 70))
def test_a_cell_lasts_until_its_end(cells, period, time, turns):
    """Also at the edges themselves, of which the computer's numbers know some by rounding only."""
    edges = np.linspace(0.0, 0.7, cells + 1)
    for t in (time, 0.3 + turns * 0.7 + edges[cells // 2]):
        cell, end = cell_at(t, edges, period, 0.3)
        assert cell == place(t, edges, period, 0.3)[1]
        assert end > t
        if math.isfinite(end):
            assert place(t + 0.9 * (end - t), edges, period, 0.3)[1] == cell or end - t < 1e-12
            assert place(end + 1e-9, edges, period, 0.3)[1] == (cell + 1) % cells or end - t < 1e-12
        else:
            assert cells == 1 or (period == 0.0 and cell == cells - 1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from([0.0, 1e-9, 0.2, 1.0, 5.0]), max_size=9), min_size=1, max_size=4))
def test_alias_tables_hold_the_weights(laws):
    offsets = np.cumsum([0, *map(len, laws)])
    weights = np.array([w for law in laws for w in law])
    keep, other = aliases(offsets, weights)
    for j, law in enumerate(laws):
        low, high = offsets[j], offsets[j + 1]
        if sum(law) == 0:
            continue
        share = keep[low:high].copy()
        np.add.at(share, other[low:high] - low, 1 - keep[low:high])
        np.testing.assert_allclose(share / (high - low), np.array(law) / sum(law), atol=1e-12)
        assert (share[np.array(law) == 0] == 0).all()


def test_pick_draws_by_weight():
    weights = np.array([1.0, 0.0, 3.0, 1.0, 9.0])
    offsets = np.array([0, 3, 4, 5])
    keep, other = aliases(offsets, weights)
    state = np.empty(4, np.uint64)
    random.start(state, KEY, 0)
    drawn = np.array([pick(state, offsets, keep, other, 0) for _ in range(20_000)])
    assert set(drawn) == {0, 2}
    # Binomial(20,000, 1/4): 5 sd is 306; false alarm below 1e-6.
    assert abs((drawn == 0).sum() - 5000) < 306
    assert pick(state, offsets, keep, other, 2) == 4


# --- parts of the cluster and thinning loops ---------------------------------------------------------------


@pytest.mark.parametrize("p", [0.5, 0.945297, 1.0, 1.24993, 3.0])
def test_omori_is_its_integral_and_inverts(p):
    for delay in (1e-6, 0.01, 1.0, 500.0):
        s = np.concatenate([[0.0], np.geomspace(1e-9, delay, 200_001)])
        f = (1 + s / 0.3) ** -p
        assert clusters.omori(delay, 0.3, p) == pytest.approx(np.trapezoid(f, s), rel=1e-6)
        assert clusters.omori_delay(clusters.omori(delay, 0.3, p), 0.3, p) == pytest.approx(delay, rel=1e-9)


def test_links():
    for x in (-800.0, -1.0, 0.0, 0.5, 900.0):
        assert thinning.linked(x, thinning.RECTIFIED, 2.0) == max(x, 0.0)
        assert thinning.linked(x, thinning.SOFTPLUS, 0.0) == max(x, 0.0)
        assert thinning.linked(x, thinning.SOFTPLUS, 2.0) == pytest.approx(
            2 * np.logaddexp(0, x / 2), rel=1e-14
        )


def test_planted_fault_is_seen():
    """A twin with another decay is far away, so that the comparison above can fail."""
    _, offsets, times = paths_of([5], 2.0, 402.0, 1.0, constant(0.5), 0.0, 1.2, 1.5)
    slow = slow_path(draws_of(5), 2.0, 402.0, lambda e, now: now + e / 0.5, 0.0, 1.2, 1.5001)
    made = times[: offsets[1]]
    assert len(made) != len(slow) or not np.allclose(made, slow, rtol=1e-10)
