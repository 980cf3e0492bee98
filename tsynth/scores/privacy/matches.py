"""The best match of what an attacker knows of a target in a single entity of some data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Known", "best_match"]

COMMON = 100
"""Occurrences from which on a thing is too common to be looked up, for it points at nobody."""


class Known:
    """Things that can be looked up: a hash each, the entity that holds it, and where in time.

    Parameters
    ----------
    hashes : uint64 array, (k,)
    entity : int64 array, (k,)
    time : float64 array, (k,)
    """

    def __init__(
        self, hashes: NDArray[np.uint64], entity: NDArray[np.int64], time: NDArray[np.float64]
    ) -> None:
        order = np.argsort(hashes, kind="stable")
        self.hashes, self.entity, self.time = hashes[order], entity[order], time[order]

    def found(self, asked: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where each hash starts, and how often it occurs."""
        first = np.searchsorted(self.hashes, asked, side="left")
        return first, np.searchsorted(self.hashes, asked, side="right") - first

    def rarity(self, asked: NDArray[np.uint64]) -> NDArray[np.float64]:
        """Minus the logarithm of the share of things with this hash, one added so that none is impossible."""
        out: NDArray[np.float64] = np.log((len(self.hashes) + 1) / (self.found(asked)[1] + 1))
        return out


def best_match(
    owner: NDArray[np.int64],
    hashes: NDArray[np.uint64],
    time: NDArray[np.float64],
    weight: NDArray[np.float64],
    among: Known,
    count: int,
    unit: float,
) -> NDArray[np.float64]:
    """Summed weight of the known things of each owner that one entity of `among` holds at best, (count,).

    Things are held together where they lie as far apart in time: all are moved by the same span, to `unit`; where
    `time` is NaN it does not matter. A thing that occurs over 100 times counts as not held.

    Parameters
    ----------
    owner, hashes, time, weight : arrays, (k,)
        What is known: whose, its hash, when, and its weight.
    among : Known
    count : int
        Owners.
    unit : float
    """
    first, times = among.found(hashes)
    times = np.where(times > COMMON, 0, times)
    out = np.zeros(count)
    if not times.sum():
        return out
    thing = np.repeat(np.arange(len(hashes)), times)
    at = np.repeat(first - (np.cumsum(times) - times), times) + np.arange(len(thing))
    moved = np.round(np.nan_to_num((among.time[at] - time[thing]) / unit)).astype(np.float64)
    order = np.lexsort((thing, moved, among.entity[at], owner[thing]))
    keys = owner[thing][order], among.entity[at][order], moved[order]
    thing = thing[order]
    fresh = np.r_[True, np.any([k[1:] != k[:-1] for k in keys], axis=0)]
    once = fresh | np.r_[True, thing[1:] != thing[:-1]]  # a thing counts once for an entity and a span
    group = np.cumsum(fresh) - 1
    held = np.bincount(group, np.where(once, weight[thing], 0.0))
    np.maximum.at(out, keys[0][fresh], held)
    return out
