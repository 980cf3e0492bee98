"""Times of rows as scores see them: the time since the row before, and calendar parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tsynth.data.clock import TICKS
from tsynth.data.sequences import Sequences
from tsynth.scores.base import DoesNotApply

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PROFILES", "Days", "between", "irregular", "require_uneven"]

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")  # fmt: skip
PROFILES: dict[str, tuple[str, ...]] = {
    "weekday": WEEKDAYS,
    "day of month": tuple(str(day) for day in range(1, 32)),
    "days to month end": ("last day", "1", "2", "3", "4 or more"),
    "hour": tuple(f"{hour:02d}" for hour in range(24)),
    "month": MONTHS,
}


@dataclass
class Days:
    """Calendar parts of each row, as places in `PROFILES`; rows without a time are -1."""

    profiles: dict[str, NDArray[np.int64]]

    @classmethod
    def of(cls, data: Sequences) -> Days:
        """The calendar parts of these rows."""
        known = np.isfinite(data.time)
        seconds = np.where(known, data.time, 0) * (TICKS.get(data.schema.time_unit, TICKS["d"]) / TICKS["s"])
        stamps = np.round(seconds).astype("datetime64[s]")
        day = stamps.astype("datetime64[D]")
        month = stamps.astype("datetime64[M]")
        dom = (day - month.astype("datetime64[D]")).astype(np.int64)
        last = ((month + 1).astype("datetime64[D]") - day).astype(np.int64) - 1
        parts = {
            "weekday": (day.astype(np.int64) + 3) % 7,
            "day of month": dom,
            "days to month end": np.minimum(last, 4),
            "hour": (stamps - day).astype(np.int64) // 3600,
            "month": month.astype(np.int64) % 12,
        }
        return cls({name: np.where(known, part, -1) for name, part in parts.items()})


def between(data: Sequences) -> NDArray[np.float64]:
    """Time from the row before, (R,); NaN in the first row of an entity."""
    out = np.full(data.n_rows, np.nan)
    out[1:] = np.diff(data.time)
    out[data.offsets[:-1][data.lengths > 0]] = np.nan
    return out


def irregular(data: Sequences) -> bool:
    """Whether rows come at uneven times: a clock that ticks evenly, months included, says nothing by its gaps."""
    if data.schema.time is None:
        return False
    gaps = between(data)
    gaps = gaps[np.isfinite(gaps)]
    if not len(gaps):
        return False
    middle = np.median(gaps)
    return bool(np.mean(np.abs(gaps - middle) <= 0.1 * np.abs(middle)) < 0.99)


def require_uneven(data: Sequences) -> None:
    """Raise `DoesNotApply` where no time between rows tells anything."""
    if data.schema.time is None:
        raise DoesNotApply("the rows have no time, only an order")
    if not (data.lengths > 1).any():
        raise DoesNotApply("no entity has two rows")
    if not irregular(data):
        raise DoesNotApply("the rows come at even steps of time")
