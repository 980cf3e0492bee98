"""The files that are compared: their names, and their rows under the schema of train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsynth.data.casts import Cast, cast_to_schema
from tsynth.data.reading import read, read_table
from tsynth.data.schema import Schema
from tsynth.data.sequences import Sequences
from tsynth.data.static_cells import steadied
from tsynth.data.text_values import TextOptions
from tsynth.errors import DataError, SchemaMismatch, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from tsynth.jobs.job import SourcePart

__all__ = ["Side", "name_sides", "read_made", "read_real"]

ENDINGS = {".parquet", ".pq", ".csv", ".tsv", ".txt", ".gz", ".bz2", ".zst", ".xz", ".zip", ".lz4", ".br"}
"""Endings of a file's name that are no part of what it is called."""


@dataclass(frozen=True)
class Side:
    """Rows of one side of a comparison, and its entity table where there is one."""

    rows: Path
    entities: Path | None = None

    @property
    def table(self) -> Path | None:
        """The entity table; that of a release where the rows are one."""
        inside = self.rows / "entities"
        return inside if self.entities is None and inside.is_dir() else self.entities


def name_sides(sides: Sequence[Side]) -> dict[str, Side]:
    """A name for each file: without its ending, with its folder where two are called alike, else with a number."""
    stems = [_stem(side.rows) for side in sides]
    if len({stem.casefold() for stem in stems}) < len(stems):
        folders = [_stem(side.rows.absolute().parent) for side in sides]
        twins = [sum(other.casefold() == stem.casefold() for other in stems) > 1 for stem in stems]
        stems = [
            f"{folder}-{stem}" if twin and folder else stem
            for folder, stem, twin in zip(folders, stems, twins, strict=True)
        ]
    named: dict[str, Side] = {}
    stems = [f"{stem}-synthetic" if stem in ("train", "holdout") else stem for stem in stems]
    for stem, side in zip(stems, sides, strict=True):
        name, count = stem, 1
        while name.casefold() in {known.casefold() for known in named}:
            count += 1
            name = f"{stem}-{count}"
        named[name] = side
    return named


def _stem(path: Path) -> str:
    name = Path(path.absolute().name)
    while name.suffix.lower() in ENDINGS and name.stem:
        name = Path(name.stem)
    return str(name)


_INDEX = "__index_level_"
"""Names under which pandas leaves its index in a Parquet file."""


def read_real(side: Side, schema: Schema, source: SourcePart) -> Sequences:
    """The holdout: real rows, so that what does not fit is refused."""
    _need_entities(side, schema, "holdout")
    table, _, notes = read_table(side.rows, entity=schema.entity, time=tuple(source.time or ()))
    return _under(table, side.table, schema, source, side.rows.name, "holdout", notes)


def read_made(side: Side, schema: Schema, source: SourcePart) -> Sequences:
    """Synthetic rows: cast where nothing is lost, and what cannot be read is counted."""
    _need_entities(side, schema, "synthetic")
    two = tuple(source.time) if source.time is not None and len(source.time) == 2 else ()
    # Texts of a file that has types are read here, where what cannot be read is counted; CSV has no types.
    typed = side.rows.is_dir() or side.rows.suffix.lower() in (".parquet", ".pq")
    text = tuple(name for name in schema.names if typed and name not in two)
    table, _, notes = read_table(side.rows, TextOptions(time=two, text=text), entity=schema.entity)
    notes = [note for note in notes if note.code not in ("kept_as_text", "text_converted")]
    casts: list[Cast] = []
    entities: Any = side.table
    keys = [schema.entity, *([] if two else [schema.time])]
    missing = [f"column {name!r} is missing" for name in keys if name and name not in table.column_names]
    try:
        if missing:
            raise SchemaMismatch(missing)
        table, schema, casts = cast_to_schema(table, schema)
        if schema.entity_columns and side.table is not None:
            entities, schema, more = _entities(side.table, schema, table)
            casts += more
    except SchemaMismatch as error:
        raise _named(error, side.rows.name, "synthetic") from error
    table, casts = steadied(table, schema, casts)
    # A tool may repeat a time of a regular series: that is for the scores to see.
    data = _under(table, entities, schema.replace(frequency=None), source, side.rows.name, "synthetic", notes)
    data = replace(data, notes=tuple(note for note in data.notes if note.code != "cast"))
    return data.with_notes(*casts)


def _entities(path: Path, schema: Schema, rows: pa.Table) -> tuple[pa.Table, Schema, list[Cast]]:
    """The entity table of synthetic rows, its columns called and typed as train's are."""
    table, _, _ = read_table(path, entity=schema.entity)
    names: list[str] = []
    for name in table.column_names:
        # A column that the rows have too is called after train's file, "account_date".
        twins = [n for n in schema.entity_columns if n.endswith(f"_{name}") and n not in table.column_names]
        names.append(twins[0] if name in rows.column_names and name != schema.entity and twins else name)
    table = table.rename_columns(names)
    inner = schema.with_columns([c for c in schema if c.name in schema.entity_columns])
    missing = [f"the entity table lacks {n!r}" for n in inner.names if n not in names]
    if missing:
        raise SchemaMismatch(missing)
    table, inner, casts = cast_to_schema(table, inner)
    known = {c.name: c for c in inner}
    columns = [known.get(c.name, c) for c in schema]
    return (
        table.select([n for n in names if n == schema.entity or n in inner]),
        schema.with_columns(columns),
        casts,
    )


def _need_entities(side: Side, schema: Schema, who: str) -> None:
    if schema.entity_columns and side.table is None:
        raise UsageError(f"train has an entity table, {who} has none", fix=f"give it with --{who}-entities")


def _under(
    table: pa.Table,
    entities: Any,
    schema: Schema,
    source: SourcePart,
    name: str,
    who: str,
    notes: Sequence[Any],
) -> Sequences:
    """Rows read with the roles and meaning of train's columns.

    Columns that are never learned (ids, texts) may be missing or of another type.
    """
    table = table.select([n for n in table.column_names if n in schema or not n.startswith(_INDEX)])
    columns = []
    for column in schema:
        if column.name in table.column_names and not column.learned:
            column = replace(column, dtype=str(table.schema.field(column.name).type))
        if column.name in table.column_names or column.name in schema.entity_columns or column.learned:
            columns.append(column)
    time: Any = source.time if source.time is not None and len(source.time) == 2 else None
    try:
        data = read(
            table,
            entities=entities,
            schema=schema.with_columns(columns),
            time=time,
            null_entity=source.null_entity,
        )
    except SchemaMismatch as error:
        raise _named(error, name, who) from error
    except DataError as error:
        where = f"{name} ({who}): " + (f"{error.column}: " if error.column else "")
        raise DataError(where + error.problem, entity=error.entity, row=error.row, fix=error.fix) from error
    return replace(data, notes=(*notes, *data.notes))


def _named(error: SchemaMismatch, name: str, who: str) -> SchemaMismatch:
    return SchemaMismatch(
        [f"{name}: {line}" for line in error.differences], fix=f"give {who} the columns of train"
    )
