"""Counts in windows: Poisson regression on covariates, with a gamma frailty for what they leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import gammaincinv, gammaln, ndtr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["CountFit", "fit_counts", "frailty", "frailty_after", "lively", "log_likelihood", "variance_of"]

LEAST, MOST = 1e-4, 50.0
"""Range of the frailty's variance; below `LEAST` there is none."""
ROUNDS, STEPS = 30, 50


@dataclass(frozen=True)
class CountFit:
    """A fitted regression.

    Parameters
    ----------
    constant : float
        Logarithm of what the given exposure is multiplied by.
    coefficients, errors : float64 array, (P,)
        With standard errors from the information of the penalised likelihood at the fitted variance.
    variance : float
        Of the frailty, whose mean is 1; 0 where counts vary no more than Poisson counts.
    variance_error : float
        Standard error of the variance's logarithm; NaN where the variance is 0.
    log_likelihood : float
        Of the counts, constants included, without the penalty.
    converged : bool
    """

    constant: float
    coefficients: NDArray[np.float64]
    errors: NDArray[np.float64]
    variance: float
    variance_error: float
    log_likelihood: float
    converged: bool


def log_likelihood(counts: NDArray[np.float64], mean: NDArray[np.float64], variance: float) -> float:
    """Log-likelihood of negative binomial counts with these means; of Poisson counts where `variance` is 0.

    With shape a = 1 / variance: gamma(n + a) / (gamma(a) n!) (a / (a + mean))^a (mean / (a + mean))^n.
    """
    mean = np.maximum(mean, 1e-300)
    if variance < LEAST:
        return float(np.sum(counts * np.log(mean) - mean - gammaln(counts + 1)))
    a = 1.0 / variance
    return float(
        np.sum(
            gammaln(counts + a) - gammaln(a) - gammaln(counts + 1)
            - (counts + a) * np.log1p(mean / a) + counts * np.log(mean / a)
        )
    )  # fmt: skip


def fit_counts(
    counts: NDArray[np.float64],
    exposure: NDArray[np.float64],
    design: NDArray[np.float64],
    *,
    spread: bool = True,
    penalty: float = 1.0,
) -> CountFit:
    """Maximum likelihood of ``counts ~ Poisson(exposure * u * exp(constant + design @ beta))``, u gamma with mean 1.

    Scoring steps for the coefficients and a bounded search for the variance take turns, as in Lawless (1987),
    Negative binomial and mixed Poisson regression, Canad. J. Statist. 15(3), whose information gives the errors.

    Parameters
    ----------
    counts, exposure : float64 array, (N,)
        Entities with no exposure tell nothing and are left out.
    design : float64 array, (N, P)
    spread : bool
        Whether there is a frailty; else its variance is 0.
    penalty : float
        Half of it times the squared coefficient is taken from the log-likelihood, for each coefficient: as if it had
        a normal prior with variance 1 / `penalty`. The constant is free.
    """
    use = exposure > 0
    n, e = counts[use].astype(np.float64), exposure[use]
    x = np.column_stack([np.ones(len(n)), design[use]])
    size = x.shape[1]
    ridge = np.full(size, penalty)
    ridge[0] = 0.0
    beta = np.zeros(size)
    if len(n) == 0 or n.sum() == 0:
        return CountFit(-np.inf, np.zeros(size - 1), np.full(size - 1, np.nan), 0.0, np.nan, 0.0, True)
    beta[0] = np.log(n.sum() / e.sum())
    variance, converged = 0.0, False
    for _ in range(ROUNDS):
        before = (beta.copy(), variance)
        for _ in range(STEPS):
            mean = e * np.exp(x @ beta)
            weight = mean / (1.0 + variance * mean)
            score = x.T @ ((n - mean) / (1.0 + variance * mean)) - ridge * beta
            move = np.linalg.solve(x.T @ (weight[:, None] * x) + np.diag(ridge + 1e-10), score)
            move *= min(1.0, 2.0 / max(float(np.abs(move).max()), 1e-300))
            beta = beta + move
            if np.abs(move).max() < 1e-10:
                break
        mean = e * np.exp(x @ beta)
        if spread and len(n) > 1:
            variance = variance_of(n, mean)
        converged = bool(
            np.abs(beta - before[0]).max() < 1e-7 and abs(variance - before[1]) < 1e-6 * (1 + variance)
        )
        if converged:
            break
    weight = mean / (1.0 + variance * mean)
    cover = np.linalg.inv(x.T @ (weight[:, None] * x) + np.diag(ridge + 1e-10))
    return CountFit(
        constant=float(beta[0]),
        coefficients=beta[1:],
        errors=np.sqrt(np.diag(cover))[1:],
        variance=variance,
        variance_error=_curvature(n, mean, variance),
        log_likelihood=log_likelihood(n, mean, variance),
        converged=converged,
    )


def variance_of(counts: NDArray[np.float64], mean: NDArray[np.float64]) -> float:
    """Variance of the frailty that makes counts with these means likeliest; 0 where none is needed."""
    low, high = np.log(LEAST), np.log(MOST)
    found = minimize_scalar(
        lambda v: -log_likelihood(counts, mean, float(np.exp(v))), bounds=(low, high), method="bounded",
        options={"xatol": 1e-7},
    )  # fmt: skip
    variance = float(np.exp(found.x))
    better = -found.fun > log_likelihood(counts, mean, 0.0)
    return variance if better and variance > 2 * LEAST else 0.0


def _curvature(counts: NDArray[np.float64], mean: NDArray[np.float64], variance: float) -> float:
    if variance < LEAST:
        return float("nan")
    h, v = 1e-3, np.log(variance)
    low, here, high = (log_likelihood(counts, mean, float(np.exp(v + d))) for d in (-h, 0.0, h))
    bend = (low - 2 * here + high) / h**2
    return float(1.0 / np.sqrt(-bend)) if bend < 0 else float("nan")


def frailty(score: NDArray[np.float64], variance: float) -> NDArray[np.float64]:
    """Gamma frailties with mean 1 at these normal scores; ones where `variance` is 0."""
    if variance < LEAST:
        return np.ones(len(score))
    a = 1.0 / variance
    return np.maximum(gammaincinv(a, np.clip(ndtr(score), 1e-12, 1 - 1e-12)) / a, 1e-12)


def frailty_after(
    scale: NDArray[np.float64],
    counts: NDArray[Any],
    mean: NDArray[np.float64],
    variance: float,
    whose: NDArray[np.int64],
    streams: Streams,
) -> NDArray[np.float64]:
    """The scale of each path times a draw of what is left of its entity's frailty once its counts are known, (K,).

    Parameters
    ----------
    scale : float64 array, (K,)
    counts, mean : arrays, (N,)
        Of each entity: events, and how many were expected at frailty one.
    variance : float
    whose : int64 array, (K,)
        Entity of each path.
    streams : Streams
        Of the paths.
    """
    if variance <= 0:
        return scale
    a = 1.0 / variance
    return scale * streams.gamma((a + counts)[whose]) / (a + mean)[whose]


def lively(counts: NDArray[np.float64], mean: NDArray[np.float64], variance: float) -> NDArray[np.float64]:
    """How lively each entity is for its exposure, (N,): its frailty's mean given its count; NaN where mean is 0."""
    a = 1.0 / max(variance, LEAST)
    return np.where(mean > 0, (a + counts) / (a + mean), np.nan)
