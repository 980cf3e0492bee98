"""Cells of another tool's rows that contradict their entity: a column is fixed in train, and varies there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.data.arrow_types import ranks
from tsynth.data.casts import Cast
from tsynth.data.schema import Schema

__all__ = ["steadied"]


def steadied(table: pa.Table, schema: Schema, casts: list[Cast]) -> tuple[pa.Table, list[Cast]]:
    """Rows whose static columns have the first value of their entity throughout, and what differed from it.

    Real rows of which a static column varies are refused (`tsynth.data.checks`), because then the schema is wrong. In
    synthetic rows it is a fault of the generator, and faults are counted. The first value is the earliest one, in the
    order of the file among rows of one time.

    Parameters
    ----------
    table : pyarrow.Table
        Rows in the types of the schema.
    schema : Schema
    casts : list of Cast
        What was cast before.

    Returns
    -------
    table : pyarrow.Table
        In the order that came in.
    casts : list of Cast
        Cells that differ are counted as unreadable, and as varying.
    """
    names = [
        c.name for c in schema.row_columns if c.static and c.role != "entity" and c.name in table.column_names
    ]
    if not names or not table.num_rows:
        return table, casts
    first = _first_rows(table, schema)
    for name in names:
        code = ranks(table[name])
        differ = code != code[first]
        count = int(differ.sum())
        if not count:
            continue
        old = next((cast for cast in casts if cast.column == name), None)
        cells = table.num_rows
        example = str(table[name][int(np.argmax(differ))].as_py())[:40]
        said = (
            f"{count:,} of {cells:,} cells differ from the first of their entity (such as {example!r}), which counts, "
            "because the column is fixed for an entity in train"
        )
        if old is None:
            kind = str(table.schema.field(name).type)
            new = Cast("cast", f"{name}: {said}", name, kind, kind, cells, count, example, varying=count)
        else:
            new = replace(
                old,
                message=f"{old.message}; {said}",
                cells=cells,
                unreadable=old.unreadable + count,
                varying=count,
            )
        casts = [*(cast for cast in casts if cast is not old), new]
        place = table.column_names.index(name)
        table = table.set_column(place, table.schema.field(name), table[name].take(pa.array(first)))
    return table, casts


def _first_rows(table: pa.Table, schema: Schema) -> np.ndarray:
    """For each row the place of the first one of its entity."""
    keys = [name for name in (schema.entity, schema.time) if name is not None and name in table.column_names]
    if not keys:
        return np.zeros(table.num_rows, np.int64)
    order = np.asarray(pc.sort_indices(table.select(keys), [(name, "ascending") for name in keys])).astype(
        np.int64
    )
    if schema.entity not in keys:
        return np.full(table.num_rows, order[0])
    owner = ranks(table[schema.entity])
    starts = np.flatnonzero(np.r_[True, owner[order][1:] != owner[order][:-1]])
    first = np.empty(table.num_rows, np.int64)
    first[order] = np.repeat(order[starts], np.diff(np.r_[starts, table.num_rows]))
    return first
