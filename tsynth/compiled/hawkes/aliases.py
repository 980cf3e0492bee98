"""Draws from tables of weights in constant time.

Reference: Vose (1991), A linear algorithm for generating random numbers with a given distribution, IEEE TSE 17(9).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tsynth.compiled.jit import compiled, uncounted
from tsynth.compiled.random import uniform

__all__ = ["Table", "aliases", "pick"]


class Table(NamedTuple):
    """Many laws over a few outcomes each, for `pick`: those of law j are ``offsets[j]:offsets[j + 1]``.

    Parameters
    ----------
    offsets : int64 array, (J + 1,)
    keep : float64 array, (S,)
        Probability that a slot's own outcome is taken.
    other : int64 array, (S,)
        Slot whose outcome is taken else.
    """

    offsets: np.ndarray
    keep: np.ndarray
    other: np.ndarray


@compiled
def aliases(offsets, weights):
    """`Table` columns `keep` and `other` of laws with these weights (not normalised, at least 0).

    Returns
    -------
    keep : float64 array, (S,)
    other : int64 array, (S,)
    """
    keep = np.ones(len(weights))
    other = np.arange(len(weights))
    largest = 0
    for j in range(len(offsets) - 1):
        largest = max(largest, offsets[j + 1] - offsets[j])
    light = np.empty(largest, np.int64)
    heavy = np.empty(largest, np.int64)
    for j in range(len(offsets) - 1):
        low, high = offsets[j], offsets[j + 1]
        total = 0.0
        for s in range(low, high):
            total += weights[s]
        if not total > 0.0:
            continue
        n_light = n_heavy = 0
        for s in range(low, high):
            keep[s] = weights[s] / total * (high - low)
            if keep[s] < 1.0:
                light[n_light] = s
                n_light += 1
            else:
                heavy[n_heavy] = s
                n_heavy += 1
        while n_light > 0 and n_heavy > 0:
            n_light -= 1
            a, b = light[n_light], heavy[n_heavy - 1]
            other[a] = b
            keep[b] -= 1.0 - keep[a]
            if keep[b] < 1.0:
                n_heavy -= 1
                light[n_light] = b
                n_light += 1
        # What rounding left over is full, but an outcome of weight 0 never is.
        while n_light > 0:
            n_light -= 1
            a = light[n_light]
            if weights[a] > 0.0:
                keep[a] = 1.0
            elif other[a] == a:
                for s in range(low, high):
                    if weights[s] > 0.0:
                        other[a] = s
                keep[a] = 0.0
        while n_heavy > 0:
            n_heavy -= 1
            keep[heavy[n_heavy]] = 1.0
    return keep, other


@uncounted
def pick(state, offsets, keep, other, law):
    """Slot drawn from law number `law` of a `Table`, by one uniform; a law of one slot needs none."""
    low = offsets[law]
    n = offsets[law + 1] - low
    if n == 1:
        return low
    u = uniform(state) * n
    slot = np.int64(u)
    u -= slot
    slot += low
    second = other[slot]  # read in any case, so that nothing branches
    return slot if u < keep[slot] else second
