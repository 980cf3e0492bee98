"""Rows of another tool in the types of a schema: what can be read is read, what cannot is counted, not refused.

`tsynth.data.casting` is strict, as reading real rows must be: it refuses a column of which one cell does not fit.
Synthetic rows that are to be scored are another matter: a cell that no reader can read is a fault of the generator,
and faults are counted. Such a cell becomes null; a column of which nothing can be read is refused as one of another
nature.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.data import arrow_types
from tsynth.data.schema import Column, Schema
from tsynth.data.sequences import Note, Sequences
from tsynth.data.text_cells import as_dates, as_numbers, as_text, as_truth, blank
from tsynth.errors import SchemaMismatch

__all__ = ["Cast", "Unlike", "cast_column", "cast_to_schema", "casts_of"]

MOST_LEVELS = 2_000
"""Levels of a category that the schema does not know and that are taken in."""


@dataclass(frozen=True)
class Cast(Note):
    """A column that was read in another type than it came in.

    Parameters
    ----------
    source, target : str
        Arrow types, as text.
    cells : int
        Cells that hold something.
    unreadable : int
        Cells among them that cannot be read in the type and are null now, or that vary.
    example : str, optional
        One of these.
    left_out : int
        Rows that were left out, because their time cannot be read.
    varying : int
        Unreadable cells among them that could be read, but differ from the first one of their entity in a column that
        is fixed for an entity; the first one stands in their place.
    """

    source: str = ""
    target: str = ""
    cells: int = 0
    unreadable: int = 0
    example: str | None = None
    left_out: int = 0
    varying: int = 0

    def to_dict(self) -> dict[str, Any]:
        """JSON types, as a report keeps it."""
        return {
            "column": self.column,
            "from": self.source,
            "to": self.target,
            "cells": self.cells,
            "unreadable": self.unreadable,
            "example": self.example,
            "rows_left_out": self.left_out,
            **({"varying": self.varying} if self.varying else {}),
        }


def casts_of(data: Sequences) -> list[Cast]:
    """What was cast when these rows were read."""
    return [note for note in data.notes if isinstance(note, Cast)]


def cast_to_schema(table: pa.Table, schema: Schema) -> tuple[pa.Table, Schema, list[Cast]]:
    """The columns of a table that a schema names, in its types as far as that loses nothing.

    Parameters
    ----------
    table : pyarrow.Table
        Rows, or an entity table; columns that the schema does not name stay as they are.
    schema : Schema

    Returns
    -------
    table : pyarrow.Table
        Without the rows whose time is missing or cannot be read.
    schema : Schema
        With the types that the columns have now: a wider one than the schema's where values need it.
    casts : list of Cast

    Raises
    ------
    SchemaMismatch
        Not one cell of a column can be read.
    """
    columns, made, casts, lines = [], {}, [], []
    for column in schema:
        if column.name not in table.column_names:
            columns.append(column)
            continue
        values = arrow_types.plain(table[column.name])
        try:
            fitted, known, cast = cast_column(column, values)
        except Unlike as error:
            lines.append(str(error))
            continue
        made[column.name] = fitted
        columns.append(known)
        if cast is not None:
            casts.append(cast)
    if lines:
        raise SchemaMismatch(lines, fix="give each column values of the kind that train has")
    table = pa.table({name: made.get(name, table[name]) for name in table.column_names})
    if schema.time in made:
        table, casts = _placed(table, str(schema.time), casts)
    return table, schema.with_columns(columns), casts


class Unlike(Exception):
    """Not one cell of a column can be read; the text says so in a line."""


def cast_column(column: Column, values: pa.ChunkedArray) -> tuple[pa.ChunkedArray, Column, Cast | None]:
    """One column: its values, the column with their type and with the levels that only they have, and the cast."""
    fitted, cast = _fitted(column, values)
    known = replace(column, dtype=str(fitted.type))
    if column.discrete and column.levels is not None and column.kind != "boolean":
        kind = type(next(iter(column.levels), ""))
        old = {str(level) for level in column.levels}
        found = [v for v in pc.unique(fitted).to_pylist() if isinstance(v, kind) and str(v) not in old]
        known = replace(known, levels=(*column.levels, *sorted(found)[:MOST_LEVELS]))
    return fitted, known, cast


def _fitted(column: Column, values: pa.ChunkedArray) -> tuple[pa.ChunkedArray, Cast | None]:
    target = arrow_types.parse(column.dtype)
    if pa.types.is_dictionary(target):
        target = target.value_type
    kind = values.type
    if pa.types.is_null(kind) or values.null_count == len(values):
        return pa.chunked_array([pa.nulls(len(values), target)]), None
    if not column.learned or column.role == "entity":
        return _as_id(column, values, target)
    if arrow_types.is_text(kind) and arrow_types.is_text(target):
        return values.cast(target), None
    fitted = _finite(_read(column, values, target))
    held = np.asarray(pc.invert(blank(values)))
    lost = held & np.asarray(pc.is_null(fitted))
    if lost.any() and lost.sum() == held.sum():
        shown = f"such as {_example(values, lost)!r}"
        raise Unlike(f"column {column.name!r}: none of its {held.sum():,} cells ({kind}, {shown}) "
                      f"can be read as {column.dtype}")  # fmt: skip
    if fitted.type == kind and not lost.any():
        return values, None
    return fitted, _cast(column.name, kind, fitted, int(held.sum()), lost, values)


def _as_id(
    column: Column, values: pa.ChunkedArray, target: pa.DataType
) -> tuple[pa.ChunkedArray, Cast | None]:
    """Ids and free texts are never learned: in the type of train where every one fits, else as they are."""
    if values.type == target or (arrow_types.is_text(values.type) and arrow_types.is_text(target)):
        return values, None
    try:
        made = as_text(values) if arrow_types.is_text(target) else values.cast(target)
        same = made.cast(values.type).equals(values) or arrow_types.is_text(target)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return values, None
    if not same:
        return values, None
    held = len(values) - values.null_count
    return made, _cast(column.name, values.type, made, held, np.zeros(len(values), bool), values)


def _read(column: Column, values: pa.ChunkedArray, target: pa.DataType) -> pa.ChunkedArray:
    """Values in the target type or one as wide as they need; null where they cannot be read."""
    kind, is_text = values.type, arrow_types.is_text(values.type)
    if kind == target:
        return values
    if arrow_types.is_text(target):
        return as_text(values, column.levels).cast(target)
    if pa.types.is_boolean(target):
        return as_truth(values)
    dates = pa.types.is_date(target) or pa.types.is_timestamp(target)
    if dates and (is_text or pa.types.is_integer(kind)):
        return _narrowed(as_dates(column.name, values, target), target)
    if dates and not (pa.types.is_date(kind) or pa.types.is_timestamp(kind)):
        return pa.chunked_array([pa.nulls(len(values), target)])
    numeric = pa.types.is_integer(target) or pa.types.is_floating(target) or pa.types.is_decimal(target)
    if numeric:
        if pa.types.is_temporal(kind):
            return pa.chunked_array([pa.nulls(len(values), target)])
        values = as_numbers(values) if is_text else values
        values = values.cast(pa.int8()) if pa.types.is_boolean(values.type) else values
    return _narrowed(values, target)


def _narrowed(values: pa.ChunkedArray, target: pa.DataType) -> pa.ChunkedArray:
    """In the target type where every value fits; as they are where one does not."""
    kind = values.type
    if kind == target:
        return values
    try:
        made = values.cast(target)
        if pa.types.is_floating(target) or pa.types.is_decimal(target):
            near = pc.less_equal(
                pc.abs(pc.subtract(made.cast(pa.float64()), values.cast(pa.float64()))),
                pc.multiply(pc.abs(values.cast(pa.float64())), 1e-12),
            )
            return made if pc.all(near, min_count=0).as_py() else values
        return made
    except pa.ArrowInvalid:
        return values
    except pa.ArrowNotImplementedError:
        return pa.chunked_array([pa.nulls(len(values), target)])


def _finite(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_floating(values.type):
        return values
    return pc.if_else(pc.is_finite(values), values, pa.scalar(None, values.type))


def _cast(
    name: str, kind: pa.DataType, fitted: pa.ChunkedArray, cells: int, lost: Any, values: pa.ChunkedArray
) -> Cast:
    count = int(lost.sum())
    example = _example(values, lost) if count else None
    said = f"{name}: {_plain(kind)} read as {_plain(fitted.type)}"
    if kind == fitted.type:
        said = name
    if count:
        said += (
            f"{':' if kind == fitted.type else ';'} {_of(count, cells)} cannot be read (such as {example!r})"
        )
        said += " and count as missing"
    return Cast("cast", said, name, str(kind), str(fitted.type), cells, count, example)


def _placed(table: pa.Table, time: str, casts: list[Cast]) -> tuple[pa.Table, list[Cast]]:
    """The rows that have a time; the cast of the time column says how many have none."""
    gone = table[time].null_count
    if not gone:
        return table, casts
    kind = str(table.schema.field(time).type)
    rows = table.num_rows
    old = next(
        (c for c in casts if c.column == time), Cast("cast", f"{time}: no type changed", time, kind, kind)
    )
    said = old.message.removesuffix(" and count as missing")
    if old.unreadable < gone:
        said = f"{time}: {_of(gone, rows)} are missing or cannot be read"
        said += f" (such as {old.example!r})" if old.example is not None else ""
    new = replace(
        old,
        message=f"{said}; a row without a time has no place, so {gone:,} of {rows:,} rows are left out",
        cells=rows,
        unreadable=gone,
        left_out=gone,
    )
    return table.filter(pc.is_valid(table[time])), [*(c for c in casts if c.column != time), new]


def _of(count: int, cells: int) -> str:
    return f"{count:,} of {cells:,} cells"


def _example(values: pa.ChunkedArray, lost: Any) -> str:
    return str(values[int(np.argmax(lost))].as_py())[:40]


def _plain(kind: pa.DataType) -> str:
    """A type in the words of a person who does not know Arrow."""
    if arrow_types.is_text(kind):
        return "text"
    if pa.types.is_boolean(kind):
        return "true or false"
    if pa.types.is_integer(kind):
        return "whole number"
    if pa.types.is_date(kind):
        return "date"
    if pa.types.is_timestamp(kind):
        return f"time ({kind.unit})"
    return "number"
