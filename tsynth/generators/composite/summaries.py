"""What the other rows of an entity are like, and the calendar on which its contracts fall due."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from tsynth.data.recurring.rows import day_length

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.sequences import Sequences

__all__ = ["Months", "Summaries", "at_codes", "summaries"]

LATEST = 100
"""Days about the span for which months are known."""


@dataclass(frozen=True)
class Summaries:
    """Numbers of an entity, (N,) each; NaN where it has no rows that tell.

    Parameters
    ----------
    first, last : float64 array, (N,)
        Day of the first row and of the last, or of the end of the observation window.
    values : dict of str to float64 array
        Numbers that contracts may go with.
    """

    first: NDArray[np.float64]
    last: NDArray[np.float64]
    values: dict[str, NDArray[np.float64]]


def at_codes(data: Sequences, columns: tuple[str, ...], levels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which row of `levels` each row's categories are, -1 where none."""
    key = np.zeros(data.n_rows, np.int64)
    known = np.zeros(len(levels), np.int64)
    for j, name in enumerate(columns):
        size = len(data.schema[name].levels or (False, True)) + 2
        key = key * size + data.codes(name) + 2
        known = known * size + levels[:, j] + 2
    order = np.argsort(known, kind="stable")
    at = np.minimum(np.searchsorted(known[order], key), max(len(known) - 1, 0))
    return np.where(known[order][at] == key, order[at], -1) if len(known) else np.full(data.n_rows, -1)


def summaries(
    rest: Sequences, columns: tuple[str, ...], levels: NDArray[np.int64], amount: str | None, codes: list[int]
) -> Summaries:
    """First and last day, rows, and of each of `codes` the rows and the mean amount, logged."""
    length = day_length(rest) or 1.0
    has = rest.lengths > 0
    first, last = np.full(rest.n_entities, np.nan), np.full(rest.n_entities, np.nan)
    first[has] = np.floor(rest.time[rest.offsets[:-1][has]] / length)
    last[has] = np.floor(rest.time[rest.offsets[1:][has] - 1] / length)
    if "end" in rest.entities.column_names:
        last = np.where(np.isfinite(rest.end), np.floor(rest.end / length), last)
    values = {"first": first, "last": last, "rows": rest.lengths.astype(np.float64)}
    code = at_codes(rest, columns, levels)
    entity = rest.entity_of_row
    size = rest.n_entities
    number = None if amount is None else np.log1p(np.abs(rest.numeric(amount)))
    for one in codes:
        own = code == one
        rows = np.bincount(entity[own], minlength=size).astype(np.float64)
        values[f"rows of {one}"] = rows
        if number is not None:
            held = own & np.isfinite(number)
            many = np.bincount(entity[held], minlength=size)
            total = np.bincount(entity[held], number[held], minlength=size)
            values[f"amount of {one}"] = np.where(many > 0, total / np.maximum(many, 1), np.nan)
    return Summaries(first, last, values)


@dataclass(frozen=True)
class Months:
    """Months about a span of days.

    Parameters
    ----------
    origin : int
        First day of `month_of`, since 1970-01-01.
    month_of : int64 array
        Number of the month of each day.
    start, length : int64 array
        First day and length of each month.
    """

    origin: int
    month_of: NDArray[np.int64]
    start: NDArray[np.int64]
    length: NDArray[np.int64]

    @classmethod
    def of(cls, first: int, last: int) -> Self:
        """The months of the days from `first` to `last`, and some about them."""
        low = np.datetime64(first - LATEST, "D").astype("datetime64[M]")
        high = np.datetime64(last + LATEST, "D").astype("datetime64[M]")
        starts = np.arange(low, high + 1).astype("datetime64[D]").astype(np.int64)
        length = np.diff(starts)
        return cls(int(starts[0]), np.repeat(np.arange(len(length)), length), starts[:-1], length)

    def shifts(
        self, day: NDArray[np.int64], due: NDArray[np.int64], rows: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Running shares of shifts by -3 .. 3 days, by the weekday of the day on which a row is due, (7, 7)."""
        counts = np.zeros((7, 7))
        counts[:, 3] = 1e-9
        if rows.any():
            month = self.month_of[day[rows] - self.origin][:, None] + np.array([-1, 0, 1])
            target = self.start[month] + np.minimum(due[rows][:, None], self.length[month]) - 1
            best = np.argmin(np.abs(day[rows][:, None] - target), axis=1)
            target = target[np.arange(len(best)), best]
            shift = np.clip(day[rows] - target, -3, 3) + 3
            np.add.at(counts, ((target + 3) % 7, shift), 1.0)
            counts += counts.sum(axis=0) / counts.sum()
        cumulative = np.cumsum(counts, axis=1)
        return np.asarray(cumulative / cumulative[:, -1:])
