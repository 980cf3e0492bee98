"""A category that the size of a number tells: a flag that is up from a threshold on, a band of ages."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from tsynth.data.arrow_types import parse
from tsynth.data.constraints import lattice
from tsynth.data.constraints.base import Constraint, register
from tsynth.data.constraints.columns import drop, put, take_off
from tsynth.data.constraints.screen import look, minor, says

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.constraints.evidence import Halves
    from tsynth.data.schema import Column
    from tsynth.data.sequences import Sequences
    from tsynth.data.streams import Streams

__all__ = ["Threshold", "find_thresholds", "roundest"]


@register
@dataclass(frozen=True, kw_only=True)
class Threshold(Constraint):
    """A category that is told by which of a few intervals a number lies in.

    Parameters
    ----------
    columns : (str, str)
        The category, and the number.
    values : tuple of level
        The level of each interval, from the lowest.
    cuts : tuple of float
        Where an interval begins, one fewer than `values`.
    blank : level, optional
        The level where the number is null.
    """

    name: ClassVar[str] = "function"
    form: ClassVar[str] = "threshold"

    values: tuple[Any, ...] = ()
    cuts: tuple[float, ...] = ()
    blank: Any = None

    def sentence(self) -> str:
        target, source = self.columns
        if not self.values:
            return f"{target} is told by the size of {source}"
        if len(self.values) == 2:
            low, high = self.values
            return f"{target} is {high} where {source} >= {self.cuts[0]:.10g}, else {low}"
        bands = [f"{self.values[0]} below {self.cuts[0]:.10g}"]
        bands += [f"{v} from {c:.10g}" for v, c in zip(self.values[1:], self.cuts, strict=True)]
        return f"{target} is told by {source}: {', '.join(bands)}"

    def learned(self, data: Sequences) -> Self:
        target, source = self.columns
        column = data.schema[target]
        codes = lattice.in_rows(data, target, data.codes(target))
        x = lattice.in_rows(data, source, data.numeric(source))
        known = np.isfinite(x)
        rule = replace(self, lost=take_off(data.schema, [target]))
        if not known.any():
            return rule
        if not known.all():
            code = codes[~known]
            most = int(np.bincount(code + 1).argmax()) - 1 if len(code) else -1
            rule = replace(rule, blank=None if most < 0 else lattice.levels(column)[most])
        ranks, cuts = _bands(x[known], codes[known])
        values = tuple(None if c < 0 else lattice.levels(column)[c] for c in ranks)
        return replace(rule, values=values, cuts=cuts)

    def _places(self, data: Sequences, static: bool) -> NDArray[np.int64]:
        """Number of the interval, the number of intervals where the number is null."""
        x = data.numeric(self.columns[1])
        places = np.searchsorted(np.array(self.cuts), x, side="right")
        places = np.where(np.isnan(x), len(self.values), places)
        return places if static else lattice.in_rows(data, self.columns[1], places)

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        values = (*self.values, self.blank)
        kinds = tuple(dict.fromkeys(values))
        own = lattice.in_rows(data, self.columns[0], lattice.values_of(data.column(self.columns[0]), kinds))
        told = np.array([kinds.index(v) for v in values])[self._places(data, False)]
        return own == told, np.ones(data.n_rows, np.bool_)

    def remove(self, data: Sequences) -> Sequences:
        return drop(data, self.columns[:1])

    def restore(self, data: Sequences, streams: Streams | None = None) -> Sequences:
        column = self.lost[0].column
        values = (*self.values, self.blank)
        kinds = tuple(v for v in dict.fromkeys(values) if v is not None)
        codes = np.array([-1 if v is None else kinds.index(v) for v in values], dtype=np.int64)
        codes = codes[self._places(data, column.static)]
        return put(data, self.lost, {column.name: lattice.decoded(codes, kinds, parse(column.dtype))})


def _bands(x: NDArray[np.float64], codes: NDArray[np.int64]) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Codes from the lowest interval on, and where each but the first begins; one code where they do not follow."""
    order = np.argsort(x, kind="stable")
    x, codes = x[order], codes[order]
    ranks = sorted(np.unique(codes).tolist(), key=lambda c: float(np.median(x[codes == c])))
    cuts = []
    for a, b in pairwise(ranks):
        pair = (codes == a) | (codes == b)
        cuts.append(_cut(x[pair], codes[pair] == b))
    if any(b <= a for a, b in pairwise(cuts)):
        return tuple(ranks[:1]), ()
    return tuple(ranks), tuple(cuts)


def _cut(x: NDArray[np.float64], upper: NDArray[np.bool_]) -> float:
    """Where the upper level begins with fewest errors, as round a number as the gap there allows; `x` is sorted."""
    values, first = np.unique(x, return_index=True)
    above = np.cumsum(upper[::-1])[::-1][first]
    errors = (int(upper.sum()) - above) + (len(x) - first - above)
    if len(values) < 2:
        return float(values[0])
    best = int(np.argmin(errors[1:])) + 1
    return roundest(float(values[best - 1]), float(values[best]))


def roundest(low: float, high: float) -> float:
    """The roundest number above `low` and not above `high`: a multiple of the largest power of ten, or half of one."""
    if low < 0.0 <= high:
        return 0.0
    for power in range(math.ceil(math.log10(max(abs(low), abs(high), 1e-12))) + 1, -13, -1):
        for step in (10.0**power, 5.0 * 10.0 ** (power - 1)):
            cut = (math.floor(low / step) + 1) * step
            cut = round(cut, max(0, 1 - power))
            if low < cut <= high:
                return cut
    return high


# -- finding

MOST = 12
"""Levels of a category."""
KINDS = 5
STRAY = 0.05


def find_thresholds(halves: Halves, taken: set[str]) -> list[Constraint]:
    """Categories of 2 to 12 levels that one number, of five values or more, tells by its size.

    On a few rows the levels must follow each other as the number grows, but for .05 of the rows that do not have
    the most frequent level. The category must say something
    (`tsynth.data.constraints.screen.says`).
    """
    screen = look(halves, taken)
    data = halves.first
    numbers = [
        i for i in range(len(screen)) if screen.columns[i].kind != "datetime" and screen.kinds(i) >= KINDS
    ]
    targets = [c for c in data.schema if _banded(c) and c.name not in taken]
    if not numbers or not targets:
        return []
    sorts = {i: np.argsort(screen.values[:, i], kind="stable") for i in numbers}
    found: list[Constraint] = []
    for column in targets:
        codes = lattice.in_rows(data, column.name, data.codes(column.name))[screen.rows].astype(np.int64)
        levels = len(np.unique(codes))
        few = int(minor(codes.astype(np.float64)).sum())
        if not 2 <= levels <= MOST:
            continue
        options = []
        for i in numbers:
            source = screen.columns[i]
            if (column.static and not source.static) or (source.name in taken and source.role != "time"):
                continue
            ordered = codes[sorts[i]][np.isfinite(screen.values[sorts[i], i])]
            changes = int(np.sum(ordered[1:] != ordered[:-1]))
            if changes <= levels - 1 + 2 * STRAY * few and _mostly(screen.values[:, i], codes):
                options.append((changes, i))
        for _, i in sorted(options):
            rule = Threshold(columns=(column.name, screen.columns[i].name)).learned(data)
            if (
                len(rule.values) < 2
                or not rule.holds(data) >= halves.threshold
                or not says(rule, halves, rule.columns[:1])
            ):
                continue
            if (confirmed := halves.confirm(rule)) is not None:
                found.append(confirmed)
                taken.add(column.name)
                break
    return found


def _mostly(x: NDArray[np.float64], codes: NDArray[np.int64]) -> bool:
    """Whether bands learned from these rows are right in .98 of them, and in .9 of those without the usual code."""
    known = np.isfinite(x)
    x, codes = x[known], codes[known]
    if len(np.unique(codes)) < 2:
        return False
    ranks, cuts = _bands(x, codes)
    right = np.array(ranks)[np.searchsorted(np.array(cuts), x, side="right")] == codes
    return bool(
        len(ranks) > 1 and np.mean(right) >= 0.98 and np.mean(right[minor(codes.astype(np.float64))]) >= 0.9
    )


def _banded(column: Column) -> bool:
    return (
        column.discrete
        and column.role not in ("entity", "party", "mark", "arm", "event")
        and 2 <= len(lattice.levels(column)) <= MOST
    )
