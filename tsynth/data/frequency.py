"""The unit of time, and whether sequences are regular."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tsynth.data.clock import TICKS, wall_ticks
from tsynth.data.ordering import Layout
from tsynth.data.schema import TimeUnit

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["frequency_of", "time_unit_of"]

REGULAR = 0.9
"""Share of steps that must be the sequence's own; the others are gaps, whole multiples of it."""


def time_unit_of(column: pa.ChunkedArray) -> TimeUnit:
    """The coarsest of day, hour, minute and second that all times keep to; "step" for numbers."""
    if not pa.types.is_temporal(column.type) or pa.types.is_duration(column.type):
        return "step"
    ticks, null, tick = wall_ticks(column)
    ticks = ticks[~null]
    units: tuple[TimeUnit, ...] = ("d", "h", "min")
    for unit in units:
        size = TICKS[unit] // TICKS[tick]
        if size <= 1 or not (ticks % size).any():
            return unit
    return "s"


def frequency_of(column: pa.ChunkedArray | None, layout: Layout) -> str | None:
    """The common step of all sequences, "mixed" where each has a regular step of its own, None where they have none.

    Gaps are allowed where they are whole steps and no more than a tenth. Rows that repeat a time are passed over
    here; whether they are an error is for the reader to say.

    Parameters
    ----------
    column : pyarrow.ChunkedArray or None
        The time column in the source's order; None where rows are only ordered.
    layout : Layout

    Returns
    -------
    str or None
        "B", "D", "W", "MS", "ME", "QS", "YS", a number with "h", "min", "s" or "D"; for numbers the step as a number.
    """
    if column is None:
        return "1"
    distinct = ~layout.tied
    rows = len(distinct)
    if rows < 3 or distinct.sum() < 0.95 * rows:
        return None
    entity = np.cumsum(layout.first)[distinct] - 1
    dated = pa.types.is_temporal(column.type) and not pa.types.is_duration(column.type)
    if dated:
        ticks, _, tick = wall_ticks(column)
        values = ticks[layout.order][distinct]
    else:
        values, tick = layout.times[distinct].astype(np.float64), ""
    same = entity[1:] == entity[:-1]
    lengths = np.bincount(entity)
    long = lengths >= 3
    # A sequence of one or two rows says nothing; where most are such there is no frequency.
    if not long.any() or lengths[long].sum() < 0.5 * len(entity):
        return None
    gaps, owner = np.diff(values)[same], entity[1:][same]
    keep = long[owner]
    gaps, owner = gaps[keep], owner[keep]
    label = _Labels(values, entity, long, gaps, owner, tick)
    return label.common() or label.each()


class _Labels:
    """Steps of many sequences at once, then one by one."""

    def __init__(
        self, values: NDArray[Any], entity: NDArray[np.int64], long: NDArray[np.bool_],
        gaps: NDArray[Any], owner: NDArray[np.int64], tick: str,
    ) -> None:  # fmt: skip
        self.values, self.entity, self.long = values, entity, long
        self.gaps, self.owner, self.tick = gaps, owner, tick

    def common(self) -> str | None:
        """The step that all sequences share."""
        step, per = _step(self.gaps), np.bincount(self.owner)
        if step is not None and _whole_steps(self.gaps, step):
            hits = np.bincount(self.owner, weights=_near(self.gaps, step))
            used = per > 0
            if (hits[used] >= REGULAR * per[used]).mean() >= REGULAR and hits.sum() >= REGULAR * per.sum():
                return self._name(step)
        if self.tick:
            return self._calendar(self.values)
        return None

    def each(self) -> str | None:
        """The name "mixed" where every sequence has a step of its own."""
        if self.long.sum() < 2:
            return None
        bounds = np.searchsorted(self.entity, np.arange(len(self.long) + 1))
        found, seen = 0, set()
        for tried, i in enumerate(np.flatnonzero(self.long)):
            if tried >= 30 and found < tried / 2:
                return None
            values = self.values[bounds[i] : bounds[i + 1]]
            gaps = np.diff(values)
            one = _Labels(
                values,
                np.zeros(len(values), np.int64),
                np.ones(1, bool),
                gaps,
                np.zeros(len(gaps), np.int64),
                self.tick,
            )
            name = one.common()
            found += name is not None
            seen.add(name)
        return "mixed" if found >= REGULAR * self.long.sum() and len(seen) > 1 else None

    def _name(self, step: float) -> str:
        if not self.tick:
            return f"{step:.6g}"
        nanos = int(step) * TICKS[self.tick]
        if nanos == TICKS["d"] and self._weekdays_only():
            return "B"
        for unit, alias in (
            ("w", "W"),
            ("d", "D"),
            ("h", "h"),
            ("min", "min"),
            ("s", "s"),
            ("ms", "ms"),
            ("us", "us"),
        ):
            if nanos % TICKS[unit] == 0:
                count = nanos // TICKS[unit]
                return alias if count == 1 else f"{count}{alias}"
        return f"{nanos}ns"

    def _days(self, values: NDArray[Any]) -> NDArray[np.datetime64] | None:
        size = TICKS["d"] // TICKS[self.tick]
        days = values.astype(np.int64)
        if (days % size).any():
            return None
        return (days // size).astype("M8[D]")

    def _weekdays_only(self) -> bool:
        days = self._days(self.values)
        # 1970-01-01 was a Thursday.
        return days is not None and len(days) >= 10 and bool(((days.astype(np.int64) + 3) % 7 < 5).all())

    def _calendar(self, values: NDArray[Any]) -> str | None:
        """Steps of unlike length: months, quarters, years, business days."""
        days = self._days(values)
        if days is None:
            return None
        same = self.entity[1:] == self.entity[:-1]
        keep = same & self.long[self.entity[1:]]
        months = days.astype("M8[M]")
        starts = bool((months.astype("M8[D]") == days).all())
        ends = bool(((days + 1).astype("M8[M]").astype("M8[D]") == days + 1).all())
        if starts or ends:
            steps = np.diff(months.astype(np.int64))[keep]
            step = _step(steps)
            if step is not None and _whole_steps(steps, step) and _near(steps, step).mean() >= REGULAR:
                letter = "S" if starts else "E"
                known = {1: "M", 3: "Q", 12: "Y"}
                return f"{known[int(step)]}{letter}" if int(step) in known else f"{int(step)}M{letter}"
        if self._weekdays_only():
            business = np.busday_count(days[:-1], days[1:])[keep]
            if len(business) and (business == 1).mean() >= REGULAR:
                return "B"
        return None


def _step(gaps: NDArray[Any]) -> float | None:
    """The most frequent gap."""
    if not len(gaps):
        return None
    if gaps.dtype.kind == "f":
        gaps = np.round(gaps, 9)
    found, counts = np.unique(gaps, return_counts=True)
    step = float(found[np.argmax(counts)])
    return step if step > 0 else None


def _near(gaps: NDArray[Any], step: float) -> NDArray[np.bool_]:
    return np.abs(gaps - step) <= 1e-6 * step


def _whole_steps(gaps: NDArray[Any], step: float) -> bool:
    ratio = gaps / step
    return bool((np.abs(ratio - np.rint(ratio)) <= 1e-4).all())
