"""Log-likelihood and gradient where baseline and excitation pass a link, so that events may inhibit.

Between events (and the baseline's edges) the argument of target i is ``b + sum_k E_ki exp(-d_k s)``; the compensator
is the integral of its link by Gauss's rule of eight nodes on panels that double in length from the last event on,
cut where a rectified argument changes sign.
"""

from __future__ import annotations

import math

import numpy as np

from tsynth.compiled.jit import compiled
from tsynth.compiled.rates import cell_at

__all__ = ["RECTIFIED", "SOFTPLUS", "linked"]

SOFTPLUS, RECTIFIED = 1, 2
_X, _W = np.polynomial.legendre.leggauss(8)
NODES, WEIGHTS = 0.5 * (_X + 1.0), 0.5 * _W


@compiled
def _through(link, x, level):
    """Link, its derivative by x and by the level that scales a softplus."""
    if link == RECTIFIED or level <= 0.0:
        return (x, 1.0, 0.0) if x > 0.0 else (0.0, 0.0, 0.0)
    z = x / level
    soft = z + math.log1p(math.exp(-z)) if z > 0.0 else math.log1p(math.exp(z))
    slope = 1.0 / (1.0 + math.exp(-z)) if z > -700.0 else 0.0
    return level * soft, slope, soft - z * slope


@compiled
def _argument(s, base, size, decay):
    x = base
    for k in range(len(decay)):
        x += size[k] * math.exp(-decay[k] * s)
    return x


@compiled
def _panel(low, high, base, size, decay, link, level, sums):
    """Add one panel's integrals: link, derivative by base, by level, and times exp(-d s) and s exp(-d s) by k."""
    k_all = len(decay)
    for q in range(len(NODES)):
        s = low + (high - low) * NODES[q]
        weight = (high - low) * WEIGHTS[q]
        value, slope, by_level = _through(link, _argument(s, base, size, decay), level)
        sums[0] += weight * value
        sums[1] += weight * slope
        sums[2] += weight * by_level
        for k in range(k_all):
            part = weight * slope * math.exp(-decay[k] * s)
            sums[3 + k] += part
            sums[3 + k_all + k] += part * s


@compiled
def _integrate(length, base, size, decay, first, link, level, sums):
    """Add the integrals over [0, length] to `sums` (3 + 2 K)."""
    low, width = 0.0, first
    at_low = _argument(0.0, base, size, decay)
    while low < length:
        high = min(low + width, length)
        at_high = _argument(high, base, size, decay)
        if link == RECTIFIED and (at_low > 0.0) != (at_high > 0.0):
            a, b = low, high
            for _ in range(60):
                middle = 0.5 * (a + b)
                if (_argument(middle, base, size, decay) > 0.0) == (at_low > 0.0):
                    a = middle
                else:
                    b = middle
            _panel(low, a, base, size, decay, link, level, sums)
            _panel(a, high, base, size, decay, link, level, sums)
        else:
            _panel(low, high, base, size, decay, link, level, sums)
        low, at_low = high, at_high
        width *= 2.0


@compiled
def linked(
    offsets, times, types, start, end, counted, weight, scale, covariates, level, factors, edges, period, phase,
    adjacency, decay, link, fine, floor, d_level, d_factors, d_adjacency, d_decay, d_beta,
):  # fmt: skip
    """Log-likelihood and compensator; the gradient is added to the last five arrays.

    Parameters
    ----------
    counted : bool array, (R,)
        Whether the process drew an event; the others only act.
    weight : float64 array, (R,)
    scale : float64 array, (N,)
    level : (M,), factors : (B, M), adjacency : (K, M, M), decay : (K,)
    fine : float64
        Length of the first panel times the greatest decay.
    floor : float64
        Share of the level below which a rectified intensity's logarithm goes on as its tangent; 0 keeps it.
    d_level (M,), d_factors (B, M), d_adjacency (K, M, M), d_decay (K,), d_beta (C,)
        By the level at fixed factors, the factor, the branching ratio, the log of the decay, the coefficient.
    """
    k_all, m = adjacency.shape[0], adjacency.shape[1]
    r, t_sum = np.zeros((k_all, m)), np.zeros((k_all, m))
    size, late = np.zeros((m, k_all)), np.zeros((m, k_all))
    sums = np.zeros(3 + 2 * k_all)
    first = fine / decay.max()
    logs, integral = 0.0, 0.0
    for n in range(len(offsets) - 1):
        r[:] = 0.0
        t_sum[:] = 0.0
        size[:] = 0.0
        late[:] = 0.0
        t, e = start[n], offsets[n]
        waiting = e
        while True:
            then = times[e] if e < offsets[n + 1] else end[n]
            while t < then:
                b, edge = cell_at(t, edges, period, phase)
                stop = min(edge, then)
                gap = stop - t
                for i in range(m):
                    base = scale[n] * level[i] * factors[b, i]
                    sums[:] = 0.0
                    _integrate(gap, base, size[i], decay, first, link, level[i], sums)
                    integral += sums[0]
                    d_level[i] -= sums[1] * scale[n] * factors[b, i] + sums[2]
                    d_factors[b, i] -= sums[1] * scale[n] * level[i]
                    for p in range(len(d_beta)):
                        d_beta[p] -= sums[1] * base * covariates[n, p]
                    for k in range(k_all):
                        g, h = sums[3 + k], sums[3 + k_all + k]
                        d_decay[k] -= (size[i, k] - decay[k] * late[i, k]) * g - decay[k] * size[i, k] * h
                        if g != 0.0:
                            for j in range(m):
                                d_adjacency[k, i, j] -= decay[k] * r[k, j] * g
                for k in range(k_all):
                    shrunk = math.exp(-decay[k] * gap)
                    for i in range(m):
                        late[i, k] = shrunk * (late[i, k] + gap * size[i, k])
                        size[i, k] *= shrunk
                        t_sum[k, i] = shrunk * (t_sum[k, i] + gap * r[k, i])
                        r[k, i] *= shrunk
                t = stop
            if e == offsets[n + 1]:
                break
            if counted[e]:
                i = types[e]
                b, _ = cell_at(t, edges, period, phase)
                base = scale[n] * level[i] * factors[b, i]
                x = _argument(0.0, base, size[i], decay)
                value, slope, by_level = _through(link, x, level[i])
                least = floor * level[i]
                if link == RECTIFIED and x < least:
                    logs += math.log(least) + (x - least) / least
                    slope, value, by_level = 1.0, least, (least - x) / level[i]
                else:
                    logs += math.log(value)
                slope /= value
                d_level[i] += slope * scale[n] * factors[b, i] + by_level / value
                d_factors[b, i] += slope * scale[n] * level[i]
                for p in range(len(d_beta)):
                    d_beta[p] += slope * base * covariates[n, p]
                for k in range(k_all):
                    d_decay[k] += slope * (size[i, k] - decay[k] * late[i, k])
                    for j in range(m):
                        d_adjacency[k, i, j] += slope * decay[k] * r[k, j]
            e += 1
            if e == offsets[n + 1] or times[e] > t:  # equal times do not act on one another
                for q in range(waiting, e):
                    for k in range(k_all):
                        r[k, types[q]] += weight[q]
                        for i in range(m):
                            size[i, k] += adjacency[k, i, types[q]] * decay[k] * weight[q]
                waiting = e
    return logs, integral
