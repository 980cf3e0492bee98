"""What a sequence may not do: codes that may not come, gaps inside their classes."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tsynth.compiled import memory
from tsynth.compiled.jit import uncounted
from tsynth.compiled.random import uniform

__all__ = ["HOURS", "Limits", "allowed", "gap_in", "later"]

N, LAST = memory.N, memory.LAST
HOURS = 64
"""Times that a gap is drawn anew where its hour, or the end, does not fit."""
_day_of = memory.day_of


class Limits(NamedTuple):
    """What may not be.

    Attributes
    ----------
    tick : float
        Length of a tick, 0 for gaps.
    edges, inner : float64 arrays, (G + 1,) and (G, Q)
        Lower edges of the classes of gaps; quantiles of the gaps inside each.
    step : float
        Lattice of times, 0 for none.
    hour_weight : float64 array
        Weight of each hour of the week, or of the day, or 1.
    most, least : int
        Rows of one entity; where gaps are drawn, none ends before it has `least`.
    most_tick, most_month, most_ever : int64 array, (codes,)
        Rows of one code on a tick, in a month, in all.
    day_of_month, to_month_end, weekday : bool array, (codes, 31), (codes, 8), (codes, 7)
        Where each code may fall.
    pair : bool array, (codes + 1, codes)
        Code before (the last row stands for a new tick) and code that may follow it on one tick.
    opens, follows : bool array, (codes,)
        Whether a code may come first, and later.
    prior : float32 array, (fields, codes, options)
        Logarithm of how often each code takes each choice, and copies where it can; -1e9 for what may not be.
    floor : float
        The running total must not be taken below it.
    level_edges, level_keep : float64 array, (L,) and (L + 1,)
        Classes of the running total after a row that takes from it, and the chance that such a row is kept and not
        drawn anew.
    end_shift : float64 array
        What is added to the logit of the end after so many rows.
    """

    tick: float
    edges: np.ndarray
    inner: np.ndarray
    step: float
    hour_weight: np.ndarray
    most: int
    least: int
    most_tick: np.ndarray
    most_month: np.ndarray
    most_ever: np.ndarray
    day_of_month: np.ndarray
    to_month_end: np.ndarray
    weekday: np.ndarray
    pair: np.ndarray
    opens: np.ndarray
    follows: np.ndarray
    prior: np.ndarray
    floor: float
    level_edges: np.ndarray
    level_keep: np.ndarray
    end_shift: np.ndarray


@uncounted
def gap_in(k, t, lim, lay, rng):
    """A gap of class `k` after `t`: a quantile inside the class, by the weights of the hours."""
    inner = lim.inner[k]
    gap = inner[0]
    top = 0.0
    hours = len(lim.hour_weight)
    for h in range(hours):
        top = max(top, lim.hour_weight[h])
    for _ in range(HOURS):
        at = uniform(rng) * (len(inner) - 1)
        low = int(at)
        gap = inner[low] + (at - low) * (inner[low + 1] - inner[low])
        if lim.step > 0:
            gap = math.floor(gap / lim.step + 0.5) * lim.step
            gap = max(gap, lim.edges[k])
            if k + 1 < len(lim.edges) and gap >= lim.edges[k + 1]:
                gap = max(lim.edges[k], lim.edges[k + 1] - lim.step)
        if hours == 1:
            break
        hour = math.floor((t + gap) / lay.day * 24.0 + 1e-6) % hours
        if uniform(rng) * top < lim.hour_weight[hour]:
            break
    return gap


@uncounted
def later(inner, gap):
    """Share of the gaps of a class that are at least `gap`."""
    pieces = len(inner) - 1
    left = 0.0
    for q in range(pieces):
        low, high = inner[q], inner[q + 1]
        if low >= gap:
            left += 1.0
        elif high > gap:
            left += (high - gap) / (high - low)
        elif high == gap and low < high:
            left += 1e-9  # on the edge itself
    return left / pieces


@uncounted
def allowed(weight, m, lim, lay, t, before, tick_count, month_count, ever, calendar):
    """Set the weight of every code that may not come now to 0."""
    codes = len(lay.slot)
    first = m.scalar[N] == 0
    same = not first and t == m.scalar[LAST]
    dom = ends = day_of_week = 0
    if calendar:
        d = _day_of(lay, t)
        dom, ends, day_of_week = lay.calendar[d, 0], min(lay.calendar[d, 1], 7), lay.calendar[d, 2]
    for c in range(codes):
        ok = lim.opens[c] if first else lim.follows[c]
        ok = ok and ever[c] < lim.most_ever[c]
        if same:
            ok = ok and tick_count[c] < lim.most_tick[c] and lim.pair[before, c]
        else:
            ok = ok and lim.pair[codes, c]
        if calendar:
            ok = ok and lim.day_of_month[c, dom] and lim.to_month_end[c, ends] and lim.weekday[c, day_of_week]
            ok = ok and month_count[c] < lim.most_month[c]
        if not ok:
            weight[c] = 0.0
