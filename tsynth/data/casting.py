"""Columns in the types of a schema, where nothing is lost."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from tsynth.data import arrow_types
from tsynth.data.schema import Schema
from tsynth.data.sequences import Note
from tsynth.data.text_values import TextOptions, convert
from tsynth.errors import SchemaMismatch

__all__ = ["fit_to_schema"]


def fit_to_schema(table: pa.Table, schema: Schema) -> tuple[pa.Table, list[Note]]:
    """The schema's row columns in its order and types, dictionaries as values.

    Returns
    -------
    table : pyarrow.Table
    notes : list of Note
        One a cast.

    Raises
    ------
    SchemaMismatch
        Where columns are missing or left over, or a value cannot be cast without loss.
    """
    names = [c.name for c in schema.row_columns]
    lines = [f"column {n!r} is missing" for n in names if n not in table.column_names]
    lines += [f"column {n!r} is not in the schema" for n in table.column_names if n not in names]
    columns, notes = {}, []
    for column in schema.row_columns:
        if column.name not in table.column_names:
            continue
        values = arrow_types.plain(table[column.name])
        target = arrow_types.parse(column.dtype)
        if values.type == target:
            columns[column.name] = values
            continue
        made = _cast(column.name, values, target)
        if made is None:
            lines.append(f"column {column.name!r}: {values.type} that does not fit {column.dtype}")
            continue
        columns[column.name] = made
        notes.append(Note("cast", f"{column.name}: {values.type} read as {column.dtype}", column.name))
    if lines:
        raise SchemaMismatch(lines, fix="correct the columns, or read them without a schema")
    same = (
        table.column_names == names
        and all(columns[n] is table[n] or columns[n].equals(table[n]) for n in names)
        and not notes
    )
    return (table if same else pa.table(columns)), notes


def _cast(name: str, values: pa.ChunkedArray, target: pa.DataType) -> pa.ChunkedArray | None:
    kind = values.type
    if values.null_count == len(values):
        return pa.chunked_array([pa.nulls(len(values), target)])
    try:
        if arrow_types.is_text(kind) and not arrow_types.is_text(target):
            values, _ = convert(name, values, TextOptions(), None)
            return (
                None
                if arrow_types.is_text(values.type)
                else _cast(name, values, target)
                if values.type != target
                else values
            )
        if arrow_types.is_text(target) and not arrow_types.is_text(kind):
            return values.cast(target) if pa.types.is_integer(kind) else None
        made = values.cast(target)
        if (
            pa.types.is_floating(kind)
            and pa.types.is_floating(target)
            and not pc.all(pc.equal(made.cast(kind), values), min_count=0).as_py()
        ):
            return None
        return made
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
