"""Numbers as whole counts of their last decimal, and levels as codes: exact arithmetic for rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.data.arrow_types import parse, plain
from tsynth.data.sequences import level_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.schema import Column
    from tsynth.data.sequences import Sequences

__all__ = [
    "decimals",
    "decoded",
    "from_counts",
    "in_rows",
    "levels",
    "lone",
    "ties",
    "to_counts",
    "typed",
    "values_of",
]

MOST = 6
"""Decimals beyond which sums are not counted in whole units."""
FINEST = 9
"""Decimals beyond which rounding would itself change the last bits."""


def decimals(data: Sequences, name: str) -> int | None:
    """Digits after the point of a column, at most 6; None where it has more."""
    column = data.schema[name]
    if pa.types.is_integer(data.column(name).type):
        return 0
    if column.decimals is not None:
        return column.decimals if column.decimals <= MOST else None
    values = data.numeric(name)
    values = values[np.isfinite(values)]
    for digits in range(MOST + 1):
        if np.all(np.abs(values - np.round(values, digits)) <= 1e-9 * np.maximum(1.0, np.abs(values))):
            return digits
    return None


def to_counts(data: Sequences, name: str, digits: int) -> NDArray[np.int64]:
    """The column as whole counts of ``10**-digits``; null counts 0."""
    array = data.column(name)
    if pa.types.is_integer(array.type) and not pa.types.is_uint64(array.type):
        whole = np.asarray(array.cast(pa.int64()).fill_null(0), dtype=np.int64)
        return whole * 10**digits
    values = np.nan_to_num(data.numeric(name), nan=0.0, posinf=0.0, neginf=0.0)
    return np.rint(np.clip(values * 10.0**digits, -(2.0**62), 2.0**62)).astype(np.int64)


def from_counts(
    counts: NDArray[np.int64], digits: int, column: Column, null: NDArray[np.bool_] | None = None
) -> pa.Array:
    """Whole counts of ``10**-digits`` as an Arrow array of the column's type."""
    dtype = parse(column.dtype)
    if pa.types.is_integer(dtype):
        whole = np.rint(counts / 10.0**digits).astype(np.int64) if digits else counts
        info = np.iinfo(dtype.to_pandas_dtype())
        low, high = max(info.min, -(2**63)), min(info.max, 2**63 - 1)
        return pa.array(np.clip(whole, low, high), mask=null).cast(dtype)
    numbers = counts / 10.0**digits
    if column.decimals is not None and column.decimals < digits:
        numbers = np.round(numbers, column.decimals)
    return pa.array(numbers, mask=null).cast(dtype, safe=False)


def typed(values: NDArray[np.float64], column: Column, null: NDArray[np.bool_] | None = None) -> pa.Array:
    """Floats as an Arrow array of the column's type, rounded to its decimals; NaN is null."""
    dtype = parse(column.dtype)
    missing = ~np.isfinite(values) if null is None else null | ~np.isfinite(values)
    values = np.where(missing, 0.0, values)
    if pa.types.is_integer(dtype):
        info = np.iinfo(dtype.to_pandas_dtype())
        whole = np.clip(
            np.rint(values), max(float(info.min), -(2.0**63)), min(float(info.max), 2.0**63 - 1024)
        )
        return pa.array(whole.astype(np.int64), mask=missing).cast(dtype)
    if column.decimals is not None and column.decimals <= FINEST:
        values = np.round(values, column.decimals)
    return pa.array(values, mask=missing).cast(dtype, safe=False)


def decoded(codes: NDArray[np.int64], levels: tuple[Any, ...], dtype: pa.DataType) -> pa.Array:
    """Codes into `levels` as an Arrow array of `dtype`; a code below 0 is null."""
    known = level_array(levels, dtype)
    index = pa.array(np.maximum(codes, 0), mask=codes < 0)
    array = known.take(index) if len(known) else pa.nulls(len(codes), known.type)
    return array.dictionary_encode().cast(dtype) if pa.types.is_dictionary(dtype) else array.cast(dtype)


def values_of(array: pa.ChunkedArray, values: tuple[Any, ...]) -> NDArray[np.int64]:
    """Place of each value of a column among `values`; -1 where null, -2 where it is none of them."""
    array = plain(array)
    known = level_array(tuple(v for v in values if v is not None), array.type)
    places = np.array([i for i, v in enumerate(values) if v is not None] + [-2, -1], dtype=np.int64)
    found = np.asarray(pc.index_in(array, value_set=known, skip_nulls=True).fill_null(-2), dtype=np.int64)
    found[np.asarray(pc.is_null(array))] = -1
    out = places[np.where(found >= 0, found, np.where(found == -2, len(known), len(known) + 1))]
    if None in values:
        out[out == -1] = values.index(None)
    return np.asarray(out, dtype=np.int64)


def in_rows(data: Sequences, name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Values of a column with one a row, whether it is static or not."""
    return values[data.entity_of_row] if name in data.entities.column_names else values


def ties(data: Sequences) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where each run of rows of one entity and one time begins (and R), and which of them open an entity."""
    if data.n_rows == 0:
        return np.zeros(1, np.int64), np.zeros(0, np.bool_)
    first = data.step_of_row == 0
    new = first.copy()
    new[1:] |= data.time[1:] != data.time[:-1]
    begins = np.flatnonzero(new)
    return np.append(begins, data.n_rows).astype(np.int64), first[begins]


def lone(data: Sequences, rows: int = 2000) -> NDArray[np.int64]:
    """Some rows that, like the one before them, share their time with no other row of their entity."""
    begins, opens = ties(data)
    single = np.diff(begins) == 1
    after = single & ~opens
    after[1:] &= single[:-1]
    found = begins[:-1][after]
    return found[:: max(1, len(found) // rows)]


def levels(column: Column) -> tuple[Any, ...]:
    """Levels of a category or boolean."""
    return column.levels if column.levels is not None else (False, True)
