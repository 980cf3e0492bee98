"""A process as the sampling loops take it: the immigrants' clock, laws of types and of children as flat tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.compiled.hawkes.aliases import Table, aliases
from tsynth.compiled.hawkes.clusters import EXPONENTIAL, POWER, STEPS, Births
from tsynth.compiled.hawkes.thinning import Drives
from tsynth.compiled.rates import Clock
from tsynth.generators.point_process.excitation.process import Exponentials, Histogram, PowerLaw
from tsynth.generators.point_process.excitation.seasons import cumulative, rates_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.generators.point_process.excitation.process import Baseline

__all__ = [
    "births_of",
    "clock_of",
    "columns_of",
    "expected_events",
    "flat",
    "immigrants_of",
    "spectral_radius",
    "table",
]


def flat(values: Any, dtype: Any = np.float64) -> NDArray[Any]:
    """The values contiguous and writable: numba compiles a loop anew for arrays that are not."""
    out = np.ascontiguousarray(values, dtype)
    return out if out.flags.writeable else out.copy()


def table(offsets: NDArray[np.int64], weights: NDArray[np.float64]) -> Table:
    """Alias tables of laws with these weights; those of law j are ``offsets[j]:offsets[j + 1]``."""
    offsets = flat(offsets, np.int64)
    return Table(offsets, *aliases(offsets, flat(weights, np.float64)))


def clock_of(baseline: Baseline) -> Clock:
    """The immigrants' clock, all types together."""
    if baseline.constant:
        rate = np.array([rates_of(baseline).sum()])
        return Clock(np.array([0.0, 1.0]), 0.0, 0.0, rate, np.array([0.0, rate[0]]))
    edges = flat(baseline.edges, np.float64)
    rate = rates_of(baseline).sum(axis=1)
    running = np.concatenate([[0.0], np.cumsum(rate * np.diff(edges))])
    phase = float(baseline.phase) if baseline.period > 0 else 0.0
    return Clock(edges, float(baseline.period), phase, rate, running)


def immigrants_of(baseline: Baseline) -> Table:
    """Law of an immigrant's type: one a cell, or one for all cells where the types rise and fall together."""
    rates = rates_of(baseline)
    if baseline.factors.shape[1] == 1:
        rates = np.asarray(baseline.level, np.float64)[None, :]
    cells, types = rates.shape
    return table(np.arange(cells + 1) * types, rates.reshape(-1))


def columns_of(
    kernel: Exponentials,
) -> tuple[Table, NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """For kernels with one decay a component: laws of a child's type, and what parents add.

    Returns
    -------
    columns : Table
        Law number ``k * M + j`` is that of component k and parents of type j.
    targets : int64 array
        Type of child of each slot.
    jumps : float64 array, (K, M)
        Rise of the intensity of all types together.
    decays : float64 array, (K,)
    """
    decays = flat(kernel.decay.reshape(-1), np.float64)
    parents = np.transpose(kernel.adjacency, (0, 2, 1))  # component, parent, child
    component, parent, child = np.nonzero(parents)
    types = kernel.adjacency.shape[1]
    offsets = np.searchsorted(component * types + parent, np.arange(len(decays) * types + 1))
    jumps = kernel.adjacency.sum(axis=1) * decays[:, None]
    return table(offsets, parents[component, parent, child]), flat(child, np.int64), flat(jumps), decays


def births_of(kernel: Exponentials | PowerLaw | Histogram, sizes: Any = None) -> Births:
    """Children of an event, as `clusters` takes them; `sizes` where the kernel asks for them."""
    law, second = EXPONENTIAL, None
    if isinstance(kernel, Exponentials):
        whole = np.asarray(kernel.adjacency, np.float64)
        first = np.broadcast_to(kernel.decay, whole.shape)
    elif isinstance(kernel, PowerLaw):
        law = POWER
        whole = np.asarray(kernel.jump, np.float64)[None]
        first, second = np.full(whole.shape, float(kernel.c)), np.full(whole.shape, float(kernel.p))
    else:
        law = STEPS
        edges = np.asarray(kernel.edges, np.float64)
        whole = kernel.height * np.diff(edges)[:, None, None]
        first = np.broadcast_to(edges[:-1, None, None], whole.shape)
        second = np.broadcast_to(edges[1:, None, None], whole.shape)
    types = whole.shape[1]
    parent, component, child = np.nonzero(np.transpose(whole, (2, 0, 1)))
    at = (component, child, parent)
    offsets = np.searchsorted(parent, np.arange(types + 1))
    ones = flat(first[at], np.float64) if len(parent) else np.ones(1)
    twos = flat(second[at], np.float64) if second is not None and len(parent) else np.ones_like(ones)
    fastest, slowest = np.zeros(types), np.full(types, np.inf)
    np.maximum.at(fastest, parent, ones[: len(parent)])
    np.minimum.at(slowest, parent, ones[: len(parent)])
    sized = kernel.power != 0
    return Births(
        law,
        table(offsets, whole[at]),
        flat(child, np.int64),
        ones,
        twos,
        flat(whole.sum(axis=(0, 1))),
        fastest,
        slowest,
        float(kernel.power),
        float(kernel.reference),
        flat(sizes.offsets, np.int64) if sized else np.zeros(types + 1, np.int64),
        flat(sizes.values, np.float64) if sized else np.zeros(0),
    )


def drives_of(kernel: Exponentials, sizes: Any = None) -> Drives:
    """Parts of the excitation that decay at one rate each, as `thinned` takes them."""
    adjacency = np.asarray(kernel.adjacency, np.float64)
    decay = np.broadcast_to(kernel.decay, adjacency.shape)
    types = adjacency.shape[1]
    parent, component, child = np.nonzero(np.transpose(adjacency, (2, 0, 1)))
    rates = decay[component, child, parent]
    amount = adjacency[component, child, parent] * rates
    decays, decay_of = np.unique(rates, return_inverse=True)
    # One part for all that decays alike, drives the same type and has the same sign.
    codes, part = np.unique((decay_of * types + child) * 2 + (amount < 0), return_inverse=True)
    sized = kernel.power != 0
    return Drives(
        flat(codes // 2 % types, np.int64),
        flat(codes // (2 * types), np.int64),
        codes % 2 == 1,
        decays,
        flat(np.searchsorted(parent, np.arange(types + 1)), np.int64),
        flat(part, np.int64),
        amount,
        float(kernel.power),
        float(kernel.reference),
        flat(sizes.offsets, np.int64) if sized else np.zeros(types + 1, np.int64),
        flat(sizes.values, np.float64) if sized else np.zeros(0),
    )


def expected_events(
    baseline: Baseline,
    matrix: NDArray[np.float64],
    begin: NDArray[np.float64],
    end: NDArray[np.float64],
    scale: NDArray[np.float64],
    most: int | None,
) -> tuple[float, bool]:
    """Events that the windows hold if each immigrant's cluster were whole, and whether clusters are finite.

    A guess at the room that is needed: above the mean where there is no history. Where clusters are not finite only
    the immigrants are counted.
    """
    finite = np.isfinite(end)
    inside = (cumulative(baseline, np.where(finite, end, begin)) - cumulative(baseline, begin)) * scale
    types = len(matrix)
    level = np.asarray(baseline.level, np.float64)
    # Generations of the cluster of a common immigrant, and of one of any type, which a history may hold.
    shares = np.stack([level / max(level.sum(), 1e-300), np.full(types, 1 / types)], axis=1)
    each = 0.0
    for _ in range(300):
        sums = shares.sum(axis=0)
        each += float(sums[0])
        if sums.max() < 1e-3 or not sums.max() < 1e12:
            break
        shares = matrix @ shares
    if not sums.max() < 1e-3:
        radius = spectral_radius(matrix)
        each = 1 / (1 - radius) if radius < 1 else np.inf
    stable = bool(np.isfinite(each))
    counts = np.where(finite, inside * (each if stable else 1.0), np.inf)
    return float((counts if most is None else np.minimum(counts, most)).sum()), stable


def spectral_radius(matrix: NDArray[np.float64]) -> float:
    """Largest modulus of an eigenvalue; infinite where an entry is."""
    if not np.all(np.isfinite(matrix)):
        return float("inf")
    return float(np.max(np.abs(np.linalg.eigvals(matrix))))
