"""Does a row depend on the rows before it as it really does?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.scores.parts import Part, PartsScore, Prepared
from tsynth.scores.ruler import Grid, Ruler
from tsynth.scores.times import between
from tsynth.scores.weights import Counts
from tsynth.scores.words import number, share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["Autocorrelation"]

LAGS, LONG = 12, 3
MOMENTS = 6


class Autocorrelation(PartsScore):
    """Mean gap between the dependences of a row on the rows before it in its entity.

    A numeric column: half the difference of the correlations of normal scores, at lag 1, and up to lag 12 where
    sequences are long (a quarter of the median length), averaged. Where three lags are seen, the same of the
    distance from the middle: calm and wild times. A category: the difference in the share of rows that repeat the
    value so many rows before. The time between rows is a column too.

    References
    ----------
    .. [1] Box, Jenkins, Reinsel, Ljung (2015), *Time Series Analysis*, sec. 2.1: the autocorrelation function.
    .. [2] Cont (2001), "Empirical properties of asset returns", Quantitative Finance 1: correlation of sizes.

    Examples
    --------
    >>> Autocorrelation.question
    'Does a row depend on the rows before it as it really does?'
    """

    name, title = "autocorrelation", "Memory"
    question = "Does a row depend on the rows before it as it really does?"
    group = "fidelity"
    counts_as_fidelity = True
    cannot_see = (
        "memory longer than the lags",
        "one column driving another later",
        "dependence that has no sign",
    )

    def nothing(self) -> str:
        """No pair of rows."""
        return "no column varies, or no entity has two rows"

    def parts(self, ruler: Ruler, reference: Sequences, candidate: Sequences, streams: Streams) -> list[Part]:
        """A part a column and kind of memory."""
        if not all((d.lengths > 1).any() for d in (ruler.train, reference, candidate)):
            return []
        lags = int(np.clip(np.median(ruler.train.lengths) // 4, 1, LAGS))
        sides = (reference, candidate)
        found = []
        for column in ruler.varied:
            if column.static:
                continue
            if column.discrete:
                tables = tuple(_same(d, ruler.discrete(d, column.name), lags) for d in sides)
                found.append(_part(column.name, "same", tables))
                continue
            values = [ruler.grid(column.name).normal(d.numeric(column.name)) for d in sides]
            found += _numeric(column.name, sides, values, lags)
        if ruler.schema.time is not None:
            waits = between(ruler.train)
            known = waits[np.isfinite(waits)]
            if len(known) and known.min() < known.max():
                grid = Grid.learn(waits)
                found += _numeric("time between rows", sides, [grid.normal(between(d)) for d in sides], lags)[
                    :1
                ]
        return found

    def curve(self, prepared: Prepared) -> dict[str, Any]:
        """The memory of each column by lag."""
        shown = []
        for part in sorted(prepared.parts, key=lambda p: (-p.gap(), p.label)):
            what = part.extra["what"]
            real, made = (_memory(what, c.total()) for c in part.counts)
            entry = {"name": part.extra["column"], "what": what}
            shown.append({**entry, "real": [float(x) for x in real], "synthetic": [float(x) for x in made]})
        return {"lags": list(range(1, len(shown[0]["real"]) + 1)), "columns": shown}


def _numeric(
    name: str, sides: tuple[Sequences, ...], values: list[NDArray[np.float64]], lags: int
) -> list[Part]:
    parts = [_part(name, "level", tuple(_moments(d, v, lags) for d, v in zip(sides, values, strict=True)))]
    if lags >= LONG:
        sizes = tuple(_moments(d, np.abs(v), lags) for d, v in zip(sides, values, strict=True))
        parts.append(_part(name, "size", sizes))
    return parts


def _part(name: str, what: str, tables: tuple[Counts, ...]) -> Part:
    def gap(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
        apart: NDArray[np.float64] = np.abs(_memory(what, first) - _memory(what, second)).mean(axis=-1)
        return apart if what == "same" else apart / 2

    label = name if what != "size" else f"size of {name}"
    return Part(label, tables, gap, partial(_say, name, what), extra={"what": what, "column": name})


def _lagged(data: Sequences, lag: int) -> NDArray[np.int64]:
    """Rows that have a row of their entity `lag` rows before."""
    return np.flatnonzero(data.step_of_row >= lag)


def _same(data: Sequences, codes: NDArray[np.int64], lags: int) -> Counts:
    columns = []
    for lag in range(1, lags + 1):
        later = _lagged(data, lag)
        entity = data.entity_of_row[later]
        columns.append(np.bincount(entity, minlength=data.n_entities))
        columns.append(np.bincount(entity, codes[later] == codes[later - lag], data.n_entities))
    return Counts.dense(np.column_stack(columns).astype(np.float64))


def _moments(data: Sequences, values: NDArray[np.float64], lags: int) -> Counts:
    columns = []
    for lag in range(1, lags + 1):
        later = _lagged(data, lag)
        later = later[np.isfinite(values[later]) & np.isfinite(values[later - lag])]
        x, y = values[later - lag], values[later]
        entity = data.entity_of_row[later]
        for amount in (np.ones(len(x)), x, y, x * y, x * x, y * y):
            columns.append(np.bincount(entity, amount, data.n_entities))
    return Counts.dense(np.column_stack(columns))


def _memory(what: str, totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation, or share of equal rows, at each lag; 0 where nothing varies."""
    if what == "same":
        n, same = np.moveaxis(totals.reshape(*totals.shape[:-1], -1, 2), -1, 0)
        return same / np.maximum(n, 1)
    n, x, y, xy, xx, yy = np.moveaxis(totals.reshape(*totals.shape[:-1], -1, MOMENTS), -1, 0)
    n = np.maximum(n, 1)
    spread = np.maximum(xx / n - (x / n) ** 2, 0) * np.maximum(yy / n - (y / n) ** 2, 0)
    known = spread > 1e-12
    out: NDArray[np.float64] = np.where(
        known, (xy / n - x * y / n**2) / np.sqrt(np.where(known, spread, 1)), 0.0
    )
    return np.clip(out, -1, 1)


def _say(name: str, what: str, first: NDArray[np.float64], second: NDArray[np.float64]) -> str:
    real, made = _memory(what, first), _memory(what, second)
    at = int(np.argmax(np.abs(real - made)))
    back = "the row before" if at == 0 else f"{at + 1} rows before"
    if what == "same":
        both = f"in {share(real[at])} of real rows, in {share(made[at])} of synthetic ones"
        return f"{name} is the same as {back} {both}."
    subject = f"How far {name} lies from its middle" if what == "size" else name
    return (
        f"{subject} goes with that of {back} with a correlation of {number(real[at])} in real data, "
        f"{number(made[at])} in synthetic data."
    )
