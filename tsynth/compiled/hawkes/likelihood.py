"""Log-likelihoods of Hawkes processes with exponential kernels, with score and information, in one pass.

Written for intensities that are linear in their coefficients. With R the sum of ``w exp(-d (t - s))`` over the
events s < t of one type, an event adds ``log(u b + sum a d R)``; a coefficient's part of the compensator follows
from R at the window's end, which the loops hand back as `left`, so no event pays a second exponential. Events at
the time t itself wait, as pending, until time moves on: equal times do not excite one another. An event whose
baseline (`unit`, `base`) is below 0 is given: it excites and adds nothing.

The information is the sum over events of the gradients' outer products of log intensity (Ogata 1978, Ann. Inst.
Stat. Math. 30, eq. 2.5): for coefficients that the intensity is linear in, it is the observed information.
"""

from __future__ import annotations

import math

import numpy as np

from tsynth.compiled.jit import compiled

__all__ = ["one_type", "pair_decays", "pair_logs", "shared_decays", "shared_logs"]


@compiled
def one_type(offsets, times, end, unit, level, branching, decay):
    """One type, one decay: sums over events for (level, branching, log decay).

    Parameters
    ----------
    offsets : int64 array, (N + 1,)
    times : float64 array, (R,)
    end : float64 array, (N,)
    unit : float64 array, (R,)
        Baseline at the event where the level is 1.
    level, branching, decay : float

    Returns
    -------
    sums : float64 array, (12,)
        Sum of logs; score (3); information 00, 01, 02, 11, 12, 22; R and sum of ``(T - s) exp(-d (T - s))`` at ends.
    """
    sums = np.zeros(12)
    jump = branching * decay
    logs, product = 0.0, 1.0
    g0, g1, g2 = 0.0, 0.0, 0.0
    h00, h01, h02, h11, h12, h22 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for n in range(len(offsets) - 1):
        low, high = offsets[n], offsets[n + 1]
        if low == high:
            continue
        r, s, pending, last = 0.0, 0.0, 0.0, times[low]
        for e in range(low, high):
            t = times[e]
            if t > last:
                gap = t - last
                shrunk = math.exp(-decay * gap)
                r += pending
                s = shrunk * (s + gap * r)
                r *= shrunk
                pending, last = 0.0, t
            pending += 1.0
            u = unit[e]
            if u < 0.0:
                continue
            rate = level * u + jump * r
            product *= rate
            if not 1e-200 < product < 1e200:
                logs += math.log(product)
                product = 1.0
            inverse = 1.0 / rate
            x0 = u * inverse
            x1 = decay * r * inverse
            x2 = jump * (r - decay * s) * inverse
            g0 += x0
            g1 += x1
            g2 += x2
            h00 += x0 * x0
            h01 += x0 * x1
            h02 += x0 * x2
            h11 += x1 * x1
            h12 += x1 * x2
            h22 += x2 * x2
        gap = end[n] - last
        shrunk = math.exp(-decay * gap)
        r += pending
        sums[10] += shrunk * r
        sums[11] += shrunk * (s + gap * r)
    sums[0] = logs + math.log(product)
    sums[1], sums[2], sums[3] = g0, g1, g2
    sums[4], sums[5], sums[6], sums[7], sums[8], sums[9] = h00, h01, h02, h11, h12, h22
    return sums


@compiled
def _forward(gap, decay, types, r, s, v):
    """Let the sums of all components and types fade over a gap."""
    for k in range(len(decay)):
        shrunk = math.exp(-decay[k] * gap)
        for c in range(k * types, (k + 1) * types):
            s[c] = shrunk * (s[c] + gap * r[c])
            r[c] *= shrunk
            v[c] *= shrunk


@compiled
def shared_decays(
    offsets, times, types, end, weight, surplus, unit, cell, covariates, theta, decay, cells, outer,
    logs, score, info, outer_score, outer_info, cross, left,
):  # fmt: skip
    """Many types, one decay a component: sums over events by target type, added to the last seven arrays.

    Parameters
    ----------
    weight, surplus : float64 array, (R,) or (1,)
        What an event counts as a parent, and its size less the reference; of length 1 where all count 1.
    unit : float64 array, (R,)
        Baseline at the event where the level is 1; below 0 where the event is a parent only.
    cell : int32 array, (R,)
        Cell of the baseline.
    covariates : float64 array, (N, C)
    theta : float64 array, (M, P)
        A row a target: `cells` baselines, then the branching ratios of component 0's parents, of component 1's ...
    decay : float64 array, (K,)
    outer : int
        0 leaves the derivatives by decays, power and covariates out.
    logs : (M,), score : (M, P), info : (M, P, P)
        Sums of logs of intensity, of its gradient, and of outer products (lower triangles).
    outer_score : (Q,), outer_info : (Q, Q), cross : (M, Q, P)
        The same by K logs of decays, the power, C coefficients.
    left : float64 array, (3, K M)
        At the windows' ends: R, sum of ``w (T - s) exp(-d (T - s))``, R times surplus.
    """
    m, k_all = len(theta), len(decay)
    width = k_all * m
    n_covariates = covariates.shape[1]
    sized = len(weight) > 1
    r, s, v, f = np.zeros(width), np.zeros(width), np.zeros(width), np.zeros(width)
    y = np.zeros(k_all + 1 + n_covariates)
    for n in range(len(offsets) - 1):
        low, high = offsets[n], offsets[n + 1]
        if low == high:
            continue
        r[:] = 0.0
        s[:] = 0.0
        v[:] = 0.0
        first, last = low, times[low]
        for e in range(low, high + 1):
            t = times[e] if e < high else end[n]
            if t > last or e == high:
                for q in range(first, e):
                    w = weight[q] if sized else 1.0
                    for k in range(k_all):
                        c = k * m + types[q]
                        r[c] += w
                        if sized:
                            v[c] += w * surplus[q]
                first = e
                _forward(t - last, decay, m, r, s, v)
                last = t
            if e == high:
                break
            i, b, u = types[e], cell[e], unit[e]
            if u < 0.0:
                continue
            rate = u * theta[i, b]
            for k in range(k_all):
                for c in range(k * m, (k + 1) * m):
                    f[c] = decay[k] * r[c]
                    rate += theta[i, cells + c] * f[c]
            logs[i] += math.log(rate)
            inverse = 1.0 / rate
            x = u * inverse
            score[i, b] += x
            info[i, b, b] += x * x
            for c in range(width):
                f[c] *= inverse
                score[i, cells + c] += f[c]
                info[i, cells + c, b] += f[c] * x
            for c in range(width):
                fc = f[c]
                if fc != 0.0:
                    row = info[i, cells + c]
                    for c2 in range(c + 1):
                        row[cells + c2] += fc * f[c2]
            if outer == 0:
                continue
            for k in range(k_all):
                total = 0.0
                for c in range(k * m, (k + 1) * m):
                    total += theta[i, cells + c] * (r[c] - decay[k] * s[c])
                y[k] = total * decay[k] * inverse
            total = 0.0
            if sized:
                for k in range(k_all):
                    for c in range(k * m, (k + 1) * m):
                        total += theta[i, cells + c] * decay[k] * v[c]
            y[k_all] = total * inverse
            for p in range(n_covariates):
                y[k_all + 1 + p] = covariates[n, p] * theta[i, b] * x
            for q in range(len(y)):
                yq = y[q]
                outer_score[q] += yq
                for q2 in range(q + 1):
                    outer_info[q, q2] += yq * y[q2]
                row = cross[i, q]
                row[b] += yq * x
                for c in range(width):
                    row[cells + c] += yq * f[c]
        for c in range(width):
            left[0, c] += r[c]
            left[1, c] += s[c]
            left[2, c] += v[c]


@compiled
def shared_logs(offsets, times, types, end, weight, base, branching, decay, logs, left):
    """Sums of logs of intensity by target, added to `logs` (M,); R at the ends, added to `left` (K M,).

    `base` (R,) is the baseline at each event, `branching` (M, K M) a row a target.
    """
    m, k_all = len(branching), len(decay)
    sized = len(weight) > 1
    r = np.zeros(k_all * m)
    for n in range(len(offsets) - 1):
        low, high = offsets[n], offsets[n + 1]
        if low == high:
            continue
        r[:] = 0.0
        first, last = low, times[low]
        for e in range(low, high + 1):
            t = times[e] if e < high else end[n]
            if t > last or e == high:
                for q in range(first, e):
                    for k in range(k_all):
                        r[k * m + types[q]] += weight[q] if sized else 1.0
                first = e
                for k in range(k_all):
                    shrunk = math.exp(-decay[k] * (t - last))
                    for c in range(k * m, (k + 1) * m):
                        r[c] *= shrunk
                last = t
            if e == high:
                break
            i = types[e]
            rate = base[e]
            if rate < 0.0:
                continue
            for k in range(k_all):
                total = 0.0
                for c in range(k * m, (k + 1) * m):
                    total += branching[i, c] * r[c]
                rate += decay[k] * total
            logs[i] += math.log(rate)
        for c in range(k_all * m):
            left[c] += r[c]


@compiled
def pair_decays(
    target, offsets, times, types, end, weight, unit, cell, covariates, theta, m, cells,
    score, info, outer_score, outer_info, cross, left,
):  # fmt: skip
    """One target type whose parents each have a decay of their own; returns the sum of logs of intensity.

    `theta` (P,) holds `cells` baselines, M branching ratios, M logs of decays; `left` (2, M) is R and
    ``(T - s) exp(-d (T - s))`` at the ends. The other arrays are as in `shared_decays`, for this row and for the
    coefficients of covariates only.
    """
    sized = len(weight) > 1
    n_covariates = covariates.shape[1]
    width = cells + 2 * m
    decay = np.exp(theta[cells + m :])
    r, s, since = np.zeros(m), np.zeros(m), np.zeros(m)
    x, y = np.zeros(width), np.zeros(n_covariates)
    logs = 0.0
    for n in range(len(offsets) - 1):
        low, high = offsets[n], offsets[n + 1]
        if low == high:
            continue
        r[:] = 0.0
        s[:] = 0.0
        since[:] = times[low]
        first, last = low, times[low]
        for e in range(low, high + 1):
            t = times[e] if e < high else end[n]
            if t > last or e == high:
                for q in range(first, e):
                    j = types[q]
                    gap = times[q] - since[j]
                    shrunk = math.exp(-decay[j] * gap)
                    s[j] = shrunk * (s[j] + gap * r[j])
                    r[j] = shrunk * r[j] + (weight[q] if sized else 1.0)
                    since[j] = times[q]
                first = e
                last = t
            if e == high:
                for j in range(m):
                    gap = t - since[j]
                    shrunk = math.exp(-decay[j] * gap)
                    left[0, j] += shrunk * r[j]
                    left[1, j] += shrunk * (s[j] + gap * r[j])
                break
            if types[e] != target:
                continue
            b, u = cell[e], unit[e]
            if u < 0.0:
                continue
            rate = u * theta[b]
            for j in range(m):
                gap = t - since[j]
                shrunk = math.exp(-decay[j] * gap)
                now = shrunk * r[j]
                x[cells + j] = decay[j] * now
                x[cells + m + j] = (
                    theta[cells + j] * decay[j] * (now - decay[j] * shrunk * (s[j] + gap * r[j]))
                )
                rate += theta[cells + j] * x[cells + j]
            logs += math.log(rate)
            inverse = 1.0 / rate
            x[:cells] = 0.0
            x[b] = u
            for p in range(width):
                x[p] *= inverse
            for p in range(width):
                xp = x[p]
                if xp != 0.0:
                    score[p] += xp
                    row = info[p]
                    for p2 in range(p + 1):
                        row[p2] += xp * x[p2]
            for q in range(n_covariates):
                y[q] = covariates[n, q] * theta[b] * x[b]
                outer_score[q] += y[q]
                for q2 in range(q + 1):
                    outer_info[q, q2] += y[q] * y[q2]
                for p in range(width):
                    cross[q, p] += y[q] * x[p]
    return logs


@compiled
def pair_logs(target, offsets, times, types, end, weight, base, branching, decay, left):
    """Sum of logs of intensity of one target whose parents have `branching` and `decay` (K, M) of their own.

    R at the ends is added to `left` (K, M).
    """
    k_all, m = branching.shape
    sized = len(weight) > 1
    r = np.zeros((k_all, m))
    since = np.zeros(m)
    logs = 0.0
    for n in range(len(offsets) - 1):
        low, high = offsets[n], offsets[n + 1]
        if low == high:
            continue
        r[:] = 0.0
        since[:] = times[low]
        first, last = low, times[low]
        for e in range(low, high + 1):
            t = times[e] if e < high else end[n]
            if t > last or e == high:
                for q in range(first, e):
                    j = types[q]
                    for k in range(k_all):
                        shrunk = math.exp(-decay[k, j] * (times[q] - since[j]))
                        r[k, j] = shrunk * r[k, j] + (weight[q] if sized else 1.0)
                    since[j] = times[q]
                first = e
                last = t
            if e == high or types[e] == target:
                rate = base[e] if e < high else 0.0
                for k in range(k_all):
                    for j in range(m):
                        now = math.exp(-decay[k, j] * (t - since[j])) * r[k, j]
                        rate += branching[k, j] * decay[k, j] * now
                        if e == high:
                            left[k, j] += now
                if e < high and base[e] >= 0.0:
                    logs += math.log(rate)
    return logs
