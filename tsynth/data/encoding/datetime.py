"""Dates and times in columns other than the time of the row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tsynth.data import clock
from tsynth.data.arrow_types import parse
from tsynth.data.encoding.continuous import Continuous
from tsynth.data.encoding.rows import Field, Rows
from tsynth.data.sequences import Sequences

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["Datetime"]

STEPS = ("d", "h", "min", "s", "ms")


class Datetime(Continuous):
    """A date: in rows, its distance from the time of the row; of an entity, the date itself.

    Whole days, hours, minutes or seconds stay whole.
    """

    lattice_ = 0.0

    def values(self, data: Sequences) -> NDArray[np.float64]:
        x = data.numeric(self.column.name)
        return x - data.time if self._relative(data.calendar) else x

    def _relative(self, calendar: bool) -> bool:
        return calendar and not self.column.static

    def step(self) -> float:
        return self.lattice_

    def learn(self, part: Sequences) -> dict[str, Any]:
        state = super().learn(part)
        ticks, null, tick = clock.wall_ticks(part.column(self.column.name))
        whole = ticks[~null]
        state["whole"] = {
            s: bool(np.all(whole % max(clock.TICKS[s] // clock.TICKS[tick], 1) == 0)) for s in STEPS
        }
        return state

    def merge(self, states: list[dict[str, Any]], entities: int) -> None:
        unit = clock.TICKS.get(self.schema.time_unit, clock.TICKS["d"])
        fits = [s for s in STEPS if all(state["whole"][s] for state in states)]
        self.lattice_ = clock.TICKS[fits[0]] / unit if fits else 0.0
        super().merge(states, entities)
        # Coarser grids than the lattice mean nothing for dates.
        self.grids_ = self.grids_[:1]

    def decode(self, field: Field, rows: Rows, streams: Streams) -> pa.Array:
        x = self.decode_values(field)
        if self._relative(rows.calendar):
            x = x + rows.time
            if self.lattice_ > 0:
                x = np.rint(x / self.lattice_) * self.lattice_
        kind = parse(self.column.dtype)
        if pa.types.is_time(kind):
            unit = clock.TICKS.get(self.schema.time_unit, clock.TICKS["d"]) / clock.TICKS[kind.unit]
            ticks = np.clip(
                np.rint(np.nan_to_num(x) * unit), 0, clock.TICKS["d"] // clock.TICKS[kind.unit] - 1
            )
            whole = pa.int32() if kind.bit_width == 32 else pa.int64()
            return pa.array(ticks.astype(np.int64), pa.int64(), mask=np.isnan(x)).cast(whole).cast(kind)
        return clock.from_units(x, self.schema.time_unit, kind)

    def inside(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return x

    def to_state(self) -> dict[str, Any]:
        return {**super().to_state(), "lattice": self.lattice_}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self.lattice_ = float(state["lattice"])
