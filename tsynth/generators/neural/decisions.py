"""What networks learn from: every decision that real rows stand for, with what was known at each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsynth.data.streams import key
from tsynth.generators.neural.arrays import empty_memory, layout, widest
from tsynth.generators.neural.plan import fixed_features
from tsynth.generators.neural.priors import placed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.encoding import Rows
    from tsynth.generators.neural.codes import Table

__all__ = ["Decisions", "Quiet", "decisions"]

QUIET = 3.0
"""Quiet ticks that are kept for each row."""


class Decisions(NamedTuple):
    """What `tsynth.compiled.replay.replay` returns, and whose it is.

    Attributes
    ----------
    event_at ... tally : arrays
        As there, in that order.
    code : int64 array, (R,)
    placed : float64 array, (R, fields)
        Values of each row, placed among those of its code.
    entity, entity_of_event : int64 array
        Of each row, and of each event decision.
    """

    event_at: NDArray[np.int64]
    event_index: NDArray[np.int32]
    event_value: NDArray[np.float32]
    label: NDArray[np.int64]
    weight: NDArray[np.float64]
    row: NDArray[np.int64]
    gap_at: NDArray[np.int64]
    gap_index: NDArray[np.int32]
    gap_value: NDArray[np.float32]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    gap_row: NDArray[np.int64]
    own: NDArray[np.float32]
    held: NDArray[np.int32]
    here: NDArray[np.int32]
    aim: NDArray[np.int32]
    twin: NDArray[np.bool_]
    tally: NDArray[np.float32]
    code: NDArray[np.int64]
    placed: NDArray[np.float64]
    entity: NDArray[np.int64]
    entity_of_event: NDArray[np.int64]

    def event_of_row(self) -> NDArray[np.int64]:
        """The event decision that led to each row."""
        out = np.empty(len(self.code), np.int64)
        out[self.row[self.row >= 0]] = np.flatnonzero(self.row >= 0)
        return out


class Quiet(NamedTuple):
    """What the thinning of quiet ticks may hang on under differential privacy: what was told, and numbers of the
    entities that each hang on the entity's own rows alone.
    """

    ticks: float
    rows: int
    numbers: NDArray[np.int64]


def decisions(
    rows: Table, made: dict[str, Any], begin: NDArray[np.float64], seed: int, told: Quiet | None = None
) -> Decisions:
    """Decisions of the rows.

    Parameters
    ----------
    rows : Table
    made : dict
        The plan.
    begin : float64 array, (N,)
        Opening of the running total.
    seed : int
    told : Quiet, optional
        Where quiet ticks are thinned by nothing else.
    """
    from tsynth.compiled.replay import replay

    view = rows.view
    end = _watched(view, made)
    if told is None:
        has = np.diff(view.offsets) > 0
        ticks = np.sum(end[has] - view.time[view.offsets[:-1][has]]) / made["tick"] if made["ticked"] else 0.0
        told = Quiet(ticks, view.n_rows, np.arange(view.n_entities))
    keep = float(np.clip(QUIET * told.rows / max(told.ticks, 1.0), 1e-6, 1.0)) if made["ticked"] else 1.0
    at, index, value = fixed_features(made, view.statics, view.n_entities)
    found = replay(
        layout(made), empty_memory(made), view.offsets, view.time, rows.code, rows.choice, rows.value, begin, end,
        float(made["tick"]), keep, made["edges"], made["widths"], at, index, value, key(seed, "replay"), told.numbers,
        widest(made),
    )  # fmt: skip
    row = found[5]
    entity = np.repeat(np.arange(view.n_entities), np.diff(view.offsets))
    # an event decision without a row belongs to the entity of the row before it
    last = np.maximum.accumulate(np.where(row >= 0, np.arange(len(row)), 0))
    of_event = entity[row[last]] if len(row) else np.zeros(0, np.int64)
    return Decisions._make((*found, rows.code, placed(made, rows), entity, of_event))


def _watched(view: Rows, made: dict[str, Any]) -> NDArray[np.float64]:
    """Time until which each entity is known to have been watched; infinite where its last row ends it."""
    if view.windowed:
        return np.where(np.isfinite(view.end), view.end, made["span"][1])
    if made["clock"]:
        return np.full(view.n_entities, made["span"][1])
    return np.full(view.n_entities, np.inf)
