"""Counts, histograms and quantiles with noise, in which no entity counts more than its bound."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.privacy.ledger import Ledger

__all__ = ["Histogram", "clipped_counts", "noised_counts", "noised_histogram", "noised_lengths"]

CLEAR = 4.0
"""Noise deviations that a bin at an end must stick out to be kept; by chance one of 30,000 empty bins does."""
_POWERS = np.ldexp(1.0, np.arange(-20, 51))
OCTAVES = np.concatenate([-_POWERS[::-1], [0.0], _POWERS])
"""Edges to begin with where nothing is known of a number: powers of two to both sides of 0."""
BINS = 64
LENGTHS = np.concatenate([[0], 2 ** np.arange(31)]).astype(np.float64)


@dataclass(frozen=True)
class Histogram:
    """A noised histogram.

    Parameters
    ----------
    edges : float64 array, (B + 1,)
    mass : float64 array, (B,)
        Noised counts, none below 0; exact zeros are not in them.
    zero : float
        Noised count of exact zeros, 0 where they do not stick out.
    noise : float
        Deviation of the noise of each.
    """

    edges: NDArray[np.float64]
    mass: NDArray[np.float64]
    zero: float
    noise: float

    def quantiles(self, probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Quantiles, zeros left out, evenly spread inside a bin."""
        total = self.mass.sum()
        share = np.full(len(self.mass), 1 / len(self.mass)) if total <= 0 else self.mass / total
        below = np.concatenate([[0.0], np.cumsum(share)])
        return np.interp(probability, below / below[-1], self.edges)

    def sizes(self) -> tuple[int, int]:
        """Of `noised_lengths`: how many entities and, to a tenth or so, how many rows there are; at least 1."""
        middle = np.sqrt(np.maximum(self.edges[:-1], 0.0) * np.maximum(self.edges[1:] - 1, 1.0))
        return max(1, round(float(self.mass.sum()))), max(1, round(float((self.mass * middle).sum())))


def clipped_counts(
    cell: NDArray[np.int64], entity: NDArray[np.int64], size: int, clip: float
) -> NDArray[np.float64]:
    """Rows in each of `size` cells, the counts of each entity scaled down to a Euclidean norm of at most `clip`.

    So one entity more or less moves the whole array by at most `clip`.
    """
    keys, rows = np.unique(entity.astype(np.int64) * size + cell, return_counts=True)
    owner, place = keys // size, keys % size
    norm = np.sqrt(np.bincount(owner, weights=rows.astype(np.float64) ** 2))
    weight = np.minimum(1.0, clip / np.maximum(norm, 1e-300))
    return np.bincount(place, weights=rows * weight[owner], minlength=size).astype(np.float64)


def noised_counts(
    ledger: Ledger,
    what: str,
    cell: NDArray[np.int64],
    entity: NDArray[np.int64],
    size: int,
    *,
    rho: float,
    clip: float = 1.0,
) -> tuple[NDArray[np.float64], float]:
    """`clipped_counts` with Gaussian noise, and the deviation of that noise.

    Parameters
    ----------
    ledger : Ledger
    what : str
        What is counted, for the ledger.
    cell, entity : int64 array, (R,)
        Cell of each row, whose row it is.
    size : int
        Number of cells.
    rho : float
        What to spend.
    clip : float
        Norm that an entity's counts are scaled down to: 1 where it has one row, else the root of the ledger's
        contribution bound.
    """
    return ledger.gaussian(what, clipped_counts(cell, entity, size, clip), clip, rho)


def noised_histogram(
    ledger: Ledger,
    what: str,
    x: NDArray[np.float64],
    entity: NDArray[np.int64],
    *,
    rho: float,
    clip: float = 1.0,
    step: float = 0.0,
    bounds: tuple[float, float] | None = None,
) -> Histogram:
    """A histogram that finds its own range: from powers of two, in three rounds, to bins of like mass.

    Parameters
    ----------
    ledger, what, entity, rho, clip
        As `noised_counts`.
    x : float64 array, (R,)
        Finite numbers.
    step : float
        Lattice that the numbers lie on; where few of its points are in range, each has a bin of its own.
    bounds : (float, float), optional
        Where they are public; else powers of two are looked through.

    Notes
    -----
    A bin at an end stays only where its count sticks out of the noise by four deviations, and what lies beyond is
    moved inside: no smallest or largest value is ever looked at.
    """
    known = bounds is not None and all(map(math.isfinite, bounds)) and bounds[1] > bounds[0]
    edges = np.linspace(*bounds, BINS + 1) if known and bounds is not None else OCTAVES
    mass, zero, noise = np.ones(len(edges) - 1), 0.0, 0.0
    nil = x == 0.0
    for part in (0.3, 0.2, 0.5):
        inside = np.clip(x, edges[0], edges[-1])
        cell = np.clip(np.searchsorted(edges, inside, side="right") - 1, 0, len(edges) - 2)
        cell = np.where(nil, len(edges) - 1, cell)
        counts, noise = noised_counts(ledger, what, cell, entity, len(edges), rho=part * rho, clip=clip)
        zero = float(counts[-1]) if counts[-1] > CLEAR * noise else 0.0
        mass = counts[:-1]
        if part == 0.5:
            break
        clear = np.flatnonzero(mass > CLEAR * noise)
        if len(clear) == 0:
            clear = np.array([int(np.argmax(mass))])
        low, high = clear[0], clear[-1] + 1
        mass, edges = np.maximum(mass[low:high], 0.0), edges[low : high + 1]
        # Bins so few that a mean one is well above its noise in the last round.
        last = clip / math.sqrt(rho)
        bins = int(np.clip(mass.sum() / (6.0 * last), 4, BINS))
        points = (edges[-1] - edges[0]) / step if step > 0 else math.inf
        if points <= 1.5 * bins:
            first = math.floor(edges[0] / step)
            edges = (np.arange(first, math.ceil(edges[-1] / step) + 2) - 0.5) * step
        else:
            held = Histogram(edges, mass, 0.0, noise)
            edges = np.unique(held.quantiles(np.linspace(0, 1, bins + 1)))
        if len(edges) < 2:
            edges = np.array([edges[0], edges[0] + max(step, 1e-9)])
        mass = np.ones(len(edges) - 1)
    mass = np.where(mass > noise, mass, 0.0)
    held_bins = np.flatnonzero(mass)
    if len(held_bins):
        mass, edges = mass[held_bins[0] : held_bins[-1] + 1], edges[held_bins[0] : held_bins[-1] + 2]
    return Histogram(edges, np.asarray(mass), zero, noise)


def noised_lengths(ledger: Ledger, lengths: NDArray[np.int64], rho: float) -> Histogram:
    """Rows of each entity in powers of two, which also tells how many entities there are; sets the contribution bound.

    The bound is the upper end of the class that three quarters of the entities stay below: more would make all noise
    larger for the sake of a few.
    """
    edges = np.concatenate([LENGTHS, [np.inf]])
    cell = np.searchsorted(LENGTHS, lengths, side="right") - 1
    counts, noise = noised_counts(
        ledger, "rows of each entity", cell, np.arange(len(lengths)), len(LENGTHS), rho=rho
    )
    clear = np.flatnonzero(counts > CLEAR * noise)
    last = int(clear[-1]) if len(clear) and clear[-1] else 1 + int(np.argmax(counts[1:]))
    while last + 1 < len(counts) and counts[last + 1] > 2 * noise:  # beside what is clear, less will do
        last += 1
    mass = np.where((counts > 1.5 * noise) & (np.arange(len(counts)) <= last), counts, 0.0)
    mass[last] = max(float(counts[last]), 1.0)
    if counts[0] <= CLEAR * noise:  # entities without rows are rare: none unless it is clear
        mass[0] = 0.0
    if ledger.privacy.rows is None:
        share = np.cumsum(mass[1:]) / max(mass[1:].sum(), 1e-9)
        at = 1 + int(np.searchsorted(share, 0.75))
        ledger.rows = max(1, int(edges[min(at + 1, len(LENGTHS) - 1)]) - 1)
    top = int(np.flatnonzero(mass)[-1]) + 1
    return Histogram(np.append(LENGTHS[:top], LENGTHS[min(top, len(LENGTHS) - 1)]), mass[:top], 0.0, noise)
