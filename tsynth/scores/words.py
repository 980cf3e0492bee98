"""Numbers in the words of the reader: at most three significant digits, with their units."""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING

from tsynth.data.clock import TICKS

if TYPE_CHECKING:
    from tsynth.data.schema import Schema

__all__ = ["date", "duration", "number", "place", "share", "texts", "time_unit", "units"]

_NAMES = {"ns": "nanosecond", "us": "microsecond", "ms": "millisecond", "s": "second", "min": "minute", "h": "hour",
          "d": "day", "w": "week", "month": "month", "quarter": "quarter", "year": "year", "step": "step"}  # fmt: skip


def time_unit(schema: Schema) -> str:
    """The unit in which time is told: where time is a plain number, what its name says ("day", "years")."""
    if schema.time_unit != "step" or schema.time is None:
        return schema.time_unit
    unit = schema[schema.time].unit
    return unit if unit in _NAMES else "step"


def units(unit: str) -> str:
    """Its name for more than one: seconds, days, steps."""
    return f"{_NAMES.get(unit, unit)}s"


def number(value: float) -> str:
    """A number with at most three significant digits: 0.0123, 61, 1,230,000."""
    if not math.isfinite(value):
        return "no number"
    if value == 0:
        return "0"
    digits = 2 - math.floor(math.log10(abs(value)))
    rounded = round(value, digits)
    if abs(rounded) >= 1e15 or abs(rounded) < 1e-5:
        return f"{rounded:.3g}"
    text = f"{rounded:,.{max(0, digits)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def share(value: float) -> str:
    """A share of 1 in per cent: "61 %", "0.4 %", "less than 0.1 %"."""
    percent = 100 * value
    if 0 < percent < 0.1:
        return "less than 0.1 %"
    if 99.9 < percent < 100:
        return "more than 99.9 %"
    return (
        f"{percent:.1f}".rstrip("0").rstrip(".") + " %"
        if percent < 10 or percent > 99
        else f"{percent:.0f} %"
    )


def duration(value: float, unit: str) -> str:
    """A time span in the unit that suits it: "2 days", "45 minutes"."""
    if unit in TICKS:
        ticks = value * TICKS[unit]
        fitting = [u for u in ("d", "h", "min", "s", "ms", "us", "ns") if abs(ticks) >= TICKS[u]]
        unit = fitting[0] if fitting else unit
        value = ticks / TICKS[unit]
    text = number(value)
    return f"{text} {_NAMES.get(unit, unit)}{'' if text == '1' else 's'}"


def date(value: float, unit: str) -> str:
    """Wall-clock time in `unit` since 1970 as an ISO text, to the day where it is midnight."""
    seconds = value * TICKS.get(unit, TICKS["d"]) / TICKS["s"]
    seconds = min(max(seconds, -62_135_596_800.0), 253_402_300_799.0)
    moment = dt.datetime(1970, 1, 1) + dt.timedelta(seconds=round(seconds))
    return moment.date().isoformat() if moment.time() == dt.time() else moment.isoformat(sep=" ")


def texts(values: list[str], most: int = 3) -> str:
    """A few names in a row: "a, b and c", the rest counted."""
    shown = values[:most]
    more = len(values) - len(shown)
    if more:
        return ", ".join(shown) + f" and {more} more"
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " and " + shown[-1]


def place(first: int, last: int | None) -> str:
    """Where in a sequence, rows counted from 1: "in row 1", "in rows 2 to 4", "from row 5 on"."""
    if last is None:
        return f"from row {first} on"
    return f"in row {first}" if first == last else f"in rows {first} to {last}"
