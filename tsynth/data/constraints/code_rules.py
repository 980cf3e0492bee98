"""Rules of the order of codes: one that comes first, at the first moment only, once at most, only after another.

Rows of one entity and one time are one moment: their order in a file means nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.compiled.codes import before, since, times_of, usual
from tsynth.data.arrow_types import parse
from tsynth.data.constraints import lattice
from tsynth.data.constraints.base import ORDER, Constraint, register
from tsynth.data.constraints.chance import places

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.sequences import Sequences
    from tsynth.data.streams import Streams

__all__ = ["FirstOnly", "Once", "OnlyAfter", "Opens"]


@register
@dataclass(frozen=True, kw_only=True)
class Opens(Constraint):
    """A code that stands at the first moment of every entity that has it.

    An entity that has it later only: the first such row comes to the front, by "move" with the time of the first row,
    by "swap" with what stands in the two rows changing places, times apart. An entity without it, where all must have
    it: its first row gets the code and what goes with it, or, where nothing is named, its rows are left out.

    Parameters
    ----------
    columns : (str, str) or (str,)
        The code, and the time where rows are moved.
    level : object
        The code's level.
    always : bool
        Whether every entity begins so.
    by : {"swap", "move"}
    sets : tuple of (column, value)
        What the first row of an entity without the code gets: the code and what combines with it.
    quiet : tuple of str
        Columns of `sets` of which rules of the calendar speak, but not of these values: they come back first.
    """

    name: ClassVar[str] = "first_code"

    level: Any = None
    always: bool = False
    by: str = "swap"
    sets: tuple[tuple[str, Any], ...] = ()
    quiet: tuple[str, ...] = ()

    @property
    def changes(self) -> frozenset[str]:
        return frozenset({ORDER, *self.columns[1:], *(n for n, _ in self.sets if n not in self.quiet)})

    @property
    def ready(self) -> bool:
        return True

    def sentence(self) -> str:
        if self.always:
            return f"every entity begins with {self.columns[0]} = {self.level}"
        return f"an entity that has {self.columns[0]} = {self.level} begins with it"

    def learned(self, data: Sequences) -> Self:
        return self

    def _opened(self, data: Sequences) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Entities with rows, the first row of each with the code (-1: none), and whether that is at the beginning."""
        own = np.flatnonzero(data.lengths > 0)
        at = since(data.offsets, places(data, self.columns[0], (self.level,)), 0)[own]
        good = (at >= 0) & (data.time[np.maximum(at, 0)] == data.time[data.offsets[own]])
        return own, at, good

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Of each entity, its first row counts."""
        held, applies = np.zeros(data.n_rows, np.bool_), np.zeros(data.n_rows, np.bool_)
        if data.n_rows:
            own, at, good = self._opened(data)
            held[data.offsets[own]] = good
            applies[data.offsets[own]] = (at >= 0) | self.always
        return held, applies

    def restore(self, data: Sequences, streams: Streams | None = None) -> Sequences:
        if data.n_rows == 0:
            return data
        own, at, good = self._opened(data)
        late, without = (at >= 0) & ~good, at < 0
        if late.any():
            data = self._forward(data, data.offsets[own[late]], at[late])
        if not (self.always and without.any()):
            return data
        if self.sets:
            wrong = np.zeros(data.n_rows, np.bool_)
            wrong[data.offsets[own[without]]] = True
            for name, value in self.sets:
                data = rewritten(data, name, wrong, value)
            return data
        if data.schema.frequency is not None:
            return data  # a regular series has no rows to spare
        return data.keep_rows(~np.isin(data.entity_of_row, own[without]))

    def _forward(self, data: Sequences, front: NDArray[np.int64], at: NDArray[np.int64]) -> Sequences:
        """Rows `at` brought to the places `front`."""
        name = data.schema.time
        order = np.arange(data.n_rows)
        if self.by == "swap" or name is None:
            order[front], order[at] = at, front
            made = data.reorder(order)
            return made if name is None else made.with_columns({name: data.column(name)})
        source = np.arange(data.n_rows)
        source[at] = front
        made = data.with_columns({name: data.column(name).take(pa.array(source))})
        rank = np.arange(data.n_rows, dtype=np.float64)
        rank[at] = front - 0.5
        return made.reorder(np.argsort(rank, kind="stable"))


@dataclass(frozen=True, kw_only=True)
class _Rows(Constraint):
    """What rules that single rows break share: such a row is left out, or gets another code.

    Parameters
    ----------
    columns : (str,)
        The code.
    level : object
        The level that the rule is about.
    by : {"leave out", "relabel"}
        "relabel" gives the row the code that its entity has most often.
    free : tuple
        Codes that may be given, most frequent first: no rule speaks of them.
    """

    level: Any = None
    by: str = "leave out"
    free: tuple[Any, ...] = ()

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({ORDER} if self.by == "relabel" else self.columns[:1])

    @property
    def changes(self) -> frozenset[str]:
        return frozenset(self.columns[:1] if self.by == "relabel" else {ORDER})

    @property
    def ready(self) -> bool:
        return True

    def restore(self, data: Sequences, streams: Streams | None = None) -> Sequences:
        held, applies = self.check(data)
        wrong = applies & ~held
        if not wrong.any():
            return data
        if self.by != "relabel" or not self.free:
            return data.keep_rows(~wrong)
        codes = places(data, self.columns[0], self.free)
        best = usual(data.offsets, codes, wrong, np.arange(len(self.free)))
        for i in np.unique(best[data.entity_of_row[wrong]]).tolist():
            now = wrong & (best[data.entity_of_row] == i)
            data = rewritten(data, self.columns[0], now, self.free[i])
        return data


@register
@dataclass(frozen=True, kw_only=True)
class FirstOnly(_Rows):
    """A code that stands at the first moment of an entity only."""

    name: ClassVar[str] = "first_only"

    def sentence(self) -> str:
        return f"{self.columns[0]} = {self.level} comes at the beginning of an entity only"

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        begin = data.time[np.repeat(data.offsets[:-1], data.lengths)] if data.n_rows else data.time
        return begin == data.time, places(data, self.columns[0], (self.level,)) == 0


@register
@dataclass(frozen=True, kw_only=True)
class Once(_Rows):
    """A code that an entity has once at most; of several rows the first stays as it is."""

    name: ClassVar[str] = "once"

    def sentence(self) -> str:
        return f"{self.columns[0]} = {self.level} comes once at most in an entity"

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        codes = places(data, self.columns[0], (self.level,))
        return times_of(data.offsets, codes, 0) == 0, codes == 0


@register
@dataclass(frozen=True, kw_only=True)
class OnlyAfter(_Rows):
    """A code that comes only where another has come before in its entity, or comes at the same moment.

    Parameters
    ----------
    needs : object
        The level that must have come.
    """

    name: ClassVar[str] = "only_after"

    needs: Any = None

    def sentence(self) -> str:
        return (
            f"{self.columns[0]} = {self.level} comes only with or after the first {self.needs} of an entity"
        )

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        codes = places(data, self.columns[0], (self.level, self.needs))
        return before(data.offsets, data.time, codes, 0, 1), codes == 0


def rewritten(data: Sequences, name: str, wrong: NDArray[np.bool_], level: Any) -> Sequences:
    """The data with one level, or null, in these rows of a column."""
    array, column = data.column(name), data.schema[name]
    if pa.types.is_dictionary(array.type):
        levels = lattice.levels(column)
        own = np.where(wrong, -1 if level is None else levels.index(level), data.codes(name))
        return data.with_columns({name: lattice.decoded(own, levels, parse(column.dtype))})
    value = pa.scalar(None, array.type)
    if level is not None:
        value = lattice.decoded(np.zeros(data.n_rows, np.int64), (level,), array.type)
    return data.with_columns({name: pc.if_else(pa.array(wrong), value, array)})
