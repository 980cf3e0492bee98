"""The clock of immigrants under a baseline of cells, and draws from tables of weights in constant time.

Reference: Vose (1991), A linear algorithm for generating random numbers with a given distribution, IEEE TSE 17(9).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tsynth.compiled.jit import compiled
from tsynth.compiled.random import uniform

__all__ = ["Clock", "Table", "aliases", "elapsed", "locate", "pick", "ring"]


class Clock(NamedTuple):
    """Immigrants' rate, all types together, constant between edges; as in `Baseline`, for loops.

    Parameters
    ----------
    edges : float64 array, (B + 1,)
        Without a period they are times and the outer cells go on; else from 0 to `period`, counted from `phase`.
    cumulative : float64 array, (B + 1,)
        Integral of the rate from the first edge to each edge.
    rate : float64 array, (B,)
    period, phase : float
        `period` is 0 where there is none.
    """

    edges: np.ndarray
    cumulative: np.ndarray
    rate: np.ndarray
    period: float
    phase: float


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
def locate(edges, cumulative, rate, period, phase, time):
    """Integral of the rate up to `time`: from the first edge, or from `phase` where there is a period.

    This and `ring` take the fields of a `Clock` one by one: numba counts references to arrays in a tuple each time.
    """
    turns = 0.0
    place = time
    if period > 0.0:
        turns = math.floor((time - phase) / period)
        place = min(max(time - phase - turns * period, 0.0), period)
    cell = min(max(np.searchsorted(edges, place, "right") - 1, 0), len(rate) - 1)
    return turns * cumulative[len(rate)] + cumulative[cell] + (place - edges[cell]) * rate[cell]


@compiled
def ring(edges, cumulative, rate, period, phase, reached):
    """Time at which the integral of the rate is `reached`, and the cell; infinite where it never is."""
    cells = len(rate)
    if cells == 1:
        return phase + edges[0] + reached / rate[0], 0
    if not reached < math.inf:
        return math.inf, 0
    origin = phase
    if period > 0.0:
        whole = cumulative[cells]
        if not whole > 0.0:
            return math.inf, 0
        turns = math.floor(reached / whole)
        reached = max(reached - turns * whole, 0.0)
        origin += turns * period
    # The last edge at or before: its cell has a rate above 0, unless nothing comes any more.
    cell = min(max(np.searchsorted(cumulative, reached, "right") - 1, 0), cells - 1)
    if not rate[cell] > 0.0:
        return math.inf, cell
    return origin + edges[cell] + (reached - cumulative[cell]) / rate[cell], cell


@compiled
def elapsed(clock, begin, end):
    """Integral of the rate over each window."""
    edges, cumulative, rate, period, phase = clock
    out = np.empty(len(begin))
    for i in range(len(begin)):
        out[i] = locate(edges, cumulative, rate, period, phase, end[i])
        out[i] -= locate(edges, cumulative, rate, period, phase, begin[i])
    return out


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


@compiled
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
