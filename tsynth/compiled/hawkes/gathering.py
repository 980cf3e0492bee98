"""What a fit needs of events before it starts: faults, cells of the baseline, time spent in them, types in order."""

from __future__ import annotations

import math

import numpy as np

from tsynth.compiled.jit import compiled
from tsynth.compiled.rates import place

__all__ = ["cells_of", "fault", "order_by_type", "time_in_cells"]


@compiled
def fault(offsets, times, types, start, end, m):
    """First fault: (what, sequence, row), `what` 0 where there is none.

    1 a window that is not finite or ends before it starts; 2 a time that is not finite; 3 an event outside its
    window; 4 a time before the one above it; 5 a type outside 0 to M - 1.
    """
    for n in range(len(offsets) - 1):
        if not (math.isfinite(start[n]) and math.isfinite(end[n]) and start[n] <= end[n]):
            return 1, n, -1
        before = start[n]
        for e in range(offsets[n], offsets[n + 1]):
            t = times[e]
            if not math.isfinite(t):
                return 2, n, e
            if t < start[n] or t > end[n]:
                return 3, n, e
            if t < before:
                return 4, n, e
            if types[e] < 0 or types[e] >= m:
                return 5, n, e
            before = t
    return 0, -1, -1


@compiled
def cells_of(times, edges, period, phase):
    """Cell of each time, int32 (R,); `edges` (B + 1,) from 0 to `period`, or times where the period is 0."""
    out = np.zeros(len(times), np.int32)
    if len(edges) == 2:
        return out
    for e in range(len(times)):
        out[e] = place(times[e], edges, period, phase)[1]
    return out


@compiled
def _within(time, edges, period, phase, out, sign):
    """Add to `out` sign times the time spent in each cell from the phase (or 0) to `time`."""
    cells = len(edges) - 1
    if period > 0.0:
        t = time - phase
        whole = math.floor(t / period)
        rest = t - whole * period
        for b in range(cells):
            out[b] += sign * (
                whole * (edges[b + 1] - edges[b]) + min(max(rest - edges[b], 0.0), edges[b + 1] - edges[b])
            )
        return
    for b in range(cells):
        low = edges[b] if b > 0 else -np.inf
        high = edges[b + 1] if b < cells - 1 else np.inf
        # measured from the cell's own edge, so that no large numbers cancel
        origin = low if b > 0 else (high if cells > 1 else 0.0)
        out[b] += sign * (min(max(time, low), high) - origin)


@compiled
def time_in_cells(start, end, scale, covariates, edges, period, phase):
    """Time in each cell over all windows, each times its `scale` (N,); and the same times each covariate.

    Returns
    -------
    total : float64 array, (B,)
    by : float64 array, (C, B)
    """
    cells = len(edges) - 1
    total, by = np.zeros(cells), np.zeros((covariates.shape[1], cells))
    one = np.zeros(cells)
    for n in range(len(start)):
        if cells == 1:
            one[0] = end[n] - start[n]
        else:
            one[:] = 0.0
            _within(end[n], edges, period, phase, one, 1.0)
            _within(start[n], edges, period, phase, one, -1.0)
        for b in range(cells):
            part = scale[n] * one[b]
            total[b] += part
            for p in range(covariates.shape[1]):
                by[p, b] += covariates[n, p] * part
    return total, by


@compiled
def order_by_type(types, m):
    """Events by type, in their order within each: rows (R,) and where each type's begin (M + 1,)."""
    begin = np.zeros(m + 1, np.int64)
    for e in range(len(types)):
        begin[types[e] + 1] += 1
    for i in range(m):
        begin[i + 1] += begin[i]
    at = begin[:-1].copy()
    rows = np.empty(len(types), np.int64)
    for e in range(len(types)):
        rows[at[types[e]]] = e
        at[types[e]] += 1
    return rows, begin
