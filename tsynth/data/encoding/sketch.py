"""A mergeable summary of numbers: distinct values with their rows and their entities, thinned where many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Sketch", "combine", "compress", "summarise"]

SPIKES = 512
RANKS = 2_048
FOLD = 262_144


@dataclass(frozen=True)
class Sketch:
    """Distinct values, ascending, how many rows hold each and how many distinct entities.

    Parameters
    ----------
    value : float64 array
    rows, entities : int64 array
    """

    value: NDArray[np.float64]
    rows: NDArray[np.int64]
    entities: NDArray[np.int64]

    def without(self, atoms: NDArray[np.float64]) -> Sketch:
        """The values that are not among `atoms`."""
        keep = ~np.isin(self.value, atoms)
        return Sketch(self.value[keep], self.rows[keep], self.entities[keep])


def summarise(x: NDArray[np.float64], owner: NDArray[np.int64]) -> Sketch:
    """The exact sketch of values `x` of entities `owner`."""
    x = x + 0.0  # one zero only
    order = np.lexsort((owner, x))
    x, owner = x[order], owner[order]
    new = np.ones(len(x), np.bool_)
    new[1:] = x[1:] != x[:-1]
    fresh = new.copy()
    fresh[1:] |= owner[1:] != owner[:-1]
    group = np.cumsum(new) - 1
    size = int(new.sum())
    return Sketch(
        x[new],
        np.bincount(group, minlength=size).astype(np.int64),
        np.bincount(group, weights=fresh, minlength=size).astype(np.int64),
    )


def compress(sketch: Sketch, spikes: int = SPIKES, ranks: int = RANKS) -> Sketch:
    """At most ``spikes + ranks`` values: those that most entities hold as they are, the others by rank."""
    if len(sketch.value) <= spikes + ranks:
        return sketch
    top = np.zeros(len(sketch.value), np.bool_)
    top[np.lexsort((-sketch.rows, -sketch.entities))[:spikes]] = True
    value, rows, entities = sketch.value[~top], sketch.rows[~top], sketch.entities[~top]
    # Each rank interval is told by the value in its middle, with all its rows; the ends stay finer.
    bounds = np.unique(np.concatenate([np.arange(8), np.linspace(8, len(value) - 8, ranks - 16).astype(np.int64),
                                       np.arange(len(value) - 8, len(value) + 1)]))  # fmt: skip
    first, last = bounds[:-1], bounds[1:]
    middle = (first + last - 1) // 2
    thin_rows = np.add.reduceat(rows, first)
    # Entities of unlike values are not the same entities; the largest count is a safe lower bound.
    thin_entities = np.maximum.reduceat(entities, first)
    return _grouped(
        np.concatenate([sketch.value[top], value[middle]]),
        np.concatenate([sketch.rows[top], thin_rows]),
        np.concatenate([sketch.entities[top], thin_entities]),
    )


def combine(sketches: list[Sketch]) -> Sketch:
    """The sketch of all blocks together; blocks share no entity."""
    total = Sketch(np.empty(0), np.empty(0, np.int64), np.empty(0, np.int64))
    held: list[Sketch] = [total]
    size = 0
    for sketch in sketches:
        held.append(sketch)
        size += len(sketch.value)
        if size > FOLD:
            folded = compress(_joined(held), 8 * SPIKES, 8 * RANKS)
            held, size = [folded], len(folded.value)
    return _joined(held)


def _joined(sketches: list[Sketch]) -> Sketch:
    return _grouped(
        np.concatenate([s.value for s in sketches]),
        np.concatenate([s.rows for s in sketches]),
        np.concatenate([s.entities for s in sketches]),
    )


def _grouped(value: NDArray[np.float64], rows: NDArray[np.int64], entities: NDArray[np.int64]) -> Sketch:
    distinct, group = np.unique(value, return_inverse=True)
    return Sketch(
        distinct,
        np.bincount(group, weights=rows, minlength=len(distinct)).astype(np.int64),
        np.bincount(group, weights=entities, minlength=len(distinct)).astype(np.int64),
    )
