"""Hawkes fits for thousands of types: a target's few parents at a time, and the pull of all others in one pass.

Columns count parents by component: column ``k M + j`` is parent j through component k. A target's row of the
branching matrix is kept as a short list of columns with their values; no array of events by types exists.
"""

from __future__ import annotations

import math

import numpy as np

from tsynth.compiled.jit import compiled

__all__ = ["excited", "left_over", "pulls", "sweep"]


@compiled
def left_over(offsets, times, types, end, weight, decay, m):
    """Sums over all events, by column (2, K M): of ``w exp(-d (T - s))`` and of ``w (T - s) exp(-d (T - s))``."""
    out = np.zeros((2, len(decay) * m))
    sized = len(weight) > 1
    for n in range(len(offsets) - 1):
        for e in range(offsets[n], offsets[n + 1]):
            rest = end[n] - times[e]
            for k in range(len(decay)):
                value = math.exp(-decay[k] * rest) * (weight[e] if sized else 1.0)
                out[0, k * m + types[e]] += value
                out[1, k * m + types[e]] += value * rest
    return out


@compiled
def pulls(offsets, times, types, weight, inverse, decay, m, low, out):
    """Sums over events of ``d R / intensity``, by target `low` ... and column, added to `out` (targets, K M).

    The decayed sums of all parents are one vector times a number that fades, so an event costs one addition of a
    vector to its target's row.
    """
    k_all, high = len(decay), low + len(out)
    sized = len(weight) > 1
    r = np.zeros(k_all * m)
    faded = np.ones(k_all)
    for n in range(len(offsets) - 1):
        begin, stop = offsets[n], offsets[n + 1]
        if begin == stop:
            continue
        r[:] = 0.0
        faded[:] = 1.0
        first, last = begin, times[begin]
        for e in range(begin, stop):
            t = times[e]
            if t > last:
                for k in range(k_all):
                    for q in range(first, e):
                        r[k * m + types[q]] += (weight[q] if sized else 1.0) / faded[k]
                    faded[k] *= math.exp(-decay[k] * (t - last))
                    if faded[k] < 1e-100:
                        r[k * m : (k + 1) * m] *= faded[k]
                        faded[k] = 1.0
                first, last = e, t
            i = types[e]
            if low <= i < high:
                for k in range(k_all):
                    factor = decay[k] * faded[k] * inverse[e]
                    row = out[i - low, k * m : (k + 1) * m]
                    sums = r[k * m : (k + 1) * m]
                    for j in range(m):
                        row[j] += factor * sums[j]


@compiled
def _feature(target, column, rows, begin, sequence, times, weight, decay, m, x, slope):
    """Fill `x` with ``d R`` of a column at the target's events, `slope` with its derivative by the decay's log."""
    k, j = column // m, column % m
    d = decay[k]
    sized = len(weight) > 1
    r, s, last = 0.0, 0.0, 0.0
    p, stop = begin[j], begin[j + 1]
    now = np.int64(-1)
    low = begin[target]
    for a in range(low, begin[target + 1]):
        e = rows[a]
        n, t = sequence[e], times[e]
        if n != now:
            now, r, s, last = n, 0.0, 0.0, t
            while p < stop and sequence[rows[p]] < n:
                p += 1
        while p < stop:
            q = rows[p]
            if sequence[q] != n or times[q] >= t:
                break
            gap = times[q] - last if r > 0.0 else 0.0
            shrunk = math.exp(-d * gap)
            s = shrunk * (s + gap * r)
            r = shrunk * r + (weight[q] if sized else 1.0)
            last = times[q]
            p += 1
        if r > 0.0:
            gap = t - last
            shrunk = math.exp(-d * gap)
            x[a - low] = d * shrunk * r
            slope[a - low] = d * shrunk * (r - d * (s + gap * r))
        else:
            x[a - low] = 0.0
            slope[a - low] = 0.0


@compiled
def _gather(unit, cell, x, theta, cells, rate):
    """Intensities at the target's events; returns the sum of their logs."""
    logs, product = 0.0, 1.0
    for a in range(len(unit)):
        total = unit[a] * theta[cell[a]]
        for c in range(x.shape[1]):
            total += theta[cells + c] * x[a, c]
        rate[a] = total
        product *= total
        if not 1e-200 < product < 1e200:
            logs += math.log(product)
            product = 1.0
    return logs + math.log(product)


@compiled
def _information(unit, cell, x, cells, rate, score, info):
    """Score and information (lower triangle) of the logs at these intensities."""
    score[:] = 0.0
    info[:] = 0.0
    width = x.shape[1]
    z = np.empty(x.shape)
    for a in range(len(unit)):
        inverse = 1.0 / rate[a]
        b, u = cell[a], unit[a] * inverse
        score[b] += u
        info[b, b] += u * u
        for c in range(width):
            f = x[a, c] * inverse
            z[a, c] = f
            score[cells + c] += f
            info[cells + c, b] += f * u
    if width:
        info[cells:, cells:] = np.dot(z.T, z)


@compiled
def _solve(info, free, right):
    """Solve the free part of a system whose lower triangle is given, by Cholesky, scaled and a little damped."""
    index = np.flatnonzero(free)
    n = len(index)
    low = np.empty((n, n))
    size = np.empty(n)
    out = np.zeros(right.shape)
    for a in range(n):
        size[a] = 1.0 / math.sqrt(info[index[a], index[a]])
    for a in range(n):
        for b in range(a + 1):
            value = info[index[a], index[b]] * size[a] * size[b]
            if a == b:
                value += 1e-10
            for c in range(b):
                value -= low[a, c] * low[b, c]
            if a == b:
                low[a, a] = math.sqrt(max(value, 1e-12))
            else:
                low[a, b] = value / low[b, b]
    y = np.empty(n)
    for column in range(right.shape[1]):
        for a in range(n):
            value = right[index[a], column] * size[a]
            for c in range(a):
                value -= low[a, c] * y[c]
            y[a] = value / low[a, a]
        for a in range(n - 1, -1, -1):
            value = y[a]
            for c in range(a + 1, n):
                value -= low[c, a] * y[c]
            y[a] = value / low[a, a]
        for a in range(n):
            out[index[a], column] = y[a] * size[a]
    return out


@compiled
def _climb(unit, cell, x, cells, fall, theta, rate, score, info, tolerance, most):
    """Projected Newton for one target; `fall` is the compensator and price of each coefficient. Returns the logs."""
    logs = _gather(unit, cell, x, theta, cells, rate)
    free = np.zeros(len(theta), np.bool_)
    gradient = np.empty((len(theta), 1))
    moved, trial = np.empty(len(theta)), np.empty(len(rate))
    for _ in range(most):
        _information(unit, cell, x, cells, rate, score, info)
        for p in range(len(theta)):
            gradient[p, 0] = score[p] - fall[p]
            free[p] = info[p, p] > 1e-300 and (theta[p] > 0.0 or gradient[p, 0] > 0.0)
        delta = _solve(info, free, gradient)[:, 0]
        gain, straight = 0.0, False
        for p in range(len(theta)):
            gain += 0.5 * delta[p] * gradient[p, 0]
            if info[p, p] <= 1e-300 and theta[p] > 0.0 and gradient[p, 0] < 0.0:
                straight = True
        if gain < tolerance and not straight:
            break
        value = logs - (fall * theta).sum()
        length, accepted = 1.0, False
        for _ in range(30):
            for p in range(len(theta)):
                moved[p] = max(theta[p] + length * delta[p], 0.0)
                if info[p, p] <= 1e-300 and gradient[p, 0] < 0.0:
                    moved[p] = 0.0
            new = _gather(unit, cell, x, moved, cells, trial)
            if new - (fall * moved).sum() >= value - 1e-12 * abs(value):
                accepted = True
                break
            length *= 0.5
        if not accepted:
            break
        logs = new
        theta[:] = moved
        rate[:] = trial
    return logs


@compiled
def _moved(unit, cell, x, slope, cells, rate, theta, info):
    """How a target's coefficients follow the log of a common decay, and their variances.

    Returns
    -------
    free : bool array, (P,)
        Coefficients above 0 that the events tell of; the rest of `solved` is 0.
    solved : float64 array, (P, 1 + P)
        How much each moves with the decay's log; the inverse information.
    score, information : float
        Of the decay's log by the sum of logs, the coefficients following.
    """
    p_all, width = len(theta), x.shape[1]
    right = np.zeros((p_all, 1 + p_all))
    free = np.zeros(p_all, np.bool_)
    for p in range(p_all):
        free[p] = theta[p] > 0.0 and info[p, p] > 1e-300
        if free[p]:
            right[p, 1 + p] = 1.0
    g, h = 0.0, 0.0
    for a in range(len(unit)):
        y = 0.0
        for c in range(width):
            y += theta[cells + c] * slope[a, c]
        y /= rate[a]
        g += y
        h += y * y
        right[cell[a], 0] += y * unit[a] / rate[a]
        for c in range(width):
            right[cells + c, 0] += y * x[a, c] / rate[a]
    for p in range(p_all):
        if not free[p]:
            right[p, 0] = 0.0
    solved = _solve(info, free, right)
    return free, solved, g, h - (right[:, 0] * solved[:, 0]).sum()


@compiled
def sweep(
    targets, pointers, columns, values, level, rows, begin, sequence, times, weight, unit, cell, spent, whole, fade,
    price, decay, m, outer, inverse, logs, errors, level_errors, slopes, common,
):  # fmt: skip
    """Fit each of `targets` on its columns; `values`, `level` and `inverse` are renewed in place.

    Parameters
    ----------
    targets : int64 array
    pointers : int64 array, (M + 1,)
        Columns of target i are ``columns[pointers[i]:pointers[i + 1]]``, their branching ratios in `values`.
    level : float64 array, (M, B)
    rows, begin : as made by `tsynth.compiled.hawkes.gathering.order_by_type`
    sequence : int32 array, (R,)
    unit, cell : (R,)
        As in `tsynth.compiled.hawkes.likelihood`; an event with a unit below 0 is a parent only.
    spent : float64 array, (B,)
    whole, fade : float64 array, (K M,)
        Compensator of branching 1, and its derivative by the log of the decay.
    price : float64
    outer : int
        1 asks for standard errors and for derivatives by the log of a common decay.
    inverse : float64 array, (R,)
        One over the intensity at each event.
    logs : float64 array, (M,)
    errors, slopes : float64 array, like `values`; level_errors (M, B)
        Variances, and how much a coefficient moves with the decay's log.
    common : float64 array, (2,)
        Score and information of the decay's log, the targets' own coefficients following.
    """
    cells = level.shape[1]
    for i in targets:
        low, n = begin[i], 0
        own = np.empty(begin[i + 1] - low, np.int64)  # events that count, as places in the target's list
        for a in range(len(own)):
            if unit[rows[low + a]] >= 0.0:
                own[n] = a
                n += 1
        first, stop = pointers[i], pointers[i + 1]
        width = stop - first
        if n == 0:
            level[i] = 0.0
            values[first:stop] = 0.0
            logs[i] = 0.0
            continue
        x = np.empty((n, width))
        slope = np.empty((n, width if outer == 1 else 0))
        one, other = np.empty(len(own)), np.empty(len(own))
        for c in range(width):
            _feature(i, columns[first + c], rows, begin, sequence, times, weight, decay, m, one, other)
            for a in range(n):
                x[a, c] = one[own[a]]
            if outer == 1:
                for a in range(n):
                    slope[a, c] = other[own[a]]
        units, places, rate = np.empty(n), np.empty(n, np.int64), np.empty(n)
        for a in range(n):
            units[a] = unit[rows[low + own[a]]]
            places[a] = cell[rows[low + own[a]]]
        theta, fall = np.empty(cells + width), np.empty(cells + width)
        theta[:cells] = level[i]
        theta[cells:] = values[first:stop]
        fall[:cells] = spent
        for c in range(width):
            fall[cells + c] = whole[columns[first + c]] + price
        score, info = np.empty(len(theta)), np.empty((len(theta), len(theta)))
        logs[i] = _climb(
            units, places, x, cells, fall, theta, rate, score, info, 1e-7 if outer == 1 else 1e-5, 50
        )
        level[i] = theta[:cells]
        values[first:stop] = theta[cells:]
        for a in range(n):
            inverse[rows[low + own[a]]] = 1.0 / rate[a]
        logs[i] -= (fall * theta).sum() - price * theta[cells:].sum()
        if outer == 0:
            continue
        _information(units, places, x, cells, rate, score, info)
        free, solved, g, h = _moved(units, places, x, slope, cells, rate, theta, info)
        for c in range(width):
            g -= theta[cells + c] * fade[columns[first + c]]
            errors[first + c] = solved[cells + c, 1 + cells + c] if free[cells + c] else np.nan
            slopes[first + c] = solved[cells + c, 0]
        for b in range(cells):
            level_errors[i, b] = solved[b, 1 + b] if free[b] else np.nan
        common[0] += g
        common[1] += h


@compiled
def excited(pointers, columns, values, rows, begin, sequence, times, weight, decay, m):
    """What the lists of parents add to the intensity at each event, (R,)."""
    out = np.zeros(len(times))
    for i in range(m):
        n = begin[i + 1] - begin[i]
        one, other = np.empty(n), np.empty(n)
        for c in range(pointers[i], pointers[i + 1]):
            _feature(i, columns[c], rows, begin, sequence, times, weight, decay, m, one, other)
            for a in range(n):
                out[rows[begin[i] + a]] += values[c] * one[a]
    return out
