"""What rows must have to be sequences: an entity, a time, finite numbers, one value where the schema says so."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.data.arrow_types import ranks
from tsynth.data.ordering import Layout
from tsynth.data.schema import Schema
from tsynth.data.sequences import Note
from tsynth.errors import DataError, UsageError

__all__ = ["check_static", "checked_infinities", "checked_keys", "refuse_repeats", "require_rows"]


def require_rows(table: pa.Table) -> None:
    """Refuse a table without rows or columns."""
    if table.num_columns == 0 or table.num_rows == 0:
        raise DataError("there are no rows", fix="hand in at least one row")


def checked_keys(
    table: pa.Table, entity: str | None, time: str | None, null_entity: str
) -> tuple[pa.Table, list[Note]]:
    """The rows that have an entity, and a note on those that were left out; a row without time is refused."""
    notes: list[Note] = []
    if null_entity not in ("error", "drop"):
        raise UsageError(f"null_entity is {null_entity!r}", fix='use "error" or "drop"')
    if entity is not None and table[entity].null_count:
        count = table[entity].null_count
        missing = pc.is_null(table[entity])
        if null_entity == "error":
            row = pc.index(missing, True).as_py()
            raise DataError(
                f"{count:,} of {table.num_rows:,} rows have no entity (first in row {row})",
                column=entity,
                row=row,
                fix='leave them out with null_entity="drop" (--null-entity drop)',
            )
        table = table.filter(pc.invert(missing))
        require_rows(table)
        notes.append(
            Note("null_entity_dropped", f"{count:,} rows without an entity ({entity}) were left out", entity)
        )
    if time is not None and table[time].null_count:
        missing = pc.is_null(table[time])
        row = pc.index(missing, True).as_py()
        raise DataError(
            f"{table[time].null_count:,} of {table.num_rows:,} rows have no time (first in row {row})",
            column=time,
            row=row,
            entity=table[entity][row].as_py() if entity is not None else None,
            fix="fill or remove them",
        )
    return table, notes


def checked_infinities(table: pa.Table, schema: Schema, layout: Layout) -> tuple[pa.Table, list[Note]]:
    """The rows with infinite numbers as null where the schema says so; elsewhere they are refused."""
    notes: list[Note] = []
    for column in schema.row_columns:
        if column.name not in table.column_names or not pa.types.is_floating(
            table.schema.field(column.name).type
        ):
            continue
        values = table[column.name]
        infinite = pc.is_inf(values)
        count = pc.sum(infinite).as_py() or 0
        if not count:
            continue
        row = pc.index(infinite, True).as_py()
        if column.inf == "error" or column.role in ("time", "entity"):
            sign = "inf" if values[row].as_py() > 0 else "-inf"
            owner = table[schema.entity][row].as_py() if schema.entity is not None else None
            where = f"entity {owner} has" if schema.entity is not None else "there is"
            raise DataError(
                f"{where} {sign} in row {row} ({count:,} in all)", column=column.name, entity=owner, row=row,
                fix='set inf="null" in the schema or remove the rows',
            )  # fmt: skip
        clean = pc.if_else(infinite, pa.scalar(None, values.type), values)
        table = table.set_column(table.column_names.index(column.name), column.name, clean)
        notes.append(
            Note("infinite_to_null", f"{column.name}: {count:,} infinite values are null now", column.name)
        )
    return table, notes


def refuse_repeats(table: pa.Table, schema: Schema, layout: Layout) -> None:
    """Refuse a time that an entity has twice where sequences are regular."""
    if schema.frequency is None or schema.time is None or not layout.tied.any():
        return
    place = int(np.argmax(layout.tied))
    row = int(layout.order[place])
    time = table[schema.time][row].as_py()
    owner = table[schema.entity][row].as_py() if schema.entity is not None else None
    whose = f" of entity {owner}" if schema.entity is not None else ""
    raise DataError(
        f"a regular series (frequency {schema.frequency}){whose} has {time} twice, again in row {row}",
        column=schema.time,
        entity=owner,
        row=row,
        fix="remove one of them, or read the rows as events with frequency=None",
    )


def check_static(table: pa.Table, names: list[str], layout: Layout) -> None:
    """Refuse a column that is static in the schema but varies inside an entity; rows are sorted by entity."""
    for name in names:
        values = ranks(table[name])
        changes = (values[1:] != values[:-1]) & ~layout.first[1:]
        if changes.any():
            place = int(np.argmax(changes)) + 1
            owner = layout.entities[int(np.searchsorted(layout.offsets, place, side="right")) - 1].as_py()
            before, after = (table[name][at].as_py() for at in (place - 1, place))
            raise DataError(
                f"is static in the schema, but entity {owner} has {before!r} and then {after!r}",
                column=name,
                entity=owner,
                fix="correct the rows, or set static to false in the schema (`tsynth inspect --schema` writes one, "
                "--with-schema reads it)",
            )
