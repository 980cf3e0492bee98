"""Loops that integrate the intensity of a point process between its events, where it is a plain sum.

Arrays that the loops share:

target       row of the kernel whose intensity is integrated at an event: its own type, or 0 for the sum of all types
weight       what an event's excitation is multiplied with, by its size
level, edges, factors, running, period, phase
             baseline: ``running[b, c]`` is the integral of column c of `factors` from ``edges[0]`` to ``edges[b]``
"""

from __future__ import annotations

import math

import numpy as np

from tsynth.compiled.jit import compiled
from tsynth.compiled.rates import place

__all__ = ["exponential", "exponential_pairs", "power"]

FAR = 200.0
"""Lifetimes of a component after which its scaled state is brought back to size."""


@compiled
def _baseline(turn, cell, inside, c, edges, factors, running):
    """Integral of column c of the factors from the origin to the time that `place` found."""
    return turn * running[len(running) - 1, c] + running[cell, c] + factors[cell, c] * (inside - edges[cell])


@compiled
def _baselines(t, edges, factors, running, period, phase, out):
    """Fill `out` with the integrals of all targets' factors from the origin to time t."""
    turn, cell, inside = place(t, edges, period, phase)
    for i in range(len(out)):
        out[i] = _baseline(turn, cell, inside, i if factors.shape[1] > 1 else 0, edges, factors, running)


@compiled
def exponential(
    offsets, times, types, target, weight, start, end, scale,
    level, edges, factors, running, period, phase, adjacency, decay, increments, rate, integral,
):  # fmt: skip
    """Integrals under sums of exponentials with one decay a component, in one pass.

    Parameters
    ----------
    adjacency : float64 array, (K, M, T)
        Component, exciting type, target.
    decay : float64 array, (K,)
    increments, rate : float64 array, (R,)
        Filled: integral of the target's intensity since the target's event before, and intensity just before.
    integral : float64 array, (N, T)
        Filled: integral over the window.

    Notes
    -----
    What an event still will excite, X = sum a exp(-d (t - t_j)), tells what it has excited: what came in since
    the event before, less what X has grown by. X is kept as Y exp(-d (t - origin)).
    """
    components, _, targets = adjacency.shape
    y = np.empty((components, targets))
    origin = np.empty(components)
    came, held, done, based = np.empty(targets), np.empty(targets), np.empty(targets), np.empty(targets)
    columns = factors.shape[1]
    for n in range(len(offsets) - 1):
        y[:] = 0.0
        origin[:] = start[n]
        came[:] = 0.0
        held[:] = 0.0
        done[:] = 0.0
        _baselines(start[n], edges, factors, running, period, phase, based)
        behind = offsets[n]
        for r in range(offsets[n], offsets[n + 1] + 1):
            last = r == offsets[n + 1]
            t = end[n] if last else times[r]
            while behind < r and (last or times[behind] < t):
                s, j, w = times[behind], types[behind], weight[behind]
                for k in range(components):
                    age = decay[k] * (s - origin[k])
                    if age > FAR:
                        shrunk = math.exp(-age)
                        for i in range(targets):
                            y[k, i] *= shrunk
                        origin[k] = s
                        age = 0.0
                    grown = w * math.exp(age)
                    for i in range(targets):
                        y[k, i] += adjacency[k, j, i] * grown
                        came[i] += adjacency[k, j, i] * w
                behind += 1
            turn, cell, inside = place(t, edges, period, phase)
            if last:
                for i in range(targets):
                    c = i if columns > 1 else 0
                    now = 0.0
                    for k in range(components):
                        now += y[k, i] * math.exp(-decay[k] * (t - origin[k]))
                    b = _baseline(turn, cell, inside, c, edges, factors, running)
                    integral[n, i] = done[i] + scale[n] * level[i] * (b - based[i]) + came[i] + held[i] - now
            else:
                i = target[r]
                c = i if columns > 1 else 0
                now, rising = 0.0, 0.0
                for k in range(components):
                    x = y[k, i] * math.exp(-decay[k] * (t - origin[k]))
                    now += x
                    rising += decay[k] * x
                b = _baseline(turn, cell, inside, c, edges, factors, running)
                grown = scale[n] * level[i] * (b - based[i]) + came[i] + held[i] - now
                increments[r] = max(grown, 0.0)
                rate[r] = scale[n] * level[i] * factors[cell, c] + rising
                done[i] += increments[r]
                based[i], held[i], came[i] = b, now, 0.0


@compiled
def exponential_pairs(
    offsets, times, types, target, weight, start, end, scale,
    level, edges, factors, running, period, phase, adjacency, decay, increments, rate, integral,
):  # fmt: skip
    """As `exponential`, with a decay a pair: ``decay[k, j, i]``, exciting type before target."""
    components, sources, targets = adjacency.shape
    x = np.empty((components, sources, targets))
    touched = np.empty(sources)
    came, held, done, based = np.empty(targets), np.empty(targets), np.empty(targets), np.empty(targets)
    columns = factors.shape[1]
    for n in range(len(offsets) - 1):
        x[:] = 0.0
        touched[:] = start[n]
        came[:] = 0.0
        held[:] = 0.0
        done[:] = 0.0
        _baselines(start[n], edges, factors, running, period, phase, based)
        behind = offsets[n]
        for r in range(offsets[n], offsets[n + 1] + 1):
            last = r == offsets[n + 1]
            t = end[n] if last else times[r]
            while behind < r and (last or times[behind] < t):
                s, j, w = times[behind], types[behind], weight[behind]
                for k in range(components):
                    for i in range(targets):
                        a = adjacency[k, j, i]
                        if a != 0.0:
                            x[k, j, i] = x[k, j, i] * math.exp(-decay[k, j, i] * (s - touched[j])) + a * w
                            came[i] += a * w
                touched[j] = s
                behind += 1
            turn, cell, inside = place(t, edges, period, phase)
            low, high = (0, targets) if last else (target[r], target[r] + 1)
            for i in range(low, high):
                c = i if columns > 1 else 0
                now, rising = 0.0, 0.0
                for k in range(components):
                    for j in range(sources):
                        if x[k, j, i] != 0.0:
                            part = x[k, j, i] * math.exp(-decay[k, j, i] * (t - touched[j]))
                            now += part
                            rising += decay[k, j, i] * part
                b = _baseline(turn, cell, inside, c, edges, factors, running)
                grown = scale[n] * level[i] * (b - based[i]) + came[i] + held[i] - now
                if last:
                    integral[n, i] = done[i] + grown
                else:
                    increments[r] = max(grown, 0.0)
                    rate[r] = scale[n] * level[i] * factors[cell, c] + rising
                    done[i] += increments[r]
                    based[i], held[i], came[i] = b, now, 0.0


@compiled
def power(
    offsets, times, types, target, weight, start, end, scale,
    level, edges, factors, running, period, phase, jump, reach, p, increments, rate, integral,
):  # fmt: skip
    """As `exponential` under Omori's law, ``jump[j, i] (1 + s / reach)**-p``: every pair of events, any p."""
    targets = jump.shape[1]
    held, based, done, now = np.empty(targets), np.empty(targets), np.empty(targets), np.empty(targets)
    columns = factors.shape[1]
    for n in range(len(offsets) - 1):
        held[:] = 0.0
        done[:] = 0.0
        _baselines(start[n], edges, factors, running, period, phase, based)
        for r in range(offsets[n], offsets[n + 1] + 1):
            last = r == offsets[n + 1]
            t = end[n] if last else times[r]
            turn, cell, inside = place(t, edges, period, phase)
            low, high = (0, targets) if last else (target[r], target[r] + 1)
            rising = 0.0
            for i in range(low, high):
                now[i] = 0.0
            for q in range(offsets[n], r):
                lag = t - times[q]
                if lag <= 0.0:
                    break
                logged = math.log1p(lag / reach)
                x = (1.0 - p) * logged
                covered = weight[q] * reach * (logged if abs(x) < 1e-12 else math.expm1(x) / (1.0 - p))
                for i in range(low, high):
                    now[i] += jump[types[q], i] * covered
                if not last:
                    rising += weight[q] * jump[types[q], low] * math.exp(-p * logged)
            for i in range(low, high):
                c = i if columns > 1 else 0
                b = _baseline(turn, cell, inside, c, edges, factors, running)
                grown = scale[n] * level[i] * (b - based[i]) + now[i] - held[i]
                if last:
                    integral[n, i] = done[i] + grown
                else:
                    increments[r] = max(grown, 0.0)
                    rate[r] = scale[n] * level[i] * factors[cell, c] + rising
                    done[i] += increments[r]
                    based[i], held[i] = b, now[i]
