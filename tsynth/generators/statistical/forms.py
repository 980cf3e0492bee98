"""The form in which a series is resampled, so that no joint between blocks is a jump.

==========  ======================  ============================================================
level       x[t] itself             lag-1 autocorrelation up to .5, or small counts
reverting   y[t] - phi y[t-1]       between
difference  y[t] - y[t-1]           above .98, or above .9 where a unit root is not rejected
spread      y[t] minus a leader of  the two move together: a level, or reverting
            the same calendar
==========  ======================  ============================================================

where y is x, or log x where x is positive. All are one recursion y[t] = phi y[t-1] + e[t] with phi 0, between,
or 1: the block bootstrap of prewhitened series ("post-blackened", Davison, Hinkley 1997, section 8.2.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tsynth.generators.statistical.blocks import phase_means

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Form",
    "choose_form",
    "fill",
    "grid_of",
    "innovations",
    "lag_one",
    "smoothing",
    "spread_form",
    "unit_root",
]

Vector = "NDArray[np.float64]"


@dataclass
class Form:
    """How one column of one series is resampled.

    Parameters
    ----------
    phi : float
        0 for levels, 1 for differences.
    logged : bool
        Whether y = log x.
    counts : bool
        Small counts or codes: levels as they are, never smoothed.
    """

    phi: float = 0.0
    logged: bool = False
    counts: bool = False

    @property
    def name(self) -> str:
        """What it is called in `diagnose`."""
        kind = "level" if self.phi == 0 else "difference" if self.phi == 1 else "reverting"
        return f"log {kind}" if self.logged else kind


def fill(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """`x` with its gaps closed by straight lines (0 where nothing is known)."""
    known = np.isfinite(x)
    if known.all():
        return x
    if not known.any():
        return np.zeros_like(x)
    at = np.arange(len(x))
    return np.interp(at, at[known], x[known])


def lag_one(x: NDArray[np.float64]) -> float:
    """Lag-1 autocorrelation; 0 for a constant. The expected jump at a joint of free blocks is
    ``1 / (1 - lag_one)`` times the usual step, in variance.
    """
    if len(x) < 3:
        return 0.0
    d = x - x.mean()
    total = float(d @ d)
    return float(d[1:] @ d[:-1]) / total if np.isfinite(total) and total > 0 else 0.0


def unit_root(x: NDArray[np.float64]) -> bool:
    """Whether a unit root is *not* rejected at 5 %: the augmented Dickey-Fuller test with a constant and
    floor((n - 1)**(1/3)) lags (Said, Dickey 1984); critical value of MacKinnon (2010), table 2, case "c".
    """
    steps = np.diff(x)
    lags = int((len(x) - 1) ** (1 / 3))
    n = len(steps) - lags
    if n < lags + 6:
        return True
    columns = [np.ones(n), x[lags:-1], *(steps[lags - j : len(steps) - j] for j in range(1, lags + 1))]
    design = np.column_stack(columns)
    scale = np.abs(design).max(axis=0)
    scale[scale == 0] = 1.0
    design, target = design / scale, steps[lags:]
    gram = design.T @ design
    try:
        inverse = np.linalg.inv(gram)
    except np.linalg.LinAlgError:
        return True
    beta = inverse @ (design.T @ target)
    residual = target - design @ beta
    variance = float(residual @ residual) / (n - design.shape[1]) * inverse[1, 1]
    if not variance > 0:
        return True
    critical = -2.86154 - 2.8903 / n - 4.234 / n**2 - 40.04 / n**3
    return bool(beta[1] / np.sqrt(variance) > critical)


def grid_of(x: NDArray[np.float64]) -> float:
    """The step of the decimals of `x`, a power of ten from 1e6 to 1e-8; 0 where there is none."""
    size = float(np.abs(x).max(initial=0.0))
    for power in range(6, -9, -1):
        scaled = x * 10.0**-power if power < 0 else x / 10.0**power
        if size / 10.0**power > 2.0**52:
            return 0.0
        if np.all(np.abs(scaled - np.rint(scaled)) <= 1e-9 * np.maximum(1.0, np.abs(scaled))):
            return float(10.0**power)
    return 0.0


def choose_form(x: NDArray[np.float64], known: NDArray[np.float64], period: int, discrete: bool) -> Form:
    """The form for a series `x` (gaps closed) whose `known` values are the ones not null."""
    if discrete or len(known) < 8:
        return Form(counts=discrete or _few(known))
    if _few(known):
        return Form(counts=True)
    positive = bool(known.min() > 0 and np.median(known) < 1e3 * known.min())
    y = np.log(x) if positive else x
    rho = lag_one(y - phase_means(y, period))
    if rho <= 0.5:
        return Form()
    phi = _unbiased(rho, len(y))
    if phi > 0.98 or (phi > 0.9 and unit_root(y - phase_means(y, period))):
        return Form(phi=1.0, logged=positive)
    logged = positive and abs(_skewness(y)) < abs(_skewness(x))
    if not logged and positive:
        rho = lag_one(x - phase_means(x, period))
    return Form(phi=_unbiased(rho, len(x)), logged=logged)


def spread_form(spread: NDArray[np.float64], y: NDArray[np.float64], period: int) -> Form | None:
    """The form of `spread`, the distance of `y` from its leader; None where the two do not move together.

    They do where a unit root of the distance is rejected and it varies at most half as much as `y`.
    """
    if np.ptp(spread) <= 1e-12 * max(1.0, float(np.ptp(y))):
        return Form()
    d = spread - phase_means(spread, period)
    if d.std() > 0.5 * (y - phase_means(y, period)).std():
        return None
    rho = lag_one(d)
    if rho <= 0.5:
        return Form()
    return None if unit_root(d) else Form(phi=_unbiased(rho, len(d)))


def innovations(y: NDArray[np.float64], phi: float, period: int) -> NDArray[np.float64]:
    """``y[t] - phi y[t-1]``; the first, which has no step before it, is that of a season later.

    Where 0 < phi < 1 they are centred so that what is summed up from them returns to the mean of `y`.
    """
    if phi == 0 or len(y) < 2:
        return y.copy()
    e = np.empty_like(y)
    e[1:] = y[1:] - phi * y[:-1]
    e[0] = e[min(period, len(y) - 1)]
    return e if phi == 1 else e + ((1 - phi) * y.mean() - e.mean())


def smoothing(e: NDArray[np.float64], strength: float) -> tuple[float, float, float, NDArray[np.bool_]]:
    """Centre, shrinkage, noise and where to apply them, for a smoothed bootstrap of the innovations `e`.

    The noise is normal with `strength` times ``min(sd, IQR / 1.349) n**(-1/5)``, and the innovations are
    shrunk towards their mean so that the variance stays (Silverman, Young 1987). Values that one step in ten
    takes (an unchanged price, a zero) stay as they are.
    """
    n = len(e)
    centre, sd = float(e.mean()) if n else 0.0, float(e.std()) if n else 0.0
    values, inverse, counts = np.unique(e, return_inverse=True, return_counts=True)
    noisy = (counts <= max(1, n // 10))[inverse] if len(values) else np.zeros(n, np.bool_)
    if strength <= 0 or n < 2 or not 0 < sd < 1e150:
        return centre, 1.0, 0.0, np.zeros(n, np.bool_)
    low, high = np.quantile(e, [0.25, 0.75])
    spread = min(sd, (high - low) / 1.349) if high > low else sd
    noise = strength * spread * n**-0.2
    return centre, float(1 / np.sqrt(1 + (noise / sd) ** 2)), float(noise), noisy


def _few(known: NDArray[np.float64]) -> bool:
    """Small counts: whole, never negative, and often 0 or mostly below 10."""
    if not len(known) or known.min() < 0 or np.any(known != np.rint(known)):
        return False
    return bool(np.mean(known == 0) > 0.1 or np.median(known) < 10)


def _skewness(x: NDArray[np.float64]) -> float:
    d = x - x.mean()
    sd = d.std()
    return float(np.mean((d / sd) ** 3)) if np.isfinite(sd) and sd > 0 else 0.0


def _unbiased(rho: float, n: int) -> float:
    """Kendall's (1954) correction of a lag-1 autocorrelation for its bias -(1 + 3 rho) / n, kept below 1."""
    return float(min(rho + (1 + 3 * rho) / n, 0.995))
