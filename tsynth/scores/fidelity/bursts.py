"""Do short gaps come together as they really do?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.scores.base import DoesNotApply
from tsynth.scores.moments import bounded, correlation, pair_sums
from tsynth.scores.parts import CELL, Part, PartsScore, Prepared
from tsynth.scores.pictures import histogram
from tsynth.scores.ruler import Grid, Ruler
from tsynth.scores.times import between, irregular
from tsynth.scores.weights import Counts
from tsynth.scores.words import duration, number, share, time_unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["Bursts", "burstiness", "run_sizes"]

ENOUGH = 5
"""Gaps of an entity from which its burstiness is taken."""


class Bursts(PartsScore):
    """Mean gap between burstiness, memory and trains of short gaps, inside entities.

    Burstiness of an entity is (s - m) / (s + m) of its gaps, with mean m and standard deviation s, corrected for
    few gaps: -1 is an even clock, 0 a Poisson process, 1 long silences between bursts. Its distribution over the
    entities is compared (1-Wasserstein on ranks, doubled). Memory is the correlation of a gap with the next, as
    normal scores less the entity's mean, so that fast entities do not pass for memory; half the difference counts.
    Trains are rows no further apart than a short gap: once a quarter of the training gaps are at most as long, and
    once the median of the entity's own gaps, so that only the order of the gaps matters. The sizes of the trains
    that rows stand in are compared as burstiness is.

    References
    ----------
    .. [1] Goh, Barabási (2008), "Burstiness and memory in complex systems", EPL 81, 48002, eq. 1 and 2.
    .. [2] Kim, Jo (2016), "Measuring burstiness for finite event sequences", Phys. Rev. E 94, 032311, eq. 22.
    .. [3] Karsai, Kaski, Barabási, Kertész (2012), "Universal features of correlated bursty behaviour", Scientific
       Reports 2, 397: trains of events.

    Examples
    --------
    >>> Bursts.question
    'Do short gaps come together as they really do?'
    """

    name, title = "bursts", "Bursts"
    question = "Do short gaps come together as they really do?"
    group = "fidelity"
    counts_as_fidelity = True
    cannot_see = ("how long gaps are on the whole", "what kind of rows stand in a burst", "the calendar")

    def cannot(self, train: Sequences, reference: Sequences | None, candidate: Sequences) -> str | None:
        """Time has to be uneven."""
        if train.schema.time is None:
            raise DoesNotApply("the rows have no time, only an order")
        if (train.lengths > 1).any() and not irregular(train):
            raise DoesNotApply("the rows come at even steps of time")
        return None

    def nothing(self) -> str:
        """All entities are short."""
        return f"hardly any entity has {ENOUGH} gaps between rows"

    def parts(self, ruler: Ruler, reference: Sequences, candidate: Sequences, streams: Streams) -> list[Part]:
        """Burstiness, memory, and two kinds of trains."""
        sides = (ruler.train, reference, candidate)
        gaps = [between(d) for d in sides]
        bursty = [burstiness(d, g) for d, g in zip(sides, gaps, strict=True)]
        if any(np.isfinite(b).sum() < 2 for b in bursty[:2]):
            return []
        grid = Grid.learn(bursty[0])
        known = [np.flatnonzero(np.isfinite(b)) for b in bursty]
        tables = [
            Counts(k, grid.cells(b[k]), d.n_entities, grid.size)
            for d, b, k in zip(sides[1:], bursty[1:], known[1:], strict=True)
        ]
        found = [Part("burstiness", tuple(tables), bounded(grid), partial(_say_burstiness, bursty[1:]))]
        law = Grid.learn(gaps[0])
        tables = [_memory(d, law.normal(g)) for d, g in zip(sides[1:], gaps[1:], strict=True)]
        found.append(Part("memory", tuple(tables), _apart, _say_memory))
        short = float(np.nanquantile(gaps[0], 0.25, method="inverted_cdf"))
        span = duration(short, time_unit(ruler.schema)) if short > 0 else "no time"
        limits = [np.full(d.n_entities, short) for d in sides]
        found.append(_trains(f"trains of gaps up to {span}", f"no more than {span}", sides, gaps, limits))
        limits = [_medians(d, g) for d, g in zip(sides, gaps, strict=True)]
        own = "no more than the usual gap of their entity"
        found.append(_trains("trains of an entity's shorter gaps", own, sides, gaps, limits))
        return found

    def curve(self, prepared: Prepared) -> dict[str, Any]:
        """Burstiness over the entities, and the sizes of trains."""
        shown = []
        sides = (prepared.reference, prepared.candidate)
        real, made = (burstiness(d, between(d)) for d in sides)
        cells = histogram((real, np.arange(len(real))), made, 20)
        if cells:
            says = "0 is chance, below is an even clock, above are bursts."
            shown.append(
                {"kind": "histogram", "title": "Burstiness of the entities", **cells, "caption": says}
            )
        for part in prepared.parts[2:]:
            real, made = part.extra["sizes"]
            cells = histogram((real, prepared.reference.entity_of_row), made, 12)
            if cells:
                shown.append(
                    {"kind": "histogram", "title": f"Rows by the size of their train: {part.label}", **cells}
                )
        return {"pictures": shown} if shown else {}


def burstiness(data: Sequences, gaps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Finite-size burstiness of each entity (Kim and Jo 2016, eq. 22); NaN below `ENOUGH` gaps or without time."""
    known = np.isfinite(gaps)
    entity, gaps = data.entity_of_row[known], gaps[known]
    n = np.bincount(entity, minlength=data.n_entities).astype(np.float64)
    mean = np.bincount(entity, gaps, data.n_entities) / np.maximum(n, 1)
    usable = (n >= ENOUGH) & (mean > 0)
    scale = np.where(usable, mean, 1)
    spread = np.bincount(entity, (gaps / scale[entity] - 1) ** 2, data.n_entities) / np.maximum(n, 1)
    r, n = np.sqrt(np.where(usable, spread, 0)), np.maximum(n, ENOUGH)
    low = np.sqrt(n - 1)
    found = (np.sqrt(n + 1) * r - low) / ((np.sqrt(n + 1) - 2) * r + low)
    out: NDArray[np.float64] = np.where(usable, found, np.nan)
    return out


def run_sizes(goes_on: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Size of the run that each row stands in; `goes_on` says whether a row belongs to the run of the one before."""
    run = np.cumsum(~goes_on)
    return np.bincount(run)[run]


def _memory(data: Sequences, scores: NDArray[np.float64]) -> Counts:
    known = np.isfinite(scores)
    entity = data.entity_of_row
    count = np.bincount(entity[known], minlength=data.n_entities)
    mean = np.bincount(entity[known], scores[known], data.n_entities) / np.maximum(count, 1)
    inside = np.where(count[entity] >= ENOUGH, scores - mean[entity], np.nan)
    later = np.flatnonzero(data.step_of_row >= 2)
    return pair_sums(entity[later], data.n_entities, inside[later - 1], inside[later])


def _apart(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.abs(correlation(first) - correlation(second)) / 2


def _medians(data: Sequences, gaps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lower median of the gaps of each entity; NaN where there is none."""
    rows = np.flatnonzero(np.isfinite(gaps))
    rows = rows[np.lexsort((gaps[rows], data.entity_of_row[rows]))]
    count = np.bincount(data.entity_of_row[rows], minlength=data.n_entities)
    at = np.cumsum(count) - count + (np.maximum(count, 1) - 1) // 2
    out = np.full(data.n_entities, np.nan)
    out[count > 0] = gaps[rows[at[count > 0]]]
    return out


def _trains(
    label: str,
    what: str,
    sides: tuple[Sequences, ...],
    gaps: list[NDArray[np.float64]],
    limits: list[NDArray[np.float64]],
) -> Part:
    sizes = []
    for data, gap, limit in zip(sides, gaps, limits, strict=True):
        goes_on = np.nan_to_num(gap, nan=np.inf) <= np.nan_to_num(limit, nan=-np.inf)[data.entity_of_row]
        sizes.append(run_sizes(goes_on).astype(np.float64))
    grid = Grid.learn(sizes[0])
    tables = tuple(
        Counts(d.entity_of_row, grid.cells(s), d.n_entities, grid.size)
        for d, s in zip(sides[1:], sizes[1:], strict=True)
    )

    def say(first: NDArray[np.float64], second: NDArray[np.float64]) -> str:
        edge, real, made = grid.widest(first, second)
        return (
            f"{share(1 - real)} of real rows and {share(1 - made)} of synthetic ones stand in trains of more than "
            f"{number(edge)} row{'' if edge == 1 else 's'}, each {what} after the one before."
        )

    return Part(label, tables, bounded(grid), say, 1.0, {"sizes": sizes[1:]})


def _say_burstiness(
    sides: list[NDArray[np.float64]], first: NDArray[np.float64], second: NDArray[np.float64]
) -> str:
    if any(np.isfinite(s).sum() < 1 for s in sides):
        return f"No synthetic entity has {ENOUGH} gaps between rows, as real ones have."
    if np.isfinite(sides[0]).sum() < CELL:
        return ""
    real, made = (number(float(np.nanmedian(s))) for s in sides)
    return (
        f"The burstiness of an entity's gaps (-1 even, 0 chance, 1 bursts) is {real} in the median of real "
        f"entities, {made} in that of synthetic ones."
    )


def _say_memory(first: NDArray[np.float64], second: NDArray[np.float64]) -> str:
    real, made = number(float(correlation(first))), number(float(correlation(second)))
    return (
        f"A gap goes with the next of its entity with a correlation of {real} in real data, {made} in "
        "synthetic data."
    )
