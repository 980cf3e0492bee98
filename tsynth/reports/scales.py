"""Axes of small figures: where the ticks stand and what they say, the same in every locale."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from tsynth.reports.words import ems, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["Scale", "linear", "numbers", "stretched", "tick", "times"]


_MINUTES = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 7200, 10_080, 20_160)
_EM = 10.5  # pixels of an em at the size of figures


class Scale:
    """From values to places on an axis, and back as labelled ticks.

    Parameters
    ----------
    places : array
        The values on the axis.
    ticks : list of (float, str)
        Places and what stands there.
    """

    def __init__(self, places: NDArray[np.float64], ticks: list[tuple[float, str]]) -> None:
        self.places, self.ticks = places, ticks

    def label(self, axes: Axes) -> None:
        """Put the ticks on the x axis, none of them beyond its ends."""
        low, high = axes.get_xlim()
        room = axes.get_position()
        wide = room.width and axes.bbox.width / room.width
        kept = [
            (at, text, wide * (room.x0 + room.width * (at - low) / (high - low)), _EM / 2 * ems(text))
            for at, text in self.ticks
            if low - 1e-9 <= at <= high + 1e-9
        ]
        while any(b[2] - a[2] < a[3] + b[3] + 4 for a, b in itertools.pairwise(kept)):
            kept = kept[1::2] if len(kept) % 2 else kept[::2]
        axes.set_xticks([at for at, *_ in kept], [text for _, text, *_ in kept])
        for (_, _, place, half), written in zip(kept, axes.get_xticklabels(), strict=True):
            if place < half:
                written.set_horizontalalignment("left")
            elif place > wide - half:
                written.set_horizontalalignment("right")


def tick(value: float) -> str:
    """A number as short as an axis needs it: 0.05, 1,500, 20 k, 3 M."""
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{number(value / (1e3 if sign == 'k' else size))}\u202f{sign}"
    return number(value)


def numbers(values: Sequence[float | None]) -> NDArray[np.float64]:
    """Numbers of a curve as an array, NaN where there is none."""
    return np.array([math.nan if v is None else float(v) for v in values], dtype=np.float64)


def _nice(low: float, high: float, count: int) -> list[float]:
    """Round numbers that divide a span into about `count` parts."""
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(span / count))
    step = next(s * power for s in (1, 2, 5, 10) if span / (s * power) <= count)
    first = math.ceil(low / step - 1e-9)
    return [float(f"{k * step:.12g}") for k in range(first, math.floor(high / step + 1e-9) + 1)]


def linear(values: NDArray[np.float64], count: int = 6) -> Scale:
    """The values as they are."""
    known = values[np.isfinite(values)]
    if not known.size:
        return Scale(values, [])
    span = float(known.max() / 2 - known.min() / 2)
    if 0 < span < 1e-200 or span > 1e200:  # nothing could be divided by it
        small = linear(values / span, count)
        return Scale(small.places, [(at, tick(at * span)) for at, _ in small.ticks])
    return Scale(values, [(at, tick(at)) for at in _nice(float(known.min()), float(known.max()), count)])


def stretched(values: NDArray[np.float64]) -> Scale:
    """Values over several powers of ten: logarithmic away from 0, linear around it."""
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    if not sizes.size:
        return linear(values)
    top = float(sizes.max())
    positive = bool(np.nanmin(values) > 0)
    floor = (
        max(float(sizes.min()), top * 1e-9) if positive else max(float(np.quantile(sizes, 0.1)), top * 1e-5)
    )

    def place(x: NDArray[np.float64]) -> NDArray[np.float64]:
        if positive:
            return np.asarray(np.log10(np.maximum(x, floor)))
        return np.asarray(np.sign(x) * np.log10(1 + np.abs(x) / floor))

    powers = range(math.floor(math.log10(floor)), math.ceil(math.log10(top)) + 1)
    marks = [10.0**p for p in powers if floor * 0.99 <= 10.0**p <= top * 1.01]
    if len(marks) < 3:
        marks = [
            m * 10.0**p
            for p in powers
            for m in ((1, 3) if len(marks) == 2 else (1, 2, 5))
            if floor * 0.99 <= m * 10.0**p <= top * 1.01
        ]
    if len(marks) < 2:
        marks = [m for m in _nice(floor, top, 4) if m > 0]
    marks = marks[:: max(1, math.ceil(len(marks) / 4))]
    if not positive:
        below = [-m for m in marks] if marks and np.nanmin(values) < -marks[0] else []
        room = 0.13 * float(np.ptp(place(np.array([np.nanmin(values), np.nanmax(values)]))))
        marks = [m for m in (*below[::-1], *marks) if abs(float(place(np.array([m]))[0])) > room]
        marks.append(0.0)
    found = np.array(sorted(marks))
    return Scale(
        place(values), [(float(at), tick(float(m))) for at, m in zip(place(found), found, strict=True)]
    )


def times(values: Sequence[str]) -> Scale:
    """ISO texts as days, labelled by year, month, day or hour, as the span suggests."""
    moments = [datetime.fromisoformat(v) for v in values]
    moments = [m.replace(tzinfo=None) for m in moments]
    origin = datetime(1970, 1, 1)
    days = np.array([(m - origin) / timedelta(days=1) for m in moments], dtype=np.float64)
    if not moments:
        return Scale(days, [])
    low, high = float(days.min()), float(days.max())
    span = high - low
    if span > 3 * 366:
        years = _nice(min(moments).year, max(moments).year, 5)
        marks = [(_day(int(y), 1), f"{int(y)}") for y in years if y == int(y) and 1 <= y <= 9999]
    elif span > 62:
        start, end = min(moments), max(moments)
        months = [(start.year + m // 12, m % 12 + 1) for m in range(start.month - 1, start.month + 12 * 4)]
        months = [(y, m) for y, m in months if (y, m) <= (end.year, end.month)]
        step = next((s for s in (1, 2, 3, 6, 12) if len(months) / s <= 5.5), 12)
        marks = [(_day(y, m), f"{y}-{m:02d}") for y, m in months if (m - 1) % step == 0]
    else:
        part = next((m for m in _MINUTES if span * 1440 / m <= 5.5), _MINUTES[-1]) / 1440
        form = "%m-%d" if part >= 1 else "%H:%M"
        first, last = math.ceil(low / part - 1e-6), math.floor(high / part + 1e-6)
        marks = [(k * part, f"{origin + timedelta(days=k * part):{form}}") for k in range(first, last + 1)]
    return Scale(days, [(at, text) for at, text in marks if low - 1e-9 <= at <= high + 1e-9])


def _day(year: int, month: int) -> float:
    return float((date(year, month, 1) - date(1970, 1, 1)).days)
