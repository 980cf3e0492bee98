"""Omori's power law as a sum of exponentials, with the error of doing so."""

from __future__ import annotations

from math import lgamma, log, pi
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.errors import UsageError
from tsynth.generators.point_process.excitation.process import Exponentials, PowerLaw

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.generators.point_process.excitation.asked import Fit
    from tsynth.generators.point_process.excitation.process import Events

__all__ = ["exponentials_of", "fit_power"]


def exponentials_of(
    kernel: PowerLaw, shortest: float, longest: float, error: float = 1e-3
) -> tuple[Exponentials, float]:
    """A power law as a sum of exponentials that is near it for lags from `shortest` to `longest`.

    The trapezoidal rule in x of ``(1 + s / c)^-p = 1 / Gamma(p) int exp(p x - e^x (1 + s / c)) dx``: each node is an
    exponential of decay ``e^x / c``. The rule's error falls as ``exp(-pi^2 / step)``; the step is made smaller until
    the error, measured on 64 lags a decade, is as asked for.

    Parameters
    ----------
    kernel : PowerLaw
    shortest, longest : float
        Lags in the process's unit of time, ``0 <= shortest < longest``. Above `longest` the sum falls off sooner or
        later than the law; below `shortest` it may miss the law's top.
    error : float
        Largest relative error, 1e-12 to .5.

    Returns
    -------
    kernel : Exponentials
        With the same branching up to `longest`; its `branching` counts the exponentials' endless tails.
    error : float
        Largest relative error that was measured.

    References
    ----------
    Beylkin, Monzón (2010), Approximation by exponential sums revisited, Appl. Comput. Harmon. Anal. 28(2), section 2.
    """
    if not 0 <= shortest < longest < np.inf:
        raise UsageError(
            f"the lags run from {shortest!r} to {longest!r}", fix="use 0 <= shortest < longest, both finite"
        )
    if not 1e-12 <= error <= 0.5:
        raise UsageError(f"error must lie between 1e-12 and 0.5, not {error!r}")
    lag = _lags(kernel.c, shortest, longest)
    wanted = np.exp(-kernel.p * np.log1p(lag / kernel.c))
    step = pi * pi / (log(1 / error) + 2)
    while True:
        weight, decay = _nodes(kernel, shortest, longest, error / 4, step)
        made = np.exp(-np.multiply.outer(lag, decay)) @ weight
        reached = float(np.max(np.abs(made / wanted - 1)))
        if reached <= error or step < 0.05:
            break
        step *= 0.9
    shape = (len(decay), 1, 1)
    adjacency = kernel.jump[None] * (weight / decay).reshape(shape)
    return Exponentials(adjacency, decay.reshape(shape), kernel.power, kernel.reference), reached


def _lags(c: float, shortest: float, longest: float) -> NDArray[np.float64]:
    """Lags at which the error is measured: even in log(1 + s / c)."""
    low, high = np.log1p(shortest / c), np.log1p(longest / c)
    return np.asarray(c * np.expm1(np.linspace(low, high, max(64, int(64 * (high - low) / log(10))))))


def _nodes(
    kernel: PowerLaw, shortest: float, longest: float, error: float, step: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights and decays of the rule; nodes whose decay does not show up to `longest` are one."""
    p, c = kernel.p, kernel.c
    # Left out on the left: the integral up to x is at most e^(px) / (p Gamma(p)), against the law at its least.
    left = (log(error) + log(p) + lgamma(p)) / p - np.log1p(longest / c)
    right = log(max(log(1 / error) + max(p, 1.0) * 4, 1.0)) - np.log1p(shortest / c) + 0.5
    x = np.arange(left, right + step, step)
    weight = np.exp(np.log(step) + p * x - np.exp(x) - lgamma(p))
    decay = np.exp(x) / c
    slow = decay * longest < np.sqrt(error)  # two terms of exp(-d s) serve
    if slow.sum() > 1:
        whole = weight[slow].sum()
        mean = float(weight[slow] @ decay[slow] / whole)
        weight = np.concatenate([[whole], weight[~slow]])
        decay = np.concatenate([[mean], decay[~slow]])
    kept = weight > 0
    return weight[kept], decay[kept]


def fit_power(events: Events, types: int, **asked: Any) -> Fit:
    """Fit ``mu_i + sum_j jump[i, j] (1 + (t - t_j) / c)^-p`` by maximum likelihood.

    Parameters
    ----------
    events : Events
    types : int
    **asked
        `baseline`, `covariates`, `scale`, `power` (0 unless given; None fits it), `reference` and `progress` of
        `tsynth.generators.point_process.excitation.fitting.fit`.

    Returns
    -------
    Fit
        `names` are ``level[i]``, ``jump[i,j]``, ``c``, ``p``.

    See Also
    --------
    tsynth.generators.point_process.excitation.etas.fit_etas : the same with sizes.
    """
    from tsynth.generators.point_process.excitation import etas
    from tsynth.generators.point_process.excitation.asked import Asked

    return etas.fit(events, Asked(types, kernel="power_law", **asked).checked(events))
