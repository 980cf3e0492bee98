"""Numbers: spikes as choices, the rest as normal scores through a smoothed quantile grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from scipy.special import ndtr

from tsynth.data.encoding.base import owners, threshold
from tsynth.data.encoding.rows import Field, Rows
from tsynth.data.encoding.sketch import Sketch, combine, compress, summarise
from tsynth.data.schema import Column, Schema
from tsynth.data.sequences import Sequences

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["Continuous"]

REACH = 4.0
"""Normal scores run from -REACH to REACH."""
KNOTS = 513
"""Size of the quantile grid."""
PRICES = 100
"""Largest number of spikes."""
STICKS_OUT = 4.0
"""A spike has this many times the rows of the values beside it."""


class Continuous:
    """A number: null, one of the spikes, or a value on one of the grids.

    Spikes are zeros, price lists and values that stick out of their neighbours, each held by several entities
    (see `tsynth.data.encoding.base.threshold`). Grids are the powers of ten that more values are multiples of
    than chance would have. What is left goes through a grid of quantiles, each smoothed over its lattice step;
    the ends of the grid are means over the most extreme entities, so no extreme single value is stored.

    Parameters
    ----------
    column : Column
    schema : Schema

    Notes
    -----
    Values of a column with `decimals` lie on a lattice and are treated as uniform over one step of it, which keeps
    the share of each lattice value after rounding and gives equal values equal scores (the mid-distribution
    score).
    """

    few = 0
    """Up to this many distinct values, each is a choice."""

    def __init__(self, column: Column, schema: Schema) -> None:
        self.column, self.schema = column, schema
        self.atoms_: NDArray[np.float64] = np.empty(0)
        self.grids_: NDArray[np.float64] = np.empty(0)
        self.knots_: NDArray[np.float64] = np.empty(0)

    # -- learning

    def values(self, data: Sequences) -> NDArray[np.float64]:
        """The column as float64, NaN where null."""
        return data.numeric(self.column.name)

    def step(self) -> float:
        """Lattice step of the column, 0 where it has none."""
        if self.column.kind == "count":
            return 1.0
        return 0.0 if self.column.decimals is None else 10.0**-self.column.decimals

    def learn(self, part: Sequences) -> dict[str, Any]:
        x = self.values(part)
        held = np.isfinite(x)
        sketch = summarise(x[held], owners(part, self.column)[held])
        return {"sketch": compress(sketch)}

    def merge(self, states: list[dict[str, Any]], entities: int) -> None:
        self.fit_sketch(combine([state["sketch"] for state in states]), threshold(entities))

    def fit_sketch(self, sketch: Sketch, protect: int) -> None:
        """Find spikes, grids and quantiles; `protect` entities must hold what is kept as it is."""
        self.atoms_ = self._atoms(sketch, protect)
        rest = sketch.without(self.atoms_)
        if rest.rows.sum() == 0:
            self.grids_, self.knots_ = np.empty(0), np.empty(0)
            return
        self.grids_ = self._grids(rest)
        self.knots_ = self._quantiles(rest, protect)

    def _atoms(self, sketch: Sketch, protect: int) -> NDArray[np.float64]:
        held = sketch.entities >= protect
        total = sketch.rows.sum()
        if total == 0 or not held.any():
            return np.empty(0)
        if len(sketch.value) <= max(self.few, 1):
            return sketch.value[held]
        if self.few and held.sum() <= self.few and sketch.rows[held].sum() >= 0.95 * total:
            return sketch.value[held]
        if self._price_list(sketch, held):
            chosen = held & (sketch.rows >= 0.0005 * total)
        else:
            beside = self._beside(sketch)
            chosen = held & (sketch.rows > STICKS_OUT * beside) & (sketch.rows >= 0.002 * total)
        best = np.argsort(-sketch.rows[chosen], kind="stable")[:PRICES]
        return np.sort(sketch.value[chosen][best])

    def _beside(self, sketch: Sketch) -> NDArray[np.float64]:
        """Rows of the values beside each value, among those of its own grid: 200 is compared with 100 and 300."""
        beside = np.zeros(len(sketch.value))
        level = _levels(sketch.value, self._grids(sketch))
        for one in np.unique(level):
            beside[level == one] = _neighbours(sketch.rows[level == one])
        return beside

    def _price_list(self, sketch: Sketch, held: NDArray[np.bool_]) -> bool:
        """Whether a few irregular values hold most rows; a full lattice is none, its values have an order."""
        order = np.argsort(-sketch.rows, kind="stable")[:PRICES]
        order = order[held[order]]
        if len(order) == 0 or sketch.rows[order].sum() < 0.9 * sketch.rows.sum():
            return False
        step = self.step()
        if step == 0:
            return True
        steps = np.ptp(sketch.value[order] / step) + 1
        return bool(len(order) < 0.2 * steps)

    def _grids(self, rest: Sketch) -> NDArray[np.float64]:
        """Lattice steps from fine to coarse; each value belongs to the coarsest that divides it."""
        fine = self.step()
        if fine == 0 or len(rest.value) < 8:
            return np.array([fine])
        kept = [fine]
        share = 1.0
        top = float(np.max(np.abs(rest.value)))
        total = rest.rows.sum()
        for power in range(1, 10):
            grid = fine * 10.0**power
            if grid * 2 > top:
                break
            found = rest.rows[_divides(grid, rest.value)].sum() / total
            if found >= 0.01 and found > 0.25 * share:
                kept.append(grid)
            share = max(found, 1e-9)
        return np.array(kept)

    def _quantiles(self, rest: Sketch, protect: int) -> NDArray[np.float64]:
        step = self.step()
        scale = max(1.0, float(np.max(np.abs(rest.value))) / 1e290)
        value = _blur(rest.value / scale, rest.rows, rest.entities, protect)
        cumulative = np.concatenate([[0.0], np.cumsum(rest.rows)]) / rest.rows.sum()
        if step / scale > 0 and np.all(np.abs(rest.value) < 2**52 * step):
            low, high = value - step / scale / 2, value + step / scale / 2
            at = np.column_stack([low, high]).ravel()
            share = np.column_stack([cumulative[:-1], cumulative[1:]]).ravel()
        else:
            at = np.concatenate([value[:1], value, value[-1:]])
            share = np.concatenate([[0.0], (cumulative[:-1] + cumulative[1:]) / 2, [1.0]])
        size = int(min(KNOTS, max(9, rest.rows.sum() // max(protect, 1))))
        scores = np.linspace(-REACH, REACH, size)
        probability = (ndtr(scores) - ndtr(-REACH)) / (1 - 2 * ndtr(-REACH))
        knots = np.interp(probability, share, np.maximum.accumulate(at))
        return _increasing(knots) * scale

    # -- there and back

    @property
    def choices(self) -> int:
        """Null, the spikes, the grids."""
        return 1 + len(self.atoms_) + (len(self.grids_) if len(self.knots_) else 0)

    @property
    def continuous(self) -> int:
        """The first choice that carries a value."""
        return 1 + len(self.atoms_) if len(self.knots_) else -1

    def encode(self, data: Sequences) -> Field:
        return self.encode_values(self.values(data))

    def encode_values(self, x: NDArray[np.float64]) -> Field:
        """Choices and scores of plain numbers, NaN for null."""
        choice = np.zeros(len(x), np.int32)
        held = np.isfinite(x)
        if len(self.atoms_):
            place = np.searchsorted(self.atoms_, x)
            place = np.minimum(place, len(self.atoms_) - 1)
            spike = held & (self.atoms_[place] == x)
            choice[spike] = place[spike] + 1
        else:
            spike = np.zeros(len(x), np.bool_)
        if not len(self.knots_):
            if len(self.atoms_):  # seen in no block that was learned: the nearest that was
                near = (
                    np.abs(x[:, None] - self.atoms_[None, :]).argmin(axis=1) if (held & ~spike).any() else 0
                )
                choice[held & ~spike] = (near + np.zeros(len(x), np.int64))[held & ~spike] + 1
            return Field(self.column.name, choice, None, self.choices, -1)
        rest = held & ~spike
        choice[rest] = self.continuous
        choice[rest] += _levels(x[rest], self.grids_)
        value = np.zeros(len(x))
        scores = np.linspace(-REACH, REACH, len(self.knots_))
        scale = max(1.0, float(np.max(np.abs(self.knots_))) / 1e290)
        value[rest] = np.interp(x[rest] / scale, self.knots_ / scale, scores)
        return Field(self.column.name, choice, value, self.choices, self.continuous)

    def decode_values(self, field: Field) -> NDArray[np.float64]:
        """Plain numbers of choices and scores, NaN for null."""
        x = np.full(len(field.choice), np.nan)
        spike = (field.choice > 0) & (field.choice <= len(self.atoms_))
        x[spike] = self.atoms_[field.choice[spike] - 1]
        if len(self.knots_) and field.value is not None:
            scale = max(1.0, float(np.max(np.abs(self.knots_))) / 1e290)
            scores = np.linspace(-REACH, REACH, len(self.knots_))
            for level, grid in enumerate(self.grids_):
                here = field.choice == self.continuous + level
                made = np.interp(field.value[here], scores, self.knots_ / scale) * scale
                x[here] = np.rint(made / grid) * grid if grid > 0 else made
                if level and self.knots_[0] > 0:  # a positive column stays so on its coarse grids
                    x[here] = np.maximum(x[here], grid)
        return self.inside(x)

    def inside(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Clipped to the bounds and rounded to the decimals of the column."""
        if self.column.bounds is not None:
            x = np.clip(x, *self.column.bounds)
        if self.column.decimals is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                rounded = np.round(x, self.column.decimals)
            x = np.where(np.isfinite(rounded), rounded, x)
        return x

    def decode(self, field: Field, rows: Rows, streams: Streams) -> pa.Array:
        return to_arrow(self.decode_values(field), self.column, self.schema)

    def to_state(self) -> dict[str, Any]:
        return {"atoms": self.atoms_, "grids": self.grids_, "knots": self.knots_}

    def restore(self, state: dict[str, Any]) -> None:
        self.atoms_ = np.asarray(state["atoms"], np.float64)
        self.grids_ = np.asarray(state["grids"], np.float64)
        self.knots_ = np.asarray(state["knots"], np.float64)


def _divides(grid: float, x: NDArray[np.float64]) -> NDArray[np.bool_]:
    ratio = x / grid
    whole: NDArray[np.bool_] = np.abs(ratio - np.rint(ratio)) < 1e-6 * np.maximum(
        1.0, np.minimum(np.abs(ratio), 1e3)
    )
    return whole & (x != 0)


def _levels(x: NDArray[np.float64], grids: NDArray[np.float64]) -> NDArray[np.int32]:
    """Number of the coarsest grid that divides each value, 0 for the finest."""
    level = np.zeros(len(x), np.int32)
    for number, grid in enumerate(grids[1:], start=1):
        level[_divides(grid, x)] = number
    return level


def _neighbours(rows: NDArray[np.int64], reach: int = 4) -> NDArray[np.float64]:
    """Median of the row counts of up to `reach` distinct values on each side, the value itself left out."""
    padded = np.concatenate([np.full(reach, np.nan), rows.astype(np.float64), np.full(reach, np.nan)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    beside = np.delete(windows, reach, axis=1)
    order = np.sort(beside, axis=1)  # NaN last
    known = np.sum(np.isfinite(order), axis=1)
    middle = np.maximum(known - 1, 0) // 2
    median = order[np.arange(len(rows)), middle]
    return np.where(known > 0, median, 0.0)


def _blur(
    value: NDArray[np.float64], rows: NDArray[np.int64], entities: NDArray[np.int64], protect: int
) -> NDArray[np.float64]:
    """The values with those of the most extreme `protect` entities at each end replaced by their mean."""
    if protect < 2 or entities.sum() < 4 * protect:
        return value
    value = value.copy()
    low = int(np.searchsorted(np.cumsum(entities), protect)) + 1
    high = int(np.searchsorted(np.cumsum(entities[::-1]), protect)) + 1
    value[:low] = np.average(value[:low], weights=rows[:low])
    value[len(value) - high :] = np.average(value[len(value) - high :], weights=rows[len(value) - high :])
    return np.maximum.accumulate(value)


def _increasing(knots: NDArray[np.float64]) -> NDArray[np.float64]:
    """The least strictly increasing change of the knots, so that the map can be inverted."""
    span = float(knots[-1] - knots[0]) or max(abs(float(knots[0])), 1e-300)
    out: NDArray[np.float64] = np.maximum.accumulate(knots) + np.arange(len(knots)) * (span * 1e-12)
    return out


def to_arrow(x: NDArray[np.float64], column: Column, schema: Schema) -> pa.Array:
    """Numbers as an Arrow array of the column's type, null where NaN."""
    from tsynth.data.encoding.dtypes import from_floats

    return from_floats(x, column.dtype)
