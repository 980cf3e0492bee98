"""Sequences written down in a line, and an encoder fitted on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tsynth.data.encoding import Encoder
from tsynth.data.schema import Column, Schema
from tsynth.data.sequences import Sequences

BLOCK = 1024


def build(
    columns: dict[str, tuple[dict[str, Any], pa.Array]], entity: Any, *, statics: dict[str, Any] | None = None
) -> Sequences:
    """Rows with an entity number each (sorted), at whole-number times."""
    entity = np.asarray(entity)
    cut = np.flatnonzero(np.r_[True, entity[1:] != entity[:-1]])
    offsets = np.r_[cut, len(entity)]
    step = np.arange(len(entity)) - np.repeat(cut, np.diff(offsets))
    made = [Column("id", kind="identifier", role="entity", static=True, dtype="int64")]
    made.append(Column("t", kind="continuous", role="time", dtype="double"))
    rows: dict[str, Any] = {"t": pa.array(step.astype(np.float64))}
    entities: dict[str, Any] = {"id": pa.array(entity[cut].astype(np.int64))}
    for name, (how, values) in {**columns, **(statics or {})}.items():
        column = Column(name, dtype=str(values.type), static=name in (statics or {}), **how)
        made.append(column)
        (entities if column.static else rows)[name] = values
    return Sequences(Schema(tuple(made)), pa.table(rows), offsets, pa.table(entities))


def fit(data: Sequences, block: int = BLOCK) -> Encoder:
    """An encoder learned over blocks of entities."""
    parts = [
        data.take(np.arange(a, min(a + block, data.n_entities))) for a in range(0, data.n_entities, block)
    ]
    encoder = Encoder(data.schema)
    return encoder.merge([encoder.learn(part) for part in parts])


@pytest.fixture(name="build")
def _build() -> Callable[..., Sequences]:
    return build


@pytest.fixture(name="fit")
def _fit() -> Callable[..., Encoder]:
    return fit
