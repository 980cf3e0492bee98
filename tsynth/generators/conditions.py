"""What the user gives for the entities to be made: static columns, one row an entity."""

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
    from tsynth.data.encoding import Encoder, Field
    from tsynth.data.schema import Schema

__all__ = ["Conditions"]


@dataclass(frozen=True)
class Conditions:
    """Static columns that are given, one row an entity, in the order in which entities are made.

    Parameters
    ----------
    schema : Schema
        The generator's schema.
    bare : Schema
        The schema under its constraints, whose statics the generator draws.
    table : pyarrow.Table
        Entity column (where the ids are given too) and statics.
    """

    schema: Schema
    bare: Schema
    table: pa.Table

    @classmethod
    def read(cls, frame: Any, schema: Schema, bare: Schema) -> Conditions:
        """Check a frame against the schema, naming the column, level or id that is wrong."""
        table, _ = to_table(frame)
        if schema.time is not None and schema.time in table.column_names:
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
                    raise UsageError(
                        f"level {level!r} never occurred", column=name, fix=f"use one of {shown}"
                    )
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

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def check_count(self, n: int | None) -> int:
        """The number of entities, which must be `n` where `n` is given."""
        if n is not None and n != len(self):
            raise UsageError(f"n is {n}, but the conditions hold {len(self)} entities", fix="leave n out")
        return len(self)

    def take(self, block: range) -> Conditions:
        """The conditions of a range of entities, counted from 0."""
        return Conditions(self.schema, self.bare, self.table.slice(block.start, len(block)))

    def with_columns(self, other: Conditions) -> Conditions:
        """Those of two, which must not give the same column."""
        for name in other.table.column_names:
            if name in self.table.column_names:
                raise UsageError(
                    "is given by the conditions and has target shares", column=name, fix="give one of them"
                )
        both = {name: t[name] for t in (self.table, other.table) for name in t.column_names}
        return Conditions(self.schema, self.bare, pa.table(both))

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
