"""Sums an entity that make correlations and shares of variance cheap under weights of the entities."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from tsynth.scores.ruler import Grid
from tsynth.scores.weights import Counts

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PAIR", "between_share", "bounded", "correlation", "group_sums", "pair_sums", "sums"]

TINY = 1e-12
PAIR = 6
"""Sums that `pair_sums` makes."""


def sums(entity: NDArray[np.int64], n_entities: int, *amounts: NDArray[np.float64]) -> Counts:
    """Sum of each amount an entity, a cell an amount."""
    return Counts.dense(np.column_stack([np.bincount(entity, a, n_entities) for a in amounts]))


def pair_sums(
    entity: NDArray[np.int64], n_entities: int, x: NDArray[np.float64], y: NDArray[np.float64]
) -> Counts:
    """What `correlation` needs, over pairs of which both are known; several x, (c, k), have their sums in a row."""
    amounts = []
    for one in np.atleast_2d(x):
        known = np.isfinite(one) & np.isfinite(y)
        a, b = np.where(known, one, 0.0), np.where(known, y, 0.0)
        amounts += [known.astype(np.float64), a, b, a * b, a * a, b * b]
    return sums(entity, n_entities, *amounts)


def correlation(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pearson correlation from totals of `pair_sums`, over the last axis; 0 where nothing varies."""
    n, x, y, xy, xx, yy = np.moveaxis(totals, -1, 0)
    n = np.maximum(n, TINY)
    spread = np.maximum(xx / n - (x / n) ** 2, 0) * np.maximum(yy / n - (y / n) ** 2, 0)
    known = spread > TINY
    found = np.where(known, (xy / n - x * y / n**2) / np.sqrt(np.where(known, spread, 1)), 0.0)
    return np.clip(found, -1, 1)


def bounded(grid: Grid) -> Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]:
    """The distance of a grid, at most 1: where few values are told apart it may come out above."""
    return lambda first, second: np.minimum(grid.distance(first, second), 1)


def group_sums(entity: NDArray[np.int64], n_entities: int, x: NDArray[np.float64]) -> Counts:
    """What `between_share` needs of the values that are known: sums of n, n², x, x², (sum x)²/n, and groups."""
    known = np.isfinite(x)
    entity, x = entity[known], x[known]
    n = np.bincount(entity, minlength=n_entities).astype(np.float64)
    s, q = (np.bincount(entity, a, n_entities) for a in (x, x * x))
    return Counts.dense(np.column_stack([n > 0, n, n * n, s, q, s * s / np.maximum(n, 1)]).astype(np.float64))


def between_share(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the variance that lies between groups, 0..1: the intraclass correlation of one-way ANOVA.

    ``(MSB - MSW) / (MSB + (n0 - 1) MSW)`` with ``n0 = (N - sum n_i²/N) / (k - 1)`` for groups of unequal size.
    """
    k, n, nn, s, q, b = np.moveaxis(totals, -1, 0)
    inside, groups = np.maximum(n - k, TINY), np.maximum(k - 1, TINY)
    within = np.maximum(q - b, 0) / inside
    between = np.maximum(b - s * s / np.maximum(n, TINY), 0) / groups
    size = (n - nn / np.maximum(n, TINY)) / groups
    whole = between + (size - 1) * within
    known = (n > k) & (k > 1) & (whole > TINY)
    return np.clip(np.where(known, (between - within) / np.where(known, whole, 1), 0.0), 0, 1)
