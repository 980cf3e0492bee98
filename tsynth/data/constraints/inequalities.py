"""One column that never exceeds another: start and stop, a visit and the end of follow-up, low and high."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.compiled.order import order_in_time
from tsynth.data.arrow_types import parse
from tsynth.data.constraints import lattice
from tsynth.data.constraints.base import ORDER, Constraint, fits, register
from tsynth.data.constraints.columns import free_name, put, take_off
from tsynth.data.schema import Column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.constraints.evidence import Halves
    from tsynth.data.sequences import Sequences
    from tsynth.data.streams import Streams

__all__ = ["Inequality", "find_inequalities"]


@register
@dataclass(frozen=True, kw_only=True)
class Inequality(Constraint):
    """The first column is at most the second, wherever both are there.

    By "difference", one of the two becomes its distance from the other, which is never below 0: so nothing that is
    drawn can break the rule. A static column becomes its distance from the entity's outermost row. By "clip", rows
    that break the rule, and only they, get the other column's value.

    Parameters
    ----------
    columns : (str, str)
        The smaller and the larger.
    moved : str
        Which of the two is put right.
    by : {"difference", "clip"}
    gap : str
        Column that takes the place of the one that is put right.
    sorts : bool
        Whether that is the time, so that rows may change places.
    """

    name: ClassVar[str] = "inequality"

    moved: str = ""
    by: str = ""
    gap: str = ""
    sorts: bool = False

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({self._other, ORDER})

    @property
    def changes(self) -> frozenset[str]:
        return frozenset({self.moved, *([ORDER] if self.sorts else [])}) if self.by == "clip" else frozenset()

    @property
    def ready(self) -> bool:
        return bool(self.by)

    @property
    def _other(self) -> str:
        return self.columns[0] if self.moved == self.columns[1] else self.columns[1]

    @property
    def _sign(self) -> int:
        """1 where the larger column is put right, -1 where the smaller is."""
        return 1 if self.moved == self.columns[1] else -1

    def sentence(self) -> str:
        return f"{self.columns[0]} <= {self.columns[1]}"

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        tick = _tick(*(data.schema[n] for n in self.columns))
        small, large = (lattice.in_rows(data, n, _line(data, n, tick)) for n in self.columns)
        a, b = (lattice.in_rows(data, n, _null(data, n)) for n in self.columns)
        return (small <= large) | a | b, ~(a | b)

    def learned(self, data: Sequences) -> Self:
        small, large = (data.schema[n] for n in self.columns)
        moved = self.moved or (large.name if large.role != "time" else small.name)
        if not self.moved and large.static != small.static and "time" not in (large.role, small.role):
            moved = small.name if small.static else large.name
        rule = replace(self, moved=moved, sorts=data.schema[moved].role == "time")
        null, (_, absent) = _null(data, moved), rule._bound(data, data.schema[moved])
        whole = not np.any(~null & absent) and data.schema[moved].role != "time"
        by = self.by or ("difference" if whole else "clip")
        if by == "clip":
            return replace(rule, by=by)
        gap = free_name(data.schema, f"{large.name} - {small.name}")
        return replace(rule, by=by, gap=gap, lost=take_off(data.schema, [moved]))

    def _bound(self, data: Sequences, moved: Column) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """What the column to be put right must not pass, one value where that column has one; where it is null."""
        other = data.schema[self._other]
        values, null = _line(data, other.name, _tick(moved, other)), _null(data, other.name)
        if not moved.static:
            return lattice.in_rows(data, other.name, values), lattice.in_rows(data, other.name, null)
        if other.static:
            return values, null
        lowest = values.dtype.type(np.iinfo(values.dtype).min if values.dtype.kind == "i" else -np.inf)
        outmost = np.full(data.n_entities, lowest)
        np.maximum.at(outmost, data.entity_of_row[~null], self._sign * values[~null])
        empty = outmost == lowest
        return self._sign * np.where(empty, values.dtype.type(0), outmost), empty

    def remove(self, data: Sequences) -> Sequences:
        if self.by == "clip":
            return data
        source = data.schema[self.moved]
        own, null = _line(data, self.moved, _tick(source, data.schema[self._other])), _null(data, self.moved)
        bound, absent = self._bound(data, source)
        distance = self._sign * (own - bound)
        whole = distance.dtype.kind == "i"
        if not whole:
            distance = _exact(own, bound, distance, self._sign)
        null = null | absent
        seen = distance[~null]
        column = Column(
            self.gap, kind="continuous", static=source.static, nullable=bool(null.any()),
            dtype="int64" if whole else "double", decimals=0 if whole else source.decimals,
            bounds=(max(0.0, float(seen.min())), max(0.0, float(seen.max()))) if len(seen) else None,
            reason=f"{self.columns[1]} less {self.columns[0]}",
        )  # fmt: skip
        columns = [column if c.name == self.moved else c for c in data.schema]
        return data.with_columns({self.gap: pa.array(distance, mask=null)}, data.schema.with_columns(columns))

    def restore(self, data: Sequences, streams: Streams | None = None) -> Sequences:
        if self.by == "clip":
            return self._clipped(data)
        column = self.lost[0].column
        bound, absent = self._bound(data, column)
        array = data.column(self.gap)
        null = np.asarray(pc.is_null(array)) | absent
        if pa.types.is_integer(array.type):
            distance = np.asarray(array.fill_null(0), dtype=np.int64)
        else:
            distance = np.asarray(array.cast(pa.float64(), safe=False).fill_null(0.0), dtype=np.float64)
        values = bound + self._sign * np.maximum(distance, 0)
        if column.bounds is not None and column.kind != "datetime":
            # Inside the bounds that were seen, unless the other column is outside them: the rule comes first.
            limit = np.clip(values, *(np.array(edge).astype(values.dtype) for edge in column.bounds))
            values = self._sign * np.maximum(self._sign * limit, self._sign * bound)
        return put(
            data,
            self.lost,
            {column.name: _column(values, null, column, data.schema[self._other])},
            [self.gap],
        )

    def _clipped(self, data: Sequences) -> Sequences:
        column, other = data.schema[self.moved], data.schema[self._other]
        own, (bound, absent) = _line(data, self.moved, _tick(column, other)), self._bound(data, column)
        wrong = (self._sign * (own - bound) < 0) & ~_null(data, self.moved) & ~absent
        if not wrong.any():
            return data
        fixed = _column(bound, ~wrong, column, other)
        changed = data.with_columns(
            {self.moved: pc.if_else(pa.array(wrong), fixed, whole_array(data.column(self.moved)))}
        )
        if column.role != "time":
            return changed
        return changed.reorder(order_in_time(changed.offsets, changed.time))


def whole_array(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    """A column in one piece."""
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _null(data: Sequences, name: str) -> NDArray[np.bool_]:
    return np.asarray(data.nulls(name))


def _tick(a: Column, b: Column) -> str:
    """Unit in which two datetimes subtract exactly."""
    return "ns" if "[ns" in a.dtype + b.dtype else "us"


def _line(data: Sequences, name: str, tick: str) -> NDArray[Any]:
    """A column in its home as numbers that subtract exactly, 0 where null.

    Datetimes and whole numbers are int64, others float64.
    """
    array = data.column(name)
    if data.schema[name].kind == "datetime" and not pa.types.is_time(array.type):
        ticks = array.cast(pa.timestamp(tick, tz=getattr(array.type, "tz", None)), safe=False)
        return np.asarray(ticks.cast(pa.int64()).fill_null(0), dtype=np.int64)
    if pa.types.is_integer(array.type) and not pa.types.is_uint64(array.type):
        return np.asarray(array.cast(pa.int64()).fill_null(0), dtype=np.int64)
    return np.nan_to_num(data.numeric(name), nan=0.0)


def _column(values: NDArray[Any], null: NDArray[np.bool_], column: Column, other: Column) -> pa.Array:
    if column.kind == "datetime":
        dtype = parse(column.dtype)
        stamp = pa.timestamp(_tick(column, other), tz=getattr(dtype, "tz", None))
        return whole_array(pa.array(values, mask=null).cast(stamp).cast(dtype, safe=False))
    if values.dtype.kind == "i":
        return whole_array(lattice.from_counts(values, 0, column, null))
    return whole_array(lattice.typed(values, column, null))


def _exact(own: NDArray[Any], bound: NDArray[Any], distance: NDArray[Any], sign: int) -> NDArray[Any]:
    """The distance that leads back to `own` to the last bit, which is `distance` or one of its neighbours."""
    for neighbour in (np.nextafter(distance, np.inf), np.nextafter(distance, -np.inf)):
        off = bound + sign * distance != own
        distance = np.where(off & (bound + sign * neighbour == own), neighbour, distance)
    return distance


# -- finding

HALF_OVERLAP = 0.25
BROKEN, BROKEN_UNDECLARED = 0.05, 0.10
TOUCHING = 0.01
TOGETHER = 0.95


def find_inequalities(halves: Halves, taken: set[str]) -> list[Constraint]:
    """Pairs of one unit or both times, with overlapping ranges, of which one never exceeds the other.

    With one of the two shuffled over the entities (over the rows where both vary) at least .05 of the rows must break
    the rule. Numbers without declared units count as of one unit only where .10 would and, beyond that, one of them
    is the time, or they are equal in .01 of the rows and three times as often as when shuffled, or their names share
    a word, or their ranks correlate to .95 at like size.
    """
    data = halves.first
    columns = [
        c for c in data.schema if c.numeric and c.role not in ("entity", "party", "label", "event", "order")
    ]
    columns = [c for c in columns if c.name not in taken or c.role == "time"]
    some = halves.random.permutation(data.n_rows)[:20_000]
    tick = "ns" if any("[ns" in c.dtype for c in columns) else "us"
    values = {}
    for column in columns:
        own = np.where(_null(data, column.name), np.nan, _line(data, column.name, tick).astype(np.float64))
        values[column.name] = lattice.in_rows(data, column.name, own)[some]
    holding: list[tuple[str, str]] = []
    for a in columns:
        for b in columns:
            if a is b or (a.static and b.static and a.role == b.role == "time") or not _comparable(a, b):
                continue
            x, y = values[a.name], values[b.name]
            both = np.isfinite(x) & np.isfinite(y)
            if (
                both.sum() < 30
                or np.mean(x[both] <= y[both]) < halves.threshold
                or np.all(x[both] == y[both])
            ):
                continue
            if _overlap(x[both], y[both]) >= HALF_OVERLAP and _related(a, b, x, y, halves, some):
                holding.append((a.name, b.name))
    # a <= c follows from a <= b and b <= c
    direct = [
        (a, c)
        for a, c in holding
        if not any((a, b) in holding and (b, c) in holding for b in values if b not in (a, c))
    ]
    found: list[Constraint] = []
    for pair in direct:
        for rule in _ways(pair, data, {c.lost[0].column.name for c in found if c.lost}, frozenset(taken)):
            confirmed = halves.confirm(rule)
            if confirmed is not None and fits(found, confirmed):
                found.append(confirmed)
                break
    taken |= {lost.column.name for rule in found for lost in rule.lost}
    return found


def _comparable(a: Column, b: Column) -> bool:
    if (a.kind == "datetime") != (b.kind == "datetime"):
        return False
    if a.kind == "datetime" or (a.unit is not None and a.unit == b.unit):
        return True
    return (a.unit is None or b.unit is None or "time" in (a.role, b.role)) and "order" not in (
        a.role,
        b.role,
    )


def _overlap(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    (a, b), (c, d) = np.quantile(x, [0.02, 0.98]), np.quantile(y, [0.02, 0.98])
    width = max(b, d) - min(a, c)
    return float((min(b, d) - max(a, c)) / width) if width > 0 else 0.0


def _related(
    a: Column,
    b: Column,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    halves: Halves,
    some: NDArray[np.int64],
) -> bool:
    entity = halves.first.entity_of_row[some]
    if a.static or b.static:
        # each entity's rows keep together: another entity's value stands in for its own
        pick = np.full(halves.first.n_entities, np.nan)
        pick[entity] = x if a.static else y
        known = np.flatnonzero(np.isfinite(pick))
        pick[known] = pick[halves.random.permutation(known)]
        u, v = (pick[entity], y) if a.static else (x, pick[entity])
    else:
        u, v = x, y[halves.random.permutation(len(y))]
    both = np.isfinite(u) & np.isfinite(v)
    broken = float(np.mean(u[both] > v[both])) if both.any() else 0.0
    declared = a.kind == "datetime" or (a.unit is not None and a.unit == b.unit)
    if broken < (BROKEN if declared else BROKEN_UNDECLARED):
        return False
    if declared or _with_time(a, b) or _with_time(b, a):
        return True
    here = np.isfinite(x) & np.isfinite(y)
    equal = float(np.mean(x[here] == y[here]))
    if equal >= TOUCHING and equal >= 3 * float(np.mean(u[both] == v[both])):
        return True
    if _words(a.name) & _words(b.name):
        return True
    size = abs(np.median(y[here]) / np.median(x[here])) if np.median(x[here]) else np.inf
    ranks = [np.argsort(np.argsort(z[here])).astype(np.float64) for z in (x, y)]
    return bool(
        0.2 <= size <= 5 and np.std(ranks[0]) > 0 and np.corrcoef(ranks[0], ranks[1])[0, 1] >= TOGETHER
    )


def _with_time(time: Column, other: Column) -> bool:
    """Whether the second may be a time too: any number, but not a count beside a time that is none."""
    return time.role == "time" and (other.kind == "continuous" or other.role in ("start", "stop", "followup"))


def _words(name: str) -> set[str]:
    return {w for w in re.split(r"[^a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower()) if len(w) >= 3}


def _ways(pair: tuple[str, str], data: Sequences, gone: set[str], made: frozenset[str]) -> list[Inequality]:
    """Ways to put the rule right, the best first."""
    usual = Inequality(columns=pair).learned(data)
    sides = [name for name in (usual.moved, usual._other) if name not in made]
    ways = [
        Inequality(columns=pair, moved=name).learned(data)
        for name in sides
        if name not in gone and (name == usual.moved or data.schema[name].role != "time")
    ]
    return [*ways, *(Inequality(columns=pair, moved=name, by="clip").learned(data) for name in sides)]
