"""`Sequences`: rows and an entity table, kept as flat columns in entity order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.data import clock
from tsynth.data.schema import Column, Schema
from tsynth.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["EventView", "Note", "Sequences", "concat", "level_array"]


@dataclass(frozen=True)
class Note:
    """Something that was normalised or left out on the way in, for the report.

    Parameters
    ----------
    code : str
        Short name of what happened, for machines ("sorted", "null_entity_dropped", "identifier_left_out" ...).
    message : str
        The sentence that a reader sees.
    column : str, optional
        Where.
    """

    code: str
    message: str
    column: str | None = None


@dataclass(frozen=True)
class EventView:
    """Event sequences as flat arrays: events of entity i are ``offsets[i]:offsets[i + 1]``."""

    offsets: NDArray[np.int64]
    times: NDArray[np.float64]
    marks: NDArray[np.int32]
    start: NDArray[np.float64]
    end: NDArray[np.float64]


@dataclass(frozen=True)
class Sequences:
    """Rows of many entities in time, and a table with one row an entity.

    A value: everything that changes it returns a new one. Static columns are kept once an entity in `entities`,
    wherever they came from, and are put back into the rows when a frame is built.

    Parameters
    ----------
    schema : Schema
    rows : pyarrow.Table
        Time and dynamic columns (identifiers and texts too), sorted by entity and time; no entity column.
    offsets : int64 array, (N + 1,)
        Rows of entity i are ``offsets[i]:offsets[i + 1]``; an entity may have none.
    entities : pyarrow.Table
        One row an entity: the entity column (where there is one) and all static columns.
    origin : str
        Frame type that came in and comes back: a token of `tsynth.data.frames`.
    out_of_order : float
        Share of rows that were delivered earlier in time than the row of their entity before them.
    notes : tuple of Note
        What was normalised or left out on the way in.
    """

    schema: Schema
    rows: pa.Table
    offsets: NDArray[np.int64]
    entities: pa.Table
    origin: str = "pyarrow"
    out_of_order: float = 0.0
    notes: tuple[Note, ...] = ()
    _cache: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "offsets", np.ascontiguousarray(self.offsets, dtype=np.int64))
        if self.entities.num_rows != len(self.offsets) - 1 and self.entities.num_columns:
            raise UsageError(f"{self.entities.num_rows} entities but {len(self.offsets) - 1} offsets")
        if self.rows.num_columns and self.rows.num_rows != self.offsets[-1]:
            raise UsageError(f"{self.rows.num_rows} rows but offsets end at {self.offsets[-1]}")

    # -- sizes

    def __len__(self) -> int:
        return self.n_entities

    @property
    def n_entities(self) -> int:
        """Number of entities, those without rows counted."""
        return len(self.offsets) - 1

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.offsets[-1])

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Rows of each entity, (N,)."""
        return np.diff(self.offsets)

    @cached_property
    def entity_of_row(self) -> NDArray[np.int64]:
        """Number of the entity that each row belongs to, (R,)."""
        return np.repeat(np.arange(self.n_entities), self.lengths)

    @cached_property
    def step_of_row(self) -> NDArray[np.int64]:
        """Place of each row inside its entity, from 0, (R,)."""
        return np.arange(self.n_rows) - np.repeat(self.offsets[:-1], self.lengths)

    # -- columns

    def column(self, name: str) -> pa.ChunkedArray:
        """The Arrow column: one value a row for a dynamic column, one an entity for a static one."""
        return (self.entities if name in self.entities.column_names else self.rows)[name]

    def __contains__(self, name: object) -> bool:
        return name in self.rows.column_names or name in self.entities.column_names

    def nulls(self, name: str) -> NDArray[np.bool_]:
        """Where the column is null (infinite values of a column with ``inf="null"`` count as null)."""
        return self._cached(
            "nulls",
            name,
            lambda: (
                ~np.isfinite(self.numeric(name))
                if self.schema[name].numeric
                else np.asarray(pc.is_null(self.column(name)))
            ),
        )

    def numeric(self, name: str) -> NDArray[np.float64]:
        """The column as float64, NaN where null: a datetime as wall-clock `time_unit` since 1970, a boolean or
        category as its code. Integers above 2**53 are rounded here; `column` keeps them exact.
        """
        return self._cached("numeric", name, lambda: self._numeric(name))

    def codes(self, name: str) -> NDArray[np.int32]:
        """The column as codes into ``schema[name].levels``: -1 where null, -2 where the level is not known."""
        return self._cached("codes", name, lambda: _codes(self.column(name), self.schema[name]))

    def broadcast(self, name: str) -> pa.ChunkedArray:
        """The column with one value a row, static or not."""
        column = self.column(name)
        return column.take(pa.array(self.entity_of_row)) if name in self.entities.column_names else column

    @cached_property
    def time(self) -> NDArray[np.float64]:
        """Time of each row in `schema.time_unit`, (R,): wall clock since 1970 for datetimes, the number itself
        for numbers, the place in the sequence where there is no time column.
        """
        return (
            self.step_of_row.astype(np.float64)
            if self.schema.time is None
            else self.numeric(self.schema.time)
        )

    @cached_property
    def start(self) -> NDArray[np.float64]:
        """Start of each entity's observation window, (N,); its first row where none is given."""
        return self._edge("start", self.offsets[:-1])

    @cached_property
    def end(self) -> NDArray[np.float64]:
        """End of each entity's observation window, (N,); its last row where none is given."""
        return self._edge("end", self.offsets[1:] - 1)

    @cached_property
    def calendar(self) -> bool:
        """Whether time is a date, so that weekday and month mean something."""
        return self.schema.time is not None and self.schema[self.schema.time].kind == "datetime"

    # -- views

    def ragged(self, names: list[str] | None = None) -> list[NDArray[np.float64]]:
        """One (rows, columns) float64 array an entity."""
        flat = self.matrix(names)
        return [flat[a:b] for a, b in zip(self.offsets[:-1], self.offsets[1:], strict=True)]

    def matrix(self, names: list[str] | None = None) -> NDArray[np.float64]:
        """Dynamic columns as one (R, D) float64 array."""
        names = [c.name for c in self.schema.dynamic] if names is None else names
        return np.column_stack([self.numeric(n) for n in names]) if names else np.empty((self.n_rows, 0))

    def events(self) -> EventView:
        """Offsets, times, marks, start and end; marks are 0 where there is no column with role "mark"."""
        mark = self.schema.role("mark")
        marks = self.codes(mark.name) if mark else np.zeros(self.n_rows, np.int32)
        return EventView(self.offsets, self.time, marks, self.start, self.end)

    def windows(self, length: int, stride: int = 1, names: list[str] | None = None) -> NDArray[np.float64]:
        """All windows of `length` rows inside one entity, (N, T, D)."""
        if length < 1 or stride < 1:
            raise UsageError("length and stride must be at least 1")
        pieces = [
            np.lib.stride_tricks.sliding_window_view(part, length, axis=0)[::stride].transpose(0, 2, 1)
            for part in self.ragged(names)
            if len(part) >= length
        ]
        if not pieces:
            raise UsageError(f"no entity has {length} rows", fix="ask for shorter windows")
        return np.concatenate(pieces)

    # -- making others

    def take(self, index: NDArray[np.int64]) -> Sequences:
        """The entities at `index`, in that order; one may stand more than once."""
        index = np.asarray(index, dtype=np.int64)
        lengths = self.lengths[index]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        rows = np.repeat(self.offsets[index] - offsets[:-1], lengths) + np.arange(offsets[-1])
        taken = pa.array(rows)
        return replace(
            self,
            rows=self.rows.take(taken),
            offsets=offsets,
            entities=self.entities.take(pa.array(index)),
            _cache={},
        )

    def keep_rows(self, mask: NDArray[np.bool_]) -> Sequences:
        """The rows where `mask` holds; entities left without rows stay."""
        counts = np.bincount(self.entity_of_row[mask], minlength=self.n_entities)
        offsets = np.concatenate([[0], np.cumsum(counts)])
        return replace(self, rows=self.rows.filter(pa.array(mask)), offsets=offsets, _cache={})

    def reorder(self, order: NDArray[np.int64]) -> Sequences:
        """Rows in another order; `order` must keep each row inside its entity."""
        return replace(self, rows=self.rows.take(pa.array(order)), _cache={})

    def with_columns(
        self, columns: Mapping[str, pa.Array | pa.ChunkedArray], schema: Schema | None = None
    ) -> Sequences:
        """With columns added, changed or (where the schema no longer names them) dropped.

        A column goes to the entity table where the schema says static, else to the rows.
        """
        schema = schema or self.schema
        rows = {n: self.rows[n] for n in self.rows.column_names if n in schema}
        entities = {
            n: self.entities[n] for n in self.entities.column_names if n in schema or n in ("start", "end")
        }
        for name, values in columns.items():
            column = schema[name]
            home, other = (entities, rows) if column.static or column.role == "entity" else (rows, entities)
            other.pop(name, None)
            home[name] = values
        return replace(
            self, schema=schema, rows=pa.table(rows), entities=pa.table(entities), _cache={}
        )  # fmt: skip

    def with_schema(self, schema: Schema) -> Sequences:
        """The same rows under a changed schema; columns it no longer names are dropped."""
        moved = {c.name: self._moved(c) for c in schema if c.name in self and self._home(c.name) != _home(c)}
        return self.with_columns(moved, schema)

    def with_notes(self, *notes: Note) -> Sequences:
        """With further notes."""
        return replace(self, notes=(*self.notes, *notes), _cache=self._cache)

    def split(self, holdout: float = 0.3, by: str = "auto", seed: int = 0) -> tuple[Sequences, Sequences]:
        """Train and holdout: whole entities where there are 50 or more, else blocks of time.

        See `tsynth.data.splits.split`.
        """
        from tsynth.data.splits import split

        return split(self, holdout=holdout, by=by, seed=seed)

    # -- going out

    def table(self) -> pa.Table:
        """Rows as one Arrow table in the order of the schema, with entity and static columns put back."""
        columns = {
            c.name: self.broadcast(c.name)
            for c in self.schema
            if c.name in self and c.name not in self.schema.entity_columns
        }
        return pa.table(columns)

    def entity_table(self) -> pa.Table | None:
        """The entity table as it came in (entity column, its statics); None where there was none."""
        if not self.schema.entity_columns:
            return None
        names = [n for n in (self.schema.entity, *self.schema.entity_columns) if n is not None]
        return self.entities.select(names)

    @property
    def frame(self) -> Any:
        """Rows in the frame type that came in."""
        from tsynth.data.frames import from_table

        return from_table(self.table(), self.origin, {c.name: c.levels for c in self.schema if c.levels})

    @property
    def entity_frame(self) -> Any:
        """The entity table in the frame type that came in, or None."""
        from tsynth.data.frames import from_table

        table = self.entity_table()
        if table is None:
            return None
        return from_table(table, self.origin, {c.name: c.levels for c in self.schema if c.levels})

    def content_hash(self) -> str:
        """Sha256 of rows and entity table as Arrow streams in entity order, whatever the parts they came in."""
        from tsynth.data.content import ContentHash, sum_of_sums

        sums = []
        for table in (self.table(), self.entity_table()):
            if table is not None:
                digest = ContentHash()
                digest.add(table)
                sums.append(digest.hexdigest())
        return sum_of_sums(sums)

    # -- showing

    def __str__(self) -> str:
        median = int(np.median(self.lengths)) if self.n_entities else 0
        return (
            f"{self.n_rows:,} rows of {self.n_entities:,} entities (median {median} rows each), "
            f"{len(self.schema)} columns\n{self.schema}"
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = f"{self.n_rows:,} rows of {self.n_entities:,} entities"
        return f"<p>{escape(head)}</p>{self.schema._repr_html_()}"

    def __iter__(self) -> Iterator[Any]:
        raise UsageError("Sequences cannot be looped over", fix="use .frame, .ragged() or .take([i])")

    # -- inside

    def _cached(self, view: str, name: str, make: Any) -> Any:
        key = f"{view}:{name}"
        if key not in self._cache:
            values = make()
            values.setflags(write=False)
            self._cache[key] = values
        return self._cache[key]

    def _numeric(self, name: str) -> NDArray[np.float64]:
        array = self.column(name)
        if pa.types.is_temporal(array.type) and not pa.types.is_duration(array.type):
            return clock.to_units(array, self.schema.time_unit)
        if name in self.schema and self.schema[name].discrete:
            codes = self.codes(name).astype(np.float64)
            return np.where(codes < 0, np.nan, codes)
        return _floats(array)

    def _edge(self, name: str, at: NDArray[np.int64]) -> NDArray[np.float64]:
        # a column of that name that holds words ("end": won, lost) is no window
        if name in self.entities.column_names and (name not in self.schema or self.schema[name].numeric):
            return self.numeric(name)
        edge = np.full(self.n_entities, np.nan)
        has = self.lengths > 0
        edge[has] = self.time[at[has]]
        return edge

    def _home(self, name: str) -> str:
        return "entities" if name in self.entities.column_names else "rows"

    def _moved(self, column: Column) -> pa.ChunkedArray:
        if _home(column) == "rows":
            return self.broadcast(column.name)
        has = self.lengths > 0
        index = pa.array(self.offsets[:-1], mask=~has)
        return self.rows[column.name].take(index)


def _home(column: Column) -> str:
    return "entities" if column.static or column.role == "entity" else "rows"


def _floats(array: pa.ChunkedArray) -> NDArray[np.float64]:
    kind = array.type
    if pa.types.is_duration(kind):
        array = array.cast(pa.int64())
    if pa.types.is_boolean(kind):
        array = array.cast(pa.int8())
    values = array.cast(pa.float64(), safe=False).to_numpy()
    out = np.array(values, dtype=np.float64)
    out[~np.isfinite(out)] = np.nan
    return out


def _codes(array: pa.ChunkedArray, column: Column) -> NDArray[np.int32]:
    levels = column.levels
    if levels is None and column.kind == "boolean":
        levels = (False, True)
    if levels is None:
        raise UsageError(
            "has no levels in the schema",
            column=column.name,
            fix="read the data without a schema, or list them",
        )
    known = level_array(levels, array.type)
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    found = pc.index_in(array, value_set=known, skip_nulls=True)
    codes = np.array(found.fill_null(-2).to_numpy(), dtype=np.int32)
    codes[np.asarray(pc.is_null(array))] = -1
    return codes


def level_array(levels: tuple[Any, ...], dtype: pa.DataType) -> pa.Array:
    """Levels of a schema as an Arrow array of the column's type."""
    if pa.types.is_dictionary(dtype):
        dtype = dtype.value_type
    if pa.types.is_decimal(dtype) or pa.types.is_temporal(dtype):
        return pa.array([None if v is None else str(v) for v in levels], pa.string()).cast(dtype)
    return pa.array(list(levels), dtype)


def concat(parts: list[Sequences]) -> Sequences:
    """Entities of several parts of one schema, one after another."""
    if not parts:
        raise UsageError("there are no parts to put together")
    if len(parts) == 1:
        return parts[0]
    starts = np.cumsum([0, *(part.n_rows for part in parts)])
    offsets = np.concatenate(
        [[0], *(part.offsets[1:] + at for part, at in zip(parts, starts[:-1], strict=True))]
    )
    return replace(
        parts[0],
        rows=pa.concat_tables([part.rows for part in parts]),
        offsets=offsets,
        entities=pa.concat_tables([part.entities for part in parts]),
        _cache={},
    )
