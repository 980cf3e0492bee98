"""The likelihood under Omori's law as a function of its parameters, and the search for its top."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import digamma, gammaln

from tsynth.compiled.hawkes import omori as loops
from tsynth.errors import UsageError
from tsynth.generators.point_process.excitation.asked import Fit
from tsynth.generators.point_process.excitation.intensity import Likelihood, SharedFactors, symmetric
from tsynth.generators.point_process.excitation.process import Baseline, PowerLaw, Process
from tsynth.generators.point_process.excitation.scoring import Box, Terms, maximise
from tsynth.generators.point_process.excitation.starts import PART, head

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.generators.point_process.excitation.asked import Asked
    from tsynth.generators.point_process.excitation.process import Events
    from tsynth.generators.point_process.excitation.scoring import Found

__all__ = ["Omori", "OmoriSearch"]

STEP = 0.4
"""Of the trapezoidal rule, in the logarithm of the decay: the law to 1e-10 at p = 1, 1e-6 at p = 5, 1e-4 at 10."""
SLOW = 1e-5
"""Decays times the longest window below which components are one."""
LEAST, MOST = np.log(0.05), np.log(10.0)
"""Bounds of log p."""


class Omori(Likelihood):
    """Events excite by ``theta ((s + c) / (tau + c))^-p``, exponentials of fixed decays (see `exponentials_of`).

    `theta` (M, B + M): baselines by cell, then what multiplies the law of each parent type: the kernel at a lag of
    `tau`, a usual gap, which hangs little on c and p. `eta` (3 + C): log c, log p, the power
    of sizes, coefficients of covariates.
    """

    def __init__(self, events: Events, asked: Asked, baseline: Baseline, places: NDArray[np.int32]) -> None:
        super().__init__(
            events, asked.types, baseline, asked.covariates, asked.reference, places, asked.scale
        )
        if asked.power == 0.0:
            self._surplus = None
        who = np.repeat(np.arange(events.n_sequences), self._lengths)
        gaps = np.diff(events.times)[np.diff(who) == 0]
        gaps = gaps[gaps > 0]
        longest = float(np.max(events.end - events.start))
        self.gaps = gaps if len(gaps) else np.array([longest / 10])
        self.tau = float(np.exp(np.log(self.gaps).mean()))
        self.c_low = float(max(self.gaps.min() / 3, 1e-10 * longest))
        self.c_high = 10 * longest
        grid = np.arange(np.log(SLOW * self.tau / longest), np.log(45 * self.tau / self.c_low) + STEP, STEP)
        self.x = grid
        decay = np.exp(grid) / self.tau
        decay[0] *= (1 - np.exp(-STEP)) / (
            1 - np.exp(-2 * STEP)
        )  # stands for all slower ones, as p = 1 has them
        self.decay = decay

    def mix(self, c: float, p: float) -> NDArray[np.float64]:
        """Weights of the exponentials, and their derivatives by log c and log p, (3, K)."""
        x, u = self.x, np.exp(self.x) * (c / self.tau)
        top = np.log1p(c / self.tau)
        weight = np.exp(np.log(STEP) + p * (x + top) - u - gammaln(p))
        by_p = weight * (x + top - digamma(p))
        ratio = np.exp(-p * STEP)
        by_p[0] = by_p[0] / (1 - ratio) - weight[0] * STEP * ratio / (1 - ratio) ** 2
        weight[0] /= 1 - ratio
        return np.stack([weight, weight * (p * c / (self.tau + c) - u), p * by_p])

    def jump_of(self, theta: NDArray[np.float64], c: float, p: float) -> NDArray[np.float64]:
        """The kernel at a lag of 0, from that at a lag of `tau`."""
        return theta * (1 + self.tau / c) ** p

    def __call__(self, theta: NDArray[np.float64], eta: NDArray[np.float64]) -> Terms:
        """Log-likelihood, score and information at (theta, eta)."""
        self._scaled(eta[3:])
        m, b, q = self.types, self.cells, 3 + self.covariates.shape[1]
        e = self.events
        weight, surplus, counted, heavier = self._weighed(float(eta[2]))
        mix = self.mix(float(np.exp(eta[0])), float(np.exp(eta[1])))
        p = b + m
        logs, score, info = np.zeros(m), np.zeros((m, p)), np.zeros((m, p, p))
        outer, outer_info, cross = np.zeros(q), np.zeros((q, q)), np.zeros((m, q, p))
        left = np.zeros((2, len(self.decay), m))
        loops.omori(
            e.offsets, e.times, e.types, e.end, weight, surplus, self.unit, self.cell, self.covariates,
            np.ascontiguousarray(theta), self.decay, mix, b, logs, score, info, outer, outer_info, cross, left,
        )  # fmt: skip
        # -- the compensator: each component has given weight / decay of what it will not give any more
        done = mix / self.decay @ (counted - left[0])  # (3, M)
        level, size = theta[:, :b], theta[:, b:]
        rows = logs - size @ done[0] - level @ self.spent
        score[:, :b] -= self.spent
        score[:, b:] -= done[0]
        outer[:2] -= done[1:] @ size.sum(axis=0)
        outer[2] -= size.sum(axis=0) @ (mix[0] / self.decay @ (heavier - left[1]))
        outer[3:] -= self.by @ level.sum(axis=0)
        return Terms(rows, score, symmetric(info), outer, symmetric(outer_info), cross)


class OmoriSearch:
    """Bounds, starts and the answer of a fit of Omori's law."""

    def __init__(self, events: Events, asked: Asked, places: NDArray[np.int32] | None = None) -> None:
        assert asked.baseline is not None
        if asked.link != "linear" or asked.penalty is not None or asked.stable:
            raise UsageError(
                "a power law is fitted with the linear link, without penalty and free",
                fix='use kernel="exponential" or "sum" for those',
            )
        self.events, self.asked, self.baseline = events, asked, asked.baseline
        self.places = np.zeros(len(asked.baseline.factors), np.int32) if places is None else places
        self.inner = Omori(events, asked, asked.baseline, self.places)
        self.m, self.c = asked.types, self.inner.covariates.shape[1]
        self.factors: SharedFactors | None = None
        inner: Any = self.inner  # has what `SharedFactors` asks for
        self.likelihood: Any = inner
        self.b = self.inner.cells
        if self.b > 1 and self.m > 1 and asked.baseline.factors.shape[1] == 1:
            most = int(np.argmax(np.bincount(self.inner.cell, minlength=self.b)))
            self.factors, self.b = SharedFactors(inner, most), 1
            self.likelihood = self.factors
        self.box = self._box()

    def _box(self) -> Box:
        p = self.b + self.m
        inner, power = self.inner, self.asked.power
        f = 0 if self.factors is None else len(self.factors.others)
        spread = 1.0
        if inner._surplus is not None:
            spread = max(float(np.abs(inner._surplus).max()), 1e-300)
        least = -50 / spread if power is None else power
        most = 50 / spread if power is None else power
        x = inner.covariates
        widest = np.maximum(np.abs(x).max(axis=0, initial=0.0), 1e-300)
        c = np.log([inner.c_low, inner.c_high])
        return Box(
            np.zeros(p), np.full(p, np.inf),
            np.concatenate([[c[0], LEAST, least], np.full(self.c, -np.inf), np.full(f, -20.0)]),
            np.concatenate([[c[1], MOST, most], np.full(self.c, np.inf), np.full(f, 20.0)]),
            np.full(p, np.inf),
            np.concatenate([[1.0, 0.3, 1 / spread], 1 / widest, np.ones(f)]),
        )  # fmt: skip

    def starts(self) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Places to climb from: some c and p, three quarters of the events excited."""
        found = []
        inner = self.inner
        count = inner.count
        inner._scaled(np.zeros(self.c))
        longest = float(np.max(self.events.end - self.events.start))
        for c in np.quantile(inner.gaps, [0.05, 0.5]):
            for p in (1.1, 2.0):
                eta = np.zeros(len(self.box.outer_low))
                eta[:2] = np.log(c), np.log(p)
                eta = np.clip(eta, self.box.outer_low, self.box.outer_high)
                whole = float(
                    inner.mix(np.exp(eta[0]), p)[0] @ (-np.expm1(-inner.decay * longest) / inner.decay)
                )
                theta = np.zeros((self.m, self.b + self.m))
                theta[:, : self.b] = 0.25 * count[:, None] / inner.spent.sum()
                theta[:, self.b :] = 0.35 * (count / count.sum())[:, None] / whole
                theta[np.arange(self.m), self.b + np.arange(self.m)] += 0.35 / whole
                theta[count == 0, self.b :] = 0.0
                found.append((theta, eta))
        return found

    def climb(self) -> Found:
        """The top, from the best of the starts after some steps, which see the first events only."""
        part = self
        if self.events.n_events > 2 * PART:
            few = head(self.events, PART)
            n, asked = few.n_sequences, self.asked
            asked = replace(
                asked,
                covariates=None if asked.covariates is None else asked.covariates[:n],
                scale=None if asked.scale is None else asked.scale[:n],
            )
            part = OmoriSearch(few, asked, self.places)
        best = None
        for theta, eta in part.starts():
            found = maximise(part.likelihood, theta, eta, part.box, tolerance=1e-2, most=15)
            if best is None or found.terms.value > best.terms.value:
                best = found
        assert best is not None
        eta = np.clip(best.eta, self.box.outer_low, self.box.outer_high)
        theta = best.theta.copy()
        c, p = np.exp(eta[:2])
        theta[:, self.b :] *= ((part.inner.tau + c) / (self.inner.tau + c)) ** p
        return maximise(
            self.likelihood, theta, eta, self.box, tolerance=1e-9, most=200, progress=self.asked.progress
        )

    def process_of(self, theta: NDArray[np.float64], eta: NDArray[np.float64]) -> Process:
        """The process of these numbers."""
        source = self.baseline
        if self.factors is not None:
            level, factors = theta[:, 0], self.factors.factors(eta)[self.places][:, None]
        elif self.b == 1:
            level, factors = theta[:, 0], np.ones((len(source.factors), source.factors.shape[1]))
        else:
            spent = self.inner.spent
            level = theta[:, : self.b] @ spent / spent.sum()
            factors = (theta[:, : self.b] / np.where(level > 0, level, 1.0)[:, None]).T[self.places]
            factors[:, level <= 0] = 1.0
        baseline = Baseline(
            level.copy(), np.asarray(source.edges, np.float64), np.ascontiguousarray(factors), source.period,
            source.phase,
        )  # fmt: skip
        c, p = np.exp(eta[:2])
        jump = self.inner.jump_of(theta[:, self.b :], c, p)
        return Process(baseline, PowerLaw(jump, float(c), float(p), float(eta[2]), self.asked.reference))

    def answer(self, found: Found, value: float) -> Fit:
        """The fit with names, standard errors and messages; `value` is its log-likelihood."""
        process = self.process_of(found.theta, found.eta)
        rows = self._table(found, process)
        c = self.c
        messages = self.asked.never_seen(self.inner.count)
        at = found.eta[:2]
        if np.any(at <= self.box.outer_low[:2]) or np.any(at >= self.box.outer_high[:2]):
            messages.append("c or p went to the end of what these events can tell; it has no standard error")
        kernel = process.kernel
        assert isinstance(kernel, PowerLaw)
        if not kernel.jump.any():
            messages.append("no event excites another, so c and p say nothing")
        elif kernel.p <= 1:
            messages.append(
                f"p is {kernel.p:.4g}: the law has no finite integral, so the process explodes when it is continued "
                "for ever; inside finite windows it does not"
            )
        elif process.radius >= 1:
            messages.append(
                f"the spectral radius is {process.radius:.4g}: the process explodes when it is continued"
            )
        if not found.converged:
            messages.append(
                f"the search stopped after {found.iterations} steps before the log-likelihood settled"
            )
        return Fit(
            process, value, [r[0] for r in rows], np.array([r[1] for r in rows]), np.array([r[2] for r in rows]),
            found.eta[3 : 3 + c].copy(), found.iterations, found.converged, process.radius, messages,
        )  # fmt: skip

    def _table(self, found: Found, process: Process) -> list[tuple[str, float, float]]:
        """Name, estimate and standard error of each parameter; of jumps by the derivative of their logarithm."""
        m, b, theta, eta = self.m, self.b, found.theta, found.eta
        common, rows = _covariances(found, self.box)
        c, p = np.exp(eta[:2])
        tau = self.inner.tau
        kernel = process.kernel
        assert isinstance(kernel, PowerLaw)
        table: list[tuple[str, float, float]] = []
        for cell in range(b):
            for i in range(m):
                name = f"level[{i}]" if b == 1 else f"rate[{cell},{i}]"
                table.append((name, float(theta[i, cell]), _root(rows[i][0][cell, cell])))
        for i in range(m):
            own, mixed = rows[i]
            for j in range(m):
                at, jump = b + j, float(kernel.jump[i, j])
                slope = np.zeros(len(eta))  # of log jump = log theta + p log(1 + tau / c)
                slope[:2] = -p * tau / (tau + c), p * np.log1p(tau / c)
                slope = np.where(np.isnan(np.diag(common)), 0.0, slope)
                share = 1 / theta[i, at] if theta[i, at] > 0 else np.nan
                variance = own[at, at] * share**2 + 2 * share * (mixed[at] @ slope)
                variance += slope @ np.nan_to_num(common) @ slope
                table.append((f"jump[{i},{j}]", jump, jump * _root(variance)))
        table.append(("c", float(c), float(c) * _root(common[0, 0])))
        table.append(("p", float(p), float(p) * _root(common[1, 1])))
        if self.asked.power is None:
            table.append(("power", float(eta[2]), _root(common[2, 2])))
        for q in range(self.c):
            table.append((f"coefficient[{q}]", float(eta[3 + q]), _root(common[3 + q, 3 + q])))
        if self.factors is not None:
            for place, cell in enumerate(self.factors.others.tolist()):
                at = 3 + self.c + int(place)
                value = float(np.exp(eta[at]))
                table.append((f"factor[{cell}]", value, value * _root(common[at, at])))
        return table


def _root(variance: float) -> float:
    return float(np.sqrt(variance)) if variance >= 0 else float("nan")


def _covariances(
    found: Found, box: Box
) -> tuple[NDArray[np.float64], list[tuple[NDArray[np.float64], NDArray[np.float64]]]]:
    """Covariance of the common numbers (Q, Q), and of each target's coefficients (P, P) and of both (P, Q).

    Blocks of the inverse of the arrow-shaped information; NaN on the diagonal at a bound or without information.
    """
    terms = found.terms
    q, (m, p) = len(found.eta), found.theta.shape
    loose = (found.eta > box.outer_low) & (found.eta < box.outer_high) & (np.diag(terms.outer_info) > 1e-300)
    schur = terms.outer_info[np.ix_(loose, loose)].copy()
    parts = []
    for i in range(m):
        free = (found.theta[i] > box.low) & (np.diag(terms.info[i]) > 1e-300)
        inverse = np.zeros((p, p))
        if free.any():
            inverse[np.ix_(free, free)] = np.linalg.pinv(terms.info[i][np.ix_(free, free)], hermitian=True)
        slope = inverse @ terms.cross[i][loose].T
        schur -= terms.cross[i][loose] @ slope
        parts.append((free, inverse, slope))
    common = np.full((q, q), np.nan)
    spread = np.linalg.pinv(schur, hermitian=True)
    common[np.ix_(loose, loose)] = spread
    rows = []
    for free, inverse, slope in parts:
        own = inverse + slope @ spread @ slope.T
        own[~free, ~free] = np.nan
        mixed = np.zeros((p, q))
        mixed[:, loose] = -slope @ spread
        rows.append((own, mixed))
    return common, rows
