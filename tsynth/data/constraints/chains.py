"""A column that goes on from the row before: this row's start is the previous row's stop."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.data.arrow_types import parse, plain
from tsynth.data.constraints import lattice
from tsynth.data.constraints.base import ORDER, Constraint, fits, register
from tsynth.data.constraints.columns import drop, free_name, put, take_off
from tsynth.data.constraints.functions import near, unit_of
from tsynth.data.schema import Column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.constraints.evidence import Halves
    from tsynth.data.sequences import Sequences
    from tsynth.data.streams import Streams

__all__ = ["Chain", "find_chains"]


@register
@dataclass(frozen=True, kw_only=True)
class Chain(Constraint):
    """What one column has in a row, another had in the entity's row before.

    Either of the two can be taken off. By "later" it is the one that looks back (a start, the previous state): it
    comes back from the row before, and in the first row of an entity as `edge` says. By "earlier" it is the other
    (a stop): it comes back from the row after, and in the last row as `edge` says.

    Parameters
    ----------
    columns : (str, str) or (str, str, str)
        The column that looks back, the one that it looks back at, and a static column that has the value at the
        edge (the end of follow-up, for a stop).
    moved : {"later", "earlier"}
        Which of the two is taken off.
    edge : {"", "null", "value", "static", "kept", "gap"}
        At the edge: a null, always `value`, that of the third column, a static column of its own, or (where the
        column is never below the other) its distance from the other in a static column of its own.
    value : object
        Value at the edge, or where the static column is null.
    edge_column : str
        Static column that `remove` adds.
    """

    name: ClassVar[str] = "chain"

    moved: str = ""
    edge: str = ""
    value: Any = None
    edge_column: str = ""

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({*self.columns, ORDER}) - {self._target}

    @property
    def ready(self) -> bool:
        return bool(self.lost and self.edge)

    @property
    def _target(self) -> str:
        return self.columns[1] if self.moved == "earlier" else self.columns[0]

    @property
    def _source(self) -> str:
        return self.columns[0] if self.moved == "earlier" else self.columns[1]

    def sentence(self) -> str:
        later, earlier = self.columns[:2]
        if self.moved != "earlier":
            first = {"null": "; null in the first row", "value": f"; {self.value} in the first row"}.get(
                self.edge, ""
            )
            first = f"; {self.columns[2]} in the first row" if self.edge == "static" else first
            return f"{later} = {earlier} of the row before" + first
        last = {"null": "; null in the last row", "value": f"; {self.value} in the last row"}.get(
            self.edge, ""
        )
        last = f"; {self.columns[2]} in the last row" if self.edge == "static" else last
        return f"{earlier} = {later} of the next row" + last

    # -- places

    def _neighbours(self, data: Sequences) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Row that each row's value comes from, and which rows have none."""
        rows = np.arange(data.n_rows)
        if self.moved == "earlier":
            edge = np.zeros(data.n_rows, np.bool_)
            edge[data.offsets[1:][data.lengths > 0] - 1] = True
            return np.where(edge, rows, rows + 1), edge
        edge = data.step_of_row == 0
        return np.where(edge, rows, rows - 1), edge

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        at, edge = self._neighbours(data)
        held = _same(data, self._target, np.arange(data.n_rows), self._source, at)
        applies = ~edge
        if self.edge == "null":
            held, applies = np.where(edge, data.nulls(self._target), held), applies | edge
        elif self.edge == "value":
            own = lattice.values_of(data.column(self._target), (self.value,)) == 0
            held, applies = np.where(edge, own, held), applies | edge
        elif self.edge == "static":
            own = _same(data, self._target, np.arange(data.n_rows), self.columns[2], data.entity_of_row)
            held, applies = np.where(edge, own, held), applies | edge
        return held, applies

    def learned(self, data: Sequences) -> Self:
        later, earlier = (data.schema[n] for n in self.columns[:2])
        moved = self.moved
        if not moved:
            moved = "earlier" if later.role == "time" or earlier.role == "stop" else "later"
        rule = replace(self, moved=moved)
        target = rule._target
        rule = replace(rule, lost=take_off(data.schema, [target]))
        at = np.flatnonzero(rule._neighbours(data)[1])
        if not len(at):
            return replace(rule, edge="null")
        if len(self.columns) == 3:
            return replace(rule, edge="static")
        if np.mean(data.nulls(target)[at]) >= 0.995:
            return replace(rule, edge="null")
        counts = pc.value_counts(plain(data.column(target).take(pa.array(at))).drop_null()).to_pylist()
        usual = max(counts, key=lambda c: c["counts"])
        if usual["counts"] >= 0.995 * len(at) and data.schema[target].kind != "datetime":
            return replace(rule, edge="value", value=usual["values"])
        name = free_name(data.schema, f"{target} at {'last' if moved == 'earlier' else 'first'}")
        if data.schema[target].discrete:
            return replace(rule, edge="kept", edge_column=name, value=usual["values"])
        gap = data.numeric(target)[at] - rule._anchor(data)[at]
        middle = float(np.nanmedian(gap)) if np.isfinite(gap).any() else 0.0
        if moved == "earlier" and np.nanmin(gap, initial=0.0) >= 0 and np.isfinite(gap).any():
            return replace(rule, edge="gap", edge_column=name, value=middle)
        values = data.numeric(target)[at]
        middle = float(np.nanmedian(values)) if np.isfinite(values).any() else 0.0
        return replace(rule, edge="kept", edge_column=name, value=middle)

    def _anchor(self, data: Sequences) -> NDArray[np.float64]:
        return data.numeric(self._source)

    def remove(self, data: Sequences) -> Sequences:
        if not self.edge_column:
            return drop(data, [self._target])
        source = data.schema[self._target]
        _, edge = self._neighbours(data)
        at = np.zeros(data.n_entities, np.int64)
        at[data.entity_of_row[edge]] = np.flatnonzero(edge)
        empty = data.lengths == 0
        column = replace(source, name=self.edge_column, static=True, role="value", nullable=True)
        if self.edge == "gap":
            values = (data.numeric(source.name) - self._anchor(data))[at] if data.n_rows else np.zeros(0)
            values = np.where(empty, np.nan, values)
            seen = values[np.isfinite(values)]
            column = Column(
                self.edge_column, kind="continuous", static=True, nullable=bool(np.isnan(values).any()),
                dtype="double", decimals=source.decimals,
                bounds=(0.0, max(0.0, float(seen.max()))) if len(seen) else None,
                reason=f"{source.name} less {self._source} in the last row",
            )  # fmt: skip
            array = lattice.typed(values, column)
        else:
            # A null in this row has no row to come from, and is kept.
            index = pa.array(at, mask=empty)
            array = data.column(source.name).take(index)
            column = replace(
                column,
                nullable=array.null_count > 0,
                reason=f"{source.name} in the {'last' if self.moved == 'earlier' else 'first'} row",
            )
        schema = data.schema.with_columns([*(c for c in data.schema if c.name != source.name), column])
        return data.with_columns({column.name: array}, schema)

    def restore(self, data: Sequences, streams: Streams | None = None) -> Sequences:
        column = self.lost[0].column
        dtype = parse(column.dtype)
        at, edge = self._neighbours(data)
        array = _cast(data.column(self._source), data.schema[self._source], column).take(pa.array(at))
        if self.edge == "null":
            outer = pa.nulls(data.n_rows, dtype)
        elif self.edge == "value":
            outer = pa.array([self.value], plain_type(dtype)).take(pa.array(np.zeros(data.n_rows, np.int64)))
        elif self.edge == "gap":
            gap = np.nan_to_num(data.numeric(self.edge_column), nan=float(self.value))[data.entity_of_row]
            values = self._anchor(data) + np.maximum(gap, 0.0)
            outer = _numbers(values, column, data)
        else:
            name = self.columns[2] if self.edge == "static" else self.edge_column
            outer = _cast(data.column(name), data.schema[name], column).take(pa.array(data.entity_of_row))
        made = pc.if_else(pa.array(edge), plain(outer).cast(plain_type(dtype)), plain(array))
        if pa.types.is_dictionary(dtype):
            made = pa.chunked_array([made]) if isinstance(made, pa.Array) else made
            made = made.combine_chunks().dictionary_encode().cast(dtype)
        without = [self.edge_column] if self.edge_column else []
        return put(data, self.lost, {column.name: made}, without)


def plain_type(dtype: pa.DataType) -> pa.DataType:
    """The type of the values of a dictionary."""
    return dtype.value_type if pa.types.is_dictionary(dtype) else dtype


def _numbers(values: NDArray[np.float64], column: Column, data: Sequences) -> pa.Array:
    if column.kind == "datetime":
        from tsynth.data.clock import from_units

        return from_units(values, data.schema.time_unit, plain_type(parse(column.dtype)))
    return lattice.typed(values, column)


def _cast(array: pa.ChunkedArray, source: Column, target: Column) -> pa.ChunkedArray:
    """A column's values in the type of another."""
    array, dtype = plain(array), plain_type(parse(target.dtype))
    if array.type == dtype:
        return array
    if source.kind in ("continuous", "count") and target.kind in ("continuous", "count"):
        values = np.asarray(array.cast(pa.float64(), safe=False).fill_null(float("nan")), dtype=np.float64)
        return pa.chunked_array([lattice.typed(values, target)])
    return array.cast(dtype, safe=False)


def _same(
    data: Sequences, one: str, rows: NDArray[np.int64], two: str, others: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Whether a column in some rows has what another has in other rows (or entities); a null is like a null."""
    a, b = data.schema[one], data.schema[two]
    if a.numeric and b.numeric:
        return near(
            data.numeric(one)[rows],
            data.numeric(two)[others],
            unit_of(data, one) if _soft(data, one) else 0.0,
        )
    kinds = lattice.levels(a) if a.discrete else ()
    own = lattice.values_of(data.column(one), kinds)[rows]
    other = lattice.values_of(_cast(data.column(two), b, a), kinds)[others]
    return np.asarray((own == other) & (own > -2))


def _soft(data: Sequences, name: str) -> bool:
    """Whether a number may be off by one unit of its last decimal."""
    return data.schema[name].kind != "datetime" and bool(lattice.decimals(data, name))


# -- finding

HEAD = 2000
NEARLY = 0.97
RIGHT = 0.95
ROWS, ENTITIES = 30, 10
CHANCE = 0.5
WIDEST = 40


def find_chains(halves: Halves, taken: set[str]) -> list[Constraint]:
    """Pairs of columns of one kind of which one looks back at the other.

    The rows count where the other column is not what it was in the row before: 30 rows of 10 entities at least, of
    which .95 keep the rule, and with its values shuffled inside the entity at most half as many do. At the edge, a
    static column is told that .995 of the entities have there.
    """
    data = halves.first
    if data.n_rows < ROWS:
        return []
    many = max(1, int(np.searchsorted(np.cumsum(data.lengths), HEAD)))
    head = data.take(np.arange(min(many, data.n_entities)))
    inner = np.flatnonzero(head.step_of_row > 0)
    if len(inner) < ROWS:
        return []
    columns = [c for c in _usable(halves, taken)][:WIDEST]
    found: list[Constraint] = []
    for later, earlier in _pairs(head, inner, columns):
        used = {lost.column.name for rule in found for lost in rule.lost}
        if later.name in used or earlier.name in used or not _moves(halves, later.name, earlier.name):
            continue
        movable = [
            m for m, c in (("later", later), ("earlier", earlier)) if c.role != "time" and c.name not in taken
        ]
        rule = Chain(columns=(later.name, earlier.name)).learned(data)
        if rule.moved not in movable:
            if not movable:
                continue
            rule = Chain(columns=(later.name, earlier.name), moved=movable[0]).learned(data)
        rule = _edged(rule, halves, taken)
        confirmed = halves.confirm(rule)
        if confirmed is not None and fits(found, confirmed):
            found.append(confirmed)
            taken.add(confirmed._target)
    return found


def _usable(halves: Halves, taken: set[str]) -> list[Column]:
    data = halves.first
    columns = [
        c for c in data.schema.dynamic if c.name not in taken and c.role not in ("party", "label", "event")
    ]
    time = [data.schema[data.schema.time]] if data.schema.time is not None else []
    return [c for c in (*time, *columns) if not pa.types.is_time(data.column(c.name).type)]


def _alike(a: Column, b: Column) -> bool:
    if a.discrete or b.discrete:
        return a.discrete and b.discrete and bool(set(lattice.levels(a)) & set(lattice.levels(b)))
    return (a.kind == "datetime") == (b.kind == "datetime")


def _pairs(head: Sequences, inner: NDArray[np.int64], columns: list[Column]) -> list[tuple[Column, Column]]:
    """Pairs that agree from row to row in the first entities; the most alike first."""
    out = []
    for later in columns:
        if later.numeric:
            own = head.numeric(later.name)[inner]
            for earlier in columns:
                if earlier is later or not earlier.numeric or not _alike(later, earlier):
                    continue
                other = head.numeric(earlier.name)[inner - 1]
                share = float(np.mean(near(own, other, 10.0 ** -(later.decimals or 9) * 1.0001)))
                if share >= NEARLY:
                    out.append((-share, later, earlier))
        else:
            for earlier in columns:
                if earlier is not later and earlier.discrete and _alike(later, earlier):
                    share = float(np.mean(_same(head, later.name, inner, earlier.name, inner - 1)))
                    if share >= NEARLY:
                        out.append((-share, later, earlier))
    return [(later, earlier) for _, later, earlier in sorted(out, key=lambda entry: entry[0])]


def _moves(halves: Halves, later: str, earlier: str) -> bool:
    """Whether the rule holds where the earlier column moves, and not with its values in another order."""
    data = halves.second
    inner = np.flatnonzero(data.step_of_row > 0)
    moving = inner[~_same(data, earlier, inner, earlier, inner - 1)]
    if len(moving) < ROWS or len(np.unique(data.entity_of_row[moving])) < ENTITIES:
        return False
    right = float(np.mean(_same(data, later, moving, earlier, moving - 1)))
    random = np.random.default_rng([halves.seed, 0xC4])
    order = np.lexsort((random.random(data.n_rows), data.entity_of_row))
    chance = float(np.mean(_same(data, later, moving, earlier, order[moving - 1])))
    # With two rows an entity, a shuffle leaves half of the values where they are.
    return right >= RIGHT and chance <= max(CHANCE, 0.8 * (np.median(data.lengths) <= 3)) * right


def _edged(rule: Chain, halves: Halves, taken: set[str]) -> Chain:
    """With a static column that has the value at the edge, where there is one."""
    data = halves.first
    if rule.edge not in ("kept", "gap"):
        return rule
    target = data.schema[rule._target]
    rows = np.flatnonzero(rule._neighbours(data)[1])
    owner = data.entity_of_row[rows]
    for column in data.schema.statics:
        if column.name in taken or not _alike(target, column) or len(rows) < ROWS:
            continue
        if np.mean(_same(data, target.name, rows, column.name, owner)) >= halves.threshold:
            return Chain(columns=(*rule.columns[:2], column.name), moved=rule.moved).learned(data)
    return rule
