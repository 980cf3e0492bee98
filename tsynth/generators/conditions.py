"""What the user gives for the entities to be made: static columns, one row an entity, or rows in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.data.arrow_types import parse
from tsynth.data.frames import to_table
from tsynth.data.sequences import Sequences, level_array
from tsynth.errors import DataError, SchemaMismatch, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.encoding import Encoder, Field
    from tsynth.data.schema import Column, Schema

__all__ = ["Conditions"]


@dataclass(frozen=True)
class Conditions:
    """Static columns that are given, one row an entity, in the order in which entities are made; or their rows.

    Parameters
    ----------
    schema : Schema
        The generator's schema.
    bare : Schema
        The schema under its constraints, whose statics the generator draws.
    table : pyarrow.Table
        Entity column (where the ids are given too) and statics.
    rows : Sequences, optional
        Rows that are given, in `schema`, null where something is to be drawn.
    """

    schema: Schema
    bare: Schema
    table: pa.Table
    rows: Sequences | None = None

    @classmethod
    def read(cls, frame: Any, schema: Schema, bare: Schema, *, rows: bool = False) -> Conditions:
        """Check a frame against the schema, naming the column, level or id that is wrong.

        Parameters
        ----------
        frame : frame
        schema, bare : Schema
        rows : bool
            Whether the frame may hold rows in time.
        """
        table, _ = to_table(frame)
        if schema.time is not None and schema.time in table.column_names:
            if rows:
                return cls._of_rows(table, schema, bare)
            raise UsageError(
                "this generator takes conditions on static columns only, not on rows in time",
                column=schema.time,
                fix="leave the time column out",
            )
        columns = {}
        for name in table.column_names:
            if name not in schema:
                raise SchemaMismatch([f"column {name!r} of the conditions is not in the schema"])
            column = schema[name]
            if not (column.static or column.role == "entity"):
                raise UsageError(
                    "varies inside an entity and cannot be given", column=name, fix="give static columns only"
                )
            values = _cast(table, column)
            columns[name] = values
        if schema.entity in columns:
            ids = columns[schema.entity]
            if ids.null_count or pc.count_distinct(ids).as_py() < len(ids):
                raise DataError(
                    "ids of the conditions are null or stand twice",
                    column=schema.entity,
                    fix="give one row an entity",
                )
        return cls(schema, bare, pa.table(columns))

    @classmethod
    def _of_rows(cls, table: pa.Table, schema: Schema, bare: Schema) -> Conditions:
        """Rows of entities in the order in which they first stand, each in order of time."""
        for name in table.column_names:
            if name not in schema:
                raise SchemaMismatch([f"column {name!r} of the conditions is not in the schema"])
        if schema.entity is not None and schema.entity not in table.column_names:
            raise UsageError(
                "is missing: it says whose row each of the conditions is",
                column=schema.entity,
                fix="add the column",
            )
        given = {name: _cast(table, schema[name]) for name in table.column_names}
        for name in (schema.entity, schema.time):
            if name is not None and given[name].null_count:
                raise DataError(
                    "is null in a row of the conditions", column=name, fix="fill it, or leave the row out"
                )
        owner = np.zeros(table.num_rows, np.int64)
        ids = None
        if schema.entity is not None:
            coded = given[schema.entity].combine_chunks().dictionary_encode()
            owner = np.asarray(coded.indices).astype(np.int64)  # numbered as they first stand
            ids = coded.dictionary
        entities = len(ids) if ids is not None else 1
        order = np.lexsort((np.asarray(pc.rank(given[str(schema.time)], tiebreaker="first")), owner))
        taken = pa.array(order)
        given = {name: values.take(taken) for name, values in given.items()}
        offsets = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=entities))]).astype(np.int64)
        once: dict[str, Any] = {} if ids is None else {str(schema.entity): ids}
        known = dict(once)
        rows: dict[str, Any] = {}
        for column in schema:
            name = column.name
            if column.role == "entity":
                continue
            if not column.static:
                rows[name] = given.get(name, pa.nulls(table.num_rows, parse(column.dtype)))
            elif name in given:
                once[name] = known[name] = _of_entity(given[name], offsets, column, ids)
            else:
                once[name] = pa.nulls(entities, parse(column.dtype))
        data = Sequences(schema=schema, rows=pa.table(rows), offsets=offsets, entities=pa.table(once))
        if schema.entity is None:
            known |= {"": pa.nulls(1)}
        return cls(schema, bare, pa.table(known), data)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def check_count(self, n: int | None) -> int:
        """The number of entities, which must be `n` where `n` is given."""
        if n is not None and n != len(self):
            raise UsageError(f"n is {n}, but the conditions hold {len(self)} entities", fix="leave n out")
        return len(self)

    def take(self, block: range) -> Conditions:
        """The conditions of a range of entities, counted from 0."""
        rows = None if self.rows is None else self.rows.take(np.arange(block.start, block.stop))
        return Conditions(self.schema, self.bare, self.table.slice(block.start, len(block)), rows)

    def with_columns(self, other: Conditions) -> Conditions:
        """Those of two, which must not give the same column."""
        for name in other.table.column_names:
            if name in self.table.column_names:
                raise UsageError(
                    "is given by the conditions and has target shares", column=name, fix="give one of them"
                )
        both = {name: t[name] for t in (self.table, other.table) for name in t.column_names}
        rows = self.rows
        if rows is not None:
            rows = rows.with_columns({name: other.table[name] for name in other.table.column_names})
        return Conditions(self.schema, self.bare, pa.table(both), rows)

    def fields(self, encoder: Encoder) -> dict[str, Field]:
        """Given statics as the generator sees them; those that constraints took off are left out."""
        names = [c.name for c in self.bare.statics if c.name in self.table.column_names]
        schema = self.bare.with_columns([self.bare[n] for n in names])
        data = Sequences(
            schema=schema,
            rows=pa.table({}),
            offsets=np.zeros(len(self) + 1, np.int64),
            entities=self.table.select(names),
        )
        return encoder.encode_statics(data, names)

    def apply_bare(self, made: Sequences) -> Sequences:
        """Given statics set to the letter before the constraints come back, so that they are in their sums."""
        return self._set(made, [n for n in self.table.column_names if n in made.schema])

    def apply(self, made: Sequences) -> Sequences:
        """All that was given, set to the letter."""
        return self._set(made, [n for n in self.table.column_names if n in made.schema])

    def _set(self, made: Sequences, names: list[str]) -> Sequences:
        return made.with_columns({n: self.table[n] for n in names}) if names else made


def _cast(table: pa.Table, column: Column) -> pa.ChunkedArray:
    """A column of the conditions in its own type; its levels must have been seen."""
    name = column.name
    try:
        values = table[name].cast(parse(column.dtype))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"the conditions do not read as {column.dtype}", column=name) from error
    if column.role != "entity" and column.discrete and column.levels is not None:
        known = pc.is_in(values, value_set=level_array(column.levels, values.type))
        strange = pc.and_(pc.invert(known), pc.is_valid(values))
        if pc.any(strange).as_py():
            level = values.filter(strange)[0].as_py()
            shown = ", ".join(map(str, column.levels[:10]))
            raise UsageError(f"level {level!r} never occurred", column=name, fix=f"use one of {shown}")
    return values


def _of_entity(
    values: pa.ChunkedArray, offsets: NDArray[np.int64], column: Column, ids: pa.Array | None
) -> pa.Array:
    """The one value of each entity; null where all its rows are."""
    coded = values.combine_chunks()
    if not pa.types.is_dictionary(coded.type):
        coded = coded.dictionary_encode()
    code = np.asarray(coded.indices.fill_null(-1)).astype(np.int64)
    owner = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    held = np.flatnonzero(code >= 0)
    first = np.full(len(offsets) - 1, -1)
    first[owner[held[::-1]]] = held[::-1]
    wrong = held[code[held] != code[first[owner[held]]]]
    if len(wrong):
        who = "the sequence" if ids is None else repr(ids[int(owner[wrong[0]])].as_py())
        raise DataError(
            f"has more than one value in the rows of {who}, but is fixed",
            column=column.name,
            fix="give one value an entity",
        )
    return values.combine_chunks().take(pa.array(first, mask=first < 0))
