"""Kernels of steps: their log-likelihood, and the bins of lag that events can fill."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsynth.errors import UsageError
from tsynth.generators.point_process.excitation.residuals import measure

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tsynth.generators.point_process.excitation.process import Events, Process

__all__ = ["bins_of", "log_likelihood", "merged"]

BINS = 16
"""Bins where none are given."""
NEIGHBOURS = 10.0
"""Events of a sequence that the longest lag spans, about, where no bins are given."""


def log_likelihood(process: Process, events: Events, scale: ArrayLike | None = None) -> float:
    """Log-likelihood under a kernel of steps, exact."""
    return measure(process, events, scale).log_likelihood


def bins_of(events: Events) -> NDArray[np.float64]:
    """Edges of lag for these events: even in the logarithm, up to a lag that spans some ten events.

    The first bin reaches to a twentieth of the median gap at most.
    """
    who = np.repeat(np.arange(events.n_sequences), np.diff(events.offsets))
    gaps = np.diff(events.times)[np.diff(who) == 0]
    gaps = gaps[gaps > 0]
    longest = float(np.max(events.end - events.start, initial=0.0))
    if not len(gaps):
        return np.array([0.0, longest if longest > 0 else 1.0])
    reach = min(longest, NEIGHBOURS * float(gaps.mean()))
    first = min(float(np.median(gaps)) / 20, reach / BINS)
    return np.concatenate([[0.0], np.geomspace(first, reach, BINS)])


def merged(edges: NDArray[np.float64], pairs: NDArray[np.int64], least: int) -> NDArray[np.float64]:
    """The edges without those that leave a bin with fewer pairs of events than `least`; the last bin joins its left.

    Raises
    ------
    UsageError
        The edges do not rise from 0.
    """
    if len(edges) < 2 or edges[0] != 0 or not np.all(np.diff(edges) > 0) or not np.all(np.isfinite(edges)):
        raise UsageError(
            "the edges of lag do not rise from 0", fix="use finite edges such as [0, 0.1, 1, 10]"
        )
    kept, held = [float(edges[0])], 0
    for b, count in enumerate(pairs):
        held += int(count)
        if held >= least:
            kept.append(float(edges[b + 1]))
            held = 0
    if kept[-1] != edges[-1]:
        if len(kept) > 1:
            kept.pop()
        kept.append(float(edges[-1]))
    return np.array(kept)
