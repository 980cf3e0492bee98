"""Cells of a histogram made fit to be drawn: single values apart, the outermost cells open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Cells", "cells"]

NARROW, HEAVY, STEEP = 0.02, 0.02, 6.0
"""A cell is a single value where it is narrower than this part of the axis, holds this share, and is so many times
as dense as its neighbours."""


@dataclass(frozen=True)
class Cells:
    """Cells with a width, as places on the axis, and which of all cells are single values."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    wide: NDArray[np.bool_]

    def density(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Height of each wide cell, NaN where its share is not known."""
        return shares[self.wide] / (self.high - self.low)


def cells(
    places: NDArray[np.float64],
    real: NDArray[np.float64],
    synthetic: NDArray[np.float64],
    least: float = -np.inf,
) -> Cells:
    """Sort the cells between `places` into single values and wide ones, and open the outermost.

    The outermost cells hold everything beyond them, so at their own width they would tower over the others. They are
    drawn as wide as it takes for the real share to stand no higher than in the cell beside, but not below `least`.
    """
    low, high = places[:-1].copy(), places[1:].copy()
    width = high - low
    span = float(np.ptp(places))
    share = np.fmax(np.nan_to_num(real), np.nan_to_num(synthetic))
    positive = width > 1e-9 * span
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        density = np.where(positive, share / width, np.inf)
    beside = np.array([_neighbour(density, positive, k) for k in range(len(width))])
    atom = (width < NARROW * span) & (share >= HEAVY) & (density > STEEP * beside)
    wide = positive & ~atom
    kept = np.flatnonzero(wide)
    if kept.size > 2:
        for edge, inner, sign in ((kept[0], kept[1], -1), (kept[-1], kept[-2], 1)):
            if edge not in (0, len(width) - 1):
                continue
            level = np.nan_to_num(real[inner]) / width[inner]
            wanted = np.nan_to_num(real[edge]) / level if level > 0 else 0.0
            extra = float(np.clip(wanted - width[edge], 0.0, 0.35 * span))
            if sign < 0:
                low[edge] = max(low[edge] - extra, min(least, low[edge]))
            else:
                high[edge] += extra
    return Cells(low[wide], high[wide], wide)


def _neighbour(density: NDArray[np.float64], positive: NDArray[np.bool_], k: int) -> float:
    """Density of the denser of the two nearest cells with a width; 0 where there is none."""
    left = next((density[i] for i in range(k - 1, -1, -1) if positive[i]), 0.0)
    right = next((density[i] for i in range(k + 1, len(density)) if positive[i]), 0.0)
    return float(max(left, right)) if len(density) > 1 else np.inf
