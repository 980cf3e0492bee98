"""Windows of rows, where each comes from, and ways to keep those of training and test apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.data.streams import Streams
from tsynth.errors import DataError
from tsynth.scores.base import CannotSay

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LENGTH", "Windows", "apart", "scaled", "shuffled", "windows"]

LENGTH = 24
"""Rows of a window in the published protocol."""
MOST = 4_000
"""Windows of a side that are looked at; beyond, every second, third ... is taken."""
BLOCKS = 5
"""Blocks of time a fold: scattered ones hold all times on both sides, which one long block would not."""


@dataclass(frozen=True)
class Windows:
    """Windows and their origin.

    Parameters
    ----------
    values : float64 array, (n, T, D)
    owner : int64 array, (n,)
        Entity of each window.
    start : int64 array, (n,)
        Its first row inside the entity.
    owners : int
        Number of entities, those without a window counted.
    """

    values: NDArray[np.float64]
    owner: NDArray[np.int64]
    start: NDArray[np.int64]
    owners: int

    def __len__(self) -> int:
        return len(self.values)

    def take(self, index: NDArray[np.int64]) -> Windows:
        """Some of the windows, of the same entities."""
        return Windows(self.values[index], self.owner[index], self.start[index], self.owners)

    def sums(
        self, amounts: NDArray[np.float64], index: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """Sum of amounts, one a window (of `index`), an entity: (..., n) to (..., owners)."""
        owner = self.owner if index is None else self.owner[index]
        flat = amounts.reshape(-1, amounts.shape[-1])
        out = np.stack([np.bincount(owner, row, self.owners) for row in flat]).astype(np.float64)
        return out.reshape(*amounts.shape[:-1], self.owners)


def windows(data: Sequences | NDArray[np.float64], length: int = LENGTH) -> Windows:
    """Windows of `length` rows, stride 1, of the numeric columns; those with a null are left out.

    Parameters
    ----------
    data : Sequences or float64 array, (N, T, D)
        An array holds windows that are cut already, taken to be one series at stride 1.
    length : int

    Raises
    ------
    DataError
        The array has another shape or holds what is no number.
    """
    if not isinstance(data, Sequences):
        values = np.asarray(data, dtype=np.float64)
        if values.ndim != 3 or not values.size:
            raise DataError(f"windows have the shape {values.shape}", fix="hand in an array (N, T, D)")
        if not np.isfinite(values).all():
            raise DataError("windows hold nulls or infinite values", fix="leave those windows out")
        return _some(Windows(values, np.zeros(len(values), np.int64), np.arange(len(values)), 1))
    names = columns(data)
    counts = np.maximum(data.lengths - length + 1, 0)
    owner = np.repeat(np.arange(data.n_entities), counts)
    start = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    if not len(owner) or not names:
        return Windows(np.empty((0, length, len(names))), owner, start, data.n_entities)
    values = data.windows(length, names=names)
    kept = np.flatnonzero(np.isfinite(values).all((1, 2)))
    return _some(Windows(values[kept], owner[kept], start[kept], data.n_entities))


def columns(data: Sequences) -> list[str]:
    """Numeric columns that vary by row, those with role "label" left out."""
    return [c.name for c in data.schema.dynamic if c.kind in ("continuous", "count") and c.role != "label"]


def _some(found: Windows) -> Windows:
    every = -(-len(found) // MOST)
    return found if every <= 1 else found.take(np.arange(0, len(found), every))


def scaled(by: Windows, *sides: Windows) -> list[Windows]:
    """Sides on the scale of `by`: ``(x - min) / (max - min + 1e-7)`` a column, as published."""
    low, high = by.values.min((0, 1)), by.values.max((0, 1))
    return [
        Windows((side.values - low) / (high - low + 1e-7), side.owner, side.start, side.owners)
        for side in sides
    ]


def shuffled(count: int, repeats: int, seed: int, purpose: str) -> NDArray[np.int64]:
    """A random order of `count` things a repeat, (repeats, count)."""
    draws = Streams(seed, ("published", purpose), range(count)).uniform(repeats)
    return np.argsort(draws.T, axis=1, kind="stable")


def apart(
    found: Windows, folds: int, seed: int, order: NDArray[np.float64] | None = None
) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
    """Windows to test and windows to learn from, a fold each, that share no row and, where there are many, no entity.

    With ten entities or more each is held out as a whole, dealt to the folds in order of time; else each is cut into
    blocks of time that are dealt in turn, and windows that reach into a tested block are left out of the training.

    Parameters
    ----------
    found : Windows
    folds, seed : int
    order : float64 array, (owners,), optional
        Time of each entity; its number where not given.

    Returns
    -------
    list of int64 arrays
        Windows that each fold tests.
    int64 array, (folds, k)
        Windows that each fold learns from, cut at random to the size of the smallest fold.

    Raises
    ------
    CannotSay
        There is too little to hold anything out.
    """
    many = len(np.unique(found.owner)) >= 2 * folds
    if many:
        times = np.arange(found.owners, dtype=np.float64) if order is None else order
        held = np.unique(found.owner)
        rank = np.zeros(found.owners, np.int64)
        rank[held[np.argsort(times[held], kind="stable")]] = np.arange(len(held))
        first = last = rank[found.owner] % folds
    else:
        length = found.values.shape[1]
        rows = np.zeros(found.owners, np.int64)
        np.maximum.at(rows, found.owner, found.start + length)
        block = np.maximum(rows[found.owner] // (folds * BLOCKS), 2 * length)
        block = np.minimum(block, rows[found.owner] // folds)  # short series: a block each fold
        if (block < length).any():  # else a window reaches into two blocks at most
            least = int(rows[found.owner].min())
            raise CannotSay(f"a series of {least} rows is too short to hold out {folds} blocks of time")
        first = (found.start // block) % folds
        last = ((found.start + length - 1) // block) % folds
    tests = [np.flatnonzero((first == k) & (last == k)) for k in range(folds)]
    trains = [np.flatnonzero((first != k) & (last != k)) for k in range(folds)]
    least = min(len(t) for t in trains)
    if not least or not all(len(t) for t in tests):
        raise CannotSay(f"{len(found)} windows are too few to hold some of them out {folds} times")
    orders = [shuffled(len(t), 1, seed, f"fold {k}")[0][:least] for k, t in enumerate(trains)]
    return tests, np.stack([t[o] for t, o in zip(trains, orders, strict=True)])
