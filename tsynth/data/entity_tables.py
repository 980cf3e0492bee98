"""The table with one row an entity beside the rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.data import frames
from tsynth.data.arrow_types import is_text, parse, plain
from tsynth.data.files import read_file
from tsynth.data.schema import Schema
from tsynth.data.sequences import Note
from tsynth.data.text_values import TextOptions
from tsynth.errors import DataError, UsageError

__all__ = ["join_entities", "read_entities"]


def read_entities(
    source: Any, options: TextOptions, entity: str | None, rows: pa.Table
) -> tuple[pa.Table, list[Note]]:
    """The entity table with ids in the type of the rows' ids.

    A column that the rows have too is renamed after the file ("account_date"), with a note.

    Raises
    ------
    DataError
        Where an id is missing or stands twice.
    """
    if entity is None:
        raise UsageError("an entity table needs an entity", fix="name the entity's column")
    notes: list[Note] = []
    stem = "entity"
    if isinstance(source, (str, Path)):
        found = read_file(source, options)
        table, notes = found.table, list(found.notes)
        stem = Path(source).name.split(".")[0] or stem
    else:
        table, _ = frames.to_table(source)
    if entity not in table.column_names:
        raise DataError(
            f"the entity table has no column {entity!r}",
            fix="rename its id column; it has " + ", ".join(table.column_names),
        )
    ids = plain(table[entity])
    if ids.null_count:
        raise DataError(
            f"the entity table has {ids.null_count:,} rows without id", column=entity, fix="remove them"
        )
    ids = _as_row_ids(ids, rows.schema.field(entity).type, entity)
    counted = pc.value_counts(ids)
    doubled = counted.filter(pc.greater(counted.field("counts"), 1))
    if len(doubled):
        one = doubled[0].as_py()
        raise DataError(
            f"the entity table has entity {one['values']} {one['counts']} times "
            f"({len(doubled):,} entities in all stand more than once)",
            column=entity,
            entity=one["values"],
            fix="keep one row an entity",
        )
    columns = {}
    for name in table.column_names:
        if pa.types.is_floating(table.schema.field(name).type) and pc.any(pc.is_inf(table[name])).as_py():
            row = pc.index(pc.is_inf(table[name]), True).as_py()
            owner = ids[row].as_py()
            raise DataError(
                f"entity {owner} has {table[name][row].as_py()} in the entity table", column=name, entity=owner,
                row=row, fix="correct or empty it",
            )  # fmt: skip
        if name == entity:
            columns[name] = ids
            continue
        new = name
        if name in rows.column_names:
            new = f"{stem}_{name}"
            while new in rows.column_names or new in table.column_names:
                new += "_"
            notes.append(
                Note(
                    "renamed",
                    f"{name} of the entity table is called {new}, because the rows have {name} too",
                    new,
                )
            )
        columns[new] = table[name]
    return pa.table(columns), notes


def _as_row_ids(ids: pa.ChunkedArray, kind: pa.DataType, entity: str) -> pa.ChunkedArray:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if ids.type == kind:
        return ids
    try:
        if is_text(kind) or not is_text(ids.type):
            return ids.cast(kind)
        made = ids.cast(kind)
        if pc.all(pc.equal(made.cast(ids.type), ids), min_count=0).as_py():
            return made
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        pass
    raise DataError(
        f"is {ids.type} in the entity table but {kind} in the rows",
        column=entity,
        fix="write both in one type",
    )


def join_entities(
    rows: pa.Table, offsets: np.ndarray[Any, Any], owners: pa.Table, entities: pa.Table, schema: Schema
) -> tuple[pa.Table, np.ndarray[Any, Any], pa.Table, list[Note]]:
    """Owners of rows and the entity table as one, sorted by id; entities without rows are kept."""
    entity = schema.entity
    assert entity is not None
    notes = []
    missing = [n for n in schema.entity_columns if n not in entities.column_names]
    if missing:
        raise DataError(
            f"the entity table lacks {', '.join(missing)}", fix="hand in the table that the schema describes"
        )
    ids = plain(entities[entity]).cast(owners.schema.field(entity).type)
    new = pc.invert(pc.is_in(ids, value_set=owners[entity].combine_chunks()))
    without_rows = pc.sum(new).as_py() or 0
    known = pa.chunked_array([*owners[entity].chunks, *ids.filter(new).chunks])
    order = pc.sort_indices(known)
    lengths = np.concatenate([np.diff(offsets), np.zeros(without_rows, np.int64)])[np.asarray(order)]
    all_ids = known.take(order)
    # A null index gives a null value.
    size = len(owners)
    at = np.asarray(order)
    own = pa.array(np.minimum(at, size - 1), mask=at >= size)
    columns: dict[str, Any] = {entity: all_ids}
    for name in owners.column_names:
        if name != entity:
            columns[name] = owners[name].take(own)
    found = pc.index_in(all_ids, value_set=ids.combine_chunks())
    for name in schema.entity_columns:
        values = plain(entities[name])
        kind = parse(schema[name].dtype)
        columns[name] = (values if values.type == kind else values.cast(kind)).take(found)
    if found.null_count:
        notes.append(
            Note(
                "entity_unknown",
                f"{found.null_count:,} entities of the rows are not in the entity table; their columns of it are null",
                entity,
            )
        )
    if without_rows:
        notes.append(
            Note(
                "entity_without_rows",
                f"{without_rows:,} entities of the entity table have no rows; they are kept",
                entity,
            )
        )
    return rows, np.concatenate([[0], np.cumsum(lengths)]), pa.table(columns), notes
