"""A column that two or three others tell together, by a table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.compiled.lookups import right_shares
from tsynth.data.arrow_types import parse, plain
from tsynth.data.constraints import lattice
from tsynth.data.constraints.base import Constraint, register
from tsynth.data.constraints.columns import drop, put, take_off
from tsynth.data.constraints.screen import RIGHT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.constraints.evidence import Halves
    from tsynth.data.schema import Column
    from tsynth.data.sequences import Sequences
    from tsynth.data.streams import Streams

__all__ = ["JointLookup", "find_joint_lookups"]


@register
@dataclass(frozen=True, kw_only=True)
class JointLookup(Constraint):
    """A column that others tell together: each combination of their values has one value of ``columns[0]``.

    Parameters
    ----------
    columns : tuple of str
        The column that is told, and those that tell it.
    table : tuple of ((value, ...), value)
        None is a null.
    usual : object
        Value for combinations that were not seen.
    """

    name: ClassVar[str] = "function"
    form: ClassVar[str] = "joint lookup"

    table: tuple[tuple[tuple[Any, ...], Any], ...] = ()
    usual: Any = None

    def sentence(self) -> str:
        *first, last = self.columns[1:]
        return f"{self.columns[0]} is a function of {', '.join(first)} and {last}"

    def learned(self, data: Sequences) -> Self:
        spaces = [_values(data, name) for name in self.columns]
        codes = [_places(data, n, space, False) for n, space in zip(self.columns, spaces, strict=True)]
        own, wide = codes[0], len(spaces[0])
        keys, names = np.unique(_joint(codes[1:], spaces[1:]), return_inverse=True)
        votes = np.bincount(names.ravel() * wide + own, minlength=len(keys) * wide).reshape(-1, wide)
        table = []
        for key, best in zip(keys.tolist(), votes.argmax(axis=1).tolist(), strict=True):
            values = []
            for space in reversed(spaces[1:]):
                key, at = divmod(key, len(space))
                values.append(space[at])
            table.append((tuple(reversed(values)), spaces[0][best]))
        usual = spaces[0][int(votes.sum(axis=0).argmax())] if len(votes) else None
        return replace(self, table=tuple(table), usual=usual, lost=take_off(data.schema, self.columns[:1]))

    def _told(self, data: Sequences, kinds: tuple[Any, ...], static: bool) -> NDArray[np.int64]:
        """Place among `kinds` of what each row's (or entity's) combination tells."""
        spaces = [tuple(dict.fromkeys([*(key[i] for key, _ in self.table), None]))
                  for i in range(len(self.columns) - 1)]  # fmt: skip
        codes = [_places(data, n, space, static) for n, space in zip(self.columns[1:], spaces, strict=True)]
        strange = np.any([code < 0 for code in codes], axis=0)
        joint = _joint([np.maximum(code, 0) for code in codes], spaces)
        index = [{v: i for i, v in enumerate(space)} for space in spaces]
        known = np.array([_key(key, index) for key, _ in self.table], dtype=np.int64)
        told = np.array([*(kinds.index(v) for _, v in self.table), kinds.index(self.usual)], dtype=np.int64)
        if not len(known):
            return np.full(len(joint), told[-1])
        order = np.argsort(known)
        at = np.minimum(np.searchsorted(known[order], joint), len(known) - 1)
        hit = (known[order][at] == joint) & ~strange
        return told[np.where(hit, order[at], len(known))]

    @property
    def _kinds(self) -> tuple[Any, ...]:
        return tuple(dict.fromkeys([*(value for _, value in self.table), self.usual]))

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        own = lattice.values_of(data.column(self.columns[0]), self._kinds)
        own = lattice.in_rows(data, self.columns[0], own)
        return own == self._told(data, self._kinds, False), np.ones(data.n_rows, np.bool_)

    def remove(self, data: Sequences) -> Sequences:
        return drop(data, self.columns[:1])

    def restore(self, data: Sequences, streams: Streams | None = None) -> Sequences:
        column, kinds = self.lost[0].column, self._kinds
        codes = np.array([-1 if v is None else i for i, v in enumerate(kinds)], dtype=np.int64)
        codes = codes[self._told(data, kinds, column.static)]
        return put(data, self.lost, {column.name: lattice.decoded(codes, kinds, parse(column.dtype))})


def _values(data: Sequences, name: str) -> tuple[Any, ...]:
    """Values of a column in a settled order, null last."""
    column = data.schema[name]
    if column.levels is not None or column.kind == "boolean":
        return (*lattice.levels(column), None)
    return (*sorted(v for v in pc.unique(plain(data.column(name))).to_pylist() if v is not None), None)


def _places(data: Sequences, name: str, space: tuple[Any, ...], static: bool) -> NDArray[np.int64]:
    """Place of each value among `space`, in which None stands for a null; below 0 where it is none of them."""
    places = lattice.values_of(data.column(name), space)
    return places if static else lattice.in_rows(data, name, places)


def _joint(codes: list[NDArray[np.int64]], spaces: list[tuple[Any, ...]]) -> NDArray[np.int64]:
    out = np.zeros_like(codes[0])
    for code, space in zip(codes, spaces, strict=True):
        out = out * len(space) + code
    return out


def _key(key: tuple[Any, ...], index: list[dict[Any, int]]) -> int:
    out = 0
    for value, places in zip(key, index, strict=True):
        out = out * len(places) + places[value]
    return out


# -- finding

ROWS = 1000
NEARLY, FEW_RIGHT = 0.98, 0.85
TRIED = 4
FEW_VALUES = 64
CELLS = 400
WIDEST = 30
GAIN = 0.05
"""By how much more of the telling rows all keys are right than all but one of them."""
ENTITIES = 10
EXACT = 0.999
"""Smallest share of a table: what is looked up is right, so a table that often errs is none."""


def find_joint_lookups(halves: Halves, taken: set[str]) -> list[Constraint]:
    """Columns that two or three others tell together, and no fewer of them.

    The table holds in .999 of the rows. Of the rows without a null key whose value is not the most frequent one (of
    10 entities at least), .95 must be told right on the
    half that the table was not learned from, and .05 fewer by any of the keys left out. Keys with more than 400
    combinations are not tried, nor is the mark told.
    """
    small = _small(halves, taken)
    if len(small) < 3:
        return []
    data = halves.first
    random = np.random.default_rng([halves.seed, 0x6B])
    some = np.sort(random.permutation(data.n_rows)[:ROWS])
    codes = np.array([_coded(data, column, some) for column in small])
    wide = codes.max(axis=1, initial=0) + 1
    names = data.schema.names
    found: list[Constraint] = []
    for target in sorted(small, key=lambda c: (c.discrete, -names.index(c.name))):
        own = small.index(target)
        if target.role in ("mark", "arm") or wide[own] < 2:
            continue
        keys = [
            i for i, c in enumerate(small)
            if i != own and (c.static or not target.static) and c.name not in taken and wide[i] > 1
        ]  # fmt: skip
        for size in (2, 3):
            options = np.array(list(combinations(keys, size)), dtype=np.int64).reshape(-1, size)
            usual = int(np.bincount(codes[own]).argmax())
            shares = right_shares(codes, wide, own, usual, options, CELLS)
            likely = np.flatnonzero((shares[:, 0] >= NEARLY) & (shares[:, 1] >= FEW_RIGHT))
            likely = likely[np.argsort(-shares[likely].sum(axis=1), kind="stable")][:TRIED]
            best = _best(halves, target.name, [tuple(small[k].name for k in options[p]) for p in likely])
            if best is not None:
                found.append(best)
                taken.add(target.name)
                break
    return found


def _coded(data: Sequences, column: Column, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """A code for each value in some rows, null one of them."""
    at = data.entity_of_row[rows] if column.name in data.entities.column_names else rows
    array = plain(data.column(column.name).take(at)).dictionary_encode(null_encoding="encode")
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    return np.asarray(array.indices, dtype=np.int64)


def _best(halves: Halves, target: str, options: list[tuple[str, ...]]) -> JointLookup | None:
    """Of those that hold, the rule that is right most often, with the smallest table."""
    best: JointLookup | None = None
    for keys in options:
        rule = JointLookup(columns=(target, *keys)).learned(halves.first)
        if not rule.holds(halves.first) >= EXACT or not _tells(rule, halves):
            continue
        confirmed = halves.confirm(rule)
        if confirmed is None or confirmed.share < EXACT:
            continue
        if best is None or (confirmed.share, -len(confirmed.table)) > (best.share, -len(best.table)):
            best = confirmed
    return best


def _tells(rule: JointLookup, halves: Halves) -> bool:
    data = halves.second
    kinds = rule._kinds
    own = lattice.in_rows(data, rule.columns[0], lattice.values_of(data.column(rule.columns[0]), kinds))
    known = own[own >= 0]
    if not len(known):
        return False
    few = own != np.bincount(known).argmax()
    for name in rule.columns[1:]:
        few &= ~lattice.in_rows(data, name, data.nulls(name))
    if len(np.unique(data.entity_of_row[few])) < ENTITIES:
        return False
    share = float(np.mean(rule.check(data)[0][few]))
    if share < RIGHT:
        return False
    for left in range(1, len(rule.columns)):
        fewer = replace(rule, columns=rule.columns[:left] + rule.columns[left + 1 :], table=(), lost=())
        if float(np.mean(fewer.learned(halves.first).check(data)[0][few])) > share - GAIN:
            return False
    return True


def _small(halves: Halves, taken: set[str]) -> list[Column]:
    """Columns with 2 to 64 values."""
    out = []
    data = halves.first
    for column in data.schema:
        if not column.learned or column.role in ("entity", "time", "party") or column.name in taken:
            continue
        if column.kind == "datetime":
            continue
        if column.discrete:
            many = len(lattice.levels(column))
        else:
            many = pc.count_distinct(data.column(column.name).slice(0, 4096)).as_py()
            if many <= FEW_VALUES:
                many = pc.count_distinct(data.column(column.name)).as_py()
        if many + column.nullable >= 2 and many <= FEW_VALUES:
            out.append(column)
    return out[:WIDEST]
