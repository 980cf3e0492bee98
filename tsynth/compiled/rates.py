"""Loops over rates that are constant between edges: cells, exposure, cumulative rate and its inverse, sampling.

Arrays that the loops share, as in `tsynth.generators.point_process.excitation.process.Baseline`:

edges          (B + 1,) rising; times where ``period`` is 0, else from 0 to ``period``, counted from ``phase``
rate           (B,) events per unit of time in each cell, all types together
running        (B + 1,) integral of ``rate`` from the first edge
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tsynth.compiled.arrays import grown
from tsynth.compiled.jit import compiled, uncounted
from tsynth.compiled.random import categorical, exponential, start, uniform

__all__ = [
    "Clock",
    "cell_at",
    "cells",
    "cumulative",
    "exposures",
    "jittered",
    "moment",
    "place",
    "poisson_events",
    "rising",
    "uniforms",
]


class Clock(NamedTuple):
    """What `rising` and `moment` take after their first argument, in order; `period` and `phase` are floats.

    The loops unpack it: numba counts references to the arrays of a tuple at each call.
    """

    edges: np.ndarray
    period: float
    phase: float
    rate: np.ndarray
    running: np.ndarray


@uncounted
def place(time, edges, period, phase):
    """Number of the period, cell and place inside the period (a time where there is none)."""
    cells = len(edges) - 1
    turn, x = 0.0, time
    if period > 0.0:
        turn = math.floor((time - phase) / period)
        x = min(max(time - phase - turn * period, 0.0), period)
    low, high = 0, cells - 1  # the outer cells go on for ever
    while low < high:
        middle = (low + high + 1) >> 1
        if edges[middle] <= x:
            low = middle
        else:
            high = middle - 1
    return turn, low, x


@uncounted
def cell_at(time, edges, period, phase):
    """Cell at a time, and when it ends: after the time whatever rounding says, infinite where no edge follows."""
    last = len(edges) - 2
    if last == 0:
        return 0, math.inf
    turn, cell, _ = place(time, edges, period, phase)
    if period > 0.0:
        end = phase + turn * period + edges[cell + 1]
        return cell, end if end > time else np.nextafter(time, math.inf)
    return cell, edges[cell + 1] if cell < last else math.inf


@uncounted
def rising(time, edges, period, phase, rate, running):
    """Integral of the rate from the first edge of period 0 to `time`; below 0 before it."""
    turn, cell, x = place(time, edges, period, phase)
    return turn * running[len(running) - 1] + running[cell] + rate[cell] * (x - edges[cell])


@uncounted
def moment(height, edges, period, phase, rate, running):
    """The time at which `rising` reaches `height`, and its cell; inf where it never does."""
    cells = len(edges) - 1
    whole = running[cells]
    turn = 0.0
    if not height < math.inf:
        return math.inf, 0
    if period > 0.0:
        if whole <= 0.0:
            return np.inf, 0
        turn = math.floor(height / whole)
        height = min(max(height - turn * whole, 0.0), whole)
    low, high = 0, cells - 1
    while low < high:
        middle = (low + high + 1) >> 1
        if running[middle] <= height:
            low = middle
        else:
            high = middle - 1
    if rate[low] <= 0.0:
        if period > 0.0:  # only by rounding, at the very end of the period
            while low > 0 and rate[low] <= 0.0:
                low -= 1
            return phase + turn * period + edges[low + 1], low
        return (edges[low] if height <= running[low] else np.inf), low
    x = edges[low] + (height - running[low]) / rate[low]
    return (phase + turn * period + x if period > 0.0 else x), low


@compiled
def cumulative(times, edges, period, phase, rate, running):
    """`rising` of each time."""
    out = np.empty(len(times))
    for i in range(len(times)):
        out[i] = rising(times[i], edges, period, phase, rate, running)
    return out


@compiled
def cells(times, edges, period, phase):
    """Cell of each time."""
    out = np.empty(len(times), np.int64)
    for i in range(len(times)):
        out[i] = place(times[i], edges, period, phase)[1]
    return out


@compiled
def _time_in(cell, turn, x, edges, period):
    """Time spent in a cell up to place x of period number `turn`."""
    last = len(edges) - 2
    low, high = edges[cell], edges[cell + 1]
    if period > 0.0:
        return turn * (high - low) + min(max(x - low, 0.0), high - low)
    spent = x - low if cell == 0 else max(x - low, 0.0)
    return spent if cell == last else min(spent, high - low)


@compiled
def exposures(begin, end, weight, edges, period, phase):
    """Weighted time that windows spend in each cell, (B,); windows that are NaN spend none."""
    out = np.zeros(len(edges) - 1)
    for i in range(len(begin)):
        if not end[i] > begin[i]:
            continue
        turn_a, _, a = place(begin[i], edges, period, phase)
        turn_b, _, b = place(end[i], edges, period, phase)
        for cell in range(len(out)):
            spent = _time_in(cell, turn_b, b, edges, period) - _time_in(cell, turn_a, a, edges, period)
            out[cell] += weight[i] * spent
    return out


@compiled
def jittered(key, entities, offsets, time, step):
    """Times spread inside their step of length `step`, those that share one as sorted uniforms: the order stays.

    The k rows of one moment take the first k of k + 1 uniform spacings, by partial sums of exponentials.
    """
    out = np.empty(len(time))
    state = np.empty(4, np.uint64)
    for i in range(len(offsets) - 1):
        start(state, key, entities[i])
        r = offsets[i]
        while r < offsets[i + 1]:
            stop = r + 1
            while stop < offsets[i + 1] and time[stop] == time[r]:
                stop += 1
            total = 0.0
            for q in range(r, stop):
                total += exponential(state)
                out[q] = total
            total += exponential(state)
            for q in range(r, stop):
                out[q] = time[q] + step * (out[q] / total)
            r = stop
    return out


@compiled
def uniforms(key, entities, offsets):
    """A uniform a row, from the stream of its entity."""
    out = np.empty(offsets[len(offsets) - 1])
    state = np.empty(4, np.uint64)
    for i in range(len(offsets) - 1):
        start(state, key, entities[i])
        for r in range(offsets[i], offsets[i + 1]):
            out[r] = uniform(state)
    return out


@compiled
def poisson_events(
    key, entities, begin, end, scale, lone, edges, period, phase, rate, running, types, opened, closed, first,
    last, more, following, tilt, step, apart,
):  # fmt: skip
    """Events of a Poisson process in a window each; returns offsets, times and types.

    The clock of the cumulative rate is moved by exponentials and read back as time, which is exact for rates that
    are constant between edges (inversion; Lewis and Shedler 1979, Naval Res. Logist. Q. 26(3), section 2).

    Parameters
    ----------
    begin, end : float64 array, (N,)
        Windows; NaN: an entity without events.
    scale : float64 array, (N,)
        Multiplies the rate.
    lone : bool array, (N,)
        Whether the event at the window's begin is the only one.
    types : float64 array, (B, M)
        Running weight of the types in each cell.
    opened, closed : bool
        Whether an event at the window's begin, and one at its end, belong to the window itself.
    first, last : float64 array, (M,)
        Running weight of the types of these.
    more : float64 array, (M,)
        Chance that an event of each type is followed by another at the same moment.
    following : float64 array, (G, M)
        Running weight of the types of such a one; types beyond G share the last row.
    tilt : float64 array, (B, M) or of one row
        Multiplies the weights by the cell of the moment, where it has more than one row.
    step : float
        Lattice that times are put down to; 0 where there is none.
    apart : bool
        Whether after an event the clock stands still until the next step, so that two fall on one moment only by
        `more`.
    """
    n = len(entities)
    offsets = np.zeros(n + 1, np.int64)
    size = 0
    time, code = np.empty(4 * n + 1024), np.empty(4 * n + 1024, np.int32)
    state, weight = np.empty(4, np.uint64), np.empty(len(more))
    for i in range(n):
        offsets[i] = size
        if not end[i] >= begin[i]:
            continue
        start(state, key, entities[i])
        a, b = begin[i], end[i]
        if step > 0.0 and not apart:  # an event at a lattice time is one inside the step that begins there
            a = begin[i] + step * uniform(state) if opened else begin[i]
            b = end[i] + step * uniform(state) if closed else end[i] + step
            if a > b:
                a, b = b, a
        elif step > 0.0:
            a = begin[i] + step if opened else begin[i]
            b = end[i] if closed else end[i] + step
        stage = 0 if opened else 1
        height = rising(a, edges, period, phase, rate, running)
        while True:
            if stage == 0:
                t, kind = begin[i], categorical(state, first)
                stage = 3 if lone[i] else 1
            elif stage == 1:
                height += exponential(state) / scale[i] if scale[i] > 0.0 else np.inf
                t, cell = moment(height, edges, period, phase, rate, running)
                if not t < b:
                    stage = 2
                    continue
                kind = categorical(state, types[cell])
                if step > 0.0:
                    t = min(max(math.floor(t / step + 1e-9) * step, begin[i]), end[i])
                    if apart:
                        height = max(height, rising(t + step, edges, period, phase, rate, running))
            elif stage == 2 and closed:
                t, kind = end[i], categorical(state, last)
                stage = 3
            else:
                break
            while True:
                if size == len(time):
                    time, code = grown(time), grown(code)
                time[size], code[size] = t, kind
                size += 1
                if not uniform(state) < more[kind]:
                    break
                row = following[min(kind, len(following) - 1)]
                if len(tilt) == 1:
                    kind = categorical(state, row)
                    continue
                cell = place(t, edges, period, phase)[1]
                total = 0.0
                for m in range(len(row)):
                    total += (row[m] - (row[m - 1] if m > 0 else 0.0)) * tilt[cell, m]
                    weight[m] = total
                kind = categorical(state, weight)
    offsets[n] = size
    return offsets, time[:size].copy(), code[:size].copy()
