"""Wall-clock time as numbers, and numbers as wall-clock time.

Generators see time as float64 in the schema's unit since 1970-01-01 00:00 on the wall clock of the column's zone,
so that midnight, weekday and month end mean what they mean to the reader. On the way back a local time that a
change of daylight saving left out moves to the first one that exists, and one that exists twice is the earlier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TICKS", "from_units", "to_units", "wall_ticks"]

TICKS = {
    "ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "min": 60 * 10**9, "h": 3600 * 10**9, "d": 86_400 * 10**9,
    "w": 7 * 86_400 * 10**9,
}  # fmt: skip
"""Nanoseconds of each fixed unit of time."""


def wall_ticks(array: pa.ChunkedArray | pa.Array) -> tuple[NDArray[np.int64], NDArray[np.bool_], str]:
    """Wall-clock ticks since 1970, where they are null, and the unit of a tick ("s", "ms", "us", "ns", "d")."""
    kind = array.type
    null = np.asarray(pc.is_null(array))
    if pa.types.is_date32(kind):
        return np.asarray(array.cast(pa.int32()).fill_null(0)).astype(np.int64), null, "d"
    if pa.types.is_date64(kind):
        return np.asarray(array.cast(pa.int64()).fill_null(0)).astype(np.int64), null, "ms"
    if pa.types.is_time(kind):
        whole = pa.int32() if kind.bit_width == 32 else pa.int64()
        return np.asarray(array.cast(whole).fill_null(0)).astype(np.int64), null, kind.unit
    if kind.tz is not None:
        array = pc.local_timestamp(array)
    return np.asarray(array.cast(pa.int64()).fill_null(0)).astype(np.int64), null, kind.unit


def to_units(array: pa.ChunkedArray | pa.Array, unit: str) -> NDArray[np.float64]:
    """Wall-clock time in `unit` since 1970, NaN where null."""
    ticks, null, tick = wall_ticks(array)
    ratio = TICKS.get(unit, TICKS["d"]) / TICKS[tick]
    out = ticks / ratio if ratio >= 1 else ticks * (1 / ratio)
    return np.where(null, np.nan, out)


def from_units(values: NDArray[np.float64], unit: str, dtype: pa.DataType) -> pa.Array:
    """Wall-clock `values` in `unit` since 1970 as an Arrow array of `dtype` (date or timestamp, with zone or not).

    Values are rounded to the tick of `dtype` and clipped to what it can hold.
    """
    null = ~np.isfinite(values)
    if pa.types.is_date(dtype):
        ticks = np.rint(np.where(null, 0, values) * (TICKS.get(unit, TICKS["d"]) / TICKS["d"]))
        days = pa.array(np.clip(ticks, -(2**31), 2**31 - 1).astype(np.int32), mask=null)
        return days.cast(pa.date32()).cast(dtype)
    scale = TICKS.get(unit, TICKS["d"]) / TICKS[dtype.unit]
    ticks = np.rint(np.where(null, 0, values) * scale)
    naive = pa.array(np.clip(ticks, -(2**63) + 1024, 2**63 - 1024).astype(np.int64), mask=null).cast(
        pa.timestamp(dtype.unit)
    )
    if dtype.tz is None:
        return naive
    return pc.assume_timezone(naive, dtype.tz, ambiguous="earliest", nonexistent="latest")
