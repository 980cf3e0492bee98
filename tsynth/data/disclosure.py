"""What of a schema would give a single entity away: extremes that only a few reach."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tsynth.data.encoding.base import threshold
from tsynth.data.sequences import Note, Sequences

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ALONE", "guarded"]

MANY = 50
"""Entities from which on one hides among the others; also where splits go by entity."""
SPANS = ("entity", "time", "followup", "start", "stop")
"""Roles whose bounds stay as they were found."""
ALONE = "the source is one entity, so nobody hides it: what is made tells of it alone"
"""What a reader is told of a source with one entity."""


def guarded(data: Sequences) -> Sequences:
    """`data`, whose bounds were inferred, under bounds that as many entities as `threshold` asks reach or pass.

    The largest amount of a table belongs to one entity, and a schema goes into models and manifests. Bounds of
    time and of what ends it stay: they are the span of the source, which a release states anyway. Below `MANY`
    entities every one is known by its level (an index, a shop), and bounds of the others would cut it off.
    """
    if data.n_entities < MANY:
        return data.with_notes(Note("one_entity", ALONE)) if data.n_entities == 1 else data
    count = threshold(data.n_entities)
    columns = []
    for column in data.schema:
        if column.bounds is None or column.role in SPANS or column.kind == "datetime":
            columns.append(column)
            continue
        low, high = column.bounds
        values = data.numeric(column.name)
        owner = np.arange(data.n_entities) if column.static else data.entity_of_row
        inner = (
            -_reached(-values, owner, data.n_entities, count),
            _reached(values, owner, data.n_entities, count),
        )
        if inner[0] <= inner[1]:  # NaN where so few entities have a value that the column's own bounds stay
            low, high = max(low, inner[0]), min(high, inner[1])
        columns.append(replace(column, bounds=(low, high)))
    return data.with_schema(data.schema.with_columns(columns))


def _reached(values: NDArray[np.float64], owner: NDArray[np.int64], entities: int, count: int) -> float:
    """The largest value that `count` entities reach or pass; NaN where fewer have one."""
    largest = np.full(entities, -np.inf)
    known = np.isfinite(values)
    np.maximum.at(largest, owner[known], values[known])
    largest = np.sort(largest)[::-1]
    return (
        float(largest[count - 1]) if count <= entities and np.isfinite(largest[count - 1]) else float("nan")
    )
