"""From a path or a frame to `Sequences`: everything that is normalised on the way is noted, the rest refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.data import frames
from tsynth.data.arrow_types import is_text, plain
from tsynth.data.casting import fit_to_schema
from tsynth.data.checks import check_static, checked_infinities, checked_keys, refuse_repeats, require_rows
from tsynth.data.disclosure import guarded
from tsynth.data.entity_tables import join_entities, read_entities
from tsynth.data.files import read_file
from tsynth.data.infer import infer
from tsynth.data.merging import merge
from tsynth.data.ordering import Layout, break_ties, lay_out
from tsynth.data.schema import Schema
from tsynth.data.sequences import Note, Sequences
from tsynth.data.text_values import TextOptions, convert
from tsynth.data.time_parts import join_parts
from tsynth.errors import DataError, UsageError

__all__ = ["build", "read", "read_table"]

Source = Any
_AUTO = "auto"


def read(
    source: Source,
    *,
    entities: Source = None,
    entity: str | None = None,
    time: str | Sequence[str] | None = None,
    schema: Schema | None = None,
    roles: Mapping[str, str] | None = None,
    frequency: str | None = _AUTO,
    null_entity: Literal["error", "drop"] = "error",
    order: Literal["content", "file"] = "content",
    time_zone: str | None = None,
    inf: Literal["error", "null"] = "error",
    separator: str | None = None,
    encoding: str | None = None,
    decimal: Literal[".", ","] | None = None,
    dayfirst: bool | None = None,
    date_format: str | None = None,
    null_values: Sequence[str] = (),
) -> Sequences:
    """Read sequences from a file, a folder or a frame, and find their schema.

    Parameters
    ----------
    source : path, frame or list of these
        Parquet (a file or a folder of parts), CSV or TSV (plain or compressed), or a pandas, polars or
        pyarrow frame. Of a list, sources with the same columns are stacked, others merged on entity and time.
    entities : path or frame, optional
        A table with one row an entity; all of its entities are kept, also those without rows.
    entity : str, optional
        Column of the entity's id. Without it all rows are one sequence.
    time : str or two str, optional
        Column of the time, or of day and hour. Without it the source's order is the order.
    schema : Schema, optional
        What the columns mean, if known; nothing is inferred then, and columns are cast where nothing is lost.
    roles : mapping of str to str, optional
        Roles of columns that inference need not find.
    frequency : str or None
        Overrides the frequency found; None says that rows are events, which may share a time.
    null_entity : {"error", "drop"}
        What to do with rows without an entity.
    order : {"content", "file"}
        What orders rows that share entity and time where no column has role "order".
    time_zone : str, optional
        Zone of times that come without one, and in which times with unlike offsets are shown.
    inf : {"error", "null"}
        What to do with infinite numbers; a schema says it by column.
    separator, encoding, decimal, dayfirst, date_format, null_values
        How a text file is written, where what is found is not right; see `tsynth.data.text_values.TextOptions`.

    Returns
    -------
    Sequences

    Raises
    ------
    DataError
        Where the rows cannot be read or used as they are.
    SchemaMismatch
        Where `schema` says otherwise.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from tsynth.data.reading import read
    >>> data = read(pa.table({"id": [2, 1, 1], "t": [5, 3, 1], "x": [1.5, 2.5, 0.5]}), entity="id", time="t")
    >>> data.n_entities, data.time.tolist()
    (2, [1.0, 3.0, 5.0])
    """
    if schema is not None:
        entity, time = _from_schema(schema, entity, time)
    times = (time,) if isinstance(time, str) else tuple(time or ())
    if len(times) > 2:
        raise UsageError("time names more than two columns", fix="name one column, or a day and an hour")
    options = TextOptions(
        separator=separator, encoding=encoding, decimal=decimal, dayfirst=dayfirst, date_format=date_format,
        null_values=tuple(null_values), time=times, time_zone=time_zone, text=_as_text(schema),
    )  # fmt: skip
    table, origin, notes = read_table(source, options, entity=entity, time=times)
    require_rows(table)
    for what, name in [("entity", entity), *(("time", t) for t in times)]:
        if name is not None and name not in table.column_names:
            raise DataError(
                f"there is no column {name!r} for the {what}",
                fix="choose one of " + ", ".join(table.column_names),
            )
    if len(times) == 2:
        table, joined, parts = join_parts(table, *times)
        origin = frames.with_facts(origin, time_parts=parts)
        notes.append(
            Note(
                "time_joined",
                f"{times[0]} and {times[1]} were put together to one time, {joined}; written out they are two again",
                joined,
            )
        )
        times = (joined,)
    when = times[0] if times else None
    if time_zone is not None and when is not None:
        table = _localised(table, when, time_zone, notes)
    table, dropped = checked_keys(table, entity, when, null_entity)
    notes += dropped
    extra = None
    if entities is not None:
        extra, found = read_entities(entities, options, entity, table)
        extra, dated = _dates_in_text(extra, replace(options, text=(*options.text, str(entity))))
        notes += found + dated
    layout = lay_out(table, entity, when)
    inferred = schema is None
    if schema is None:
        schema = infer(table, entity=entity, time=when, entities=extra, roles=roles, layout=layout)
        if (
            len(parts_of := frames.origin_facts(origin)[1].get("time_parts", {}))
            and schema[parts_of["name"]].kind != "datetime"
        ):
            schema = schema.edit(parts_of["name"], unit="h")
        if inf == "null":
            schema = schema.with_columns([replace(c, inf="null") for c in schema])
    if frequency != _AUTO:
        schema = schema.replace(frequency=frequency)
    data = build(table, schema, entities=extra, origin=origin, notes=notes, order=order, layout=layout)
    return guarded(data) if inferred else data


def read_table(
    source: Source, options: TextOptions | None = None, *, entity: str | None = None, time: Sequence[str] = ()
) -> tuple[pa.Table, str, list[Note]]:
    """A source as one table, its origin, and notes; texts that are dates are dates.

    Parameters
    ----------
    source : path, frame or list of these
    options : TextOptions, optional
    entity : str, optional
    time : sequence of str
        Names of the keys on which unlike tables of a list are merged.
    """
    options = options or TextOptions(time=tuple(time))
    if isinstance(source, (list, tuple)):
        return merge(
            [read_table(one, options, entity=entity, time=time) for one in source], entity, tuple(time)
        )
    if isinstance(source, (str, Path)):
        found = read_file(source, options)
        table, notes, origin = found.table, list(found.notes), "pyarrow"
        table, origin = frames.to_table(table)
        table, more = _without_index(table, {entity, *time})
        notes += more
    else:
        table, origin = frames.to_table(source)
        notes = []
        _, facts = frames.origin_facts(origin)
        if facts.get("renamed"):
            notes.append(Note("names_to_text", "column names that were numbers are text now"))
    table, more = _dates_in_text(table, options)
    return table, origin, notes + more


def build(
    table: pa.Table,
    schema: Schema,
    *,
    entities: pa.Table | None = None,
    origin: str = "pyarrow",
    notes: Sequence[Note] = (),
    null_entity: Literal["error", "drop"] = "error",
    order: Literal["content", "file"] = "content",
    layout: Layout | None = None,
) -> Sequences:
    """`Sequences` of a table whose schema is known.

    Parameters
    ----------
    table : pyarrow.Table
        Rows in any order.
    schema : Schema
    entities : pyarrow.Table, optional
        The entity table, with the entity's column and the schema's `entity_columns`.
    origin : str
        Token of the frame that came in.
    notes : sequence of Note
        What was noted before.
    null_entity, order
        As in `read`.
    layout : Layout, optional
        Where the rows of each entity stand, if already known.
    """
    kept = list(notes)
    require_rows(table)
    fitted, more = fit_to_schema(table, schema)
    kept += more
    if fitted is not table:
        table = fitted
        layout = layout if not more else None
    if layout is None:
        table, more = checked_keys(table, schema.entity, schema.time, null_entity)
        kept += more
        layout = lay_out(table, schema.entity, schema.time)
    table, more = checked_infinities(table, schema, layout)
    kept += more
    refuse_repeats(table, schema, layout)
    rank = schema.role("order")
    names = [c.name for c in schema.row_columns if c.name not in (schema.entity, schema.time)]
    ordered = (
        layout.order
        if order == "file" and rank is None
        else break_ties(table, layout, names, rank.name if rank else None)
    )
    if not np.array_equal(ordered, np.arange(table.num_rows)):
        if layout.out_of_order or not _grouped(layout):
            late = (
                f"; {layout.out_of_order:.1%} came earlier than the row of their entity before them"
                if layout.out_of_order
                else ""
            )
            kept.append(
                Note("sorted", f"rows were sorted by {'entity and ' if schema.entity else ''}time{late}")
            )
        table = table.take(pa.array(ordered))
    dynamic = [c.name for c in schema.row_columns if not c.static and c.role != "entity"]
    static = [c.name for c in schema.row_columns if c.static and c.role != "entity"]
    check_static(table, static, layout)
    first = pa.array(np.minimum(layout.offsets[:-1], table.num_rows - 1))
    owners: dict[str, Any] = {schema.entity: layout.entities} if schema.entity is not None else {}
    owners |= {name: table[name].take(first) for name in static}
    rows, offsets, owner_table = table.select(dynamic), layout.offsets, pa.table(owners)
    if entities is not None and schema.entity is not None:
        rows, offsets, owner_table, more = join_entities(rows, offsets, owner_table, entities, schema)
        kept += more
        schema = _with_nullable(schema, owner_table)
    kept += _left_out(schema)
    return Sequences(schema, rows, offsets, owner_table, origin, layout.out_of_order, tuple(kept))


def _from_schema(schema: Schema, entity: str | None, time: Any) -> tuple[str | None, Any]:
    if entity is not None and entity != schema.entity:
        raise UsageError(
            f"entity {entity!r} is not the schema's ({schema.entity!r})", fix="leave one of them out"
        )
    if isinstance(time, str) and time != schema.time:
        raise UsageError(f"time {time!r} is not the schema's ({schema.time!r})", fix="leave one of them out")
    return schema.entity, time or schema.time


def _as_text(schema: Schema | None) -> tuple[str, ...]:
    return (
        ()
        if schema is None
        else tuple(c.name for c in schema if c.dtype in ("string", "large_string") and c.role != "time")
    )


def _without_index(table: pa.Table, keys: set[str | None]) -> tuple[pa.Table, list[Note]]:
    """The table without what pandas saved of an index that has no name: it numbers the rows and means nothing."""
    index = [n for n in table.column_names if re.fullmatch(r"__index_level_\d+__", n) and n not in keys]
    if not index or len(index) == len(table.column_names):
        return table, []
    notes = [Note("index_left_out", f"{name}: an index without a name, saved by pandas, is left out", name)
             for name in index]  # fmt: skip
    return table.drop_columns(index), notes


def _dates_in_text(table: pa.Table, options: TextOptions) -> tuple[pa.Table, list[Note]]:
    """The table with texts that are dates as dates, and a text column named as time as what it holds."""
    notes: list[Note] = []
    for place, name in enumerate(table.column_names):
        column = plain(table[name])
        if not is_text(column.type) or name in options.text:
            continue
        is_time = name in options.time
        head = column.slice(0, 100)
        if (
            not is_time
            and not pc.any(pc.match_substring_regex(head, r"\A\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")).as_py()
        ):
            continue
        found, more = convert(name, column, options, options.decimal)
        if is_text(found.type) or (not is_time and not pa.types.is_temporal(found.type)):
            continue
        notes += more
        if not any(note.code == "dates_read" for note in more):
            what = "times" if pa.types.is_temporal(found.type) else "numbers"
            notes.append(
                Note("text_converted", f"{name}: text read as {what}, which come back as {what}", name)
            )
        table = table.set_column(place, name, found)
    return table, notes


def _localised(table: pa.Table, time: str, zone: str, notes: list[Note]) -> pa.Table:
    kind = table.schema.field(time).type
    if not pa.types.is_timestamp(kind) or kind.tz == zone:
        return table
    try:
        if kind.tz is not None:
            column = table[time].cast(pa.timestamp(kind.unit, zone))
        else:
            column = pc.assume_timezone(table[time], zone, ambiguous="earliest")
    except pa.ArrowInvalid as error:
        raise DataError(
            f"holds a local time that the zone {zone} does not have: {error}",
            column=time,
            fix="name another zone",
        ) from error
    notes.append(Note("zone", f"{time}: times are in the zone {zone}", time))
    return table.set_column(table.column_names.index(time), time, column)


def _grouped(layout: Layout) -> bool:
    return bool((np.diff(layout.order) == 1).all())


def _with_nullable(schema: Schema, owners: pa.Table) -> Schema:
    columns = [
        replace(
            c,
            nullable=c.nullable
            or (c.static and c.name in owners.column_names and owners[c.name].null_count > 0),
        )
        for c in schema
    ]
    return schema.with_columns(columns)


def _left_out(schema: Schema) -> list[Note]:
    notes = []
    for column in schema:
        if column.kind == "text" and "never filled" not in column.reason:
            notes.append(
                Note(
                    "text_left_out",
                    f"{column.name}: free text is never learned and comes back null",
                    column.name,
                )
            )
        elif column.kind == "identifier" and column.role != "entity":
            notes.append(
                Note(
                    "identifier_left_out",
                    f"{column.name}: ids are never learned and come back as surrogates",
                    column.name,
                )
            )
    return notes
