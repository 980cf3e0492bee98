"""A time that stands in two columns, a day and an hour: put together on the way in, taken apart on the way out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.data.arrow_types import parse, plain
from tsynth.data.clock import TICKS
from tsynth.errors import DataError

__all__ = ["join_parts", "part_again"]


def join_parts(table: pa.Table, day: str, hour: str) -> tuple[pa.Table, str, dict[str, str]]:
    """One time column in place of a day and an hour.

    A date and an hour (a whole number from 0 to 23, or a time of day) become a time to the second; the
    number of a day and an hour become a number of hours.

    Returns
    -------
    table : pyarrow.Table
    name : str
        The new column.
    parts : dict
        What `part_again` needs.
    """
    days, hours = plain(table[day]), plain(table[hour])
    for name, column in ((day, days), (hour, hours)):
        if column.null_count:
            row = pc.index(pc.is_null(column), True).as_py()
            raise DataError(
                f"{column.null_count:,} rows have no time (first in row {row})",
                column=name,
                row=row,
                fix="fill or remove them",
            )
    if pa.types.is_time(hours.type):
        whole = hours.cast(pa.int32() if hours.type.bit_width == 32 else pa.int64())
        seconds = np.asarray(whole) * TICKS[hours.type.unit] // TICKS["s"]
    elif pa.types.is_integer(hours.type):
        numbers = np.asarray(hours)
        if ((numbers < 0) | (numbers > 24)).any():
            row = int(np.argmax((numbers < 0) | (numbers > 24)))
            raise DataError(
                f"holds {numbers[row]} in row {row}, which is no hour of a day",
                column=hour,
                row=row,
                fix="name the column of the hour second",
            )
        seconds = numbers.astype(np.int64) * 3600
    else:
        raise DataError(
            f"is {hours.type}, but the second part of a time is an hour or a time of day",
            column=hour,
            fix="convert it",
        )
    name = f"{day}+{hour}"
    if pa.types.is_temporal(days.type):
        start = days.cast(pa.timestamp("s")).cast(pa.int64())
        made: pa.Array = pa.array(np.asarray(start) + seconds).cast(pa.timestamp("s"))
    elif pa.types.is_integer(days.type):
        if (seconds % 3600).any():
            made = pa.array(np.asarray(days).astype(np.float64) * 24 + seconds / 3600)
        else:
            made = pa.array(np.asarray(days).astype(np.int64) * 24 + seconds // 3600)
    else:
        raise DataError(
            f"is {days.type}, but the first part of a time is a date or the number of a day",
            column=day,
            fix="convert it",
        )
    parts = {"name": name, "day": day, "day_type": str(days.type), "hour": hour, "hour_type": str(hours.type)}
    table = table.set_column(table.column_names.index(day), name, made).drop_columns([hour])
    return table, name, parts


def part_again(table: pa.Table, parts: dict[str, Any]) -> pa.Table:
    """Day and hour in place of the time that `join_parts` made; hours of 24 come back as 0 of the next day."""
    if parts["name"] not in table.column_names:
        return table
    place = table.column_names.index(parts["name"])
    column = table[parts["name"]]
    if pa.types.is_temporal(column.type):
        seconds = np.asarray(column.cast(pa.timestamp("s"), safe=False).cast(pa.int64()))
        days = (
            pa.array(seconds // 86400 * 86400)
            .cast(pa.timestamp("s"))
            .cast(parse(parts["day_type"]), safe=False)
        )
    else:
        seconds = np.rint(np.asarray(column.cast(pa.float64())) * 3600).astype(np.int64)
        days = pa.array(seconds // 86400).cast(parse(parts["day_type"]))
    inside = seconds % 86400
    kind = parse(parts["hour_type"])
    if pa.types.is_time(kind):
        ticks = inside * (TICKS["s"] // TICKS[kind.unit])
        hours = pa.array(ticks.astype(np.int32 if kind.bit_width == 32 else np.int64)).cast(kind)
    else:
        hours = pa.array(inside // 3600).cast(kind)
    return table.set_column(place, parts["day"], days).add_column(place + 1, parts["hour"], hours)
