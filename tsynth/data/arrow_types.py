"""Arrow types: which of them a column may have, and their names as text and back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.errors import ArtifactError, DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["check_names", "is_text", "parse", "plain", "ranks", "settle"]

_SIMPLE = {
    str(kind): kind
    for kind in (
        pa.null(), pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(),
        pa.uint32(), pa.uint64(), pa.float16(), pa.float32(), pa.float64(), pa.string(), pa.large_string(),
        pa.date32(), pa.date64(), *(pa.timestamp(u) for u in ("s", "ms", "us", "ns")),
        *(pa.duration(u) for u in ("s", "ms", "us", "ns")),
        pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"),
    )
}  # fmt: skip


def parse(text: str) -> pa.DataType:
    """The Arrow type whose ``str()`` is `text`.

    Raises
    ------
    ArtifactError
        Where no column of a schema may have that type.
    """
    if text in _SIMPLE:
        return _SIMPLE[text]
    if found := re.fullmatch(r"timestamp\[(s|ms|us|ns), tz=([\w+\-/:.]+)\]", text):
        return pa.timestamp(found[1], found[2])
    if found := re.fullmatch(r"decimal(32|64|128|256)\((\d+), (-?\d+)\)", text):
        # Arrow before 18 has no 32 and 64 bit decimals.
        make = getattr(pa, f"decimal{found[1]}", pa.decimal128)
        return make(int(found[2]), int(found[3]))
    if found := re.fullmatch(r"dictionary<values=(.+), indices=(u?int\d+), ordered=([01])>", text):
        return pa.dictionary(_SIMPLE[found[2]], parse(found[1]), found[3] == "1")
    raise ArtifactError(f"the type {text!r} is not one that a column may have")


def is_text(kind: pa.DataType) -> bool:
    """Whether a type is text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A dictionary column as its values, any other as it is."""
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def check_names(names: list[str]) -> None:
    """Refuse empty and duplicate column names."""
    for place, name in enumerate(names):
        if not name.strip():
            raise DataError(f"column number {place} has no name", fix="give every column a name")
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        places = [i for i, name in enumerate(names) if name == doubled]
        raise DataError(
            f"columns number {places[0]} and {places[1]} have the same name",
            column=doubled,
            fix="rename one of them",
        )


def settle(table: pa.Table) -> pa.Table:
    """The table with views and run-length columns in plain form, NaN as null; what no column may hold is refused.

    Raises
    ------
    DataError
        For names that are empty or doubled, and for nested, binary and other types without an order.
    """
    check_names(table.column_names)
    columns = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        columns[name] = _settled(name, column)
    return pa.table(columns) if columns else table


def _settled(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        column, kind = (
            pa.chunked_array([c.storage for c in column.chunks], kind.storage_type),
            kind.storage_type,
        )
    if pa.types.is_dictionary(kind):
        value = kind.value_type
        if value == pa.string_view():
            return column.cast(pa.dictionary(kind.index_type, pa.large_string(), kind.ordered))
        _settled(name, pa.chunked_array([], value))
        return column
    if pa.types.is_run_end_encoded(kind):
        return _settled(name, pc.run_end_decode(column))
    if kind == pa.string_view():
        return column.cast(pa.large_string())
    if pa.types.is_nested(kind):
        raise DataError(f"is nested ({kind})", column=name, fix="spread it over columns or leave it out")
    if str(kind) not in _SIMPLE and not pa.types.is_decimal(kind) and not pa.types.is_timestamp(kind):
        raise DataError(
            f"has type {kind}, which has no use in a sequence",
            column=name,
            fix="convert it to text or leave it out",
        )
    if pa.types.is_floating(kind):
        if pa.types.is_float16(kind):
            column = column.cast(pa.float32())
        nan = pc.is_nan(column)
        if pc.any(nan).as_py():
            return pc.if_else(nan, pa.scalar(None, column.type), column)
    return column


def ranks(column: pa.ChunkedArray) -> NDArray[Any]:
    """Numbers in the order of the column's values, equal where values are equal, null first.

    Text is ordered by code point, whatever the locale; floats by value.
    """
    column = plain(column)
    kind = column.type
    if is_text(kind) or pa.types.is_decimal(kind):
        codes = column.combine_chunks().dictionary_encode()
        if isinstance(codes, pa.ChunkedArray):
            codes = codes.combine_chunks()
        order = np.asarray(pc.sort_indices(codes.dictionary))
        rank = np.empty(len(order) + 1, np.int64)
        rank[order] = np.arange(len(order))
        rank[-1] = -1
        return rank[np.asarray(codes.indices.fill_null(len(order)), dtype=np.int64)]
    null = np.asarray(pc.is_null(column)) if column.null_count else None
    if pa.types.is_floating(kind):
        values = np.asarray(column.fill_null(-np.inf) if null is not None else column, dtype=np.float64)
    elif pa.types.is_boolean(kind):
        values = np.asarray(column.cast(pa.int8()).fill_null(-1))
    elif pa.types.is_null(kind):
        return np.zeros(len(column), np.int8)
    else:
        if pa.types.is_temporal(kind):
            column = column.cast(pa.int32() if kind.bit_width == 32 else pa.int64())
        values = np.asarray(column.fill_null(0) if null is not None else column)
    if null is None or pa.types.is_boolean(kind):
        return values
    # A null sorts before every value and equals only a null.
    codes = np.unique(values, return_inverse=True)[1] + 1
    codes[null] = 0
    return codes
