"""Made series, back as rows: numbers in the type, grid and bounds of the schema, times and statics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.data import clock
from tsynth.data.arrow_types import parse
from tsynth.data.encoding import Field, Rows
from tsynth.data.sequences import level_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.encoding import Encoder
    from tsynth.data.schema import Column
    from tsynth.data.sequences import Sequences
    from tsynth.generators.views import Series

__all__ = ["numeric_column", "series_columns", "series_rows", "series_statics"]


def series_columns(view: Series) -> dict[str, pa.Array]:
    """Each column of a made `Series` as an Arrow array."""
    return {c.name: numeric_column(view.values[:, i], c, view.unit) for i, c in enumerate(view.columns)}


def series_rows(view: Series, statics: dict[str, dict[str, Any]], series: NDArray[np.int64]) -> Rows:
    """Times and statics of a made `Series` as the encoder decodes them; made series i stands for ``series[i]``."""
    edge = np.full(view.n_entities, np.nan)
    fields = {
        name: Field(
            name=name,
            choice=entry["choice"][series],
            value=None if entry["value"] is None else entry["value"][series],
            choices=entry["choices"],
            continuous=entry["continuous"],
        )
        for name, entry in statics.items()
    }
    return Rows(
        offsets=view.offsets,
        time=view.time,
        start=edge,
        end=edge,
        fields={},
        statics=fields,
        mark=None,
        calendar=view.calendar,
    )


def series_statics(bare: Sequences, encoder: Encoder) -> dict[str, dict[str, Any]]:
    """Encoded statics of every series, as plain values and arrays: a made series keeps those it stands for."""
    fields = encoder.encode_statics(bare, [c.name for c in bare.schema.statics])
    return {
        name: {"choice": f.choice, "value": f.value, "choices": f.choices, "continuous": f.continuous}
        for name, f in fields.items()
    }


def numeric_column(values: NDArray[np.float64], column: Column, unit: str) -> pa.Array:
    """Float64 `values` (NaN is null) as an Arrow array of the column's type, rounded to its grid and clipped to
    its bounds; categories and booleans come as codes, datetimes in `unit`.
    """
    dtype = parse(column.dtype)
    null = ~np.isfinite(values)
    if column.kind == "datetime":
        return clock.from_units(values, unit, dtype)
    if column.discrete:
        levels = level_array(column.levels or (False, True), dtype)
        codes = np.clip(np.where(null, 0, values), 0, len(levels) - 1).astype(np.int64)
        return _typed(pc.take(levels, pa.array(codes, mask=null)), dtype)
    numbers = np.where(null, 0.0, values)
    if column.decimals is not None:
        numbers = np.round(numbers, column.decimals)
    if column.bounds is not None:
        numbers = np.clip(numbers, *column.bounds)
    if pa.types.is_integer(dtype):
        info = np.iinfo(dtype.to_pandas_dtype())
        # float64 cannot hold the last integers of 64 bits, so the edges are clipped after the cast
        whole = np.rint(numbers)
        inside = np.clip(whole, float(info.min), np.nextafter(float(info.max), 0.0)).astype(
            dtype.to_pandas_dtype()
        )
        return pa.array(inside, dtype, mask=null)
    if pa.types.is_decimal(dtype):
        return pa.array(numbers, pa.float64(), mask=null).cast(dtype, safe=False)
    if pa.types.is_duration(dtype):
        return pa.array(np.rint(numbers).astype(np.int64), mask=null).cast(dtype)
    return pa.array(numbers, pa.float64(), mask=null).cast(dtype, safe=False)


def _typed(array: pa.Array, dtype: pa.DataType) -> pa.Array:
    return array.dictionary_encode().cast(dtype) if pa.types.is_dictionary(dtype) else array.cast(dtype)
