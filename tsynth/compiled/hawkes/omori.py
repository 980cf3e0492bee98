"""Loop of the likelihood under Omori's law, which goes as exponentials whose decays stay and whose weights move."""

from __future__ import annotations

import math

import numpy as np

from tsynth.compiled.jit import compiled

__all__ = ["omori"]


@compiled
def omori(
    offsets, times, types, end, weight, surplus, unit, cell, covariates, theta, decay, mix, cells,
    logs, score, info, outer_score, outer_info, cross, left,
):  # fmt: skip
    """As `tsynth.compiled.hawkes.likelihood.shared_decays`, for sums over events by target type.

    Parameters
    ----------
    theta : float64 array, (M, P)
        A row a target: `cells` baselines, then what multiplies the law of each parent type.
    mix : float64 array, (3, K)
        Weights of the exponentials, and their derivatives by log c and log p.
    outer_score : (3 + C,), outer_info : (3 + C, 3 + C), cross : (M, 3 + C, P)
        The same by log c, log p, the power and the coefficients.
    left : float64 array, (2, K, M)
        Sums of what each parent type has left at the windows' ends, by component; and times surplus.
    """
    m, k_all = len(theta), len(decay)
    n_covariates = covariates.shape[1]
    sized = len(weight) > 1
    r, v = np.zeros((k_all, m)), np.zeros((k_all, m))
    f, by_c, by_p, by_power = np.zeros(m), np.zeros(m), np.zeros(m), np.zeros(m)
    x, y = np.zeros(theta.shape[1]), np.zeros(3 + n_covariates)
    for n in range(len(offsets) - 1):
        low, high = offsets[n], offsets[n + 1]
        if low == high:
            continue
        r[:] = 0.0
        v[:] = 0.0
        last = times[low]
        behind = low
        for e in range(low, high + 1):
            t = end[n] if e == high else times[e]
            if t > last or e == high:  # equal times do not excite one another
                while behind < e:
                    j = types[behind]
                    w = weight[behind] if sized else 1.0
                    for k in range(k_all):
                        r[k, j] += w
                    if sized:
                        for k in range(k_all):
                            v[k, j] += w * surplus[behind]
                    behind += 1
                for k in range(k_all):
                    shrunk = math.exp(-decay[k] * (t - last))
                    for j in range(m):
                        r[k, j] *= shrunk
                    if sized:
                        for j in range(m):
                            v[k, j] *= shrunk
                last = t
            if e == high or unit[e] < 0.0:
                continue
            f[:] = 0.0
            by_c[:] = 0.0
            by_p[:] = 0.0
            by_power[:] = 0.0
            for k in range(k_all):
                a, b, c = mix[0, k], mix[1, k], mix[2, k]
                for j in range(m):
                    f[j] += a * r[k, j]
                    by_c[j] += b * r[k, j]
                    by_p[j] += c * r[k, j]
                if sized:
                    for j in range(m):
                        by_power[j] += a * v[k, j]
            i = types[e]
            base = theta[i, cell[e]] * unit[e]
            rate = base
            y[0], y[1], y[2] = 0.0, 0.0, 0.0
            for j in range(m):
                q = theta[i, cells + j]
                rate += q * f[j]
                y[0] += q * by_c[j]
                y[1] += q * by_p[j]
                y[2] += q * by_power[j]
            logs[i] += math.log(rate)
            for b in range(cells):
                x[b] = 0.0
            x[cell[e]] = unit[e] / rate
            for j in range(m):
                x[cells + j] = f[j] / rate
            for q in range(3):
                y[q] /= rate
            for q in range(n_covariates):
                y[3 + q] = covariates[n, q] * base / rate
            for a in range(len(x)):
                if x[a] == 0.0:
                    continue
                score[i, a] += x[a]
                for b in range(a + 1):
                    info[i, a, b] += x[a] * x[b]
                for q in range(len(y)):
                    cross[i, q, a] += x[a] * y[q]
            for q in range(len(y)):
                outer_score[q] += y[q]
                for s in range(q + 1):
                    outer_info[q, s] += y[q] * y[s]
        for k in range(k_all):
            for j in range(m):
                left[0, k, j] += r[k, j]
                left[1, k, j] += v[k, j]
