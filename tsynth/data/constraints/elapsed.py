"""The time since the row before, written out as a column."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import pyarrow as pa

from tsynth.data.constraints import lattice
from tsynth.data.constraints.base import ORDER, Constraint, register
from tsynth.data.constraints.columns import drop, put, take_off
from tsynth.data.constraints.functions import RATES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.constraints.evidence import Halves
    from tsynth.data.sequences import Sequences
    from tsynth.data.streams import Streams

__all__ = ["Elapsed", "find_elapsed"]


@register
@dataclass(frozen=True, kw_only=True)
class Elapsed(Constraint):
    """A number that is a rate times the time since the entity's row before.

    Parameters
    ----------
    columns : (str, str)
        The column, and the time column.
    rate : float
        Units of the column in one of the schema's unit of time.
    first : float, optional
        Its value in the first row of an entity; None for a null.
    """

    name: ClassVar[str] = "function"
    form: ClassVar[str] = "elapsed"

    rate: float = 1.0
    first: float | None = None

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({*self.columns[1:], ORDER})

    def sentence(self) -> str:
        rate = "" if self.rate == 1 else f"{self.rate:.6g} * "
        first = "null" if self.first is None else f"{self.first:g}"
        return f"{self.columns[0]} = {rate}time since the row before; {first} in the first row"

    def learned(self, data: Sequences) -> Self:
        inner = data.step_of_row > 0
        own, gap = data.numeric(self.columns[0]), _gap(data)
        moved = inner & (gap > 0) & np.isfinite(own)
        rate = float(np.median(own[moved] / gap[moved])) if moved.any() else 1.0
        # Cut to a grid, a rate between units of time is known better than the rows tell it.
        known = min(RATES, key=lambda r: abs(r - rate))
        rate = known if abs(known - rate) <= 0.01 * abs(rate) else rate
        opening = own[~inner]
        seen = opening[np.isfinite(opening)]
        first: float | None = None
        if len(seen) > 0.5 * len(opening):
            values, many = np.unique(seen, return_counts=True)
            first = float(values[many.argmax()])
        return replace(self, rate=rate, first=first, lost=take_off(data.schema, self.columns[:1]))

    def _told(self, data: Sequences) -> NDArray[np.float64]:
        first = np.nan if self.first is None else self.first
        return np.where(data.step_of_row > 0, self.rate * _gap(data), first)

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        own, told = data.numeric(self.columns[0]), self._told(data)
        digits = lattice.decimals(data, self.columns[0])
        # A gap may be rounded to the grid of the column.
        unit = 0.0 if digits is None else 10.0**-digits
        narrow = pa.types.is_float32(data.column(self.columns[0]).type)
        size = np.fmax(1.0, np.abs(own)) * (1e-6 if narrow else 1e-9)
        times = 1e-9 * abs(self.rate) * np.maximum(1.0, np.abs(data.time))
        held = np.abs(own - told) <= 0.5 * unit + size + times
        return held | (np.isnan(own) & np.isnan(told)), np.ones(data.n_rows, np.bool_)

    def remove(self, data: Sequences) -> Sequences:
        return drop(data, self.columns[:1])

    def restore(self, data: Sequences, streams: Streams | None = None) -> Sequences:
        column = self.lost[0].column
        return put(data, self.lost, {column.name: lattice.typed(self._told(data), column)})


def _gap(data: Sequences) -> NDArray[np.float64]:
    """Time since the row before, 0 in the first row of an entity."""
    gap = np.zeros(data.n_rows)
    gap[1:] = data.time[1:] - data.time[:-1]
    return np.where(data.step_of_row > 0, gap, 0.0)


FEW = 64
CHANCE = 0.5
ENTITIES = 10


def find_elapsed(halves: Halves, taken: set[str]) -> list[Constraint]:
    """Numbers that are the time since the row before, in whatever unit.

    Gaps of three sizes or more must occur, and with the column shuffled over the rows after the first at most half
    as many rows keep the rule.
    """
    data = halves.first
    inner = np.flatnonzero(data.step_of_row > 0)
    if data.schema.time is None or len(inner) < FEW or np.sum(data.lengths > 1) < ENTITIES:
        return []
    random = np.random.default_rng([halves.seed, 0xE1])
    some = inner[random.permutation(len(inner))[:FEW]]
    gap = _gap(data)
    if len(np.unique(np.round(gap[some], 9))) < 3:
        return []
    found: list[Constraint] = []
    for column in data.schema.dynamic:
        if (
            column.kind not in ("continuous", "count")
            or column.name in taken
            or column.role in ("label", "event")
        ):
            continue
        few, gaps = data.numeric(column.name)[some], gap[some]
        usable = np.isfinite(few) & (gaps > 0)
        if usable.sum() < FEW // 4:
            continue
        rate = np.median(few[usable] / gaps[usable])
        unit = 10.0 ** -(column.decimals or 0) if column.decimals is not None else 0.0
        if rate <= 0 or np.mean(np.abs(few - rate * gaps)[usable] <= unit + 0.02 * np.abs(few[usable])) < 0.9:
            continue
        rule = Elapsed(columns=(column.name, data.schema.time)).learned(data)
        held, _ = rule.check(data)
        share = float(np.mean(held[inner]))
        if not share >= halves.threshold:
            continue
        order = np.arange(data.n_rows)
        order[inner] = random.permutation(inner)
        mixed, _ = rule.check(
            data.with_columns({column.name: data.column(column.name).take(pa.array(order))})
        )
        if np.mean(mixed[inner]) > CHANCE * share:
            continue
        if (confirmed := halves.confirm(rule)) is not None:
            found.append(confirmed)
            taken.add(column.name)
    return found
