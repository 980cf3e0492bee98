"""Loops that look from a time: the excitation there, and what a process expects of the event after.

Arrays are those of `tsynth.compiled.hawkes.residuals`; kernels are (K, M, M) with the exciting type before the target.
"""

from __future__ import annotations

import math

import numpy as np

from tsynth.compiled.hawkes.linked import through
from tsynth.compiled.jit import compiled
from tsynth.compiled.rates import cell_at

__all__ = ["exponential_at", "next_exponential", "next_steps", "power_at", "steps_at"]

FINE = 0.03
"""Step of the walk to the next event, as a share of the time walked and the fastest component's lifetime."""
WAIT = 0.1
"""Step of that walk in expected events, at most twice that."""
GONE = 14.0
"""Expected events after which the walk to the next event ends: a chance of 1 in a million that none came."""


@compiled
def add(x, touched, n_kept, j, s, w, adjacency, decay):
    """Let an event of type j at s excite: ``x[k, j or 0, i]`` is what it will still bring to type i."""
    at = j if n_kept > 1 else 0
    for k in range(x.shape[0]):
        shrunk = math.exp(-decay[k, at, 0] * (s - touched[at]))
        for i in range(x.shape[2]):
            if n_kept > 1:
                shrunk = math.exp(-decay[k, at, i] * (s - touched[at]))
            x[k, at, i] = x[k, at, i] * shrunk + adjacency[k, j, i] * w
    touched[at] = s


@compiled
def exponential_at(offsets, times, types, weight, places, at, adjacency, decay, out):
    """Fill `out` (Q, M) with the excitation by events strictly before each time ``at[places[n]:places[n + 1]]``.

    `decay` is (K, 1, M) where a component's decay is shared, else (K, M, M).
    """
    components, _, targets = adjacency.shape
    kept = decay.shape[1]
    x, touched = np.empty((components, kept, targets)), np.empty(kept)
    for n in range(len(offsets) - 1):
        x[:] = 0.0
        touched[:] = times[offsets[n]] if offsets[n + 1] > offsets[n] else 0.0
        r = offsets[n]
        for q in range(places[n], places[n + 1]):
            while r < offsets[n + 1] and times[r] < at[q]:
                add(x, touched, kept, types[r], times[r], weight[r], adjacency, decay)
                r += 1
            out[q] = 0.0
            for k in range(components):
                for j in range(kept):
                    shrunk = math.exp(-decay[k, j, 0] * (at[q] - touched[j]))
                    for i in range(targets):
                        if kept > 1:
                            shrunk = math.exp(-decay[k, j, i] * (at[q] - touched[j]))
                        out[q, i] += decay[k, j, i] * x[k, j, i] * shrunk


@compiled
def power_at(offsets, times, types, weight, places, at, jump, reach, p, out):
    """As `exponential_at` under ``jump[j, i] (1 + s / reach)**-p``."""
    for n in range(len(offsets) - 1):
        for q in range(places[n], places[n + 1]):
            out[q] = 0.0
            for r in range(offsets[n], offsets[n + 1]):
                if times[r] >= at[q]:
                    break
                w = weight[r] * math.exp(-p * math.log1p((at[q] - times[r]) / reach))
                for i in range(out.shape[1]):
                    out[q, i] += jump[types[r], i] * w


@compiled
def steps_at(offsets, times, types, weight, places, at, bounds, height, out):
    """As `exponential_at` under a kernel of steps, ``height[b, j, i]``."""
    last = bounds[len(bounds) - 1]
    for n in range(len(offsets) - 1):
        first = offsets[n]
        for q in range(places[n], places[n + 1]):
            out[q] = 0.0
            while first < offsets[n + 1] and at[q] - times[first] >= last:
                first += 1
            for r in range(first, offsets[n + 1]):
                if times[r] >= at[q]:
                    break
                lag = at[q] - times[r]
                b = np.searchsorted(bounds, lag, side="right") - 1
                for i in range(out.shape[1]):
                    out[q, i] += weight[r] * height[b, types[r], i]


@compiled
def walk_on(s, step, total, rate, state):
    """One step of the walk with constant intensities ``rate[0]`` that sum to `total`; ``rate[1]`` adds up by type.

    `state` holds survival, mean, median and whether it was passed.
    """
    share = math.exp(-total * step)
    inside = step if total * step < 1e-12 else (1.0 - share) / total
    if state[3] == 0.0 and state[0] * share <= 0.5:
        state[2] = s + math.log(2.0 * state[0]) / total
        state[3] = 1.0
    state[1] += state[0] * inside
    for i in range(rate.shape[1]):
        rate[1, i] += state[0] * inside * rate[0, i]
    state[0] *= share


@compiled
def rates_on(s, cell, scale, level, factors, now, decay, link, rate):
    """Fill ``rate[0]`` with the intensities after a wait of s without events; returns their sum."""
    kept = now.shape[1]
    for i in range(len(level)):
        rate[0, i] = scale * level[i] * factors[cell, i if factors.shape[1] > 1 else 0]
    for k in range(now.shape[0]):
        for j in range(kept):
            shrunk = math.exp(-decay[k, j, 0] * s)
            for i in range(len(level)):
                if kept > 1 and now[k, j, i] != 0.0:
                    shrunk = math.exp(-decay[k, j, i] * s)
                rate[0, i] += now[k, j, i] * shrunk
    total = 0.0
    for i in range(len(level)):
        rate[0, i] = through(link, rate[0, i], level[i])
        total += rate[0, i]
    return total


@compiled
def next_exponential(
    offsets, times, types, weight, scale, chosen, horizon, level, edges, factors, period, phase,
    adjacency, decay, link, median, mean, likely,
):  # fmt: skip
    """Median and mean wait for the next event after each `chosen` one, and its likeliest type before its time is known.

    The mean is that of the wait or `horizon`, whichever is less; a median beyond `horizon` is `horizon`.
    """
    components, _, targets = adjacency.shape
    kept = decay.shape[1]
    x, touched = np.empty((components, kept, targets)), np.empty(kept)
    now = np.empty((components, kept, targets))
    rate, state = np.empty((2, targets)), np.empty(4)
    for n in range(len(offsets) - 1):
        x[:] = 0.0
        touched[:] = times[offsets[n]] if offsets[n + 1] > offsets[n] else 0.0
        for r in range(offsets[n], offsets[n + 1]):
            t = times[r]
            add(x, touched, kept, types[r], t, weight[r], adjacency, decay)
            if not chosen[r]:
                continue
            state[0], state[1], state[2], state[3] = 1.0, 0.0, horizon, 0.0
            rate[1] = 0.0
            fastest = 0.0
            for k in range(components):
                for j in range(kept):
                    for i in range(targets):
                        d = decay[k, j, i]
                        now[k, j, i] = d * x[k, j, i] * math.exp(-d * (t - touched[j]))
                        if now[k, j, i] != 0.0:
                            fastest = max(fastest, d)
            s, passed = 0.0, 0.0
            cell, _ = cell_at(t, edges, period, phase)
            total = rates_on(s, cell, scale[n], level, factors, now, decay, link, rate)
            while s < horizon and passed < GONE:
                cell, edge = cell_at(t + s, edges, period, phase)
                width = FINE * (s + 1.0 / fastest) if fastest > 0.0 else horizon
                width = min(width, horizon - s, max(edge - t - s, 1e-9 * horizon))
                width = min(width, WAIT / total) if total > 0.0 else width
                total = rates_on(s + 0.5 * width, cell, scale[n], level, factors, now, decay, link, rate)
                while total * width > 2.0 * WAIT:  # the baseline, or an inhibited type, came up
                    width = max(0.5 * width, WAIT / total)
                    total = rates_on(s + 0.5 * width, cell, scale[n], level, factors, now, decay, link, rate)
                walk_on(s, width, total, rate, state)
                passed += total * width
                s += width
            median[r], mean[r] = state[2], state[1]
            likely[r] = np.argmax(rate[1])


@compiled
def next_steps(
    offsets, times, types, weight, scale, chosen, horizon, level, edges, factors, period, phase,
    bounds, height, link, median, mean, likely,
):  # fmt: skip
    """As `next_exponential` under a kernel of steps: the walk goes from change to change, so it is exact."""
    bins, _, targets = height.shape
    rate, state = np.empty((2, targets)), np.empty(4)
    columns = factors.shape[1]
    for n in range(len(offsets) - 1):
        for r in range(offsets[n], offsets[n + 1]):
            if not chosen[r]:
                continue
            t = times[r]
            state[0], state[1], state[2], state[3] = 1.0, 0.0, horizon, 0.0
            rate[1] = 0.0
            s = 0.0
            while s < horizon and state[0] > 1e-6:
                cell, edge = cell_at(t + s, edges, period, phase)
                then = min(horizon, edge - t)
                for i in range(targets):
                    rate[0, i] = scale[n] * level[i] * factors[cell, i if columns > 1 else 0]
                for q in range(r, offsets[n] - 1, -1):
                    lag = t + s - times[q]
                    if lag >= bounds[bins]:
                        break
                    b = np.searchsorted(bounds, lag, side="right") - 1
                    if times[q] + bounds[b + 1] - t > s:
                        then = min(then, times[q] + bounds[b + 1] - t)
                    for i in range(targets):
                        rate[0, i] += weight[q] * height[b, types[q], i]
                total = 0.0
                for i in range(targets):
                    rate[0, i] = through(link, rate[0, i], level[i])
                    total += rate[0, i]
                then = max(then, s + 1e-9 * horizon)
                walk_on(s, then - s, total, rate, state)
                s = then
            median[r], mean[r] = state[2], state[1]
            likely[r] = np.argmax(rate[1])
