"""Columns that the time tells: its hour, weekday, month; a flag of weekends or nights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pyarrow.compute as pc

from tsynth.compiled.lookups import right_shares
from tsynth.data.arrow_types import parse
from tsynth.data.clock import TICKS, wall_ticks
from tsynth.data.constraints import lattice
from tsynth.data.constraints.base import Constraint, register
from tsynth.data.constraints.columns import drop, put, take_off
from tsynth.data.constraints.screen import RIGHT, minor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.constraints.evidence import Halves
    from tsynth.data.schema import Column
    from tsynth.data.sequences import Sequences
    from tsynth.data.streams import Streams

__all__ = ["ClockPart", "find_clock_parts"]

PARTS = ("weekday", "hour", "month", "quarter", "day of the month", "year", "minute")


@register
@dataclass(frozen=True, kw_only=True)
class ClockPart(Constraint):
    """A column that one part of the time tells, by a table.

    Parameters
    ----------
    columns : (str, str)
        The column that is told, and the time column.
    part : str
        One of `PARTS`; of a time that is a number of hours or days only "weekday" (which day of seven) and "hour".
    table : tuple of (int, value)
        What each value of the part tells; None is a null.
    usual : object
        Value for parts that were not seen.
    """

    name: ClassVar[str] = "function"
    form: ClassVar[str] = "clock"

    part: str = "weekday"
    table: tuple[tuple[int, Any], ...] = ()
    usual: Any = None

    def sentence(self) -> str:
        target, time = self.columns
        return f"{target} {'is' if self._same else 'is told by'} the {self.part} of {time}"

    @property
    def _same(self) -> bool:
        return bool(self.table) and all(key == value for key, value in self.table)

    def learned(self, data: Sequences) -> Self:
        part = parts_of(data, self.part)
        values = _values(data, self.columns[0])
        own = lattice.values_of(data.column(self.columns[0]), values)
        keys, at = np.unique(part, return_inverse=True)
        wide = len(values)
        votes = np.bincount(at.ravel() * wide + own, minlength=len(keys) * wide).reshape(-1, wide)
        table = tuple((int(k), values[v]) for k, v in zip(keys, votes.argmax(axis=1), strict=True))
        usual = values[int(votes.sum(axis=0).argmax())] if len(votes) else None
        return replace(self, table=table, usual=usual, lost=take_off(data.schema, self.columns[:1]))

    def _told(self, data: Sequences) -> tuple[NDArray[np.int64], tuple[Any, ...]]:
        """Place of what each row's time tells, and the values that places mean."""
        part = parts_of(data, self.part)
        if self._same and isinstance(self.usual, int) and not isinstance(self.usual, bool):
            kinds: tuple[Any, ...] = tuple(np.unique(part).tolist())
            return np.searchsorted(np.array(kinds), part), kinds
        kinds = tuple(dict.fromkeys([*(value for _, value in self.table), self.usual]))
        keys = np.array([key for key, _ in self.table], dtype=np.int64)
        told = np.array([*(kinds.index(v) for _, v in self.table), kinds.index(self.usual)], dtype=np.int64)
        at = np.minimum(np.searchsorted(keys, part), len(keys) - 1)
        return told[np.where(keys[at] == part, at, len(keys))], kinds

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        told, kinds = self._told(data)
        own = lattice.values_of(data.column(self.columns[0]), kinds)
        return own == told, np.ones(data.n_rows, np.bool_)

    def remove(self, data: Sequences) -> Sequences:
        return drop(data, self.columns[:1])

    def restore(self, data: Sequences, streams: Streams | None = None) -> Sequences:
        column = self.lost[0].column
        told, kinds = self._told(data)
        codes = np.array([-1 if v is None else i for i, v in enumerate(kinds)], dtype=np.int64)[told]
        made = lattice.decoded(codes, kinds, parse(column.dtype))
        return put(data, self.lost, {column.name: made})


def parts_of(data: Sequences, part: str) -> NDArray[np.int64]:
    """One part of the time of each row: Monday is weekday 0, months and days count from 1."""
    if data.calendar:
        ticks, _, tick = wall_ticks(data.column(str(data.schema.time)))
        seconds = TICKS["s"] // TICKS[tick] if TICKS[tick] <= TICKS["s"] else 0
        day_ticks = TICKS["d"] // TICKS[tick]
        day = ticks // day_ticks
        second = (ticks - day * day_ticks) // seconds if seconds else np.zeros_like(ticks)
    else:
        unit = TICKS[data.schema.time_unit]
        day = np.floor(data.time * (unit / TICKS["d"]) + 1e-9).astype(np.int64)
        second = np.floor((data.time * (unit / TICKS["s"])) - day * 86_400.0 + 1e-6).astype(np.int64)
    if part == "weekday":
        return np.asarray((day + 3) % 7, dtype=np.int64)
    if part == "hour":
        return np.asarray(second // 3600, dtype=np.int64)
    if part == "minute":
        return np.asarray(second // 60 % 60, dtype=np.int64)
    month = day.astype("M8[D]").astype("M8[M]").astype(np.int64)
    if part == "day of the month":
        begin = month.astype("M8[M]").astype("M8[D]").astype(np.int64)
        return np.asarray(day - begin + 1, dtype=np.int64)
    if part == "year":
        return np.asarray(month // 12 + 1970, dtype=np.int64)
    return np.asarray(month % 12 + 1 if part == "month" else month % 12 // 3 + 1, dtype=np.int64)


def _values(data: Sequences, name: str) -> tuple[Any, ...]:
    """Values of a column, null last."""
    column = data.schema[name]
    if column.discrete:
        return (*lattice.levels(column), None)
    return (*sorted(v for v in pc.unique(data.column(name)).to_pylist() if v is not None), None)


# -- finding

ROWS = 1000
FEW_VALUES = 64
ENTITIES = 10
EXACT = 0.999


def find_clock_parts(halves: Halves, taken: set[str]) -> list[Constraint]:
    """Columns of up to 64 values that the hour, weekday, month, quarter, day or year of the time tells.

    The table holds in .999 of the rows of the half that it was not learned from, and in .95 of those (of 10
    entities at least) that do not have the most frequent value; three values of the part must occur.
    """
    data = halves.first
    unit = data.schema.time_unit
    if data.schema.time is None or not (data.calendar or unit in TICKS) or data.n_rows < ROWS // 10:
        return []
    parts = PARTS if data.calendar else ("weekday", "hour")
    random = np.random.default_rng([halves.seed, 0xC1])
    some = np.sort(random.permutation(data.n_rows)[:ROWS])
    codes = {part: parts_of(data, part) for part in parts}
    codes = {part: code for part, code in codes.items() if len(np.unique(code[some])) >= 3}
    found: list[Constraint] = []
    few = data.keep_rows(np.isin(np.arange(data.n_rows), some))
    for column in data.schema.dynamic:
        if not codes or not _small(few, column) or column.name in taken:
            continue
        own = lattice.values_of(few.column(column.name), _values(few, column.name))
        own = np.maximum(own, 0)
        stack = np.array([own, *(code[some] - code[some].min() for code in codes.values())])
        wide = stack.max(axis=1) + 1
        options = np.arange(1, len(stack))[:, None]
        usual = int(np.bincount(own).argmax())
        shares = right_shares(stack, wide, 0, usual, options, int(wide[1:].max()))
        for at in np.flatnonzero((shares[:, 0] >= 0.98) & (shares[:, 1] >= 0.9)):
            rule = ClockPart(columns=(column.name, str(data.schema.time)), part=list(codes)[at]).learned(data)
            if not rule.holds(data) >= EXACT or not _tells(rule, halves.second):
                continue
            confirmed = halves.confirm(rule)
            if confirmed is not None and confirmed.share >= EXACT:
                found.append(confirmed)
                taken.add(column.name)
                break
    return found


def _small(data: Sequences, column: Column) -> bool:
    if column.role in ("party", "mark", "event") or column.kind == "datetime":
        return False
    if column.discrete:
        return 2 <= len(lattice.levels(column)) <= FEW_VALUES
    return 2 <= pc.count_distinct(data.column(column.name)).as_py() <= FEW_VALUES


def _tells(rule: ClockPart, data: Sequences) -> bool:
    held, _ = rule.check(data)
    column = data.schema[rule.columns[0]]
    own = data.codes(column.name).astype(np.float64) if column.discrete else data.numeric(column.name)
    few = minor(own)
    return len(np.unique(data.entity_of_row[few])) >= ENTITIES and float(np.mean(held[few])) >= RIGHT
