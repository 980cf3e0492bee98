"""Rules of the calendar: codes that fall on month ends, on one day of the month, on certain weekdays."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.compiled.order import free_months, order_in_time
from tsynth.data.clock import TICKS, wall_ticks
from tsynth.data.constraints import lattice
from tsynth.data.constraints.base import ORDER, Constraint, register

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.constraints.evidence import Halves
    from tsynth.data.sequences import Sequences
    from tsynth.data.streams import Streams

__all__ = ["MonthDay", "MonthEnd", "Weekday", "days", "find_calendar", "months", "moved_by_days"]

WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, kw_only=True)
class _Calendar(Constraint):
    """What rules of the calendar share: which rows they speak of, and how a row is moved.

    A row that breaks the rule goes to the nearest day that keeps it, at its time of day, inside the entity's
    window; rows are sorted anew after that. Where the window has no such day, the row is left out. Rows of other
    levels stay.

    Parameters
    ----------
    columns : (str,) or (str, str)
        The time column, and the category whose levels the rule is for.
    levels : tuple
        Those levels; None is a null.
    span : (int, int)
        First and last day that keeps the rule in the data, since 1970: the window of an entity that has none.
    once : bool
        Whether no entity has two such rows of one level in a month.
    """

    levels: tuple[Any, ...] = ()
    span: tuple[int, int] = (0, 0)
    once: bool = False

    @property
    def reads(self) -> frozenset[str]:
        return frozenset(self.columns[1:])

    @property
    def changes(self) -> frozenset[str]:
        return frozenset({self.columns[0], ORDER})

    @property
    def ready(self) -> bool:
        return self.span != (0, 0)

    def _when(self) -> str:
        raise NotImplementedError

    def _allowed(self, day: NDArray[np.int64]) -> NDArray[np.bool_]:
        raise NotImplementedError

    def sentence(self) -> str:
        if len(self.columns) == 1:
            return f"rows fall on {self._when()} only"
        named = ["null" if level is None else str(level) for level in self.levels]
        return f"rows with {self.columns[1]} = {' or '.join(named)} fall on {self._when()} only"

    def _meant(self, data: Sequences) -> NDArray[np.int64]:
        """Number of the level of each row that the rule speaks of, else -1."""
        if len(self.columns) == 1:
            return np.zeros(data.n_rows, np.int64)
        places = lattice.in_rows(
            data, self.columns[1], lattice.values_of(data.column(self.columns[1]), self.levels)
        )
        return np.maximum(places, -1)

    def learned(self, data: Sequences) -> Self:
        day = days(data)
        meant = self._meant(data)
        kept = (meant >= 0) & self._allowed(day)
        if not kept.any():
            return self
        span = (int(day[kept].min()), int(day[kept].max()))
        month = months(day)
        wide = int(np.ptp(month)) + 1
        key = (data.entity_of_row * (int(meant.max()) + 1) + meant) * wide + (month - month.min())
        found = np.sort(key[meant >= 0])
        return replace(self, span=span, once=not np.any(found[1:] == found[:-1]))

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        return self._allowed(days(data)), self._meant(data) >= 0

    def _window(
        self, data: Sequences, day: NDArray[np.int64], owner: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], ...]:
        """First and last day on which rows of these entities may fall; a row outside is not moved further out."""
        edges = []
        for name, outer in (("start", self.span[0]), ("end", self.span[1])):
            edge = np.full(data.n_entities, outer, np.int64)
            if name in data.entities.column_names:
                own = data.start if name == "start" else data.end
                known = np.isfinite(own)
                edge[known] = np.floor(
                    own[known] * (TICKS.get(data.schema.time_unit, TICKS["d"]) / TICKS["d"])
                )
            edges.append(edge[owner])
        return np.minimum(edges[0], day), np.maximum(edges[1], day)

    def restore(self, data: Sequences, streams: Streams | None = None) -> Sequences:
        meant = self._meant(data)
        at = np.flatnonzero(meant >= 0)
        day, owner = days(data)[at], data.entity_of_row[at]
        wrong = ~self._allowed(day)
        if not wrong.any() and not self.once:
            return data
        low, high = self._window(data, day, owner)
        goal = self._goal(day, owner * max(1, len(self.levels)) + meant[at], low, high)
        possible = goal != NONE
        by = np.zeros(data.n_rows, np.int64)
        by[at] = np.where(possible, goal - day, 0)
        if by.any():
            data = moved_by_days(data, self.columns[0], by)
        if not possible.all():
            keep = np.ones(data.n_rows, np.bool_)
            keep[at[~possible]] = False
            data = data.keep_rows(keep)
        if not by.any():
            return data
        order = order_in_time(data.offsets, data.time)
        return data if np.array_equal(order, np.arange(len(order))) else data.reorder(order)

    def _goal(
        self,
        day: NDArray[np.int64],
        group: NDArray[np.int64],
        low: NDArray[np.int64],
        high: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        """Day on which each row shall fall, `NONE` where there is none."""
        raise NotImplementedError


NONE = -(2**62)


@dataclass(frozen=True, kw_only=True)
class _OfMonth(_Calendar):
    """One day in each month."""

    def _in_month(self, month: NDArray[np.int64]) -> NDArray[np.int64]:
        """That day of each month (counted from 1970-01)."""
        raise NotImplementedError

    def _allowed(self, day: NDArray[np.int64]) -> NDArray[np.bool_]:
        return np.asarray(self._in_month(months(day)) == day)

    def _goal(
        self,
        day: NDArray[np.int64],
        group: NDArray[np.int64],
        low: NDArray[np.int64],
        high: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        month = months(day)
        here = self._in_month(month)
        there = np.where(here > day, month - 1, month + 1)
        wish = np.where(np.abs(here - day) <= np.abs(self._in_month(there) - day), month, there)
        first, last = months(low), months(high)
        first, last = first + (self._in_month(first) < low), last - (self._in_month(last) > high)
        # Rows that keep the rule choose first, so that only others move.
        allowed = here == day
        order = np.lexsort((~allowed, group))
        stay = np.where(allowed, month, first), np.where(allowed, month, last)
        found = np.empty_like(month)
        found[order] = free_months(*(a[order] for a in (group, wish, *stay, first, last)), self.once)
        return np.where(found == NONE, NONE, self._in_month(np.where(found == NONE, 0, found)))


@register
@dataclass(frozen=True, kw_only=True)
class MonthEnd(_OfMonth):
    """Rows that fall on the last day of a month."""

    name: ClassVar[str] = "month_end"

    def _when(self) -> str:
        return "the last day of a month" + (", once a month" if self.once else "")

    def _in_month(self, month: NDArray[np.int64]) -> NDArray[np.int64]:
        return (month + 1).astype("M8[M]").astype("M8[D]").astype(np.int64) - 1


@register
@dataclass(frozen=True, kw_only=True)
class MonthDay(_OfMonth):
    """Rows that fall on one day of the month, say the first.

    Parameters
    ----------
    day : int
        From 1; in a shorter month its last day.
    """

    name: ClassVar[str] = "month_day"

    day: int = 1

    def _when(self) -> str:
        return f"day {self.day} of a month" + (", once a month" if self.once else "")

    def _in_month(self, month: NDArray[np.int64]) -> NDArray[np.int64]:
        begin = month.astype("M8[M]").astype("M8[D]").astype(np.int64)
        end = (month + 1).astype("M8[M]").astype("M8[D]").astype(np.int64) - 1
        return np.minimum(begin + self.day - 1, end)


@register
@dataclass(frozen=True, kw_only=True)
class Weekday(_Calendar):
    """Rows that fall on certain weekdays.

    Parameters
    ----------
    weekdays : tuple of int
        Those days, Monday is 0.
    """

    name: ClassVar[str] = "weekday"

    weekdays: tuple[int, ...] = ()

    def _when(self) -> str:
        if len(self.weekdays) > 4:
            return "every day but " + " and ".join(WEEK[d] for d in range(7) if d not in self.weekdays)
        return " or ".join(WEEK[d] for d in self.weekdays)

    def learned(self, data: Sequences) -> Self:
        return replace(super().learned(data), once=False)

    def _allowed(self, day: NDArray[np.int64]) -> NDArray[np.bool_]:
        return np.isin((day + 3) % 7, self.weekdays)

    def _goal(
        self,
        day: NDArray[np.int64],
        group: NDArray[np.int64],
        low: NDArray[np.int64],
        high: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        goal = np.where(self._allowed(day), day, NONE)
        for step in (1, 2, 3, 4, 5, 6):
            for to in (day - step, day + step):
                fits = (goal == NONE) & self._allowed(to) & (to >= low) & (to <= high)
                goal[fits] = to[fits]
        return goal


def days(data: Sequences) -> NDArray[np.int64]:
    """Day of each row since 1970, on the wall clock."""
    ticks, _, tick = wall_ticks(data.column(str(data.schema.time)))
    return np.asarray(ticks // (TICKS["d"] // TICKS[tick]), dtype=np.int64)


def months(day: NDArray[np.int64]) -> NDArray[np.int64]:
    """Month of each day, counted from 1970-01."""
    return np.asarray(day, dtype=np.int64).astype("M8[D]").astype("M8[M]").astype(np.int64)


def moved_by_days(data: Sequences, name: str, by: NDArray[np.int64]) -> Sequences:
    """Rows moved by so many days at their time of day; the others keep their values to the bit."""
    array = data.column(name)
    ticks, _, tick = wall_ticks(array)
    dtype = array.type
    fresh = ticks + by * (TICKS["d"] // TICKS[tick])
    if pa.types.is_date(dtype):
        made = pa.array(fresh if pa.types.is_date64(dtype) else fresh.astype(np.int32)).cast(dtype)
    else:
        made = pa.array(fresh).cast(pa.timestamp(dtype.unit))
        if dtype.tz is not None:
            made = pc.assume_timezone(made, dtype.tz, ambiguous="earliest", nonexistent="latest")
    return data.with_columns({name: pc.if_else(pa.array(by != 0), made, array)})


# -- finding

SURPRISE = 20.0
COMMON = 0.9


def find_calendar(halves: Halves) -> list[Constraint]:
    """Rules of the calendar for all rows, then for levels of each category, where time is a date and irregular.

    The logarithm of the chance must be -20 or less: of the rule's share of the days, to the power of the number of
    months (for weekdays: dates) in which such rows fall. So six months are needed for month ends, and 60 dates for
    Monday to Friday. Where .9 of all rows keep a rule, it is not offered for single levels.
    """
    data = halves.first
    if not data.calendar or data.schema.frequency is not None or data.n_rows == 0:
        return []
    time = str(data.schema.time)
    day = days(data)
    found: list[Constraint] = []
    everywhere = _candidates(day, np.ones(len(day), np.bool_), halves.threshold)
    for kind, options in everywhere:
        if (rule := halves.confirm(kind(columns=(time,), **options).learned(data))) is not None:
            found.append(rule)
    codes = [c for c in data.schema if c.discrete and c.learned and c.role not in ("party", "label", "event")]
    codes = [c for c in codes if len(lattice.levels(c)) <= 200]
    # Named levels come before nulls, so that a null that means the same is not offered beside them.
    units = [(c, i, level) for c in codes for i, level in enumerate(lattice.levels(c))]
    units += [(c, -1, None) for c in codes]
    for column, code, level in units:
        rows = lattice.in_rows(data, column.name, data.codes(column.name)) == code
        for kind, options in _candidates(day, rows, halves.threshold):
            rule = kind(columns=(time, column.name), levels=(level,), **options).learned(data)
            if np.mean(rule.check(data)[0]) >= COMMON or _implied(rule, found, data):
                continue
            if (confirmed := halves.confirm(rule)) is not None:
                found.append(confirmed)
    return found


def _candidates(
    day: NDArray[np.int64], rows: NDArray[np.bool_], threshold: float
) -> list[tuple[type[Any], dict[str, Any]]]:
    own = day[rows]
    if len(own) < 30:
        return []
    out: list[tuple[type[Any], dict[str, Any]]] = []
    month = months(own)
    many = len(np.unique(month))
    if many * math.log(30.0) >= SURPRISE and np.ptp(own) >= 28:
        of_month = own - month.astype("M8[M]").astype("M8[D]").astype(np.int64) + 1
        usual = int(np.bincount(of_month).argmax())
        if np.mean(MonthEnd(columns=("",))._allowed(own)) >= threshold:
            out.append((MonthEnd, {}))
        elif np.mean(of_month == usual) >= threshold:
            out.append((MonthDay, {"day": usual}))
    weekday = (own + 3) % 7
    share = np.bincount(weekday, minlength=7) / len(own)
    # The fewest weekdays that hold the threshold's share of the rows.
    order = np.argsort(-share, kind="stable")
    count = int(np.searchsorted(np.cumsum(share[order]), threshold)) + 1
    if count < 7 and -len(np.unique(own)) * math.log(count / 7) >= SURPRISE and not out:
        out.append((Weekday, {"weekdays": tuple(sorted(int(d) for d in order[:count]))}))
    return out


def _implied(rule: _Calendar, found: list[Constraint], data: Sequences) -> bool:
    """Whether a rule that was found already speaks of nearly all of these rows, in the same way."""
    _, applies = rule.check(data)
    for other in found:
        if type(other) is type(rule) and np.mean(other.check(data)[1][applies]) >= COMMON:
            same = replace(other, columns=rule.columns, levels=rule.levels, span=rule.span, once=rule.once)
            if np.array_equal(same.check(data)[0], rule.check(data)[0]):
                return True
    return False
