"""Rates of a Poisson process from events in windows: shape of the baseline, covariates and frailty in turn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammaln

from tsynth.errors import UsageError
from tsynth.generators.point_process.counts import CountFit, fit_counts, lively, log_likelihood
from tsynth.generators.point_process.excitation import seasons
from tsynth.generators.point_process.excitation.process import Baseline

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.generators.point_process.observed import Observed

__all__ = ["Rates", "choose_shape", "expected", "fit_rates", "measure"]

TURNS = 40
LEAN = 20.0
"""Events that a type must have in all to count as much as the profile of all types together."""


@dataclass(frozen=True)
class Rates:
    """A fitted Poisson process.

    Parameters
    ----------
    baseline : Baseline
        Of an entity with covariates and frailty that multiply by one.
    counts : CountFit
        Coefficients, errors and variance of the frailty; its constant is part of the baseline's level.
    expected : float64 array, (N,)
        Events that each entity's window would have had at frailty one.
    lively : float64 array, (N,)
        What is known of each entity's frailty from its events; NaN where it had no window.
    turns : int
    """

    baseline: Baseline
    counts: CountFit
    expected: NDArray[np.float64]
    lively: NDArray[np.float64]
    turns: int


def expected(baseline: Baseline, seen: Observed) -> NDArray[np.float64]:
    """Events that the baseline gives each entity's window, (N,), 0 where it has none."""
    known = seen.end > seen.begin
    out = np.zeros(len(known))
    rise = seasons.cumulative(baseline, seen.end[known]) - seasons.cumulative(baseline, seen.begin[known])
    out[known] = np.maximum(rise, 0.0) * seen.live[known]
    return out


def fit_rates(
    shape: Baseline, seen: Observed, design: NDArray[np.float64], *, spread: bool, penalty: float
) -> Rates:
    """Baseline by counts over exposure, coefficients and frailty by regression, in turn until neither moves.

    Each entity's exposure is weighted by its covariates and by what is known of its frailty, which is the E step of
    maximum likelihood for a shared gamma frailty; of types with few events the baseline leans on the profile of all.

    Parameters
    ----------
    shape : Baseline
        Its edges, period and phase are kept.
    seen : Observed
    design : float64 array, (N, P)
    spread : bool
        Whether there is a frailty.
    penalty : float
        See `tsynth.generators.point_process.counts.fit_counts`.
    """
    cells = seasons.cells_of(shape, seen.time[seen.explained])
    counts = np.zeros((len(shape.factors), shape.types))
    np.add.at(counts, (cells, seen.code[seen.explained]), 1.0)
    weight = np.ones(len(seen.counts))
    baseline, turn = shape, 0
    for turn in range(1, TURNS + 1):
        spent = seasons.exposures(shape, seen.begin, seen.end, weight * seen.live)
        baseline = seasons.fitted(shape, counts, spent, LEAN)
        mean = expected(baseline, seen)
        found = fit_counts(seen.counts, mean, design, spread=spread, penalty=penalty)
        if not np.isfinite(found.constant):  # no events that a rate has to explain
            return Rates(baseline, found, mean, np.full(len(mean), np.nan), turn)
        by = np.exp(np.clip(design @ found.coefficients, -30.0, 30.0))
        mean = mean * np.exp(found.constant) * by
        own = lively(seen.counts, mean, found.variance)
        before, weight = weight, by * np.nan_to_num(own, nan=1.0)
        if np.max(np.abs(np.log(weight / before)), initial=0.0) < 1e-6:
            break
        if len(counts) == 1:  # the exposure's shape hangs on no weight
            break
    baseline = replace(baseline, level=baseline.level * np.exp(found.constant))
    return Rates(baseline, found, mean, own, turn)


def choose_shape(
    name: str,
    seen: Observed,
    codes: int,
    *,
    day: float,
    calendar: bool,
    step: float,
    span: tuple[float, float],
) -> tuple[Baseline, dict[str, float]]:
    """The shape of this name; with "auto" the one whose events are likeliest, by Schwarz's criterion type by type.

    Returns
    -------
    Baseline
    dict of str to float
        Gain in log-likelihood of each shape over a constant rate, less half a logarithm of a type's events for each
        free cell, counted for the types that gain; empty unless chosen by "auto".
    """
    times = seen.time[seen.explained]
    if name != "auto":
        if name == "piecewise" and len(times) < 2 * seasons.EACH:
            raise UsageError(
                f'baseline="piecewise" needs {2 * seasons.EACH} events that a rate explains; there are {len(times)}',
                fix='use baseline="constant"',
            )
        return seasons.seasonal(name, types=codes, day=day, calendar=calendar, step=step, times=times), {}
    names = ["piecewise"] if len(times) >= 2 * seasons.EACH else []
    names += seasons.askable(day=day, calendar=calendar, step=step, span=span[1] - span[0])
    best = seasons.seasonal("constant", types=codes, day=day)
    gains = {"constant": 0.0}
    code = seen.code[seen.explained]
    weight = seen.live * np.maximum(seen.counts, 0.5)  # each entity at its own pace
    length = np.where(seen.end > seen.begin, seen.end - seen.begin, 1.0)
    for one in names:
        shape = seasons.seasonal(one, types=codes, day=day, calendar=calendar, step=step, times=times)
        counts = np.zeros((len(shape.factors), codes))
        np.add.at(counts, (seasons.cells_of(shape, times), code), 1.0)
        spent = seasons.exposures(shape, seen.begin, seen.end, weight / length)
        rows = counts.sum(axis=0)
        share = spent / max(spent.sum(), 1e-300)
        with np.errstate(divide="ignore", invalid="ignore"):
            told = np.where(counts > 0, counts * np.log(counts / (rows * share[:, None])), 0.0)
        gain = told.sum(axis=0) - 0.5 * (len(counts) - 1) * np.log(np.maximum(rows, 1.0))
        gains[one] = float(np.maximum(gain, 0.0).sum())
        if np.isfinite(gains[one]) and gains[one] > max(v for k, v in gains.items() if k != one):
            best = shape
    return best, gains


def measure(
    baseline: Baseline, seen: Observed, by: NDArray[np.float64], variance: float
) -> tuple[float, float]:
    """Log-likelihood of events under a process, frailties integrated out, and the number of events it is of.

    Parameters
    ----------
    baseline : Baseline
    seen : Observed
    by : float64 array, (N,)
        What covariates multiply the rate with.
    variance : float
        Of the frailty.
    """
    shape = expected(baseline, seen)
    mean = shape * by
    use = mean > 0
    total = log_likelihood(seen.counts[use], mean[use], variance) + float(gammaln(seen.counts[use] + 1).sum())
    at = seen.explained & use[seen.entity]
    rate = seasons.rates_of(baseline)[seasons.cells_of(baseline, seen.time[at]), seen.code[at]]
    with np.errstate(divide="ignore"):
        total += float(np.log(rate / shape[seen.entity[at]]).sum())
    return total, float(at.sum())
