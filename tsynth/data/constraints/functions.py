"""Columns that other columns tell by arithmetic: a line, a clock, a running maximum, the place of the row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.compiled.totals import running_maximum
from tsynth.data.arrow_types import parse
from tsynth.data.constraints import lattice
from tsynth.data.constraints.base import ORDER, Constraint, register
from tsynth.data.constraints.columns import drop, free_name, put, take_off
from tsynth.data.schema import Column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.sequences import Sequences
    from tsynth.data.streams import Streams

__all__ = ["Advance", "FirstRow", "Linear", "RunningMaximum", "RunningMinimum"]

FREE = 1e-9
"""Relative tolerance of numbers that have no last decimal."""


def unit_of(data: Sequences, name: str) -> float:
    """One unit of the last decimal; 0 for whole numbers, which must agree exactly, and where there is none."""
    digits = lattice.decimals(data, name)
    return float(10.0**-digits) if digits else 0.0


def near(a: NDArray[np.float64], b: NDArray[np.float64], unit: float) -> NDArray[np.bool_]:
    """Whether numbers agree within one unit of the last decimal; a null agrees with a null."""
    close = np.abs(a - b) <= unit + FREE * np.maximum(1.0, np.abs(a))
    return close | (np.isnan(a) & np.isnan(b))


def numbers(data: Sequences, name: str) -> NDArray[np.float64]:
    """A column with one number a row; of a category its levels, where they are numbers."""
    column = data.schema[name]
    if column.discrete:
        levels = np.array([float(v) for v in lattice.levels(column)] + [np.nan])
        return lattice.in_rows(data, name, levels[np.maximum(data.codes(name), -1)])
    return lattice.in_rows(data, name, data.numeric(name))


def back(values: NDArray[np.float64], column: Column) -> Any:
    """Numbers as an Arrow array of the column, whether they are its values or its levels."""
    if not column.discrete:
        return lattice.typed(values, column)
    levels = lattice.levels(column)
    known = np.array([float(v) for v in levels])
    order = np.argsort(known)
    at = np.clip(np.searchsorted(known[order], values), 0, len(known) - 1)
    codes = np.where(known[order][at] == values, order[at], -1)
    return lattice.decoded(codes, levels, parse(column.dtype))


@register
@dataclass(frozen=True, kw_only=True)
class Linear(Constraint):
    """A number that is a constant times another plus a constant, within one unit of its last decimal.

    Parameters
    ----------
    columns : (str, str)
        The column that is told, and the one that tells it.
    factor, offset : float
    """

    name: ClassVar[str] = "function"
    form: ClassVar[str] = "linear"

    factor: float = 1.0
    offset: float = 0.0

    def sentence(self) -> str:
        target, source = self.columns
        if self.factor == 1 and self.offset == 0:
            return f"{target} equals {source}"
        product = source if self.factor == 1 else f"{self.factor:g} * {source}"
        if self.offset == 0:
            return f"{target} = {product}"
        return f"{target} = {product} {'+' if self.offset > 0 else '-'} {abs(self.offset):g}"

    def learned(self, data: Sequences) -> Self:
        target, source = (numbers(data, name) for name in self.columns)
        both = np.flatnonzero(np.isfinite(target) & np.isfinite(source))
        rule = replace(self, lost=take_off(data.schema, self.columns[:1]))
        if len(both) < 2:
            return rule
        both = both[np.linspace(0, len(both) - 1, min(len(both), 2000)).astype(np.int64)]
        y, x = target[both], source[both]
        order = np.argsort(x, kind="stable")
        y, x, half = y[order], x[order], len(order) // 2
        run = x[half : 2 * half] - x[:half]
        rise = (y[half : 2 * half] - y[:half])[run > 0]
        if not len(rise):
            return rule
        slope = float(np.median(rise / run[run > 0]))
        digits = lattice.decimals(data, self.columns[0])
        options = [1.0, *(float(f"{slope:.{n}g}") for n in (1, 2, 3, 4, 6, 9)), slope]
        best, most = rule, -1.0
        for factor in options:
            offset = float(np.median(y - factor * x))
            for o in dict.fromkeys([0.0, offset if digits is None else round(offset, digits), offset]):
                share = float(np.mean(near(y, factor * x + o, unit_of(data, self.columns[0]))))
                if share > most + 1e-3:
                    best, most = replace(rule, factor=factor, offset=o), share
        return best

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        target, source = (numbers(data, name) for name in self.columns)
        held = near(target, self.factor * source + self.offset, unit_of(data, self.columns[0]))
        return held, ~(np.isnan(target) & np.isnan(source))

    def remove(self, data: Sequences) -> Sequences:
        return drop(data, self.columns[:1])

    def restore(self, data: Sequences, streams: Streams | None = None) -> Sequences:
        column, source = self.lost[0].column, data.schema[self.columns[1]]
        if self.factor == 1 and self.offset == 0 and source.dtype == column.dtype:
            array = data.column(source.name)
        else:
            array = lattice.typed(self.factor * data.numeric(source.name) + self.offset, column)
        return put(data, self.lost, {column.name: array})


@register
@dataclass(frozen=True, kw_only=True)
class Advance(Constraint):
    """A number that goes with the clock: its value in the entity's first row plus a rate times the time since.

    The age of a patient, the years since a graft. Its value in the first row becomes a static column. Whole numbers
    and numbers with decimals may be cut to their grid (an age in full years); without decimals it comes back within
    1e-9 of itself.

    Parameters
    ----------
    columns : (str, str)
        The column, and the time column.
    rate : float
        Change per time unit.
    digits : int, optional
        Decimals of its grid.
    start_column : str
        Static column that `remove` adds.
    typical : float
        Start where that column is null.
    """

    name: ClassVar[str] = "function"
    form: ClassVar[str] = "of time"

    rate: float = 1.0
    digits: int | None = None
    start_column: str = ""
    typical: float = 0.0

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({*self.columns[1:], ORDER})

    def sentence(self) -> str:
        rate = "" if self.rate == 1 else f"{self.rate:.6g} * "
        return f"{self.columns[0]} = its first value + {rate}time since the first row"

    def _since(self, data: Sequences) -> NDArray[np.float64]:
        return data.time - np.repeat(
            data.time[data.offsets[:-1][data.lengths > 0]], data.lengths[data.lengths > 0]
        )

    def _rest(self, data: Sequences) -> NDArray[np.float64]:
        """The column without the clock's part: constant in an entity, up to the grid."""
        return data.numeric(self.columns[0]) - self.rate * self._since(data)

    def learned(self, data: Sequences) -> Self:
        values, since = data.numeric(self.columns[0]), self._since(data)
        last = data.offsets[1:][data.lengths > 1] - 1
        first = data.offsets[:-1][data.lengths > 1]
        run, rise = since[last], values[last] - values[first]
        usable = (run > 0) & np.isfinite(rise)
        digits = lattice.decimals(data, self.columns[0])
        rate = float(rise[usable].sum() / run[usable].sum()) if usable.any() else 0.0
        rule = replace(self, digits=digits, rate=rate)
        if rate:
            # Cut to a grid, each entity's change is off by half a unit or so, and the rate with it.
            unit = 0.0 if digits is None else 10.0**-digits
            doubt = max(2e-3, 2 * unit * np.sqrt(usable.sum()) / abs(rise[usable].sum()))
            options = [rate, *(k for k in RATES if abs(k / rate - 1) < doubt)]
            shares = [replace(self, digits=digits, rate=k)._agreeing(data) for k in options]
            best = max(range(len(options)), key=lambda i: (shares[i], i))
            rule = replace(rule, rate=options[best])
        start = rule._starts(data)
        start = start[np.isfinite(start)]
        return replace(
            rule,
            lost=take_off(data.schema, self.columns[:1]),
            start_column=free_name(data.schema, f"{self.columns[0]} at first"),
            typical=float(np.median(start)) if len(start) else 0.0,
        )

    def _starts(self, data: Sequences) -> NDArray[np.float64]:
        """Value of each entity at its first row, not cut to the grid; NaN where it has none."""
        rest = self._rest(data)
        start = np.full(data.n_entities, np.nan)
        kept = np.isfinite(rest)
        owner, rest = data.entity_of_row[kept], rest[kept]
        order = np.lexsort((rest, owner))
        owner, rest = owner[order], rest[order]
        has, first, many = np.unique(owner, return_index=True, return_counts=True)
        low, high = rest[first], rest[first + many - 1]
        middle = (rest[first + (many - 1) // 2] + rest[first + many // 2]) / 2
        if self.digits is not None:
            # Cut to the grid, every row says: start is in [rest, rest + unit). The middle of what all allow.
            unit = 10.0**-self.digits
            middle = np.where(high < low + unit, (high + low + unit) / 2, middle + unit / 2)
        start[has] = middle
        return start

    def _agreeing(self, data: Sequences) -> float:
        """Share of the entities whose rows all agree on a start."""
        rest = self._rest(data)
        kept = np.isfinite(rest)
        low, high = np.full(data.n_entities, np.inf), np.full(data.n_entities, -np.inf)
        np.minimum.at(low, data.entity_of_row[kept], rest[kept])
        np.maximum.at(high, data.entity_of_row[kept], rest[kept])
        several = high >= low
        unit = 1e-6 * np.maximum(1.0, np.abs(low)) if self.digits is None else 10.0**-self.digits
        return float(np.mean((high < low + unit)[several])) if several.any() else 0.0

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        rest = self._rest(data)
        unit = 0.0 if self.digits is None else 10.0**-self.digits
        start = np.repeat(self._starts(data) - unit / 2, data.lengths)
        held = np.abs(rest - start) <= unit + 1e-6 * np.maximum(1.0, np.abs(start)) * (self.digits is None)
        moving = np.bincount(data.entity_of_row, self._since(data) > 0, data.n_entities) > 0
        return held, np.isfinite(rest) & np.repeat(moving, data.lengths)

    def remove(self, data: Sequences) -> Sequences:
        start = self._starts(data)
        seen = start[np.isfinite(start)]
        column = Column(
            self.start_column, kind="continuous", static=True, nullable=len(seen) < len(start), dtype="double",
            bounds=(float(seen.min()), float(seen.max())) if len(seen) else None,
            reason=f"{self.columns[0]} in the first row",
        )  # fmt: skip
        schema = data.schema.with_columns([*(c for c in data.schema if c.name != self.columns[0]), column])
        return data.with_columns({column.name: lattice.typed(start, column)}, schema)

    def restore(self, data: Sequences, streams: Streams | None = None) -> Sequences:
        start = np.nan_to_num(data.numeric(self.start_column), nan=self.typical)
        values = np.repeat(start, data.lengths) + self.rate * self._since(data)
        if self.digits is not None:
            values = np.floor(values * 10.0**self.digits + 1e-6) / 10.0**self.digits
        column = self.lost[0].column
        return put(data, self.lost, {column.name: lattice.typed(values, column)}, [self.start_column])


_TIMES = (
    1.0,
    7.0,
    12.0,
    24.0,
    30.4375,
    52.1775,
    60.0,
    365.0,
    365.25,
    1440.0,
    3600.0,
    8766.0,
    86400.0,
    31557600.0,
)
RATES = tuple(sign * rate for times in _TIMES for rate in (times, 1 / times) for sign in (1, -1))
"""Rates between units of time, one of which a rate becomes where it is as near as it can be told and rows agree."""


@register
@dataclass(frozen=True, kw_only=True)
class RunningMaximum(Constraint):
    """The largest value that another column has had so far in the entity.

    Parameters
    ----------
    columns : (str, str)
        The maximum, and the column it is of.
    """

    name: ClassVar[str] = "function"
    form: ClassVar[str] = "running maximum"

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({*self.columns[1:], ORDER})

    def sentence(self) -> str:
        return f"{self.columns[0]} = largest {self.columns[1]} so far"

    def learned(self, data: Sequences) -> Self:
        return replace(self, lost=take_off(data.schema, self.columns[:1]))

    def _so_far(self, data: Sequences) -> NDArray[np.float64]:
        highest: NDArray[np.float64] = running_maximum(data.offsets, numbers(data, self.columns[1]))
        return highest

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        return near(numbers(data, self.columns[0]), self._so_far(data), 0.0), np.ones(data.n_rows, np.bool_)

    def remove(self, data: Sequences) -> Sequences:
        return drop(data, self.columns[:1])

    def restore(self, data: Sequences, streams: Streams | None = None) -> Sequences:
        column = self.lost[0].column
        return put(data, self.lost, {column.name: back(self._so_far(data), column)})


@register
@dataclass(frozen=True, kw_only=True)
class RunningMinimum(RunningMaximum):
    """The smallest value that another column has had so far in the entity.

    Parameters
    ----------
    columns : (str, str)
        The minimum, and the column it is of.
    """

    form: ClassVar[str] = "running minimum"

    def sentence(self) -> str:
        return f"{self.columns[0]} = smallest {self.columns[1]} so far"

    def _so_far(self, data: Sequences) -> NDArray[np.float64]:
        highest: NDArray[np.float64] = running_maximum(data.offsets, -numbers(data, self.columns[1]))
        return -highest


@register
@dataclass(frozen=True, kw_only=True)
class FirstRow(Constraint):
    """A flag of the first row: one value in the first row of an entity, another in all others.

    Parameters
    ----------
    columns : (str,)
    values : (value, value)
        In the first row, and later.
    """

    name: ClassVar[str] = "function"
    form: ClassVar[str] = "first row"

    values: tuple[Any, ...] = ()

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({ORDER})

    def sentence(self) -> str:
        return (
            f"{self.columns[0]} is {self.values[0]} in the first row of an entity and {self.values[1]} later"
        )

    def learned(self, data: Sequences) -> Self:
        first, later = data.step_of_row == 0, data.step_of_row > 0
        values = tuple(_usual(data, self.columns[0], rows) for rows in (first, later))
        return replace(self, values=values, lost=take_off(data.schema, self.columns))

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        first, later = (lattice.values_of(data.column(self.columns[0]), (v,)) == 0 for v in self.values)
        return np.where(data.step_of_row == 0, first, later), np.ones(data.n_rows, np.bool_)

    def remove(self, data: Sequences) -> Sequences:
        return drop(data, self.columns)

    def restore(self, data: Sequences, streams: Streams | None = None) -> Sequences:
        column = self.lost[0].column
        codes = np.where(data.step_of_row == 0, 0, 1)
        codes = np.where([v is None for v in self.values], -1, [0, 1])[codes]
        return put(data, self.lost, {column.name: lattice.decoded(codes, self.values, parse(column.dtype))})


def _usual(data: Sequences, name: str, rows: NDArray[np.bool_]) -> Any:
    counts = pc.value_counts(data.column(name).filter(pa.array(rows))).to_pylist()
    return max(counts, key=lambda c: c["counts"])["values"] if counts else None
