"""Likelihood loops of Hawkes processes against slow twins, finite differences and one number by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from tsynth.compiled.hawkes import gathering, sparse_fit
from tsynth.generators.point_process.excitation import inhibition
from tsynth.generators.point_process.excitation.intensity import PairDecays, SharedDecays, SharedFactors
from tsynth.generators.point_process.excitation.likelihood import log_likelihood
from tsynth.generators.point_process.excitation.process import Baseline, Events, Exponentials, Process


def cell_of(time, baseline):
    if baseline.period > 0:
        time = np.mod(time - baseline.phase, baseline.period)
    return int(np.clip(np.searchsorted(baseline.edges, time, side="right") - 1, 0, len(baseline.factors) - 1))


def intensity(process, events, n, time, scale):
    """Argument of the link of every type just before a time, from the definition."""
    b, kernel = process.baseline, process.kernel
    decay = np.broadcast_to(kernel.decay, kernel.adjacency.shape)
    out = scale * b.level * np.broadcast_to(b.factors[cell_of(time, b)], b.level.shape)
    for e in range(events.offsets[n], events.offsets[n + 1]):
        if events.times[e] < time:
            d, j = decay[:, :, events.types[e]], events.types[e]
            weight = (
                1.0 if events.size is None else np.exp(kernel.power * (events.size[e] - kernel.reference))
            )
            out = out + weight * (kernel.adjacency[:, :, j] * d * np.exp(-d * (time - events.times[e]))).sum(
                axis=0
            )
    return out


def twin(process, events, scales):
    """The log-likelihood from its definition: double loops, and the baseline's integral on a fine grid of cells."""
    total, b, kernel = 0.0, process.baseline, process.kernel
    decay = np.broadcast_to(kernel.decay, kernel.adjacency.shape)
    given = np.zeros(events.n_sequences, int) if events.given is None else events.given
    for n in range(events.n_sequences):
        low, high = events.offsets[n], events.offsets[n + 1]
        for e in range(low + given[n], high):
            total += np.log(intensity(process, events, n, events.times[e], scales[n])[events.types[e]])
        cuts = [events.start[n], events.end[n]]
        if len(b.factors) > 1:
            turns = np.arange(-3, 40) * b.period + b.phase if b.period > 0 else np.zeros(1)
            edges = (turns[:, None] + b.edges[None]).ravel()
            cuts += [c for c in edges if events.start[n] < c < events.end[n]]
        cuts = np.sort(cuts)
        for a, c in pairwise(cuts):
            factors = b.factors[cell_of(0.5 * (a + c), b)]
            total -= (c - a) * scales[n] * (b.level * factors).sum()
        for e in range(low, high):
            j, rest = events.types[e], events.end[n] - events.times[e]
            weight = (
                1.0 if events.size is None else np.exp(kernel.power * (events.size[e] - kernel.reference))
            )
            total -= weight * (kernel.adjacency[:, :, j] * (1 - np.exp(-decay[:, :, j] * rest))).sum()
    return total


def made(seed, types=2, sequences=4, most=12, size=False, grid=0.0, start=0.5):
    """A few sequences without any model: uniform times, maybe on a grid, so that some are equal."""
    draw = np.random.default_rng(seed)
    lengths = draw.integers(0, most, sequences)
    times = np.concatenate([np.sort(draw.uniform(start, 9.0, n)) for n in lengths])
    if grid:
        times = np.ceil(times / grid) * grid
    return Events(
        np.concatenate([[0], np.cumsum(lengths)]), times, draw.integers(0, types, len(times)),
        np.full(sequences, start), draw.uniform(9.0, 11.0, sequences),
        draw.normal(size=len(times)) if size else None,
    )  # fmt: skip


def process_of(seed, types=2, components=1, pair=False, cells=1, period=0.0, power=0.0):
    draw = np.random.default_rng(seed)
    shape = (components, types, types) if pair else (components, 1, 1)
    edges = np.linspace(0, 4.0 if period else 9.0, cells + 1)
    baseline = Baseline(draw.uniform(0.2, 2, types), edges, draw.uniform(0.3, 2, (cells, types)), period, 0.7)
    kernel = Exponentials(
        draw.uniform(0, 0.5, (components, types, types)), draw.uniform(0.3, 4, shape), power, 0.2
    )
    return Process(baseline, kernel)


def test_two_events_by_hand():
    # log 1 + log(1 + 2 exp(-.75)) - 1 - (2 / 3)(1 - exp(-1.5)) - (2 / 3)(1 - exp(-.75)), in 20 digits
    one = Process(Baseline(np.ones(1)), Exponentials(np.full((1, 1, 1), 2 / 3), np.full((1, 1, 1), 3.0)))
    two = Events(np.array([0, 2]), np.array([0.5, 0.75]), np.zeros(2, int), np.zeros(1), np.ones(1))
    assert log_likelihood(one, two) == pytest.approx(-1.2045441112507953, abs=1e-12)


@given(
    seed=st.integers(0, 10_000),
    types=st.integers(1, 3),
    components=st.integers(1, 2),
    pair=st.booleans(),
    cells=st.sampled_from([1, 3]),
    period=st.sampled_from([0.0, 4.0]),
    grid=st.sampled_from([0.0, 1.0]),
    power=st.sampled_from([0.0, 0.5]),
)
def test_likelihood_is_its_definition(seed, types, components, pair, cells, period, grid, power):
    process = process_of(seed, types, components, pair, cells, period, power)
    events = made(seed, types, size=power != 0, grid=grid)
    scales = np.random.default_rng(seed).uniform(0.5, 2, events.n_sequences)
    assert log_likelihood(process, events, scales) == pytest.approx(twin(process, events, scales), abs=1e-9)


def test_given_events_act_and_are_not_counted():
    events = made(3, sequences=3)
    given_ = np.minimum(2, np.diff(events.offsets))
    events = Events(events.offsets, events.times, events.types, events.start, events.end, given=given_)
    process = process_of(3)
    assert log_likelihood(process, events) == pytest.approx(twin(process, events, np.ones(3)), abs=1e-9)


def differences(evaluate, theta, eta):
    """Gradient by central differences."""

    def moved(array, place, step):
        out = array.copy()
        out[place] += step
        return out

    own, common = np.empty(theta.shape), np.empty(eta.shape)
    for place in np.ndindex(theta.shape):
        up, down = (evaluate(moved(theta, place, s), eta).value for s in (1e-6, -1e-6))
        own[place] = (up - down) / 2e-6
    for place in range(len(eta)):
        up, down = (evaluate(theta, moved(eta, place, s)).value for s in (1e-6, -1e-6))
        common[place] = (up - down) / 2e-6
    return own, common


def likelihoods():
    draw = np.random.default_rng(5)
    plain, sized = made(1, 1, 3), made(2, 2, 4, size=True)
    x = draw.normal(size=(4, 2))
    edges = Baseline(np.ones(2), np.linspace(0, 4, 4), np.ones((3, 2)), 4.0, 0.7)
    flat = Baseline(np.ones(2))
    mix = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    yield "one type", SharedDecays(plain, 1, Baseline(np.ones(1)), np.ones((1, 1)), np.zeros(1)), (1, 2), 2
    yield "sizes", SharedDecays(sized, 2, edges, mix, np.zeros(3), x, 0.1), (2, 9), 5
    yield "pairs", PairDecays(sized, 2, edges, x, 0.3, 0.1), (2, 7), 2
    both = SharedFactors(SharedDecays(sized, 2, edges, np.ones((1, 1)), np.zeros(1), x, 0.1), 1)
    yield "factors", both, (2, 3), 6
    yield "factors and pairs", SharedFactors(PairDecays(sized, 2, edges, None, 0.3), 0), (2, 5), 2
    yield "flat pairs", PairDecays(sized, 2, flat), (2, 5), 0


@pytest.mark.parametrize("case", list(likelihoods()), ids=lambda case: case[0])
def test_score_is_the_gradient(case):
    _, evaluate, shape, common = case
    draw = np.random.default_rng(7)
    theta, eta = draw.uniform(0.2, 1, shape), draw.uniform(-0.4, 0.4, common)
    terms = evaluate(theta, eta)
    own, outer = differences(evaluate, theta, eta)
    np.testing.assert_allclose(terms.score, own, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(terms.outer, outer, rtol=1e-5, atol=1e-6)
    # of coefficients that the intensity is linear in, the information is minus the second derivative
    step = np.zeros(shape)
    step[0, :2] = 1e-6
    if shape[1] > 1:
        bent = (evaluate(theta + step, eta).score - evaluate(theta - step, eta).score)[0] / 2e-6
        np.testing.assert_allclose(bent[:1], -(terms.info[0] @ (step[0] / 1e-6))[:1], rtol=1e-4, atol=1e-5)
    for matrix in (*terms.info, terms.outer_info):
        np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)


def test_a_planted_fault_in_the_score_is_seen():
    _, evaluate, shape, common = next(likelihoods())
    theta, eta = np.full(shape, 0.5), np.zeros(common)
    own, _ = differences(evaluate, theta, eta)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(evaluate(theta, eta).score * 1.001, own, rtol=1e-5, atol=1e-6)


def test_time_in_cells_adds_up():
    draw = np.random.default_rng(0)
    start = draw.uniform(-20, 20, 50)
    end = start + draw.exponential(10, 50)
    edges = np.array([0.0, 1.0, 2.5, 4.0])
    for period in (0.0, 4.0):
        total, by = gathering.time_in_cells(
            start, end, np.ones(50), start[:, None].copy(), edges, period, 0.3
        )
        middles = np.array(
            [s + (e - s) * (np.arange(20_000) + 0.5) / 20_000 for s, e in zip(start, end, strict=True)]
        )
        cells = gathering.cells_of(middles.ravel(), edges, period, 0.3)
        step = np.repeat((end - start) / 20_000, 20_000)
        np.testing.assert_allclose(total, np.bincount(cells, step, minlength=3), rtol=1e-3, atol=1e-2)
        assert total.sum() == pytest.approx((end - start).sum(), rel=1e-12)
        assert by[0].sum() == pytest.approx(((end - start) * start).sum(), rel=1e-12)


@given(seed=st.integers(0, 10_000), grid=st.sampled_from([0.0, 1.0]))
def test_pulls_are_the_score_of_every_pair(seed, grid):
    events, types = made(seed, 3, 5, grid=grid), 3
    if not events.n_events:
        return
    draw = np.random.default_rng(seed)
    decay = np.array([0.7, 300.0])  # the fast one fades below 1e-100 between events
    theta = draw.uniform(0.1, 1, (types, 1 + 2 * types))
    terms = SharedDecays(events, types, Baseline(np.ones(3)), np.zeros((2, 0)), np.log(decay))(
        theta, np.zeros(1)
    )
    rates = np.empty(events.n_events)
    kernel = Exponentials(theta[:, 1:].reshape(3, 2, 3).transpose(1, 0, 2), decay[:, None, None])
    process = Process(Baseline(theta[:, 0]), kernel)
    for n in range(events.n_sequences):
        for e in range(events.offsets[n], events.offsets[n + 1]):
            rates[e] = intensity(process, events, n, events.times[e], 1.0)[events.types[e]]
    pulls = np.zeros((2, 6))
    one = np.ones(1)
    args = (events.offsets, events.times, events.types)
    sparse_fit.pulls(*args, one, 1 / rates, decay, types, 1, pulls)
    left = sparse_fit.left_over(*args, events.end, one, decay, types)
    whole = np.tile(np.bincount(events.types, minlength=3), 2) - left[0]
    np.testing.assert_allclose(pulls - whole, terms.score[1:, 1:], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("link", ["softplus", "rectified"])
def test_linked_likelihood_is_its_definition(link):
    process = process_of(11, cells=3, period=4.0, components=2)
    adjacency = process.kernel.adjacency * np.array([[1.0, -2.0], [-0.3, 1.0]])
    process = Process(process.baseline, Exponentials(adjacency, process.kernel.decay), link)
    events = made(4, sequences=2, grid=1.0)
    level = process.baseline.level

    def through(x):
        return np.maximum(x, 0.0) if link == "rectified" else level * np.logaddexp(0, x / level)

    logs, integral = 0.0, 0.0
    for n in range(2):
        low, high = events.offsets[n], events.offsets[n + 1]
        for e in range(low, high):
            rate = through(intensity(process, events, n, events.times[e], 1.0))[events.types[e]]
            logs += np.log(rate) if rate > 0 else 0.0
        breaks = [0.7 + np.arange(-1, 4)[:, None] * 4 + np.linspace(0, 4, 4)[None]]
        cuts = np.unique(
            np.concatenate([events.times[low:high], breaks[0].ravel(), events.start[[n]], events.end[[n]]])
        )
        cuts = cuts[(cuts >= events.start[n]) & (cuts <= events.end[n])]
        for a, b in pairwise(cuts):
            for i in range(2):
                part = quad(
                    lambda t, i=i, n=n: through(intensity(process, events, n, t, 1.0))[i],
                    a + 1e-12, b - 1e-12, limit=200,
                )  # fmt: skip
                integral += part[0]
    value, whole, _ = inhibition.log_likelihood(process, events, np.ones(2))
    # quad is told 1e-8 and stops there on the kinks of the rectified link
    assert whole == pytest.approx(integral, abs=1e-6)
    if np.isfinite(value):
        assert value + whole == pytest.approx(logs, abs=1e-9)


@pytest.mark.parametrize("link", ["softplus", "rectified"])
def test_linked_gradient(link):
    events = made(6, sequences=3, most=9)
    x = np.random.default_rng(0).normal(size=(3, 1))
    base = process_of(2, cells=3, period=4.0)
    adjacency = np.array([[[0.4, -0.2], [-0.3, 0.2]]])

    def value(parts):
        level, factors, a, decay, beta = parts
        process = Process(
            Baseline(level, base.baseline.edges, factors, 4.0, 0.7),
            Exponentials(a, np.exp(decay)[:, None, None]),
            link,
        )
        return inhibition.log_likelihood(process, events, np.exp(x @ beta), x, floor=1e-3)

    parts = [base.baseline.level, base.baseline.factors, adjacency, np.array([0.2]), np.array([0.3])]
    slope = value(parts)[2]
    for number, name in enumerate(("level", "factors", "adjacency", "decay", "beta")):
        for place in np.ndindex(parts[number].shape):
            both = []
            for step in (1e-6, -1e-6):
                moved = [part.copy() for part in parts]
                moved[number][place] += step
                both.append(value(moved)[0])
            wanted = (both[0] - both[1]) / 2e-6
            assert getattr(slope, name)[place] == pytest.approx(wanted, rel=1e-4, abs=1e-5), (name, place)
