"""Does the follow-up reach as far as it should?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.scores.parts import CELL, Part
from tsynth.scores.ruler import Ruler
from tsynth.scores.survival.followup import SurvivalScore, followup, moment
from tsynth.scores.weights import Counts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["ShortSightedness"]

REACH = 0.9
CELLS = 400


class ShortSightedness(SurvivalScore):
    """How much earlier, or later, the synthetic follow-up ends, as a part of the real one.

    The end is the time that 10 % of the entities reach, event or not: the largest time of all, which the paper
    takes, is one entity's and says more of the number of entities than of their law. The gap is the difference of
    both ends, divided by the later one.

    References
    ----------
    .. [1] Norcliffe, Cebere, Imrie, Liò, van der Schaar (2023), "SurvivalGAN: generating time-to-event data for
       survival analysis", AISTATS, sec. 3: short-sightedness, which is signed there.

    Examples
    --------
    >>> ShortSightedness.question
    'Does the follow-up reach as far as it should?'
    """

    name, title = "short_sightedness", "Short-sightedness"
    question = "Does the follow-up reach as far as it should?"
    group = "fidelity"
    cannot_see = ("why a follow-up ends", "the follow-up of the nine tenths that end earlier")

    def parts(self, ruler: Ruler, reference: Sequences, candidate: Sequences, streams: Streams) -> list[Part]:
        """One part."""
        times = [followup(ruler, d).time for d in (reference, candidate)]
        known = np.concatenate([t[np.isfinite(t)] for t in times])
        if np.isfinite(times[0]).sum() < CELL or not known.max() > 0:
            return []
        edges = np.unique(known)
        if len(edges) > CELLS:
            edges = np.unique(np.quantile(known, np.arange(1, CELLS + 1) / CELLS, method="inverted_cdf"))
        counts = tuple(
            Counts(
                np.arange(len(t)),
                np.where(np.isfinite(t), np.searchsorted(edges, np.nan_to_num(t)), -1),
                len(t),
                len(edges),
            )
            for t in times
        )
        say = partial(_say, ruler, edges)
        return [Part("end of the follow-up", counts, partial(_apart, edges), say)]


def _end(edges: NDArray[np.float64], totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """The time that a tenth of the weight reaches."""
    below = np.cumsum(totals, axis=-1)
    at = (below < REACH * below[..., -1:]).sum(axis=-1)
    return edges[np.minimum(at, len(edges) - 1)]


def _apart(
    edges: NDArray[np.float64], first: NDArray[np.float64], second: NDArray[np.float64]
) -> NDArray[np.float64]:
    a, b = _end(edges, first), _end(edges, second)
    later = np.maximum(a, b)
    gap = np.divide(np.abs(a - b), later, out=np.zeros_like(later), where=later > 0)
    full = first.sum(axis=-1) > 0, second.sum(axis=-1) > 0
    return np.where(full[0] & full[1], gap, np.where(full[0] != full[1], 1.0, 0.0))


def _say(
    ruler: Ruler, edges: NDArray[np.float64], first: NDArray[np.float64], second: NDArray[np.float64]
) -> str:
    if not first.sum() or not second.sum():
        return "No follow-up is known on one of the sides."
    real, made = (moment(ruler, float(_end(edges, t)), True) for t in (first, second))
    return f"A tenth of real entities are followed for {real} or more, a tenth of synthetic ones for {made} or more."
