"""Fits whose events may inhibit: exponentials of either sign through a softplus or a rectified link."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tsynth.compiled.hawkes import inhibition as loops
from tsynth.errors import UsageError
from tsynth.generators.point_process.excitation.asked import Fit
from tsynth.generators.point_process.excitation.likelihood import weights_of
from tsynth.generators.point_process.excitation.process import Exponentials, Process
from tsynth.generators.point_process.excitation.search import BOUND, Search

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.generators.point_process.excitation.asked import Asked
    from tsynth.generators.point_process.excitation.process import Events

__all__ = ["Gradient", "fit", "log_likelihood"]

PANEL = 1.0
"""First panel of the integral, in mean times of the fastest decay."""
FLOOR = 1e-3
"""Share of the level below which the search takes a rectified intensity's logarithm for its tangent."""
LINKS = {"softplus": loops.SOFTPLUS, "rectified": loops.RECTIFIED}
MOST = 150
"""Parameters up to which standard errors are computed."""


class Gradient:
    """Derivatives by level (M,), factors (B, M), branching ratios (K, M, M), logs of decays (K,), coefficients (C,)."""

    def __init__(self, process: Process, kernel: Exponentials, covariates: int) -> None:
        m, b, k = process.types, len(process.baseline.factors), len(kernel.adjacency)
        self.level, self.factors = np.zeros(m), np.zeros((b, m))
        self.adjacency, self.decay, self.beta = np.zeros((k, m, m)), np.zeros(k), np.zeros(covariates)


def log_likelihood(
    process: Process,
    events: Events,
    scale: NDArray[np.float64],
    covariates: NDArray[np.float64] | None = None,
    panel: float = PANEL,
    floor: float = 0.0,
) -> tuple[float, float, Gradient]:
    """Log-likelihood, compensator and gradient of a process with a link other than linear.

    Raises
    ------
    UsageError
        The kernel has a decay a pair.
    """
    kernel, base = process.kernel, process.baseline
    if not isinstance(kernel, Exponentials) or not kernel.shared:
        raise UsageError(
            f"link {process.link!r} goes with exponentials whose decay all pairs share",
            fix='use decays="shared"',
        )
    x = np.zeros((events.n_sequences, 0)) if covariates is None else covariates
    weight, _ = weights_of(events, kernel.power, kernel.reference)
    weight = np.broadcast_to(weight, events.times.shape).copy()
    factors = np.ascontiguousarray(
        np.broadcast_to(base.factors, (len(base.factors), process.types)), np.float64
    )
    slope = Gradient(process, kernel, x.shape[1])
    logs, integral = loops.linked(
        events.offsets, events.times, events.types, events.start, events.end, events.counted, weight,
        np.ascontiguousarray(scale, np.float64), x, np.ascontiguousarray(base.level, np.float64), factors,
        np.ascontiguousarray(base.edges, np.float64), float(base.period), float(base.phase),
        np.ascontiguousarray(kernel.adjacency, np.float64), np.ascontiguousarray(kernel.decay[:, 0, 0], np.float64),
        LINKS[process.link], panel, floor, slope.level, slope.factors, slope.adjacency, slope.decay, slope.beta,
    )  # fmt: skip
    return float(logs - integral), float(integral), slope


class _Linked:
    """One vector: logs of levels, logs of factors (first cell 1), branching ratios, logs of decays, coefficients."""

    def __init__(
        self, events: Events, asked: Asked, start: Process, beta: NDArray[np.float64], fitted: bool
    ) -> None:
        kernel = start.kernel
        assert isinstance(kernel, Exponentials)
        self.events, self.asked, self.start, self.kernel = events, asked, start, kernel
        self.m, self.k = start.types, len(kernel.adjacency)
        wide = np.asarray(start.baseline.factors)
        self.common = wide.shape[1] == 1
        self.cells = len(wide)
        self.wide = 1 if self.common else self.m
        self.d = 0 if not fitted else (2 if self.k > 1 else 1)
        first = np.maximum(wide, 1e-3) / np.maximum(wide[:1], 1e-3)
        level = np.maximum(
            start.baseline.level * np.maximum(wide[0], 1e-3), 1e-6 * start.baseline.level.max()
        )
        logs = np.log(kernel.decay[:, 0, 0])
        ends = np.array([logs[0], logs[-1]])[: self.d] if self.d else np.zeros(0)
        self.at = np.cumsum([self.m, (self.cells - 1) * self.wide, self.k * self.m * self.m, self.d])
        self.x0 = np.concatenate(
            [np.log(level), np.log(first[1:]).ravel(), 0.7 * kernel.adjacency.ravel(), ends, beta]
        )
        self.scale = (
            np.ones(events.n_sequences) if asked.scale is None else np.asarray(asked.scale, np.float64)
        )

    def process(self, x: NDArray[np.float64]) -> Process:
        a, b, c, d = self.at
        factors = np.concatenate([np.zeros((1, self.wide)), x[a:b].reshape(-1, self.wide)])
        decay = self.kernel.decay
        if self.d:
            decay = np.exp(np.linspace(x[c], x[d - 1], self.k))[:, None, None]
        base = replace(self.start.baseline, level=np.exp(x[:a]), factors=np.exp(factors))
        adjacency = x[b:c].reshape(self.k, self.m, self.m).copy()
        return Process(base, replace(self.kernel, adjacency=adjacency, decay=decay), self.asked.link)

    def __call__(self, x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Minus the log-likelihood and its gradient."""
        beta = x[self.at[3] :]
        covariates = self.asked.covariates
        scale = self.scale if covariates is None else self.scale * np.exp(covariates @ beta)
        process = self.process(x)
        value, _, slope = log_likelihood(process, self.events, scale, covariates, floor=FLOOR)
        base = process.baseline
        factors = slope.factors * np.broadcast_to(base.factors, slope.factors.shape)
        if self.common:
            factors = factors.sum(axis=1, keepdims=True)
        share = np.linspace(0.0, 1.0, self.k) if self.k > 1 else np.zeros(1)
        ends = np.array([slope.decay @ (1 - share), slope.decay @ share])[: self.d]
        out = np.concatenate(
            [slope.level * base.level, factors[1:].ravel(), slope.adjacency.ravel(), ends, slope.beta]
        )
        if not np.isfinite(value):
            return 1e300, -np.nan_to_num(out)
        return -value, -out

    def bounds(self, process: Process) -> list[tuple[float | None, float | None]]:
        """Upper bounds of branching ratios that keep the radius of their positive part within `BOUND`."""
        kernel = process.kernel
        assert isinstance(kernel, Exponentials)
        part = np.maximum(kernel.adjacency, 0.0)
        top = part * min(1.0, BOUND / max(_radius(part.sum(axis=0)), 1e-12))
        out: list[tuple[float | None, float | None]] = [(None, None)] * len(self.x0)
        for place, value in enumerate(top.ravel()):
            out[self.at[1] + place] = (None, float(value))
        return out

    def names(self) -> list[str]:
        m, k, w = self.m, self.k, self.wide
        out = [f"level[{i}]" for i in range(m)]
        out += [
            f"factor[{b}]" if self.common else f"factor[{b},{i}]"
            for b in range(1, self.cells)
            for i in range(w)
        ]
        out += [f"adjacency[{c},{i},{j}]" for c in range(k) for i in range(m) for j in range(m)]
        out += [f"decay[{c}]" for c in ((0,) if self.d == 1 else (0, k - 1) if self.d == 2 else ())]
        return out + [f"coefficient[{p}]" for p in range(len(self.x0) - self.at[3])]


def _radius(matrix: NDArray[np.float64]) -> float:
    return float(np.max(np.abs(np.linalg.eigvals(matrix))))


def fit(events: Events, asked: Asked) -> Fit:
    """Fit by L-BFGS on the analytic gradient, from the linear fit; adjacency may be negative.

    The compensator is integrated numerically; a message states how far it moves when panels are a quarter as long.
    Standard errors come from the observed information (differences of the gradient), up to 150 parameters. With
    ``stable=True`` branching ratios are kept below what bounds the radius of their positive part by .99, which is
    enough for a link of slope at most 1 (Brémaud, Massoulié 1996, Ann. Prob. 24, theorem 7).
    """
    from scipy.optimize import minimize

    if asked.decays == "pair" or asked.penalty is not None or asked.power is None:
        raise UsageError(
            f'link {asked.link!r} goes with decays="shared", no penalty and a given power',
            fix='use link="linear" for those',
        )
    linear = Search(events, replace(asked, link="linear", stable=False, progress=None)).fit()
    problem = _Linked(events, asked, linear.process, linear.coefficients, asked.decay is None)
    steps = 0

    def tell(x: NDArray[np.float64]) -> None:
        nonlocal steps
        steps += 1
        if asked.progress is not None:
            asked.progress(steps, -problem(x)[0])

    options = {"maxiter": 500, "ftol": 1e-13, "gtol": 1e-5, "maxcor": 30}
    found = minimize(problem, problem.x0, jac=True, method="L-BFGS-B", callback=tell, options=options)
    messages: list[str] = []
    kernel = problem.process(found.x).kernel
    assert isinstance(kernel, Exponentials)
    held = np.zeros(len(found.x), bool)
    if asked.stable and _radius(np.maximum(kernel.adjacency, 0).sum(axis=0)) > BOUND:
        bounds = problem.bounds(problem.process(found.x))
        high = np.array([np.inf if upper is None else upper for _, upper in bounds])
        found = minimize(
            problem, np.minimum(found.x, high), jac=True, method="L-BFGS-B", bounds=bounds, options=options
        )
        held = found.x >= high
        messages.append(
            f"the positive branching ratios were bounded, so that their radius is at most {BOUND}"
        )
    return _answer(problem, found.x, held, bool(found.success), int(found.nit), linear, messages)


def _answer(
    problem: _Linked,
    x: NDArray[np.float64],
    held: NDArray[np.bool_],
    converged: bool,
    steps: int,
    linear: Fit,
    messages: list[str],
) -> Fit:
    events, asked, process = problem.events, problem.asked, problem.process(x)
    beta = x[problem.at[3] :].copy()
    scale = problem.scale if asked.covariates is None else problem.scale * np.exp(asked.covariates @ beta)
    value, integral, _ = log_likelihood(process, events, scale)
    finer = log_likelihood(process, events, scale, panel=PANEL / 4)[1]
    messages.append(
        f"the compensator {integral:.8g} is integrated numerically, to {abs(finer - integral):.2g}; "
        f"the linear link has log-likelihood {linear.log_likelihood:.8g}"
    )
    seen = np.bincount(events.types, events.counted, minlength=problem.m)
    if not seen.all():
        level = np.where(seen > 0, process.baseline.level, 0.0)
        process = replace(process, baseline=replace(process.baseline, level=level))
    messages += asked.never_seen(seen)
    errors = np.full(len(x), np.nan)
    free = np.flatnonzero(~held)
    if len(x) <= MOST:
        errors[free] = _errors(problem, x, free)
    positive = np.concatenate([np.arange(problem.at[1]), np.arange(problem.at[2], problem.at[3])]).astype(int)
    estimates = x.copy()
    estimates[positive] = np.exp(x[positive])
    errors[positive] *= estimates[positive]
    kernel = process.kernel
    assert isinstance(kernel, Exponentials)
    excited = _radius(np.maximum(kernel.adjacency, 0.0).sum(axis=0))
    if excited >= 1:
        messages.append(
            f"the positive branching ratios alone have spectral radius {excited:.4g}, so the process may explode "
            "when it is continued; stable=True bounds it"
        )
    if not converged:
        messages.append(f"the search stopped after {steps} steps before the log-likelihood settled")
    return Fit(
        process, value, problem.names(), estimates, errors, beta, steps, converged, process.radius, messages
    )


def _errors(problem: _Linked, x: NDArray[np.float64], free: NDArray[np.int64]) -> NDArray[np.float64]:
    """Roots of the diagonal of the inverse observed information; NaN where it does not curve down."""
    hessian = np.empty((len(free), len(free)))
    for row, p in enumerate(free):
        step = 1e-4 * max(abs(x[p]), 0.1)
        up, down = x.copy(), x.copy()
        up[p] += step
        down[p] -= step
        hessian[row] = (problem(up)[1] - problem(down)[1])[free] / (2 * step)
    hessian = 0.5 * (hessian + hessian.T)
    variance = np.diag(np.linalg.pinv(hessian, hermitian=True))
    return np.where(variance > 0, np.sqrt(np.maximum(variance, 0.0)), np.nan)
