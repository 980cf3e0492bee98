"""Float64 numbers back in the Arrow type of their column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from tsynth.data.arrow_types import parse

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["from_floats", "from_levels", "integer_limits", "nothing"]


def nothing(size: int, dtype: str) -> pa.Array:
    """`size` nulls of the type called `dtype`."""
    return pa.nulls(size, parse(dtype))


def integer_limits(kind: pa.DataType) -> tuple[int, int]:
    """Smallest and largest number of an integer type."""
    width = kind.bit_width
    return (
        (-(2 ** (width - 1)), 2 ** (width - 1) - 1) if pa.types.is_signed_integer(kind) else (0, 2**width - 1)
    )


def from_floats(x: NDArray[np.float64], dtype: str) -> pa.Array:
    """Numbers as the Arrow type called `dtype`, null where NaN, clipped to what the type can hold.

    Parameters
    ----------
    x : float64 array
        Durations in their own ticks; booleans as 0 and 1.
    dtype : str
        ``str(pyarrow.DataType)`` of an integer, float, decimal, duration or boolean type.
    """
    kind = parse(dtype)
    null = ~np.isfinite(x)
    x = np.where(null, 0.0, x)
    if pa.types.is_dictionary(kind):
        inner = from_floats(np.where(null, np.nan, x), str(kind.value_type))
        return inner.dictionary_encode().cast(kind)
    if pa.types.is_integer(kind):
        return pa.array(_integers(x, kind), kind, mask=null)
    if pa.types.is_duration(kind):
        return pa.array(_integers(x, pa.int64()), pa.int64(), mask=null).cast(kind)
    if pa.types.is_boolean(kind):
        return pa.array(x > 0.5, kind, mask=null)
    if pa.types.is_decimal(kind):
        limit = float(np.nextafter(10.0 ** (kind.precision - kind.scale) * (1 - 10.0**-kind.precision), 0.0))
        # Text is exact where a float is not: 0.1 stays 0.1.
        text = [
            None if n else f"{v:.{max(kind.scale, 0)}f}"
            for n, v in zip(null, np.clip(x, -limit, limit), strict=True)
        ]
        return pa.array(text, pa.string()).cast(kind)
    if pa.types.is_floating(kind):
        limit = float(np.finfo(kind.to_pandas_dtype()).max)
        return pa.array(np.clip(x, -limit, limit).astype(kind.to_pandas_dtype()), kind, mask=null)
    if pa.types.is_null(kind):
        return pa.nulls(len(x))
    return pa.array(x, pa.float64(), mask=null).cast(kind, safe=False)


def _integers(x: NDArray[np.float64], kind: pa.DataType) -> NDArray[np.generic]:
    low, high = integer_limits(kind)
    x = np.rint(x)
    # 2.0**63 is a float but no int64: the ends are set, not cast.
    inside = (x >= float(low)) & (x < float(high))
    whole = np.where(inside, x, 0.0).astype(np.uint64 if low == 0 else np.int64)
    whole = np.where(x < float(low), np.array(low, whole.dtype), whole)
    whole = np.where(x >= float(high), np.array(high, whole.dtype), whole)
    return whole.astype(kind.to_pandas_dtype())


def from_levels(codes: NDArray[np.int64], levels: pa.Array, dtype: str) -> pa.Array:
    """Levels at `codes` as the type called `dtype`, null where a code is negative."""
    kind = parse(dtype)
    taken = (
        levels.take(pa.array(np.maximum(codes, 0), mask=codes < 0))
        if len(levels)
        else pa.nulls(len(codes), levels.type)
    )
    return taken.dictionary_encode().cast(kind) if pa.types.is_dictionary(kind) else taken.cast(kind)
