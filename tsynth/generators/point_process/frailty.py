"""Sequences of a process that differ in rate: a gamma factor on the baseline of each, fitted with the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.generators.point_process.counts import fit_counts, lively
from tsynth.generators.point_process.excitation.residuals import measure
from tsynth.generators.point_process.excitation.seasons import cells_of, cumulative

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tsynth.generators.point_process.excitation.process import Events, Process

__all__ = ["expected_immigrants", "fit_frail"]

FEWEST = 10
"""Sequences from which on their rates are told apart."""
ALIKE = 1e-3
"""A variance of the factors below which sequences count as alike: their rates differ by 3 % and less."""
ROUNDS = 6
"""Times that the process and the factors are fitted in turn."""


def expected_immigrants(
    process: Process,
    events: Events,
    scale: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Immigrants of each sequence, each event counted by its share of the intensity, and what scale 1 would have.

    Events that are given count as neither.
    """
    base = process.baseline
    owner = np.repeat(np.arange(events.n_sequences), np.diff(events.offsets))
    factors = np.broadcast_to(base.factors, (len(base.factors), base.types))
    rate = base.level[events.types] * factors[cells_of(base, events.times), events.types] * scale[owner]
    whole = measure(process, events, scale).rate
    share = np.clip(np.divide(rate, whole, out=np.zeros_like(rate), where=whole > 0), 0.0, 1.0)
    share[~events.counted] = 0.0
    counts = np.bincount(owner, share, minlength=events.n_sequences).astype(np.float64)
    return counts, cumulative(base, events.end) - cumulative(base, events.start)


def fit_frail(
    fit: Callable[[NDArray[np.float64] | None], Any],
    events: Events,
    known: Callable[[Any], NDArray[np.float64]],
) -> tuple[Any, float, NDArray[np.float64]]:
    """Fit the process and the gamma factors in turn, by expectation and maximisation.

    Sequences begin unlike, each with the factor that its own count tells; a fit of sequences that are held to be
    alike would take their differences for excitation and keep them.

    Parameters
    ----------
    fit : function
        A fit of the process where the baseline of each sequence is multiplied by given factors.
    events : Events
    known : function
        What a fit's covariates multiply each sequence's baseline with, (N,).

    Returns
    -------
    (Fit, float, float64 array (N,))
        The fit, the variance of the factors (0: sequences are alike), the factor of each sequence.

    References
    ----------
    Dempster, Laird, Rubin (1977), J. R. Stat. Soc. B 39(1); the counts of immigrants are those that Veen,
    Schoenberg (2008), JASA 103(482), take for a Hawkes process.
    """
    n = events.n_sequences
    one, nothing = np.ones(n), np.zeros((n, 0))
    owner = np.repeat(np.arange(n), np.diff(events.offsets))
    counts = np.bincount(owner[events.counted], minlength=n).astype(np.float64)
    span = events.end - events.start
    if n < FEWEST or counts.sum() == 0 or span.sum() <= 0:
        return fit(None), 0.0, one
    exposure = span * counts.sum() / span.sum()
    variance = fit_counts(counts, exposure, nothing).variance
    scale = np.nan_to_num(lively(counts, exposure, variance), nan=1.0)
    found = None
    for _ in range(ROUNDS):
        if variance < ALIKE:
            return fit(None), 0.0, one
        found = fit(scale)
        by = known(found)
        counts, exposure = expected_immigrants(found.process, events, scale * by)
        before, variance = variance, fit_counts(counts, exposure * by, nothing).variance
        scale = np.nan_to_num(lively(counts, exposure * by, variance), nan=1.0)
        if abs(variance - before) < 0.02 * before:
            break
    return found, float(variance), scale
