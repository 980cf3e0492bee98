"""How long blocks should be, and which season their starts must keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PERIODS", "find_season", "optimal_length", "phase_means"]

PERIODS = (4, 5, 7, 12, 24, 48, 52, 168, 365)
"""Seasons that are looked for, in steps: quarters, working days, weekdays, months, hours, half hours, weeks,
the hours of a week, the days of a year."""


def optimal_length(x: NDArray[np.float64], method: str = "stationary") -> float:
    """Block length that Politis and White's rule finds for the mean of `x`.

    Parameters
    ----------
    x : float64 array, (n,)
    method : {"stationary", "circular", "moving"}
        Moving blocks have the length of circular ones.

    Returns
    -------
    float
        Between 1 and ``min(3 sqrt(n), n / 3)``.

    References
    ----------
    Politis, White (2004), Automatic block-length selection for the dependent bootstrap, Econometric Reviews
    23(1), section 3.2; corrected by Patton, Politis, White (2009), Econometric Reviews 28(4).
    """
    n = len(x)
    if n < 9:
        return 1.0
    deviation = x - x.mean()
    variance = float(deviation @ deviation) / n
    if not np.isfinite(variance) or variance <= 0:
        return 1.0
    quiet = max(5, int(np.log10(n)))
    farthest = int(np.ceil(np.sqrt(n))) + quiet
    lags = range(min(farthest, n - 1) + 1)
    covariance = np.array([deviation[k:] @ deviation[: n - k] for k in lags]) / n
    calm = np.abs(covariance) / variance < 2 * np.sqrt(np.log10(n) / n)
    if len(calm) <= quiet:
        return 1.0
    views: NDArray[np.bool_] = np.lib.stride_tricks.sliding_window_view(calm[:farthest], quiet)
    runs = views.all(axis=1)
    first = int(np.argmax(runs)) if np.any(runs) else None
    m = min(farthest, len(covariance) - 1, farthest if first is None else 2 * max(first, 1))
    k = np.arange(1, m + 1)
    taper = np.clip(2 * (1 - k / m), 0, 1)
    g = 2 * np.sum(taper * k * covariance[1 : m + 1])
    spectrum = covariance[0] + 2 * np.sum(taper * covariance[1 : m + 1])
    d = (2 if method == "stationary" else 4 / 3) * spectrum**2
    if d <= 0:
        return 1.0
    length = (2 * g**2 / d * n) ** (1 / 3)
    return float(np.clip(length, 1.0, np.ceil(min(3 * np.sqrt(n), n / 3))))


def phase_means(x: NDArray[np.float64], period: int) -> NDArray[np.float64]:
    """Mean of each phase of a season, repeated over the n steps; `x` is (n,) or (n, m)."""
    if period == 1:
        return np.broadcast_to(x.mean(axis=0), x.shape)
    n = len(x)
    whole = -(-n // period) * period
    padded = np.full((whole, *x.shape[1:]), np.nan)
    padded[:n] = x
    folded = padded.reshape(whole // period, period, *x.shape[1:])
    seen = np.isfinite(folded)
    sums = np.where(seen, folded, 0.0).sum(axis=0)
    means = sums / np.maximum(seen.sum(axis=0), 1)
    return np.tile(means, (whole // period, *([1] * (x.ndim - 1))))[:n]


def find_season(x: NDArray[np.float64]) -> int:
    """The season that series of one calendar share, in steps; 1 where there is none.

    For each period in `PERIODS` that fits in three times, the share of the variance of the steps
    ``x[t] - x[t-1]`` that the phase means explain (adjusted R squared, averaged over the series); the shortest
    period within .02 of the best, where the share is above .05 and four standard errors of pure noise.

    Parameters
    ----------
    x : float64 array, (n, m)
        Levels without NaN.
    """
    if len(x) <= 3 * PERIODS[0]:
        return 1
    step = np.diff(x, axis=0)
    n = len(step)
    with np.errstate(over="ignore", invalid="ignore"):
        total = ((step - step.mean(axis=0)) ** 2).sum(axis=0)
    lively = np.isfinite(total) & (total > 0)
    step, total = step[:, lively], total[lively]
    explained: dict[int, float] = {}
    for period in PERIODS if step.shape[1] else ():
        if n < 3 * period:
            continue
        rest = ((step - phase_means(step, period)) ** 2).sum(axis=0)
        share = float(np.mean(1 - (rest / (n - period)) / (total / (n - 1))))
        if share > max(0.05, 4 * np.sqrt(2 * (period - 1)) / (n - period)):
            explained[period] = share
    if not explained:
        return 1
    best = max(explained.values())
    return min(period for period, share in explained.items() if share >= best - 0.02)
