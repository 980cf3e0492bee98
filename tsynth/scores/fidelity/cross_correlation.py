"""Does one column drive another later as it really does?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.scores.base import DoesNotApply
from tsynth.scores.lagged import standardised
from tsynth.scores.parts import CELL, Part, PartsScore, Prepared
from tsynth.scores.ruler import Ruler
from tsynth.scores.weights import Counts
from tsynth.scores.words import number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["CrossCorrelation"]

Line = tuple[str, tuple[int, ...]]
"""A column and, where it is a category, one of its levels."""
LAGS, NUMBERS, LEVELS, SHOWN = 5, 6, 4, 6


class CrossCorrelation(PartsScore):
    """Root mean square gap between the correlations of one column with another a few rows later.

    A number enters in standard deviations from the mean of its entity, extremes clipped; a category as whether it is
    one of its most frequent levels, less how often it is so there; a null counts as the mean. For each pair with a
    number the correlations at lags 1, 2, ... up to 5 (a quarter of the median length) in both directions are compared,
    half their root mean square difference being the gap; lag 0 is left to `pairs`. At most 6 numbers and 4 levels
    enter, those that vary most inside an entity.

    References
    ----------
    .. [1] Box, Jenkins, Reinsel, Ljung (2015), *Time Series Analysis*, sec. 12.1.1: the cross-correlation function.

    Examples
    --------
    >>> CrossCorrelation.question
    'Does one column drive another later as it really does?'
    """

    name, title = "cross_correlation", "One column after another"
    question = "Does one column drive another later as it really does?"
    group = "fidelity"
    counts_as_fidelity = True
    cannot_see = (
        "effects that come more than a few rows later",
        "dependence that has no sign",
        "two columns that act only together",
    )

    def mean(self, gaps: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Root mean square over the pairs, so that one bad pair among many is seen."""
        return np.sqrt(np.mean(np.square(gaps), axis=0))

    def parts(self, ruler: Ruler, reference: Sequences, candidate: Sequences, streams: Streams) -> list[Part]:
        """A part a pair, both directions together."""
        if not all((d.lengths > 1).any() for d in (ruler.train, reference, candidate)):
            raise DoesNotApply("no entity has two rows")
        names, lines = _signals(ruler)
        pairs = [(i, j) for i in range(len(names)) for j in range(i) if not lines[j][1]]
        pairs = [(j, i) for i, j in pairs if lines[i][0] != lines[j][0]]
        if not pairs:
            raise DoesNotApply("there are no two columns, one of them a number, that vary over time")
        lags = int(np.clip(np.median(ruler.train.lengths) // 4, 1, LAGS))
        sides = [_moments(d, _centred(ruler, d, lines), pairs, lags) for d in (reference, candidate)]
        found = []
        for k, (i, j) in enumerate(pairs):
            tables = tuple(Counts.dense(side[k]) for side in sides)
            say = partial(_say, names[i], names[j], lags)
            label = f"{names[i]} and {names[j]}"
            found.append(Part(label, tables, partial(_gap, lags), say, extra={"lags": lags}))
        return found

    def curve(self, prepared: Prepared) -> dict[str, Any]:
        """The correlations of the worst pairs by lag; those before 0 have the second column first."""
        pictures: list[dict[str, Any]] = []
        if prepared.reference.n_entities < CELL:
            return {}
        for part in sorted(prepared.parts, key=lambda p: (-p.gap(), p.label))[:SHOWN]:
            lags = part.extra["lags"]
            real, made = (_correlations(lags, c.total()) for c in part.counts)
            first, second = part.label.split(" and ", 1)
            pictures.append(
                {
                    "kind": "lines",
                    "title": part.label,
                    "x": [*range(-lags, 0), *range(1, lags + 1)],
                    "real": [float(x) for x in real],
                    "synthetic": [float(x) for x in made],
                    "x_label": f"rows from {first} to {second}",
                    "y_label": "correlation",
                }
            )
        return {"pictures": pictures}


def _signals(ruler: Ruler) -> tuple[list[str], list[Line]]:
    """Names of the signals, and of each its column and its level (empty for a number), numbers first."""
    made: list[tuple[float, str, Line]] = []
    for column in ruler.varied:
        if column.static or column.kind == "datetime":
            continue
        lines: list[Line] = [(column.name, ())]
        if column.discrete:
            names = ruler.level_names(column.name, LEVELS)
            two = len(ruler.levels(column.name)) == 2  # the second of two levels says nothing new
            lines = [(f"{column.name}={names[k]}", (k,)) for k in range(1 if two else len(names) - 2)]
        for name, level in lines:
            line = (column.name, level)
            spread = float(np.mean(_centred(ruler, ruler.train, [line]) ** 2))
            if spread > 1e-9:
                made.append((-spread, name, line))
    numbers = sorted(m for m in made if not m[2][1])[:NUMBERS]
    levels = sorted(m for m in made if m[2][1])[:LEVELS]
    return [m[1] for m in (*numbers, *levels)], [m[2] for m in (*numbers, *levels)]


def _centred(ruler: Ruler, data: Sequences, lines: list[Line]) -> NDArray[np.float64]:
    """Signals less the mean of their entity, (rows, signals); 0 where null."""
    out = np.empty((data.n_rows, len(lines)))
    for k, (name, level) in enumerate(lines):
        if level:
            values = (ruler.discrete(data, name, LEVELS) == level[0]).astype(np.float64)
            mean = np.bincount(data.entity_of_row, values, data.n_entities) / np.maximum(data.lengths, 1)
            out[:, k] = values - mean[data.entity_of_row]
        else:
            out[:, k] = np.nan_to_num(standardised(data, data.numeric(name)))
    return out


def _moments(
    data: Sequences, values: NDArray[np.float64], pairs: list[tuple[int, int]], lags: int
) -> list[NDArray[np.float64]]:
    """Of each pair (i, j) an (entities, 3 lags + 3) array: sums of products where j comes -lags..-1 and 1..lags rows
    after i, numbers of products, both sums of squares and the number of rows.
    """
    first, second = (np.array(side) for side in zip(*pairs, strict=True))
    before, after, held = [], [], []
    for lag in range(1, lags + 1):
        later = np.flatnonzero(data.step_of_row >= lag)
        entity = data.entity_of_row[later]
        old, new = values[later - lag], values[later]
        after.append(_sums(entity, old[:, first] * new[:, second], data.n_entities))
        before.append(_sums(entity, new[:, first] * old[:, second], data.n_entities))
        held.append(np.bincount(entity, minlength=data.n_entities).astype(np.float64))
    squares = _sums(data.entity_of_row, values**2, data.n_entities)
    rows = data.lengths.astype(np.float64)
    return [
        np.column_stack([*(b[:, k] for b in before[::-1]), *(a[:, k] for a in after), *held,
                         squares[:, i], squares[:, j], rows])
        for k, (i, j) in enumerate(pairs)
    ]  # fmt: skip


def _sums(entity: NDArray[np.int64], values: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Sums over the rows of each entity; rows come in entity order."""
    out = np.zeros((n, values.shape[1]))
    if len(entity):
        starts = np.flatnonzero(np.r_[True, entity[1:] != entity[:-1]])
        out[entity[starts]] = np.add.reduceat(values, starts, axis=0)
    return out


def _correlations(lags: int, totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlations at lags -lags..-1 and 1..lags; 0 where nothing varies."""
    products, held = totals[..., : 2 * lags], totals[..., 2 * lags : 3 * lags]
    held = np.maximum(np.concatenate([held[..., ::-1], held], axis=-1), 1e-300)
    rows = np.maximum(totals[..., -1:], 1e-300)
    spread = np.sqrt(totals[..., -3:-2] * totals[..., -2:-1]) / rows
    return np.clip(
        np.divide(products / held, spread, out=np.zeros_like(products), where=spread > 1e-9), -1, 1
    )


def _gap(lags: int, first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    apart = _correlations(lags, first) - _correlations(lags, second)
    out: NDArray[np.float64] = np.sqrt(np.mean(np.square(apart), axis=-1)) / 2
    return out


def _say(a: str, b: str, lags: int, first: NDArray[np.float64], second: NDArray[np.float64]) -> str:
    real, made = _correlations(lags, first), _correlations(lags, second)
    at = int(np.argmax(np.abs(real - made)))
    lag = at - lags if at < lags else at - lags + 1
    old, new = (a, b) if lag > 0 else (b, a)
    when = "the row before" if abs(lag) == 1 else f"{abs(lag)} rows before"
    return (
        f"{new} goes with {old} of {when} with a correlation of {number(real[at])} in real data, "
        f"{number(made[at])} in synthetic data."
    )
