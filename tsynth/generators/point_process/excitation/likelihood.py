"""The log-likelihood of events in windows under a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsynth.compiled.hawkes import gathering
from tsynth.compiled.hawkes import likelihood as loops
from tsynth.errors import UsageError
from tsynth.generators.point_process.excitation.checks import checked
from tsynth.generators.point_process.excitation.process import (
    Baseline,
    Events,
    Exponentials,
    Histogram,
    Process,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["exposure", "factor_of", "log_likelihood", "logs_by_type", "weights_of"]


def weights_of(
    events: Events, power: float, reference: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What each event counts as a parent, and its size less the reference: (R,) both, or (1,) where all count 1."""
    if power == 0.0:
        return np.ones(1), np.zeros(1)
    if events.size is None:
        raise UsageError(
            "the kernel grows with the events' size, but events have none", fix="give events a size"
        )
    surplus = events.size - reference
    return np.exp(power * surplus), surplus


def factor_of(baseline: Baseline, cell: NDArray[np.int32], types: NDArray[np.int64]) -> NDArray[np.float64]:
    """Factor of the baseline at each event, (R,)."""
    factors = baseline.factors
    return factors[cell, 0] if factors.shape[1] == 1 else factors[cell, types]


def exposure(
    events: Events,
    baseline: Baseline,
    scale: NDArray[np.float64],
    covariates: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Time in each cell of the baseline, (B,), and the same times each covariate, (C, B)."""
    by = np.zeros((events.n_sequences, 0)) if covariates is None else covariates
    edges = np.ascontiguousarray(baseline.edges, np.float64)
    total, each = gathering.time_in_cells(
        events.start, events.end, scale, by, edges, float(baseline.period), float(baseline.phase)
    )
    return total, each


def log_likelihood(process: Process, events: Events, scale: NDArray[np.float64] | None = None) -> float:
    """Log-likelihood of many sequences, each in its window; the sum over events less the compensator.

    Equal times do not excite one another, and nothing before a window's start excites.

    Parameters
    ----------
    process : Process
    events : Events
    scale : float64 array, (N,), optional
        Multiplies the baseline of each sequence; 1 where it is not given.

    Returns
    -------
    float
        Minus infinity where an event has intensity 0.

    Raises
    ------
    DataError
        An event lies outside its window, before the one above it, or has a type that the process has not.
    UsageError
        The kernel asks for sizes that the events do not have.

    References
    ----------
    Daley, Vere-Jones (2003), An Introduction to the Theory of Point Processes I, proposition 7.2.III; the recursion
    is Ogata's (1981), IEEE Trans. Inf. Theory 27, eq. 27.

    Examples
    --------
    >>> import numpy as np
    >>> one = Process(Baseline(np.ones(1)), Exponentials(np.full((1, 1, 1), 2 / 3), np.full((1, 1, 1), 3.0)))
    >>> two = Events(np.array([0, 2]), np.array([0.5, 0.75]), np.zeros(2, int), np.zeros(1), np.ones(1))
    >>> round(log_likelihood(one, two), 10)
    -1.2045441113
    """
    events = checked(events, process.types)
    ones = np.ones(events.n_sequences)
    scale = ones if scale is None else np.ascontiguousarray(np.broadcast_to(scale, ones.shape), np.float64)
    kernel = process.kernel
    if not isinstance(kernel, Exponentials):
        return _elsewhere(process, events, scale)
    if process.link != "linear":
        from tsynth.generators.point_process.excitation import inhibition

        return inhibition.log_likelihood(process, events, scale)[0]
    return float(logs_by_type(process, kernel, events, scale).sum())


def _elsewhere(process: Process, events: Events, scale: NDArray[np.float64]) -> float:
    if process.link != "linear":
        raise UsageError(
            f"link {process.link!r} goes with exponential kernels only", fix='use kernel="exponential"'
        )
    if isinstance(process.kernel, Histogram):
        from tsynth.generators.point_process.excitation import histogram

        return float(histogram.log_likelihood(process, events, scale))
    from tsynth.generators.point_process.excitation import etas

    return float(etas.log_likelihood(process, events, scale))


def logs_by_type(
    process: Process, kernel: Exponentials, events: Events, scale: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Log-likelihood of each target type, (M,), under exponential kernels and the linear link."""
    baseline, m, components = process.baseline, process.types, len(kernel.adjacency)
    weight, _ = weights_of(events, kernel.power, kernel.reference)
    cell = gathering.cells_of(
        events.times, np.ascontiguousarray(baseline.edges, np.float64), baseline.period, baseline.phase
    )
    base = np.repeat(scale, np.diff(events.offsets)) * baseline.level[events.types]
    base *= factor_of(baseline, cell, events.types)
    if events.given is not None:
        base[~events.counted] = -1.0
    spent, _ = exposure(events, baseline, scale)
    counted = np.bincount(events.types, None if len(weight) == 1 else weight, minlength=m)
    with np.errstate(divide="ignore"):
        if kernel.shared:
            branching = np.ascontiguousarray(kernel.adjacency.transpose(1, 0, 2).reshape(m, components * m))
            logs, left = np.zeros(m), np.zeros(components * m)
            loops.shared_logs(
                events.offsets, events.times, events.types, events.end, weight, base, branching,
                np.ascontiguousarray(kernel.decay.ravel()), logs, left,
            )  # fmt: skip
            excited = branching @ (np.tile(counted, components) - left)
        else:
            logs, excited = np.zeros(m), np.zeros(m)
            for i in range(m):
                left = np.zeros((components, m))
                branching = np.ascontiguousarray(kernel.adjacency[:, i])
                logs[i] = loops.pair_logs(
                    i, events.offsets, events.times, events.types, events.end, weight, base, branching,
                    np.ascontiguousarray(kernel.decay[:, i]), left,
                )  # fmt: skip
                excited[i] = (branching * (counted - left)).sum()
    factors = np.broadcast_to(baseline.factors, (len(baseline.factors), m))
    return logs - baseline.level * (spent @ factors) - excited
