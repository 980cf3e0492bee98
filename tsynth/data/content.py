"""A sum over what a table says, not over how it lies in memory: `ContentHash`.

The bytes of an Arrow stream depend on chunks, on whether a column without nulls carries a bitmap, and on what
stands under a null; all of it changes when rows are sliced, taken or read back from Parquet. So each column
is fed as plain values with its own column of validity, in batches of a fixed number of rows.
"""

from __future__ import annotations

import decimal
import hashlib
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["BATCH", "ContentHash", "sum_of_sums"]

BATCH = 65_536
"""Rows a batch of the stream; fixed, so that the parts that rows come in leave no trace."""


class ContentHash:
    """Sha256 of rows as one Arrow stream, fed table by table.

    Dictionaries are hashed as the values they stand for; names and types of columns are part of the sum.

    Examples
    --------
    >>> import pyarrow as pa
    >>> whole, parts = ContentHash(), ContentHash()
    >>> whole.add(pa.table({"x": [1, None, 3]}))
    >>> parts.add(pa.table({"x": [1]}))
    >>> parts.add(pa.table({"x": pa.array([None, 3], pa.int64())}))
    >>> whole.hexdigest() == parts.hexdigest()
    True
    """

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._writer: pa.ipc.RecordBatchStreamWriter | None = None
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def add(self, table: pa.Table) -> None:
        """The next rows; every table has the columns of the first."""
        table = _plain(table)
        if self._writer is None:
            sink = pa.PythonFile(_Sink(self._digest), mode="w")
            self._writer = pa.ipc.new_stream(sink, _canonical(table.slice(0, 0)).schema)
        self._waiting.append(table)
        self._rows += table.num_rows
        if self._rows >= BATCH:
            waiting = pa.concat_tables(self._waiting)
            whole = self._rows - self._rows % BATCH
            for at in range(0, whole, BATCH):
                self._writer.write_table(_canonical(waiting.slice(at, BATCH)))
            self._waiting, self._rows = [waiting.slice(whole)], self._rows - whole

    def hexdigest(self) -> str:
        """The sum; nothing can be added after it."""
        if self._writer is not None:
            if self._rows:
                self._writer.write_table(_canonical(pa.concat_tables(self._waiting)))
            self._writer.close()
            self._writer, self._waiting, self._rows = None, [], 0
        return self._digest.hexdigest()


def sum_of_sums(sums: Iterable[str | None]) -> str:
    """One sum of the sums of several tables, those that are missing (None) left out; a single one stays itself."""
    known = [s for s in sums if s is not None]
    return known[0] if len(known) == 1 else hashlib.sha256("".join(known).encode()).hexdigest()


class _Sink:
    """A file that only feeds a digest."""

    closed = False

    def __init__(self, digest: Any) -> None:
        self._digest = digest

    def write(self, data: Any) -> int:
        self._digest.update(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing to close."""


def _plain(table: pa.Table) -> pa.Table:
    """Without metadata, dictionaries, and the two widths of text."""
    columns = {}
    for name in table.column_names:
        column = table[name]
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
            column = column.cast(pa.string())
        columns[name] = column
    return pa.table(columns)


def _canonical(table: pa.Table) -> pa.Table:
    """One chunk a column, nulls replaced by a fixed value, and a column that says where they were."""
    arrays, fields = [], []
    for name in table.column_names:
        column = table[name].combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
        valid = pc.is_valid(column)
        if column.null_count and not pa.types.is_null(column.type):
            column = pc.fill_null(column, _nothing(column.type))
        arrays += [column, valid]
        fields += [pa.field(name, column.type), pa.field(name, pa.bool_())]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _nothing(kind: pa.DataType) -> pa.Scalar:
    if pa.types.is_decimal(kind):
        return pa.scalar(decimal.Decimal(0), kind)
    if pa.types.is_string(kind):
        return pa.scalar("", kind)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return pa.scalar(b"", kind)
    if pa.types.is_boolean(kind):
        return pa.scalar(False, kind)
    return pa.scalar(0, kind)
