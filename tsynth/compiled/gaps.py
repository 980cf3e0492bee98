"""Loops of renewal processes: gaps from tables of the cumulative hazard, codes by the chain of `markov`.

Arrays that the loops share, one row a group of codes:

heights, gaps   (G, K) cumulative hazard and the gap at which it is reached, both rising, one knot a column
knots           (G,) how many knots a group has
logs            (G,) whether one goes between knots by straight lines of the logarithms (else of the numbers)
tie             (T, T) chance that a row follows at the same moment, by the code before and its own; codes beyond T
                share the last
"""

from __future__ import annotations

import math

import numpy as np

from tsynth.compiled.arrays import grown
from tsynth.compiled.jit import compiled
from tsynth.compiled.markov import choose, context
from tsynth.compiled.random import exponential, start, uniform

__all__ = ["between", "gap_at", "height_at", "heights_of", "renewals", "timed"]


@compiled
def between(x, at, to, n, logs):
    """The value of a rising table at `x`, with its outer pieces going on; `at` and `to` may hold steps."""
    low, high = 0, n - 2
    while low < high:  # the last piece that begins at or below x
        middle = (low + high + 1) >> 1
        if at[middle] <= x:
            low = middle
        else:
            high = middle - 1
    if logs:
        if x <= 0.0:
            return 0.0
        slope = (math.log(to[low + 1]) - math.log(to[low])) / (math.log(at[low + 1]) - math.log(at[low]))
        return math.exp(math.log(to[low]) + slope * (math.log(x) - math.log(at[low])))
    while at[low + 1] <= at[low]:
        if low == 0:
            return to[0]
        if x > at[low]:
            return np.inf
        low -= 1
    return to[low] + (to[low + 1] - to[low]) / (at[low + 1] - at[low]) * (x - at[low])


@compiled
def gap_at(height, group, heights, gaps, knots, logs):
    """The gap at which the cumulative hazard reaches `height`."""
    return between(height, heights[group], gaps[group], knots[group], logs[group])


@compiled
def height_at(gap, group, heights, gaps, knots, logs):
    """Cumulative hazard of a gap."""
    return between(gap, gaps[group], heights[group], knots[group], logs[group])


@compiled
def heights_of(gap, group, heights, gaps, knots, logs):
    """`height_at` of each gap."""
    out = np.empty(len(gap))
    for r in range(len(gap)):
        out[r] = height_at(gap[r], group[r], heights, gaps, knots, logs)
    return out


@compiled
def _later(time, gap, step, apart):
    """Time after a gap, on the lattice: up to the next step where rows of one moment are ties, else as it is."""
    if apart and step > 0.0:
        return (math.floor(time / step + 0.5) + max(math.ceil(gap / step - 1e-9), 1.0)) * step
    return time + gap


@compiled
def _put(time, step, apart):
    return math.floor(time / step + 1e-9) * step if step > 0.0 and not apart else time


@compiled
def renewals(
    key, entities, begin, end, waited, past, pace, most, codes, keys, cuts, order, prob, group, tie, heights, gaps,
    knots, logs, step, apart,
):  # fmt: skip
    """Rows of renewal processes until their windows end; returns offsets, times and codes.

    Parameters
    ----------
    begin : float64 array, (N,)
        Time of the first row; NaN: an entity without rows. Of a history its last row, which does not come back.
    end : float64 array, (N,)
    waited : float64 array, (N,)
        Time since the last row of a history in which none came, below 0 where there is no history.
    past : int64 array, (N, order)
        Last codes of a history, latest first; `codes` stands for none.
    pace : float64 array, (N,)
        Multiplies the hazard.
    most : int
        Rows at which an entity stops.
    keys, cuts, order, prob : as in `tsynth.compiled.markov`
    group : int64 array, (codes,)
    step : float
        Lattice of the times, 0 where there is none.
    apart : bool
        Whether rows of one moment come by `tie` alone, so that a gap is at least a step.
    """
    n = len(entities)
    offsets = np.zeros(n + 1, np.int64)
    time, code = np.empty(4 * n + 1024), np.empty(4 * n + 1024, np.int32)
    state, history = np.empty(4, np.uint64), np.empty(order, np.int64)
    size = 0
    for i in range(n):
        offsets[i] = size
        if not end[i] >= begin[i]:
            continue
        start(state, key, entities[i])
        history[:] = past[i]
        last = end[i] + (step if step > 0.0 and not apart else 0.0)
        t = begin[i]
        if step > 0.0 and not apart and waited[i] < 0.0:
            t += step * uniform(state)
        rows = 0
        while rows < most:
            before = history[0]
            row = context(history, 0, codes, 1, keys, cuts)
            c = choose(state, prob[row], 1.0)
            if before < codes and rows == 0:  # the first after a history: none came for so long
                g = group[before]
                height = height_at(waited[i], g, heights, gaps, knots, logs) + exponential(state) / pace[i]
                gap = gap_at(height, g, heights, gaps, knots, logs)
                t = _later(t, max(gap, waited[i] + 1e-9 * step), step, apart)
            elif before < codes:
                edge = len(tie) - 1
                if not uniform(state) < tie[min(before, edge), min(c, edge)]:
                    g = group[before]
                    gap = gap_at(exponential(state) / pace[i], g, heights, gaps, knots, logs)
                    t = _later(t, gap, step, apart)
            if not t <= last or (step > 0.0 and not apart and t >= last):
                break
            if size == len(time):
                time, code = grown(time), grown(code)
            time[size], code[size] = _put(t, step, apart), c
            size += 1
            rows += 1
            for m in range(order - 1, 0, -1):
                history[m] = history[m - 1]
            history[0] = c
    offsets[n] = size
    return offsets, time[:size].copy(), code[:size].copy()


@compiled
def timed(
    key,
    entities,
    offsets,
    code,
    begin,
    end,
    pace,
    longest,
    group,
    tie,
    heights,
    gaps,
    knots,
    logs,
    step,
    apart,
):
    """Rows whose codes are known, from `begin` on, as far as they come by `end`; offsets, times and codes.

    No gap is longer than its group's `longest`, (G,): the hazard is drawn below what it is there. The rest as in
    `renewals`.
    """
    time = np.empty(len(code))
    kept, some = np.zeros(len(offsets), np.int64), np.empty(len(code), np.int32)
    size = 0
    state = np.empty(4, np.uint64)
    edge = len(tie) - 1
    for i in range(len(entities)):
        kept[i] = size
        if offsets[i] == offsets[i + 1]:
            continue
        start(state, key, entities[i])
        t = begin[i]
        if step > 0.0 and not apart:
            t += step * uniform(state)
        for r in range(offsets[i], offsets[i + 1]):
            if r > offsets[i]:
                before = code[r - 1]
                if not uniform(state) < tie[min(before, edge), min(code[r], edge)]:
                    g = group[before]
                    height = exponential(state)
                    if longest[g] < np.inf:
                        top = -math.expm1(-pace[i] * height_at(longest[g], g, heights, gaps, knots, logs))
                        height = -math.log1p(top * math.expm1(-height))
                    gap = min(gap_at(height / pace[i], g, heights, gaps, knots, logs), longest[g])
                    t = _later(t, gap, step, apart)
            if t >= end[i] + (step if step > 0.0 and not apart else 0.0) and t > end[i]:
                break
            time[size], some[size] = _put(t, step, apart), code[r]
            size += 1
    kept[len(entities)] = size
    return kept, time[:size].copy(), some[:size].copy()
