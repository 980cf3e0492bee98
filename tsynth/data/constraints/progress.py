"""States that an entity goes through in one direction: a disease that only advances, an order that is not unmade."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pyarrow as pa

from tsynth.compiled.totals import running_maximum
from tsynth.data.arrow_types import parse
from tsynth.data.constraints import lattice
from tsynth.data.constraints.base import ORDER, Constraint, register

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.constraints.evidence import Halves
    from tsynth.data.sequences import Sequences
    from tsynth.data.streams import Streams

__all__ = ["Progress", "find_progress"]


@register
@dataclass(frozen=True, kw_only=True)
class Progress(Constraint):
    """A category of three or more levels that an entity passes in one order and never goes back.

    `restore` puts the furthest level so far in the place of an earlier one; nulls stay.

    Parameters
    ----------
    columns : (str,)
    order : tuple of level
        From the first to the last. A level that is not among them may stand anywhere.
    """

    name: ClassVar[str] = "progress"

    order: tuple[Any, ...] = ()

    @property
    def changes(self) -> frozenset[str]:
        return frozenset(self.columns)

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({self.columns[0], ORDER})

    @property
    def ready(self) -> bool:
        return bool(self.order)

    def sentence(self) -> str:
        return f"{self.columns[0]} never goes back in {', '.join(map(str, self.order))}"

    def learned(self, data: Sequences) -> Self:
        moves = _moves(data, self.columns[0])
        levels = lattice.levels(data.schema[self.columns[0]])
        return replace(
            self, order=tuple(levels[i] for i in _ordered(moves) if moves[i].any() or moves[:, i].any())
        )

    def _rank(self, data: Sequences) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Place of each row's level in the order (NaN where it has none), and the furthest so far."""
        at = lattice.values_of(data.column(self.columns[0]), self.order)
        rank = np.where(at >= 0, at, np.nan).astype(np.float64)
        return rank, running_maximum(data.offsets, rank)

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        rank, furthest = self._rank(data)
        later = data.step_of_row > 0
        return ~(rank < furthest), later & np.isfinite(rank)

    def restore(self, data: Sequences, streams: Streams | None = None) -> Sequences:
        rank, furthest = self._rank(data)
        wrong = rank < furthest
        if not wrong.any():
            return data
        column = data.schema[self.columns[0]]
        levels = lattice.levels(column)
        places = np.array([levels.index(v) for v in self.order], dtype=np.int64)
        own = data.codes(column.name).astype(np.int64)
        own = np.where(wrong, places[np.nan_to_num(furthest, nan=0.0).astype(np.int64)], own)
        return data.with_columns({column.name: lattice.decoded(own, levels, parse(column.dtype))})


def _moves(data: Sequences, name: str) -> NDArray[np.int64]:
    """How often an entity goes from one level to another in the next row, (K, K), nothing on the diagonal."""
    codes = data.codes(name).astype(np.int64)
    wide = len(lattice.levels(data.schema[name]))
    pair = (data.entity_of_row[1:] == data.entity_of_row[:-1]) & (codes[1:] >= 0) & (codes[:-1] >= 0)
    pair &= codes[1:] != codes[:-1]
    joint = codes[:-1][pair] * wide + codes[1:][pair]
    return np.bincount(joint, minlength=wide * wide).reshape(wide, wide)


def _ordered(moves: NDArray[np.int64]) -> list[int]:
    """Levels in the order that most moves follow: next is the one that the fewest moves lead to from the rest."""
    left, out = list(range(len(moves))), []
    while left:
        rest = moves[np.ix_(left, left)]
        into = rest.sum(axis=0) / np.maximum(1, rest.sum(axis=0) + rest.sum(axis=1))
        out.append(left.pop(int(np.argmin(into))))
    return out


WIDEST = 30
MOVES, ENTITIES = 30, 10
FORWARD = 0.98
KEPT = 0.9


def find_progress(halves: Halves, taken: set[str]) -> list[Constraint]:
    """Categories of three levels or more that are passed in one order.

    The order is learned on the first half. On the second, 30 moves at least, of 10 entities, must go from level to
    level, .98 of them forward (by chance half of them would), and with levels shuffled inside the entity at most .9
    as many rows keep the order.
    """
    found: list[Constraint] = []
    for column in halves.first.schema.dynamic:
        if not column.discrete or column.name in taken or column.role == "party":
            continue
        levels = lattice.levels(column)
        if not 3 <= len(levels) <= WIDEST:
            continue
        moves = _moves(halves.first, column.name)
        order = _ordered(moves)
        forward = np.triu(moves[np.ix_(order, order)]).sum()
        if moves.sum() < MOVES or forward < FORWARD * moves.sum():
            continue
        rule = Progress(columns=(column.name,)).learned(halves.first)
        if len(rule.order) < 3 or not _forward(rule, halves):
            continue
        if (confirmed := halves.confirm(rule)) is not None:
            found.append(confirmed)
    return found


def _forward(rule: Progress, halves: Halves) -> bool:
    data = halves.second
    rank, _ = rule._rank(data)
    step = np.zeros(data.n_rows)
    step[1:] = np.where(data.step_of_row[1:] > 0, rank[1:] - rank[:-1], 0.0)
    moved = np.isfinite(step) & (step != 0)
    if (
        moved.sum() < MOVES
        or len(np.unique(data.entity_of_row[moved])) < ENTITIES
        or np.mean(step[moved] > 0) < FORWARD
    ):
        return False
    random = np.random.default_rng([halves.seed, 0x97])
    order = np.lexsort((random.random(data.n_rows), data.entity_of_row))
    mixed = data.with_columns({rule.columns[0]: data.column(rule.columns[0]).take(pa.array(order))})
    return rule.holds(mixed) <= KEPT * rule.holds(data)
