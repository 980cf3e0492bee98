"""Nulls that depend on a code, or on the nulls of another column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pyarrow as pa

from tsynth.compiled.codes import fill
from tsynth.data.arrow_types import parse
from tsynth.data.constraints import lattice
from tsynth.data.constraints.base import ORDER, Constraint, register
from tsynth.data.constraints.chance import MOST_LEVELS, SURPRISE, places, speak_of, surprise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.constraints.evidence import Halves
    from tsynth.data.schema import Column
    from tsynth.data.sequences import Sequences
    from tsynth.data.streams import Streams

__all__ = ["NullTogether", "NullWhere", "find_null_rules"]

PICKS = 20
ENTITIES = 10
"""Fewest entities that have a value under a code before values are given for that code by itself."""


@dataclass(frozen=True, kw_only=True)
class _Nulls(Constraint):
    """What rules of nulls share: values are blanked out, and given where they are missing.

    A missing value is the last one of its entity in a row of the same code, else the next; where the entity has none,
    one of 20 quantiles of the column under that code, drawn from the entity's stream (the middle one without streams).

    Parameters
    ----------
    columns : (str, str)
        The column with nulls, and the one that they depend on.
    picks : tuple of tuple
        For each code, and last for all others together, the values that may be given.
    """

    name: ClassVar[str] = "nulls"

    picks: tuple[tuple[Any, ...], ...] = ()

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({self.columns[1], ORDER})

    @property
    def changes(self) -> frozenset[str]:
        return frozenset(self.columns[:1])

    @property
    def ready(self) -> bool:
        return bool(self.picks)

    def _null(self, data: Sequences) -> NDArray[np.bool_]:
        """Rows that shall be null."""
        raise NotImplementedError

    def _codes(self, data: Sequences) -> NDArray[np.int64]:
        """Number of the code of each row, under which values are like each other."""
        raise NotImplementedError

    def _must(self, data: Sequences) -> NDArray[np.bool_]:
        """Rows that shall not be null."""
        return ~self._null(data)

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        null, wanted, must = data.nulls(self.columns[0]), self._null(data), self._must(data)
        return np.where(wanted, null, ~null), wanted | must

    def _learned_picks(self, data: Sequences, size: int) -> tuple[tuple[Any, ...], ...]:
        column = data.schema[self.columns[0]]
        codes, null = self._codes(data), data.nulls(column.name)
        out: list[tuple[Any, ...]] = []
        for i in range(size):
            rows = ~null & (codes == i)
            few = len(np.unique(data.entity_of_row[rows])) < ENTITIES
            out.append(() if few else _picks(data, column, rows))
        return (*out, _picks(data, column, ~null))

    def restore(self, data: Sequences, streams: Streams | None = None) -> Sequences:
        held, applies = self.check(data)
        wrong = applies & ~held
        if not wrong.any():
            return data
        name = self.columns[0]
        null, blank = data.nulls(name), self._null(data)
        missing = wrong & null
        codes = self._codes(data)
        codes = np.where((codes < 0) | (codes >= len(self.picks)), len(self.picks) - 1, codes)
        many = np.array([len(own) for own in self.picks], dtype=np.int64)
        groups = np.where(many[codes] > 0, codes, len(self.picks) - 1)
        own = None if streams is None else streams.purpose("nulls", *self.columns)
        row, place = fill(
            np.uint64(0) if own is None else own.key,
            np.arange(data.n_entities) if own is None else own.entities,
            data.offsets, groups, len(self.picks), missing, ~null & ~blank, many, own is not None,
        )  # fmt: skip
        source = np.where(missing, row, np.arange(data.n_rows))
        begins = data.n_rows + np.concatenate([[0], np.cumsum(many)])
        source = np.where(missing & (row < 0), begins[groups] + place, source)
        gone = blank | (missing & (row < 0) & (many[groups] == 0))
        return data.with_columns({name: self._taken(data, source, gone & applies)})

    def _taken(self, data: Sequences, source: NDArray[np.int64], gone: NDArray[np.bool_]) -> pa.Array:
        """Values at places in the column followed by all picks."""
        column = data.schema[self.columns[0]]
        flat = [value for own in self.picks for value in own]
        dtype = parse(column.dtype)
        if column.discrete:
            levels = lattice.levels(column)
            extra = np.array([levels.index(v) if v in levels else -1 for v in flat], dtype=np.int64)
            codes = data.codes(column.name).astype(np.int64)
            if pa.types.is_dictionary(dtype) or not (codes == -2).any():
                codes = np.concatenate([codes, extra])[source]
                return lattice.decoded(np.where(gone, -1, codes), levels, dtype)
            array = lattice.decoded(extra, levels, dtype)
        else:
            array = lattice.typed(np.array(flat, dtype=np.float64), column)
        array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
        pool = pa.chunked_array([*data.column(column.name).chunks, array.cast(data.column(column.name).type)])
        return pool.take(pa.array(source, mask=gone)).combine_chunks()


@register
@dataclass(frozen=True, kw_only=True)
class NullWhere(_Nulls):
    """A column that is null in rows of certain codes, and in no others.

    Parameters
    ----------
    levels : tuple
        Those codes; None is a null of the code itself.
    """

    form: ClassVar[str] = "code"

    levels: tuple[Any, ...] = ()
    others: tuple[Any, ...] = ()

    def sentence(self) -> str:
        # the shorter list is the one that is read
        if self.others and len(self.others) < len(self.levels):
            return f"{self.columns[0]} has a value exactly where {self.columns[1]} = {_or(self.others)}"
        return f"{self.columns[0]} is null exactly where {self.columns[1]} = {_or(self.levels)}"

    def learned(self, data: Sequences) -> Self:
        rule = self
        if not rule.levels:
            levels, share, _ = _null_share(data, self.columns[0], self.columns[1])
            rule = replace(rule, levels=tuple(v for v, s in zip(levels, share, strict=True) if s > 0.5))
        known = (*lattice.levels(data.schema[self.columns[1]]), None)
        seen = np.bincount(np.maximum(places(data, self.columns[1], known), 0), minlength=len(known)) > 0
        others = tuple(v for v, s in zip(known, seen, strict=True) if s and v not in rule.levels)
        rule = replace(rule, others=others)
        return replace(rule, picks=rule._learned_picks(data, len(others)))

    def _null(self, data: Sequences) -> NDArray[np.bool_]:
        return places(data, self.columns[1], self.levels) >= 0

    def _codes(self, data: Sequences) -> NDArray[np.int64]:
        return places(data, self.columns[1], self.others)


@register
@dataclass(frozen=True, kw_only=True)
class NullTogether(_Nulls):
    """A column that is null wherever another is, and, where `exactly`, nowhere else."""

    form: ClassVar[str] = "null"

    exactly: bool = True

    def sentence(self) -> str:
        where = "exactly where" if self.exactly else "wherever"
        return f"{self.columns[0]} is null {where} {self.columns[1]} is"

    def learned(self, data: Sequences) -> Self:
        return replace(self, picks=self._learned_picks(data, 0))

    def _null(self, data: Sequences) -> NDArray[np.bool_]:
        return np.asarray(lattice.in_rows(data, self.columns[1], data.nulls(self.columns[1])))

    def _must(self, data: Sequences) -> NDArray[np.bool_]:
        return ~self._null(data) if self.exactly else np.zeros(data.n_rows, np.bool_)

    def _codes(self, data: Sequences) -> NDArray[np.int64]:
        return np.zeros(data.n_rows, np.int64)


def _or(levels: tuple[Any, ...]) -> str:
    named = ["null" if level is None else str(level) for level in levels]
    return " or ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)


def _picks(data: Sequences, column: Column, rows: NDArray[np.bool_]) -> tuple[Any, ...]:
    """20 quantiles of the values in these rows: between the values for numbers, in the order of levels for codes."""
    at = (np.arange(PICKS) + 0.5) / PICKS
    if not rows.any():
        return ()
    if column.discrete:
        codes = data.codes(column.name)[rows]
        codes = codes[codes >= 0]
        found = np.quantile(codes, at, method="inverted_cdf") if len(codes) else np.zeros(0, np.int64)
        return tuple(lattice.levels(column)[int(i)] for i in found)
    return tuple(float(v) for v in np.quantile(data.numeric(column.name)[rows], at))


def _null_share(
    data: Sequences, name: str, code: str
) -> tuple[tuple[Any, ...], NDArray[np.float64], NDArray[np.int64]]:
    """Levels of a code, null among them; the share of their rows in which the column is null; their number of rows."""
    levels = (*lattice.levels(data.schema[code]), None)
    at = places(data, code, levels)
    usable = at >= 0
    rows = np.bincount(at[usable], minlength=len(levels))
    null = np.bincount(at[usable], data.nulls(name)[usable], minlength=len(levels))
    return levels, null / np.maximum(rows, 1), rows


# -- finding

MINOR = 0.95
LEAST = 0.01


def find_null_rules(halves: Halves, others: Sequence[Constraint]) -> list[Constraint]:
    """Columns, of those that no other rule names, whose nulls a code tells, or the nulls of another column.

    Null must be .01 of the rows, and so must not null. Of the rows that are the fewer, nulls or values (of those where
    the other is null, for "wherever"), .95 must keep the rule on the second half, from 10 entities at least. The
    logarithm of the chance that so many entities have no violation must be -20 or less, at the share among entities
    with nulls shuffled over all rows, of which .02 must have one.
    """
    data = halves.first
    found: list[Constraint] = []
    usable = [
        c
        for c in data.schema
        if c.nullable and c.learned and c.role not in ("party", "entity", "time", "label", "event", "order")
        and not c.static and LEAST <= np.mean(data.nulls(c.name)) <= 1 - LEAST
    ]  # fmt: skip
    for place, column in enumerate(usable):
        if column.kind == "datetime" or speak_of(others, column.name):
            continue
        rule = _by_code(halves, column) or _by_nulls(halves, column, usable[:place], usable[place + 1 :])
        found += [] if rule is None else [rule]
    return found


def _by_code(halves: Halves, column: Column) -> Constraint | None:
    data = halves.first
    best: Constraint | None = None
    for code in data.schema:
        if not code.discrete or not code.learned or code.name == column.name:
            continue
        if code.role in ("party", "time") or len(lattice.levels(code)) > MOST_LEVELS:
            continue
        levels, share, rows = _null_share(data, column.name, code.name)
        wrong = np.sum(np.minimum(share, 1 - share) * rows)
        if wrong > (1 - halves.threshold) * data.n_rows:
            continue
        named = tuple(v for v, s in zip(levels, share, strict=True) if s > 0.5)
        if not named or named == (None,):  # the nulls of another column: see `_by_nulls`
            continue
        rule = NullWhere(columns=(column.name, code.name), levels=named)
        if (confirmed := _measured(halves, rule)) is not None and (
            best is None or confirmed.share > best.share
        ):
            best = confirmed
    return best


def _by_nulls(
    halves: Halves, column: Column, earlier: list[Column], later: list[Column]
) -> Constraint | None:
    data = halves.first
    own = data.nulls(column.name)
    most_nulls = sorted([*earlier, *later], key=lambda c: -int(np.sum(data.nulls(c.name))))
    for exactly, others in ((True, earlier), (False, most_nulls)):
        for other in others:
            theirs = data.nulls(other.name)
            same = np.sum(own != theirs) <= (1 - halves.threshold) * len(own)
            # Where two columns are null in the same rows, the later one says so.
            if same != exactly or (
                not same and np.sum(theirs & ~own) > (1 - halves.threshold) * theirs.sum()
            ):
                continue
            rule = NullTogether(columns=(column.name, other.name), exactly=exactly)
            if (confirmed := _measured(halves, rule)) is not None:
                return confirmed
    return None


def _measured(halves: Halves, rule: NullWhere | NullTogether) -> Constraint | None:
    if not (_unlikely(halves, rule) and _tells(rule, halves.second)):
        return None
    return halves.confirm(rule)


def _tells(rule: _Nulls, data: Sequences) -> bool:
    held, applies = rule.check(data)
    null, wanted = data.nulls(rule.columns[0]), rule._null(data)
    fewer = applies & (null if np.mean(null) <= 0.5 else ~null) if (applies & ~wanted).any() else applies
    entities = len(np.unique(data.entity_of_row[fewer]))
    return bool(entities >= ENTITIES and np.mean(held[fewer]) >= MINOR)


def _unlikely(halves: Halves, rule: _Nulls) -> bool:
    data = halves.first
    random = np.random.default_rng([halves.seed, 0x4E])
    null, wanted, must = data.nulls(rule.columns[0]), rule._null(data), rule._must(data)
    applies = wanted | must

    def clean(null: NDArray[np.bool_]) -> tuple[int, int]:
        some = np.bincount(data.entity_of_row[applies], minlength=data.n_entities) > 0
        broken = applies & (wanted != null)
        bad = np.bincount(data.entity_of_row[broken], minlength=data.n_entities) > 0
        return int(some.sum()), int((some & ~bad).sum())

    cases, kept = clean(null)
    _, by_chance = clean(null[random.permutation(len(null))])
    return cases > 0 and surprise(cases, kept / cases, by_chance / cases) >= SURPRISE
