"""From a leaf's continuation over arrays to new rows under the ids of their history."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tsynth.data.clock import TICKS
from tsynth.data.schema import Column
from tsynth.data.streams import Streams
from tsynth.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.sequences import Sequences
    from tsynth.generators.base import Generator

__all__ = ["continue_with", "horizon_in_units"]

_WORDS = {"min": "min", "h": "h", "d": "d", "w": "w", "s": "s", "ms": "ms", "us": "us", "ns": "ns"}


def horizon_in_units(horizon: Any, data: Sequences) -> float | int:
    """Steps (an int) of a regular series, else a duration in the schema's time units (a float)."""
    if isinstance(horizon, str):
        digits = horizon.rstrip("abcdefghijklmnopqrstuvwxyz")
        word = horizon[len(digits) :]
        try:
            count = float(digits)
        except ValueError as error:
            raise UsageError(f"{horizon!r} is no duration", fix='write it as "30d" or "12h"') from error
        if word not in _WORDS or data.schema.time_unit not in TICKS:
            raise UsageError(
                f"{horizon!r} is no duration on this time axis", fix="give a number of time units"
            )
        return count * TICKS[word] / TICKS[data.schema.time_unit]
    if isinstance(horizon, bool) or not isinstance(horizon, int | float | np.number) or not horizon > 0:
        raise UsageError(f"horizon is a number of steps or a duration, not {horizon!r}")
    return int(horizon) if data.schema.frequency is not None else float(horizon)


def continue_with(generator: Generator, history: Sequences, horizon: Any, paths: int, seed: int) -> Sequences:
    """Continue every entity of `history`; see `Generator.forecast`."""
    bare = generator.constraints_.remove(history)
    length = horizon_in_units(horizon, history)
    streams = Streams(seed, f"forecast:{generator.name}", np.arange(bare.n_entities))
    view = generator._forecast(generator._view(bare), length, paths, streams.purpose("model"))  # type: ignore[attr-defined]
    flat = Streams(seed, f"forecast:{generator.name}", np.arange(bare.n_entities * paths))
    made = generator._decode(view, flat.purpose("decode"), 0)
    whose = np.repeat(np.arange(history.n_entities), paths)
    # sums, ages and counts go on from the history's last row, so the rules come back on both together
    whole = _joined(bare.take(whose), made)
    window = {n: made.entities[n] for n in ("start", "end") if n in made.entities.column_names}
    restored = generator.constraints_.restore(whole, flat.purpose("constraints"))
    made = restored.keep_rows(_last(restored.lengths - (whole.lengths - made.lengths), restored.lengths))
    kept = [n for n in history.entities.column_names if n in generator.schema_]
    known = {n: history.entities[n].take(pa.array(whose)) for n in kept}
    made = made.with_schema(generator.schema_).with_columns(known)
    for n, edge in window.items():
        if n not in generator.schema_:
            made = replace(made, entities=_with_column(made.entities, n, edge), _cache={})
    name = "path" if "path" not in made.schema else "path_number"
    column = Column(name, kind="count", static=True, dtype="int64", reason="sample path")
    schema = made.schema.with_columns([*made.schema.columns, column])
    numbers = pa.array(np.tile(np.arange(paths), history.n_entities))
    return replace(made.with_columns({name: numbers}, schema), origin=history.origin)


def _with_column(table: pa.Table, name: str, values: pa.ChunkedArray) -> pa.Table:
    at = table.column_names.index(name) if name in table.column_names else -1
    return table.append_column(name, values) if at < 0 else table.set_column(at, name, values)


def _joined(before: Sequences, after: Sequences) -> Sequences:
    """The rows of each entity of `before`, then those of the same entity of `after`."""
    rows = pa.concat_tables(
        [before.rows, after.rows.select(before.rows.column_names)], promote_options="permissive"
    )
    entity = np.concatenate([before.entity_of_row, after.entity_of_row])
    order = np.argsort(entity, kind="stable")
    offsets = before.offsets + after.offsets
    return replace(before, rows=rows.take(pa.array(order)), offsets=offsets, _cache={})


def _last(count: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
    """A mask of the last `count` rows of each entity."""
    ends = np.cumsum(lengths)
    place = np.arange(ends[-1] if len(ends) else 0)
    return place >= np.repeat(ends - np.maximum(count, 0), lengths)
