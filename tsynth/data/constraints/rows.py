"""Rules inside one row: categories that occur together, and a column that others look up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.data.arrow_types import parse, plain
from tsynth.data.constraints import lattice
from tsynth.data.constraints.base import Constraint, register
from tsynth.data.constraints.columns import drop, free_name, put, take_off
from tsynth.data.schema import Column, Role

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.constraints.evidence import Halves
    from tsynth.data.sequences import Sequences
    from tsynth.data.streams import Streams

__all__ = ["Combination", "Lookup", "find_combinations", "find_lookups"]

WIDEST = 60
"""Most combinations that one merged column may have: beyond some 40 a joint code learns worse than its parts."""
FEW_VALUES = 64
HEAD = 8192
BROKEN = 0.02
DEVIATIONS = 6.0


@register
@dataclass(frozen=True, kw_only=True)
class Combination(Constraint):
    """Categories that occur in certain combinations only: `remove` merges them into one category.

    Parameters
    ----------
    columns : tuple of str
        The categories, all static or all dynamic.
    combinations : tuple of (level, ...)
        What occurs, most frequent first; None is a null.
    merged : str
        Name of the merged column.
    labels : tuple of str
        Name of each combination as a level of the merged column.
    """

    name: ClassVar[str] = "combination"

    combinations: tuple[tuple[Any, ...], ...] = ()
    merged: str = ""
    labels: tuple[str, ...] = ()

    def sentence(self) -> str:
        return f"{', '.join(self.columns)}: only the {len(self.combinations)} combinations that occur"

    def learned(self, data: Sequences) -> Self:
        keys, spaces = _keys(data, self.columns)
        seen, many = np.unique(keys, return_counts=True)
        order = np.lexsort((seen, -many))
        found = tuple(_values(int(key), spaces) for key in seen[order])
        labels: list[str] = []
        for values in found:
            wish = label = " · ".join("null" if v is None else str(v) for v in values)
            while label in labels:
                label += "'" if label != wish else f" ({len(labels)})"
            labels.append(label)
        name = free_name(data.schema, " & ".join(self.columns))
        return replace(
            self,
            combinations=found,
            labels=tuple(labels),
            merged=name,
            lost=take_off(data.schema, self.columns),
        )

    def _places(self, data: Sequences, broadcast: bool = True) -> NDArray[np.int64]:
        """Number of each row's combination, -1 where it is none of them."""
        keys, spaces = _keys(data, self.columns, broadcast)
        places = {_key(values, spaces): i for i, values in enumerate(self.combinations)}
        known = np.array(sorted(k for k in places if k >= 0), dtype=np.int64)
        if not len(known):
            return np.full(len(keys), -1, np.int64)
        index = np.array([places[int(k)] for k in known], dtype=np.int64)
        at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
        return np.where(known[at] == keys, index[at], -1)

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        return self._places(data) >= 0, np.ones(data.n_rows, np.bool_)

    def remove(self, data: Sequences) -> Sequences:
        places = self._places(data, broadcast=False)
        first = data.schema[self.columns[0]]
        roles = [data.schema[name].role for name in self.columns]
        role: Role = next((r for r in roles if r == "mark"), "value")
        column = Column(
            self.merged, kind="category", role=role, static=first.static, nullable=bool((places < 0).any()),
            dtype="string", levels=self.labels, reason="combinations of " + ", ".join(self.columns),
        )  # fmt: skip
        columns = list(data.schema.columns)
        columns[min(i for i, c in enumerate(columns) if c.name in self.columns)] = column
        schema = data.schema.with_columns([c for c in columns if c.name not in self.columns])
        return data.with_columns({self.merged: lattice.decoded(places, self.labels, pa.string())}, schema)

    def restore(self, data: Sequences, streams: Streams | None = None) -> Sequences:
        places = np.maximum(
            lattice.values_of(data.column(self.merged), self.labels), 0
        )  # the most frequent for a null
        arrays = {}
        for i, lost in enumerate(self.lost):
            levels = lattice.levels(lost.column)
            codes = np.array(
                [-1 if v[i] is None else levels.index(v[i]) for v in self.combinations], dtype=np.int64
            )
            arrays[lost.column.name] = lattice.decoded(codes[places], levels, parse(lost.column.dtype))
        return put(data, self.lost, arrays, without=[self.merged])


def _keys(
    data: Sequences, names: tuple[str, ...], broadcast: bool = True
) -> tuple[NDArray[np.int64], list[tuple[Any, ...]]]:
    """One number for the levels of each row in several categories, null a level like others."""
    keys, strange = np.zeros(1, np.int64), np.zeros(1, np.bool_)
    spaces: list[tuple[Any, ...]] = []
    for name in names:
        space = (*lattice.levels(data.schema[name]), None)
        codes = data.codes(name).astype(np.int64)
        if broadcast:
            codes = lattice.in_rows(data, name, codes)
        own = np.where(codes == -1, len(space) - 1, codes)
        keys, strange = keys * len(space) + own, strange | (codes == -2)
        spaces.append(space)
    return np.where(strange, -2, keys), spaces


def _values(key: int, spaces: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    out = []
    for space in reversed(spaces):
        key, own = divmod(key, len(space))
        out.append(space[own])
    return tuple(reversed(out))


def _key(values: tuple[Any, ...], spaces: list[tuple[Any, ...]]) -> int:
    key = 0
    for value, space in zip(values, spaces, strict=True):
        if value not in space:
            return -1
        key = key * len(space) + space.index(value)
    return key


@register
@dataclass(frozen=True, kw_only=True)
class Lookup(Constraint):
    """A column that another tells: each level of ``columns[1]`` has one value of ``columns[0]``.

    Parameters
    ----------
    columns : (str, str)
        The column that is told, and the one that tells it.
    table : tuple of (level, value)
        None is a null.
    usual : object
        Value for levels that were not seen.
    """

    name: ClassVar[str] = "function"
    form: ClassVar[str] = "lookup"

    table: tuple[tuple[Any, Any], ...] = ()
    usual: Any = None

    def sentence(self) -> str:
        return f"{self.columns[0]} is a function of {self.columns[1]}"

    def learned(self, data: Sequences) -> Self:
        target, source = (_dictionary(data, name) for name in self.columns)
        votes = np.zeros((len(source[1]), len(target[1])), np.int64)
        np.add.at(votes, (source[0], target[0]), 1)
        table = tuple(
            (source[1][i], target[1][int(np.argmax(row))]) for i, row in enumerate(votes) if row.any()
        )
        usual = target[1][int(np.argmax(votes.sum(axis=0)))] if data.n_rows else None
        return replace(self, table=table, usual=usual, lost=take_off(data.schema, self.columns[:1]))

    def _told(self, data: Sequences, values: tuple[Any, ...]) -> NDArray[np.int64]:
        """Place among `values` of what each value of the source tells."""
        sources = tuple(level for level, _ in self.table)
        told = np.array(
            [values.index(value) for _, value in self.table] + [values.index(self.usual)], dtype=np.int64
        )
        at = lattice.values_of(data.column(self.columns[1]), sources)
        return told[np.where(at >= 0, at, len(sources))]

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        values = tuple(dict.fromkeys([*(value for _, value in self.table), self.usual]))
        own = lattice.values_of(data.column(self.columns[0]), values)
        told = self._told(data, values)
        own, told = lattice.in_rows(data, self.columns[0], own), lattice.in_rows(data, self.columns[1], told)
        return own == told, np.ones(data.n_rows, np.bool_)

    def remove(self, data: Sequences) -> Sequences:
        return drop(data, self.columns[:1])

    def restore(self, data: Sequences, streams: Streams | None = None) -> Sequences:
        column = self.lost[0].column
        values = tuple(dict.fromkeys([*(value for _, value in self.table), self.usual]))
        told = self._told(data, values)
        if column.static == data.schema[self.columns[1]].static:
            places = told
        else:
            places = lattice.in_rows(data, self.columns[1], told)
        codes = np.array([-1 if v is None else i for i, v in enumerate(values)], dtype=np.int64)[places]
        return put(data, self.lost, {column.name: lattice.decoded(codes, values, parse(column.dtype))})


def _dictionary(data: Sequences, name: str) -> tuple[NDArray[np.int64], list[Any]]:
    """A column with one value a row as places in the list of its values, null among them."""
    array = plain(data.broadcast(name))
    if name in data.schema and data.schema[name].levels is not None:
        values = list(lattice.levels(data.schema[name]))
    else:
        values = sorted(v for v in pc.unique(array).to_pylist() if v is not None)
    codes = lattice.values_of(array, tuple(values))
    codes = np.where(codes < 0, len(values), codes)
    return codes, [*values, None]


def _small(halves: Halves, taken: set[str]) -> list[Column]:
    """Columns with few values that may tell or be told."""
    out = []
    for column in halves.sample.schema:
        if not column.learned or column.role in ("entity", "time", "party") or column.name in taken:
            continue
        if column.discrete:
            if len(lattice.levels(column)) > 1000:
                continue
        elif (
            column.kind == "datetime"
            or pc.count_distinct(halves.sample.column(column.name)).as_py() > FEW_VALUES
        ):
            continue
        if pc.count_distinct(plain(halves.sample.column(column.name)), mode="all").as_py() >= 2:
            out.append(column)
    return out


def find_lookups(halves: Halves, taken: set[str]) -> list[Constraint]:
    """Columns that one other column tells.

    The rows whose value is not the most frequent one must be told right in at least .95, on the second half, and
    come from 10 entities at least: a rare flag is not told by anything just because it is mostly off.
    """
    found: list[Constraint] = []
    small = _small(halves, taken)
    names = halves.sample.schema.names
    # What is easiest to do without is told first: not a mark, a number rather than a category, the later column.
    data = halves.first
    many = int(np.searchsorted(np.cumsum(data.lengths), HEAD)) + 1
    head = data.take(np.arange(min(many, data.n_entities)))
    order = sorted(small, key=lambda c: (c.role == "mark", c.discrete, -names.index(c.name)))
    for target in order:
        if target.role == "mark":
            continue
        best: Lookup | None = None
        for source in small:
            if source is target or source.name in taken or (not source.static and target.static):
                continue
            rule = Lookup(columns=(target.name, source.name))
            if rule.learned(head).holds(head) < halves.threshold - 0.01:
                continue
            rule = rule.learned(halves.first)
            if not rule.holds(halves.first) >= halves.threshold or not _tells(rule, halves.second):
                continue
            confirmed = halves.confirm(rule)
            if confirmed is None:
                continue
            if best is None or (confirmed.share, -len(confirmed.table)) > (best.share, -len(best.table)):
                best = confirmed
        if best is not None:
            found.append(best)
            taken.add(target.name)
    return found


def _tells(rule: Lookup, data: Sequences) -> bool:
    values, _ = _dictionary(data, rule.columns[0])
    held, _ = rule.check(data)
    minor = values != np.bincount(values).argmax() if len(values) else np.zeros(0, np.bool_)
    entities = len(np.unique(data.entity_of_row[minor]))
    return bool(entities >= 10 and np.mean(held[minor]) >= 0.95)


def find_combinations(halves: Halves, taken: set[str]) -> list[Constraint]:
    """Groups of categories that keep to certain combinations.

    Two categories belong together where the combinations of levels (not of nulls) that never occur would hold, if
    the two were independent, at least .02 of all cases, and 6 standard deviations more than the cells that are
    empty by chance. A case is one combination of one entity, however often the entity repeats it.
    """
    schema = halves.sample.schema
    usable = [
        c
        for c in schema
        if c.discrete and c.role not in ("label", "event", "outcome", "party", "entity", "arm") and c.name not in taken
        and len(lattice.levels(c)) + c.nullable > 1 and len(lattice.levels(c)) <= 200
    ]  # fmt: skip
    pairs = []
    for one, two in combinations(usable, 2):
        if one.static == two.static and (gain := _missing(halves.first, one.name, two.name)) > 0:
            pairs.append((-gain, one.name, two.name))
    groups: dict[str, tuple[str, ...]] = {c.name: (c.name,) for c in usable}
    rules: dict[tuple[str, ...], Combination] = {}
    for _, a, b in sorted(pairs):
        if groups[a] == groups[b]:
            continue
        wish = tuple(n for n in schema.names if n in groups[a] or n in groups[b])
        seen = Combination(columns=wish).learned(halves.sample)
        if len(seen.combinations) > WIDEST:
            continue
        rule = halves.confirm(Combination(columns=wish).learned(halves.first))
        if rule is not None and len(rule.combinations) <= 2 * WIDEST:
            rules[wish] = rule
            for name in wish:
                groups[name] = wish
    return [rules[g] for g in dict.fromkeys(groups.values()) if g in rules]


def _missing(data: Sequences, a: str, b: str) -> float:
    """Share of independent cases that empty cells would hold; 0 where that could be chance."""
    keys_a, keys_b = (_keys(data, (name,))[0] for name in (a, b))
    wide_a, wide_b = (len(lattice.levels(data.schema[name])) + 1 for name in (a, b))
    usable = (keys_a >= 0) & (keys_b >= 0)
    joint = (keys_a * wide_b + keys_b)[usable]
    seen = np.bincount(joint, minlength=wide_a * wide_b).reshape(wide_a, wide_b)
    # Where only nulls keep to certain partners, the pattern is one of nulls and not of levels.
    named = seen[:-1, :-1]
    if np.all(named[named.any(axis=1)][:, named.any(axis=0)] > 0):
        return 0.0
    # A sort, because the hash that `numpy.unique` uses is several times slower here.
    cases = np.sort(data.entity_of_row[usable] * (wide_a * wide_b) + joint)
    cases = cases[np.append(True, cases[1:] != cases[:-1])[: len(cases)]] % (wide_a * wide_b)
    n = len(cases)
    if n < 50:
        return 0.0
    table = np.bincount(cases, minlength=wide_a * wide_b).reshape(wide_a, wide_b).astype(np.float64)
    expected = (table.sum(axis=1)[:, None] * table.sum(axis=0)[None, :] / n)[:-1, :-1]
    empty = np.exp(-expected)
    mass = float(expected[table[:-1, :-1] == 0].sum())
    by_chance = float((expected * empty).sum())
    spread = float(np.sqrt((expected**2 * empty * (1 - empty)).sum()))
    return mass / n if mass > max(BROKEN * n, by_chance + DEVIATIONS * spread + 20) else 0.0
