"""A flag that waits for the last row of an entity: the event of a counting process, an account that is closed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.data.arrow_types import parse, plain
from tsynth.data.constraints import lattice
from tsynth.data.constraints.base import ORDER, Constraint, register
from tsynth.data.constraints.columns import drop, put, take_off
from tsynth.data.constraints.screen import RIGHT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.constraints.evidence import Halves
    from tsynth.data.sequences import Sequences
    from tsynth.data.streams import Streams

__all__ = ["LastRow", "find_last_rows"]


@register
@dataclass(frozen=True, kw_only=True)
class LastRow(Constraint):
    """One value before the last row of an entity; in the last row another, or one that a static column tells.

    Parameters
    ----------
    columns : (str,) or (str, str)
        The flag, and the static category that tells its last value.
    before : level
        The value before the last row.
    table : tuple of (level, level)
        Static level and last value; of a flag without a static column, one entry of None and the last value.
    usual : level
        Last value for static levels that were not seen.
    """

    name: ClassVar[str] = "function"
    form: ClassVar[str] = "last row"

    before: Any = None
    table: tuple[tuple[Any, Any], ...] = ()
    usual: Any = None

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({*self.columns[1:], ORDER})

    @property
    def ready(self) -> bool:
        return bool(self.lost and self.table)

    def sentence(self) -> str:
        flag = self.columns[0]
        if len(self.columns) == 1:
            last = self.table[0][1] if self.table else "another"
            return f"{flag} is {last} in the last row of an entity and {self.before} before"
        same = all(a == b or str(a).removesuffix(".0") == str(b).removesuffix(".0") for a, b in self.table)
        told = f"equals {self.columns[1]} there" if same else f"is told by {self.columns[1]} there"
        return f"{flag} is {self.before} before the last row of an entity, and {told}"

    def _last(self, data: Sequences) -> NDArray[np.bool_]:
        last = np.zeros(data.n_rows, np.bool_)
        last[data.offsets[1:][data.lengths > 0] - 1] = True
        return last

    def learned(self, data: Sequences) -> Self:
        last = self._last(data)
        flag = plain(data.column(self.columns[0]))
        rule = replace(self, lost=take_off(data.schema, self.columns[:1]), before=_usual(flag, ~last))
        ends = flag.filter(pa.array(last)).to_pylist()
        if len(self.columns) == 1:
            usual = _usual(flag, last)
            return replace(rule, table=((None, usual),), usual=usual)
        owner = data.entity_of_row[last]
        told = plain(data.column(self.columns[1])).take(pa.array(owner)).to_pylist()
        votes: dict[Any, dict[Any, int]] = {}
        for key, value in zip(told, ends, strict=True):
            counts = votes.setdefault(key, {})
            counts[value] = counts.get(value, 0) + 1
        table = tuple(
            (key, max(c, key=lambda v: (c[v], str(v))))
            for key, c in sorted(votes.items(), key=lambda e: str(e[0]))
        )
        return replace(rule, table=table, usual=_usual(flag, last))

    def _told(self, data: Sequences, kinds: tuple[Any, ...]) -> NDArray[np.int64]:
        """Place among `kinds` of what each row should have."""
        out = np.full(data.n_rows, kinds.index(self.before), np.int64)
        last = self._last(data)
        if len(self.columns) == 1:
            out[last] = kinds.index(self.usual)
            return out
        keys = tuple(key for key, _ in self.table)
        at = lattice.values_of(data.column(self.columns[1]), keys)
        values = np.array([*(kinds.index(v) for _, v in self.table), kinds.index(self.usual)], dtype=np.int64)
        out[last] = values[np.where(at >= 0, at, len(keys))][data.entity_of_row[last]]
        return out

    @property
    def _kinds(self) -> tuple[Any, ...]:
        return tuple(dict.fromkeys([self.before, *(v for _, v in self.table), self.usual]))

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        own = lattice.values_of(data.column(self.columns[0]), self._kinds)
        return own == self._told(data, self._kinds), np.ones(data.n_rows, np.bool_)

    def remove(self, data: Sequences) -> Sequences:
        return drop(data, self.columns[:1])

    def restore(self, data: Sequences, streams: Streams | None = None) -> Sequences:
        column, kinds = self.lost[0].column, self._kinds
        codes = np.array([-1 if v is None else i for i, v in enumerate(kinds)], dtype=np.int64)
        made = lattice.decoded(codes[self._told(data, kinds)], kinds, parse(column.dtype))
        return put(data, self.lost, {column.name: made})


def _usual(array: pa.ChunkedArray, rows: NDArray[np.bool_]) -> Any:
    counts = pc.value_counts(array.filter(pa.array(rows))).to_pylist()
    return max(counts, key=lambda c: c["counts"])["values"] if counts else None


# -- finding

ENTITIES = 10


def find_last_rows(halves: Halves, taken: set[str]) -> list[Constraint]:
    """Flags that have one value in all rows but the last of an entity, and there another or what a static tells.

    On the second half, .95 of the last rows with the rarer last value must be told right, 10 at least; and as many
    entities must have rows before, of which .995 have the one value. Were the last value in rows at random, nearly
    all of them would stand elsewhere in sequences of some length.
    """
    data = halves.first
    found: list[Constraint] = []
    for column in data.schema.dynamic:
        if (
            not column.discrete
            or column.name in taken
            or column.role in ("party", "mark")
            or data.n_rows == 0
        ):
            continue
        codes = data.codes(column.name)
        last = np.append(data.entity_of_row[1:] != data.entity_of_row[:-1], True)
        early, ends = codes[~last], codes[last]
        if len(early) < 30 or np.sum(data.lengths > 1) < ENTITIES:
            continue
        usual = int(np.bincount(early + 2).argmax()) - 2
        if np.mean(early == usual) < halves.threshold or np.sum(ends != usual) < ENTITIES:
            continue
        sources: list[tuple[str, ...]] = [()]
        sources += [(c.name,) for c in data.schema.statics if c.discrete and c.name not in taken]
        for source in sources:
            rule = LastRow(columns=(column.name, *source)).learned(data)
            if not rule.holds(data) >= halves.threshold or not _tells(rule, halves.second, rule.before):
                continue
            if (confirmed := halves.confirm(rule)) is not None:
                found.append(confirmed)
                taken.add(column.name)
                break
    return found


def _tells(rule: LastRow, data: Sequences, before: Any) -> bool:
    held, _ = rule.check(data)
    last = rule._last(data)
    own = lattice.values_of(data.column(rule.columns[0]), (before,))
    away = last & (own != 0)
    alone = last & (data.lengths[data.entity_of_row] > 1)
    if away.sum() < ENTITIES or (away & alone).sum() < ENTITIES // 2 or np.mean(held[away]) < RIGHT:
        return False
    stays = last & (own == 0)
    return bool(not stays.any() or np.mean(held[stays]) >= RIGHT)
