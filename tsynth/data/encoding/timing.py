"""Times as first row, gaps and window: what is learned of them before a generator sees a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tsynth.data.encoding.base import threshold
from tsynth.data.encoding.continuous import Continuous
from tsynth.data.encoding.sketch import combine, compress, summarise
from tsynth.data.schema import Column, Schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.sequences import Sequences

__all__ = ["Lengths", "Timing"]

DAYS_A_ROW = 1_000
"""Where an entity is observed for more days a row than this, walking from day to day would be waste."""


class Lengths(Continuous):
    """Times or lengths of time on a lattice given from outside."""

    lattice_ = 0.0

    def step(self) -> float:
        return self.lattice_

    def to_state(self) -> dict[str, Any]:
        return {**super().to_state(), "lattice": self.lattice_}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self.lattice_ = float(state["lattice"])


class Timing:
    """First rows, gaps between rows, and what is left between the last row and a given end.

    Parameters
    ----------
    schema : Schema

    Attributes
    ----------
    first, gap, lead, tail : Lengths
        Time of the first row; gaps; given start to first row; last row to given end.
    span_ : (float, float)
        First and last time of the source.
    clock_ : bool
        Whether all entities live on one clock, so that one still alive at the end of the span is censored there and
        the generator can walk from day to day. False where each has a time of its own (age, time since entry) or
        where rows are so far apart that the walk would be waste.
    waiting_ : float
        Days between first rows and the end of the span, all entities together; 0 where there are no days.
    pace_ : float
        Days a row.
    typical_ : float
        Median gap that is not 0.
    """

    names = ("first", "gap", "lead", "tail")

    def __init__(self, schema: Schema) -> None:
        self.parts = {
            name: Lengths(Column(name, bounds=None if name == "first" else (0.0, np.inf)), schema)
            for name in self.names
        }
        self.span_ = (0.0, 0.0)
        self.clock_ = False
        self.typical_ = 1.0
        self.waiting_ = 0.0
        self.pace_ = 1.0
        self.day_ = 0.0

    def __getattr__(self, name: str) -> Lengths:
        try:
            return self.__dict__["parts"][name]
        except KeyError:
            raise AttributeError(name) from None

    def learn(self, part: Sequences) -> dict[str, Any]:
        """What is needed of one block of entities."""
        has = part.lengths > 0
        owner = np.flatnonzero(has)
        first, last = part.time[part.offsets[:-1][has]], part.time[part.offsets[1:][has] - 1]
        gaps, inside = gaps_of(part.offsets, part.time)
        sketches = {
            "first": summarise(first, owner),
            "gap": summarise(gaps[inside], part.entity_of_row[inside]),
            "lead": summarise(np.maximum(first - part.start[has], 0.0), owner),
            "tail": summarise(np.maximum(part.end[has] - last, 0.0), owner),
        }
        return {
            **{name: compress(sketch) for name, sketch in sketches.items()},
            "low": float(first.min(initial=np.inf)),
            "high": float(last.max(initial=-np.inf)),
            "sum": float(first.sum()),
            "rows": part.n_rows,
            "entities": part.n_entities,
        }

    def merge(self, states: list[dict[str, Any]], *, day: float, step: float, calendar: bool) -> Self:
        """Fit from the states of all blocks."""
        entities = sum(s["entities"] for s in states)
        for name, lengths in self.parts.items():
            lengths.lattice_ = step
            sketch = combine([s[name] for s in states])
            lengths.fit_sketch(sketch, threshold(entities))
        low, high = min(s["low"] for s in states), max(s["high"] for s in states)
        self.span_ = (low, high) if high >= low else (0.0, 0.0)
        firsts = combine([s["first"] for s in states])
        spread = len(firsts.rows) > 1 and float(firsts.rows.max()) < 0.5 * firsts.rows.sum()
        rows = sum(s["rows"] for s in states)
        waiting = (
            (self.span_[1] * int(firsts.rows.sum()) - sum(s["sum"] for s in states)) / day if day > 0 else 0.0
        )
        lives = calendar or (spread and day > 0)
        self.clock_ = bool(
            lives and day > 0 and waiting <= DAYS_A_ROW * max(rows, 1) and self.span_[1] > self.span_[0]
        )
        self.day_, self.waiting_ = day, float(waiting)
        self.pace_ = self.waiting_ / max(rows, 1)
        gaps = combine([s["gap"] for s in states])
        wide = gaps.value > 0
        if wide.any():
            half = np.cumsum(gaps.rows[wide])
            self.typical_ = float(gaps.value[wide][np.searchsorted(half, half[-1] / 2)])
        return self

    def to_state(self) -> dict[str, Any]:
        """What was learned, as plain values and arrays."""
        return {
            "parts": {name: lengths.to_state() for name, lengths in self.parts.items()},
            "span": list(self.span_), "clock": self.clock_, "typical": self.typical_, "day": self.day_,
            "waiting": self.waiting_, "pace": self.pace_,
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> Self:
        """Take back what `to_state` gave."""
        for name, lengths in self.parts.items():
            lengths.restore(state["parts"][name])
        self.span_ = (float(state["span"][0]), float(state["span"][1]))
        self.clock_ = bool(state["clock"])
        self.typical_, self.day_ = float(state["typical"]), float(state["day"])
        self.waiting_, self.pace_ = float(state["waiting"]), float(state["pace"])
        return self


def gaps_of(
    offsets: NDArray[np.int64], time: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Time since the row before, 0 for the first row of an entity, and which rows have one before."""
    gaps = np.diff(time, prepend=time[:1])
    inside = np.ones(len(time), np.bool_)
    inside[offsets[:-1][np.diff(offsets) > 0]] = False
    gaps[~inside] = 0.0
    return gaps, inside
