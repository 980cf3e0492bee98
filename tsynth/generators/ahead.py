"""The times of the steps that follow a regular series."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsynth.data.clock import TICKS

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["times_ahead"]


def times_ahead(time: NDArray[np.float64], horizon: float, unit: str, calendar: bool) -> NDArray[np.float64]:
    """Times of the `horizon` steps (an int) or of all steps within `horizon` time units (a float) after a series.

    The step is the most usual one; months, quarters and years keep their day of the month or its end, and
    working days skip weekends.

    Parameters
    ----------
    time : float64 array
        Times of the series, at least one, in `unit`.
    horizon : int or float
    unit : str
        The schema's time unit.
    calendar : bool
        Whether time is a date.
    """
    gaps = np.diff(time)
    step = float(np.median(gaps)) if len(gaps) else 1.0
    step = step if step > 0 else 1.0
    count = horizon if isinstance(horizon, int) else max(1, int(horizon / step + 1e-9))
    plain = time[-1] + step * np.arange(1, count + 1)
    if not calendar or unit not in TICKS or not len(gaps):
        return plain
    scale = TICKS[unit] / TICKS["d"]
    days = time * scale
    dates = np.floor(days).astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    if step * scale >= 28:
        jumps = np.diff(months).astype(np.int64)
        width = max(1, int(np.median(jumps)))
        inside = (dates - months).astype(np.int64)
        last = (months + 1).astype("datetime64[D]") - dates == np.timedelta64(1, "D")
        if not (last.all() or np.ptp(inside) == 0):
            return plain
        ahead = months[-1] + width * np.arange(1, count + 1)
        on = (
            (ahead + 1).astype("datetime64[D]") - np.timedelta64(1, "D")
            if last.all()
            else ahead.astype("datetime64[D]") + inside[-1]
        )
    elif step * scale == 1 and len(dates) > 7 and np.is_busday(dates).all():
        on = np.busday_offset(dates[-1], np.arange(1, count + 1), roll="forward")
    else:
        return plain
    return (on.astype(np.int64) + (days[-1] - np.floor(days[-1]))) / scale
