"""A code that follows another after a fixed time: a result a week after its test, a fee thirty days after a loan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.compiled.delays import due, likely_gaps, paired
from tsynth.data.constraints import lattice
from tsynth.data.constraints.base import ORDER, Constraint, register
from tsynth.data.constraints.calendar import days, moved_by_days
from tsynth.data.constraints.chance import ROWS, SURPRISE, codes_of, places, shuffled_inside, surprise
from tsynth.data.constraints.rows import Combination

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.constraints.evidence import Halves
    from tsynth.data.schema import Column
    from tsynth.data.sequences import Sequences
    from tsynth.data.streams import Streams

__all__ = ["Delay", "find_delays"]


@register
@dataclass(frozen=True, kw_only=True)
class Delay(Constraint):
    """A code that follows each row of another after a fixed time, if the entity's rows go on so long.

    `restore` moves, for each row that is not followed so, the nearest row of the following code that follows none; a
    row for which there is none is left out. Days count on the wall clock, and a moved row keeps its time of day.

    Parameters
    ----------
    columns : (str, str)
        The codes and the time.
    level, follows : object
        The code that is followed, and the one that follows it.
    gap : float
        Days where time is a date, else units of the time column.
    """

    name: ClassVar[str] = "delay"

    level: Any = None
    follows: Any = None
    gap: float = 0.0

    @property
    def reads(self) -> frozenset[str]:
        return frozenset(self.columns[:1])

    @property
    def changes(self) -> frozenset[str]:
        return frozenset({self.columns[1], ORDER})

    @property
    def ready(self) -> bool:
        return True

    def sentence(self) -> str:
        code, time = self.columns
        return (
            f"each {code} = {self.level} is followed by {self.follows} when {time} is {self.gap:.10g} later"
        )

    def _seen(
        self, data: Sequences
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], float]:
        codes = places(data, self.columns[0], (self.level, self.follows))
        return data.offsets, axis_of(data), codes, self.gap

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        held, applies = due(*self._seen(data))
        return held, applies

    def restore(self, data: Sequences, streams: Streams | None = None) -> Sequences:
        held, applies = self.check(data)
        if held[applies].all():
            return data
        of, without = paired(*self._seen(data))
        at = np.flatnonzero(of >= 0)
        axis = axis_of(data)
        goal = axis[of[at]] + self.gap
        name = self.columns[1]
        if data.calendar:
            by = np.zeros(data.n_rows, np.int64)
            by[at] = np.rint(goal - axis[at]).astype(np.int64)
            made = moved_by_days(data, name, by)
        else:
            line = data.time.copy()
            line[at] = goal
            fresh = lattice.typed(line, data.schema[name])
            fresh = fresh.combine_chunks() if isinstance(fresh, pa.ChunkedArray) else fresh
            array = data.column(name).combine_chunks()
            made = data.with_columns({name: pc.if_else(pa.array(of >= 0), fresh.cast(array.type), array)})
        # among rows of one time the moved ones come first: a rule of unique times keeps those
        order = np.lexsort((of < 0, made.time, made.entity_of_row))
        made = made.reorder(order)
        return made.keep_rows(~without[order]) if without.any() else made


def axis_of(data: Sequences) -> NDArray[np.float64]:
    """Time of each row: the day where time is a date, else the time column."""
    return days(data).astype(np.float64) if data.calendar else data.time


# -- finding

CHANCE = 0.5
LEAD = 0.5
TRIES = 12
HEAD = 20_000


def find_delays(halves: Halves, others: Sequence[Constraint]) -> list[Constraint]:
    """Codes that follow others after a fixed time; a code takes part in one such rule at most.

    With codes shuffled inside each entity, at most half as many rows may be followed so, and the logarithm of the
    chance that so many entities have no row without its follower must be -20 or less.
    """
    data = halves.first
    if data.schema.time is None or data.schema.frequency is not None or data.n_rows == 0:
        return []
    made = {entry.column.name for rule in others if not isinstance(rule, Combination) for entry in rule.lost}
    if data.schema.time in made:
        return []
    found: list[Constraint] = []
    for column in codes_of(data):
        if column.name not in made and column.role not in ("label", "event"):
            found += _of_column(halves, column)
    return found


def _of_column(halves: Halves, column: Column) -> list[Constraint]:
    data, levels, time = halves.first, lattice.levels(column), str(halves.first.schema.time)
    codes = data.codes(column.name)
    able = np.bincount(codes[codes >= 0], minlength=len(levels)) >= ROWS
    codes = np.where((codes >= 0) & able[codes], codes, -1)
    axis = axis_of(data)
    some = data.offsets[: int(np.searchsorted(data.offsets, HEAD)) + 1]
    gap, lead, votes = likely_gaps(some, axis, codes, len(levels))
    # a lead of half the votes: three quarters of the rows have the gap to the next row, and others may come between
    likely = np.argwhere((lead >= ROWS // 2) & (lead >= LEAD * votes))
    if not len(likely):
        return []
    mixed = shuffled_inside(data, codes, halves.seed, "delays", column.name)
    used: set[int] = set()
    found: list[Constraint] = []
    for a, b in likely[np.argsort(-lead[tuple(likely.T)], kind="stable")][:TRIES].tolist():
        if used & {a, b}:
            continue
        rule = Delay(columns=(column.name, time), level=levels[a], follows=levels[b], gap=float(gap[a, b]))
        if _unlikely(halves, codes, mixed, axis, a, b, rule.gap) and (confirmed := halves.confirm(rule)):
            found.append(confirmed)
            used |= {a, b}
    return found


def _unlikely(
    halves: Halves,
    codes: NDArray[np.int32],
    mixed: NDArray[np.int32],
    axis: NDArray[np.float64],
    a: int,
    b: int,
    gap: float,
) -> bool:
    data = halves.first
    shares, entities = [], []
    for own in (codes, mixed):
        pair = np.where(own == a, 0, np.where(own == b, 1, -1))
        held, applies = due(data.offsets, axis, pair, gap)
        if not applies.any() or (own is codes and np.mean(held[applies]) < halves.threshold):
            return False
        some = np.bincount(data.entity_of_row[applies], minlength=data.n_entities) > 0
        bad = np.bincount(data.entity_of_row[applies & ~held], minlength=data.n_entities) > 0
        shares.append(float(np.mean(held[applies])))
        entities.append((float(some.sum()), float(np.sum(some & ~bad) / some.sum())))
    if shares[1] > CHANCE * shares[0]:
        return False
    return surprise(entities[0][0], entities[0][1], entities[1][1]) >= SURPRISE
