"""Batches: each event with those that come at its moment, by a chain of types."""

from __future__ import annotations

import numpy as np

from tsynth.compiled.jit import compiled
from tsynth.compiled.random import categorical, start, uniform

__all__ = ["filled"]


@compiled
def filled(key, entities, offsets, types, more, following):
    """Each event, then the others of its batch.

    Parameters
    ----------
    key : uint64
    entities : int64 array, (N,)
    offsets : int64 array, (N + 1,)
    types : int64 array, (R,)
    more : float64 array, (M,)
        Chance that an event of each type is followed by another at the same moment.
    following : float64 array, (G, M)
        Running weight of the type of such a one; types from the last row on share it.

    Returns
    -------
    offsets : int64 array, (N + 1,)
    event : int64 array, (S,)
        The row of `types` that each belongs to.
    types : int64 array, (S,)
    """
    n, groups = len(offsets) - 1, len(following)
    out = np.zeros(n + 1, np.int64)
    size = 2 * len(types) + 16
    event, made = np.empty(size, np.int64), np.empty(size, np.int64)
    state = np.empty(4, np.uint64)
    at = 0
    for i in range(n):
        if offsets[i] < offsets[i + 1]:
            start(state, key, entities[i])
        for r in range(offsets[i], offsets[i + 1]):
            now = types[r]
            while True:
                if at == size:
                    size *= 2
                    larger = np.empty(size, np.int64)
                    larger[:at] = event
                    event = larger
                    larger = np.empty(size, np.int64)
                    larger[:at] = made
                    made = larger
                event[at], made[at] = r, now
                at += 1
                if not uniform(state) < min(more[now], 0.999):
                    break
                now = np.int64(categorical(state, following[min(now, groups - 1)]))
        out[i + 1] = at
    return out, event[:at], made[:at]
