"""Moments of stationary processes in closed form."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tsynth.errors import UsageError
from tsynth.generators.point_process.excitation.process import Exponentials, PowerLaw

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tsynth.generators.point_process.excitation.process import Process
    from tsynth.generators.point_process.excitation.simulation import Sizes

__all__ = ["count_moments", "excitation", "mean_factors", "mean_rates", "sized"]


def mean_rates(process: Process) -> NDArray[np.float64]:
    """Long-run rate of each type, (M,): ``(I - G)^-1 mu`` with branching matrix G and mean baseline mu.

    Sizes are taken to count once each on the average.

    Raises
    ------
    UsageError
        The process is not stationary: its radius is 1 or more, its link is not linear, or its baseline has edges but
        no period.

    References
    ----------
    Hawkes (1971), Spectra of some self-exciting and mutually exciting point processes, Biometrika 58(1), section 5.
    """
    base = process.baseline
    if process.link != "linear":
        raise UsageError("mean rates have a closed form under the linear link only", fix="simulate instead")
    if process.radius >= 1:
        raise UsageError(
            f"the process explodes: each event has {process.radius:.3g} children",
            fix="use a branching matrix with a spectral radius below 1",
        )
    if base.constant:
        mean = base.level * base.factors[0]
    elif base.period > 0:
        mean = base.level * (np.diff(base.edges) @ base.factors / base.period)
    else:
        raise UsageError("the baseline changes in time and does not repeat", fix="give it a period")
    return np.asarray(np.linalg.solve(np.eye(process.types) - process.kernel.branching, mean))


def mean_factors(process: Process, sizes: Sizes | None) -> NDArray[np.float64]:
    """By what an event of each type excites on the average over its sizes, (M,); ones where none are given.

    Only means over few and bounded sizes are sure: where ``exp(power * size)`` has a heavy tail, the largest size
    decides.
    """
    kernel = process.kernel
    if sizes is None or kernel.power == 0:
        return np.ones(process.types)
    each = np.exp(kernel.power * (sizes.values - kernel.reference))
    sums = np.concatenate([[0.0], np.cumsum(each)])[sizes.offsets]
    return np.asarray(np.diff(sums) / np.diff(sizes.offsets))


def sized(process: Process, sizes: Sizes | None) -> Process:
    """The process without sizes that has as many children on the average: each type with its `mean_factors`.

    Its radius says whether the process explodes, which that of the process itself, for events of the reference size,
    does not.
    """
    if sizes is None or process.kernel.power == 0:
        return process
    factor = mean_factors(process, sizes)
    made = _changed(process, lambda x: x * factor)
    return replace(made, kernel=replace(made.kernel, power=0.0))


def excitation(process: Process) -> Process:
    """The process without what inhibits: coefficients below 0 are 0."""
    return _changed(process, lambda x: np.maximum(x, 0.0))


def _changed(process: Process, change: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Process:
    """The process with other coefficients: adjacency, jump or height."""
    kernel = process.kernel
    if isinstance(kernel, Exponentials):
        return replace(process, kernel=replace(kernel, adjacency=change(kernel.adjacency)))
    if isinstance(kernel, PowerLaw):
        return replace(process, kernel=replace(kernel, jump=change(kernel.jump)))
    return replace(process, kernel=replace(kernel, height=change(kernel.height)))


def count_moments(mu: float, jump: float, decay: float, length: float) -> tuple[float, float, float]:
    """Mean and variance of the count in a window, and covariance with that of the window after it.

    Of the stationary process with intensity ``mu + sum jump exp(-decay (t - t_i))`` and windows of one `length`.

    Examples
    --------
    >>> [round(x, 5) for x in count_moments(mu=1, jump=2, decay=3, length=2)]
    [6.0, 33.24805, 8.97174]

    References
    ----------
    Da Fonseca, Zaatour (2014), Hawkes process: fast calibration, application to trade clustering, and diffusive
    limit, J. Futures Markets 34(6), equations for the mean, variance and covariance of jumps in an interval.
    """
    if not (mu >= 0 and 0 <= jump < decay and length > 0):
        raise UsageError(
            f"mu {mu!r}, jump {jump!r}, decay {decay!r}, length {length!r} make no stationary process",
            fix="use mu >= 0, 0 <= jump < decay and length > 0",
        )
    back = decay - jump
    rate = mu * decay / back
    square = (decay / back) ** 2
    gone = -np.expm1(-length * back)
    variance = rate * (length * square + (1 - square) * gone / back)
    covariance = rate * jump * (2 * decay - jump) * gone**2 / (2 * back**4)
    return rate * length, float(variance), float(covariance)
