"""Loops of the expectation step: which event is whose child, under a kernel of steps."""

from __future__ import annotations

import math

import numpy as np

from tsynth.compiled.jit import compiled, uncounted

__all__ = ["exposed", "information", "pairs_in", "shared_out"]


@uncounted
def _parents(r, first, times, bounds, row, bin_of):
    """Fill `row` and `bin_of` with the events from `first` on that may have excited r, latest first; returns how many.

    They are those before it by less than the last bound; events at its own moment are none.
    """
    last = bounds[len(bounds) - 1]
    n = b = 0
    for q in range(r - 1, first - 1, -1):
        lag = times[r] - times[q]
        if lag >= last:
            break
        if lag > 0.0:
            while lag >= bounds[b + 1]:
                b += 1
            row[n], bin_of[n] = q, b
            n += 1
    return n


@compiled
def _room(offsets):
    """Room for the parents of any event."""
    longest = 0
    for n in range(len(offsets) - 1):
        longest = max(longest, offsets[n + 1] - offsets[n])
    return np.empty(longest, np.int64), np.empty(longest, np.int64)


@compiled
def pairs_in(offsets, times, weight, unit, bounds):
    """Pairs of events in each bin of lag, (B,), the later one counted by the process."""
    out = np.zeros(len(bounds) - 1, np.int64)
    row, bin_of = _room(offsets)
    for n in range(len(offsets) - 1):
        for r in range(offsets[n], offsets[n + 1]):
            if unit[r] < 0.0:
                continue
            for a in range(_parents(r, offsets[n], times, bounds, row, bin_of)):
                if weight[row[a]] > 0.0:
                    out[bin_of[a]] += 1
    return out


@compiled
def exposed(offsets, times, types, weight, end, bounds, m):
    """Time that events of each type spend in each bin of lag inside their windows, times their weight, (B, M)."""
    out = np.zeros((len(bounds) - 1, m))
    for n in range(len(offsets) - 1):
        for r in range(offsets[n], offsets[n + 1]):
            left = end[n] - times[r]
            for b in range(len(bounds) - 1):
                if left <= bounds[b]:
                    break
                out[b, types[r]] += weight[r] * (min(left, bounds[b + 1]) - bounds[b])
    return out


@compiled
def shared_out(offsets, times, types, weight, unit, cell, bounds, rate, height, own, child, each):
    """Share every event out among its causes; returns the sum of logs of the intensities.

    Parameters
    ----------
    weight : float64 array, (R,)
        What an event counts as a parent.
    unit : float64 array, (R,)
        Baseline at the event where the rate is 1; below 0 where the event is a parent only.
    cell : int32 array, (R,)
    bounds : float64 array, (B + 1,)
    rate : float64 array, (C, M)
        Baseline by cell and type.
    height : float64 array, (B, M, M)
        Bin, exciting type, target.
    own, child, each : float64 arrays, (C, M), (B, M, M), (N,)
        Filled: expected immigrants by cell and type, children by bin and pair, immigrants by sequence.
    """
    own[:] = 0.0
    child[:] = 0.0
    each[:] = 0.0
    logs = 0.0
    row, bin_of = _room(offsets)
    part = np.empty(len(row))
    for n in range(len(offsets) - 1):
        for r in range(offsets[n], offsets[n + 1]):
            if unit[r] < 0.0:
                continue
            i = types[r]
            base = unit[r] * rate[cell[r], i]
            total = base
            parents = _parents(r, offsets[n], times, bounds, row, bin_of)
            for a in range(parents):
                part[a] = weight[row[a]] * height[bin_of[a], types[row[a]], i]
                total += part[a]
            logs += math.log(total)
            if not total > 0.0:
                continue
            own[cell[r], i] += base / total
            each[n] += base / total
            for a in range(parents):
                child[bin_of[a], types[row[a]], i] += part[a] / total
    return logs


@compiled
def information(offsets, times, types, weight, unit, cell, bounds, rate, height, out):
    """Add to `out` (M, P, P) the outer products of each event's gradient of its log intensity, by target.

    P is the cells of the baseline, then bins by exciting types.
    """
    cells, m = rate.shape
    row, bin_of = _room(offsets)
    x = np.zeros(out.shape[1])
    touched = np.empty(out.shape[1], np.int64)
    for n in range(len(offsets) - 1):
        for r in range(offsets[n], offsets[n + 1]):
            if unit[r] < 0.0:
                continue
            i = types[r]
            total = unit[r] * rate[cell[r], i]
            x[cell[r]] = unit[r]
            touched[0] = cell[r]
            used = 1
            for a in range(_parents(r, offsets[n], times, bounds, row, bin_of)):
                q = row[a]
                total += weight[q] * height[bin_of[a], types[q], i]
                at = cells + bin_of[a] * m + types[q]
                if x[at] == 0.0:
                    touched[used] = at
                    used += 1
                x[at] += weight[q]
            for a in range(used):
                for c in range(used):
                    out[i, touched[a], touched[c]] += x[touched[a]] * x[touched[c]] / (total * total)
            for a in range(used):
                x[touched[a]] = 0.0
