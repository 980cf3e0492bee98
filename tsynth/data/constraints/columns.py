"""Columns taken off and put back where they stood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tsynth.data.schema import Column, Schema

if TYPE_CHECKING:
    import pyarrow as pa

    from tsynth.data.sequences import Sequences

__all__ = ["Lost", "drop", "free_name", "put", "take_off"]


@dataclass(frozen=True)
class Lost:
    """A column that was taken off, and where it stood.

    Parameters
    ----------
    column : Column
        What it was.
    before : tuple of str
        Names of the columns before it.
    entity_table : bool
        Whether it stood in the entity table of the source.
    """

    column: Column
    before: tuple[str, ...] = ()
    entity_table: bool = False


def drop(data: Sequences, names: Sequence[str]) -> Sequences:
    """The data without these columns."""
    return data.with_columns({}, data.schema.with_columns([c for c in data.schema if c.name not in names]))


def take_off(schema: Schema, names: Sequence[str]) -> tuple[Lost, ...]:
    """What is to be known of columns in order to put them back."""
    order = schema.names
    return tuple(Lost(schema[n], tuple(order[: order.index(n)]), n in schema.entity_columns) for n in names)


def put(
    data: Sequences,
    lost: Sequence[Lost],
    arrays: Mapping[str, pa.Array | pa.ChunkedArray],
    without: Sequence[str] = (),
) -> Sequences:
    """The data with columns put back where they stood, and those of `without` gone."""
    columns = [c for c in data.schema if c.name not in without]
    tables = [n for n in data.schema.entity_columns if n not in without]
    for entry in lost:
        names = [c.name for c in columns]
        if entry.column.name in names:
            columns[names.index(entry.column.name)] = entry.column
            continue
        at = 1 + max((i for i, name in enumerate(names) if name in entry.before), default=-1)
        columns.insert(at, entry.column)
        if entry.entity_table:
            at = 1 + max((i for i, name in enumerate(tables) if name in entry.before), default=-1)
            tables.insert(at, entry.column.name)
    schema = replace(data.schema, columns=tuple(columns), entity_columns=tuple(tables))
    return data.with_columns(arrays, schema)


def free_name(schema: Schema, wish: str) -> str:
    """`wish`, or the first name after it that no column bears."""
    name, count = wish, 2
    while name in schema or name in ("start", "end"):
        name, count = f"{wish} ({count})", count + 1
    return name
