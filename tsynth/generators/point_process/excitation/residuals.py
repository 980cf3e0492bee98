"""The intensity of a process at given times and its integrals between events: what residuals are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tsynth.compiled.hawkes import ahead, linked
from tsynth.compiled.hawkes import residuals as loops
from tsynth.errors import DataError, UsageError
from tsynth.generators.point_process.excitation.checks import checked
from tsynth.generators.point_process.excitation.power import exponentials_of
from tsynth.generators.point_process.excitation.process import Exponentials, Histogram, PowerLaw
from tsynth.generators.point_process.excitation.seasons import cells_of, rates_of

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from tsynth.generators.point_process.excitation.process import Baseline, Events, Process

__all__ = [
    "LINKS",
    "Measured",
    "baseline_rates",
    "cells",
    "compensators",
    "intensities",
    "kept",
    "measure",
    "summable",
    "turn",
    "turned",
    "weights",
]

LINKS = {"linear": 0, "softplus": 1, "rectified": 2}
PAIRS = 50_000_000
"""Pairs of events up to which a power law is integrated pair by pair; beyond, as exponentials."""
NEAR = 1e-9
"""Relative error of those exponentials."""


@dataclass(frozen=True)
class Measured:
    """What a process gives to each event and each window.

    Rows of events that are given (`Events.counted` is False) hold what passed until them; they are no residuals.

    Parameters
    ----------
    increments : float64 array, (R,)
        Integral of the own type's intensity since the event of that type before, or the start of the window.
    together : float64 array, (R,)
        Integral of all types' intensities since the event before, or the start.
    rate : float64 array, (R,)
        Intensity of the own type just before the event.
    integral : float64 array, (N, M)
        Integral over the window, by sequence and type.
    counted : bool array, (R,)
        Whether the process drew the event.
    """

    increments: NDArray[np.float64]
    together: NDArray[np.float64]
    rate: NDArray[np.float64]
    integral: NDArray[np.float64]
    counted: NDArray[np.bool_]

    @property
    def log_likelihood(self) -> float:
        """Of the events: sum of the logs of `rate` less the sum of `integral` (Daley, Vere-Jones 2003, 7.2.III)."""
        with np.errstate(divide="ignore"):
            return float(np.log(self.rate[self.counted]).sum() - self.integral.sum())


def measure(process: Process, events: Events, scale: ArrayLike | None = None) -> Measured:
    """Intensities and their integrals under a process.

    Exact, and in one pass for exponentials with a linear link and for a kernel of steps. A power law is exact over
    all pairs, up to `PAIRS` of them; beyond it goes as exponentials within 1e-9 of it. Under another link than the
    linear one, exponentials are integrated numerically, each piece between two events by halving until two rules
    agree to 1e-10 of it; a power law is first made exponentials within 1e-9.

    Parameters
    ----------
    process : Process
    events : Events
    scale : float64 array, (N,), optional
        Multiplies the baseline of each sequence.

    Raises
    ------
    DataError
        A type, time or size that the process cannot take.
    """
    scales = _scales(events, scale)
    events = _checked(process, events)
    kernel = summable(process, events)
    base = process.baseline
    weight = weights(kernel, events)
    rows = (np.empty(events.n_events), np.empty(events.n_events), np.empty(events.n_events))
    increments, together, rate = rows
    integral = np.empty((events.n_sequences, process.types))
    head = (events.offsets, events.times, events.types)
    tail = (weight, events.start, events.end, scales)
    link = LINKS[process.link]
    if isinstance(kernel, Histogram):
        linked.steps(
            *head, *tail, *cells(base)[:3], *turn(base), kernel.edges, turned(kernel.height), link,
            increments, together, rate, integral,
        )  # fmt: skip
        return Measured(increments, together, rate, integral, events.counted)
    if link:
        assert isinstance(kernel, Exponentials)
        linked.linked(
            *head, *tail, *cells(base)[:3], *turn(base), turned(kernel.adjacency), _decays(kernel),
            kernel.shared, link, increments, together, rate, integral,
        )  # fmt: skip
        return Measured(increments, together, rate, integral, events.counted)
    loop, own, summed = _loops(kernel)
    loop(*head, events.types, *tail, *cells(base), *turn(base), *own, increments, rate, integral)
    if process.types == 1:
        return Measured(increments, increments, rate, integral, events.counted)
    one = np.zeros(events.n_events, np.int64)
    spare = np.empty((events.n_sequences, 1))
    loop(*head, one, *tail, *cells(base, whole=True), *turn(base), *summed, together, rate.copy(), spare)
    return Measured(increments, together, rate, integral, events.counted)


def compensators(
    process: Process, events: Events, scale: ArrayLike | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Integrals of the intensity: since the own type's event before (R,), and over the window by type (N, M).

    Under the true process each type's increments are unit exponentials (time rescaling), but for the last piece of
    each window, which no event ends: it is `integral` less the type's increments. Rows of given events are no
    residuals. See `measure`.
    """
    found = measure(process, events, scale)
    return found.increments, found.integral


def intensities(
    process: Process,
    events: Events,
    at: tuple[NDArray[np.int64], NDArray[np.float64]] | None = None,
    scale: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Intensity of each type just before given times, (Q, M): events at the time itself do not count yet.

    Parameters
    ----------
    process, events, scale
        As in `measure`.
    at : (int64 array (N + 1,), float64 array (Q,)), optional
        Times, rising inside each sequence, those of sequence n at ``offsets[n]:offsets[n + 1]``; the events' own
        where not given.
    """
    scales = _scales(events, scale)
    events = _checked(process, events)
    places, times = (events.offsets, events.times) if at is None else at
    kernel = process.kernel
    weight = weights(kernel, events)
    out = np.empty((len(times), process.types))
    head = (events.offsets, events.times, events.types, weight, places, times)
    if isinstance(kernel, Exponentials):
        ahead.exponential_at(*head, turned(kernel.adjacency), kept(kernel), out)
    elif isinstance(kernel, PowerLaw):
        ahead.power_at(*head, turned(kernel.jump), float(kernel.c), float(kernel.p), out)
    else:
        ahead.steps_at(*head, kernel.edges, turned(kernel.height), out)
    out += baseline_rates(process.baseline, times) * np.repeat(scales, np.diff(places))[:, None]
    if process.link == "rectified":
        return np.maximum(out, 0.0)
    if process.link == "softplus":
        level = process.baseline.level
        with np.errstate(divide="ignore", invalid="ignore"):
            soft = level * np.logaddexp(0.0, out / level)
        return np.where(level > 0, soft, np.maximum(out, 0.0))
    return out


def baseline_rates(baseline: Baseline, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rate of immigrants of each type at given times, (Q, M)."""
    return rates_of(baseline)[cells_of(baseline, times)]


def weights(kernel: Exponentials | PowerLaw | Histogram, events: Events) -> NDArray[np.float64]:
    """What each event's excitation is multiplied with, by its size, (R,)."""
    if kernel.power == 0:
        return np.ones(events.n_events)
    if events.size is None:
        raise DataError(
            "the kernel is driven by sizes, and the events have none",
            fix="give Events a size, or use a kernel with power 0",
        )
    return np.asarray(np.exp(kernel.power * (events.size - kernel.reference)))


def summable(process: Process, events: Events) -> Exponentials | PowerLaw | Histogram:
    """The kernel, or exponentials near it where a power law would be too dear or has no integral under the link."""
    kernel = process.kernel
    if not isinstance(kernel, PowerLaw):
        return kernel
    lengths = np.diff(events.offsets).astype(np.float64)
    if process.link == "linear" and lengths @ lengths < 2.0 * PAIRS:
        return kernel
    longest = float(np.max(events.end - events.start, initial=kernel.c))
    return exponentials_of(kernel, 0.0, longest, NEAR)[0]


def _loops(kernel: Exponentials | PowerLaw | Histogram) -> tuple[Any, tuple[Any, ...], tuple[Any, ...]]:
    """Loop of a linear process, and what it takes for the types' own intensities and for their sum."""
    if isinstance(kernel, PowerLaw):
        jump = turned(kernel.jump)
        rest = (float(kernel.c), float(kernel.p))
        return loops.power, (jump, *rest), (jump.sum(axis=1, keepdims=True), *rest)
    assert isinstance(kernel, Exponentials)
    own = turned(kernel.adjacency)
    if kernel.shared:
        decay = np.ascontiguousarray(kernel.decay[:, 0, 0])
        return loops.exponential, (own, decay), (own.sum(axis=2, keepdims=True), decay)
    pairs = _decays(kernel)
    k, m, _ = own.shape

    def column(x: NDArray[np.float64]) -> NDArray[np.float64]:  # each pair a component of the one target
        return np.ascontiguousarray(x.transpose(0, 2, 1)).reshape(k * m, m, 1)

    return loops.exponential_pairs, (own, pairs), (column(own), column(pairs))


def turned(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The exciting type before the target, as the loops take it."""
    return np.ascontiguousarray(np.swapaxes(matrix, -1, -2), np.float64)


def _decays(kernel: Exponentials) -> NDArray[np.float64]:
    """Decay of every pair, (K, M, M), turned."""
    return turned(np.broadcast_to(kernel.decay, kernel.adjacency.shape))


def kept(kernel: Exponentials) -> NDArray[np.float64]:
    """Decays as the loops of `ahead` take them: (K, 1, M) where they are shared."""
    return np.ascontiguousarray(_decays(kernel)[:, :1]) if kernel.shared else _decays(kernel)


def cells(baseline: Baseline, whole: bool = False) -> tuple[NDArray[np.float64], ...]:
    """Level, edges, factors and their running integral; those of the sum of all types where `whole`."""
    level = np.ascontiguousarray(baseline.level, np.float64)
    factors = np.ascontiguousarray(baseline.factors, np.float64)
    if whole:
        factors = np.ascontiguousarray((level * factors).sum(axis=1, keepdims=True))
        level = np.ones(1)
    edges = np.ascontiguousarray(baseline.edges, np.float64)
    running = np.zeros((len(edges), factors.shape[1]))
    np.cumsum(factors * np.diff(edges)[:, None], axis=0, out=running[1:])
    return level, edges, factors, running


def turn(baseline: Baseline) -> tuple[float, float]:
    """Period and phase of a baseline."""
    return float(baseline.period), float(baseline.phase)


def _scales(events: Events, scale: ArrayLike | None) -> NDArray[np.float64]:
    if scale is None:
        return np.ones(events.n_sequences)
    found = np.ascontiguousarray(scale, np.float64)
    if found.shape != (events.n_sequences,) or not np.all(np.isfinite(found)) or np.any(found < 0):
        raise UsageError(
            f"scale has shape {found.shape} for {events.n_sequences} sequences",
            fix="use one finite number of 0 or more a sequence",
        )
    return found


def _checked(process: Process, events: Events) -> Events:
    """The events as the loops take them, once the process may have made them."""
    if process.link not in LINKS:
        raise UsageError(f"there is no link {process.link!r}", fix="use linear, softplus or rectified")
    return checked(events, process.types)
