"""Sequences put together by hand, so that these tests need no reader."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tsynth.data.schema import Column, Schema
from tsynth.data.sequences import Sequences


def build(
    columns: dict[str, Any],
    *,
    entity: str = "id",
    time: str | None = "time",
    static: tuple[str, ...] = (),
    kinds: dict[str, str] | None = None,
    roles: dict[str, str] | None = None,
    decimals: dict[str, int] | None = None,
    unit: Any = None,
) -> Sequences:
    """Columns of rows, sorted by entity and time (ties as given), with kinds guessed from their types."""
    table = pa.table(columns)
    when = np.asarray(table[time]) if time else np.zeros(len(table))
    order = np.lexsort((np.arange(len(table)), when, np.asarray(table[entity])))
    table = table.take(pa.array(order))
    ids = np.asarray(table[entity])
    first = np.flatnonzero(np.append(True, ids[1:] != ids[:-1]))
    made = []
    for name in table.column_names:
        kind, role = _kind(table[name]), {entity: "entity", time: "time"}.get(name, "value")
        kind = "identifier" if name == entity else (kinds or {}).get(name, kind)
        bounds = levels = None
        if kind in ("category", "boolean"):
            seen = pc.value_counts(table[name]).to_pylist()
            counts = sorted(
                ((v["values"], v["counts"]) for v in seen if v["values"] is not None),
                key=lambda v: (-v[1], v[0]),
            )
            levels = tuple(v for v, _ in counts)
        elif kind in ("continuous", "count") and table[name].null_count < len(table):
            bounds = (float(pc.min(table[name]).as_py()), float(pc.max(table[name]).as_py()))
        made.append(
            Column(
                name, kind=kind, role=(roles or {}).get(name, role), static=name in static or name == entity,
                nullable=table[name].null_count > 0, dtype=str(table[name].type), bounds=bounds, levels=levels,
                decimals=(decimals or {}).get(name, 0 if pa.types.is_integer(table[name].type) else None),
            )
        )  # fmt: skip
    own = [c.name for c in made if c.static]
    temporal = time is not None and pa.types.is_temporal(table[time].type)
    return Sequences(
        schema=Schema(
            tuple(made), time_unit=unit or ("d" if temporal else "step" if time is None else "year")
        ),
        rows=table.select([n for n in table.column_names if n not in own]),
        offsets=np.append(first, len(table)),
        entities=table.select(own).take(pa.array(first)),
    )


def times(entities: int, rows: int) -> Any:
    """Times of as many rows of each entity, that never meet and so keep no rule but their order."""
    random = np.random.default_rng(99)
    return np.sort(random.uniform(0, 9, (entities, rows)), axis=1).ravel()


def _kind(column: pa.ChunkedArray) -> Any:
    if pa.types.is_temporal(column.type):
        return "datetime"
    if pa.types.is_boolean(column.type):
        return "boolean"
    if pa.types.is_integer(column.type):
        return "count"
    return "continuous" if pa.types.is_floating(column.type) else "category"


@pytest.fixture(scope="session")
def sequences() -> Callable[..., Sequences]:
    """The function that builds them."""
    return build
