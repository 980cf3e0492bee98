"""Gaps between events: gamma, Weibull, log-normal or empirical, censored where a window ends, with a gamma frailty.

Entity i has the hazard ``u_i h_g(s)`` at s after an event of group g, u_i gamma with mean 1. By turns each group's h is
fitted to its gaps with every entity weighted by what is known of its u, and u is told by its events and by the
cumulative hazard that it lived through: maximum likelihood by expectation and maximisation.

References
----------
Klein (1992), Semiparametric estimation of random effects using the Cox model based on the EM algorithm, Biometrics
48(3): the turns, for any hazard.
Akaike (1974), A new look at the statistical model identification, IEEE Trans. Autom. Control 19(6).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaincc, gammainccinv, gammaincinv, gammaln, log_ndtr, ndtri

from tsynth.compiled import gaps as loops
from tsynth.generators.point_process.counts import lively, variance_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FAMILIES", "GapFit", "Gaps", "Tables", "fit_gaps", "lived_through", "log_hazard", "tables"]

FAMILIES = ("gamma", "weibull", "lognormal", "empirical")
"""Gamma and Weibull by shape and scale, log-normal by mean and deviation of the logarithm."""
FEWEST, MOST = 30, 64
"""Gaps that a code must have for a distribution of its own, and how many codes may have one."""
BINS, CELLS, EACH = 2048, 64, 10
"""Distinct gaps kept apart; cells of an empirical hazard, and gaps in each."""
CERTAIN = 60.0
"""Cumulative hazard over a step in which all that came so far end."""
TURNS, STILL = 25, 5e-3
"""Most turns, and the largest change of an entity's known frailty (of its logarithm) at which they end."""
BEHIND = 100.0
"""A family whose AIC is this far behind the best of its group is not fitted in later turns."""
KNOTS = 513
_HEIGHTS = np.geomspace(1e-8, 80.0, KNOTS)


@dataclass(frozen=True)
class Gaps:
    """Gaps and, at the end of windows, how long none had come.

    Parameters
    ----------
    length : float64 array, (R,)
        Above 0.
    ended : bool array, (R,)
        Whether an event ended it; else it is censored.
    group : int64 array, (R,)
        Group of the event before.
    entity : int64 array, (R,)
    """

    length: NDArray[np.float64]
    ended: NDArray[np.bool_]
    group: NDArray[np.int64]
    entity: NDArray[np.int64]


@dataclass(frozen=True)
class GapFit:
    """The distribution of a group's gaps at frailty 1.

    Parameters
    ----------
    family : str
        One of `FAMILIES`.
    parameters, errors : float64 array, (2,)
        With standard errors at the fitted frailties; empty for "empirical".
    edges, hazard : float64 array
        Cells (K + 1,) of "empirical" and the hazard in each (K,), the last going on; else empty.
    aic : dict of str to float
        Of each family that was fitted: twice the number of parameters less twice the log-likelihood given frailties.
    gaps, censored : int
    longest : float
        Longest gap that an event ended.
    """

    family: str
    parameters: NDArray[np.float64]
    errors: NDArray[np.float64]
    edges: NDArray[np.float64]
    hazard: NDArray[np.float64]
    aic: dict[str, float]
    gaps: int
    censored: int
    longest: float


@dataclass(frozen=True)
class Tables:
    """Cumulative hazards as `tsynth.compiled.gaps` takes them."""

    heights: NDArray[np.float64]
    gaps: NDArray[np.float64]
    knots: NDArray[np.int64]
    logs: NDArray[np.bool_]

    def arguments(self) -> tuple[NDArray[Any], ...]:
        """In the order of the loops' parameters."""
        return self.heights, self.gaps, self.knots, self.logs

    def heights_of(self, gap: NDArray[np.float64], group: NDArray[np.int64]) -> NDArray[np.float64]:
        """Cumulative hazard of each gap, (R,)."""
        found: NDArray[np.float64] = loops.heights_of(
            np.ascontiguousarray(gap, np.float64), np.ascontiguousarray(group, np.int64), *self.arguments()
        )
        return found


def log_hazard(
    family: str, parameters: NDArray[np.float64], gap: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logarithm of the hazard, and the cumulative hazard, of gaps above 0."""
    a, b = parameters
    if family == "weibull":
        z = np.log(gap / b)
        return np.log(a / b) + (a - 1.0) * z, np.exp(np.minimum(a * z, 700.0))
    if family == "gamma":
        x = gap / b
        with np.errstate(divide="ignore", under="ignore"):
            left = np.log(gammaincc(a, x))
        # far out the first terms of the asymptotic series (Abramowitz, Stegun 6.5.32)
        far = ~np.isfinite(left) | (left < -600.0)
        series = (a - 1.0) * np.log(x) - x - gammaln(a) + np.log1p(np.maximum((a - 1.0) / x, -0.5))
        left = np.where(far, series, left)
        return (a - 1.0) * np.log(x) - x - gammaln(a) - np.log(b) - left, -left
    z = (np.log(gap) - a) / b
    left = log_ndtr(-z)
    return -0.5 * z * z - 0.5 * np.log(2 * np.pi) - np.log(b * gap) - left, -left


def fit_gaps(
    gaps: Gaps, groups: int, entities: int, family: str, *, spread: bool = True, step: float = 0.0
) -> tuple[list[GapFit], float, NDArray[np.float64], int]:
    """Distributions by group, and the frailty.

    Parameters
    ----------
    gaps : Gaps
    groups, entities : int
    family : str
        One of `FAMILIES`, or "auto": of each group the one with the least AIC.
    spread : bool
        Whether there is a frailty.
    step : float
        Lattice on which cells of "empirical" end.

    Returns
    -------
    list of GapFit, (G,)
    float
        Variance of the frailty.
    float64 array, (N,)
        What is known of each entity's frailty.
    int
        Turns that it took.
    """
    names: list[tuple[str, ...]] = [FAMILIES if family == "auto" else (family,)] * groups
    binned = [_Binned.of(gaps, group, step) for group in range(groups)]
    events = np.bincount(gaps.entity[gaps.ended], minlength=entities).astype(np.float64)
    spread = spread and bool(gaps.ended.any())  # silences alone do not say who is slow
    own, variance, turns = np.ones(entities), 0.0, 0
    starts: list[dict[str, NDArray[np.float64]]] = [{} for _ in range(groups)]
    fits: list[GapFit] = []
    told: list[dict[str, float]] = [{} for _ in range(groups)]
    while turns < TURNS:
        turns += 1
        fits = [b.fit(names[g], own, starts[g], step, 1e-3) for g, b in enumerate(binned)]
        told = [{**old, **fit.aic} for old, fit in zip(told, fits, strict=True)]
        names = [tuple(n for n in fit.aic if fit.aic[n] < min(fit.aic.values()) + BEHIND) for fit in fits]
        lived = lived_through(gaps, tables(fits), entities, step)
        before = own, variance
        if spread and entities > 1:
            variance = variance_of(events, np.maximum(lived, 1e-12))
        own = lively(events, lived, variance)
        known = np.nan_to_num(own, nan=1.0)
        moved = np.max(np.abs(np.log(known / np.nan_to_num(before[0], nan=1.0))), initial=0.0)
        own = known
        if moved < STILL or not spread:
            break
    known = np.nan_to_num(own, nan=1.0)
    final = []
    for g, b in enumerate(binned):
        fit = b.fit(names[g], known, starts[g], step, 1e-7)
        final.append(replace(b.with_errors(fit, known), aic=told[g] | fit.aic))
    return final, variance, np.where(lived > 0, own, np.nan), turns


def lived_through(gaps: Gaps, laws: Tables, entities: int, step: float) -> NDArray[np.float64]:
    """Cumulative hazard that each entity lived through, (N,).

    On a lattice of `step` an event is known to its step alone, and of the hazard over that step, D, it has lived
    through ``1 - D / (exp(D) - 1)`` on the average: the mean of an exponential that ended below D.
    """
    height = laws.heights_of(gaps.length, gaps.group)
    if step > 0:
        ended = gaps.ended
        high = np.maximum(np.ceil(gaps.length[ended] / step - 1e-9), 1.0) * step
        low = laws.heights_of(high - step, gaps.group[ended])
        rise = np.maximum(laws.heights_of(high, gaps.group[ended]) - low, 1e-12)
        height[ended] = low + np.where(rise < 1e-4, rise / 2, 1.0 - rise / np.expm1(np.minimum(rise, 500.0)))
    return np.bincount(gaps.entity, weights=height, minlength=entities).astype(np.float64)


@dataclass(frozen=True)
class _Binned:
    """Gaps of one group, those of about one length together.

    Parameters
    ----------
    gap : float64 array, (B,)
        Rising.
    ended : float64 array, (B,)
        Events.
    cell : int64 array
        Bin of each row; `entity` whose it is.
    """

    gap: NDArray[np.float64]
    ended: NDArray[np.float64]
    cell: NDArray[np.int64]
    entity: NDArray[np.int64]

    @classmethod
    def of(cls, gaps: Gaps, group: int, step: float) -> _Binned:
        at = np.flatnonzero(gaps.group == group)
        length = gaps.length[at]
        distinct, cell = np.unique(length, return_inverse=True)
        if len(distinct) > BINS:
            edges = np.quantile(distinct, np.linspace(0, 1, BINS + 1))
            if step > 0:  # no bin goes from one step into the next
                edges = np.concatenate([edges, np.unique(np.ceil(edges / step)) * step])
            edges = np.unique(np.concatenate([[0.0], edges]))
            cell = np.clip(np.searchsorted(edges, length, side="left") - 1, 0, len(edges) - 2)
            rows = np.bincount(cell, minlength=len(edges) - 1)
            used = np.cumsum(rows > 0) - 1
            mean = np.bincount(cell, weights=np.log(length), minlength=len(rows))
            distinct, cell = np.exp(mean[rows > 0] / rows[rows > 0]), used[cell]
        ended = np.bincount(cell, weights=gaps.ended[at].astype(np.float64), minlength=len(distinct))
        return cls(distinct, ended.astype(np.float64), cell.astype(np.int64), gaps.entity[at])

    def at_risk(self, own: NDArray[np.float64]) -> NDArray[np.float64]:
        """Frailties of those whose gap has each length, together."""
        at_risk = np.bincount(self.cell, weights=own[self.entity], minlength=len(self.gap))
        return at_risk.astype(np.float64)

    def fit(
        self,
        names: tuple[str, ...],
        own: NDArray[np.float64],
        starts: dict[str, NDArray[np.float64]],
        step: float,
        close: float,
    ) -> GapFit:
        n = int(self.ended.sum())
        nothing = np.empty(0)
        censored = len(self.cell) - n
        if n == 0:  # never followed by anything: one event in twice the time that was waited
            waited = float(np.sum(self.gap * self.at_risk(own))) if len(self.gap) else 1.0
            flat = np.array([0.5 / max(waited, 1e-300)])
            return GapFit(
                "empirical", nothing, nothing, np.array([0.0, 2.0 / flat[0]]), flat, {}, 0, censored, np.inf
            )
        weight = self.at_risk(own)
        parts: dict[str, tuple[NDArray[np.float64], ...]] = {}
        aic = {}
        for name in names:
            if name == "empirical":
                edges, hazard, total = self._empirical(weight, step)
                parts[name], aic[name] = (nothing, edges, hazard), 2.0 * len(hazard) - 2.0 * total
                continue
            theta = starts.get(name, self._start(name))
            found = minimize(
                lambda x, name=name: -self._total(name, x, weight), theta, method="Nelder-Mead",
                options={"xatol": close, "fatol": close, "maxiter": 400},
            )  # fmt: skip
            starts[name] = found.x
            parts[name], aic[name] = (_plain(name, found.x), nothing, nothing), 4.0 + 2.0 * float(found.fun)
        best = min(aic, key=lambda name: (aic[name], name))
        parameters, edges, hazard = parts[best]
        unknown, longest = np.full(len(parameters), np.nan), float(self.gap[self.ended > 0].max())
        return GapFit(best, parameters, unknown, edges, hazard, aic, n, censored, longest)

    def with_errors(self, fit: GapFit, own: NDArray[np.float64]) -> GapFit:
        """The fit with standard errors from the curvature of the log-likelihood."""
        if not len(fit.parameters):
            return fit
        weight, h = self.at_risk(own), 1e-3
        theta = _free(fit.family, fit.parameters)
        bend = np.empty((2, 2))
        for i in range(2):
            for j in range(2):
                d, e = h * np.eye(2)[i], h * np.eye(2)[j]
                bend[i, j] = (
                    self._total(fit.family, theta + d + e, weight) - self._total(fit.family, theta + d - e, weight)
                    - self._total(fit.family, theta - d + e, weight) + self._total(fit.family, theta - d - e, weight)
                ) / (4 * h * h)  # fmt: skip
        try:
            variance = np.diag(np.linalg.inv(-bend))
        except np.linalg.LinAlgError:
            variance = np.full(2, np.nan)
        scale = np.array([1.0 if fit.family == "lognormal" else fit.parameters[0], fit.parameters[1]])
        errors = np.sqrt(np.where(variance > 0, variance, np.nan)) * scale
        return replace(fit, errors=errors)

    def _total(self, name: str, theta: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
        if not np.all(np.abs(theta) < 50.0):
            return -1e300
        rate, height = log_hazard(name, _plain(name, theta), self.gap)
        total = float(self.ended @ rate - weight @ height)
        return total if np.isfinite(total) else -1e300

    def _start(self, name: str) -> NDArray[np.float64]:
        logs = np.log(self.gap)
        mean = float(np.average(logs, weights=self.ended))
        deviation = float(np.sqrt(np.average((logs - mean) ** 2, weights=self.ended)))
        deviation = min(max(deviation, 0.05), 5.0)
        if name == "lognormal":
            return np.array([mean, np.log(deviation)])
        shape = 1.28 / deviation if name == "weibull" else 1.0 / deviation**2
        return np.array([np.log(shape), mean - (0.0 if name == "weibull" else np.log(shape))])

    def _empirical(
        self, weight: NDArray[np.float64], step: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """Edges, hazards and log-likelihood of a hazard that is constant in cells of about equal numbers of gaps."""
        n = self.ended.sum()
        cells = int(np.clip(n // EACH, 1, CELLS))
        running = np.cumsum(self.ended)
        cuts = self.gap[
            np.minimum(np.searchsorted(running, n * np.arange(1, cells) / cells), len(self.gap) - 1)
        ]
        top = float(self.gap[self.ended > 0].max())
        if step > 0:  # whole steps, and where gaps fall on few of them each has a cell of its own
            cuts = np.concatenate([np.floor(cuts / step) * step, np.ceil(cuts / step) * step])
            top = np.ceil(top / step) * step
        edges = np.unique(np.concatenate([[0.0], cuts[(cuts > 0) & (cuts < top)], [top]]))
        inside = np.clip(np.searchsorted(edges, self.gap, side="left") - 1, 0, len(edges) - 2)
        seen = np.bincount(inside, weights=self.ended, minlength=len(edges) - 1)
        # time at risk in each cell: all gaps longer than it in full, those that end in it in part
        above = np.cumsum(np.bincount(inside, weights=weight, minlength=len(seen))[::-1])[::-1]
        part = np.bincount(
            inside, weights=weight * (np.minimum(self.gap, top) - edges[inside]), minlength=len(seen)
        )
        longer = np.concatenate([above[1:], [0.0]])
        spent = longer * np.diff(edges) + part
        spent[-1] += float(weight @ np.maximum(self.gap - top, 0.0))
        hazard = np.divide(seen, spent, out=np.zeros(len(seen)), where=spent > 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            told = np.where(seen > 0, seen * np.log(hazard), 0.0) - hazard * spent
        width = np.diff(edges)
        whole = np.flatnonzero((width <= step * (1 + 1e-9)) & (seen > 0))
        if len(whole):  # events inside one step are told by their number: Prentice, Gloeckler (1978)
            many = np.cumsum(np.bincount(inside[self.cell], minlength=len(seen))[::-1])[::-1][whole]
            share = np.minimum(seen[whole] / above[whole], 1.0 - 0.5 / many)
            rise = np.where(seen[whole] >= many, CERTAIN, -np.log1p(-share))
            hazard[whole] = rise / width[whole]
            left = np.maximum(above[whole] - seen[whole], 0.0)
            told[whole] = seen[whole] * np.log(-np.expm1(-rise) / width[whole]) - left * rise
        total = float(told.sum())
        return edges, hazard, total


def _plain(name: str, theta: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([theta[0] if name == "lognormal" else np.exp(theta[0]), np.exp(theta[1])])


def _free(name: str, parameters: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([parameters[0] if name == "lognormal" else np.log(parameters[0]), np.log(parameters[1])])


def tables(fits: list[GapFit]) -> Tables:
    """Cumulative hazards at knots: exact for Weibull and empirical gaps, within 1e-3 of the gap for the others."""
    heights, gaps = np.ones((len(fits), KNOTS)), np.ones((len(fits), KNOTS))
    knots, logs = np.full(len(fits), KNOTS), np.ones(len(fits), np.bool_)
    for g, fit in enumerate(fits):
        if fit.family == "empirical":
            n = len(fit.edges)
            logs[g], knots[g] = False, n
            heights[g, :n] = np.concatenate([[0.0], np.cumsum(fit.hazard * np.diff(fit.edges))])
            gaps[g, :n] = fit.edges
            continue
        heights[g] = _HEIGHTS
        a, b = fit.parameters
        chance = -np.expm1(-_HEIGHTS)
        left = np.exp(-_HEIGHTS)
        if fit.family == "weibull":
            made = b * _HEIGHTS ** (1.0 / a)
        elif fit.family == "gamma":
            made = b * np.where(chance < 0.5, gammaincinv(a, chance), gammainccinv(a, left))
        else:
            made = np.exp(np.clip(a + b * np.where(chance < 0.5, ndtri(chance), -ndtri(left)), -700.0, 700.0))
        gaps[g] = np.maximum.accumulate(np.clip(made, 1e-300, 1e300)) * (1.0 + 1e-12 * np.arange(KNOTS))
    return Tables(heights, gaps, knots.astype(np.int64), logs)
