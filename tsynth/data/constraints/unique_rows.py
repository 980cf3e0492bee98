"""One row of a code at a time, or a day, of an entity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tsynth.compiled.codes import again
from tsynth.data.constraints import lattice
from tsynth.data.constraints.base import ORDER, Constraint, register
from tsynth.data.constraints.calendar import days
from tsynth.data.constraints.chance import BROKEN, SURPRISE, codes_of, places, shuffled_inside, surprise
from tsynth.data.constraints.order import Unique

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.constraints.evidence import Halves
    from tsynth.data.sequences import Sequences
    from tsynth.data.streams import Streams

__all__ = ["OnceAtATime", "find_once_at_a_time"]


@register
@dataclass(frozen=True, kw_only=True)
class OnceAtATime(Constraint):
    """A column of codes that has no code twice at one time of an entity; `restore` leaves out rows that repeat one.

    Nulls may repeat.

    Parameters
    ----------
    columns : (str, str)
        The codes and the time.
    per : {"time", "day"}
        What counts as one time; "day" is the day on the wall clock.
    """

    name: ClassVar[str] = "unique"
    form: ClassVar[str] = "moment"

    per: str = "time"

    @property
    def changes(self) -> frozenset[str]:
        return frozenset({ORDER})

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({*self.columns, ORDER})

    @property
    def ready(self) -> bool:
        return True

    def sentence(self) -> str:
        code, time = self.columns
        when = "on one day" if self.per == "day" else f"at one {time}"
        return f"each {code} occurs once at most {when} of an entity"

    def _groups(self, data: Sequences) -> NDArray[np.int64]:
        when = days(data) if self.per == "day" else data.time
        new = data.step_of_row == 0
        new[1:] |= when[1:] != when[:-1]
        return np.cumsum(new)

    def _broken(self, data: Sequences, codes: NDArray[np.int64]) -> NDArray[np.bool_]:
        out: NDArray[np.bool_] = again(self._groups(data), codes, int(codes.max(initial=0)) + 1)
        return out

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        codes = places(data, self.columns[0], lattice.levels(data.schema[self.columns[0]]))
        return ~self._broken(data, codes), codes >= 0

    def restore(self, data: Sequences, streams: Streams | None = None) -> Sequences:
        held, applies = self.check(data)
        return data.keep_rows(held | ~applies) if not held[applies].all() else data


def find_once_at_a_time(halves: Halves, others: Sequence[Constraint]) -> list[Constraint]:
    """Codes that occur once at most at one time, or on one day where time is finer than that.

    With codes shuffled inside each entity, .02 of the rows at least must repeat a code, and the logarithm of the chance
    that so many entities have no such row must be -20 or less. A code that tells another for which this is said is
    passed over, and so is one that has each value once in an entity anyway.
    """
    data = halves.first
    time = data.schema.time
    if time is None or data.schema.frequency is not None:
        return []
    once = {rule.columns[0] for rule in others if isinstance(rule, Unique)}
    ways = [] if time in once else ["time"]
    if data.calendar and np.any(np.mod(data.time, 1.0) if data.schema.time_unit == "d" else _finer(data)):
        ways.insert(0, "day")
    found: list[Constraint] = []
    said: list[NDArray[np.int64]] = []
    for column in sorted(codes_of(data), key=lambda c: len(lattice.levels(c))):
        if column.name in once or column.role in ("label", "event"):
            continue
        codes = data.codes(column.name).astype(np.int64)
        if any(_told(other, codes) for other in said):
            continue
        for per in ways:
            rule = OnceAtATime(columns=(column.name, time), per=per)
            if _unlikely(halves, rule, codes) and (confirmed := halves.confirm(rule)) is not None:
                found.append(confirmed)
                said.append(codes)
                break
    return found


def _finer(data: Sequences) -> bool:
    """Whether rows of one day stand at unlike times."""
    day = days(data)
    return bool(np.any((day[1:] == day[:-1]) & (data.time[1:] != data.time[:-1])))


def _told(codes: NDArray[np.int64], finer: NDArray[np.int64]) -> bool:
    """Whether each value of the second has one of the first."""
    both = np.unique(finer * (int(codes.max(initial=0)) + 2) + codes + 1)
    return len(both) == len(np.unique(finer))


def _unlikely(halves: Halves, rule: OnceAtATime, codes: NDArray[np.int64]) -> bool:
    data = halves.first
    broken = rule._broken(data, codes)
    known = codes >= 0
    if not known.any() or np.mean(broken[known]) > 1 - halves.threshold:
        return False
    mixed = shuffled_inside(data, codes, halves.seed, "once", rule.columns[0])
    by_chance = rule._broken(data, mixed)
    if np.sum(by_chance) < BROKEN * known.sum():
        return False
    some = np.bincount(data.entity_of_row[known], minlength=data.n_entities) > 0
    real, chance = (
        np.sum(some & (np.bincount(data.entity_of_row[b], minlength=data.n_entities) == 0)) / some.sum()
        for b in (broken, by_chance)
    )
    return surprise(float(some.sum()), float(real), float(chance)) >= SURPRISE
