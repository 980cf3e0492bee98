"""Do whole sequences of events fill time as real ones do?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.compiled.counting import counting_distances
from tsynth.data.sequences import Sequences
from tsynth.scores.base import CannotSay, Detail, Score
from tsynth.scores.parts import CELL
from tsynth.scores.pictures import plain
from tsynth.scores.ruler import Ruler, ruler
from tsynth.scores.times import require_uneven
from tsynth.scores.words import duration, number, time_unit, units

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["Counting", "CountingDistance", "mmd"]

MOST, WORK = 400, 40_000_000
"""Entities of a side that are compared, at most, and rows that all pairs of two sides have together."""
TYPES = 8
"""Most frequent codes that are counted by themselves."""
SPANS = 0.9
"""Quantile of the time that training entities last, after which nothing is compared."""
POINTS = 25
"""Moments at which mean counts are shown."""


class CountingDistance(Score):
    """Maximum mean discrepancy between sequences, by the area between their counting functions.

    Two entities lie as far apart as the areas between their numbers of rows up to each moment, added over the eight
    most frequent codes and the others together; time runs from the first row, or from where observation starts, to
    the 90 % quantile of the time that training entities last. The kernel is exp(-distance / median), with the median
    distance of two training entities. It is positive definite, because the distance is that of L1. At most 400
    entities of a side are compared. Few sequences lie some way apart by chance: compare with the floor.

    The published form has exp(-distance / (2 median²)) with one type and time divided by the window. It is nearly 1
    for all pairs where sequences are long, so it is left to those who compare with published numbers: `mmd`.

    References
    ----------
    .. [1] Xiao, Farajtabar, Ye, Yan, Song, Zha (2017), "Wasserstein learning of deep generative point process
       models", NeurIPS, eq. 3: the distance.
    .. [2] Shchur, Gao, Biloš, Günnemann (2020), "Fast and flexible temporal point processes with triangular maps",
       NeurIPS, sec. 6.2 and appendix E.2: the discrepancy.
    .. [3] Gretton, Borgwardt, Rasch, Schölkopf, Smola (2012), "A kernel two-sample test", JMLR 13, eq. 5.

    Examples
    --------
    >>> CountingDistance.question
    'Do whole sequences of events fill time as real ones do?'
    """

    name, title = "counting_distance", "Number of rows as time goes on"
    question = "Do whole sequences of events fill time as real ones do?"
    group = "fidelity"
    counts_as_fidelity = True
    dear = True
    cannot_see = (
        "gaps that are short beside the time that entities last",
        "values beside the code",
        "the calendar",
        "what happens after the time that nine of ten training entities last",
    )

    def cannot(self, train: Sequences, reference: Sequences | None, candidate: Sequences) -> str | None:
        """Time has to be uneven."""
        require_uneven(train)
        return None

    def prepare(
        self, train: Sequences, reference: Sequences, candidate: Sequences, streams: Streams
    ) -> _Seen:
        """Kernels of all pairs."""
        measure = ruler(train)
        if "counting" not in measure.kept:
            measure.kept["counting"] = _Measure(measure)
        law: _Measure = measure.kept["counting"]
        sides = law.counting(reference), law.counting(candidate)
        real, made = sides
        return _Seen(law, sides, (law.kernel(real, real), law.kernel(real, made), law.kernel(made, made)))

    def values(
        self,
        prepared: _Seen,
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """The discrepancy under many weights at once."""
        real, made = prepared.sides
        a, b = reference_weights[:, : real.sequences], candidate_weights[:, : made.sequences]
        return _discrepancy(prepared.kernels, a, b)

    def value(
        self,
        prepared: _Seen,
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> float:
        """The discrepancy."""
        return float(self.values(prepared, reference_weights[None], candidate_weights[None])[0])

    def details(self, prepared: _Seen) -> list[Detail]:
        """Types whose mean counts part most."""
        law, found = prepared.law, []
        real, made = (side.means(law.grid) for side in prepared.sides)  # (types, POINTS)
        for at, name in enumerate(law.names):
            apart = np.abs(real[at] - made[at])
            gap = float(apart.mean() * law.end / law.usual) if law.usual > 0 else 0.0
            where = int(np.argmax(apart))
            told = ""
            if prepared.sides[0].holding(at) >= CELL and apart[where] > 0:
                kind = f" “{name}”" if name else ""
                told = (
                    f"Within {duration(float(law.grid[where]), law.unit)} real entities have "
                    f"{number(float(real[at, where]))} rows{kind} on average, synthetic ones "
                    f"{number(float(made[at, where]))}."
                )
            found.append(Detail(name or "rows", gap, None, told))
        return sorted(found, key=lambda d: (-d.value, d.label))

    def curve(self, prepared: _Seen) -> dict[str, Any]:
        """Mean number of rows as time goes on."""
        law = prepared.law
        if prepared.sides[0].sequences < CELL:
            return {}
        real, made = (side.means(law.grid).sum(axis=0) for side in prepared.sides)
        return {
            "pictures": [
                {
                    "kind": "lines",
                    "title": "Mean number of rows as time goes on",
                    "x": plain(law.grid),
                    "real": plain(real),
                    "synthetic": plain(made),
                    "x_label": f"time since the first row ({units(law.unit)})",
                    "y_label": "rows of an entity",
                }
            ]
        }


@dataclass(frozen=True)
class Counting:
    """Sequences as functions that count: times since their start, by sequence and type.

    Parameters
    ----------
    offsets : int64 array, (N * types + 1,)
    times : float64 array
        From 0 to `end`, rising inside a sequence and type.
    types : int
    end : float
    """

    offsets: NDArray[np.int64]
    times: NDArray[np.float64]
    types: int
    end: float

    @classmethod
    def of(
        cls,
        sequence: NDArray[np.int64],
        type_: NDArray[np.int64],
        since: NDArray[np.float64],
        shape: tuple[int, int],
        end: float,
    ) -> Counting:
        """Of events in any order; those before 0 or after `end`, or without a time, are left out."""
        rows = np.flatnonzero((since >= 0) & (since <= end))
        rows = rows[np.lexsort((since[rows], type_[rows], sequence[rows]))]
        n, types = shape
        held = np.bincount(sequence[rows] * types + type_[rows], minlength=n * types)
        offsets = np.concatenate([[0], np.cumsum(held)]).astype(np.int64)
        return cls(offsets, np.ascontiguousarray(since[rows], np.float64), types, float(end))

    @property
    def sequences(self) -> int:
        """Number N of sequences."""
        return (len(self.offsets) - 1) // self.types

    def distances(self, other: Counting) -> NDArray[np.float64]:
        """Area between the counting functions of each pair, (N, other's N), in units of time."""
        out: NDArray[np.float64] = counting_distances(
            self.offsets, self.times, other.offsets, other.times, self.types, self.end
        )
        return out

    def means(self, at: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean number of events up to each moment, (types, len(at))."""
        kind = np.repeat(np.arange(len(self.offsets) - 1) % self.types, np.diff(self.offsets))
        cell = np.searchsorted(at, self.times, side="left")
        found = np.bincount(kind * (len(at) + 1) + cell, minlength=self.types * (len(at) + 1))
        return np.cumsum(found.reshape(self.types, -1)[:, :-1], axis=1) / max(self.sequences, 1)

    def holding(self, at: int) -> int:
        """Sequences that have an event of a type."""
        return int(np.count_nonzero(np.diff(self.offsets)[at :: self.types]))


def mmd(real: Counting, made: Counting, sigma: float | None = None) -> tuple[float, float]:
    """Maximum mean discrepancy as Shchur et al. (2020) have it, to compare with published numbers.

    The kernel is exp(-d / (2 sigma²)) with the distance d of times divided by `end`.

    Parameters
    ----------
    real, made : Counting
        In windows of one length; of one type, where numbers are to be compared.
    sigma : float, optional
        The median distance of all pairs, of one side and of both, where not given.

    Returns
    -------
    (float, float)
        The discrepancy and sigma.
    """
    apart = [a.distances(b) / real.end for a, b in ((real, real), (real, made), (made, made))]
    if sigma is None:
        sigma = float(np.median(np.concatenate([d.ravel() for d in apart])))
    kernels = [np.exp(-d / (2 * max(sigma, 1e-300) ** 2)) for d in apart]
    ones = np.ones((1, real.sequences)), np.ones((1, made.sequences))
    return float(_discrepancy((kernels[0], kernels[1], kernels[2]), *ones)[0]), sigma


Kernels = tuple["NDArray[np.float64]", "NDArray[np.float64]", "NDArray[np.float64]"]


@dataclass
class _Seen:
    """Both sides, and the kernel of pairs of real ones, of a real and a candidate, of candidates."""

    law: _Measure
    sides: tuple[Counting, Counting]
    kernels: Kernels


class _Measure:
    """Types, horizon and median distance of the training entities."""

    def __init__(self, measure: Ruler) -> None:
        self.ruler, train = measure, measure.train
        spans = _last(train) - _origin(train)
        spans = spans[np.isfinite(spans) & (spans > 0)]
        if not len(spans):
            raise CannotSay("no entity has two rows at different times")
        self.end = float(np.quantile(spans, SPANS))
        self.unit = time_unit(train.schema)
        self.grid = np.linspace(0.0, self.end, POINTS)
        names = measure.code_names[:-1] if measure.code_columns else []
        self.names = [""] if len(names) < 2 else names[:TYPES] + ["all others"] * (len(names) > TYPES)
        rows = max(float(train.lengths.mean()), 1.0)
        self.most = int(np.clip(np.sqrt(WORK / rows), 20, MOST))
        able = np.linspace(0, train.n_entities - 1, min(train.n_entities, self.most)).astype(np.int64)
        some = self.counting(train.take(able))
        apart = some.distances(some)[np.triu_indices(some.sequences, 1)]
        self.usual = float(np.median(apart)) if len(apart) else 0.0
        if self.usual <= 0:  # most entities alike
            self.usual = float(apart.mean()) if len(apart) and apart.any() else self.end

    def counting(self, data: Sequences) -> Counting:
        """The first entities as functions that count."""
        data = data.take(np.arange(min(data.n_entities, self.most)))
        codes = self.ruler.codes(data) if len(self.names) > 1 else np.zeros(data.n_rows, np.int64)
        entity = data.entity_of_row
        since = data.time - _origin(data)[entity]
        types = np.minimum(codes, len(self.names) - 1)
        return Counting.of(entity, types, since, (data.n_entities, len(self.names)), self.end)

    def kernel(self, a: Counting, b: Counting) -> NDArray[np.float64]:
        """Likeness of each pair, 0..1."""
        return np.exp(-a.distances(b) / self.usual)


def _origin(data: Sequences) -> NDArray[np.float64]:
    """Where time starts for each entity: its window, else its first row."""
    first = np.full(data.n_entities, np.nan)
    has = data.lengths > 0
    if has.any():
        first[has] = np.fmin.reduceat(data.time, data.offsets[:-1][has])
    return np.where(np.isfinite(data.start), np.fmin(data.start, first), first)


def _last(data: Sequences) -> NDArray[np.float64]:
    last = np.full(data.n_entities, np.nan)
    has = data.lengths > 0
    if has.any():
        last[has] = np.fmax.reduceat(data.time, data.offsets[:-1][has])
    return last


def _discrepancy(kernels: Kernels, a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Square root of the mean kernel of pairs of one side less that of pairs of both, (B,)."""
    a, b = (w / np.maximum(w.sum(axis=1, keepdims=True), 1e-300) for w in (a, b))
    squared = [np.einsum("bi,bi->b", u @ k, v) for u, k, v in zip((a, a, b), kernels, (a, b, b), strict=True)]
    return np.sqrt(np.maximum(squared[0] - 2 * squared[1] + squared[2], 0.0))
