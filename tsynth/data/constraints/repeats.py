"""Values that repeat: one an entity, one a moment, or one until a code says that it may change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa

from tsynth.compiled.codes import carried, changed, leader
from tsynth.data.constraints import lattice
from tsynth.data.constraints.base import ORDER, Constraint, register
from tsynth.data.constraints.chance import (
    BROKEN,
    SURPRISE,
    codes_of,
    places,
    shuffled_inside,
    speak_of,
    surprise,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.constraints.evidence import Halves
    from tsynth.data.schema import Column
    from tsynth.data.sequences import Sequences
    from tsynth.data.streams import Streams

__all__ = ["ChangesOnly", "Kept", "SameMoment", "find_repeats"]


@dataclass(frozen=True, kw_only=True)
class _Repeats(Constraint):
    """What rules of repeated values share: a row that breaks one gets the value of another row of its entity.

    Nulls stay where they are; a value counts as repeated across them.

    Parameters
    ----------
    columns : tuple of str
        The column that repeats, then what it depends on.
    """

    name: ClassVar[str] = "repeats"

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({*self.columns[1:], ORDER})

    @property
    def changes(self) -> frozenset[str]:
        return frozenset(self.columns[:1])

    @property
    def ready(self) -> bool:
        return True

    def _source(self, data: Sequences) -> NDArray[np.int64]:
        """The row whose value each row shall have."""
        raise NotImplementedError

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        values, source = _values(data, self.columns[0]), self._source(data)
        return values == values[source], (source != np.arange(len(source))) & ~data.nulls(self.columns[0])

    def restore(self, data: Sequences, streams: Streams | None = None) -> Sequences:
        held, applies = self.check(data)
        if held[applies].all():
            return data
        name = self.columns[0]
        return data.with_columns({name: data.column(name).take(pa.array(self._source(data)))})


@register
@dataclass(frozen=True, kw_only=True)
class Kept(_Repeats):
    """A column that keeps the first value of its entity, although it is not given once an entity.

    Parameters
    ----------
    columns : (str,)
    """

    form: ClassVar[str] = "entity"

    def sentence(self) -> str:
        return f"{self.columns[0]} keeps its first value inside an entity"

    def _source(self, data: Sequences) -> NDArray[np.int64]:
        out: NDArray[np.int64] = leader(data.offsets, data.time, data.nulls(self.columns[0]), False)
        return out


@register
@dataclass(frozen=True, kw_only=True)
class SameMoment(_Repeats):
    """A column that is the same in all rows of an entity at one time: what is said of a visit, not of a row.

    Parameters
    ----------
    columns : (str, str)
        The column and the time.
    """

    form: ClassVar[str] = "moment"

    def sentence(self) -> str:
        return f"{self.columns[0]} is the same in all rows of an entity at one {self.columns[1]}"

    def _source(self, data: Sequences) -> NDArray[np.int64]:
        out: NDArray[np.int64] = leader(data.offsets, data.time, data.nulls(self.columns[0]), True)
        return out


@register
@dataclass(frozen=True, kw_only=True)
class ChangesOnly(_Repeats):
    """A column that changes in rows of certain codes only; in others it is carried forward.

    Parameters
    ----------
    columns : (str, str)
        The column and the codes.
    levels : tuple
        Codes of rows in which it may change; None is a null.
    """

    form: ClassVar[str] = "carried"

    levels: tuple[Any, ...] = ()

    def sentence(self) -> str:
        named = ["null" if level is None else str(level) for level in self.levels]
        where = " or ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)
        return f"{self.columns[0]} changes only where {self.columns[1]} = {where}"

    def _free(self, data: Sequences) -> NDArray[np.bool_]:
        return places(data, self.columns[1], self.levels) >= 0

    def _source(self, data: Sequences) -> NDArray[np.int64]:
        out: NDArray[np.int64] = carried(data.offsets, data.nulls(self.columns[0]), self._free(data))
        return out

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Each row is compared with the one before it, so one change counts once."""
        name = self.columns[0]
        moves, later = changed(data.offsets, _values(data, name), data.nulls(name))
        return ~moves, later & ~self._free(data)


def _values(data: Sequences, name: str) -> NDArray[Any]:
    """What tells two values of a column apart."""
    return data.codes(name) if data.schema[name].discrete else np.nan_to_num(data.numeric(name), nan=0.0)


# -- finding

OUTSIDE = 0.1
RIGHT = 0.95
ENTITIES = 10


def find_repeats(halves: Halves, others: Sequence[Constraint]) -> list[Constraint]:
    """Columns that repeat themselves, of those that no other rule names: one rule a column at most.

    What is counted is entities without a violation. The logarithm of the chance that so many have none must be -20 or
    less, at the share among entities of which the values are drawn from all rows (one value an entity), are shuffled
    inside the entity (one a moment), or the codes are turned round inside the entity by a random number of rows, which
    keeps how both cling to what they were (changes only at some codes); and .02 of those must have a violation. Of the
    rows that repeat another value than the column's most frequent one, or should, .95 must do so, in 10 entities. For
    the last, .1 of the rows must have other codes than those at which the column changes.
    """
    found: list[Constraint] = []
    for column in halves.first.schema.dynamic:
        if not column.learned or column.role in ("time", "order", "party", "label", "event", "mark"):
            continue
        if speak_of(others, column.name):
            continue
        for look in (_kept, _same_moment, _changes_only):
            rule = look(halves, column)
            if rule is not None and (confirmed := halves.confirm(rule)) is not None:
                found.append(confirmed)
                break
    return found


def _clean(
    data: Sequences, applies: NDArray[np.bool_], broken: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Entities that a rule applies to, and those of them without a violation."""
    n = data.n_entities
    some = np.bincount(data.entity_of_row[applies], minlength=n) > 0
    return some, some & (np.bincount(data.entity_of_row[applies & broken], minlength=n) == 0)


def _unlikely(halves: Halves, real: tuple[NDArray[Any], ...], mixed: tuple[NDArray[Any], ...]) -> bool:
    cases = float(real[0].sum())
    if cases == 0 or real[1].sum() < halves.threshold * cases or not mixed[0].any():
        return False
    by_chance = float(mixed[1].sum() / mixed[0].sum())
    return surprise(cases, float(real[1].sum()) / cases, by_chance) >= SURPRISE


def _against_first(data: Sequences, values: NDArray[Any], null: NDArray[np.bool_], moments: bool) -> Any:
    source = leader(data.offsets, data.time, null, moments)
    return _clean(data, (source != np.arange(len(source))) & ~null, values != values[source])


def _tells(data: Sequences, values: NDArray[Any], null: NDArray[np.bool_], moments: bool) -> bool:
    """Whether values repeat that are not the most frequent one: a rare flag does not, just because it is mostly off."""
    source = leader(data.offsets, data.time, null, moments)
    _, code = np.unique(values, return_inverse=True)
    usual = int(np.bincount(code[~null]).argmax())
    telling = (source != np.arange(len(source))) & ~null & ((code != usual) | (code[source] != usual))
    entities = len(np.unique(data.entity_of_row[telling]))
    return entities >= ENTITIES and bool(np.mean(code[telling] == code[source[telling]]) >= RIGHT)


def _kept(halves: Halves, column: Column) -> Kept | None:
    data, null = halves.first, halves.first.nulls(column.name)
    values = _values(data, column.name)
    real = _against_first(data, values, null, False)
    if real[1].sum() < halves.threshold * max(1, real[0].sum()):
        return None
    if not _tells(data, values, null, False):
        return None
    mixed, at = values.copy(), np.flatnonzero(~null)
    random = np.random.default_rng([halves.seed, 0x4B])
    mixed[at] = values[random.permutation(at)]
    return (
        Kept(columns=(column.name,))
        if _unlikely(halves, real, _against_first(data, mixed, null, False))
        else None
    )


def _same_moment(halves: Halves, column: Column) -> SameMoment | None:
    data, null = halves.first, halves.first.nulls(column.name)
    if data.schema.time is None:
        return None
    values = _values(data, column.name)
    real = _against_first(data, values, null, True)
    if real[1].sum() < halves.threshold * max(1, real[0].sum()) or not real[0].any():
        return None
    if not _tells(data, values, null, True):
        return None
    order = shuffled_inside(data, np.arange(data.n_rows), halves.seed, "moments", column.name)
    mixed = _against_first(data, values[order], null[order], True)
    return SameMoment(columns=(column.name, data.schema.time)) if _unlikely(halves, real, mixed) else None


def _changes_only(halves: Halves, column: Column) -> ChangesOnly | None:
    data, null = halves.first, halves.first.nulls(column.name)
    moves, later = changed(data.offsets, _values(data, column.name), null)
    rate = float(np.mean(moves[later])) if later.any() else 0.0
    if not BROKEN <= rate <= 1 - OUTSIDE:
        return None
    best: tuple[float, ChangesOnly] | None = None
    for other in codes_of(data):
        if other.name == column.name:
            continue
        levels = (*lattice.levels(other), None)
        codes = places(data, other.name, levels)
        rows = np.bincount(codes[later], minlength=len(levels))
        changes = np.bincount(codes[moves], minlength=len(levels))
        free = changes > (1 - halves.threshold) * rows
        outside = float(rows[~free].sum() / rows.sum())
        if not free.any() or outside < OUTSIDE or (best is not None and best[0] >= outside):
            continue
        real = _clean(data, later & ~free[codes], moves)
        turn = np.random.default_rng([halves.seed, 0x54]).integers(0, 2**31, data.n_entities)
        step = (data.step_of_row + turn[data.entity_of_row]) % np.repeat(data.lengths, data.lengths)
        turned = free[codes[data.offsets[:-1][data.entity_of_row] + step]]
        if _unlikely(halves, real, _clean(data, later & ~turned, moves)):
            named = tuple(levels[i] for i in np.flatnonzero(free).tolist())
            best = outside, ChangesOnly(columns=(column.name, other.name), levels=named)
    return None if best is None else best[1]
