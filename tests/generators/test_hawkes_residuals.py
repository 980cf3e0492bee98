"""Intensities and their integrals: against slow twins, published values and the theory of time rescaling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from tests.generators import hawkes_cases
from tsynth.errors import DataError, UsageError
from tsynth.generators.point_process.excitation.process import (
    Baseline,
    Events,
    Exponentials,
    Histogram,
    PowerLaw,
    Process,
)
from tsynth.generators.point_process.excitation.residuals import compensators, intensities, measure

BASELINES = {
    "constant": Baseline(np.array([0.4, 0.7])),
    "piecewise": Baseline(
        np.array([0.4, 0.7]), np.array([1.0, 2.0, 4.5]), np.array([[0.2, 1.0], [2.0, 0.5]])
    ),
    "periodic": Baseline(np.array([0.4, 0.7]), np.array([0.0, 0.5, 2.0]), np.array([[3.0], [0.4]]), 2.0, 0.3),
}
LINKED = (("softplus", "piecewise"), ("rectified", "periodic"))
SIGNED = np.array([[[0.5, -0.9], [0.2, 0.3]], [[0.3, 0.2], [-0.4, 0.1]]])
KERNELS = {
    "shared": Exponentials(np.abs(SIGNED), np.array([1.3, 6.0]).reshape(2, 1, 1), 0.4, 1.0),
    "pair": Exponentials(np.abs(SIGNED), np.array([[[1.0, 2.0], [3.0, 0.5]], [[9.0, 4.0], [2.0, 0.1]]])),
    "power": PowerLaw(np.abs(SIGNED[0]), 0.2, 1.4, 0.3, 0.5),
    "power of one": PowerLaw(np.abs(SIGNED[0]), 0.2, 1.0),
    "steps": Histogram(
        np.array([0.0, 0.3, 1.0, 2.5]), np.stack([*np.abs(SIGNED), np.abs(SIGNED[0]) / 2]), 0.2
    ),
    "signed shared": Exponentials(SIGNED, np.array([1.3, 6.0]).reshape(2, 1, 1)),
    "signed pair": Exponentials(SIGNED, np.array([[[1.0, 2.0], [3.0, 0.5]], [[9.0, 4.0], [2.0, 0.1]]])),
    "signed power": PowerLaw(SIGNED[0], 0.2, 1.4),
    "signed steps": Histogram(np.array([0.0, 0.3, 1.0, 2.5]), np.concatenate([SIGNED, SIGNED[:1] / 2])),
}


def some_events(seed: int, lengths: Sequence[int] = (5, 0, 7, 1)) -> Events:
    return hawkes_cases.some_events(seed, lengths, ties=slice(2, 3))


# -- slow twins, from the definitions -------------------------------------------------------------------------


def kernel_at(kernel, i, j, lag):
    if isinstance(kernel, Exponentials):
        decay = np.broadcast_to(kernel.decay, kernel.adjacency.shape)[:, i, j]
        return float(np.sum(kernel.adjacency[:, i, j] * decay * np.exp(-decay * lag)))
    if isinstance(kernel, PowerLaw):
        return float(kernel.jump[i, j] * (1 + lag / kernel.c) ** -kernel.p)
    b = np.searchsorted(kernel.edges, lag, side="right") - 1
    return float(kernel.height[b, i, j]) if b < len(kernel.height) else 0.0


def baseline_at(base, i, t):
    if base.period > 0:
        t = (t - base.phase) % base.period
    b = min(max(int(np.searchsorted(base.edges, t, side="right")) - 1, 0), len(base.factors) - 1)
    return float(base.level[i] * np.broadcast_to(base.factors, (len(base.factors), base.types))[b, i])


def rate_at(process, events, n, i, t, scale):
    rows = range(events.offsets[n], events.offsets[n + 1])
    x = scale * baseline_at(process.baseline, i, t)
    for r in rows:
        if events.times[r] < t:
            w = np.exp(process.kernel.power * (events.size[r] - process.kernel.reference))
            x += w * kernel_at(process.kernel, i, events.types[r], t - events.times[r])
    if process.link == "softplus":
        level = process.baseline.level[i]
        return float(level * np.logaddexp(0, x / level))
    return max(x, 0.0) if process.link == "rectified" else x


def breaks(process, events, n, low, high):
    found = set(events.times[events.offsets[n] : events.offsets[n + 1]])
    if isinstance(process.kernel, Histogram):
        found |= {t + e for t in found for e in process.kernel.edges}
    base = process.baseline
    if base.period > 0:
        found |= {base.phase + k * base.period + e for k in range(-3, 9) for e in base.edges}
    else:
        found |= set(base.edges)
    return [low, *sorted(t for t in found if low < t < high), high]


def integral_of(process, events, n, i, low, high, scale):
    total = 0.0
    if high > low:
        cuts = breaks(process, events, n, low, high)
        for a, b in pairwise(cuts):
            total += quad(
                lambda t: rate_at(process, events, n, i, t, scale),
                a,
                b,
                epsabs=1e-11,
                epsrel=1e-11,
                limit=200,
            )[0]
    return total


def slow(process, events, scale):
    increments, together, rate = (np.empty(events.n_events) for _ in range(3))
    integral = np.empty((events.n_sequences, process.types))
    for n in range(events.n_sequences):
        since = [events.start[n]] * process.types
        before = events.start[n]
        for r in range(events.offsets[n], events.offsets[n + 1]):
            i, t = events.types[r], events.times[r]
            increments[r] = integral_of(process, events, n, i, since[i], t, scale[n])
            together[r] = sum(
                integral_of(process, events, n, m, before, t, scale[n]) for m in range(process.types)
            )
            rate[r] = rate_at(process, events, n, i, t, scale[n])
            since[i] = before = t
        for i in range(process.types):
            integral[n, i] = integral_of(process, events, n, i, events.start[n], events.end[n], scale[n])
    return increments, together, rate, integral


@pytest.mark.filterwarnings("ignore::scipy.integrate.IntegrationWarning")
@pytest.mark.parametrize(
    ("kernel", "link", "baseline"),
    [(k, "linear", b) for k in KERNELS if "signed" not in k for b in BASELINES]
    + [(k, link, b) for k in KERNELS if "signed" in k for link, b in LINKED],
)
def test_each_loop_gives_what_its_slow_twin_gives(kernel, link, baseline):
    events = some_events(len(kernel) + len(baseline))
    process = Process(BASELINES[baseline], KERNELS[kernel], link)
    scale = np.array([1.0, 0.5, 2.0, 0.0])
    found = measure(process, events, scale)
    increments, together, rate, integral = slow(process, events, scale)
    # 1e-7: the quadrature of the twin where a rectified intensity turns; elsewhere it is good to 1e-10.
    near = 1e-7 if link == "rectified" else 1e-8
    np.testing.assert_allclose(found.increments, increments, rtol=near, atol=near)
    np.testing.assert_allclose(found.together, together, rtol=near, atol=near)
    np.testing.assert_allclose(found.rate, rate, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(found.integral, integral, rtol=near, atol=near)


@given(st.integers(0, 10**6), st.sampled_from([k for k in KERNELS if "signed" not in k]))
@settings(max_examples=30)
def test_pieces_add_up_and_intensities_agree(seed, kernel):
    events = some_events(seed, [7, 1, 0, 12])
    process = Process(BASELINES["periodic"], KERNELS[kernel])
    found = measure(process, events)
    every = intensities(process, events)
    np.testing.assert_allclose(every[np.arange(events.n_events), events.types], found.rate, rtol=1e-10)
    # What lies between the events and the end of each window is all there is.
    last = np.array([events.n_events])
    tail = events.end[-1:]
    closed = replace(
        events,
        offsets=np.concatenate([events.offsets[:-1], last + 1]),
        times=np.concatenate([events.times, tail]),
        types=np.concatenate([events.types, [0]]),
        size=np.concatenate([events.size, [0.0]]),
    )
    rows = slice(events.offsets[3], None)
    whole = measure(process, closed).together[rows].sum()
    assert whole == pytest.approx(found.integral[3].sum(), rel=1e-10)


def test_linked_and_linear_agree_where_the_link_does_nothing():
    events = some_events(3)
    for kernel in ("shared", "pair", "power"):
        linear = measure(Process(BASELINES["piecewise"], KERNELS[kernel]), events)
        rectified = measure(Process(BASELINES["piecewise"], KERNELS[kernel], "rectified"), events)
        np.testing.assert_allclose(linear.increments, rectified.increments, rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(linear.together, rectified.together, rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(linear.integral, rectified.integral, rtol=1e-8)


def test_the_published_likelihood_of_two_events():
    """mu 1, jump 2, decay 3 on [0, 1]: ``log(1) + log(1 + 2 exp(-.75)) - 1 - 2/3 (2 - exp(-1.5) - exp(-.75))``."""
    events = Events(np.array([0, 2]), np.array([0.5, 0.75]), np.zeros(2, np.int64), np.zeros(1), np.ones(1))
    process = Process(Baseline(np.ones(1)), Exponentials(np.full((1, 1, 1), 2 / 3), np.full((1, 1, 1), 3.0)))
    assert measure(process, events).log_likelihood == pytest.approx(-1.2045441112507953, abs=1e-14)


def test_the_likelihood_of_earthquakes(shared_data: Path):
    """Events of Japan, window [0, 17531]: 1510.52931 at the published maximum of the exponential kernel."""
    import pyarrow.csv as csv

    times = csv.read_csv(shared_data / "events" / "quakes_japan_usgs.csv")["time"].to_numpy()
    events = Events(
        np.array([0, len(times)]), times, np.zeros(len(times), np.int64), np.zeros(1), np.array([17531.0])
    )
    kernel = Exponentials(np.full((1, 1, 1), 0.39049 / 0.39056), np.full((1, 1, 1), 0.39056))
    assert measure(Process(Baseline(np.array([6.65e-5])), kernel), events).log_likelihood == pytest.approx(
        1510.52931, abs=1e-4
    )


def test_a_long_power_law_is_integrated_as_exponentials(monkeypatch):
    from tsynth.generators.point_process.excitation import residuals

    events = some_events(1, [300, 40])
    process = Process(BASELINES["piecewise"], KERNELS["power"])
    exact = measure(process, events)
    monkeypatch.setattr(residuals, "PAIRS", 10)
    near = measure(process, events)
    np.testing.assert_allclose(near.increments, exact.increments, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(near.rate, exact.rate, rtol=1e-8)
    np.testing.assert_allclose(near.integral, exact.integral, rtol=1e-8)


def test_intensities_at_times_between_events():
    events = some_events(11)
    places = np.array([0, 4, 8, 12, 16])
    at = np.concatenate([np.linspace(a, b, 4) for a, b in zip(events.start, events.end, strict=True)])
    scale = np.array([1.0, 0.5, 2.0, 0.1])
    for name, kernel in KERNELS.items():
        for link in ("softplus", "rectified") if "signed" in name else ("linear",):
            process = Process(BASELINES["piecewise"], kernel, link)
            found = intensities(process, events, (places, at), scale)
            wanted = [
                [rate_at(process, events, q // 4, i, at[q], scale[q // 4]) for i in range(2)]
                for q in range(16)
            ]
            np.testing.assert_allclose(found, wanted, rtol=1e-9)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"types": np.array([0, 2, 0])}, "of type 2, but types run from 0 to 1"),
        ({"times": np.array([0.5, 0.7, 9.0])}, "outside its window"),
        ({"times": np.array([0.5, np.nan, 0.6])}, "which is no time"),
        ({"times": np.array([0.5, 0.7, 0.6])}, "after a later one"),
        ({"size": None}, "have none"),
    ],
)
def test_events_that_the_process_cannot_take_are_refused(change, words):
    events = Events(
        np.array([0, 3]),
        np.array([0.5, 0.7, 0.9]),
        np.zeros(3, np.int64),
        np.zeros(1),
        np.ones(1),
        size=np.zeros(3),
    )
    with pytest.raises(DataError, match=words):
        compensators(Process(BASELINES["constant"], KERNELS["shared"]), replace(events, **change))


def test_a_scale_or_link_that_is_none_is_refused():
    events = some_events(1)
    with pytest.raises(UsageError, match="scale has shape"):
        measure(Process(BASELINES["constant"], KERNELS["shared"]), events, np.ones(2))
    with pytest.raises(UsageError, match="no link"):
        measure(Process(BASELINES["constant"], KERNELS["shared"], "log"), events)
