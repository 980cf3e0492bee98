"""`simulate`: theory, slow twins, sameness, histories, trees and refusals.

Statistical assertions ask for |z| < 5 with fixed seeds: one fails by chance in 1.7 million.
"""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from tsynth.errors import DataError, UsageError
from tsynth.generators.point_process.excitation import simulation, tables
from tsynth.generators.point_process.excitation.process import (
    Baseline,
    Events,
    Exponentials,
    Histogram,
    PowerLaw,
    Process,
)
from tsynth.generators.point_process.excitation.simulation import Sizes, simulate

KEY = np.uint64(11)


def exponentials(adjacency, decay, **more):
    return Exponentials(np.asarray(adjacency, float), np.asarray(decay, float), **more)


UNIVARIATE = Process(Baseline(np.ones(1)), exponentials([[[2 / 3]]], [[[3.0]]]))
# Columns that sum to 2/3: all types together are the univariate process.
TWO = [[1 / 3, 1 / 6], [1 / 3, 1 / 2]]
HALF = Baseline(np.array([0.4, 0.6]))
PROCESSES = {
    "path": UNIVARIATE,
    "one clock": Process(HALF, exponentials([TWO], [[[3.0]]])),
    "many clocks": Process(HALF, exponentials(np.array([TWO, TWO]) * [[[0.3]], [[0.7]]], [[[3.0]], [[3.0]]])),
    "clusters": Process(HALF, exponentials([TWO], np.full((1, 2, 2), 3.0))),
    "thinned": Process(HALF, exponentials([TWO], [[[3.0]]]), "rectified"),
}
OTHERS = {
    "cells": Process(
        Baseline(np.array([0.4, 0.6]), np.array([0.0, 1, 4]), np.array([[1.0, 0.0], [0.2, 3.0]]), 4.0, 0.3),
        exponentials(np.array([TWO, TWO]) / 2, [[[9.0]], [[1.0]]]),
    ),
    "power law": Process(HALF, PowerLaw(np.array([[0.6, 0.1], [0.0, 0.3]]), 0.5, 2.5)),
    "steps": Process(
        HALF, Histogram(np.array([0.0, 0.1, 2.0]), np.array([[[3.0, 0], [1, 1]], [[0.1, 0.1], [0, 0.1]]]))
    ),
    "inhibition": Process(HALF, exponentials([[[-0.5, 0.3], [0.4, -0.2]]], [[[[2.0]]]][0]), "softplus"),
}


def draw(process, n, end, **more):
    entities = more.pop("entities", np.arange(n))
    return simulate(process, more.pop("start", 0.0), end, key=more.pop("key", KEY), entities=entities, **more)


def sequence_of(events):
    return np.repeat(np.arange(events.n_sequences), np.diff(events.offsets))


def counts(events, low=-np.inf, high=np.inf, kind=None):
    inside = (events.times >= low) & (events.times < high)
    if kind is not None:
        inside &= events.types == kind
    return np.bincount(sequence_of(events)[inside], minlength=events.n_sequences)


def z(values, mean):
    return (values.mean() - mean) / (values.std() / len(values) ** 0.5)


def assert_sound(events):
    same = np.diff(sequence_of(events)) == 0
    assert (np.diff(events.times)[same] >= 0).all()
    assert (events.times >= events.start[sequence_of(events)]).all()
    assert (events.times <= events.end[sequence_of(events)]).all()


class TestTheory:
    @pytest.mark.parametrize("name", PROCESSES)
    def test_moments_of_stationary_counts(self, name):
        # mu 1, jump 2, decay 3, stationary, windows of 2: mean 6, variance 33.24805, covariance 8.97174
        # (Hawkes 1971, covariance density). After 30 time units the start is forgotten to exp(-30).
        n = 5_000 if name == "thinned" else 12_000
        events = draw(PROCESSES[name], n, 34.0)
        assert_sound(events)
        a, b = counts(events, 30, 32), counts(events, 32, 34)
        assert abs(z(np.r_[a, b], 6.0)) < 5 / 1.3  # neighbours are correlated .27
        assert abs(z((a - 6.0) ** 2, 33.24805)) < 5
        assert abs(z((a - 6.0) * (b - 6.0), 8.97174)) < 5

    @pytest.mark.parametrize("name", [*list(PROCESSES)[1:], "cells"])
    def test_all_loops_agree_on_types(self, name):
        """Means, variances and the covariance between two types, against the cluster form."""
        process = PROCESSES.get(name) or OTHERS[name]
        n = 6_000
        made, twin = (
            draw(process, n, 9.0),
            draw(replace(process, link="linear"), n, 9.0, tree=True, key=np.uint64(5)),
        )
        pairs = [np.stack([counts(e, kind=0), counts(e, kind=1)]).astype(float) for e in (made, twin)]
        for what in (
            lambda c: c[0],
            lambda c: c[1],
            lambda c: (c[0] - 7) ** 2,
            lambda c: (c[0] - 7) * (c[1] - 11),
        ):
            first, second = (what(c) for c in pairs)
            gap = (first.mean() - second.mean()) / np.sqrt((first.var() + second.var()) / n)
            assert abs(gap) < 5

    def test_mean_of_each_type_when_stationary(self):
        rng = np.random.default_rng(0)
        matrix = rng.random((7, 7)) * (rng.random((7, 7)) < 0.5)
        matrix *= 0.7 / np.abs(np.linalg.eigvals(matrix)).max()
        level = rng.random(7)
        process = Process(Baseline(level), exponentials([matrix * 0.5, matrix * 0.5], [[[5.0]], [[2.0]]]))
        events = draw(process, 1500, 45.0)
        rate = np.linalg.solve(np.eye(7) - matrix, level)
        for m in range(7):
            assert abs(z(counts(events, 40, 45, m), 5 * rate[m])) < 5

    def test_gaps_of_rate_one_after_time_rescaling(self):
        events = draw(UNIVARIATE, 1, 20_000.0)
        left, before, gaps = 0.0, 0.0, []
        for t in events.times[:20_000]:
            faded = left * np.exp(-3 * (t - before))
            gaps.append((t - before) + (left - faded) / 3)
            left, before = faded + 2, t
        assert stats.kstest(gaps, "expon").pvalue > 1e-6


def ogata(mu, jump, decay, link, end, rng):
    """Ogata's thinning, in plain numpy."""
    x, now, kinds = np.zeros_like(jump), 0.0, []

    def intensity(x):
        total = mu + x.sum(axis=1)
        return np.maximum(total, 0) if link == "rectified" else mu * np.logaddexp(0, total / mu)

    while True:
        bound = intensity(np.maximum(x, 0)).sum()
        gap = rng.exponential(1 / bound)
        now += gap
        if now > end:
            return np.bincount(kinds, minlength=len(mu))
        x = x * np.exp(-decay * gap)
        kind = np.searchsorted(np.cumsum(intensity(x)), rng.random() * bound)
        if kind < len(mu):
            x[:, kind] += jump[:, kind]
            kinds.append(kind)


@pytest.mark.parametrize("link", ["rectified", "softplus"])
@pytest.mark.parametrize("shared", [True, False])
def test_inhibition_as_slow_thinning(link, shared):
    mu, adjacency = np.array([1.0, 0.7]), np.array([[0.3, -0.6], [0.5, -0.2]])
    decay = np.full((2, 2), 2.0) if shared else np.array([[1.0, 2.0], [3.0, 0.5]])
    rng = np.random.default_rng(1)
    slow = np.array([ogata(mu, adjacency * decay, decay, link, 8.0, rng) for _ in range(300)])
    kernel = exponentials([adjacency], [[[2.0]]] if shared else [decay])
    events = draw(Process(Baseline(mu), kernel, link), 8_000, 8.0)
    assert_sound(events)
    for m in range(2):
        made = counts(events, kind=m)
        for f in (lambda c: c, lambda c: (c - 7.0) ** 2):
            gap = (f(slow[:, m]).mean() - f(made).mean()) / (f(slow[:, m]).std() / 300**0.5)
            assert abs(gap) < 5


# --- sameness ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*PROCESSES, *OTHERS])
@pytest.mark.parametrize("more", [{}, {"most": 9}, {"tree": True}])
def test_a_sequence_is_the_same_in_any_batch(name, more):
    process = PROCESSES.get(name) or OTHERS[name]
    if more.get("tree") and process.link != "linear":
        pytest.skip("no tree under a link")
    start, end = np.linspace(0, 3, 60), np.linspace(5, 40, 60)
    scale = np.linspace(0.2, 3, 60)
    whole = draw(process, 60, end, start=start, scale=scale, **more)
    assert_sound(whole)
    for part in (np.array([17]), np.arange(59, 20, -3)):
        made = draw(
            process, len(part), end[part], start=start[part], scale=scale[part], entities=part, **more
        )
        for i, entity in enumerate(part):
            mine, theirs = (slice(*e.offsets[a : a + 2]) for e, a in ((made, i), (whole, entity)))
            assert made.times[mine].tobytes() == whole.times[theirs].tobytes()
            assert made.types[mine].tobytes() == whole.types[theirs].tobytes()
            if more.get("tree"):
                inner = made.parent[mine] >= 0
                np.testing.assert_array_equal(
                    (made.parent[mine] - made.offsets[i])[inner],
                    (whole.parent[theirs] - whole.offsets[entity])[inner],
                )


@pytest.mark.parametrize("name", [*PROCESSES, *OTHERS])
def test_a_room_that_is_too_small_changes_nothing(name, monkeypatch):
    process = PROCESSES.get(name) or OTHERS[name]
    expected = draw(process, 300, 30.0)
    assert expected.n_events > 3000
    monkeypatch.setattr(tables, "expected_events", lambda *_: (0.0, True))
    made = draw(process, 300, 30.0)
    for a, b in (
        (made.offsets, expected.offsets),
        (made.times, expected.times),
        (made.types, expected.types),
    ):
        np.testing.assert_array_equal(a, b)


def test_memory_is_that_of_the_events():
    tracemalloc.start()
    try:
        events = draw(PROCESSES["one clock"], 1, 300_000.0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Counted as reserved, which is above what is touched; two columns of 8 bytes.
    assert peak < 1.15 * 16 * events.n_events


# --- counts, scale, baselines -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*PROCESSES, *OTHERS])
def test_most_cuts_the_same_sequence_short(name):
    process = PROCESSES.get(name) or OTHERS[name]
    whole, cut = draw(process, 50, 20.0), draw(process, 50, 20.0, most=4)
    for i in range(50):
        n = min(4, int(np.diff(whole.offsets)[i]))
        np.testing.assert_array_equal(cut.times[cut.offsets[i] :][:n], whole.times[whole.offsets[i] :][:n])
        assert cut.offsets[i + 1] - cut.offsets[i] == n
        assert cut.end[i] == (cut.times[cut.offsets[i + 1] - 1] if n == 4 else 20.0)
    forever = draw(process, 50, np.inf, most=4)
    assert (np.diff(forever.offsets) == 4).all()
    assert np.isfinite(forever.end).all()


@pytest.mark.parametrize("link", ["linear", "rectified"])
@pytest.mark.parametrize("period", [0.0, 6.0])
def test_immigrants_follow_the_baseline(link, period):
    factors = np.array([[1.0, 0.0], [0.0, 0.0], [2.0, 5.0]])
    baseline = Baseline(
        np.array([0.5, 0.2]), np.array([0.0, 1.0, 4.0, 6.0]), factors, period, 0.5 if period else 0.0
    )
    process = Process(baseline, exponentials(np.zeros((1, 2, 2)), [[[1.0]]]), link)
    events = draw(process, 3000, 17.0, start=-2.0, scale=np.full(3000, 1.5))
    assert_sound(events)
    place = (events.times - baseline.phase) % 6.0 if period else events.times
    cell = np.clip(np.searchsorted(baseline.edges, place, "right") - 1, 0, 2)
    grid = np.arange(-2, 17, 0.001) + 0.0005
    where = (grid - baseline.phase) % 6.0 if period else grid
    spent = (
        np.bincount(np.clip(np.searchsorted(baseline.edges, where, "right") - 1, 0, 2), minlength=3) / 1000
    )
    for b in range(3):
        for m in range(2):
            mean = 3000 * 1.5 * spent[b] * baseline.level[m] * factors[b, m]
            seen = ((cell == b) & (events.types == m)).sum()
            assert seen == 0 if mean == 0 else abs(seen - mean) < 5 * mean**0.5


def test_many_types_in_little_time_and_memory():
    rng = np.random.default_rng(0)
    matrix = (rng.random((1754, 1754)) < 0.01) * rng.random((1754, 1754))
    matrix *= 0.8 / matrix.sum(axis=0).max()
    process = Process(Baseline(np.full(1754, 0.01)), exponentials([matrix], [[[1.5]]]))
    events = draw(process, 200, 40.0)
    rate = np.linalg.solve(np.eye(1754) - matrix, process.baseline.level).sum()
    assert abs(z(counts(events, 30, 40), 10 * rate)) < 5


# --- clusters ---------------------------------------------------------------------------------------------

KERNELS = {
    "exponential": exponentials([[[0.5, 0.2], [0.0, 0.3]]], [[[1.0, 4.0], [2.0, 0.3]]]),
    "power law": PowerLaw(np.array([[0.8, 0.4], [0.0, 0.3]]), 0.5, 1.8),
    "heavy": PowerLaw(np.array([[0.3, 0.1], [0.0, 0.2]]), 0.5, 0.9),
    "steps": Histogram(np.array([0.0, 0.5, 2.0]), np.array([[[0.6, 0.2], [0, 0.2]], [[0.1, 0.1], [0, 0.2]]])),
}


def kernel_integral(kernel, i, j, delay):
    """Children of type i within `delay` of an event of type j."""
    if isinstance(kernel, Exponentials):
        return (kernel.adjacency[0] * -np.expm1(-kernel.decay[0] * delay))[i, j]
    if isinstance(kernel, PowerLaw):
        c, p = kernel.c, kernel.p
        return kernel.jump[i, j] * c / (p - 1) * (1 - (1 + delay / c) ** (1 - p))
    inside = np.clip(delay, kernel.edges[:-1], kernel.edges[1:]) - kernel.edges[:-1]
    return (inside * kernel.height[:, i, j]).sum()


@pytest.mark.parametrize("name", KERNELS)
def test_children_follow_the_kernel(name):
    kernel = KERNELS[name]
    events = draw(Process(HALF, kernel), 4000, 12.0, tree=True)
    assert_sound(events)
    child = np.flatnonzero(events.parent >= 0)
    parent = events.parent[child]
    seq = sequence_of(events)
    assert (parent < child).all()
    assert (seq[parent] == seq[child]).all()
    np.testing.assert_array_equal(events.generation[child], events.generation[parent] + 1)
    assert (events.generation[events.parent == -1] == 0).all()
    early = np.flatnonzero(events.times < 6)  # seen for 6 time units or more
    delay = events.times[child] - events.times[parent]
    inside = np.isin(parent, early) & (delay < 6)
    for j in range(2):
        parents = (events.types[early] == j).sum()
        for i in range(2):
            of = inside & (events.types[child] == i) & (events.types[parent] == j)
            mean = parents * kernel_integral(kernel, i, j, 6.0)
            assert abs(of.sum() - mean) <= 5 * mean**0.5  # Poisson
            if mean > 0:
                whole = kernel_integral(kernel, i, j, 6.0)
                law = np.vectorize(lambda s, i=i, j=j, w=whole: kernel_integral(kernel, i, j, s) / w)
                assert stats.kstest(law(delay[of]), "uniform").pvalue > 1e-6
    immigrants = np.bincount(seq[events.parent == -1], minlength=4000)
    assert abs(z(immigrants, 12.0)) < 5


def test_sizes_drive_the_children():
    sizes = Sizes(np.array([0, 3, 4]), np.array([0.0, 1.0, 2.0, 5.0]))
    kernel = replace(KERNELS["power law"], power=0.7, reference=1.0, jump=np.array([[0.3, 0.0], [0.1, 0.01]]))
    events = draw(Process(HALF, kernel), 5000, 12.0, tree=True, sizes=sizes)
    assert set(events.size[events.types == 0]) == {0.0, 1.0, 2.0}
    assert set(events.size[events.types == 1]) == {5.0}
    children = np.bincount(events.parent[events.parent >= 0], minlength=events.n_events)
    for size in (0.0, 1.0, 2.0):
        of = (events.types == 0) & (events.size == size)
        each = [kernel_integral(kernel, i, 0, d) for i in (0, 1) for d in (12.0 - events.times[of])]
        mean = np.sum(each) * np.exp(0.7 * (size - 1))
        assert abs(children[of].sum() - mean) < 5 * mean**0.5
    thinned = Process(
        HALF, exponentials([[[0.2, 0], [0.1, 0.01]]], [[[1.0]]], power=0.7, reference=1.0), "rectified"
    )
    a = draw(thinned, 5000, 12.0, sizes=sizes)
    b = draw(replace(thinned, link="linear"), 5000, 12.0, sizes=sizes)
    assert a.size is not None
    assert len(a.size) == a.n_events
    gap = (counts(a).mean() - counts(b).mean()) / np.sqrt((counts(a).var() + counts(b).var()) / 5000)
    assert abs(gap) < 5


# --- histories --------------------------------------------------------------------------------------------


def history(n, **more):
    """Two past events a sequence, of types 1 and 0, 3 and 1 before the start at 10."""
    offsets = np.arange(n + 1) * 2
    return Events(offsets, np.tile([7.0, 9.0], n), np.tile([1, 0], n), np.zeros(n), np.full(n, 10.0), **more)


@pytest.mark.parametrize("name", KERNELS)
def test_past_events_have_children_still(name):
    kernel, n = KERNELS[name], 6000
    quiet = Process(Baseline(np.zeros(2)), kernel)
    events = draw(quiet, n, 14.0, start=10.0, tree=True, history=history(n))
    assert_sound(events)
    assert not (events.parent == -1).any()
    first = np.flatnonzero(events.parent < -1)
    row = -events.parent[first] - 2
    assert (row // 2 == sequence_of(events)[first]).all()
    assert (events.generation[first] == 1).all()
    for place, (time, j) in enumerate(((7.0, 1), (9.0, 0))):
        for i in range(2):
            seen = ((row % 2 == place) & (events.types[first] == i)).sum()
            mean = n * (kernel_integral(kernel, i, j, 14 - time) - kernel_integral(kernel, i, j, 10 - time))
            assert abs(seen - mean) <= 5 * mean**0.5


@pytest.mark.parametrize("name", PROCESSES)
def test_all_loops_continue_a_history(name):
    process, n = PROCESSES[name], 10_000
    past = history(n)
    if name == "path":
        past = replace(past, types=np.zeros(2 * n, np.int64))
    quiet = replace(process, baseline=replace(process.baseline, level=process.baseline.level * 0))
    events = draw(quiet, n, 50.0, start=10.0, history=past)
    # A column sums to 2/3, so that an event has 2 descendants in all; exp(-3 * 3) and exp(-3) of them are to come.
    assert abs(z(counts(events), 2 * (np.exp(-9) + np.exp(-3)))) < 5


def test_generations_go_on_from_a_history():
    past = history(500, generation=np.tile([0, 4], 500))
    events = draw(Process(HALF, KERNELS["exponential"]), 500, 14.0, start=10.0, tree=True, history=past)
    first = np.flatnonzero(events.parent < -1)
    np.testing.assert_array_equal(
        events.generation[first], np.tile([0, 4], 500)[-events.parent[first] - 2] + 1
    )


# --- explosions and refusals ------------------------------------------------------------------------------

EXPLOSIVE = {
    "path": Process(Baseline(np.ones(1)), exponentials([[[1.5]]], [[[3.0]]])),
    "one clock": Process(HALF, exponentials([np.full((2, 2), 0.75)], [[[3.0]]])),
    "clusters": Process(HALF, exponentials([np.full((2, 2), 0.75)], np.full((1, 2, 2), 3.0))),
    "thinned": Process(HALF, exponentials([np.full((2, 2), 0.75)], [[[3.0]]]), "softplus"),
}


@pytest.mark.parametrize("name", EXPLOSIVE)
def test_an_explosion_is_refused_or_stopped(name, monkeypatch):
    monkeypatch.setattr(simulation, "CEILING", 5000)
    with pytest.raises(
        DataError, match=r"explodes: entity number 8 .*spectral radius .* is 1\.5.*give `most`"
    ):
        draw(EXPLOSIVE[name], 1, 1000.0, entities=np.array([8]))
    stopped = draw(EXPLOSIVE[name], 3, 1000.0, most=6000)
    assert (np.diff(stopped.offsets) == 6000).all()
    short = draw(EXPLOSIVE[name], 50, 2.0)  # a short window is no trouble
    assert short.n_events > 0


def test_a_crowd_of_children_is_refused():
    kernel = PowerLaw(np.full((1, 1), 1.0), 1.0, 2.0, power=30.0)
    with pytest.raises(DataError, match="explodes"):
        draw(Process(Baseline(np.ones(1)), kernel), 1, 9.0, sizes=Sizes(np.array([0, 1]), np.array([1.0])))


SIZED = replace(UNIVARIATE, kernel=replace(UNIVARIATE.kernel, power=1.0))
BAD = [
    (UNIVARIATE, {"end": np.inf}, "give `most`"),
    (UNIVARIATE, {"end": -1.0}, "window 0 runs from 0 to -1"),
    (UNIVARIATE, {"end": np.nan}, "end is not a number"),
    (UNIVARIATE, {"scale": np.array([1.0, 2.0])}, r"scale has shape \(2,\) for 1 entities"),
    (UNIVARIATE, {"scale": -1.0}, "scale is below 0"),
    (UNIVARIATE, {"most": 0}, "most = 0"),
    (replace(UNIVARIATE, link="cubic"), {}, "no link 'cubic'"),
    (replace(PROCESSES["thinned"]), {"tree": True}, "have no parents"),
    (Process(HALF, KERNELS["steps"], "softplus"), {}, "only with exponential kernels"),
    (
        Process(HALF, exponentials([[[0.1, -0.2], [0, 0]]], [[[1.0]]])),
        {},
        "of type 0 by events of type 1 is -0.2",
    ),
    (Process(HALF, UNIVARIATE.kernel), {}, "for 2 types"),
    (Process(HALF, exponentials([TWO], [[[0.0]]])), {}, "a decay is not above 0"),
    (Process(Baseline(np.array([-1.0])), UNIVARIATE.kernel), {}, "baseline's level"),
    (Process(HALF, PowerLaw(np.ones((2, 2)), 0.0, 1.0)), {}, "c = 0"),
    (SIZED, {}, "`sizes` is missing"),
    (SIZED, {"sizes": Sizes(np.array([0, 0]), np.zeros(0))}, "type 0 has no sizes"),
    (UNIVARIATE, {"history": history(2)}, "2 sequences for 1 windows"),
    (
        PROCESSES["one clock"],
        {"history": history(1)},
        "event 0 of the history, at 7, is after the start 0 of window 0",
    ),
    (UNIVARIATE, {"start": 10.0, "history": history(1)}, "has a type 1"),
]


@pytest.mark.parametrize(("process", "more", "message"), BAD)
def test_bad_input_is_named(process, more, message):
    with pytest.raises(UsageError, match=message):
        draw(process, 1, more.pop("end", 20.0), **more)


def test_no_window_no_entity_no_baseline():
    assert draw(UNIVARIATE, 0, 5.0).n_events == 0
    assert draw(UNIVARIATE, 4, 0.0).n_events == 0
    nothing = replace(UNIVARIATE, baseline=Baseline(np.zeros(1)))
    for more in ({}, {"tree": True}, {"most": 5, "end": np.inf}):
        end = more.pop("end", 1e6)
        assert draw(nothing, 3, end, **more).n_events == 0
    for process in (*PROCESSES.values(), *OTHERS.values()):
        still = replace(process, baseline=replace(process.baseline, level=process.baseline.level * 0))
        assert draw(still, 3, 1e4).n_events == 0
        assert draw(still, 3, np.inf, most=2).n_events == 0
