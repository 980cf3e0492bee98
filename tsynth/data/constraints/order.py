"""Rules in the order of an entity's rows: columns that only rise, states that are never left, values used once."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.compiled.order import rise, steps_between
from tsynth.data.arrow_types import parse
from tsynth.data.constraints import lattice
from tsynth.data.constraints.base import ORDER, Constraint, register
from tsynth.data.constraints.columns import free_name, put, take_off
from tsynth.data.schema import Column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.constraints.evidence import Halves
    from tsynth.data.sequences import Sequences
    from tsynth.data.streams import Streams

__all__ = ["Absorbing", "Monotone", "Unique", "find_absorbing", "find_monotone", "find_unique"]


@register
@dataclass(frozen=True, kw_only=True)
class Monotone(Constraint):
    """A number that never falls (or never rises) inside an entity.

    `remove` puts the change since the entity's value before in its place, and its first value in a static column;
    `restore` adds the changes up, until the column's bounds are reached. Nulls stay where they are.

    Parameters
    ----------
    columns : (str,)
    direction : {1, -1}
        1 where it never falls.
    start_column : str
        Static column that `remove` adds.
    change_column : str
        Column that stands in its place.
    typical : float
        Start where that column is null.
    """

    name: ClassVar[str] = "monotone"

    direction: int = 1
    start_column: str = ""
    change_column: str = ""
    typical: float = 0.0

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({ORDER})

    def sentence(self) -> str:
        return f"{self.columns[0]} never {'falls' if self.direction == 1 else 'rises'} inside an entity"

    def learned(self, data: Sequences) -> Self:
        name = self.columns[0]
        first = steps_between(data.offsets, data.numeric(name))[1]
        first = first[np.isfinite(first)]
        return replace(
            self,
            lost=take_off(data.schema, [name]),
            start_column=free_name(data.schema, f"{name} at first"),
            change_column=free_name(data.schema, f"change of {name}"),
            typical=float(np.median(first)) if len(first) else 0.0,
        )

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        values = data.numeric(self.columns[0])
        step, _, later = steps_between(data.offsets, values)
        return self.direction * np.nan_to_num(step) >= 0, later & np.isfinite(values)

    def remove(self, data: Sequences) -> Sequences:
        source = data.schema[self.columns[0]]
        step, first, _ = steps_between(data.offsets, data.numeric(source.name))
        step = step * self.direction
        if source.decimals is not None and source.decimals <= lattice.FINEST:
            step, first = np.round(step, source.decimals), np.round(first, source.decimals)
        seen, known = step[np.isfinite(step)], first[np.isfinite(first)]
        change = replace(
            source,
            name=self.change_column,
            bounds=(0.0, max(0.0, float(seen.max()))) if len(seen) else None,
            kind="continuous" if source.kind == "continuous" else "count",
            role="value",
            reason=f"change of {source.name}",
        )
        start = Column(
            self.start_column, kind="continuous", static=True, nullable=len(known) < len(first), dtype="double",
            decimals=source.decimals, bounds=(float(known.min()), float(known.max())) if len(known) else None,
            reason=f"{source.name} in the first row",
        )  # fmt: skip
        columns = [change if c.name == source.name else c for c in data.schema]
        schema = data.schema.with_columns([*columns, start])
        return data.with_columns(
            {change.name: lattice.typed(step, change), start.name: lattice.typed(first, start)}, schema
        )

    def restore(self, data: Sequences, streams: Streams | None = None) -> Sequences:
        column = self.lost[0].column
        start = np.nan_to_num(data.numeric(self.start_column), nan=self.typical)
        step = np.maximum(data.numeric(self.change_column), 0.0)
        if column.decimals is not None and column.decimals <= lattice.FINEST:
            unit = 10.0**column.decimals
            values = rise(data.offsets, np.rint(start * unit), self.direction * np.rint(step * unit)) / unit
        else:
            values = rise(data.offsets, start, self.direction * step)
        if column.bounds is not None:
            values = np.clip(values, *column.bounds)
        arrays = {column.name: lattice.typed(values, column)}
        return put(data, self.lost, arrays, [self.start_column, self.change_column])


@register
@dataclass(frozen=True, kw_only=True)
class Absorbing(Constraint):
    """A state that an entity never leaves: later rows have it too, or there are none.

    Parameters
    ----------
    columns : (str,)
    level : object
        The state.
    last : bool
        Whether nothing comes after it: `restore` leaves out rows that do. Else they get the state.
    """

    name: ClassVar[str] = "absorbing"

    level: Any = None
    last: bool = False

    @property
    def changes(self) -> frozenset[str]:
        return frozenset({ORDER} if self.last else self.columns)

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({self.columns[0], ORDER})

    @property
    def ready(self) -> bool:
        return True

    def sentence(self) -> str:
        if self.last:
            return f"nothing comes after {self.columns[0]} = {self.level}"
        return f"{self.columns[0]} = {self.level} is never left"

    def _there(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Rows in the state, and rows after the first of those in their entity."""
        there = lattice.values_of(data.column(self.columns[0]), (self.level,)) == 0
        before = np.cumsum(there) - there
        base = np.repeat(before[data.offsets[:-1][data.lengths > 0]], data.lengths[data.lengths > 0])
        return there, before > base

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        there, after = self._there(data)
        if self.last:
            # A row in the state keeps the rule where it is the last one.
            last = np.zeros(data.n_rows, np.bool_)
            last[data.offsets[1:][data.lengths > 0] - 1] = True
            return last, there
        return there, after

    def restore(self, data: Sequences, streams: Streams | None = None) -> Sequences:
        there, after = self._there(data)
        if self.last:
            return data.keep_rows(~after) if after.any() else data
        wrong = after & ~there
        if not wrong.any():
            return data
        codes = np.zeros(data.n_rows, np.int64)
        name = self.columns[0]
        array = data.column(name)
        state = lattice.decoded(codes, (self.level,), array.type)
        if pa.types.is_dictionary(array.type):
            column = data.schema[name]
            levels = lattice.levels(column)
            own = np.where(wrong, levels.index(self.level), data.codes(name))
            return data.with_columns({name: lattice.decoded(own, levels, parse(column.dtype))})
        return data.with_columns({name: pc.if_else(pa.array(wrong), state, array)})


@register
@dataclass(frozen=True, kw_only=True)
class Unique(Constraint):
    """A column that has each value at most once in an entity; `restore` leaves out rows that repeat one.

    Parameters
    ----------
    columns : (str,)
        The column; it may be the time, where no two rows of an entity have the same.
    """

    name: ClassVar[str] = "unique"

    @property
    def changes(self) -> frozenset[str]:
        return frozenset({ORDER})

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({self.columns[0], ORDER})

    @property
    def ready(self) -> bool:
        return True

    def sentence(self) -> str:
        return f"each {self.columns[0]} occurs once at most in an entity"

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        array = data.column(self.columns[0])
        if pa.types.is_dictionary(array.type):
            array = array.cast(array.type.value_type)
        null = np.asarray(pc.is_null(array))
        code = np.asarray(array.combine_chunks().dictionary_encode().indices.fill_null(0), dtype=np.int64)
        return ~repeated(data.entity_of_row, code, ~null), ~null

    def restore(self, data: Sequences, streams: Streams | None = None) -> Sequences:
        held, applies = self.check(data)
        return data.keep_rows(held | ~applies) if not held[applies].all() else data


def repeated(
    entity: NDArray[np.int64], code: NDArray[np.int64], usable: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Rows whose value an earlier row of their entity had."""
    at = np.flatnonzero(usable)
    order = at[np.lexsort((at, code[at], entity[at]))]
    out = np.zeros(len(entity), np.bool_)
    if len(order) > 1:
        out[order[1:]] = (entity[order[1:]] == entity[order[:-1]]) & (code[order[1:]] == code[order[:-1]])
    return out


# -- finding

SURPRISE = 20.0
"""Natural logarithm of how unlikely a rule must be by chance."""


def find_monotone(halves: Halves, taken: set[str]) -> list[Constraint]:
    """Numbers that never fall, or never rise, inside an entity.

    They must change in .02 of the steps between rows of unlike times and in 10 entities, and values shuffled inside
    the entity must keep the rule in at most .9 as many rows.
    """
    data = halves.first
    found: list[Constraint] = []
    for column in data.schema.dynamic:
        if column.name in taken or column.kind not in ("continuous", "count") or column.role == "party":
            continue
        values = data.numeric(column.name)
        step, _, later = steps_between(data.offsets, values)
        apart = later & np.isfinite(values)
        apart[1:] &= data.time[1:] != data.time[:-1]
        moves = apart & (step != 0)
        if moves.sum() < max(ROWS, 0.02 * apart.sum()) or len(np.unique(data.entity_of_row[moves])) < 10:
            continue
        direction = 1 if step[moves].mean() > 0 else -1
        rule = Monotone(columns=(column.name,), direction=direction)
        share = rule.holds(data)
        if not share >= halves.threshold:
            continue
        order = np.lexsort((halves.random.random(data.n_rows), np.isnan(values), data.entity_of_row))
        mixed, _, late = steps_between(data.offsets, values[order])
        if np.mean(direction * mixed[late & np.isfinite(mixed)] >= 0) > 0.9 * share:
            continue
        if (confirmed := halves.confirm(rule)) is not None:
            found.append(confirmed)
            taken.add(column.name)
    return found


ROWS = 20
LEFT = 0.02


def find_absorbing(halves: Halves, taken: set[str]) -> list[Constraint]:
    """States that are never left, and states after which nothing comes.

    The logarithm of the chance that this happens by itself must be -20 or less on the first half: for "nothing comes
    after", that rows in the state, at random places of their entities, are all the last; for "never left", that no
    row after an entry leaves the state, at the rate at which other states are left or, where that is more, at the
    share of the rows that are in it. Of the entities that enter it, .02 at most may leave.
    """
    data = halves.first
    found: list[Constraint] = []
    for column in data.schema.dynamic:
        if not (column.discrete or (column.kind == "count" and column.levels)) or column.name in taken:
            continue
        if column.role == "party" or len(lattice.levels(column)) > 200:
            continue
        codes = data.codes(column.name)
        ends = np.append(data.entity_of_row[1:] != data.entity_of_row[:-1], True)
        stays = np.append(codes[1:] == codes[:-1], False)
        for i, level in enumerate(lattice.levels(column)):
            there = codes == i
            if there.sum() < ROWS:
                continue
            for last, seen in ((True, ends[there]), (False, stays[there & ~ends])):
                rule = Absorbing(columns=(column.name,), level=level, last=last)
                if not len(seen) or np.mean(seen) < 0.9 or _surprise(rule, data, there, codes) < SURPRISE:
                    continue
                if (confirmed := halves.confirm(rule)) is not None:
                    found.append(confirmed)
                    break
    return found


def _surprise(rule: Absorbing, data: Sequences, there: NDArray[np.bool_], codes: NDArray[np.int32]) -> float:
    held, applies = rule.check(data)
    if not applies.any() or np.mean(held[applies]) < 0.995:
        return 0.0
    if rule.last:
        return float(np.sum(np.log(data.lengths[data.entity_of_row[there]])))
    # A state left is a pair of rows of one entity with unlike codes; entries into the state do not count as such.
    same = data.entity_of_row[1:] == data.entity_of_row[:-1]
    other = same & ~there[:-1]
    left = float(np.mean(codes[1:][other] != codes[:-1][other])) if other.any() else 0.0
    entered = np.flatnonzero(same & there[1:] & ~there[:-1]) + 1
    owners = np.unique(data.entity_of_row[entered])
    followed = np.intersect1d(owners, data.entity_of_row[applies])
    left_it = np.intersect1d(followed, data.entity_of_row[applies & ~held])
    if len(followed) < 10 or len(left_it) > LEFT * len(followed):
        return 0.0
    stays = float(np.sum(np.isin(data.entity_of_row[applies], owners)))
    return -stays * math.log(max(1 - left, float(np.mean(there))))


def find_unique(halves: Halves, taken: set[str]) -> list[Constraint]:
    """Columns, and times of irregular sequences, that have each value once in an entity.

    With values shuffled over all rows, 20 rows at least and .02 of them must repeat a value of their entity.
    """
    data = halves.first
    found: list[Constraint] = []
    names = [c.name for c in data.schema.dynamic if c.name not in taken and (c.discrete or c.kind == "count")]
    names = [n for n in names if data.schema[n].role not in ("party", "label", "event")]
    if data.schema.time is not None and data.schema.frequency is None:
        names.append(data.schema.time)
    for name in names:
        rule = Unique(columns=(name,))
        if not rule.holds(data) >= halves.threshold:
            continue
        shuffled = halves.random.permutation(data.n_rows)
        mixed, applies = rule.check(data.with_columns({name: data.column(name).take(pa.array(shuffled))}))
        broken = int(np.sum(applies & ~mixed))
        if broken < max(20, 0.02 * applies.sum()):
            continue
        if (confirmed := halves.confirm(rule)) is not None:
            found.append(confirmed)
    return found
